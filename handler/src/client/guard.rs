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
        let permitted =
            cfg.load::<Metadata>().is_some_and(|metadata| {
                metadata.service() == self.service && metadata.name() == self.permit.operation()
            }) && cfg.load::<Region>().is_some_and(|region| region.as_ref() == self.permit.region());
        if permitted { Ok(()) } else { Err(Refused.into()) }
    }
}
