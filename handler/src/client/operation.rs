//! What the SDK's orchestrator needs to know of one call: how to write it, how to read it, where it goes.
//!
//! Enters: bound parameters and a route. Leaves: a runtime plugin of the SDK for one invocation. Fails where the
//! host prefix is no host.

use std::borrow::Cow;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::{SigV4SessionTokenNameOverride, sigv4, sigv4a};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::endpoint::{
    EndpointFuture, EndpointPrefix, EndpointResolverParams, ResolveEndpoint,
};
use aws_smithy_runtime_api::client::interceptors::context::{
    self, BeforeDeserializationInterceptorContextMut, BeforeSerializationInterceptorContextRef,
    BeforeTransmitInterceptorContextMut, Input, Output, OutputOrError,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::{
    DeserializeResponse, SerializeRequest, SharedRequestSerializer, SharedResponseDeserializer,
};
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_schema::protocol::SharedClientProtocol;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, FrozenLayer, Layer};
use aws_smithy_types::endpoint::Endpoint;

use super::attempt::AttemptLog;
use super::event_stream::Ended;
use super::failure::Malformed;
use super::flow::Flow;
use super::guard::Guard;
use super::response_checksum::Expected;
use super::{
    Answer, Body, Patience, Reading, Route, checksum, compression, event_stream, failure, protocol,
    response_checksum,
};
use crate::catalog;
use crate::catalog::Operation;
use crate::catalog::model::Protocol;
use crate::catalog::shape::{Kind, Member};
use crate::error::{Error, Kind as ErrorKind};
use crate::event::RetryMode;
use crate::input::Bound;
use crate::output::value;
use crate::quirk::directory_bucket;

/// Bytes of an answer that is parsed rather than passed through. XML shrinks to a fifth as JSON, and Step Functions
/// takes 256 KiB: an answer beyond this cannot become a result.
const STRUCTURED_LIMIT: usize = 16 << 20;

/// The plugin of one call.
#[derive(Debug)]
pub struct OperationPlugin {
    config: FrozenLayer,
    components: RuntimeComponentsBuilder,
}

impl OperationPlugin {
    pub fn new(
        bound: &Bound,
        route: &Route,
        log: AttemptLog,
        patience: Patience,
        reading: Reading,
    ) -> Result<Self, Error> {
        let operation = bound.operation();
        let service = operation.service.metadata().service_id.as_str();
        // INVARIANT: a call in a role's name is signed by that role, and any other by the function's own.
        if route.permit.role() != route.assumed.as_ref().map(|assumed| &assumed.role) {
            return Err(failure::internal("the call would be signed by another role than the one it is for"));
        }
        let mut config = Layer::new("operation");
        config
            .store_put(Metadata::new(operation.name.as_str(), service))
            .store_put(SharedRequestSerializer::new(Serializer))
            .store_put(SharedResponseDeserializer::new(Deserializer { operation, reading }))
            .store_put(AuthSchemeOptionResolverParams::new(()))
            .store_put(patience.timeouts())
            .store_put(patience.retries())
            .store_put(route.auth.config(route.presigned_for.is_some()));
        // The SDK's signer prefers the client's Region to the set of its own configuration.
        config.store_put(route.auth.region_set());
        if route.session.is_some() {
            config.store_put(SigV4SessionTokenNameOverride::new(|_, _| Ok(Some(directory_bucket::TOKEN))));
        }
        if let Some(prefix) = &route.host_prefix {
            let prefix = EndpointPrefix::new(prefix.as_str()).map_err(|_| {
                Error::new(
                    ErrorKind::InvalidParameters,
                    "a member that becomes part of the host is not a host label",
                )
            })?;
            config.store_put(prefix);
        }
        let limit = if payload(operation).is_some() { patience.body_limit } else { STRUCTURED_LIMIT };
        let ambiguous = failure::Ambiguous(log.clone());
        let components = RuntimeComponentsBuilder::new("operation")
            .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![
                route.auth.scheme_id(),
            ])))
            .with_endpoint_resolver(Some(Fixed(endpoint(route))))
            .with_interceptor(Guard::new(service, route.permit.clone()))
            .with_interceptor(EndpointParams)
            .with_interceptor(BodyLimit { operation, reading, limit })
            .with_interceptor(log);
        let assumed = route.assumed.as_ref().map(|assumed| &assumed.credentials);
        let components = match route.session.as_ref().or(assumed) {
            // They are kept where they were asked for; the SDK's cache would keep an entry for each call.
            Some(credentials) => {
                let credentials = SharedCredentialsProvider::new(credentials.clone());
                components
                    .with_identity_resolver(sigv4::SCHEME_ID, credentials.clone())
                    .with_identity_resolver(sigv4a::SCHEME_ID, credentials)
                    .with_identity_cache(Some(IdentityCache::no_cache()))
            }
            None => components,
        };
        let components = if patience.retry == RetryMode::Safe && !bound.is_repeatable() {
            components.with_retry_classifier(ambiguous)
        } else {
            components
        };
        let components = match &route.presigned_for {
            Some(destination) => components.with_interceptor(AsUrl { destination: destination.clone() }),
            None => checksum::configure(bound, components)?,
        };
        Ok(Self { config: config.freeze(), components })
    }
}

