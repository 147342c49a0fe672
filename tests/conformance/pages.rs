//! Every operation that answers in pages, read by botocore's own paginators and by us.
//!
//! `differential/pages.py` makes three pages from the output models, seeded, and writes down what botocore's
//! `build_full_result` makes of them and the tokens that it sent. The handler gets the same bytes, and must send the
//! same tokens. What may differ stands in `differential/explained-pages.json`, rule by rule, each with its reason.

use std::collections::BTreeSet;
use std::io::Write;

use handler::catalog;
use handler::catalog::blob::SERVICES;
use handler::catalog::model::OperationTrait;
use handler::client::transport::Transport;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tests::answering::{Answering, Sent, Sequence};
use tests::differential::{self, Open, Shard};
use tests::explained::{Difference, Rules};
use tests::{Tally, wire};

/// One line of the other side.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    service: String,
    operation: String,
    parameters: Map<String, Value>,
    answers: Vec<Sent>,
    /// What each call was given to find its page.
    #[serde(default)]
    tokens: Vec<Map<String, Value>>,
    /// What botocore returns.
    result: Option<Value>,
    /// Why it returns nothing.
    refused: Option<String>,
}

struct Outcome {
    name: String,
    is_read: bool,
    differences: Vec<Difference>,
}

#[test]
fn every_paginator() {
    let mut rules = Rules::read("pages");
    // Values of another kind make other bodies, not other pages: one seed is enough but for `make prove`.
    for (seed, mode) in differential::runs() {
        let mut tally = Tally::new("paginators");
        let (mut met, mut read) = (BTreeSet::new(), 0);
        for outcome in differential::outcomes("pages", seed, &mode, Ours::default) {
            read += usize::from(outcome.is_read);
            met.insert(outcome.name.clone());
            tally.case(format!("{} (seed {seed}, {mode})", outcome.name), rules.judge(&outcome.differences));
        }
        rules.report();
        let known: BTreeSet<String> = paginators().collect();
        _ = writeln!(
            std::io::stdout(),
            "  paginators: {} in the models, {} met, {read} read to the end by both sides",
            known.len(),
            known.intersection(&met).count(),
        );
        if std::env::var_os("SERVICES").is_none() {
            assert_eq!(known, met, "paginators that nobody tried");
        }
        tally.finish();
    }
    if tests::prove() {
        rules.all_used();
    }
}

/// All that the handler's own models have.
fn paginators() -> impl Iterator<Item = String> {
    SERVICES.iter().flat_map(|entry| {
        let service = catalog::service(entry.id).unwrap();
        let names = service.operation_names().filter(|name| service.paginator(name).unwrap().is_some());
        names.map(move |name| format!("{}.{name}", entry.id)).collect::<Vec<_>>()
    })
}

/// Our side, with the service that is at hand.
#[derive(Default)]
struct Ours {
    open: Option<Open>,
    answers: Sequence,
}

impl Shard<Line, Outcome> for Ours {
    async fn outcome(&mut self, line: Line) -> Outcome {
        let open = self
            .open
            .take()
            .filter(|open| open.service.id() == line.service)
            .unwrap_or_else(|| Open::new(&line.service, Transport::replaced(self.answers.client())));
        let operation = open.service.operation(&line.operation).unwrap();
        let mut answers: Vec<_> = line.answers.iter().map(Sent::answering).collect();
        // It asks for the address first, unless that is known already.
        let is_elsewhere = operation.traits.contains(&OperationTrait::EndpointDiscovery { required: true });
        if is_elsewhere {
            let body = differential::ADDRESS.into();
            answers.insert(0, Answering { status: 200, body, ..Answering::default() });
            self.answers.follow(answers.drain(..1));
            _ = open.call(&line.operation, &Value::Object(line.parameters.clone())).await;
        }
        self.answers.follow(answers);
        let parameters = Value::Object(line.parameters);
        let answer = open.call_with(&line.operation, &parameters, &[("paginate", json!({}))]).await;
        let requests = self.answers.follow([]);
        let about = |(what, detail): (&str, String)| Difference {
            service: line.service.clone(),
            operation: line.operation.clone(),
            protocol: open.service.metadata().protocol,
            what: what.to_owned(),
            detail,
        };
        let refused = line.refused.clone().unwrap_or_default();
        let is_read = line.result.is_some() && answer.is_ok();
        let found = match (&line.result, answer) {
            (Some(theirs), Ok(ours)) => {
                let mut ours: Value = serde_json::from_str(ours.get()).unwrap();
                let metadata = ours.as_object_mut().unwrap().remove("$metadata").unwrap();
                let mut found = Vec::new();
                differential::compare("", theirs, &ours, &mut found);
                found.extend(sent(&line.tokens, &requests).map(|detail| ("tokens", detail)));
                if metadata["attempts"] != line.answers.len() || metadata["resume"] != Value::Null {
                    found.push(("metadata", metadata.to_string()));
                }
                found
            }
            (Some(_), Err(error)) => vec![("refused by us", error.to_message())],
            (None, Ok(_)) => vec![("refused by botocore", refused)],
            (None, Err(error)) => vec![("refused by both", format!("{refused}, and {}", error.to_message()))],
        };
        let name = format!("{}.{}", line.service, line.operation);
        let differences = found.into_iter().map(about).collect();
        self.open = Some(open);
        Outcome { name, is_read, differences }
    }
}

/// Why the requests do not carry these tokens. Each is a text that stands nowhere else.
fn sent(tokens: &[Map<String, Value>], requests: &[wire::Request]) -> Option<String> {
    if tokens.len() != requests.len() {
        return Some(format!("{} requests, not {}", requests.len(), tokens.len()));
    }
    tokens.iter().zip(requests).enumerate().find_map(|(at, (tokens, request))| {
        let all = format!(
            "{} {:?} {:?} {}",
            request.path,
            request.query,
            request.headers,
            String::from_utf8_lossy(&request.body)
        );
        let missing = tokens.values().flat_map(texts).find(|text| !all.contains(text.as_str()))?;
        Some(format!("request {at} has no {missing}"))
    })
}

fn texts(token: &Value) -> Vec<String> {
    match token {
        Value::Object(members) => members.values().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}
