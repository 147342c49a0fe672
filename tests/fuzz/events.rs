//! Bytes of an event, through the whole way: there are no credentials, so nothing can be sent.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use handler::client::Clients;
use handler::client::transport::Transport;
use handler::deadline::Deadline;
use handler::dispatch::Handler;
use handler::effect::Effect;
use handler::telemetry::Invocation;
use libfuzzer_sys::Corpus;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{Target, judged, mutation, runtime};
use tests::invoked::config;

/// More than a minute is left, as nearly always.
const LEFT: Duration = Duration::from_mins(1);

/// Where the lives are led.
const REGION: &str = "us-west-2";

pub struct Events {
    runtime: Runtime,
    handler: Handler,
    seeds: Vec<Vec<u8>>,
}

impl Events {
    /// A function with the operation table of `data/attacks.json` and what it takes for the lives of `e2e/lives`; the
    /// attacks and the steps of the lives are the seeds.
    pub fn new() -> Self {
        let tests = tests::root().join("tests");
        let attacks = tests::json(&tests.join("data/attacks.json"));
        let mut table = attacks["table"].as_array().cloned().unwrap_or_default();
        let classes = attacks["classes"].as_array().into_iter().flatten();
        let cases = classes.flat_map(|class| class["cases"].as_array().into_iter().flatten());
        let mut seeds: Vec<Vec<u8>> = cases.map(|case| event(case, &attacks["base"])).collect();
        for file in tests::names(&tests.join("e2e/lives")) {
            let service = file.trim_end_matches(".json");
            // Some of its calls are sent without a signature, and these are not to be sent.
            if service == "cognito-identity-provider" {
                continue;
            }
            let steps = tests::json(&tests.join("e2e/lives").join(&file));
            let steps = steps.as_array().cloned().unwrap_or_default();
            let actions: BTreeSet<&str> = steps.iter().filter_map(|step| step["call"].as_str()).collect();
            table.push(json!({"service": service, "actions": actions, "regions": [REGION]}));
            seeds.extend(steps.iter().map(|step| {
                let parameters = step.get("with").cloned().unwrap_or_else(|| json!({}));
                let event = json!({"service": service, "action": step["call"], "region": REGION, "parameters": parameters});
                event.to_string().into_bytes()
            }));
        }
        let config = config(&Value::from(table));
        let transport = Transport::replaced(SharedHttpClient::new(Nowhere));
        let clients = Clients::new(SharedCredentialsProvider::new(NoCredentials), transport);
        let handler = Handler::new(config, clients).expect("the table is well formed");
        Self { runtime: runtime(), handler, seeds }
    }
}

impl Target for Events {
    fn seeds(&self) -> Vec<Vec<u8>> {
        self.seeds.clone()
    }

    fn tried(&self, input: &[u8]) -> Result<Corpus, String> {
        let mut invocation = Invocation::default();
        match self.runtime.block_on(self.handler.handle(input, Deadline::within(LEFT), &mut invocation)) {
            Ok(_) => Err("answered without credentials".to_owned()),
            Err(error) if error.effect != Effect::None => Err(format!("claims an effect: {error}")),
            Err(error) if !judged::is_ours(error.name()) => Err(format!("nobody was called: {error}")),
            Err(error) => judged::well_formed(&error).map(|()| Corpus::Keep),
        }
    }

    fn mutated(&self, input: &[u8], limit: usize, random: &mut Rng) -> Vec<u8> {
        mutation::text(input, limit, random)
    }
}

/// What is repeated for megabytes is left to `contract/attacks.rs`.
fn event(case: &Value, base: &Value) -> Vec<u8> {
    if let Some(text) = case["text"].as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(bytes) = case["base64"].as_str() {
        return STANDARD.decode(bytes).expect("a case is base64");
    }
    let mut event = base.as_object().cloned().unwrap_or_default();
    event.extend(case["with"].as_object().cloned().unwrap_or_default());
    event.retain(|name, _| !case["without"].as_array().is_some_and(|it| it.contains(&name.as_str().into())));
    Value::Object(event).to_string().into_bytes()
}

#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no credentials here")))
    }
}

/// Whoever wants to connect has found a way to send without credentials.
#[derive(Debug)]
struct Nowhere;

impl HttpClient for Nowhere {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        panic!("a request is about to be sent")
    }
}
