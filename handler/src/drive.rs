//! Who calls again, and how: single calls at one target, on which the capabilities in `drive/` build.
//!
//! Enters: what the event says about the way of a call, and [`Bound`] parameters. Leaves: [`Called`], the answer and
//! where it came from. Fails as the last call did, and with `CrossRegion.DeadlineExceeded` where no time is left for
//! another one.
//!
//! A [`Caller`] stands for one target: every call that it makes is routed, permitted once more by what the rules made
//! of it, and sent within what is left of the time.

pub mod if_match;

use aws_credential_types::provider::ProvideCredentials;
use serde_json::{Map, Value as Json};

use crate::catalog::Operation;
use crate::client::role::{AssumeRole, Assumed};
use crate::client::{Answer, Clients, Patience, Route};
use crate::custom_endpoint::CustomEndpoint;
use crate::deadline::Deadline;
use crate::error::{Error, Fault, Faults, Kind};
use crate::event::{EndpointOptions, Event, FunctionError, Retry, Timeouts};
use crate::helper::{self, Helpers};
use crate::input::{self, Bound};
use crate::quirk;
use crate::region::{Region, Regions};
use crate::table::{Call, Permit, Table};
use crate::target::{self, Wanted};
use crate::telemetry::{Invocation, service_host};
use if_match::IfMatch;

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
    pub pace: Pace,
    pub way: &'a Way,
}

/// Which calls make what the event asks for.
#[derive(Debug)]
pub enum Way {
    One,
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
}

/// One call that ended well.
#[derive(Debug)]
pub struct Called {
    pub answer: Answer,
    pub region: String,
    /// The URL that the rules made.
    pub endpoint: String,
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
        Way::IfMatch(if_match) => if_match.call(caller, bound, permit, invocation).await,
    }
}

impl Way {
    /// Fails with `CrossRegion.InvalidEvent` where the operation does not have what the event asks for.
    pub fn of(operation: &Operation, event: &mut Event) -> Result<Self, Error> {
        match event.if_match.take() {
            Some(asked) => IfMatch::of(operation, asked, event.spelling).map(Self::IfMatch),
            None => Ok(Self::One),
        }
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
            return Err(Error::new(Kind::DeadlineExceeded, "no time was left to send the request"));
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
        let operation = bound.operation();
        let assumed = match self.role {
            Some(role) => Some(Box::pin(self.helpers.assumed(self, role, permit)).await?),
            None => None,
        };
        let account_id = self.account_id(operation).await;
        let wanted = self.wanted(account_id.as_deref(), assumed.as_ref());
        let bound = self.with_presigned(bound, permit, wanted).await?;
        let mut route = self.helpers.route(self, wanted, &bound, permit.clone()).await?;
        invocation.host = self.logged_host(&route);

        let sent = quirk::is_compared_with_answer(operation).then(|| bound.parameters().clone());
        let spare = helper::may_move(operation).then(|| bound.clone());
        let mut outcome = self.clients.send(bound, &route, self.pace.patience()?).await;
        if let (Some(bound), Err(error)) = (spare, &outcome)
            && self.helpers.has_moved(operation, error)
        {
            route = Box::pin(self.helpers.route(self, wanted, &bound, permit.clone())).await?;
            outcome = Box::pin(self.clients.send(bound, &route, self.pace.patience()?)).await;
        }
        let answer = outcome?;
        invocation.succeeded(answer.request_id.as_deref(), answer.attempts);
        let answer = quirk::answer(operation, answer, self.function_error, &sent.unwrap_or_default())?;
        Ok(Called { answer, region: route.region, endpoint: route.endpoint.url })
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
