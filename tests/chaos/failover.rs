//! Failover under faults: every fault of `data/chaos.json`, in each retry mode, for each kind of call, at one target or
//! at all, and mixed by chance, over real sockets through a proxy that injects them.
//!
//! Each case is held against the contract as [`model`] writes it down: which target served, how many requests each
//! target saw, what the far sides carried out, and what the caller learnt of it. What must hold whatever the model
//! says is checked besides: no effect is denied or invented, none is doubled that may not be, and every call is answered
//! before Lambda would have killed the function. `CHAOS_SEED` repeats a run; `PROVE` runs more mixtures and writes
//! the table `chaos/RESULTS.md`.

#[path = "failover/model.rs"]
mod model;
#[path = "failover/table.rs"]
mod table;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use handler::client::Clients;
use handler::client::transport::Transport;
use handler::config::{Config, Defaults};
use handler::deadline::Deadline;
use handler::dispatch::Handler;
use handler::effect::Effect;
use handler::event::{RetryChoice, RetryMode, Timeouts};
use handler::telemetry::Invocation;
use model::{Call, Case, How, Mode, Outcome, Place, Row};
use serde::Deserialize;
use serde_json::{Value, json};
use tests::Tally;
use tests::faulty::{black_hole, refusing};
use tests::invoked::{config, report};
use tests::proxy::{Fault, Proxy, Step};
use tokio::net::TcpSocket;

/// Threads that wait most of the time.
const AT_ONCE: usize = 96;

/// The part of each target: the SDK waits up to three seconds between its three attempts, and a busy machine may take
/// as long again.
const SHARE: Duration = Duration::from_secs(9);

/// For a connection: more than a busy machine takes for one to itself.
const CONNECT_MS: u32 = 5_000;

/// What a busy machine adds.
const TOLERANCE: Duration = Duration::from_millis(1_500);

const MODES: [Mode; 3] = [Mode::Sdk, Mode::Safe, Mode::None];
const CALLS: [Call; 4] = [Call::Read, Call::Write, Call::Token, Call::Repeatable];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    #[expect(dead_code, reason = "for readers of the file")]
    docs: Vec<String>,
    faults: Vec<Row>,
}

fn rows() -> Vec<Row> {
    serde_json::from_str::<Suite>(include_str!("../data/chaos.json")).unwrap().faults
}

fn row<'a>(rows: &'a [Row], name: &str) -> &'a Row {
    rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no fault `{name}`"))
}

/// What the socket tells: beside the outcome, how long it took.
struct Seen {
    outcome: Outcome,
    /// `$metadata` of a result, the report of an error.
    told: Value,
    failovers: usize,
    took: Duration,
}

#[test]
fn whatever_fails_the_contract_says_what_becomes_of_the_call() {
    let rows = rows();
    let healthy = row(&rows, "no fault");
    let seed =
        std::env::var("CHAOS_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut cases: Vec<(String, Case<'_>)> = Vec::new();
    for row in &rows {
        for (mode, call) in MODES.into_iter().flat_map(|mode| CALLS.map(|call| (mode, call))) {
            let mut add = |layout: &str, targets, on_throttling| {
                let name = format!("{} {layout}, {mode:?}, {call:?}, throttling {on_throttling}", row.name);
                cases.push((name, Case { targets, mode, call, on_throttling }));
            };
            add("first", vec![vec![row], vec![healthy]], false);
            if row.is_throttling() {
                add("first", vec![vec![row], vec![healthy]], true);
            }
            if call == Call::Read || call == Call::Write {
                add("everywhere", vec![vec![row], vec![row]], false);
            }
        }
    }
    let single = cases.len();
    for number in 0..if tests::prove() { 1_500 } else { 150 } {
        let case = mixture(&rows, &mut random);
        cases.push((format!("mixture {number}: {}", described(&case)), case));
    }
    // Slow ones first, so that none is waited for alone; chance mixes the rest.
    random.shuffle(&mut cases);
    cases.sort_by_key(|(_, case)| !case.targets.iter().flatten().any(|row| row.is_slow()));

    let mixed = cases.len() - single;
    say(&format!("seed {seed}: {single} combinations of one fault, {mixed} mixtures"));
    let hole_runtime = tokio::runtime::Runtime::new().unwrap();
    let (hole, _kept) = hole_runtime.block_on(black_hole());
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                while let Some((name, case)) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let number = next.load(Ordering::SeqCst);
                    let result = runtime.block_on(run(case, number, hole));
                    results.lock().unwrap().push((name, case, result));
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    let mut tally = Tally::new("chaos over sockets");
    for (name, case, seen) in &results {
        let faults = judge(case, seen);
        tally.case(name, if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) });
    }
    let longest = results.iter().map(|(.., seen)| seen.took).max().unwrap();
    say(&format!("seed {seed}: the longest case took {longest:?}"));
    tally.finish();
    if tests::prove() {
        let measured: Vec<_> =
            results.iter().map(|(_, case, seen)| (*case, &seen.outcome, seen.took)).collect();
        table::write(&rows, &measured, seed, SHARE);
    }
}

