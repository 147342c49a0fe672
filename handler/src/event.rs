//! The envelope of a call, read strictly: sections 1, 1.1 and 1.3 of the contract.
//!
//! Enters: the bytes that Step Functions sent. Leaves: an [`Event`], each field in its type; names and parameters are
//! still the user's, for the catalog and the models to judge. Fails with `CrossRegion.InvalidEvent`, which lists all
//! faults: what is no JSON, unknown, duplicate, missing and mistyped fields, Regions that are none, malformed
//! endpoints, expressions that are none, and capabilities that exclude one another.

pub mod failover;
pub mod result_to;

use std::time::Duration;

use serde_json::{Map, Value};

use crate::client::role::{self, AssumeRole};
use crate::custom_endpoint::CustomEndpoint;
use crate::error::{Error, Fault, Faults, Kind};
use crate::expression::Expression;
use crate::fields::{Fields, read_object, some_text};
use crate::idempotency::record::{OnUncertain, Wanted};
use crate::idempotency::token::Step;
use crate::json::{self, Path};
use crate::procedure::Procedure;
use crate::region::{Region, Regions};
use crate::spelling::Spelling;
use crate::suggest;
use failover::{Failover, Target};
use result_to::ResultTo;

/// What only a single call has. A procedure's endpoints and roles are among its parameters.
const OF_A_CALL: [&str; 12] = [
    "service",
    "action",
    "endpoint",
    "failover",
    "assumeRole",
    "ifMatch",
    "bodyAs",
    "functionError",
    "spelling",
    "paginate",
    "retryUnprocessed",
    "waitFor",
];

/// Attempts at one call.
pub const ATTEMPTS_LIMIT: u64 = 10;

/// Attempts of an event that does not say.
const DEFAULT_ATTEMPTS: u32 = 3;

/// Milliseconds that a function may live.
pub const TIME_LIMIT_MS: u64 = 900_000;

/// Seconds for which a record answers: ten years at most, a day where the event does not say.
const EXPIRY_LIMIT_S: u64 = 10 * 365 * 24 * 60 * 60;
const DEFAULT_EXPIRY_S: u64 = 24 * 60 * 60;

/// A call as the state machine asked for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub subject: Subject,
    pub parameters: Map<String, Value>,
    pub region: Region,
    pub endpoint: Option<CustomEndpoint>,
    pub endpoint_options: EndpointOptions,
    /// Where absent, the function's own; likewise in `retry`.
    pub timeouts: Timeouts,
    pub retry: RetryChoice,
    pub failover: Failover,
    /// In whose name the call is made at every target that does not say.
    pub assume_role: Option<AssumeRole>,
    pub if_match: Option<IfMatch>,
    pub body_as: BodyAs,
    pub function_error: FunctionError,
    pub spelling: Spelling,
    pub paginate: Option<Paginate>,
    pub retry_unprocessed: bool,
    pub select: Option<Expression>,
    pub wait_for: Option<WaitFor>,
    /// The step that makes the call, for tokens that its repetitions share.
    pub invocation: Option<Step>,
    /// The record that is kept of the call.
    pub idempotency: Option<Wanted>,
    /// Where the result is stored.
    pub result_to: Option<ResultTo>,
}

/// How far to go on with an operation that answers in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paginate {
    pub max_pages: Option<u64>,
    /// No further page is asked for once there are so many items.
    pub max_items: Option<u64>,
    /// Where time or space end first, what was read until then is the result.
    pub partial: bool,
}

/// What to wait for, and how long inside one invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitFor {
    pub until: Until,
    pub poll_within: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Until {
    /// A waiter of the model, under the user's spelling.
    Waiter(String),
    /// What is found in the result is one of these values.
    Path { path: Expression, success: Vec<Value>, failure: Vec<Value> },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One call, by the user's names.
    Call {
        service: String,
        action: String,
    },
    Procedure(Procedure),
}

/// Which version of a resource the call is good for.
#[derive(Debug, Clone, PartialEq)]
pub enum IfMatch {
    /// The one with this ETag.
    ETag(String),
    /// Whichever there is, as this action of the same service tells it.
    Latest { action: String, parameters: Map<String, Value> },
}

