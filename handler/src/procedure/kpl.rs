//! The aggregated record of the Kinesis Producer Library, as the crate of that name encodes and decodes it.

pub use ::kpl::*;
