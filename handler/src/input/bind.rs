//! JSON parameters against an input shape: every fault with its path, nothing dropped, nothing coerced.
//!
//! Enters: the operation and its parameters. Leaves: a [`Structure`]; faults are collected on the way, so that one
//! report names all of them. Fails itself only where the models are damaged.

use aws_smithy_types::date_time::Format;
use aws_smithy_types::{Blob, DateTime, Document, Number};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use super::value::{Structure, Value};
use crate::catalog::model::{MemberTrait, ShapeTrait};
use crate::catalog::shape::{Kind, Member, Shape};
use crate::catalog::{self, Operation};
use crate::error::{Error, Fault, Faults};
use crate::idempotency::token;
use crate::json::Path;
use crate::spelling::Spelling;
use crate::suggest;

/// The explicit forms of blobs, and of strings that carry JSON.
const FORMS: [&str; 3] = ["$base64", "$text", "$json"];

/// Binds the top level.
pub fn input(
    operation: &'static Operation,
    parameters: &Map<String, Json>,
    spelling: Spelling,
    faults: &mut Faults,
) -> Result<Structure, Error> {
    let mut binder = Binder { service: operation.service.id(), spelling, faults };
    let Some(shape) = operation.input else {
        for name in parameters.keys() {
            binder.fault(
                &format!("parameters.{}", suggest::shown(name)),
                "unknown member: the action takes no parameters",
            );
        }
        return Ok(Structure::new(None, Vec::new()));
    };
    binder.structure(shape, catalog::members(shape), parameters, "parameters")
}

/// A blob among the parameters of a procedure, in the forms that a blob inside a body has.
pub(crate) fn blob(json: &Json, path: Path<'_>, faults: &mut Faults) -> Option<Vec<u8>> {
    let mut binder = Binder { service: "", spelling: Spelling::Model, faults };
    match binder.blob(json, &path.to_string())? {
        Value::Blob(blob) => Some(blob.into_inner()),
        _ => None,
    }
}

struct Binder<'a> {
    service: &'static str,
    /// In which paths are told; the members that come here are under the model's names.
    spelling: Spelling,
    faults: &'a mut Faults,
}

