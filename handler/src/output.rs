//! What Step Functions gets back (section 3 of the contract).
//!
//! Enters: an answer read by the client, or the pages of many. Leaves: the result JSON, or what `select` finds in it,
//! within the size limit; or, where it is stored in S3, what is left of it and where it is. Fails with
//! `CrossRegion.ResultTooLarge`, and with `CrossRegion.Incomplete` where more pages were wanted than time or size allow;
//! `effect: "done"`; and as [`offload`] does.

pub mod body;
pub mod limit;
pub mod offload;
pub mod value;

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use crate::catalog::Operation;
use crate::client::Answer;
use crate::deadline::Deadline;
use crate::drive::Called;
use crate::drive::paginate::{Cut, Gathered};
use crate::effect::Effect;
use crate::error::{Error, Fault, Kind};
use crate::event::{BodyAs, Event};
use crate::expression::Expression;
use crate::spelling::Spelling;
use offload::{Offload, Stored};

/// The Content-Type of a result that is stored.
const JSON: &str = "application/json";

/// The result as it is handed over: of many pages, all, or as many as are wanted and fit.
pub fn result(
    operation: &'static Operation,
    called: Called,
    event: &Event,
    limit: usize,
) -> Result<Box<RawValue>, Error> {
    let Called { answer, region, endpoint, pages, failed_targets, .. } = called;
    let one = Shown { operation, event, region, endpoint, failed_targets };
    match pages {
        None => limit::check(&one.shown(answer, None)?.result, limit),
        Some(pages) => fitting(&one, answer, pages, limit).map(|(text, _)| text),
    }
}

/// The same where it may be stored: what is left beside it, and where it is. A body was stored as it came in, or is
/// here because it is no larger than a result.
pub async fn offloaded(
    operation: &'static Operation,
    called: Called,
    event: &Event,
    offload: Offload<'_>,
    deadline: Deadline,
) -> Result<Box<RawValue>, Error> {
    let Called { mut answer, region, endpoint, pages, failed_targets, stored } = called;
    let one = Shown { operation, event, region, endpoint, failed_targets };
    let limit = offload.limit;
    if let Some(pages) = pages {
        let (text, beside) = fitting(&one, answer, pages, usize::MAX)?;
        return text_or_pointer(text, beside, offload, deadline).await;
    }
    if let Some(stored) = stored {
        return left(one.shown(answer, None)?.members(), &stored, limit);
    }
    let Some(body) = answer.body.clone() else {
        let Parts { result, beside } = one.shown(answer, None)?;
        return text_or_pointer(limit::check(&result, usize::MAX)?, beside, offload, deadline).await;
    };
    let text = limit::check(&one.shown(answer.clone(), None)?.result, usize::MAX)?;
    if offload.leaves(text.get()) {
        return Ok(text);
    }
    // As JSON it is larger than by itself.
    answer.body = None;
    let stored = offload.bytes(body.bytes, body.content_type.as_deref(), deadline).await?;
    left(one.shown(answer, None)?.members(), &stored, limit)
}

/// The same for a result without a body, of which `beside` is what stays beside it.
pub async fn text_or_pointer(
    text: Box<RawValue>,
    beside: Map<String, Json>,
    offload: Offload<'_>,
    deadline: Deadline,
) -> Result<Box<RawValue>, Error> {
    if offload.leaves(text.get()) {
        return Ok(text);
    }
    let bytes = Bytes::from(Box::<str>::from(text).into_boxed_bytes());
    let stored = offload.bytes(bytes, Some(JSON), deadline).await?;
    left(beside, &stored, offload.limit)
}

fn left(mut beside: Map<String, Json>, stored: &Stored, limit: usize) -> Result<Box<RawValue>, Error> {
    beside.insert("resultTo".to_owned(), stored.pointer());
    limit::check(&Json::Object(beside), limit)
}

/// The output's members and its body, in the event's spelling.
pub fn members(
    operation: &'static Operation,
    answer: Answer,
    spelling: Spelling,
    body_as: BodyAs,
) -> Result<Map<String, Json>, Error> {
    let done = |error: Error| error.with_effect(Effect::Done);
    let mut members = spelling.result(operation, answer.members).map_err(done)?;
    if let (Some(body), Some(shape)) = (answer.body, operation.output) {
        let content_type = body.content_type.as_deref().filter(|_| spelling == Spelling::Model);
        let rendered = body::render(&body.bytes, content_type, body_as)?;
        let member = spelling.member(operation.service.id(), shape, &body.member);
        members.insert(member.into_owned(), rendered);
    }
    Ok(members)
}

/// What the expression finds, or all of it.
pub fn selected(result: Json, select: Option<&Expression>) -> Result<Json, Error> {
    let Some(select) = select else { return Ok(result) };
    select.take(result).map_err(|message| {
        Error::faults(Kind::InvalidEvent, vec![Fault::new("select", message)]).with_effect(Effect::Done)
    })
}

/// A result, and what stays beside it where it is stored.
struct Parts {
    result: Json,
    beside: Map<String, Json>,
}

