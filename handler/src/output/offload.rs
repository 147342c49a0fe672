//! Results that go to S3 instead of back to the state machine: `resultTo` of section 3 of the contract.
//!
//! Enters: a body that is still on its way, or a result in memory. Leaves: what was stored, as [`Stored`], or the body,
//! where the event asks for S3 only above the limit and it is no larger. Fails with S3's own error or with what happened
//! on the way, with `effect: "done"`, since the call was made; and as an answer does that breaks off, with
//! `effect: "unknown"`, where the body does.
//!
//! A body takes two parts of memory, however long it is: one is sent while the next is read. What is shorter than a
//! part is one object with its SHA-256, which S3 compares; all else is a multipart upload, each part under its CRC32.
//! An object is whole or it is not there: an upload that fails is aborted, for which some of the time is kept back.
//!
//! The calls are the schema-driven client's own, each under a permit: AWS's crate for S3 would make the binary 0.9 MB
//! larger for five of its operations.
//!
//! The function's own role stores, whoever makes the call; an entry of the operation table that permits the call must
//! list the place.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::limit;
use crate::catalog;
use crate::client::failure;
use crate::client::flow::{Broken, Flow};
use crate::client::{Answer, Body, Clients, Patience};
use crate::custom_endpoint::CustomEndpoint;
use crate::deadline::Deadline;
use crate::effect::Effect;
use crate::error::{Error, Kind, Trouble};
use crate::event::result_to::{ResultTo, When};
use crate::event::{EndpointOptions, Retry, Timeouts};
use crate::idempotency::store;
use crate::input;
use crate::table::Permit;
use crate::target::{self, Wanted};

/// The service that stores.
pub const SERVICE: &str = "s3";

/// What storing may call.
pub const CALLS: [&str; 5] =
    ["PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"];

/// Bytes of a part, and how many S3 takes of them.
const PART: usize = 8 << 20;
const PARTS: usize = 10_000;

/// Kept back from an upload, for aborting it, but no more than this part of the time.
const RESERVE: Duration = Duration::from_secs(1);
const RESERVE_PART: u32 = 5;

/// How long aborting may take where nothing is left: some of what is kept back for the answer.
const LAST_MOMENT: Duration = Duration::from_millis(200);

/// What an answer without a Content-Type is stored as.
const BYTES: &str = "application/octet-stream";

/// Stores the result of one invocation.
#[derive(Debug, Clone, Copy)]
pub struct Offload<'a> {
    pub to: &'a ResultTo,
    /// One for each of [`CALLS`].
    pub permits: &'a [Permit],
    pub clients: &'a Clients,
    /// A server of this machine that stands in for AWS.
    pub local: Option<&'a CustomEndpoint>,
    pub options: EndpointOptions,
    /// Bytes of a result that goes back.
    pub limit: usize,
    /// The result must fit into a record, too.
    pub is_recorded: bool,
}

/// An object that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    bucket: String,
    key: String,
    size: u64,
    content_type: String,
    sha256: String,
}

impl Stored {
    /// What is told of it in place of the result.
    pub fn pointer(&self) -> Json {
        json!({
            "bucket": self.bucket,
            "key": self.key,
            "size": self.size,
            "contentType": self.content_type,
            "sha256": self.sha256,
        })
    }
}

