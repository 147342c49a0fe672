//! The packed models inside the binary: where each segment lies, and how one is inflated.
//!
//! Enters: a [`Segment`] of the directory that `build.rs` wrote. Leaves: its bytes or its value. Fails only where the
//! binary itself is damaged.

use serde::de::DeserializeOwned;

use super::corrupt;
use crate::error::Error;

/// A deflated part of the blob; offsets and lengths in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    pub offset: u32,
    pub deflated: u32,
    pub inflated: u32,
}

/// One service in the directory.
#[derive(Debug)]
pub struct ServiceEntry {
    pub id: &'static str,
    pub model: Segment,
    pub endpoints: Segment,
}

pub use directory::{NAMES, PARTITIONS, SERVICES};

#[expect(clippy::unreadable_literal, reason = "written by build.rs for the compiler")]
mod directory {
    use super::{Segment, ServiceEntry};

    include!(concat!(env!("OUT_DIR"), "/directory.rs"));
}

static BLOB: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/models.bin"));

/// The bytes of a segment.
pub fn inflate(segment: Segment) -> Result<Vec<u8>, Error> {
    let start = segment.offset as usize;
    let deflated = BLOB.get(start..start + segment.deflated as usize).ok_or_else(corrupt)?;
    let mut inflated = vec![0; segment.inflated as usize];
    let written = miniz_oxide::inflate::decompress_slice_iter_to_slice(
        &mut inflated,
        std::iter::once(deflated),
        false,
        true,
    )
    .map_err(|_| corrupt())?;
    if written == inflated.len() { Ok(inflated) } else { Err(corrupt()) }
}

/// The value of a segment that is one postcard record.
pub fn read<T: DeserializeOwned>(segment: Segment) -> Result<T, Error> {
    postcard::from_bytes(&inflate(segment)?).map_err(|_| corrupt())
}
