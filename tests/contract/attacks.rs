//! Bad input, class by class: every case of `data/attacks.json` through the whole handler.
//!
//! A case passes if it is refused under the expected name, in words that say what is wrong, in one line of bounded
//! length that claims no effect and repeats no secret. The handler gets no credentials: a control passes if that is
//! all it lacks, which is after every check and before a socket. A panic fails the suite, and so does a case that
//! takes long: an event must not be able to keep a function busy.

use std::time::{Duration, Instant};

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handler::client::Clients;
use handler::client::transport::Transport;
use handler::config::Config;
use handler::deadline::Deadline;
use handler::dispatch::Handler;
use handler::error::{Error, MESSAGE_LIMIT};
use handler::telemetry::Invocation;
use serde::Deserialize;
use serde_json::{Map, Value};
use tests::Tally;
use tests::invoked::config;

/// Far more than any case needs, also unoptimised on a busy machine.
const LONGEST: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    #[expect(dead_code, reason = "for readers of the file")]
    docs: Vec<String>,
    base: Map<String, Value>,
    table: Value,
    classes: Vec<Class>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    name: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    with: Map<String, Value>,
    #[serde(default)]
    without: Vec<String>,
    text: Option<String>,
    base64: Option<String>,
    repeat: Option<Repeat>,
    table: Option<Value>,
    error: Option<String>,
    #[serde(default)]
    says: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeat {
    before: String,
    unit: String,
    times: usize,
    after: String,
}

#[tokio::test]
async fn nothing_gets_past() {
    let suite: Suite = serde_json::from_str(include_str!("../data/attacks.json")).unwrap();
    let mut tally = Tally::new("attacks");
    for class in &suite.classes {
        assert!(!class.cases.is_empty(), "{}", class.name);
        for case in &class.cases {
            let started = Instant::now();
            let outcome =
                invoke(&event(case, &suite.base), case.table.as_ref().unwrap_or(&suite.table)).await;
            let mut faults = judge(case, outcome);
            if started.elapsed() > LONGEST {
                faults.push(format!("took {:?}", started.elapsed()));
            }
            let outcome = if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) };
            tally.case(format!("{} / {}", class.name, case.name), outcome);
        }
    }
    tally.finish();
}

fn event(case: &Case, base: &Map<String, Value>) -> Vec<u8> {
    if let Some(text) = &case.text {
        return text.clone().into_bytes();
    }
    if let Some(bytes) = &case.base64 {
        return STANDARD.decode(bytes).unwrap();
    }
    if let Some(Repeat { before, unit, times, after }) = &case.repeat {
        return format!("{before}{}{after}", unit.repeat(*times)).into_bytes();
    }
    let mut event = base.clone();
    event.extend(case.with.clone());
    event.retain(|name, _| !case.without.contains(name));
    Value::Object(event).to_string().into_bytes()
}

/// One invocation of a function in ap-northeast-1 that has no credentials.
async fn invoke(event: &[u8], table: &Value) -> Result<(), Error> {
    let config = Config {
        operation_table: Some(table.as_str().map_or_else(|| table.to_string(), str::to_owned)),
        ..config(table)
    };
    let clients = Clients::new(SharedCredentialsProvider::new(NoCredentials), Transport::default());
    let handler = Handler::new(config, clients)?;
    handler.handle(event, Deadline::within(LONGEST), &mut Invocation::default()).await.map(|_| ())
}

#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded(
            "no credentials are given to attackers",
        )))
    }
}

/// What is wrong with the outcome.
fn judge(case: &Case, outcome: Result<(), Error>) -> Vec<String> {
    let (expected, error) = match (&case.error, outcome) {
        (_, Ok(())) => return vec!["was answered".to_owned()],
        (None, Err(error)) if error.message.contains("credentials") => return Vec::new(),
        (None, Err(error)) => return vec![format!("a control was refused: {error}")],
        (Some(expected), Err(error)) => (expected, error),
    };
    let message = error.to_message();
    let report: Value = serde_json::from_str(&message).unwrap();
    let mut faults = Vec::new();
    if error.name() != expected {
        faults.push(format!("expected {expected}, found {error}"));
    }
    // As a reader sees them, without JSON's escapes.
    let sentences: Vec<&str> = std::iter::once(&report["message"])
        .chain(report["faults"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    for part in &case.says {
        if !sentences.iter().any(|sentence| sentence.contains(part.as_str())) {
            faults.push(format!("does not say `{part}`: {message:.400}"));
        }
    }
    if message.contains('\n') || message.len() > MESSAGE_LIMIT {
        faults.push(format!("a message of {} bytes, or of several lines", message.len()));
    }
    if message.contains("SECRET") {
        faults.push(format!("tells a secret: {message:.400}"));
    }
    if report["effect"] != "none" {
        faults.push(format!("claims an effect: {}", report["effect"]));
    }
    faults
}
