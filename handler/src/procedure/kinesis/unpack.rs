//! What the records of a stream hold, for whoever reads them.
//!
//! Enters: the bytes of a stream's record, and the range of hashes of the shard that it came from, where that is known.
//! Leaves: a plain record, the user records of an aggregated one, or that it is not for readers of this shard. Nothing
//! fails.
//!
//! The last is the rule of the Kinesis Client Library: an aggregated record of which one user record lies outside of
//! the shard was written while shards were split, and its producer has sent it again. Readers without that rule see such
//! records twice.

use std::ops::ControlFlow;

use super::shards::HashRange;
use super::{NO_HASH_KEY, hash_of, is_partition_key};
use crate::procedure::kpl::{self, Aggregated, Keys, Tag, Unpacked};

/// What one record of a stream is.
#[derive(Debug)]
pub enum Content<'a> {
    Plain,
    Aggregated(Aggregated<'a>),
    /// Aggregated, and outside of the range.
    Outside,
}

/// A user record whose keys and tags can be told.
#[derive(Debug, PartialEq, Eq)]
pub struct UserRecord<'a> {
    pub keys: Keys<'a>,
    /// Places it in a shard.
    pub hash: u128,
    pub data: &'a [u8],
    pub tags: Vec<Tag<'a>>,
}

pub fn content(data: &[u8], range: Option<HashRange>) -> Content<'_> {
    let Some(aggregated) = kpl::decode(data) else { return Content::Plain };
    let hash = |record: Unpacked<'_>| record.keys.ok().and_then(|keys| placed(keys).ok());
    let is_outside = |range: HashRange| {
        let found = aggregated.records().try_for_each(|record| match hash(record) {
            Some(hash) if !range.contains(hash) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        found.is_break()
    };
    if range.is_some_and(is_outside) { Content::Outside } else { Content::Aggregated(aggregated) }
}

/// The hash of keys that a stream takes. The others are in none, whatever an aggregated record says; and since all of
/// its records may name the same one, to hash a key of any length for each would take time without end.
fn placed(keys: Keys<'_>) -> Result<u128, &'static str> {
    if !is_partition_key(keys.partition_key) {
        return Err("the partition key has not 1 to 256 characters");
    }
    hash_of(keys).ok_or(NO_HASH_KEY)
}

/// The record, or why it cannot be told.
pub fn user_record(record: Unpacked<'_>) -> Result<UserRecord<'_>, &'static str> {
    let keys = record.keys.map_err(kpl::Fault::message)?;
    let hash = placed(keys)?;
    let tags = record.tags().map_err(kpl::Fault::message)?;
    Ok(UserRecord { keys, hash, data: record.data, tags })
}