impl Binder<'_> {
    fn fault(&mut self, path: &str, message: impl Into<String>) {
        self.faults.push(Fault::new(path, message));
    }

    fn structure(
        &mut self,
        shape: &'static Shape,
        members: &'static [Member],
        given: &Map<String, Json>,
        path: &str,
    ) -> Result<Structure, Error> {
        for name in given.keys().filter(|name| !members.iter().any(|member| member.name == **name)) {
            // Each search for near names costs; parameters of nothing but unknown members must not.
            let near = if self.faults.is_full() {
                Vec::new()
            } else {
                suggest::nearest(name, members.iter().map(|member| member.name.as_str()))
            };
            let at = format!("{path}.{}", suggest::shown(name));
            self.fault(&at, format!("unknown member{}", suggest::did_you_mean(&near)));
        }
        let mut bound = Vec::new();
        // A token is filled in later, as every SDK does, though only at the top.
        let is_filled = |member: &Member| path == "parameters" && token::is_token(member);
        let (service, spelling) = (self.service, self.spelling);
        for (at, member) in members.iter().enumerate() {
            let path = || format!("{path}.{}", spelling.member(service, shape, &member.name));
            match given.get(&member.name) {
                None | Some(Json::Null) => {
                    if member.has(&MemberTrait::Required) && !is_filled(member) {
                        self.fault(&path(), "missing required member");
                    }
                }
                Some(json) => {
                    if let Some(value) = self.member(member, json, &path())? {
                        bound.push((at, value));
                    }
                }
            }
        }
        Ok(Structure::new(Some(shape), bound))
    }

    fn member(&mut self, member: &'static Member, json: &Json, path: &str) -> Result<Option<Value>, Error> {
        let target = member.target()?;
        if (member.has(&MemberTrait::Label) || member.has(&MemberTrait::HostLabel))
            && json.as_str() == Some("")
        {
            self.fault(path, "must not be empty: it is part of the address");
            return Ok(None);
        }
        if member.is_payload() && matches!(target.kind, Kind::Blob) {
            return Ok(self.body(json, path));
        }
        self.value(target, json, path)
    }

    /// `None` after a fault.
    fn value(&mut self, shape: &'static Shape, json: &Json, path: &str) -> Result<Option<Value>, Error> {
        Ok(match &shape.kind {
            Kind::String => self.string(json, path).map(Value::String),
            Kind::Boolean => match json {
                Json::Bool(value) => Some(Value::Boolean(*value)),
                other => self.mismatch(path, "true or false", other),
            },
            Kind::Integer => self
                .integer(json, path, i64::from(i32::MIN), i64::from(i32::MAX))
                .and_then(|value| Some(Value::Integer(i32::try_from(value).ok()?))),
            Kind::Long => self.integer(json, path, i64::MIN, i64::MAX).map(Value::Long),
            Kind::Float => self.float(json, path).and_then(|value| {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a float member is 32 bits wide; overflow is caught below"
                )]
                let narrow = value as f32;
                if narrow.is_infinite() && value.is_finite() {
                    self.fault(path, "out of range of a 32-bit float");
                    return None;
                }
                Some(Value::Float(narrow))
            }),
            Kind::Double => self.float(json, path).map(Value::Double),
            Kind::Timestamp => self.timestamp(json, path).map(Value::Timestamp),
            Kind::Blob => self.blob(json, path),
            Kind::Document => Some(Value::Document(document(json))),
            Kind::List(element) => self.list(shape, element, json, path)?,
            Kind::Map(key, value) => self.map(shape, key, value, json, path)?,
            Kind::Structure(members) => match json {
                Json::Object(given) => Some(Value::Structure(self.structure(shape, members, given, path)?)),
                other => self.mismatch(path, "an object", other),
            },
            Kind::Union(members) => self.union(shape, members, json, path)?,
        })
    }

    fn list(
        &mut self,
        shape: &'static Shape,
        element: &'static Member,
        json: &Json,
        path: &str,
    ) -> Result<Option<Value>, Error> {
        let Json::Array(items) = json else { return Ok(self.mismatch(path, "an array", json)) };
        let target = element.target()?;
        let sparse = shape.has(&ShapeTrait::Sparse);
        let mut values = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}[{at}]");
            values.extend(self.element(target, sparse, item, &path)?);
        }
        Ok(Some(Value::List(element, values)))
    }

    fn map(
        &mut self,
        shape: &'static Shape,
        key: &'static Member,
        value: &'static Member,
        json: &Json,
        path: &str,
    ) -> Result<Option<Value>, Error> {
        let Json::Object(given) = json else { return Ok(self.mismatch(path, "an object", json)) };
        let target = value.target()?;
        let sparse = shape.has(&ShapeTrait::Sparse);
        let mut entries = Vec::with_capacity(given.len());
        for (name, item) in given {
            let path = format!("{path}.{}", suggest::shown(name));
            entries.extend(self.element(target, sparse, item, &path)?.map(|item| (name.clone(), item)));
        }
        Ok(Some(Value::Map(key, value, entries)))
    }

    fn element(
        &mut self,
        target: &'static Shape,
        sparse: bool,
        json: &Json,
        path: &str,
    ) -> Result<Option<Value>, Error> {
        match json {
            Json::Null if sparse => Ok(Some(Value::Null)),
            Json::Null if !matches!(target.kind, Kind::Document) => {
                self.fault(path, "null is not allowed in this collection");
                Ok(None)
            }
            json => self.value(target, json, path),
        }
    }

    fn union(
        &mut self,
        shape: &'static Shape,
        members: &'static [Member],
        json: &Json,
        path: &str,
    ) -> Result<Option<Value>, Error> {
        let Json::Object(given) = json else {
            return Ok(self.mismatch(path, "an object with exactly one member", json));
        };
        let present = given.values().filter(|value| !value.is_null()).count();
        if present != 1 {
            self.fault(path, format!("a union takes exactly one member, found {present}"));
        }
        let bound = self.structure(shape, members, given, path)?;
        Ok(Some(Value::Structure(bound)))
    }

    fn string(&mut self, json: &Json, path: &str) -> Option<String> {
        match json {
            Json::String(text) => Some(text.clone()),
            Json::Object(form) => match form_of(form) {
                Some(("$json", content)) => Some(content.to_string()),
                _ => self.mismatch(path, "a string, or {\"$json\": …} for a string that carries JSON", json),
            },
            other => self.mismatch(path, "a string", other),
        }
    }

    fn integer(&mut self, json: &Json, path: &str, least: i64, most: i64) -> Option<i64> {
        let Json::Number(number) = json else { return self.mismatch(path, "an integer", json) };
        match number.as_i64() {
            Some(value) if (least..=most).contains(&value) => Some(value),
            None if number.is_f64() => self.mismatch(path, "an integer", json),
            _ => {
                self.fault(path, format!("out of range: {least} to {most}"));
                None
            }
        }
    }

    fn float(&mut self, json: &Json, path: &str) -> Option<f64> {
        match json {
            Json::Number(number) => number.as_f64(),
            Json::String(text) if text == "NaN" => Some(f64::NAN),
            Json::String(text) if text == "Infinity" => Some(f64::INFINITY),
            Json::String(text) if text == "-Infinity" => Some(f64::NEG_INFINITY),
            other => self.mismatch(path, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"", other),
        }
    }

    fn timestamp(&mut self, json: &Json, path: &str) -> Option<DateTime> {
        const EXPECTED: &str = "ISO 8601 with an offset, or epoch seconds";
        let parsed = match json {
            Json::String(text) => DateTime::from_str(text, Format::DateTimeWithOffset).ok(),
            Json::Number(number) => epoch_seconds(number),
            other => return self.mismatch(path, EXPECTED, other),
        };
        if parsed.is_none() {
            self.fault(path, format!("not a timestamp: {EXPECTED}"));
        }
        parsed
    }

    /// A blob inside a body: base64, or an explicit form.
    fn blob(&mut self, json: &Json, path: &str) -> Option<Value> {
        match json {
            Json::String(text) => self.base64(text, path),
            Json::Object(form) if form_of(form).is_some() => self.form(form, path),
            other => self.mismatch(
                path,
                "a base64 string, {\"$text\": …}, {\"$json\": …} or {\"$base64\": …}",
                other,
            ),
        }
    }

    /// A blob that is the whole HTTP body: text, JSON, or an explicit form.
    fn body(&mut self, json: &Json, path: &str) -> Option<Value> {
        match json {
            Json::String(text) => Some(Value::Blob(Blob::new(text.as_bytes()))),
            Json::Object(form) if form_of(form).is_some() => self.form(form, path),
            Json::Object(_) | Json::Array(_) => Some(Value::Blob(Blob::new(json.to_string()))),
            other => self.mismatch(path, "a string, an object or an array", other),
        }
    }

    fn form(&mut self, form: &Map<String, Json>, path: &str) -> Option<Value> {
        match form_of(form) {
            Some(("$base64", Json::String(text))) => self.base64(text, &format!("{path}.$base64")),
            Some(("$text", Json::String(text))) => Some(Value::Blob(Blob::new(text.as_bytes()))),
            Some(("$json", content)) => Some(Value::Blob(Blob::new(content.to_string()))),
            Some((name, other)) => self.mismatch(&format!("{path}.{name}"), "a string", other),
            None => None,
        }
    }

    fn base64(&mut self, text: &str, path: &str) -> Option<Value> {
        if let Ok(bytes) = STANDARD.decode(text) {
            Some(Value::Blob(Blob::new(bytes)))
        } else {
            self.fault(path, "not base64; write {\"$text\": …} for plain text");
            None
        }
    }

    fn mismatch<T>(&mut self, path: &str, expected: &str, found: &Json) -> Option<T> {
        let kind = match found {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(number) if number.is_f64() => "a fraction",
            Json::Number(_) => "an integer",
            Json::String(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        };
        self.fault(path, format!("expected {expected}, found {kind}"));
        None
    }
}

