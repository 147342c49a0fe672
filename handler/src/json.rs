//! JSON without the traps of lenient parsers.
//!
//! Enters: raw bytes. Leaves: a [`Value`] that says what the bytes say, and nothing less. Refused, each with its line
//! and column or its path: what is no JSON (RFC 8259), no UTF-8 or begins with a byte order mark, what follows the
//! value, nesting of 128 levels or more, more values than memory is kept for, numbers that no double or 64-bit integer
//! holds, and keys that stand twice in one object, of which parsers silently keep one. No fault quotes the content,
//! except for keys.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::{Fault, Faults};
use crate::suggest::shown;

/// Memory that the values of one document may take, in steps of 128 bytes: a few bytes of JSON can become hundreds of
/// times as many. The 262,144 bytes that Step Functions hands over at most do not come to this, whatever they say (the
/// dearest are objects in objects: five bytes for `{"":}`), and a function of 128 MB lives through it.
const MEMORY: usize = 650_000;

/// What values take, with all copies that a call makes of them, as measured: any of them; beyond it an array that is
/// not empty, an object that is not, and each of its members.
const VALUE: usize = 1;
const ARRAY: usize = 1;
const OBJECT: usize = 8;
const MEMBER: usize = 3;

/// Where in a document: text is made of it only where a fault needs it.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The document, under the name that paths into it begin with; may be empty.
    Root(&'a str),
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    #[must_use]
    pub fn key(&'a self, name: &'a str) -> Self {
        Self::Key(self, name)
    }

    #[must_use]
    pub fn index(&'a self, at: usize) -> Self {
        Self::Index(self, at)
    }

    pub fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.to_string(), message)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Index(parent, at) => write!(f, "{parent}[{at}]"),
            Self::Key(parent, name) => {
                parent.fmt(f)?;
                let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte));
                if name.is_empty() || !plain {
                    return write!(f, "[{}]", Value::from(shown(name)));
                }
                let dot = if matches!(parent, Self::Root("")) { "" } else { "." };
                write!(f, "{dot}{}", shown(name))
            }
        }
    }
}

/// The value that `raw` holds.
pub fn parse(raw: &[u8]) -> Result<Value, Faults> {
    let mut faults = Faults::default();
    match collect(raw, Path::Root(""), &mut faults) {
        Some(value) if faults.is_empty() => Ok(value),
        _ => Err(faults),
    }
}

/// As [`parse`], for a report that goes on: the value is returned even if keys stand twice or integers are too wide,
/// so that its reader's faults are listed beside these. Whoever finds faults must not use it.
pub fn collect(raw: &[u8], root: Path<'_>, faults: &mut Faults) -> Option<Value> {
    if raw.starts_with("\u{feff}".as_bytes()) {
        faults.push(root.fault("begins with a byte order mark"));
        return None;
    }
    let text = match std::str::from_utf8(raw) {
        Ok(text) => text,
        Err(error) => {
            faults.push(root.fault(format!("not UTF-8: invalid byte at offset {}", error.valid_up_to())));
            return None;
        }
    };
    let mut parser = serde_json::Deserializer::from_str(text);
    let memory = Cell::new(MEMORY);
    let parsed = Strict { path: root, faults: &mut *faults, memory: &memory }.deserialize(&mut parser);
    match parsed.and_then(|value| parser.end().map(|()| value)) {
        Ok(value) => {
            refuse_wide_integers(text, root, faults);
            Some(value)
        }
        Err(_) if memory.get() == 0 => {
            faults.push(root.fault("holds more values than any input of a state machine could"));
            None
        }
        Err(error) => {
            faults.push(root.fault(format!("not JSON: {error}")));
            None
        }
    }
}

/// What JSON calls the kind of a value, with its article.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Builds a value and remembers keys that stand twice.
struct Strict<'p, 'f> {
    path: Path<'p>,
    faults: &'f mut Faults,
    /// What is left of [`MEMORY`].
    memory: &'f Cell<usize>,
}

