//! Whether something that is waited for has come about: one look, or a few in a bounded time.
//!
//! Enters: what the event waits for, and the call that looks. Leaves: the answer with which it held. Fails with
//! `CrossRegion.NotReady` until it holds, with `CrossRegion.WaitFailed` where it never will, with
//! `CrossRegion.InvalidEvent` for a waiter that the operation does not have and for operations that do more than read,
//! which every look would do again, and as the call does where its error means nothing to the waiter.

use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};

use super::{Called, Caller};
use crate::catalog::model::{Matcher, ParamValue, Waiter, WaiterState};
use crate::catalog::{Operation, name};
use crate::client::Answer;
use crate::effect::Effect;
use crate::error::{Error, Fault, Kind, Origin};
use crate::event::{BodyAs, Event, Until, WaitFor};
use crate::expression::Expression;
use crate::input::Bound;
use crate::output;
use crate::spelling::Spelling;
use crate::suggest;
use crate::table::Permit;
use crate::telemetry::Invocation;

/// Between two looks inside one invocation; the pauses double up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What to look for.
#[derive(Debug)]
pub struct Wait {
    until: Look,
    poll_within: Duration,
}

#[derive(Debug)]
enum Look {
    Waiter(Waiter),
    /// At the result in the event's own spelling.
    Path {
        path: Expression,
        success: Vec<Json>,
        failure: Vec<Json>,
        spelling: Spelling,
        body_as: BodyAs,
    },
}

/// What one look came to.
#[derive(Debug, PartialEq)]
enum Verdict {
    Holds,
    NotYet,
    /// Why it never will.
    Never(String),
    /// Nobody waits for this error.
    Unforeseen,
}

impl Wait {
    pub fn of(operation: &Operation, wait_for: &WaitFor, event: &Event) -> Result<Self, Error> {
        let fault =
            |path: &str, message| Err(Error::faults(Kind::InvalidEvent, vec![Fault::new(path, message)]));
        if !operation.is_read_only {
            let message =
                format!("`{}` does more than read, and each look would do it again", operation.action());
            return fault("waitFor", message);
        }
        let until = match &wait_for.until {
            Until::Path { path, success, failure } => Look::Path {
                path: path.clone(),
                success: success.clone(),
                failure: failure.clone(),
                spelling: event.spelling,
                body_as: event.body_as,
            },
            Until::Waiter(wanted) => {
                let waiters = operation.service.waiters(&operation.name)?;
                let names: Vec<_> = waiters.iter().map(|waiter| name::camel_case(&waiter.name)).collect();
                match waiters.into_iter().find(|waiter| waiter.name.eq_ignore_ascii_case(wanted)) {
                    Some(waiter) => Look::Waiter(waiter),
                    None => return fault("waitFor.waiter", unknown(operation, wanted, &names)),
                }
            }
        };
        Ok(Self { until, poll_within: wait_for.poll_within })
    }

