//! `kinesis.putAggregated`: records into a stream, in the aggregated format of the Kinesis Producer Library.
//!
//! Enters: the stream, and the records or the S3 object that holds them. Leaves: how many are put, and in how many
//! records and requests; with `partial`, what is not, for another call: the records as they came, or the place in the
//! object. Fails with `CrossRegion.InvalidParameters` where a record can be in no stream, before anything is sent; as
//! the reading of the object does ([`object`]); as [`super::put`] does; and with `CrossRegion.Incomplete` where the time
//! is over.
//!
//! An error tells of no record that is left, since there is no room for them in it, and another attempt puts all
//! records again. So whoever cannot have records twice asks for `partial`: then only a call fails that has put nothing for
//! certain.

mod object;

use serde_json::{Map, Value as Json, json};

use self::object::Object;
use super::put::{Destination, Outgoing, PUT, Sizes, Writer};
use super::shards::LIST;
use super::{NO_HASH_KEY, PARTITION_KEY_LIMIT, Stream, hash_of, is_partition_key};
use crate::effect::Effect;
use crate::error::{Error, Kind};
use crate::fields::{Fields, some_text};
use crate::input::bind;
use crate::procedure::kpl::{Keys, Record, Tag};
use crate::procedure::source::READ;
use crate::procedure::{Calls, Job};
use crate::region::Regions;
use crate::table::Named;

/// Room for what every result says besides.
const METADATA_BYTES: usize = 200;

/// Puts records.
#[derive(Debug)]
pub(crate) struct PutAggregated {
    stream: Stream,
    records: Records,
    sizes: Sizes,
    is_ordered: bool,
    is_partial: bool,
}

/// Where the records are.
#[derive(Debug)]
enum Records {
    /// Each with its JSON, for the result, if it is left.
    Here(Vec<(Given, Map<String, Json>)>),
    InObject(Object),
}

/// A record as it was given.
#[derive(Debug)]
struct Given {
    partition_key: String,
    explicit_hash_key: Option<String>,
    data: Vec<u8>,
    tags: Vec<(String, Option<String>)>,
    hash: u128,
    /// Bytes of the smallest record of a stream that carries it.
    size: usize,
}

/// What has come of the records so far.
#[derive(Debug, Default)]
struct Progress {
    destination: Destination,
    /// Records that are put, and those that may be.
    put: usize,
    uncertain: usize,
}

impl Job for PutAggregated {
    const NAME: &'static str = "kinesis.putAggregated";
    const CALLS: &'static [(&'static str, &'static str)] = &[LIST, PUT, READ];

    fn read(fields: &mut Fields<'_>, regions: &Regions) -> Option<Self> {
        let stream = Stream::read(fields);
        let sizes = Sizes::read(fields);
        let is_ordered = fields.flag("ordered").unwrap_or_default();
        let is_partial = fields.flag("partial").unwrap_or_default();
        let records = if fields.has(object::PARAMETER) {
            fields.refuse("Records", "stands beside `recordsFrom`, and one of them says which records");
            let object = fields.object(object::PARAMETER, |object| Object::read(object, regions));
            object.flatten().map(Records::InObject)
        } else {
            fields.require("Records");
            let records = fields.objects("Records", |record| {
                let json = record.rest().clone();
                Some((Given::read(record, sizes)?, json))
            });
            records.and_then(|records| records.into_iter().collect::<Option<_>>()).map(Records::Here)
        };
        Some(Self { stream: stream?, records: records?, sizes, is_ordered, is_partial })
    }

    fn names(&self) -> Named<'_> {
        match &self.records {
            Records::Here(_) => Named::default(),
            Records::InObject(object) => object.names(),
        }
    }

    async fn run(&self, calls: &Calls<'_>) -> Result<Map<String, Json>, Error> {
        let mut progress = Progress::default();
        let (left, ended) = match &self.records {
            Records::Here(records) => self.put_here(records, calls, &mut progress).await,
            Records::InObject(object) => object.put(self, calls, &mut progress).await,
        };
        self.result(progress, left, ended, calls)
    }
}

