//! Amazon S3 directory buckets: a request is signed with the short-lived credentials of a session with its bucket.
//!
//! Enters: a call that endpoint rules sign `sigv4-s3express`, and the answer to [`HELPER`]. Leaves: the bucket, and the
//! session's credentials. Fails where the answer holds none.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value as Json;

use crate::client::Answer;
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

/// The session's credentials and when they expire.
pub fn read(answer: &Answer) -> Result<(Credentials, SystemTime), Error> {
    let credentials = answer.members.get("Credentials");
    let text = |name: &str| credentials.and_then(|it| it.get(name)).and_then(Json::as_str);
    let expiry = text("Expiration")
        .and_then(|text| DateTime::from_str(text, Format::DateTimeWithOffset).ok())
        .and_then(|time| SystemTime::try_from(time).ok());
    match (text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"), expiry) {
        (Some(id), Some(secret), Some(token), Some(expiry)) => {
            let session = Credentials::new(id, secret, Some(token.to_owned()), Some(expiry), "session");
            Ok((session, expiry))
        }
        _ => Err(Error::new(Kind::MalformedResponse, "the answer to `createSession` holds no credentials")),
    }
}