/// Past the test harness's capture.
fn say(line: &str) {
    use std::io::Write;
    _ = writeln!(std::io::stdout(), "{line}");
}

/// Two to four targets, each with a script of its own.
fn mixture<'a>(rows: &'a [Row], random: &mut fastrand::Rng) -> Case<'a> {
    let of_requests: Vec<&Row> = rows.iter().filter(|row| matches!(row.how, How::Fault(_))).collect();
    let targets = (0..random.usize(2..=4))
        .map(|_| {
            let first = random.choice(rows).unwrap();
            if matches!(first.how, How::Place(_)) {
                return vec![first];
            }
            let more = (0..random.usize(0..3)).map(|_| *random.choice(&of_requests).unwrap());
            std::iter::once(first).chain(more.collect::<Vec<_>>()).collect()
        })
        .collect();
    Case {
        targets,
        mode: *random.choice(&MODES).unwrap(),
        call: *random.choice(&CALLS).unwrap(),
        on_throttling: random.bool(),
    }
}

fn described(case: &Case<'_>) -> String {
    let scripts: Vec<String> = case
        .targets
        .iter()
        .map(|script| script.iter().map(|row| row.name.as_str()).collect::<Vec<_>>().join(", then "))
        .collect();
    format!("{:?}, {:?}, throttling {}: {}", case.mode, case.call, case.on_throttling, scripts.join(" | "))
}

/// Runs a case. Each has Regions of its own, since the SDK's budget of retries is one for a service in a Region.
async fn run(case: &Case<'_>, number: usize, hole: SocketAddr) -> Seen {
    let mut targets = Vec::new();
    let mut behind = Vec::new();
    for (at, script) in case.targets.iter().enumerate() {
        let (endpoint, server) = target(script, case.call, hole).await;
        targets.push(json!({ "region": format!("us-west-{}", 100 + number * 4 + at), "endpoint": endpoint }));
        behind.push(server);
    }
    let first = targets.remove(0);
    let mut event = event(case.call);
    event["region"] = first["region"].clone();
    event["endpoint"] = first["endpoint"].clone();
    event["retry"] = json!({ "mode": format!("{:?}", case.mode).to_lowercase() });
    event["timeouts"] = json!({ "connect_ms": CONNECT_MS });
    event["failover"] = json!({ "targets": targets, "repeatable": case.call == Call::Repeatable });
    if case.on_throttling {
        event["failover"]["on"] = json!(["transient", "throttling"]);
    }
    let handler = handler(&event, Defaults::default());
    let time = time_for(case.targets.len());
    let mut invocation = Invocation::default();
    let started = Instant::now();
    let outcome = handler.handle(event.to_string().as_bytes(), Deadline::within(time), &mut invocation).await;
    let took = started.elapsed();
    let counts = |count: fn(&Proxy) -> usize| {
        let count = |behind: &Behind| if let Behind::Proxy(proxy) = behind { count(proxy) } else { 0 };
        behind.iter().map(count).collect()
    };
    let mut seen = Outcome { requests: counts(Proxy::seen), done: counts(Proxy::done), ..Outcome::default() };
    let told = match outcome {
        Ok(result) => {
            let result: Value = serde_json::from_str(result.get()).unwrap();
            let regions: Vec<&Value> =
                std::iter::once(&first).chain(&targets).map(|it| &it["region"]).collect();
            seen.served = regions.iter().position(|region| **region == result["$metadata"]["region"]);
            seen.effect = Effect::Done;
            result["$metadata"].clone()
        }
        Err(error) => {
            seen.error = Some(error.name().to_owned());
            seen.effect = error.effect;
            report(&error)
        }
    };
    let failed = told["failedTargets"].as_array().into_iter().flatten();
    seen.failed = failed.map(|it| it["error"].as_str().unwrap().to_owned()).collect();
    Seen { outcome: seen, told, failovers: invocation.failovers, took }
}

