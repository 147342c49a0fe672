//! A stand-in for Kinesis: streams in several Regions, whose shards can be split and merged while somebody writes.
//!
//! Enters: requests, and a hook that looks at each, may reshard in between, and may answer in place of the stand-in or
//! say which records of a `PutRecords` are refused. Leaves: answers, and the records of every shard. Stricter than AWS
//! where that shows more: a `NextToken` goes alone, an empty request is refused, and so is a record beyond what one
//! payload unit of a 1 MiB stream may be. Fails by panicking, since only tests call it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handler::procedure::kinesis::hash_key;
use handler::procedure::kinesis::shards::HashRange;
use handler::procedure::kinesis::unpack::{Content, content, user_record};
use handler::procedure::kpl;
use serde_json::{Value, json};

use crate::recording::Reply;
use crate::wire::Request;

/// A record as a shard holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub number: u64,
    pub partition_key: String,
    pub explicit_hash_key: Option<String>,
    pub data: Vec<u8>,
}

#[derive(Debug, Clone)]
pub struct Shard {
    pub id: String,
    pub parents: Vec<String>,
    pub range: HashRange,
    /// The last number, once it is closed.
    pub end: Option<u64>,
    pub records: Vec<Stored>,
}

#[derive(Debug, Clone)]
pub struct Stream {
    pub shards: Vec<Shard>,
    /// Sequence numbers rise over all shards.
    next: u64,
    /// Shards of one page.
    pub page: usize,
}

impl Stream {
    /// With so many shards of equal ranges.
    pub fn of(shards: u32) -> Self {
        let width = u128::MAX / u128::from(shards);
        let range = |at: u32| HashRange {
            first: if at == 0 { 0 } else { width * u128::from(at) + 1 },
            last: if at + 1 == shards { u128::MAX } else { width * u128::from(at + 1) },
        };
        let mut stream = Self { shards: Vec::new(), next: 1, page: 3 };
        for at in 0..shards {
            stream.add(&[], range(at));
        }
        stream
    }

    fn add(&mut self, parents: &[&str], range: HashRange) {
        self.shards.push(Shard {
            id: format!("shardId-{:012}", self.shards.len()),
            parents: parents.iter().map(|&id| id.to_owned()).collect(),
            range,
            end: None,
            records: Vec::new(),
        });
    }

    pub fn open(&self) -> Vec<usize> {
        (0..self.shards.len()).filter(|at| self.shards[*at].end.is_none()).collect()
    }

    fn close(&mut self, at: usize) -> (String, HashRange) {
        self.shards[at].end = Some(self.next);
        self.next += 1;
        (self.shards[at].id.clone(), self.shards[at].range)
    }

    /// Splits an open shard in the middle.
    pub fn split(&mut self, at: usize) {
        let (id, HashRange { first, last }) = self.close(at);
        let middle = first + (last - first) / 2;
        self.add(&[&id], HashRange { first, last: middle });
        self.add(&[&id], HashRange { first: middle + 1, last });
    }

    /// Merges two open shards that lie beside each other, if there are two.
    pub fn merge(&mut self, at: usize) {
        let after = self.shards[at].range.last.checked_add(1);
        let next = self.open().into_iter().find(|next| Some(self.shards[*next].range.first) == after);
        let Some(next) = next else { return };
        let ((id, left), (other, right)) = (self.close(at), self.close(next));
        self.add(&[&id, &other], HashRange { first: left.first, last: right.last });
    }

    /// Every user record under the rule of the Kinesis Client Library: shard by shard, parents first.
    pub fn consumed(&self) -> Vec<(String, Vec<u8>)> {
        self.read(true)
    }

    /// Every user record for a reader without that rule.
    pub fn consumed_by_all(&self) -> Vec<(String, Vec<u8>)> {
        self.read(false)
    }

    fn read(&self, by_range: bool) -> Vec<(String, Vec<u8>)> {
        let mut users = Vec::new();
        for shard in &self.shards {
            for record in &shard.records {
                match content(&record.data, by_range.then_some(shard.range)) {
                    Content::Plain => users.push((record.partition_key.clone(), record.data.clone())),
                    Content::Outside => {}
                    Content::Aggregated(aggregated) => {
                        for unpacked in aggregated.records() {
                            let user = user_record(unpacked).unwrap();
                            users.push((user.keys.partition_key.to_owned(), user.data.to_vec()));
                        }
                    }
                }
            }
        }
        users
    }

    pub fn records(&self) -> impl Iterator<Item = &Stored> {
        self.shards.iter().flat_map(|shard| &shard.records)
    }

