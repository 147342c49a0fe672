//! Strict reading of an object whose fields are known.
//!
//! Enters: a JSON value and its path. Leaves: its fields, each in its type. A field that nobody reads is unknown and
//! refused, but for objects of AWS's own making ([`Fields::ignore_others`]). Every fault is reported with its path,
//! unknown fields with the nearest of the fields that the reader asked for.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::error::Faults;
use crate::json::{Path, kind};
use crate::suggest;

/// The fields of one object that are still to be read.
pub struct Fields<'a> {
    path: Path<'a>,
    left: Map<String, Value>,
    known: Vec<&'static str>,
    faults: &'a mut Faults,
}

/// Lets `read` take the fields out of an object. Afterwards what is left over is refused.
pub fn read_object<T>(
    value: Value,
    path: Path<'_>,
    faults: &mut Faults,
    read: impl FnOnce(&mut Fields<'_>) -> T,
) -> Option<T> {
    let Value::Object(left) = value else {
        faults.push(path.fault(mistyped("an object", &value)));
        return None;
    };
    let mut fields = Fields { path, left, known: Vec::new(), faults };
    let object = read(&mut fields);
    fields.refuse_unknown();
    Some(object)
}

/// The elements of an array of strings, each parsed.
pub fn read_texts<T>(
    value: Value,
    path: Path<'_>,
    faults: &mut Faults,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<Vec<T>> {
    let Value::Array(elements) = value else {
        faults.push(path.fault(mistyped("an array of strings", &value)));
        return None;
    };
    let mut texts = Vec::new();
    for (at, element) in elements.iter().enumerate() {
        match text(element).and_then(&parse) {
            Ok(value) => texts.push(value),
            Err(message) => faults.push(path.index(at).fault(message)),
        }
    }
    Some(texts)
}

/// Any string but the empty one.
pub fn some_text(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.to_owned()) }
}

impl Fields<'_> {
    pub fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    /// A string that `parse` understands.
    pub fn text<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.field(name, |value| text(&value).and_then(parse))
    }

    /// As [`Fields::text`], and a fault where the field is missing.
    pub fn required_text<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.require(name);
        self.text(name, parse)
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, name: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        self.text(name, |text| {
            words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
                let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                format!("`{}` is none of {}", suggest::shown(text), words.join(", "))
            })
        })
    }

    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.field(name, |value| value.as_bool().ok_or_else(|| mistyped("true or false", &value)))
    }

    pub fn integer(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.field(name, |value| {
            let expected = || format!("an integer from {} to {}", range.start(), range.end());
            let Value::Number(number) = &value else { return Err(mistyped(&expected(), &value)) };
            number
                .as_u64()
                .filter(|integer| range.contains(integer))
                .ok_or_else(|| format!("expected {}", expected()))
        })
    }

    /// An object that is the user's own.
    pub fn map(&mut self, name: &'static str) -> Option<Map<String, Value>> {
        self.field(name, |value| match value {
            Value::Object(map) => Ok(map),
            other => Err(mistyped("an object", &other)),
        })
    }

    /// A value that `read` understands, which reports its faults itself.
    pub fn read<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Value, Path<'_>, &mut Faults) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        read(&value, self.path.key(name), self.faults)
    }

    /// Any JSON, which is the user's own.
    pub fn any(&mut self, name: &'static str) -> Option<Value> {
        self.take(name)
    }

    /// An object with known fields of its own.
    pub fn object<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Fields<'_>) -> T) -> Option<T> {
        let value = self.take(name)?;
        read_object(value, self.path.key(name), self.faults, read)
    }

    /// An array of the user's own values.
    pub fn values(&mut self, name: &'static str) -> Option<Vec<Value>> {
        self.field(name, |value| match value {
            Value::Array(values) => Ok(values),
            other => Err(mistyped("an array", &other)),
        })
    }

    /// An array of strings, each of which `parse` understands.
    pub fn texts<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let value = self.take(name)?;
        read_texts(value, self.path.key(name), self.faults, parse)
    }

    /// An object of strings under names of the user's own.
    pub fn texts_by_name(&mut self, name: &'static str) -> Option<BTreeMap<String, String>> {
        let map = self.map(name)?;
        let path = self.path.key(name);
        let mut texts = BTreeMap::new();
        for (key, value) in map {
            match text(&value) {
                Ok(text) => _ = texts.insert(key, text.to_owned()),
                Err(message) => self.faults.push(path.key(&key).fault(message)),
            }
        }
        Some(texts)
    }

    /// An array of objects with known fields.
    pub fn objects<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Option<Vec<T>> {
        let value = self.take(name)?;
        let path = self.path.key(name);
        let Value::Array(elements) = value else {
            self.faults.push(path.fault(mistyped("an array of objects", &value)));
            return None;
        };
        let elements = elements.into_iter().enumerate();
        Some(
            elements.filter_map(|(at, it)| read_object(it, path.index(at), self.faults, &mut read)).collect(),
        )
    }

    /// What has not been read yet, as it came.
    pub fn rest(&self) -> &Map<String, Value> {
        &self.left
    }

    /// Lets what has not been read yet be: the object is of AWS's making, and may grow.
    pub fn ignore_others(&mut self) {
        self.left.clear();
    }

    /// A fault where the field is missing.
    pub fn require(&mut self, name: &str) {
        if !self.has(name) {
            self.fault(name, "missing");
        }
    }

    /// Refuses the field if it is there.
    pub fn refuse(&mut self, name: &'static str, message: impl Into<String>) {
        if self.take(name).is_some() {
            self.fault(name, message);
        }
    }

    pub fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.faults.push(self.path.key(name).fault(message));
    }

    fn field<T>(&mut self, name: &'static str, parse: impl FnOnce(Value) -> Result<T, String>) -> Option<T> {
        let value = self.take(name)?;
        parse(value).map_err(|message| self.fault(name, message)).ok()
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.left.remove(name)
    }

    fn refuse_unknown(self) {
        for name in self.left.keys() {
            // Each search for near names costs; a payload of nothing but unknown fields must not.
            let near = if self.faults.is_full() {
                Vec::new()
            } else {
                suggest::nearest(name, self.known.iter().copied())
            };
            self.faults
                .push(self.path.key(name).fault(format!("unknown field{}", suggest::did_you_mean(&near))));
        }
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| mistyped("a string", value))
}

