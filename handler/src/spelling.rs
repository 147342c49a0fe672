//! The spelling of Step Functions' own SDK integrations, so that a definition written for them works unchanged
//! (section 1.2 of the contract).
//!
//! Enters: an operation, and parameters or a result. Leaves: the same under the other names: parameters under the
//! model's, results and errors under the integrations', which are those of the AWS SDK for Java v2 (see [`java`]).
//! Names of members change, keys of maps never. Fails where a parameter's member is unknown in this spelling, with
//! its path and the near names, also when the model would know it.
//!
//! Values change where the integrations are known to have another form:
//!
//! - An object or an array for a string is its JSON text.
//! - A streamed body, such as an object of S3, goes out as the JSON text of what is given: a string in quotes. Without
//!   another Content-Type it is plain text. It comes back as text, whatever it holds.
//! - Other blobs are text both ways. That follows from what Lambda's payload is known to be, and is not documented.
//! - A timestamp has milliseconds only where they are not zero, as Java writes it.
//!
//! The explicit forms win, and what is no text comes back as `{"$base64": …}`.

pub mod java;

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use crate::catalog::model::{MemberTrait, ShapeTrait};
use crate::catalog::shape::{Kind, Member, Shape};
use crate::catalog::{self, Operation};
use crate::error::{Error, Fault, Faults, Origin};
use crate::input::bind::form_of;
use crate::suggest;

/// Under which names members and errors go in and out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    Model,
    StepFunctions,
}

impl Spelling {
    /// A member's name.
    pub fn member<'a>(self, service: &str, shape: &Shape, name: &'a str) -> Cow<'a, str> {
        match self {
            Self::Model => Cow::Borrowed(name),
            Self::StepFunctions => Cow::Owned(java::member(service, shape.name(), is_error(shape), name)),
        }
    }

    /// Parameters under the model's names. Unknown members are left out, each with a fault.
    pub fn parameters(
        self,
        operation: &'static Operation,
        given: Map<String, Json>,
        faults: &mut Faults,
    ) -> Result<Map<String, Json>, Error> {
        match (self, operation.input) {
            (Self::StepFunctions, Some(shape)) => {
                let read =
                    Reader { names: Names::of(operation), faults }.structure(shape, given, "parameters")?;
                with_content_type(shape, read)
            }
            _ => Ok(given),
        }
    }

    /// A result's members, which are under the model's names.
    pub fn result(
        self,
        operation: &'static Operation,
        members: Map<String, Json>,
    ) -> Result<Map<String, Json>, Error> {
        match (self, operation.output) {
            (Self::StepFunctions, Some(shape)) => {
                Writer { names: Names::of(operation) }.structure(shape, members)
            }
            _ => Ok(members),
        }
    }

    /// Parameters for a later call, which are under the model's names.
    pub fn parameters_out(
        self,
        operation: &'static Operation,
        parameters: Map<String, Json>,
    ) -> Result<Map<String, Json>, Error> {
        match (self, operation.input) {
            (Self::StepFunctions, Some(shape)) => {
                Writer { names: Names::of(operation) }.structure(shape, parameters)
            }
            _ => Ok(parameters),
        }
    }

    /// A service's own error, under `<Service>.<Exception>`. Errors of another origin keep their names.
    pub fn error(self, operation: &'static Operation, mut error: Error) -> Error {
        // Of another service, where a call that is needed first failed there.
        let told = error.service.as_deref().and_then(|id| catalog::service(id).ok());
        let metadata = told.unwrap_or(operation.service).metadata();
        let exception = match (self, error.origin()) {
            (Self::StepFunctions, Origin::Modelled) => java::exception(&metadata.id, error.name()),
            (Self::StepFunctions, Origin::Unmodelled) => {
                java::base_exception(&metadata.id, &metadata.service_id)
            }
            _ => return error,
        };
        let spelled = |name: &str| java::member(&metadata.id, error.name(), true, name);
        let fields = error.fields.iter().map(|(name, value)| (spelled(name), value.clone())).collect();
        error.fields = fields;
        error.renamed(format!("{}.{exception}", java::service(&metadata.service_id)))
    }
}

/// Names of members, derived once a shape and pass.
struct Names {
    service: &'static str,
    known: HashMap<&'static str, Rc<[String]>>,
}

impl Names {
    fn of(operation: &'static Operation) -> Self {
        Self { service: operation.service.id(), known: HashMap::new() }
    }

    /// In the order of the shape's members.
    fn members(&mut self, shape: &'static Shape) -> Rc<[String]> {
        let service = self.service;
        let names = self.known.entry(shape.name()).or_insert_with(|| {
            let spelled =
                |member: &Member| java::member(service, shape.name(), is_error(shape), &member.name);
            catalog::members(shape).iter().map(spelled).collect()
        });
        Rc::clone(names)
    }
}

