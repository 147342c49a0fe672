//! The way of a request, top to bottom.
//!
//! Enters: the bytes of an event and the moment by which to answer. Leaves: the result as JSON text. Fails with the
//! error of the stage that refused, which from the first known name on says which call it was.

use serde_json::value::RawValue;

use crate::catalog::{self, Operation};
use crate::client::Clients;
use crate::config::{Config, Defaults};
use crate::custom_endpoint::CustomEndpoint;
use crate::deadline::Deadline;
use crate::drive::remembered::Remembered;
use crate::drive::{Caller, Pace, Way, failover};
use crate::error::{Error, Faults};
use crate::event::{Event, Subject};
use crate::helper::Helpers;
use crate::input::targets::bind_each;
use crate::output::{self, limit};
use crate::procedure::Procedure;
use crate::region::{Region, Regions};
use crate::table::{Call, Table};
use crate::telemetry::Invocation;
use crate::{input, quirk};

/// All that outlives an invocation.
#[derive(Debug)]
pub struct Handler {
    config: Config,
    regions: Regions,
    table: Table,
    clients: Clients,
    helpers: Helpers,
    remembered: Remembered,
}

impl Handler {
    /// Reads the operation table; a malformed one is a failure at init.
    pub fn new(config: Config, clients: Clients) -> Result<Self, Error> {
        let regions = Regions::new(catalog::partitions()?, &config.region)?;
        let table = match &config.operation_table {
            Some(text) => Table::parse(text, regions, catalog::name::canonical_id)?,
            None => Table::default(),
        };
        let table = table.with_local_endpoint(config.endpoint_url.clone());
        let (helpers, remembered) = (Helpers::default(), Remembered::default());
        Ok(Self { config, regions, table, clients, helpers, remembered })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// One invocation. What is learnt on the way is noted in `invocation`.
    pub async fn handle(
        &self,
        raw: &[u8],
        deadline: Deadline,
        invocation: &mut Invocation,
    ) -> Result<Box<RawValue>, Error> {
        let event = Event::parse(raw, &self.regions)?;
        let (service, action) = match &event.subject {
            Subject::Call { service, action } => (service, action),
            Subject::Procedure(procedure) => {
                return Box::pin(self.procedure(*procedure, event, deadline, invocation)).await;
            }
        };
        let operation = catalog::service(service)
            .and_then(|service| service.operation(action))
            .map_err(|error| error.for_call(service, action, event.region.as_str()))?;
        let (action, spelling) = (operation.action(), event.spelling);
        invocation.is_for(operation.service.id(), &action, &event.region);
        Box::pin(self.call(operation, event, deadline, invocation)).await.map_err(|error| {
            spelling.error(operation, error).for_call(
                operation.service.id(),
                &action,
                invocation.region.as_deref().unwrap_or_default(),
            )
        })
    }

    async fn call(
        &self,
        operation: &'static Operation,
        mut event: Event,
        deadline: Deadline,
        invocation: &mut Invocation,
    ) -> Result<Box<RawValue>, Error> {
        let pace = self.pace(&event, deadline)?;
        let mut targets = event.targets();
        let calls: Vec<Call<'_>> = targets
            .iter()
            .map(|target| Call {
                service: operation.service.id(),
                operation: &operation.name,
                region: &target.region,
                endpoint: target.endpoint.as_ref(),
            })
            .collect();
        let permits = self.table.permit_together(&calls)?;
        invocation.is_permitted = true;
        let way = Way::of(operation, &event, self.config.result_limit)?;

        let bound = bind_each(&mut targets, &event.failover, |target| {
            let (parameters, mut faults) = (std::mem::take(&mut target.parameters), Faults::default());
            let mut parameters = event.spelling.parameters(operation, parameters, &mut faults)?;
            quirk::parameters(operation, target.region.as_str(), &mut parameters);
            input::bind_spelled(operation, parameters, event.spelling, faults)
        })?;

        let targets = targets.iter().zip(bound).zip(permits).map(|((target, bound), permit)| {
            let caller = self.caller(&event, &target.region, target.endpoint.as_ref(), pace, &way);
            failover::Target { caller, bound, permit }
        });
        let rules = failover::Rules {
            failover: &event.failover,
            operation,
            spelling: event.spelling,
            remembered: &self.remembered,
        };
        let called = failover::at_targets(targets.collect(), rules, invocation).await?;
        output::result(operation, called, &event, self.config.result_limit)
    }

    /// The same way for a procedure, whose parameters name places that the table must list, too.
    async fn procedure(
        &self,
        procedure: Procedure,
        mut event: Event,
        deadline: Deadline,
        invocation: &mut Invocation,
    ) -> Result<Box<RawValue>, Error> {
        invocation.is_for_procedure(procedure.name(), &event.region);
        let parameters = std::mem::take(&mut event.parameters);
        let outcome = async {
            let permit = self.table.permit_procedure(procedure, &event.region)?;
            invocation.is_permitted = true;
            let pace = self.pace(&event, deadline)?;
            let caller = self.caller(&event, &event.region, event.endpoint.as_ref(), pace, &Way::One);
            let result = procedure.run(parameters, permit, caller, invocation).await?;
            limit::check(&output::selected(result, event.select.as_ref())?, self.config.result_limit)
        };
        outcome.await.map_err(|error| error.for_procedure(procedure.name(), event.region.as_str()))
    }

    fn pace(&self, event: &Event, deadline: Deadline) -> Result<Pace, Error> {
        let Defaults { timeouts, retry } = self.config.defaults;
        Ok(Pace {
            deadline,
            timeouts: event.timeouts.or(timeouts),
            retry: event.retry.or(retry)?,
            body_limit: self.config.result_limit,
            has_next: false,
        })
    }

    fn caller<'a>(
        &'a self,
        event: &Event,
        region: &'a Region,
        endpoint: Option<&'a CustomEndpoint>,
        pace: Pace,
        way: &'a Way,
    ) -> Caller<'a> {
        Caller {
            table: &self.table,
            regions: &self.regions,
            clients: &self.clients,
            helpers: &self.helpers,
            region,
            endpoint,
            local: self.config.endpoint_url.as_ref(),
            options: event.endpoint_options,
            function_error: event.function_error,
            pace,
            way,
        }
    }
}
