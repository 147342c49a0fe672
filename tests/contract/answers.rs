//! What becomes of an answer, and of none: every case of `data/answers.json` over real sockets.
//!
//! A case is a call, a script for the server that it reaches, and what the caller learns: the error's name, its
//! effect, status and attempts, the number of requests that the server saw. Every case must be answered before Lambda
//! would have killed the function.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use handler::catalog;
use handler::client::Clients;
use handler::client::transport::Transport;
use handler::config::Config;
use handler::custom_endpoint::CustomEndpoint;
use handler::deadline::Deadline;
use handler::dispatch::Handler;
use handler::error::{Error, MESSAGE_LIMIT};
use handler::telemetry::Invocation;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tests::Tally;
use tests::faulty::{self, Faulty, black_hole, closed};
use tests::invoked::{Function, config, entry};
use tests::recording::Reply;

/// Threads that wait for their servers most of the time.
const AT_ONCE: usize = 24;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    #[expect(dead_code, reason = "for readers of the file")]
    docs: Vec<String>,
    calls: BTreeMap<String, Map<String, Value>>,
    classes: Vec<Class>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    name: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    name: String,
    call: String,
    #[serde(default)]
    with: Map<String, Value>,
    #[serde(default)]
    server: Server,
    #[serde(default = "half_a_minute")]
    time_ms: u64,
    #[serde(default = "limit")]
    result_limit: usize,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Server {
    /// Nothing listens.
    Closed,
    /// The name does not exist.
    Nameless,
    /// Connections are never accepted.
    BlackHole,
    /// The script is spoken in plain text where TLS is expected.
    NoTls(Vec<faulty::Reply>),
    Replies(Vec<faulty::Reply>),
}

impl Default for Server {
    fn default() -> Self {
        Self::Replies(Vec::new())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Absent where the call succeeds.
    error: Option<String>,
    effect: Option<String>,
    /// Requests that reached the server; absent where chance decides.
    requests: Option<usize>,
    /// `statusCode`; null where there must be none.
    #[serde(default, deserialize_with = "some")]
    status: Option<Value>,
    #[serde(default)]
    attempts: Option<u64>,
    code: Option<String>,
    #[serde(rename = "requestId")]
    request_id: Option<String>,
    fields: Option<Value>,
    #[serde(default)]
    says: Vec<String>,
    /// `totalRetryDelay` of a result, at least and at most.
    retry_delay_ms: Option<(u64, u64)>,
    /// Of the result, what there must be at least.
    result: Option<Value>,
    /// The least time that the case takes, and the most.
    within_ms: Option<(u64, u64)>,
}

/// Tells null from absence.
fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn half_a_minute() -> u64 {
    30_000
}

fn limit() -> usize {
    handler::config::DEFAULT_RESULT_LIMIT
}

#[test]
fn whatever_is_answered_the_caller_learns_what_became_of_the_call() {
    let suite: Suite = serde_json::from_str(include_str!("../data/answers.json")).unwrap();
    // The SDK gives each service in a Region one budget of retries: cases must not spend each other's.
    let partition = catalog::partitions().unwrap().iter().find(|it| it.id == "aws").unwrap();
    let regions: Vec<&String> = partition.regions.iter().filter(|it| *it != "aws-global").collect();
    let cases: Vec<(String, &Case)> = suite
        .classes
        .iter()
        .flat_map(|class| class.cases.iter().map(|case| (format!("{} / {}", class.name, case.name), case)))
        .collect();
    let mut tally = Tally::new("answers over sockets");
    for (at, group) in cases.chunks(AT_ONCE).enumerate() {
        std::thread::scope(|scope| {
            let running: Vec<_> = group
                .iter()
                .enumerate()
                .map(|(number, (name, case))| {
                    let region = &regions[(at * AT_ONCE + number) % regions.len()];
                    let call = suite.calls.get(&case.call).unwrap_or_else(|| panic!("no call {}", case.call));
                    (name, scope.spawn(move || run(case, call, region)))
                })
                .collect();
            for (name, outcome) in running {
                let faults = outcome.join().unwrap_or_else(|_| vec!["panicked".to_owned()]);
                tally.case(name, if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) });
            }
        });
    }
    tally.finish();
}

/// What is wrong with a case.
fn run(case: &Case, call: &Map<String, Value>, region: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut event = call.clone();
        event.insert("region".to_owned(), region.into());
        event.extend(case.with.clone());
        let (mut server, mut hole) = (None, None);
        let url = match &case.server {
            Server::Closed => format!("http://{}", closed()),
            Server::Nameless => "https://no-such-host.invalid".to_owned(),
            Server::BlackHole => {
                let (address, kept) = black_hole().await;
                hole = Some(kept);
                format!("http://{address}")
            }
            Server::NoTls(script) | Server::Replies(script) => {
                let scheme = if matches!(case.server, Server::NoTls(_)) { "https" } else { "http" };
                let started = Faulty::start(script.clone()).await;
                let url = format!("{scheme}://{}", started.address);
                server = Some(started);
                url
            }
        };
        let handler = handler(&event, &url, case.result_limit);
        let time = Duration::from_millis(case.time_ms);
        let raw = Value::Object(event).to_string();
        let started = Instant::now();
        let outcome =
            handler.handle(raw.as_bytes(), Deadline::within(time), &mut Invocation::default()).await;
        let took = started.elapsed();
        drop(hole);
        let mut faults = judge(&case.expect, outcome.map(|it| it.get().to_owned()));
        if took >= time {
            faults.push(format!("answered after {took:?} of {time:?}"));
        }
        if let Some((least, most)) = case.expect.within_ms
            && !(Duration::from_millis(least)..Duration::from_millis(most)).contains(&took)
        {
            faults.push(format!("took {took:?}"));
        }
        let seen = server.map_or(0, |server| server.seen());
        if let Some(expected) = case.expect.requests
            && seen != expected
        {
            faults.push(format!("{expected} requests expected, {seen} seen"));
        }
        faults
    })
}

