//! Every modelled error, and one a service that no model knows, read by botocore's own client and by us.
//!
//! `differential/errors.py` makes the answers, seeded, and writes down what botocore's client raises for them. The
//! handler gets the same bytes. What may differ stands in `differential/explained-errors.json`, rule by rule, each with
//! its reason.

use handler::catalog::model::OperationTrait;
use handler::client::transport::Transport;
use handler::error::Error;
use serde::Deserialize;
use serde_json::{Map, Value};
use tests::answering::{Answering, Changing, Sent};
use tests::differential::{self, Open, Shard};
use tests::explained::{Difference, Rules};
use tests::{Tally, wire};

/// One line of the other side.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    service: String,
    operation: String,
    /// The shape's name.
    error: String,
    parameters: Map<String, Value>,
    answer: Sent,
    raised: Option<Raised>,
    /// Why botocore raises nothing of the kind.
    refused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raised {
    code: String,
    message: String,
    /// As the contract shows them.
    fields: Map<String, Value>,
}

struct Outcome {
    name: String,
    differences: Vec<Difference>,
}

#[test]
fn every_error() {
    let mut rules = Rules::read("errors");
    for (seed, mode) in differential::runs() {
        let mut tally = Tally::new("errors of every service");
        for outcome in differential::outcomes("errors", seed, &mode, Ours::default) {
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
        let parameters = Value::Object(line.parameters.clone());
        let traits = &open.service.operation(&line.operation).unwrap().traits;
        if traits.contains(&OperationTrait::EndpointDiscovery { required: true }) {
            // It asks for the address first, which is kept: what comes of the call itself is of no interest yet.
            let body = differential::ADDRESS.into();
            self.answers.change(Answering { status: 200, body, ..Answering::default() });
            _ = open.call(&line.operation, &parameters).await;
        }
        self.answers.change(line.answer.answering());
        let answer = open.call(&line.operation, &parameters).await;
        let protocol = open.service.metadata().protocol;
        let found = match (&line.raised, answer) {
            (Some(theirs), Err(ours)) => compare(&line, theirs, &ours),
            (Some(_), Ok(ours)) => vec![("taken for an answer by us", ours.to_string())],
            (None, answer) => {
                let ours = answer.map_or_else(|error| error.to_message(), |answer| answer.to_string());
                vec![("not raised by botocore", format!("{:?}, ours {ours}", line.refused))]
            }
        };
        self.open = Some(open);
        let about = |(what, detail): (&str, String)| Difference {
            service: line.service.clone(),
            operation: line.operation.clone(),
            protocol,
            what: what.to_owned(),
            detail,
        };
        let name = format!("{}.{}: {}", line.service, line.operation, line.error);
        Outcome { name, differences: found.into_iter().map(about).collect() }
    }
}

fn compare(line: &Line, theirs: &Raised, ours: &Error) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut differ = |what, theirs: &dyn std::fmt::Debug, ours: &dyn std::fmt::Debug| {
        found.push((what, format!("theirs {theirs:?}, ours {ours:?}")));
    };
    if ours.name() != line.error {
        differ("name", &line.error, &ours.name());
    }
    let code = ours.code.as_deref().unwrap_or(ours.name());
    if code != theirs.code {
        differ("code", &theirs.code, &code);
    }
    // Where there is no message, ours says so in words of its own.
    if !theirs.message.is_empty() && ours.message != theirs.message {
        differ("message", &theirs.message, &ours.message);
    }
    if ours.status_code != Some(line.answer.status) {
        differ("status", &line.answer.status, &ours.status_code);
    }
    if ours.request_id.as_deref() != Some("request-1") {
        differ("request id", &"request-1", &ours.request_id);
    }
    for (name, value) in &theirs.fields {
        match ours.fields.get(name) {
            Some(ours) if wire::same_json(value, ours) => {}
            ours => differ("field", &(name, value), &ours),
        }
    }
    for name in ours.fields.keys().filter(|name| !theirs.fields.contains_key(*name)) {
        differ("field", &(), &name);
    }
    found
}
