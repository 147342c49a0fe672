//! The protocol suites that botocore publishes, through the handler's own stages.
//!
//! Every case brings a small model. It goes through the generator that made the handler's models, is packed and opened
//! as they are, and its call is bound, routed, serialised and signed, or answered and read, as any other.
//!
//! The cases that are left out stand in `protocols/skipped.json`, each with its reason: botocore's own runner ignores
//! every one of them. A few cases of the older suites ask for what is botocore's alone; they are run with another
//! expectation, which stands with its reason in `protocols/amended.json`.

#[path = "protocols/values.rs"]
mod values;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handler::client::transport::Transport;
use serde::Deserialize;
use serde_json::{Map, Value};
use tests::suites::{Case, HOST, cases};
use tests::wire::{self, Form, Request};
use tests::{Tally, calls};

use values::Shapes;

#[tokio::test]
async fn requests() {
    let mut tally = Tally::new("protocol requests");
    let (skipped, amended) = (skipped(), amended());
    for case in cases("input").into_iter().filter(|case| !amended.contains_key(&case.name)) {
        match skipped.get(&case.name) {
            Some(reason) => tally.skip(reason),
            None => tally.case(&case.name, request(&case).await),
        }
    }
    tally.finish();
}

#[tokio::test]
async fn answers() {
    let mut tally = Tally::new("protocol answers");
    let (skipped, amended) = (skipped(), amended());
    for case in cases("output").into_iter().filter(|case| !amended.contains_key(&case.name)) {
        match skipped.get(&case.name) {
            Some(reason) => tally.skip(reason),
            None => tally.case(&case.name, answer(&case).await),
        }
    }
    tally.finish();
}

#[tokio::test]
async fn amended_cases() {
    let mut tally = Tally::new("protocol cases, amended");
    let mut amended = amended();
    for mut case in cases("input") {
        let Some(amendment) = amended.remove(&case.name) else { continue };
        merge(&mut case.case, amendment.case);
        tally.case(&case.name, request(&case).await);
    }
    for mut case in cases("output") {
        let Some(amendment) = amended.remove(&case.name) else { continue };
        merge(&mut case.case, amendment.case);
        tally.case(&case.name, answer(&case).await);
    }
    assert!(amended.is_empty(), "in no suite: {:?}", amended.keys());
    tally.finish();
}

/// A skipped case that is not there hides that a suite changed; one that botocore runs is none to skip.
#[test]
fn skipped_cases_are_those_that_botocore_ignores() {
    let all: BTreeSet<String> =
        cases("input").into_iter().chain(cases("output")).map(|case| case.name).collect();
    let ignored =
        tests::json(&tests::botocore().join("tests/unit/protocols/protocol-tests-ignore-list.json"));
    for name in skipped().keys() {
        assert!(all.contains(name), "{name} is in no suite");
        let (file, id) = name.split_once(": ").unwrap();
        let (direction, protocol) = file.split_once('/').unwrap();
        let listed = ignored["protocols"][protocol][direction]["cases"].as_array();
        assert!(listed.is_some_and(|listed| listed.iter().any(|it| it == id)), "botocore runs {name}");
    }
}

/// What is expected instead.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Amendment {
    #[expect(dead_code, reason = "for readers of the file")]
    reason: String,
    /// A merge patch (RFC 7396).
    case: Value,
}

fn amended() -> BTreeMap<String, Amendment> {
    serde_json::from_str(include_str!("protocols/amended.json")).unwrap()
}

fn merge(value: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *value = patch;
        return;
    };
    for (name, patch) in patch {
        if patch.is_null() {
            value.as_object_mut().and_then(|members| members.remove(&name));
        } else {
            merge(&mut value[name], patch);
        }
    }
}

fn skipped() -> BTreeMap<String, &'static str> {
    let list: BTreeMap<String, String> =
        serde_json::from_str(include_str!("protocols/skipped.json")).unwrap();
    list.into_iter().map(|(name, reason)| (name, &*reason.leak())).collect()
}

fn shapes(case: &Case) -> Shapes<'_> {
    Shapes(&case.suite["shapes"])
}

async fn request(case: &Case) -> Result<(), String> {
    let operation = case.operation()?;
    let parameters = shapes(case).parameters(&case.case["given"]["input"], &case.case["params"]);
    let clients = calls::clients(Transport::default());
    let sent = calls::sign(&clients, operation, parameters).await.map_err(|error| error.to_message())?;
    compare(case, &case.case["serialized"], &sent)
}