fn time_for(targets: usize) -> Duration {
    Duration::from_millis(500) + SHARE * u32::try_from(targets).unwrap()
}

/// What stands at an endpoint, and has to be kept there.
enum Behind {
    Proxy(Proxy),
    Refusing(#[expect(dead_code, reason = "keeps the port")] TcpSocket),
    Nothing,
}

async fn target(script: &[&Row], call: Call, hole: SocketAddr) -> (String, Behind) {
    let steps: Vec<Step> = script
        .iter()
        .filter_map(|row| match &row.how {
            How::Fault(fault) => Some(Step { fault: fault.clone(), is_done: row.done }),
            How::Place(_) => None,
        })
        .collect();
    let place = match script.first().unwrap().how {
        How::Place(place) => place,
        How::Fault(_) => {
            let proxy = Proxy::start(steps, answer(call)).await;
            return (format!("http://{}", proxy.address), Behind::Proxy(proxy));
        }
    };
    let endpoint = match place {
        Place::Closed => {
            let (address, socket) = refusing();
            return (format!("http://{address}"), Behind::Refusing(socket));
        }
        Place::BlackHole => format!("http://{hole}"),
        Place::Nameless => "https://no-such-host.invalid".to_owned(),
        Place::NoTls => {
            let garbage = vec![Step { fault: Fault::Garbage, is_done: false }];
            format!("https://{}", Proxy::start(garbage, answer(call)).await.address)
        }
        Place::Untrusted => format!("https://localhost:{}", untrusted().await),
    };
    (endpoint, Behind::Nothing)
}

/// The port of a server whose certificate nobody trusts.
async fn untrusted() -> u16 {
    use std::sync::Arc;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::ring::default_provider;
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { acceptor.accept(socket).await.map(drop) });
        }
    });
    port
}

fn event(call: Call) -> Value {
    let (action, parameters) = match call {
        Call::Read => ("describeTable", json!({ "TableName": "orders" })),
        Call::Write | Call::Repeatable => {
            ("putItem", json!({ "TableName": "orders", "Item": { "id": { "S": "SECRET" } } }))
        }
        Call::Token => ("transactWriteItems", json!({ "TransactItems": [] })),
    };
    json!({ "service": "dynamodb", "action": action, "parameters": parameters })
}

fn answer(call: Call) -> &'static str {
    match call {
        Call::Read => r#"{"Table":{"TableName":"orders","ItemCount":3}}"#,
        Call::Write | Call::Repeatable => r#"{"Attributes":{"id":{"S":"order-17"}}}"#,
        Call::Token => r#"{"ConsumedCapacity":[{"TableName":"orders"}]}"#,
    }
}

/// A function in another Region that may make the call at all of its targets.
fn handler(event: &Value, defaults: Defaults) -> Handler {
    let further = event["failover"]["targets"].as_array().into_iter().flatten();
    let endpoints: Vec<&Value> =
        std::iter::once(event).chain(further).map(|it| &it["endpoint"]).filter(|it| !it.is_null()).collect();
    let table = json!([{
        "service": event["service"], "actions": [event["action"]], "regions": ["*"], "endpoints": endpoints,
    }]);
    let config = Config { defaults, ..config(&table) };
    let credentials = Credentials::new("AKIDEXAMPLE", "SECRET", None, None, "tests");
    let clients = Clients::new(SharedCredentialsProvider::new(credentials), Transport::default());
    Handler::new(config, clients).unwrap()
}