    /// As somebody else writes it.
    pub fn put(
        &mut self,
        partition_key: &str,
        explicit_hash_key: Option<&str>,
        data: &[u8],
    ) -> (String, u64) {
        let hash = explicit_hash_key.map_or_else(|| kpl::hash_of(partition_key), |it| hash_key(it).unwrap());
        let number = self.next;
        self.next += 1;
        let shard = self.shards.iter_mut().find(|it| it.end.is_none() && it.range.contains(hash)).unwrap();
        shard.records.push(Stored {
            number,
            partition_key: partition_key.to_owned(),
            explicit_hash_key: explicit_hash_key.map(ToOwned::to_owned),
            data: data.to_vec(),
        });
        (shard.id.clone(), number)
    }
}

/// What becomes of a request.
pub enum Fate {
    Served,
    /// Nothing is done.
    Answered(Reply),
    /// It is done, and answered with something else.
    Garbled(Reply),
    /// Of a `PutRecords`, these records are refused with this code.
    Refused(&'static str, Vec<usize>),
}

type Hook = Box<dyn FnMut(&str, &Value, &mut Streams) -> Fate + Send>;

/// By Region and name.
pub type Streams = BTreeMap<(String, String), Stream>;

/// Clones share the streams.
#[derive(Clone)]
pub struct Kinesis {
    streams: Arc<Mutex<Streams>>,
    hook: Arc<Mutex<Hook>>,
}

impl fmt::Debug for Kinesis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kinesis")
    }
}

impl Kinesis {
    pub fn with(streams: impl IntoIterator<Item = (&'static str, &'static str, Stream)>) -> Self {
        let streams = streams.into_iter();
        let streams = streams.map(|(region, name, stream)| ((region.to_owned(), name.to_owned()), stream));
        Self {
            streams: Arc::new(Mutex::new(streams.collect())),
            hook: Arc::new(Mutex::new(Box::new(|_, _, _| Fate::Served))),
        }
    }

    pub fn hook(&self, hook: impl FnMut(&str, &Value, &mut Streams) -> Fate + Send + 'static) {
        *self.hook.lock().unwrap() = Box::new(hook);
    }

    pub fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stream(&self, region: &str, name: &str) -> Stream {
        self.streams()[&(region.to_owned(), name.to_owned())].clone()
    }

    pub fn answer(&self, request: &Request) -> Reply {
        let action = request.headers["x-amz-target"].rsplit('.').next().unwrap().to_owned();
        let parameters: Value = serde_json::from_slice(&request.body).unwrap();
        // `<account>.data-kinesis.<region>.amazonaws.com`, or without the account.
        let mut labels = request.host.split('.').skip_while(|label| !label.ends_with("kinesis"));
        let region = labels.nth(1).unwrap().to_owned();
        let scope = format!("/{region}/kinesis/aws4_request");
        assert!(request.headers["authorization"].contains(&scope), "signed for another Region than {region}");
        let mut hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner);
        let mut streams = self.streams();
        match hook(&action, &parameters, &mut streams) {
            Fate::Served => served(&mut streams, &region, &action, &parameters, None),
            Fate::Answered(reply) => reply,
            Fate::Garbled(reply) => {
                served(&mut streams, &region, &action, &parameters, None);
                reply
            }
            Fate::Refused(code, which) => {
                served(&mut streams, &region, &action, &parameters, Some((code, &which)))
            }
        }
    }
}

pub fn refusal(code: &str) -> Reply {
    Reply::status(400, json!({ "__type": code, "message": "no" }).to_string())
}

fn served(
    streams: &mut Streams,
    region: &str,
    action: &str,
    parameters: &Value,
    refused: Option<(&str, &[usize])>,
) -> Reply {
    let text = |name: &str| parameters[name].as_str().map(ToOwned::to_owned);
    // Tokens and iterators name the stream that they belong to.
    let token = text("NextToken").or_else(|| text("ShardIterator"));
    let name = token.as_ref().map_or_else(|| text("StreamName"), |it| it.split('|').next().map(Into::into));
    let key = (region.to_owned(), name.clone().unwrap_or_default());
    let Some(stream) = streams.get_mut(&key) else { return refusal("ResourceNotFoundException") };
    let answered = match action {
        "ListShards" => list(stream, &key.1, parameters),
        "PutRecords" => put(stream, parameters, refused),
        "GetShardIterator" => iterator(stream, &key.1, parameters),
        "GetRecords" => get(stream, &key.1, parameters),
        other => panic!("`{other}` is not called"),
    };
    answered.map_or_else(refusal, |body| Reply::ok(body.to_string()))
}

