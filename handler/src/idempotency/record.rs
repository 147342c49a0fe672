//! The record of a call: who makes it, and what came of it.
//!
//! Enters: a call that is about to be made, and what the event asks of its record. Leaves: [`Begun::First`] for the
//! one attempt that may make it, whose [`Guard`] writes down what came of it, or [`Begun::Replay`] with what came of
//! it the first time. Fails with `CrossRegion.InProgress` while another attempt may be at work, with `KeyReused`
//! where the key stands for another payload, with `StateUncertain` where nobody knows whether the call was made, and
//! as [`super::store`] does.
//!
//! | the record | an attempt comes | the call |
//! |---|---|---|
//! | none, or completed and expired | puts it in progress, with a lease | is made |
//! | in progress, lease running | `InProgress` | |
//! | in progress, lease over; uncertain | `StateUncertain`, or takes it over where a repetition does no harm | is made again only then |
//! | completed | answers as the first time did | |
//!
//! | the call | the record then |
//! |---|---|
//! | has an answer, or an error with effect `done` | completed, until it expires |
//! | has effect `none` | deleted; where an earlier attempt was uncertain, uncertain |
//! | has effect `unknown` | uncertain, until a person or a permitted repetition settles it |
//!
//! An attempt whose lease is over may still be at work: nobody writes to its record but who takes it over, so that a
//! late answer is still written down.

use std::time::{Duration, SystemTime};

use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::canonical;
use super::store::{Outcome, Record, Status, Store, Written};
use super::token::{self, Step};
use super::window;
use crate::client::Clients;
use crate::deadline::{Deadline, SAFETY_MARGIN};
use crate::effect::Effect;
use crate::error::{Error, Kind};
use crate::input::Bound;
use crate::procedure::Procedure;

/// Versions the text that ids are made of.
const FORM: &str = "cross-region-tasks/record/1";

/// Added to every lease and every expiry: clocks of two machines may differ by so much before one judges too early.
pub const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// Kept back from a token's window: clocks that are five minutes wrong in opposite directions must not make a service's
/// memory look longer than it is, since that would do the work twice.
const WINDOW_SKEW: Duration = Duration::from_mins(10);

/// Kept back from the call, for writing down what came of it.
const RESERVE: Duration = Duration::from_secs(1);

/// No more than this part of the time is kept back.
const RESERVE_PART: u32 = 5;

/// How often an attempt looks again after another one was quicker.
const ROUNDS: usize = 3;

/// What the event asks of the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Whose keys these are.
    pub namespace: String,
    /// What tells one piece of work from another; without it, the step does.
    pub key: Option<String>,
    pub expires_in: Duration,
    /// What repetitions must have in common; without it, Region and parameters.
    pub payload: Option<Json>,
    pub on_uncertain: OnUncertain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUncertain {
    Fail,
    /// The caller declares that a repetition does no harm.
    Repeat,
}

/// What is to be done once.
#[derive(Debug, Clone)]
pub struct Work {
    /// The operation, as in `s3.PutObject`, or the procedure.
    pub name: String,
    /// Of Region, name and parameters.
    pub call: String,
    pub is_read_only: bool,
    /// How long the service remembers the token that the record holds.
    pub window: Option<Duration>,
}

/// What an attempt may do.
#[derive(Debug)]
pub enum Begun<'a> {
    First(Guard<'a>),
    Replay(Result<Box<RawValue>, Error>),
}

/// The one attempt that makes the call.
#[derive(Debug)]
pub struct Guard<'a> {
    store: &'a Store,
    clients: &'a Clients,
    record: Record,
    expires_in: Duration,
    /// An earlier attempt may have made the call, and this one repeats it.
    repeats: bool,
    is_read_only: bool,
}

/// Whether the outcome was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Yes,
    /// The table did not take it: the record stays in progress, and is uncertain once its lease is over.
    No,
}

