//! What the contract says of a case, written down once more and apart from the handler: section 4, "retries inside a
//! target" and "between targets".
//!
//! Enters: a case. Leaves: which target serves it, how many requests each target sees, what its far side carries out,
//! and what the caller learns. Nothing fails.

use handler::effect::Effect;
use serde::Deserialize;
use tests::proxy::{Answer, Fault};

/// One row of `data/chaos.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Row {
    pub name: String,
    pub how: How,
    class: Class,
    effect: Reported,
    #[serde(default)]
    pub done: bool,
    #[serde(default)]
    retried: bool,
    #[serde(default)]
    takes_all_time: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum How {
    /// Of the target as a whole.
    Place(Place),
    /// Of one request.
    Fault(Fault),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    Closed,
    BlackHole,
    Nameless,
    NoTls,
    Untrusted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Class {
    Served,
    NeverSent,
    Transient,
    Throttling,
    Final,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Reported {
    None,
    Done,
    Unknown,
}

impl From<Reported> for Effect {
    fn from(reported: Reported) -> Self {
        match reported {
            Reported::None => Self::None,
            Reported::Done => Self::Done,
            Reported::Unknown => Self::Unknown,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Sdk,
    Safe,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Read,
    Write,
    /// A write with an idempotency token.
    Token,
    /// A write that is declared repeatable.
    Repeatable,
}

/// One call at some targets.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// Of each target, what becomes of its first request, its second, …; the last stands for all that follow.
    pub targets: Vec<Vec<&'a Row>>,
    pub mode: Mode,
    pub call: Call,
    pub on_throttling: bool,
}

/// What must come of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    pub requests: Vec<usize>,
    pub done: Vec<usize>,
    /// The number of the target, or the name of the error.
    pub served: Option<usize>,
    pub error: Option<String>,
    pub effect: Effect,
    /// Errors of the targets before the one that ended it, or of all.
    pub failed: Vec<String>,
}

/// What comes of all attempts at one target.
struct Tried {
    requests: usize,
    done: usize,
    effect: Effect,
    class: Class,
    error: String,
}

impl Case<'_> {
    pub fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::default();
        let may_go_twice = matches!(self.call, Call::Read | Call::Repeatable);
        for at in 0..self.targets.len() {
            let tried = self.tried(at);
            outcome.requests.push(tried.requests);
            outcome.done.push(tried.done);
            outcome.effect = outcome.effect.and(tried.effect);
            let goes_on = match tried.class {
                Class::Served => {
                    outcome.served = Some(at);
                    return self.filled(outcome);
                }
                Class::NeverSent | Class::Transient => true,
                Class::Throttling => self.on_throttling,
                Class::Final => false,
            };
            if !goes_on {
                outcome.error = Some(tried.error);
                return self.filled(outcome);
            }
            let is_last = at + 1 == self.targets.len();
            if !is_last && outcome.effect != Effect::None && !may_go_twice {
                outcome.error = Some("CrossRegion.NotRepeatable".to_owned());
                return self.filled(outcome);
            }
            outcome.failed.push(tried.error);
        }
        outcome.error = Some("CrossRegion.AllTargetsFailed".to_owned());
        outcome
    }

    /// Targets that are not reached see nothing.
    fn filled(&self, mut outcome: Outcome) -> Outcome {
        outcome.requests.resize(self.targets.len(), 0);
        outcome.done.resize(self.targets.len(), 0);
        outcome
    }

    fn tried(&self, at: usize) -> Tried {
        let script = &self.targets[at];
        let attempts = if self.mode == Mode::None { 1 } else { 3 };
        let mut tried =
            Tried { requests: 0, done: 0, effect: Effect::None, class: Class::Final, error: String::new() };
        for attempt in 0..attempts {
            let row = script.get(attempt).or(script.last()).unwrap();
            tried.requests += usize::from(matches!(row.how, How::Fault(_)));
            tried.done += usize::from(row.done);
            tried.effect = tried.effect.and(row.effect.into());
            tried.class = row.class;
            tried.error = row.error();
            let is_ambiguous = tried.effect != Effect::None && self.call == Call::Write;
            let ends = row.takes_all_time || !row.retried && row.class != Class::NeverSent;
            if ends || self.mode == Mode::Safe && is_ambiguous {
                break;
            }
        }
        if tried.class == Class::Served {
            tried.effect = Effect::Done;
        }
        tried
    }
}

impl Row {
    fn error(&self) -> String {
        match &self.how {
            How::Place(_) => "CrossRegion.Unreachable".to_owned(),
            How::Fault(Fault::Answer(Answer { code, .. })) => {
                code.clone().unwrap_or_else(|| "CrossRegion.RemoteError".to_owned())
            }
            How::Fault(Fault::HalfBody) => "CrossRegion.MalformedResponse".to_owned(),
            How::Fault(_) => "CrossRegion.OutcomeUnknown".to_owned(),
        }
    }

    /// Whether it costs all of the time that its target has.
    pub fn is_slow(&self) -> bool {
        self.takes_all_time
    }

    pub fn is_throttling(&self) -> bool {
        self.class == Class::Throttling
    }
}