impl RuntimePlugin for OperationPlugin {
    fn config(&self) -> Option<FrozenLayer> {
        Some(self.config.clone())
    }

    fn runtime_components(&self, _: &RuntimeComponentsBuilder) -> Cow<'_, RuntimeComponentsBuilder> {
        Cow::Borrowed(&self.components)
    }
}

/// The endpoint was resolved, and checked against the table, before the SDK was called.
#[derive(Debug)]
struct Fixed(Endpoint);

impl ResolveEndpoint for Fixed {
    fn resolve_endpoint<'a>(&'a self, _: &'a EndpointResolverParams) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(self.0.clone()))
    }
}

fn endpoint(route: &Route) -> Endpoint {
    let mut endpoint = Endpoint::builder().url(route.endpoint.url.clone());
    for (name, values) in &route.endpoint.headers {
        for value in values {
            endpoint = endpoint.header(name.clone(), value.clone());
        }
    }
    endpoint.build()
}

/// The orchestrator insists on endpoint parameters in interceptor state, though nothing reads them here.
#[derive(Debug)]
struct EndpointParams;

#[dyn_dispatch_hint]
impl Intercept for EndpointParams {
    fn name(&self) -> &'static str {
        "EndpointParams"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        cfg.interceptor_state().store_put(EndpointResolverParams::new(()));
        Ok(())
    }
}

/// Stops reading where a result could not be used any more, be the answer endless.
#[derive(Debug)]
struct BodyLimit {
    operation: &'static Operation,
    reading: Reading,
    limit: usize,
}

#[dyn_dispatch_hint]
impl Intercept for BodyLimit {
    fn name(&self) -> &'static str {
        "BodyLimit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if flows(self.operation, self.reading, context.response()) {
            return Ok(());
        }
        // What an error says does not become a result: its body has the larger limit, or it would hide the status.
        let limit = if context.response().status().is_success() { self.limit } else { STRUCTURED_LIMIT };
        let body = std::mem::replace(context.response_mut().body_mut(), SdkBody::taken());
        *context.response_mut().body_mut() =
            SdkBody::from_body_1_x(http_body_util::Limited::new(body, limit));
        Ok(())
    }
}

/// Turns a form into the query of a GET, as presigned URLs of the query protocols are. The destination is named in
/// it also where the model has no member for that.
#[derive(Debug)]
struct AsUrl {
    destination: String,
}

#[dyn_dispatch_hint]
impl Intercept for AsUrl {
    fn name(&self) -> &'static str {
        "AsUrl"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let form = String::from_utf8(request.body().bytes().unwrap_or_default().to_vec())?;
        let mut url = format!("{}?{form}", request.uri());
        if !form.contains("&DestinationRegion=") {
            url.push_str("&DestinationRegion=");
            url.push_str(&self.destination);
        }
        request.set_uri(url)?;
        request.set_method("GET")?;
        *request.headers_mut() = Headers::new();
        *request.body_mut() = SdkBody::empty();
        Ok(())
    }
}

#[derive(Debug)]
struct Serializer;

impl SerializeRequest for Serializer {
    fn serialize_input(&self, input: Input, cfg: &mut ConfigBag) -> Result<HttpRequest, BoxError> {
        let bound = input.downcast::<Bound>().map_err(|_| "the input has another type")?;
        let protocol = cfg.load::<SharedClientProtocol>().ok_or("no protocol is configured")?;
        let operation = bound.operation();
        let mut request = protocol.serialize_request(&bound, &operation.input_schema, "", cfg)?;
        protocol::complete(&bound, protocol, &mut request)?;
        if let Some(body) = bound.body() {
            request.headers_mut().try_insert("content-length", body.len().to_string())?;
            *request.body_mut() = SdkBody::from(body.clone());
        }
        crate::quirk::request(operation, &mut request)?;
        compression::compress(operation, &mut request)?;
        Ok(request)
    }
}

