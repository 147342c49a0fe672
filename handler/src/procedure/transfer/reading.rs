//! A range of the source as the body of a request to the target: bytes go out as they come in, and none is kept.
//!
//! Enters: where the range is, and the ETag that the source had when it was first looked at. Leaves: a body of the SDK,
//! which begins anew with a request of its own whenever the SDK sends its request again; and [`Reading`], which tells
//! what came of it. The body fails where the source does not answer, is another one by now, or breaks off, and
//! [`Reading::error`] is why: to the request that carries the body it is a failure without a name.
//!
//! The last bytes of a body are handed on only if the whole has the checksum that it must have, where that is known, so
//! that no request with other bytes is ever complete.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use futures_util::stream::{Stream, try_unfold};
use http_body::{Body, Frame, SizeHint};

use super::crc::{Algorithm, Crc, Running};
use crate::client::attempt::AttemptLog;
use crate::client::typed;
use crate::error::{Error, Kind, Trouble};
use crate::procedure::SILENCE;

/// What is to be read.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub client: Client,
    pub bucket: String,
    pub key: String,
    pub version: Option<String>,
    /// Without quotes it would be another one.
    pub etag: String,
    pub from: u64,
    /// Bytes, at least one.
    pub length: u64,
    pub algorithm: Algorithm,
    /// The checksum of these bytes, where it is known.
    pub expected: Option<Crc>,
}

/// What came of a body.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    crc: Option<Crc>,
    error: Option<Error>,
    logs: Vec<AttemptLog>,
}

impl Reading {
    /// Of all bytes of the range, once they were read.
    pub fn crc(&self) -> Option<Crc> {
        self.with(|state| state.crc)
    }

    /// Why it broke off.
    pub fn error(&self) -> Option<Error> {
        self.with(|state| state.error.take())
    }

    /// The requests that were made.
    pub fn logs(&self) -> Vec<AttemptLog> {
        self.with(|state| std::mem::take(&mut state.logs))
    }

    fn with<T>(&self, see: impl FnOnce(&mut State) -> T) -> T {
        see(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Range {
    pub fn body(self) -> (ByteStream, Reading) {
        let reading = Reading::default();
        let shared = reading.clone();
        let body = SdkBody::retryable(move || {
            let chunks = try_unfold(At::Start(self.clone(), shared.clone()), At::next);
            SdkBody::from_body_1_x(Chunks { stream: Mutex::new(Box::pin(chunks)), length: self.length })
        });
        (ByteStream::new(body), reading)
    }

    fn header(&self) -> String {
        format!("bytes={}-{}", self.from, (self.from + self.length).saturating_sub(1))
    }

    async fn open(self, reading: Reading) -> Result<Open, Error> {
        let log = AttemptLog::default();
        reading.with(|state| {
            state.crc = None;
            state.error = None;
            state.logs.push(log.clone());
        });
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .set_version_id(self.version.clone())
            .if_match(&self.etag)
            .range(self.header());
        let answer = request.customize().interceptor(log.clone()).send().await;
        let answer = answer.map_err(|error| typed::failure(error, &log))?;
        if answer.e_tag() != Some(self.etag.as_str()) {
            return Err(another());
        }
        let (left, crc) = (self.length, Running::new(self.algorithm));
        Ok(Open { body: answer.body, left, crc, expected: self.expected, reading })
    }
}

/// The source is another one than that which was looked at: that is what `refusal` says.
pub(super) fn changed(refusal: &Error) -> Error {
    another().with_answer_of(refusal)
}

fn another() -> Error {
    Error::new(Kind::SourceChanged, "the source has changed while it was copied")
}

/// How far a body is.
enum At {
    Start(Range, Reading),
    Open(Box<Open>),
}

struct Open {
    body: ByteStream,
    left: u64,
    crc: Running,
    expected: Option<Crc>,
    reading: Reading,
}

/// To the request that carries the body.
#[derive(Debug)]
struct BrokeOff;

impl std::fmt::Display for BrokeOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the source broke off")
    }
}

impl std::error::Error for BrokeOff {}

impl At {
    async fn next(self) -> Result<Option<(Bytes, Self)>, BrokeOff> {
        let (reading, outcome) = match self {
            Self::Start(range, reading) => {
                let outcome = match range.open(reading.clone()).await {
                    Ok(open) => open.next().await,
                    Err(error) => Err(error),
                };
                (reading, outcome)
            }
            Self::Open(open) => (open.reading.clone(), open.next().await),
        };
        match outcome {
            Ok(next) => Ok(next.map(|(bytes, open)| (bytes, Self::Open(Box::new(open))))),
            Err(error) => {
                reading.with(|state| state.error = Some(error));
                Err(BrokeOff)
            }
        }
    }
}

impl Open {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        let chunk = tokio::time::timeout(SILENCE, self.body.try_next()).await;
        let chunk = match chunk {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None) | Err(_)) => return Err(unfinished("its bytes broke off")),
            Err(_) => return Err(unfinished("no more bytes came")),
        };
        self.crc.update(&chunk);
        self.left = u64::try_from(chunk.len())
            .ok()
            .and_then(|length| self.left.checked_sub(length))
            .ok_or_else(|| Error::new(Kind::MalformedResponse, "more bytes came than were asked for"))?;
        if self.left == 0 {
            let crc = self.crc.crc();
            if self.expected.is_some_and(|expected| expected != crc) {
                return Err(mismatch("the bytes that were read are not those whose checksum S3 keeps"));
            }
            self.reading.with(|state| state.crc = Some(crc));
        }
        Ok(Some((chunk, self)))
    }
}

pub(super) fn mismatch(message: &str) -> Error {
    Error::new(Kind::ChecksumMismatch, message)
}

fn unfinished(message: &str) -> Error {
    Error::new(Kind::Unreachable, message).with_trouble(Trouble::Transient)
}

type Chunked = Pin<Box<dyn Stream<Item = Result<Bytes, BrokeOff>> + Send>>;

/// The SDK wants bodies that may be shared between threads. Nobody else ever holds the lock.
struct Chunks {
    stream: Mutex<Chunked>,
    length: u64,
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let stream = self.get_mut().stream.get_mut().unwrap_or_else(PoisonError::into_inner);
        stream.as_mut().poll_next(context).map(|next| next.map(|chunk| chunk.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
