//! A blob that is the whole HTTP body, as JSON.
//!
//! Enters: the bytes, the answer's Content-Type, and `bodyAs`. Leaves: text, a JSON value, or `{"$base64": …}`;
//! `auto` follows Content-Type and never guesses from the content. Fails where the caller asked for a form that the
//! bytes do not have.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use crate::effect::Effect;
use crate::error::{Error, Kind};
use crate::event::BodyAs;

/// The body under the chosen form. The call is done when this fails, so the error says `effect: "done"`.
pub fn render(bytes: &[u8], content_type: Option<&str>, body_as: BodyAs) -> Result<Json, Error> {
    let text = || std::str::from_utf8(bytes).map_err(|_| wrong("is not UTF-8"));
    let parsed = || crate::json::parse(bytes).ok();
    match body_as {
        BodyAs::Base64 => Ok(STANDARD.encode(bytes).into()),
        BodyAs::Text => text().map(Json::from),
        BodyAs::Json => parsed().ok_or_else(|| wrong("is not JSON")),
        BodyAs::Auto => Ok(content_type
            .filter(|it| is_json(it))
            .and_then(|_| parsed())
            .or_else(|| text().ok().map(Json::from))
            .unwrap_or_else(|| json!({ "$base64": STANDARD.encode(bytes) }))),
    }
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json" || media_type == "text/json" || media_type.ends_with("+json")
}

fn wrong(what: &str) -> Error {
    Error::new(Kind::MalformedResponse, format!("the body {what}; `bodyAs` may be `auto` or `base64`"))
        .with_effect(Effect::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_follows_the_content_type_and_never_guesses() {
        let auto = |bytes: &[u8], content_type| render(bytes, content_type, BodyAs::Auto).unwrap();
        assert_eq!(auto(b"{\"a\":1}", Some("application/json; charset=utf-8")), json!({"a": 1}));
        assert_eq!(auto(b"{\"a\":1}", Some("application/vnd.api+json")), json!({"a": 1}));
        assert_eq!(auto(b"{\"a\":1}", Some("text/plain")), json!("{\"a\":1}"));
        assert_eq!(auto(b"{\"a\":1}", None), json!("{\"a\":1}"));
        assert_eq!(auto(b"{", Some("application/json")), json!("{"));
        assert_eq!(auto(b"\xff", Some("application/json")), json!({"$base64": "/w=="}));
        assert_eq!(auto(b"", None), json!(""));
    }

    #[test]
    fn a_form_that_the_bytes_do_not_have_is_an_error_after_the_effect() {
        for (body_as, bytes) in [(BodyAs::Text, &b"\xff"[..]), (BodyAs::Json, b"{")] {
            let error = render(bytes, None, body_as).unwrap_err();
            assert_eq!((error.name(), error.effect), ("CrossRegion.MalformedResponse", Effect::Done));
        }
    }
}
