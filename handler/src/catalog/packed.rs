//! How a service's model lies in the binary; written by `build.rs`, read by `catalog.rs`.

use serde::{Deserialize, Serialize};

use super::model::{Kind, Metadata};

/// Where a model segment's records begin, counted from the end of the index. All names sorted.
#[derive(Debug, Serialize, Deserialize)]
pub struct Index {
    pub metadata: Metadata,
    pub operations: Vec<(String, u32)>,
    pub shapes: Vec<ShapeEntry>,
    pub paginators: Vec<(String, u32)>,
    pub waiters: Vec<(String, u32)>,
}

/// A shape's kind can be read without decoding its members.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ShapeEntry {
    pub tag: Tag,
    pub offset: u32,
}

/// A shape's kind without what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tag {
    Blob,
    Boolean,
    Document,
    Double,
    Float,
    Integer,
    Long,
    String,
    Timestamp,
    List,
    Map,
    Structure,
    Union,
}

pub fn tag<R>(kind: &Kind<R>) -> Tag {
    match kind {
        Kind::Blob => Tag::Blob,
        Kind::Boolean => Tag::Boolean,
        Kind::Document => Tag::Document,
        Kind::Double => Tag::Double,
        Kind::Float => Tag::Float,
        Kind::Integer => Tag::Integer,
        Kind::Long => Tag::Long,
        Kind::String => Tag::String,
        Kind::Timestamp => Tag::Timestamp,
        Kind::List(_) => Tag::List,
        Kind::Map(..) => Tag::Map,
        Kind::Structure(_) => Tag::Structure,
        Kind::Union(_) => Tag::Union,
    }
}
