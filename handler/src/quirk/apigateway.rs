//! Amazon API Gateway answers in HAL unless it is asked for plain JSON, which its model describes.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

pub fn request(request: &mut HttpRequest) -> Result<(), BoxError> {
    if !request.headers().contains_key("accept") {
        request.headers_mut().try_insert("accept", "application/json")?;
    }
    Ok(())
}
