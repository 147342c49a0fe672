//! The items that are wanted of a store, as they are read one by one.
//!
//! Enters: items, each an object with a key and a value. Leaves: them, wanted of the store. Every fault is reported at
//! the item that has it, by its place: a key is a parameter's value, too.

use std::ops::RangeInclusive;

use super::difference::Difference;
use crate::fields::Fields;

/// Bytes of a key, of a value, and of all of them together.
pub const KEY_LIMIT: usize = 512;
pub const VALUE_LIMIT: usize = 1_024;
pub const STORE_LIMIT: i64 = 5 << 20;

/// As `ListKeys` has them.
pub const NAMES: Names = ["Key", "Value"];

/// What an item calls its key and its value.
pub type Names = [&'static str; 2];

/// Reads one item. What came of it is of no use where there was a fault.
pub fn read(item: &mut Fields<'_>, [key_name, value_name]: Names, wanted: &mut Difference) {
    let key = item.required_text(key_name, |key| within(key, 1..=KEY_LIMIT));
    let value = item.required_text(value_name, |value| within(value, 0..=VALUE_LIMIT));
    let Some(key) = key else { return };
    if !key.starts_with(wanted.prefix()) {
        item.fault(key_name, "does not begin with `keyPrefix`");
    }
    if !wanted.want(&key, &value.unwrap_or_default()) {
        item.fault(key_name, "stands in the list already");
    }
}

fn within(text: &str, bytes: RangeInclusive<usize>) -> Result<String, String> {
    if bytes.contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!("expected {} to {} bytes, found {}", bytes.start(), bytes.end(), text.len()))
}
