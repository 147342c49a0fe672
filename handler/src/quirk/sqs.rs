//! Amazon SQS says what it stored as an MD5; an SDK that sent a body compares.
//!
//! A difference means that what is in the queue is not what was sent: the message is there, so the effect is done.

use md5::{Digest, Md5};
use serde_json::{Map, Value as Json};

use super::glacier::hex;
use crate::catalog::Operation;
use crate::client::Answer;
use crate::effect::Effect;
use crate::error::{Error, Kind};

/// Compares the bodies that were sent with what the answer says.
pub fn check(operation: &Operation, answer: Answer, sent: &Map<String, Json>) -> Result<Answer, Error> {
    let matches = match operation.name.as_str() {
        "SendMessage" => is_stored(sent.get("MessageBody"), answer.members.get("MD5OfMessageBody")),
        "SendMessageBatch" => batch_is_stored(sent, &answer),
        _ => true,
    };
    if matches { Ok(answer) } else { Err(differs(&answer)) }
}

fn batch_is_stored(sent: &Map<String, Json>, answer: &Answer) -> bool {
    let entries = sent.get("Entries").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let stored =
        answer.members.get("Successful").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    stored.iter().all(|stored| {
        entries
            .iter()
            .find(|entry| entry.get("Id") == stored.get("Id"))
            .is_none_or(|entry| is_stored(entry.get("MessageBody"), stored.get("MD5OfMessageBody")))
    })
}

fn is_stored(body: Option<&Json>, digest: Option<&Json>) -> bool {
    let Some(digest) = digest.and_then(Json::as_str) else { return true };
    let body = match body {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Object(form)) => form.get("$json").map(Json::to_string).unwrap_or_default(),
        _ => return true,
    };
    hex(&Md5::digest(body)) == digest
}

fn differs(answer: &Answer) -> Error {
    let mut error =
        Error::new(Kind::MalformedResponse, "the queue stored another body than was sent: its MD5 differs")
            .with_effect(Effect::Done);
    error.status_code = Some(answer.status);
    error.request_id.clone_from(&answer.request_id);
    error.attempts = Some(answer.attempts);
    error
}
