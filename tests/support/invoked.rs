//! Whole invocations of the handler over a wire that records.
//!
//! Enters: an event without its Region's entry in the operation table, which is made here. Leaves: the result or the
//! error, and what was sent. Fails as the handler does.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use handler::client::Clients;
use handler::client::transport::Transport;
use handler::config::{Config, DEFAULT_RESULT_LIMIT, Defaults};
use handler::deadline::Deadline;
use handler::dispatch::Handler;
use handler::error::Error;
use handler::telemetry::Invocation;
use serde_json::{Value, json};

use crate::recording::{Recording, Reply};
use crate::wire::Request;

/// Where the function acts; it runs elsewhere.
pub const REGION: &str = "us-west-2";

/// One function with its wire.
#[derive(Debug)]
pub struct Function {
    handler: Handler,
    pub wire: Recording,
}

impl Function {
    /// With an operation table of its own.
    pub fn new(table: &Value, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(table, credentials(), answer)
    }

    pub fn with(
        table: &Value,
        credentials: Credentials,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let wire = Recording::new(answer);
        Self { handler: handler(config(table), credentials, wire.client()), wire }
    }

    /// One invocation in [`REGION`], unless the event says otherwise, with one attempt unless it says otherwise.
    pub async fn invoke(&self, event: Value) -> Result<Value, Error> {
        self.noted(event).await.0
    }

    /// The same in a function that lives so long.
    pub async fn invoke_within(&self, time: Duration, event: Value) -> Result<Value, Error> {
        self.noted_within(time, event).await.0
    }

    /// The same, and what the log learns of it.
    pub async fn noted(&self, event: Value) -> (Result<Value, Error>, Invocation) {
        self.noted_within(Duration::from_mins(1), event).await
    }

    async fn noted_within(&self, time: Duration, event: Value) -> (Result<Value, Error>, Invocation) {
        noted_within(&self.handler, time, event).await
    }
}

/// A function in ap-northeast-1 as Lambda runs it, with this operation table.
pub fn config(table: &Value) -> Config {
    Config {
        operation_table: Some(table.to_string()),
        region: "ap-northeast-1".to_owned(),
        endpoint_url: None,
        is_inside_lambda: true,
        result_limit: DEFAULT_RESULT_LIMIT,
        metrics: false,
        idempotency_table: None,
        defaults: Defaults::default(),
    }
}

/// A function over a wire of a suite's own.
pub fn handler(config: Config, credentials: Credentials, wire: SharedHttpClient) -> Handler {
    let clients = Clients::new(SharedCredentialsProvider::new(credentials), Transport::replaced(wire));
    Handler::new(config, clients).unwrap_or_else(|error| panic!("{}", error.to_message()))
}

/// One invocation of a function that lives so long, with the defaults of [`Function::invoke`]; and what the log learns
/// of it.
pub async fn noted_within(
    handler: &Handler,
    time: Duration,
    mut event: Value,
) -> (Result<Value, Error>, Invocation) {
    for (name, default) in [("region", json!(REGION)), ("retry", json!({"mode": "none"}))] {
        if event.get(name).is_none() {
            event[name] = default;
        }
    }
    let deadline = Deadline::within(time);
    let raw = event.to_string();
    let mut invocation = Invocation::default();
    let outcome = handler.handle(raw.as_bytes(), deadline, &mut invocation).await;
    let read = |text: &str| serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON: {error}"));
    (outcome.map(|result| read(result.get())), invocation)
}

/// What Step Functions sees of an error.
pub fn report(error: &Error) -> Value {
    let message = error.to_message();
    serde_json::from_str(&message).unwrap_or_else(|error| panic!("no JSON: {error}"))
}

/// The faults that an error lists.
pub fn faults(error: &Error) -> Vec<String> {
    let faults = report(error)["faults"].as_array().cloned().unwrap_or_default();
    faults.iter().map(|fault| fault.as_str().unwrap().to_owned()).collect()
}

/// An entry that permits actions of a service in every Region and for every Region at once.
pub fn entry(service: &str, actions: &[&str]) -> Value {
    json!({"service": service, "actions": actions, "regions": ["*", "*global*"]})
}

/// Made-up credentials with an account.
pub fn credentials() -> Credentials {
    Credentials::builder()
        .access_key_id("AKIDEXAMPLE")
        .secret_access_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        .account_id(crate::calls::ACCOUNT)
        .provider_name("tests")
        .build()
}
