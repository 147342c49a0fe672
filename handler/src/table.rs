//! The operation table: what this function may call. Section 5 of the contract.
//!
//! Enters: at init the text of the table, then per call what the event asks for. Leaves: a [`Permit`], without which no
//! client sends anything, and which judges a second time what endpoint rules made of the call. Fails at init with all
//! faults of a malformed table, and per call with `CrossRegion.NotAllowed`, which says what is not listed.
//!
//! An entry for a procedure permits the API calls that the procedure is made of, and no event that names one of them
//! itself: a [`ProcedurePermit`] gives each of these calls a [`Permit`] of its own.
//!
//! INVARIANT: one single entry permits all of a call or of a procedure. What two entries list is never put together.

use std::sync::Arc;

use serde_json::Value;

use crate::catalog::Operation;
use crate::client::role::{self, Role};
use crate::custom_endpoint::{CustomEndpoint, is_below};
use crate::error::{Error, Faults, Kind};
use crate::event::result_to::ResultTo;
use crate::fields::{Fields, read_object, some_text};
use crate::json::{self, Path};
use crate::output::offload;
use crate::procedure::Procedure;
use crate::region::{Region, Regions, is_host_label};
use crate::suggest;

/// In `regions`: any Region of the own partition.
const ANY_REGION: &str = "*";

/// In `regions`: signatures that hold in every Region at once.
const GLOBAL: &str = "*global*";

/// In `roles`: calls in the function's own name, beside those in the name of the roles that are listed.
const OWN_ROLE: &str = "*own*";

/// The Region set of such a signature.
const EVERY_REGION: &str = "*";

/// The one endpoint that may hold a star: AWS makes up the name of a routing control cluster.
const CLUSTER_ENDPOINT: (&str, &str) = ("https://*.route53-recovery-cluster.", ".amazonaws.com/v1");

/// What may be called. The default permits nothing.
#[derive(Debug, Clone, Default)]
pub struct Table {
    entries: Vec<Arc<Entry>>,
    regions: Option<Regions>,
    local: Option<CustomEndpoint>,
    keeps_records: bool,
}

/// What an event asks for, by canonical names.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// As in `bedrock-agent`.
    pub service: &'a str,
    /// The model's name, as in `GetObject`.
    pub operation: &'a str,
    pub region: &'a Region,
    pub endpoint: Option<&'a CustomEndpoint>,
    /// In whose name, unless the function's own.
    pub role: Option<&'a Role>,
}

/// What endpoint rules made of a call.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// As the rules made it.
    pub url: &'a str,
    /// What the operation puts before the host, its dot included; may be empty.
    pub host_prefix: &'a str,
    /// What the signature holds for: one Region, or a Region set. Empty: the request is not signed.
    pub signing_regions: &'a [String],
    /// The service signs for this Region whatever Region is asked for, as IAM does for us-east-1. The table lists the
    /// Region that is asked for, since that is what a task names.
    pub is_fixed_region: bool,
    /// Suffixes that the service's rules produce beside the partition's own.
    pub dns_suffixes: &'a [&'a str],
}

/// Leave to make one call. Only this module gives it: [`Table::permit`], [`ProcedurePermit::call`] and what is made of
/// their leave.
#[derive(Debug, Clone)]
pub struct Permit {
    service: String,
    operation: String,
    region: Region,
    endpoint: Option<CustomEndpoint>,
    /// In whose name the call is made; absent for the function's own.
    role: Option<Role>,
    /// All entries that permit the call: at least one must permit its destination, too.
    entries: Vec<Arc<Entry>>,
    regions: Regions,
    local: Option<CustomEndpoint>,
}

/// What the parameters of a procedure name beside the Region that was asked for.
#[derive(Debug, Clone, Default)]
pub struct Named<'a> {
    pub regions: Vec<&'a Region>,
    pub endpoints: Vec<&'a CustomEndpoint>,
    pub roles: Vec<&'a Role>,
    /// Buckets that are read, each with a key or with what its keys begin with.
    pub sources: Vec<(&'a str, &'a str)>,
    /// Buckets that are written, likewise.
    pub results: Vec<(&'a str, &'a str)>,
}

/// Leave to run one procedure. Only [`Table::permit_procedure`] gives it.
#[derive(Debug, Clone)]
pub struct ProcedurePermit {
    procedure: Procedure,
    /// All entries that permit what is known of it so far.
    entries: Vec<Arc<Entry>>,
    regions: Regions,
    local: Option<CustomEndpoint>,
}

