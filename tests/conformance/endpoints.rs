//! Every endpoint case that botocore publishes: URL, headers, properties and the text of errors.
//!
//! The rule sets and partitions are the handler's own, as packed into the binary; only the generic cases, which no
//! service owns, bring rule sets along, and these go through the generator that made the others.

use std::collections::BTreeMap;

use handler::catalog::blob::SERVICES;
use handler::catalog::model::{Auth, ParamValue, Partition, RuleSet};
use handler::endpoint::partition::partition_for;
use handler::endpoint::{
    AccountIdMode, AuthScheme, EndpointError, Params, Resolved, S3Settings, Settings, resolve,
};
use handler::{catalog, input, target};
use serde_json::{Map, Value, json};
use tests::Tally;

/// Text that no service expects: for every text parameter of every case in turn.
const HOSTILE: &[&str] = &[
    "",
    " ",
    ".",
    "-",
    "--",
    "{Region}",
    "\0\n",
    "é",
    "日本語\u{10ffff}",
    "arn:",
    "arn:aws:s3:us-west-2:111122223333:accesspoint",
    "arn:aws:s3:us-west-2:111122223333:accesspoint:é:/:",
    "arn:aws:s3::111122223333:accesspoint:a.b.mrap",
    "arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-1/accesspoint/",
    "https://[::1]:65535/../..//%2e%2e/é",
    "https://u:p@x.example#y",
    "x.evil.com/#",
    "bucket--use1-az4--x-s3",
    "é--use1-az4--x-s3",
    "test-accessp-e0b1d075431d83aebde8xz5w8ijx1qzlbp3i3kuse10--op-s3",
    "--x-s3",
];

#[test]
fn published_cases() {
    let partitions = partitions();
    let mut tally = Tally::new("endpoints of services");
    for (service, cases) in published() {
        let rules = rules(&service);
        for case in &cases {
            let outcome = resolve(rules, partitions, &params(&case["params"]));
            tally.case(name(&service, case), compare(&outcome, &case["expect"]));
        }
    }
    tally.finish();
}

#[test]
fn generic_cases() {
    let data = tests::botocore().join("tests/unit/data/endpoints");
    let mut tally = Tally::new("endpoints of generic rule sets");
    for file in tests::names(&data.join("test-cases")) {
        let source = tests::json(&data.join("valid-rules").join(&file));
        // Some claim a later version, which no service's rule set does, but none of them needs it.
        let source = json!({"version": "1.0", "parameters": source["parameters"], "rules": source["rules"]});
        let rules = modelgen::rules::rule_set(&serde_json::from_value(source).unwrap(), &file).unwrap();
        let rules: RuleSet = serde_json::from_value(serde_json::to_value(rules).unwrap()).unwrap();
        for case in tests::json(&data.join("test-cases").join(&file))["testCases"].as_array().unwrap() {
            let outcome = resolve(&rules, partitions(), &params(&case["params"]));
            tally.case(name(&file, case), compare(&outcome, &case["expect"]));
        }
    }
    tally.finish();
}

/// The cases that say which operation is called, how, and under which configuration: here the parameters come from
/// the operation's model and from [`Settings`], as they do for an event.
#[test]
fn called_cases() {
    let mut tally = Tally::new("endpoints of calls");
    for (service, cases) in published() {
        let rules = rules(&service);
        for case in &cases {
            for call in case["operationInputs"].as_array().into_iter().flatten() {
                let built_in = call["builtInParams"].as_object().cloned().unwrap_or_default();
                let Some(settings) = settings(&built_in) else {
                    tally.skip("global endpoints of S3 and STS, which the handler never asks for");
                    continue;
                };
                let outcome = operation_params(&service, call).and_then(|params| {
                    compare(&resolve(rules, partitions(), &settings.params(rules, params)), &case["expect"])
                });
                tally.case(format_args!("{} by {call}", name(&service, case)), outcome);
            }
        }
    }
    tally.finish();
}

