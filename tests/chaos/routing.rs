//! Routing controls while endpoints of the cluster fail, over real sockets: which endpoint answered, how many requests
//! each of the five saw, what the caller learnt, and how long it took.
//!
//! The endpoints are stand-ins that answer from a script (`tests::faulty`); a cluster behind them, which they would
//! have in common, there is none. What fails is drawn from a seed, so that a combination that was found wrong can be
//! run again; in which order the endpoints are asked is the handler's own chance. A table of all combinations is printed
//! where `CHAOS_TABLE` is set.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use fastrand::Rng;
use handler::client::Clients;
use handler::client::transport::Transport;
use handler::deadline::Deadline;
use handler::dispatch::Handler;
use handler::error::Error;
use handler::telemetry::Invocation;
use serde_json::{Value, json};
use tests::Tally;
use tests::faulty::{Body, Fault, Faulty, Length, Reply, black_hole, closed};
use tests::invoked::config;

const SEED: u64 = 20_261_125;

/// Combinations that run beside each other: each waits most of its time.
const AT_ONCE: usize = 12;

const REGIONS: [&str; 5] = ["us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1", "ap-southeast-2"];

/// What is wrong with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Healthy,
    /// Nothing listens.
    Refusing,
    /// Connections are never accepted.
    BlackHole,
    /// Connections end before a byte is read.
    ResetAtOnce,
    /// Requests are read, and the connection is reset.
    Reset,
    /// Requests are read, and nothing is said.
    Silent,
    /// The answer's head comes a byte now and then.
    Slow,
    /// Half of a body, and nothing more.
    HalfBody,
    Unavailable,
    ServerFault,
    Throttling,
    /// Every other request fails.
    Flapping,
}

/// Each way to be down.
const TROUBLES: [Trouble; 11] = [
    Trouble::Refusing,
    Trouble::BlackHole,
    Trouble::ResetAtOnce,
    Trouble::Reset,
    Trouble::Silent,
    Trouble::Slow,
    Trouble::HalfBody,
    Trouble::Unavailable,
    Trouble::ServerFault,
    Trouble::Throttling,
    Trouble::Flapping,
];

impl Trouble {
    /// A request that meets it may have been carried out, as far as its sender can know.
    fn leaves_open(self) -> bool {
        !matches!(self, Self::Refusing | Self::BlackHole | Self::Throttling)
    }

    /// A request that meets it costs its whole share of the time.
    fn hangs(self) -> bool {
        matches!(self, Self::Silent | Self::Slow | Self::HalfBody)
    }

    fn script(self) -> Vec<Reply> {
        let refusal =
            |status, code: &str| vec![reply(status, json!({"__type": code, "message": "no"}), None)];
        let fault = |fault| vec![reply(200, state(), Some(fault))];
        match self {
            Self::Healthy => vec![reply(200, state(), None)],
            Self::Refusing | Self::BlackHole => Vec::new(),
            Self::ResetAtOnce => fault(Fault::ResetAtOnce),
            Self::Reset => fault(Fault::Reset),
            Self::Silent => fault(Fault::Silence),
            Self::Slow => fault(Fault::SlowHeaders),
            Self::HalfBody => fault(Fault::StallInBody),
            Self::Unavailable => refusal(503, "EndpointTemporarilyUnavailableException"),
            Self::ServerFault => refusal(500, "InternalServerException"),
            Self::Throttling => refusal(429, "ThrottlingException"),
            Self::Flapping => {
                let bad = reply(503, json!({"__type": "EndpointTemporarilyUnavailableException"}), None);
                let good = reply(200, state(), None);
                (0..32).map(|at| if at % 2 == 0 { bad.clone() } else { good.clone() }).collect()
            }
        }
    }
}

/// An answer to both calls: the update's output has no members, and what it does not know is left out.
fn state() -> Value {
    json!({"RoutingControlArn": "a", "RoutingControlState": "On", "RoutingControlName": "a"})
}

fn reply(status: u16, body: Value, fault: Option<Fault>) -> Reply {
    Reply { status, headers: [].into(), body: Body::Json(body), length: Length::True, fault }
}

/// One of the five, with what keeps it the way it is.
struct Endpoint {
    url: String,
    server: Option<Faulty>,
    _hole: Option<Box<dyn std::any::Any>>,
}