impl Parts {
    /// Of a result that is an object, all members.
    fn members(self) -> Map<String, Json> {
        match self.result {
            Json::Object(members) => members,
            _ => self.beside,
        }
    }
}

/// What is shown of every answer to a call.
struct Shown<'a> {
    operation: &'static Operation,
    event: &'a Event,
    region: String,
    endpoint: String,
    failed_targets: Vec<Json>,
}

impl Shown<'_> {
    /// Members, the body by `bodyAs`, and `$metadata`, which Step Functions' own integrations do not have; or what is
    /// selected of it. `resume` is there where the answer stands for pages: the parameters to go on with, or null.
    fn shown(&self, answer: Answer, resume: Option<Json>) -> Result<Parts, Error> {
        let mut metadata = Map::new();
        if self.event.spelling == Spelling::Model {
            let about = [
                ("httpStatusCode", json!(answer.status)),
                ("requestId", json!(answer.request_id)),
                ("attempts", json!(answer.attempts)),
                ("totalRetryDelay", u64::try_from(answer.retry_delay.as_millis()).unwrap_or(u64::MAX).into()),
                ("region", json!(self.region)),
                ("endpoint", json!(self.endpoint)),
            ];
            metadata.extend(about.map(|(name, value)| (name.to_owned(), value)));
            if !self.failed_targets.is_empty() {
                metadata.insert("failedTargets".to_owned(), json!(self.failed_targets));
            }
        }
        let mut result = members(self.operation, answer, self.event.spelling, self.event.body_as)?;
        let mut apart = None;
        if let Some(resume) = resume {
            if self.event.select.is_some() {
                apart = Some(resume);
            } else {
                metadata.insert("resume".to_owned(), resume);
            }
        }
        let mut beside = Map::new();
        if !metadata.is_empty() {
            beside.insert("$metadata".to_owned(), metadata.clone().into());
            result.insert("$metadata".to_owned(), metadata.into());
        }
        let selected = selected(Json::Object(result), self.event.select.as_ref())?;
        let result = match apart {
            Some(resume) => {
                beside.insert("resume".to_owned(), resume.clone());
                json!({ "result": selected, "resume": resume })
            }
            None => selected,
        };
        Ok(Parts { result, beside })
    }

    /// The parameters to go on with, as the user spells them.
    fn resume(&self, pages: &Gathered, read: usize) -> Result<Json, Error> {
        let Some(next) = pages.resume(read) else { return Ok(Json::Null) };
        let spelled = self.event.spelling.parameters_out(self.operation, next.clone());
        spelled.map(Json::Object).map_err(|error| error.with_effect(Effect::Done))
    }
}

/// As many pages as were wanted, or, where a part of them is welcome, as many as fit; and what stays beside them.
fn fitting(
    one: &Shown<'_>,
    answer: Answer,
    pages: Gathered,
    limit: usize,
) -> Result<(Box<RawValue>, Map<String, Json>), Error> {
    let (read, cut) = (pages.pages(), pages.cut);
    let checked = |parts: Parts| limit::check(&parts.result, limit).map(|text| (text, parts.beside));
    let is_partial = one.event.paginate.is_some_and(|paginate| paginate.partial);
    if !is_partial {
        // A page that alone is too large is told as such.
        if cut == Cut::Deadline || cut == Cut::Size && read > 1 {
            return Err(incomplete(cut, read));
        }
        let resume = one.resume(&pages, read)?;
        let answer = Answer { members: pages.into_merged(), ..answer };
        return match checked(one.shown(answer, Some(resume))?) {
            Err(error) if is_too_large(&error) && read > 1 => Err(incomplete(Cut::Size, read)),
            Ok(_) if cut == Cut::Size => Err(incomplete(cut, read)),
            checked => checked,
        };
    }
    // The most pages that fit: `least` do, if any does, and `most` do not.
    let first = |read: usize| {
        let answer = Answer { members: pages.merged(read), ..answer.clone() };
        checked(one.shown(answer, Some(one.resume(&pages, read)?))?)
    };
    let all = first(read);
    if !all.as_ref().is_err_and(is_too_large) {
        return all;
    }
    let (mut least, mut most, mut fits) = (0, read, all);
    while most - least > 1 {
        let middle = usize::midpoint(least, most);
        match first(middle) {
            Err(error) if is_too_large(&error) => most = middle,
            other => (least, fits) = (middle, other),
        }
    }
    fits
}

fn is_too_large(error: &Error) -> bool {
    error.name() == Kind::ResultTooLarge.name()
}

fn incomplete(cut: Cut, read: usize) -> Error {
    let why = match cut {
        Cut::Deadline => "the time ended",
        Cut::AsWanted | Cut::Size => "the result became too large",
    };
    let message = format!(
        "{why} with page {read}, and there are more: set `paginate.partial` to get what was read and go on from there, \
         ask for fewer pages, or select less"
    );
    Error::new(Kind::Incomplete, message).with_effect(Effect::Done)
}