/// Whether an entry lists all that parameters name of one part.
type Lists = fn(&Entry, &Named<'_>) -> bool;

/// The parts of an entry that parameters may name, beside its Regions.
const PARTS: [(&str, Lists); 4] = [
    ("an endpoint", |entry, named| named.endpoints.iter().all(|it| entry.lists_endpoint(it))),
    ("a role", |entry, named| named.roles.iter().all(|it| entry.lists_name(Some(it)))),
    ("a source", |entry, named| {
        named.sources.iter().all(|named| entry.sources.iter().any(|it| it.holds(*named)))
    }),
    ("a result", |entry, named| {
        // What is listed for a Region is listed for `resultTo` alone.
        let listed = entry.results.iter().filter(|it| it.region.is_none());
        named.results.iter().all(|named| listed.clone().any(|it| it.holds(*named)))
    }),
];

#[derive(Debug)]
struct Entry {
    subject: Subject,
    regions: Vec<Scope>,
    endpoints: Vec<Allowed>,
    /// In whose names calls may be made.
    names: Vec<Name>,
    sources: Vec<Bucket>,
    results: Vec<Bucket>,
}

/// What an entry is about.
#[derive(Debug)]
enum Subject {
    Actions {
        service: String,
        /// Compared without regard to case: no service has two operations that differ only in it.
        actions: Vec<String>,
    },
    Procedure(Procedure),
}

/// One element of `sources` or `results`.
#[derive(Debug)]
struct Bucket {
    name: String,
    /// What its keys begin with; empty for all of them.
    key_prefix: String,
    /// Where `resultTo` may say that it is; absent for the Regions of the entry.
    region: Option<Region>,
}

/// One element of `roles`.
#[derive(Debug, PartialEq)]
enum Name {
    Own,
    Of(Role),
}

/// One element of `regions`.
#[derive(Debug, PartialEq)]
enum Scope {
    One(Region),
    Any,
    Global,
}

/// One element of `endpoints`.
#[derive(Debug, PartialEq)]
enum Allowed {
    One(CustomEndpoint),
    /// Any routing control cluster's endpoint in that Region: what follows the label that stands for the cluster.
    Cluster {
        domain: String,
    },
}

impl Table {
    /// Reads the table. `service_id` finds the canonical id of a service; names of actions stay as they are, for
    /// looking them up would inflate the model of every service at init.
    pub fn parse(
        text: &str,
        regions: Regions,
        service_id: impl Fn(&str) -> Result<String, Error>,
    ) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let root = Path::Root("OPERATION_TABLE");
        let mut entries = Vec::new();
        let mut keeps_records = false;
        match json::collect(text.as_bytes(), root, &mut faults) {
            Some(Value::Array(elements)) => {
                for (at, element) in elements.into_iter().enumerate() {
                    let entry = read_object(element, root.index(at), &mut faults, |fields| {
                        keeps_records |= fields.flag("idempotency").unwrap_or_default();
                        read_entry(fields, &regions, &service_id)
                    });
                    entries.extend(entry.flatten().map(Arc::new));
                }
            }
            Some(other) => {
                faults
                    .push(root.fault(format!("expected an array of entries, found {}", json::kind(&other))));
            }
            None => {}
        }
        if !faults.is_empty() {
            return Err(Error::faults(Kind::Internal, faults));
        }
        Ok(Self { entries, regions: Some(regions), local: None, keeps_records })
    }

    /// Whether calls of some entry keep a record, for which the function needs a table.
    pub fn keeps_records(&self) -> bool {
        self.keeps_records
    }

    /// Adds a server on this machine, to which a test sends all calls that the table permits.
    #[must_use]
    pub fn with_local_endpoint(self, local: Option<CustomEndpoint>) -> Self {
        Self { local, ..self }
    }

    /// The first check: on what the event says.
    pub fn permit(&self, call: &Call<'_>) -> Result<Permit, Error> {
        let Call { service, operation, region, endpoint, role } = *call;
        let Some(regions) = self.regions.filter(|_| !self.entries.is_empty()) else {
            return Err(not_allowed("the operation table is empty, so nothing may be called"));
        };
        let mut entries = self.entries.clone();
        entries.retain(|entry| entry.actions_of(service).is_some());
        if entries.is_empty() {
            return Err(not_allowed(format!("the operation table does not list service `{service}`")));
        }
        entries.retain(|entry| {
            let actions = entry.actions_of(service).unwrap_or_default();
            actions.iter().any(|action| action.eq_ignore_ascii_case(operation))
        });
        if entries.is_empty() {
            return Err(not_allowed(format!(
                "the operation table does not list `{operation}` of `{service}`"
            )));
        }
        entries.retain(|entry| entry.lists_region(region));
        if entries.is_empty() {
            return Err(not_allowed(format!(
                "the operation table does not list Region `{region}` for `{operation}` of `{service}`"
            )));
        }
        if let Some(endpoint) = endpoint {
            entries.retain(|entry| entry.lists_endpoint(endpoint));
            if entries.is_empty() {
                let endpoint = endpoint.to_string();
                return Err(not_allowed(format!(
                    "the operation table does not list endpoint `{}` for `{operation}` of `{service}` in `{region}`",
                    suggest::shown(&endpoint)
                )));
            }
        }
        entries.retain(|entry| entry.lists_name(role));
        if entries.is_empty() {
            return Err(not_allowed(match role {
                Some(role) => format!(
                    "the operation table does not list role `{}` for `{operation}` of `{service}` in `{region}`",
                    suggest::shown(role.as_str())
                ),
                None => format!(
                    "the operation table lists `{operation}` of `{service}` in `{region}` only in the name of roles, \
                     and the event has no `assumeRole`"
                ),
            }));
        }
        Ok(Permit {
            service: service.to_owned(),
            operation: operation.to_owned(),
            region: region.clone(),
            endpoint: endpoint.cloned(),
            role: role.cloned(),
            entries,
            regions,
            local: self.local.clone(),
        })
    }

    /// The first check of a procedure. What its parameters name is judged by [`ProcedurePermit::naming`] as soon as
    /// they are read.
    pub fn permit_procedure(&self, procedure: Procedure, region: &Region) -> Result<ProcedurePermit, Error> {
        let Some(regions) = self.regions.filter(|_| !self.entries.is_empty()) else {
            return Err(not_allowed("the operation table is empty, so nothing may be called"));
        };
        let mut entries = self.entries.clone();
        entries.retain(|entry| matches!(entry.subject, Subject::Procedure(listed) if listed == procedure));
        let name = procedure.name();
        if entries.is_empty() {
            return Err(not_allowed(format!("the operation table does not list procedure `{name}`")));
        }
        entries.retain(|entry| entry.lists_region(region));
        if entries.is_empty() {
            return Err(not_allowed(format!(
                "the operation table does not list Region `{region}` for `{name}`"
            )));
        }
        Ok(ProcedurePermit { procedure, entries, regions, local: self.local.clone() })
    }
}

impl ProcedurePermit {
    /// The same leave for what the parameters name, too. One entry must list all of it.
    pub fn naming(mut self, named: &Named<'_>) -> Result<Self, Error> {
        let name = self.procedure.name();
        let unlisted = |what: &str| {
            not_allowed(format!(
                "the operation table does not list {what} that the parameters name for `{name}`"
            ))
        };
        // Of what is named only Regions are shown: the rest are values of parameters.
        for region in &named.regions {
            if !self.entries.iter().any(|entry| entry.lists_region(region)) {
                return Err(unlisted(&format!("Region `{region}`")));
            }
        }
        for (what, lists) in PARTS {
            if !self.entries.iter().any(|entry| lists(entry, named)) {
                return Err(unlisted(what));
            }
        }
        self.entries.retain(|entry| {
            named.regions.iter().all(|region| entry.lists_region(region))
                && PARTS.iter().all(|(_, lists)| lists(entry, named))
        });
        if self.entries.is_empty() {
            return Err(not_allowed(format!(
                "no single entry of the operation table lists all that the parameters name for `{name}`"
            )));
        }
        Ok(self)
    }

    /// The same leave with that to store the result. One entry must list both.
    pub fn storing(mut self, to: &ResultTo) -> Result<(Self, Vec<Permit>), Error> {
        storing(&mut self.entries, to, &format!("`{}`", self.procedure.name()))?;
        let permits = to_store(to, &self.entries, self.regions, self.local.as_ref());
        Ok((self, permits))
    }

    /// The API calls that the procedure is made of.
    pub fn calls(&self) -> &'static [(&'static str, &'static str)] {
        self.procedure.calls()
    }

    /// Leave to make one of them, in the name of `role` or in the function's own.
    pub fn call(
        &self,
        operation: &Operation,
        region: &Region,
        endpoint: Option<&CustomEndpoint>,
        role: Option<&Role>,
    ) -> Result<Permit, Error> {
        let (service, name) = (operation.service.id(), self.procedure.name());
        if !self.procedure.calls().contains(&(service, operation.name.as_str())) {
            return Err(not_allowed(format!("`{name}` does not call `{}` of `{service}`", operation.name)));
        }
        let mut entries = self.entries.clone();
        entries.retain(|entry| {
            entry.lists_region(region)
                && endpoint.is_none_or(|it| entry.lists_endpoint(it))
                && entry.lists_name(role)
        });
        if entries.is_empty() {
            return Err(not_allowed(format!(
                "no single entry of the operation table lists Region, endpoint and role of a call that `{name}` makes in \
                 `{region}`"
            )));
        }
        Ok(Permit {
            service: service.to_owned(),
            operation: operation.name.clone(),
            region: region.clone(),
            endpoint: endpoint.cloned(),
            role: role.cloned(),
            entries,
            regions: self.regions,
            local: self.local.clone(),
        })
    }
}