impl Endpoint {
    async fn start(trouble: Trouble) -> Self {
        let (mut server, mut hole): (Option<Faulty>, Option<Box<dyn std::any::Any>>) = (None, None);
        let address = match trouble {
            Trouble::Refusing => closed(),
            Trouble::BlackHole => {
                let (address, kept) = black_hole().await;
                hole = Some(Box::new(kept));
                address
            }
            _ => {
                let started = Faulty::start(trouble.script()).await;
                let address = started.address;
                server = Some(started);
                address
            }
        };
        Self { url: format!("http://{address}/v1"), server, _hole: hole }
    }

    fn seen(&self) -> usize {
        self.server.as_ref().map_or(0, Faulty::seen)
    }
}

#[derive(Debug, Clone)]
struct Combination {
    troubles: [Trouble; 5],
    time: Duration,
    rounds: u32,
}

/// How long a function lives here. Long enough that a fifth of it is more than a connection may take.
const TIME: Duration = Duration::from_secs(8);

/// One to four endpoints down, each in its own way; then all of them.
fn combinations() -> Vec<Combination> {
    let mut rng = Rng::with_seed(SEED);
    let mut all = Vec::new();
    let mut add = |troubles: &[Trouble], rounds, rng: &mut Rng| {
        let mut five = [Trouble::Healthy; 5];
        five[..troubles.len()].copy_from_slice(troubles);
        rng.shuffle(&mut five);
        all.push(Combination { troubles: five, time: TIME, rounds });
    };
    for down in 1..=4 {
        // All in the same way, which is the worst that each way can do; then mixed.
        for trouble in TROUBLES {
            add(&vec![trouble; down], 1, &mut rng);
        }
        for _ in 0..if tests::prove() { 40 } else { 9 } {
            let mixed: Vec<_> = (0..down).map(|_| TROUBLES[rng.usize(..TROUBLES.len())]).collect();
            add(&mixed, rng.u32(1..=3), &mut rng);
        }
    }
    for trouble in TROUBLES {
        add(&[trouble; 5], 2, &mut rng);
    }
    all
}

/// What came of one combination.
struct Outcome {
    result: Result<Value, Error>,
    took: Duration,
    seen: [usize; 5],
    attempts: u32,
}

#[test]
fn controls_are_set_as_long_as_one_endpoint_answers() {
    let combinations = combinations();
    let mut tally = Tally::new("routing controls while endpoints fail");
    let mut table = String::from(
        "| endpoints | rounds | answered | requests | error | effect | took |\n|---|---|---|---|---|---|---|\n",
    );
    for group in combinations.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let running: Vec<_> = group.iter().map(|it| (it, scope.spawn(move || run(it)))).collect();
            for (combination, outcome) in running {
                let outcome = outcome.join().unwrap();
                row(&mut table, combination, &outcome);
                let faults = judge(combination, &outcome);
                let name = format!("{:?}", combination.troubles);
                tally.case(name, if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) });
            }
        });
    }
    if std::env::var_os("CHAOS_TABLE").is_some() {
        println!("{table}");
    }
    tally.finish();
}

fn run(combination: &Combination) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut endpoints = Vec::new();
        for trouble in combination.troubles {
            endpoints.push(Endpoint::start(trouble).await);
        }
        let urls: Vec<&str> = endpoints.iter().map(|it| it.url.as_str()).collect();
        let handler = handler(&urls);
        let cluster: Vec<Value> = urls
            .iter()
            .zip(REGIONS)
            .map(|(url, region)| json!({"Endpoint": url, "Region": region}))
            .collect();
        let event = json!({
            "procedure": "routingControl.set", "region": "us-west-2",
            "retry": {"maxAttempts": combination.rounds},
            "parameters": {
                "ClusterEndpoints": cluster,
                "UpdateRoutingControlStateEntries": [{"RoutingControlArn": "a", "RoutingControlState": "On"}],
            },
        });
        let (started, mut invocation) = (Instant::now(), Invocation::default());
        let deadline = Deadline::within(combination.time);
        let result = handler.handle(event.to_string().as_bytes(), deadline, &mut invocation).await;
        let took = started.elapsed();
        if let Err(error) = &result {
            invocation.failed(error);
        }
        let seen = std::array::from_fn(|at| endpoints[at].seen());
        let result = result.map(|text| serde_json::from_str(text.get()).unwrap());
        Outcome { result, took, seen, attempts: invocation.attempts }
    })
}

