//! Who calls again, and how: single calls at one target, on which the capabilities in `drive/` build.
//!
//! Enters: what the event says about the way of a call, and [`Bound`] parameters. Leaves: [`Called`], the answer and
//! where it came from. Fails as the last call did, and with `CrossRegion.DeadlineExceeded` where no time is left for
//! another one.
//!
//! A [`Caller`] stands for one target: every call that it makes is routed, permitted once more by what the rules made
//! of it, and sent within what is left of the time. The [`Way`] says which calls there are.

pub mod failover;
pub mod if_match;
pub mod join;
pub mod paginate;
pub mod remembered;
pub mod unprocessed;
pub mod wait;

use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use serde_json::{Map, Value as Json};

use crate::catalog::Operation;
use crate::catalog::batch::Batch;
use crate::client::flow::Flow;
use crate::client::operation::payload;
use crate::client::role::{AssumeRole, Assumed};
use crate::client::{Answer, Clients, Patience, Reading, Route};
use crate::custom_endpoint::CustomEndpoint;
use crate::deadline::Deadline;
use crate::error::{Error, Fault, Faults, Kind, Trouble};
use crate::event::{EndpointOptions, Event, FunctionError, Retry, Timeouts};
use crate::helper::{self, Helpers};
use crate::input::{self, Bound};
use crate::output::offload::{Offload, Stored};
use crate::quirk;
use crate::region::{Region, Regions};
use crate::spelling::Spelling;
use crate::table::{Call, Permit, Table};
use crate::target::{self, Wanted};
use crate::telemetry::{Invocation, service_host};
use if_match::IfMatch;
use paginate::{Gathered, Pages};
use wait::Wait;

/// Makes calls at one target.
#[derive(Debug, Clone)]
pub struct Caller<'a> {
    pub table: &'a Table,
    pub regions: &'a Regions,
    pub clients: &'a Clients,
    pub helpers: &'a Helpers,
    pub region: &'a Region,
    /// The target's own, as the event names it.
    pub endpoint: Option<&'a CustomEndpoint>,
    /// In whose name its calls are made, unless the function's own.
    pub role: Option<&'a AssumeRole>,
    /// A server of this machine that stands in for AWS.
    pub local: Option<&'a CustomEndpoint>,
    pub options: EndpointOptions,
    pub function_error: FunctionError,
    /// Where a body goes that is a result by itself.
    pub offload: Option<Offload<'a>>,
    pub pace: Pace,
    pub way: &'a Way,
}

/// Which calls make what the event asks for.
#[derive(Debug)]
pub enum Way {
    One,
    Pages(Pages),
    Wait(Wait),
    /// Until nothing is left of it.
    Batch(&'static Batch),
    /// With the ETag that the resource must have.
    IfMatch(IfMatch),
}

/// How the time of an invocation becomes the patience of each of its calls.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub deadline: Deadline,
    pub timeouts: Timeouts,
    pub retry: Retry,
    /// Bytes of a body that is a result by itself.
    pub body_limit: usize,
    /// What fails here begins anew at another target.
    pub has_next: bool,
}

/// One call that ended well.
#[derive(Debug)]
pub struct Called {
    pub answer: Answer,
    pub region: String,
    /// The URL that the rules made.
    pub endpoint: String,
    /// The members, where the answer stands for many pages.
    pub pages: Option<Gathered>,
    /// Targets that did not serve the call, as [`failover`] describes them.
    pub failed_targets: Vec<Json>,
    /// The body, where it was stored as it came in.
    pub stored: Option<Stored>,
}

/// All that the event asks for at one target.
pub async fn at_target(
    caller: &Caller<'_>,
    bound: Bound,
    permit: &Permit,
    invocation: &mut Invocation,
) -> Result<Called, Error> {
    match caller.way {
        Way::One => caller.call(bound, permit, invocation).await,
        Way::Pages(pages) => pages.all(caller, bound, permit, invocation).await,
        Way::Wait(wait) => wait.until(caller, bound, permit, invocation).await,
        Way::Batch(batch) => unprocessed::all(batch, caller, bound, permit, invocation).await,
        Way::IfMatch(if_match) => if_match.call(caller, bound, permit, invocation).await,
    }
}

