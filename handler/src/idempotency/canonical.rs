//! One text for values that mean the same, whatever the order in which their keys came.
//!
//! Enters: a JSON value. Leaves: its canonical text (no whitespace, the keys of every object sorted by their UTF-8
//! bytes, strings and numbers as `serde_json` writes them), or the SHA-256 of that text. Nothing fails.
//!
//! INVARIANT: the form never changes. Tokens and records of one version are met by the attempts of the next; a new
//! form takes a new version in the texts that are built on it.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// The canonical text.
pub fn text(value: &Json) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// The SHA-256 of the canonical text, in hexadecimal.
pub fn digest(value: &Json) -> String {
    hex::encode(Sha256::digest(text(value)))
}

fn write(value: &Json, out: &mut String) {
    match value {
        Json::Object(members) => {
            // Sorted here: which order a map keeps is a feature that any crate may switch.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(one, _), (other, _)| one.as_bytes().cmp(other.as_bytes()));
            out.push('{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Json::from(name.as_str()).to_string());
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Json::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_at_any_depth_and_lists_are_not() {
        let value = json!({"b": [{"z": 1, "a": null}, "2", 1.5], "a": {"é": true, "e": "\n\"é"}});
        assert_eq!(text(&value), r#"{"a":{"e":"\n\"é","é":true},"b":[{"a":null,"z":1},"2",1.5]}"#);
    }

    #[test]
    fn the_digest_is_sha_256_of_the_text() {
        // printf '{"a":1}' | sha256sum
        let expected = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862";
        assert_eq!(digest(&json!({"a": 1})), expected);
    }

    #[test]
    fn what_differs_has_another_text() {
        let texts =
            [json!({"a": "1"}), json!({"a": 1}), json!({"a": 1.0}), json!({"a": [1]}), json!({"a": null})];
        let texts: std::collections::BTreeSet<String> = texts.iter().map(text).collect();
        assert_eq!(texts.len(), 5);
    }
}
