//! Typed clients: the jobs that AWS's own crates do better than single calls, behind the same last door.
//!
//! Enters: the permits of one service's operations at one place, and whose credentials sign. Leaves: [`Typed`], what a
//! crate's configuration is made of, and [`TypedPermits`], the interceptor that must go into it. A call fails by
//! [`failure`] as a call of the schema-driven client does: with the service's own error or with what happened on the
//! way, and the `effect` that the record of its attempts justifies.
//!
//! A request is sent by [`sent!`], which keeps the log of its attempts.

use std::error::Error as StdError;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError, ServiceError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::request_id::RequestId;

use super::attempt::AttemptLog;
use super::failure::{self, chain};
use super::guard::{Refused, call_of};
use super::{Clients, Patience};
use crate::custom_endpoint::CustomEndpoint;
use crate::error::{Error, Kind, Trouble};
use crate::event::EndpointOptions;
use crate::table::{Destination, Permit};

/// What came of a typed call, and the log of its attempts.
pub type Sent<T, E> = (Result<T, SdkError<E, HttpResponse>>, AttemptLog);

/// Sends the request of a typed client, with what more is to be set of it; leaves [`Sent`].
macro_rules! sent {
    ($request:expr $(, $set:ident($to:expr))?) => {{
        let log = $crate::client::attempt::AttemptLog::default();
        let request = $request.customize().interceptor(log.clone())$(.$set($to))?;
        (request.send().await, log)
    }};
}
pub(crate) use sent;

/// What a typed client is made of. Each crate's `config::Builder` takes the first and, as an interceptor, the second.
#[derive(Debug, Clone)]
pub struct Typed {
    pub config: SdkConfig,
    pub permits: TypedPermits,
    /// Of these, `fips` and `dual_stack` are in the configuration; the others are some crates' own.
    pub options: EndpointOptions,
}

impl Typed {
    /// A client of `permits`, one for each operation that it may call, all for the same Region and endpoint, signing by
    /// `credentials`. `service` is the service's id as the SDK's `Metadata` has it. `local` stands in for AWS.
    pub fn new(
        clients: &Clients,
        credentials: SharedCredentialsProvider,
        service: &'static str,
        permits: Vec<Permit>,
        local: Option<&CustomEndpoint>,
        options: EndpointOptions,
        patience: Patience,
    ) -> Result<Self, Error> {
        let Some(first) = permits.first() else {
            return Err(failure::internal("a typed client needs a permit"));
        };
        let url = first.endpoint().or(local).map(ToString::to_string);
        let mut config = config(clients, credentials, first.region(), url)?;
        config.set_retry_config(Some(patience.retries()));
        config.set_timeout_config(Some(patience.timeouts()));
        config.set_use_fips(Some(options.fips)).set_use_dual_stack(Some(options.dual_stack));
        Ok(Self { config: config.build(), permits: TypedPermits { service, permits }, options })
    }
}

/// The function's sockets and the SDK's ways; without a `url` the crate's own endpoint rules find one.
pub fn config(
    clients: &Clients,
    credentials: SharedCredentialsProvider,
    region: &str,
    url: Option<String>,
) -> Result<aws_types::sdk_config::Builder, Error> {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials)
        .http_client(clients.http_client(url.as_deref().unwrap_or("https:"))?)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        // Every call ends by its own deadline; the throughput check would add an error that nobody can tell from the
        // service's.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    config.set_endpoint_url(url);
    Ok(config)
}

/// The guard of a typed client: it calls what the permits name, and goes where they let it.
#[derive(Debug, Clone)]
pub struct TypedPermits {
    service: &'static str,
    permits: Vec<Permit>,
}

impl TypedPermits {
    fn of(&self, cfg: &ConfigBag) -> Option<&Permit> {
        let call = call_of(cfg, self.service)?;
        self.permits.iter().find(|permit| (permit.operation(), permit.region()) == call)
    }
}

#[dyn_dispatch_hint]
impl Intercept for TypedPermits {
    fn name(&self) -> &'static str {
        "TypedPermits"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.of(cfg).map(drop).ok_or_else(|| Refused.into())
    }

    /// What the crate's endpoint rules made of the call is in the request by now, with its signature.
    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let permit = self.of(cfg).ok_or(Refused)?;
        let request = context.request();
        let destination = Destination {
            url: &origin(request).ok_or(Refused)?,
            host_prefix: "",
            signing_regions: &signing_regions(request),
            is_fixed_region: false,
            dns_suffixes: &[],
        };
        permit.check_resolved(&destination).map_err(|_| Refused.into())
    }
}

fn origin(request: &HttpRequest) -> Option<String> {
    let uri: http::Uri = request.uri().parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

/// What the signature holds for: the Region of its scope, or its Region set.
fn signing_regions(request: &HttpRequest) -> Vec<String> {
    if let Some(set) = request.headers().get("x-amz-region-set") {
        return set.split(',').map(|region| region.trim().to_owned()).collect();
    }
    let scope = request.headers().get("authorization").and_then(|it| it.split("Credential=").nth(1));
    scope.and_then(|it| it.split('/').nth(2)).map(str::to_owned).into_iter().collect()
}

fn is_unreadable<E: ProvideErrorMetadata>(error: &ServiceError<E, HttpResponse>) -> bool {
    error.raw().status().is_success() && error.err().code().is_none_or(str::is_empty)
}

fn malformed(causes: &[String]) -> Error {
    let cause = causes.last().map(String::as_str).unwrap_or_default();
    Error::new(Kind::MalformedResponse, format!("the answer cannot be read: {cause}"))
        .with_trouble(Trouble::Transient)
}

/// Names what became of a typed call.
pub fn failure<E>(error: SdkError<E, HttpResponse>, log: &AttemptLog) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let causes = chain(&error);
    let request_id = error.request_id().map(str::to_owned);
    let mut named = match error {
        // The crates call an answer an error of the service's that they cannot read.
        SdkError::ServiceError(error) if is_unreadable(&error) => malformed(&causes),
        SdkError::ServiceError(error) => {
            let status = error.raw().status().as_u16();
            let code = error.err().code().filter(|code| !code.is_empty());
            let message = failure::message_of(error.err().message(), code, status);
            let mut named = Error::service(None, code, message);
            named.trouble = failure::trouble_of(code, status);
            named
        }
        SdkError::ConstructionFailure(_) => failure::construction(&causes),
        SdkError::TimeoutError(_) => failure::timeout(log),
        // The second look at the table stands after the request is made, where the SDK calls a failure one of
        // dispatch.
        SdkError::DispatchFailure(_) if causes.iter().any(|cause| *cause == Refused.to_string()) => {
            Error::new(Kind::NotAllowed, Refused.to_string())
        }
        SdkError::DispatchFailure(failure) => {
            let is_ours = failure.as_connector_error().is_some_and(ConnectorError::is_user);
            failure::dispatch(&causes, is_ours, log)
        }
        SdkError::ResponseError(_) => malformed(&causes),
        _ => failure::internal("the SDK reported an error of a new kind"),
    };
    named.effect = log.effect();
    named.attempts = Some(log.attempts());
    named.request_id = request_id;
    named.status_code = log.last_status();
    named
}
