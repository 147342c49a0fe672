//! What is kept: objects as pieces of files, uploads and their parts; and the operations on them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, Digest, checksum_combine};

use super::http::{Answer, Asked, Body, decoded, receive};

/// Algorithms by the end of their header's name.
const ALGORITHMS: [(&str, &str, CrcAlgorithm, usize); 3] = [
    ("crc64nvme", "CRC64NVME", CrcAlgorithm::Crc64Nvme, 8),
    ("crc32c", "CRC32C", CrcAlgorithm::Crc32Iscsi, 4),
    ("crc32", "CRC32", CrcAlgorithm::Crc32IsoHdlc, 4),
];

/// Not among what is copied with an object.
const REDIRECT: &str = "x-amz-website-redirect-location";

/// Headers that an object keeps.
const KEPT: [&str; 7] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    REDIRECT,
];

/// The least that a part may have which is not the last.
const LEAST_PART: u64 = 5 << 20;

/// A file, which is gone with the last piece of it if it is the server's own.
#[derive(Debug)]
pub struct Stored {
    pub path: PathBuf,
    is_own: bool,
}

impl Drop for Stored {
    fn drop(&mut self) {
        if self.is_own {
            _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Part of a file.
#[derive(Debug, Clone)]
pub struct Piece {
    pub file: Arc<Stored>,
    pub from: u64,
    pub length: u64,
}

/// A checksum of some bytes under one of [`ALGORITHMS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sum {
    algorithm: usize,
    value: u64,
}

/// A checksum in the making.
pub struct Running {
    algorithm: usize,
    digest: Digest,
    length: u64,
}

/// An object as it stands.
#[derive(Debug, Clone)]
pub struct Made {
    pub etag: String,
    pub size: u64,
    pub headers: BTreeMap<String, String>,
    sum: Option<Sum>,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
struct Part {
    etag: String,
    sum: Sum,
    pieces: Vec<Piece>,
    size: u64,
}

#[derive(Debug)]
struct Upload {
    bucket: String,
    key: String,
    algorithm: usize,
    headers: BTreeMap<String, String>,
    initiated: SystemTime,
    parts: BTreeMap<u32, Part>,
}

#[derive(Debug, Default)]
struct Kept {
    objects: BTreeMap<(String, String), Made>,
    uploads: BTreeMap<String, Upload>,
}

/// Everything that a server keeps.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    regions: BTreeMap<String, String>,
    kept: Mutex<Kept>,
    next: AtomicU64,
    /// Keys of a page of a listing.
    pub page: AtomicUsize,
}

type Served = Result<Answer, Answer>;

impl Sum {
    fn text(self) -> String {
        STANDARD.encode(&self.value.to_be_bytes()[8 - ALGORITHMS[self.algorithm].3..])
    }

    fn header(self) -> String {
        format!("x-amz-checksum-{}", ALGORITHMS[self.algorithm].0)
    }

    fn element(self) -> String {
        let name = ALGORITHMS[self.algorithm].1;
        format!("<Checksum{name}>{}</Checksum{name}>", self.text())
    }

    fn and(self, next: Self, length: u64) -> Self {
        let value = checksum_combine(ALGORITHMS[self.algorithm].2, self.value, next.value, length);
        Self { value, ..self }
    }
}

impl Running {
    fn new(algorithm: usize) -> Self {
        Self { algorithm, digest: Digest::new(ALGORITHMS[algorithm].2), length: 0 }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
    }

    fn sum(&self) -> Sum {
        Sum { algorithm: self.algorithm, value: self.digest.finalize() }
    }
}

impl Made {
    /// All bytes, for objects that are small enough.
    pub fn bytes(&self) -> Vec<u8> {
        use std::io::{Read, Seek, SeekFrom};
        let mut bytes = Vec::new();
        for piece in &self.pieces {
            let mut file = File::open(&piece.file.path).unwrap();
            file.seek(SeekFrom::Start(piece.from)).unwrap();
            file.take(piece.length).read_to_end(&mut bytes).unwrap();
        }
        bytes
    }

    /// Its checksum of the whole, as text, if it keeps one.
    pub fn checksum(&self) -> Option<String> {
        self.sum.map(Sum::text)
    }

    fn range(&self, from: u64, length: u64) -> Vec<Piece> {
        let (mut skip, mut left, mut pieces) = (from, length, vec![]);
        for piece in &self.pieces {
            let begin = skip.min(piece.length);
            skip -= begin;
            let take = left.min(piece.length - begin);
            if take > 0 {
                pieces.push(Piece { file: piece.file.clone(), from: piece.from + begin, length: take });
                left -= take;
            }
        }
        pieces
    }

    fn head(&self, asked: &Asked, mut answer: Answer) -> Answer {
        answer = answer.with("etag", &self.etag).with("accept-ranges", "bytes");
        answer = answer.with("last-modified", "Fri, 27 Nov 2026 00:00:00 GMT");
        for (name, value) in &self.headers {
            answer = answer.with(name, value);
        }
        let wants_sum = asked.header("x-amz-checksum-mode").is_some();
        if let Some(sum) = self.sum.filter(|_| wants_sum) {
            answer = answer.with(&sum.header(), sum.text()).with("x-amz-checksum-type", "FULL_OBJECT");
        }
        answer
    }
}

impl Store {
    pub fn new(folder: &Path, buckets: &[(&str, &str)]) -> Self {
        let regions =
            buckets.iter().map(|(name, region)| ((*name).to_owned(), (*region).to_owned())).collect();
        Self {
            folder: folder.to_owned(),
            regions,
            kept: Mutex::default(),
            next: AtomicU64::new(1),
            page: AtomicUsize::new(1_000),
        }
    }

    /// The object at a key.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Made> {
        self.kept.lock().unwrap().objects.get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    /// Changes the first byte of an object, whose checksum stays what it was.
    pub fn corrupt(&self, bucket: &str, key: &str) {
        let piece = self.object(bucket, key).unwrap().pieces[0].clone();
        let mut bytes = std::fs::read(&piece.file.path).unwrap();
        bytes[0] ^= 1;
        std::fs::write(&piece.file.path, bytes).unwrap();
    }

    /// Every key of a bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let kept = self.kept.lock().unwrap();
        kept.objects.keys().filter(|it| it.0 == bucket).map(|it| it.1.clone()).collect()
    }

    pub fn remove(&self, bucket: &str, key: &str) {
        self.kept.lock().unwrap().objects.remove(&(bucket.to_owned(), key.to_owned()));
    }

    /// Puts an object of these bytes; `algorithm` is what checksum of the whole it keeps, if any.
    pub fn put(
        &self,
        bucket: &str,
        key: &str,
        bytes: &[u8],
        headers: &[(&str, &str)],
        algorithm: Option<&str>,
    ) {
        let file = self.file();
        std::fs::write(&file.path, bytes).unwrap();
        self.put_stored(bucket, key, file, headers, algorithm);
    }

    /// The same of a file that stays where it is.
    pub fn put_file(
        &self,
        bucket: &str,
        key: &str,
        path: &Path,
        headers: &[(&str, &str)],
        algorithm: Option<&str>,
    ) {
        let file = Stored { path: path.to_owned(), is_own: false };
        self.put_stored(bucket, key, file, headers, algorithm);
    }

    fn put_stored(
        &self,
        bucket: &str,
        key: &str,
        file: Stored,
        headers: &[(&str, &str)],
        algorithm: Option<&str>,
    ) {
        let number = algorithm.and_then(|name| ALGORITHMS.iter().position(|it| it.1 == name));
        let mut running = Running::new(number.unwrap_or_default());
        let mut reader = std::io::BufReader::with_capacity(1 << 20, File::open(&file.path).unwrap());
        loop {
            let bytes = reader.fill_buf().unwrap();
            if bytes.is_empty() {
                break;
            }
            running.update(bytes);
            let length = bytes.len();
            reader.consume(length);
        }
        let sum = running.sum();
        let piece = Piece { file: Arc::new(file), from: 0, length: running.length };
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let made = Made {
            etag: etag(sum, running.length),
            size: running.length,
            headers,
            sum: number.map(|_| sum),
            pieces: vec![piece],
        };
        self.kept.lock().unwrap().objects.insert((bucket.to_owned(), key.to_owned()), made);
    }

    /// The ids of the uploads in progress to a key, with the numbers of their parts.
    pub fn uploads(&self, bucket: &str, key: &str) -> Vec<(String, Vec<u32>)> {
        let kept = self.kept.lock().unwrap();
        let uploads = kept.uploads.iter().filter(|(_, it)| it.bucket == bucket && it.key == key);
        uploads.map(|(id, upload)| (id.clone(), upload.parts.keys().copied().collect())).collect()
    }

    /// Makes every upload that much older.
    pub fn age_uploads(&self, by: Duration) {
        for upload in self.kept.lock().unwrap().uploads.values_mut() {
            upload.initiated -= by;
        }
    }

    pub fn abort_uploads(&self) {
        self.kept.lock().unwrap().uploads.clear();
    }

    /// A new file's place.
    fn file(&self) -> Stored {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Stored { path: self.folder.join(number.to_string()), is_own: true }
    }

    pub(super) fn answer(&self, asked: &Asked, body: &mut impl BufRead) -> Answer {
        let Some(region) = self.regions.get(&asked.bucket) else {
            return Answer::refusal(404, "NoSuchBucket");
        };
        if asked.region().is_some_and(|signed| signed != region) {
            return Answer::refusal(301, "PermanentRedirect").with("x-amz-bucket-region", region);
        }
        let served = match asked.operation {
            "HeadObject" | "GetObject" => self.get(asked),
            "PutObject" => self.put_object(asked, body),
            "CopyObject" => self.copy_object(asked),
            "ListObjectsV2" => Ok(self.list(asked)),
            "CreateMultipartUpload" => Ok(self.create(asked)),
            "UploadPart" => self.upload_part(asked, body),
            "UploadPartCopy" => self.copy_part(asked),
            "ListParts" => self.list_parts(asked),
            "ListMultipartUploads" => Ok(self.list_uploads(asked)),
            "CompleteMultipartUpload" => self.complete(asked, body),
            "AbortMultipartUpload" => self.abort(asked),
            "DeleteObject" => {
                self.remove(&asked.bucket, &asked.key);
                Ok(Answer::empty(204))
            }
            _ => Err(Answer::refusal(501, "NotImplemented")),
        };
        served.unwrap_or_else(|refusal| refusal)
    }

    fn get(&self, asked: &Asked) -> Served {
        let made = self.object(&asked.bucket, &asked.key).ok_or_else(|| Answer::refusal(404, "NoSuchKey"))?;
        if asked.header("if-match").is_some_and(|etag| etag != made.etag) {
            return Err(Answer::refusal(412, "PreconditionFailed"));
        }
        let Some(range) = asked.header("range") else {
            let answer = Answer { status: 200, body: Body::Pieces(made.pieces.clone()), ..Answer::default() };
            return Ok(made.head(asked, answer).with("content-length", made.size));
        };
        let (from, length) = span(range, made.size)?;
        let answer =
            Answer { status: 206, body: Body::Pieces(made.range(from, length)), ..Answer::default() };
        let range = format!("bytes {from}-{}/{}", from + length - 1, made.size);
        Ok(made.head(asked, answer).with("content-range", range))
    }

    /// Stores a body, and compares it with what checksum came with it.
    fn stored(&self, asked: &Asked, body: &mut impl BufRead, algorithm: usize) -> Result<Part, Answer> {
        let stored = self.file();
        let mut running = Running::new(algorithm);
        let mut file = File::create(&stored.path).unwrap();
        let Ok(trailers) = receive(asked, body, &mut file, &mut running) else {
            return Err(Answer::refusal(400, "IncompleteBody"));
        };
        let expected: Option<u64> = asked
            .header("x-amz-decoded-content-length")
            .or(asked.header("content-length"))
            .and_then(|length| length.parse().ok());
        if expected.is_some_and(|expected| expected != running.length) {
            return Err(Answer::refusal(400, "IncompleteBody"));
        }
        let sum = running.sum();
        let said = asked.header(&sum.header()).or(trailers.get(&sum.header()).map(String::as_str));
        if said.is_some_and(|said| said != sum.text()) {
            return Err(Answer::refusal(400, "BadDigest"));
        }
        let piece = Piece { file: Arc::new(stored), from: 0, length: running.length };
        Ok(Part { etag: etag(sum, running.length), sum, pieces: vec![piece], size: running.length })
    }

    fn put_object(&self, asked: &Asked, body: &mut impl BufRead) -> Served {
        let part = self.stored(asked, body, algorithm_of(asked))?;
        let made = Made {
            etag: part.etag,
            size: part.size,
            headers: kept_headers(asked),
            sum: Some(part.sum),
            pieces: part.pieces,
        };
        self.place(asked, &asked.bucket, &asked.key, made.clone())?;
        let answer = Answer::empty(200).with("etag", &made.etag).with("x-amz-checksum-type", "FULL_OBJECT");
        Ok(answer.with(&part.sum.header(), part.sum.text()))
    }

    /// Puts an object in its place, if the request's conditions hold.
    fn place(&self, asked: &Asked, bucket: &str, key: &str, made: Made) -> Result<(), Answer> {
        let mut kept = self.kept.lock().unwrap();
        let place = (bucket.to_owned(), key.to_owned());
        let standing = kept.objects.get(&place).map(|it| it.etag.clone());
        let refused = Err(Answer::refusal(412, "PreconditionFailed"));
        if asked.header("if-none-match").is_some() && standing.is_some() {
            return refused;
        }
        if let Some(etag) = asked.header("if-match") {
            match standing {
                None => return Err(Answer::refusal(404, "NoSuchKey")),
                Some(standing) if standing != etag => return refused,
                Some(_) => {}
            }
        }
        kept.objects.insert(place, made);
        Ok(())
    }

    /// The object that `x-amz-copy-source` names.
    fn copied(&self, asked: &Asked) -> Result<Made, Answer> {
        let source = asked.header("x-amz-copy-source").unwrap_or_default();
        let (bucket, key) = source.trim_start_matches('/').split_once('/').unwrap_or_default();
        let key = key.split('?').next().unwrap_or_default();
        let made =
            self.object(&decoded(bucket), &decoded(key)).ok_or_else(|| Answer::refusal(404, "NoSuchKey"))?;
        match asked.header("x-amz-copy-source-if-match") {
            Some(etag) if etag != made.etag => Err(Answer::refusal(412, "PreconditionFailed")),
            _ => Ok(made),
        }
    }

    fn copy_object(&self, asked: &Asked) -> Served {
        let source = self.copied(asked)?;
        let mut running = Running::new(algorithm_of(asked));
        checksum(&source.pieces, &mut running);
        let mut headers = source.headers.clone();
        headers.remove(REDIRECT);
        headers.extend(asked.header(REDIRECT).map(|to| (REDIRECT.to_owned(), to.to_owned())));
        let made = Made { sum: Some(running.sum()), headers, ..source };
        let body = format!(
            "<CopyObjectResult><ETag>{}</ETag><ChecksumType>FULL_OBJECT</ChecksumType>{}</CopyObjectResult>",
            escaped(&made.etag),
            running.sum().element()
        );
        self.place(asked, &asked.bucket, &asked.key, made)?;
        Ok(Answer::xml(body))
    }

    fn list(&self, asked: &Asked) -> Answer {
        let prefix = asked.query.get("prefix").cloned().unwrap_or_default();
        let after = asked.query.get("continuation-token").cloned().unwrap_or_default();
        let most = self.page.load(Ordering::Relaxed);
        let kept = self.kept.lock().unwrap();
        let mut found = kept
            .objects
            .iter()
            .filter(|((bucket, key), _)| *bucket == asked.bucket && key.starts_with(&prefix) && *key > after);
        let page: Vec<_> = found.by_ref().take(most).collect();
        let is_truncated = found.next().is_some();
        let contents: Vec<String> = page
            .iter()
            .map(|((_, key), made)| {
                let (key, etag) = (escaped(key), escaped(&made.etag));
                format!("<Contents><Key>{key}</Key><Size>{}</Size><ETag>{etag}</ETag></Contents>", made.size)
            })
            .collect();
        let next = page.last().filter(|_| is_truncated).map(|((_, key), _)| escaped(key));
        let next =
            next.map_or(String::new(), |key| format!("<NextContinuationToken>{key}</NextContinuationToken>"));
        Answer::xml(format!(
            "<ListBucketResult><IsTruncated>{is_truncated}</IsTruncated>{}{next}</ListBucketResult>",
            contents.concat()
        ))
    }

    fn create(&self, asked: &Asked) -> Answer {
        let name = asked.header("x-amz-checksum-algorithm").unwrap_or("CRC64NVME");
        let upload = Upload {
            bucket: asked.bucket.clone(),
            key: asked.key.clone(),
            algorithm: ALGORITHMS.iter().position(|it| it.1 == name).unwrap_or_default(),
            headers: kept_headers(asked),
            initiated: SystemTime::now(),
            parts: BTreeMap::new(),
        };
        let id = format!("upload-{:06}", self.next.fetch_add(1, Ordering::Relaxed));
        self.kept.lock().unwrap().uploads.insert(id.clone(), upload);
        Answer::xml(format!(
            "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        ))
    }

    fn of_upload<T>(&self, asked: &Asked, see: impl FnOnce(&mut Upload) -> T) -> Result<T, Answer> {
        let id = asked.query.get("uploadId").cloned().unwrap_or_default();
        let mut kept = self.kept.lock().unwrap();
        let upload = kept.uploads.get_mut(&id).filter(|it| it.bucket == asked.bucket && it.key == asked.key);
        upload.map(see).ok_or_else(|| Answer::refusal(404, "NoSuchUpload"))
    }

    fn upload_part(&self, asked: &Asked, body: &mut impl BufRead) -> Served {
        let algorithm = self.of_upload(asked, |upload| upload.algorithm)?;
        let part = self.stored(asked, body, algorithm)?;
        let answer = Answer::empty(200).with("etag", &part.etag).with(&part.sum.header(), part.sum.text());
        let number = asked.number("partNumber").unwrap_or_default();
        self.of_upload(asked, |upload| upload.parts.insert(number, part))?;
        Ok(answer)
    }

    fn copy_part(&self, asked: &Asked) -> Served {
        let algorithm = self.of_upload(asked, |upload| upload.algorithm)?;
        let source = self.copied(asked)?;
        let (from, length) = match asked.header("x-amz-copy-source-range") {
            Some(range) => span(range, source.size)?,
            None => (0, source.size),
        };
        let pieces = source.range(from, length);
        let mut running = Running::new(algorithm);
        checksum(&pieces, &mut running);
        let part = Part { etag: etag(running.sum(), length), sum: running.sum(), pieces, size: length };
        let body = format!(
            "<CopyPartResult><ETag>{}</ETag>{}</CopyPartResult>",
            escaped(&part.etag),
            part.sum.element()
        );
        let number = asked.number("partNumber").unwrap_or_default();
        self.of_upload(asked, |upload| upload.parts.insert(number, part))?;
        Ok(Answer::xml(body))
    }

    fn list_parts(&self, asked: &Asked) -> Served {
        let after: u32 = asked.number("part-number-marker").unwrap_or_default();
        let most: usize = asked.number("max-parts").unwrap_or(1_000);
        self.of_upload(asked, |upload| {
            let mut found = upload.parts.range(after + 1..);
            let page: Vec<_> = found.by_ref().take(most).collect();
            let is_truncated = found.next().is_some();
            let parts: Vec<String> = page
                .iter()
                .map(|(number, part)| {
                    format!(
                        "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag><Size>{}</Size>{}</Part>",
                        escaped(&part.etag),
                        part.size,
                        part.sum.element()
                    )
                })
                .collect();
            let next = page.last().map_or(0, |(number, _)| **number);
            Answer::xml(format!(
                "<ListPartsResult><IsTruncated>{is_truncated}</IsTruncated>\
                 <NextPartNumberMarker>{next}</NextPartNumberMarker>{}</ListPartsResult>",
                parts.concat()
            ))
        })
    }

    fn list_uploads(&self, asked: &Asked) -> Answer {
        let prefix = asked.query.get("prefix").cloned().unwrap_or_default();
        let kept = self.kept.lock().unwrap();
        let mut found: Vec<_> = kept
            .uploads
            .iter()
            .filter(|(_, it)| it.bucket == asked.bucket && it.key.starts_with(&prefix))
            .collect();
        found.sort_by_key(|(_, upload)| (upload.key.clone(), upload.initiated));
        let uploads: Vec<String> = found
            .iter()
            .map(|(id, upload)| {
                let initiated = DateTime::from(upload.initiated).fmt(Format::DateTime).unwrap_or_default();
                format!(
                    "<Upload><Key>{}</Key><UploadId>{id}</UploadId><Initiated>{initiated}</Initiated></Upload>",
                    escaped(&upload.key)
                )
            })
            .collect();
        Answer::xml(format!(
            "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{}</ListMultipartUploadsResult>",
            uploads.concat()
        ))
    }

    fn complete(&self, asked: &Asked, body: &mut impl BufRead) -> Served {
        let mut text = String::new();
        _ = body.read_to_string(&mut text);
        let malformed = || Answer::refusal(400, "MalformedXML");
        let document = roxmltree::Document::parse(&text).map_err(|_| malformed())?;
        let child = |node: roxmltree::Node<'_, '_>, name: &str| {
            node.children()
                .find(|it| it.has_tag_name(name) || it.tag_name().name() == name)
                .and_then(|it| it.text())
                .map(str::to_owned)
        };
        let listed: Option<Vec<(u32, String)>> = document
            .descendants()
            .filter(|node| node.tag_name().name() == "Part")
            .map(|node| Some((child(node, "PartNumber")?.parse().ok()?, child(node, "ETag")?)))
            .collect();
        let listed = listed.filter(|it| !it.is_empty()).ok_or_else(malformed)?;
        let made = self.of_upload(asked, |upload| made_of(upload, &listed))??;
        if asked.header("x-amz-mp-object-size").is_some_and(|size| size != made.size.to_string()) {
            return Err(Answer::refusal(400, "InvalidRequest"));
        }
        if let Some(sum) = made.sum
            && asked.header(&sum.header()).is_some_and(|said| said != sum.text())
        {
            return Err(Answer::refusal(400, "BadDigest"));
        }
        let body = format!(
            "<CompleteMultipartUploadResult><ETag>{}</ETag><ChecksumType>FULL_OBJECT</ChecksumType>{}\
             </CompleteMultipartUploadResult>",
            escaped(&made.etag),
            made.sum.map_or(String::new(), Sum::element)
        );
        self.place(asked, &asked.bucket, &asked.key, made)?;
        _ = self.abort(asked);
        Ok(Answer::xml(body))
    }

    fn abort(&self, asked: &Asked) -> Served {
        self.of_upload(asked, |_| ())?;
        let id = asked.query.get("uploadId").cloned().unwrap_or_default();
        self.kept.lock().unwrap().uploads.remove(&id);
        Ok(Answer::empty(204))
    }
}

fn made_of(upload: &Upload, listed: &[(u32, String)]) -> Result<Made, Answer> {
    let (mut pieces, mut size, mut sum) = (vec![], 0, None::<Sum>);
    let mut etags = String::new();
    for (at, (number, etag)) in listed.iter().enumerate() {
        let part = upload.parts.get(number).filter(|part| part.etag == *etag);
        let part = part.ok_or_else(|| Answer::refusal(400, "InvalidPart"))?;
        if *number != u32::try_from(at).unwrap() + 1 {
            return Err(Answer::refusal(400, "InvalidPartOrder"));
        }
        if part.size < LEAST_PART && at + 1 < listed.len() {
            return Err(Answer::refusal(400, "EntityTooSmall"));
        }
        sum = Some(sum.map_or(part.sum, |sum| sum.and(part.sum, part.size)));
        pieces.extend(part.pieces.iter().cloned());
        size += part.size;
        etags.push_str(&part.etag);
    }
    let hash = crc_fast::checksum(CrcAlgorithm::Crc64Nvme, etags.as_bytes());
    let etag = format!("\"{hash:032x}-{}\"", listed.len());
    Ok(Made { etag, size, headers: upload.headers.clone(), sum, pieces })
}

fn checksum(pieces: &[Piece], running: &mut Running) {
    use std::io::{Read, Seek, SeekFrom};
    let mut buffer = vec![0; 1 << 20];
    for piece in pieces {
        let mut file = File::open(&piece.file.path).unwrap();
        file.seek(SeekFrom::Start(piece.from)).unwrap();
        let mut file = file.take(piece.length);
        loop {
            let read = file.read(&mut buffer).unwrap();
            if read == 0 {
                break;
            }
            running.update(&buffer[..read]);
        }
    }
}

fn algorithm_of(asked: &Asked) -> usize {
    let named = asked.header("x-amz-checksum-algorithm").or(asked.header("x-amz-sdk-checksum-algorithm"));
    let by_name = named.and_then(|name| ALGORITHMS.iter().position(|it| it.1 == name));
    let by_header = || {
        let trailer = asked.header("x-amz-trailer").unwrap_or_default();
        ALGORITHMS.iter().position(|it| {
            let header = format!("x-amz-checksum-{}", it.0);
            trailer == header || asked.headers.contains_key(&header)
        })
    };
    by_name.or_else(by_header).unwrap_or_default()
}

fn kept_headers(asked: &Asked) -> BTreeMap<String, String> {
    let kept = asked
        .headers
        .iter()
        .filter(|(name, _)| KEPT.contains(&name.as_str()) || name.starts_with("x-amz-meta-"));
    let kept = kept.map(|(name, value)| {
        let value = value.strip_suffix("aws-chunked").unwrap_or(value).trim_end_matches(',');
        (name.clone(), value.to_owned())
    });
    kept.filter(|(_, value)| !value.is_empty()).collect()
}

fn span(range: &str, size: u64) -> Result<(u64, u64), Answer> {
    let unsatisfiable = || Answer::refusal(416, "InvalidRange");
    let (from, to) = range.trim_start_matches("bytes=").split_once('-').ok_or_else(unsatisfiable)?;
    let from: u64 = from.parse().map_err(|_| unsatisfiable())?;
    let to: u64 = to.parse().unwrap_or(u64::MAX).min(size.saturating_sub(1));
    if from >= size || to < from {
        return Err(unsatisfiable());
    }
    Ok((from, to - from + 1))
}

fn etag(sum: Sum, size: u64) -> String {
    format!("\"{:016x}{size:016x}\"", sum.value)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