fn mistyped(expected: &str, found: &Value) -> String {
    format!("expected {expected}, found {}", kind(found))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::{Error, Kind};

    fn faults_of<T>(value: Value, read: impl FnOnce(&mut Fields<'_>) -> T) -> Vec<String> {
        let mut faults = Faults::default();
        read_object(value, Path::Root(""), &mut faults, read);
        Error::faults(Kind::InvalidEvent, faults).faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_field_that_nobody_reads_is_unknown() {
        let value = json!({"text": "a", "tezt": 1, "zebra": {"x": 1}});
        let faults = faults_of(value, |fields| fields.text("text", some_text));
        assert_eq!(faults, ["tezt: unknown field, did you mean `text`?", "zebra: unknown field"]);
    }

    #[test]
    fn an_object_of_aws_may_have_more_fields() {
        let value = json!({"kinesis": {"data": 1, "more": 1}, "eventID": "1"});
        let faults = faults_of(value, |fields| {
            fields.object("kinesis", |kinesis| {
                kinesis.text("data", some_text);
                kinesis.ignore_others();
            });
            fields.ignore_others();
        });
        assert_eq!(faults, ["kinesis.data: expected a string, found an integer"]);
    }

    #[test]
    fn every_mistyped_field_is_reported() {
        let value = json!({
            "text": 1, "empty": "", "choice": "c", "flag": "true", "integer": 1.0, "range": 11, "word": "1",
            "map": [], "object": {"deep": null, "other": 1}, "texts": ["a", 2, ""], "objects": [{}, 7],
        });
        let faults = faults_of(value, |fields| {
            fields.text("text", some_text);
            fields.text("empty", some_text);
            fields.choice("choice", &[("a", 1), ("b", 2)]);
            fields.flag("flag");
            for integer in ["integer", "range", "word"] {
                fields.integer(integer, 1..=10);
            }
            fields.map("map");
            fields.object("object", |object| object.flag("deep"));
            fields.texts("texts", some_text);
            fields.objects("objects", |_| ());
            fields.required_text("missing", some_text);
        });
        assert_eq!(
            faults,
            [
                "text: expected a string, found an integer",
                "empty: must not be empty",
                "choice: `c` is none of `a`, `b`",
                "flag: expected true or false, found a string",
                "integer: expected an integer from 1 to 10",
                "range: expected an integer from 1 to 10",
                "word: expected an integer from 1 to 10, found a string",
                "map: expected an object, found an array",
                "object.deep: expected true or false, found null",
                "object.other: unknown field",
                "texts[1]: expected a string, found an integer",
                "texts[2]: must not be empty",
                "objects[1]: expected an object, found an integer",
                "missing: missing",
            ]
        );
    }

    #[test]
    fn only_an_object_has_fields() {
        for (value, found) in [(json!([]), "an array"), (json!(null), "null"), (json!("{}"), "a string")] {
            assert_eq!(faults_of(value, |_| ()), [format!("expected an object, found {found}")]);
        }
    }
}