impl Offload<'_> {
    /// Whether the result goes back to the state machine after all.
    pub fn leaves(&self, result: &str) -> bool {
        self.to.when == When::OverLimit
            && result.len() <= self.limit
            && (!self.is_recorded || store::holds(result))
    }

    /// Stores the body of an answer, or reads it where it is to be looked at first and is no larger than a result.
    pub async fn body(
        &self,
        mut answer: Answer,
        flow: Option<Flow>,
        deadline: Deadline,
    ) -> Result<(Answer, Option<Stored>), Error> {
        let is_always = self.to.when == When::Always;
        // Of a failed function that is not raised, the report is there already.
        if flow.is_none() && !is_always {
            return Ok((answer, None));
        }
        let Some(body) = answer.body.take() else { return Ok((answer, None)) };
        let mut source = flow.map_or_else(|| Source::of(body.bytes.clone()), Source::new);
        let is_larger = source.length().is_some_and(|length| length > self.limit as u64);
        if !is_always && !is_larger {
            let whole = timeout(deadline.remaining(), source.within(self.limit)).await;
            let whole = whole.map_err(|_| late(&answer))?.map_err(|why| failure::broken(&answer, why))?;
            if let Some(bytes) = whole {
                return Ok((Answer { body: Some(Body { bytes, ..body }), ..answer }, None));
            }
        }
        let content_type = body.content_type.as_deref();
        let stored = self.store(&mut source, content_type, Some(&answer), deadline).await?;
        Ok((answer, Some(stored)))
    }

    /// Stores what is in memory.
    pub async fn bytes(
        &self,
        bytes: Bytes,
        content_type: Option<&str>,
        deadline: Deadline,
    ) -> Result<Stored, Error> {
        self.store(&mut Source::of(bytes), content_type, None, deadline).await
    }

    /// `answer` is the one that the bytes still come from.
    async fn store(
        &self,
        source: &mut Source,
        content_type: Option<&str>,
        answer: Option<&Answer>,
        deadline: Deadline,
    ) -> Result<Stored, Error> {
        let content_type = content_type.unwrap_or(BYTES);
        let mut upload = Upload { offload: *self, content_type, deadline, id: None };
        let until = deadline.earlier(RESERVE.min(deadline.remaining() / RESERVE_PART));
        let stopped = match timeout(until.remaining(), Box::pin(upload.send(source))).await {
            Ok(Ok(())) => {
                return Ok(Stored {
                    bucket: self.to.bucket.clone(),
                    key: self.to.key.clone(),
                    size: source.size,
                    content_type: content_type.to_owned(),
                    sha256: hex::encode(source.sha256()),
                });
            }
            Ok(Err(stopped)) => Some(stopped),
            Err(_) => None,
        };
        let is_clean = upload.abort().await;
        let mut error = match (stopped, answer.filter(|_| !source.has_ended())) {
            (Some(Stopped::Store(error, action)), _) => self.not_stored(*error, action),
            (Some(Stopped::Source(why)), Some(answer)) => failure::broken(answer, why),
            (None, Some(answer)) => late(answer),
            (Some(Stopped::Source(_)) | None, _) => {
                let error = Error::new(Kind::OutcomeUnknown, "the time ran out");
                self.not_stored(error, "putObject")
            }
        };
        if !is_clean {
            // Nothing half-written is left unsaid.
            error.message.push_str("; the parts that were uploaded may remain in the bucket");
        }
        Err(error)
    }

    /// The failure as it is told of a call that was made. Names of ours that would invite to make it again give way
    /// to the one that does not.
    fn not_stored(&self, error: Error, action: &str) -> Error {
        let invites = [Kind::Unreachable, Kind::DeadlineExceeded].iter().any(|it| it.name() == error.name());
        let mut error = if invites { error.renamed(Kind::OutcomeUnknown.name().to_owned()) } else { error };
        error.message =
            format!("the call is done, but its result could not be stored in `resultTo`: {}", error.message);
        error.trouble = None;
        error.with_effect(Effect::Done).for_call(SERVICE, action, self.to.region.as_str())
    }

    /// One of [`CALLS`].
    async fn call(
        &self,
        operation: &str,
        parameters: Map<String, Json>,
        body: Option<Bytes>,
        deadline: Deadline,
    ) -> Result<Answer, Error> {
        let operation = catalog::service(SERVICE)?.operation(operation)?;
        let permit = self.permits.iter().find(|permit| permit.operation() == operation.name);
        let permit =
            permit.ok_or_else(|| failure::internal("storing makes a call that it has no permit for"))?;
        let mut bound = input::bind(operation, parameters)?;
        if let Some(body) = body {
            bound = bound.with_body(body);
        }
        let EndpointOptions { fips, dual_stack, .. } = self.options;
        let wanted = Wanted {
            region: self.to.region.as_str(),
            endpoint: self.local,
            options: EndpointOptions { fips, dual_stack, ..EndpointOptions::default() },
            account_id: None,
            assumed: None,
        };
        let route = target::route(&bound, permit.clone(), wanted)?;
        // Whatever the event says of its call: to write an object twice is to write it once.
        let patience = Patience::within(deadline.remaining(), Timeouts::default(), Retry::SDK, 0);
        self.clients.send(bound, &route, patience).await
    }
}

