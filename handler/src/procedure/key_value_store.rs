//! `keyValueStore.sync`: a CloudFront KeyValueStore brought to the entries that are wanted of it.
//!
//! Enters: the store's ARN, the entries or the S3 object that holds them, what becomes of the others, and a prefix that
//! bounds both. Leaves: how many keys were put and deleted, and the ETag under which the store was as wanted. Fails as
//! the service does, and as the reading of the object; with `CrossRegion.InvalidParameters` before anything is written
//! where keys, values or the store would be too large; and with `CrossRegion.Incomplete` where the time is over, from
//! where another attempt goes on.
//!
//! The store has one ETag, good for one write, and every write tells the next. So it is described first, and then
//! listed: a write under the ETag of before the listing is taken only if the listing was the store as it is. A stale
//! ETag means that somebody else wrote, or that a write of ours took effect whose answer was lost; either way it all
//! begins again with what the store holds by then. No write is ever repeated on the strength of an older listing.
//!
//! Two at once that want different things: see "Procedures" in `handler/README.md`.

pub mod difference;
mod items;
mod source;

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use self::difference::{Change, Difference, Mode, TooLarge, What};
use self::items::{KEY_LIMIT, NAMES, STORE_LIMIT, VALUE_LIMIT};
use super::source::{READ, Source};
use super::{Calls, Job};
use crate::drive::if_match::is_stale;
use crate::effect::Effect;
use crate::error::{Error, Fault, Kind};
use crate::fields::{Fields, some_text};
use crate::pauses::Pauses;
use crate::region::Regions;
use crate::table::Named;

const SERVICE: &str = "cloudfront-keyvaluestore";
const DESCRIBE: &str = "DescribeKeyValueStore";
const LIST: &str = "ListKeys";
const UPDATE: &str = "UpdateKeys";

/// Keys of one `UpdateKeys`, puts and deletes together, and of one page of `ListKeys`.
const BATCH_LIMIT: usize = 50;
const PAGE: usize = 50;

/// Bytes of one `UpdateKeys`. The keys of a batch cannot come to it, even if every byte is escaped and with what
/// stands around them.
const REQUEST_LIMIT: usize = 3_000_000;
const _: () = assert!(BATCH_LIMIT * (6 * (KEY_LIMIT + VALUE_LIMIT) + 64) < REQUEST_LIMIT);

/// After a stale ETag.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(100), Duration::from_millis(3_200));

/// Brings a store to what is wanted of it.
#[derive(Debug)]
pub(crate) struct Sync {
    store: String,
    /// Without entries where they come from a source.
    wanted: Difference,
    source: Option<Source>,
    dry_run: bool,
}

impl Job for Sync {
    const NAME: &'static str = "keyValueStore.sync";
    const CALLS: &'static [(&'static str, &'static str)] =
        &[(SERVICE, DESCRIBE), (SERVICE, LIST), (SERVICE, UPDATE), READ];

    fn read(fields: &mut Fields<'_>, regions: &Regions) -> Option<Self> {
        let store = fields.required_text("KvsARN", some_text);
        fields.require("mode");
        let mode = fields.choice("mode", &[("exclusive", Mode::Exclusive), ("merge", Mode::Merge)]);
        let prefix = fields.text("keyPrefix", some_text).unwrap_or_default();
        let dry_run = fields.flag("dryRun").unwrap_or_default();
        let is_from_object = fields.has("itemsFrom");
        let source = fields.object("itemsFrom", |object| source::read(object, regions)).flatten();
        // Without a mode nothing is run.
        let mut wanted = Difference::new(mode.unwrap_or(Mode::Merge), prefix);
        if is_from_object {
            fields.refuse("Items", "stands beside `itemsFrom`, and one of them says what is wanted");
            source.as_ref()?;
        } else {
            fields.require("Items");
            fields.objects("Items", |item| items::read(item, NAMES, &mut wanted));
        }
        mode?;
        Some(Self { store: store?, wanted, source, dry_run })
    }

    fn names(&self) -> Named<'_> {
        self.source.as_ref().map(Source::names).unwrap_or_default()
    }

    async fn run(&self, calls: &Calls<'_>) -> Result<Map<String, Json>, Error> {
        let mut progress = Progress::with(self.wanted.clone());
        let outcome = self.sync(calls, &mut progress).await;
        outcome.map_err(|error| progress.ended_by(error, calls))
    }
}

