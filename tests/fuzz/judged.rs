//! What the contract says of every error, whatever led to it.

use std::sync::LazyLock;

use handler::error::{Error, Kind, MESSAGE_LIMIT};
use serde_json::Value;

/// The names of our own that `handler/README.md` lists: the first cell of a row holds one or several.
static OURS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let contract = tests::text(&tests::root().join("handler/README.md"));
    let rows = contract.lines().filter_map(|line| line.strip_prefix("| `CrossRegion."));
    let names = rows.flat_map(|row| row.split('|').next().unwrap_or_default().split('`').step_by(2));
    names.filter(|name| !name.is_empty()).map(|name| format!("CrossRegion.{name}")).collect()
});

/// What the handler says where there are no credentials, which is no bug of its own.
const UNSIGNED: &str = "no credentials could be loaded to sign the request";

pub fn is_ours(name: &str) -> bool {
    OURS.iter().any(|ours| ours == name)
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
