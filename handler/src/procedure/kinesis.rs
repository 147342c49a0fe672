//! Kinesis streams in the aggregated format of the Kinesis Producer Library ([`super::kpl`]): `kinesis.deaggregate`,
//! `kinesis.putAggregated`, `kinesis.relay`.
//!
//! This file holds what they share: the name of a stream, the hash that places a record in a shard, and how a call is
//! repeated that the service is too busy for. Each procedure has a file of its own below, which says what enters it,
//! what leaves it and how it fails.

pub mod deaggregate;
pub mod put;
pub mod put_aggregated;
pub mod relay;
pub mod shards;
pub mod unpack;

use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use serde_json::{Map, Value as Json, json};

use super::kpl::{self, Keys};
use super::{Calls, Target};
use crate::drive::Called;
use crate::effect::Effect;
use crate::error::{Error, Kind};
use crate::fields::{Fields, some_text};
use crate::pauses::Pauses;

pub(crate) const SERVICE: &str = "kinesis";

/// Between calls that are refused as too many.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(100), Duration::from_secs(5));

/// These say so, too: a listing of shards that comes too often, and a key of an encrypted stream that is in demand.
const ALSO_THROTTLING: [&str; 2] = ["LimitExceededException", "KMSThrottlingException"];

/// A stream in the Region of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stream {
    Name(String),
    Arn(String),
}

impl Stream {
    /// By `StreamName` or `StreamARN`.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        if fields.has("StreamName") && fields.has("StreamARN") {
            fields.fault("StreamARN", "a stream is named by either `StreamName` or `StreamARN`");
        }
        if !fields.has("StreamARN") {
            fields.require("StreamName");
        }
        let name = fields.text("StreamName", some_text).map(Self::Name);
        let arn = fields.text("StreamARN", some_text).map(Self::Arn);
        name.or(arn)
    }

    /// The parameter that names it.
    pub fn parameter(&self) -> (String, Json) {
        match self {
            Self::Name(name) => ("StreamName".to_owned(), json!(name)),
            Self::Arn(arn) => ("StreamARN".to_owned(), json!(arn)),
        }
    }
}

/// Characters of a partition key.
pub const PARTITION_KEY_LIMIT: usize = 256;

/// Bytes of the longest hash key.
pub const HASH_KEY_BYTES: usize = 39;

/// Whether a stream takes it as a partition key. What is too long by its bytes is not counted.
pub fn is_partition_key(text: &str) -> bool {
    text.len() <= PARTITION_KEY_LIMIT * char::MAX.len_utf8()
        && (1..=PARTITION_KEY_LIMIT).contains(&text.chars().count())
}

/// What places a record in a shard: its explicit hash key, or the MD5 of its partition key. Nothing where the explicit
/// hash key is no number of 128 bits.
pub fn hash_of(keys: Keys<'_>) -> Option<u128> {
    keys.explicit_hash_key.map_or_else(|| Some(kpl::hash_of(keys.partition_key)), hash_key)
}

/// A hash key as Kinesis writes it: decimal, without sign or leading zeros.
pub fn hash_key(text: &str) -> Option<u128> {
    let is_plain = text.len() <= HASH_KEY_BYTES
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

/// Why [`hash_of`] has nothing.
pub(crate) const NO_HASH_KEY: &str =
    "the explicit hash key is no decimal number of 128 bits without leading zeros";

/// Makes a call that changes nothing, again and again as long as it is one too many and there is time.
async fn ask(
    calls: &Calls<'_>,
    operation: &str,
    parameters: &Map<String, Json>,
    target: Target<'_>,
) -> Result<Called, Error> {
    let mut pauses = PAUSES;
    loop {
        match calls.call(SERVICE, operation, parameters.clone(), target).await {
            Err(error) if is_throttled(&error) => {
                let pause = pauses.draw();
                if target.pace.deadline.remaining() <= pause {
                    return Err(error);
                }
                tokio::time::sleep(pause).await;
            }
            outcome => return outcome,
        }
    }
}

/// The service refused the call as one too many, so that it has done nothing.
fn is_throttled(error: &Error) -> bool {
    let code = error.code.as_deref().unwrap_or_default();
    error.effect == Effect::None && (THROTTLING_ERRORS.contains(&code) || ALSO_THROTTLING.contains(&code))
}

fn malformed(message: &str) -> Error {
    Error::new(Kind::MalformedResponse, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_key_is_what_kinesis_takes_for_one() {
        assert_eq!(hash_key("0"), Some(0));
        assert_eq!(hash_key("340282366920938463463374607431768211455"), Some(u128::MAX));
        for text in
            ["", "00", "01", "+1", "-1", " 1", "1_0", "0x1", "340282366920938463463374607431768211456"]
        {
            assert_eq!(hash_key(text), None, "{text}");
        }
    }

    #[test]
    fn an_explicit_hash_key_stands_before_the_partition_key() {
        let keys = |explicit_hash_key| Keys { partition_key: "a", explicit_hash_key };
        assert_eq!(hash_of(keys(None)), Some(0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661));
        assert_eq!(hash_of(keys(Some("7"))), Some(7));
        assert_eq!(hash_of(keys(Some("seven"))), None);
    }
}
