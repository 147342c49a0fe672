//! The way in from Lambda: the Runtime API, by `lambda_runtime`.
//!
//! Enters: invocations as raw bytes. Leaves: a result, or `{errorType, errorMessage}`, and one log line each. Fails at
//! init with a report to the Runtime API; no invocation can make it fail.
//!
//! `lambda_runtime` would parse the payload itself: with duplicate keys, with a Rust type's name for malformed JSON,
//! and with the whole event in its trace log. So [`Intake`] takes the bytes away before it looks, by request id, and
//! leaves `null` in their place.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use bytes::Bytes;
use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use serde_json::json;
use serde_json::value::RawValue;
use tower::{Layer, Service};

use crate::client::Clients;
use crate::client::transport::Transport;
use crate::config::Config;
use crate::deadline::Deadline;
use crate::dispatch::Handler;
use crate::effect::Effect;
use crate::error::{Error, Kind};
use crate::telemetry::Invocation;

/// Serves invocations until the environment is taken down.
pub async fn run() -> ExitCode {
    let started = Instant::now();
    // Panic messages may quote values.
    std::panic::set_hook(Box::new(|_| {}));
    let handler = match handler() {
        Ok(handler) => Arc::new(handler),
        Err(error) => return refuse(&error).await,
    };
    let events = Events::default();
    let taken = events.clone();
    let first = Mutex::new(Some(started));
    let serve = service_fn(move |event: LambdaEvent<()>| {
        let raw = taken.take(&event.context.request_id);
        let cold = first.lock().unwrap_or_else(PoisonError::into_inner).take().is_some();
        let handler = Arc::clone(&handler);
        async move { answer(&handler, &raw, &event.context, cold).await }
    });
    match Runtime::new(serve).layer(Intake(events)).run().await {
        Ok(()) => ExitCode::SUCCESS,
        // The Runtime API is gone; there is nobody to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn handler() -> Result<Handler, Error> {
    let config = Config::from_env(&|name| std::env::var(name).ok())?;
    let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    Handler::new(config, Clients::new(credentials, Transport::default()))
}

async fn answer(
    handler: &Handler,
    raw: &Bytes,
    context: &lambda_runtime::Context,
    cold_start: bool,
) -> Result<Box<RawValue>, Diagnostic> {
    let started = Instant::now();
    let deadline = Deadline::before(std::time::UNIX_EPOCH + Duration::from_millis(context.deadline));
    let mut invocation = Invocation { cold_start, bytes_in: raw.len(), ..Invocation::default() };
    let outcome = unpanicked(handler.handle(raw, deadline, &mut invocation)).await;
    match &outcome {
        Ok(result) => invocation.bytes_out = result.get().len(),
        Err(error) => invocation.failed(error),
    }
    invocation.duration = started.elapsed();
    invocation.write(handler.config().metrics);
    outcome.map_err(Diagnostic::from)
}

/// A bug must not answer with a Rust type's name, and must not print what it holds.
async fn unpanicked<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        Err(Error::new(Kind::Internal, "the handler has a bug and gave up").with_effect(Effect::Unknown))
    })
}

/// Tells the Runtime API why the function cannot start, in its own words for that.
async fn refuse(error: &Error) -> ExitCode {
    let report = json!({ "errorType": error.name(), "errorMessage": error.to_message(), "stackTrace": [] });
    println!("{report}");
    let request = http::Request::post("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", error.name())
        .body(lambda_runtime_api_client::body::Body::from(report.to_string()));
    if let (Ok(client), Ok(request)) = (lambda_runtime_api_client::Client::builder().build(), request) {
        // A Runtime API that does not listen changes nothing: the process ends either way.
        let _ = client.call(request).await;
    }
    ExitCode::FAILURE
}

/// Events on their way past `lambda_runtime`, by request id.
#[derive(Debug, Clone, Default)]
struct Events(Arc<Mutex<HashMap<String, Bytes>>>);

impl Events {
    fn keep(&self, id: String, raw: Bytes) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, raw);
    }

    fn take(&self, id: &str) -> Bytes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id).unwrap_or_default()
    }
}

/// Takes the bytes of each invocation away before the runtime looks at them.
struct Intake(Events);

impl<S> Layer<S> for Intake {
    type Service = Taken<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Taken { events: self.0.clone(), inner }
    }
}

struct Taken<S> {
    events: Events,
    inner: S,
}

impl<S: Service<LambdaInvocation>> Service<LambdaInvocation> for Taken<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut invocation: LambdaInvocation) -> Self::Future {
        let raw = std::mem::replace(&mut invocation.body, Bytes::from_static(b"null"));
        self.events.keep(invocation.context.request_id.clone(), raw);
        self.inner.call(invocation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bug_is_answered_as_one_and_tells_nothing() {
        std::panic::set_hook(Box::new(|_| {}));
        let error = unpanicked::<()>(async { panic!("SECRET") }).await.unwrap_err();
        assert_eq!(error.name(), "CrossRegion.Internal");
        let report: serde_json::Value = serde_json::from_str(&error.to_message()).unwrap();
        // Who knows how far it came.
        assert_eq!(report["effect"], "unknown");
        assert!(!error.to_message().contains("SECRET"));
    }
}
