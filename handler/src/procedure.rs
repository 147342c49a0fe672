//! Procedures: jobs of more than one API call under one name (section 6 of the contract).
//!
//! Enters: an event's parameters and the [`ProcedurePermit`] for its procedure and Region. Leaves: the result, with
//! `$metadata` of `attempts` (all requests that were sent) and `region`. Fails with `CrossRegion.InvalidParameters`,
//! which lists all faults; with `CrossRegion.NotAllowed` where no single entry of the operation table lists all that
//! the parameters name; and as the procedure itself does.
//!
//! `effect` of a procedure: `none`, nothing of what it was asked for; `done`, all of it; `unknown`, what lies between:
//! a part of it, or a call that got no usable answer.
//!
//! # What an entry for a procedure permits
//!
//! The API calls that the procedure declares ([`Job::CALLS`]), in the Regions and at the endpoints of that entry, on
//! whatever the procedure's parameters name within its `roles`, `sources` and `results`. It does not permit an event
//! that names one of these calls itself, and an entry for such a call does not permit the procedure. Each call gets a
//! permit of its own out of the procedure's, and with it the guard and the check of the resolved host and signature
//! that single calls have.
//!
//! # How a procedure is added
//!
//! 1. `procedure/<name>.rs`: a type that holds the parameters and implements [`Job`]. Parameters that an API of AWS
//!    has, too, carry its names, as `ClusterEndpoints`; ours are in camelCase.
//! 2. A line in `procedures!` below. Event, table, log and metrics know the name from there.
//! 3. A section under "Procedures" in `handler/README.md`, rows in `tests/CONTRACT.md`, and a construct.

pub mod key_value_store;
pub mod kinesis;
pub mod knowledge_base;
pub mod routing_control;
pub mod source;
pub mod transfer;

/// The format that the procedures of Kinesis read and write.
pub use ::kpl;

use std::error::Error as StdError;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Map, Value as Json, json};

use crate::catalog;
use crate::client::Reading;
use crate::client::flow::Flow;
use crate::client::role::AssumeRole;
use crate::client::typed::{self, Sent, Typed};
use crate::custom_endpoint::CustomEndpoint;
use crate::drive::{Called, Caller, Pace};
use crate::error::{Error, Faults, Kind};
use crate::fields::{Fields, read_object};
use crate::input;
use crate::json::Path;
use crate::region::{Region, Regions};
use crate::suggest;
use crate::table::{Named, Permit, ProcedurePermit};
use crate::telemetry::Invocation;

/// What a procedure is made of.
pub(crate) trait Job: Sized {
    /// As events and tables write it.
    const NAME: &'static str;

    /// The API calls that it may make, each a service's id and the model's name of an operation.
    const CALLS: &'static [(&'static str, &'static str)];

    /// Reads the parameters. Every fault is reported; with any, nothing is run.
    fn read(fields: &mut Fields<'_>, regions: &Regions) -> Option<Self>;

    /// What the parameters name that the operation table must list.
    fn names(&self) -> Named<'_>;

    /// Does the job, within the deadline of `calls`. Fails with the `effect` that it justifies.
    async fn run(&self, calls: &Calls<'_>) -> Result<Map<String, Json>, Error>;
}

/// Makes an enumeration of all procedures, and finds the parts of each.
macro_rules! procedures {
    ($($variant:ident => $job:ty,)+) => {
        /// Every procedure there is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Procedure {
            $($variant,)+
        }

        impl Procedure {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As events, tables and the log write it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => <$job as Job>::NAME,)+
                }
            }

            /// The API calls that it may make, each a service's id and the model's name of an operation.
            pub fn calls(self) -> &'static [(&'static str, &'static str)] {
                match self {
                    $(Self::$variant => <$job as Job>::CALLS,)+
                }
            }

            /// Runs it as far as `permit` goes.
            pub(crate) async fn run(
                self,
                parameters: Map<String, Json>,
                permit: ProcedurePermit,
                caller: Caller<'_>,
                invocation: &mut Invocation,
            ) -> Result<Json, Error> {
                match self {
                    // Boxed, since each would hold the room for the largest.
                    $(Self::$variant => Box::pin(run::<$job>(parameters, permit, caller, invocation)).await,)+
                }
            }
        }
    };
}

procedures! {
    KeyValueStoreSync => key_value_store::Sync,
    KnowledgeBaseIngest => knowledge_base::Ingest,
    KinesisDeaggregate => kinesis::deaggregate::Deaggregate,
    KinesisPutAggregated => kinesis::put_aggregated::PutAggregated,
    KinesisRelay => kinesis::relay::Relay,
    RoutingControlGet => routing_control::Get,
    RoutingControlSet => routing_control::Set,
    S3Transfer => transfer::Transfer,
}

impl Procedure {
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|procedure| procedure.name() == text).ok_or_else(|| {
            let near = suggest::nearest(text, Self::ALL.iter().map(|procedure| procedure.name()));
            format!("`{}` is no procedure{}", suggest::shown(text), suggest::did_you_mean(&near))
        })
    }
}

