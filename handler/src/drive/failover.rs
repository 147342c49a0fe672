//! The next target where one does not serve: section 4 of the contract, "between targets".
//!
//! Enters: targets in their order, each permitted and bound. Leaves: the answer of the first that serves the call,
//! and why the ones before it did not. Fails with the error that ends the search: an answer that every target would
//! give, `CrossRegion.NotRepeatable` where a target may have done what the next one must not do again, and
//! `CrossRegion.AllTargetsFailed`. Each says what is known of the effect at all targets together.
//!
//! Time is shared so that the last target gets a real chance: each has an equal part of what is left, of which a
//! connection takes a second at most unless the caller says otherwise.
//!
//! INVARIANT: once a request may have taken effect, it goes to no other target unless the operation only reads or the
//! caller declared it repeatable. Tokens do not count: services compare them within one Region.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value as Json, json};

use super::remembered::{Place, Remembered, Silence};
use super::{Called, Caller, Way, at_target};
use crate::catalog::Operation;
use crate::effect::Effect;
use crate::error::{Error, Kind, Trouble, clip};
use crate::event::failover::{Failover, Reason};
use crate::input::Bound;
use crate::spelling::Spelling;
use crate::table::Permit;
use crate::telemetry::Invocation;

/// For a connection, where the caller does not say.
const CONNECT: Duration = Duration::from_secs(1);

/// Bytes that are told of one target's error.
const SENTENCE_LIMIT: usize = 400;

/// One place to go to, and what may be done there.
#[derive(Debug)]
pub struct Target<'a> {
    pub caller: Caller<'a>,
    pub bound: Bound,
    pub permit: Permit,
}

/// How targets follow each other.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    pub failover: &'a Failover,
    pub operation: &'static Operation,
    /// In which error names are told.
    pub spelling: Spelling,
    pub remembered: &'a Remembered,
}

/// Tries one target after the other. The only one has all of the time, and its error is the call's; so has the first
/// where pages are read on.
pub async fn at_targets(
    mut targets: Vec<Target<'_>>,
    rules: Rules<'_>,
    invocation: &mut Invocation,
) -> Result<Called, Error> {
    if targets.first().is_some_and(Target::is_resumed) {
        targets.truncate(1);
    }
    let targets = match <[Target<'_>; 1]>::try_from(targets) {
        Ok([Target { caller, bound, permit }]) => {
            return Box::pin(at_target(&caller, bound, &permit, invocation)).await;
        }
        Err(targets) => targets,
    };
    // A target that nobody may go to, or that the rules have no address for, is found before it is needed.
    for target in targets.iter().skip(1) {
        let checked = target.caller.check(&target.bound, &target.permit).await;
        checked.map_err(|error| at_place(error, &target.place()))?;
    }
    let is_read = rules.operation.is_read_only;
    let may_go_twice = is_read || rules.failover.repeatable;
    let (order, silent) = rules.ordered(targets);
    let mut failures = Failures::default();
    let mut left = u32::try_from(order.len()).unwrap_or(u32::MAX);
    for (at, target) in order {
        let place = target.place();
        let caller = target.caller.with_share(left, may_go_twice);
        left -= 1;
        let outcome = Box::pin(at_target(&caller, target.bound, &target.permit, invocation)).await;
        invocation.failovers = failures.told.len() + passed_over(&silent, at).count();
        let error = match outcome {
            Ok(served) => {
                rules.remembered.forget(&place);
                return Ok(Called { failed_targets: failures.told_beside(&silent, at), ..served });
            }
            Err(error) => error,
        };
        rules.remember(&place, &error);
        let effect = failures.effect.and(error.effect);
        let goes_on = rules.failover.goes_on_after(&error);
        let must_stay = effect != Effect::None && !may_go_twice;
        if goes_on && !(left > 0 && must_stay) {
            failures.add(&place, &error, rules);
            continue;
        }
        let mut error = if goes_on { not_repeatable(&place, &error) } else { error }.with_effect(effect);
        error.failed_targets = failures.told_beside(&silent, at);
        return Err(at_place(error, &place));
    }
    Err(failures.all())
}

impl Failover {
    /// Whether the error is one that another target may not have.
    fn goes_on_after(&self, error: &Error) -> bool {
        match error.trouble {
            Some(Trouble::NeverSent) => true,
            Some(Trouble::Transient) => self.on.contains(&Reason::Transient),
            Some(Trouble::Throttling) => self.on.contains(&Reason::Throttling),
            None => false,
        }
    }
}

impl Target<'_> {
    /// Whether pages are read on from one that was read before, which only the Region that gave its token knows.
    fn is_resumed(&self) -> bool {
        matches!(self.caller.way, Way::Pages(pages) if pages.go_on(self.bound.parameters()))
    }

    fn place(&self) -> Place {
        let service = self.bound.operation().service.id();
        Place { service, region: self.caller.region.clone(), endpoint: self.caller.endpoint.cloned() }
    }
}

impl Caller<'_> {
    /// The same with one of so many shares of the time that is left.
    fn with_share(mut self, of: u32, may_go_twice: bool) -> Self {
        self.pace.deadline = self.pace.deadline.part(of);
        self.pace.has_next = of > 1 && may_go_twice;
        self.pace.timeouts.connect.get_or_insert(CONNECT);
        self
    }
}

/// A target that was silent a while ago, by its number.
type Silent = (usize, Place, Silence);

