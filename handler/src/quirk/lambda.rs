//! AWS Lambda: a function that failed is reported with status 200 and a `FunctionError`.
//!
//! Left alone it would pass as a success. The remote error's own name and message are raised instead, under the rules
//! for names that are not a callee's to use.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde_json::Value as Json;

use crate::client::Answer;
use crate::effect::Effect;
use crate::error::Error;

/// Whether the body is a failed function's report, which is read whole to be raised.
pub fn is_report(response: &HttpResponse) -> bool {
    response.headers().get("x-amz-function-error").is_some()
}

/// The remote function ran, so the call is done, whatever became of the function.
pub fn raise(answer: Answer) -> Result<Answer, Error> {
    if !answer.members.contains_key("FunctionError") {
        return Ok(answer);
    }
    let payload = answer.body.as_ref().map(|body| body.bytes.as_ref()).unwrap_or_default();
    let report: Json = serde_json::from_slice(payload).unwrap_or_default();
    let text = |name: &str| report.get(name).and_then(Json::as_str);
    let message = text("errorMessage").unwrap_or("the function failed without a message");
    let mut error = Error::callee(text("errorType"), message).with_effect(Effect::Done);
    error.status_code = Some(answer.status);
    error.request_id = answer.request_id;
    error.attempts = Some(answer.attempts);
    Err(error)
}
