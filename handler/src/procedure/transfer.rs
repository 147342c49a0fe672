//! `s3.transfer`: an object, or all that a prefix names, from one bucket to another.
//!
//! Enters: where it is and where it goes, each with a role and an endpoint of its own where it needs one. Leaves: what
//! was copied, on which path, and what its checksum was compared with. Fails as S3 does, the message saying the side;
//! with `CrossRegion.SourceChanged`, `CrossRegion.ChecksumMismatch` and `CrossRegion.StaleETag`; and with
//! `CrossRegion.Incomplete` where the time is over, from where another attempt goes on.
//!
//! Where one principal reads and writes through S3's own endpoints, S3 copies, asked in the target's Region. Where a
//! role or an endpoint differs, the bytes pass through this function, and none of them is kept ([`reading`]). Large
//! objects go in parts that any attempt can go on with ([`upload`]).
//!
//! `effect` of an error: `none`, nothing of it is at the target; `unknown`, parts of an unfinished upload are, or some
//! objects of many, or a write got no usable answer.

mod crc;
mod object;
mod prefix;
mod reading;
mod side;
mod upload;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::types::StorageClass;
use serde_json::{Map, Value as Json, json};

use self::object::{Conditions, Object, Path, Progress};
use self::prefix::Tally;
use self::side::{SERVICE, Side};
use super::{Calls, Job};
use crate::client::role::{self, AssumeRole};
use crate::custom_endpoint::CustomEndpoint;
use crate::effect::Effect;
use crate::error::{Error, Kind};
use crate::fields::{Fields, some_text};
use crate::region::{Region, Regions};
use crate::table::Named;

/// Seconds after which an upload that nobody goes on with is aborted: a day, and at most a month.
const ABANDONED_S: u64 = 86_400;
const MOST_ABANDONED_S: u64 = 31 * 86_400;

/// Bytes of a key.
const KEY_LIMIT: usize = 1_024;

/// Copies what is at the source to the target.
#[derive(Debug)]
pub(crate) struct Transfer {
    source: Place,
    target: Place,
    what: What,
    path: Option<Path>,
    conditions: Conditions,
    storage_class: Option<StorageClass>,
    abandoned: Duration,
}

/// A bucket and how it is reached.
#[derive(Debug)]
struct Place {
    bucket: String,
    /// That of the event where it is not said.
    region: Option<Region>,
    assume_role: Option<AssumeRole>,
    endpoint: Option<CustomEndpoint>,
}

#[derive(Debug)]
enum What {
    Object { from: String, to: String, version: Option<String>, if_match: Option<String> },
    Prefix { from: String, to: String, manifest: Option<String> },
}

/// What one side says of its objects.
#[derive(Debug, Clone)]
enum Keys {
    One(String),
    Prefix(String),
}

