//! The one line that an invocation leaves in the log. Section 7 of the contract.
//!
//! Enters: what the stages learned: canonical names, a host, counts. Leaves: one line of JSON on standard output, in
//! one write, with metrics in CloudWatch's embedded format where they were asked for. Nothing fails: what cannot be
//! logged is not. No text of an event, its parameters or its result gets here: names only once the catalog knows
//! them, hosts without the labels that are buckets and accounts.

use std::io::Write;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use crate::custom_endpoint::is_below;
use crate::effect::Effect;
use crate::error::Error;
use crate::region::{Region, Regions};

/// CloudWatch's namespace of the metrics.
const NAMESPACE: &str = "CrossRegionTasks";

/// Characters of a request id; it is the service's to choose.
const REQUEST_ID_LIMIT: usize = 128;

/// Labels between a service and its suffix that name no service.
const PLACES: [&str; 3] = ["dualstack", "global", "vpce"];

/// What is known of one invocation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Invocation {
    /// In place of service and action.
    pub procedure: Option<&'static str>,
    /// The service's id, once the catalog knows it; never the user's spelling. So with the two that follow.
    pub service: Option<String>,
    pub action: Option<String>,
    pub region: Option<String>,
    /// As [`service_host`] makes it.
    pub host: Option<String>,
    /// The table permitted the call. Metrics of others would let anyone fill a dashboard with dimensions.
    pub is_permitted: bool,
    pub error: Option<String>,
    pub effect: Effect,
    pub request_id: Option<String>,
    pub attempts: u32,
    /// What an idempotency record was for this call: `first`, `replayed`, or `lost` where the outcome of a first call
    /// could not be written down.
    pub record: Option<&'static str>,
    /// Targets that did not serve the call before the one that answered.
    pub failovers: usize,
    pub duration: Duration,
    /// The first invocation of the process.
    pub cold_start: bool,
    pub bytes_in: usize,
    pub bytes_out: usize,
}

impl Invocation {
    /// Notes the canonical names of the call.
    pub fn is_for(&mut self, service: &str, action: &str, region: &Region) {
        self.service = Some(service.to_owned());
        self.action = Some(action.to_owned());
        self.region = Some(region.to_string());
    }

    /// Notes what is done in place of a single call.
    pub fn is_for_procedure(&mut self, name: &'static str, region: &Region) {
        self.procedure = Some(name);
        self.region = Some(region.to_string());
    }

    /// Notes a call that ended well.
    pub fn succeeded(&mut self, request_id: Option<&str>, attempts: u32) {
        self.effect = Effect::Done;
        self.request_id = request_id.map(str::to_owned);
        self.attempts = attempts;
    }

    /// Notes a failure: its name and its circumstances, not its message.
    pub fn failed(&mut self, error: &Error) {
        self.error = Some(error.name().to_owned());
        self.effect = error.effect;
        self.request_id.clone_from(&error.request_id);
        self.attempts = error.attempts.unwrap_or_default();
    }

    /// The line, without its end.
    pub fn line(&self, metrics: bool) -> String {
        let id = self.request_id.as_deref().map(|id| id.chars().take(REQUEST_ID_LIMIT).collect::<String>());
        let members = [
            ("procedure", self.procedure.map(Value::from)),
            ("service", self.service.as_deref().map(Value::from)),
            ("action", self.action.as_deref().map(Value::from)),
            ("region", self.region.as_deref().map(Value::from)),
            ("host", self.host.as_deref().map(Value::from)),
            ("outcome", Some(if self.error.is_none() { "ok" } else { "error" }.into())),
            ("error", self.error.as_deref().map(Value::from)),
            ("effect", Some(json!(self.effect))),
            ("requestId", id.map(Value::from)),
            ("attempts", Some(self.attempts.into())),
            ("record", self.record.map(Value::from)),
            ("failovers", Some(self.failovers.into())),
            ("durationMs", Some(milliseconds(self.duration).into())),
            ("coldStart", Some(self.cold_start.into())),
            ("bytesIn", Some(self.bytes_in.into())),
            ("bytesOut", Some(self.bytes_out.into())),
        ];
        let mut line: Map<String, Value> =
            members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        if metrics && self.is_permitted {
            line.insert("errors".to_owned(), u32::from(self.error.is_some()).into());
            line.insert("_aws".to_owned(), self.metric_directive());
        }
        Value::Object(line).to_string()
    }

