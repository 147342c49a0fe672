//! Every waiter, asked by botocore and by us about the same answers.
//!
//! `differential/waits.py` makes, for each acceptor of each waiter, an answer that is meant for it, beside these one at
//! random and an error that no model knows, and writes down what botocore's waiter makes of each. The handler gets the
//! same bytes. What may differ stands in `differential/explained-waits.json`, rule by rule, each with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use handler::catalog;
use handler::catalog::blob::SERVICES;
use handler::catalog::model::WaiterState;
use handler::catalog::name::camel_case;
use handler::client::transport::Transport;
use handler::error::Origin;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tests::Tally;
use tests::answering::{Changing, Sent};
use tests::differential::{self, Open, Shard};
use tests::explained::{Difference, Rules};

/// One line of the other side.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    service: String,
    operation: String,
    waiter: String,
    case: String,
    parameters: Map<String, Value>,
    answer: Option<Sent>,
    /// What botocore's waiter makes of it.
    verdict: Option<String>,
    /// Why it makes nothing of it.
    refused: Option<String>,
}

struct Outcome {
    waiter: String,
    case: String,
    verdict: String,
    differences: Vec<Difference>,
}

#[test]
fn every_waiter() {
    let mut rules = Rules::read("waits");
    for (seed, mode) in differential::runs() {
        let mut tally = Tally::new("waiters");
        let mut reached = BTreeMap::<String, BTreeSet<String>>::new();
        for outcome in differential::outcomes("waits", seed, &mode, Ours::default) {
            let name = format!("{} {} (seed {seed}, {mode})", outcome.waiter, outcome.case);
            tally.case(name, rules.judge(&outcome.differences));
            reached.entry(outcome.waiter).or_default().insert(outcome.verdict);
        }
        rules.report();
        let known: BTreeMap<String, Vec<WaiterState>> = waiters().collect();
        for (state, verdict) in [
            (WaiterState::Success, "holds"),
            (WaiterState::Failure, "never"),
            (WaiterState::Retry, "not yet"),
        ] {
            let having = known.iter().filter(|(_, states)| states.contains(&state)).map(|(name, _)| name);
            let (all, missed): (Vec<_>, Vec<_>) = having
                .partition(|name| reached.get(*name).is_some_and(|verdicts| verdicts.contains(verdict)));
            _ = writeln!(
                std::io::stdout(),
                "  waiters: {} with acceptors for {state:?}, {} came to it",
                all.len() + missed.len(),
                all.len(),
            );
            let is_whole = std::env::var_os("SERVICES").is_none();
            assert!(
                !is_whole || state != WaiterState::Success || missed.is_empty(),
                "never held: {missed:?}"
            );
        }
        if std::env::var_os("SERVICES").is_none() {
            assert!(known.keys().eq(reached.keys()), "waiters that nobody tried");
        }
        tally.finish();
    }
    if tests::prove() {
        rules.all_used();
    }
}

/// All that the handler's own models have, with the states that their acceptors lead to.
fn waiters() -> impl Iterator<Item = (String, Vec<WaiterState>)> {
    SERVICES.iter().flat_map(|entry| {
        let service = catalog::service(entry.id).unwrap();
        let all = service.operation_names().flat_map(|name| service.waiters(name).unwrap());
        let states = all.map(|waiter| {
            let states = waiter.acceptors.iter().map(|acceptor| acceptor.state).collect();
            (format!("{}.{}", entry.id, waiter.name), states)
        });
        states.collect::<Vec<_>>()
    })
}

/// Our side, with the service that is at hand.
#[derive(Default)]
struct Ours {
    open: Option<Open>,
    answers: Changing,
}

impl Shard<Line, Outcome> for Ours {
    async fn outcome(&mut self, line: Line) -> Outcome {
        let open = self
            .open
            .take()
            .filter(|open| open.service.id() == line.service)
            .unwrap_or_else(|| Open::new(&line.service, Transport::replaced(self.answers.client())));
        if let Some(sent) = &line.answer {
            self.answers.change(sent.answering());
        }
        let wait = [("waitFor", json!({"waiter": camel_case(&line.waiter)}))];
        let parameters = Value::Object(line.parameters);
        let ours = match open.call_with(&line.operation, &parameters, &wait).await {
            Ok(_) => "holds".to_owned(),
            Err(error) => match error.name() {
                "CrossRegion.NotReady" => "not yet".to_owned(),
                "CrossRegion.WaitFailed" => "never".to_owned(),
                _ if matches!(error.origin(), Origin::Modelled | Origin::Unmodelled) => {
                    "unforeseen".to_owned()
                }
                _ => error.to_message(),
            },
        };
        let theirs = line.verdict.or(line.refused).unwrap_or_default();
        let differences = if ours == theirs { None } else { Some(format!("theirs {theirs}, ours {ours}")) };
        let about = |detail| Difference {
            service: line.service.clone(),
            operation: line.operation.clone(),
            protocol: open.service.metadata().protocol,
            what: "verdict".to_owned(),
            detail,
        };
        let differences = differences.into_iter().map(about).collect();
        let waiter = format!("{}.{}", line.service, line.waiter);
        self.open = Some(open);
        Outcome { waiter, case: line.case, verdict: ours, differences }
    }
}
