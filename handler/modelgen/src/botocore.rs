//! botocore's own vocabulary, as far as it is read.
//!
//! Enters: `service-2.json`, `paginators-1.json` (both with their `.sdk-extras.json` merged in), `waiters-2.json`,
//! `endpoint-rule-set-1.json` and `partitions.json`. Leaves: the same facts as types. Fails on a field that is neither
//! read here nor dropped by name in [`DROPPED`], so that a new trait in a newer botocore is seen and not lost.
//!
//! Maps keep the order of the file, because the order of a structure's members is part of the model.

#![expect(clippy::struct_excessive_bools, reason = "the flags are botocore's")]

use std::path::Path;

use indexmap::IndexMap;
use serde::de::{self, DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Error;

/// What no request, answer or check depends on.
const DROPPED: &[&str] = &[
    // Documentation.
    "documentation",
    "deprecatedMessage",
    "deprecatedSince",
    "examples",
    "description",
    // Constraints: the service's own business.
    "box",
    "enum",
    "max",
    "min",
    "pattern",
    // How generated code or documents are laid out.
    "clientContextParams",
    "fault",
    "ripServiceName",
    "serviceAbbreviation",
    "serviceFullName",
    "synthetic",
    "uid",
    "version",
    "wrapper",
    "xmlOrder",
    // Said twice: the key is the name, and old models repeat an error's traits where an operation names it.
    "deprecated",
    "error",
    "exception",
    "name",
    // Settled elsewhere: endpoints by the rule sets, Glacier's tree hash and S3's MD5 by their services' quirks,
    // HTTP/2 by event-stream input, which is refused.
    "checksumFormat",
    "globalEndpoint",
    "protocolSettings",
];

/// Takes the fields that no other field of a struct took, and refuses those that are not in [`DROPPED`].
#[derive(Debug, Default)]
pub struct Dropped;

impl<'de> Deserialize<'de> for Dropped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Dropped;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("fields that are read or dropped by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Dropped, M::Error> {
                while let Some(name) = map.next_key::<String>()? {
                    if !DROPPED.contains(&name.as_str()) {
                        return Err(de::Error::custom(format!("unknown field `{name}`")));
                    }
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(Dropped)
            }
        }

        deserializer.deserialize_map(Names)
    }
}