async fn run<J: Job>(
    parameters: Map<String, Json>,
    permit: ProcedurePermit,
    caller: Caller<'_>,
    invocation: &mut Invocation,
) -> Result<Json, Error> {
    let job = read::<J>(parameters, caller.regions)?;
    let permit = permit.naming(&job.names())?;
    let region = caller.region.as_str();
    let calls = Calls { caller, permit, made: Mutex::default() };
    let outcome = job.run(&calls).await;
    let made = calls.made.into_inner().unwrap_or_else(PoisonError::into_inner);
    invocation.host = made.host;
    match outcome {
        Ok(mut result) => {
            invocation.succeeded(made.request_id.as_deref(), made.attempts);
            let metadata = json!({ "attempts": made.attempts, "region": region });
            result.insert("$metadata".to_owned(), metadata);
            Ok(Json::Object(result))
        }
        Err(mut error) => {
            error.attempts = Some(made.attempts);
            Err(error)
        }
    }
}

fn read<J: Job>(parameters: Map<String, Json>, regions: &Regions) -> Result<J, Error> {
    let mut faults = Faults::default();
    let path = Path::Root("parameters");
    let job = read_object(parameters.into(), path, &mut faults, |fields| J::read(fields, regions));
    match job.flatten() {
        Some(job) if faults.is_empty() => Ok(job),
        _ => Err(Error::faults(Kind::InvalidParameters, faults)),
    }
}

/// An object whose bytes stop coming for so long is asked for once more.
pub(crate) const SILENCE: Duration = Duration::from_secs(20);

/// Makes a procedure's API calls, each under a permit of its own.
pub(crate) struct Calls<'a> {
    caller: Caller<'a>,
    permit: ProcedurePermit,
    made: Mutex<Made>,
}

/// Where a call goes, and what it may take.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub region: &'a Region,
    pub endpoint: Option<&'a CustomEndpoint>,
    pub pace: Pace,
}

/// What the calls so far came to.
#[derive(Debug, Default)]
struct Made {
    attempts: u32,
    host: Option<String>,
    request_id: Option<String>,
}

impl Calls<'_> {
    /// The Region of the event, the service's own endpoint there, and the time of the whole invocation.
    pub fn target(&self) -> Target<'_> {
        Target { region: self.caller.region, endpoint: None, pace: self.caller.pace }
    }

    /// A Region by its name, as a service tells it.
    pub fn region(&self, name: &str) -> Option<Region> {
        self.caller.regions.parse(name).ok()
    }

    /// Makes one call of [`Job::CALLS`], with the retries that `target` says. Its error tells the call.
    pub async fn call(
        &self,
        service: &str,
        operation: &str,
        parameters: Map<String, Json>,
        target: Target<'_>,
    ) -> Result<Called, Error> {
        self.open(service, operation, parameters, target, Reading::Whole).await.map(|(called, _)| called)
    }

    /// As [`Calls::call`], with the rest of the answer where `reading` leaves one.
    pub async fn open(
        &self,
        service: &str,
        operation: &str,
        parameters: Map<String, Json>,
        target: Target<'_>,
        reading: Reading,
    ) -> Result<(Called, Option<Flow>), Error> {
        let operation = catalog::service(service)?.operation(operation)?;
        let Target { region, endpoint, pace } = target;
        let caller = Caller { region, endpoint, pace, ..self.caller.clone() };
        let mut invocation = Invocation::default();
        let outcome = async {
            let permit = self.permit.call(operation, region, endpoint, None)?;
            let bound = input::bind(operation, parameters)?;
            caller.open(bound, &permit, &mut invocation, reading).await
        };
        let outcome = outcome.await;
        if let Err(error) = &outcome {
            invocation.failed(error);
        }
        self.note(invocation);
        outcome.map_err(|error| error.for_call(service, &operation.action(), region.as_str()))
    }

    /// What a typed client is made of that makes the calls of [`Job::CALLS`] to `service`, in the name of `role` or in
    /// the function's own, within the time of `target`.
    pub async fn typed(
        &self,
        service: &str,
        target: Target<'_>,
        role: Option<&AssumeRole>,
    ) -> Result<Typed, Error> {
        let Target { region, endpoint, pace } = target;
        let service = catalog::service(service)?;
        let calls = self.permit.calls().iter().filter(|(id, _)| *id == service.id());
        let permits = calls.map(|(_, operation)| {
            let operation = service.operation(operation)?;
            self.permit.call(operation, region, endpoint, role.map(|asked| &asked.role))
        });
        let permits: Vec<Permit> = permits.collect::<Result<_, Error>>()?;
        let caller = Caller { region, endpoint, role, pace, ..self.caller.clone() };
        let credentials = match (role, permits.first()) {
            (Some(role), Some(permit)) => {
                let assumed = Box::pin(caller.helpers.assumed(&caller, role, permit)).await?;
                SharedCredentialsProvider::new(assumed.credentials)
            }
            _ => caller.clients.credentials().clone(),
        };
        let name = service.metadata().service_id.as_str();
        Typed::new(caller.clients, credentials, name, permits, caller.local, caller.options, pace.patience()?)
    }

    /// Tells what came of a call of a typed client.
    pub fn typed_call<T, E>(&self, (outcome, log): Sent<T, E>) -> Result<T, Error>
    where
        E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let outcome = outcome.map_err(|error| typed::failure(error, &log));
        let request_id = outcome.as_ref().err().and_then(|error| error.request_id.clone());
        self.note(Invocation { attempts: log.attempts(), request_id, ..Invocation::default() });
        outcome
    }

    fn note(&self, call: Invocation) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.attempts += call.attempts;
        made.host = call.host.or(made.host.take());
        made.request_id = call.request_id.or(made.request_id.take());
    }
}