/// Why nothing was stored.
#[derive(Debug)]
enum Stopped {
    /// The body ended before its end.
    Source(Broken),
    /// With the action that failed. Boxed, since it is large and rare.
    Store(Box<Error>, &'static str),
}

/// One object on its way.
struct Upload<'a> {
    offload: Offload<'a>,
    content_type: &'a str,
    deadline: Deadline,
    /// Of a multipart upload that is neither completed nor aborted.
    id: Option<String>,
}

impl Upload<'_> {
    async fn send(&mut self, source: &mut Source) -> Result<(), Stopped> {
        let room = (PART * PARTS) as u64;
        let too_large = || Stopped::Store(Box::new(limit::too_large_to_store(room)), "uploadPart");
        if source.length().is_some_and(|length| length > room) {
            return Err(too_large());
        }
        let mut part = source.part().await.map_err(Stopped::Source)?;
        if source.has_ended() {
            return self.put(part, &source.sha256()).await;
        }
        let id = self.create().await?;
        self.id = Some(id.clone());
        let mut sent = Vec::new();
        while !part.is_empty() {
            if sent.len() == PARTS {
                return Err(too_large());
            }
            let next = async { source.part().await.map_err(Stopped::Source) };
            let (done, next) = tokio::try_join!(self.part(&id, sent.len() + 1, part), next)?;
            sent.push(done);
            part = next;
        }
        self.complete(&id, sent).await?;
        self.id = None;
        Ok(())
    }

    async fn put(&self, bytes: Bytes, sha256: &[u8]) -> Result<(), Stopped> {
        let more = json!({ "ContentType": self.content_type, "ChecksumSHA256": STANDARD.encode(sha256) });
        self.call("PutObject", "putObject", more, Some(bytes)).await.map(drop)
    }

    async fn create(&self) -> Result<String, Stopped> {
        let action = "createMultipartUpload";
        let more = json!({ "ContentType": self.content_type, "ChecksumAlgorithm": "CRC32" });
        let answer = self.call("CreateMultipartUpload", action, more, None).await?;
        text(&answer, "UploadId").ok_or_else(|| unusable(action))
    }

    /// The part as it is named when all are put together.
    async fn part(&self, id: &str, number: usize, bytes: Bytes) -> Result<Json, Stopped> {
        let action = "uploadPart";
        let more = json!({ "UploadId": id, "PartNumber": number, "ChecksumAlgorithm": "CRC32" });
        let answer = self.call("UploadPart", action, more, Some(bytes)).await?;
        let tag = text(&answer, "ETag").ok_or_else(|| unusable(action))?;
        Ok(json!({ "PartNumber": number, "ETag": tag, "ChecksumCRC32": text(&answer, "ChecksumCRC32") }))
    }

    async fn complete(&self, id: &str, parts: Vec<Json>) -> Result<(), Stopped> {
        let action = "completeMultipartUpload";
        let more = json!({ "UploadId": id, "MultipartUpload": { "Parts": parts } });
        let answer = self.call("CompleteMultipartUpload", action, more, None).await?;
        // S3 answers before it is done, and may still fail.
        text(&answer, "ETag").map(drop).ok_or_else(|| unusable(action))
    }

    /// Leaves nothing half-written; or leaves false.
    async fn abort(mut self) -> bool {
        let Some(id) = self.id.take() else { return true };
        let left = self.deadline.remaining().max(LAST_MOMENT);
        let call = self.call("AbortMultipartUpload", "abortMultipartUpload", json!({ "UploadId": id }), None);
        matches!(timeout(left, Box::pin(call)).await, Ok(Ok(_)))
    }

    /// `action` is the operation as events write it.
    async fn call(
        &self,
        operation: &str,
        action: &'static str,
        more: Json,
        body: Option<Bytes>,
    ) -> Result<Answer, Stopped> {
        let Offload { to, .. } = self.offload;
        let mut parameters = Map::from_iter([
            ("Bucket".to_owned(), Json::from(to.bucket.as_str())),
            ("Key".to_owned(), Json::from(to.key.as_str())),
        ]);
        if let Json::Object(more) = more {
            parameters.extend(more);
        }
        let sent = Box::pin(self.offload.call(operation, parameters, body, self.deadline)).await;
        sent.map_err(|error| Stopped::Store(Box::new(error), action))
    }
}