    /// Tells CloudWatch which members of the line are metrics, and by what to group them.
    fn metric_directive(&self) -> Value {
        let dimensions = match self.procedure {
            Some(_) => &["procedure", "region"][..],
            None => &["service", "action", "region"],
        };
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        json!({
            "Timestamp": milliseconds(since_epoch),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [dimensions],
                "Metrics": [
                    {"Name": "durationMs", "Unit": "Milliseconds"},
                    {"Name": "attempts", "Unit": "Count"},
                    {"Name": "failovers", "Unit": "Count"},
                    {"Name": "errors", "Unit": "Count"},
                    {"Name": "bytesIn", "Unit": "Bytes"},
                    {"Name": "bytesOut", "Unit": "Bytes"},
                ],
            }],
        })
    }

    /// Writes the line in one piece, so that no other writer's text gets into it.
    pub fn write(&self, metrics: bool) {
        let mut line = self.line(metrics);
        line.push('\n');
        let mut output = std::io::stdout().lock();
        // A log that cannot be written must not fail a call that was made.
        let _ = output.write_all(line.as_bytes()).and_then(|()| output.flush());
    }
}

/// The host of a service as it may be logged: without the labels in front that name buckets, accounts, clusters or
/// access points. A host outside of AWS is shown as far as `listed`, the endpoint that the table names, goes.
pub fn service_host(
    host: &str,
    dns_suffixes: &[&str],
    regions: &Regions,
    listed: Option<&str>,
) -> Option<String> {
    let Some(suffix) = dns_suffixes.iter().find(|suffix| is_below(host, suffix)) else {
        return listed.filter(|listed| host == *listed || is_below(host, listed)).map(str::to_owned);
    };
    let labels: Vec<&str> = host.strip_suffix(suffix)?.trim_end_matches('.').split('.').collect();
    let is_place = |label: &&&str| PLACES.contains(*label) || regions.parse(label).is_ok();
    let places = labels.iter().rev().take_while(is_place).count();
    let kept = labels.get(labels.len().saturating_sub(places + 1)..).unwrap_or_default();
    Some(format!("{}.{suffix}", kept.join(".")))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::region::tests::regions;

    fn invocation() -> Invocation {
        let mut invocation = Invocation {
            host: Some("s3.us-west-2.amazonaws.com".to_owned()),
            is_permitted: true,
            duration: Duration::from_micros(12_900),
            cold_start: true,
            bytes_in: 120,
            bytes_out: 40,
            ..Invocation::default()
        };
        invocation.is_for("s3", "GetObject", &regions().parse("us-west-2").unwrap());
        invocation
    }

    fn line(invocation: &Invocation, metrics: bool) -> Value {
        let line = invocation.line(metrics);
        assert!(!line.contains('\n'));
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn a_call_that_ended_well_is_one_line() {
        let mut invocation = invocation();
        invocation.succeeded(Some("R1"), 2);
        assert_eq!(
            line(&invocation, false),
            json!({
                "service": "s3", "action": "GetObject", "region": "us-west-2", "host": "s3.us-west-2.amazonaws.com",
                "outcome": "ok", "effect": "done", "requestId": "R1", "attempts": 2,
                "failovers": 0, "durationMs": 12,
                "coldStart": true, "bytesIn": 120, "bytesOut": 40,
            })
        );
    }

    #[test]
    fn a_procedure_stands_in_place_of_service_and_action() {
        let mut invocation = Invocation { is_permitted: true, ..Invocation::default() };
        invocation.is_for_procedure("routingControl.set", &regions().parse("us-west-2").unwrap());
        invocation.succeeded(None, 4);
        let mut line = line(&invocation, true);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["procedure", "region"]]));
        line.as_object_mut().unwrap().remove("_aws");
        assert_eq!(
            line,
            json!({
                "procedure": "routingControl.set", "region": "us-west-2", "outcome": "ok", "effect": "done",
                "attempts": 4, "failovers": 0, "durationMs": 0, "coldStart": false, "bytesIn": 0, "bytesOut": 0, "errors": 0,
            })
        );
    }

    #[test]
    fn a_failure_is_logged_by_name_and_without_its_message() {
        let mut error =
            Error::service(None, Some("NoSuchKey"), "no key `secret`\n").with_effect(Effect::Unknown);
        error.request_id = Some("x\n".repeat(10_000));
        error.service = Some("as the user wrote it".to_owned());
        let mut invocation = invocation();
        invocation.failed(&error);
        let line = line(&invocation, false);
        assert_eq!((&line["outcome"], &line["error"]), (&json!("error"), &json!("NoSuchKey")));
        assert_eq!((&line["effect"], &line["attempts"]), (&json!("unknown"), &json!(0)));
        assert_eq!(line["requestId"].as_str().unwrap().len(), REQUEST_ID_LIMIT);
        assert!(!line.to_string().contains("secret") && !line.to_string().contains("user"));
    }

    #[test]
    fn nothing_is_known_of_an_event_that_was_refused() {
        let mut invocation = Invocation { bytes_in: 7, ..Invocation::default() };
        invocation.failed(&Error::new(Kind::InvalidEvent, "x"));
        assert_eq!(
            line(&invocation, true),
            json!({
                "outcome": "error", "error": "CrossRegion.InvalidEvent", "effect": "none", "attempts": 0,
                "failovers": 0, "durationMs": 0, "coldStart": false, "bytesIn": 7, "bytesOut": 0,
            })
        );
    }

    #[test]
    fn metrics_are_for_permitted_calls_only() {
        let permitted = invocation();
        let with = line(&permitted, true);
        let directive = &with["_aws"]["CloudWatchMetrics"][0];
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(with[metric["Name"].as_str().unwrap()].is_u64(), "{metric}");
        }
        for dimension in directive["Dimensions"][0].as_array().unwrap() {
            assert!(with[dimension.as_str().unwrap()].is_string(), "{dimension}");
        }
        assert!(with["_aws"]["Timestamp"].as_u64().unwrap() > 1_600_000_000_000);
        assert!(line(&permitted, false).get("_aws").is_none());
        assert!(line(&Invocation { is_permitted: false, ..permitted }, true).get("_aws").is_none());
    }

    #[test]
    fn hosts_lose_what_is_not_the_services() {
        for (host, shown) in [
            ("s3.us-west-2.amazonaws.com", "s3.us-west-2.amazonaws.com"),
            ("my-bucket.s3.us-west-2.amazonaws.com", "s3.us-west-2.amazonaws.com"),
            ("my.dotted.bucket.s3.amazonaws.com", "s3.amazonaws.com"),
            ("s3.s3.amazonaws.com", "s3.amazonaws.com"),
            ("us-west-2.s3.us-west-2.amazonaws.com", "s3.us-west-2.amazonaws.com"),
            ("b.s3.dualstack.us-west-2.amazonaws.com", "s3.dualstack.us-west-2.amazonaws.com"),
            ("b.s3-accelerate.dualstack.amazonaws.com", "s3-accelerate.dualstack.amazonaws.com"),
            (
                "ap-123456789012.op-01.s3-outposts.us-west-2.amazonaws.com",
                "s3-outposts.us-west-2.amazonaws.com",
            ),
            ("mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com", "s3-global.amazonaws.com"),
            ("vpce-1a2b.s3.us-west-2.vpce.amazonaws.com", "s3.us-west-2.vpce.amazonaws.com"),
            ("123456789012.ddb.us-west-2.amazonaws.com", "ddb.us-west-2.amazonaws.com"),
            ("123456789012.cloudfront-kvs.global.api.aws", "cloudfront-kvs.global.api.aws"),
            (
                "abc123.route53-recovery-cluster.us-east-1.amazonaws.com",
                "route53-recovery-cluster.us-east-1.amazonaws.com",
            ),
            ("iam.amazonaws.com", "iam.amazonaws.com"),
            ("global.amazonaws.com", "global.amazonaws.com"),
        ] {
            let host = service_host(host, &["amazonaws.com", "api.aws"], &regions(), None);
            assert_eq!(host.as_deref(), Some(shown));
        }
        let outside = |host| service_host(host, &["amazonaws.com"], &regions(), Some("example.com"));
        assert_eq!(outside("bucket.example.com").as_deref(), Some("example.com"));
        assert_eq!(outside("example.com").as_deref(), Some("example.com"));
        assert_eq!(outside("bucketexample.com"), None);
    }
}