impl Table {
    /// The first check on all targets of one call, which one entry must list together.
    pub fn permit_together(&self, calls: &[Call<'_>]) -> Result<Vec<Permit>, Error> {
        let mut permits: Vec<Permit> =
            calls.iter().map(|call| self.permit(call)).collect::<Result<_, _>>()?;
        let mut common = permits.first().map(|permit| permit.entries.clone()).unwrap_or_default();
        common.retain(|entry| permits.iter().all(|it| it.entries.iter().any(|own| Arc::ptr_eq(own, entry))));
        if let (true, Some(permit)) = (common.is_empty(), permits.first()) {
            return Err(not_allowed(format!(
                "no single entry of the operation table lists all Regions and endpoints of `{}` of `{}` and its failover \
                 targets together",
                permit.operation, permit.service
            )));
        }
        for permit in &mut permits {
            permit.entries.clone_from(&common);
        }
        Ok(permits)
    }
}

/// Leave to store the result of calls that were permitted together. One entry must list calls and place.
pub fn permit_result(calls: &mut [Permit], to: &ResultTo) -> Result<Vec<Permit>, Error> {
    let Some(Permit { service, operation, entries, regions, local, .. }) = calls.first() else {
        return Err(not_allowed("there is no call whose result could be stored"));
    };
    let mut common = entries.clone();
    storing(&mut common, to, &format!("`{operation}` of `{service}`"))?;
    let permits = to_store(to, &common, *regions, local.as_ref());
    for call in calls {
        call.entries.clone_from(&common);
    }
    Ok(permits)
}

/// Keeps the entries that list the place. Of the place only the Region is shown: bucket and key may be values of state.
fn storing(entries: &mut Vec<Arc<Entry>>, to: &ResultTo, what: &str) -> Result<(), Error> {
    let is_elsewhere = |entry: &Arc<Entry>| entry.results.iter().any(|it| it.holds((&to.bucket, &to.key)));
    let lists_bucket = entries.iter().any(is_elsewhere);
    entries.retain(|entry| entry.lists_result(to));
    match (entries.is_empty(), lists_bucket) {
        (false, _) => Ok(()),
        (true, true) => Err(not_allowed(format!(
            "the operation table lists the bucket and key of `resultTo` for {what} in another Region than `{}`",
            to.region
        ))),
        (true, false) => Err(not_allowed(format!(
            "the operation table does not list the bucket and key of `resultTo` for {what}"
        ))),
    }
}

/// Leave for each call that storing may take, in the function's own name whoever makes the call.
fn to_store(
    to: &ResultTo,
    entries: &[Arc<Entry>],
    regions: Regions,
    local: Option<&CustomEndpoint>,
) -> Vec<Permit> {
    let permit = |operation: &&str| Permit {
        service: offload::SERVICE.to_owned(),
        operation: (*operation).to_owned(),
        region: to.region.clone(),
        endpoint: None,
        role: None,
        entries: entries.to_vec(),
        regions,
        local: local.cloned(),
    };
    offload::CALLS.iter().map(permit).collect()
}

impl Permit {
    /// As in `bedrock-agent`.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The model's name, as in `GetObject`.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The Region that was asked for.
    pub fn region(&self) -> &str {
        self.region.as_str()
    }

    /// The endpoint that was asked for.
    pub fn endpoint(&self) -> Option<&CustomEndpoint> {
        self.endpoint.as_ref()
    }

    /// In whose name the call is made; absent for the function's own.
    pub fn role(&self) -> Option<&Role> {
        self.role.as_ref()
    }

    /// Leave to assume the role of this call, in the function's own name: an entry that lists the role permits that,
    /// too.
    #[must_use]
    pub fn to_assume_role(&self) -> Self {
        Self {
            service: role::SERVICE.to_owned(),
            operation: role::OPERATION.to_owned(),
            endpoint: None,
            role: None,
            ..self.clone()
        }
    }

    /// The same leave for another Region of the same call. One entry must list both.
    pub fn also_in(&self, region: &Region) -> Result<Self, Error> {
        let entries: Vec<_> =
            self.entries.iter().filter(|entry| entry.lists_region(region)).map(Arc::clone).collect();
        if entries.is_empty() {
            return Err(not_allowed(format!(
                "no single entry of the operation table lists Region `{region}` beside `{}` for `{}` of `{}`",
                self.region, self.operation, self.service
            )));
        }
        Ok(Self { region: region.clone(), entries, ..self.clone() })
    }

    /// The second check: on where the call would go, and on what its signature would be good for. Parameters lead
    /// elsewhere, too, as an ARN of another Region does.
    pub fn check_resolved(&self, destination: &Destination<'_>) -> Result<(), Error> {
        let url = destination.url.replacen("://", &format!("://{}", destination.host_prefix), 1);
        let url = CustomEndpoint::resolved(&url)
            .map_err(|message| not_allowed(format!("the endpoint that was found is none: {message}")))?;
        let is_local = self.local.as_ref().is_some_and(|local| local.covers(&url));
        let own = self.regions.own_partition();
        let partition_suffixes = [own.dns_suffix.as_str(), own.dual_stack_dns_suffix.as_str()];
        let mut suffixes = partition_suffixes.iter().chain(destination.dns_suffixes);
        let is_aws = url.is_plain_https() && suffixes.any(|suffix| is_below(&url.host(), suffix));
        let lists_host =
            |entry: &Entry| is_local || is_aws || entry.endpoints.iter().any(|allowed| allowed.covers(&url));
        let lists_region =
            |entry: &Entry, region: &str| self.lists_signing_region(entry, destination, region);
        let refused = |region: &&String| !self.entries.iter().any(|entry| lists_region(entry, region));
        if let Some(region) = destination.signing_regions.iter().find(refused) {
            return Err(not_allowed(self.region_refusal(region)));
        }
        let permits = |entry: &Arc<Entry>| {
            lists_host(entry) && destination.signing_regions.iter().all(|region| lists_region(entry, region))
        };
        if self.entries.iter().any(permits) {
            return Ok(());
        }
        // The host is not shown: it may hold a bucket or an account, which are parameters.
        Err(not_allowed(format!(
            "no single entry of the operation table permits where `{}` of `{}` would go: neither a host of AWS nor a \
             listed endpoint",
            self.operation, self.service
        )))
    }

    fn lists_signing_region(&self, entry: &Entry, destination: &Destination<'_>, region: &str) -> bool {
        if region == EVERY_REGION {
            return entry.regions.contains(&Scope::Global);
        }
        let Ok(region) = self.regions.parse(region) else { return false };
        region == self.region || destination.is_fixed_region || entry.lists_region(&region)
    }

    fn region_refusal(&self, region: &str) -> String {
        let Self { service, operation, .. } = self;
        if region == EVERY_REGION {
            return format!(
                "`{operation}` of `{service}` is signed for every Region at once, which needs `{GLOBAL}` among the \
                 `regions` of its entry"
            );
        }
        // Text out of a parameter is shown only if it is the name of a Region.
        let region = self
            .regions
            .parse(region)
            .map_or("another Region".to_owned(), |region| format!("Region `{region}`"));
        format!(
            "the parameters lead to {region}, which the operation table does not list for `{operation}` of `{service}`"
        )
    }
}

impl Entry {
    /// `None` for an entry of something else.
    fn actions_of(&self, service: &str) -> Option<&[String]> {
        match &self.subject {
            Subject::Actions { service: listed, actions } if listed == service => Some(actions),
            _ => None,
        }
    }

    fn lists_endpoint(&self, endpoint: &CustomEndpoint) -> bool {
        self.endpoints.iter().any(|allowed| allowed.is(endpoint))
    }

