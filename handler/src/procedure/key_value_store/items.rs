//! The items that are wanted of a store, as they are read one by one.
//!
//! Enters: items, each an object with a key and a value, and the prefix that bounds the keys. Leaves: the entries by
//! key. Every fault is reported at the item that has it, by its place: a key is a parameter's value, too.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::fields::Fields;

/// Bytes of a key, of a value, and of all of them together.
pub const KEY_LIMIT: usize = 512;
pub const VALUE_LIMIT: usize = 1_024;
pub const STORE_LIMIT: i64 = 5 << 20;

/// As `ListKeys` has them.
pub const NAMES: Names = ["Key", "Value"];

/// What an item calls its key and its value.
pub type Names = [&'static str; 2];

/// The items that were read so far. They are of no use where there was a fault.
#[derive(Debug)]
pub struct Items<'p> {
    prefix: &'p str,
    pub entries: BTreeMap<String, String>,
    pub bytes: i64,
}

impl<'p> Items<'p> {
    pub fn below(prefix: &'p str) -> Self {
        Self { prefix, entries: BTreeMap::new(), bytes: 0 }
    }

    pub fn read(&mut self, item: &mut Fields<'_>, [key_name, value_name]: Names) {
        let key = item.required_text(key_name, |key| within(key, 1..=KEY_LIMIT));
        let value = item.required_text(value_name, |value| within(value, 0..=VALUE_LIMIT));
        let Some(key) = key else { return };
        if !key.starts_with(self.prefix) {
            item.fault(key_name, "does not begin with `keyPrefix`");
        }
        let value = value.unwrap_or_default();
        self.bytes += i64::try_from(key.len() + value.len()).unwrap_or(STORE_LIMIT);
        if self.entries.insert(key, value).is_some() {
            item.fault(key_name, "stands in the list already");
        }
    }
}

fn within(text: &str, bytes: RangeInclusive<usize>) -> Result<String, String> {
    if bytes.contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!("expected {} to {} bytes, found {}", bytes.start(), bytes.end(), text.len()))
}