fn compare(case: &Case, expected: &Value, sent: &Request) -> Result<(), String> {
    if let Some(method) = expected["method"].as_str() {
        same("method", &method, &sent.method.as_str())?;
    }
    let (_, path, query) = wire::address(expected["uri"].as_str().unwrap_or("/"));
    same("path", &path, &sent.path)?;
    let sent_query =
        sent.query.iter().map(|(name, value)| (name.clone(), tokenless(expected, value))).collect();
    same("query", &query, &sent_query)?;
    if let Some(host) = expected["host"].as_str() {
        let host = host.split('/').next().unwrap_or_default().replace(HOST.0, HOST.1);
        same("host", &host, &sent.host)?;
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let found = sent.headers.get(&name.to_lowercase());
        let found = found.ok_or_else(|| format!("header {name} is missing"))?;
        // UTF-8 is all that these media types know.
        let expected = value.as_str().unwrap_or_default().trim_end_matches("; charset=utf-8");
        same(&format!("header {name}"), &spaced(expected), &spaced(found))?;
    }
    for name in expected["forbidHeaders"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if let Some(value) = sent.headers.get(&name.to_lowercase()) {
            return Err(format!("header {name} is forbidden, found {value}"));
        }
    }
    for name in expected["requireHeaders"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !sent.headers.contains_key(&name.to_lowercase()) {
            return Err(format!("header {name} is missing"));
        }
    }
    let body = tokenless(expected, &String::from_utf8_lossy(&sent.body));
    match expected["body"].as_str() {
        None => Ok(()),
        Some(body) if case.protocol() == "smithy-rpc-v2-cbor" => wire::same_body(
            Form::Cbor,
            &STANDARD.decode(body).map_err(|error| error.to_string())?,
            &sent.body,
        ),
        Some(expected) => wire::same_body(form(case, expected), expected.as_bytes(), body.as_bytes()),
    }
}

/// The suites fill in a token of zeros; ours are random UUIDs.
fn tokenless(expected: &Value, text: &str) -> String {
    const ZEROS: &str = "00000000-0000-4000-8000-000000000000";
    if !expected.to_string().contains(ZEROS) {
        return text.to_owned();
    }
    let is_token =
        |at: usize| text.get(at..at + ZEROS.len()).is_some_and(|it| uuid::Uuid::parse_str(it).is_ok());
    match (0..text.len()).find(|at| is_token(*at)) {
        Some(at) => text.replace(&text[at..at + ZEROS.len()], ZEROS),
        None => text.to_owned(),
    }
}

fn form(case: &Case, body: &str) -> Form {
    match case.protocol() {
        "json" | "rest-json" => Form::Json,
        "rest-xml" if body.trim_start().starts_with('<') => Form::Xml,
        "query" | "ec2" => Form::Pairs,
        _ => Form::Bytes,
    }
}

/// Elements of header lists may stand with or without a space between.
fn spaced(header: &str) -> String {
    header.split(',').map(str::trim).collect::<Vec<_>>().join(", ")
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}")) }
}

async fn answer(case: &Case) -> Result<(), String> {
    let operation = case.operation()?;
    let answering = case.answering()?;
    let clients = calls::clients(Transport::replaced(answering.client()));
    let outcome = calls::send(&clients, operation, Map::new()).await;
    let error = &case.case["error"];
    match outcome {
        Ok(answer) if error.is_null() => {
            let expected = shapes(case).result(&case.case["given"]["output"], &case.case["result"]);
            let mut found = Value::Object(answer.members);
            if let Some(body) = answer.body.filter(|body| !body.bytes.is_empty()) {
                found[body.member] = String::from_utf8_lossy(&body.bytes).into();
            }
            if wire::same_json(&expected, &found) {
                Ok(())
            } else {
                Err(format!("\n    expected {expected}\n    found    {found}"))
            }
        }
        Err(found) if !error.is_null() => {
            let code = found.code.as_deref().unwrap_or(found.name());
            same("code", &case.case["errorCode"].as_str().unwrap_or_default(), &code)?;
            if let Some(message) = case.case["errorMessage"].as_str() {
                same("message", &message, &found.message.as_str())?;
            }
            for (name, value) in error
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(name, _)| *name != "message" && *name != "Message")
            {
                // Members that are no scalars are named, not shown.
                let value = if value.is_object() || value.is_array() { &Value::Null } else { value };
                match found.fields.get(name) {
                    Some(field) => same(name, value, field)?,
                    None => return Err(format!("member {name} is missing")),
                }
            }
            Ok(())
        }
        Ok(answer) => Err(format!("an error was answered, found {:?}", answer.members)),
        Err(error) => Err(error.to_message()),
    }
}