/// Variants of a service's endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four independent switches of AWS's endpoint rules")]
pub struct EndpointOptions {
    pub fips: bool,
    pub dual_stack: bool,
    pub accelerate: bool,
    pub path_style: bool,
}

/// Where absent, the SDK's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Timeouts {
    pub connect: Option<Duration>,
    pub attempt: Option<Duration>,
}

/// What is said about repeats: by an event, or by the function for events that say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RetryChoice {
    pub mode: Option<RetryMode>,
    pub max_attempts: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Retry {
    pub mode: RetryMode,
    /// The first attempt included.
    pub max_attempts: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryMode {
    /// As every AWS SDK: a write that got no answer may be sent again.
    Sdk,
    /// What may have taken effect is sent again only where that does no harm.
    Safe,
    None,
}

/// The form of an output that is the whole HTTP body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyAs {
    Auto,
    Text,
    Json,
    Base64,
}

/// What becomes of an error that a remote Lambda function reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FunctionError {
    Raise,
    Return,
}

impl Event {
    pub fn parse(raw: &[u8], regions: &Regions) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let root = Path::Root("");
        let event = json::collect(raw, root, &mut faults)
            .and_then(|value| read_object(value, root, &mut faults, |fields| read(fields, regions)))
            .flatten();
        match event {
            Some(event) if faults.is_empty() => Ok(event),
            _ => Err(Error::faults(Kind::InvalidEvent, faults)),
        }
    }

    /// All places to which the call may go, in order, each with all parameters that hold there, which are taken out
    /// of the event.
    pub fn targets(&mut self) -> Vec<Target> {
        let given = self.failover.targets.iter();
        let further: Vec<Target> = given
            .map(|target| {
                let mut parameters = self.parameters.clone();
                parameters.extend(target.parameters.clone());
                let assume_role = target.assume_role.as_ref().or(self.assume_role.as_ref()).cloned();
                Target { parameters, assume_role, ..target.clone() }
            })
            .collect();
        let parameters = std::mem::take(&mut self.parameters);
        let first = Target {
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
            parameters,
            assume_role: self.assume_role.clone(),
        };
        std::iter::once(first).chain(further).collect()
    }
}

