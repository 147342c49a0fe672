//! The generated clients as oracle: for the same parameters both put the same request on the wire.
//!
//! Each case is a call written twice, with the builders of the SDK's own crate and as an event. Both go through whole
//! clients down to the HTTP connector, where they are compared in method, host, path, query, headers and body, helper
//! calls included. Left out is what must differ: signatures, dates, ids of attempts, the user agent, and the `x-id` with
//! which generated clients name the operation in some queries, which no service reads.

#[path = "typed/bedrock_agent.rs"]
mod bedrock_agent;
#[path = "typed/dynamodb.rs"]
mod dynamodb;
#[path = "typed/key_value_store.rs"]
mod key_value_store;
#[path = "typed/kinesis.rs"]
mod kinesis;
#[path = "typed/s3.rs"]
mod s3;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::Tally;
use tests::invoked::{Function, entry};
use tests::recording::{Recording, Reply};
use tests::wire::{self, Form, Request};

/// A configuration of a generated client that is like the handler's: one attempt, the same credentials and Region.
macro_rules! client {
    ($krate:ident, $wire:expr) => {
        $krate::Client::from_conf(
            $krate::Config::builder()
                .behavior_version($krate::config::BehaviorVersion::latest())
                .region($krate::config::Region::new(tests::invoked::REGION))
                .credentials_provider(tests::invoked::credentials())
                .http_client($wire.client())
                .retry_config($krate::config::retry::RetryConfig::disabled())
                .sleep_impl($krate::config::SharedAsyncSleep::new(crate::Sleep))
                .stalled_stream_protection($krate::config::StalledStreamProtectionConfig::disabled())
                .build(),
        )
    };
}

/// One call by both clients. What the empty answer is read as does not matter.
macro_rules! case {
    ($suite:ident, $action:literal, $parameters:tt, $builder:expr) => {
        let _ = $builder.send().await;
        $suite.case($action, serde_json::json!($parameters)).await;
    };
}

pub(crate) use {case, client};

/// Nothing in these suites waits.
#[derive(Debug)]
pub struct Sleep;

impl aws_smithy_async::rt::sleep::AsyncSleep for Sleep {
    fn sleep(&self, _: std::time::Duration) -> aws_smithy_async::rt::sleep::Sleep {
        aws_smithy_async::rt::sleep::Sleep::new(std::future::pending())
    }
}

/// The calls of one service.
pub struct Suite {
    service: &'static str,
    form: Form,
    /// Generated clients leave out the slash in which the service's paths end; AWS's other clients keep it.
    drops_final_slash: bool,
    typed: Recording,
    ours: Function,
    tally: Tally,
}

impl Suite {
    pub fn new(name: &'static str, service: &'static str, form: Form, actions: &[&str]) -> Self {
        let ours = Function::new(&json!([entry(service, actions)]), answer);
        let drops_final_slash = service == "bedrock-agent";
        Self {
            service,
            form,
            drops_final_slash,
            typed: Recording::new(answer),
            ours,
            tally: Tally::new(name),
        }
    }

    pub fn typed(&self) -> &Recording {
        &self.typed
    }

    /// Makes the call that the typed client has just made, and compares.
    pub async fn case(&mut self, action: &str, parameters: Value) {
        self.case_with(action, json!({"parameters": parameters})).await;
    }

    /// The same with other fields of the event.
    pub async fn case_with(&mut self, action: &str, mut event: Value) {
        let name = format!("{action} {}", event["parameters"]);
        event["service"] = self.service.into();
        event["action"] = action.into();
        let outcome = self.ours.invoke(event).await;
        let (typed, ours) = (self.typed.take(), self.ours.wire.take());
        let compared = match outcome {
            Err(error) if ours.is_empty() => Err(error.to_message()),
            _ => self.compare(&typed, &ours),
        };
        self.tally.case(name, compared);
    }

    pub fn finish(self) {
        assert!(self.tally.cases() >= 10, "{}: fewer than ten calls", self.service);
        self.tally.finish();
    }

    fn compare(&self, typed: &[Request], ours: &[Request]) -> Result<(), String> {
        same("requests", &typed.len(), &ours.len())?;
        if typed.is_empty() {
            return Err("nothing was sent".to_owned());
        }
        for (typed, ours) in typed.iter().zip(ours) {
            same("method", &typed.method, &ours.method)?;
            same("host", &typed.host, &ours.host)?;
            let path = if self.drops_final_slash { ours.path.trim_end_matches('/') } else { &ours.path };
            same("path", &typed.path.as_str(), &path)?;
            same("query", &query(typed), &query(ours))?;
            same("headers", &headers(typed), &headers(ours))?;
            wire::same_body(self.form, &typed.body, &ours.body)?;
        }
        Ok(())
    }
}

/// Enough for both clients to go on: a session where one is opened.
fn answer(request: &Request) -> Reply {
    if request.query.iter().any(|(name, _)| name == "session") {
        let credentials = "<AccessKeyId>ASIASESSION</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
             <SessionToken>token-of-the-session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>";
        return Reply::ok(format!(
            r#"<CreateSessionResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Credentials>{credentials}</Credentials></CreateSessionResult>"#
        ));
    }
    Reply::empty()
}

fn query(request: &Request) -> Vec<(String, String)> {
    request.query.iter().filter(|(name, _)| name != "x-id").cloned().collect()
}

/// Headers without what must differ, and of the signature what must not: algorithm, scope and the signed headers.
fn headers(request: &Request) -> BTreeMap<String, String> {
    const OWN: [&str; 5] =
        ["user-agent", "x-amz-user-agent", "x-amz-date", "amz-sdk-invocation-id", "amz-sdk-request"];
    let mut headers = request.headers.clone();
    headers.retain(|name, _| !OWN.contains(&name.as_str()));
    // The socket writes it where nobody did before.
    let is_empty = headers.get("content-length").is_some_and(|length| length == "0");
    if is_empty {
        headers.remove("content-length");
    }
    if let Some(authorization) = headers.get_mut("authorization") {
        *authorization = unsigned(authorization);
        if is_empty {
            *authorization = authorization.replace("content-length;", "");
        }
    }
    headers
}

/// `AWS4-HMAC-SHA256 Credential=A/20260101/us-west-2/s3/aws4_request, SignedHeaders=host, Signature=f0` without date and
/// signature.
fn unsigned(authorization: &str) -> String {
    let scope = |part: &str| match part.split('/').collect::<Vec<_>>().as_slice() {
        [key, _date, rest @ ..] => format!("{key}/{}", rest.join("/")),
        _ => part.to_owned(),
    };
    let parts = authorization.split(", ").filter(|part| !part.starts_with("Signature="));
    parts
        .map(|part| if part.contains("Credential=") { scope(part) } else { part.to_owned() })
        .collect::<Vec<_>>()
        .join(", ")
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, typed: &T, ours: &T) -> Result<(), String> {
    if typed == ours { Ok(()) } else { Err(format!("{what}\n    typed {typed:?}\n    ours  {ours:?}")) }
}

#[test]
fn of_a_signature_only_date_and_digest_are_left_out() {
    let header = "AWS4-HMAC-SHA256 Credential=A/20260101/us-west-2/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=f0";
    assert_eq!(
        unsigned(header),
        "AWS4-HMAC-SHA256 Credential=A/us-west-2/s3/aws4_request, SignedHeaders=host;x-amz-date"
    );
}