impl Work {
    /// A call of an operation in a Region, in the name of a role or the function's own.
    pub fn call(bound: &Bound, region: &str, role: Option<&str>, has_one_target: bool) -> Self {
        let operation = bound.operation();
        let name = format!("{}.{}", operation.service.id(), operation.name);
        let call = match role {
            None => canonical::digest(&json!([region, name, bound.parameters()])),
            Some(role) => canonical::digest(&json!([region, name, bound.parameters(), role])),
        };
        // Of a token that the caller chose nobody knows when it was first used, and no token holds between Regions.
        let window = window::of(operation).filter(|_| bound.has_filled_token() && has_one_target);
        Self { name, call, is_read_only: operation.is_read_only, window }
    }

    /// A procedure in a Region. Some only read, and none says so: a repetition has to be declared harmless.
    pub fn procedure(procedure: Procedure, region: &str, parameters: &Map<String, Json>) -> Self {
        let name = procedure.name().to_owned();
        let call = canonical::digest(&json!([region, name, parameters]));
        Self { name, call, is_read_only: false, window: None }
    }
}

/// The record's id: in one table, keys of different tasks are different keys.
fn id(wanted: &Wanted, step: Option<&Step>, work: &Work) -> String {
    let key = match (&wanted.key, step) {
        (Some(key), _) => json!({ "key": key }),
        (None, step) => json!({ "step": step.map(Step::text) }),
    };
    canonical::digest(&json!([FORM, wanted.namespace, work.name, key]))
}

/// Finds out whether this is the first time.
pub async fn begin<'a>(
    store: &'a Store,
    clients: &'a Clients,
    deadline: Deadline,
    wanted: &Wanted,
    step: Option<&Step>,
    work: &Work,
) -> Result<Begun<'a>, Error> {
    let id = id(wanted, step, work);
    let now = SystemTime::now();
    let began_ms = milliseconds(now);
    let ours = Record {
        owner: uuid::Uuid::new_v4().to_string(),
        status: Status::InProgress,
        call: work.call.clone(),
        payload: wanted.payload.as_ref().map_or_else(|| work.call.clone(), canonical::digest),
        token: token::named(&json!([FORM, id, began_ms])),
        began_ms,
        lease_ms: milliseconds(now + deadline.remaining() + SAFETY_MARGIN + CLOCK_SKEW),
        expires_s: None,
        outcome: None,
        id,
    };
    let guard = |record: Record, repeats: bool| {
        Begun::First(Guard {
            store,
            clients,
            record,
            expires_in: wanted.expires_in,
            repeats,
            is_read_only: work.is_read_only,
        })
    };
    for _ in 0..ROUNDS {
        let now = SystemTime::now();
        let found = match store.put(clients, deadline, &ours, milliseconds(now) / 1_000).await? {
            Written::Yes => return Ok(guard(ours, false)),
            // It was there a moment ago.
            Written::No(None) => continue,
            Written::No(Some(found)) => *found,
        };
        match judge(&found, &ours, wanted, work, now, deadline.remaining()) {
            Verdict::Ours => return Ok(guard(ours, false)),
            Verdict::Again => {}
            Verdict::Replay(outcome) => return Ok(Begun::Replay(replayed(outcome))),
            Verdict::Refuse(error) => return Err(*error),
            Verdict::TakeOver => {
                let taken = Record {
                    status: Status::InProgress,
                    owner: ours.owner.clone(),
                    lease_ms: ours.lease_ms,
                    ..found.clone()
                };
                if store.replace(clients, deadline, &found, &taken).await? == Written::Yes {
                    return Ok(guard(taken, true));
                }
            }
        }
    }
    Err(in_progress(&ours.id))
}

#[derive(Debug, PartialEq)]
enum Verdict {
    /// Our own put, whose answer was lost.
    Ours,
    /// It expired in this moment.
    Again,
    Replay(Outcome),
    TakeOver,
    Refuse(Box<Error>),
}

