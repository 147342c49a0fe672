//! The protocol suites that botocore publishes, through the handler's own stages.
//!
//! Every case brings a small model. It goes through the generator that made the handler's models, is packed and opened
//! as they are, and its call is bound, routed, serialised and signed, or answered and read, as any other. The cases
//! that are left out stand in `protocols/skipped.json`, each with its reason.

#[path = "protocols/values.rs"]
mod values;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handler::catalog::model::{EndpointTemplate, Expression, Rule, RuleSet};
use handler::catalog::{self, Operation};
use handler::client::transport::Transport;
use serde_json::{Map, Value, json};
use tests::answering::Answering;
use tests::wire::{self, Form, Request};
use tests::{Tally, calls};

use values::Shapes;

/// The suites' own host, moved below a suffix that the operation table lets pass.
const HOST: (&str, &str) = ("example.com", "example.amazonaws.com");

#[tokio::test]
async fn requests() {
    let mut tally = Tally::new("protocol requests");
    for case in cases("input") {
        match case.skipped {
            Some(reason) => tally.skip(reason),
            None => tally.case(&case.name, request(&case).await),
        }
    }
    tally.finish();
}

#[tokio::test]
async fn answers() {
    let mut tally = Tally::new("protocol answers");
    for case in cases("output") {
        match case.skipped {
            Some(reason) => tally.skip(reason),
            None => tally.case(&case.name, answer(&case).await),
        }
    }
    tally.finish();
}

/// A skipped case that is not there hides that a suite changed.
#[test]
fn skipped_cases_exist() {
    let all: BTreeSet<String> =
        cases("input").into_iter().chain(cases("output")).map(|case| case.name).collect();
    for name in skipped().keys() {
        assert!(all.contains(name), "{name} is in no suite");
    }
}

struct Case {
    /// As in `output/rest-json: RestJsonMaps`.
    name: String,
    skipped: Option<&'static str>,
    /// What all cases of a suite share.
    suite: Value,
    case: Value,
}

/// Every case of one direction, of today's suites and of those that preceded them.
fn cases(direction: &str) -> Vec<Case> {
    let folder = tests::botocore().join("tests/unit/protocols");
    let skipped = skipped();
    let mut all = Vec::new();
    for folder in [folder.join(direction), folder.join("legacy").join(direction)] {
        let is_legacy = folder.parent().is_some_and(|it| it.ends_with("legacy"));
        for file in tests::names(&folder) {
            let Value::Array(suites) = tests::json(&folder.join(&file)) else { panic!("{file} is no array") };
            for (at, mut suite) in suites.into_iter().enumerate() {
                let Value::Array(cases) = suite["cases"].take() else { panic!("{file} has no cases") };
                for (number, mut case) in cases.into_iter().enumerate() {
                    modernise(&mut suite["shapes"], &mut case["given"]);
                    let file = file.trim_end_matches(".json");
                    let id = case["id"].as_str().map_or_else(|| format!("{at}:{number}"), ToOwned::to_owned);
                    let legacy = if is_legacy { "legacy/" } else { "" };
                    let name = format!("{legacy}{direction}/{file}: {id}");
                    let reason = skipped.get(&name).copied();
                    all.push(Case { name, skipped: reason, suite: suite.clone(), case });
                }
            }
        }
    }
    all
}

fn skipped() -> BTreeMap<String, &'static str> {
    let list: BTreeMap<String, String> =
        serde_json::from_str(include_str!("protocols/skipped.json")).unwrap();
    list.into_iter().map(|(name, reason)| (name, &*reason.leak())).collect()
}

