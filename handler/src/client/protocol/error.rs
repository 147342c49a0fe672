//! An answer that is an error: code, message, members, request id, whatever state its body is in.
//!
//! Enters: a raw answer. Leaves: [`OperationError`]. Nothing fails: a body that is empty, truncated, HTML or of
//! another protocol must not hide the status.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_schema::error_envelope::sanitize_error_code;
use aws_smithy_schema::protocol::SharedClientProtocol;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::retry::ErrorKind;
use aws_smithy_xml::decode::{Document, try_data};
use serde_json::{Map, Value as Json};

use crate::catalog::model::{MemberTrait, Protocol, ShapeTrait};
use crate::catalog::shape::{Kind, Shape};
use crate::catalog::{self, Operation};
use crate::client::failure::OperationError;
use crate::output::value;

/// Bytes up to which a modelled member is shown.
const FIELD_LIMIT: usize = 1024;

/// Members that are the message itself.
const MESSAGES: [&str; 3] = ["message", "Message", "errorMessage"];

/// Reads an error.
pub fn read(operation: &'static Operation, response: &HttpResponse, cfg: &ConfigBag) -> OperationError {
    let status = response.status().as_u16();
    let envelope = envelope(operation, response, cfg);
    let wire_code = query_compatible_code(operation, response).or_else(|| envelope.code.clone());
    let shape = envelope.code.as_deref().and_then(|code| modelled(operation, code));
    let mut message = envelope.message;
    let mut fields = Map::new();
    if let Some(shape) = shape
        && let Some(members) = members(shape, response, cfg)
    {
        message = message
            .or_else(|| MESSAGES.iter().find_map(|name| members.get(*name)?.as_str().map(ToOwned::to_owned)));
        fields = shown(shape, members);
    }
    let mut meta = ErrorMetadata::builder();
    meta = match wire_code.or_else(|| crate::quirk::code_from_status(operation, status)) {
        Some(code) => meta.code(code),
        None => meta,
    };
    if let Some(message) = message {
        meta = meta.message(message);
    }
    OperationError {
        meta: meta.build(),
        shape: shape.map(Shape::name),
        fields,
        status,
        request_id: super::request_id(operation, response).or(envelope.request_id),
        retryable: shape.and_then(retryable),
    }
}

/// An error that a service broke an event stream off with.
pub fn of_event(
    operation: &'static Operation,
    response: &HttpResponse,
    shape: Option<&'static Shape>,
    code: &str,
    message: Option<String>,
    members: Map<String, Json>,
) -> OperationError {
    let said = || MESSAGES.iter().find_map(|name| members.get(*name)?.as_str().map(ToOwned::to_owned));
    let mut meta = ErrorMetadata::builder().code(code);
    if let Some(message) = message.or_else(said) {
        meta = meta.message(message);
    }
    OperationError {
        meta: meta.build(),
        shape: shape.map(Shape::name),
        fields: shape.map(|shape| shown(shape, members)).unwrap_or_default(),
        status: response.status().as_u16(),
        request_id: super::request_id(operation, response),
        retryable: shape.and_then(retryable),
    }
}