/// What is wrong with what was seen.
fn judge(case: &Case<'_>, seen: &Seen) -> Vec<String> {
    let Seen { outcome, told, failovers, took } = seen;
    let expected = case.outcome();
    let mut faults = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            faults.push(what);
        }
    };
    must(*outcome == expected, format!("expected {expected:?}, found {outcome:?}"));

    // Whatever the model says.
    let done: usize = outcome.done.iter().sum();
    must(outcome.effect != Effect::None || done == 0, format!("`none`, but done {done} times"));
    must(outcome.effect != Effect::Done || done > 0, "`done`, but nothing was".to_owned());
    let is_doubled = outcome.done.iter().filter(|done| **done > 0).count() > 1;
    let may_be_doubled = matches!(case.call, Call::Read | Call::Repeatable);
    must(may_be_doubled || !is_doubled, "done at two targets".to_owned());
    let may_be_repeated = case.mode == Mode::Sdk || case.call != Call::Write;
    must(may_be_repeated || done <= 1, format!("done {done} times at one target"));
    must(*took < time_for(case.targets.len()), format!("answered after {took:?}"));

    let served = outcome.served.map(|at| outcome.failed.len() == at);
    must(served.unwrap_or(true), "not every target that failed is told".to_owned());
    let last = usize::from(outcome.error.as_deref() == Some("CrossRegion.AllTargetsFailed"));
    must(*failovers == outcome.failed.len() - last, format!("{failovers} failovers counted"));
    must(!told.to_string().contains("SECRET"), "tells a secret".to_owned());
    faults
}

/// A function that stays warm, with two targets, and time for them.
struct Pair {
    handler: Handler,
    endpoints: [String; 2],
}

impl Pair {
    fn new(first: String, second: String) -> Self {
        Self::with(first, second, Defaults::default())
    }

    fn with(first: String, second: String, defaults: Defaults) -> Self {
        let endpoints = [first, second];
        let table = json!([{
            "service": "dynamodb", "actions": ["describeTable", "listTables", "putItem"], "regions": REGIONS, "endpoints": endpoints,
        }]);
        let config = Config { defaults, ..config(&table) };
        let credentials = Credentials::new("AKIDEXAMPLE", "SECRET", None, None, "tests");
        let clients = Clients::new(SharedCredentialsProvider::new(credentials), Transport::default());
        Self { handler: Handler::new(config, clients).unwrap(), endpoints }
    }

    fn event(&self, call: Call) -> Value {
        let mut event = event(call);
        event["region"] = REGIONS[0].into();
        event["endpoint"] = json!(self.endpoints[0]);
        event["retry"] = json!({ "mode": "none" });
        event["failover"] = json!({ "targets": [{ "region": REGIONS[1], "endpoint": self.endpoints[1] }] });
        event
    }

    /// The result or the report, and how long it took.
    async fn handle(&self, event: &Value, time: Duration) -> (Result<Value, Value>, Duration) {
        let started = Instant::now();
        let deadline = Deadline::within(time);
        let outcome =
            self.handler.handle(event.to_string().as_bytes(), deadline, &mut Invocation::default()).await;
        let took = started.elapsed();
        let outcome = outcome.map(|result| serde_json::from_str(result.get()).unwrap()).map_err(|error| {
            let mut told = report(&error);
            told["name"] = error.name().into();
            told
        });
        (outcome, took)
    }
}

/// Of the tests that follow. None of them spends the budget of retries of a Region.
const REGIONS: [&str; 2] = ["us-west-2", "us-east-1"];

/// The least that Lambda would have to give so that each of two targets has a second and a half.
const SHORT: Duration = Duration::from_millis(3_500);

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

fn step(fault: Fault) -> Step {
    let is_done = matches!(fault, Fault::Pass);
    Step { fault, is_done }
}

async fn proxy(script: Vec<Fault>) -> (Proxy, String) {
    let proxy = Proxy::start(script.into_iter().map(step).collect(), answer(Call::Read)).await;
    let url = format!("http://{}", proxy.address);
    (proxy, url)
}