/// The explicit form that an object is, if it has exactly one key and that is one of them.
pub(crate) fn form_of(object: &Map<String, Json>) -> Option<(&str, &Json)> {
    let mut entries = object.iter();
    match (entries.next(), entries.next()) {
        (Some((name, content)), None) if FORMS.contains(&name.as_str()) => Some((name, content)),
        _ => None,
    }
}

/// Exact for integers and for decimals down to nanoseconds.
fn epoch_seconds(number: &serde_json::Number) -> Option<DateTime> {
    match number.as_i64() {
        Some(seconds) => Some(DateTime::from_secs(seconds)),
        None => number
            .as_f64()
            .filter(|seconds| seconds.is_finite() && seconds.abs() < 1e15)
            .map(DateTime::from_secs_f64),
    }
}

/// Any JSON as the SDK's document type.
pub fn document(json: &Json) -> Document {
    match json {
        Json::Null => Document::Null,
        Json::Bool(value) => Document::Bool(*value),
        Json::Number(number) => Document::Number(match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => Number::PosInt(value),
            (None, Some(value)) => Number::NegInt(value),
            (None, None) => Number::Float(number.as_f64().unwrap_or_default()),
        }),
        Json::String(text) => Document::String(text.clone()),
        Json::Array(items) => Document::Array(items.iter().map(document).collect()),
        Json::Object(members) => {
            Document::Object(members.iter().map(|(name, value)| (name.clone(), document(value))).collect())
        }
    }
}
