//! Amazon S3.
//!
//! - Copies and multipart completions answer 200 before they are done and may still fail: the body is then
//!   `<Error>`. Any operation is checked, except where the body is an object's own bytes.
//! - `InternalError` in such a body stands for a 500 and is retried as one.
//! - A bucket in another Region answers 301, 307 or 400 and names its Region in a header.
//! - `GetBucketLocation` answers with a bare `<LocationConstraint>`.
//! - A customer's encryption key goes as base64 with its MD5: 32 raw bytes are encoded, a missing MD5 is added.
//! - A bucket is created where the request goes: outside us-east-1 its `LocationConstraint` must say so.
//! - `Expires` may be any text that a client once stored: what is no time is left out, and `ExpiresString` has the text.
//! - `CopySource` is sent as the caller encoded it; what no header can hold is encoded here.

use aws_runtime::retries::classifiers::{
    AwsErrorCodeClassifier, AwsErrorCodeClassifierBuilder, TRANSIENT_ERRORS,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_xml::decode::{Document, try_data};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value as Json};

use crate::catalog::Operation;
use crate::client::failure::OperationError;
use crate::custom_endpoint::CustomEndpoint;
use crate::input::Bound;
use crate::input::value::Value;

pub fn parameters(operation: &Operation, region: &str, parameters: &mut Map<String, Json>) {
    for key in ["SSECustomerKey", "CopySourceSSECustomerKey"] {
        if takes(operation, key) {
            customer_key(parameters, key);
        }
    }
    if let Some(Json::String(source)) = parameters.get_mut("CopySource") {
        *source = utf8_percent_encode(source, CONTROLS).to_string();
    }
    if operation.name == "CreateBucket" && region != "us-east-1" {
        let configuration =
            parameters.entry("CreateBucketConfiguration").or_insert_with(|| Map::new().into());
        if let Json::Object(configuration) = configuration {
            // Directory buckets say where they are with `Location`.
            if !configuration.contains_key("LocationConstraint") && !configuration.contains_key("Location") {
                configuration.insert("LocationConstraint".to_owned(), region.into());
            }
        }
    }
}

fn takes(operation: &Operation, member: &str) -> bool {
    operation.input.map(crate::catalog::members).unwrap_or_default().iter().any(|it| it.name == member)
}

fn answers(operation: &Operation, member: &str) -> bool {
    operation.output.map(crate::catalog::members).unwrap_or_default().iter().any(|it| it.name == member)
}

fn customer_key(parameters: &mut Map<String, Json>, member: &str) {
    // Whoever gives the MD5 has done the rest, too.
    if parameters.contains_key(&format!("{member}MD5")) {
        return;
    }
    let Some(Json::String(key)) = parameters.get_mut(member) else { return };
    let raw = match STANDARD.decode(key.as_bytes()) {
        Ok(raw) if raw.len() == 32 => raw,
        _ => {
            let raw = key.as_bytes().to_vec();
            *key = STANDARD.encode(&raw);
            raw
        }
    };
    let digest = STANDARD.encode(Md5::digest(raw));
    parameters.entry(format!("{member}MD5")).or_insert_with(|| digest.into());
}

/// The bucket's Region is what `GetBucketLocation` is asked for: with the bucket in the host, S3 refuses the signature of
/// any other Region instead of answering. A server on this machine has no host for each bucket.
pub fn is_path_style(bound: &Bound, endpoint: Option<&str>) -> bool {
    if bound.operation().name == "GetBucketLocation" {
        return true;
    }
    let is_local = endpoint.is_some_and(|url| CustomEndpoint::parse(url).is_ok_and(|url| url.is_loopback()));
    match bound.member("Bucket") {
        // Access points and directory buckets are never in the path.
        Some(Value::String(bucket)) => is_local && !bucket.starts_with("arn:") && !bucket.ends_with("--x-s3"),
        _ => false,
    }
}

pub fn is_error(operation: &Operation, response: &HttpResponse) -> bool {
    if response.status().as_u16() != 200 || operation.output.is_some_and(has_blob_payload) {
        return false;
    }
    let body = response.body().bytes().unwrap_or_default();
    std::str::from_utf8(body)
        .ok()
        .and_then(|text| {
            Document::new(text).root_element().map(|root| root.start_el().local() == "Error").ok()
        })
        .unwrap_or(false)
}

pub fn error(response: &HttpResponse, mut error: OperationError) -> OperationError {
    let elsewhere = matches!(error.status, 301 | 307 | 400);
    let named = response.headers().get("x-amz-bucket-region").map(ToOwned::to_owned);
    if let Some(region) = named.or_else(|| region_in_body(response)).filter(|_| elsewhere) {
        let message = error.meta.message().unwrap_or("the bucket is in another Region");
        let message = format!("{message} (the bucket is in `{region}`)");
        let mut meta = aws_smithy_types::error::ErrorMetadata::builder().message(message);
        if let Some(code) = error.meta.code() {
            meta = meta.code(code);
        }
        error.meta = meta.build();
        error.fields.insert("BucketRegion".to_owned(), region.into());
    }
    error
}

/// A signature for another Region is refused with the right one in the body.
fn region_in_body(response: &HttpResponse) -> Option<String> {
    let text = std::str::from_utf8(response.body().bytes()?).ok()?;
    let mut document = Document::new(text);
    let mut root = document.root_element().ok()?;
    while let Some(mut element) = root.next_tag() {
        if element.start_el().local() == "Region" {
            return try_data(&mut element).ok().map(std::borrow::Cow::into_owned);
        }
    }
    None
}

pub fn output(operation: &Operation, response: &HttpResponse, members: &mut Map<String, Json>) {
    if let Some(expires) = response.headers().get("expires").filter(|_| answers(operation, "Expires")) {
        if members.get("Expires").and_then(Json::as_str) == Some(expires) {
            members.remove("Expires");
        }
        members.insert("ExpiresString".to_owned(), expires.into());
    }
    if operation.name == "GetBucketLocation" {
        let body = response.body().bytes().unwrap_or_default();
        let text = std::str::from_utf8(body).unwrap_or_default();
        let mut document = Document::new(text);
        if let Ok(mut root) = document.root_element()
            && let Ok(constraint) = try_data(&mut root)
            && !constraint.is_empty()
        {
            members.insert("LocationConstraint".to_owned(), constraint.into_owned().into());
        }
    }
}

pub fn error_codes(
    classifier: AwsErrorCodeClassifierBuilder<OperationError>,
) -> AwsErrorCodeClassifier<OperationError> {
    let mut transient = TRANSIENT_ERRORS.to_vec();
    transient.push("InternalError");
    classifier.transient_errors(transient).build()
}

fn has_blob_payload(shape: &'static crate::catalog::shape::Shape) -> bool {
    crate::catalog::members(shape).iter().any(|member| {
        member.is_payload()
            && member.target().is_ok_and(|target| matches!(target.kind, crate::catalog::shape::Kind::Blob))
    })
}