fn judge(
    found: &Record,
    ours: &Record,
    wanted: &Wanted,
    work: &Work,
    now: SystemTime,
    remaining: Duration,
) -> Verdict {
    let now_ms = milliseconds(now);
    if found.owner == ours.owner && found.status == Status::InProgress {
        return Verdict::Ours;
    }
    if found.status == Status::Completed && found.expires_s.is_some_and(|expires| expires * 1_000 < now_ms) {
        return Verdict::Again;
    }
    if found.payload != ours.payload {
        let message = format!("the idempotency key stands for another payload (record `{}`)", found.id);
        return refuse(Error::new(Kind::KeyReused, message));
    }
    match (found.status, &found.outcome) {
        (Status::Completed, Some(outcome)) => return Verdict::Replay(outcome.clone()),
        (Status::InProgress, _) if !found.is_uncertain(now) => {
            return refuse(in_progress(&found.id));
        }
        _ => {}
    }
    // The token protects as long as the service remembers it, and only the same call.
    let in_window = work.window.is_some_and(|window| {
        let end = milliseconds(now + remaining + SAFETY_MARGIN + WINDOW_SKEW);
        found.call == ours.call && u128::from(end) <= u128::from(found.began_ms) + window.as_millis()
    });
    if work.is_read_only || wanted.on_uncertain == OnUncertain::Repeat || in_window {
        return Verdict::TakeOver;
    }
    refuse(Error::new(
        Kind::StateUncertain,
        format!(
            "an earlier attempt may have made this call, and nobody knows what came of it: find out, then clear \
             record `{}`",
            found.id
        ),
    ))
}

fn refuse(error: Error) -> Verdict {
    Verdict::Refuse(Box::new(error))
}

impl Guard<'_> {
    /// The token that all attempts under this record share.
    pub fn token(&self) -> &str {
        &self.record.token
    }

    /// When the call has to end, so that what came of it can be written down.
    pub fn deadline(&self, deadline: Deadline) -> Deadline {
        deadline.earlier(RESERVE.min(deadline.remaining() / RESERVE_PART))
    }

    /// Writes down what came of the call, and leaves what to answer.
    pub async fn settle(
        self,
        outcome: Result<Box<RawValue>, Error>,
        deadline: Deadline,
    ) -> (Result<Box<RawValue>, Error>, Kept) {
        let written = match &outcome {
            Ok(result) => self.complete(Outcome::Result(result.get().to_owned()), deadline).await,
            Err(error) => match error.effect {
                Effect::Done => {
                    let kept = Outcome::Error { name: error.name().to_owned(), message: error.to_message() };
                    self.complete(kept, deadline).await
                }
                Effect::None if self.is_read_only || !self.repeats => {
                    self.store.delete(self.clients, deadline, &self.record).await
                }
                Effect::None | Effect::Unknown => self.leave(deadline).await,
            },
        };
        match written {
            Ok(Written::Yes) => (outcome, Kept::Yes),
            Ok(Written::No(found)) => (self.superseded(outcome, found), Kept::No),
            Err(_) => (outcome, Kept::No),
        }
    }

    async fn complete(&self, outcome: Outcome, deadline: Deadline) -> Result<Written, Error> {
        let expires = SystemTime::now() + self.expires_in + CLOCK_SKEW;
        let completed = Record {
            status: Status::Completed,
            expires_s: Some(milliseconds(expires) / 1_000),
            outcome: Some(outcome.kept()),
            ..self.record.clone()
        };
        self.write(&completed, deadline).await
    }

    /// Nobody knows what came of the call.
    async fn leave(&self, deadline: Deadline) -> Result<Written, Error> {
        let uncertain = Record { status: Status::Uncertain, ..self.record.clone() };
        self.write(&uncertain, deadline).await
    }

    async fn write(&self, record: &Record, deadline: Deadline) -> Result<Written, Error> {
        let written = self.store.replace(self.clients, deadline, &self.record, record).await?;
        Ok(match written {
            // Our own write, whose answer was lost.
            Written::No(Some(found)) if found.owner == record.owner && found.status == record.status => {
                Written::Yes
            }
            other => other,
        })
    }

    /// Another attempt took the record over while this one was at work beyond its lease. What it has written down is
    /// what everybody is answered.
    fn superseded(
        &self,
        outcome: Result<Box<RawValue>, Error>,
        found: Option<Box<Record>>,
    ) -> Result<Box<RawValue>, Error> {
        let completed =
            found.filter(|found| found.status == Status::Completed).and_then(|found| found.outcome);
        match (outcome, completed) {
            (Err(error), _) if error.effect != Effect::Done => Err(error),
            (_, Some(outcome)) => replayed(outcome),
            _ => Err(Error::new(
                Kind::StateUncertain,
                format!(
                    "this attempt made the call, and lost record `{}` to another one before",
                    self.record.id
                ),
            )
            .with_effect(Effect::Done)),
        }
    }
}