/// Whatever a caller writes, rules answer with an endpoint or with words of their own.
#[test]
fn hostile_parameters() {
    let step = if tests::prove() { 1 } else { 11 };
    let partitions = partitions();
    let mut tally = Tally::new("endpoints for hostile parameters");
    for (service, cases) in published() {
        let rules = rules(&service);
        for case in cases.iter().step_by(step) {
            for (parameter, original) in case["params"].as_object().into_iter().flatten() {
                for hostile in HOSTILE.iter().copied().filter(|_| original.is_string()) {
                    let mut altered = case["params"].clone();
                    altered[parameter] = hostile.into();
                    let outcome = match resolve(rules, partitions, &params(&altered)) {
                        Ok(_) | Err(EndpointError::Rule { .. } | EndpointError::NoMatch) => Ok(()),
                        Err(other) => Err(other),
                    };
                    tally
                        .case(format_args!("{} with {parameter} {hostile:?}", name(&service, case)), outcome);
                }
            }
        }
    }
    tally.finish();
}

#[test]
fn every_rule_set_has_cases_and_known_sources() {
    let tested: Vec<String> = published().into_iter().map(|(service, _)| service).collect();
    let s3 = S3Settings { use_arn_region: Some(true), ..S3Settings::default() };
    let everything = Settings { endpoint: Some("e"), account_id: Some("a"), s3, ..Settings::default() };
    for service in SERVICES.iter().map(|service| service.id) {
        assert!(tested.iter().any(|name| name == service), "{service} has no cases");
        let params = everything.params(rules(service), Params::default());
        for parameter in rules(service).parameters.iter().filter(|parameter| !parameter.built_in.is_empty()) {
            assert!(
                params.value(&parameter.name).is_some(),
                "{service}: unknown source {}",
                parameter.built_in
            );
        }
    }
}

/// The matcher knows one form of pattern; here it is held against every published one.
#[test]
fn every_partition_pattern_is_understood() {
    for partition in partitions() {
        let alone = std::slice::from_ref(partition);
        let places = partition.regions.iter().filter(|region| !region.ends_with("-global"));
        for region in places {
            let unlisted = Partition { regions: Vec::new(), ..partition.clone() };
            assert!(partition_for(&[unlisted], region).is_some(), "{}: {region}", partition.region_regex);
            let (place, number) = region.rsplit_once('-').unwrap();
            for (other, fits) in [
                (format!("{place}-{number}00"), true),
                (format!("{place}_x-{number}"), true),
                (format!("{place}-x-{number}"), false),
                (format!("{region}a"), false),
                (format!("x{region}"), false),
                (format!("{region}-"), false),
                (place.to_owned(), false),
            ] {
                assert_eq!(
                    partition_for(alone, &other).is_some(),
                    fits,
                    "{}: {other}",
                    partition.region_regex
                );
            }
        }
    }
}

fn published() -> Vec<(String, Vec<Value>)> {
    let folder = tests::botocore().join("tests/functional/endpoint-rules");
    let cases = |service: String| {
        let file = tests::json(&folder.join(&service).join("endpoint-tests-1.json"));
        (service, file["testCases"].as_array().unwrap().clone())
    };
    tests::names(&folder).into_iter().map(cases).collect()
}

fn rules(service: &str) -> &'static RuleSet {
    let found = catalog::service(service).unwrap();
    assert_eq!(found.id(), service);
    found.endpoints().unwrap()
}

fn operation_params(service: &str, call: &Value) -> Result<Params, String> {
    let operation = call["operationName"].as_str().unwrap();
    let operation = catalog::service(service).unwrap().operation(operation).unwrap();
    let parameters = call["operationParams"].as_object().cloned().unwrap_or_default();
    let bound = input::bind(operation, parameters).map_err(|error| error.to_message())?;
    target::operation_params(&bound).map_err(|error| error.to_message())
}

fn partitions() -> &'static [Partition] {
    catalog::partitions().unwrap()
}

fn name(suite: &str, case: &Value) -> String {
    format!("{suite}: {} {}", case["documentation"].as_str().unwrap_or_default(), case["params"])
}

fn params(source: &Value) -> Params {
    let value = |value: &Value| match value {
        Value::Bool(value) => ParamValue::Bool(*value),
        Value::String(value) => ParamValue::Text(value.clone()),
        Value::Array(values) => {
            ParamValue::Texts(values.iter().map(|it| it.as_str().unwrap().to_owned()).collect())
        }
        other => panic!("a parameter cannot be {other}"),
    };
    source.as_object().into_iter().flatten().map(|(name, it)| (name.clone(), value(it))).collect()
}

