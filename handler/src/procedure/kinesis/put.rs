//! User records into the shards of a stream, aggregated.
//!
//! Enters: user records, and the shards of the stream as far as they are known. Leaves: which records a shard has taken
//! in whose range all of their aggregated record lies, and why it ended before all were. Fails as the service does; with
//! the code of a record that is refused for good; with `CrossRegion.DeadlineExceeded` where no time is left for another
//! request.
//!
//! Records go, in their order, into one queue per open shard: aggregated up to a target size, a lone one as it is. A
//! request takes from the queues what the shards may take in a second. What a shard refuses stands in front of its queue
//! again, and the shard is left alone for a while that doubles. A record that comes to another shard than its queue's
//! says that shards were split or merged: they are listed again, what lies in the range of the shard that took it is
//! put, and all that is left is sorted into queues anew. The rest of what came there is sent again as a whole, since
//! readers drop an aggregated record of which one user record lies outside of its shard.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::shards::Shards;
use super::{HASH_KEY_BYTES, PAUSES, SERVICE, Stream, is_throttled, malformed};
use crate::effect::Effect;
use crate::error::{Error, Kind};
use crate::fields::Fields;
use crate::pauses::Pauses;
use crate::procedure::Calls;
use crate::procedure::kpl::{self, Aggregate, Record};

pub(crate) const PUT: (&str, &str) = (SERVICE, "PutRecords");

/// Records of one request, and their bytes with all keys.
const REQUEST_RECORDS: usize = 500;
const REQUEST_BYTES: usize = 10 << 20;

/// What a shard takes in a second.
const SHARD_RECORDS: usize = 1_000;
const SHARD_BYTES: usize = 1 << 20;

/// Bytes for which a stream in provisioned mode bills once.
pub const PAYLOAD_UNIT: usize = 25_000;

/// Bytes that a record of a stream may have, data and partition key, unless the stream is set to take more; and the
/// most that it can be set to.
const RECORD_KIB: u64 = 1 << 10;
const MOST_RECORD_KIB: u64 = 10 << 10;

/// The outer partition key of aggregated records, as the Kinesis Producer Library writes it. Which shard they come to
/// their outer explicit hash key says, of at most so many bytes.
const OUTER_PARTITION_KEY: &str = "a";

/// Why one record of a request was left, if it may go well a little later.
const PASSING: [&str; 2] = ["ProvisionedThroughputExceededException", "InternalFailure"];

/// Listings for a shard that took records and is not listed.
const LOOKS: u32 = 5;

/// Of a stream's records, data and keys, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// That an aggregated record is filled up to.
    pub target: usize,
    /// That no record can exceed.
    pub most: usize,
}

impl Sizes {
    /// `targetSize` and `MaxRecordSizeInKiB`.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        let most = fields.integer("MaxRecordSizeInKiB", RECORD_KIB..=MOST_RECORD_KIB).unwrap_or(RECORD_KIB);
        let most = most << 10;
        let target = fields.integer("targetSize", 1..=most).unwrap_or((PAYLOAD_UNIT as u64).min(most));
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self { target: size(target), most: size(most) }
    }
}

/// A user record, and the hash of its keys.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    pub record: Record<'a>,
    pub hash: u128,
}

impl Outgoing<'_> {
    /// Bytes of the smallest record of a stream that carries it: data and partition key, as the service has it.
    pub fn least_size(&self) -> usize {
        let mut entry = Entry::default();
        entry.push(0, self);
        match entry.plain() {
            Some(record) => record.data.len() + record.keys.partition_key.len(),
            None => entry.aggregate.size() + OUTER_PARTITION_KEY.len(),
        }
    }
}

/// What becomes one record of a stream.
#[derive(Debug, Default)]
struct Entry<'a> {
    /// Of its user records among all.
    places: Vec<usize>,
    aggregate: Aggregate<'a>,
    first_hash: u128,
}

impl<'a> Entry<'a> {
    fn push(&mut self, place: usize, outgoing: &Outgoing<'a>) {
        if self.places.is_empty() {
            self.first_hash = outgoing.hash;
        }
        self.places.push(place);
        self.aggregate.push(outgoing.record);
    }