impl Job for Transfer {
    const NAME: &'static str = "s3.transfer";
    const CALLS: &'static [(&'static str, &'static str)] = &[
        (SERVICE, "HeadObject"),
        (SERVICE, "GetObject"),
        (SERVICE, "ListObjectsV2"),
        (SERVICE, "PutObject"),
        (SERVICE, "CopyObject"),
        (SERVICE, "ListMultipartUploads"),
        (SERVICE, "ListParts"),
        (SERVICE, "CreateMultipartUpload"),
        (SERVICE, "UploadPart"),
        (SERVICE, "UploadPartCopy"),
        (SERVICE, "CompleteMultipartUpload"),
        (SERVICE, "AbortMultipartUpload"),
    ];

    fn read(fields: &mut Fields<'_>, regions: &Regions) -> Option<Self> {
        fields.require("source");
        fields.require("target");
        let (mut version, mut source_match) = (None, None);
        let source = fields.object("source", |source| {
            source.refuse_of_prefix(&["versionId", "ifMatch"]);
            version = source.text("versionId", some_text);
            source_match = source.text("ifMatch", some_text);
            let region = source.text("region", |text| regions.parse(text));
            (read_place(source, regions, region), read_keys(source))
        });
        let (source, from) = source.unwrap_or_default();
        let mut conditions = Conditions::default();
        let mut storage_class = None;
        let target = fields.object("target", |target| {
            target.refuse_of_prefix(&["ifMatch"]);
            conditions.if_match = target.text("ifMatch", some_text);
            conditions.if_none_match = target.choice("ifNoneMatch", &[("*", true)]).unwrap_or_default();
            if conditions.if_none_match && conditions.if_match.is_some() {
                target.fault("ifNoneMatch", "cannot hold together with `ifMatch`");
            }
            storage_class =
                target.text("storageClass", some_text).map(|text| StorageClass::from(text.as_str()));
            let place = read_place(target, regions, None);
            // The keys of the source, where it has none of its own.
            let keys =
                if target.has("key") || target.has("prefix") { read_keys(target) } else { from.clone() };
            (place, keys)
        });
        let path = fields.choice("path", &[("auto", None), ("stream", Some(Path::Stream))]).flatten();
        let seconds = fields.integer("abandonedAfterSeconds", 0..=MOST_ABANDONED_S);
        let manifest = fields.object("manifest", |manifest| manifest.required_text("keyPrefix", some_text));
        let (target, to) = target.unwrap_or_default();
        let (source, from, target, to) = (source?, from?, target?, to?);
        let is_one_bucket = source.bucket == target.bucket && source.endpoint == target.endpoint;
        let what = match (from, to) {
            (Keys::One(from), Keys::One(to)) => {
                if manifest.is_some() {
                    fields.fault("manifest", "is of a prefix");
                }
                if is_one_bucket && from == to {
                    fields.fault("target", "is the source itself");
                }
                What::Object { from, to, version, if_match: source_match }
            }
            (Keys::Prefix(from), Keys::Prefix(to)) => {
                if is_one_bucket && to.starts_with(&from) {
                    fields.fault("target", "lies within the source, which would never end");
                }
                What::Prefix { from, to, manifest: manifest.flatten() }
            }
            _ => {
                fields.fault("target", "has `key` where the source has it, or else `prefix`");
                return None;
            }
        };
        let abandoned = Duration::from_secs(seconds.unwrap_or(ABANDONED_S));
        Some(Self { source, target, what, path, conditions, storage_class, abandoned })
    }

    fn names(&self) -> Named<'_> {
        let (source, target) = (self.source.bucket.as_str(), self.target.bucket.as_str());
        let (from, to, manifest) = match &self.what {
            What::Object { from, to, .. } => (from, to, None),
            What::Prefix { from, to, manifest } => (from, to, manifest.as_deref()),
        };
        let mut results = vec![(target, to.as_str())];
        results.extend(manifest.map(|prefix| (target, prefix)));
        let places = [&self.source, &self.target];
        Named {
            regions: self.source.region.iter().collect(),
            endpoints: places.iter().filter_map(|place| place.endpoint.as_ref()).collect(),
            roles: places.iter().filter_map(|place| place.assume_role.as_ref()).map(|it| &it.role).collect(),
            sources: vec![(source, from.as_str())],
            results,
        }
    }

    async fn run(&self, calls: &Calls<'_>) -> Result<Map<String, Json>, Error> {
        let (progress, tally) = (Progress::default(), Mutex::default());
        let deadline = calls.target().pace.deadline;
        let work = Box::pin(self.transfer(calls, &progress, &tally));
        match tokio::time::timeout(deadline.remaining(), work).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => Err(self.ended_by(error, calls, &progress, &tally)),
            Err(_) => Err(self.incomplete("the time was over", &progress, &tally)),
        }
    }
}

impl Transfer {
    async fn transfer(
        &self,
        calls: &Calls<'_>,
        progress: &Progress,
        tally: &Mutex<Tally>,
    ) -> Result<Map<String, Json>, Error> {
        let source = Side::new(calls, "source", &self.source).await?;
        let target = Side::new(calls, "target", &self.target).await?;
        let in_parts = tokio::sync::Mutex::default();
        let object = Object {
            source: &source,
            target: &target,
            from: "",
            version: None,
            to: "",
            path: self.path.unwrap_or_else(|| self.path_of_one_principal()),
            conditions: &self.conditions,
            storage_class: self.storage_class.as_ref(),
            abandoned: self.abandoned,
            in_parts: &in_parts,
            progress,
        };
        match &self.what {
            What::Object { from, to, version, if_match } => {
                let object = Object { from, to, version: version.as_deref(), ..object };
                Ok(object.copy(if_match.as_deref()).await?.result())
            }
            What::Prefix { from, to, manifest } => {
                prefix::copy(&object, (from, to), manifest.as_deref(), tally).await?;
                Ok(self.told(*tally.lock().unwrap_or_else(PoisonError::into_inner)))
            }
        }
    }