fn read(fields: &mut Fields<'_>, regions: &Regions) -> Option<Event> {
    if fields.has("failover") && fields.has("ifMatch") {
        // A version that was read at one target says nothing about another.
        fields.fault("failover", "cannot be combined with `ifMatch`");
    }
    let subject = read_subject(fields);
    let parameters = fields.map("parameters").unwrap_or_default();
    let region = fields.required_text("region", |text| regions.parse(text));
    let endpoint = fields.text("endpoint", CustomEndpoint::parse);
    let endpoint_options = fields.object("endpointOptions", |options| EndpointOptions {
        fips: options.flag("fips").unwrap_or_default(),
        dual_stack: options.flag("dualStack").unwrap_or_default(),
        accelerate: options.flag("accelerate").unwrap_or_default(),
        path_style: options.flag("pathStyle").unwrap_or_default(),
    });
    let timeouts = fields.object("timeouts", |timeouts| Timeouts {
        connect: timeouts.integer("connect_ms", 1..=TIME_LIMIT_MS).map(Duration::from_millis),
        attempt: timeouts.integer("attempt_ms", 1..=TIME_LIMIT_MS).map(Duration::from_millis),
    });
    let retry = fields.object("retry", read_retry);
    let has_step = fields.has("invocation");
    let invocation = fields.object("invocation", read_step).flatten();
    let teller = invocation.as_ref();
    let session_name =
        role::session_name(teller.map(|it| it.execution.as_str()), teller.map(|it| it.state.as_str()));
    let failover = fields.object("failover", |it| failover::read(it, regions, &session_name));
    let assume_role = fields.object("assumeRole", |it| AssumeRole::read(it, regions, &session_name));
    let if_match = fields.object("ifMatch", read_if_match);
    let body_as = fields.choice(
        "bodyAs",
        &[("auto", BodyAs::Auto), ("text", BodyAs::Text), ("json", BodyAs::Json), ("base64", BodyAs::Base64)],
    );
    let function_error =
        fields.choice("functionError", &[("raise", FunctionError::Raise), ("return", FunctionError::Return)]);
    let spelling =
        fields.choice("spelling", &[("model", Spelling::Model), ("stepFunctions", Spelling::StepFunctions)]);
    let paginate = fields.object("paginate", |paginate| Paginate {
        max_pages: paginate.integer("maxPages", 1..=u64::MAX),
        max_items: paginate.integer("maxItems", 1..=u64::MAX),
        partial: paginate.flag("partial").unwrap_or_default(),
    });
    let retry_unprocessed = fields.flag("retryUnprocessed").unwrap_or_default();
    let select = fields.text("select", Expression::parse);
    let wait_for = fields.object("waitFor", read_wait_for);
    if wait_for.is_some() && paginate.is_some() {
        fields.fault("paginate", "does not go with `waitFor`, which looks at one answer");
    }
    if retry_unprocessed && (wait_for.is_some() || paginate.is_some()) {
        fields.fault("retryUnprocessed", "goes with neither `waitFor` nor `paginate`");
    }
    if if_match.is_some() && (wait_for.is_some() || paginate.is_some() || retry_unprocessed) {
        fields.fault("ifMatch", "goes with none of `paginate`, `waitFor` and `retryUnprocessed`");
    }
    // Without a step, only a key tells one piece of work from another.
    let idempotency = fields.object("idempotency", |fields| read_wanted(fields, has_step)).flatten();
    if wait_for.is_some() && idempotency.is_some() {
        fields.fault("idempotency", "does not go with `waitFor`, each poll of which is a call of its own");
    }
    let result_to = fields.object("resultTo", |it| result_to::read(it, regions));
    if wait_for.is_some() && result_to.is_some() {
        fields.fault("resultTo", "does not go with `waitFor`, which looks at the answer itself");
    }
    Some(Event {
        subject: subject?,
        parameters,
        region: region?,
        endpoint,
        endpoint_options: endpoint_options.unwrap_or_default(),
        timeouts: timeouts.unwrap_or_default(),
        retry: retry.unwrap_or_default(),
        failover: failover.unwrap_or_default(),
        assume_role: assume_role.flatten(),
        if_match: if_match.flatten(),
        body_as: body_as.unwrap_or(BodyAs::Auto),
        function_error: function_error.unwrap_or(FunctionError::Raise),
        spelling: spelling.unwrap_or(Spelling::Model),
        paginate,
        retry_unprocessed,
        select,
        wait_for: wait_for.flatten(),
        invocation,
        idempotency,
        result_to: result_to.flatten(),
    })
}

fn read_step(fields: &mut Fields<'_>) -> Option<Step> {
    let execution = fields.required_text("execution", some_text);
    let state = fields.required_text("state", some_text);
    let entered_time = fields.required_text("enteredTime", some_text);
    let map_index = fields.integer("mapIndex", 0..=u64::from(u32::MAX));
    let discriminator = fields.text("discriminator", some_text);
    Some(Step { execution: execution?, state: state?, entered_time: entered_time?, map_index, discriminator })
}

fn read_wanted(fields: &mut Fields<'_>, has_step: bool) -> Option<Wanted> {
    let namespace = fields.required_text("namespace", some_text);
    if !has_step && !fields.has("key") {
        fields.fault("key", "missing, and no `invocation` says which step it is");
    }
    let key = fields.text("key", some_text);
    let expires_in = fields.integer("expiresInSeconds", 1..=EXPIRY_LIMIT_S);
    let payload = fields.any("payload");
    let on_uncertain =
        fields.choice("onUncertain", &[("fail", OnUncertain::Fail), ("repeat", OnUncertain::Repeat)]);
    Some(Wanted {
        namespace: namespace?,
        key,
        expires_in: Duration::from_secs(expires_in.unwrap_or(DEFAULT_EXPIRY_S)),
        payload,
        on_uncertain: on_uncertain.unwrap_or(OnUncertain::Fail),
    })
}