fn list(stream: &Stream, name: &str, parameters: &Value) -> Result<Value, &'static str> {
    let from = match parameters["NextToken"].as_str() {
        Some(token) if parameters.as_object().unwrap().len() == 1 => {
            token.split('|').nth(1).unwrap().parse().unwrap()
        }
        Some(_) => return Err("InvalidArgumentException"),
        None => 0,
    };
    let shards: Vec<Value> = stream.shards.iter().skip(from).take(stream.page).map(|shard| {
        let mut told = json!({
            "ShardId": shard.id,
            "HashKeyRange": {"StartingHashKey": shard.range.first.to_string(), "EndingHashKey": shard.range.last.to_string()},
            "SequenceNumberRange": {"StartingSequenceNumber": "0"},
        });
        for (name, parent) in ["ParentShardId", "AdjacentParentShardId"].iter().zip(&shard.parents) {
            told[name] = json!(parent);
        }
        if let Some(end) = shard.end {
            told["SequenceNumberRange"]["EndingSequenceNumber"] = json!(end.to_string());
        }
        told
    }).collect();
    let mut answer = json!({ "Shards": shards });
    if from + stream.page < stream.shards.len() {
        answer["NextToken"] = json!(format!("{name}|{}", from + stream.page));
    }
    Ok(answer)
}

fn put(
    stream: &mut Stream,
    parameters: &Value,
    refused: Option<(&str, &[usize])>,
) -> Result<Value, &'static str> {
    let records = parameters["Records"].as_array().unwrap();
    let mut bytes = 0;
    for record in records {
        let key = record["PartitionKey"].as_str().unwrap();
        let data = STANDARD.decode(record["Data"].as_str().unwrap()).unwrap();
        let is_fitting = (1..=256).contains(&key.chars().count()) && data.len() + key.len() <= 1 << 20;
        if !is_fitting || record["ExplicitHashKey"].as_str().is_some_and(|it| hash_key(it).is_none()) {
            return Err("ValidationException");
        }
        bytes += data.len() + key.len() + record["ExplicitHashKey"].as_str().map_or(0, str::len);
    }
    if records.is_empty() || records.len() > 500 || bytes > 10 << 20 {
        return Err("InvalidArgumentException");
    }
    let answers: Vec<Value> = records
        .iter()
        .enumerate()
        .map(|(at, record)| {
            if let Some((code, _)) = refused.filter(|(_, which)| which.contains(&at)) {
                return json!({ "ErrorCode": code, "ErrorMessage": "no" });
            }
            let data = STANDARD.decode(record["Data"].as_str().unwrap()).unwrap();
            let (shard, number) = stream.put(
                record["PartitionKey"].as_str().unwrap(),
                record["ExplicitHashKey"].as_str(),
                &data,
            );
            json!({ "ShardId": shard, "SequenceNumber": number.to_string() })
        })
        .collect();
    let failed = answers.iter().filter(|answer| answer.get("ErrorCode").is_some()).count();
    Ok(json!({ "FailedRecordCount": failed, "Records": answers }))
}

/// `name|shard|number`: the next record is the first from that number on.
fn iterator(stream: &Stream, name: &str, parameters: &Value) -> Result<Value, &'static str> {
    let id = parameters["ShardId"].as_str().unwrap();
    let shard = stream.shards.iter().find(|shard| shard.id == id).ok_or("ResourceNotFoundException")?;
    let from = match parameters["ShardIteratorType"].as_str().unwrap() {
        "TRIM_HORIZON" => 0,
        "AFTER_SEQUENCE_NUMBER" => {
            let number: u64 = parameters["StartingSequenceNumber"].as_str().unwrap().parse().unwrap();
            let is_known = shard.records.iter().any(|record| record.number == number);
            is_known.then_some(number + 1).ok_or("InvalidArgumentException")?
        }
        other => panic!("`{other}` is not asked for here"),
    };
    Ok(json!({ "ShardIterator": format!("{name}|{id}|{from}") }))
}

fn get(stream: &Stream, name: &str, parameters: &Value) -> Result<Value, &'static str> {
    let mut words = parameters["ShardIterator"].as_str().unwrap().split('|').skip(1);
    let (id, from): (&str, u64) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
    let limit = usize::try_from(parameters["Limit"].as_u64().unwrap()).unwrap();
    let shard = stream.shards.iter().find(|shard| shard.id == id).ok_or("ResourceNotFoundException")?;
    let rest: Vec<_> = shard.records.iter().filter(|record| record.number >= from).collect();
    let page = &rest[..limit.min(rest.len())];
    let records: Vec<Value> = page
        .iter()
        .map(|record| {
            json!({
                "SequenceNumber": record.number.to_string(), "PartitionKey": record.partition_key,
                "Data": STANDARD.encode(&record.data), "ApproximateArrivalTimestamp": 1_700_000_000.5,
            })
        })
        .collect();
    let behind = if page.len() == rest.len() { 0 } else { 1_000 };
    let mut answer = json!({ "Records": records, "MillisBehindLatest": behind });
    // AWS says null in the page after the last one, too.
    let is_end = page.is_empty() && shard.end.is_some();
    if !is_end {
        let next = page.last().map_or(from, |last| last.number + 1);
        answer["NextShardIterator"] = json!(format!("{name}|{id}|{next}"));
    }
    Ok(answer)
}
