//! `routingControl.set` and `routingControl.get`: routing controls of Route 53 ARC, through whichever of the cluster's
//! endpoints answers.
//!
//! Enters: the cluster's endpoints, as `DescribeCluster` tells them, and what to set or to read. Leaves: the states as
//! an endpoint of the cluster shows them, which endpoint that was, and why others were left. Fails as an endpoint
//! does that refuses the call, with `CrossRegion.AllTargetsFailed` where none answered, and with
//! `CrossRegion.NotReady` where controls were set and do not read so.
//!
//! A cluster has five endpoints in five Regions, of which some may be out of reach. They are asked in an order by
//! chance, each signed for its own Region, one request at a time. An endpoint that cannot be reached, does not answer,
//! answers 5xx or throttles is left for the next; any other refusal is the cluster's word and ends the call. Each
//! request gets an equal share of the time that is left, so that endpoints that hang leave the last one its chance.
//!
//! Setting a control to a state is repeatable: a request that went unanswered is sent to the next endpoint, and does
//! there what it did or would have done at the first. What no repetition can mend is two callers who want different
//! states: an unanswered request may still take effect after the other's.

use std::time::Duration;

use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use serde_json::{Map, Value as Json, json};

use super::{Calls, Job, Target};
use crate::custom_endpoint::CustomEndpoint;
use crate::drive::{Called, Pace};
use crate::effect::Effect;
use crate::error::{Error, Fault, Kind};
use crate::event::{Retry, RetryMode, Timeouts};
use crate::fields::{Fields, some_text};
use crate::pauses::Pauses;
use crate::region::{Region, Regions};
use crate::table::Named;

const SERVICE: &str = "route53-recovery-cluster";
const READ: &str = "GetRoutingControlState";
const WRITE: &str = "UpdateRoutingControlStates";

/// Endpoints of a cluster.
const MOST_ENDPOINTS: usize = 5;

/// Controls of one `UpdateRoutingControlStates`.
const MOST_CONTROLS: usize = 10;

/// An endpoint that takes longer to connect is left for the next, unless the event says otherwise.
const CONNECT: Duration = Duration::from_secs(1);

/// Before all endpoints are asked once more.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(100), Duration::from_millis(3_200));

/// How often states that were set are read until they show: an endpoint may learn late of what another one took.
const READS: u32 = 6;

/// Reads the states of controls.
#[derive(Debug)]
pub(crate) struct Get {
    endpoints: Vec<ClusterEndpoint>,
    controls: Vec<String>,
}

/// Sets the states of controls in one request, and reads them back.
#[derive(Debug)]
pub(crate) struct Set {
    endpoints: Vec<ClusterEndpoint>,
    entries: Vec<Entry>,
    overridden: Vec<String>,
}

#[derive(Debug)]
struct ClusterEndpoint {
    region: Region,
    url: CustomEndpoint,
}

#[derive(Debug)]
struct Entry {
    control: String,
    /// As the API writes it.
    state: &'static str,
}

impl Job for Get {
    const NAME: &'static str = "routingControl.get";
    const CALLS: &'static [(&'static str, &'static str)] = &[(SERVICE, READ)];

    fn read(fields: &mut Fields<'_>, regions: &Regions) -> Option<Self> {
        let endpoints = read_endpoints(fields, regions);
        fields.require("RoutingControlArns");
        let controls = fields.texts("RoutingControlArns", some_text);
        if let Some(controls) = &controls {
            check_controls(fields, "RoutingControlArns", controls.iter());
        }
        Some(Self { endpoints: endpoints?, controls: controls? })
    }

    fn names(&self) -> Named<'_> {
        names(&self.endpoints)
    }

    async fn run(&self, calls: &Calls<'_>) -> Result<Map<String, Json>, Error> {
        let mut cluster = Cluster::new(calls, &self.endpoints);
        let mut states = Vec::new();
        for control in &self.controls {
            states.push(cluster.state_of(control).await?);
        }
        Ok(cluster.result(states))
    }
}

impl Job for Set {
    const NAME: &'static str = "routingControl.set";
    const CALLS: &'static [(&'static str, &'static str)] = &[(SERVICE, WRITE), (SERVICE, READ)];

    fn read(fields: &mut Fields<'_>, regions: &Regions) -> Option<Self> {
        let endpoints = read_endpoints(fields, regions);
        fields.require("UpdateRoutingControlStateEntries");
        let entries = fields.objects("UpdateRoutingControlStateEntries", |entry| {
            let control = entry.required_text("RoutingControlArn", some_text);
            entry.require("RoutingControlState");
            let state = entry.choice("RoutingControlState", &[("On", "On"), ("Off", "Off")]);
            Some(Entry { control: control?, state: state? })
        });
        let entries: Option<Vec<Entry>> = entries.and_then(|entries| entries.into_iter().collect());
        if let Some(entries) = &entries {
            let controls = entries.iter().map(|entry| &entry.control);
            check_controls(fields, "UpdateRoutingControlStateEntries", controls);
        }
        let overridden = fields.texts("SafetyRulesToOverride", some_text);
        Some(Self { endpoints: endpoints?, entries: entries?, overridden: overridden.unwrap_or_default() })
    }