#[derive(Debug, Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    pub operations: IndexMap<String, Operation>,
    pub shapes: IndexMap<String, Shape>,
    #[serde(flatten)]
    pub dropped: Dropped,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    pub api_version: String,
    pub endpoint_prefix: String,
    pub protocol: String,
    pub protocols: Vec<String>,
    pub service_id: String,
    pub signature_version: String,
    pub auth: Vec<String>,
    pub signing_name: Option<String>,
    pub json_version: String,
    pub target_prefix: String,
    pub xml_namespace: XmlNamespace,
    pub aws_query_compatible: Option<IgnoredAny>,
    #[serde(flatten)]
    pub dropped: Dropped,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Operation {
    pub http: Http,
    pub input: Option<Reference>,
    pub output: Option<Reference>,
    pub errors: Vec<Reference>,
    #[serde(rename = "readonly")]
    pub read_only: bool,
    pub idempotent: bool,
    pub deprecated: bool,
    pub endpoint: Endpoint,
    pub static_context_params: IndexMap<String, StaticContextParam>,
    pub operation_context_params: IndexMap<String, OperationContextParam>,
    pub auth: Vec<String>,
    #[serde(rename = "authtype")]
    pub auth_type: Option<String>,
    pub unsigned_payload: bool,
    pub http_checksum_required: bool,
    pub http_checksum: Option<HttpChecksum>,
    #[serde(rename = "endpointdiscovery")]
    pub endpoint_discovery: Option<EndpointDiscovery>,
    #[serde(rename = "endpointoperation")]
    pub endpoint_operation: bool,
    #[serde(rename = "requestcompression")]
    pub request_compression: RequestCompression,
    #[serde(flatten)]
    pub dropped: Dropped,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Http {
    pub method: String,
    pub request_uri: String,
    pub response_code: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Endpoint {
    pub host_prefix: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticContextParam {
    pub value: Literal,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationContextParam {
    pub path: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Literal {
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct HttpChecksum {
    pub request_algorithm_member: Option<String>,
    pub request_checksum_required: bool,
    pub request_validation_mode_member: Option<String>,
    pub response_algorithms: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct EndpointDiscovery {
    pub required: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RequestCompression {
    pub encodings: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    pub members: IndexMap<String, Reference>,
    pub member: Option<Reference>,
    pub key: Option<Reference>,
    pub value: Option<Reference>,
    pub required: Vec<String>,
    pub payload: Option<String>,
    pub exception: bool,
    pub error: Option<ErrorTrait>,
    pub retryable: Option<Retryable>,
    pub union: bool,
    pub document: bool,
    pub sparse: bool,
    pub sensitive: bool,
    pub event: bool,
    #[serde(rename = "eventstream")]
    pub event_stream: bool,
    pub requires_length: bool,
    #[serde(flatten)]
    pub binding: Binding,
}

/// A use of a shape: a member, an element, an operation's input, output or error.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reference {
    pub shape: String,
    pub location: Option<String>,
    pub query_name: Option<String>,
    pub xml_attribute: bool,
    pub result_wrapper: Option<String>,
    #[serde(rename = "eventstream")]
    pub event_stream: bool,
    #[serde(rename = "eventheader")]
    pub event_header: bool,
    #[serde(rename = "eventpayload")]
    pub event_payload: bool,
    pub host_label: bool,
    pub idempotency_token: bool,
    pub context_param: Option<ContextParam>,
    pub sensitive: bool,
    #[serde(flatten)]
    pub binding: Binding,
}

/// The traits that a shape lends to each use of it, where the use has none of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Binding {
    pub location_name: Option<String>,
    pub flattened: bool,
    pub xml_namespace: XmlNamespace,
    pub timestamp_format: Option<String>,
    #[serde(rename = "jsonvalue")]
    pub json_value: bool,
    pub streaming: bool,
    pub deprecated: bool,
    #[serde(flatten)]
    pub dropped: Dropped,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextParam {
    pub name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ErrorTrait {
    pub code: Option<String>,
    pub http_status_code: Option<u16>,
    pub sender_fault: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Retryable {
    pub throttling: bool,
}

/// A bare URI, or an object of URI and prefix. Empty where absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct XmlNamespace {
    pub uri: String,
    pub prefix: String,
}

impl<'de> Deserialize<'de> for XmlNamespace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Uri(String),
            Full {
                uri: String,
                #[serde(default)]
                prefix: String,
            },
        }

        Ok(match Form::deserialize(deserializer)? {
            Form::Uri(uri) => Self { uri, prefix: String::new() },
            Form::Full { uri, prefix } => Self { uri, prefix },
        })
    }
}

#[derive(Debug, Default, Deserialize)]
pub struct Paginators {
    #[serde(default)]
    pub pagination: IndexMap<String, Paginator>,
    #[serde(flatten)]
    pub dropped: Dropped,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Paginator {
    pub input_token: OneOrMore,
    pub output_token: OneOrMore,
    pub limit_key: String,
    pub result_key: OneOrMore,
    pub more_results: String,
    pub non_aggregate_keys: Vec<String>,
}

#[derive(Debug, Default)]
pub struct OneOrMore(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            One(String),
            More(Vec<String>),
        }

        Ok(Self(match Form::deserialize(deserializer)? {
            Form::One(value) => vec![value],
            Form::More(values) => values,
        }))
    }
}

#[derive(Debug, Default, Deserialize)]
pub struct Waiters {
    #[serde(default)]
    pub waiters: IndexMap<String, Waiter>,
    #[serde(flatten)]
    pub dropped: Dropped,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiter {
    pub operation: String,
    pub delay: u32,
    pub max_attempts: u32,
    pub acceptors: Vec<Acceptor>,
    #[serde(flatten)]
    pub dropped: Dropped,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptor {
    pub state: String,
    pub matcher: String,
    #[serde(default)]
    pub argument: String,
    pub expected: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Expected {
    Bool(bool),
    Status(u16),
    Text(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    pub version: String,
    pub parameters: IndexMap<String, Parameter>,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    #[serde(rename = "type")]
    pub kind: String,
    pub built_in: Option<String>,
    #[serde(default)]
    pub required: bool,
    pub default: Option<Literal>,
    #[serde(flatten)]
    pub dropped: Dropped,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Rule {
    Endpoint { conditions: Vec<Condition>, endpoint: RuleEndpoint },
    Error { conditions: Vec<Condition>, error: Expression },
    Tree { conditions: Vec<Condition>, rules: Vec<Rule> },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    #[serde(rename = "fn")]
    pub function: String,
    pub argv: Vec<Expression>,
    #[serde(default)]
    pub assign: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleEndpoint {
    pub url: Expression,
    #[serde(default)]
    pub headers: IndexMap<String, Vec<Expression>>,
    #[serde(default)]
    pub properties: IndexMap<String, Expression>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Expression {
    Bool(bool),
    Int(i64),
    Text(String),
    Array(Vec<Expression>),
    Call {
        #[serde(rename = "fn")]
        function: String,
        argv: Vec<Expression>,
    },
    Ref {
        #[serde(rename = "ref")]
        name: String,
    },
    Object(IndexMap<String, Expression>),
}

#[derive(Debug, Deserialize)]
pub struct Partitions {
    pub partitions: Vec<Partition>,
    #[serde(flatten)]
    pub dropped: Dropped,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Partition {
    pub id: String,
    pub outputs: PartitionOutputs,
    pub region_regex: String,
    pub regions: IndexMap<String, IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionOutputs {
    pub dns_suffix: String,
    pub dual_stack_dns_suffix: String,
    pub implicit_global_region: String,
    pub supports_dual_stack: bool,
    #[serde(rename = "supportsFIPS")]
    pub supports_fips: bool,
    #[serde(flatten)]
    pub dropped: Dropped,
}

/// Any JSON, with the order of its fields kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Json {
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    Array(Vec<Json>),
    Object(IndexMap<String, Json>),
    Null,
}

impl Json {
    /// Objects are merged field by field; anything else is replaced.
    fn merge(&mut self, other: Json) {
        match (self, other) {
            (Json::Object(fields), Json::Object(more)) => {
                for (name, value) in more {
                    match fields.get_mut(&name) {
                        Some(field) => field.merge(value),
                        None => {
                            fields.insert(name, value);
                        }
                    }
                }
            }
            (place, other) => *place = other,
        }
    }
}

/// Reads `<folder>/<name>.json`, with the `merge` of `<folder>/<name>.sdk-extras.json` where there is one.
/// Nothing where the file does not exist.
pub fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Option<T>, Error> {
    let path = folder.join(format!("{name}.json"));
    if !path.is_file() {
        return Ok(None);
    }
    let text = crate::read_text(&path)?;
    let extras = folder.join(format!("{name}.sdk-extras.json"));
    if !extras.is_file() {
        return parse(&path, &text).map(Some);
    }

    let mut model: Json = parse(&path, &text)?;
    if let Json::Object(mut fields) = parse(&extras, &crate::read_text(&extras)?)?
        && let Some(merge) = fields.shift_remove("merge")
    {
        model.merge(merge);
    }
    let text = serde_json::to_string(&model).map_err(|source| Error::json(&path, source))?;
    parse(&path, &text).map(Some)
}

/// Reads a file that must be there.
pub fn read_required<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T, Error> {
    read(folder, name)?
        .ok_or_else(|| Error::Missing(folder.join(format!("{name}.json")).display().to_string()))
}

/// The newest API version of a service: the folder that is last in order and holds a model.
pub fn latest_version(service: &Path) -> Result<Option<std::path::PathBuf>, Error> {
    let mut versions: Vec<_> =
        crate::list(service)?.into_iter().filter(|path| path.join("service-2.json").is_file()).collect();
    versions.sort();
    Ok(versions.pop())
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|source| Error::json(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_field_of_a_member_is_refused_by_name() {
        let read = serde_json::from_str::<Shape>(
            r#"{"type": "structure", "members": {"A": {"shape": "S", "documentation": "…", "newTrait": true}}}"#,
        );
        assert!(read.unwrap_err().to_string().contains("unknown field `newTrait`"));
    }

    #[test]
    fn dropped_fields_pass() {
        let shape: Shape =
            serde_json::from_str(r#"{"type": "string", "documentation": "…", "enum": ["A"], "box": true}"#)
                .unwrap();
        assert_eq!(shape.kind, "string");
    }

    #[test]
    fn extras_are_merged_into_the_shapes_they_name() {
        let mut model: Json =
            serde_json::from_str(r#"{"shapes": {"A": {"members": {"x": {"shape": "S"}}}}}"#).unwrap();
        model.merge(
            serde_json::from_str(
                r#"{"shapes": {"A": {"members": {"b": {"shape": "S"}}}, "B": {"type": "string"}}}"#,
            )
            .unwrap(),
        );
        assert_eq!(
            serde_json::to_string(&model).unwrap(),
            r#"{"shapes":{"A":{"members":{"x":{"shape":"S"},"b":{"shape":"S"}}},"B":{"type":"string"}}}"#
        );
    }
}
