//! `kinesis.relay`: the records of a stream in one Region into a stream in another, aggregated, within one call.
//!
//! Enters: both streams, and the checkpoint that the call before left. Leaves: the next checkpoint, how much was put,
//! and whether the end of the source was reached. Fails as the first call does that cannot be made, and with
//! `CrossRegion.Incomplete` where the time is over, if the checkpoint is still the one that came; once it has moved,
//! the result says instead what ended the call.
//!
//! A checkpoint names for each shard of the source the last record of which everything is put, or that the shard is
//! read to its end. It never moves past a record of which something is left, so that nothing is lost however a call
//! ends, and what was put beyond it is put again by the next. Shards that came out of others are read after them. A
//! shard that the checkpoint does not name is read from where the source is to begin.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::put::{Destination, Outgoing, PUT, Sizes, Writer};
use super::shards::{LIST, Shard, Shards};
use super::unpack::{Content, UserRecord, content, user_record};
use super::{SERVICE, Stream, ask, malformed};
use crate::effect::Effect;
use crate::error::{Error, Kind};
use crate::fields::Fields;
use crate::procedure::kpl::{self, Keys, Record};
use crate::procedure::{Calls, Job, Target};
use crate::region::{Region, Regions};
use crate::table::Named;

const ITERATOR: (&str, &str) = (SERVICE, "GetShardIterator");
const GET: (&str, &str) = (SERVICE, "GetRecords");

/// Records of one page.
const MOST_RECORDS: u64 = 10_000;

/// A shard may be read five times a second.
const BETWEEN_READS: Duration = Duration::from_millis(200);

/// In a checkpoint, as the Kinesis Client Library writes it: nothing more will come of the shard.
const SHARD_END: &str = "SHARD_END";

/// Faults that are told one by one; more are counted.
const MOST_FAULTS: usize = 100;

/// Brings records from one stream to another.
#[derive(Debug)]
pub(crate) struct Relay {
    source: Source,
    checkpoint: BTreeMap<String, Position>,
    stream: Stream,
    sizes: Sizes,
    is_ordered: bool,
    /// Aggregated records that no reader of their shard takes are not brought over.
    drops_outside: bool,
}

#[derive(Debug)]
struct Source {
    region: Region,
    stream: Stream,
    start: Start,
    /// Records of one page.
    limit: u64,
}

/// Where shards are begun.
#[derive(Debug)]
enum Start {
    TrimHorizon,
    /// A timestamp in one of the forms of section 2 of the contract.
    At(Json),
}

/// How far a shard is put.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Position {
    After(String),
    End,
}

impl Job for Relay {
    const NAME: &'static str = "kinesis.relay";
    const CALLS: &'static [(&'static str, &'static str)] = &[LIST, ITERATOR, GET, PUT];

    fn read(fields: &mut Fields<'_>, regions: &Regions) -> Option<Self> {
        fields.require("source");
        let source = fields.object("source", |source| read_source(source, regions)).flatten();
        let checkpoint = fields.texts_by_name("checkpoint").unwrap_or_default();
        let checkpoint: Option<BTreeMap<_, _>> =
            checkpoint.into_iter().map(|(shard, text)| Some((shard, Position::read(&text)?))).collect();
        if checkpoint.is_none() {
            fields.fault("checkpoint", format!("holds neither sequence numbers nor `{SHARD_END}`"));
        }
        let stream = Stream::read(fields);
        let sizes = Sizes::read(fields);
        let is_ordered = fields.flag("ordered").unwrap_or_default();
        let drops_outside = fields.choice("outsideRange", &[("drop", true), ("keep", false)]).unwrap_or(true);
        let checkpoint = checkpoint?;
        Some(Self { source: source?, checkpoint, stream: stream?, sizes, is_ordered, drops_outside })
    }

    fn names(&self) -> Named<'_> {
        Named { regions: vec![&self.source.region], ..Named::default() }
    }

    async fn run(&self, calls: &Calls<'_>) -> Result<Map<String, Json>, Error> {
        let mut progress = Progress::new(self.checkpoint.clone());
        let ended = self.relay(calls, &mut progress).await.err();
        let Some(error) = ended else { return Ok(progress.told(None)) };
        let is_late = calls.target().pace.deadline.explains(&error);
        if progress.checkpoint != progress.begun {
            let reason = if is_late { Kind::Incomplete.name() } else { error.name() };
            return Ok(progress.told(Some(reason)));
        }
        let error = if is_late {
            Error::new(Kind::Incomplete, "the time was over before one record of the source was put whole")
        } else {
            error
        };
        // Reading changes nothing, whatever became of it.
        Err(error.with_effect(progress.effect))
    }
}

