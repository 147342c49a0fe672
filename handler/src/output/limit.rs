//! The size of a result: Step Functions fails an execution, uncatchably, above 262,144 bytes of state.
//!
//! Enters: the result JSON and the limit in bytes. Leaves: the serialised result. Fails with
//! `CrossRegion.ResultTooLarge`, `effect: "done"`, the size, and the ways out. Nothing is cut.

use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::effect::Effect;
use crate::error::{Error, Kind};

/// The result as it goes to the Runtime API: compact JSON, written once.
pub fn check(result: &Json, limit: usize) -> Result<Box<RawValue>, Error> {
    let text = serde_json::value::to_raw_value(result).map_err(|_| {
        Error::new(Kind::Internal, "the result cannot be written as JSON").with_effect(Effect::Done)
    })?;
    let size = text.get().len();
    if size > limit { Err(too_large(Some(size), limit)) } else { Ok(text) }
}

/// `size` where it is known: a body is read no further than the limit.
pub fn too_large(size: Option<usize>, limit: usize) -> Error {
    let found = size.map_or_else(
        || "the result is larger".to_owned(),
        |size| format!("the result has {size} bytes, more"),
    );
    Error::new(
        Kind::ResultTooLarge,
        format!(
            "{found} than the limit of {limit}: ask for less, for fewer at once, or for `resultTo`, which stores it in \
             S3; the call itself is done"
        ),
    )
    .with_effect(Effect::Done)
}

/// Of a body that would be more parts than S3 takes.
pub fn too_large_to_store(limit: u64) -> Error {
    let message = format!("the body is larger than the {limit} bytes that can be uploaded");
    Error::new(Kind::ResultTooLarge, message).with_effect(Effect::Done)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_limit_counts_bytes_of_compact_json() {
        let result = json!({"é": [1, "\n"]});
        assert_eq!(check(&result, result.to_string().len()).unwrap().get(), result.to_string());
        let error = check(&result, result.to_string().len() - 1).unwrap_err();
        assert_eq!((error.name(), error.effect), ("CrossRegion.ResultTooLarge", Effect::Done));
    }
}