fn text(answer: &Answer, member: &str) -> Option<String> {
    answer.members.get(member).and_then(Json::as_str).map(ToOwned::to_owned)
}

fn unusable(action: &'static str) -> Stopped {
    let error = Error::new(Kind::MalformedResponse, "the answer does not say what was stored");
    Stopped::Store(Box::new(error), action)
}

/// The time ended with the answer.
fn late(answer: &Answer) -> Error {
    let message = "the time ran out before the whole answer was there and stored";
    let mut error = Error::new(Kind::OutcomeUnknown, message)
        .with_effect(Effect::Unknown)
        .with_trouble(Trouble::Transient);
    error.status_code = Some(answer.status);
    error.request_id.clone_from(&answer.request_id);
    error.attempts = Some(answer.attempts);
    error
}

/// Bytes in parts, and what they come to.
struct Source {
    flow: Option<Flow>,
    /// What came and is in no part yet, and what of it fits into none.
    held: BytesMut,
    rest: Bytes,
    hash: Sha256,
    size: u64,
}

impl Source {
    fn new(flow: Flow) -> Self {
        Self { flow: Some(flow), held: BytesMut::new(), rest: Bytes::new(), hash: Sha256::new(), size: 0 }
    }

    /// One part, whatever its size.
    fn of(bytes: Bytes) -> Self {
        Self { flow: None, held: BytesMut::new(), rest: bytes, hash: Sha256::new(), size: 0 }
    }

    fn length(&self) -> Option<u64> {
        self.flow.as_ref().and_then(|flow| flow.length)
    }

    /// Whether all of it went into parts.
    fn has_ended(&self) -> bool {
        self.flow.is_none() && self.held.is_empty() && self.rest.is_empty()
    }

    /// All of it, if it is no more than so many bytes; else what was read of it is kept for the parts.
    async fn within(&mut self, limit: usize) -> Result<Option<Bytes>, Broken> {
        self.fill(limit + 1).await?;
        Ok((self.held.len() <= limit).then(|| std::mem::take(&mut self.held).freeze()))
    }

    /// The next part; only the last is shorter than the others, and only the end is empty.
    async fn part(&mut self) -> Result<Bytes, Broken> {
        let part = if self.flow.is_none() && self.held.is_empty() {
            std::mem::take(&mut self.rest)
        } else {
            self.held.reserve(PART.saturating_sub(self.held.len()));
            self.fill(PART).await?;
            std::mem::take(&mut self.held).freeze()
        };
        self.hash.update(&part);
        self.size += part.len() as u64;
        Ok(part)
    }

    /// Reads until there are so many bytes or no more.
    async fn fill(&mut self, wanted: usize) -> Result<(), Broken> {
        while self.held.len() < wanted {
            if self.rest.is_empty() {
                let Some(flow) = &mut self.flow else { break };
                match flow.next().await? {
                    Some(bytes) => self.rest = bytes,
                    None => self.flow = None,
                }
                continue;
            }
            let taken = self.rest.split_to(self.rest.len().min(wanted - self.held.len()));
            self.held.extend_from_slice(&taken);
        }
        Ok(())
    }

    /// Of all parts so far.
    fn sha256(&self) -> Vec<u8> {
        self.hash.clone().finalize().to_vec()
    }
}
