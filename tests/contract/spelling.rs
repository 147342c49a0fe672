//! Step Functions' own spelling: published names, and every member and error of every service.
//!
//! `data/java-names.json` holds names as facts from outside. Over the whole catalog the suite asks what no list can
//! tell: no two members of a shape share a name, every name has the form that Step Functions' parameters have, and
//! parameters and results with every member set, at every depth, come through both ways whole.

use std::collections::{BTreeMap, BTreeSet};

use handler::catalog::blob::SERVICES;
use handler::catalog::model::{MemberTrait, ShapeTrait};
use handler::catalog::shape::{Kind, Member, Shape};
use handler::catalog::{self, Operation, Service};
use handler::error::{Error, Faults};
use handler::idempotency::token::Tokens;
use handler::input;
use handler::spelling::{Spelling, java};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tests::Tally;

/// Structures inside each other that a value has at most, beyond what is required.
const DEPTH: usize = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Published {
    #[expect(dead_code, reason = "for readers of the file")]
    docs: Vec<String>,
    members: Vec<(String, String, String, String, String)>,
    error_members: Vec<(String, String, String, String, String)>,
    errors: Vec<(String, Option<String>, String, String)>,
}

fn published() -> Published {
    serde_json::from_value(tests::json(&tests::root().join("tests/data/java-names.json"))).unwrap()
}

fn services() -> impl Iterator<Item = &'static Service> {
    SERVICES.iter().map(|entry| catalog::service(entry.id).unwrap())
}

