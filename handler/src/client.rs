//! One signed call: the SDK's orchestrator around schemas made at run time.
//!
//! Enters: [`Bound`] parameters and the [`Route`] that the table permitted. Leaves: [`Answer`], the output members
//! and what is known of the exchange. Fails with the service's own error or with what happened on the way, each with
//! the `effect` that the record of its attempts justifies.
//!
//! Endpoint rules and the choice of signer are settled before (`endpoint.rs`, [`auth`]); serialising, signing,
//! sending, retrying, timeouts and clock skew are the SDK's runtime. One set of plugins per (service, Region, host)
//! is kept across invocations, and with it connections, retry quota and clock skew; credentials other than the
//! function's own come with the call and are never part of it.

pub mod attempt;
pub mod auth;
pub mod checksum;
pub mod compression;
pub mod event_stream;
pub mod failure;
pub mod flow;
pub mod guard;
pub mod operation;
pub mod protocol;
pub mod response_checksum;
pub mod role;
pub mod transport;
pub mod typed;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::sigv4::SigV4AuthScheme;
use aws_runtime::auth::sigv4a::SigV4aAuthScheme;
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime::client::auth::no_auth::NoAuthRuntimePluginV2;
use aws_smithy_runtime::client::defaults::{DefaultPluginParams, default_plugins};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::orchestrator::{
    AuthSchemeAndEndpointOrchestrationV2, StopPoint, invoke_with_stop_point,
};
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, ModeledAsRetryableClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::context::{Input, InterceptorContext};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::{RuntimePlugins, StaticRuntimePlugin};
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use serde_json::{Map, Value as Json};

use crate::catalog::Service;
use crate::error::Error;
use crate::event::{Retry, RetryMode, Timeouts};
use crate::input::Bound;
use attempt::AttemptLog;
use failure::OperationError;
use operation::{Opened, OperationPlugin};

/// Where a call goes and how it is signed; made by `target.rs` from what the table permitted.
#[derive(Debug, Clone)]
pub struct Route {
    pub(crate) endpoint: crate::endpoint::Resolved,
    pub(crate) auth: auth::Signing,
    pub(crate) region: String,
    /// Put before the host.
    pub(crate) host_prefix: Option<String>,
    pub(crate) permit: crate::table::Permit,
    /// The role of the permit with its credentials, in place of the function's own.
    pub(crate) assumed: Option<role::Assumed>,
    /// Credentials of a directory bucket's session, in place of the caller's own.
    pub(crate) session: Option<aws_credential_types::Credentials>,
    /// Instead of a request, a URL is made, for a service of that Region.
    pub(crate) presigned_for: Option<String>,
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub connect: Duration,
    pub attempt: Option<Duration>,
    /// What remains of the invocation.
    pub operation: Duration,
    pub retry: RetryMode,
    pub max_attempts: u32,
    /// Bytes of a body that is a result by itself.
    pub body_limit: usize,
}

/// How much of an answer is read by the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    Whole,
    /// A body that would be a result by itself is left to the caller.
    Flowing,
}

/// What the service said.
#[derive(Debug, Clone)]
pub struct Answer {
    pub members: Map<String, Json>,
    /// The member that is the whole HTTP body, its bytes and its Content-Type.
    pub body: Option<Body>,
    pub status: u16,
    pub request_id: Option<String>,
    pub attempts: u32,
    pub retry_delay: Duration,
}

#[derive(Debug, Clone)]
pub struct Body {
    pub member: String,
    pub bytes: bytes::Bytes,
    pub content_type: Option<String>,
}

/// All clients of the process; cheap to make, everything in it is made at the first call that needs it.
#[derive(Debug)]
pub struct Clients {
    credentials: SharedCredentialsProvider,
    transport: transport::Transport,
    kept: Mutex<HashMap<ClientKey, RuntimePlugins>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ClientKey {
    service: &'static str,
    region: String,
    host: String,
}

impl Clients {
    pub fn new(credentials: SharedCredentialsProvider, transport: transport::Transport) -> Self {
        Self { credentials, transport, kept: Mutex::new(HashMap::new()) }
    }

    pub fn credentials(&self) -> &SharedCredentialsProvider {
        &self.credentials
    }

