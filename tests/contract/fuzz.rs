//! Mutated events and mutated answers, for as long as the time lasts: none may panic, each ends as the contract says.
//!
//! The corpus of events is `data/attacks.json`, that of answers botocore's protocol suites, protocol by protocol. What
//! is answered in words that were not heard before joins the corpus, in place of a measure of coverage: libFuzzer's
//! needs a nightly compiler. Runs are seeded (`FUZZ_SEED`), and a failure shows its input.

use std::collections::HashSet;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use handler::catalog::Operation;
use handler::client::Clients;
use handler::client::transport::Transport;
use handler::config::{Config, DEFAULT_RESULT_LIMIT};
use handler::deadline::Deadline;
use handler::dispatch::Handler;
use handler::effect::Effect;
use handler::error::{Error, MESSAGE_LIMIT};
use handler::telemetry::Invocation;
use serde_json::{Map, Value};
use tests::answering::Answering;
use tests::{calls, prove, suites};

/// Far more than any case needs, also unoptimised on a busy machine.
const LONGEST: Duration = Duration::from_secs(10);

/// Inputs that are kept.
const CORPUS_LIMIT: usize = 20_000;

/// Bytes that an input may grow to.
const SIZE_LIMIT: usize = 20_000;

const STATUSES: [u16; 14] = [200, 200, 200, 200, 201, 204, 299, 301, 304, 400, 403, 429, 500, 503];

#[test]
fn events() {
    let suite = tests::json(&tests::root().join("tests/data/attacks.json"));
    let handler = function_without_credentials(&suite["table"]);
    let mut corpus = Vec::new();
    for case in
        suite["classes"].as_array().unwrap().iter().flat_map(|class| class["cases"].as_array().unwrap())
    {
        if let Some(text) = case["text"].as_str() {
            corpus.push(text.as_bytes().to_vec());
        }
        let mut event = suite["base"].as_object().unwrap().clone();
        event.extend(case["with"].as_object().cloned().unwrap_or_default());
        corpus.push(Value::Object(event).to_string().into_bytes());
    }
    let runtime = runtime();
    let mutated = |event: &Vec<u8>, others: &[Vec<u8>], random: &mut Rng| mutated(event, others, random);
    fuzz("events", corpus, mutated, Vec::clone, |event| {
        let deadline = Deadline::within(Duration::from_mins(1));
        match runtime.block_on(handler.handle(event, deadline, &mut Invocation::default())) {
            Ok(_) => Err("answered without credentials".to_owned()),
            Err(error) if error.effect != Effect::None => Err(format!("claims an effect: {error}")),
            Err(error) => well_formed(&error),
        }
    });
}

#[test]
fn json_answers() {
    answers("json");
}

#[test]
fn rest_json_answers() {
    answers("rest-json");
}

#[test]
fn rest_xml_answers() {
    answers("rest-xml");
}

#[test]
fn query_answers() {
    answers("query");
}

#[test]
fn ec2_answers() {
    answers("ec2");
}

#[test]
fn cbor_answers() {
    answers("smithy-rpc-v2-cbor");
}

/// An answer and the operation that it is for.
#[derive(Clone)]
struct Answered {
    operation: &'static Operation,
    answer: Answering,
}

fn answers(protocol: &'static str) {
    let corpus: Vec<Answered> = suites::cases("output")
        .into_iter()
        .filter(|case| case.protocol() == protocol)
        .filter_map(|case| {
            Some(Answered { operation: case.operation().ok()?, answer: case.answering().ok()? })
        })
        .collect();
    let runtime = runtime();
    let mutated = |Answered { operation, answer }: &Answered, others: &[Answered], random: &mut Rng| {
        let other = &others[random.usize(..others.len())].answer;
        let mut answer = answer.clone();
        answer.status = *random.choice(&STATUSES).unwrap();
        if random.u8(..) < 64 && !answer.headers.is_empty() {
            let at = random.usize(..answer.headers.len());
            let value = mutated(&answer.headers[at].1.clone().into_bytes(), &[], random);
            answer.headers[at].1 =
                value.into_iter().filter(|it| (b' '..=b'~').contains(it)).map(char::from).collect();
        }
        if random.u8(..) < 230 {
            answer.body = mutated(&answer.body, std::slice::from_ref(&other.body), random);
        }
        Answered { operation, answer }
    };
    let shown = |answered: &Answered| {
        let Answering { status, headers, body, .. } = &answered.answer;
        let mut shown = format!("{status} {headers:?} {} ", answered.operation.name).into_bytes();
        shown.extend(body);
        shown
    };
    fuzz(protocol, corpus, mutated, shown, |Answered { operation, answer }| {
        let status = answer.status;
        let clients = calls::clients(Transport::replaced(answer.clone().client()));
        match runtime.block_on(calls::send(&clients, operation, Map::new())) {
            Ok(_) if !(200..300).contains(&status) => Err(format!("status {status} passed as a success")),
            Ok(answer) => Ok(format!("{} {:?}", operation.name, answer.members.keys())),
            Err(error) => {
                let expected: &[Effect] = match status {
                    200..300 => &[Effect::Unknown, Effect::Done],
                    300..500 => &[Effect::None],
                    _ => &[Effect::Unknown],
                };
                // What never was a request: a required member that becomes part of the path.
                if error.attempts.is_some() && !expected.contains(&error.effect) {
                    return Err(format!("status {status} and effect {:?}: {error}", error.effect));
                }
                if error.attempts.is_some() && error.status_code != Some(status) {
                    return Err(format!("status {status} became {:?}: {error}", error.status_code));
                }
                well_formed(&error).map(|words| format!("{} {words}", operation.name))
            }
        }
    });
}

