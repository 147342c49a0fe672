//! Amazon S3 directory buckets: a request is signed with the short-lived credentials of a session with its bucket.
//!
//! Enters: a call that endpoint rules sign `sigv4-s3express`. Leaves: the bucket that [`HELPER`] opens a session with.
//! Fails where the call names none.

use crate::error::{Error, Kind};
use crate::input::Bound;
use crate::input::value::Value;

/// Opens a session.
pub const HELPER: &str = "CreateSession";

/// The header that carries a session's token, in the place of `x-amz-security-token`.
pub const TOKEN: &str = "x-amz-s3session-token";

/// The bucket that the call is about.
pub fn bucket(bound: &Bound) -> Result<String, Error> {
    match bound.member("Bucket") {
        Some(Value::String(bucket)) => Ok(bucket.clone()),
        _ => Err(Error::new(Kind::EndpointUnresolved, "a session is for a bucket, and the call names none")),
    }
}