impl Case {
    fn operation(&self) -> Result<&'static Operation, String> {
        let given = &self.case["given"];
        let name = given["name"].as_str().unwrap_or("OperationName");
        let mut operation = given.clone();
        operation["name"] = name.into();
        if operation["http"].is_null() {
            operation["http"] = json!({"method": "POST", "requestUri": "/"});
        }
        if self.protocol() == "query" && !operation["output"].is_null() {
            // The suites' answers are wrapped as the protocol wants it, though their models do not say so.
            operation["output"]["resultWrapper"] = format!("{name}Result").into();
        }
        let mut metadata = json!({"serviceId": "Suite", "endpointPrefix": "suite", "signatureVersion": "v4"});
        for (key, value) in self.suite["metadata"].as_object().into_iter().flatten() {
            metadata[key] = value.clone();
        }
        let model =
            json!({"metadata": metadata, "operations": {name: operation}, "shapes": self.suite["shapes"]});
        let model = serde_json::from_value(model).map_err(|error| format!("model: {error}"))?;
        let service =
            modelgen::service::service("suite", &model, rules(), &Default::default(), &Default::default())
                .map_err(|error| format!("model: {error}"))?;
        let service = serde_json::from_value(serde_json::to_value(service).unwrap()).unwrap();
        let service = self.open(service).map_err(|error| format!("model: {error}"))?;
        service.operation(name).map_err(|error| error.message)
    }

    fn open(
        &self,
        mut model: catalog::model::Service,
    ) -> Result<&'static catalog::Service, Box<dyn std::error::Error>> {
        let endpoint = self.suite["clientEndpoint"].as_str().unwrap_or("https://example.com");
        let url = Expression::Text(endpoint.replace(HOST.0, HOST.1));
        let template = EndpointTemplate { url, headers: Vec::new(), properties: Vec::new() };
        model.endpoints =
            RuleSet { parameters: Vec::new(), rules: vec![Rule::Endpoint(Vec::new(), template)] };
        catalog::open(model)
    }

    fn has_events(&self) -> bool {
        self.suite["shapes"].as_object().into_iter().flatten().any(|(_, shape)| shape["eventstream"] == true)
    }

    fn protocol(&self) -> &str {
        self.suite["metadata"]["protocol"].as_str().unwrap_or_default()
    }

    fn shapes(&self) -> Shapes<'_> {
        Shapes(&self.suite["shapes"])
    }
}

/// The older suites write models as no published one is written any more: the payload at the operation, the location
/// at the target shape.
fn modernise(shapes: &mut Value, operation: &mut Value) {
    for direction in ["input", "output"] {
        let Some(reference) = operation[direction].as_object_mut() else { continue };
        let shape = reference.get("shape").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(payload) = reference.remove("payload") {
            shapes[shape]["payload"] = payload;
        }
    }
    let mut located = Map::new();
    for (name, shape) in shapes.as_object_mut().into_iter().flatten() {
        let Some(shape) = shape.as_object_mut() else { continue };
        shape.remove("resultWrapper");
        if let Some(location) = shape.remove("location") {
            let name_there = shape.remove("locationName").unwrap_or_default();
            located.insert(name.clone(), json!({"location": location, "locationName": name_there}));
        }
        if let Some(element) = shape.get_mut("member").and_then(Value::as_object_mut) {
            element.remove("LocationName");
        }
    }
    for (_, shape) in shapes.as_object_mut().into_iter().flatten() {
        for (_, member) in shape.get_mut("members").and_then(Value::as_object_mut).into_iter().flatten() {
            let target = member["shape"].as_str().unwrap_or_default().to_owned();
            for (key, value) in located.get(&target).and_then(Value::as_object).into_iter().flatten() {
                if member[key].is_null() && !value.is_null() {
                    member[key] = value.clone();
                }
            }
        }
    }
}

/// Replaced once the model is the handler's own type.
fn rules() -> modelgen::model::RuleSet {
    modelgen::model::RuleSet { parameters: Vec::new(), rules: Vec::new() }
}

async fn request(case: &Case) -> Result<(), String> {
    let operation = case.operation()?;
    let parameters = case.shapes().parameters(&case.case["given"]["input"], &case.case["params"]);
    let clients = calls::clients(Transport::default());
    let sent = calls::sign(&clients, operation, parameters).await.map_err(|error| error.to_message())?;
    compare(case, &case.case["serialized"], &sent)
}

