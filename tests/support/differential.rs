//! botocore's clients beside ours: one process of theirs and one thread of ours a shard.
//!
//! Enters: a module of `differential/`, a seed and a mode. Leaves: every line that it writes, in threads of their own,
//! and a handler that may call all of one service. Fails by panicking where the other side does not run.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use handler::catalog::{self, Service};
use handler::client::transport::Transport;
use handler::config::Config;
use handler::deadline::Deadline;
use handler::dispatch::Handler;
use handler::error::Error;
use handler::telemetry::Invocation;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::invoked::config;
use crate::{calls, wire};

/// The machines that build this have two cores.
const SHARDS: usize = 2;

/// More than any generated answer has.
const RESULT_LIMIT: usize = 16 << 20;

/// What services answer that are asked where they are.
pub const ADDRESS: &str = r#"{"Endpoints": [{"Address": "cell1.timestream.us-west-2.amazonaws.com", "CachePeriodInMinutes": 1440}]}"#;

/// Seeds and modes. For a closer look, SEED and MODE choose one run, SERVICES some services.
pub fn runs() -> Vec<(u32, String)> {
    if let Ok(mode) = std::env::var("MODE") {
        let seed = std::env::var("SEED").map_or(Ok(1), |seed| seed.parse());
        return vec![(seed.unwrap_or_else(|error| panic!("SEED: {error}")), mode)];
    }
    let full = [(1, "sample"), (2, "sample"), (3, "shallow"), (4, "deep"), (5, "deep")];
    let wanted = if crate::prove() { &full[..] } else { &full[..1] };
    wanted.iter().map(|(seed, mode)| (*seed, (*mode).to_owned())).collect()
}

/// What `each` makes of every line, a shard's lines in their order.
pub fn outcomes<L: DeserializeOwned, O: Send, W: Shard<L, O>>(
    module: &str,
    seed: u32,
    mode: &str,
    make: impl Fn() -> W + Sync,
) -> Vec<O> {
    let one = |shard: usize| {
        let mut python = Command::new(crate::root().join(".tools/venv/bin/python"));
        python.args(["-m", &format!("differential.{module}"), "--mode", mode]);
        python.args(["--seed", &seed.to_string(), "--shard", &format!("{shard}/{SHARDS}")]);
        if let Ok(services) = std::env::var("SERVICES") {
            python.arg("--service").args(services.split(' '));
        }
        let python = python.current_dir(crate::root().join("tests")).stdout(Stdio::piped());
        let mut python = python.spawn().unwrap_or_else(|error| panic!("botocore's side: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("runtime: {error}"));
        let lines = python.stdout.take().map_or_else(|| panic!("no lines"), BufReader::new);
        let mut worker = make();
        let mut outcomes = Vec::new();
        for line in lines.lines() {
            let line = line.unwrap_or_else(|error| panic!("botocore's side: {error}"));
            let line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}"));
            outcomes.push(runtime.block_on(worker.outcome(line)));
        }
        assert!(python.wait().is_ok_and(|status| status.success()), "botocore's side failed");
        outcomes
    };
    std::thread::scope(|scope| {
        let shards: Vec<_> = (0..SHARDS).map(|shard| scope.spawn(move || one(shard))).collect();
        shards
            .into_iter()
            .flat_map(|shard| shard.join().unwrap_or_else(|_| panic!("a shard failed")))
            .collect()
    })
}

/// Our side of one shard.
pub trait Shard<L, O> {
    fn outcome(&mut self, line: L) -> impl Future<Output = O>;
}

/// A handler that may call every operation of one service.
#[derive(Debug)]
pub struct Open {
    pub service: &'static Service,
    handler: Handler,
}

impl Open {
    pub fn new(name: &str, transport: Transport) -> Self {
        let service = catalog::service(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let actions: Vec<&str> = service.operation_names().collect();
        let table = json!([{ "service": name, "actions": actions, "regions": ["*", "*global*"] }]);
        let config =
            Config { result_limit: RESULT_LIMIT, region: calls::REGION.to_owned(), ..config(&table) };
        let handler = Handler::new(config, calls::clients(transport));
        Self { service, handler: handler.unwrap_or_else(|error| panic!("{name}: {error}")) }
    }

    /// One attempt: a second would hide what the first came to.
    pub async fn call(&self, operation: &str, parameters: &Value) -> Result<Box<RawValue>, Error> {
        self.call_with(operation, parameters, &[]).await
    }

    /// The same with further fields of the event.
    pub async fn call_with(
        &self,
        operation: &str,
        parameters: &Value,
        fields: &[(&str, Value)],
    ) -> Result<Box<RawValue>, Error> {
        let mut event = json!({
            "service": self.service.id(),
            "action": operation,
            "region": calls::REGION,
            "parameters": parameters,
            "retry": {"mode": "none"},
            "bodyAs": "base64",
            "functionError": "return",
        });
        for (name, value) in fields {
            event[name] = value.clone();
        }
        let deadline = Deadline::within(Duration::from_mins(1));
        self.handler.handle(event.to_string().as_bytes(), deadline, &mut Invocation::default()).await
    }
}

/// Each place where the two differ.
pub fn compare(path: &str, theirs: &Value, ours: &Value, found: &mut Vec<(&'static str, String)>) {
    match (theirs, ours) {
        (Value::Object(one), Value::String(text)) if one.contains_key("$jsonvalue") => {
            if serde_json::from_str::<Value>(text).ok().as_ref() != one.get("$jsonvalue") {
                found.push(("value", format!("{path}: theirs {theirs}, ours {ours}")));
            }
        }
        (Value::Object(one), Value::Object(other)) => {
            for (name, value) in one {
                match other.get(name) {
                    Some(other) => compare(&format!("{path}.{name}"), value, other, found),
                    None => found.push(("only theirs", format!("{path}.{name}: {value}"))),
                }
            }
            for (name, value) in other.iter().filter(|(name, _)| !one.contains_key(*name)) {
                found.push(("only ours", format!("{path}.{name}: {value}")));
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (at, (one, other)) in one.iter().zip(other).enumerate() {
                compare(&format!("{path}[{at}]"), one, other, found);
            }
        }
        (one, other) if wire::same_json(one, other) => {}
        (one, other) => found.push(("value", format!("{path}: theirs {one}, ours {other}"))),
    }
}
