//! Regions that a service has no endpoint in.
//!
//! Enters: a service, the partitions. Leaves: the Regions of all partitions, and the options of the endpoint, for which
//! its rules end in an error, with the rules' own reason; most services have none. Fails where an option would make
//! good what another one spoils, for whoever reads the list takes an entry to hold whatever further options are set.
//!
//! The parameters of a call are not known here, but for those that each operation brings along. Rules that ask for
//! others answer the same everywhere, which says nothing about a Region and is left out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::Error;
use crate::handler::endpoint::{self, EndpointError, Params, S3Settings, Settings};
use crate::model::{OperationTrait, ParamValue, Partition, Service};

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Unresolved {
    /// All of them must be set; the names are those of the event's `endpointOptions`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub options: BTreeSet<Choice>,
    /// Sorted; empty for every Region.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    pub reason: String,
}

/// An option of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Choice {
    Fips,
    DualStack,
    Accelerate,
}

/// All choices of options, smaller ones first.
const CHOICES: [&[Choice]; 8] = [
    &[],
    &[Choice::Fips],
    &[Choice::DualStack],
    &[Choice::Accelerate],
    &[Choice::Fips, Choice::DualStack],
    &[Choice::Fips, Choice::Accelerate],
    &[Choice::DualStack, Choice::Accelerate],
    &[Choice::Fips, Choice::DualStack, Choice::Accelerate],
];

/// The Regions of a partition, without pseudo-Regions.
pub fn places(partition: &Partition) -> impl Iterator<Item = &str> {
    partition.regions.iter().map(String::as_str).filter(|region| !region.ends_with("-global"))
}

pub fn unresolved(service: &Service, partitions: &[Partition]) -> Result<Vec<Unresolved>, Error> {
    let places: Vec<_> = partitions.iter().flat_map(places).collect();
    let calls = calls(service);
    let failures = |choice: &[Choice]| -> BTreeMap<&str, String> {
        let failed = |region| Some((region, failure(service, partitions, &calls, region, choice)?));
        places.iter().copied().filter_map(failed).collect()
    };
    let plain = failures(&[]);
    let is_silent = plain.len() == places.len();
    let silent = plain
        .values()
        .next()
        .filter(|first| is_silent && plain.values().all(|other| other == *first))
        .cloned();

    let mut found: Vec<Unresolved> = Vec::new();
    for choice in CHOICES {
        let options: BTreeSet<_> = choice.iter().copied().collect();
        let mut failures = failures(choice);
        failures.retain(|_, reason| silent.as_ref() != Some(reason));
        let mut known = BTreeSet::new();
        for entry in found.iter().filter(|entry| entry.options.is_subset(&options)) {
            let named = entry.regions.iter().map(String::as_str);
            let regions: Vec<_> = if entry.regions.is_empty() { places.clone() } else { named.collect() };
            if !regions.iter().all(|region| failures.contains_key(region)) {
                let place = &service.metadata.id;
                return Err(Error::unknown("endpoint with options", &format!("{options:?}"), place));
            }
            known.extend(regions);
        }
        let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (region, reason) in failures {
            if !known.contains(region) {
                by_reason.entry(reason).or_default().push(region.to_owned());
            }
        }
        for (reason, mut regions) in by_reason {
            if regions.len() == places.len() {
                regions.clear();
            }
            found.push(Unresolved { options: options.clone(), regions, reason });
        }
    }
    Ok(found)
}

/// The sets of parameters that operations bring along.
fn calls(service: &Service) -> Vec<Vec<(String, ParamValue)>> {
    let mut calls = Vec::new();
    for operation in &service.operations {
        let fixed: Vec<_> = operation
            .6
            .iter()
            .filter_map(|known| match known {
                OperationTrait::StaticContextParam(name, value) => Some((name.clone(), value.clone())),
                _ => None,
            })
            .collect();
        if !calls.contains(&fixed) {
            calls.push(fixed);
        }
    }
    calls
}