#[tokio::test]
async fn a_black_hole_costs_less_than_its_share_and_the_next_read_next_to_nothing() {
    let (hole, _kept) = black_hole().await;
    let (_, second) = proxy(vec![Fault::Pass]).await;
    let pair = Pair::new(format!("http://{hole}"), second);
    let mut read = pair.event(Call::Read);
    read["retry"] = json!({ "mode": "sdk" });

    let share = Duration::from_millis(29_500) / 2;
    let (result, took) = pair.handle(&read, HALF_A_MINUTE).await;
    let told = &result.unwrap()["$metadata"];
    assert_eq!(told["region"], REGIONS[1]);
    assert_eq!(told["failedTargets"][0]["region"], REGIONS[0]);
    assert_eq!(told["failedTargets"][0]["error"], "CrossRegion.Unreachable");
    assert_eq!(told["failedTargets"][0]["effect"], "none");
    assert!(took <= share + share / 10, "{took:?} of {share:?}");
    say(&format!("a black hole: answered by the second target after {took:?}, its share is {share:?}"));

    let mut direct = event(Call::Read);
    direct["region"] = REGIONS[1].into();
    direct["endpoint"] = json!(pair.endpoints[1]);
    let (mut fastest, mut slowest) = (Duration::MAX, Duration::ZERO);
    for _ in 0..5 {
        let (result, took) = pair.handle(&direct, HALF_A_MINUTE).await;
        assert_eq!(result.unwrap()["$metadata"]["region"], REGIONS[1]);
        fastest = fastest.min(took);
        let (result, took) = pair.handle(&read, HALF_A_MINUTE).await;
        let told = &result.unwrap()["$metadata"];
        assert_eq!(told["region"], REGIONS[1]);
        assert_eq!(told["failedTargets"][0]["error"], "CrossRegion.Unreachable");
        assert!(told["failedTargets"][0]["failedBefore_ms"].is_u64(), "{told}");
        slowest = slowest.max(took);
    }
    assert!(
        slowest <= fastest + Duration::from_millis(100),
        "{slowest:?} where a direct call takes {fastest:?}"
    );
    say(&format!("the next reads: {slowest:?} at most, {fastest:?} directly"));
}

#[tokio::test]
async fn silence_costs_its_share() {
    let (_, first) = proxy(vec![Fault::Silence]).await;
    let (_, second) = proxy(vec![Fault::Pass]).await;
    let pair = Pair::new(first, second);
    let share = Duration::from_millis(29_500) / 2;
    let (result, took) = pair.handle(&pair.event(Call::Read), HALF_A_MINUTE).await;
    assert_eq!(result.unwrap()["$metadata"]["failedTargets"][0]["error"], "CrossRegion.OutcomeUnknown");
    assert!((share..=share + share / 10).contains(&took), "{took:?} of {share:?}");
    say(&format!("silence: answered by the second target after {took:?}, its share is {share:?}"));
}

#[tokio::test]
async fn writes_start_at_the_first_target_whatever_is_remembered() {
    let (first, first_url) = proxy(vec![Fault::Silence, Fault::Pass]).await;
    let (second, second_url) = proxy(vec![Fault::Pass]).await;
    let pair = Pair::new(first_url, second_url);
    let (read, _) = pair.handle(&pair.event(Call::Read), SHORT).await;
    assert_eq!(read.unwrap()["$metadata"]["region"], REGIONS[1]);
    let (read, _) = pair.handle(&pair.event(Call::Read), SHORT).await;
    assert_eq!(read.unwrap()["$metadata"]["region"], REGIONS[1]);
    assert_eq!((first.seen(), second.seen()), (1, 2), "the second read passed the silent target over");

    let mut write = pair.event(Call::Write);
    write["failover"]["repeatable"] = json!(true);
    let (write, _) = pair.handle(&write, SHORT).await;
    assert_eq!(write.unwrap()["$metadata"]["region"], REGIONS[0]);
    assert_eq!((first.seen(), second.seen()), (2, 2));
    let (read, _) = pair.handle(&pair.event(Call::Read), SHORT).await;
    assert_eq!(read.unwrap()["$metadata"]["region"], REGIONS[0], "a target that answers is forgiven");
}