fn operations(service: &'static Service) -> impl Iterator<Item = &'static Operation> {
    service.operation_names().map(|name| service.operation(name).unwrap())
}

/// Every shape with members that an operation reaches, errors included.
fn structures(service: &'static Service) -> BTreeMap<&'static str, &'static Shape> {
    let mut found = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let roots = operations(service).flat_map(|operation| {
        let errors = operation.errors().map(Result::unwrap);
        operation.input.into_iter().chain(operation.output).chain(errors).collect::<Vec<_>>()
    });
    let mut left: Vec<&'static Shape> = roots.collect();
    while let Some(shape) = left.pop() {
        if !seen.insert(std::ptr::from_ref(shape)) {
            continue;
        }
        match &shape.kind {
            Kind::Structure(members) | Kind::Union(members) => {
                found.insert(shape.name(), shape);
                left.extend(members.iter().map(|member| member.target().unwrap()));
            }
            Kind::List(element) | Kind::Map(_, element) => left.push(element.target().unwrap()),
            _ => {}
        }
    }
    found
}

fn is_error(shape: &Shape) -> bool {
    shape.traits.iter().any(|it| matches!(it, ShapeTrait::Error { .. }))
}

#[test]
fn published_members() {
    let mut tally = Tally::new("members' names, published");
    let published = published();
    assert!(published.members.len() >= 100);
    for (service, shape, member, name, _) in published.members.iter().chain(&published.error_members) {
        let known = structures(catalog::service(service).unwrap());
        let has_member = |shape: &&Shape| catalog::members(shape).iter().any(|it| it.name == *member);
        let outcome = match known.get(shape.as_str()).copied().filter(has_member) {
            None => Err(format!("the catalog has no {shape}.{member}")),
            Some(shape) => match Spelling::StepFunctions.member(service, shape, member) {
                got if got == *name => Ok(()),
                got => Err(format!("{got}, not {name}")),
            },
        };
        tally.case(format!("{service} {shape}.{member}"), outcome);
    }
    tally.finish();
}

#[test]
fn published_errors() {
    let mut tally = Tally::new("error names, published");
    for (service, modelled, name, _) in &published().errors {
        let service = catalog::service(service).unwrap();
        let errors = structures(service);
        let shape = modelled
            .as_deref()
            .and_then(|shape| errors.get(shape))
            .filter(|shape| is_error(shape))
            .map(|shape| shape.name());
        assert_eq!(shape, modelled.as_deref());
        let operation = operations(service).next().unwrap();
        let error = Error::service(shape, Some("SomeCode"), "no");
        let spelled = Spelling::StepFunctions.error(operation, error.clone());
        assert_eq!(Spelling::Model.error(operation, error.clone()), error);
        assert_eq!(spelled.code.as_deref(), Some("SomeCode"));
        let outcome = if spelled.name() == name { Ok(()) } else { Err(spelled.name().to_owned()) };
        tally.case(name, outcome);
    }
    tally.finish();
}

#[test]
fn only_a_services_own_error_is_renamed() {
    let operation = catalog::service("lambda").unwrap().operation("invoke").unwrap();
    let ours = Error::new(handler::error::Kind::Unreachable, "no");
    assert_eq!(Spelling::StepFunctions.error(operation, ours).name(), "CrossRegion.Unreachable");
    let callee = Error::callee(Some("OrderRefused"), "no");
    assert_eq!(Spelling::StepFunctions.error(operation, callee).name(), "OrderRefused");
    let mut error = Error::service(Some("TooManyRequestsException"), None, "no");
    error.fields = Map::from_iter([("retryAfterSeconds".to_owned(), json!("7"))]);
    let spelled = Spelling::StepFunctions.error(operation, error);
    assert_eq!(spelled.name(), "Lambda.TooManyRequestsException");
    assert_eq!(spelled.fields, *json!({"RetryAfterSeconds": "7"}).as_object().unwrap());
}

/// The prefixes of every integration that Step Functions documents.
#[test]
fn documented_prefixes() {
    let list = tests::text(&tests::root().join("tests/data/step-functions.txt"));
    let mut tally = Tally::new("error prefixes, documented");
    for prefix in list.lines().filter(|line| !line.starts_with(['#', '-'])) {
        let service = catalog::service(prefix).unwrap();
        let name = java::service(&service.metadata().service_id);
        tally.case(prefix, if name == prefix { Ok(()) } else { Err(name) });
    }
    tally.finish();
}

/// Two members of one name could not be told apart; two errors of one name are caught by one clause, which is how
/// the Java SDK has it.
#[test]
fn no_two_members_of_a_shape_share_a_name() {
    let mut tally = Tally::new("members of every shape");
    let mut shared_errors = Vec::new();
    let (mut renamed, mut renamed_in_errors, mut renamed_errors) = (BTreeSet::new(), 0, 0);
    for service in services() {
        let mut errors: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (shape_name, shape) in structures(service) {
            let mut names = BTreeMap::new();
            for Member { name, .. } in catalog::members(shape) {
                let spelled = java::member(service.id(), shape_name, is_error(shape), name);
                let well_formed = spelled.starts_with(|first: char| first.is_ascii_uppercase())
                    && spelled.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
                let outcome = match names.insert(spelled.clone(), name) {
                    _ if !well_formed => Err(format!("`{spelled}` is no name")),
                    Some(other) => Err(format!("`{spelled}` is also {other}")),
                    None => Ok(()),
                };
                tally.case(format!("{} {shape_name}.{name}", service.id()), outcome);
                renamed.extend(
                    java::RENAMED
                        .iter()
                        .filter(|it| (it.0, it.1, it.2) == (service.id(), shape_name, name))
                        .copied(),
                );
            }
            if is_error(shape) {
                renamed_in_errors += java::RENAMED_IN_ERRORS
                    .iter()
                    .filter(|(id, member, _, shapes)| {
                        let has_it = || catalog::members(shape).iter().any(|it| it.name == *member);
                        *id == service.id() && shapes.contains(&shape_name) && has_it()
                    })
                    .count();
                let is_renamed = |it: &&(&str, &str, &str)| (it.0, it.1) == (service.id(), shape_name);
                renamed_errors += java::RENAMED_ERRORS.iter().filter(is_renamed).count();
                errors.entry(java::exception(service.id(), shape_name)).or_default().push(shape_name);
            }
        }
        let shared = errors.into_iter().filter(|(_, shapes)| shapes.len() > 1);
        shared_errors
            .extend(shared.map(|(name, shapes)| format!("{} {name}: {}", service.id(), shapes.join(", "))));
    }
    assert_eq!(renamed.len(), java::RENAMED.len(), "what is renamed by hand is in the catalog: {renamed:?}");
    let in_errors: usize = java::RENAMED_IN_ERRORS.iter().map(|it| it.3.len()).sum();
    assert_eq!((renamed_in_errors, renamed_errors), (in_errors, java::RENAMED_ERRORS.len()));
    assert_eq!(
        shared_errors,
        [
            "cloudwatch LimitExceededException: LimitExceededException, LimitExceededFault",
            "cloudwatch ResourceNotFoundException: ResourceNotFound, ResourceNotFoundException",
        ]
    );
    tally.finish();
}

/// A value with everything set, under the model's names and under the other. At the end of its depth it has only what
/// is required, and empty collections.
fn value(service: &'static Service, shape: &'static Shape, depth: usize, is_result: bool) -> (Value, Value) {
    let same = |value: Value| (value.clone(), value);
    let structure = |members: Vec<&'static Member>| {
        let mut both = (Map::new(), Map::new());
        for member in members {
            let target = member.target().unwrap();
            let (model, spelled) = match &target.kind {
                Kind::Blob if member.is_payload() && !is_result && is_streamed(member) => {
                    (json!("\"body\""), json!("body"))
                }
                Kind::Blob if member.is_payload() && !is_result => same("body".into()),
                Kind::List(_) if depth == 0 && has_members(target) => same(json!([])),
                Kind::Map(..) if depth == 0 && has_members(target) => same(json!({})),
                _ => value(service, target, depth.saturating_sub(1), is_result),
            };
            let name = java::member(service.id(), shape.name(), is_error(shape), &member.name);
            both.0.insert(member.name.clone(), model);
            both.1.insert(name, spelled);
        }
        (both.0.into(), both.1.into())
    };
    let is_flat = |member: &&Member| !has_members(member.target().unwrap());
    match &shape.kind {
        Kind::Structure(list) => structure(
            list.iter().filter(|it| depth > 0 || it.has(&MemberTrait::Required) || is_flat(it)).collect(),
        ),
        Kind::Union(list) => {
            let flat = list.iter().find(|it| depth == 0 && is_flat(it));
            structure(flat.or(list.first()).into_iter().collect())
        }
        Kind::List(element) => {
            let (model, spelled) = value(service, element.target().unwrap(), depth, is_result);
            (json!([model]), json!([spelled]))
        }
        // Keys that look like members stay what they are.
        Kind::Map(_, element) => {
            let (model, spelled) = value(service, element.target().unwrap(), depth, is_result);
            (json!({"aKey": model, "DBKey": model}), json!({"aKey": spelled, "DBKey": spelled}))
        }
        Kind::Blob if is_result => (json!("aMOp"), json!("hé")),
        Kind::Blob => (json!({"$text": "hé"}), json!("hé")),
        Kind::Timestamp if is_result => (json!("2026-11-22T01:02:03.000Z"), json!("2026-11-22T01:02:03Z")),
        Kind::Timestamp => same("2026-11-22T01:02:03Z".into()),
        Kind::String => same("text".into()),
        Kind::Boolean => same(true.into()),
        Kind::Document => same(json!({"DBName": {"aKey": 1}})),
        Kind::Integer | Kind::Long | Kind::Float | Kind::Double => same(7.into()),
    }
}

