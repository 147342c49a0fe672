//! Amazon SQS says what it stored as an MD5; an SDK compares it with the body that it sent or received.
//!
//! A difference means that the message in the queue is another: it is there, or was handed out, so the effect is done.

use md5::{Digest, Md5};
use serde_json::{Map, Value as Json};

use crate::catalog::Operation;
use crate::client::Answer;
use crate::effect::Effect;
use crate::error::{Error, Kind};

/// Compares the bodies that were sent with what the answer says.
pub fn check(operation: &Operation, answer: Answer, sent: &Map<String, Json>) -> Result<Answer, Error> {
    let matches = match operation.name.as_str() {
        "SendMessage" => is_stored(sent.get("MessageBody"), answer.members.get("MD5OfMessageBody")),
        "SendMessageBatch" => batch_is_stored(sent, &answer),
        "ReceiveMessage" => messages(&answer, "Messages")
            .iter()
            .all(|message| is_stored(message.get("Body"), message.get("MD5OfBody"))),
        _ => true,
    };
    if matches { Ok(answer) } else { Err(differs(&answer)) }
}

fn batch_is_stored(sent: &Map<String, Json>, answer: &Answer) -> bool {
    let entries = sent.get("Entries").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    messages(answer, "Successful").iter().all(|stored| {
        entries
            .iter()
            .find(|entry| entry.get("Id") == stored.get("Id"))
            .is_none_or(|entry| is_stored(entry.get("MessageBody"), stored.get("MD5OfMessageBody")))
    })
}

fn messages<'a>(answer: &'a Answer, member: &str) -> &'a [Json] {
    answer.members.get(member).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn is_stored(body: Option<&Json>, digest: Option<&Json>) -> bool {
    let Some(digest) = digest.and_then(Json::as_str) else { return true };
    let body = match body {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Object(form)) => form.get("$json").map(Json::to_string).unwrap_or_default(),
        _ => return true,
    };
    hex::encode(Md5::digest(body)) == digest
}

fn differs(answer: &Answer) -> Error {
    let mut error =
        Error::new(Kind::MalformedResponse, "the body is not the one that the queue stored: its MD5 differs")
            .with_effect(Effect::Done);
    error.status_code = Some(answer.status);
    error.request_id.clone_from(&answer.request_id);
    error.attempts = Some(answer.attempts);
    error
}
