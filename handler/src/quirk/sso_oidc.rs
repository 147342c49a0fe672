//! AWS IAM Identity Center's OIDC endpoint follows OAuth: its errors explain themselves in `error_description`.

use aws_smithy_types::error::ErrorMetadata;
use serde_json::Value as Json;

use crate::client::failure::OperationError;

pub fn error(mut error: OperationError) -> OperationError {
    if error.meta.message().is_none_or(str::is_empty)
        && let Some(message) = error.fields.get("error_description").and_then(Json::as_str)
    {
        let mut meta = ErrorMetadata::builder().message(message);
        if let Some(code) = error.meta.code() {
            meta = meta.code(code);
        }
        error.meta = meta.build();
    }
    error
}
