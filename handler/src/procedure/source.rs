//! Rows of an S3 object, as many as there are: what a state is too small for.
//!
//! Enters: a parameter that says where the object is and how rows stand in it. Leaves: its rows, one after the other,
//! each a JSON value. Fails as the reading of an object does, with `CrossRegion.SourceChanged` where it is another one
//! by now, and with `CrossRegion.ChecksumMismatch` at its end where its bytes are not those that S3 keeps. What is wrong
//! with a row is a fault that names the line in which the row begins, never what stands there.
//!
//! The object is never in memory as a whole: it is cut into rows as it comes in. What comes is read once, and an answer
//! that breaks off is gone on with from where it broke, as long as the object is the same.

mod csv;
mod cut;
mod json_document;
mod json_lines;
mod object;
mod rows;

use serde_json::Value as Json;

use self::object::Object;
use self::rows::{Splitter, Step};
use super::Calls;
use crate::error::{Error, Faults};
use crate::fields::{Fields, read_object, some_text};
use crate::json::Path;
use crate::region::{Region, Regions};
use crate::table::Named;

/// The call that reads.
pub(crate) const READ: (&str, &str) = ("s3", "GetObject");

/// How rows stand in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One array, or an object whose only member, of this name, is one.
    Json(&'static str),
    /// A value a line.
    JsonLines,
    /// RFC 4180. The first line is one of these lists of names.
    Csv(&'static [[&'static str; 2]]),
}

/// An object of rows.
#[derive(Debug)]
pub(crate) struct Source {
    bucket: String,
    key: String,
    version: Option<String>,
    region: Region,
    format: Format,
    /// Bytes of a row.
    limit: usize,
    /// The parameter that names it.
    parameter: &'static str,
}

/// A place between two lines of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// Of the object.
    pub etag: String,
    /// Bytes before the place.
    pub offset: u64,
    /// The number of the next line, from 1 on.
    pub line: u64,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    parameter: &'static str,
    line: u64,
    value: Json,
}

impl Source {
    /// The parameter's own fields. `limit` is how many bytes a row may have.
    pub fn read(
        fields: &mut Fields<'_>,
        regions: &Regions,
        parameter: &'static str,
        formats: &[(&'static str, Format)],
        limit: usize,
    ) -> Option<Self> {
        let bucket = fields.required_text("Bucket", some_text);
        let key = fields.required_text("Key", some_text);
        let version = fields.text("VersionId", some_text);
        let region = fields.required_text("region", |text| regions.parse(text));
        fields.require("format");
        let format = fields.choice("format", formats);
        Some(Self { bucket: bucket?, key: key?, version, region: region?, format: format?, limit, parameter })
    }

    /// What the operation table must list.
    pub fn names(&self) -> Named<'_> {
        Named { regions: vec![&self.region], sources: vec![(&self.bucket, &self.key)], ..Named::default() }
    }

    /// All rows, or those from a place on.
    pub fn rows<'c>(&'c self, calls: &'c Calls<'_>, from: Option<&Position>) -> Rows<'c> {
        let (offset, line) = from.map_or((0, 1), |from| (from.offset, from.line));
        let splitter = Splitter::new(self.format, self.limit, offset, line);
        Rows { object: Object::of(self, calls, from), splitter }
    }
}

/// The rows of an object on their way.
pub(crate) struct Rows<'c> {
    object: Object<'c>,
    splitter: Splitter,
}

impl Rows<'_> {
    /// The next one that is well formed; nothing at the end. What is not is told in `faults`.
    pub async fn next(&mut self, faults: &mut Faults) -> Result<Option<Row>, Error> {
        let parameter = self.object.source.parameter;
        loop {
            match self.splitter.next(parameter, faults) {
                Step::Row(line, value) => return Ok(Some(Row { parameter, line, value })),
                Step::End => return Ok(None),
                Step::More => match self.object.next().await? {
                    Some(bytes) => self.splitter.feed(&bytes),
                    None => self.splitter.end(),
                },
            }
        }
    }

    /// Where the next line begins, once the object was seen.
    pub fn position(&self) -> Option<Position> {
        let etag = self.object.etag.clone()?;
        Some(Position { etag, offset: self.splitter.offset(), line: self.splitter.line() })
    }
}

impl Row {
    /// Takes its fields out of it. Afterwards what is left over is refused.
    pub fn read<T>(self, faults: &mut Faults, read: impl FnOnce(&mut Fields<'_>) -> T) -> Option<T> {
        read_object(self.value, Path::Root(&place(self.parameter, self.line)), faults, read)
    }

    pub fn has(&self, name: &str) -> bool {
        self.value.get(name).is_some()
    }
}

/// How faults name a line.
fn place(parameter: &str, line: u64) -> String {
    format!("parameters.{parameter} line {line}")
}
