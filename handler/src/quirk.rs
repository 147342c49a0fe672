//! What SDKs do for one service beyond its model: one file each, with the reason and the test.
//!
//! Enters: an operation and what is about to be sent, or what was answered. Leaves: the same, corrected. Everything
//! here is a name looked up in a match: a service without a quirk pays nothing.

mod apigateway;
mod cloudsearchdomain;
mod cross_region_copy;
pub mod directory_bucket;
pub mod endpoint_discovery;
mod glacier;
mod lambda;
mod machinelearning;
mod route53;
mod s3;
mod s3control;
mod sqs;
mod sso_oidc;

use aws_runtime::retries::classifiers::{AwsErrorCodeClassifier, AwsErrorCodeClassifierBuilder};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use serde_json::{Map, Value as Json};

use crate::catalog::Operation;
use crate::catalog::model::OperationTrait;
use crate::client::Answer;
use crate::client::failure::OperationError;
use crate::error::Error;
use crate::event::FunctionError;
use crate::input::Bound;

pub use cross_region_copy::{prepared, source_region};

/// Parameters that an SDK derives from others, or writes in another form, before they are checked.
pub fn parameters(operation: &Operation, region: &str, parameters: &mut Map<String, Json>) {
    match operation.service.id() {
        "glacier" => glacier::parameters(operation, parameters),
        "route53" => route53::parameters(parameters),
        "s3" => s3::parameters(operation, region, parameters),
        "s3control" => s3control::parameters(operation, parameters),
        _ => {}
    }
}

/// Where the parameters send a call, in place of the service's own address.
pub fn address(bound: &Bound) -> Option<String> {
    if bound.operation().service.id() == "machinelearning" { machinelearning::address(bound) } else { None }
}

/// Whether the bucket stands in the path though the caller did not ask for that.
pub fn is_path_style(bound: &Bound, endpoint: Option<&str>) -> bool {
    bound.operation().service.id() == "s3" && s3::is_path_style(bound, endpoint)
}

/// Headers that a service wants and its model does not tell.
pub fn request(operation: &Operation, request: &mut HttpRequest) -> Result<(), BoxError> {
    if operation.has(&OperationTrait::EndpointOperation) {
        // Which addresses a service names depends on it.
        request
            .headers_mut()
            .try_insert("x-amz-api-version", operation.service.metadata().api_version.clone())?;
    }
    match operation.service.id() {
        "apigateway" => apigateway::request(request),
        "cloudsearchdomain" => cloudsearchdomain::request(operation, request),
        "glacier" => glacier::request(operation, request),
        _ => Ok(()),
    }
}

/// Whether an answer of status 200 is an error all the same.
pub fn is_error(operation: &Operation, response: &HttpResponse) -> bool {
    operation.service.id() == "s3" && s3::is_error(operation, response)
}

/// Whether the body of a successful answer is no result, but tells of something that went wrong.
pub fn is_report(operation: &Operation, response: &HttpResponse) -> bool {
    operation.service.id() == "lambda" && lambda::is_report(response)
}

/// The code of an error whose answer has no body: HEAD requests get none, and what was not modified is not sent.
pub fn code_from_status(operation: &Operation, status: u16) -> Option<String> {
    let is_bodiless = operation.method == "HEAD" || status == 304;
    is_bodiless.then(|| head_code(status)).flatten().map(ToOwned::to_owned)
}

/// What an error's answer says besides its message.
pub fn error(operation: &Operation, response: &HttpResponse, error: OperationError) -> OperationError {
    match operation.service.id() {
        "s3" => s3::error(response, error),
        "sso-oidc" => sso_oidc::error(error),
        _ => error,
    }
}

/// Members that the protocols cannot read.
pub fn output(operation: &Operation, response: &HttpResponse, members: &mut Map<String, Json>) {
    if operation.service.id() == "s3" {
        s3::output(operation, response, members);
    }
}

/// Whether the answer tells what was sent, so that the parameters are needed once more.
pub fn is_compared_with_answer(operation: &Operation) -> bool {
    operation.service.id() == "sqs"
}

/// What an answer that came with status 200 really says; `sent` only where it
/// [is compared](is_compared_with_answer).
pub fn answer(
    operation: &Operation,
    answer: Answer,
    function_error: FunctionError,
    sent: &Map<String, Json>,
) -> Result<Answer, Error> {
    match operation.service.id() {
        "lambda" if function_error == FunctionError::Raise => lambda::raise(answer),
        "sqs" => sqs::check(operation, answer, sent),
        _ => Ok(answer),
    }
}

/// Error codes that a service answers with where others use a status.
pub fn error_codes(
    service: &str,
    classifier: AwsErrorCodeClassifierBuilder<OperationError>,
) -> AwsErrorCodeClassifier<OperationError> {
    if service == "s3" { s3::error_codes(classifier) } else { classifier.build() }
}

fn head_code(status: u16) -> Option<&'static str> {
    Some(match status {
        301 => "PermanentRedirect",
        304 => "NotModified",
        307 => "TemporaryRedirect",
        400 => "BadRequest",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        412 => "PreconditionFailed",
        503 => "SlowDown",
        _ => return None,
    })
}