impl Rules<'_> {
    /// The targets, numbered. For reads, those that were silent a while ago are the last; they are listed besides.
    fn ordered<'t>(&self, targets: Vec<Target<'t>>) -> (Vec<(usize, Target<'t>)>, Vec<Silent>) {
        let mut silent = Vec::new();
        if self.operation.is_read_only {
            let now = SystemTime::now();
            let known = targets.iter().map(Target::place).enumerate().filter_map(|(at, place)| {
                let silence = self.remembered.find(&place, now)?;
                Some((at, place, silence))
            });
            silent.extend(known);
        }
        let mut order: Vec<_> = targets.into_iter().enumerate().collect();
        // Stable: each half keeps its order.
        order.sort_by_key(|(at, _)| silent.iter().any(|(silent, ..)| silent == at));
        (order, silent)
    }

    fn remember(&self, place: &Place, error: &Error) {
        let is_silent = matches!(error.trouble, Some(Trouble::NeverSent | Trouble::Transient));
        if is_silent && error.status_code.is_none() {
            let silence = Silence { error: error.name().to_owned(), since: SystemTime::now() };
            self.remembered.keep(place.clone(), silence);
        }
    }
}

/// The targets that a call at this one left aside.
fn passed_over(silent: &[Silent], at: usize) -> impl Iterator<Item = &Silent> {
    // A silent target comes after all others, and those before it have been tried.
    let is_silent = silent.iter().any(|(silent, ..)| *silent == at);
    silent.iter().filter(move |(silent, ..)| !is_silent && *silent < at)
}

/// What the targets tried so far came to.
#[derive(Debug, Default)]
struct Failures {
    told: Vec<Json>,
    sentences: Vec<String>,
    attempts: u32,
    effect: Effect,
}

impl Failures {
    fn add(&mut self, place: &Place, error: &Error, rules: Rules<'_>) {
        let name = rules.spelling.error(rules.operation, error.clone()).name().to_owned();
        let message = clip(&error.message, SENTENCE_LIMIT);
        let mut told = told(place, &name);
        told.insert("effect".to_owned(), json!(error.effect));
        told.insert("attempts".to_owned(), json!(error.attempts.unwrap_or_default()));
        if let Some(status) = error.status_code {
            told.insert("statusCode".to_owned(), status.into());
        }
        told.insert("message".to_owned(), json!(message));
        self.told.push(told.into());
        self.sentences.push(format!("`{}`: {name}: {message}", place.region));
        self.attempts = self.attempts.saturating_add(error.attempts.unwrap_or_default());
        self.effect = self.effect.and(error.effect);
    }

    /// The targets before this one: those that failed, then those that were passed over.
    fn told_beside(self, silent: &[Silent], at: usize) -> Vec<Json> {
        let passed = passed_over(silent, at).map(|(_, place, silence)| {
            let ago = SystemTime::now().duration_since(silence.since).unwrap_or_default();
            let mut told = told(place, &silence.error);
            told.insert(
                "failedBefore_ms".to_owned(),
                json!(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)),
            );
            Json::Object(told)
        });
        self.told.into_iter().chain(passed).collect()
    }

    fn all(self) -> Error {
        let message = format!("no target served the call: {}", self.sentences.join("; "));
        let mut error = Error::new(Kind::AllTargetsFailed, message).with_effect(self.effect);
        error.attempts = Some(self.attempts);
        error.failed_targets = self.told;
        error
    }
}

fn told(place: &Place, error: &str) -> Map<String, Json> {
    let mut told = Map::from_iter([("region".to_owned(), json!(place.region.as_str()))]);
    if let Some(endpoint) = &place.endpoint {
        told.insert("endpoint".to_owned(), endpoint.to_string().into());
    }
    told.insert("error".to_owned(), error.into());
    told
}

/// What keeps the call from the next target, with what is known of the exchange.
fn not_repeatable(place: &Place, cause: &Error) -> Error {
    let message = format!(
        "`{}` may have done it, so no other target was asked: `failover.repeatable` is for calls that do no harm when \
         they take effect at two targets; {}: {}",
        place.region,
        cause.name(),
        clip(&cause.message, SENTENCE_LIMIT)
    );
    let mut error = Error::new(Kind::NotRepeatable, message).with_answer_of(cause);
    error.code.clone_from(&cause.code);
    error.attempts = cause.attempts;
    error
}

/// What failed elsewhere, as the storing of a result may, says so itself.
fn at_place(mut error: Error, place: &Place) -> Error {
    error.region.get_or_insert_with(|| place.region.to_string());
    error
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn failover(on: &[Reason]) -> Failover {
        Failover { targets: Vec::new(), on: on.iter().copied().collect::<BTreeSet<_>>(), repeatable: false }
    }

    #[test]
    fn only_what_was_asked_for_moves_on_but_what_was_never_sent_always_does() {
        let error = |trouble| {
            let mut error = Error::new(Kind::OutcomeUnknown, "x");
            error.trouble = trouble;
            error
        };
        for (on, trouble, goes_on) in [
            (&[][..], Some(Trouble::NeverSent), true),
            (&[], Some(Trouble::Transient), false),
            (&[], Some(Trouble::Throttling), false),
            (&[Reason::Transient], Some(Trouble::Transient), true),
            (&[Reason::Transient], Some(Trouble::Throttling), false),
            (&[Reason::Throttling], Some(Trouble::Transient), false),
            (&[Reason::Throttling], Some(Trouble::Throttling), true),
            (&[Reason::Transient, Reason::Throttling], None, false),
        ] {
            assert_eq!(failover(on).goes_on_after(&error(trouble)), goes_on, "{on:?} {trouble:?}");
        }
    }
}