fn is_streamed(member: &Member) -> bool {
    member.has(&MemberTrait::Streaming) || member.target().unwrap().has(&ShapeTrait::Streaming)
}

/// Whether a value of the shape names members, itself or in what it holds.
fn has_members(shape: &Shape) -> bool {
    match &shape.kind {
        Kind::Structure(_) | Kind::Union(_) => true,
        Kind::List(element) | Kind::Map(_, element) => has_members(element.target().unwrap()),
        _ => false,
    }
}

#[test]
fn parameters_and_results_of_every_operation_come_through() {
    let mut tally = Tally::new("parameters and results in Step Functions' spelling");
    for service in services() {
        for operation in operations(service) {
            tally.case(format!("{} {}", service.id(), operation.name), both_ways(service, operation));
        }
    }
    tally.finish();
}

fn both_ways(service: &'static Service, operation: &'static Operation) -> Result<(), String> {
    let object = |value: Value| value.as_object().cloned().unwrap();
    if let Some(shape) = operation.input {
        let (model, spelled) = value(service, shape, DEPTH, false);
        let mut faults = Faults::default();
        let read = Spelling::StepFunctions.parameters(operation, object(spelled), &mut faults);
        let read = read.map_err(|error| error.to_string())?;
        if !faults.is_empty() || Value::Object(read.clone()) != model {
            return Err(format!("parameters differ: {faults:?}"));
        }
        let bound = input::bind_spelled(operation, read, Spelling::StepFunctions, faults, Tokens::Random);
        if let Err(error) = bound
            && !error.message.contains("event stream")
        {
            return Err(error.to_string());
        }
    }
    if let Some(shape) = operation.output {
        let (model, spelled) = value(service, shape, DEPTH, true);
        let written = Spelling::StepFunctions.result(operation, object(model));
        let written = written.map_err(|error| error.to_string())?;
        if Value::Object(written) != spelled {
            return Err("results differ".to_owned());
        }
    }
    Ok(())
}

