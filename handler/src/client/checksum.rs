//! Checksums of requests and of answers.
//!
//! Enters: an operation's checksum traits and the call's parameters. Leaves: headers on the request; an answer whose
//! bytes do not match their checksum is refused. Fails where a named algorithm is unknown.

use aws_smithy_checksums::ChecksumAlgorithm;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;

use crate::catalog::model::MemberTrait;
use crate::catalog::model::OperationTrait;
use crate::catalog::{self};
use crate::input::Bound;
use crate::input::value::Value;

/// Adds what the operation's checksum traits ask for.
pub fn configure(bound: &Bound, components: RuntimeComponentsBuilder) -> RuntimeComponentsBuilder {
    match request_checksum(bound) {
        Some(checksum) => components.with_interceptor(checksum),
        None => components,
    }
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

fn request_checksum(bound: &Bound) -> Option<RequestChecksum> {
    let operation = bound.operation();
    // Of several checksums the caller's own wins: the body is not hashed twice.
    let own = operation.input.map(catalog::members).unwrap_or_default().iter().any(|member| {
        member.traits.iter().any(|it| {
            matches!(it, MemberTrait::Header(name) if name.to_lowercase().starts_with("x-amz-checksum-") && !matches!(name.to_lowercase().as_str(), "x-amz-checksum-type" | "x-amz-checksum-mode" | "x-amz-checksum-algorithm"))
        }) && bound.member(&member.name).is_some()
    });
    if own {
        return None;
    }
    for it in &operation.traits {
        if let OperationTrait::RequestChecksum { algorithm_member, .. } = it {
            let chosen = match bound.member(algorithm_member) {
                Some(Value::String(name)) => name.parse::<ChecksumAlgorithm>().ok()?,
                _ => ChecksumAlgorithm::Crc32,
            };
            let named_in =
                operation.input.map(catalog::members).unwrap_or_default().iter().find_map(|member| {
                    member.traits.iter().find_map(|it| match it {
                        MemberTrait::Header(header) if member.name == *algorithm_member => {
                            Some(header.clone())
                        }
                        _ => None,
                    })
                });
            return Some(RequestChecksum::Flexible { algorithm: chosen, named_in });
        }
    }
    let md5 = operation.has(&OperationTrait::ChecksumRequired) && bound.member("ContentMD5").is_none();
    md5.then_some(RequestChecksum::ContentMd5)
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
