//! A multipart upload that any attempt can go on with.
//!
//! Enters: an object that is too large for one request. Leaves: the object in its target, whole. Fails as either side
//! does; what a later attempt can use stays, all else is aborted.
//!
//! # How an attempt finds the upload of the one before it
//!
//! Uploads in progress show their key, their parts and no metadata. So the last part that an upload may have, number
//! 10,000, is our mark: bytes that are a hash of all that the object is made from: the source's bucket, key, version,
//! ETag and headers, and how it is cut into parts. S3 lists a part's size and checksum, and by these an attempt
//! knows the upload that it may go on with. Completing an upload names the parts that make the object; the mark is not
//! among them, and S3 frees it.
//!
//! A part of such an upload is taken over if it has the size that it must have and S3 tells its checksum. That of the
//! whole follows from those of the parts; S3 is told it when the upload is completed, and refuses another. Where S3
//! keeps one for the source, they are compared before. So parts of something else, if ever there were any, can't
//! become an object: with a checksum of the source not at all, without one up to a collision of marks.
//!
//! # What is left behind
//!
//! A source that changed has another mark, and an attempt that is stopped between creating an upload and marking it
//! leaves one without parts. Uploads to the same key that are ours (the mark's size, at the mark's place) or have no
//! part at all are aborted once they are older than the parameters say, when the next transfer to that key comes by; and
//! whatever has the same mark as an upload that was completed, at once. Nobody else's upload is ever touched, unless
//! it got no part in all that time.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumType, CompletedMultipartUpload, CompletedPart, MultipartUpload, Part as ListedPart, StorageClass,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use md5::{Digest as _, Md5};
use serde_json::json;
use sha2::Sha256;

use super::crc::{Algorithm, Crc, told};
use super::object::{Copied, Object, Path, Written, again, length, named};
use super::reading;
use super::side::{Standing, with_headers};
use crate::client::typed::sent;
use crate::effect::Effect;
use crate::error::{Error, Kind};

/// Parts of an upload, the last of which is the mark.
const MOST_PARTS: u64 = 10_000;
const MARK: i32 = 10_000;

/// What the mark begins with; a hash in hexadecimal follows.
const MARK_TEXT: &str = "mark of s3.transfer, no part of the object: ";

/// Bytes of a part, twice as many until there are few enough.
const STREAM_PART: u64 = 16 << 20;
const COPY_PART: u64 = 256 << 20;

/// Parts under way at once. Of a stream, none of them is held whole.
const AT_ONCE: usize = 8;

/// How an object is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    size: u64,
    part: u64,
}

/// A part that the target has.
#[derive(Debug, Clone)]
struct Part {
    etag: String,
    length: u64,
    crc: Option<Crc>,
}

type Parts = BTreeMap<i32, Part>;

/// What an upload's last part says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// The same object, cut the same way.
    Same,
    /// Ours, for another object.
    Other,
    /// Somebody else's, or one that was stopped before it was marked.
    None,
}

/// Uploads to the key of an object.
#[derive(Debug, Default)]
struct Found {
    /// Which are for the same object, oldest first.
    same: Vec<String>,
    aborted: usize,
}

impl Plan {
    fn of(size: u64, path: Path) -> Self {
        let mut part = match path {
            Path::Copy => COPY_PART,
            Path::Stream => STREAM_PART,
        };
        while size.div_ceil(part) >= MOST_PARTS {
            part *= 2;
        }
        Self { size, part }
    }

    fn count(self) -> i32 {
        i32::try_from(self.size.div_ceil(self.part)).unwrap_or(MARK)
    }

    /// The first byte and the length of a part, of which the first is number one.
    fn at(self, number: i32) -> (u64, u64) {
        let from = u64::try_from(number).unwrap_or_default().saturating_sub(1) * self.part;
        (from, self.part.min(self.size.saturating_sub(from)))
    }
}