#[test]
fn faults_are_told_in_the_spelling_of_the_event() {
    let faults = |service: &str, action: &str, parameters: Value| {
        let operation = catalog::service(service).unwrap().operation(action).unwrap();
        let mut faults = Faults::default();
        let given = parameters.as_object().cloned().unwrap();
        let read = Spelling::StepFunctions.parameters(operation, given, &mut faults).unwrap();
        let error = input::bind_spelled(operation, read, Spelling::StepFunctions, faults, Tokens::Random)
            .unwrap_err();
        error.faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        faults("rds", "stopDBInstance", json!({"DBInstanceIdentifier": "orders"})),
        [
            "parameters.DBInstanceIdentifier: unknown member, did you mean `DbInstanceIdentifier`?",
            "parameters.DbInstanceIdentifier: missing required member",
        ]
    );
    assert_eq!(
        faults(
            "ecs",
            "runTask",
            json!({"TaskDefinition": "t", "Overrides": {"ContainerOverrides": [{"Cpu": "1"}]}})
        ),
        ["parameters.Overrides.ContainerOverrides[0].Cpu: expected an integer, found a string"]
    );
    assert_eq!(
        faults("iam", "generateCredentialReport", json!({"Force": true})),
        ["parameters.Force: unknown member: the action takes no parameters"]
    );
}

#[test]
fn values_take_the_form_that_the_integrations_give_them() {
    let read = |service: &str, action: &str, parameters: Value| {
        let operation = catalog::service(service).unwrap().operation(action).unwrap();
        let mut faults = Faults::default();
        let given = parameters.as_object().cloned().unwrap();
        let read = Spelling::StepFunctions.parameters(operation, given, &mut faults).unwrap();
        assert!(faults.is_empty());
        Value::Object(read)
    };
    // An object for a string is its JSON text.
    assert_eq!(
        read("sfn", "startExecution", json!({"StateMachineArn": "a", "Input": {"key": ["value"]}})),
        json!({"stateMachineArn": "a", "input": "{\"key\":[\"value\"]}"})
    );
    // A streamed body is the JSON text of any value, and plain text where nothing else is said.
    for (body, sent) in [(json!(false), "false"), (json!("a"), "\"a\""), (json!(["a"]), "[\"a\"]")] {
        let read = read("s3", "putObject", json!({"Bucket": "b", "Key": "k", "Body": body}));
        let plain =
            json!({"Bucket": "b", "Key": "k", "Body": sent, "ContentType": "text/plain; charset=UTF-8"});
        assert_eq!(read, plain);
    }
    let typed = json!({"Bucket": "b", "Key": "k", "Body": "1", "ContentType": "text/csv"});
    assert_eq!(read("s3", "putObject", typed)["ContentType"], "text/csv");
    for body in [json!({"$text": "a"}), json!(null)] {
        let given = json!({"Bucket": "b", "Key": "k", "Body": body});
        assert_eq!(read("s3", "putObject", given.clone()), given);
    }
    // Another whole body is its own text.
    let invoke = |payload: Value| read("lambda", "invoke", json!({"FunctionName": "f", "Payload": payload}));
    assert_eq!(invoke(json!("{}"))["Payload"], "{}");
    assert_eq!(invoke(json!({"a": 1}))["Payload"], json!({"a": 1}));
    assert_eq!(invoke(json!(7))["Payload"], "7");
    // A blob in a body is text, or an explicit form.
    let data = |data: Value| {
        let parameters = json!({"StreamName": "s", "PartitionKey": "p", "Data": data});
        read("kinesis", "putRecord", parameters)["Data"].clone()
    };
    assert_eq!(data(json!("aGk=")), json!({"$text": "aGk="}));
    assert_eq!(data(json!({"order": 7})), json!({"$json": {"order": 7}}));
    assert_eq!(data(json!({"$base64": "aGk="})), json!({"$base64": "aGk="}));

    let operation = catalog::service("kms").unwrap().operation("encrypt").unwrap();
    let written = |blob: &str| {
        let result = Map::from_iter([("CiphertextBlob".to_owned(), json!(blob))]);
        Value::Object(Spelling::StepFunctions.result(operation, result).unwrap())["CiphertextBlob"].clone()
    };
    assert_eq!(written("aGk="), "hi");
    assert_eq!(written("/w=="), json!({"$base64": "/w=="}));

    // A stream of events is a list of them.
    let operation =
        catalog::service("bedrock-runtime").unwrap().operation("invokeModelWithResponseStream").unwrap();
    let read = json!({"body": [{"chunk": {"bytes": "aGk="}}, {"chunk": {"bytes": "IQ=="}}]});
    let written = Spelling::StepFunctions.result(operation, read.as_object().cloned().unwrap()).unwrap();
    assert_eq!(
        Value::Object(written),
        json!({"Body": [{"Chunk": {"Bytes": "hi"}}, {"Chunk": {"Bytes": "!"}}]})
    );
}