    fn names(&self) -> Named<'_> {
        names(&self.endpoints)
    }

    async fn run(&self, calls: &Calls<'_>) -> Result<Map<String, Json>, Error> {
        let mut cluster = Cluster::new(calls, &self.endpoints);
        cluster.ask(WRITE, &self.update()).await?;
        // From here on the states are set, whatever becomes of reading them.
        let states = self.read_back(&mut cluster).await.map_err(|error| error.with_effect(Effect::Done))?;
        Ok(cluster.result(states))
    }
}

impl Set {
    fn update(&self) -> Map<String, Json> {
        let entries = self
            .entries
            .iter()
            .map(|entry| json!({ "RoutingControlArn": entry.control, "RoutingControlState": entry.state }));
        let mut update =
            Map::from_iter([("UpdateRoutingControlStateEntries".to_owned(), entries.collect::<Json>())]);
        if !self.overridden.is_empty() {
            update.insert("SafetyRulesToOverride".to_owned(), json!(self.overridden));
        }
        update
    }

    /// Reads until the states are those that were set.
    async fn read_back(&self, cluster: &mut Cluster<'_>) -> Result<Vec<Json>, Error> {
        let mut pauses = PAUSES;
        for read in 0..READS {
            if read > 0 {
                pauses.wait(cluster.calls.target().pace.deadline).await;
            }
            let mut states = Vec::new();
            for entry in &self.entries {
                states.push(cluster.state_of(&entry.control).await?);
            }
            let is_set = |(entry, state): (&Entry, &Json)| state["RoutingControlState"] == entry.state;
            if self.entries.iter().zip(&states).all(is_set) {
                return Ok(states);
            }
        }
        let message = "the controls were set, and some of them do not read so: either this endpoint has not learnt of \
                       it yet, or somebody else has set them since";
        Err(Error::new(Kind::NotReady, message))
    }
}

/// A cluster as one procedure sees it.
struct Cluster<'a> {
    calls: &'a Calls<'a>,
    /// In the order in which they are asked: the one that answered last is the first.
    endpoints: Vec<&'a ClusterEndpoint>,
    /// Why endpoints were left, the latest word of each.
    left: Vec<Left<'a>>,
}

struct Left<'a> {
    endpoint: &'a ClusterEndpoint,
    error: Error,
}

impl<'a> Cluster<'a> {
    fn new(calls: &'a Calls<'a>, endpoints: &'a [ClusterEndpoint]) -> Self {
        let mut endpoints: Vec<_> = endpoints.iter().collect();
        fastrand::shuffle(&mut endpoints);
        Self { calls, endpoints, left: Vec::new() }
    }

    async fn state_of(&mut self, control: &str) -> Result<Json, Error> {
        let parameters = Map::from_iter([("RoutingControlArn".to_owned(), control.into())]);
        let called = self.ask(READ, &parameters).await?;
        Ok(Json::Object(called.answer.members))
    }

    /// Asks one endpoint after the other until one has an answer, as many rounds as the event grants attempts.
    async fn ask(&mut self, operation: &str, parameters: &Map<String, Json>) -> Result<Called, Error> {
        let Pace { deadline, retry, .. } = self.calls.target().pace;
        let mut effect = Effect::None;
        let mut pauses = PAUSES;
        for round in 0..retry.max_attempts {
            if round > 0 {
                pauses.wait(deadline).await;
            }
            for (at, endpoint) in self.endpoints.clone().into_iter().enumerate() {
                if deadline.is_over() {
                    break;
                }
                let target = self.target(endpoint, self.endpoints.len() - at);
                let error = match self.calls.call(SERVICE, operation, parameters.clone(), target).await {
                    Ok(called) => {
                        self.endpoints.rotate_left(at);
                        return Ok(called);
                    }
                    Err(error) => error,
                };
                effect = effect.and(error.effect);
                if !leads_on(&error) {
                    return Err(error.with_effect(effect));
                }
                self.left.retain(|left| !std::ptr::eq(left.endpoint, endpoint));
                self.left.push(Left { endpoint, error });
            }
        }
        Err(self.none_answered().with_effect(effect))
    }