    /// The sockets, for a typed client.
    pub fn http_client(&self, url: &str) -> Result<SharedHttpClient, Error> {
        self.transport.client(url)
    }

    /// Sends the call and reads the answer.
    pub async fn send(&self, bound: Bound, route: &Route, patience: Patience) -> Result<Answer, Error> {
        self.open(bound, route, patience, Reading::Whole).await.map(|(answer, _)| answer)
    }

    /// Sends the call and reads the answer as far as `reading` says. Of a body that is left, an empty one stands in
    /// the answer.
    pub async fn open(
        &self,
        bound: Bound,
        route: &Route,
        patience: Patience,
        reading: Reading,
    ) -> Result<Opened, Error> {
        let (operation, log) = (bound.operation(), AttemptLog::default());
        let started = tokio::time::Instant::now();
        let outcome = self.orchestrate(bound, route, patience, reading, &log, StopPoint::None).await?;
        match outcome.and_then(InterceptorContext::finalize) {
            Ok(output) => {
                let (mut answer, flow) = output
                    .downcast::<Opened>()
                    .map_err(|_| failure::internal("the answer has another type"))?;
                answer.attempts = log.attempts();
                answer.retry_delay = log.retry_delay(started);
                Ok((answer, flow))
            }
            Err(error) => Err(failure::classify(error, operation, &log, patience)),
        }
    }

    /// A URL of the call, signed for an hour, with which a service reads in the caller's name.
    pub async fn presign(
        &self,
        bound: Bound,
        route: &Route,
        destination: &str,
        patience: Patience,
    ) -> Result<String, Error> {
        let route = Route { presigned_for: Some(destination.to_owned()), ..route.clone() };
        let request = self.sign(bound, &route, patience).await?;
        Ok(request.uri().to_owned())
    }

    /// The signed request as it would be sent, for tests and `bootstrap show`.
    pub async fn sign(
        &self,
        bound: Bound,
        route: &Route,
        patience: Patience,
    ) -> Result<aws_smithy_runtime_api::http::Request, Error> {
        let (operation, log) = (bound.operation(), AttemptLog::default());
        let stop = StopPoint::BeforeTransmit;
        match self.orchestrate(bound, route, patience, Reading::Whole, &log, stop).await? {
            Ok(mut context) => context
                .request_mut()
                .and_then(|request| request.try_clone())
                .ok_or_else(|| failure::internal("the request was taken")),
            Err(error) => Err(failure::classify(error, operation, &log, patience)),
        }
    }

    async fn orchestrate(
        &self,
        bound: Bound,
        route: &Route,
        patience: Patience,
        reading: Reading,
        log: &AttemptLog,
        stop: StopPoint,
    ) -> Result<Result<InterceptorContext, failure::SendError>, Error> {
        let bound = response_checksum::asked_for(bound);
        let operation = bound.operation();
        let service = operation.service;
        let plugins = self.plugins(service, route)?.with_operation_plugin(OperationPlugin::new(
            &bound,
            route,
            log.clone(),
            patience,
            reading,
        )?);
        let name = service.metadata().service_id.as_str();
        Ok(invoke_with_stop_point(name, &operation.name, Input::erase(bound), &plugins, stop).await)
    }

