//! The shards of a stream: which one takes a record, and whether a record lies within one.
//!
//! Enters: what `ListShards` tells, all of its pages. Leaves: the open shards by their ranges of hashes, and every shard
//! that is listed by its id. Fails as the service does, and with `CrossRegion.MalformedResponse` where a shard has no
//! range.

use std::collections::HashSet;

use serde_json::{Map, Value as Json, json};

use super::{SERVICE, Stream, ask, hash_key, malformed};
use crate::error::Error;
use crate::fields::Fields;
use crate::procedure::{Calls, Target};

pub(crate) const LIST: (&str, &str) = (SERVICE, "ListShards");

/// Shards of one page.
const PAGE: u32 = 1_000;

/// Hashes of a shard, both ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashRange {
    pub first: u128,
    pub last: u128,
}

impl HashRange {
    pub fn contains(self, hash: u128) -> bool {
        (self.first..=self.last).contains(&hash)
    }

    /// As `ListShards` writes it.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let key = |text: &str| hash_key(text).ok_or_else(|| super::NO_HASH_KEY.to_owned());
        let first = fields.required_text("StartingHashKey", key);
        let last = fields.required_text("EndingHashKey", key);
        if first > last && last.is_some() {
            fields.fault("EndingHashKey", "is below `StartingHashKey`");
        }
        Some(Self { first: first?, last: last? })
    }
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    pub id: String,
    /// One after a split, two after a merge. They may be listed no longer.
    pub parents: Vec<String>,
    pub range: HashRange,
    /// It takes no further records.
    pub is_closed: bool,
}

/// All shards of a stream that still hold records or take some.
#[derive(Debug, Clone, Default)]
pub struct Shards {
    all: Vec<Shard>,
    /// Places in `all` of those that take records, by their ranges.
    open: Vec<usize>,
}

impl Shards {
    /// A shard that has children takes no records, whether it says so yet or not.
    pub fn of(all: Vec<Shard>) -> Self {
        let parents: HashSet<&String> = all.iter().flat_map(|shard| &shard.parents).collect();
        let is_open = |shard: &Shard| !shard.is_closed && !parents.contains(&shard.id);
        let open = all.iter().enumerate().filter(|(_, shard)| is_open(shard));
        let mut open: Vec<usize> = open.map(|(at, _)| at).collect();
        open.sort_by_key(|at| all.get(*at).map(|shard| shard.range.first));
        Self { all, open }
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Shard> {
        self.all.iter()
    }

    /// Open or closed.
    pub fn find(&self, id: &str) -> Option<&Shard> {
        self.all.iter().find(|shard| shard.id == id)
    }

    /// The shard that a record of this hash goes to.
    pub fn taking(&self, hash: u128) -> Option<&Shard> {
        let shard = |at: &usize| self.all.get(*at);
        let after = self.open.partition_point(|at| shard(at).is_some_and(|it| it.range.first <= hash));
        let last = self.open.get(after.checked_sub(1)?).and_then(shard)?;
        last.range.contains(hash).then_some(last)
    }

    pub(crate) async fn list(calls: &Calls<'_>, stream: &Stream, target: Target<'_>) -> Result<Self, Error> {
        let mut parameters = Map::from_iter([stream.parameter(), ("MaxResults".to_owned(), json!(PAGE))]);
        let mut all = Vec::new();
        loop {
            let page = ask(calls, LIST.1, &parameters, target).await?.answer.members;
            for shard in page.get("Shards").and_then(Json::as_array).into_iter().flatten() {
                all.push(read(shard).ok_or_else(|| malformed("a shard has no id or no range of hashes"))?);
            }
            let Some(next) = page.get("NextToken").and_then(Json::as_str).filter(|it| !it.is_empty()) else {
                return Ok(Self::of(all));
            };
            // The service takes nothing beside it: the token says which stream, and how many.
            let next = Map::from_iter([("NextToken".to_owned(), json!(next))]);
            if next == parameters {
                return Err(malformed("a page of the shards leads to itself"));
            }
            parameters = next;
        }
    }
}

fn read(shard: &Json) -> Option<Shard> {
    let text = |name: &str| shard.get(name).and_then(Json::as_str);
    let key = |name: &str| hash_key(shard.get("HashKeyRange")?.get(name)?.as_str()?);
    let parents = ["ParentShardId", "AdjacentParentShardId"].iter().filter_map(|name| text(name));
    let end = shard.get("SequenceNumberRange").and_then(|range| range.get("EndingSequenceNumber"));
    Some(Shard {
        id: text("ShardId")?.to_owned(),
        parents: parents.map(ToOwned::to_owned).collect(),
        range: HashRange { first: key("StartingHashKey")?, last: key("EndingHashKey")? },
        is_closed: end.is_some_and(|end| !end.is_null()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parents: &[&str], first: u128, last: u128, is_closed: bool) -> Shard {
        let parents = parents.iter().map(|&id| id.to_owned()).collect();
        Shard { id: id.to_owned(), parents, range: HashRange { first, last }, is_closed }
    }

    fn takes(shards: &Shards, hash: u128) -> Option<&str> {
        shards.taking(hash).map(|shard| shard.id.as_str())
    }

    #[test]
    fn a_record_goes_to_the_open_shard_around_its_hash() {
        let shards = Shards::of(vec![
            shard("0", &[], 0, 99, true),
            shard("3", &["1"], 200, u128::MAX, false),
            shard("1", &[], 100, u128::MAX, true),
            shard("2", &["1"], 100, 199, false),
            shard("4", &["0"], 0, 99, false),
        ]);
        for (hash, id) in [(0, "4"), (99, "4"), (100, "2"), (199, "2"), (200, "3"), (u128::MAX, "3")] {
            assert_eq!(takes(&shards, hash), Some(id), "{hash}");
        }
        assert_eq!(shards.find("0").map(|shard| shard.range), Some(HashRange { first: 0, last: 99 }));
    }

    #[test]
    fn a_shard_with_children_takes_nothing_though_it_does_not_say_so_yet() {
        let merged = Shards::of(vec![
            shard("0", &[], 0, 99, false),
            shard("1", &[], 100, u128::MAX, false),
            shard("2", &["0", "1"], 0, u128::MAX, false),
        ]);
        assert_eq!((takes(&merged, 0), takes(&merged, u128::MAX)), (Some("2"), Some("2")));
    }

    #[test]
    fn where_no_open_shard_is_there_is_none() {
        let shards = Shards::of(vec![shard("0", &[], 10, 20, false), shard("1", &[], 30, 40, false)]);
        for hash in [0, 9, 21, 29, 41, u128::MAX] {
            assert_eq!(takes(&shards, hash), None, "{hash}");
        }
        assert_eq!(takes(&Shards::default(), 0), None);
    }
}
