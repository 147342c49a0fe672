//! The way of a request, top to bottom.
//!
//! Enters: the bytes of an event and the moment by which to answer. Leaves: the result as JSON text. Fails with the
//! error of the stage that refused, which from the first known name on says which call it was.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::catalog::{self, Operation};
use crate::client::Clients;
use crate::config::{Config, Defaults};
use crate::custom_endpoint::CustomEndpoint;
use crate::deadline::Deadline;
use crate::drive::remembered::Remembered;
use crate::drive::{Caller, Pace, Way, failover};
use crate::effect::Effect;
use crate::error::{Error, Fault, Faults, Kind};
use crate::event::failover::Target;
use crate::event::{Event, RetryMode, Subject};
use crate::helper::Helpers;
use crate::idempotency::record::{self, Begun, Guard, Kept, OnUncertain, Wanted, Work};
use crate::idempotency::store::Store;
use crate::idempotency::token::Tokens;
use crate::input::Bound;
use crate::input::targets::bind_each;
use crate::output::offload::Offload;
use crate::output::{self, limit};
use crate::procedure::Procedure;
use crate::region::{Region, Regions};
use crate::table::{Call, Permit, ProcedurePermit, Table, permit_result};
use crate::telemetry::Invocation;
use crate::{input, quirk};

/// Why a call that asks for a record is refused, or a function whose tasks do does not start.
const NO_RECORDS: &str = "the function has no table of idempotency records (IDEMPOTENCY_TABLE)";

/// All that outlives an invocation.
#[derive(Debug)]
pub struct Handler {
    config: Config,
    regions: Regions,
    table: Table,
    clients: Clients,
    helpers: Helpers,
    remembered: Remembered,
    records: Option<Store>,
}

/// What an event asks for beside the call itself.
#[derive(Clone, Copy)]
struct Asked<'a> {
    event: &'a Event,
    offload: Option<Offload<'a>>,
    pace: Pace,
}

/// A call that may be made at one target.
struct Planned {
    target: Target,
    bound: Bound,
    permit: Permit,
}

