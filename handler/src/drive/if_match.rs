//! Writes that are good for one version of a resource, which its ETag names.
//!
//! Enters: `ifMatch` of the event. Leaves: the call with the ETag in the member that the model has for it. Fails with
//! `CrossRegion.StaleETag` where the resource has another ETag by now, however the service spells that; with
//! `CrossRegion.InvalidEvent` where the operation takes no ETag or none can be read by the operation to ask first.
//!
//! An ETag from state is optimistic locking: what was computed from the old version must not overwrite the new one, so
//! a stale one is the end. Asked for at the moment of writing, it is a formality that the service insists on: the
//! last writer wins, whatever the others wrote, so a stale one is asked for again, until the time is over.
//!
//! A write that went unanswered may be the very thing that made the ETag stale; `effect` says so.

use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::{Called, Caller};
use crate::catalog::model::MemberTrait;
use crate::catalog::{self, Operation};
use crate::effect::Effect;
use crate::error::{Error, Fault, Faults, Kind};
use crate::event;
use crate::helper;
use crate::idempotency::token::Tokens;
use crate::input::{self, Bound};
use crate::pauses::Pauses;
use crate::spelling::Spelling;
use crate::table::{Call, Permit};
use crate::telemetry::Invocation;

/// Headers that carry the ETag which the resource must have; the second is Elemental MediaPackage's.
const HEADERS: [&str; 2] = ["if-match", "x-amzn-update-if-match"];

/// The output member with which operations tell the ETag, without regard to case.
const ETAG: &str = "etag";

/// Between two writes.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(50), Duration::from_secs(2));

/// How an operation learns the ETag.
#[derive(Debug)]
pub struct IfMatch {
    member: &'static str,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Given(String),
    /// By this call, each time anew.
    Asked(Box<Bound>),
}

/// The member that takes the ETag which the resource must have.
pub fn member(operation: &Operation) -> Option<&'static str> {
    let members = operation.input.map(catalog::members).unwrap_or_default();
    let takes_it = |it: &MemberTrait| matches!(it, MemberTrait::Header(name) if HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header)));
    members.iter().find(|member| member.traits.iter().any(takes_it)).map(|member| member.name.as_str())
}

/// The output member that holds the ETag.
pub fn told(operation: &Operation) -> Option<&'static str> {
    let members = operation.output.map(catalog::members).unwrap_or_default();
    members.iter().map(|member| member.name.as_str()).find(|name| name.eq_ignore_ascii_case(ETAG))
}

impl IfMatch {
    pub fn of(operation: &Operation, asked: event::IfMatch, spelling: Spelling) -> Result<Self, Error> {
        let service = operation.service;
        let Some(member) = member(operation) else {
            let message = format!("`{}` of `{}` takes no ETag", operation.action(), service.id());
            return Err(refused("ifMatch", message));
        };
        let source = match asked {
            event::IfMatch::ETag(etag) => Source::Given(etag),
            event::IfMatch::Latest { action, parameters } => {
                let describe = service
                    .operation(&action)
                    .map_err(|error| refused("ifMatch.describe.action", error.message))?;
                let action = describe.action();
                if !describe.is_read_only {
                    let message = format!("`{action}` does more than read, and may be called many times");
                    return Err(refused("ifMatch.describe.action", message));
                }
                if told(describe).is_none() {
                    let message = format!("`{action}` of `{}` tells no ETag", service.id());
                    return Err(refused("ifMatch.describe.action", message));
                }
                Source::Asked(Box::new(bind(describe, parameters, spelling)?))
            }
        };
        Ok(Self { member, source })
    }

    /// Puts the ETag, or what stands for it until it is known, among the parameters, which are bound before.
    pub fn place(&self, parameters: &mut Map<String, Json>, faults: &mut Faults) {
        let etag = match &self.source {
            Source::Given(etag) => etag.as_str(),
            Source::Asked(_) => "",
        };
        if parameters.insert(self.member.to_owned(), etag.into()).is_some() {
            faults.push(Fault::new(format!("parameters.{}", self.member), "does not go with `ifMatch`"));
        }
    }

