//! The parameters of every target of a call, bound before anything is sent to one of them.
//!
//! Enters: the event's targets and how parameters are bound for one of them. Leaves: [`Bound`] parameters for each.
//! Fails with all faults of all targets in one report: what a target itself names is told under its own path, as in
//! `failover.targets[1].parameters.Bucket`, what it has from the event once for all.

use super::Bound;
use crate::error::{Error, Fault, Kind};
use crate::event::failover::{Failover, Target};
use crate::suggest;

/// Binds the parameters of each target; all but the first are those of `failover`.
pub fn bind_each(
    targets: &mut [Target],
    failover: &Failover,
    bind: impl Fn(&mut Target) -> Result<Bound, Error>,
) -> Result<Vec<Bound>, Error> {
    let is_one = targets.len() == 1;
    let mut bound = Vec::new();
    let mut faults: Vec<Fault> = Vec::new();
    for (at, target) in targets.iter_mut().enumerate() {
        match bind(target) {
            Ok(one) => bound.push(one.declared_repeatable(failover.repeatable)),
            Err(error) if error.faults.is_empty() || is_one => return Err(error),
            Err(error) => {
                let own = at.checked_sub(1).and_then(|at| Some((at, failover.targets.get(at)?)));
                for fault in &error.faults {
                    let fault = own.map_or_else(|| fault.clone(), |(at, own)| placed(fault, at, own));
                    if !faults.contains(&fault) {
                        faults.push(fault);
                    }
                }
            }
        }
    }
    if faults.is_empty() { Ok(bound) } else { Err(Error::faults(Kind::InvalidParameters, faults)) }
}

/// The fault under the path of the target that names its member, or as it is.
fn placed(fault: &Fault, at: usize, own: &Target) -> Fault {
    let names_it = |path: &str| {
        own.parameters.keys().any(|name| {
            let rest = path.strip_prefix(&*suggest::shown(name));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    };
    match fault.path.strip_prefix("parameters.") {
        Some(path) if names_it(path) => {
            Fault::new(format!("failover.targets[{at}].parameters.{path}"), fault.message.clone())
        }
        _ => fault.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Map, Value, json};

    use super::*;
    use crate::input;
    use crate::region::tests::regions;

    fn target(region: &str, parameters: &Value) -> Target {
        let parameters: Map<String, Value> = parameters.as_object().unwrap().clone();
        Target { region: regions().parse(region).unwrap(), endpoint: None, parameters, assume_role: None }
    }

    /// Binds `getObject` at us-west-2 and two further Regions.
    fn bind(first: &Value, further: &[Value; 2], repeatable: bool) -> Result<Vec<Bound>, Vec<String>> {
        let failover = Failover {
            targets: further.iter().map(|it| target("us-east-1", it)).collect(),
            on: BTreeSet::new(),
            repeatable,
        };
        let mut targets = vec![target("us-west-2", first)];
        for it in &failover.targets {
            let mut parameters = first.as_object().unwrap().clone();
            parameters.extend(it.parameters.clone());
            targets.push(Target { parameters, ..it.clone() });
        }
        let operation = crate::catalog::service("s3").unwrap().operation("PutObject").unwrap();
        bind_each(&mut targets, &failover, |target| input::bind(operation, target.parameters.clone()))
            .map_err(|error| error.faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_target_has_its_own() {
        let bound =
            bind(&json!({"Bucket": "west", "Key": "k"}), &[json!({"Bucket": "east"}), json!({})], true)
                .unwrap();
        let buckets: Vec<&Value> = bound.iter().map(|it| &it.parameters()["Bucket"]).collect();
        assert_eq!(buckets, ["west", "east", "west"]);
        assert!(bound.iter().all(Bound::is_repeatable));
        let bound = bind(&json!({"Bucket": "west", "Key": "k"}), &[json!({}), json!({})], false).unwrap();
        assert!(!bound.iter().any(Bound::is_repeatable));
    }

    #[test]
    fn faults_of_all_targets_are_in_one_report() {
        let faults = bind(
            &json!({"Bucket": 1, "ContentLength": "1"}),
            &[json!({"Bucket": "east", "Buckte": "x"}), json!({"Bucket": {}, "Metadata": {"a": 1}})],
            false,
        );
        assert_eq!(
            faults.unwrap_err(),
            [
                "parameters.Bucket: expected a string, found an integer",
                "parameters.ContentLength: expected an integer, found a string",
                "parameters.Key: missing required member",
                "failover.targets[0].parameters.Buckte: unknown member, did you mean `Bucket`?",
                "failover.targets[1].parameters.Bucket: expected a string, or {\"$json\": …} for a string that carries \
                 JSON, found an object",
                "failover.targets[1].parameters.Metadata.a: expected a string, found an integer",
            ]
        );
    }
}
