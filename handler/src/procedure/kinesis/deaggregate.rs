//! `kinesis.deaggregate`: the user records in records of a stream.
//!
//! Enters: records as Lambda hands them to a function, as Pipes of Amazon EventBridge do, or as `GetRecords`
//! answers them. Leaves: the user records in their order, each with the sequence number of the record that held it and its
//! place in there; what is no aggregated record as it is; and apart from them user records whose keys cannot be told.
//! Makes no call, and fails only where the parameters do.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::shards::HashRange;
use super::unpack::{Content, content, user_record};
use crate::error::Error;
use crate::fields::{Fields, some_text};
use crate::input::bind::form_of;
use crate::json;
use crate::procedure::kpl::{Keys, Tag};
use crate::procedure::{Calls, Job};
use crate::region::Regions;
use crate::table::Named;

/// Unpacks records.
#[derive(Debug)]
pub(crate) struct Deaggregate {
    records: Vec<Received>,
    range: Option<HashRange>,
    data_as: DataAs,
}

/// How payloads are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DataAs {
    Base64,
    Text,
    Json,
}

/// One record of a stream.
#[derive(Debug)]
struct Received {
    partition_key: String,
    sequence_number: String,
    /// In the words of whoever handed it over.
    arrival: Option<Json>,
    data: Vec<u8>,
}

impl Job for Deaggregate {
    const NAME: &'static str = "kinesis.deaggregate";
    const CALLS: &'static [(&'static str, &'static str)] = &[];

    fn read(fields: &mut Fields<'_>, _: &Regions) -> Option<Self> {
        fields.require("Records");
        let records = fields.objects("Records", read_received);
        let range = fields.object("HashKeyRange", HashRange::read);
        let words = [("base64", DataAs::Base64), ("text", DataAs::Text), ("json", DataAs::Json)];
        let data_as = fields.choice("dataAs", &words).unwrap_or(DataAs::Base64);
        Some(Self { records: records?.into_iter().collect::<Option<_>>()?, range: range.flatten(), data_as })
    }

    fn names(&self) -> Named<'_> {
        Named::default()
    }

    async fn run(&self, _: &Calls<'_>) -> Result<Map<String, Json>, Error> {
        let (mut records, mut faults, mut outside) = (Vec::new(), Vec::new(), Vec::new());
        for received in &self.records {
            match content(&received.data, self.range) {
                Content::Plain => {
                    let keys = Keys { partition_key: &received.partition_key, explicit_hash_key: None };
                    records.push(self.told(received, 0, keys, &received.data, &[]));
                }
                Content::Outside => outside.push(json!(received.sequence_number)),
                Content::Aggregated(aggregated) => {
                    for (place, unpacked) in aggregated.records().enumerate() {
                        match user_record(unpacked) {
                            Ok(it) => records.push(self.told(received, place, it.keys, it.data, &it.tags)),
                            Err(message) => faults.push(json!({
                                "SequenceNumber": received.sequence_number,
                                "SubSequenceNumber": place,
                                "Data": STANDARD.encode(unpacked.data),
                                "message": message,
                            })),
                        }
                    }
                }
            }
        }
        Ok(Map::from_iter([
            ("Records".to_owned(), records.into()),
            ("faults".to_owned(), faults.into()),
            ("outsideRange".to_owned(), outside.into()),
        ]))
    }
}

impl Deaggregate {
    fn told(&self, from: &Received, place: usize, keys: Keys<'_>, data: &[u8], tags: &[Tag<'_>]) -> Json {
        let mut told = Map::from_iter([
            ("PartitionKey".to_owned(), json!(keys.partition_key)),
            ("Data".to_owned(), self.data_as.told(data)),
            ("SequenceNumber".to_owned(), json!(from.sequence_number)),
            ("SubSequenceNumber".to_owned(), json!(place)),
        ]);
        if let Some(key) = keys.explicit_hash_key {
            told.insert("ExplicitHashKey".to_owned(), json!(key));
        }
        if let Some(arrival) = &from.arrival {
            told.insert("ApproximateArrivalTimestamp".to_owned(), arrival.clone());
        }
        if !tags.is_empty() {
            let tags = tags.iter().map(|tag| match tag.value {
                Some(value) => json!({ "Key": tag.key, "Value": value }),
                None => json!({ "Key": tag.key }),
            });
            told.insert("Tags".to_owned(), tags.collect());
        }
        told.into()
    }
}

impl DataAs {
    /// What has not the form that is asked for says so by the one that it has.
    fn told(self, data: &[u8]) -> Json {
        let told = match self {
            Self::Base64 => return STANDARD.encode(data).into(),
            Self::Text => std::str::from_utf8(data).ok().map(Json::from),
            // What would be taken for one of the explicit forms is told as one.
            Self::Json => json::parse(data).ok().filter(|it| it.as_object().and_then(form_of).is_none()),
        };
        told.unwrap_or_else(|| json!({ "$base64": STANDARD.encode(data) }))
    }
}

/// Each of the three has fields of its own beside these, and may get more.
fn read_received(fields: &mut Fields<'_>) -> Option<Received> {
    let received = if fields.has("kinesis") {
        fields.object("kinesis", |kinesis| {
            let received = read_lambda(kinesis);
            kinesis.ignore_others();
            received
        })?
    } else if fields.has("data") {
        read_lambda(fields)
    } else {
        read_answered(fields)
    };
    fields.ignore_others();
    received
}

/// Lambda has them in an object of their own, Pipes beside the others.
fn read_lambda(fields: &mut Fields<'_>) -> Option<Received> {
    let partition_key = fields.required_text("partitionKey", some_text);
    let sequence_number = fields.required_text("sequenceNumber", some_text);
    let arrival = fields.any("approximateArrivalTimestamp");
    let data = fields.required_text("data", base64);
    Some(Received { partition_key: partition_key?, sequence_number: sequence_number?, arrival, data: data? })
}

fn read_answered(fields: &mut Fields<'_>) -> Option<Received> {
    let partition_key = fields.required_text("PartitionKey", some_text);
    let sequence_number = fields.required_text("SequenceNumber", some_text);
    let arrival = fields.any("ApproximateArrivalTimestamp");
    let data = fields.required_text("Data", base64);
    Some(Received { partition_key: partition_key?, sequence_number: sequence_number?, arrival, data: data? })
}

fn base64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|_| "not base64".to_owned())
}
