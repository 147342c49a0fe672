//! What there is between a store and what is wanted of it.
//!
//! Enters: what is wanted, and the keys of the store, one after the other. Leaves: the [`Change`]s that make the store
//! so. Nothing fails, and nothing is called.
//!
//! The changes come in the order of what they add to the store, those that take most away first: carried out in this
//! order, in steps of any length, the store shrinks and then grows, and is never larger than it was at the beginning or
//! will be at the end.

use std::collections::BTreeMap;

/// What becomes of keys that are not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are deleted.
    Exclusive,
    /// They stay.
    Merge,
}

/// What a store is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// By key. All of them begin with `prefix`.
    pub entries: BTreeMap<String, String>,
    pub mode: Mode,
    /// Keys that do not begin so are none of our business.
    pub prefix: String,
}

/// What is to be done about one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'w> {
    pub what: What<'w>,
    /// Bytes by which the store grows.
    pub growth: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What<'w> {
    Delete { key: String },
    Put { key: &'w str, value: &'w str },
}

/// A store as it is being listed, beside what is wanted. Of its values only lengths are kept.
#[derive(Debug)]
pub struct Comparison<'w> {
    wanted: &'w Wanted,
    found: BTreeMap<&'w str, Found>,
    /// Keys that have to go, with the bytes that they free.
    surplus: BTreeMap<String, i64>,
}

/// A wanted key that the store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    AsWanted,
    /// With another value, of so many bytes.
    Other(i64),
}

impl<'w> Comparison<'w> {
    pub fn with(wanted: &'w Wanted) -> Self {
        Self { wanted, found: BTreeMap::new(), surplus: BTreeMap::new() }
    }

    /// One key of the store. Listed twice, as may happen while somebody else writes, the latest word counts.
    pub fn saw(&mut self, key: &str, value: &str) {
        if let Some((key, wanted)) = self.wanted.entries.get_key_value(key) {
            let found = if wanted == value { Found::AsWanted } else { Found::Other(bytes(value)) };
            self.found.insert(key, found);
        } else if self.wanted.mode == Mode::Exclusive && key.starts_with(&self.wanted.prefix) {
            self.surplus.insert(key.to_owned(), bytes(key) + bytes(value));
        }
    }

    /// All there is to do once the whole store was seen.
    pub fn changes(self) -> Vec<Change<'w>> {
        let Self { wanted, found, surplus } = self;
        let puts = wanted.entries.iter().filter_map(|(key, value)| {
            let growth = match found.get(key.as_str()) {
                Some(Found::AsWanted) => return None,
                Some(Found::Other(before)) => bytes(value) - before,
                None => bytes(key) + bytes(value),
            };
            Some(Change { what: What::Put { key, value }, growth })
        });
        let deletes =
            surplus.into_iter().map(|(key, freed)| Change { what: What::Delete { key }, growth: -freed });
        let mut changes: Vec<_> = deletes.chain(puts).collect();
        changes.sort_by(|one, other| (one.growth, &one.what).cmp(&(other.growth, &other.what)));
        changes
    }
}

/// Strings come from memory, whose size fits.
fn bytes(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}
