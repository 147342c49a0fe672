//! The last door before a request: no client sends what the table did not permit.
//!
//! Enters: the operation that the SDK is about to serialise. Leaves: nothing. Fails where it is not the one that the
//! permit names, and where the SDK does not say which operation it is.
//!
//! The check stands in `read_before_serialization`: in `read_before_execution` the SDK has not stored its `Metadata`
//! yet, and a guard that finds none there would have to fail open.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::region::Region;

use crate::table::Permit;

/// Holds the permit of one call.
#[derive(Debug)]
pub struct Guard {
    /// As the SDK's `Metadata` names the service.
    service: &'static str,
    permit: Permit,
}

impl Guard {
    pub fn new(service: &'static str, permit: Permit) -> Self {
        Self { service, permit }
    }

    fn permits(&self, cfg: &ConfigBag) -> bool {
        call_of(cfg, self.service) == Some((self.permit.operation(), self.permit.region()))
    }
}

/// The same for a typed client of our own, whose calls no event names: what it is for, and where.
#[derive(Debug)]
pub struct TypedGuard {
    service: &'static str,
    operations: &'static [&'static str],
    region: String,
}

impl TypedGuard {
    pub fn new(service: &'static str, operations: &'static [&'static str], region: String) -> Self {
        Self { service, operations, region }
    }

    fn permits(&self, cfg: &ConfigBag) -> bool {
        call_of(cfg, self.service)
            .is_some_and(|(operation, region)| self.operations.contains(&operation) && region == self.region)
    }
}

/// The operation of that service which the SDK is about to serialise, and its Region; nothing where the SDK does not say.
pub(super) fn call_of<'a>(cfg: &'a ConfigBag, service: &str) -> Option<(&'a str, &'a str)> {
    let metadata = cfg.load::<Metadata>().filter(|metadata| metadata.service() == service)?;
    Some((metadata.name(), cfg.load::<Region>()?.as_ref()))
}

/// Why the guard refused; the way back to `CrossRegion.NotAllowed`.
#[derive(Debug)]
pub struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the client was asked for an operation or a Region that it holds no permit for")
    }
}

impl std::error::Error for Refused {}

#[dyn_dispatch_hint]
impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "Guard"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.permits(cfg) { Ok(()) } else { Err(Refused.into()) }
    }
}

#[dyn_dispatch_hint]
impl Intercept for TypedGuard {
    fn name(&self) -> &'static str {
        "TypedGuard"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.permits(cfg) { Ok(()) } else { Err(Refused.into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_types::config_bag::Layer;
    use serde_json::json;

    use super::*;
    use crate::catalog;
    use crate::client::transport::Transport;
    use crate::client::{Clients, Patience, Route};
    use crate::custom_endpoint::CustomEndpoint;
    use crate::effect::Effect;
    use crate::error::Error;
    use crate::event::{EndpointOptions, Retry, RetryMode, Timeouts};
    use crate::input::{self, Bound};
    use crate::region::Regions;
    use crate::table::{Call, Table};
    use crate::target::{self, Wanted};

    /// What the table permits in these tests, and what it does not.
    const PERMITTED: (&str, &str, &str) = ("dynamodb", "DescribeTable", "us-west-2");

    fn bound(service: &str, operation: &str) -> Bound {
        let operation = catalog::service(service).unwrap().operation(operation).unwrap();
        let parameters = json!({ "TableName": "orders" });
        let parameters = if service == "dynamodb" { parameters } else { json!({}) };
        input::bind(operation, parameters.as_object().unwrap().clone()).unwrap()
    }

    /// The route of the permitted call, to a server of the test's own.
    fn route(url: &str) -> Route {
        let regions = Regions::new(catalog::partitions().unwrap(), "ap-northeast-1").unwrap();
        let (service, operation, region) = PERMITTED;
        let entries = json!([{ "service": service, "actions": [operation], "regions": [region] }]);
        let table = Table::parse(&entries.to_string(), regions, catalog::name::canonical_id).unwrap();
        let table = table.with_local_endpoint(Some(CustomEndpoint::parse(url).unwrap()));
        let region = regions.parse(region).unwrap();
        let call = Call { service, operation, region: &region, endpoint: None, role: None };
        let permit = table.permit(&call).unwrap();
        let options = EndpointOptions::default();
        let url = CustomEndpoint::parse(url).unwrap();
        let wanted = Wanted {
            region: region.as_str(),
            endpoint: Some(&url),
            options,
            account_id: None,
            assumed: None,
        };
        target::route(&bound(service, operation), permit, wanted).unwrap()
    }

    /// Sends through the SDK's orchestrator; leaves the error, and whether somebody connected.
    async fn sent(change: impl FnOnce(&mut Route), bound: Bound) -> (Error, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut route = route(&url);
        change(&mut route);
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "tests");
        let clients = Clients::new(SharedCredentialsProvider::new(credentials), Transport::default());
        let retry = Retry { mode: RetryMode::None, max_attempts: 1 };
        let patience = Patience::within(Duration::from_millis(500), Timeouts::default(), retry, 1_000);
        let error = clients.send(bound, &route, patience).await.unwrap_err();
        (error, listener.accept().is_ok())
    }

    #[tokio::test]
    async fn no_client_sends_what_its_permit_does_not_name() {
        let (error, connected) = sent(|_| {}, bound("dynamodb", "DescribeTable")).await;
        assert_eq!((error.name(), connected), ("CrossRegion.OutcomeUnknown", true), "the control");

        for (what, (error, connected)) in [
            ("another operation", sent(|_| {}, bound("dynamodb", "DeleteTable")).await),
            ("another service", sent(|_| {}, bound("dynamodbstreams", "ListStreams")).await),
            (
                "another Region",
                sent(|route| route.region = "us-east-1".into(), bound("dynamodb", "DescribeTable")).await,
            ),
        ] {
            assert_eq!(error.name(), "CrossRegion.NotAllowed", "{what}");
            assert_eq!((error.effect, connected), (Effect::None, false), "{what}");
        }
    }

    #[test]
    fn what_does_not_say_what_it_is_does_not_pass() {
        let guard = Guard::new("DynamoDB", route("http://127.0.0.1:9").permit);
        let bag = |metadata: Option<Metadata>, region: Option<&'static str>| {
            let mut layer = Layer::new("test");
            layer.store_or_unset(metadata).store_or_unset(region.map(Region::from_static));
            ConfigBag::of_layers(vec![layer])
        };
        let metadata = || Some(Metadata::new("DescribeTable", "DynamoDB"));
        assert!(guard.permits(&bag(metadata(), Some("us-west-2"))), "the control");
        assert!(!guard.permits(&bag(None, Some("us-west-2"))));
        assert!(!guard.permits(&bag(metadata(), None)));
        assert!(!guard.permits(&bag(None, None)));

        let guard = TypedGuard::new("DynamoDB", &["PutItem", "DescribeTable"], "us-west-2".to_owned());
        assert!(guard.permits(&bag(metadata(), Some("us-west-2"))), "the control");
        assert!(!guard.permits(&bag(metadata(), Some("us-east-1"))));
        assert!(!guard.permits(&bag(Some(Metadata::new("Scan", "DynamoDB")), Some("us-west-2"))));
        assert!(!guard.permits(&bag(Some(Metadata::new("PutItem", "Other")), Some("us-west-2"))));
        assert!(!guard.permits(&bag(None, Some("us-west-2"))));
    }
}