    /// Makes the call, where its ETag is asked for as often as others write in between.
    pub async fn call(
        &self,
        caller: &Caller<'_>,
        bound: Bound,
        permit: &Permit,
        invocation: &mut Invocation,
    ) -> Result<Called, Error> {
        let operation = bound.operation();
        let describe = match &self.source {
            Source::Given(_) => {
                return caller.call(bound, permit, invocation).await.map_err(|error| {
                    if is_stale(operation.service.id(), &error) { stale(&error) } else { error }
                });
            }
            Source::Asked(describe) => describe,
        };
        let deadline = caller.pace.deadline;
        let mut effect = Effect::None;
        let mut pauses = PAUSES;
        let mut refused: Option<Error> = None;
        // Where the time is over after a refusal, that is what it ends with.
        let last = |refused: Option<Error>, error: Error| match refused {
            Some(refused) if deadline.explains(&error) => refused,
            _ => error,
        };
        loop {
            let etag = match ask(caller, describe, invocation).await {
                Ok(etag) => etag,
                Err(error) => return Err(last(refused, error).with_effect(effect)),
            };
            let written = bound.clone().with_text(self.member, etag);
            let error = match Box::pin(caller.call(written, permit, invocation)).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            effect = effect.and(error.effect);
            if !is_stale(operation.service.id(), &error) {
                // What may have been done is told as that.
                let error = if error.effect == Effect::None { last(refused, error) } else { error };
                return Err(error.with_effect(effect));
            }
            let error = stale(&error);
            let wait = pauses.draw();
            if deadline.remaining() <= wait {
                return Err(error.with_effect(effect));
            }
            refused = Some(error);
            tokio::time::sleep(wait).await;
        }
    }
}

/// The ETag of now. The operation that tells it has an entry of its own in the table.
async fn ask(caller: &Caller<'_>, describe: &Bound, invocation: &mut Invocation) -> Result<String, Error> {
    let operation = describe.operation();
    let permit = caller.table.permit(&Call {
        service: operation.service.id(),
        operation: &operation.name,
        region: caller.region,
        endpoint: caller.endpoint,
        role: caller.role.map(|asked| &asked.role),
    })?;
    let answered = Box::pin(caller.call(describe.clone(), &permit, invocation))
        .await
        .map_err(|error| helper::explained(operation, error))?;
    let etag = told(operation).and_then(|name| answered.answer.members.get(name)).and_then(Json::as_str);
    etag.map(ToOwned::to_owned).ok_or_else(|| {
        Error::new(Kind::MalformedResponse, format!("the answer to `{}` holds no ETag", operation.action()))
    })
}

/// Parameters of the operation to ask, whose faults are told by where they stand in the event.
fn bind(
    describe: &'static Operation,
    parameters: Map<String, Json>,
    spelling: Spelling,
) -> Result<Bound, Error> {
    let mut faults = Faults::default();
    let parameters = spelling.parameters(describe, parameters, &mut faults)?;
    input::bind_spelled(describe, parameters, spelling, faults, Tokens::Random).map_err(|mut error| {
        for fault in &mut error.faults {
            fault.path.insert_str(0, "ifMatch.describe.");
        }
        error.message.insert_str(0, "ifMatch.describe.");
        error
    })
}

/// Whether the resource has another ETag than the call named. Services have a name for it, a status, or neither.
pub fn is_stale(service: &str, error: &Error) -> bool {
    let code = error.code.as_deref().unwrap_or_default();
    let is = |name: &str| error.name() == name || code == name;
    let modelled = ["PreconditionFailed", "PreconditionFailedException", "InvalidIfMatchVersion"];
    error.status_code == Some(412)
        || modelled.into_iter().any(is)
        || match service {
            // AWS answers with the first, the local AWS of the tests with the second; AWS has the second, too, for a
            // store that is being written.
            "cloudfront-keyvaluestore" => {
                let says_so = error.message.to_ascii_lowercase().contains("pre-condition failed");
                is("ValidationException") && says_so || is("ConflictException")
            }
            "mediapackagev2" => {
                let kind = error.fields.get("ConflictExceptionType").and_then(Json::as_str);
                is("ConflictException") && kind == Some("CONFLICTING_OPERATION")
            }
            "pricing-plan-manager" => is("ConflictException"),
            // Somebody else's write came first, while this one was on its way.
            "s3" => is("ConditionalRequestConflict"),
            _ => false,
        }
}

/// The same failure under the name that tells what it is.
fn stale(error: &Error) -> Error {
    let message = format!("the resource has another ETag by now: {}", error.message);
    let mut stale = Error::new(Kind::StaleETag, message).with_effect(error.effect).with_answer_of(error);
    stale.code = error.code.clone().or_else(|| Some(error.name().to_owned()));
    stale.attempts = error.attempts;
    stale
}

fn refused(path: &str, message: String) -> Error {
    Error::faults(Kind::InvalidEvent, vec![Fault::new(path, message)])
}