fn handler(urls: &[&str]) -> Handler {
    let table = json!([{"procedure": "routingControl.set", "regions": REGIONS, "endpoints": urls}]);
    let config = config(&table);
    let credentials = Credentials::new("AKIDEXAMPLE", "SECRET", None, None, "tests");
    let clients = Clients::new(SharedCredentialsProvider::new(credentials), Transport::default());
    Handler::new(config, clients).unwrap()
}

/// What is wrong with an outcome.
fn judge(combination: &Combination, outcome: &Outcome) -> Vec<String> {
    let mut faults = Vec::new();
    let mut hold = |what: &str, holds: bool| {
        if !holds {
            faults.push(what.to_owned());
        }
    };
    let troubles = combination.troubles;
    let with = |trouble: Trouble| (0..5).filter(move |&at| troubles[at] == trouble);
    hold("answered before the function's time was over", outcome.took < combination.time);
    let bad: usize = (0..5).filter(|&at| troubles[at] != Trouble::Healthy).map(|at| outcome.seen[at]).sum();
    let in_rounds = (0..5)
        .filter(|&at| !matches!(troubles[at], Trouble::Healthy | Trouble::Flapping))
        .all(|at| outcome.seen[at] <= 2 * combination.rounds as usize);
    hold("a failing endpoint is asked once a round, for the update and for the reading", in_rounds);
    match &outcome.result {
        Ok(result) => {
            let served = result["ClusterEndpoint"]["Region"].as_str().unwrap();
            let at = REGIONS.iter().position(|region| *region == served).unwrap();
            hold("who served can answer", matches!(troubles[at], Trouble::Healthy | Trouble::Flapping));
            hold("the state as read", result["RoutingControls"] == json!([state()]));
            let healthy: usize = with(Trouble::Healthy).map(|at| outcome.seen[at]).sum();
            if with(Trouble::Flapping).next().is_none() {
                hold("two requests at those that answer", healthy == 2);
            }
            let left = result["Unanswered"].as_array().unwrap();
            let names_failing = left.iter().all(|it| {
                let at = REGIONS.iter().position(|region| it["Region"] == *region).unwrap();
                troubles[at] != Trouble::Healthy
            });
            hold("those that did not answer are listed, and no other", names_failing);
            hold("attempts cover all requests seen", outcome.attempts as usize >= healthy + bad);
        }
        Err(error) => {
            hold("one endpoint that answers is enough", with(Trouble::Healthy).next().is_none());
            let may_be_open = (0..5).any(|at| troubles[at].leaves_open() && outcome.seen[at] > 0);
            hold("name", error.name() == "CrossRegion.AllTargetsFailed");
            let report: Value = serde_json::from_str(&error.to_message()).unwrap();
            let expected = if may_be_open { "unknown" } else { "none" };
            hold(&format!("effect {} for {expected}", report["effect"]), report["effect"] == expected);
            hold("every endpoint is told", report["faults"].as_array().is_some_and(|it| it.len() == 5));
        }
    }
    // Endpoints that hang take their equal share, others next to nothing.
    let hanging = troubles.iter().filter(|it| it.hangs()).count();
    let holes: u32 = with(Trouble::BlackHole).map(|_| 1).sum();
    if hanging == 0 {
        let bound = Duration::from_millis(1_500) * holes * combination.rounds + Duration::from_secs(3);
        hold(&format!("nothing hangs, and it took {:?}", outcome.took), outcome.took < bound);
    }
    faults
}

fn row(table: &mut String, combination: &Combination, outcome: &Outcome) {
    let names: Vec<String> = combination.troubles.iter().map(|it| format!("{it:?}")).collect();
    let (served, error, effect) = match &outcome.result {
        Ok(result) => {
            let region = result["ClusterEndpoint"]["Region"].as_str().unwrap();
            let at = REGIONS.iter().position(|it| *it == region).unwrap();
            ((at + 1).to_string(), String::new(), "done".to_owned())
        }
        Err(error) => (String::new(), error.name().to_owned(), format!("{:?}", error.effect).to_lowercase()),
    };
    let seen: Vec<String> = outcome.seen.iter().map(ToString::to_string).collect();
    _ = writeln!(
        table,
        "| {} | {} | {served} | {} | {error} | {effect} | {} ms |",
        names.join(", "),
        combination.rounds,
        seen.join(" "),
        outcome.took.as_millis(),
    );
}