#[derive(Debug)]
struct Deserializer {
    operation: &'static Operation,
    reading: Reading,
}

/// What was read of an answer, and what is still to be read of its body.
pub type Opened = (Answer, Option<Flow>);

impl DeserializeResponse for Deserializer {
    fn deserialize_streaming_with_config(
        &self,
        response: &mut HttpResponse,
        cfg: &ConfigBag,
    ) -> Option<OutputOrError> {
        if !flows(self.operation, self.reading, response) {
            return None;
        }
        let body = std::mem::replace(response.body_mut(), SdkBody::empty());
        let length = response.headers().get("content-length").and_then(|it| it.parse().ok());
        let flow = Flow::new(body, length, Expected::of(self.operation, response));
        Some(told(self.answer(response, cfg).map(|answer| (answer, Some(flow)))))
    }

    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        cfg: &ConfigBag,
    ) -> OutputOrError {
        let mended = match self.operation.service.metadata().protocol {
            Protocol::RpcV2Cbor => protocol::cbor::mended(response),
            _ => None,
        };
        let response = mended.as_ref().unwrap_or(response);
        let status = response.status();
        if !status.is_success() || crate::quirk::is_error(self.operation, response) {
            let error = crate::quirk::error(
                self.operation,
                response,
                protocol::error::read(self.operation, response, cfg),
            );
            return Err(OrchestratorError::operation(context::Error::erase(error)));
        }
        told(
            response_checksum::check(self.operation, response)
                .map_err(Ended::Malformed)
                .and_then(|()| self.answer(response, cfg))
                .map(|answer| (answer, None)),
        )
    }
}

fn told(opened: Result<Opened, Ended>) -> OutputOrError {
    opened.map(Output::erase).map_err(|ended| match ended {
        Ended::Malformed(error) => OrchestratorError::response(Box::new(Malformed(error))),
        Ended::Refused(error) => OrchestratorError::operation(context::Error::erase(*error)),
    })
}

/// Whether the body of this answer is left to be read.
fn flows(operation: &Operation, reading: Reading, response: &HttpResponse) -> bool {
    reading == Reading::Flowing
        && response.status().is_success()
        && payload(operation).is_some()
        && !crate::quirk::is_report(operation, response)
}

impl Deserializer {
    fn answer(&self, response: &HttpResponse, cfg: &ConfigBag) -> Result<Answer, Ended> {
        let mut answer = Answer {
            members: serde_json::Map::new(),
            body: None,
            status: response.status().as_u16(),
            request_id: protocol::request_id(self.operation, response),
            attempts: 0,
            retry_delay: std::time::Duration::ZERO,
        };
        let Some(shape) = self.operation.output else { return Ok(answer) };
        let body = response.body().bytes().unwrap_or_default();
        if let Some(events) = event_stream::member(shape) {
            answer.members = event_stream::read(self.operation, events, response, cfg)?;
            return Ok(answer);
        }
        let protocol = cfg.load::<SharedClientProtocol>().ok_or("no protocol is configured")?;
        if let Some(member) = payload(self.operation) {
            answer.body = Some(Body {
                member: member.name.clone(),
                bytes: bytes::Bytes::copy_from_slice(body),
                content_type: response.headers().get("content-type").map(ToOwned::to_owned),
            });
        }
        let schema = &self.operation.output_schema;
        if answer.body.is_none() && !catalog::members(shape).is_empty() {
            protocol::xml::check(self.operation.service.metadata().protocol, body)?;
        }
        if protocol::has_answer(self.operation, shape, body) {
            let mut deserializer =
                protocol.deserialize_response(response, schema, cfg).map_err(|error| error.to_string())?;
            answer.members =
                value::structure(shape, schema, &mut *deserializer).map_err(|error| error.to_string())?;
        }
        crate::quirk::output(self.operation, response, &mut answer.members);
        if let Some(body) = &answer.body {
            answer.members.remove(&body.member);
        }
        Ok(answer)
    }
}

/// The output member that is the whole body as bytes.
pub fn payload(operation: &Operation) -> Option<&'static Member> {
    let members = operation.output.map(catalog::members).unwrap_or_default();
    members.iter().find(|member| {
        member.is_payload()
            && member.target().is_ok_and(|shape| matches!(shape.kind, Kind::Blob | Kind::String))
    })
}