fn read_subject(fields: &mut Fields<'_>) -> Option<Subject> {
    if fields.has("procedure") {
        for name in OF_A_CALL {
            fields.refuse(name, format!("`{name}` does not go with `procedure`"));
        }
        return fields.text("procedure", Procedure::parse).map(Subject::Procedure);
    }
    let service = fields.required_text("service", some_text);
    let action = fields.required_text("action", some_text);
    // Absent: read so that it is known to whoever misspells it.
    fields.text("procedure", Procedure::parse);
    Some(Subject::Call { service: service?, action: action? })
}

fn read_if_match(fields: &mut Fields<'_>) -> Option<IfMatch> {
    if !fields.has("describe") {
        fields.require("etag");
        fields.refuse(
            "overwrite",
            "goes with `describe`: the version with this ETag is the only one to be overwritten",
        );
    } else if fields.has("etag") {
        fields.fault("etag", "`describe` asks for the ETag: give one or the other");
    }
    let etag = fields.text("etag", some_text);
    let describe = fields.object("describe", |describe| {
        let action = describe.required_text("action", some_text);
        let parameters = describe.map("parameters").unwrap_or_default();
        Some(IfMatch::Latest { action: action?, parameters })
    });
    if describe.is_some() && fields.flag("overwrite") != Some(true) {
        fields.fault("overwrite", "must be true: what others wrote in the meantime is lost");
    }
    etag.map(IfMatch::ETag).or(describe.flatten())
}

fn read_wait_for(fields: &mut Fields<'_>) -> Option<WaitFor> {
    let by_path = ["path", "success", "failure"].into_iter().any(|name| fields.has(name));
    if !by_path {
        fields.require("waiter");
    } else if fields.has("waiter") {
        fields.fault("waiter", "a waiter has its own path and values: give one or the other");
    } else {
        fields.require("path");
        fields.require("success");
    }
    let waiter = fields.text("waiter", some_text);
    let path = fields.text("path", Expression::parse);
    let success = fields.values("success");
    if success.as_ref().is_some_and(Vec::is_empty) {
        fields.fault("success", "name at least one value to wait for");
    }
    let failure = fields.values("failure").unwrap_or_default();
    let poll_within = fields.integer("pollWithin_ms", 0..=TIME_LIMIT_MS).map(Duration::from_millis);
    let until = match waiter {
        Some(waiter) => Until::Waiter(waiter),
        None => Until::Path { path: path?, success: success?, failure },
    };
    Some(WaitFor { until, poll_within: poll_within.unwrap_or_default() })
}

fn read_retry(fields: &mut Fields<'_>) -> RetryChoice {
    let choice = RetryChoice {
        mode: fields.text("mode", RetryMode::parse),
        max_attempts: fields
            .integer("maxAttempts", 1..=ATTEMPTS_LIMIT)
            .and_then(|attempts| u32::try_from(attempts).ok()),
    };
    if let Err(message) = choice.check() {
        fields.fault("maxAttempts", message);
    }
    choice
}

impl Retry {
    /// What every AWS SDK does.
    pub const SDK: Self = Self { mode: RetryMode::Sdk, max_attempts: DEFAULT_ATTEMPTS };
}

impl RetryMode {
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "sdk" => Ok(Self::Sdk),
            "safe" => Ok(Self::Safe),
            "none" => Ok(Self::None),
            other => Err(format!("`{}` is none of `sdk`, `safe`, `none`", suggest::shown(other))),
        }
    }
}

impl RetryChoice {
    pub fn check(self) -> Result<(), String> {
        match (self.mode, self.max_attempts) {
            (Some(RetryMode::None), Some(2..)) => Err("mode `none` makes one attempt".to_owned()),
            _ => Ok(()),
        }
    }

    /// What holds, with `other` in place of what is not said.
    pub fn or(self, other: Self) -> Result<Retry, Error> {
        let mode = self.mode.or(other.mode).unwrap_or(RetryMode::Sdk);
        if mode == RetryMode::None {
            Self { mode: Some(mode), ..self }.check().map_err(|message| {
                Error::faults(Kind::InvalidEvent, vec![Fault::new("retry.maxAttempts", message)])
            })?;
            return Ok(Retry { mode, max_attempts: 1 });
        }
        let max_attempts = self.max_attempts.or(other.max_attempts).unwrap_or(DEFAULT_ATTEMPTS);
        Ok(Retry { mode, max_attempts })
    }
}

