//! Event streams: messages in frames, each with two checksums, without which every change would end at the first.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use fastrand::Rng;

use crate::mutation::{text, whole};

const NAMES: [&str; 6] =
    [":message-type", ":event-type", ":exception-type", ":error-code", ":error-message", ":content-type"];

/// Messages read, one of them changed, and written again; now and then the bytes themselves.
pub fn mutated(input: &[u8], limit: usize, random: &mut Rng) -> Vec<u8> {
    let mut messages = if random.u8(..4) > 0 { read(input) } else { Vec::new() };
    if messages.is_empty() {
        let bytes = whole(input, limit);
        return if random.bool() { sealed(bytes) } else { bytes };
    }
    let at = random.usize(..messages.len());
    match random.u8(..16) {
        0 => drop(messages.remove(at)),
        1 => messages.insert(random.usize(..=messages.len()), messages[at].clone()),
        2 => messages.swap(at, 0),
        _ => messages[at] = changed(&messages[at], limit.saturating_sub(input.len()), random),
    }
    let mut bytes = Vec::new();
    for message in &messages {
        // What is too long for a frame is left out.
        _ = write_message_to(message, &mut bytes);
    }
    bytes
}

fn read(input: &[u8]) -> Vec<Message> {
    let mut rest = input;
    let mut decoder = MessageFrameDecoder::new();
    let mut messages = Vec::new();
    while let Ok(DecodedFrame::Complete(message)) = decoder.decode_frame(&mut rest) {
        messages.push(message);
    }
    messages
}

fn changed(message: &Message, room: usize, random: &mut Rng) -> Message {
    let payload = message.payload();
    let mut headers = message.headers().to_vec();
    if headers.is_empty() || random.bool() {
        return Message::new_from_parts(headers, text(payload, payload.len() + room, random));
    }
    let at = random.usize(..headers.len());
    let (name, value) = (headers[at].name().clone(), headers[at].value().clone());
    match random.u8(..8) {
        0 => drop(headers.remove(at)),
        1 => headers.insert(at, headers[random.usize(..headers.len())].clone()),
        2 => headers[at] = Header::new(NAMES[random.usize(..NAMES.len())], value),
        3 => headers[at] = Header::new(name, any_value(random)),
        4 => headers[at] = Header::new(lossy(name.as_str().as_bytes(), room), value),
        _ => {
            let value = value.as_string().map(|it| it.as_str().to_owned()).unwrap_or_default();
            headers[at] = Header::new(name, HeaderValue::String(lossy(value.as_bytes(), room).into()));
        }
    }
    Message::new_from_parts(headers, payload.clone())
}

/// A header is UTF-8 by its type.
fn lossy(text: &[u8], room: usize) -> String {
    String::from_utf8_lossy(&whole(text, text.len() + room.min(100))).into_owned()
}

fn any_value(random: &mut Rng) -> HeaderValue {
    match random.u8(..9) {
        0 => HeaderValue::Bool(random.bool()),
        1 => HeaderValue::Byte(random.i8(..)),
        2 => HeaderValue::Int16(random.i16(..)),
        3 => HeaderValue::Int32(random.i32(..)),
        4 => HeaderValue::Int64(random.i64(..)),
        5 => HeaderValue::ByteArray(vec![random.u8(..); random.usize(..8)].into()),
        6 => HeaderValue::String("event".into()),
        7 => HeaderValue::Timestamp(aws_smithy_types::DateTime::from_secs(random.i64(..))),
        _ => HeaderValue::Uuid(random.u128(..)),
    }
}

/// Both checksums of each frame set right, as far as its lengths lead.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut start = 0;
    while let Some(frame) = bytes.get_mut(start..) {
        let Some((length, _)) = frame.split_first_chunk() else { break };
        let length = u32::from_be_bytes(*length) as usize;
        let Some(frame) = frame.get_mut(..length).filter(|frame| frame.len() >= 16) else { break };
        let prelude = crc32fast::hash(&frame[..8]);
        frame[8..12].copy_from_slice(&prelude.to_be_bytes());
        let message = crc32fast::hash(&frame[..length - 4]);
        frame[length - 4..].copy_from_slice(&message.to_be_bytes());
        start += length;
    }
    bytes
}
