//! Where a call goes if its first target does not serve it: the event's field `failover`.
//!
//! Enters: the field as it stands. Leaves: a [`Failover`], its targets in the order in which they are tried. Faults
//! are reported with their paths: no target, too many, a Region that is none, what a target cannot have.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::client::role::AssumeRole;
use crate::custom_endpoint::CustomEndpoint;
use crate::fields::Fields;
use crate::region::{Region, Regions};
use crate::suggest;

/// Targets beside the first: the time is shared among all, and tenths of it are little enough.
const TARGETS_LIMIT: usize = 9;

/// Further targets, and when to go on to them. The default has none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Failover {
    pub targets: Vec<Target>,
    /// What justifies the next target beside faults that kept the request from being sent, which always do.
    pub on: BTreeSet<Reason>,
    /// The caller says that the call may take effect at more than one target.
    pub repeatable: bool,
}

/// One place to which a call may go.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    pub region: Region,
    pub endpoint: Option<CustomEndpoint>,
    /// In place of the event's own, member by member.
    pub parameters: Map<String, Value>,
    /// In place of the event's own.
    pub assume_role: Option<AssumeRole>,
}

/// What a target may answer that another one may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No usable answer, or 500, 502, 503, 504.
    Transient,
    /// Too many requests.
    Throttling,
}

impl Reason {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "transient" => Ok(Self::Transient),
            "throttling" => Ok(Self::Throttling),
            other => Err(format!("`{}` is none of `transient`, `throttling`", suggest::shown(other))),
        }
    }
}

/// Reads the field. Targets of an event that is refused anyway may be missing from it.
pub fn read(fields: &mut Fields<'_>, regions: &Regions, session_name: &str) -> Failover {
    fields.require("targets");
    let targets = fields.objects("targets", |target| read_target(target, regions, session_name));
    if let Some(targets) = &targets
        && !(1..=TARGETS_LIMIT).contains(&targets.len())
    {
        fields.fault("targets", format!("expected 1 to {TARGETS_LIMIT} targets beside the first"));
    }
    Failover {
        targets: targets.into_iter().flatten().flatten().collect(),
        on: fields
            .texts("on", Reason::parse)
            .map_or_else(|| BTreeSet::from([Reason::Transient]), BTreeSet::from_iter),
        repeatable: fields.flag("repeatable").unwrap_or_default(),
    }
}

fn read_target(fields: &mut Fields<'_>, regions: &Regions, session_name: &str) -> Option<Target> {
    let region = fields.required_text("region", |text| regions.parse(text));
    let endpoint = fields.text("endpoint", CustomEndpoint::parse);
    let parameters = fields.map("parameters").unwrap_or_default();
    let assume_role = fields.object("assumeRole", |it| AssumeRole::read(it, regions, session_name)).flatten();
    Some(Target { region: region?, endpoint, parameters, assume_role })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::{Error, Faults, Kind};
    use crate::fields::read_object;
    use crate::json::Path;
    use crate::region::tests::regions;

    fn parse(field: Value) -> Result<Failover, Vec<String>> {
        let mut faults = Faults::default();
        let read = read_object(field, Path::Root("failover"), &mut faults, |fields| {
            read(fields, &regions(), "tests")
        });
        let faults = Error::faults(Kind::InvalidEvent, faults).faults;
        if faults.is_empty() {
            Ok(read.unwrap())
        } else {
            Err(faults.iter().map(ToString::to_string).collect())
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let failover = parse(json!({"targets": [{"region": "us-east-1"}]})).unwrap();
        let region = regions().parse("us-east-1").unwrap();
        let target = Target { region, endpoint: None, parameters: Map::new(), assume_role: None };
        assert_eq!(
            failover,
            Failover { targets: vec![target], on: BTreeSet::from([Reason::Transient]), repeatable: false }
        );
    }

    #[test]
    fn every_field_is_read() {
        let failover = parse(json!({
            "targets": [
                {"region": "us-east-1", "endpoint": "https://Example.com/", "parameters": {"Bucket": "b"}},
                {"region": "eu-west-1"},
            ],
            "on": ["throttling"], "repeatable": true,
        }))
        .unwrap();
        let [first, second] = failover.targets.as_slice() else { panic!("{failover:?}") };
        assert_eq!(first.endpoint.as_ref().unwrap().to_string(), "https://example.com");
        assert_eq!(first.parameters["Bucket"], "b");
        assert_eq!(second.region.as_str(), "eu-west-1");
        assert_eq!((failover.on, failover.repeatable), (BTreeSet::from([Reason::Throttling]), true));
        let none = parse(json!({"targets": [{"region": "us-east-1"}], "on": []})).unwrap();
        assert_eq!(none.on, BTreeSet::new());
    }

    #[test]
    fn all_faults_are_in_one_report() {
        let faults = parse(json!({
            "targets": [
                {"region": "aws-global"}, 7,
                {"endpoint": "http://example.com", "parameters": [], "assumeRole": {}, "regoin": "x"},
            ],
            "on": ["transient", "errors"], "repeatable": 1, "target": [],
        }));
        assert_eq!(
            faults.unwrap_err(),
            [
                "failover.targets[0].region: `aws-global` is a pseudo-region; name the Region itself",
                "failover.targets[1]: expected an object, found an integer",
                "failover.targets[2].region: missing",
                "failover.targets[2].endpoint: plain http is only for this machine (127.0.0.0/8, ::1, localhost)",
                "failover.targets[2].parameters: expected an object, found an array",
                "failover.targets[2].assumeRole.roleArn: missing",
                "failover.targets[2].regoin: unknown field, did you mean `region`?",
                "failover.on[1]: `errors` is none of `transient`, `throttling`",
                "failover.repeatable: expected true or false, found an integer",
                "failover.target: unknown field, did you mean `targets`?",
            ]
        );
    }

    #[test]
    fn there_are_further_targets_but_not_many() {
        for count in [0, 10] {
            let targets = vec![json!({"region": "us-east-1"}); count];
            let faults = parse(json!({"targets": targets})).unwrap_err();
            assert_eq!(faults, ["failover.targets: expected 1 to 9 targets beside the first"], "{count}");
        }
        assert!(parse(json!({"targets": vec![json!({"region": "us-east-1"}); 9]})).is_ok());
        assert_eq!(parse(json!({})).unwrap_err(), ["failover.targets: missing"]);
    }
}
