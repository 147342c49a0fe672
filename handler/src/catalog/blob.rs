//! The packed models inside the binary: where each segment lies, and how one is inflated.
//!
//! Enters: a [`Segment`] of the directory that `build.rs` wrote. Leaves: its bytes or its value. Fails only where the
//! binary itself is damaged.
//!
//! All segments but the primer were deflated as if the primer stood before them, and are inflated behind it.

use std::sync::OnceLock;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use serde::de::DeserializeOwned;

use super::{corrupt, kept};
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

use directory::PRIMER;
pub use directory::{NAMES, PARTITIONS, SERVICES};

#[expect(clippy::unreadable_literal, reason = "written by build.rs for the compiler")]
mod directory {
    use super::{Segment, ServiceEntry};

    include!(concat!(env!("OUT_DIR"), "/directory.rs"));
}

static BLOB: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/models.bin"));

/// The bytes of a segment.
pub fn inflate(segment: Segment) -> Result<Vec<u8>, Error> {
    static INFLATED: OnceLock<Vec<u8>> = OnceLock::new();
    let primer = kept(&INFLATED, || inflate_behind(&[], PRIMER))?;
    inflate_behind(primer, segment)
}

fn inflate_behind(primer: &[u8], segment: Segment) -> Result<Vec<u8>, Error> {
    let start = segment.offset as usize;
    let deflated = BLOB.get(start..start + segment.deflated as usize).ok_or_else(corrupt)?;
    let mut inflated = Vec::with_capacity(primer.len() + segment.inflated as usize);
    inflated.extend_from_slice(primer);
    inflated.resize(primer.len() + segment.inflated as usize, 0);
    let (status, _, written) = decompress(
        &mut DecompressorOxide::new(),
        deflated,
        &mut inflated,
        primer.len(),
        TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
    );
    if status != TINFLStatus::Done || written != segment.inflated as usize {
        return Err(corrupt());
    }
    inflated.drain(..primer.len());
    Ok(inflated)
}

/// The value of a segment that is one postcard record.
pub fn read<T: DeserializeOwned>(segment: Segment) -> Result<T, Error> {
    postcard::from_bytes(&inflate(segment)?).map_err(|_| corrupt())
}
