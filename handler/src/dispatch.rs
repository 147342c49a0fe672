//! The way of a request, top to bottom.
//!
//! Enters: the bytes of an event and the moment by which to answer. Leaves: the result as JSON text. Fails with the
//! error of the stage that refused, which from the first known name on says which call it was.

use aws_credential_types::provider::ProvideCredentials;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use crate::catalog::{self, Operation};
use crate::client::{Answer, Clients, Patience, Route};
use crate::config::Config;
use crate::custom_endpoint::CustomEndpoint;
use crate::deadline::Deadline;
use crate::effect::Effect;
use crate::error::{Error, Fault, Faults, Kind};
use crate::event::Event;
use crate::helper::{self, Caller, Helpers};
use crate::output::{body, limit};
use crate::region::Regions;
use crate::spelling::Spelling;
use crate::table::{Call, Table};
use crate::target::{self, Wanted};
use crate::telemetry::{Invocation, service_host};
use crate::{input, quirk};

/// All that outlives an invocation.
#[derive(Debug)]
pub struct Handler {
    config: Config,
    regions: Regions,
    table: Table,
    clients: Clients,
    helpers: Helpers,
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
        Ok(Self { config, regions, table, clients, helpers: Helpers::default() })
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
        let operation = catalog::service(&event.service)
            .and_then(|service| service.operation(&event.action))
            .map_err(|error| error.for_call(&event.service, &event.action, event.region.as_str()))?;
        let (action, spelling) = (operation.action(), event.spelling);
        invocation.is_for(operation.service.id(), &action, &event.region);
        self.call(operation, event, deadline, invocation).await.map_err(|error| {
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
        let permit = self.table.permit(&Call {
            service: operation.service.id(),
            operation: &operation.name,
            region: &event.region,
            endpoint: event.endpoint.as_ref(),
        })?;
        invocation.is_permitted = true;

        let mut parameters = std::mem::take(&mut event.parameters);
        let mut faults = Faults::default();
        parameters = event.spelling.parameters(operation, parameters, &mut faults)?;
        quirk::parameters(operation, event.region.as_str(), &mut parameters);
        let mut bound = input::bind_spelled(operation, parameters, event.spelling, faults)?;

        let endpoint = event.endpoint.as_ref().or(self.config.endpoint_url.as_ref()).map(ToString::to_string);
        let account_id = self.account_id(operation).await;
        let wanted = Wanted {
            region: event.region.as_str(),
            endpoint: endpoint.as_deref(),
            options: event.endpoint_options,
            account_id: account_id.as_deref(),
        };
        let patience = self.patience(&event, deadline)?;
        let source = quirk::source_region(&bound);
        bound = quirk::prepared(bound, &event.region);
        if let Some((source, member)) = source {
            let source =
                self.regions.parse(&source).map_err(|message| fault("parameters.SourceRegion", message))?;
            let wanted = Wanted { region: source.as_str(), ..wanted };
            let route = target::route(&bound, permit.also_in(&source)?, wanted)?;
            let presigned = self.clients.presign(bound.clone(), &route, event.region.as_str(), patience);
            let url = Box::pin(presigned).await?;
            bound = bound.with_text(member, url);
        }
        let caller = Caller {
            table: &self.table,
            clients: &self.clients,
            region: &event.region,
            endpoint: event.endpoint.as_ref(),
            wanted,
            patience,
        };
        let mut route = self.helpers.route(caller, &bound, permit.clone()).await?;
        invocation.host = self.logged_host(&event, &route);

        let sent = bound.parameters().clone();
        let spare = helper::may_move(operation).then(|| bound.clone());
        let mut outcome = self.clients.send(bound, &route, self.patience(&event, deadline)?).await;
        if let (Some(bound), Err(error)) = (spare, &outcome)
            && self.helpers.has_moved(operation, error)
        {
            let patience = self.patience(&event, deadline)?;
            route = Box::pin(self.helpers.route(Caller { patience, ..caller }, &bound, permit)).await?;
            outcome = Box::pin(self.clients.send(bound, &route, self.patience(&event, deadline)?)).await;
        }
        let answer = outcome?;
        invocation.succeeded(answer.request_id.as_deref(), answer.attempts);

        let answer = quirk::answer(operation, answer, event.function_error, &sent)?;
        let result = render(operation, answer, &event, &route)?;
        limit::check(&result, self.config.result_limit)
    }

    fn patience(&self, event: &Event, deadline: Deadline) -> Result<Patience, Error> {
        if deadline.is_over() {
            return Err(Error::new(Kind::DeadlineExceeded, "no time was left to send the request"));
        }
        Ok(Patience::within(deadline.remaining(), event.timeouts, event.retry, self.config.result_limit))
    }

    /// The account of the credentials, for the few services whose hosts carry it.
    async fn account_id(&self, operation: &Operation) -> Option<String> {
        let rules = operation.service.endpoints().ok()?;
        if !rules.parameters.iter().any(|parameter| parameter.built_in == "AWS::Auth::AccountId") {
            return None;
        }
        let credentials = self.clients.credentials().provide_credentials().await.ok()?;
        credentials.account_id().map(|id| id.as_str().to_owned())
    }

    fn logged_host(&self, event: &Event, route: &Route) -> Option<String> {
        let own = self.regions.own_partition();
        let listed = event.endpoint.as_ref().or(self.config.endpoint_url.as_ref()).map(CustomEndpoint::host);
        let host = route.endpoint.url.parse::<http::Uri>().ok()?.host()?.to_owned();
        service_host(&host, &[&own.dual_stack_dns_suffix, &own.dns_suffix], &self.regions, listed.as_deref())
    }
}

fn fault(path: &str, message: String) -> Error {
    Error::faults(Kind::InvalidParameters, vec![Fault::new(path, message)])
}

/// Section 3 of the contract: members, the body by `bodyAs`, and `$metadata`, which Step Functions' own integrations
/// do not have. They hand out a body as text whatever its Content-Type says.
fn render(
    operation: &'static Operation,
    answer: Answer,
    event: &Event,
    route: &Route,
) -> Result<Json, Error> {
    let is_model = event.spelling == Spelling::Model;
    let done = |error: Error| error.with_effect(Effect::Done);
    let mut result = event.spelling.result(operation, answer.members).map_err(done)?;
    if let (Some(body), Some(shape)) = (answer.body, operation.output) {
        let content_type = body.content_type.as_deref().filter(|_| is_model);
        let rendered = body::render(&body.bytes, content_type, event.body_as)?;
        let member = event.spelling.member(operation.service.id(), shape, &body.member);
        result.insert(member.into_owned(), rendered);
    }
    if is_model {
        result.insert(
            "$metadata".to_owned(),
            json!({
                "httpStatusCode": answer.status,
                "requestId": answer.request_id,
                "attempts": answer.attempts,
                "totalRetryDelay": u64::try_from(answer.retry_delay.as_millis()).unwrap_or(u64::MAX),
                "region": route.region,
                "endpoint": route.endpoint.url,
            }),
        );
    }
    Ok(Json::Object(result))
}