fn compare(case: &Case, expected: &Value, sent: &Request) -> Result<(), String> {
    if let Some(method) = expected["method"].as_str() {
        same("method", &method, &sent.method.as_str())?;
    }
    let (_, path, query) = wire::address(expected["uri"].as_str().unwrap_or("/"));
    same("path", &path, &sent.path)?;
    let sent_query =
        sent.query.iter().map(|(name, value)| (name.clone(), tokenless(expected, value))).collect();
    same("query", &query, &sent_query)?;
    if let Some(host) = expected["host"].as_str() {
        let host = host.split('/').next().unwrap_or_default().replace(HOST.0, HOST.1);
        same("host", &host, &sent.host)?;
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let found = sent.headers.get(&name.to_lowercase());
        let found = found.ok_or_else(|| format!("header {name} is missing"))?;
        // UTF-8 is all that these media types know.
        let expected = value.as_str().unwrap_or_default().trim_end_matches("; charset=utf-8");
        same(&format!("header {name}"), &spaced(expected), &spaced(found))?;
    }
    for name in expected["forbidHeaders"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if let Some(value) = sent.headers.get(&name.to_lowercase()) {
            return Err(format!("header {name} is forbidden, found {value}"));
        }
    }
    for name in expected["requireHeaders"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !sent.headers.contains_key(&name.to_lowercase()) {
            return Err(format!("header {name} is missing"));
        }
    }
    let body = tokenless(expected, &String::from_utf8_lossy(&sent.body));
    match expected["body"].as_str() {
        None => Ok(()),
        Some(body) if case.protocol() == "smithy-rpc-v2-cbor" => wire::same_body(
            Form::Cbor,
            &STANDARD.decode(body).map_err(|error| error.to_string())?,
            &sent.body,
        ),
        Some(expected) => wire::same_body(form(case, expected), expected.as_bytes(), body.as_bytes()),
    }
}

/// The suites fill in a token of zeros; ours are random UUIDs.
fn tokenless(expected: &Value, text: &str) -> String {
    const ZEROS: &str = "00000000-0000-4000-8000-000000000000";
    if !expected.to_string().contains(ZEROS) {
        return text.to_owned();
    }
    let is_token =
        |at: usize| text.get(at..at + ZEROS.len()).is_some_and(|it| uuid::Uuid::parse_str(it).is_ok());
    match (0..text.len()).find(|at| is_token(*at)) {
        Some(at) => text.replace(&text[at..at + ZEROS.len()], ZEROS),
        None => text.to_owned(),
    }
}

fn form(case: &Case, body: &str) -> Form {
    match case.protocol() {
        "json" | "rest-json" => Form::Json,
        "rest-xml" if body.trim_start().starts_with('<') => Form::Xml,
        "query" | "ec2" => Form::Pairs,
        _ => Form::Bytes,
    }
}

/// Elements of header lists may stand with or without a space between.
fn spaced(header: &str) -> String {
    header.split(',').map(str::trim).collect::<Vec<_>>().join(", ")
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}")) }
}

async fn answer(case: &Case) -> Result<(), String> {
    let operation = case.operation()?;
    let response = &case.case["response"];
    let body = response["body"].as_str().unwrap_or_default();
    let body = match case.protocol() {
        "smithy-rpc-v2-cbor" => STANDARD.decode(body).map_err(|error| error.to_string())?,
        _ if case.has_events() => STANDARD.decode(body).map_err(|error| error.to_string())?,
        _ => body.as_bytes().to_vec(),
    };
    let headers = response["headers"].as_object().into_iter().flatten();
    let answering = Answering {
        status: response["status_code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(200),
        headers: headers
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        body,
        ..Answering::default()
    };
    let clients = calls::clients(Transport::replaced(answering.client()));
    let outcome = calls::send(&clients, operation, Map::new()).await;
    let error = &case.case["error"];
    match outcome {
        Ok(answer) if error.is_null() => {
            let expected = case.shapes().result(&case.case["given"]["output"], &case.case["result"]);
            let mut found = Value::Object(answer.members);
            if let Some(body) = answer.body.filter(|body| !body.bytes.is_empty()) {
                found[body.member] = String::from_utf8_lossy(&body.bytes).into();
            }
            if wire::same_json(&expected, &found) {
                Ok(())
            } else {
                Err(format!("\n    expected {expected}\n    found    {found}"))
            }
        }
        Err(found) if !error.is_null() => {
            let code = found.code.as_deref().unwrap_or(found.name());
            same("code", &case.case["errorCode"].as_str().unwrap_or_default(), &code)?;
            if let Some(message) = case.case["errorMessage"].as_str() {
                same("message", &message, &found.message.as_str())?;
            }
            for (name, value) in error
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(name, _)| *name != "message" && *name != "Message")
            {
                // Members that are no scalars are named, not shown.
                let value = if value.is_object() || value.is_array() { &Value::Null } else { value };
                match found.fields.get(name) {
                    Some(field) => same(name, value, field)?,
                    None => return Err(format!("member {name} is missing")),
                }
            }
            Ok(())
        }
        Ok(answer) => Err(format!("an error was answered, found {:?}", answer.members)),
        Err(error) => Err(error.to_message()),
    }
}