    fn lists_region(&self, region: &Region) -> bool {
        self.regions.iter().any(|scope| match scope {
            Scope::One(listed) => listed == region,
            Scope::Any => true,
            Scope::Global => false,
        })
    }

    /// Whether a result may be stored there.
    fn lists_result(&self, to: &ResultTo) -> bool {
        self.results.iter().filter(|it| it.holds((&to.bucket, &to.key))).any(|it| match &it.region {
            Some(listed) => *listed == to.region,
            None => self.lists_region(&to.region),
        })
    }

    fn lists_name(&self, role: Option<&Role>) -> bool {
        self.names.iter().any(|name| match name {
            Name::Own => role.is_none(),
            Name::Of(listed) => role == Some(listed),
        })
    }
}

impl Bucket {
    fn holds(&self, (bucket, key): (&str, &str)) -> bool {
        self.name == bucket && key.starts_with(&self.key_prefix)
    }
}

impl Allowed {
    fn parse(text: &str, regions: &Regions) -> Result<Self, String> {
        if !text.contains('*') {
            return CustomEndpoint::parse(text).map(Self::One);
        }
        let (before, after) = CLUSTER_ENDPOINT;
        let region = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let region = region.ok_or_else(|| format!("`*` is allowed only as in `{before}us-east-1{after}`"))?;
        let region = regions.parse(region)?;
        Ok(Self::Cluster { domain: format!("route53-recovery-cluster.{region}.amazonaws.com") })
    }

    /// Whether it is what the event names.
    fn is(&self, endpoint: &CustomEndpoint) -> bool {
        match self {
            Self::One(listed) => listed == endpoint,
            Self::Cluster { .. } => self.covers(endpoint),
        }
    }

