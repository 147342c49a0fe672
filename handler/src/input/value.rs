//! A value that fits its shape, and how the SDK's serializers walk it.
//!
//! Enters: values made by [`super::bind`]. Leaves: calls of `ShapeSerializer`, in the model's member order.
//! Fails only where a serializer does.

use aws_smithy_schema::Schema;
use aws_smithy_schema::serde::{SerdeError, SerializableStruct, ShapeSerializer};
use aws_smithy_types::{Blob, DateTime, Document};

use crate::catalog;
use crate::catalog::shape::{Member, Shape};

/// A value of some shape.
#[derive(Debug, Clone)]
pub enum Value {
    /// An element of a sparse collection.
    Null,
    Boolean(bool),
    Integer(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    String(String),
    Blob(Blob),
    Timestamp(DateTime),
    Document(Document),
    List(&'static Member, Vec<Value>),
    Map(&'static Member, &'static Member, Vec<(String, Value)>),
    Structure(Structure),
}

/// Members of a structure or union, in the model's order.
#[derive(Debug, Clone)]
pub struct Structure {
    shape: Option<&'static Shape>,
    /// Place of the member in the shape, and its value.
    members: Vec<(usize, Value)>,
}

impl Structure {
    /// `members` in the model's order; without a shape there are none.
    pub(super) fn new(shape: Option<&'static Shape>, members: Vec<(usize, Value)>) -> Self {
        Self { shape, members }
    }

    pub fn member(&self, name: &str) -> Option<&Value> {
        self.members().find(|(member, _)| member.name == name).map(|(_, value)| value)
    }

    pub fn members(&self) -> impl Iterator<Item = (&'static Member, &Value)> {
        let known = self.shape.map(catalog::members).unwrap_or_default();
        self.members.iter().filter_map(|(at, value)| Some((known.get(*at)?, value)))
    }

    pub(super) fn remove(&mut self, name: &str) {
        let known = self.shape.map(catalog::members).unwrap_or_default();
        self.members.retain(|(at, _)| known.get(*at).is_none_or(|member| member.name != name));
    }

    /// Sets a member that the shape has; another is ignored.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        let known = self.shape.map(catalog::members).unwrap_or_default();
        let Some(at) = known.iter().position(|member| member.name == name) else { return };
        self.members.retain(|(other, _)| *other != at);
        let place = self.members.partition_point(|(other, _)| *other < at);
        self.members.insert(place, (at, value));
    }
}

impl SerializableStruct for Structure {
    fn schema(&self) -> &Schema<'_> {
        self.shape.map_or(&aws_smithy_schema::prelude::DOCUMENT, |shape| shape.schema())
    }

    fn serialize_members(&self, serializer: &mut dyn ShapeSerializer) -> Result<(), SerdeError> {
        // An empty list in a header is no header, as in botocore: the SDK would send one without a value.
        self.members()
            .filter(|(member, value)| !(value.is_empty_list() && member.header().is_some()))
            .try_for_each(|(member, value)| value.write(member.written, serializer))
    }
}

impl Value {
    fn is_empty_list(&self) -> bool {
        matches!(self, Self::List(_, values) if values.is_empty())
    }

    fn write(&self, schema: &Schema<'_>, serializer: &mut dyn ShapeSerializer) -> Result<(), SerdeError> {
        match self {
            Self::Null => serializer.write_null(schema),
            Self::Boolean(value) => serializer.write_boolean(schema, *value),
            Self::Integer(value) => serializer.write_integer(schema, *value),
            Self::Long(value) => serializer.write_long(schema, *value),
            Self::Float(value) => serializer.write_float(schema, *value),
            Self::Double(value) => serializer.write_double(schema, *value),
            Self::String(value) => serializer.write_string(schema, value),
            Self::Blob(value) => serializer.write_blob(schema, value.clone()),
            Self::Timestamp(value) => serializer.write_timestamp(schema, value),
            Self::Document(value) => serializer.write_document(schema, value),
            Self::Structure(value) => serializer.write_struct(schema, value),
            Self::List(element, values) => {
                serializer.write_list_with_length(schema, values.len(), &|serializer| {
                    values.iter().try_for_each(|value| value.write(element.written, serializer))
                })
            }
            Self::Map(key, value, entries) => {
                serializer.write_map_with_length(schema, entries.len(), &|serializer| {
                    entries.iter().try_for_each(|(name, it)| {
                        serializer.write_string(key.schema, name)?;
                        it.write(value.schema, serializer)
                    })
                })
            }
        }
    }
}