    /// A lone record, unless it would lose its tags or be taken for an aggregated one.
    fn plain(&self) -> Option<&Record<'a>> {
        let mut records = self.aggregate.records();
        let first = records.next()?;
        let is_plain = records.len() == 0 && first.tags.is_empty() && kpl::decode(first.data).is_none();
        is_plain.then_some(first)
    }

    /// Bytes of data and keys.
    fn size(&self) -> usize {
        match self.plain() {
            Some(Record { keys, data, .. }) => {
                data.len() + keys.partition_key.len() + keys.explicit_hash_key.map_or(0, str::len)
            }
            None => self.aggregate.size() + OUTER_PARTITION_KEY.len() + HASH_KEY_BYTES,
        }
    }

    fn size_with(&self, outgoing: &Outgoing<'_>) -> usize {
        self.aggregate.size_with(&outgoing.record) + OUTER_PARTITION_KEY.len() + HASH_KEY_BYTES
    }

    /// As `PutRecords` takes it.
    fn request(&self) -> Json {
        let Some(Record { keys, data, .. }) = self.plain() else {
            return json!({
                "Data": STANDARD.encode(self.aggregate.encode()),
                "PartitionKey": OUTER_PARTITION_KEY,
                "ExplicitHashKey": self.first_hash.to_string(),
            });
        };
        let mut request = Map::from_iter([
            ("Data".to_owned(), json!(STANDARD.encode(data))),
            ("PartitionKey".to_owned(), json!(keys.partition_key)),
        ]);
        request.extend(keys.explicit_hash_key.map(|key| ("ExplicitHashKey".to_owned(), json!(key))));
        request.into()
    }
}

/// How fast one shard takes records.
#[derive(Debug)]
struct Pace {
    /// When it may take more.
    ready_at: Instant,
    pauses: Pauses,
}

impl Default for Pace {
    fn default() -> Self {
        Self { ready_at: Instant::now(), pauses: PAUSES }
    }
}

/// What is known of a stream from one [`Writer::put`] to the next.
#[derive(Debug, Default)]
pub struct Destination {
    shards: Shards,
    /// By the ids of shards.
    paces: BTreeMap<String, Pace>,
    /// Time that a request took.
    longest: Duration,
    pub tally: Tally,
}

/// Counts of a job's requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub requests: u64,
    /// Records of the stream that were taken where their readers look for them.
    pub taken: u64,
    /// What these are billed for in provisioned mode.
    pub payload_units: u64,
    /// Records of the stream that were refused and sent again.
    pub refused: u64,
    /// Records of the stream that came where no reader may take them, and whose user records were sent again.
    pub misplaced: u64,
}

impl Tally {
    /// As results tell it.
    pub fn told(&self) -> Map<String, Json> {
        let told = json!({
            "requests": self.requests,
            "records": self.taken,
            "payloadUnits": self.payload_units,
            "refused": self.refused,
            "misplaced": self.misplaced,
        });
        if let Json::Object(told) = told { told } else { Map::new() }
    }
}

/// What became of the user records.
#[derive(Debug)]
pub struct Outcome {
    /// Which of them are put.
    pub put: Vec<bool>,
    /// Which of the others may be in the stream as well: nobody said, or not every reader would take them.
    pub uncertain: Vec<bool>,
    /// Why there are others.
    pub ended: Option<Error>,
}

impl Outcome {
    pub fn count(&self) -> usize {
        self.put.iter().filter(|is_put| **is_put).count()
    }

    /// How many are not put, and may be in the stream all the same.
    pub fn open(&self) -> usize {
        self.uncertain.iter().zip(&self.put).filter(|(open, is_put)| **open && !**is_put).count()
    }

    /// What is certain of all records that were asked for, if that is how it ends.
    pub fn effect(&self) -> Effect {
        if self.count() + self.open() == 0 { Effect::None } else { Effect::Unknown }
    }
}

/// Writes into one stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub stream: &'a Stream,
    pub sizes: Sizes,
    /// Records of a partition key are in the stream in the order in which they came.
    pub is_ordered: bool,
}

impl Writer<'_> {
    /// Puts the records. `destination` is what is known from before, and what is known in the end.
    pub async fn put(
        &self,
        calls: &Calls<'_>,
        destination: &mut Destination,
        records: &[Outgoing<'_>],
    ) -> Outcome {
        let Destination { shards, paces, longest, tally } = destination;
        let mut work = Work {
            writer: self,
            calls,
            records,
            put: vec![false; records.len()],
            uncertain: vec![false; records.len()],
            unsettled: Vec::new(),
            queues: BTreeMap::new(),
            paces,
            longest,
            looks: None,
            tally,
        };
        let ended = work.all(shards).await.err();
        for (_, entry) in std::mem::take(&mut work.unsettled) {
            work.doubt(&entry.places);
        }
        let Work { put, uncertain, .. } = work;
        Outcome { put, uncertain, ended }
    }
}

/// Records on their way.
struct Work<'w, 'r> {
    writer: &'w Writer<'w>,
    calls: &'w Calls<'w>,
    records: &'w [Outgoing<'r>],
    put: Vec<bool>,
    uncertain: Vec<bool>,
    /// What came to another shard than was expected, of which the range is not known yet.
    unsettled: Vec<Taken<'r>>,
    /// What waits for each shard, by its id; each has a pace.
    queues: BTreeMap<String, VecDeque<Entry<'r>>>,
    paces: &'w mut BTreeMap<String, Pace>,
    longest: &'w mut Duration,
    /// Between listings of the shards, once there was one.
    looks: Option<Pauses>,
    tally: &'w mut Tally,
}