    fn plugins(&self, service: &'static Service, route: &Route) -> Result<RuntimePlugins, Error> {
        let key = ClientKey {
            service: service.id(),
            region: route.region.clone(),
            host: route.endpoint.url.clone(),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plugins) = kept.get(&key) {
            return Ok(plugins.clone());
        }
        // Hosts may name buckets or accounts: without a bound a function that walks through a million buckets
        // would keep a client for each.
        if kept.len() >= KEPT_CLIENTS {
            kept.clear();
        }
        let plugins = client_plugins(
            service,
            route,
            self.transport.client(&route.endpoint.url)?,
            self.credentials.clone(),
        );
        kept.insert(key, plugins.clone());
        Ok(plugins)
    }
}

const KEPT_CLIENTS: usize = 64;

fn client_plugins(
    service: &'static Service,
    route: &Route,
    http: SharedHttpClient,
    credentials: SharedCredentialsProvider,
) -> RuntimePlugins {
    let metadata = service.metadata();
    let mut config = Layer::new("client");
    config
        .store_put(AuthSchemeAndEndpointOrchestrationV2)
        .store_put(ApiMetadata::new(metadata.service_id.as_str(), env!("CARGO_PKG_VERSION")))
        .store_put(aws_types::region::Region::new(route.region.clone()))
        // A Lambda function reads a bounded body within its own deadline; the SDK's throughput check would only
        // add an error that no caller can tell from the service's.
        .store_put(StalledStreamProtectionConfig::disabled());
    protocol::configure(metadata, &mut config);

    let mut components = RuntimeComponentsBuilder::new("client")
        .with_http_client(Some(http))
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_auth_scheme(SigV4aAuthScheme::new())
        .with_identity_resolver(aws_runtime::auth::sigv4::SCHEME_ID, credentials.clone())
        .with_identity_resolver(aws_runtime::auth::sigv4a::SCHEME_ID, credentials)
        .with_sleep_impl(Some(TokioSleep::new()))
        .with_interceptor(ConnectionPoisoningInterceptor::new())
        .with_interceptor(ServiceClockSkewInterceptor::new())
        .with_interceptor(RequestInfoInterceptor::new())
        .with_interceptor(UserAgentInterceptor::new())
        .with_interceptor(InvocationIdInterceptor::new())
        .with_interceptor(RecursionDetectionInterceptor::new())
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(TransientErrorClassifier::<OperationError>::new())
        .with_retry_classifier(ModeledAsRetryableClassifier::<OperationError>::new())
        .with_retry_classifier(ServiceClockSkewClassifier::<OperationError>::new())
        .with_retry_classifier(failure::FinalErrors);
    components.push_retry_classifier(crate::quirk::error_codes(
        service.id(),
        AwsErrorCodeClassifier::<OperationError>::builder(),
    ));

    RuntimePlugins::new()
        .with_client_plugins(default_plugins(
            DefaultPluginParams::new()
                .with_retry_partition_name(format!("{}-{}", service.id(), route.region))
                .with_behavior_version(BehaviorVersion::latest())
                .with_is_aws_sdk(true),
        ))
        .with_client_plugin(
            StaticRuntimePlugin::new().with_config(config.freeze()).with_runtime_components(components),
        )
        .with_client_plugin(NoAuthRuntimePluginV2::new())
}

/// Milliseconds for a connection, the SDKs' own first. The SDK keeps a pool of connections for each value that it
/// ever saw, so what is left of the time is rounded down to one of few.
const CONNECT_MS: [u64; 7] = [3_100, 1_600, 800, 400, 200, 100, 50];

impl Patience {
    /// Of the time that one attempt has, at most four fifths go into its connection, so that an unreachable host is
    /// tried again, and told from an unanswered request.
    pub fn within(remaining: Duration, timeouts: Timeouts, retry: Retry, body_limit: usize) -> Self {
        let most = timeouts.attempt.unwrap_or(remaining).min(remaining) * 4 / 5;
        let steps = CONNECT_MS.map(Duration::from_millis);
        let fitting = steps.into_iter().find(|step| *step <= most).unwrap_or(most);
        Self {
            connect: timeouts.connect.filter(|connect| *connect <= most).unwrap_or(fitting),
            attempt: timeouts.attempt,
            operation: remaining,
            retry: retry.mode,
            max_attempts: retry.max_attempts,
            body_limit,
        }
    }

    pub(crate) fn timeouts(&self) -> TimeoutConfig {
        let mut timeouts =
            TimeoutConfig::builder().connect_timeout(self.connect).operation_timeout(self.operation);
        if let Some(attempt) = self.attempt {
            timeouts = timeouts.operation_attempt_timeout(attempt.min(self.operation));
        }
        timeouts.build()
    }

    pub(crate) fn retries(&self) -> RetryConfig {
        match self.retry {
            RetryMode::None => RetryConfig::disabled(),
            RetryMode::Sdk | RetryMode::Safe => RetryConfig::standard().with_max_attempts(self.max_attempts),
        }
    }
}

/// An `Arc` that many attempts share; kept here so that the SDK's type does not leak into signatures.
pub(crate) type Shared<T> = Arc<Mutex<T>>;
