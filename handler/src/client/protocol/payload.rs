//! Requests whose body is one member, where the SDK's REST protocols leave it unfinished.
//!
//! Enters: the bound parameters and the request as the protocol wrote it. Leaves: the request with the body and the
//! Content-Type that Smithy's `httpPayload` asks for. Fails where a document cannot be written.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_schema::prelude;
use aws_smithy_schema::protocol::SharedClientProtocol;
use aws_smithy_types::body::SdkBody;

use crate::catalog;
use crate::catalog::model::Protocol;
use crate::catalog::shape::Kind;
use crate::input::Bound;
use crate::input::value::Value;

pub fn complete(
    bound: &Bound,
    protocol: &SharedClientProtocol,
    request: &mut HttpRequest,
) -> Result<(), BoxError> {
    let operation = bound.operation();
    let Some(member) =
        operation.input.map(catalog::members).unwrap_or_default().iter().find(|it| it.is_payload())
    else {
        return Ok(());
    };
    match (&member.target()?.kind, bound.member(&member.name)) {
        // A structure that was left out is an empty one: services that parse the body take no less.
        (Kind::Structure(_), None) if operation.service.metadata().protocol == Protocol::RestJson1 => {
            body(request, "application/json", b"{}".to_vec())
        }
        (Kind::Document, Some(Value::Document(document))) => {
            let codec = protocol.payload_codec().ok_or("the protocol writes no documents")?;
            let mut serializer = codec.create_serializer();
            serializer.write_document(&prelude::DOCUMENT, document)?;
            body(request, "application/json", serializer.finish_boxed())
        }
        (Kind::Blob, Some(_)) => content_type(request, "application/octet-stream"),
        (Kind::String, Some(_)) => content_type(request, "text/plain"),
        _ => Ok(()),
    }
}

fn body(request: &mut HttpRequest, media_type: &'static str, bytes: Vec<u8>) -> Result<(), BoxError> {
    request.headers_mut().try_insert("content-length", bytes.len().to_string())?;
    *request.body_mut() = SdkBody::from(bytes);
    content_type(request, media_type)
}

/// The caller's own Content-Type wins.
fn content_type(request: &mut HttpRequest, media_type: &'static str) -> Result<(), BoxError> {
    if !request.headers().contains_key("content-type") {
        request.headers_mut().try_insert("content-type", media_type)?;
    }
    Ok(())
}