/// A token that the caller left out is the handler's: the same in every attempt of a call, another in the next call.
#[tokio::test]
async fn the_attempts_of_one_call_share_their_token() {
    let calls = [
        ("athena", "startQueryExecution", json!({"QueryString": "SELECT 1"}), "ClientRequestToken"),
        ("ec2", "createVolume", json!({"AvailabilityZone": "us-west-2a", "Size": 1}), "ClientToken"),
        ("backup", "createBackupVault", json!({"BackupVaultName": "v"}), "CreatorRequestId"),
    ];
    let mut tally = Tally::new("tokens of attempts");
    for (service, action, parameters, member) in calls {
        let function = Function::new(&json!([entry(service, &[action])]), |_| Reply::status(503, ""));
        let event = json!({
            "service": service, "action": action, "parameters": parameters, "retry": {"mode": "sdk", "maxAttempts": 3}
        });
        let mut tokens = BTreeSet::new();
        for _ in 0..2 {
            function.invoke(event.clone()).await.unwrap_err();
            let bodies: Vec<String> = function
                .wire
                .take()
                .iter()
                .map(|request| String::from_utf8(request.body.clone()).unwrap())
                .collect();
            let token = bodies.first().and_then(|body| {
                let after = body.split(member).nth(1)?.trim_start_matches(['"', ':', '=', ' ']);
                uuid::Uuid::parse_str(after.get(..36)?).ok()
            });
            let outcome = match token {
                _ if bodies.len() != 3 => Err(format!("{} attempts", bodies.len())),
                None => Err(format!("no token: {bodies:?}")),
                Some(token) if !tokens.insert(token) => Err("the next call's token is the same".to_owned()),
                Some(_) if bodies.iter().any(|body| *body != bodies[0]) => {
                    Err(format!("attempts differ: {bodies:?}"))
                }
                Some(_) => Ok(()),
            };
            tally.case(format!("{service} {action}"), outcome);
        }
    }
    tally.finish();
}

/// A function in another Region, for which the server stands in for all of AWS.
fn handler(event: &Map<String, Value>, url: &str, result_limit: usize) -> Handler {
    let table = json!([{ "service": event["service"], "actions": [event["action"]], "regions": ["*"] }]);
    let config =
        Config { endpoint_url: Some(CustomEndpoint::parse(url).unwrap()), result_limit, ..config(&table) };
    let credentials = Credentials::new("AKIDEXAMPLE", "SECRET", None, None, "tests");
    let clients = Clients::new(SharedCredentialsProvider::new(credentials), Transport::default());
    Handler::new(config, clients).unwrap()
}

fn judge(expected: &Expected, outcome: Result<String, Error>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut same = |what: &str, expected: &Value, found: &Value| {
        if expected != found {
            faults.push(format!("{what}: expected {expected}, found {found:.300}"));
        }
    };
    let (name, report, found) = match outcome {
        Ok(result) => (Value::Null, Value::Null, serde_json::from_str(&result).unwrap()),
        Err(error) => {
            let message = error.to_message();
            let length = message.len();
            same("one line", &json!(false), &json!(message.contains('\n')));
            same("within the limit", &json!(true), &json!(length <= MESSAGE_LIMIT));
            same("tells no secret", &json!(false), &json!(message.contains("SECRET")));
            (json!(error.name()), serde_json::from_str::<Value>(&message).unwrap(), Value::Null)
        }
    };
    same("error", &json!(expected.error), &name);
    if name != json!(expected.error) {
        same("report", &Value::Null, &report);
    }
    if let Some(effect) = &expected.effect {
        same("effect", &json!(effect), &report["effect"]);
    }
    if let Some(status) = &expected.status {
        same("statusCode", status, &report["statusCode"]);
    }
    // A result tells of the exchange in `$metadata`, an error in its report.
    let told = if name.is_null() { &found["$metadata"] } else { &report };
    if name.is_null() {
        same("httpStatusCode", &json!(200), &told["httpStatusCode"]);
    }
    if let Some(expected) = expected.attempts {
        same("attempts", &json!(expected), &told["attempts"]);
    }
    if let Some((least, most)) = expected.retry_delay_ms {
        let delay = told["totalRetryDelay"].as_u64().is_some_and(|it| (least..=most).contains(&it));
        same("totalRetryDelay within its bounds", &json!(true), &json!(delay));
    }
    for (key, expected) in [("code", &expected.code), ("requestId", &expected.request_id)] {
        if let Some(expected) = expected {
            same(key, &json!(expected), &told[key]);
        }
    }
    if let Some(fields) = &expected.fields {
        same("fields", fields, &report["fields"]);
    }
    for part in &expected.says {
        let message = report["message"].as_str().unwrap_or_default();
        if !message.contains(part.as_str()) {
            same("message", &json!(part), &report["message"]);
        }
    }
    for (member, value) in expected.result.as_ref().and_then(Value::as_object).into_iter().flatten() {
        same(member, value, &found[member]);
    }
    faults
}
