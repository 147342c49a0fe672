//! Services that tell callers where to go: Amazon Timestream answers at addresses that each account asks for first.
//!
//! Enters: an operation, and the answer to [`HELPER`]. Leaves: an address and how long it holds. Fails where the answer
//! names none. Operations for which asking is merely possible, as in Amazon DynamoDB, go to the regular endpoint, as
//! with every SDK's defaults.

use std::time::Duration;

use serde_json::Value as Json;

use crate::catalog::Operation;
use crate::catalog::model::OperationTrait;
use crate::client::Answer;
use crate::error::{Error, Kind};

/// Asks for addresses. The model marks it; every service that requires it calls it this.
pub const HELPER: &str = "DescribeEndpoints";

pub fn is_required(operation: &Operation) -> bool {
    operation.has(&OperationTrait::EndpointDiscovery { required: true })
}

/// An address that has moved answers so.
pub fn has_moved(error: &Error) -> bool {
    error.status_code == Some(421) || error.name() == "InvalidEndpointException"
}

/// The first address, as a URL.
pub fn read(answer: &Answer) -> Result<(String, Duration), Error> {
    let first = answer.members.get("Endpoints").and_then(|all| all.get(0));
    let address = first.and_then(|it| it.get("Address")).and_then(Json::as_str);
    let minutes = first.and_then(|it| it.get("CachePeriodInMinutes")).and_then(Json::as_u64);
    let Some(address) = address else {
        return Err(Error::new(
            Kind::MalformedResponse,
            "the answer to `describeEndpoints` holds no address",
        ));
    };
    let url = if address.contains("://") { address.to_owned() } else { format!("https://{address}") };
    Ok((url, Duration::from_secs(minutes.unwrap_or_default().saturating_mul(60))))
}
