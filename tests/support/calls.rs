//! Calls made straight through the handler's stages, without an event.
//!
//! Enters: an operation and its parameters in the contract's form. Leaves: the signed request, or the answer. Fails as
//! the stages do.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use handler::catalog::{self, Operation};
use handler::client::transport::Transport;
use handler::client::{Answer, Clients, Patience, Route};
use handler::error::Error;
use handler::event::{EndpointOptions, Retry, RetryMode, Timeouts};
use handler::input::{self, Bound};
use handler::region::Regions;
use handler::table::{Call, Table};
use handler::target::{self, Wanted};
use serde_json::{Map, Value, json};

use crate::wire::Request;

/// Where every call of these suites goes.
pub const REGION: &str = "us-west-2";

/// Of the made-up credentials.
pub const ACCOUNT: &str = "123456789012";

/// More than any case has.
const BODY_LIMIT: usize = 16 << 20;

/// Clients with made-up credentials.
pub fn clients(transport: Transport) -> Clients {
    let credentials = Credentials::builder()
        .access_key_id("AKIDEXAMPLE")
        .secret_access_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        .account_id(ACCOUNT)
        .provider_name("tests")
        .build();
    Clients::new(SharedCredentialsProvider::new(credentials), transport)
}

/// The request as it would be sent.
pub async fn sign(
    clients: &Clients,
    operation: &'static Operation,
    parameters: Map<String, Value>,
) -> Result<Request, Error> {
    let (bound, route) = prepare(operation, parameters)?;
    clients.sign(bound, &route, patience()).await.map(|request| Request::sent(&request))
}

/// The answer that the transport gives.
pub async fn send(
    clients: &Clients,
    operation: &'static Operation,
    parameters: Map<String, Value>,
) -> Result<Answer, Error> {
    let (bound, route) = prepare(operation, parameters)?;
    clients.send(bound, &route, patience()).await
}

fn prepare(operation: &'static Operation, parameters: Map<String, Value>) -> Result<(Bound, Route), Error> {
    let regions = Regions::new(catalog::partitions()?, REGION)?;
    let entry = json!([{ "service": operation.service.id(), "actions": [operation.name], "regions": ["*", "*global*"] }]);
    let table = Table::parse(&entry.to_string(), regions, |service| Ok(service.to_owned()))?;
    let region = regions.parse(REGION).unwrap_or_else(|error| panic!("{error}"));
    let call = Call {
        service: operation.service.id(),
        operation: &operation.name,
        region: &region,
        endpoint: None,
        role: None,
    };
    let permit = table.permit(&call)?;
    let bound = input::bind(operation, parameters)?;
    let wanted = Wanted {
        region: REGION,
        endpoint: None,
        options: EndpointOptions::default(),
        account_id: Some(ACCOUNT),
        assumed: None,
    };
    let route = target::route(&bound, permit, wanted)?;
    Ok((bound, route))
}

/// One attempt: a second would hide what the first came to.
fn patience() -> Patience {
    let retry = Retry { mode: RetryMode::None, max_attempts: 1 };
    Patience::within(Duration::from_mins(1), Timeouts::default(), retry, BODY_LIMIT)
}