impl Timeouts {
    /// With `other` in place of what is not said.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { connect: self.connect.or(other.connect), attempt: self.attempt.or(other.attempt) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::region::tests::regions;

    fn parse(event: &Value) -> Result<Event, Vec<String>> {
        Event::parse(event.to_string().as_bytes(), &regions()).map_err(|error| {
            assert_eq!(error.name(), "CrossRegion.InvalidEvent");
            error.faults.iter().map(ToString::to_string).collect()
        })
    }

    fn with(field: &str, value: Value) -> Result<Event, Vec<String>> {
        let mut event = json!({"service": "s3", "action": "getObject", "region": "us-west-2"});
        event[field] = value;
        parse(&event)
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let event = parse(&json!({"service": "s3", "action": "listBuckets", "region": "us-west-2"})).unwrap();
        assert_eq!(
            event,
            Event {
                subject: Subject::Call { service: "s3".to_owned(), action: "listBuckets".to_owned() },
                parameters: Map::new(),
                region: regions().parse("us-west-2").unwrap(),
                endpoint: None,
                endpoint_options: EndpointOptions::default(),
                timeouts: Timeouts { connect: None, attempt: None },
                retry: RetryChoice { mode: None, max_attempts: None },
                failover: Failover::default(),
                assume_role: None,
                if_match: None,
                body_as: BodyAs::Auto,
                function_error: FunctionError::Raise,
                spelling: Spelling::Model,
                paginate: None,
                retry_unprocessed: false,
                select: None,
                wait_for: None,
                invocation: None,
                idempotency: None,
                result_to: None,
            }
        );
    }

    #[test]
    fn what_a_record_is_asked_for_is_read() {
        let wanted = with("idempotency", json!({"namespace": "Stack/Task", "key": "order-17"})).unwrap();
        let expected = Wanted {
            namespace: "Stack/Task".to_owned(),
            key: Some("order-17".to_owned()),
            expires_in: Duration::from_hours(24),
            payload: None,
            on_uncertain: OnUncertain::Fail,
        };
        assert_eq!(wanted.idempotency, Some(expected.clone()));
        let all = json!({
            "namespace": "Stack/Task", "key": "order-17", "expiresInSeconds": 60, "payload": null, "onUncertain": "repeat",
        });
        let expected = Wanted {
            expires_in: Duration::from_mins(1),
            payload: Some(Value::Null),
            on_uncertain: OnUncertain::Repeat,
            ..expected
        };
        assert_eq!(with("idempotency", all).unwrap().idempotency, Some(expected));
        assert_eq!(
            with("idempotency", json!({"expiresInSeconds": 0, "onUncertain": "hope"})).unwrap_err(),
            [
                "idempotency.namespace: missing",
                "idempotency.key: missing, and no `invocation` says which step it is",
                "idempotency.expiresInSeconds: expected an integer from 1 to 315360000",
                "idempotency.onUncertain: `hope` is none of `fail`, `repeat`",
            ]
        );
    }

    #[test]
    fn a_step_is_named_whole() {
        let step = json!({"execution": "arn", "state": "Create", "enteredTime": "2026-11-25T10:11:12.345Z"});
        let expected = Step {
            execution: "arn".to_owned(),
            state: "Create".to_owned(),
            entered_time: "2026-11-25T10:11:12.345Z".to_owned(),
            map_index: None,
            discriminator: None,
        };
        assert_eq!(with("invocation", step.clone()).unwrap().invocation, Some(expected.clone()));
        let mut item = step;
        item["mapIndex"] = 3.into();
        item["discriminator"] = "order-17".into();
        let expected = Step { map_index: Some(3), discriminator: Some("order-17".to_owned()), ..expected };
        assert_eq!(with("invocation", item).unwrap().invocation, Some(expected));
        assert_eq!(
            with("invocation", json!({"state": "", "mapIndex": "3", "task": 1})).unwrap_err(),
            [
                "invocation.execution: missing",
                "invocation.state: must not be empty",
                "invocation.enteredTime: missing",
                "invocation.mapIndex: expected an integer from 0 to 4294967295, found a string",
                "invocation.task: unknown field",
            ]
        );
    }