    /// Whether it is what the rules made of the endpoint.
    fn covers(&self, resolved: &CustomEndpoint) -> bool {
        match self {
            Self::One(listed) => listed.covers(resolved),
            Self::Cluster { domain } => {
                let host = resolved.host();
                let star = host.strip_suffix(domain.as_str()).and_then(|rest| rest.strip_suffix('.'));
                star.is_some_and(is_host_label) && resolved.is_plain_https() && resolved.path() == "/v1"
            }
        }
    }
}

fn read_entry(
    fields: &mut Fields<'_>,
    regions: &Regions,
    service_id: impl Fn(&str) -> Result<String, Error>,
) -> Option<Entry> {
    fields.require("regions");
    let scopes = fields.texts("regions", |text| match text {
        ANY_REGION => Ok(Scope::Any),
        GLOBAL => Ok(Scope::Global),
        one => regions.parse(one).map(Scope::One),
    });
    let names = fields.texts("roles", |text| match text {
        OWN_ROLE => Ok(Name::Own),
        arn => Role::parse(arn, regions).map(Name::Of),
    });
    // Whoever lists a role means calls in its name: in the function's own they would be others.
    let names = names.filter(|names| !names.is_empty()).unwrap_or_else(|| vec![Name::Own]);
    let results = read_buckets(fields, "results", Some(regions));
    let (subject, sources) = if fields.has("procedure") {
        for name in ["service", "actions"] {
            fields.refuse(name, "an entry has either `service` or `procedure`");
        }
        let procedure = fields.text("procedure", Procedure::parse);
        (procedure.map(Subject::Procedure), read_buckets(fields, "sources", None))
    } else {
        let service = fields.required_text("service", |text| service_id(text).map_err(|error| error.message));
        fields.require("actions");
        let actions = fields.texts("actions", some_text);
        let subject = service.zip(actions).map(|(service, actions)| Subject::Actions { service, actions });
        (subject, Vec::new())
    };
    let endpoints = fields.texts("endpoints", |text| Allowed::parse(text, regions)).unwrap_or_default();
    Some(Entry { subject: subject?, regions: scopes?, endpoints, names, sources, results })
}

/// `regions` where an element may have one of its own.
fn read_buckets(fields: &mut Fields<'_>, name: &'static str, regions: Option<&Regions>) -> Vec<Bucket> {
    let buckets = fields.objects(name, |fields| {
        let name = fields.required_text("bucket", some_text);
        let key_prefix = fields.text("keyPrefix", |prefix| Ok(prefix.to_owned())).unwrap_or_default();
        let region = regions.and_then(|regions| fields.text("region", |text| regions.parse(text)));
        Some(Bucket { name: name?, key_prefix, region })
    });
    buckets.unwrap_or_default().into_iter().flatten().collect()
}

fn not_allowed(message: impl Into<String>) -> Error {
    Error::new(Kind::NotAllowed, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::region::tests::regions;

    fn table(entries: &Value) -> Table {
        parse(&entries.to_string()).unwrap()
    }

    fn parse(text: &str) -> Result<Table, Error> {
        Table::parse(text, regions(), |name| match name.to_ascii_lowercase().as_str() {
            "unknown" => Err(Error::new(Kind::UnknownService, "no service is called `unknown`")),
            id => Ok(id.to_owned()),
        })
    }

    fn together(table: &Table, targets: &[(&str, Option<&str>)]) -> Result<usize, String> {
        let targets: Vec<_> = targets
            .iter()
            .map(|(region, endpoint)| {
                (regions().parse(region).unwrap(), endpoint.map(|it| CustomEndpoint::parse(it).unwrap()))
            })
            .collect();
        let calls: Vec<_> = targets
            .iter()
            .map(|(region, endpoint)| Call {
                service: "s3",
                operation: "GetObject",
                region,
                endpoint: endpoint.as_ref(),
                role: None,
            })
            .collect();
        table.permit_together(&calls).map(|permits| permits.len()).map_err(|error| {
            assert_eq!(error.name(), "CrossRegion.NotAllowed");
            error.message
        })
    }

    #[test]
    fn one_entry_permits_all_targets_of_a_call() {
        let one = table(&json!([
            {"service": "s3", "actions": ["getObject"], "regions": ["us-west-2", "us-east-1"], "endpoints": ["https://a.example.com"]},
        ]));
        assert_eq!(together(&one, &[("us-west-2", None), ("us-east-1", None)]), Ok(2));
        assert_eq!(
            together(&one, &[("us-west-2", Some("https://a.example.com")), ("us-east-1", None)]),
            Ok(2)
        );
        let refusal = together(&one, &[("us-west-2", None), ("eu-west-1", None)]).unwrap_err();
        assert!(refusal.contains("Region `eu-west-1`"), "{refusal}");
        let refusal = together(&one, &[("us-west-2", None), ("us-east-1", Some("https://b.example.com"))]);
        assert!(refusal.unwrap_err().contains("endpoint `https://b.example.com`"));

        let apart = table(&json!([
            {"service": "s3", "actions": ["getObject"], "regions": ["us-west-2"], "endpoints": ["https://a.example.com"]},
            {"service": "s3", "actions": ["getObject"], "regions": ["us-east-1"]},
        ]));
        for targets in [
            [("us-west-2", None), ("us-east-1", None)],
            [("us-west-2", Some("https://a.example.com")), ("us-east-1", None)],
        ] {
            let refusal = together(&apart, &targets).unwrap_err();
            assert!(refusal.starts_with("no single entry"), "{refusal}");
        }
    }

    fn faults(text: &str) -> Vec<String> {
        parse(text).unwrap_err().faults.iter().map(ToString::to_string).collect()
    }

    fn ask(
        table: &Table,
        service: &str,
        operation: &str,
        region: &str,
        endpoint: Option<&str>,
    ) -> Result<Permit, String> {
        ask_as(table, service, operation, region, endpoint, None)
    }

    fn ask_as(
        table: &Table,
        service: &str,
        operation: &str,
        region: &str,
        endpoint: Option<&str>,
        role: Option<&str>,
    ) -> Result<Permit, String> {
        let region = &regions().parse(region).unwrap();
        let endpoint = endpoint.map(|text| CustomEndpoint::parse(text).unwrap());
        let role = role.map(|arn| Role::parse(arn, &regions()).unwrap());
        let (endpoint, role) = (endpoint.as_ref(), role.as_ref());
        table.permit(&Call { service, operation, region, endpoint, role }).map_err(|error| {
            assert_eq!(error.name(), "CrossRegion.NotAllowed");
            error.message
        })
    }

    fn go(permit: &Permit, url: &str, signing_regions: &[&str], is_fixed_region: bool) -> Result<(), String> {
        let signing_regions: Vec<String> = signing_regions.iter().map(|&region| region.to_owned()).collect();
        let (host_prefix, dns_suffixes) = ("", &["on.aws"][..]);
        let signing_regions = &signing_regions;
        let destination = Destination { url, host_prefix, signing_regions, is_fixed_region, dns_suffixes };
        permit.check_resolved(&destination).map_err(|error| {
            assert_eq!(error.name(), "CrossRegion.NotAllowed");
            error.message
        })
    }

    #[test]
    fn one_entry_permits_all_of_a_call() {
        let table = table(&json!([
            {"service": "DynamoDB", "actions": ["deleteTable", "DescribeTable"], "regions": ["us-west-2"], "endpoints": []},
            {"service": "dynamodb", "actions": ["scan"], "regions": ["*"], "endpoints": ["https://example.com"]},
            {"service": "s3", "actions": ["getObject"], "regions": []},
        ]));
        let permit = ask(&table, "dynamodb", "DeleteTable", "us-west-2", None).unwrap();
        assert_eq!(
            (permit.service(), permit.operation(), permit.region()),
            ("dynamodb", "DeleteTable", "us-west-2")
        );
        assert_eq!(permit.endpoint(), None);
        ask(&table, "dynamodb", "DescribeTable", "us-west-2", None).unwrap();
        ask(&table, "dynamodb", "Scan", "eu-north-1", None).unwrap();
        let permit = ask(&table, "dynamodb", "Scan", "eu-north-1", Some("https://Example.com:443/")).unwrap();
        assert_eq!(permit.endpoint().unwrap().host(), "example.com");

        let refused = |service, operation, region, endpoint| {
            ask(&table, service, operation, region, endpoint).unwrap_err()
        };
        assert_eq!(
            refused("iam", "GetRole", "us-west-2", None),
            "the operation table does not list service `iam`"
        );
        assert_eq!(
            refused("dynamodb", "PutItem", "us-west-2", None),
            "the operation table does not list `PutItem` of `dynamodb`"
        );
        // The Region is another entry's.
        assert_eq!(
            refused("dynamodb", "DeleteTable", "us-east-1", None),
            "the operation table does not list Region `us-east-1` for `DeleteTable` of `dynamodb`"
        );
        // So is the endpoint.
        assert_eq!(
            refused("dynamodb", "DeleteTable", "us-west-2", Some("https://example.com")),
            "the operation table does not list endpoint `https://example.com` for `DeleteTable` of `dynamodb` in `us-west-2`"
        );
        // No Regions are none.
        assert!(refused("s3", "GetObject", "us-west-2", None).contains("does not list Region"));
    }

    #[test]
    fn no_table_permits_nothing() {
        for table in [Table::default(), table(&json!([])), Table::default().with_local_endpoint(None)] {
            assert!(ask(&table, "s3", "GetObject", "us-west-2", None).unwrap_err().contains("empty"));
        }
        let region = regions().parse("us-west-2").unwrap();
        let refused = Table::default().permit_procedure(Procedure::RoutingControlSet, &region).unwrap_err();
        assert!(refused.message.contains("empty"));
    }

    fn begin(table: &Table, procedure: Procedure, region: &str) -> Result<ProcedurePermit, String> {
        let region = regions().parse(region).unwrap();
        table.permit_procedure(procedure, &region).map_err(|error| {
            assert_eq!(error.name(), "CrossRegion.NotAllowed");
            error.message
        })
    }

    #[test]
    fn an_entry_for_a_procedure_permits_its_calls_and_nothing_else() {
        let table = table(&json!([
            {"procedure": "routingControl.get", "regions": ["us-west-2"]},
            {"service": "route53-recovery-cluster", "actions": ["updateRoutingControlStates"], "regions": ["*"]},
        ]));
        let call = |permit: &ProcedurePermit, service: &str, operation: &str, region: &str| {
            let operation = crate::catalog::service(service).unwrap().operation(operation).unwrap();
            permit
                .call(operation, &regions().parse(region).unwrap(), None, None)
                .map(|permit| {
                    (permit.service().to_owned(), permit.operation().to_owned(), permit.region().to_owned())
                })
                .map_err(|error| error.message)
        };
        let get = begin(&table, Procedure::RoutingControlGet, "us-west-2").unwrap();
        let cluster = "route53-recovery-cluster";
        assert_eq!(
            call(&get, cluster, "GetRoutingControlState", "us-west-2").unwrap(),
            (cluster.to_owned(), "GetRoutingControlState".to_owned(), "us-west-2".to_owned())
        );
        assert_eq!(
            call(&get, cluster, "UpdateRoutingControlStates", "us-west-2").unwrap_err(),
            "`routingControl.get` does not call `UpdateRoutingControlStates` of `route53-recovery-cluster`"
        );
        call(&get, "dynamodb", "PutItem", "us-west-2").unwrap_err();
        assert_eq!(
            call(&get, cluster, "GetRoutingControlState", "us-east-1").unwrap_err(),
            "no single entry of the operation table lists Region, endpoint and role of a call that \
             `routingControl.get` makes in `us-east-1`"
        );
        // The procedure is not its calls, and the calls are not the procedure.
        assert_eq!(
            ask(&table, cluster, "GetRoutingControlState", "us-west-2", None).unwrap_err(),
            "the operation table does not list `GetRoutingControlState` of `route53-recovery-cluster`"
        );
        assert_eq!(
            begin(&table, Procedure::RoutingControlSet, "us-west-2").unwrap_err(),
            "the operation table does not list procedure `routingControl.set`"
        );
        assert_eq!(
            begin(&table, Procedure::RoutingControlGet, "us-east-1").unwrap_err(),
            "the operation table does not list Region `us-east-1` for `routingControl.get`"
        );
    }

    #[test]
    fn a_place_with_a_region_is_for_results_alone() {
        let table = table(&json!([{"procedure": "routingControl.set", "regions": ["us-west-2"],
            "results": [{"bucket": "results", "region": "us-east-1"}, {"bucket": "out"}]}]));
        let set = || begin(&table, Procedure::RoutingControlSet, "us-west-2").unwrap();
        let named = |bucket| set().naming(&Named { results: vec![(bucket, "k")], ..Named::default() });
        named("out").unwrap();
        named("results").unwrap_err();
        let to = |bucket: &str, region: &str| {
            let region = regions().parse(region).unwrap();
            let when = crate::event::result_to::When::Always;
            set().storing(&ResultTo { bucket: bucket.to_owned(), key: "k".to_owned(), region, when })
        };
        to("out", "us-west-2").unwrap();
        to("out", "us-east-1").unwrap_err();
        to("results", "us-west-2").unwrap_err();
        let (_, permits) = to("results", "us-east-1").unwrap();
        let found: Vec<_> = permits.iter().map(|it| (it.service(), it.operation(), it.region())).collect();
        assert_eq!(found, offload::CALLS.map(|operation| ("s3", operation, "us-east-1")));
        go(&permits[0], "https://results.s3.us-east-1.amazonaws.com", &["us-east-1"], false).unwrap();
        go(&permits[0], "https://results.s3.us-west-1.amazonaws.com", &["us-west-1"], false).unwrap_err();
    }

    #[test]
    fn one_entry_permits_all_that_parameters_name() {
        let table = table(&json!([
            {"procedure": "routingControl.set", "regions": ["us-west-2", "us-east-1"], "endpoints": ["https://a.example.com"],
             "roles": ["arn:aws:iam::123456789012:role/a"], "sources": [{"bucket": "in"}, {"bucket": "also"}],
             "results": [{"bucket": "out", "keyPrefix": "a/"}]},
            {"procedure": "routingControl.set", "regions": ["us-west-2"], "endpoints": ["https://b.example.com"],
             "roles": ["arn:aws:iam::123456789012:role/b"], "sources": [{"bucket": "in", "keyPrefix": "x"}], "results": [{"bucket": "out"}]},
        ]));
        let parsed: Vec<_> = ["us-west-2", "us-east-1", "eu-west-1"]
            .iter()
            .map(|text| regions().parse(text).unwrap())
            .collect();
        let [west, east, europe] = &parsed[..] else { unreachable!() };
        let [a, b, c] = ["https://a.example.com", "https://b.example.com", "https://c.example.com"]
            .map(|text| CustomEndpoint::parse(text).unwrap());
        let [reader, writer, other, deeper] = ["a", "b", "c", "a/b"]
            .map(|name| Role::parse(&format!("arn:aws:iam::123456789012:role/{name}"), &regions()).unwrap());
        let named = |named: Named<'_>| {
            begin(&table, Procedure::RoutingControlSet, "us-west-2").unwrap().naming(&named).map_err(
                |error| {
                    assert_eq!(error.name(), "CrossRegion.NotAllowed");
                    error.message
                },
            )
        };
        named(Named::default()).unwrap();
        named(Named {
            regions: vec![west, east],
            endpoints: vec![&a],
            roles: vec![&reader],
            sources: vec![("in", "any"), ("also", "")],
            results: vec![("out", "a/b"), ("out", "a/")],
        })
        .unwrap();
        named(Named {
            regions: vec![west],
            endpoints: vec![&b],
            roles: vec![&writer],
            sources: vec![("in", "x/")],
            results: vec![("out", "")],
        })
        .unwrap();

        let unlisted = |what: &str| {
            format!(
                "the operation table does not list {what} that the parameters name for `routingControl.set`"
            )
        };
        let nowhere = [
            (Named { regions: vec![west, europe], ..Named::default() }, "Region `eu-west-1`"),
            (Named { endpoints: vec![&c], ..Named::default() }, "an endpoint"),
            (Named { roles: vec![&other], ..Named::default() }, "a role"),
            (Named { roles: vec![&deeper], ..Named::default() }, "a role"),
            (Named { sources: vec![("out", "")], ..Named::default() }, "a source"),
            (Named { results: vec![("in", "")], ..Named::default() }, "a result"),
            // Each is listed, but by no entry with the other.
            (Named { endpoints: vec![&a, &b], ..Named::default() }, "an endpoint"),
        ];
        for (it, what) in nowhere {
            assert_eq!(named(it.clone()).unwrap_err(), unlisted(what), "{it:?}");
        }
        let apart = [
            Named { regions: vec![east], endpoints: vec![&b], ..Named::default() },
            Named { endpoints: vec![&b], roles: vec![&reader], ..Named::default() },
            Named { sources: vec![("also", "")], results: vec![("out", "b/")], ..Named::default() },
            Named { endpoints: vec![&b], sources: vec![("in", "y")], ..Named::default() },
        ];
        for it in apart {
            assert_eq!(
                named(it.clone()).unwrap_err(),
                "no single entry of the operation table lists all that the parameters name for `routingControl.set`",
                "{it:?}"
            );
        }
    }

    #[test]
    fn what_an_entry_did_not_list_together_its_calls_may_not_use_together() {
        let table = table(&json!([
            {"procedure": "routingControl.get", "regions": ["us-west-2", "us-east-1"], "endpoints": ["https://a.example.com"]},
            {"procedure": "routingControl.get", "regions": ["us-west-2"], "endpoints": ["https://b.example.com"]},
        ]));
        let permit = begin(&table, Procedure::RoutingControlGet, "us-west-2").unwrap();
        let operation = crate::catalog::service("route53-recovery-cluster")
            .unwrap()
            .operation("GetRoutingControlState")
            .unwrap();
        let call = |permit: &ProcedurePermit, region: &str, endpoint: &str| {
            let endpoint = CustomEndpoint::parse(endpoint).unwrap();
            permit.call(operation, &regions().parse(region).unwrap(), Some(&endpoint), None).is_ok()
        };
        assert!(call(&permit, "us-west-2", "https://b.example.com"));
        assert!(call(&permit, "us-east-1", "https://a.example.com"));
        assert!(!call(&permit, "us-east-1", "https://b.example.com"));
        let east = regions().parse("us-east-1").unwrap();
        let permit = permit.naming(&Named { regions: vec![&east], ..Named::default() }).unwrap();
        assert!(call(&permit, "us-west-2", "https://a.example.com"));
        assert!(!call(&permit, "us-west-2", "https://b.example.com"), "its entry was left out");
    }

    #[test]
    fn one_entry_permits_a_call_and_its_role() {
        let (reader, writer) =
            ("arn:aws:iam::111122223333:role/reader", "arn:aws:iam::111122223333:role/writer");
        let table = table(&json!([
            {"service": "s3", "actions": ["getObject"], "regions": ["us-west-2"], "roles": [reader]},
            {"service": "s3", "actions": ["putObject"], "regions": ["us-west-2"], "roles": [writer]},
            {"service": "s3", "actions": ["copyObject"], "regions": ["us-west-2"], "roles": [reader, "*own*"]},
            {"service": "s3", "actions": ["listBuckets"], "regions": ["us-west-2"], "roles": []},
        ]));
        let ask = |operation, role| ask_as(&table, "s3", operation, "us-west-2", None, role);
        assert_eq!(ask("GetObject", Some(reader)).unwrap().role().unwrap().as_str(), reader);
        assert_eq!(ask("CopyObject", Some(reader)).unwrap().role().unwrap().as_str(), reader);
        for operation in ["CopyObject", "ListBuckets"] {
            assert_eq!(ask(operation, None).unwrap().role(), None);
        }
        // The role is another entry's.
        assert_eq!(
            ask("GetObject", Some(writer)).unwrap_err(),
            format!(
                "the operation table does not list role `{writer}` for `GetObject` of `s3` in `us-west-2`"
            )
        );
        assert!(ask("ListBuckets", Some(reader)).unwrap_err().contains("does not list role"));
        // Left out, it would be a call in another account.
        assert_eq!(
            ask("GetObject", None).unwrap_err(),
            "the operation table lists `GetObject` of `s3` in `us-west-2` only in the name of roles, and the event has \
             no `assumeRole`"
        );
    }

    #[test]
    fn leave_to_assume_a_role_is_leave_for_nothing_else() {
        let role = "arn:aws:iam::111122223333:role/reader";
        let table = table(&json!([
            {"service": "s3", "actions": ["getObject"], "regions": ["us-west-2"], "roles": [role]},
        ]));
        let permit =
            ask_as(&table, "s3", "GetObject", "us-west-2", None, Some(role)).unwrap().to_assume_role();
        assert_eq!(
            (permit.service(), permit.operation(), permit.region(), permit.role()),
            ("sts", "AssumeRole", "us-west-2", None)
        );
        go(&permit, "https://sts.us-west-2.amazonaws.com", &["us-west-2"], false).unwrap();
        go(&permit, "https://sts.us-east-1.amazonaws.com", &["us-east-1"], false).unwrap_err();
        go(&permit, "https://sts.example.com", &["us-west-2"], false).unwrap_err();
        for role in ["AssumeRole", "GetCallerIdentity"] {
            ask(&table, "sts", role, "us-west-2", None).unwrap_err();
        }
    }

    #[test]
    fn global_signatures_are_no_region() {
        let table = table(&json!([{"service": "s3", "actions": ["getObject"], "regions": ["*global*"]}]));
        assert!(ask(&table, "s3", "GetObject", "us-west-2", None).unwrap_err().contains("Region"));
    }

    #[test]
    fn endpoints_are_compared_as_what_they_mean() {
        let table = table(
            &json!([{"service": "s3", "actions": ["getObject"], "regions": ["us-west-2"], "endpoints": [
                "https://vpce.example.com/base", "https://example.com:8443", "http://127.0.0.1:4566"
            ]}]),
        );
        for endpoint in
            ["https://VPCE.example.com:443/base/", "https://example.com:8443/", "http://127.0.0.1:4566/"]
        {
            ask(&table, "s3", "GetObject", "us-west-2", Some(endpoint)).unwrap();
        }
        for endpoint in [
            "https://vpce.example.com",
            "https://vpce.example.com/base/x",
            "https://vpce.example.com/Base",
            "https://vpce.example.com:8443/base",
            "https://example.com",
            "https://x.example.com:8443",
            "https://example.com.evil.com:8443",
            "http://127.0.0.1:4567",
            "http://127.0.0.2:4566",
            "http://localhost:4566",
            "https://127.0.0.1:4566",
        ] {
            let message = ask(&table, "s3", "GetObject", "us-west-2", Some(endpoint)).unwrap_err();
            assert!(message.contains("does not list endpoint"), "{endpoint}: {message}");
        }
    }

    #[test]
    fn the_star_stands_for_one_label() {
        let table = table(
            &json!([{"service": "route53-recovery-cluster", "actions": ["getRoutingControlState"],
            "regions": ["*"], "endpoints": ["https://*.route53-recovery-cluster.us-east-1.amazonaws.com/v1"]}]),
        );
        let ask = |endpoint| {
            ask(&table, "route53-recovery-cluster", "GetRoutingControlState", "us-east-1", Some(endpoint))
        };
        ask("https://abc-12.route53-recovery-cluster.us-east-1.amazonaws.com/v1").unwrap();
        ask("https://ABC.Route53-recovery-cluster.us-east-1.amazonaws.com:443/v1/").unwrap();
        for endpoint in [
            "https://route53-recovery-cluster.us-east-1.amazonaws.com/v1",
            "https://a.b.route53-recovery-cluster.us-east-1.amazonaws.com/v1",
            "https://a.route53-recovery-cluster.us-west-2.amazonaws.com/v1",
            "https://a.route53-recovery-cluster.us-east-1.amazonaws.com",
            "https://a.route53-recovery-cluster.us-east-1.amazonaws.com/v2",
            "https://a.route53-recovery-cluster.us-east-1.amazonaws.com/v1/x",
            "https://a.route53-recovery-cluster.us-east-1.amazonaws.com:8443/v1",
            "https://a-route53-recovery-cluster.us-east-1.amazonaws.com/v1",
            "https://a.route53-recovery-cluster.us-east-1.amazonaws.com.evil.com/v1",
        ] {
            ask(endpoint).expect_err(endpoint);
        }
        for star in [
            "*",
            "https://*.amazonaws.com",
            "https://*.route53-recovery-cluster.*.amazonaws.com/v1",
            "https://*.route53-recovery-cluster.us-east-1.amazonaws.com",
            "https://*.route53-recovery-cluster.us-east-1.amazonaws.com/v1/",
            "http://*.route53-recovery-cluster.us-east-1.amazonaws.com/v1",
            "https://a.*.route53-recovery-cluster.us-east-1.amazonaws.com/v1",
            "https://*.route53-recovery-cluster.us-east-1.evil.com/x.amazonaws.com/v1",
            "https://*.route53-recovery-cluster.cn-north-1.amazonaws.com/v1",
        ] {
            let entry = json!([{"service": "s3", "actions": [], "regions": [], "endpoints": [star]}]);
            assert!(
                faults(&entry.to_string())[0].starts_with("OPERATION_TABLE[0].endpoints[0]: `"),
                "{star}"
            );
        }
    }

    #[test]
    fn a_malformed_table_lists_its_faults() {
        let text = r#"[
            {"service": "unknown", "actions": "getObject", "regions": ["us-west2", "cn-north-1", "*"], "region": "x"},
            {"actions": [""], "endpoints": ["https://u@example.com"], "roles": [1, "r"], "results": [{"keyPrefix": "a"}]},
            {"service": "s3", "service": "s3", "actions": [], "regions": []},
            {"procedure": "routingControl.set", "service": "s3", "actions": [], "regions": ["*"], "sources": [{}]},
            {"procedure": "routingControl.let", "regions": []},
            7
        ]"#;
        let found = faults(text);
        let expected = [
            "OPERATION_TABLE[2].service: duplicate key",
            "OPERATION_TABLE[0].regions[0]: `us-west2` is no Region of any partition, did you mean `us-west-2`",
            "OPERATION_TABLE[0].regions[1]: `cn-north-1` is in partition `aws-cn`",
            "OPERATION_TABLE[0].service: no service is called `unknown`",
            "OPERATION_TABLE[0].actions: expected an array of strings, found a string",
            "OPERATION_TABLE[0].region: unknown field, did you mean `regions`?",
            "OPERATION_TABLE[1].regions: missing",
            "OPERATION_TABLE[1].roles[0]: expected a string, found an integer",
            "OPERATION_TABLE[1].roles[1]: must be the ARN of a role",
            "OPERATION_TABLE[1].results[0].bucket: missing",
            "OPERATION_TABLE[1].service: missing",
            "OPERATION_TABLE[1].actions[0]: must not be empty",
            "OPERATION_TABLE[1].endpoints[0]: an endpoint may not have user information",
            "OPERATION_TABLE[3].service: an entry has either `service` or `procedure`",
            "OPERATION_TABLE[3].actions: an entry has either `service` or `procedure`",
            "OPERATION_TABLE[3].sources[0].bucket: missing",
            "OPERATION_TABLE[4].procedure: `routingControl.let` is no procedure, did you mean `routingControl.get`",
            "OPERATION_TABLE[5]: expected an object, found an integer",
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
        }
        assert_eq!(found.len(), expected.len());
        assert_eq!(faults("{}"), ["OPERATION_TABLE: expected an array of entries, found an object"]);
        assert!(faults("[").first().unwrap().starts_with("OPERATION_TABLE: not JSON: "));
    }

