//! A document of JSON that is one array, or an object whose only member is one.
//!
//! Enters: text, as much as there is so far. Leaves: the elements of the array, one after the other, each once its end
//! is there. A document that is no JSON, or another one, is told, and cannot be read any further.

use serde::de::IgnoredAny;

use super::cut::Cut;
use super::json_lines::said;

#[derive(Debug)]
pub struct Document {
    /// The name that the only member has.
    member: &'static str,
    /// The array is that member.
    is_member: bool,
    stage: Stage,
}

/// What must come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    /// The name of the member, a colon, the array.
    Name,
    Colon,
    Array,
    /// The first element, or the end.
    First,
    Element,
    /// A comma, or the end.
    Comma,
    /// The end of the object around the array.
    Close,
    /// Nothing but blanks.
    Rest,
}

impl Document {
    pub fn new(member: &'static str) -> Self {
        Self { member, is_member: false, stage: Stage::Begin }
    }

    pub fn cut<'t>(&mut self, text: &'t str, is_last: bool) -> Cut<'t> {
        let blanks = text.len() - text.trim_start_matches([' ', '\t', '\n', '\r']).len();
        if blanks > 0 {
            return Cut::Nothing(blanks);
        }
        let Some(next) = text.chars().next() else {
            return match (is_last, self.stage) {
                (false, _) => Cut::More,
                (true, Stage::Rest) => Cut::End,
                (true, _) => Cut::Unreadable("not JSON: it ends too early".to_owned()),
            };
        };
        self.stage = match (self.stage, next) {
            (Stage::Begin | Stage::Array, '[') => Stage::First,
            (Stage::Begin, '{') => {
                self.is_member = true;
                Stage::Name
            }
            (Stage::Colon, ':') => Stage::Array,
            (Stage::First | Stage::Comma, ']') if self.is_member => Stage::Close,
            (Stage::First | Stage::Comma, ']') | (Stage::Close, '}') => Stage::Rest,
            (Stage::Name, '"') | (Stage::First | Stage::Element, _) => return self.value(text, is_last),
            (Stage::Comma, ',') => Stage::Element,
            (Stage::Begin | Stage::Name | Stage::Array, _) | (Stage::Close, ',') => return self.another(),
            (Stage::Rest, _) => return Cut::Unreadable("not JSON: more follows its end".to_owned()),
            _ => return Cut::Unreadable("not JSON: expected a comma, a colon or an end".to_owned()),
        };
        Cut::Nothing(next.len_utf8())
    }

    /// The name of the member, or an element.
    fn value<'t>(&mut self, text: &'t str, is_last: bool) -> Cut<'t> {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
        let next = values.next();
        let length = values.byte_offset();
        match next {
            Some(Err(error)) if is_last || !is_at_end(&error, text) => {
                return Cut::Unreadable(format!("not JSON: {}", said(&error)));
            }
            // A number may go on.
            Some(Ok(_)) if length < text.len() || is_last => {}
            _ => return Cut::More,
        }
        let value = text.get(..length).unwrap_or_default();
        if self.stage != Stage::Name {
            self.stage = Stage::Comma;
            return Cut::Value(value, length);
        }
        self.stage = Stage::Colon;
        let is_it = serde_json::from_str::<String>(value).is_ok_and(|name| name == self.member);
        if is_it { Cut::Nothing(length) } else { self.another() }
    }

    fn another<'t>(&self) -> Cut<'t> {
        let what = "expected an array of items, or an object whose only member";
        Cut::Unreadable(format!("{what} `{}` is one", self.member))
    }
}

/// Whether the reader had come to the end: what follows may make it well formed, such as a number after its sign.
fn is_at_end(error: &serde_json::Error, text: &str) -> bool {
    let lines = text.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let last = text.rsplit('\n').next().map_or(0, str::len);
    (error.line(), error.column()) == (lines, last)
}