impl Way {
    /// `limit` is how many bytes a result may have. Fails with `CrossRegion.InvalidEvent` where the operation does not
    /// have what the event asks for.
    pub fn of(operation: &Operation, event: &Event, limit: usize) -> Result<Self, Error> {
        if event.result_to.is_some() && event.select.is_some() && payload(operation).is_some() {
            let message = format!("the body of `{}` is stored as it comes in, unseen", operation.action());
            return Err(Error::faults(Kind::InvalidEvent, vec![Fault::new("select", message)]));
        }
        if let Some(paginate) = event.paginate {
            // What is chosen from, what will be spelled shorter, and what is stored may be larger than a result.
            let is_result =
                event.select.is_none() && event.spelling == Spelling::Model && event.result_to.is_none();
            let room = if is_result { limit } else { paginate::GATHERED_LIMIT.max(limit) };
            return Pages::of(operation, paginate, room).map(Self::Pages);
        }
        if let Some(wait_for) = &event.wait_for {
            return Wait::of(operation, wait_for, event).map(Self::Wait);
        }
        if event.retry_unprocessed {
            return unprocessed::of(operation).map(Self::Batch);
        }
        if let Some(asked) = &event.if_match {
            return IfMatch::of(operation, asked.clone(), event.spelling).map(Self::IfMatch);
        }
        Ok(Self::One)
    }

    /// Puts among the parameters what the way gives.
    pub fn place(&self, parameters: &mut Map<String, Json>, faults: &mut Faults) {
        if let Self::IfMatch(if_match) = self {
            if_match.place(parameters, faults);
        }
    }
}

impl Pace {
    /// What one call may take if it begins now.
    pub fn patience(&self) -> Result<Patience, Error> {
        if self.deadline.is_over() {
            return Err(Error::new(Kind::DeadlineExceeded, "no time was left to send the request")
                .with_trouble(Trouble::NeverSent));
        }
        Ok(Patience::within(self.deadline.remaining(), self.timeouts, self.retry, self.body_limit))
    }
}