fn replayed(outcome: Outcome) -> Result<Box<RawValue>, Error> {
    match outcome {
        Outcome::Result(text) => RawValue::from_string(text).map_err(|_| {
            Error::new(Kind::Internal, "the record holds a result that is no JSON").with_effect(Effect::Done)
        }),
        Outcome::Error { name, message } => Err(Error::replayed(name, message)),
        Outcome::NotKept(size) => Err(Error::new(
            Kind::ResultTooLarge,
            format!("the call was made before; its result of {size} bytes was too large to be kept with its record"),
        )
        .with_effect(Effect::Done)),
    }
}

fn in_progress(id: &str) -> Error {
    Error::new(Kind::InProgress, format!("another attempt may be making this call right now (record `{id}`)"))
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;
    const REMAINING: Duration = Duration::from_secs(30);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS)
    }

    fn record(status: Status, change: impl FnOnce(&mut Record)) -> Record {
        let mut record = Record {
            id: "id".to_owned(),
            status,
            owner: "first".to_owned(),
            call: "call".to_owned(),
            payload: "payload".to_owned(),
            token: "token".to_owned(),
            began_ms: NOW_MS - 60_000,
            lease_ms: NOW_MS - 1,
            expires_s: None,
            outcome: None,
        };
        change(&mut record);
        record
    }

    fn wanted(on_uncertain: OnUncertain) -> Wanted {
        Wanted {
            namespace: "Stack/Task".to_owned(),
            key: Some("order-17".to_owned()),
            expires_in: Duration::from_hours(1),
            payload: None,
            on_uncertain,
        }
    }

    fn work(is_read_only: bool, window: Option<Duration>) -> Work {
        Work { name: "s3.PutObject".to_owned(), call: "call".to_owned(), is_read_only, window }
    }

    /// What the second attempt is told: a word.
    fn told(found: &Record, on_uncertain: OnUncertain, work: &Work) -> String {
        let ours = record(Status::InProgress, |it| it.owner = "second".to_owned());
        match judge(found, &ours, &wanted(on_uncertain), work, now(), REMAINING) {
            Verdict::Refuse(error) => {
                assert_eq!(error.effect, Effect::None);
                error.name().trim_start_matches("CrossRegion.").to_owned()
            }
            Verdict::Replay(_) => "Replay".to_owned(),
            other => format!("{other:?}"),
        }
    }

    fn told_plainly(found: &Record) -> String {
        told(found, OnUncertain::Fail, &work(false, None))
    }

    #[test]
    fn while_a_lease_runs_nobody_else_makes_the_call() {
        let running = record(Status::InProgress, |it| it.lease_ms = NOW_MS);
        for on_uncertain in [OnUncertain::Fail, OnUncertain::Repeat] {
            assert_eq!(told(&running, on_uncertain, &work(true, Some(Duration::MAX))), "InProgress");
        }
    }

    #[test]
    fn a_lease_that_is_over_is_never_simply_taken_over() {
        for found in
            [record(Status::InProgress, |_| {}), record(Status::Uncertain, |it| it.lease_ms = u64::MAX)]
        {
            assert_eq!(told_plainly(&found), "StateUncertain");
            assert_eq!(told(&found, OnUncertain::Repeat, &work(false, None)), "TakeOver");
            assert_eq!(told(&found, OnUncertain::Fail, &work(true, None)), "TakeOver");
        }
    }

    /// The record began a minute ago; an attempt of 30 s, its margin and wrong clocks have to fit, too.
    #[test]
    fn a_token_protects_within_its_window_and_the_same_call_only() {
        let token = |secs| work(false, Some(Duration::from_secs(secs)));
        let found = record(Status::Uncertain, |_| {});
        assert_eq!(told(&found, OnUncertain::Fail, &token(691)), "TakeOver");
        assert_eq!(told(&found, OnUncertain::Fail, &token(690)), "StateUncertain");
        let other_call = record(Status::Uncertain, |it| it.call = "another".to_owned());
        assert_eq!(told(&other_call, OnUncertain::Fail, &token(691)), "StateUncertain");
    }

    #[test]
    fn what_is_completed_is_replayed_until_it_expires() {
        let completed = |expires_s| {
            record(Status::Completed, |it| {
                it.expires_s = Some(expires_s);
                it.outcome = Some(Outcome::Result("{}".to_owned()));
            })
        };
        assert_eq!(told_plainly(&completed(NOW_MS / 1_000)), "Replay");
        assert_eq!(told_plainly(&completed(NOW_MS / 1_000 - 1)), "Again");
    }

    #[test]
    fn a_key_stands_for_one_payload() {
        let other = |it: &mut Record| it.payload = "another".to_owned();
        for status in [Status::InProgress, Status::Uncertain, Status::Completed] {
            assert_eq!(told_plainly(&record(status, other)), "KeyReused");
        }
        let expired = record(Status::Completed, |it| {
            it.expires_s = Some(1);
            other(it);
        });
        assert_eq!(told_plainly(&expired), "Again");
    }

    #[test]
    fn a_put_whose_answer_was_lost_is_our_own() {
        let ours = record(Status::InProgress, |it| it.owner = "second".to_owned());
        assert_eq!(told_plainly(&ours), "Ours");
    }

    #[test]
    fn keys_of_different_tasks_are_different_keys() {
        let step = |state: &str| Step {
            execution: "arn".to_owned(),
            state: state.to_owned(),
            entered_time: "t".to_owned(),
            map_index: None,
            discriminator: None,
        };
        let by_key = wanted(OnUncertain::Fail);
        let by_step = Wanted { key: None, ..by_key.clone() };
        let of_step = Wanted { key: Some(step("A").text().to_string()), ..by_key.clone() };
        let other_namespace = Wanted { namespace: "Stack/Other".to_owned(), ..by_key.clone() };
        let other_name = Work { name: "s3.CopyObject".to_owned(), ..work(false, None) };
        let ids = std::collections::BTreeSet::from([
            id(&by_key, Some(&step("A")), &work(false, None)),
            id(&other_namespace, None, &work(false, None)),
            id(&by_key, None, &other_name),
            id(&by_step, Some(&step("A")), &work(false, None)),
            id(&by_step, Some(&step("B")), &work(false, None)),
            id(&of_step, None, &work(false, None)),
        ]);
        assert_eq!(ids.len(), 6);
        let again = id(&by_key, Some(&step("B")), &Work { call: "x".to_owned(), ..work(true, None) });
        assert!(ids.contains(&again), "with a key, the step does not count");
    }

    #[test]
    fn an_outcome_is_replayed_as_it_was() {
        let text = r#"{"b":1,  "a":[1.50]}"#;
        assert_eq!(replayed(Outcome::Result(text.to_owned())).unwrap().get(), text);
        let message = r#"{"message":"no","effect":"done"}"#.to_owned();
        let error =
            replayed(Outcome::Error { name: "Remote".to_owned(), message: message.clone() }).unwrap_err();
        assert_eq!((error.name(), error.effect, error.to_message()), ("Remote", Effect::Done, message));
        let error = replayed(Outcome::NotKept(1_000_000)).unwrap_err();
        assert_eq!((error.name(), error.effect), ("CrossRegion.ResultTooLarge", Effect::Done));
    }
}