impl Object<'_> {
    /// Copies it in parts.
    pub(super) async fn upload(&self, source: Standing) -> Result<Copied, Error> {
        let _one_at_a_time = self.in_parts.lock().await;
        let plan = Plan::of(source.size, self.path);
        let mark = self.mark(&source, plan);
        let Found { same, aborted } = self.uploads(&source, &mark).await?;
        self.progress.writes();
        let (id, parts) = match same.first() {
            Some(id) => (id.clone(), self.parts(id, &source, plan).await?),
            None => (self.create(&source, &mark).await?, Parts::new()),
        };
        let resumed = parts.len();
        let outcome = self.finish(&source, plan, &id, parts).await;
        match outcome {
            Ok((written, whole)) => {
                let checksum = self.checked(&source, whole, written.whole)?;
                let mut aborted = aborted;
                for other in same.iter().filter(|other| **other != id) {
                    aborted += usize::from(self.abort(other).await);
                }
                let parts = usize::try_from(plan.count()).unwrap_or_default();
                Ok(Copied { parts, resumed, aborted, ..Copied::new(source, self.path, written, checksum) })
            }
            Err(error) => self.left(source, &id, error).await,
        }
    }

    async fn finish(
        &self,
        source: &Standing,
        plan: Plan,
        id: &str,
        parts: Parts,
    ) -> Result<(Written, Option<Crc>), Error> {
        let missing = (1..=plan.count()).filter(|number| !parts.contains_key(number)).collect::<Vec<_>>();
        let made = stream::iter(missing).map(|number| async move {
            let part = match self.path {
                Path::Copy => self.copy_part(source, plan, id, number).await?,
                Path::Stream => again(|| self.stream_part(source, plan, id, number)).await?,
            };
            self.progress.part(part.length);
            Ok::<_, Error>((number, part))
        });
        let made: Parts = made.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut parts = parts;
        parts.extend(made);
        let crcs = parts.values().map(|part| part.crc.map(|crc| (crc, part.length)));
        let whole = crcs.reduce(|before, next| {
            let ((before, length), (next, more)) = (before?, next?);
            Some((before.and(next, more), length + more))
        });
        let whole = whole.flatten().map(|(crc, _)| crc);
        let is_other =
            |kept: Crc| whole.is_some_and(|whole| whole.algorithm == kept.algorithm && whole != kept);
        if source.whole.is_some_and(is_other) {
            let error =
                reading::mismatch("the parts do not make the bytes whose checksum S3 keeps for the source");
            return Err(self.source.explained("uploadPart", error, None));
        }
        Ok((self.complete(source, id, &parts, whole).await?, whole))
    }

    /// What becomes of an upload that failed.
    async fn left(&self, source: Standing, id: &str, error: Error) -> Result<Copied, Error> {
        let error = named(error);
        if error.code.as_deref() == Some("NoSuchUpload") {
            // Somebody completed it, perhaps an attempt whose answer was lost; or it was aborted.
            let message =
                "target: the upload is gone, and its parts with it: another attempt begins anew".to_owned();
            return self.settled(source, error.with_message(message).with_effect(Effect::None)).await;
        }
        let can_go_on = error.trouble.is_some() || EXPIRED.contains(&error.name());
        if can_go_on {
            // It may have been completed, and the answer lost.
            let error = match error.effect {
                Effect::None => error,
                Effect::Done | Effect::Unknown => match self.settled(source, error).await {
                    Ok(copied) => return Ok(copied),
                    Err(error) => error,
                },
            };
            let message =
                format!("{} (what was uploaded stays: another attempt goes on from there)", error.message);
            return Err(error.with_message(message).with_effect(Effect::Unknown));
        }
        if self.abort(id).await {
            return self.settled(source, error.with_effect(Effect::None)).await;
        }
        let message =
            format!("{} (the upload with its parts could not be aborted, and is still there)", error.message);
        Err(error.with_message(message).with_effect(Effect::Unknown))
    }

    /// All that the object is made from.
    fn mark(&self, source: &Standing, plan: Plan) -> String {
        let headers = &source.headers;
        let made_from = json!([
            self.source.bucket,
            self.from,
            self.version,
            source.etag,
            source.size,
            source.whole.map(|whole| whole.to_string()),
            plan.part,
            self.path.name(),
            self.storage_class.map(StorageClass::as_str),
            headers.content_type,
            headers.cache_control,
            headers.content_disposition,
            headers.content_encoding,
            headers.content_language,
            headers.expires,
            headers.redirect,
            headers.metadata,
        ]);
        format!("{MARK_TEXT}{}", hex::encode(Sha256::digest(made_from.to_string())))
    }

    /// Finds the uploads to the key, and aborts those that were abandoned.
    async fn uploads(&self, source: &Standing, mark: &str) -> Result<Found, Error> {
        let mut found = Found::default();
        let (mut key_marker, mut id_marker) = (None, None);
        loop {
            let request = self
                .target
                .client
                .list_multipart_uploads()
                .bucket(self.target.bucket)
                .prefix(self.to)
                .set_key_marker(key_marker.take())
                .set_upload_id_marker(id_marker.take());
            let page = self.target.read("listMultipartUploads", sent!(request))?;
            for upload in page.uploads().iter().filter(|upload| upload.key() == Some(self.to)) {
                self.judge(upload, source, mark, &mut found).await?;
            }
            // In the order of keys: those that begin with this one come after it.
            let is_past = page.uploads().iter().any(|upload| upload.key() != Some(self.to));
            if is_past || page.is_truncated() != Some(true) || page.next_key_marker().is_none() {
                return Ok(found);
            }
            key_marker = page.next_key_marker().map(str::to_owned);
            id_marker = page.next_upload_id_marker().map(str::to_owned);
        }
    }

    async fn judge(
        &self,
        upload: &MultipartUpload,
        source: &Standing,
        mark: &str,
        found: &mut Found,
    ) -> Result<(), Error> {
        let Some(id) = upload.upload_id() else { return Ok(()) };
        let is_old = upload
            .initiated()
            .and_then(|at| SystemTime::try_from(*at).ok())
            .and_then(|at| SystemTime::now().duration_since(at).ok())
            .is_some_and(|age| age >= self.abandoned);
        match self.mark_of(id, source.algorithm(), mark).await? {
            Mark::Same => found.same.push(id.to_owned()),
            Mark::Other if is_old => found.aborted += usize::from(self.abort(id).await),
            Mark::None if is_old && self.page_of_parts(id, None, 1).await?.0.is_empty() => {
                found.aborted += usize::from(self.abort(id).await);
            }
            Mark::Other | Mark::None => {}
        }
        Ok(())
    }

    async fn mark_of(&self, id: &str, algorithm: Algorithm, mark: &str) -> Result<Mark, Error> {
        let (parts, _) = self.page_of_parts(id, Some((MARK - 1).to_string()), 1).await?;
        let Some(part) = parts.first().filter(|part| part.part_number() == Some(MARK)) else {
            return Ok(Mark::None);
        };
        if part.size() != i64::try_from(mark.len()).ok() {
            return Ok(Mark::None);
        }
        // A part's ETag is the hash of its content, unless a key of KMS encrypts it.
        let is_hash =
            || part.e_tag().map(|etag| etag.trim_matches('"')) == Some(&hex::encode(Md5::digest(mark)));
        let told = told!(part, algorithm);
        let is_same = told.map_or_else(is_hash, |told| told == Crc::of(algorithm, mark.as_bytes()));
        Ok(if is_same { Mark::Same } else { Mark::Other })
    }

    /// Parts that need not be made again.
    async fn parts(&self, id: &str, source: &Standing, plan: Plan) -> Result<Parts, Error> {
        let algorithm = source.algorithm();
        let (mut parts, mut marker) = (Parts::new(), None);
        loop {
            let (page, next) = self.page_of_parts(id, marker.take(), 1_000).await?;
            for part in &page {
                let (Some(number), Some(etag)) = (part.part_number(), part.e_tag()) else { continue };
                let (_, length) = plan.at(number);
                let is_whole = part.size().and_then(|size| u64::try_from(size).ok()) == Some(length);
                let crc = told!(part, algorithm);
                if (1..=plan.count()).contains(&number) && is_whole && crc.is_some() {
                    parts.insert(number, Part { etag: etag.to_owned(), length, crc });
                }
            }
            match next {
                Some(next) => marker = Some(next),
                None => return Ok(parts),
            }
        }
    }

    /// A page, and where the next one begins.
    async fn page_of_parts(
        &self,
        id: &str,
        after: Option<String>,
        most: i32,
    ) -> Result<(Vec<ListedPart>, Option<String>), Error> {
        let request = self
            .target
            .client
            .list_parts()
            .bucket(self.target.bucket)
            .key(self.to)
            .upload_id(id)
            .set_part_number_marker(after)
            .max_parts(most);
        match self.target.read("listParts", sent!(request)) {
            Ok(page) => {
                let next = page.next_part_number_marker().filter(|_| page.is_truncated() == Some(true));
                Ok((page.parts().to_vec(), next.map(str::to_owned)))
            }
            // Completed or aborted since it was listed.
            Err(error) if error.code.as_deref() == Some("NoSuchUpload") => Ok((Vec::new(), None)),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, source: &Standing, mark: &str) -> Result<String, Error> {
        let (headers, algorithm) = (&source.headers, source.algorithm());
        let request = with_headers!(self.target.client.create_multipart_upload(), headers)
            .bucket(self.target.bucket)
            .key(self.to)
            .checksum_algorithm(algorithm.sdk())
            .checksum_type(ChecksumType::FullObject)
            .set_storage_class(self.storage_class.cloned());
        let created = self
            .target
            .wrote("createMultipartUpload", sent!(request, mutate_request(headers.expires_as_it_is())))?;
        let Some(id) = created.upload_id() else {
            let error = Error::new(Kind::MalformedResponse, "the answer holds no id of the upload");
            let error = error.with_effect(Effect::Unknown);
            return Err(self.target.explained("createMultipartUpload", error, None));
        };
        let request = self
            .target
            .client
            .upload_part()
            .bucket(self.target.bucket)
            .key(self.to)
            .upload_id(id)
            .part_number(MARK)
            .checksum_algorithm(algorithm.sdk())
            .body(ByteStream::from(mark.as_bytes().to_vec()));
        match self.target.read("uploadPart", sent!(request)) {
            Ok(_) => Ok(id.to_owned()),
            // Without its mark nobody would find it.
            Err(error) if self.abort(id).await => {
                self.progress.undone();
                Err(error)
            }
            Err(error) => Err(error.with_effect(Effect::Unknown)),
        }
    }

    async fn stream_part(&self, source: &Standing, plan: Plan, id: &str, number: i32) -> Result<Part, Error> {
        let (from, bytes) = plan.at(number);
        let algorithm = source.algorithm();
        let (body, reading) = self.range(source, from, bytes, None).body();
        let request = self
            .target
            .client
            .upload_part()
            .bucket(self.target.bucket)
            .key(self.to)
            .upload_id(id)
            .part_number(number)
            .content_length(length(bytes)?)
            .checksum_algorithm(algorithm.sdk())
            .body(body);
        let outcome = self.target.read("uploadPart", sent!(request));
        self.source.note(reading.logs());
        let part = match (outcome, reading.error()) {
            (Ok(part), _) => part,
            (Err(_), Some(cause)) => return Err(self.source_failed(cause)),
            (Err(error), None) => return Err(named(error)),
        };
        let (read, kept) = (reading.crc(), told!(part, algorithm));
        if kept.is_some() && kept != read {
            let error = reading::mismatch("a part arrived with another checksum than it was sent");
            return Err(self.target.explained("uploadPart", error, None));
        }
        self.part(part.e_tag(), bytes, read)
    }

    async fn copy_part(&self, source: &Standing, plan: Plan, id: &str, number: i32) -> Result<Part, Error> {
        let (from, bytes) = plan.at(number);
        let request = self
            .target
            .client
            .upload_part_copy()
            .bucket(self.target.bucket)
            .key(self.to)
            .upload_id(id)
            .part_number(number)
            .copy_source(self.copy_source())
            .copy_source_if_match(&source.etag)
            .copy_source_range(format!("bytes={from}-{}", (from + bytes).saturating_sub(1)));
        let copied = match self.target.read("uploadPartCopy", sent!(request)) {
            Ok(copied) => copied,
            Err(error) if error.status_code == Some(412) => return Err(self.source_failed(error)),
            Err(error) => return Err(error),
        };
        let result = copied.copy_part_result();
        let crc = result.and_then(|result| told!(result, source.algorithm()));
        self.part(result.and_then(|result| result.e_tag()), bytes, crc)
    }

    fn part(&self, etag: Option<&str>, length: u64, crc: Option<Crc>) -> Result<Part, Error> {
        let Some(etag) = etag else {
            let error = Error::new(Kind::MalformedResponse, "the answer holds no ETag of the part");
            return Err(self.target.explained("uploadPart", error, None));
        };
        Ok(Part { etag: etag.to_owned(), length, crc })
    }

    async fn complete(
        &self,
        source: &Standing,
        id: &str,
        parts: &Parts,
        whole: Option<Crc>,
    ) -> Result<Written, Error> {
        let listed = parts
            .iter()
            .map(|(number, part)| CompletedPart::builder().part_number(*number).e_tag(&part.etag).build());
        let listed = CompletedMultipartUpload::builder().set_parts(Some(listed.collect())).build();
        let mut request = self
            .target
            .client
            .complete_multipart_upload()
            .bucket(self.target.bucket)
            .key(self.to)
            .upload_id(id)
            .multipart_upload(listed)
            .mpu_object_size(length(source.size)?)
            .checksum_type(ChecksumType::FullObject)
            .set_if_match(self.conditions.if_match.clone())
            .set_if_none_match(self.conditions.if_none_match.then(|| "*".to_owned()));
        if let Some(whole) = whole {
            request = match whole.algorithm {
                Algorithm::Crc32 => request.checksum_crc32(whole.to_string()),
                Algorithm::Crc32c => request.checksum_crc32_c(whole.to_string()),
                Algorithm::Crc64Nvme => request.checksum_crc64_nvme(whole.to_string()),
            };
        }
        let completed = self.target.wrote("completeMultipartUpload", sent!(request))?;
        Ok(Written {
            etag: completed.e_tag().map(str::to_owned),
            version: completed.version_id().map(str::to_owned),
            whole: told!(completed, source.algorithm()),
        })
    }

    /// Whether the upload is gone now.
    async fn abort(&self, id: &str) -> bool {
        let request =
            self.target.client.abort_multipart_upload().bucket(self.target.bucket).key(self.to).upload_id(id);
        match self.target.wrote("abortMultipartUpload", sent!(request)) {
            Ok(_) => true,
            Err(error) => error.code.as_deref() == Some("NoSuchUpload"),
        }
    }
}

/// What ends with the credentials, not with the object.
pub(super) const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_cut_without_gap_or_overlap() {
        let tib = 1_u64 << 40;
        for path in [Path::Copy, Path::Stream] {
            for size in [path.whole() + 1, 1 << 30, (5 << 30) + 17, tib, 50 * tib] {
                let plan = Plan::of(size, path);
                assert!(u64::try_from(plan.count()).unwrap() < MOST_PARTS, "{size}");
                let mut next = 0;
                for number in 1..=plan.count() {
                    let (from, length) = plan.at(number);
                    assert_eq!(from, next);
                    assert!(length > 0 && (length == plan.part || number == plan.count()));
                    next += length;
                }
                assert_eq!(next, size);
            }
        }
    }
}