impl Handler {
    /// Reads the operation table; a malformed one is a failure at init.
    pub fn new(config: Config, clients: Clients) -> Result<Self, Error> {
        let regions = Regions::new(catalog::partitions()?, &config.region)?;
        let table = match &config.operation_table {
            Some(text) => Table::parse(text, regions, catalog::name::canonical_id)?,
            None => Table::default(),
        };
        if table.keeps_records() && config.idempotency_table.is_none() {
            return Err(Error::new(Kind::Internal, NO_RECORDS));
        }
        let table = table.with_local_endpoint(config.endpoint_url.clone());
        let records = config.idempotency_table.clone();
        let records = records.map(|table| Store::new(table, config.endpoint_url.clone()));
        let (helpers, remembered) = (Helpers::default(), Remembered::default());
        Ok(Self { config, regions, table, clients, helpers, remembered, records })
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
                role: target.assume_role.as_ref().map(|asked| &asked.role),
            })
            .collect();
        let mut permits = self.table.permit_together(&calls)?;
        let storing = event.result_to.as_ref().map(|to| permit_result(&mut permits, to)).transpose()?;
        invocation.is_permitted = true;
        let way = Way::of(operation, &event, self.config.result_limit)?;

        let bound = bind_each(&mut targets, &event.failover, |target| {
            let (parameters, mut faults) = (std::mem::take(&mut target.parameters), Faults::default());
            let mut parameters = event.spelling.parameters(operation, parameters, &mut faults)?;
            way.place(&mut parameters, &mut faults);
            let region = target.region.as_str();
            quirk::parameters(operation, region, &mut parameters);
            let tokens = event.invocation.as_ref().map_or(Tokens::Random, |step| Tokens::Step(step, region));
            input::bind_spelled(operation, parameters, event.spelling, faults, tokens)
        })?;
        let planned = targets.into_iter().zip(bound).zip(permits);
        let planned: Vec<Planned> =
            planned.map(|((target, bound), permit)| Planned { target, bound, permit }).collect();
        let offload = self.offload(&event, storing.as_deref());
        let asked = Asked { event: &event, offload, pace };
        let (Some(wanted), Some(first)) = (&event.idempotency, planned.first()) else {
            return self.carry_out(operation, planned, &way, asked, invocation).await;
        };
        let role = event.assume_role.as_ref().map(|asked| asked.role.as_str());
        let work = Work::call(&first.bound, event.region.as_str(), role, planned.len() == 1);
        let guard = match Box::pin(self.begin(wanted, &event, work, deadline, invocation)).await? {
            Begun::First(guard) => guard,
            Begun::Replay(outcome) => return outcome,
        };
        let with_token = |it: Planned| Planned { bound: it.bound.with_token(guard.token()), ..it };
        let planned = planned.into_iter().map(with_token).collect();
        let pace = careful(Pace { deadline: guard.deadline(deadline), ..pace }, wanted);
        let asked = Asked { pace, ..asked };
        let outcome = self.carry_out(operation, planned, &way, asked, invocation).await;
        let outcome = outcome.map_err(|error| {
            error.for_call(operation.service.id(), &operation.action(), event.region.as_str())
        });
        Box::pin(settle(guard, outcome, deadline, invocation)).await
    }

    async fn carry_out(
        &self,
        operation: &'static Operation,
        planned: Vec<Planned>,
        way: &Way,
        asked: Asked<'_>,
        invocation: &mut Invocation,
    ) -> Result<Box<RawValue>, Error> {
        let Asked { event, offload, pace } = asked;
        let (targets, calls): (Vec<_>, Vec<_>) =
            planned.into_iter().map(|Planned { target, bound, permit }| (target, (bound, permit))).unzip();
        let targets = targets.iter().zip(calls).map(|(target, (bound, permit))| {
            let caller = self.caller(event, &target.region, target.endpoint.as_ref(), pace, way);
            let caller = Caller { role: target.assume_role.as_ref(), offload, ..caller };
            failover::Target { caller, bound, permit }
        });
        let rules = failover::Rules {
            failover: &event.failover,
            operation,
            spelling: event.spelling,
            remembered: &self.remembered,
        };
        let called = failover::at_targets(targets.collect(), rules, invocation).await?;
        match offload {
            Some(offload) => {
                Box::pin(output::offloaded(operation, called, event, offload, pace.deadline)).await
            }
            None => output::result(operation, called, event, self.config.result_limit),
        }
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
        let told = |error: Error| error.for_procedure(procedure.name(), event.region.as_str());
        let permit = self.table.permit_procedure(procedure, &event.region).map_err(told)?;
        let (permit, storing) = match &event.result_to {
            Some(to) => permit.storing(to).map(|(permit, storing)| (permit, Some(storing))).map_err(told)?,
            None => (permit, None),
        };
        let offload = self.offload(&event, storing.as_deref());
        invocation.is_permitted = true;
        let pace = self.pace(&event, deadline).map_err(told)?;
        let asked = Asked { event: &event, offload, pace };
        let Some(wanted) = &event.idempotency else {
            let outcome = self.run(procedure, parameters, permit, asked, invocation).await;
            return outcome.map_err(told);
        };
        let work = Work::procedure(procedure, event.region.as_str(), &parameters);
        let begun = self.begin(wanted, &event, work, deadline, invocation).await.map_err(told)?;
        let guard = match begun {
            Begun::First(guard) => guard,
            Begun::Replay(outcome) => return outcome,
        };
        let pace = careful(Pace { deadline: guard.deadline(deadline), ..pace }, wanted);
        let asked = Asked { pace, ..asked };
        let outcome = self.run(procedure, parameters, permit, asked, invocation).await;
        settle(guard, outcome.map_err(told), deadline, invocation).await
    }

    async fn run(
        &self,
        procedure: Procedure,
        parameters: Map<String, Value>,
        permit: ProcedurePermit,
        asked: Asked<'_>,
        invocation: &mut Invocation,
    ) -> Result<Box<RawValue>, Error> {
        let Asked { event, offload, pace } = asked;
        let caller = self.caller(event, &event.region, event.endpoint.as_ref(), pace, &Way::One);
        let result = procedure.run(parameters, permit, caller, invocation).await?;
        let metadata = result.get("$metadata").cloned();
        let selected = output::selected(result, event.select.as_ref())?;
        let Some(offload) = offload else { return limit::check(&selected, self.config.result_limit) };
        let beside = metadata.map(|it| ("$metadata".to_owned(), it)).into_iter().collect();
        let text = limit::check(&selected, usize::MAX)?;
        Box::pin(output::text_or_pointer(text, beside, offload, pace.deadline)).await
    }

    /// What stores the result, where the event asks for it and the table permits it.
    fn offload<'a>(&'a self, event: &'a Event, permits: Option<&'a [Permit]>) -> Option<Offload<'a>> {
        Some(Offload {
            to: event.result_to.as_ref()?,
            permits: permits?,
            clients: &self.clients,
            local: self.config.endpoint_url.as_ref(),
            options: event.endpoint_options,
            limit: self.config.result_limit,
            is_recorded: event.idempotency.is_some(),
        })
    }

    /// Finds out whether the work is done already, of which a record is kept.
    async fn begin(
        &self,
        wanted: &Wanted,
        event: &Event,
        work: Work,
        deadline: Deadline,
        invocation: &mut Invocation,
    ) -> Result<Begun<'_>, Error> {
        let Some(records) = &self.records else {
            return Err(Error::faults(Kind::InvalidEvent, vec![Fault::new("idempotency", NO_RECORDS)]));
        };
        let step = event.invocation.as_ref();
        let begun = record::begin(records, &self.clients, deadline, wanted, step, &work).await?;
        invocation.record = Some(match &begun {
            Begun::First(_) => "first",
            Begun::Replay(_) => "replayed",
        });
        if matches!(begun, Begun::Replay(_)) {
            invocation.effect = Effect::Done;
        }
        Ok(begun)
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
            role: None,
            local: self.config.endpoint_url.as_ref(),
            options: event.endpoint_options,
            function_error: event.function_error,
            offload: None,
            pace,
            way,
        }
    }
}

/// Under a record, what may have taken effect is left to the record, unless the caller says that a repetition does no
/// harm.
fn careful(mut pace: Pace, wanted: &Wanted) -> Pace {
    if pace.retry.mode == RetryMode::Sdk && wanted.on_uncertain == OnUncertain::Fail {
        pace.retry.mode = RetryMode::Safe;
    }
    pace
}

/// Writes down what came of the work.
async fn settle(
    guard: Guard<'_>,
    outcome: Result<Box<RawValue>, Error>,
    deadline: Deadline,
    invocation: &mut Invocation,
) -> Result<Box<RawValue>, Error> {
    let (outcome, kept) = guard.settle(outcome, deadline).await;
    if kept == Kept::No {
        invocation.record = Some("lost");
    }
    outcome
}