#[tokio::test]
async fn a_target_that_was_passed_over_is_asked_last() {
    let (first, first_url) = proxy(vec![Fault::Silence, Fault::Pass]).await;
    let (second, second_url) = proxy(vec![Fault::Pass, Fault::Reset, Fault::Pass]).await;
    let pair = Pair::new(first_url, second_url);
    let (read, _) = pair.handle(&pair.event(Call::Read), SHORT).await;
    assert_eq!(read.unwrap()["$metadata"]["region"], REGIONS[1]);
    let (read, _) = pair.handle(&pair.event(Call::Read), SHORT).await;
    let told = &read.unwrap()["$metadata"];
    assert_eq!(told["region"], REGIONS[0]);
    assert_eq!(told["failedTargets"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["failedTargets"][0]["region"], REGIONS[1]);
    assert_eq!((first.seen(), second.seen()), (2, 2));
}

#[tokio::test]
async fn a_fault_that_came_at_once_is_not_remembered() {
    let unavailable = || Fault::Answer(tests::proxy::Answer { status: 503, code: None });
    let (first, first_url) = proxy(vec![unavailable(), Fault::Pass]).await;
    let (_, second_url) = proxy(vec![Fault::Pass]).await;
    let pair = Pair::new(first_url, second_url);
    for region in [REGIONS[1], REGIONS[0]] {
        let (read, _) = pair.handle(&pair.event(Call::Read), SHORT).await;
        assert_eq!(read.unwrap()["$metadata"]["region"], region);
    }
    assert_eq!(first.seen(), 2);
}

/// A proxy before a service that answers each request with the same page.
async fn pages(script: Vec<Fault>, page: &'static str) -> (Proxy, String) {
    let proxy = Proxy::start(script.into_iter().map(step).collect(), page).await;
    let url = format!("http://{}", proxy.address);
    (proxy, url)
}

fn all_tables(pair: &Pair, parameters: Value) -> Value {
    let mut event = pair.event(Call::Read);
    event["action"] = "listTables".into();
    event["parameters"] = parameters;
    event["paginate"] = json!({ "partial": true });
    event
}

#[tokio::test]
async fn pages_begin_anew_at_the_next_target() {
    let page = r#"{"TableNames":["west"],"LastEvaluatedTableName":"west"}"#;
    for fault in [Fault::Reset, Fault::Silence] {
        let (first, first_url) = pages(vec![Fault::Pass, fault.clone()], page).await;
        let (second, second_url) = pages(vec![Fault::Pass], r#"{"TableNames":["east"]}"#).await;
        let pair = Pair::new(first_url, second_url);
        let (result, took) = pair.handle(&all_tables(&pair, json!({})), SHORT).await;
        let result = result.unwrap();
        assert_eq!(result["TableNames"], json!(["east"]), "{fault:?}");
        assert_eq!(result["$metadata"]["region"], REGIONS[1]);
        assert_eq!(result["$metadata"]["resume"], Value::Null);
        assert_eq!((first.seen(), second.seen()), (2, 1));
        assert!(took < SHORT, "{took:?}");
    }
}

#[tokio::test]
async fn pages_that_are_read_on_stay_where_they_were() {
    let (first, first_url) = pages(vec![Fault::Reset], "").await;
    let (second, second_url) = pages(vec![Fault::Pass], r#"{"TableNames":["east"]}"#).await;
    let pair = Pair::new(first_url, second_url);
    let resumed = all_tables(&pair, json!({ "ExclusiveStartTableName": "west" }));
    let (report, _) = pair.handle(&resumed, SHORT).await;
    assert_eq!(report.unwrap_err()["name"], "CrossRegion.OutcomeUnknown");
    assert_eq!((first.seen(), second.seen()), (1, 0));
}

#[tokio::test]
async fn errors_tell_of_every_target() {
    let (_, first) = proxy(vec![Fault::Reset]).await;
    let unavailable =
        Fault::Answer(tests::proxy::Answer { status: 500, code: Some("InternalServerError".into()) });
    let (_, second) = proxy(vec![unavailable]).await;
    let pair = Pair::new(first, second);

    let (report, _) = pair.handle(&pair.event(Call::Write), SHORT).await;
    let report = report.unwrap_err();
    assert_eq!(
        (&report["name"], &report["effect"]),
        (&json!("CrossRegion.NotRepeatable"), &json!("unknown"))
    );
    assert_eq!((&report["region"], &report["attempts"]), (&json!(REGIONS[0]), &json!(1)));
    let message = report["message"].as_str().unwrap();
    assert!(
        message.contains("`us-west-2` may have done it") && message.contains("CrossRegion.OutcomeUnknown")
    );

    let (report, _) = pair.handle(&pair.event(Call::Read), SHORT).await;
    let report = report.unwrap_err();
    assert_eq!(
        (&report["name"], &report["effect"]),
        (&json!("CrossRegion.AllTargetsFailed"), &json!("unknown"))
    );
    let failed = report["failedTargets"].as_array().unwrap();
    let regions: Vec<&Value> = failed.iter().map(|it| &it["region"]).collect();
    let errors: Vec<&Value> = failed.iter().map(|it| &it["error"]).collect();
    // The reset of the write is remembered by then.
    assert_eq!(regions, [REGIONS[1], REGIONS[0]]);
    assert_eq!(errors, ["InternalServerError", "CrossRegion.OutcomeUnknown"]);
    assert_eq!((&failed[0]["statusCode"], &failed[0]["attempts"]), (&json!(500), &json!(1)));
    assert_eq!(failed[0]["endpoint"], json!(pair.endpoints[1]));
    assert_eq!(report["attempts"], 2);

    let mut spelled = pair.event(Call::Read);
    spelled["spelling"] = json!("stepFunctions");
    let (report, _) = pair.handle(&spelled, SHORT).await;
    assert_eq!(report.unwrap_err()["failedTargets"][0]["error"], "DynamoDb.InternalServerErrorException");
}

#[tokio::test]
async fn nothing_is_sent_while_any_target_has_a_fault() {
    let (first, first_url) = proxy(vec![Fault::Pass]).await;
    let (second, second_url) = proxy(vec![Fault::Pass]).await;
    let pair = Pair::new(first_url, second_url);
    let refused = |field: &str, value: Value| {
        let mut event = pair.event(Call::Read);
        event["failover"]["targets"][0][field] = value;
        event
    };
    for (event, name, says) in [
        (refused("region", json!("eu-west-1")), "CrossRegion.NotAllowed", "eu-west-1"),
        (refused("endpoint", json!("https://example.com")), "CrossRegion.NotAllowed", "example.com"),
        (
            refused("parameters", json!({ "TableNmae": "orders" })),
            "CrossRegion.InvalidParameters",
            "failover.targets[0].parameters.TableNmae: unknown member, did you mean `TableName`?",
        ),
    ] {
        let (report, _) = pair.handle(&event, SHORT).await;
        let report = report.unwrap_err();
        assert_eq!(report["name"], name, "{report}");
        assert!(report["message"].as_str().unwrap().contains(says), "{report}");
    }
    assert_eq!((first.seen(), second.seen()), (0, 0));
    let (control, _) = pair.handle(&pair.event(Call::Read), SHORT).await;
    assert!(control.is_ok(), "{control:?}");
}

#[tokio::test]
async fn a_function_says_how_calls_are_made_that_do_not_say() {
    let defaults = Defaults {
        retry: RetryChoice { mode: Some(RetryMode::None), max_attempts: None },
        timeouts: Timeouts { connect: None, attempt: Some(Duration::from_millis(300)) },
    };
    let (server, url) = proxy(vec![Fault::Silence]).await;
    let pair = Pair::with(url, "https://example.com".to_owned(), defaults);
    let mut call = pair.event(Call::Read);
    call.as_object_mut().unwrap().retain(|name, _| name != "failover" && name != "retry");
    let (report, took) = pair.handle(&call, HALF_A_MINUTE).await;
    assert_eq!(report.unwrap_err()["name"], "CrossRegion.OutcomeUnknown");
    assert!(took < Duration::from_millis(300) + TOLERANCE, "{took:?}");
    assert_eq!(server.seen(), 1);

    call["retry"] = json!({ "mode": "sdk", "maxAttempts": 2 });
    let (report, _) = pair.handle(&call, HALF_A_MINUTE).await;
    assert_eq!(report.unwrap_err()["attempts"], 2);
    call.as_object_mut().unwrap().remove("retry");
    call["timeouts"] = json!({ "attempt_ms": 900 });
    let (_, took) = pair.handle(&call, HALF_A_MINUTE).await;
    assert!(took >= Duration::from_millis(900), "{took:?}");
}
