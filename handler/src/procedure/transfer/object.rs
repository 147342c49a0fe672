//! One object, copied whole.
//!
//! Enters: where it is, where it goes, and how. Leaves: [`Copied`], which says what was compared with what. Fails as
//! either side does; with `CrossRegion.SourceChanged` and `CrossRegion.ChecksumMismatch`, after which nothing of it
//! is left at the target unless the message says so; and with `CrossRegion.StaleETag` where a condition does not hold.
//!
//! What stands at the target already is looked at first: the same object, with the same headers, is left alone. So is
//! what another attempt wrote whose answer was lost, which is looked for again after each write that went unanswered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::primitives::{ByteStream, DateTime, DateTimeFormat};
use aws_sdk_s3::types::{ChecksumType, MetadataDirective, StorageClass, TaggingDirective};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value as Json, json};
use tokio::sync::Mutex;

use super::crc::{Algorithm, Crc, told};
use super::reading::{self, Range};
use super::side::{Headers, Side, Standing, with_headers};
use crate::client::typed::sent;
use crate::effect::Effect;
use crate::error::{Error, Kind};
use crate::pauses::Pauses;

const MIB: u64 = 1 << 20;

/// What is no larger goes in one request.
const STREAM_WHOLE: u64 = 16 * MIB;
const COPY_WHOLE: u64 = 256 * MIB;

/// Who moves the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// S3, asked in the target's Region.
    Copy,
    /// They pass through this function.
    Stream,
}

/// What must be true of the target for the object to be written.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    /// The ETag of what stands there.
    pub if_match: Option<String>,
    /// Nothing stands there.
    pub if_none_match: bool,
}

/// An object to be copied.
pub(super) struct Object<'a> {
    pub source: &'a Side<'a>,
    pub target: &'a Side<'a>,
    pub from: &'a str,
    pub version: Option<&'a str>,
    pub to: &'a str,
    pub path: Path,
    pub conditions: &'a Conditions,
    pub storage_class: Option<&'a StorageClass>,
    /// How old an upload of ours is that nobody goes on with.
    pub abandoned: Duration,
    /// Held while an object is copied in parts: of many objects, one at a time is.
    pub in_parts: &'a Mutex<()>,
    pub progress: &'a Progress,
}

/// How far an invocation is, for whoever has to say so when its time is over.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Writes that were sent, and may be at the target by now.
    written: AtomicU64,
    parts: AtomicU64,
    bytes: AtomicU64,
}

/// What came of an object.
#[derive(Debug)]
pub(super) struct Copied {
    pub size: u64,
    /// Absent: it stood there.
    pub path: Option<Path>,
    /// Of a multipart upload.
    pub parts: usize,
    /// Of these, those that an earlier attempt left.
    pub resumed: usize,
    /// Uploads that nobody went on with.
    pub aborted: usize,
    pub etag: Option<String>,
    pub version: Option<String>,
    pub checksum: Option<Checked>,
    pub source: Standing,
}

/// A checksum of the whole object, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked {
    pub crc: Crc,
    /// S3 keeps the same for the source.
    pub source: bool,
    /// S3 keeps the same for the target.
    pub target: bool,
}

/// What a write was answered with.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub etag: Option<String>,
    pub version: Option<String>,
    /// The checksum of the whole that S3 keeps for the target.
    pub whole: Option<Crc>,
}

impl Path {
    pub fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Stream => "stream",
        }
    }

    /// Bytes that go in one request.
    pub fn whole(self) -> u64 {
        match self {
            Self::Copy => COPY_WHOLE,
            Self::Stream => STREAM_WHOLE,
        }
    }
}

