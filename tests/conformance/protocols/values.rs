//! Parameters and results of botocore's suites in the contract's form.
//!
//! Enters: a value and the shape that it has in the case's model. Leaves: the value as an event would carry it, or as
//! the handler answers it: blobs in base64, bodies as text, timestamps in ISO 8601. Fails by panicking where a value
//! does not have its shape.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// The shapes of a case's model.
#[derive(Clone, Copy)]
pub struct Shapes<'a>(pub &'a Value);

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    In,
    Out,
}

impl Shapes<'_> {
    pub fn parameters(self, reference: &Value, value: &Value) -> Map<String, Value> {
        self.top(Direction::In, reference, value)
    }

    pub fn result(self, reference: &Value, value: &Value) -> Value {
        Value::Object(self.top(Direction::Out, reference, value))
    }

    fn top(self, direction: Direction, reference: &Value, value: &Value) -> Map<String, Value> {
        if reference.is_null() {
            return value.as_object().cloned().unwrap_or_default();
        }
        match self.value(direction, reference, value) {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    fn value(self, direction: Direction, reference: &Value, value: &Value) -> Value {
        let shape = &self.0[reference["shape"].as_str().unwrap_or_default()];
        if value.is_null() {
            return Value::Null;
        }
        if reference["jsonvalue"] == true || shape["jsonvalue"] == true {
            return match (direction, value) {
                (_, Value::String(text)) => text.clone().into(),
                (Direction::In, value) => json!({ "$json": value }),
                (Direction::Out, value) => value.to_string().into(),
            };
        }
        match (shape["type"].as_str().unwrap_or_default(), value) {
            ("structure", _) if shape["document"] == true => value.clone(),
            ("structure", Value::Object(members)) => members
                .iter()
                .map(|(name, value)| {
                    let member = &shape["members"][name];
                    let target = &self.0[member["shape"].as_str().unwrap_or_default()];
                    let is_body = shape["payload"] == **name && target["type"] == "blob";
                    let value = if is_body { value.clone() } else { self.value(direction, member, value) };
                    (name.clone(), value)
                })
                .collect(),
            // A stream of events is an array of them.
            ("structure", Value::Array(events)) => {
                events.iter().map(|event| self.value(direction, reference, event)).collect()
            }
            ("list", Value::Array(items)) => {
                items.iter().map(|item| self.value(direction, &shape["member"], item)).collect()
            }
            ("map", Value::Object(entries)) => entries
                .iter()
                .map(|(key, value)| (key.clone(), self.value(direction, &shape["value"], value)))
                .collect(),
            ("blob", Value::String(text)) => STANDARD.encode(text).into(),
            ("timestamp", Value::Number(seconds)) => {
                let time = seconds.as_i64().map_or_else(
                    || DateTime::from_secs_f64(seconds.as_f64().unwrap_or_default()),
                    DateTime::from_secs,
                );
                iso(time).into()
            }
            _ => value.clone(),
        }
    }
}

/// With milliseconds, as the contract has it.
fn iso(time: DateTime) -> String {
    let whole = DateTime::from_secs(time.secs()).fmt(Format::DateTime).unwrap_or_default();
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), time.subsec_nanos() / 1_000_000)
}