/// Mutates and tries until the time is over; panics with the first input that breaks a rule.
fn fuzz<I: Clone>(
    name: &str,
    mut corpus: Vec<I>,
    mutated: impl Fn(&I, &[I], &mut Rng) -> I,
    shown: impl Fn(&I) -> Vec<u8>,
    tried: impl Fn(&I) -> Result<String, String>,
) {
    assert!(!corpus.is_empty(), "{name}: no corpus");
    let seed = std::env::var("FUZZ_SEED").map_or(20_261_122, |seed| seed.parse().unwrap());
    let mut random = Rng::with_seed(seed);
    let time = Duration::from_secs(if prove() { 60 } else { 8 });
    let started = Instant::now();
    let mut heard = HashSet::new();
    let (mut runs, mut last_new) = (0, 0);
    let seeds = corpus.len();
    while started.elapsed() < time {
        let input = match corpus.get(runs).filter(|_| runs < seeds) {
            Some(seed) => seed.clone(),
            None => mutated(&corpus[random.usize(..corpus.len())], &corpus, &mut random),
        };
        let before = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| tried(&input)));
        let fault = match outcome {
            Ok(Ok(words)) => {
                if heard.insert(worded(&words)) && corpus.len() < CORPUS_LIMIT {
                    last_new = runs;
                    corpus.push(input.clone());
                }
                (before.elapsed() > LONGEST).then(|| format!("took {:?}", before.elapsed()))
            }
            Ok(Err(fault)) => Some(fault),
            Err(_) => Some("panicked".to_owned()),
        };
        if let Some(fault) = fault {
            let input = shown(&input);
            let (text, base64) = (String::from_utf8_lossy(&input), STANDARD.encode(&input));
            panic!("{name}, seed {seed}, run {runs}: {fault}\n{text:.2000}\n{base64}");
        }
        runs += 1;
    }
    // Past the test harness's capture.
    let line = format!(
        "fuzz {name}: {runs} runs, {} different outcomes, the last new at run {last_new}",
        heard.len()
    );
    _ = writeln!(std::io::stdout(), "{line}");
    assert!(runs > seeds, "{name}: no time beyond the corpus");
}

/// Without the numbers, which tell places.
fn worded(words: &str) -> String {
    words.chars().filter(|it| !it.is_ascii_digit()).take(300).collect()
}

fn well_formed(error: &Error) -> Result<String, String> {
    let message = error.to_message();
    let name = error.name();
    let faults = [
        (name.is_empty() || name.chars().count() > 256, "a name that is none"),
        (name.starts_with("States.") || name.starts_with("Lambda."), "a name that is not a callee's"),
        (message.contains('\n'), "several lines"),
        (message.len() > MESSAGE_LIMIT, "too long"),
        (serde_json::from_str::<Value>(&message).is_err(), "a message that is no JSON"),
    ];
    match faults.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, fault)) => Err(format!("{fault}: {error}")),
        None => Ok(format!("{name} {}", error.message)),
    }
}

/// One to four small changes.
fn mutated(input: &[u8], others: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    const WORDS: [&[u8]; 32] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b",",
        b":",
        b"null",
        b"true",
        b"-1",
        b"9223372036854775808",
        b"1e999",
        b"0.1",
        b"\"NaN\"",
        b"\\ud800",
        b"\xff\xfe",
        b"\xf0\x9f\xa6\x80",
        b"<",
        b">",
        b"</",
        b"/>",
        b"&lt;",
        b"&#0;",
        b"&x;",
        b"<![CDATA[",
        b"]]>",
        b"<!DOCTYPE a>",
        b"\xbf",
        b"\xff",
        b"\x9f",
        b"\xfb\x7f\xf8\0\0\0\0\0\0",
        b"1985-04-12T23:20:50.52Z",
    ];
    let mut bytes = input.to_vec();
    for _ in 0..random.usize(1..=4) {
        let at = random.usize(..=bytes.len());
        let end = (at + random.usize(1..=16)).min(bytes.len());
        match random.u8(..9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            1 if at < bytes.len() => bytes[at] = random.u8(..),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.truncate(at),
            4 => {
                let part = bytes[at..end].repeat(random.usize(1..=200));
                bytes.splice(at..at, part);
            }
            5 => {
                let from = random.usize(..=bytes.len());
                let part = bytes[from..(from + random.usize(..=64)).min(bytes.len())].to_vec();
                bytes.splice(at..end, part);
            }
            6 => {
                let Some(other) = random.choice(others) else { continue };
                let from = random.usize(..=other.len());
                bytes.splice(at..end, other[from..].iter().copied());
            }
            _ => {
                let word = random.choice(WORDS).unwrap();
                bytes.splice(at..if random.bool() { at } else { end }, word.iter().copied());
            }
        }
    }
    bytes.truncate(SIZE_LIMIT);
    bytes
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn function_without_credentials(table: &Value) -> Handler {
    let config = Config {
        operation_table: Some(table.to_string()),
        region: "ap-northeast-1".to_owned(),
        endpoint_url: None,
        is_inside_lambda: true,
        result_limit: DEFAULT_RESULT_LIMIT,
        metrics: false,
    };
    Handler::new(config, Clients::new(SharedCredentialsProvider::new(NoCredentials), Transport::default()))
        .unwrap()
}

/// No event can be sent.
#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("none here")))
    }
}