    /// One request at an endpoint, for an equal share of the time left among those that are still to be asked.
    fn target(&self, endpoint: &'a ClusterEndpoint, still_to_ask: usize) -> Target<'a> {
        let pace = self.calls.target().pace;
        let parts = u32::try_from(still_to_ask).unwrap_or(1);
        let pace = Pace {
            deadline: pace.deadline.part(parts),
            timeouts: Timeouts { connect: pace.timeouts.connect.or(Some(CONNECT)), ..pace.timeouts },
            retry: Retry { mode: RetryMode::None, max_attempts: 1 },
            ..pace
        };
        Target { region: &endpoint.region, endpoint: Some(&endpoint.url), pace }
    }

    fn none_answered(&self) -> Error {
        let reasons = self.endpoints.iter().map(|&endpoint| {
            let left = self.left.iter().find(|left| std::ptr::eq(left.endpoint, endpoint));
            let reason = left.map_or("no time was left to ask", |left| left.error.name());
            Fault::new(endpoint.region.as_str(), reason)
        });
        let mut error = Error::faults(Kind::AllTargetsFailed, reasons.collect::<Vec<_>>());
        error.message = format!("no endpoint of the cluster answered: {}", error.message);
        error
    }

    fn result(&self, states: Vec<Json>) -> Map<String, Json> {
        let answered = self.endpoints.first().map(|&it| it.shown());
        let left = self.left.iter().map(|Left { endpoint, error }| {
            json!({ "Region": endpoint.region.as_str(), "Endpoint": endpoint.url.to_string(), "Error": error.name() })
        });
        Map::from_iter([
            ("RoutingControls".to_owned(), states.into()),
            ("ClusterEndpoint".to_owned(), json!(answered)),
            ("Unanswered".to_owned(), left.collect()),
        ])
    }
}

impl ClusterEndpoint {
    fn shown(&self) -> Json {
        json!({ "Region": self.region.as_str(), "Endpoint": self.url.to_string() })
    }

    /// The Region that stands in the host of an endpoint of AWS: `<id>.route53-recovery-cluster.<region>.amazonaws.com`.
    fn region_of(url: &CustomEndpoint, regions: &Regions) -> Option<Region> {
        let host = url.host();
        let mut labels = host.split('.').skip(1);
        (labels.next() == Some(SERVICE)).then(|| regions.parse(labels.next()?).ok())?
    }
}

/// Whether another endpoint may have a better answer. What an endpoint of the cluster refuses otherwise, all refuse.
fn leads_on(error: &Error) -> bool {
    let is_unanswered =
        [Kind::Unreachable, Kind::OutcomeUnknown, Kind::DeadlineExceeded, Kind::MalformedResponse]
            .iter()
            .any(|kind| kind.name() == error.name());
    let is_status = error.status_code.is_some_and(|status| status >= 500 || matches!(status, 408 | 429));
    let code = error.code.as_deref().unwrap_or_default();
    is_unanswered || is_status || THROTTLING_ERRORS.contains(&code) || TRANSIENT_ERRORS.contains(&code)
}

fn names(endpoints: &[ClusterEndpoint]) -> Named<'_> {
    Named {
        regions: endpoints.iter().map(|it| &it.region).collect(),
        endpoints: endpoints.iter().map(|it| &it.url).collect(),
        ..Named::default()
    }
}

fn read_endpoints(fields: &mut Fields<'_>, regions: &Regions) -> Option<Vec<ClusterEndpoint>> {
    fields.require("ClusterEndpoints");
    let endpoints = fields.objects("ClusterEndpoints", |endpoint| {
        let url = endpoint.required_text("Endpoint", CustomEndpoint::parse);
        let own = url.as_ref().and_then(|url| ClusterEndpoint::region_of(url, regions));
        if own.is_none() && url.is_some() {
            endpoint.require("Region");
        }
        let said = endpoint.text("Region", |text| regions.parse(text));
        if said.is_some() && own.is_some() && said != own {
            endpoint.fault("Region", "is not the one that the host of `Endpoint` names");
        }
        Some(ClusterEndpoint { region: said.or(own)?, url: url? })
    })?;
    let endpoints: Vec<_> = endpoints.into_iter().collect::<Option<_>>()?;
    if endpoints.is_empty() || endpoints.len() > MOST_ENDPOINTS {
        fields.fault("ClusterEndpoints", format!("expected 1 to {MOST_ENDPOINTS} endpoints"));
    }
    if has_twice(endpoints.iter().map(|it| it.url.to_string())) {
        fields.fault("ClusterEndpoints", "an endpoint stands twice");
    }
    Some(endpoints)
}

fn check_controls<'c>(
    fields: &mut Fields<'_>,
    name: &str,
    controls: impl ExactSizeIterator<Item = &'c String>,
) {
    if !(1..=MOST_CONTROLS).contains(&controls.len()) {
        fields.fault(name, format!("expected 1 to {MOST_CONTROLS} controls"));
    }
    if has_twice(controls) {
        fields.fault(name, "a control stands twice");
    }
}

fn has_twice<T: Ord>(items: impl Iterator<Item = T>) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    items.into_iter().any(|item| !seen.insert(item))
}
