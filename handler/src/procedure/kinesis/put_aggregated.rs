//! `kinesis.putAggregated`: records into a stream, in the aggregated format of the Kinesis Producer Library.
//!
//! Enters: the stream, and the records. Leaves: how many are put, and in how many records and requests; with `partial`,
//! the records that are not, as they came, for another call. Fails with `CrossRegion.InvalidParameters` where a record
//! can be in no stream, before anything is sent; as [`super::put`] does; and with `CrossRegion.Incomplete` where the
//! time is over.
//!
//! An error tells of no record that is left, since there is no room for them in it, and another attempt puts all
//! records again. So whoever cannot have records twice asks for `partial`: then only a call that has put nothing fails.

use serde_json::{Map, Value as Json, json};

use super::put::{Outcome, Outgoing, PUT, Sizes, Tally, Writer};
use super::shards::{LIST, Shards};
use super::{NO_HASH_KEY, Stream, hash_of};
use crate::effect::Effect;
use crate::error::{Error, Kind};
use crate::fields::{Fields, some_text};
use crate::input::bind;
use crate::procedure::kpl::{Keys, Record, Tag};
use crate::procedure::{Calls, Job, is_late};
use crate::region::Regions;
use crate::table::Named;

/// Characters of a partition key.
const PARTITION_KEY_LIMIT: usize = 256;

/// Puts records.
#[derive(Debug)]
pub(crate) struct PutAggregated {
    stream: Stream,
    records: Vec<Given>,
    sizes: Sizes,
    is_ordered: bool,
    is_partial: bool,
}

/// A record as it was given.
#[derive(Debug)]
struct Given {
    partition_key: String,
    explicit_hash_key: Option<String>,
    data: Vec<u8>,
    tags: Vec<(String, Option<String>)>,
    hash: u128,
    /// For the result, if it is left.
    json: Map<String, Json>,
}

impl Job for PutAggregated {
    const NAME: &'static str = "kinesis.putAggregated";
    const CALLS: &'static [(&'static str, &'static str)] = &[LIST, PUT];

    fn read(fields: &mut Fields<'_>, _: &Regions) -> Option<Self> {
        let stream = Stream::read(fields);
        let sizes = Sizes::read(fields);
        let is_ordered = fields.flag("ordered").unwrap_or_default();
        let is_partial = fields.flag("partial").unwrap_or_default();
        fields.require("Records");
        let records = fields.objects("Records", |record| read_given(record, sizes));
        let records = records?.into_iter().collect::<Option<_>>();
        Some(Self { stream: stream?, records: records?, sizes, is_ordered, is_partial })
    }

    fn names(&self) -> Named<'_> {
        Named::default()
    }

    async fn run(&self, calls: &Calls<'_>) -> Result<Map<String, Json>, Error> {
        let tags: Vec<Vec<Tag<'_>>> = self.records.iter().map(Given::tags).collect();
        let given = self.records.iter().zip(&tags);
        let outgoing: Vec<_> = given.map(|(given, tags)| given.outgoing(tags)).collect();
        let writer = Writer { stream: &self.stream, sizes: self.sizes, is_ordered: self.is_ordered };
        let mut tally = Tally::default();
        let outcome = writer.put(calls, &mut Shards::default(), &mut tally, &outgoing).await;
        self.result(outcome, tally, calls)
    }
}

impl PutAggregated {
    fn result(&self, outcome: Outcome, tally: Tally, calls: &Calls<'_>) -> Result<Map<String, Json>, Error> {
        let (put, effect) = (outcome.count(), outcome.effect());
        let Outcome { put: are_put, uncertain, ended } = outcome;
        let left = || self.records.iter().zip(&are_put).filter(|(_, is_put)| !**is_put);
        let mut result = tally.told();
        result.insert("put".to_owned(), json!(put));
        let Some(error) = ended else {
            if self.is_partial {
                result.insert("left".to_owned(), json!([]));
            }
            return Ok(result);
        };
        let error = if is_late(&error, calls.target().pace.deadline) {
            let message = format!("the time was over after {put} of {} records were put", self.records.len());
            Error::new(Kind::Incomplete, message)
        } else {
            error
        };
        // What is left may be larger than a result, as what came in may be.
        let left: Json = left().map(|(given, _)| Json::Object(given.json.clone())).collect();
        let has_room = left.to_string().len() < calls.target().pace.body_limit;
        if !self.is_partial || effect == Effect::None || !has_room {
            return Err(error.with_effect(effect));
        }
        let open = uncertain.iter().zip(&are_put).filter(|(open, is_put)| **open && !**is_put).count();
        result.insert("left".to_owned(), left);
        result.insert("uncertain".to_owned(), json!(open));
        result.insert("error".to_owned(), json!(error.name()));
        Ok(result)
    }
}

impl Given {
    fn tags(&self) -> Vec<Tag<'_>> {
        self.tags.iter().map(|(key, value)| Tag { key, value: value.as_deref() }).collect()
    }

    fn outgoing<'a>(&'a self, tags: &'a [Tag<'a>]) -> Outgoing<'a> {
        let keys = keys_of(&self.partition_key, self.explicit_hash_key.as_deref());
        Outgoing { record: Record { keys, data: &self.data, tags }, hash: self.hash }
    }
}

fn read_given(fields: &mut Fields<'_>, sizes: Sizes) -> Option<Given> {
    let json = fields.rest().clone();
    let partition_key = fields.required_text("PartitionKey", |key| {
        let characters = key.chars().count();
        let is_fitting = (1..=PARTITION_KEY_LIMIT).contains(&characters);
        let message = || format!("expected 1 to {PARTITION_KEY_LIMIT} characters, found {characters}");
        is_fitting.then(|| key.to_owned()).ok_or_else(message)
    });
    let explicit_hash_key = fields.text("ExplicitHashKey", some_text);
    fields.require("Data");
    let data = fields.read("Data", bind::blob);
    let tags = fields.objects("Tags", |tag| {
        let key = tag.required_text("Key", some_text);
        let value = tag.text("Value", |value| Ok(value.to_owned()));
        Some((key?, value))
    });
    let tags: Option<Vec<_>> = tags.unwrap_or_default().into_iter().collect();
    let partition_key = partition_key?;
    let Some(hash) = hash_of(keys_of(&partition_key, explicit_hash_key.as_deref())) else {
        fields.fault("ExplicitHashKey", NO_HASH_KEY);
        return None;
    };
    let given = Given { partition_key, explicit_hash_key, data: data?, tags: tags?, hash, json };
    let size = given.outgoing(&given.tags()).least_size();
    if size > sizes.most {
        fields.fault(
            "Data",
            format!("is too large: {size} bytes with its keys, and a record may have {}", sizes.most),
        );
        return None;
    }
    Some(given)
}

fn keys_of<'a>(partition_key: &'a str, explicit_hash_key: Option<&'a str>) -> Keys<'a> {
    Keys { partition_key, explicit_hash_key }
}
