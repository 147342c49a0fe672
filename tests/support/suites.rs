//! The protocol suites that botocore publishes: small models, each with calls or answers that are true for it.
//!
//! Enters: a direction, `input` or `output`. Leaves: its cases, each with the operation that its model makes, through
//! the generator that made the handler's models. Fails by panicking where a suite is none.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handler::catalog::model::{EndpointTemplate, Expression, Rule, RuleSet};
use handler::catalog::{self, Operation};
use serde_json::{Map, Value, json};

use crate::answering::Answering;

/// The suites' own host, moved below a suffix that the operation table lets pass.
pub const HOST: (&str, &str) = ("example.com", "example.amazonaws.com");

/// One case of a suite.
#[derive(Debug)]
pub struct Case {
    /// As in `output/rest-json: RestJsonMaps`.
    pub name: String,
    /// What all cases of a suite share.
    pub suite: Value,
    pub case: Value,
}

/// Every case of one direction, of today's suites and of those that preceded them.
pub fn cases(direction: &str) -> Vec<Case> {
    let folder = crate::botocore().join("tests/unit/protocols");
    let mut all = Vec::new();
    for folder in [folder.join(direction), folder.join("legacy").join(direction)] {
        let is_legacy = folder.parent().is_some_and(|it| it.ends_with("legacy"));
        for file in crate::names(&folder) {
            let Value::Array(suites) = crate::json(&folder.join(&file)) else { panic!("{file} is no array") };
            for (at, mut suite) in suites.into_iter().enumerate() {
                let Value::Array(cases) = suite["cases"].take() else { panic!("{file} has no cases") };
                for (number, mut case) in cases.into_iter().enumerate() {
                    modernise(&mut suite["shapes"], &mut case["given"]);
                    let file = file.trim_end_matches(".json");
                    let id = case["id"].as_str().map_or_else(|| format!("{at}:{number}"), ToOwned::to_owned);
                    let legacy = if is_legacy { "legacy/" } else { "" };
                    let name = format!("{legacy}{direction}/{file}: {id}");
                    all.push(Case { name, suite: suite.clone(), case });
                }
            }
        }
    }
    all
}

impl Case {
    pub fn operation(&self) -> Result<&'static Operation, String> {
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
        let service = modelgen::service::service(
            "suite",
            &model,
            rules(),
            &modelgen::botocore::Paginators::default(),
            &modelgen::botocore::Waiters::default(),
        )
        .map_err(|error| format!("model: {error}"))?;
        let service = serde_json::from_value(serde_json::to_value(service).unwrap()).unwrap();
        let service = self.open(service).map_err(|error| format!("model: {error}"))?;
        service.operation(name).map_err(|error| error.message)
    }

    /// The answer of a case of the direction `output`.
    pub fn answering(&self) -> Result<Answering, String> {
        let response = &self.case["response"];
        let body = response["body"].as_str().unwrap_or_default();
        let body = if self.protocol() == "smithy-rpc-v2-cbor" || self.has_events() {
            STANDARD.decode(body).map_err(|error| error.to_string())?
        } else {
            body.as_bytes().to_vec()
        };
        let headers = response["headers"].as_object().into_iter().flatten();
        Ok(Answering {
            status: response["status_code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(200),
            headers: headers
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
                .collect(),
            body,
            ..Answering::default()
        })
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

    pub fn has_events(&self) -> bool {
        self.suite["shapes"].as_object().into_iter().flatten().any(|(_, shape)| shape["eventstream"] == true)
    }

    pub fn protocol(&self) -> &str {
        self.suite["metadata"]["protocol"].as_str().unwrap_or_default()
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
        // One of them calls a map a string.
        if shape.contains_key("key") {
            shape.insert("type".to_owned(), "map".into());
        }
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
