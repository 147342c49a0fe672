//! The bytes of an object as they come in, over as many answers as it takes.
//!
//! Enters: where the object is, and from where on. Leaves: its bytes in their order, each once. Fails as `GetObject`
//! does; with `CrossRegion.SourceChanged` where the object is another than at first; with `CrossRegion.Unreachable`
//! where answers break off one after the other; with `CrossRegion.DeadlineExceeded` where the time is over; and with
//! `CrossRegion.ChecksumMismatch` at the end of an object that was read from its first byte on.

use bytes::Bytes;
use serde_json::{Map, json};

use super::{Position, READ, Source};
use crate::client::Reading;
use crate::client::flow::{Broken, Flow};
use crate::effect::Effect;
use crate::error::{Error, Kind, Trouble};
use crate::procedure::{Calls, SILENCE, Target};

/// Answers that may break off without having brought anything.
const IN_VAIN: u32 = 3;

pub struct Object<'c> {
    pub source: &'c Source,
    calls: &'c Calls<'c>,
    /// Of the object that is read, once it was seen.
    pub etag: Option<String>,
    /// Offset of the next byte.
    at: u64,
    flow: Option<Flow>,
    /// Answers that broke off since the last byte came.
    in_vain: u32,
}

impl<'c> Object<'c> {
    pub fn of(source: &'c Source, calls: &'c Calls<'_>, from: Option<&Position>) -> Self {
        Self {
            source,
            calls,
            etag: from.map(|from| from.etag.clone()),
            at: from.map_or(0, |from| from.offset),
            flow: None,
            in_vain: 0,
        }
    }

    /// What came next; nothing at the end. Reading changes nothing, whatever became of it.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let Source { region, .. } = self.source;
        let told =
            |error: Error| error.for_call(READ.0, "getObject", region.as_str()).with_effect(Effect::None);
        self.step().await.map_err(told)
    }

    async fn step(&mut self) -> Result<Option<Bytes>, Error> {
        let deadline = self.calls.target().pace.deadline;
        let mut flow = match self.flow.take() {
            Some(flow) => flow,
            None => match self.open().await {
                Ok(flow) => flow,
                // A call before this one had come to the end, and the object is the same.
                Err(error) if error.status_code == Some(416) => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        loop {
            // Bytes that are there already would be read on and on.
            if deadline.is_over() {
                return Err(late());
            }
            let cause = match tokio::time::timeout(SILENCE.min(deadline.remaining()), flow.next()).await {
                Ok(Ok(next)) => {
                    self.at += next.as_ref().map_or(0, Bytes::len) as u64;
                    self.in_vain = 0;
                    self.flow = Some(flow);
                    return Ok(next);
                }
                Ok(Err(Broken::Changed(cause))) => {
                    return Err(Error::new(
                        Kind::ChecksumMismatch,
                        format!("the object was read, but {cause}"),
                    ));
                }
                Ok(Err(Broken::Off(cause))) => cause,
                Err(_) => "no more bytes came".to_owned(),
            };
            self.in_vain += 1;
            if deadline.is_over() {
                return Err(late());
            }
            if self.in_vain == IN_VAIN {
                let message = format!("the object broke off again and again: {cause}");
                return Err(Error::new(Kind::Unreachable, message).with_trouble(Trouble::Transient));
            }
            flow.go_on_with(self.open().await?);
        }
    }

    /// What is left of the object.
    async fn open(&mut self) -> Result<Flow, Error> {
        let Source { bucket, key, version, region, .. } = self.source;
        let mut parameters =
            Map::from_iter([("Bucket".to_owned(), json!(bucket)), ("Key".to_owned(), json!(key))]);
        parameters.extend(version.iter().map(|version| ("VersionId".to_owned(), json!(version))));
        parameters.extend(self.etag.iter().map(|etag| ("IfMatch".to_owned(), json!(etag))));
        if self.at > 0 {
            parameters.insert("Range".to_owned(), json!(format!("bytes={}-", self.at)));
        }
        let target = Target { region, ..self.calls.target() };
        let opened = self.calls.open(READ.0, READ.1, parameters, target, Reading::Flowing).await;
        let (called, flow) = opened.map_err(|error| match error.status_code {
            Some(412) => changed().with_answer_of(&error),
            _ => error,
        })?;
        let etag = called.answer.members.get("ETag").and_then(serde_json::Value::as_str);
        let etag = etag.ok_or_else(|| Error::new(Kind::MalformedResponse, "the answer has no ETag"))?;
        if self.etag.get_or_insert_with(|| etag.to_owned()) != etag {
            return Err(changed());
        }
        let is_rest = called.answer.status == 206;
        let flow = flow.filter(|_| is_rest == (self.at > 0));
        let flow =
            flow.ok_or_else(|| Error::new(Kind::MalformedResponse, "the answer is not what was asked for"))?;
        Ok(if is_rest { flow.unchecked() } else { flow })
    }
}

fn late() -> Error {
    Error::new(Kind::DeadlineExceeded, "the time was over while the object was read")
}

fn changed() -> Error {
    Error::new(Kind::SourceChanged, "the object has changed while it was read")
}