    #[test]
    fn every_field_is_read() {
        let event = parse(&json!({
            "service": "Lambda", "action": "Invoke", "region": "eu-west-1",
            "parameters": {"FunctionName": "f", "Payload": {"a": [1, null]}},
            "endpoint": "https://Example.com:443/v1/",
            "endpointOptions": {"fips": true, "dualStack": true, "accelerate": false, "pathStyle": true},
            "timeouts": {"connect_ms": 1, "attempt_ms": 900_000},
            "retry": {"mode": "safe", "maxAttempts": 10},
            "failover": {"targets": [{"region": "us-west-2"}]},
            "bodyAs": "base64", "functionError": "return", "spelling": "model",
            "paginate": {"maxPages": 3, "maxItems": 5, "partial": true}, "select": "Payload.a",
            "resultTo": {"bucket": "results", "key": "a.json", "region": "us-west-2", "when": "overLimit"},
        }))
        .unwrap();
        assert_eq!(event.result_to.unwrap().when, result_to::When::OverLimit);
        assert_eq!(event.parameters["Payload"], json!({"a": [1, null]}));
        assert_eq!(event.endpoint.unwrap().to_string(), "https://example.com/v1");
        let options = EndpointOptions { fips: true, dual_stack: true, accelerate: false, path_style: true };
        assert_eq!(event.endpoint_options, options);
        assert_eq!(event.timeouts.connect, Some(Duration::from_millis(1)));
        assert_eq!(event.timeouts.attempt, Some(Duration::from_mins(15)));
        assert_eq!(event.retry, RetryChoice { mode: Some(RetryMode::Safe), max_attempts: Some(10) });
        assert_eq!(event.failover.targets.len(), 1);
        assert_eq!((event.body_as, event.function_error), (BodyAs::Base64, FunctionError::Return));
        let paginate = Paginate { max_pages: Some(3), max_items: Some(5), partial: true };
        assert_eq!((event.paginate, event.select.unwrap().text()), (Some(paginate), "Payload.a"));
    }

    #[test]
    fn a_wait_is_for_a_waiter_or_for_values_at_a_path() {
        let waiter =
            with("waitFor", json!({"waiter": "tableExists", "pollWithin_ms": 900})).unwrap().wait_for;
        let until = Until::Waiter("tableExists".to_owned());
        assert_eq!(waiter.unwrap(), WaitFor { until, poll_within: Duration::from_millis(900) });
        let path = json!({"path": "Table.Status", "success": ["ACTIVE", null], "failure": [1]});
        let until = Until::Path {
            path: Expression::parse("Table.Status").unwrap(),
            success: vec![json!("ACTIVE"), json!(null)],
            failure: vec![json!(1)],
        };
        assert_eq!(with("waitFor", path).unwrap().wait_for.unwrap().until, until);
        for (wait, faults) in [
            (json!({}), vec!["waitFor.waiter: missing"]),
            (json!({"path": "a"}), vec!["waitFor.success: missing"]),
            (json!({"failure": [1]}), vec!["waitFor.path: missing", "waitFor.success: missing"]),
            (
                json!({"path": "a", "success": []}),
                vec!["waitFor.success: name at least one value to wait for"],
            ),
            (
                json!({"waiter": "a", "success": [1]}),
                vec!["waitFor.waiter: a waiter has its own path and values: give one or the other"],
            ),
        ] {
            assert_eq!(with("waitFor", wait).unwrap_err(), faults);
        }
    }

    #[test]
    fn capabilities_that_exclude_one_another_are_refused() {
        let faults = parse(&json!({
            "service": "s3", "action": "getObject", "region": "us-west-2",
            "paginate": {}, "waitFor": {"waiter": "objectExists"}, "retryUnprocessed": true, "select": "a[",
            "resultTo": {"bucket": "results", "key": "a.json", "region": "us-west-2"},
        }))
        .unwrap_err();
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(faults[0].starts_with("select: not JMESPath: at character 3, "), "{faults:?}");
        assert!(
            faults[1].starts_with("paginate: ") && faults[2].starts_with("retryUnprocessed: "),
            "{faults:?}"
        );
        assert!(faults[3].starts_with("resultTo: does not go with `waitFor`"), "{faults:?}");
    }