impl Progress {
    pub fn writes(&self) {
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    pub fn wrote(&self) -> bool {
        self.written.load(Ordering::Relaxed) > 0
    }

    /// Nothing of one of them is there any more.
    pub fn undone(&self) {
        self.written.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn part(&self, length: u64) {
        self.parts.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(length, Ordering::Relaxed);
    }

    pub fn parts(&self) -> (u64, u64) {
        (self.parts.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

impl Object<'_> {
    /// Copies it, if what stands at the target is not it already. `if_match`: of the source.
    pub async fn copy(&self, if_match: Option<&str>) -> Result<Copied, Error> {
        let source = self.source.look(self.from, self.version, if_match).await?;
        if let Some(standing) = self.target.find(self.to).await? {
            if source.is_same(&standing) {
                return Ok(Copied::found(source, standing));
            }
            self.check(&standing)?;
        } else if self.conditions.if_match.is_some() {
            return Err(self.stale("nothing stands at the target", Effect::None));
        }
        if source.size > self.path.whole() {
            return self.upload(source).await;
        }
        self.progress.writes();
        let outcome = match self.path {
            Path::Copy => self.copy_whole(&source).await,
            Path::Stream => again(|| self.put(&source)).await,
        };
        match outcome {
            Ok(written) => {
                let read = matches!(self.path, Path::Stream).then(|| written.read).flatten();
                let checksum = self.checked(&source, read, written.written.whole)?;
                self.progress.part(source.size);
                Ok(Copied::new(source, self.path, written.written, checksum))
            }
            Err(error) => self.settled(source, error).await,
        }
    }

    /// After an error: whether the object stands at the target all the same.
    pub async fn settled(&self, source: Standing, error: Error) -> Result<Copied, Error> {
        if error.effect == Effect::None && error.status_code != Some(412) && error.status_code != Some(404) {
            self.progress.undone();
            return Err(error);
        }
        match self.target.find(self.to).await {
            Ok(Some(standing)) if source.is_same(&standing) => Ok(Copied::found(source, standing)),
            _ if error.effect == Effect::None => {
                self.progress.undone();
                Err(error)
            }
            _ => Err(error),
        }
    }

    fn check(&self, standing: &Standing) -> Result<(), Error> {
        if self.conditions.if_none_match {
            return Err(self.stale("another object stands at the target", Effect::None));
        }
        match &self.conditions.if_match {
            Some(etag) if *etag != standing.etag => {
                Err(self.stale("another object stands at the target than `ifMatch` names", Effect::None))
            }
            _ => Ok(()),
        }
    }

    pub fn stale(&self, message: &str, effect: Effect) -> Error {
        let error = Error::new(Kind::StaleETag, message).with_effect(effect);
        self.target.explained("headObject", error, None)
    }

    /// What S3 answers where it was to copy the version that was looked at: 412 is the source's, unless the target has
    /// a condition of its own, and then a second look tells.
    pub async fn named_copy(&self, source: &Standing, error: Error) -> Error {
        if error.status_code != Some(412) {
            return named(error);
        }
        if self.source.look(self.from, self.version, Some(&source.etag)).await.is_ok() {
            return named(error);
        }
        let changed = reading::changed(&error).with_effect(error.effect);
        self.source.explained("copyObject", changed, None)
    }

    async fn put(&self, source: &Standing) -> Result<Put, Error> {
        let algorithm = source.algorithm();
        let (body, reading) = match source.size {
            // There is no range of nothing.
            0 => (ByteStream::from_static(b""), None),
            length => {
                let (body, reading) = self.range(source, 0, length, source.whole).body();
                (body, Some(reading))
            }
        };
        let headers = &source.headers;
        let request = with_headers!(self.target.client.put_object(), headers)
            .bucket(self.target.bucket)
            .key(self.to)
            .content_length(length(source.size)?)
            .checksum_algorithm(algorithm.sdk())
            .set_storage_class(self.storage_class.cloned())
            .set_if_match(self.conditions.if_match.clone())
            .set_if_none_match(self.conditions.if_none_match.then(|| "*".to_owned()))
            .body(body);
        let outcome = self
            .target
            .wrote("putObject", sent!(request, mutate_request(headers.expires_as_it_is())))
            .map_err(named);
        let crc = match &reading {
            Some(reading) => {
                self.source.note(reading.logs());
                // A request without its last bytes is none, so the target is as it was.
                if let (true, Some(cause)) = (outcome.is_err(), reading.error()) {
                    return Err(self.source_failed(cause));
                }
                reading.crc()
            }
            None => Some(Crc::of(algorithm, b"")),
        };
        let put = outcome?;
        let written = Written {
            etag: put.e_tag().map(str::to_owned),
            version: put.version_id().map(str::to_owned),
            whole: told!(put, algorithm),
        };
        Ok(Put { read: crc, written })
    }

    async fn copy_whole(&self, source: &Standing) -> Result<Put, Error> {
        let algorithm = source.algorithm();
        let request = self
            .target
            .client
            .copy_object()
            .bucket(self.target.bucket)
            .key(self.to)
            .copy_source(self.copy_source())
            .copy_source_if_match(&source.etag)
            .metadata_directive(MetadataDirective::Copy)
            // Not among what is copied.
            .set_website_redirect_location(source.headers.redirect.clone())
            // None: tags stay behind on either path.
            .tagging_directive(TaggingDirective::Replace)
            .checksum_algorithm(algorithm.sdk())
            .set_storage_class(self.storage_class.cloned())
            .set_if_match(self.conditions.if_match.clone())
            .set_if_none_match(self.conditions.if_none_match.then(|| "*".to_owned()));
        let copied = match self.target.wrote("copyObject", sent!(request)) {
            Ok(copied) => copied,
            Err(error) => return Err(self.named_copy(source, error).await),
        };
        let result = copied.copy_object_result();
        let is_whole = result
            .is_some_and(|result| result.checksum_type().is_none_or(|it| *it == ChecksumType::FullObject));
        let whole = result.filter(|_| is_whole).and_then(|result| told!(result, algorithm));
        let written = Written {
            etag: result.and_then(|result| result.e_tag()).map(str::to_owned),
            version: copied.version_id().map(str::to_owned),
            whole,
        };
        Ok(Put { read: None, written })
    }

    /// `read`: of the bytes that passed through this function, also in earlier attempts. `kept`: by the target.
    pub fn checked(
        &self,
        source: &Standing,
        read: Option<Crc>,
        kept: Option<Crc>,
    ) -> Result<Option<Checked>, Error> {
        let Some(crc) = read.or(kept) else { return Ok(None) };
        let is_other = |other: &Crc| other.algorithm == crc.algorithm && *other != crc;
        if kept.as_ref().is_some_and(is_other) || source.whole.as_ref().is_some_and(is_other) {
            // The write was taken, under a checksum that was right.
            let error = reading::mismatch("what stands at the target has not the checksum of the source");
            return Err(self.target.explained("headObject", error.with_effect(Effect::Done), None));
        }
        Ok(Some(Checked { crc, source: source.whole == Some(crc), target: kept == Some(crc) }))
    }

    pub fn source_failed(&self, cause: Error) -> Error {
        let cause = if cause.status_code == Some(412) { reading::changed(&cause) } else { cause };
        self.source.explained("getObject", cause.with_effect(Effect::None), None)
    }

    pub fn range(&self, source: &Standing, from: u64, length: u64, expected: Option<Crc>) -> Range {
        Range {
            client: self.source.client.clone(),
            bucket: self.source.bucket.to_owned(),
            key: self.from.to_owned(),
            version: self.version.map(str::to_owned),
            etag: source.etag.clone(),
            from,
            length,
            algorithm: source.algorithm(),
            expected,
        }
    }

    /// As the header wants it.
    pub fn copy_source(&self) -> String {
        let mut text = format!("{}/{}", self.source.bucket, utf8_percent_encode(self.from, &NOT_IN_KEYS));
        if let Some(version) = self.version {
            text.push_str("?versionId=");
            text.extend(utf8_percent_encode(version, &NOT_IN_KEYS));
        }
        text
    }
}

const NOT_IN_KEYS: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// A write of a whole object.
struct Put {
    read: Option<Crc>,
    written: Written,
}

impl Copied {
    fn found(source: Standing, standing: Standing) -> Self {
        let checksum =
            standing.whole.map(|crc| Checked { crc, source: source.whole == Some(crc), target: true });
        Self {
            size: source.size,
            path: None,
            parts: 0,
            resumed: 0,
            aborted: 0,
            etag: Some(standing.etag),
            version: standing.version,
            checksum,
            source,
        }
    }

    pub fn new(source: Standing, path: Path, written: Written, checksum: Option<Checked>) -> Self {
        Self {
            size: source.size,
            path: Some(path),
            parts: 0,
            resumed: 0,
            aborted: 0,
            etag: written.etag,
            version: written.version,
            checksum,
            source,
        }
    }

    pub fn result(&self) -> Map<String, Json> {
        let checksum = self.checksum.map(|it| {
            json!({
                "algorithm": it.crc.algorithm.sdk().as_str(),
                "value": it.crc.to_string(),
                "isOfSource": it.source,
                "isOfTarget": it.target,
            })
        });
        let tags = if self.path.is_some() { self.source.tags } else { 0 };
        let fields = [
            ("path", json!(self.path.map_or("none", Path::name))),
            ("size", json!(self.size)),
            ("parts", json!(self.parts)),
            ("resumedParts", json!(self.resumed)),
            ("abortedUploads", json!(self.aborted)),
            ("tagsLeftBehind", json!(tags)),
            ("ETag", json!(self.etag)),
            ("VersionId", json!(self.version)),
            ("source", json!({ "ETag": self.source.etag, "VersionId": self.source.version })),
            ("checksum", json!(checksum)),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Standing {
    /// In which the bytes are checked: the one that S3 keeps for the source, or else its own choice.
    pub fn algorithm(&self) -> Algorithm {
        self.whole.map_or(Algorithm::Crc64Nvme, |whole| whole.algorithm)
    }
}

impl Headers {
    /// `Expires`, where it is a date.
    pub fn date(&self) -> Option<DateTime> {
        self.expires.as_deref().and_then(|text| DateTime::from_str(text, DateTimeFormat::HttpDate).ok())
    }

    /// Puts `Expires` into a request, where it is no date.
    pub fn expires_as_it_is(&self) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static + use<> {
        let text = self.expires.clone().filter(|_| self.date().is_none());
        move |request| {
            if let Some(text) = text.clone() {
                request.headers_mut().insert("expires", text);
            }
        }
    }
}

/// Under the name of the condition that failed.
pub(super) fn named(error: Error) -> Error {
    match error.code.as_deref() {
        Some("PreconditionFailed") => {
            let message = "target: `ifMatch` or `ifNoneMatch` does not hold (any more)".to_owned();
            error.with_message(message).renamed(Kind::StaleETag.name().to_owned())
        }
        Some("BadDigest" | "XAmzContentChecksumMismatch") => {
            error.renamed(Kind::ChecksumMismatch.name().to_owned())
        }
        _ => error,
    }
}

/// How often bytes are asked for that break off.
const TRIES: u32 = 3;

/// Before they are asked for again.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(200), Duration::from_secs(1));

/// Does it once more where it had no effect, and failed for a reason that passes.
pub(super) async fn again<T, F: Future<Output = Result<T, Error>>>(
    attempt: impl Fn() -> F,
) -> Result<T, Error> {
    let (mut tries, mut pauses) = (1, PAUSES);
    loop {
        match attempt().await {
            Err(error) if error.trouble.is_some() && error.effect == Effect::None && tries < TRIES => {
                tokio::time::sleep(pauses.draw()).await;
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

/// As the SDK wants it. No object is that long.
pub(super) fn length(bytes: u64) -> Result<i64, Error> {
    i64::try_from(bytes)
        .map_err(|_| Error::new(Kind::MalformedResponse, "the source is too long to be an object"))
}
