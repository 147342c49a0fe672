//! A stand-in for S3 as the place of results, and for whatever service is called beside it, in one HTTP client.
//!
//! Enters: buckets with their Regions, and what the service answers, as a body that may come in pieces, break off or
//! stall. Leaves: objects, uploads that were left behind, and every request. It takes an object only whole: each body
//! must have the checksum that its request tells, a part the number and tag that completing names. Fails by panicking
//! where a request is one that S3 would not understand.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

use crate::recording::Reply;
use crate::wire::Request;

/// What the service that is called answers.
#[derive(Debug, Clone)]
pub struct Told {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub pieces: Vec<Bytes>,
    pub end: End,
}

/// What comes after the last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Whole,
    Broken,
    Stalled,
}

impl Told {
    /// Status 200 and a body in pieces, without a length.
    pub fn pieces(pieces: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        let pieces = pieces.into_iter().map(Into::into).collect();
        Self { status: 200, headers: Vec::new(), pieces, end: End::Whole }
    }

    #[must_use]
    pub fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    /// With the length of all pieces.
    #[must_use]
    pub fn measured(self) -> Self {
        let length = self.pieces.iter().map(Bytes::len).sum::<usize>();
        self.with("content-length", length.to_string())
    }

    #[must_use]
    pub fn ending(self, end: End) -> Self {
        Self { end, ..self }
    }

    fn response(self) -> HttpResponse {
        let body = Pieces { left: self.pieces.into(), end: self.end };
        let mut response = HttpResponse::new(self.status.try_into().unwrap(), SdkBody::from_body_1_x(body));
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}

/// A body on its way.
struct Pieces {
    left: VecDeque<Bytes>,
    end: End,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if let Some(piece) = self.left.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::Broken => Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into()))),
            End::Stalled => Poll::Pending,
        }
    }
}

impl From<Reply> for Told {
    fn from(reply: Reply) -> Self {
        Self { status: reply.status, headers: reply.headers, ..Self::pieces([reply.body]) }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub bytes: Vec<u8>,
    pub content_type: String,
}

#[derive(Debug)]
struct Upload {
    object: String,
    content_type: String,
    parts: BTreeMap<usize, Vec<u8>>,
}

#[derive(Debug, Default)]
struct State {
    /// Names and Regions.
    buckets: BTreeMap<String, String>,
    /// By bucket and key, with a slash between.
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, Upload>,
    requests: Vec<Request>,
    made: usize,
}

/// No answer at all.
pub const SILENT: Told = Told { status: 0, headers: Vec::new(), pieces: Vec::new(), end: End::Stalled };

type Answer = dyn Fn(&Request) -> Told + Send + Sync;
type Refuse = dyn Fn(&Request) -> Option<Told> + Send + Sync;

/// Clones share what they hold.
#[derive(Clone)]
pub struct Buckets {
    state: Arc<Mutex<State>>,
    service: Arc<Answer>,
    refuse: Arc<Refuse>,
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buckets")
    }
}

impl Buckets {
    /// `service` answers what does not go to one of `buckets`, each a name and a Region.
    pub fn new(buckets: &[(&str, &str)], service: impl Fn(&Request) -> Told + Send + Sync + 'static) -> Self {
        let buckets = buckets.iter().map(|(name, region)| ((*name).to_owned(), (*region).to_owned()));
        let state = State { buckets: buckets.collect(), ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), service: Arc::new(service), refuse: Arc::new(|_| None) }
    }

    /// With another answer of S3, where there is one, before anything is done.
    #[must_use]
    pub fn refusing(self, refuse: impl Fn(&Request) -> Option<Told> + Send + Sync + 'static) -> Self {
        Self { refuse: Arc::new(refuse), ..self }
    }

    pub fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// What is there under `bucket/key`.
    pub fn object(&self, name: &str) -> Option<Object> {
        self.state().objects.get(name).cloned()
    }

    pub fn objects(&self) -> usize {
        self.state().objects.len()
    }

    /// Multipart uploads that are neither completed nor aborted.
    pub fn left_behind(&self) -> usize {
        self.state().uploads.len()
    }

    /// The requests so far, which are forgotten.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.state().requests)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> Told {
        self.state().requests.push(request.clone());
        let Some((bucket, region)) = place(&request.host) else { return (self.service)(request) };
        let is_result = ["PUT", "POST", "DELETE"].contains(&request.method.as_str());
        if !is_result {
            return (self.service)(request);
        }
        if let Some(told) = (self.refuse)(request) {
            return told;
        }
        assert!(
            request.headers["authorization"].contains(&format!("/{region}/s3/aws4_request")),
            "signed for the Region of the host"
        );
        let mut state = self.state();
        match state.buckets.get(bucket) {
            None => return refusal(404, "NoSuchBucket"),
            Some(home) if home != region => return refusal(301, "PermanentRedirect"),
            Some(_) => {}
        }
        state.serve(bucket, request)
    }
}