/// Why no operation has an endpoint there.
fn failure(
    service: &Service,
    partitions: &[Partition],
    calls: &[Vec<(String, ParamValue)>],
    region: &str,
    choice: &[Choice],
) -> Option<String> {
    let accelerate = choice.contains(&Choice::Accelerate);
    let settings = Settings {
        region,
        fips: choice.contains(&Choice::Fips),
        dual_stack: choice.contains(&Choice::DualStack),
        s3: S3Settings { accelerate, ..S3Settings::default() },
        ..Settings::default()
    };
    let mut reason = None;
    for call in calls {
        let mut params: Params = call.iter().cloned().collect();
        if accelerate {
            // Only transfers to and from buckets are accelerated.
            params.insert("Bucket", ParamValue::Text("bucket".to_owned()));
        }
        let params = settings.params(&service.endpoints, params);
        match endpoint::resolve(&service.endpoints, partitions, &params) {
            Ok(_) | Err(EndpointError::Missing(_)) => return None,
            Err(error) => reason = Some(error.to_string()),
        }
    }
    reason
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::botocore;
    use crate::model::RuleSet;

    pub(crate) fn partitions() -> Vec<Partition> {
        let partition = |id: &str, supports_fips, regions: &[&str]| Partition {
            id: id.to_owned(),
            dns_suffix: "amazonaws.com".to_owned(),
            dual_stack_dns_suffix: "api.aws".to_owned(),
            implicit_global_region: String::new(),
            supports_dual_stack: true,
            supports_fips,
            region_regex: String::new(),
            regions: regions.iter().map(|&region| region.to_owned()).collect(),
        };
        vec![
            partition("aws", true, &["aws-global", "eu-north-1", "us-west-2"]),
            partition("aws-cn", false, &["aws-cn-global", "cn-north-1", "cn-northwest-1"]),
        ]
    }

    pub(crate) fn rule_set(rules: &str) -> RuleSet {
        let source: botocore::RuleSet = serde_json::from_str(&format!(
            r#"{{"version": "1.0", "parameters": {{"Region": {{"type": "string", "builtIn": "AWS::Region"}},
                "UseFIPS": {{"type": "boolean", "builtIn": "AWS::UseFIPS", "default": false}},
                "UseDualStack": {{"type": "boolean", "builtIn": "AWS::UseDualStack", "default": false}},
                "Kind": {{"type": "string"}}}}, "rules": {rules}}}"#
        ))
        .unwrap();
        crate::rules::rule_set(&source, "a test").unwrap()
    }

    /// A service with an operation for each kind.
    fn service(rules: &str, kinds: &[&str]) -> Service {
        let operations: Vec<_> = kinds
            .iter()
            .map(|kind| {
                format!(
                    r#""Get{kind}": {{"http": {{"method": "GET", "requestUri": "/"}}, "staticContextParams": {{"Kind": {{"value": "{kind}"}}}}}}"#
                )
            })
            .collect();
        let model: botocore::Model = serde_json::from_str(&format!(
            r#"{{"metadata": {{"protocol": "rest-json", "signatureVersion": "v4", "endpointPrefix": "it"}},
                "operations": {{{}}}, "shapes": {{}}}}"#,
            operations.join(",")
        ))
        .unwrap();
        let none = (botocore::Paginators::default(), botocore::Waiters::default());
        crate::service::service("it", &model, rule_set(rules), &none.0, &none.1).unwrap()
    }

    fn entries(rules: &[String], kinds: &[&str]) -> Result<serde_json::Value, Error> {
        let found = unresolved(&service(&format!("[{}]", rules.join(",")), kinds), &partitions())?;
        Ok(serde_json::to_value(found).unwrap())
    }

    fn error(conditions: &[&str], text: &str) -> String {
        format!(r#"{{"type": "error", "conditions": [{}], "error": "{text}"}}"#, conditions.join(","))
    }

    fn endpoint(conditions: &[&str]) -> String {
        let conditions = conditions.join(",");
        format!(
            r#"{{"type": "endpoint", "conditions": [{conditions}], "endpoint": {{"url": "https://it.{{Region}}"}}}}"#
        )
    }

    const FIPS: &str = r#"{"fn": "booleanEquals", "argv": [{"ref": "UseFIPS"}, true]}"#;
    const DUAL: &str = r#"{"fn": "booleanEquals", "argv": [{"ref": "UseDualStack"}, true]}"#;
    const NORTH: &str = r#"{"fn": "stringEquals", "argv": [{"ref": "Region"}, "cn-north-1"]}"#;
    const KIND_A: &str = r#"{"fn": "stringEquals", "argv": [{"ref": "Kind"}, "A"]}"#;
    const KIND: &str = r#"{"fn": "isSet", "argv": [{"ref": "Kind"}]}"#;

    #[test]
    fn a_service_that_is_everywhere_has_no_entry() {
        assert_eq!(entries(&[endpoint(&[])], &["A"]).unwrap(), serde_json::json!([]));
    }

    #[test]
    fn regions_and_options_are_told_with_the_rules_reason() {
        let found =
            entries(&[error(&[NORTH], "not in the north"), error(&[FIPS], "no FIPS"), endpoint(&[])], &["A"]);
        assert_eq!(
            found.unwrap(),
            serde_json::json!([{"regions": ["cn-north-1"], "reason": "not in the north"},
                {"options": ["fips"], "regions": ["cn-northwest-1", "eu-north-1", "us-west-2"], "reason": "no FIPS"}])
        );
        let everywhere = entries(&[error(&[FIPS, DUAL], "not both"), endpoint(&[])], &["A"]);
        assert_eq!(
            everywhere.unwrap(),
            serde_json::json!([{"options": ["fips", "dualStack"], "reason": "not both"}])
        );
    }

    #[test]
    fn a_region_counts_only_where_no_operation_has_an_endpoint() {
        let rules = [error(&[KIND_A, NORTH], "not here"), endpoint(&[])];
        assert_eq!(entries(&rules, &["A", "B"]).unwrap(), serde_json::json!([]));
        assert_eq!(
            entries(&rules, &["A"]).unwrap(),
            serde_json::json!([{"regions": ["cn-north-1"], "reason": "not here"}])
        );
    }

    #[test]
    fn rules_that_ask_for_parameters_of_the_call_say_nothing() {
        let rules = [error(&[FIPS], "no FIPS"), endpoint(&[KIND]), error(&[], "Kind must be given")];
        let mut asking = service(&format!("[{}]", rules.join(",")), &["A"]);
        for operation in &mut asking.operations {
            operation.6.clear();
        }
        let found = unresolved(&asking, &partitions()).unwrap();
        assert_eq!(
            serde_json::to_value(found).unwrap(),
            serde_json::json!([{"options": ["fips"], "reason": "no FIPS"}])
        );
    }

    #[test]
    fn an_option_must_not_heal_what_another_one_spoils() {
        let rules = [endpoint(&[FIPS, DUAL]), error(&[FIPS], "no FIPS"), endpoint(&[])];
        let error = entries(&rules, &["A"]).unwrap_err().to_string();
        assert!(error.starts_with("unknown endpoint with options `{Fips, DualStack}` in it"), "{error}");
    }
}
