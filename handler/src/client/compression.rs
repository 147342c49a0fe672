//! Request compression, for the operations whose model asks for it.
//!
//! Enters: a serialised request. Leaves: the same, gzipped above 10 KiB, as every SDK does by default. Fails where the
//! encoder does.

use aws_smithy_compression::CompressionAlgorithm;
use aws_smithy_compression::CompressionOptions;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::catalog::Operation;
use crate::catalog::model::OperationTrait;

/// Bytes from which a body is compressed.
const LEAST: usize = 10_240;

/// Compresses the body in place.
pub fn compress(operation: &Operation, request: &mut HttpRequest) -> Result<(), BoxError> {
    let gzip = operation.traits.iter().any(|it| {
        matches!(it, OperationTrait::RequestCompression(encodings) if encodings.iter().any(|it| it == "gzip"))
    });
    let Some(body) = request.body().bytes().filter(|body| gzip && body.len() >= LEAST) else { return Ok(()) };
    let options = CompressionOptions::default();
    let mut compressor = CompressionAlgorithm::Gzip.into_impl_http_body_1_x(&options);
    let mut compressed = Vec::new();
    compressor.compress_bytes(body, &mut compressed)?;
    let encoding = match request.headers().get("content-encoding") {
        Some(before) => format!("{before}, gzip"),
        None => "gzip".to_owned(),
    };
    request.headers_mut().try_insert("content-encoding", encoding)?;
    request.headers_mut().try_insert("content-length", compressed.len().to_string())?;
    *request.body_mut() = SdkBody::from(compressed);
    Ok(())
}