struct Reader<'a> {
    names: Names,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    fn structure(
        &mut self,
        shape: &'static Shape,
        given: Map<String, Json>,
        path: &str,
    ) -> Result<Map<String, Json>, Error> {
        let names = self.names.members(shape);
        let mut read = Map::new();
        for (name, value) in given {
            let path = format!("{path}.{}", suggest::shown(&name));
            let known = names.iter().position(|known| *known == name);
            let Some(member) = known.and_then(|at| catalog::members(shape).get(at)) else {
                let near = if self.faults.is_full() {
                    Vec::new()
                } else {
                    suggest::nearest(&name, names.iter().map(String::as_str))
                };
                let message = format!("unknown member{}", suggest::did_you_mean(&near));
                self.faults.push(Fault::new(path, message));
                continue;
            };
            read.insert(member.name.clone(), self.member(member, value, &path)?);
        }
        Ok(read)
    }

    fn member(&mut self, member: &'static Member, value: Json, path: &str) -> Result<Json, Error> {
        if !is_body(member)? {
            return self.value(member.target()?, value, path);
        }
        let is_streamed = is_streamed(member)?;
        Ok(match &value {
            Json::Null => value,
            Json::Object(form) if form_of(form).is_some() => value,
            Json::Bool(_) | Json::Number(_) => value.to_string().into(),
            _ if is_streamed => value.to_string().into(),
            _ => value,
        })
    }

    /// What does not fit the shape is left as it is, for the binding stage to refuse.
    fn value(&mut self, shape: &'static Shape, value: Json, path: &str) -> Result<Json, Error> {
        Ok(match (&shape.kind, value) {
            (Kind::Structure(_) | Kind::Union(_), Json::Object(given)) => {
                self.structure(shape, given, path)?.into()
            }
            (Kind::List(element), Json::Array(items)) => {
                let target = element.target()?;
                let items = items.into_iter().enumerate();
                items
                    .map(|(at, it)| self.value(target, it, &format!("{path}[{at}]")))
                    .collect::<Result<_, _>>()?
            }
            (Kind::Map(_, element), Json::Object(entries)) => {
                let target = element.target()?;
                let read = |(key, it): (String, Json)| {
                    let path = format!("{path}.{}", suggest::shown(&key));
                    Ok((key, self.value(target, it, &path)?))
                };
                Json::Object(entries.into_iter().map(read).collect::<Result<_, Error>>()?)
            }
            (Kind::String, value) if is_bare(&value) => value.to_string().into(),
            (Kind::Blob, Json::String(text)) => json!({ "$text": text }),
            (Kind::Blob, value) if is_bare(&value) => json!({ "$json": value }),
            (_, value) => value,
        })
    }
}

struct Writer {
    names: Names,
}

impl Writer {
    fn structure(
        &mut self,
        shape: &'static Shape,
        read: Map<String, Json>,
    ) -> Result<Map<String, Json>, Error> {
        let names = self.names.members(shape);
        let members = catalog::members(shape);
        let mut spelled = Map::new();
        for (name, value) in read {
            match members.iter().zip(names.iter()).find(|(member, _)| member.name == name) {
                Some((member, name)) => spelled.insert(name.clone(), self.value(member.target()?, value)?),
                None => spelled.insert(name, value),
            };
        }
        Ok(spelled)
    }

    fn value(&mut self, shape: &'static Shape, value: Json) -> Result<Json, Error> {
        Ok(match (&shape.kind, value) {
            (Kind::Structure(_) | Kind::Union(_), Json::Object(read)) => self.structure(shape, read)?.into(),
            // A stream of events: one object each.
            (Kind::Union(_), Json::Array(events)) => {
                events.into_iter().map(|event| self.value(shape, event)).collect::<Result<_, _>>()?
            }
            (Kind::List(element), Json::Array(items)) => {
                let target = element.target()?;
                items.into_iter().map(|it| self.value(target, it)).collect::<Result<_, _>>()?
            }
            (Kind::Map(_, element), Json::Object(entries)) => {
                let target = element.target()?;
                let write = |(key, it)| Ok((key, self.value(target, it)?));
                Json::Object(entries.into_iter().map(write).collect::<Result<_, Error>>()?)
            }
            (Kind::Blob, Json::String(base64)) => text_of(&base64),
            (Kind::Timestamp, Json::String(time)) => match time.strip_suffix(".000Z") {
                Some(seconds) => format!("{seconds}Z").into(),
                None => time.into(),
            },
            (_, value) => value,
        })
    }
}

fn is_body(member: &Member) -> Result<bool, Error> {
    Ok(member.is_payload() && matches!(member.target()?.kind, Kind::Blob))
}

fn is_streamed(member: &Member) -> Result<bool, Error> {
    let is_marked = member.has(&MemberTrait::Streaming) || member.target()?.has(&ShapeTrait::Streaming);
    Ok(is_marked && is_body(member)?)
}

/// What the Java SDK says of a body that was a text.
fn with_content_type(shape: &Shape, mut read: Map<String, Json>) -> Result<Map<String, Json>, Error> {
    let members = catalog::members(shape);
    let content_type = members
        .iter()
        .find(|it| it.header().is_some_and(|header| header.eq_ignore_ascii_case("content-type")));
    for member in members {
        if let Some(content_type) = content_type
            && is_streamed(member)?
            && read.get(&member.name).is_some_and(Json::is_string)
        {
            read.entry(content_type.name.clone()).or_insert_with(|| "text/plain; charset=UTF-8".into());
        }
    }
    Ok(read)
}

fn is_error(shape: &Shape) -> bool {
    shape.traits.iter().any(|it| matches!(it, ShapeTrait::Error { .. }))
}

/// An object or array that stands for its JSON text: not one of the explicit forms.
fn is_bare(value: &Json) -> bool {
    match value {
        Json::Array(_) => true,
        Json::Object(form) => form_of(form).is_none(),
        _ => false,
    }
}

fn text_of(base64: &str) -> Json {
    match STANDARD.decode(base64).map(String::from_utf8) {
        Ok(Ok(text)) => text.into(),
        _ => json!({ "$base64": base64 }),
    }
}