    #[test]
    fn a_signature_holds_only_where_the_entry_says() {
        let s3 = |regions: &[&str]| {
            let table = table(&json!([
                {"service": "s3", "actions": ["getObject"], "regions": regions},
                // Another entry's Regions count for another action only.
                {"service": "s3", "actions": ["putObject"], "regions": ["*", "*global*"]},
            ]));
            ask(&table, "s3", "GetObject", "us-west-2", None).unwrap()
        };
        let url = "https://bucket.s3.us-west-2.amazonaws.com";
        let one = s3(&["us-west-2"]);
        go(&one, url, &["us-west-2"], false).unwrap();
        go(&one, url, &[], false).unwrap();
        assert_eq!(
            go(&one, url, &["us-east-1"], false).unwrap_err(),
            "the parameters lead to Region `us-east-1`, which the operation table does not list for `GetObject` of `s3`"
        );
        assert!(go(&one, url, &["us-west-2", "us-east-1"], false).is_err());
        assert!(go(&one, url, &["*"], false).unwrap_err().contains("needs `*global*`"));
        go(&s3(&["us-west-2", "us-east-1"]), url, &["us-east-1"], false).unwrap();
        go(&s3(&["us-west-2", "*global*"]), url, &["*"], false).unwrap();

        let any = s3(&["*"]);
        go(&any, url, &["eu-north-1"], false).unwrap();
        assert!(go(&any, url, &["*"], false).is_err());
        for elsewhere in ["cn-north-1", "aws-global", "SECRET", ""] {
            let message = go(&any, url, &[elsewhere], false).unwrap_err();
            assert!(message.contains("lead to another Region") && !message.contains("SECRET"), "{message}");
        }
    }