impl Caller<'_> {
    /// Makes the call that `permit` stands for, and what has to be asked for before it.
    pub async fn call(
        &self,
        bound: Bound,
        permit: &Permit,
        invocation: &mut Invocation,
    ) -> Result<Called, Error> {
        let offload = self.offload.filter(|_| payload(bound.operation()).is_some());
        let reading = if offload.is_some() { Reading::Flowing } else { Reading::Whole };
        let (called, flow) = self.open(bound, permit, invocation, reading).await?;
        let Some(offload) = offload else { return Ok(called) };
        let (answer, stored) = Box::pin(offload.body(called.answer, flow, self.pace.deadline)).await?;
        Ok(Called { answer, stored, ..called })
    }

    /// As [`Caller::call`], with the rest of the answer where `reading` leaves one.
    pub async fn open(
        &self,
        bound: Bound,
        permit: &Permit,
        invocation: &mut Invocation,
        reading: Reading,
    ) -> Result<(Called, Option<Flow>), Error> {
        let operation = bound.operation();
        let assumed = self.assumed(permit).await?;
        let account_id = self.account_id(operation).await;
        let wanted = self.wanted(account_id.as_deref(), assumed.as_ref());
        let bound = self.with_presigned(bound, permit, wanted).await?;
        let mut route = self.helpers.route(self, wanted, &bound, permit.clone()).await?;
        invocation.host = self.logged_host(&route);

        let sent = quirk::is_compared_with_answer(operation).then(|| bound.parameters().clone());
        let spare = helper::may_move(operation).then(|| bound.clone());
        let mut outcome = self.clients.open(bound, &route, self.pace.patience()?, reading).await;
        if let (Some(bound), Err(error)) = (spare, &outcome)
            && self.helpers.has_moved(operation, error)
        {
            route = Box::pin(self.helpers.route(self, wanted, &bound, permit.clone())).await?;
            outcome = Box::pin(self.clients.open(bound, &route, self.pace.patience()?, reading)).await;
        }
        let (answer, flow) = outcome?;
        invocation.succeeded(answer.request_id.as_deref(), answer.attempts);
        let answer = quirk::answer(operation, answer, self.function_error, &sent.unwrap_or_default())?;
        let (region, endpoint) = (route.region, route.endpoint.url);
        let called =
            Called { answer, region, endpoint, pages: None, failed_targets: Vec::new(), stored: None };
        Ok((called, flow))
    }

    /// Whether the call may go where the rules lead it, before anything is sent.
    pub async fn check(&self, bound: &Bound, permit: &Permit) -> Result<(), Error> {
        let account_id = self.account_id(bound.operation()).await;
        target::route(bound, permit.clone(), self.wanted(account_id.as_deref(), None)).map(drop)
    }

    /// What stands for an answer where an error was hoped for: no members, and where it came from.
    async fn without_answer(
        &self,
        bound: Bound,
        permit: &Permit,
        error: &Error,
        invocation: &mut Invocation,
    ) -> Result<Called, Error> {
        let assumed = self.assumed(permit).await?;
        let account_id = self.account_id(bound.operation()).await;
        let wanted = self.wanted(account_id.as_deref(), assumed.as_ref());
        let route = self.helpers.route(self, wanted, &bound, permit.clone()).await?;
        let answer = Answer {
            members: Map::new(),
            body: None,
            status: error.status_code.unwrap_or_default(),
            request_id: error.request_id.clone(),
            attempts: error.attempts.unwrap_or_default(),
            retry_delay: Duration::ZERO,
        };
        invocation.succeeded(answer.request_id.as_deref(), answer.attempts);
        let (region, endpoint) = (route.region, route.endpoint.url);
        Ok(Called { answer, region, endpoint, pages: None, failed_targets: Vec::new(), stored: None })
    }

    /// Another call that this one needs, permitted by an entry of its own.
    pub async fn ask(
        &self,
        wanted: Wanted<'_>,
        operation: &'static Operation,
        parameters: Map<String, Json>,
    ) -> Result<Answer, Error> {
        let permit = self.table.permit(&Call {
            service: operation.service.id(),
            operation: &operation.name,
            region: self.region,
            endpoint: self.endpoint,
            role: self.role.map(|asked| &asked.role),
        })?;
        let bound = input::bind(operation, parameters)?;
        let route = target::route(&bound, permit, wanted)?;
        self.clients.send(bound, &route, self.pace.patience()?).await
    }

    /// In whose name the call is made, where it is not the function's own.
    async fn assumed(&self, permit: &Permit) -> Result<Option<Assumed>, Error> {
        match self.role {
            Some(role) => Box::pin(self.helpers.assumed(self, role, permit)).await.map(Some),
            None => Ok(None),
        }
    }

    fn wanted<'b>(&'b self, account_id: Option<&'b str>, assumed: Option<&'b Assumed>) -> Wanted<'b> {
        Wanted {
            region: self.region.as_str(),
            endpoint: self.endpoint.or(self.local),
            options: self.options,
            account_id,
            assumed,
        }
    }

    /// The call with the URL with which the service reads from another Region in the caller's name.
    async fn with_presigned(
        &self,
        bound: Bound,
        permit: &Permit,
        wanted: Wanted<'_>,
    ) -> Result<Bound, Error> {
        let source = quirk::source_region(&bound);
        let bound = quirk::prepared(bound, self.region);
        let Some((source, member)) = source else { return Ok(bound) };
        let source = self.regions.parse(&source).map_err(|message| {
            Error::faults(Kind::InvalidParameters, vec![Fault::new("parameters.SourceRegion", message)])
        })?;
        let wanted = Wanted { region: source.as_str(), ..wanted };
        let route = target::route(&bound, permit.also_in(&source)?, wanted)?;
        let presigned =
            self.clients.presign(bound.clone(), &route, self.region.as_str(), self.pace.patience()?);
        let url = Box::pin(presigned).await?;
        Ok(bound.with_text(member, url))
    }

    /// The account of the credentials, for the few services whose hosts carry it.
    async fn account_id(&self, operation: &Operation) -> Option<String> {
        let rules = operation.service.endpoints().ok()?;
        if !rules.parameters.iter().any(|parameter| parameter.built_in == "AWS::Auth::AccountId") {
            return None;
        }
        if let Some(asked) = self.role {
            return Some(asked.role.account().to_owned());
        }
        let credentials = self.clients.credentials().provide_credentials().await.ok()?;
        credentials.account_id().map(|id| id.as_str().to_owned())
    }

    fn logged_host(&self, route: &Route) -> Option<String> {
        let own = self.regions.own_partition();
        let listed = self.endpoint.or(self.local).map(CustomEndpoint::host);
        let host = route.endpoint.url.parse::<http::Uri>().ok()?.host()?.to_owned();
        service_host(&host, &[&own.dual_stack_dns_suffix, &own.dns_suffix], self.regions, listed.as_deref())
    }
}