/// One shard that is being read.
#[derive(Debug)]
struct Reader {
    shard: Shard,
    iterator: Option<String>,
    /// Records of a page.
    limit: u64,
    /// When it may be read again.
    ready_at: Instant,
    /// Of the last page.
    behind_ms: Option<u64>,
}

/// One page of a shard.
#[derive(Debug)]
struct Page {
    records: Vec<Received>,
    /// Absent at the end of the shard.
    next: Option<String>,
    behind_ms: u64,
}

#[derive(Debug)]
struct Received {
    sequence_number: String,
    partition_key: String,
    data: Vec<u8>,
}

/// What this invocation has come to.
#[derive(Debug)]
struct Progress {
    checkpoint: BTreeMap<String, Position>,
    /// The checkpoint that it began with.
    begun: BTreeMap<String, Position>,
    destination: Destination,
    /// User records.
    put: usize,
    faults: Vec<Json>,
    faulty: usize,
    outside: usize,
    is_caught_up: bool,
    effect: Effect,
}

impl Relay {
    async fn relay(&self, calls: &Calls<'_>, progress: &mut Progress) -> Result<(), Error> {
        let mut shards = self.list(calls).await?;
        progress.forget_unlisted(&shards);
        let mut readers: Vec<Reader> = Vec::new();
        let mut longest = Duration::ZERO;
        loop {
            progress.begin(&shards, self.source.limit, &mut readers);
            let mut has_ended = false;
            for reader in readers.iter_mut().filter(|reader| !reader.is_caught_up()) {
                let wait = reader.ready_at.saturating_duration_since(Instant::now());
                if calls.target().pace.deadline.remaining() <= wait + longest {
                    return Err(Error::new(Kind::DeadlineExceeded, "no time was left for another page"));
                }
                tokio::time::sleep(wait).await;
                let started = Instant::now();
                let page = self.read_page(calls, reader, progress).await?;
                self.put(calls, reader, &page, progress).await?;
                longest = longest.max(started.elapsed());
                has_ended |= page.next.is_none();
                reader.turn(page, progress);
            }
            readers.retain(|reader| progress.checkpoint.get(&reader.shard.id) != Some(&Position::End));
            if has_ended {
                // What came out of it is read next.
                shards = self.list(calls).await?;
            } else if readers.iter().all(Reader::is_caught_up) {
                progress.is_caught_up = true;
                return Ok(());
            }
        }
    }