/// The configuration of a case, if the handler can be brought into it.
fn settings(built_in: &Map<String, Value>) -> Option<Settings<'_>> {
    let mut settings = Settings::default();
    for (name, value) in built_in {
        let flag = value.as_bool().unwrap_or_default();
        match name.as_str() {
            "AWS::Region" => settings.region = value.as_str().unwrap(),
            "AWS::UseFIPS" => settings.fips = flag,
            "AWS::UseDualStack" => settings.dual_stack = flag,
            "AWS::Auth::AccountId" => settings.account_id = value.as_str(),
            "AWS::Auth::AccountIdEndpointMode" => {
                settings.account_id_mode = match value.as_str().unwrap() {
                    "preferred" => AccountIdMode::Preferred,
                    "required" => AccountIdMode::Required,
                    "disabled" => AccountIdMode::Disabled,
                    other => panic!("unknown mode {other}"),
                }
            }
            "AWS::S3::Accelerate" => settings.s3.accelerate = flag,
            "AWS::S3::ForcePathStyle" => settings.s3.path_style = flag,
            "AWS::S3::UseArnRegion" | "AWS::S3Control::UseArnRegion" => {
                settings.s3.use_arn_region = Some(flag);
            }
            "AWS::S3::DisableMultiRegionAccessPoints" => {
                settings.s3.disable_multi_region_access_points = flag;
            }
            "AWS::S3::UseGlobalEndpoint" | "AWS::STS::UseGlobalEndpoint" => {
                if flag {
                    return None;
                }
            }
            "SDK::Endpoint" => settings.endpoint = value.as_str(),
            other => panic!("unknown source {other}"),
        }
    }
    Some(settings)
}

/// Says what differs.
fn compare(outcome: &Result<Resolved, EndpointError>, expected: &Value) -> Result<(), String> {
    match (outcome, &expected["endpoint"], &expected["error"]) {
        (Err(EndpointError::Rule { text, .. }), Value::Null, Value::String(error)) if text == error => Ok(()),
        (Ok(found), endpoint @ Value::Object(_), Value::Null) => {
            let headers: BTreeMap<_, _> = found.headers.iter().cloned().collect();
            let properties: Map<_, _> = found.properties.iter().cloned().collect();
            let or_empty = |part: &Value| if part.is_null() { json!({}) } else { part.clone() };
            equal("url", &json!(found.url), &endpoint["url"])?;
            equal("headers", &json!(headers), &or_empty(&endpoint["headers"]))?;
            equal("properties", &json!(properties), &or_empty(&endpoint["properties"]))?;
            let schemes = &endpoint["properties"]["authSchemes"];
            equal(
                "auth schemes",
                &auth_schemes(found),
                &if schemes.is_null() { json!([]) } else { schemes.clone() },
            )
        }
        _ => Err(format!("{outcome:?} instead of {expected}")),
    }
}

fn equal(what: &str, found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} {found} instead of {expected}")) }
}

/// The typed schemes in the form of the rules, to be held against the expected property.
fn auth_schemes(found: &Resolved) -> Value {
    let scheme = |(at, scheme): (usize, &AuthScheme)| {
        let name = match scheme.name {
            Auth::Sigv4 => "sigv4",
            Auth::Sigv4a => "sigv4a",
            Auth::Sigv4S3Express => "sigv4-s3express",
            other => panic!("no case expects {other:?}"),
        };
        let mut members = Map::from_iter([("name".to_owned(), json!(name))]);
        members.extend(scheme.signing_name.as_ref().map(|it| ("signingName".to_owned(), json!(it))));
        members.extend(scheme.signing_region.as_ref().map(|it| ("signingRegion".to_owned(), json!(it))));
        if !scheme.signing_region_set.is_empty() {
            members.insert("signingRegionSet".to_owned(), json!(scheme.signing_region_set));
        }
        // False is the default, and written out by some rule sets only.
        let stated = found.properties.iter().find(|(name, _)| name == "authSchemes");
        let stated = stated.is_some_and(|(_, list)| list[at].get("disableDoubleEncoding").is_some());
        if scheme.disable_double_encoding || stated {
            members.insert("disableDoubleEncoding".to_owned(), json!(scheme.disable_double_encoding));
        }
        Value::Object(members)
    };
    found.auth_schemes.iter().enumerate().map(scheme).collect()
}