    /// S3 reads for whoever asks it to write, and only within itself.
    fn path_of_one_principal(&self) -> Path {
        let is_one = self.source.assume_role == self.target.assume_role
            && self.source.endpoint == self.target.endpoint;
        if is_one { Path::Copy } else { Path::Stream }
    }

    fn told(&self, tally: Tally) -> Map<String, Json> {
        let manifest = match &self.what {
            What::Prefix { manifest: Some(manifest), .. } => {
                json!({ "bucket": self.target.bucket, "keyPrefix": manifest, "objects": tally.manifests })
            }
            _ => Json::Null,
        };
        let fields = [
            ("copied", json!(tally.copied)),
            ("bytes", json!(tally.bytes)),
            ("unchanged", json!(tally.unchanged)),
            ("gone", json!(tally.gone)),
            ("tagsLeftBehind", json!(tally.tags_left_behind)),
            ("abortedUploads", json!(tally.aborted_uploads)),
            ("manifest", manifest),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The error with what became of the job until then.
    fn ended_by(&self, error: Error, calls: &Calls<'_>, progress: &Progress, tally: &Mutex<Tally>) -> Error {
        if calls.target().pace.deadline.explains(&error) {
            return self.incomplete("the time was over", progress, tally);
        }
        if upload::EXPIRED.contains(&error.name()) {
            return self.incomplete("the credentials expired", progress, tally);
        }
        let copied = tally.lock().unwrap_or_else(PoisonError::into_inner).copied;
        if copied > 0 { error.with_effect(Effect::Unknown) } else { error }
    }

    fn incomplete(&self, why: &str, progress: &Progress, tally: &Mutex<Tally>) -> Error {
        let (parts, bytes) = progress.parts();
        let so_far = match self.what {
            _ if !progress.wrote() => "before anything was written".to_owned(),
            What::Object { .. } => {
                format!("after {parts} parts of {bytes} bytes; another attempt goes on from there")
            }
            What::Prefix { .. } => {
                let Tally { copied, unchanged, .. } = *tally.lock().unwrap_or_else(PoisonError::into_inner);
                format!(
                    "after {copied} objects were copied and {unchanged} found to be there; another attempt goes on \
                     from there"
                )
            }
        };
        let effect = if progress.wrote() { Effect::Unknown } else { Effect::None };
        Error::new(Kind::Incomplete, format!("{why} {so_far}")).with_effect(effect)
    }
}

fn read_place(fields: &mut Fields<'_>, regions: &Regions, region: Option<Region>) -> Option<Place> {
    let bucket = fields.required_text("bucket", bucket_name);
    let endpoint = fields.text("endpoint", CustomEndpoint::parse);
    let session = role::session_name(None, None);
    let assume_role = fields.object("assumeRole", |role| AssumeRole::read(role, regions, &session)).flatten();
    Some(Place { bucket: bucket?, region, assume_role, endpoint })
}

/// `key` or `prefix`.
fn read_keys(fields: &mut Fields<'_>) -> Option<Keys> {
    if fields.has("key") {
        fields.refuse("prefix", "stands beside `key`");
        return fields.text("key", |key| key_of(key, 1)).map(Keys::One);
    }
    if !fields.has("prefix") {
        fields.fault("key", "missing, and so is `prefix`");
    }
    // Names that are near are suggested of those that were asked for.
    _ = fields.text("key", some_text);
    fields.text("prefix", |prefix| key_of(prefix, 0)).map(Keys::Prefix)
}

fn key_of(text: &str, shortest: usize) -> Result<String, String> {
    if (shortest..=KEY_LIMIT).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!("expected {shortest} to {KEY_LIMIT} bytes, found {}", text.len()))
}

/// A name: what an ARN, or a directory bucket's session, leads to is not for a copy to follow.
fn bucket_name(text: &str) -> Result<String, String> {
    let is_name = (3..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if !is_name {
        return Err("must be the name of a bucket".to_owned());
    }
    if text.ends_with("--x-s3") {
        return Err("directory buckets are not supported".to_owned());
    }
    Ok(text.to_owned())
}

impl Fields<'_> {
    /// What is said of a single object.
    fn refuse_of_prefix(&mut self, names: &[&'static str]) {
        if self.has("prefix") {
            for name in names {
                self.refuse(name, "is of a single object");
            }
        }
    }
}