    #[test]
    fn each_word_means_its_own() {
        for (word, value) in [
            ("auto", BodyAs::Auto),
            ("text", BodyAs::Text),
            ("json", BodyAs::Json),
            ("base64", BodyAs::Base64),
        ] {
            assert_eq!(with("bodyAs", word.into()).unwrap().body_as, value);
        }
        for (word, value) in [("raise", FunctionError::Raise), ("return", FunctionError::Return)] {
            assert_eq!(with("functionError", word.into()).unwrap().function_error, value);
        }
        for (word, value) in [("model", Spelling::Model), ("stepFunctions", Spelling::StepFunctions)] {
            assert_eq!(with("spelling", word.into()).unwrap().spelling, value);
        }
        assert_eq!(
            with("spelling", "java".into()).unwrap_err(),
            ["spelling: `java` is none of `model`, `stepFunctions`"]
        );
        for (word, mode, max_attempts) in
            [("sdk", RetryMode::Sdk, 3), ("safe", RetryMode::Safe, 3), ("none", RetryMode::None, 1)]
        {
            let retry = with("retry", json!({"mode": word})).unwrap().retry;
            assert_eq!(retry.or(RetryChoice::default()), Ok(Retry { mode, max_attempts }));
        }
    }

    #[test]
    fn all_faults_are_in_one_report() {
        let raw = br#"{"servcie":"s3","action":7,"region":"aws-global","endpoint":"https://10.0.0.1","x":1,"x":2,
            "parameters":[],"retry":{"mode":"fast","maxAttempts":0,"max":1},"timeouts":{"attempt_ms":900001}}"#;
        let error = Event::parse(raw, &regions()).unwrap_err();
        let faults: Vec<String> = error.faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "x: duplicate key",
                "service: missing",
                "action: expected a string, found an integer",
                "parameters: expected an object, found an array",
                "region: `aws-global` is a pseudo-region; name the Region itself",
                "endpoint: an endpoint's host is a name; IP addresses are only for this machine (127.0.0.0/8, ::1)",
                "timeouts.attempt_ms: expected an integer from 1 to 900000",
                "retry.mode: `fast` is none of `sdk`, `safe`, `none`",
                "retry.maxAttempts: expected an integer from 1 to 10",
                "retry.max: unknown field",
                "servcie: unknown field, did you mean `service`?",
                "x: unknown field",
            ]
        );
    }

    #[test]
    fn a_region_is_never_defaulted() {
        let faults = parse(&json!({"service": "s3", "action": "listBuckets"})).unwrap_err();
        assert_eq!(faults, ["region: missing"]);
        assert_eq!(with("region", Value::Null).unwrap_err(), ["region: expected a string, found null"]);
        assert_eq!(with("region", "".into()).unwrap_err(), ["region: must not be empty"]);
    }

    #[test]
    fn a_procedure_stands_in_place_of_service_and_action() {
        let procedure = |fields: Value| {
            let mut event = json!({"procedure": "routingControl.set", "region": "us-west-2"});
            event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            parse(&event)
        };
        let event = procedure(json!({"parameters": {"a": 1}, "retry": {"mode": "none"}})).unwrap();
        assert_eq!(event.subject, Subject::Procedure(Procedure::RoutingControlSet));
        assert_eq!(event.parameters["a"], 1);
        for name in OF_A_CALL {
            let fault = format!("{name}: `{name}` does not go with `procedure`");
            assert_eq!(procedure(json!({name: null})).unwrap_err(), [fault]);
        }
        assert_eq!(
            procedure(json!({"procedure": "routingcontrol.set", "region": 7})).unwrap_err(),
            [
                "procedure: `routingcontrol.set` is no procedure, did you mean `routingControl.set` or `routingControl.get`?",
                "region: expected a string, found an integer"
            ]
        );
        assert_eq!(
            parse(&json!({"procedur": "routingControl.set", "region": "us-west-2"}))
                .unwrap_err()
                .last()
                .unwrap(),
            "procedur: unknown field, did you mean `procedure`?"
        );
    }

    #[test]
    fn what_an_event_does_not_say_the_function_does() {
        let choice = |mode, max_attempts| RetryChoice { mode, max_attempts };
        let (safe, none) = (Some(RetryMode::Safe), Some(RetryMode::None));
        for (event, function, mode, max_attempts) in [
            (choice(None, None), choice(safe, Some(5)), RetryMode::Safe, 5),
            (choice(None, Some(2)), choice(safe, Some(5)), RetryMode::Safe, 2),
            (choice(safe, None), choice(none, None), RetryMode::Safe, 3),
            (choice(none, None), choice(safe, Some(5)), RetryMode::None, 1),
            (choice(None, Some(1)), choice(none, None), RetryMode::None, 1),
        ] {
            assert_eq!(event.or(function), Ok(Retry { mode, max_attempts }), "{event:?} {function:?}");
        }
        let error = choice(None, Some(2)).or(choice(none, None)).unwrap_err();
        assert_eq!(error.message, "retry.maxAttempts: mode `none` makes one attempt");

        let second = Some(Duration::from_secs(1));
        let function = Timeouts { connect: second, attempt: second };
        let timeouts = Timeouts { connect: None, attempt: Some(Duration::from_secs(2)) }.or(function);
        assert_eq!((timeouts.connect, timeouts.attempt), (second, Some(Duration::from_secs(2))));
    }

    #[test]
    fn each_target_has_all_parameters_that_hold_there() {
        let mut event = parse(&json!({
            "service": "s3", "action": "getObject", "region": "us-west-2", "endpoint": "https://example.com",
            "parameters": {"Bucket": "west", "Key": "k"},
            "failover": {"targets": [{"region": "us-east-1", "parameters": {"Bucket": "east"}}, {"region": "eu-west-1"}]},
        }))
        .unwrap();
        let targets = event.targets();
        let regions: Vec<&str> = targets.iter().map(|target| target.region.as_str()).collect();
        assert_eq!(regions, ["us-west-2", "us-east-1", "eu-west-1"]);
        let buckets: Vec<&Value> = targets.iter().map(|target| &target.parameters["Bucket"]).collect();
        assert_eq!(buckets, ["west", "east", "west"]);
        assert!(targets.iter().all(|target| target.parameters["Key"] == "k"));
        let endpoints: Vec<bool> = targets.iter().map(|target| target.endpoint.is_some()).collect();
        assert_eq!(endpoints, [true, false, false], "an endpoint is the one of its own target");
    }

    #[test]
    fn what_cannot_be_combined_is_refused() {
        let mut event = json!({"service": "s3", "action": "getObject", "region": "us-west-2", "ifMatch": {}});
        event["failover"] = json!({"targets": [{"region": "us-east-1"}]});
        let faults = parse(&event).unwrap_err();
        assert_eq!(faults.first().unwrap(), "failover: cannot be combined with `ifMatch`");
        for (field, value) in [
            ("paginate", json!({})),
            ("waitFor", json!({"waiter": "objectExists"})),
            ("retryUnprocessed", json!(true)),
        ] {
            let mut event = json!({"service": "s3", "action": "getObject", "region": "us-west-2"});
            event["ifMatch"] = json!({"etag": "E1"});
            event[field] = value;
            let fault = "ifMatch: goes with none of `paginate`, `waitFor` and `retryUnprocessed`";
            assert_eq!(parse(&event).unwrap_err(), [fault]);
        }
    }

    #[test]
    fn a_mode_of_one_attempt_takes_no_more() {
        assert!(with("retry", json!({"mode": "none", "maxAttempts": 1})).is_ok());
        let faults = with("retry", json!({"mode": "none", "maxAttempts": 2})).unwrap_err();
        assert_eq!(faults, ["retry.maxAttempts: mode `none` makes one attempt"]);
    }

    #[test]
    fn an_event_is_an_object() {
        for (raw, message) in [
            ("[]", "expected an object, found an array"),
            ("null", "expected an object, found null"),
            ("\"{}\"", "expected an object, found a string"),
            ("", "not JSON: EOF while parsing a value at line 1 column 0"),
        ] {
            assert_eq!(Event::parse(raw.as_bytes(), &regions()).unwrap_err().message, message);
        }
    }
}
