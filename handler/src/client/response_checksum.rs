//! Checksums of answers: what arrived is what is stored.
//!
//! Enters: a call whose answer may carry a checksum, and that answer. Leaves: the call, which asks for one unless the
//! caller did, and nothing where the bytes match. Fails where they do not.

use aws_smithy_checksums::ChecksumAlgorithm;
use aws_smithy_checksums::http::HttpChecksum;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::catalog::Operation;
use crate::catalog::model::OperationTrait;
use crate::input::Bound;

/// From the cheapest to the dearest. What else a service may answer with, the SDK's crate does not know.
const ALGORITHMS: [ChecksumAlgorithm; 5] = [
    ChecksumAlgorithm::Crc32,
    ChecksumAlgorithm::Crc32c,
    ChecksumAlgorithm::Crc64Nvme,
    ChecksumAlgorithm::Sha1,
    ChecksumAlgorithm::Sha256,
];

/// Asks for a checksum, as every SDK does.
pub fn asked_for(bound: Bound) -> Bound {
    match mode_member(bound.operation()) {
        Some(member) if bound.member(member).is_none() => bound.with_text(member, "ENABLED".to_owned()),
        _ => bound,
    }
}

/// What the bytes of an answer should come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub algorithm: ChecksumAlgorithm,
    value: String,
}

impl Expected {
    /// The first checksum that is known. One that ends in a number of parts is a checksum of checksums, which says
    /// nothing of the bytes themselves.
    pub fn of(operation: &Operation, response: &HttpResponse) -> Option<Self> {
        mode_member(operation)?;
        ALGORITHMS.iter().find_map(|algorithm| {
            let value = response.headers().get(algorithm.into_impl().header_name())?;
            (!value.contains('-')).then(|| Self { algorithm: *algorithm, value: value.to_owned() })
        })
    }

    /// `checksum` has seen all bytes.
    pub fn compare(&self, checksum: Box<dyn HttpChecksum>) -> Result<(), String> {
        if checksum.header_value() == self.value.as_str() {
            return Ok(());
        }
        Err(format!("its {} does not match its bytes", self.algorithm.as_str().to_uppercase()))
    }
}

/// Compares the checksum of an answer that was read whole.
pub fn check(operation: &Operation, response: &HttpResponse) -> Result<(), String> {
    let Some(expected) = Expected::of(operation, response) else { return Ok(()) };
    let mut checksum = expected.algorithm.into_impl();
    checksum.update(response.body().bytes().unwrap_or_default());
    expected.compare(checksum)
}

fn mode_member(operation: &Operation) -> Option<&str> {
    operation.traits.iter().find_map(|it| match it {
        OperationTrait::ResponseChecksum { mode_member, .. } => Some(mode_member.as_str()),
        _ => None,
    })
}