impl Strict<'_, '_> {
    fn take<E: serde::de::Error>(&self, memory: usize) -> Result<(), E> {
        self.memory.set(self.memory.get().saturating_sub(memory));
        if self.memory.get() == 0 { Err(E::custom("too many values")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.take(VALUE)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(Strict {
            path: self.path.index(array.len()),
            faults: &mut *self.faults,
            memory: self.memory,
        })? {
            if array.is_empty() {
                self.take(ARRAY)?;
            }
            array.push(element);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            self.take(if object.is_empty() { OBJECT + MEMBER } else { MEMBER })?;
            let path = self.path.key(&key);
            if object.contains_key(&key) {
                self.faults.push(path.fault("duplicate key"));
            }
            let seed = Strict { path, faults: &mut *self.faults, memory: self.memory };
            let value = members.next_value_seed(seed)?;
            object.insert(key, value);
        }
        Ok(object.into())
    }
}

/// The parser turns an integer that 64 bits do not hold into the nearest double without a word.
fn refuse_wide_integers(text: &str, root: Path<'_>, faults: &mut Faults) {
    let mut at = 0;
    // `text` is known to be JSON, so a quote outside a string opens one, and a digit begins a number.
    while let Some(rest) = text.as_bytes().get(at..).filter(|rest| !rest.is_empty()) {
        at += match rest {
            [b'"', inside @ ..] => 1 + string_length(inside),
            [b'-' | b'0'..=b'9', ..] => {
                let length = rest.iter().take_while(|byte| b"+-.eE0123456789".contains(byte)).count();
                if text.get(at..at + length).is_some_and(is_wide_integer) && !faults.is_full() {
                    let (line, column) = position(text, at);
                    faults.push(root.fault(format!(
                        "the integer at line {line} column {column} does not fit in 64 bits"
                    )));
                }
                length
            }
            _ => 1,
        };
    }
}

/// Bytes up to and with the closing quote.
fn string_length(inside: &[u8]) -> usize {
    let mut escaped = false;
    let end = inside.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    });
    end.map_or(inside.len(), |end| end + 1)
}

fn is_wide_integer(literal: &str) -> bool {
    !literal.contains(['.', 'e', 'E']) && literal.parse::<i64>().is_err() && literal.parse::<u64>().is_err()
}

