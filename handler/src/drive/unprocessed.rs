//! What a batch left undone, sent again.
//!
//! Enters: a row of [`BATCHES`], and the first call. Leaves: one answer, as if there had been one call: what was done
//! in the order of the request, what remains as the service named it last. Fails as the first call does, and where a
//! later one may have had an effect that nobody knows; one that certainly had none leaves its entries in the result.
//!
//! Between two calls there are pauses that double, each cut at random, so that a thousand throttled functions do not
//! come back at once. The deadline ends them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use serde_json::{Map, Value as Json};

use super::join::{Scalars, join};
use super::{Called, Caller};
use crate::catalog::Operation;
use crate::catalog::batch::{self, BATCHES, Batch, Left};
use crate::catalog::name::camel_case;
use crate::effect::Effect;
use crate::error::{Error, Fault, Kind};
use crate::input::{self, Bound};
use crate::pauses::Pauses;
use crate::table::Permit;
use crate::telemetry::Invocation;

const PAUSES: Pauses = Pauses::new(Duration::from_millis(100), Duration::from_secs(5));

/// The operation's row.
pub fn of(operation: &Operation) -> Result<&'static Batch, Error> {
    batch::find(operation.service.id(), &operation.name).ok_or_else(|| {
        let known: Vec<String> =
            BATCHES.iter().map(|it| format!("{}:{}", it.service, camel_case(it.operation))).collect();
        let message = format!(
            "`{}` does not name what it left; those that do: {}",
            operation.action(),
            known.join(", ")
        );
        Error::faults(Kind::InvalidEvent, vec![Fault::new("retryUnprocessed", message)])
    })
}

/// Calls until nothing is left, or until the time is over.
pub async fn all(
    batch: &Batch,
    caller: &Caller<'_>,
    bound: Bound,
    permit: &Permit,
    invocation: &mut Invocation,
) -> Result<Called, Error> {
    let (operation, mut parameters) = (bound.operation(), bound.parameters().clone());
    let asked = parameters.get(batch.request).cloned().unwrap_or_default();
    let (mut pauses, mut longest) = (PAUSES, Duration::ZERO);
    let mut started = Instant::now();
    let mut whole = caller.call(bound, permit, invocation).await?;
    while let Some(left) = batch.left(&asked, &whole.answer.members) {
        longest = longest.max(started.elapsed());
        let wait = pauses.draw();
        if caller.pace.deadline.remaining() <= wait + longest {
            break;
        }
        tokio::time::sleep(wait).await;
        started = Instant::now();
        parameters.insert(batch.request.to_owned(), left);
        let again = input::bind(operation, parameters.clone())
            .map_err(|_| incomplete("names entries that the action does not take"))?;
        match caller.call(again, permit, invocation).await {
            Ok(next) => {
                whole.answer.attempts += next.answer.attempts;
                whole.answer.retry_delay += next.answer.retry_delay + wait;
                whole.answer.request_id = next.answer.request_id;
                batch.add(&asked, &mut whole.answer.members, next.answer.members)?;
            }
            Err(error) if is_throttled(&error) => {}
            Err(error) if error.effect == Effect::None => break,
            Err(error) => return Err(error.with_effect(Effect::Unknown)),
        }
    }
    invocation.succeeded(whole.answer.request_id.as_deref(), whole.answer.attempts);
    Ok(whole)
}

impl Batch {
    /// What to send again, in the parameter's form.
    fn left(&self, asked: &Json, members: &Map<String, Json>) -> Option<Json> {
        match self.left {
            Left::Again(left) => members
                .get(left)
                .filter(|left| left.as_object().is_some_and(|tables| !tables.is_empty()))
                .cloned(),
            Left::ById | Left::ByPlace { .. } => {
                let left: Vec<Json> =
                    self.places(asked, members).into_iter().filter_map(|at| asked.get(at).cloned()).collect();
                Some(left).filter(|left| !left.is_empty()).map(Json::Array)
            }
        }
    }

