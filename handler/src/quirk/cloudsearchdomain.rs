//! Amazon CloudSearch takes a search as a query, which grows beyond what a URL may hold; sent as a form it may not.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::catalog::Operation;

pub fn request(operation: &Operation, request: &mut HttpRequest) -> Result<(), BoxError> {
    if operation.name != "Search" {
        return Ok(());
    }
    let Some((path, query)) = request.uri().split_once('?') else { return Ok(()) };
    let (path, query) = (path.to_owned(), query.to_owned());
    request.set_uri(path)?;
    request.set_method("POST")?;
    request.headers_mut().try_insert("content-type", "application/x-www-form-urlencoded")?;
    request.headers_mut().try_insert("content-length", query.len().to_string())?;
    *request.body_mut() = SdkBody::from(query);
    Ok(())
}
