//! What Step Functions gets back (section 3 of the contract).
//!
//! Enters: an answer read by the client. Leaves: the result JSON within the size limit. Fails with
//! `CrossRegion.ResultTooLarge`, `effect: "done"`.

pub mod body;
pub mod limit;
pub mod value;

use serde_json::{Value as Json, json};

use crate::catalog::Operation;
use crate::drive::Called;
use crate::effect::Effect;
use crate::error::Error;
use crate::event::Event;
use crate::spelling::Spelling;

/// Members, the body by `bodyAs`, and `$metadata`, which Step Functions' own integrations
/// do not have. They hand out a body as text whatever its Content-Type says.
pub fn render(operation: &'static Operation, called: Called, event: &Event) -> Result<Json, Error> {
    let Called { answer, region, endpoint } = called;
    let is_model = event.spelling == Spelling::Model;
    let done = |error: Error| error.with_effect(Effect::Done);
    let mut result = event.spelling.result(operation, answer.members).map_err(done)?;
    if let (Some(body), Some(shape)) = (answer.body, operation.output) {
        let content_type = body.content_type.as_deref().filter(|_| is_model);
        let rendered = body::render(&body.bytes, content_type, event.body_as)?;
        let member = event.spelling.member(operation.service.id(), shape, &body.member);
        result.insert(member.into_owned(), rendered);
    }
    if is_model {
        result.insert(
            "$metadata".to_owned(),
            json!({
                "httpStatusCode": answer.status,
                "requestId": answer.request_id,
                "attempts": answer.attempts,
                "totalRetryDelay": u64::try_from(answer.retry_delay.as_millis()).unwrap_or(u64::MAX),
                "region": region,
                "endpoint": endpoint,
            }),
        );
    }
    Ok(Json::Object(result))
}