    #[test]
    fn a_service_of_one_region_is_listed_by_the_region_that_is_asked_for() {
        let table = table(&json!([{"service": "iam", "actions": ["getRole"], "regions": ["us-west-2"]}]));
        let permit = ask(&table, "iam", "GetRole", "us-west-2", None).unwrap();
        go(&permit, "https://iam.amazonaws.com", &["us-east-1"], true).unwrap();
        go(&permit, "https://iam.amazonaws.com", &["us-east-1"], false).unwrap_err();
        go(&permit, "https://iam.amazonaws.com", &["cn-north-1"], true).unwrap_err();
        go(&permit, "https://iam.amazonaws.com", &["*"], true).unwrap_err();
        ask(&table, "iam", "GetRole", "us-east-1", None).unwrap_err();
    }

    #[test]
    fn one_entry_permits_region_and_host_of_a_destination() {
        let table = table(&json!([
            {"service": "s3", "actions": ["getObject"], "regions": ["us-west-2", "us-east-1"]},
            {"service": "s3", "actions": ["getObject"], "regions": ["us-west-2"], "endpoints": ["https://example.com"]},
        ]));
        let permit = ask(&table, "s3", "GetObject", "us-west-2", None).unwrap();
        go(&permit, "https://s3.us-east-1.amazonaws.com", &["us-east-1"], false).unwrap();
        go(&permit, "https://example.com", &["us-west-2"], false).unwrap();
        assert!(
            go(&permit, "https://example.com", &["us-east-1"], false)
                .unwrap_err()
                .starts_with("no single entry")
        );
    }

