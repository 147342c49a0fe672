//! Every operation's answer, read by botocore's own client and by us.
//!
//! `differential/responses.py` makes answers from the output models, seeded, and writes down what botocore's client
//! returns for them in the contract's form. The handler gets the same bytes. What may differ stands in
//! `differential/explained-responses.json`, rule by rule, each with its reason.

use handler::catalog::model::OperationTrait;
use handler::client::transport::Transport;
use serde::Deserialize;
use serde_json::{Map, Value};
use tests::Tally;
use tests::answering::{Answering, Changing, Sent};
use tests::differential::{self, Open, Shard};
use tests::explained::{Difference, Rules};

/// One line of the other side.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    service: String,
    operation: String,
    parameters: Map<String, Value>,
    answer: Option<Sent>,
    /// What botocore returns.
    result: Option<Value>,
    /// Why it returns nothing.
    refused: Option<String>,
}

struct Outcome {
    name: String,
    differences: Vec<Difference>,
}

#[test]
fn every_operation() {
    let mut rules = Rules::read("responses");
    for (seed, mode) in differential::runs() {
        let mut tally = Tally::new(match mode.as_str() {
            "sample" => "answers of every operation, some members",
            "shallow" => "answers of every operation, top-level members",
            _ => "answers of every operation, all members",
        });
        for outcome in differential::outcomes("responses", seed, &mode, Ours::default) {
            tally.case(format!("{} (seed {seed}, {mode})", outcome.name), rules.judge(&outcome.differences));
        }
        rules.report();
        tally.finish();
    }
    if tests::prove() {
        rules.all_used();
    }
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
        let parameters = Value::Object(line.parameters);
        if is_elsewhere(&open, &line.operation) {
            // It asks for the address first, which is kept: what comes of the call itself is of no interest yet.
            let body = differential::ADDRESS.into();
            self.answers.change(Answering { status: 200, body, ..Answering::default() });
            _ = open.call(&line.operation, &parameters).await;
        }
        if let Some(sent) = &line.answer {
            self.answers.change(sent.answering());
        }
        let answer = open.call(&line.operation, &parameters).await;
        let protocol = open.service.metadata().protocol;
        let about = |(what, detail): (&str, String)| Difference {
            service: line.service.clone(),
            operation: line.operation.clone(),
            protocol,
            what: what.to_owned(),
            detail,
        };
        let refused = line.refused.clone().unwrap_or_default();
        let found = match (&line.result, answer) {
            (Some(theirs), Ok(ours)) => {
                let mut ours: Value = serde_json::from_str(ours.get()).unwrap();
                ours.as_object_mut().unwrap().remove("$metadata");
                let mut found = Vec::new();
                differential::compare("", theirs, &ours, &mut found);
                found
            }
            (Some(_), Err(error)) => vec![("refused by us", error.to_message())],
            (None, Ok(_)) => vec![("refused by botocore", refused)],
            (None, Err(error)) => vec![("refused by both", format!("{refused}, and {}", error.to_message()))],
        };
        self.open = Some(open);
        let differences = found.into_iter().map(about).collect();
        Outcome { name: format!("{}.{}", line.service, line.operation), differences }
    }
}

fn is_elsewhere(open: &Open, operation: &str) -> bool {
    let traits = &open.service.operation(operation).unwrap().traits;
    traits.contains(&OperationTrait::EndpointDiscovery { required: true })
}