    /// Where in the request the entries stand that are worth another try.
    fn places(&self, asked: &Json, members: &Map<String, Json>) -> Vec<usize> {
        match self.left {
            Left::Again(_) => Vec::new(),
            Left::ById => {
                let places = places_of(asked);
                let failed = items(members, "Failed");
                let is_passing = |entry: &&Json| entry.get("SenderFault") == Some(&Json::Bool(false));
                let mut left: Vec<usize> = failed
                    .iter()
                    .filter(is_passing)
                    .filter_map(|entry| places.get(id(entry)?).copied())
                    .collect();
                left.sort_unstable();
                left
            }
            Left::ByPlace { answers, passing, .. } => {
                let is_passing = |answer: &Json| code(answer).is_some_and(|code| passing.contains(&code));
                let answers = items(members, answers).iter().enumerate();
                answers.filter(|(_, answer)| is_passing(answer)).map(|(at, _)| at).collect()
            }
        }
    }

    /// Adds the answer to what was sent again.
    fn add(
        &self,
        asked: &Json,
        members: &mut Map<String, Json>,
        mut next: Map<String, Json>,
    ) -> Result<(), Error> {
        match self.left {
            Left::Again(left) => {
                members.remove(left);
                for (name, value) in next {
                    match members.get_mut(&name) {
                        Some(known) => join(known, value, Scalars::Keep),
                        None => {
                            members.insert(name, value);
                        }
                    }
                }
            }
            Left::ById => {
                let places = places_of(asked);
                let sent = self.places(asked, members);
                let place =
                    |entry: &Json| id(entry).and_then(|id| places.get(id)).copied().unwrap_or(usize::MAX);
                if let Some(Json::Array(failed)) = members.get_mut("Failed") {
                    failed.retain(|entry| !sent.contains(&place(entry)));
                }
                for name in ["Successful", "Failed"] {
                    let more = next.remove(name).unwrap_or_else(|| Json::Array(Vec::new()));
                    let all = members.entry(name).or_insert_with(|| Json::Array(Vec::new()));
                    join(all, more, Scalars::Keep);
                    if let Json::Array(all) = all {
                        all.sort_by_key(place);
                    }
                }
            }
            Left::ByPlace { answers, failed, .. } => {
                let sent = self.places(asked, members);
                let Some(Json::Array(more)) =
                    next.remove(answers).filter(|it| it.as_array().is_some_and(|it| it.len() == sent.len()))
                else {
                    return Err(incomplete("does not have an entry for each of the request"));
                };
                if let Some(Json::Array(all)) = members.get_mut(answers) {
                    for (at, answer) in sent.into_iter().zip(more) {
                        if let Some(place) = all.get_mut(at) {
                            *place = answer;
                        }
                    }
                }
                let count = items(members, answers).iter().filter(|answer| code(answer).is_some()).count();
                next.insert(failed.to_owned(), count.into());
                members.append(&mut next);
            }
        }
        Ok(())
    }
}

fn items<'a>(members: &'a Map<String, Json>, name: &str) -> &'a [Json] {
    members.get(name).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Where each id stands in the request.
fn places_of(asked: &Json) -> HashMap<&str, usize> {
    let entries = asked.as_array().map(Vec::as_slice).unwrap_or_default().iter().enumerate();
    entries.filter_map(|(at, entry)| Some((id(entry)?, at))).collect()
}

fn id(entry: &Json) -> Option<&str> {
    entry.get("Id")?.as_str()
}

fn code(answer: &Json) -> Option<&str> {
    answer.get("ErrorCode")?.as_str().filter(|code| !code.is_empty())
}

/// Services throttle a batch as a whole where they would leave all of it.
fn is_throttled(error: &Error) -> bool {
    error.effect == Effect::None
        && error.code.as_deref().is_some_and(|code| THROTTLING_ERRORS.contains(&code))
}