    #[test]
    fn a_request_goes_to_aws_or_to_a_listed_endpoint() {
        let table = table(&json!([{"service": "s3", "actions": ["getObject"], "regions": ["us-west-2"],
            "endpoints": ["https://example.com/v1"]}]));
        let permit = ask(&table, "s3", "GetObject", "us-west-2", None).unwrap();
        for url in [
            "https://s3.us-west-2.amazonaws.com",
            "https://bucket.s3.us-west-2.amazonaws.com/",
            "https://s3.us-west-2.amazonaws.com/arn%3Aaws%3As3",
            "https://S3.dualstack.us-west-2.AMAZONAWS.com:443",
            "https://lambda.us-west-2.api.aws",
            "https://neptune-graph.us-west-2.on.aws",
            "https://bucket.example.com/v1/key",
        ] {
            go(&permit, url, &["us-west-2"], false).unwrap();
        }
        for url in [
            "https://amazonaws.com",
            "https://on.aws",
            "https://s3.amazonaws.com.cn",
            "https://.amazonaws.com",
            "https://evilamazonaws.com",
            "https://s3.evilamazonaws.com",
            "https://s3.amazonaws.com.evil.com",
            "https://x.evil.com/#.s3.us-west-2.amazonaws.com",
            "https://x.evil.com/.s3.us-west-2.amazonaws.com",
            "https://x.evil.com?.amazonaws.com",
            "https://s3.amazonaws.com@evil.com",
            "https://s3.amazonaws.com:443@evil.com",
            "https://evil.com\\.amazonaws.com",
            "https://s3.us-west-2.amazonaws.com.",
            "https://s3.us-west-2.amazonaws.com:8443",
            "http://s3.us-west-2.amazonaws.com",
            "https://example.com",
            "https://example.com/v2",
            "http://127.0.0.1:4566",
            "https://169.254.169.254",
            "http://localhost",
        ] {
            let message = go(&permit, url, &["us-west-2"], false).expect_err(url);
            assert!(!message.contains("evil"), "{message}");
        }
    }

    #[test]
    fn a_host_prefix_is_part_of_the_host() {
        let table =
            table(&json!([{"service": "s3control", "actions": ["getJob"], "regions": ["us-west-2"]}]));
        let permit = ask(&table, "s3control", "GetJob", "us-west-2", None).unwrap();
        let check = |url, host_prefix| {
            let destination = Destination {
                url,
                host_prefix,
                signing_regions: &[],
                is_fixed_region: false,
                dns_suffixes: &[],
            };
            permit.check_resolved(&destination)
        };
        check("https://s3-control.us-west-2.amazonaws.com", "123456789012.").unwrap();
        for prefix in ["evil.com/", "evil.com#", "user@", "evil.com:443/", "."] {
            check("https://s3-control.us-west-2.amazonaws.com", prefix).expect_err(prefix);
        }
    }

    #[test]
    fn a_server_of_a_test_takes_what_the_table_permits() {
        let local = CustomEndpoint::parse("http://localhost:4566").ok();
        let table = table(&json!([{"service": "s3", "actions": ["getObject"], "regions": ["us-west-2"]}]));
        let permit = ask(&table.with_local_endpoint(local), "s3", "GetObject", "us-west-2", None).unwrap();
        go(&permit, "http://localhost:4566", &["us-west-2"], false).unwrap();
        go(&permit, "http://123456789012.localhost:4566/bucket", &["us-west-2"], false).unwrap();
        go(&permit, "http://localhost:4566", &["us-east-1"], false).unwrap_err();
        go(&permit, "http://localhost:4567", &["us-west-2"], false).unwrap_err();
    }
}