/// The store under one ETag.
#[derive(Debug)]
struct Version {
    etag: String,
    bytes: i64,
}

/// What this invocation has done so far.
#[derive(Debug)]
struct Progress {
    difference: Difference,
    /// Keys of one write, halved where the service takes fewer.
    batch: usize,
    batches: usize,
    conflicts: u32,
    /// What is open about writes that were not acknowledged.
    effect: Effect,
}

impl Sync {
    async fn sync(&self, calls: &Calls<'_>, progress: &mut Progress) -> Result<Map<String, Json>, Error> {
        if let Some(source) = &self.source {
            source::want_all(source, calls, &mut progress.difference).await?;
        }
        let mut pauses = PAUSES;
        loop {
            let version = self.describe(calls).await?;
            self.look(calls, &mut progress.difference).await?;
            let changes = progress.difference.changes();
            let growth: i64 = changes.iter().map(|change| i64::from(change.growth)).sum();
            let bytes = version.bytes.saturating_add(growth);
            if growth > 0 && bytes > STORE_LIMIT {
                // Unless the listing was of another version, to which this sum does not belong.
                if self.describe(calls).await?.etag == version.etag {
                    return Err(self.too_large(bytes));
                }
            } else if self.dry_run {
                progress.difference.done(&changes);
                progress.batches = changes.len().div_ceil(BATCH_LIMIT);
                return Ok(self.result(progress, &Version { bytes, ..version }));
            } else if let Some(version) = self.write(calls, progress, version, &changes).await? {
                return Ok(self.result(progress, &version));
            }
            progress.conflicts += 1;
            pauses.wait(calls.target().pace.deadline).await;
        }
    }

    async fn describe(&self, calls: &Calls<'_>) -> Result<Version, Error> {
        let parameters = Map::from_iter([("KvsARN".to_owned(), json!(self.store))]);
        let called = calls.call(SERVICE, DESCRIBE, parameters, calls.target()).await?;
        Version::told(&called.answer.members)
    }

    /// Lists the store beside what is wanted of it.
    async fn look(&self, calls: &Calls<'_>, difference: &mut Difference) -> Result<(), Error> {
        difference.look_again();
        let mut token = None;
        loop {
            let mut parameters = Map::from_iter([
                ("KvsARN".to_owned(), json!(self.store)),
                ("MaxResults".to_owned(), json!(PAGE)),
            ]);
            parameters.extend(token.iter().map(|token: &String| ("NextToken".to_owned(), json!(token))));
            let called = calls.call(SERVICE, LIST, parameters, calls.target()).await?;
            let page = &called.answer.members;
            for item in page.get("Items").and_then(Json::as_array).into_iter().flatten() {
                let (Some(key), Some(value)) = (item["Key"].as_str(), item["Value"].as_str()) else {
                    return Err(malformed("a page of the store holds an item without key or value"));
                };
                difference
                    .saw(key, value)
                    .map_err(|TooLarge| malformed("a page of the store holds more than any store"))?;
            }
            let next = page.get("NextToken").and_then(Json::as_str).filter(|token| !token.is_empty());
            match next {
                None => return Ok(()),
                Some(next) if token.as_deref() == Some(next) => {
                    return Err(malformed("a page of the store leads to itself"));
                }
                Some(next) => token = Some(next.to_owned()),
            }
        }
    }

    /// Carries the changes out, each batch under the ETag that the one before it left. Nothing where an ETag was stale.
    async fn write(
        &self,
        calls: &Calls<'_>,
        progress: &mut Progress,
        mut version: Version,
        changes: &[Change],
    ) -> Result<Option<Version>, Error> {
        let mut left = changes;
        while !left.is_empty() {
            let (batch, rest) = left.split_at(progress.batch.min(left.len()));
            match self.update(calls, &version.etag, progress.difference.told(batch)).await {
                Ok(next) => {
                    progress.difference.done(batch);
                    progress.batches += 1;
                    version = next;
                    left = rest;
                }
                Err(error) => {
                    progress.effect = progress.effect.and(error.effect);
                    if is_stale(SERVICE, &error) {
                        return Ok(None);
                    }
                    if batch.len() == 1 || !is_too_much(&error) {
                        return Err(error);
                    }
                    progress.batch = batch.len() / 2;
                }
            }
        }
        Ok(Some(version))
    }