    /// Looks until it holds, or until the time for looking is over.
    pub async fn until(
        &self,
        caller: &Caller<'_>,
        bound: Bound,
        permit: &Permit,
        invocation: &mut Invocation,
    ) -> Result<Called, Error> {
        let (started, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let outcome = caller.call(bound.clone(), permit, invocation).await;
            let verdict = match &outcome {
                Ok(seen) => self.of_answer(bound.operation(), &seen.answer)?,
                Err(error) => self.of_error(error),
            };
            match (verdict, outcome) {
                (Verdict::Unforeseen, outcome) | (Verdict::Holds, outcome @ Ok(_)) => return outcome,
                (Verdict::Holds, Err(error)) => {
                    return caller.without_answer(bound, permit, &error, invocation).await;
                }
                (Verdict::Never(reason), outcome) => {
                    let message = format!("what is waited for never comes: {reason}");
                    return Err(told(Kind::WaitFailed, message, &outcome));
                }
                (Verdict::NotYet, outcome) => {
                    let is_time = started.elapsed() + pause < self.poll_within
                        && pause < caller.pace.deadline.remaining();
                    if !is_time {
                        return Err(told(Kind::NotReady, self.not_ready(), &outcome));
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn of_answer(&self, operation: &'static Operation, answer: &Answer) -> Result<Verdict, Error> {
        match &self.until {
            Look::Waiter(waiter) => Ok(of_waiter(waiter, &Seen::Answer(&answer.members, answer.status))),
            Look::Path { path, success, failure, spelling, body_as } => {
                let members = output::members(operation, answer.clone(), *spelling, *body_as)?;
                let found = path.find(&members).map_err(|message| {
                    let fault = Fault::new("waitFor.path", message);
                    Error::faults(Kind::InvalidEvent, vec![fault]).with_effect(Effect::Done)
                })?;
                let is_among = |values: &[Json]| values.contains(&*found);
                Ok(if is_among(success) {
                    Verdict::Holds
                } else if is_among(failure) {
                    Verdict::Never(format!("`{}` has one of the values of `failure`", path.text()))
                } else {
                    Verdict::NotYet
                })
            }
        }
    }

    fn of_error(&self, error: &Error) -> Verdict {
        let is_services = matches!(error.origin(), Origin::Modelled | Origin::Unmodelled);
        match &self.until {
            Look::Waiter(waiter) if is_services => {
                let code = error.code.as_deref().unwrap_or_else(|| error.name());
                of_waiter(waiter, &Seen::Error(code, error.status_code))
            }
            _ => Verdict::Unforeseen,
        }
    }

    fn not_ready(&self) -> String {
        match &self.until {
            Look::Waiter(waiter) => {
                format!("what `{}` waits for is not so yet", name::camel_case(&waiter.name))
            }
            Look::Path { path, .. } => format!("`{}` has none of the values of `success` yet", path.text()),
        }
    }
}

/// What a waiter sees of a call.
enum Seen<'a> {
    Answer(&'a Map<String, Json>, u16),
    Error(&'a str, Option<u16>),
}

/// The first acceptor that matches decides.
fn of_waiter(waiter: &Waiter, seen: &Seen<'_>) -> Verdict {
    let first = waiter.acceptors.iter().find(|acceptor| is_match(&acceptor.matcher, seen));
    match (first.map(|acceptor| (acceptor.state, &acceptor.matcher)), seen) {
        (Some((WaiterState::Success, _)), _) => Verdict::Holds,
        (Some((WaiterState::Failure, matcher)), _) => Verdict::Never(reason(matcher)),
        (Some((WaiterState::Retry, _)), _) | (None, Seen::Answer(..)) => Verdict::NotYet,
        (None, Seen::Error(..)) => Verdict::Unforeseen,
    }
}

fn is_match(matcher: &Matcher, seen: &Seen<'_>) -> bool {
    let found = |path: &str| match seen {
        // What cannot be asked of an answer, as the length of what is not there, does not hold for it.
        Seen::Answer(members, _) => {
            Expression::parse(path).and_then(|it| Ok(it.find(members)?.into_owned())).ok()
        }
        Seen::Error(..) => None,
    };
    let items = |path: &str| match found(path) {
        Some(Json::Array(items)) if !items.is_empty() => Some(items),
        _ => None,
    };
    match matcher {
        Matcher::Path(path, expected) => found(path).is_some_and(|it| is_value(&it, expected)),
        Matcher::PathAll(path, expected) => {
            items(path).is_some_and(|items| items.iter().all(|it| is_value(it, expected)))
        }
        Matcher::PathAny(path, expected) => {
            items(path).is_some_and(|items| items.iter().any(|it| is_value(it, expected)))
        }
        Matcher::Error(expected) => {
            matches!(seen, Seen::Error(code, _) if expected.is_empty() || code == expected)
        }
        Matcher::Success => matches!(seen, Seen::Answer(..)),
        Matcher::Status(expected) => match seen {
            Seen::Answer(_, status) => status == expected,
            Seen::Error(_, status) => *status == Some(*expected),
        },
    }
}

fn is_value(found: &Json, expected: &ParamValue) -> bool {
    match expected {
        ParamValue::Bool(expected) => found.as_bool() == Some(*expected),
        ParamValue::Text(expected) => found.as_str() == Some(expected),
        ParamValue::Texts(expected) => found.as_array().is_some_and(|items| {
            items.iter().map(Json::as_str).eq(expected.iter().map(|it| Some(it.as_str())))
        }),
    }
}

fn reason(matcher: &Matcher) -> String {
    let shown = |expected: &ParamValue| match expected {
        ParamValue::Bool(value) => value.to_string(),
        ParamValue::Text(text) => format!("`{text}`"),
        ParamValue::Texts(texts) => format!("`{}`", texts.join("`, `")),
    };
    match matcher {
        Matcher::Path(path, expected) => format!("`{path}` is {}", shown(expected)),
        Matcher::PathAll(path, expected) => format!("all of `{path}` are {}", shown(expected)),
        Matcher::PathAny(path, expected) => format!("one of `{path}` is {}", shown(expected)),
        Matcher::Error(code) if code.is_empty() => "the service answered with an error".to_owned(),
        Matcher::Error(code) => format!("the service answered `{code}`"),
        Matcher::Success => "the service answered without an error".to_owned(),
        Matcher::Status(status) => format!("the service answered with status {status}"),
    }
}

fn unknown(operation: &Operation, wanted: &str, names: &[String]) -> String {
    let (action, shown) = (operation.action(), suggest::shown(wanted));
    if names.is_empty() {
        return format!("`{action}` has no waiters; give `path` and `success`");
    }
    let near = suggest::nearest(wanted, names.iter().map(String::as_str));
    let offered = if near.is_empty() { names } else { &near };
    format!("`{action}` has no waiter `{shown}`{}", suggest::did_you_mean(offered))
}

/// The call was answered, so nothing is uncertain.
fn told(kind: Kind, message: String, outcome: &Result<Called, Error>) -> Error {
    let mut error = Error::new(kind, message).with_effect(Effect::Done);
    match outcome {
        Ok(Called { answer, .. }) => {
            error.status_code = Some(answer.status);
            error.request_id.clone_from(&answer.request_id);
            error.attempts = Some(answer.attempts);
        }
        Err(cause) => {
            error = error.with_answer_of(cause);
            error.code = cause.code.clone().or_else(|| Some(cause.name().to_owned()));
            error.attempts = cause.attempts;
        }
    }
    error
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written as literals")]
mod tests {
    use serde_json::json;

    use super::*;

    fn waiter(acceptors: Json) -> Waiter {
        let all = json!({"name": "ItIs", "operation": "GetIt", "delay": 1, "max_attempts": 1, "acceptors": acceptors});
        serde_json::from_value(all).unwrap()
    }

    fn of_answer(waiter: &Waiter, members: Json) -> Verdict {
        of_waiter(waiter, &Seen::Answer(members.as_object().unwrap(), 200))
    }

    #[test]
    fn the_first_acceptor_that_matches_decides() {
        let waiter = waiter(json!([
            {"state": "success", "matcher": {"pathAll": ["Items[].State", {"text": "up"}]}},
            {"state": "failure", "matcher": {"pathAny": ["Items[].State", {"text": "gone"}]}},
            {"state": "retry", "matcher": {"error": "NotFound"}},
            {"state": "success", "matcher": {"path": ["length(Items) == `0`", {"bool": true}]}},
        ]));
        assert_eq!(of_answer(&waiter, json!({"Items": [{"State": "up"}, {"State": "up"}]})), Verdict::Holds);
        assert_eq!(of_answer(&waiter, json!({"Items": [{"State": "up"}, {"State": "so"}]})), Verdict::NotYet);
        assert_eq!(of_answer(&waiter, json!({"Items": []})), Verdict::Holds);
        let never = Verdict::Never("one of `Items[].State` is `gone`".to_owned());
        assert_eq!(of_answer(&waiter, json!({"Items": [{"State": "up"}, {"State": "gone"}]})), never);
        assert_eq!(of_waiter(&waiter, &Seen::Error("NotFound", Some(404))), Verdict::NotYet);
        assert_eq!(of_waiter(&waiter, &Seen::Error("Other", Some(404))), Verdict::Unforeseen);
        // The length of nothing is an error of the expression, and no match.
        assert_eq!(of_answer(&waiter, json!({})), Verdict::NotYet);
    }

    #[test]
    fn errors_and_statuses_are_matched() {
        let waiter = waiter(json!([
            {"state": "success", "matcher": {"status": 200}}, {"state": "retry", "matcher": {"status": 404}},
            {"state": "failure", "matcher": {"error": ""}},
        ]));
        assert_eq!(of_answer(&waiter, json!({})), Verdict::Holds);
        assert_eq!(of_waiter(&waiter, &Seen::Error("NoSuchBucket", Some(404))), Verdict::NotYet);
        let never = Verdict::Never("the service answered with an error".to_owned());
        assert_eq!(of_waiter(&waiter, &Seen::Error("AccessDenied", Some(403))), never);
    }
}
