//! What the contract says of every error, whatever led to it.

use handler::error::{Error, Kind, MESSAGE_LIMIT};
use serde_json::Value;

const KINDS: [Kind; 13] = [
    Kind::InvalidEvent,
    Kind::InvalidParameters,
    Kind::UnknownService,
    Kind::UnknownOperation,
    Kind::NotAllowed,
    Kind::EndpointUnresolved,
    Kind::Unreachable,
    Kind::OutcomeUnknown,
    Kind::DeadlineExceeded,
    Kind::ResultTooLarge,
    Kind::MalformedResponse,
    Kind::RemoteError,
    Kind::Internal,
];

/// What the handler says where there are no credentials, which is no bug of its own.
const UNSIGNED: &str = "no credentials could be loaded to sign the request";

pub fn is_ours(name: &str) -> bool {
    KINDS.iter().any(|kind| kind.name() == name)
}

pub fn well_formed(error: &Error) -> Result<(), String> {
    let message = error.to_message();
    let name = error.name();
    let faults = [
        (name.is_empty() || name.chars().count() > 256, "a name that is none"),
        (name.starts_with("States.") || name.starts_with("Lambda."), "a name that is not a callee's"),
        (name.starts_with("CrossRegion.") && !is_ours(name), "a name that the contract does not know"),
        (name == Kind::Internal.name() && error.message != UNSIGNED, "a bug"),
        (message.contains('\n'), "several lines"),
        (message.len() > MESSAGE_LIMIT, "too long"),
        (
            !serde_json::from_str(&message).is_ok_and(|it: Value| it.is_object()),
            "a message that is no JSON object",
        ),
    ];
    match faults.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, fault)) => Err(format!("{fault}: {error}")),
        None => Ok(()),
    }
}