    async fn update(
        &self,
        calls: &Calls<'_>,
        etag: &str,
        batch: impl Iterator<Item = What<'_>>,
    ) -> Result<Version, Error> {
        let (mut puts, mut deletes) = (Vec::new(), Vec::new());
        for what in batch {
            match what {
                What::Put { key, value } => puts.push(json!({ "Key": key, "Value": value })),
                What::Delete { key } => deletes.push(json!({ "Key": key })),
            }
        }
        let mut parameters =
            Map::from_iter([("KvsARN".to_owned(), json!(self.store)), ("IfMatch".to_owned(), json!(etag))]);
        for (name, list) in [("Puts", puts), ("Deletes", deletes)] {
            if !list.is_empty() {
                parameters.insert(name.to_owned(), list.into());
            }
        }
        let called = calls.call(SERVICE, UPDATE, parameters, calls.target()).await?;
        Version::told(&called.answer.members).map_err(|error| error.with_effect(Effect::Unknown))
    }

    fn result(&self, progress: &Progress, version: &Version) -> Map<String, Json> {
        let (wanted, put) = (progress.difference.wanted(), progress.difference.put());
        let result = json!({
            "put": put,
            "deleted": progress.difference.deleted(),
            "unchanged": wanted.saturating_sub(put),
            "batches": progress.batches,
            "conflicts": progress.conflicts,
            "dryRun": self.dry_run,
            "ETag": version.etag,
            "TotalSizeInBytes": version.bytes,
        });
        if let Json::Object(result) = result { result } else { Map::new() }
    }

    fn too_large(&self, bytes: i64) -> Error {
        let place = if self.source.is_some() { "parameters.itemsFrom" } else { "parameters.Items" };
        let message = format!("the store would hold {bytes} bytes, and holds at most {STORE_LIMIT}");
        Error::faults(Kind::InvalidParameters, vec![Fault::new(place, message)])
    }
}

impl Version {
    fn told(members: &Map<String, Json>) -> Result<Self, Error> {
        let etag = members.get("ETag").and_then(Json::as_str);
        let bytes = members.get("TotalSizeInBytes").and_then(Json::as_i64);
        match (etag, bytes) {
            (Some(etag), Some(bytes)) => Ok(Self { etag: etag.to_owned(), bytes }),
            _ => Err(malformed("the answer holds no ETag or no size of the store")),
        }
    }
}

impl Progress {
    fn with(difference: Difference) -> Self {
        Self { difference, batch: BATCH_LIMIT, batches: 0, conflicts: 0, effect: Effect::None }
    }

    /// The error with what became of the job until then. Reading changes nothing, whatever became of it.
    fn ended_by(&self, error: Error, calls: &Calls<'_>) -> Error {
        let effect = if self.batches > 0 { Effect::Unknown } else { self.effect };
        if !calls.target().pace.deadline.explains(&error) {
            return error.with_effect(effect);
        }
        let so_far = match effect {
            Effect::None => "before anything was written".to_owned(),
            _ => format!(
                "after {} batches, with {} keys put and {} deleted; another attempt goes on from there",
                self.batches,
                self.difference.put(),
                self.difference.deleted(),
            ),
        };
        Error::new(Kind::Incomplete, format!("the time was over {so_far}")).with_effect(effect)
    }
}

/// Whether fewer keys may be taken where so many are not. AWS documents no error for it, so that only its words tell:
/// at worst a refusal for another reason is heard a few times more.
fn is_too_much(error: &Error) -> bool {
    let message = error.message.to_ascii_lowercase();
    let words = ["limit", "exceed", "too many", "maximum", "at most", "less than or equal"];
    let is_refused = matches!(error.name(), "ValidationException" | "ServiceQuotaExceededException")
        || error.status_code == Some(413);
    is_refused && (error.status_code == Some(413) || words.iter().any(|word| message.contains(word)))
}

fn malformed(message: &str) -> Error {
    Error::new(Kind::MalformedResponse, message)
}
