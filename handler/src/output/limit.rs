//! The size of a result: Step Functions fails an execution, uncatchably, above 262,144 bytes of state.
//!
//! Enters: the result JSON and the limit in bytes. Leaves: the serialised result. Fails with
//! `CrossRegion.ResultTooLarge`, `effect: "done"`, the size, and the ways out. Nothing is cut.

use serde_json::Value as Json;

use crate::effect::Effect;
use crate::error::{Error, Kind};

/// The result as it goes to the Runtime API.
pub fn check(result: &Json, limit: usize) -> Result<(), Error> {
    let size = size_of(result);
    if size > limit { Err(too_large(Some(size), limit)) } else { Ok(()) }
}

/// `size` where it is known: a body is read no further than the limit.
pub fn too_large(size: Option<usize>, limit: usize) -> Error {
    let found = size.map_or_else(|| "the result is larger".to_owned(), |size| format!("the result has {size} bytes, more"));
    Error::new(
        Kind::ResultTooLarge,
        format!("{found} than the limit of {limit}: ask for less, or for fewer at once; the call itself is done"),
    )
    .with_effect(Effect::Done)
}

/// Bytes of the compact JSON, without writing it.
fn size_of(result: &Json) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, result) {
        Ok(()) => counter.0,
        Err(_) => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_limit_counts_bytes_of_compact_json() {
        let result = json!({"é": [1, "\n"]});
        assert_eq!(size_of(&result), result.to_string().len());
        assert!(check(&result, result.to_string().len()).is_ok());
        let error = check(&result, result.to_string().len() - 1).unwrap_err();
        assert_eq!((error.name(), error.effect), ("CrossRegion.ResultTooLarge", Effect::Done));
    }
}