impl State {
    fn serve(&mut self, bucket: &str, request: &Request) -> Told {
        let key = percent_encoding::percent_decode_str(&request.path[1..]).decode_utf8().unwrap();
        let object = format!("{bucket}/{key}");
        let query = |name: &str| request.query.iter().find(|(known, _)| known == name).map(|it| it.1.clone());
        let content_type = || request.headers.get("content-type").cloned().unwrap_or_default();
        match (request.method.as_str(), query("uploadId"), query("partNumber")) {
            ("PUT", None, _) => {
                let sha256 = STANDARD.encode(Sha256::digest(&request.body));
                if request.headers.get("x-amz-checksum-sha256") != Some(&sha256) {
                    return refusal(400, "BadDigest");
                }
                let written = Object { bytes: request.body.clone(), content_type: content_type() };
                self.objects.insert(object, written);
                Told::pieces([""]).with("etag", "\"whole\"")
            }
            ("POST", None, _) => {
                assert!(query("uploads").is_some(), "neither begins an upload nor completes one");
                assert_eq!(request.headers["x-amz-checksum-algorithm"], "CRC32");
                self.made += 1;
                let id = format!("upload-{}", self.made);
                let parts = BTreeMap::new();
                self.uploads.insert(id.clone(), Upload { object, content_type: content_type(), parts });
                xml(&format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                ))
            }
            ("PUT", Some(id), Some(number)) => {
                let crc32 = STANDARD.encode(crc32(&request.body).to_be_bytes());
                if request.headers.get("x-amz-checksum-crc32") != Some(&crc32) {
                    return refusal(400, "BadDigest");
                }
                let Some(upload) = self.uploads.get_mut(&id) else { return refusal(404, "NoSuchUpload") };
                assert_eq!(upload.object, object);
                upload.parts.insert(number.parse().unwrap(), request.body.clone());
                Told::pieces([""])
                    .with("etag", format!("\"part-{number}\""))
                    .with("x-amz-checksum-crc32", crc32)
            }
            ("POST", Some(id), _) => {
                let Some(upload) = self.uploads.remove(&id) else { return refusal(404, "NoSuchUpload") };
                self.complete(upload, std::str::from_utf8(&request.body).unwrap())
            }
            ("DELETE", Some(id), _) => match self.uploads.remove(&id) {
                Some(_) => Told { status: 204, ..Told::pieces([""]) },
                None => refusal(404, "NoSuchUpload"),
            },
            _ => panic!("no request of an upload: {} {}", request.method, request.path),
        }
    }

    fn complete(&mut self, upload: Upload, named: &str) -> Told {
        let document = roxmltree::Document::parse(named).unwrap();
        let text = |part: roxmltree::Node<'_, '_>, name: &str| {
            let found = part.children().find(|it| it.tag_name().name() == name);
            found.and_then(|it| it.text()).unwrap_or_default().to_owned()
        };
        let parts = document.descendants().filter(|it| it.tag_name().name() == "Part");
        let named: Vec<_> = parts
            .map(|part| (text(part, "PartNumber"), text(part, "ETag"), text(part, "ChecksumCRC32")))
            .collect();
        let sent = upload.parts.iter().map(|(number, bytes)| {
            let crc32 = STANDARD.encode(crc32(bytes).to_be_bytes());
            (number.to_string(), format!("\"part-{number}\""), crc32)
        });
        if named != sent.collect::<Vec<_>>() {
            return refusal(400, "InvalidPart");
        }
        let sizes: Vec<usize> = upload.parts.values().map(Vec::len).collect();
        if sizes.iter().rev().skip(1).any(|size| *size < 5 << 20) {
            return refusal(400, "EntityTooSmall");
        }
        let bytes = upload.parts.into_values().flatten().collect();
        self.objects.insert(upload.object, Object { bytes, content_type: upload.content_type });
        xml("<CompleteMultipartUploadResult><ETag>&quot;all&quot;</ETag></CompleteMultipartUploadResult>")
    }
}

/// An error of S3.
pub fn refusal(status: u16, code: &str) -> Told {
    let body = format!("<Error><Code>{code}</Code><Message>{code} it is</Message></Error>");
    Told { status, ..xml(&body) }.with("x-amz-request-id", "of-s3")
}

fn xml(body: &str) -> Told {
    Told::pieces([body.to_owned()]).with("content-type", "application/xml")
}

/// Bucket and Region of a host of S3.
fn place(host: &str) -> Option<(&str, &str)> {
    host.strip_suffix(".amazonaws.com")?.split_once(".s3.")
}

/// As ISO 3309 has it.
pub fn crc32(bytes: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256_u32)
        .map(|byte| {
            (0..8).fold(byte, |crc, _| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 })
        })
        .collect();
    !bytes.iter().fold(u32::MAX, |crc, byte| table[((crc ^ u32::from(*byte)) & 255) as usize] ^ (crc >> 8))
}

impl HttpClient for Buckets {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Buckets {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let buckets = self.clone();
        HttpConnectorFuture::new(async move {
            let body = std::mem::replace(request.body_mut(), SdkBody::taken());
            let body = body.collect().await.map_err(ConnectorError::user)?;
            *request.body_mut() = SdkBody::from(body.to_bytes());
            let told = buckets.answer(&Request::sent(&request));
            if told.status == SILENT.status {
                std::future::pending::<()>().await;
            }
            Ok(told.response())
        })
    }
}
