//! Checksums of requests.
//!
//! Enters: an operation's checksum traits and the call's parameters. Leaves: headers on the request. Fails where the
//! named algorithm is not one of the SDK's.

use aws_smithy_checksums::ChecksumAlgorithm;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;

use crate::catalog;
use crate::catalog::model::OperationTrait;
use crate::catalog::shape::Member;
use crate::error::{Error, Fault, Kind};
use crate::input::Bound;
use crate::input::value::Value;

/// Adds what the operation's checksum traits ask for.
pub fn configure(
    bound: &Bound,
    components: RuntimeComponentsBuilder,
) -> Result<RuntimeComponentsBuilder, Error> {
    Ok(match request_checksum(bound)? {
        Some(checksum) => components.with_interceptor(checksum),
        None => components,
    })
}

/// What goes on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RequestChecksum {
    /// `x-amz-checksum-…`, and the header that names the algorithm, where the model has one.
    Flexible {
        algorithm: ChecksumAlgorithm,
        named_in: Option<String>,
    },
    ContentMd5,
}

fn request_checksum(bound: &Bound) -> Result<Option<RequestChecksum>, Error> {
    let operation = bound.operation();
    let members = operation.input.map(catalog::members).unwrap_or_default();
    // The caller's own wins: the body is not hashed twice.
    if members.iter().any(|member| is_checksum(member) && bound.member(&member.name).is_some()) {
        return Ok(None);
    }
    let chosen_by = operation.traits.iter().find_map(|it| match it {
        OperationTrait::RequestChecksum { algorithm_member, .. } => Some(algorithm_member),
        _ => None,
    });
    let Some(chosen_by) = chosen_by else {
        let md5 = operation.has(&OperationTrait::ChecksumRequired) && bound.member("ContentMD5").is_none();
        return Ok(md5.then_some(RequestChecksum::ContentMd5));
    };
    let algorithm = match bound.member(chosen_by) {
        Some(Value::String(name)) => computed(name).ok_or_else(|| {
            let fault = Fault::new(
                format!("parameters.{chosen_by}"),
                "is not computed here: CRC32, CRC32C, CRC64NVME, SHA1 and SHA256 are; of others, give the checksum itself",
            );
            Error::faults(Kind::InvalidParameters, vec![fault])
        })?,
        _ => ChecksumAlgorithm::Crc32,
    };
    let named_in = members.iter().find(|member| member.name == *chosen_by).and_then(|member| member.header());
    Ok(Some(RequestChecksum::Flexible { algorithm, named_in: named_in.map(ToOwned::to_owned) }))
}

/// Whether the member is a checksum of the body, not a remark on one.
fn is_checksum(member: &Member) -> bool {
    let header = member.header().unwrap_or_default().to_ascii_lowercase();
    header
        .strip_prefix("x-amz-checksum-")
        .is_some_and(|about| !matches!(about, "type" | "mode" | "algorithm"))
}

/// The SDK takes `MD5` for another name of its default.
fn computed(name: &str) -> Option<ChecksumAlgorithm> {
    if name.eq_ignore_ascii_case("md5") { None } else { name.parse().ok() }
}

#[dyn_dispatch_hint]
impl Intercept for RequestChecksum {
    fn name(&self) -> &'static str {
        "RequestChecksum"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let Some(body) = request.body().bytes() else { return Ok(()) };
        match self {
            Self::Flexible { algorithm, named_in } => {
                let mut checksum = algorithm.into_impl();
                checksum.update(body);
                let header = checksum.header_name();
                let value = checksum.header_value();
                request.headers_mut().try_insert(header, value.to_str()?.to_owned())?;
                if let Some(name) = named_in {
                    request.headers_mut().try_insert(name.clone(), algorithm.as_str().to_uppercase())?;
                }
            }
            Self::ContentMd5 => {
                let digest = md5_base64(body);
                request.headers_mut().try_insert("content-md5", digest)?;
            }
        }
        Ok(())
    }
}

fn md5_base64(body: &[u8]) -> String {
    use md5::Digest;
    aws_smithy_types::base64::encode(md5::Md5::digest(body))
}
