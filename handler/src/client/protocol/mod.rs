//! The wire protocols: the SDK's own, one of ours (ec2Query), and what neither settles.
//!
//! Enters: a service's metadata, serialised requests, raw answers. Leaves: configuration for the SDK's protocols,
//! complete requests, request ids, [`error`]s. Fails where a request has no valid header.

pub mod cbor;
pub mod ec2_query;
pub mod error;
pub mod payload;
pub mod xml;

use aws_smithy_cbor::protocol::RpcV2CborProtocol;
use aws_smithy_json::protocol::aws_json_rpc::AwsJsonRpcProtocol;
use aws_smithy_json::protocol::aws_rest_json_1::AwsRestJsonProtocol;
use aws_smithy_query::protocol::AwsQueryProtocol;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_schema::protocol::{
    ServiceShapeName, ServiceVersion, ServiceXmlNamespace, SharedClientProtocol,
};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_xml::protocol::aws_rest_xml::AwsRestXmlProtocol;

use crate::catalog::model::{Metadata, Protocol};
use crate::catalog::shape::Shape;
use crate::catalog::{self, Operation};
use crate::input::Bound;

/// Stores the protocol and the facts of the service that it reads.
pub fn configure(metadata: &'static Metadata, config: &mut Layer) {
    config.store_put(ServiceVersion::new(metadata.api_version.as_str()));
    config.store_put(ServiceShapeName::new(metadata.target_prefix.as_str()));
    if !metadata.xml_namespace.is_empty() {
        config.store_put(ServiceXmlNamespace::new(metadata.xml_namespace.as_str(), None));
    }
    let target = metadata.target_prefix.as_str();
    config.store_put(match metadata.protocol {
        Protocol::AwsJson1_0 => {
            SharedClientProtocol::new(AwsJsonRpcProtocol::aws_json_1_0().with_target_prefix(target))
        }
        Protocol::AwsJson1_1 => {
            SharedClientProtocol::new(AwsJsonRpcProtocol::aws_json_1_1().with_target_prefix(target))
        }
        Protocol::RestJson1 => SharedClientProtocol::new(AwsRestJsonProtocol::new()),
        Protocol::RestXml => {
            SharedClientProtocol::new(AwsRestXmlProtocol::new().with_no_error_wrapping(metadata.id == "s3"))
        }
        Protocol::AwsQuery => SharedClientProtocol::new(AwsQueryProtocol::new()),
        Protocol::Ec2Query => SharedClientProtocol::new(ec2_query::Ec2QueryProtocol::new()),
        Protocol::RpcV2Cbor => SharedClientProtocol::new(RpcV2CborProtocol::new()),
    });
}

/// What the protocols leave open in a request.
pub fn complete(
    bound: &Bound,
    protocol: &SharedClientProtocol,
    request: &mut HttpRequest,
) -> Result<(), BoxError> {
    let operation = bound.operation();
    let metadata = operation.service.metadata();
    if metadata.aws_query_compatible {
        request.headers_mut().try_insert("x-amzn-query-mode", "true")?;
    }
    if metadata.protocol == Protocol::RpcV2Cbor && operation.input.is_none() {
        *request.body_mut() = SdkBody::empty();
        request.headers_mut().remove("content-type");
        request.headers_mut().remove("content-length");
    }
    payload::complete(bound, protocol, request)
}

/// Whether there is anything in the answer for the protocol to read: several services answer with an empty body
/// where their model promises members.
pub fn has_answer(operation: &Operation, shape: &Shape, body: &[u8]) -> bool {
    let bodiless = matches!(operation.service.metadata().protocol, Protocol::RestJson1 | Protocol::RestXml);
    bodiless || (!catalog::members(shape).is_empty() && !body.is_empty())
}

/// The service's id of the request, from the headers or, in the query protocols, from the body.
pub fn request_id(operation: &Operation, response: &HttpResponse) -> Option<String> {
    let header = ["x-amzn-requestid", "x-amzn-request-id", "x-amz-request-id"]
        .iter()
        .find_map(|name| response.headers().get(*name))
        .map(ToOwned::to_owned);
    header.or_else(|| match operation.service.metadata().protocol {
        Protocol::AwsQuery | Protocol::Ec2Query | Protocol::RestXml => {
            error::xml_request_id(response.body().bytes().unwrap_or_default())
        }
        _ => None,
    })
}
