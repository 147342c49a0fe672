//! Records that stand in an S3 object, a line each, as many as there are.
//!
//! Enters: `recordsFrom`, which says where the object is, and where an earlier call left off. Leaves: the records put,
//! and if they are not all put, `next`, from which another call goes on. Fails as the reading of the object does, and
//! with `CrossRegion.InvalidParameters`, which names the lines at fault.
//!
//! The object is read twice. Once to look at every line, so that nothing is put of an object of which something never
//! could be; then to put it, part by part, each before the next is read: what is in memory is one part, and records of a
//! partition key keep their order as within one. A call that goes on reads only what is left. It goes on in that very
//! object: another one under the same key is `CrossRegion.SourceChanged`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::{Given, Progress, PutAggregated};
use crate::error::{Error, Faults, Kind};
use crate::fields::{Fields, some_text};
use crate::procedure::Calls;
use crate::procedure::kinesis::put::Sizes;
use crate::procedure::source::{Format, Position, Rows, Source};
use crate::region::Regions;
use crate::table::Named;

pub const PARAMETER: &str = "recordsFrom";

const FORMATS: [(&str, Format); 1] = [("jsonLines", Format::JsonLines)];

/// Bytes of a line: the largest record that a stream can be set to take, in base64, and what stands around it.
const LINE_BYTES: usize = 16 << 20;

/// Records that are put before the next are read, and their bytes, unless it is a single one.
const PART_RECORDS: usize = 20_000;
const PART_BYTES: usize = 4 << 20;

/// Bytes, and so lines, that no object has as many of.
const PLACES: u64 = 1 << 50;

/// An object of records.
#[derive(Debug)]
pub struct Object {
    source: Source,
    start: Option<Start>,
}

/// Where an earlier call left off.
#[derive(Debug, Clone)]
struct Start {
    position: Position,
    /// Which of the records from there on are put.
    are_put: Vec<bool>,
}

/// Records that are put together.
#[derive(Debug, Default)]
struct Part {
    /// Of all records that were passed.
    are_put: Vec<bool>,
    /// Those that are not, each with its place among all.
    left: Vec<(usize, Given)>,
}

impl Object {
    pub fn read(fields: &mut Fields<'_>, regions: &Regions) -> Option<Self> {
        let start = fields.object("start", Start::read).flatten();
        Some(Self { source: Source::read(fields, regions, PARAMETER, &FORMATS, LINE_BYTES)?, start })
    }

    /// What the operation table must list.
    pub fn names(&self) -> Named<'_> {
        self.source.names()
    }

    /// Leaves from where another call goes on, if there is need of one, and why not all are put.
    pub async fn put(
        &self,
        job: &PutAggregated,
        calls: &Calls<'_>,
        progress: &mut Progress,
    ) -> (Json, Option<Error>) {
        let start = match &self.start {
            Some(start) => Ok(start.clone()),
            None => self.checked(job.sizes, calls).await,
        };
        let mut start = match start {
            Ok(start) => start,
            Err(error) => return (Json::Null, Some(error)),
        };
        match self.put_from(&mut start, job, calls, progress).await {
            Ok(()) => (Json::Null, None),
            Err(error) => (start.told(), Some(error)),
        }
    }

    /// Its beginning, if there is nothing in it that a stream cannot take.
    async fn checked(&self, sizes: Sizes, calls: &Calls<'_>) -> Result<Start, Error> {
        let mut rows = self.source.rows(calls, None);
        let mut faults = Faults::default();
        while let Some(row) = rows.next(&mut faults).await? {
            row.read(&mut faults, |record| Given::read(record, sizes));
        }
        let end = rows.position().filter(|_| faults.is_empty());
        let end = end.ok_or_else(|| Error::faults(Kind::InvalidParameters, faults))?;
        Ok(Start { position: Position { offset: 0, line: 1, ..end }, are_put: Vec::new() })
    }

    /// Puts what is left. However it ends, `start` is where another call goes on.
    async fn put_from(
        &self,
        start: &mut Start,
        job: &PutAggregated,
        calls: &Calls<'_>,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let mut rows = self.source.rows(calls, Some(&start.position));
        let mut before = std::mem::take(&mut start.are_put).into_iter();
        loop {
            // Of what is not reached, nothing is known but what was known before.
            start.are_put = before.clone().collect();
            let mut part = Part::read(&mut rows, &mut before, job.sizes).await?;
            if part.are_put.is_empty() {
                return Ok(());
            }
            let left: Vec<&Given> = part.left.iter().map(|(_, given)| given).collect();
            let (are_put, ended) = job.put(&left, calls, progress).await;
            if let Some(error) = ended {
                start.are_put = part.with(&are_put);
                start.are_put.extend(before);
                return Err(error);
            }
            start.position = rows.position().unwrap_or_else(|| start.position.clone());
        }
    }
}

impl Part {
    /// The next records, of which `before` says which are put.
    async fn read(
        rows: &mut Rows<'_>,
        before: &mut impl Iterator<Item = bool>,
        sizes: Sizes,
    ) -> Result<Self, Error> {
        let (mut part, mut faults, mut bytes) = (Self::default(), Faults::default(), 0);
        while part.left.len() < PART_RECORDS && bytes < PART_BYTES {
            let Some(row) = rows.next(&mut faults).await? else { break };
            let is_put = before.next().unwrap_or_default();
            if !is_put && let Some(given) = row.read(&mut faults, |row| Given::read(row, sizes)).flatten() {
                bytes += given.size;
                part.left.push((part.are_put.len(), given));
            }
            part.are_put.push(is_put);
        }
        if faults.is_empty() { Ok(part) } else { Err(Error::faults(Kind::InvalidParameters, faults)) }
    }

    /// Which of its records are put by now.
    fn with(&mut self, are_put: &[bool]) -> Vec<bool> {
        let mut all = std::mem::take(&mut self.are_put);
        for ((place, _), is_put) in self.left.iter().zip(are_put) {
            if let Some(it) = all.get_mut(*place) {
                *it = *is_put;
            }
        }
        all
    }
}

impl Start {
    /// As [`Start::told`] writes it.
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let etag = fields.required_text("ETag", some_text);
        fields.require("offset");
        let offset = fields.integer("offset", 0..=PLACES);
        fields.require("line");
        let line = fields.integer("line", 1..=PLACES);
        let are_put = fields.text("put", |text| {
            let bytes = STANDARD.decode(text).map_err(|_| "is no base64".to_owned())?;
            Ok(bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect())
        });
        let position = Position { etag: etag?, offset: offset?, line: line? };
        Some(Self { position, are_put: are_put.unwrap_or_default() })
    }

    fn told(&self) -> Json {
        let Position { etag, offset, line } = &self.position;
        let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        let bytes: Vec<u8> = self.are_put.chunks(8).map(byte).collect();
        json!({ "ETag": etag, "offset": offset, "line": line, "put": STANDARD.encode(bytes) })
    }
}