    fn target<'a>(&'a self, calls: &'a Calls<'_>) -> Target<'a> {
        Target { region: &self.source.region, ..calls.target() }
    }

    async fn list(&self, calls: &Calls<'_>) -> Result<Shards, Error> {
        Shards::list(calls, &self.source.stream, self.target(calls)).await
    }

    async fn read_page(
        &self,
        calls: &Calls<'_>,
        reader: &mut Reader,
        progress: &Progress,
    ) -> Result<Page, Error> {
        let target = self.target(calls);
        let mut had_expired = false;
        loop {
            let iterator = match reader.iterator.take() {
                Some(iterator) => iterator,
                None => self.iterator(calls, &reader.shard.id, progress).await?,
            };
            let mut parameters = Map::from_iter([
                ("ShardIterator".to_owned(), json!(iterator)),
                ("Limit".to_owned(), json!(reader.limit)),
            ]);
            if let Stream::Arn(_) = self.source.stream {
                parameters.extend([self.source.stream.parameter()]);
            }
            reader.ready_at = Instant::now() + BETWEEN_READS;
            match ask(calls, GET.1, &parameters, target).await {
                Ok(called) => return Page::read(called.answer.members),
                // Good for five minutes: what came before took longer. Another one begins where this one did.
                Err(error) if error.name() == "ExpiredIteratorException" && !had_expired => {
                    had_expired = true;
                }
                // Base64 and long keys make more of a page than is read of an answer.
                Err(error) if error.name() == Kind::ResultTooLarge.name() && reader.limit > 1 => {
                    reader.limit /= 2;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn iterator(&self, calls: &Calls<'_>, shard: &str, progress: &Progress) -> Result<String, Error> {
        let from = match (progress.checkpoint.get(shard), &self.source.start) {
            (Some(Position::After(number)), _) => {
                json!({ "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": number })
            }
            (_, Start::At(timestamp)) => {
                json!({ "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": timestamp })
            }
            (_, Start::TrimHorizon) => json!({ "ShardIteratorType": "TRIM_HORIZON" }),
        };
        let mut parameters =
            Map::from_iter([self.source.stream.parameter(), ("ShardId".to_owned(), json!(shard))]);
        parameters.extend(from.as_object().cloned().unwrap_or_default());
        let called = ask(calls, ITERATOR.1, &parameters, self.target(calls)).await?;
        let iterator = called.answer.members.get("ShardIterator").and_then(Json::as_str);
        iterator.map(ToOwned::to_owned).ok_or_else(|| malformed("the answer holds no iterator"))
    }

    /// Puts a page, and moves the checkpoint as far as everything is put.
    async fn put(
        &self,
        calls: &Calls<'_>,
        reader: &Reader,
        page: &Page,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let mut users = Vec::new();
        // For each record of the page, how many user records there are up to its end.
        let mut ends = Vec::new();
        for received in &page.records {
            self.unpack(&reader.shard, received, &mut users, progress);
            ends.push(users.len());
        }
        let outgoing: Vec<_> = users.iter().map(outgoing_of).collect();
        let writer = Writer { stream: &self.stream, sizes: self.sizes, is_ordered: self.is_ordered };
        let outcome = writer.put(calls, &mut progress.destination, &outgoing).await;
        progress.put += outcome.count();
        progress.effect = progress.effect.and(outcome.effect());
        let whole = outcome.put.iter().position(|is_put| !is_put).unwrap_or(users.len());
        let records = page.records.iter().zip(ends);
        if let Some((last, _)) = records.take_while(|(_, end)| *end <= whole).last() {
            let position = Position::After(last.sequence_number.clone());
            progress.checkpoint.insert(reader.shard.id.clone(), position);
        }
        outcome.ended.map_or(Ok(()), Err)
    }

    /// Adds the user records that a record holds. What cannot be put is told.
    fn unpack<'p>(
        &self,
        shard: &Shard,
        received: &'p Received,
        users: &mut Vec<UserRecord<'p>>,
        progress: &mut Progress,
    ) {
        let mut add = |place: usize, found: Result<UserRecord<'p>, &str>| {
            let fitting = found.and_then(|record| {
                let is_fitting = outgoing_of(&record).least_size() <= self.sizes.most;
                if is_fitting { Ok(record) } else { Err("is larger than a record may be") }
            });
            match fitting {
                Ok(record) => users.push(record),
                Err(message) => progress.fault(shard, received, place, message),
            }
        };
        let range = self.drops_outside.then_some(shard.range);
        match content(&received.data, range) {
            Content::Plain => {
                let keys = Keys { partition_key: &received.partition_key, explicit_hash_key: None };
                let hash = kpl::hash_of(keys.partition_key);
                add(0, Ok(UserRecord { keys, hash, data: &received.data, tags: Vec::new() }));
            }
            Content::Aggregated(aggregated) => {
                for (place, unpacked) in aggregated.records().enumerate() {
                    add(place, user_record(unpacked));
                }
            }
            Content::Outside => progress.outside += 1,
        }
    }
}

fn outgoing_of<'a>(user: &'a UserRecord<'_>) -> Outgoing<'a> {
    Outgoing { record: Record { keys: user.keys, data: user.data, tags: &user.tags }, hash: user.hash }
}

impl Reader {
    /// A closed shard has an end, after which its children are read.
    fn is_caught_up(&self) -> bool {
        self.behind_ms == Some(0) && !self.shard.is_closed
    }

    /// Goes on after a page of which everything is put.
    fn turn(&mut self, page: Page, progress: &mut Progress) {
        self.behind_ms = Some(page.behind_ms);
        if page.next.is_none() {
            progress.checkpoint.insert(self.shard.id.clone(), Position::End);
        }
        self.iterator = page.next;
    }
}

impl Page {
    fn read(mut members: Map<String, Json>) -> Result<Self, Error> {
        let Some(Json::Array(records)) = members.remove("Records") else {
            return Err(malformed("a page holds no list of records"));
        };
        let next = members.get("NextShardIterator").and_then(Json::as_str).map(ToOwned::to_owned);
        let behind_ms = members.get("MillisBehindLatest").and_then(Json::as_u64);
        // Without a word on it, a page that is empty is the last for now.
        let behind_ms = behind_ms.unwrap_or(u64::from(!records.is_empty()));
        let records: Option<Vec<Received>> = records.iter().map(Received::read).collect();
        let records = records.ok_or_else(|| malformed("a record has no number, key or data"))?;
        Ok(Self { records, next, behind_ms })
    }
}

impl Received {
    fn read(record: &Json) -> Option<Self> {
        let text = |name: &str| record.get(name)?.as_str();
        Some(Self {
            sequence_number: text("SequenceNumber")?.to_owned(),
            partition_key: text("PartitionKey")?.to_owned(),
            data: STANDARD.decode(text("Data")?).ok()?,
        })
    }
}

impl Position {
    fn read(text: &str) -> Option<Self> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text {
            SHARD_END => Some(Self::End),
            _ => is_number.then(|| Self::After(text.to_owned())),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::After(number) => number,
            Self::End => SHARD_END,
        }
    }
}