fn incomplete(why: &str) -> Error {
    Error::new(Kind::MalformedResponse, format!("the answer to what was sent again {why}"))
        .with_effect(Effect::Unknown)
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written as literals")]
mod tests {
    use serde_json::json;

    use super::*;

    /// The merged answer, and what would be sent a third time.
    fn after(operation: &str, asked: &Json, first: Json, second: Json) -> (Option<Json>, Json, Option<Json>) {
        let batch = BATCHES.iter().find(|batch| batch.operation == operation).unwrap();
        let mut members = first.as_object().unwrap().clone();
        let left = batch.left(asked, &members);
        batch.add(asked, &mut members, second.as_object().unwrap().clone()).unwrap();
        let third = batch.left(asked, &members);
        (left, members.into(), third)
    }

    #[test]
    fn what_has_the_form_of_the_request_goes_back_as_it_came() {
        let asked = json!({"t": {"Keys": [1, 2, 3]}});
        let (left, merged, third) = after(
            "BatchGetItem",
            &asked,
            json!({"Responses": {"t": [1]}, "UnprocessedKeys": {"t": {"Keys": [2, 3]}}, "ConsumedCapacity": [{"a": 1}]}),
            json!({"Responses": {"t": [2]}, "UnprocessedKeys": {"t": {"Keys": [3]}}, "ConsumedCapacity": [{"a": 2}]}),
        );
        assert_eq!(left.unwrap(), json!({"t": {"Keys": [2, 3]}}));
        let merged_all = json!({"Responses": {"t": [1, 2]}, "UnprocessedKeys": {"t": {"Keys": [3]}},
                                "ConsumedCapacity": [{"a": 1}, {"a": 2}]});
        assert_eq!(merged, merged_all);
        assert_eq!(third.unwrap(), json!({"t": {"Keys": [3]}}));
        let (_, merged, third) = after(
            "BatchWriteItem",
            &asked,
            json!({"UnprocessedItems": {"t": [1]}}),
            json!({"UnprocessedItems": {}}),
        );
        assert_eq!((merged, third), (json!({"UnprocessedItems": {}}), None));
    }

    #[test]
    fn entries_with_ids_keep_the_order_of_the_request() {
        let entry = |id: &str| json!({"Id": id, "MessageBody": id});
        let failed = |id: &str, sender: bool| json!({"Id": id, "SenderFault": sender, "Code": "c"});
        let asked = json!([entry("a"), entry("b"), entry("c"), entry("d")]);
        let (left, merged, third) = after(
            "SendMessageBatch",
            &asked,
            json!({"Successful": [{"Id": "d"}], "Failed": [failed("c", false), failed("b", true), failed("a", false)]}),
            json!({"Successful": [{"Id": "a"}], "Failed": [failed("c", false)]}),
        );
        assert_eq!(left.unwrap(), json!([entry("a"), entry("c")]));
        let both = json!({"Successful": [{"Id": "a"}, {"Id": "d"}], "Failed": [failed("b", true), failed("c", false)]});
        assert_eq!(merged, both);
        assert_eq!(third.unwrap(), json!([entry("c")]));
    }

    #[test]
    fn entries_without_ids_keep_their_places() {
        let asked = json!([{"Data": "a"}, {"Data": "b"}, {"Data": "c"}, {"Data": "d"}]);
        let failed = |code: &str| json!({"ErrorCode": code, "ErrorMessage": "m"});
        let (left, merged, third) = after(
            "PutRecords",
            &asked,
            json!({"FailedRecordCount": 3, "EncryptionType": "NONE", "Records": [
                failed("InternalFailure"), {"ShardId": "1"}, failed("Other"),
                failed("ProvisionedThroughputExceededException")]}),
            json!({"FailedRecordCount": 1, "Records": [failed("InternalFailure"), {"ShardId": "2"}]}),
        );
        assert_eq!(left.unwrap(), json!([{"Data": "a"}, {"Data": "d"}]));
        let both = json!({"FailedRecordCount": 2, "EncryptionType": "NONE", "Records": [
            failed("InternalFailure"), {"ShardId": "1"}, failed("Other"), {"ShardId": "2"}]});
        assert_eq!(merged, both);
        assert_eq!(third.unwrap(), json!([{"Data": "a"}]));
    }

    #[test]
    fn an_answer_that_misses_entries_is_no_answer() {
        let batch = BATCHES.iter().find(|batch| batch.operation == "PutEvents").unwrap();
        let mut members = json!({"Entries": [{"ErrorCode": "InternalFailure"}]}).as_object().unwrap().clone();
        let error = batch.add(&json!([{}]), &mut members, Map::new()).unwrap_err();
        assert_eq!((error.name(), error.effect), ("CrossRegion.MalformedResponse", Effect::Unknown));
    }
}