/// The request id of an XML answer: `<RequestId>` or, from EC2, `<requestId>`, near the root.
pub fn xml_request_id(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let mut document = Document::new(text);
    let mut root = document.root_element().ok()?;
    while let Some(mut tag) = root.next_tag() {
        match tag.start_el().local() {
            "RequestId" | "RequestID" | "requestId" => {
                return try_data(&mut tag).ok().map(|id| id.trim().to_owned());
            }
            "ResponseMetadata" => {
                while let Some(mut inner) = tag.next_tag() {
                    if inner.start_el().local() == "RequestId" {
                        return try_data(&mut inner).ok().map(|id| id.trim().to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    None
}

#[derive(Debug, Default)]
struct Envelope {
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
}

fn envelope(operation: &Operation, response: &HttpResponse, cfg: &ConfigBag) -> Envelope {
    let body = response.body().bytes().unwrap_or_default();
    match operation.service.metadata().protocol {
        Protocol::RestXml | Protocol::AwsQuery | Protocol::Ec2Query => xml_envelope(body).unwrap_or_default(),
        Protocol::AwsJson1_0 | Protocol::AwsJson1_1 | Protocol::RestJson1 | Protocol::RpcV2Cbor => {
            let header =
                response.headers().get("x-amzn-errortype").map(|code| sanitize_error_code(code).to_owned());
            let parsed = cfg
                .load::<SharedClientProtocol>()
                .and_then(|protocol| protocol.parse_error_metadata(response, cfg).ok())
                .map(aws_smithy_types::error::metadata::Builder::build);
            Envelope {
                code: header
                    .or_else(|| discriminator(body))
                    .or_else(|| parsed.as_ref()?.code().map(|code| sanitize_error_code(code).to_owned()))
                    .filter(|code| !code.is_empty()),
                message: parsed.as_ref().and_then(|parsed| parsed.message().map(ToOwned::to_owned)),
                request_id: None,
            }
        }
    }
}

/// `__type` of a JSON body. Where a modelled member is called `code`, the SDK takes that for the error's.
fn discriminator(body: &[u8]) -> Option<String> {
    let body: Json = serde_json::from_slice(body).ok()?;
    body.get("__type")?.as_str().map(|code| sanitize_error_code(code).to_owned())
}

/// `<Error>` at the root (S3), below it (restXml, awsQuery), or below `<Errors>` (ec2Query).
fn xml_envelope(body: &[u8]) -> Option<Envelope> {
    let text = std::str::from_utf8(body).ok()?;
    let mut document = Document::new(text);
    let mut root = document.root_element().ok()?;
    let mut envelope = Envelope::default();
    if root.start_el().local() == "Error" {
        read_error(&mut root, &mut envelope);
        return Some(envelope);
    }
    while let Some(mut tag) = root.next_tag() {
        match tag.start_el().local() {
            "Error" => read_error(&mut tag, &mut envelope),
            "Errors" => {
                while let Some(mut error) = tag.next_tag() {
                    if envelope.code.is_none() {
                        read_error(&mut error, &mut envelope);
                    }
                }
            }
            "RequestId" | "RequestID" => {
                envelope.request_id = try_data(&mut tag).ok().map(|id| id.trim().to_owned());
            }
            _ => {}
        }
    }
    Some(envelope)
}

fn read_error(error: &mut aws_smithy_xml::decode::ScopedDecoder<'_, '_>, envelope: &mut Envelope) {
    while let Some(mut tag) = error.next_tag() {
        let slot = match tag.start_el().local() {
            "Code" => &mut envelope.code,
            "Message" | "message" => &mut envelope.message,
            "RequestId" => &mut envelope.request_id,
            _ => continue,
        };
        *slot = try_data(&mut tag).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    }
}

/// `x-amzn-query-error: Code;Fault`: services that moved from awsQuery keep their old codes there.
fn query_compatible_code(operation: &Operation, response: &HttpResponse) -> Option<String> {
    if !operation.service.metadata().aws_query_compatible {
        return None;
    }
    let header = response.headers().get("x-amzn-query-error")?;
    header.split(';').next().map(|code| code.trim().to_owned()).filter(|code| !code.is_empty())
}

/// The modelled error that a code stands for: by the wire code that the model gives it, or by its own name.
fn modelled(operation: &Operation, code: &str) -> Option<&'static Shape> {
    let mut by_name = None;
    for shape in operation.errors().filter_map(Result::ok) {
        let wire = shape.traits.iter().find_map(|it| match it {
            ShapeTrait::Error { code, .. } => Some(code.as_str()),
            _ => None,
        });
        if wire == Some(code) {
            return Some(shape);
        }
        if shape.name() == code {
            by_name = Some(shape);
        }
    }
    by_name.or_else(|| operation.service.error(code))
}

fn members(shape: &'static Shape, response: &HttpResponse, cfg: &ConfigBag) -> Option<Map<String, Json>> {
    let protocol = cfg.load::<SharedClientProtocol>()?;
    let mut deserializer = protocol.deserialize_error_response(response, cfg).ok()?;
    value::structure(shape, shape.schema(), &mut *deserializer).ok()
}

/// Scalars up to [`FIELD_LIMIT`]; blobs, items and sensitive members are named, not shown.
fn shown(shape: &'static Shape, members: Map<String, Json>) -> Map<String, Json> {
    let known = catalog::members(shape);
    members
        .into_iter()
        .filter(|(name, _)| !MESSAGES.contains(&name.as_str()))
        .map(|(name, value)| {
            let member = known.iter().find(|member| member.name == name);
            let open = member.is_some_and(|member| {
                !member.has(&MemberTrait::Sensitive)
                    && member.target().is_ok_and(|target| {
                        !target.has(&ShapeTrait::Sensitive)
                            && matches!(
                                target.kind,
                                Kind::Boolean
                                    | Kind::Double
                                    | Kind::Float
                                    | Kind::Integer
                                    | Kind::Long
                                    | Kind::String
                                    | Kind::Timestamp
                            )
                    })
            });
            let value = if open && value.to_string().len() <= FIELD_LIMIT { value } else { Json::Null };
            (name, value)
        })
        .collect()
}

fn retryable(shape: &Shape) -> Option<ErrorKind> {
    shape.traits.iter().find_map(|it| match it {
        ShapeTrait::Retryable(true) => Some(ErrorKind::ThrottlingError),
        ShapeTrait::Retryable(false) => Some(ErrorKind::TransientError),
        _ => None,
    })
}