impl Progress {
    fn new(checkpoint: BTreeMap<String, Position>) -> Self {
        Self {
            begun: checkpoint.clone(),
            checkpoint,
            destination: Destination::default(),
            put: 0,
            faults: Vec::new(),
            faulty: 0,
            outside: 0,
            is_caught_up: false,
            effect: Effect::None,
        }
    }

    /// A shard that is not listed any more holds nothing, so that checkpoints do not grow with each reshard.
    fn forget_unlisted(&mut self, shards: &Shards) {
        self.checkpoint.retain(|id, _| shards.find(id).is_some());
        self.begun.clone_from(&self.checkpoint);
    }

    /// Adds a reader for each shard whose parents are read to their ends, or hold nothing any more.
    fn begin(&self, shards: &Shards, limit: u64, readers: &mut Vec<Reader>) {
        let is_at_end = |id: &String| self.checkpoint.get(id) == Some(&Position::End);
        for shard in shards.iter() {
            let is_next = shard.parents.iter().all(|id| is_at_end(id) || shards.find(id).is_none());
            let is_read = readers.iter().any(|reader| reader.shard.id == shard.id);
            if is_next && !is_read && !is_at_end(&shard.id) {
                let shard = shard.clone();
                let ready_at = Instant::now();
                readers.push(Reader { shard, iterator: None, limit, ready_at, behind_ms: None });
            }
        }
    }

    fn fault(&mut self, shard: &Shard, received: &Received, place: usize, message: &str) {
        self.faulty += 1;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(json!({
                "ShardId": shard.id,
                "SequenceNumber": received.sequence_number,
                "SubSequenceNumber": place,
                "message": message,
            }));
        }
    }

    fn told(&self, error: Option<&str>) -> Map<String, Json> {
        let checkpoint: Map<String, Json> = self
            .checkpoint
            .iter()
            .map(|(shard, position)| (shard.clone(), json!(position.as_str())))
            .collect();
        let mut told = self.destination.tally.told();
        told.extend([
            ("checkpoint".to_owned(), checkpoint.into()),
            ("caughtUp".to_owned(), json!(self.is_caught_up)),
            ("put".to_owned(), json!(self.put)),
            ("outsideRange".to_owned(), json!(self.outside)),
            ("faulty".to_owned(), json!(self.faulty)),
            ("faults".to_owned(), json!(self.faults)),
        ]);
        told.extend(error.map(|name| ("error".to_owned(), json!(name))));
        told
    }
}

fn read_source(fields: &mut Fields<'_>, regions: &Regions) -> Option<Source> {
    let region = fields.required_text("region", |text| regions.parse(text));
    let stream = Stream::read(fields);
    let at_timestamp = fields
        .choice("ShardIteratorType", &[("TRIM_HORIZON", false), ("AT_TIMESTAMP", true)])
        .unwrap_or_default();
    let start = if at_timestamp {
        fields.require("Timestamp");
        Start::At(fields.any("Timestamp")?)
    } else {
        fields.refuse("Timestamp", "goes with `AT_TIMESTAMP` alone");
        Start::TrimHorizon
    };
    let limit = fields.integer("Limit", 1..=MOST_RECORDS).unwrap_or(MOST_RECORDS);
    Some(Source { region: region?, stream: stream?, start, limit })
}
