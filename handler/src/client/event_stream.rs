//! Event-stream answers as an array of one-key objects, in order.
//!
//! Enters: a whole answer body of event frames. Leaves: the output with its stream member as an array. Fails where a
//! frame is damaged, or where the stream ends in an error of the service.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_schema::protocol::SharedClientProtocol;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::event_stream::{HeaderValue, Message};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use crate::catalog;
use crate::catalog::model::{MemberTrait, ShapeTrait};
use crate::catalog::shape::{Kind, Member, Shape};
use crate::output::value;

/// The member of an output that is an event stream.
pub fn member(output: &'static Shape) -> Option<&'static Member> {
    catalog::members(output)
        .iter()
        .find(|member| member.target().is_ok_and(|shape| shape.has(&ShapeTrait::EventStream)))
}

/// All events, and what the answer's headers or its initial message say besides.
pub fn read(
    output: &'static Shape,
    stream: &'static Member,
    response: &HttpResponse,
    cfg: &ConfigBag,
) -> Result<Map<String, Json>, String> {
    let protocol = cfg.load::<SharedClientProtocol>().ok_or("no protocol is configured")?;
    let codec = protocol.payload_codec().ok_or("the protocol has no event payloads")?;
    let target = stream.target().map_err(|error| error.to_string())?;
    let mut bytes = bytes::Bytes::copy_from_slice(response.body().bytes().unwrap_or_default());
    let mut decoder = MessageFrameDecoder::new();
    let mut members = Map::new();
    for (name, header) in header_members(output, response) {
        members.insert(name, header);
    }
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let message = match decoder.decode_frame(&mut bytes).map_err(|error| error.to_string())? {
            DecodedFrame::Complete(message) => message,
            DecodedFrame::Incomplete => return Err("the event stream is cut off".to_owned()),
        };
        let kind = text(&message, ":message-type").unwrap_or("event");
        if kind != "event" {
            let code =
                text(&message, ":exception-type").or(text(&message, ":error-code")).unwrap_or_default();
            return Err(format!("the event stream ended with `{code}`"));
        }
        let name = text(&message, ":event-type").unwrap_or_default();
        if name == "initial-response" {
            let mut deserializer = codec.create_deserializer(message.payload());
            members.extend(
                value::structure(output, output.schema(), &mut *deserializer)
                    .map_err(|error| error.to_string())?,
            );
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

fn header_members<'a>(
    output: &'static Shape,
    response: &'a HttpResponse,
) -> impl Iterator<Item = (String, Json)> + 'a {
    catalog::members(output).iter().filter_map(|member| {
        let header = member.traits.iter().find_map(|it| match it {
            MemberTrait::Header(name) => response.headers().get(name.as_str()),
            _ => None,
        })?;
        Some((member.name.clone(), header.into()))
    })
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