impl PutAggregated {
    /// Leaves the records that are left, and why.
    async fn put_here(
        &self,
        records: &[(Given, Map<String, Json>)],
        calls: &Calls<'_>,
        progress: &mut Progress,
    ) -> (Json, Option<Error>) {
        let given: Vec<&Given> = records.iter().map(|(given, _)| given).collect();
        let (are_put, ended) = self.put(&given, calls, progress).await;
        let left = records.iter().zip(&are_put).filter(|(_, is_put)| !**is_put);
        (left.map(|((_, json), _)| Json::Object(json.clone())).collect(), ended)
    }

    /// Puts these records, and leaves which of them are put, and why not all.
    async fn put(
        &self,
        records: &[&Given],
        calls: &Calls<'_>,
        progress: &mut Progress,
    ) -> (Vec<bool>, Option<Error>) {
        let tags: Vec<Vec<Tag<'_>>> = records.iter().map(|given| given.tags()).collect();
        let given = records.iter().zip(&tags);
        let outgoing: Vec<_> = given.map(|(given, tags)| given.outgoing(tags)).collect();
        let writer = Writer { stream: &self.stream, sizes: self.sizes, is_ordered: self.is_ordered };
        let outcome = writer.put(calls, &mut progress.destination, &outgoing).await;
        progress.put += outcome.count();
        progress.uncertain += outcome.open();
        (outcome.put, outcome.ended)
    }

    fn result(
        &self,
        progress: Progress,
        left: Json,
        ended: Option<Error>,
        calls: &Calls<'_>,
    ) -> Result<Map<String, Json>, Error> {
        let Progress { destination, put, uncertain } = progress;
        let (name, all) = match &self.records {
            Records::Here(records) => ("left", format!(" of {}", records.len())),
            Records::InObject(_) => ("next", String::new()),
        };
        let mut result = destination.tally.told();
        result.insert("put".to_owned(), json!(put));
        let Some(error) = ended else {
            if self.is_partial {
                result.insert(name.to_owned(), left);
            }
            return Ok(result);
        };
        let effect = if put + uncertain > 0 { Effect::Unknown } else { Effect::None };
        let error = if calls.target().pace.deadline.explains(&error) {
            Error::new(Kind::Incomplete, format!("the time was over after {put}{all} records were put"))
        } else {
            error
        };
        result.insert(name.to_owned(), left);
        result.insert("uncertain".to_owned(), json!(uncertain));
        result.insert("error".to_owned(), json!(error.name()));
        // With what is left it may be too large, as what came in may be.
        let limit = calls.target().pace.body_limit;
        let has_room =
            || serde_json::to_string(&result).is_ok_and(|result| result.len() + METADATA_BYTES <= limit);
        if self.is_partial && effect != Effect::None && has_room() {
            Ok(result)
        } else {
            Err(error.with_effect(effect))
        }
    }
}

impl Given {
    /// A record that a stream can take. Every fault is reported.
    fn read(fields: &mut Fields<'_>, sizes: Sizes) -> Option<Self> {
        let partition_key = fields.required_text("PartitionKey", |key| {
            let message =
                || format!("expected 1 to {PARTITION_KEY_LIMIT} characters, found {}", key.chars().count());
            is_partition_key(key).then(|| key.to_owned()).ok_or_else(message)
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
        let mut given = Self { partition_key, explicit_hash_key, data: data?, tags: tags?, hash, size: 0 };
        given.size = given.outgoing(&given.tags()).least_size();
        if given.size > sizes.most {
            let (size, most) = (given.size, sizes.most);
            let message = format!("is too large: {size} bytes with its key, and a record may have {most}");
            fields.fault("Data", message);
            return None;
        }
        Some(given)
    }

    fn tags(&self) -> Vec<Tag<'_>> {
        self.tags.iter().map(|(key, value)| Tag { key, value: value.as_deref() }).collect()
    }

    fn outgoing<'a>(&'a self, tags: &'a [Tag<'a>]) -> Outgoing<'a> {
        let keys = keys_of(&self.partition_key, self.explicit_hash_key.as_deref());
        Outgoing { record: Record { keys, data: &self.data, tags }, hash: self.hash }
    }
}

fn keys_of<'a>(partition_key: &'a str, explicit_hash_key: Option<&'a str>) -> Keys<'a> {
    Keys { partition_key, explicit_hash_key }
}
