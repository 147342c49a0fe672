//! What there is between a store and what is wanted of it.
//!
//! Enters: what is wanted, and the keys of the store, one after the other. Leaves: the [`Change`]s that make the store
//! so, and what was carried out of them. Nothing is called. Fails where a key or a value is larger than any.
//!
//! The changes come in the order of what they add to the store, those that take most away first: carried out in this
//! order, in steps of any length, the store shrinks and then grows, and is never larger than it was at the beginning or
//! will be at the end.
//!
//! A store of small values has a hundred thousand keys: they stand one after the other in one text, with a row of a few
//! bytes for each.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// What becomes of keys that are not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are deleted.
    Exclusive,
    /// They stay.
    Merge,
}

/// What is to be done about one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Of the key's row.
    place: u32,
    /// Bytes by which the store grows.
    pub growth: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What<'a> {
    Delete { key: &'a str },
    Put { key: &'a str, value: &'a str },
}

/// What is wanted of a store, what it holds, and what was done about that. Of the values that it holds only lengths are
/// kept.
#[derive(Debug, Clone)]
pub struct Difference {
    mode: Mode,
    /// Keys that do not begin so are none of our business.
    prefix: String,
    /// Each key that is wanted with its value, each other key by itself.
    text: String,
    rows: Vec<Row>,
    /// Of rows, by their keys.
    places: HashTable<u32>,
    hashing: RandomState,
    /// Keys that are wanted, and their bytes with those of their values.
    wanted: usize,
    bytes: usize,
}

/// A key.
#[derive(Debug, Clone)]
struct Row {
    /// Where it begins in the text.
    at: u32,
    /// Its bytes, and those of the value that is wanted.
    key: u16,
    value: Option<u16>,
    /// Nothing until the store is seen to have it.
    found: Option<Found>,
    was_put: bool,
    was_deleted: bool,
}

/// A key that the store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    AsWanted,
    /// With another value, of so many bytes.
    Other(u16),
}

/// A key or a value is larger than any, or there are more than any store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

impl Difference {
    /// Nothing is wanted yet.
    pub fn new(mode: Mode, prefix: impl Into<String>) -> Self {
        Self {
            mode,
            prefix: prefix.into(),
            text: String::new(),
            rows: Vec::new(),
            places: HashTable::new(),
            hashing: RandomState::new(),
            wanted: 0,
            bytes: 0,
        }
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Keys that are wanted.
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// Bytes of what is wanted, keys and values.
    pub fn bytes(&self) -> i64 {
        i64::try_from(self.bytes).unwrap_or(i64::MAX)
    }

    /// Wants a key with a value, before the store is looked at. False where that key is wanted already, or too large.
    pub fn want(&mut self, key: &str, value: &str) -> bool {
        if self.place(key).is_some() || self.add(key, Some(value)).is_err() {
            return false;
        }
        self.wanted += 1;
        self.bytes += key.len() + value.len();
        true
    }

    /// The store is looked at once more: nothing of it is known.
    pub fn look_again(&mut self) {
        for row in &mut self.rows {
            row.found = None;
        }
    }

    /// One key of the store. Listed twice, as may happen while somebody else writes, the latest word counts.
    pub fn saw(&mut self, key: &str, value: &str) -> Result<(), TooLarge> {
        let place = match self.place(key) {
            Some(place) => place,
            None if self.mode == Mode::Exclusive && key.starts_with(&self.prefix) => self.add(key, None)?,
            None => return Ok(()),
        };
        let is_as_wanted =
            matches!(self.what(place), Some(What::Put { value: wanted, .. }) if wanted == value);
        let length = u16::try_from(value.len()).map_err(|_| TooLarge)?;
        if let Some(row) = self.row_mut(place) {
            row.found = Some(if is_as_wanted { Found::AsWanted } else { Found::Other(length) });
        }
        Ok(())
    }

    /// All there is to do once the whole store was seen.
    pub fn changes(&self) -> Vec<Change> {
        let changes = (0..).zip(&self.rows).filter_map(|(place, row)| {
            let key = i32::from(row.key);
            let growth = match (row.value, row.found) {
                (Some(_), Some(Found::AsWanted)) | (None, None | Some(Found::AsWanted)) => return None,
                (Some(value), Some(Found::Other(before))) => i32::from(value) - i32::from(before),
                (Some(value), None) => key + i32::from(value),
                (None, Some(Found::Other(before))) => -(key + i32::from(before)),
            };
            Some(Change { place, growth })
        });
        let mut changes: Vec<_> = changes.collect();
        changes.sort_unstable_by_key(|change| (change.growth, self.what(change.place)));
        changes
    }

    /// The changes in words.
    pub fn told<'a>(&'a self, changes: &'a [Change]) -> impl Iterator<Item = What<'a>> {
        changes.iter().filter_map(|change| self.what(change.place))
    }

    /// They were carried out.
    pub fn done(&mut self, changes: &[Change]) {
        for change in changes {
            if let Some(row) = self.row_mut(change.place) {
                match row.value {
                    Some(_) => row.was_put = true,
                    None => row.was_deleted = true,
                }
            }
        }
    }

    /// Keys that were put, each counted once.
    pub fn put(&self) -> usize {
        self.rows.iter().filter(|row| row.was_put).count()
    }

    /// Keys that were deleted, each counted once.
    pub fn deleted(&self) -> usize {
        self.rows.iter().filter(|row| row.was_deleted).count()
    }

    fn place(&self, key: &str) -> Option<u32> {
        let is_it = |place: &u32| self.key(*place) == Some(key);
        self.places.find(self.hashing.hash_one(key), is_it).copied()
    }

    fn add(&mut self, key: &str, value: Option<&str>) -> Result<u32, TooLarge> {
        let place = u32::try_from(self.rows.len()).map_err(|_| TooLarge)?;
        let at = u32::try_from(self.text.len()).map_err(|_| TooLarge)?;
        let length = |text: &str| u16::try_from(text.len()).map_err(|_| TooLarge);
        let value_length = value.map(length).transpose()?;
        let row = Row {
            at,
            key: length(key)?,
            value: value_length,
            found: None,
            was_put: false,
            was_deleted: false,
        };
        self.text.push_str(key);
        self.text.push_str(value.unwrap_or_default());
        self.rows.push(row);
        let Self { text, rows, places, hashing, .. } = self;
        let hash = |place: &u32| hashing.hash_one(key_in(text, rows, *place).unwrap_or_default());
        places.insert_unique(hashing.hash_one(key), place, hash);
        Ok(place)
    }

    fn row(&self, place: u32) -> Option<&Row> {
        self.rows.get(usize::try_from(place).ok()?)
    }

    fn row_mut(&mut self, place: u32) -> Option<&mut Row> {
        self.rows.get_mut(usize::try_from(place).ok()?)
    }

    fn key(&self, place: u32) -> Option<&str> {
        key_in(&self.text, &self.rows, place)
    }

    fn what(&self, place: u32) -> Option<What<'_>> {
        let (row, key) = (self.row(place)?, self.key(place)?);
        let Some(length) = row.value else { return Some(What::Delete { key }) };
        let value = self.text.get(usize::try_from(row.at).ok()?..)?.get(key.len()..)?;
        Some(What::Put { key, value: value.get(..length.into())? })
    }
}

fn key_in<'t>(text: &'t str, rows: &[Row], place: u32) -> Option<&'t str> {
    let row = rows.get(usize::try_from(place).ok()?)?;
    text.get(usize::try_from(row.at).ok()?..)?.get(..row.key.into())
}