/// The shard of the queue that it was taken from, and the entry.
type Taken<'r> = (String, Entry<'r>);

impl<'r> Work<'_, 'r> {
    async fn all(&mut self, shards: &mut Shards) -> Result<(), Error> {
        if self.records.is_empty() {
            return Ok(());
        }
        if shards.is_empty() {
            *shards = self.list().await?;
        }
        self.sort(shards)?;
        while let Some(ready_at) = self.ready_at() {
            self.wait_until(ready_at).await?;
            let request = self.take();
            let answers = self.send(&request).await?;
            let is_resharded = self.judge(request, &answers, shards)?;
            if is_resharded {
                self.look_again(shards).await?;
                self.sort(shards)?;
            }
        }
        Ok(())
    }

    async fn list(&self) -> Result<Shards, Error> {
        Shards::list(self.calls, self.writer.stream, self.calls.target()).await
    }

    /// Fills the queues with all that is not put. A shard that is known already keeps its pace.
    fn sort(&mut self, shards: &Shards) -> Result<(), Error> {
        self.queues.values_mut().for_each(VecDeque::clear);
        let target = self.writer.sizes.target;
        let pending = self.records.iter().enumerate().zip(&self.put);
        for ((place, outgoing), _) in pending.filter(|(_, is_put)| !**is_put) {
            let shard = shards
                .taking(outgoing.hash)
                .ok_or_else(|| malformed("the stream has no open shard for a record"))?;
            if !self.queues.contains_key(&shard.id) {
                self.queues.insert(shard.id.clone(), VecDeque::new());
                self.paces.entry(shard.id.clone()).or_default();
            }
            let Some(queue) = self.queues.get_mut(&shard.id) else { continue };
            match queue.back_mut() {
                Some(last) if last.size_with(outgoing) <= target => last.push(place, outgoing),
                _ => {
                    let mut entry = Entry::default();
                    entry.push(place, outgoing);
                    queue.push_back(entry);
                }
            }
        }
        Ok(())
    }

    /// When the next request can be made; never, if nothing is left.
    fn ready_at(&self) -> Option<Instant> {
        let waiting = self.queues.iter().filter(|(_, queue)| !queue.is_empty());
        waiting.filter_map(|(shard, _)| self.paces.get(shard)).map(|pace| pace.ready_at).min()
    }

    async fn wait_until(&self, moment: Instant) -> Result<(), Error> {
        let wait = moment.saturating_duration_since(Instant::now());
        // A request that will not be answered in time would leave open what became of it.
        if self.calls.target().pace.deadline.remaining() <= wait + *self.longest {
            return Err(Error::new(Kind::DeadlineExceeded, "no time was left to put all records"));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Takes one request out of the queues of shards that may take more, those that waited longest first.
    fn take(&mut self) -> Vec<Taken<'r>> {
        let now = Instant::now();
        // The paces of others are of shards that take records no more.
        let ready = self.paces.iter_mut().filter(|(_, pace)| pace.ready_at <= now);
        let mut ready: Vec<_> = ready.filter(|(shard, _)| self.queues.contains_key(*shard)).collect();
        ready.sort_by_key(|(_, pace)| pace.ready_at);
        let (mut request, mut bytes) = (Vec::new(), 0);
        let most = if self.writer.is_ordered { 1 } else { REQUEST_RECORDS };
        for (shard, pace) in ready {
            let Some(queue) = self.queues.get_mut(shard) else { continue };
            let (mut records, mut shard_bytes) = (0, 0);
            while let Some(size) = queue.front().map(Entry::size) {
                // What is too large by itself is for the service to judge.
                let is_full = request.len() == REQUEST_RECORDS
                    || (bytes > 0 && bytes + size > REQUEST_BYTES)
                    || records == most
                    || (records > 0 && shard_bytes + size > SHARD_BYTES);
                if is_full {
                    break;
                }
                request.extend(queue.pop_front().map(|entry| (shard.clone(), entry)));
                records += 1;
                shard_bytes += size;
                bytes += size;
            }
            pace.ready_at = now + time_for(records, shard_bytes);
        }
        request
    }

    /// Sends the request. The answers stand in its order; none, where the service was too busy for all of it.
    async fn send(&mut self, request: &[Taken<'r>]) -> Result<Vec<Json>, Error> {
        let records: Vec<Json> = request.iter().map(|(_, entry)| entry.request()).collect();
        let parameters =
            Map::from_iter([self.writer.stream.parameter(), ("Records".to_owned(), records.into())]);
        let started = Instant::now();
        let called = self.calls.call(PUT.0, PUT.1, parameters, self.calls.target()).await;
        *self.longest = started.elapsed().max(*self.longest);
        self.tally.requests += 1;
        let outcome =
            match called {
                Ok(mut called) => match called.answer.members.remove("Records") {
                    Some(Json::Array(answers)) if answers.len() == request.len() => return Ok(answers),
                    _ => Err(malformed("the answer has not one entry for each record")
                        .with_effect(Effect::Unknown)),
                },
                Err(error) if is_throttled(&error) => return Ok(Vec::new()),
                Err(error) => Err(error),
            };
        if outcome.as_ref().is_err_and(|error| error.effect != Effect::None) {
            for (_, entry) in request {
                self.doubt(&entry.places);
            }
        }
        outcome
    }

    /// Notes what became of each entry. True if shards were split or merged.
    fn judge(&mut self, request: Vec<Taken<'r>>, answers: &[Json], shards: &Shards) -> Result<bool, Error> {
        let (mut refusing, mut ended, mut is_resharded) = (BTreeSet::new(), None, false);
        // Backwards, so that what goes back to the front of a queue stands there as it did.
        for (at, (shard, entry)) in request.into_iter().enumerate().rev() {
            let Some(answer) = answers.get(at).filter(|answer| !is_passing(answer)) else {
                self.tally.refused += 1;
                if let Some(queue) = self.queues.get_mut(&shard) {
                    queue.push_front(entry);
                }
                refusing.insert(shard);
                continue;
            };
            if let Some(code) = code(answer) {
                let message = answer.get("ErrorMessage").and_then(Json::as_str).unwrap_or_default();
                ended = Some(Error::service(None, Some(code), message));
                continue;
            }
            let Some(landed) = answer.get("ShardId").and_then(Json::as_str) else {
                self.doubt(&entry.places);
                ended = Some(malformed("the answer does not say which shard took a record"));
                continue;
            };
            if let Some(pace) = self.paces.get_mut(&shard) {
                pace.pauses = PAUSES;
            }
            is_resharded |= landed != shard;
            if landed == shard {
                self.is_taken(&entry.places, entry.size());
            } else {
                self.unsettled.push((landed.to_owned(), entry));
            }
        }
        for shard in refusing {
            if let Some(pace) = self.paces.get_mut(&shard) {
                pace.ready_at = pace.ready_at.max(Instant::now() + pace.pauses.draw());
            }
        }
        self.settle(shards);
        ended.map_or(Ok(is_resharded), Err)
    }

    /// Finds out whether readers take what came to another shard than was expected.
    fn settle(&mut self, shards: &Shards) {
        for (landed, entry) in std::mem::take(&mut self.unsettled) {
            let Some(shard) = shards.find(&landed) else {
                self.unsettled.push((landed, entry));
                continue;
            };
            let mut hashes = entry.places.iter().filter_map(|place| self.records.get(*place));
            if hashes.all(|it| shard.range.contains(it.hash)) {
                self.is_taken(&entry.places, entry.size());
            } else {
                self.tally.misplaced += 1;
                self.doubt(&entry.places);
            }
        }
    }

    /// Lists the shards until the range is known of each that took records.
    async fn look_again(&mut self, shards: &mut Shards) -> Result<(), Error> {
        for _ in 0..LOOKS {
            match self.looks.as_mut().map(Pauses::draw) {
                Some(pause) => self.wait_until(Instant::now() + pause).await?,
                None => self.looks = Some(PAUSES),
            }
            *shards = self.list().await?;
            self.settle(shards);
            if self.unsettled.is_empty() {
                return Ok(());
            }
        }
        Err(malformed("a shard took records that the stream does not list"))
    }

    fn is_taken(&mut self, places: &[usize], size: usize) {
        self.tally.taken += 1;
        self.tally.payload_units += size.div_ceil(PAYLOAD_UNIT).max(1) as u64;
        for place in places {
            if let Some(is_put) = self.put.get_mut(*place) {
                *is_put = true;
            }
        }
    }

    fn doubt(&mut self, places: &[usize]) {
        for place in places {
            if let Some(is_uncertain) = self.uncertain.get_mut(*place) {
                *is_uncertain = true;
            }
        }
    }
}

/// In which a shard takes so much.
fn time_for(records: usize, bytes: usize) -> Duration {
    let part = |count: usize, in_a_second: usize| {
        Duration::from_secs(1).saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
            / u32::try_from(in_a_second).unwrap_or(1)
    };
    part(records, SHARD_RECORDS).max(part(bytes, SHARD_BYTES))
}

/// Absent where the record was taken.
fn code(answer: &Json) -> Option<&str> {
    answer.get("ErrorCode")?.as_str().filter(|code| !code.is_empty())
}

fn is_passing(answer: &Json) -> bool {
    code(answer).is_some_and(|code| PASSING.contains(&code))
}