/// Line and column as the parser counts them in its own messages: from one, columns in bytes.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, at - line_start + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::{Error, Kind};

    fn read(raw: impl AsRef<[u8]>) -> Result<Value, Vec<String>> {
        parse(raw.as_ref()).map_err(|faults| {
            Error::faults(Kind::InvalidEvent, faults).faults.iter().map(ToString::to_string).collect()
        })
    }

    fn refused(raw: impl AsRef<[u8]>) -> String {
        read(raw).unwrap_err().join("; ")
    }

    #[test]
    fn a_value_is_what_the_bytes_say() {
        let text = r#" {"a":[null,true,-1,18446744073709551615,-9223372036854775808,1.5,"é\ud83d\ude00\u0000"],"":{}} "#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(read(text).unwrap(), expected);
        assert_eq!(read("0").unwrap(), json!(0));
    }

    #[test]
    fn a_key_may_stand_once_in_an_object() {
        assert_eq!(refused(r#"{"a":1,"a":1}"#), "a: duplicate key");
        assert_eq!(refused(r#"{"a":[0,{"b c":{"d":1,"\u0064":2}}]}"#), r#"a[1]["b c"].d: duplicate key"#);
        assert_eq!(
            read(r#"{"a":1,"a":{"b":1,"b":1}}"#).unwrap_err(),
            ["a: duplicate key", "a.b: duplicate key"]
        );
        assert!(read(r#"{"a":{"a":1},"b":{"a":1},"A":[{"a":1},{"a":1}]}"#).is_ok());
    }

    #[test]
    fn nothing_may_follow_the_value() {
        for text in ["{} {}", "{}x", "{},", "1 2", "{}\0"] {
            assert!(refused(text).starts_with("not JSON: trailing characters at line 1 column"), "{text}");
        }
    }

    #[test]
    fn only_utf8_without_a_mark_is_read() {
        assert_eq!(refused(b"\xef\xbb\xbf{}"), "begins with a byte order mark");
        assert_eq!(refused(b"\xff\xfe{\0}\0"), "not UTF-8: invalid byte at offset 0");
        assert_eq!(refused(b"{\"a\":\"\xe9\"}"), "not UTF-8: invalid byte at offset 6");
        assert_eq!(refused(b"\"\xed\xa0\x80\""), "not UTF-8: invalid byte at offset 1");
        assert_eq!(refused(b"{\0}\0"), "not JSON: key must be a string at line 1 column 2");
        assert!(refused(r#""\ud800""#).starts_with("not JSON: unexpected end of hex escape"));
        assert!(refused("\"\n\"").starts_with("not JSON: control character"));
    }

    /// The inputs that cost most, at the size that Step Functions can hand over, and at that of a direct invocation.
    #[test]
    fn memory_ends_before_a_function_does() {
        let nested = format!("{}1{},", r#"{"":"#.repeat(120), "}".repeat(120));
        for unit in ["1,", "[],", "[1],", "\"\",", r#"{"":1},"#, r#"{"":[1]},"#, &nested] {
            let list = |bytes: usize| format!("[{}0]", unit.repeat(bytes / unit.len() - 1));
            assert!(read(list(262_144)).is_ok(), "{unit}");
            assert_eq!(refused(list(6_000_000)), "holds more values than any input of a state machine could");
        }
        let keys = |count: u32| (0..count).map(|at| format!("\"{at}\":1")).collect::<Vec<_>>().join(",");
        assert!(read(format!("{{{}}}", keys(30_000))).is_ok());
        assert!(refused(format!("{{{}}}", keys(500_000))).starts_with("holds more values"));
    }

    #[test]
    fn nesting_ends_at_the_parsers_limit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(127)).is_ok());
        for depth in [128, 10_000, 1_000_000] {
            assert_eq!(refused(nested(depth)), "not JSON: recursion limit exceeded at line 1 column 128");
        }
        assert!(refused("{\"a\":".repeat(10_000)).contains("recursion limit"));
    }

    #[test]
    fn an_integer_is_exact_or_refused() {
        assert_eq!(read("18446744073709551615").unwrap(), json!(u64::MAX));
        let wide = "the integer at line 2 column 6 does not fit in 64 bits";
        for literal in ["18446744073709551616", "-9223372036854775809", &"9".repeat(1_000)] {
            assert!(literal.len() > 300 || refused(format!("{{\n\"a\": {literal}}}")) == wide, "{literal}");
            assert!(read(literal).is_err(), "{literal}");
        }
        // What is written as a real number is one; a string is not looked into, whatever it escapes.
        assert_eq!(
            read("[1.0,1e20,123456789012345678901234.5]").unwrap(),
            json!([1.0, 1e20, 123_456_789_012_345_678_901_234.5])
        );
        assert!(read(r#"{"99999999999999999999":"\\\"99999999999999999999","b":"\\"}"#).is_ok());
        assert_eq!(read(r#"["\\",99999999999999999999,"\"",99999999999999999999]"#).unwrap_err().len(), 2);
        assert!(read("-0").unwrap().is_f64());
    }

    #[test]
    fn a_number_outside_of_double_is_refused() {
        assert_eq!(refused("[1e400]"), "not JSON: number out of range at line 1 column 6");
        for text in ["NaN", "Infinity", "-Infinity", "01", "+1", "1.", ".5", "0x10", "1_000"] {
            assert!(refused(text).starts_with("not JSON: "), "{text}");
        }
    }

    #[test]
    fn real_numbers_come_back_as_the_nearest_double() {
        for number in [0.1, 31.245_270_191_439_438, 5e-324, f64::MAX, 121.484_910_005_767_95] {
            assert_eq!(read(format!("{number:e}")).unwrap(), json!(number), "{number:e}");
        }
    }

    #[test]
    fn what_is_no_json_is_placed_but_not_quoted() {
        for text in [
            "",
            " ",
            "{\"password\": hunter2}",
            "{'password': 1}",
            "{\"password\"",
            "[1,]",
            "nul",
            "{\"a\":1 \"b\":2}",
        ] {
            let message = refused(text);
            assert!(message.starts_with("not JSON: ") && message.contains("at line 1 column"), "{message}");
            assert!(!message.contains("password") && !message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn paths_show_keys_within_reason() {
        let root = Path::Root("TABLE");
        let long = "k".repeat(1_000_000);
        assert_eq!(root.index(3).key("a").key("x\ny").key("").to_string(), r#"TABLE[3].a["x\ny"][""]"#);
        assert_eq!(root.key(&long).to_string().chars().count(), "TABLE.".len() + 65);
    }
}
