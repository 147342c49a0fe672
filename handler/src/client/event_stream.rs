//! Event-stream answers as an array of one-key objects, in order.
//!
//! Enters: a whole answer body of event frames. Leaves: the output with its stream member as an array. Fails where a
//! frame is damaged, or where the stream ends in an error of the service.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_schema::protocol::SharedClientProtocol;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::event_stream::{HeaderValue, Message};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::failure::OperationError;
use super::protocol;
use crate::catalog::model::{MemberTrait, ShapeTrait};
use crate::catalog::shape::{Kind, Member, Shape};
use crate::catalog::{self, Operation};
use crate::output::value;

/// The member of an output that is an event stream.
pub fn member(output: &'static Shape) -> Option<&'static Member> {
    catalog::members(output)
        .iter()
        .find(|member| member.target().is_ok_and(|shape| shape.has(&ShapeTrait::EventStream)))
}

/// Why a stream is no answer.
#[derive(Debug)]
pub enum Ended {
    /// A frame or a member cannot be read.
    Malformed(String),
    /// The service broke off with an error of its own.
    Refused(Box<OperationError>),
}

impl From<String> for Ended {
    fn from(reason: String) -> Self {
        Self::Malformed(reason)
    }
}

impl From<&str> for Ended {
    fn from(reason: &str) -> Self {
        Self::Malformed(reason.to_owned())
    }
}

/// All events, and what the answer's headers or its initial message say besides.
pub fn read(
    operation: &'static Operation,
    stream: &'static Member,
    response: &HttpResponse,
    cfg: &ConfigBag,
) -> Result<Map<String, Json>, Ended> {
    let protocol = cfg.load::<SharedClientProtocol>().ok_or("no protocol is configured")?;
    let codec = protocol.payload_codec().ok_or("the protocol has no event payloads")?;
    let target = stream.target().map_err(|error| error.to_string())?;
    let mut bytes = bytes::Bytes::copy_from_slice(response.body().bytes().unwrap_or_default());
    let mut decoder = MessageFrameDecoder::new();
    let mut members = beside(operation, response, protocol, cfg)?;
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let message = match decoder.decode_frame(&mut bytes).map_err(|error| error.to_string())? {
            DecodedFrame::Complete(message) => message,
            DecodedFrame::Incomplete => return Err("the event stream is cut off".into()),
        };
        let kind = text(&message, ":message-type").unwrap_or("event");
        if kind != "event" {
            return Err(Ended::Refused(Box::new(refusal(operation, target, response, &message, codec))));
        }
        let name = text(&message, ":event-type").unwrap_or_default();
        if name == "initial-response" {
            if let Some(output) = operation.output {
                members.extend(structure(output, &message, codec)?);
            }
            continue;
        }
        let Some(event) = catalog::members(target).iter().find(|member| member.name == name) else {
            // Models lag behind services: an event that they do not know is named, not dropped.
            events.push(json!({ name: { "$base64": STANDARD.encode(message.payload()) } }));
            continue;
        };
        let shape = event.target().map_err(|error| error.to_string())?;
        events.push(json!({ name: event_value(shape, &message, codec)? }));
    }
    members.insert(stream.name.clone(), events.into());
    Ok(members)
}

/// Members in headers and in the status.
fn beside(
    operation: &'static Operation,
    response: &HttpResponse,
    protocol: &SharedClientProtocol,
    cfg: &ConfigBag,
) -> Result<Map<String, Json>, String> {
    let Some(output) = operation.output else { return Ok(Map::new()) };
    if !catalog::members(output).iter().any(Member::is_beside_body) {
        return Ok(Map::new());
    }
    let mut bodiless = HttpResponse::new(response.status(), SdkBody::empty());
    for (name, value) in response.headers() {
        bodiless.headers_mut().append(name.to_owned(), value.to_owned());
    }
    let schema = &operation.output_schema;
    let mut deserializer =
        protocol.deserialize_response(&bodiless, schema, cfg).map_err(|error| error.to_string())?;
    let read = value::structure(output, schema, &mut *deserializer).map_err(|error| error.to_string())?;
    let known = catalog::members(output);
    let is_beside = |name: &String| known.iter().any(|it| it.name == *name && it.is_beside_body());
    Ok(read.into_iter().filter(|(name, _)| is_beside(name)).collect())
}

/// `:exception-type` names a member of the stream; `:error-code` names what no model knows.
fn refusal(
    operation: &'static Operation,
    stream: &'static Shape,
    response: &HttpResponse,
    message: &Message,
    codec: &dyn aws_smithy_schema::codec::DynCodec,
) -> OperationError {
    let code = text(message, ":exception-type").or(text(message, ":error-code")).unwrap_or_default();
    let shape = catalog::members(stream)
        .iter()
        .find(|member| member.name == code)
        .and_then(|member| member.target().ok());
    let members = shape.and_then(|shape| structure(shape, message, codec).ok()).unwrap_or_default();
    let said = text(message, ":error-message").map(ToOwned::to_owned);
    protocol::error::of_event(operation, response, shape, code, said, members)
}

fn event_value(
    shape: &'static Shape,
    message: &Message,
    codec: &dyn aws_smithy_schema::codec::DynCodec,
) -> Result<Map<String, Json>, String> {
    let known = catalog::members(shape);
    let mut read = Map::new();
    let payload = known.iter().find(|member| member.has(&MemberTrait::EventPayload));
    match payload {
        Some(member) => {
            let target = member.target().map_err(|error| error.to_string())?;
            let value = match target.kind {
                Kind::Blob => STANDARD.encode(message.payload()).into(),
                Kind::String => String::from_utf8_lossy(message.payload()).into_owned().into(),
                _ => structure(target, message, codec)?.into(),
            };
            read.insert(member.name.clone(), value);
        }
        None if !message.payload().is_empty() => read = structure(shape, message, codec)?,
        None => {}
    }
    for member in known.iter().filter(|member| member.has(&MemberTrait::EventHeader)) {
        if let Some(header) = message.headers().iter().find(|header| header.name().as_str() == member.name) {
            read.insert(member.name.clone(), header_value(header.value()));
        }
    }
    Ok(read)
}

fn structure(
    shape: &'static Shape,
    message: &Message,
    codec: &dyn aws_smithy_schema::codec::DynCodec,
) -> Result<Map<String, Json>, String> {
    let mut deserializer = codec.create_deserializer(message.payload());
    value::structure(shape, shape.schema(), &mut *deserializer).map_err(|error| error.to_string())
}

fn header_value(value: &HeaderValue) -> Json {
    match value {
        HeaderValue::Bool(value) => (*value).into(),
        HeaderValue::Byte(value) => (*value).into(),
        HeaderValue::Int16(value) => (*value).into(),
        HeaderValue::Int32(value) => (*value).into(),
        HeaderValue::Int64(value) => (*value).into(),
        HeaderValue::ByteArray(value) => STANDARD.encode(value).into(),
        HeaderValue::String(value) => value.as_str().into(),
        HeaderValue::Timestamp(value) => value::timestamp(*value),
        HeaderValue::Uuid(value) => format!("{value:032x}").into(),
        _ => Json::Null,
    }
}

fn text<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message
        .headers()
        .iter()
        .find(|header| header.name().as_str() == name)
        .and_then(|header| header.value().as_string().ok())
        .map(aws_smithy_types::str_bytes::StrBytes::as_str)
}
