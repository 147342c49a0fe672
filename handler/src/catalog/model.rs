//! The vocabulary of a service model: what `modelgen` writes, `build.rs` packs and `catalog.rs` reads.
//!
//! One definition serves three forms. `modelgen` derives these values from botocore's `service-2.json`,
//! `endpoint-rule-set-1.json`, `paginators-1.json` and `waiters-2.json` and writes them as JSON
//! (`handler/models/<service>.json`: tuple structs are arrays, so that one operation or one shape is one short
//! line). `build.rs` reads that JSON and writes each record with postcard. The handler reads single records back.
//!
//! Traits carry Smithy's names, not botocore's: the generator has already settled what botocore leaves to each
//! serializer (which `locationName` means what, flattened list names, `queryName` of ec2, URI labels).
//! Nothing here is optional by omission: postcard is not self-describing, so a field may not be skipped.
//!
//! `R` is how a shape refers to another: its name in the JSON form, its index in the sorted shape list when packed.

use serde::{Deserialize, Serialize};

/// All that is known of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service<R = String> {
    pub metadata: Metadata,
    /// Sorted by name.
    pub operations: Vec<Operation<R>>,
    /// Sorted by name.
    pub shapes: Vec<Shape<R>>,
    /// Sorted by operation name.
    pub paginators: Vec<Paginator>,
    /// Sorted by name.
    pub waiters: Vec<Waiter>,
    pub endpoints: RuleSet,
}

/// What holds for every operation of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Canonical id: the folder name in botocore, as in `bedrock-agent`.
    pub id: String,
    /// Every spelling that users write, the id's own among them: lower case without hyphens and spaces, sorted.
    pub aliases: Vec<String>,
    /// `serviceId`, as in `Bedrock Agent`: the SDKs' name in metadata, user agent and endpoint discovery.
    pub service_id: String,
    pub api_version: String,
    pub protocol: Protocol,
    /// `targetPrefix` of awsJson, and the service shape name in the rpcv2Cbor path; may be empty.
    pub target_prefix: String,
    /// `signingName`, or the endpoint prefix where that is absent.
    pub signing_name: String,
    pub endpoint_prefix: String,
    /// In order of preference.
    pub auth: Vec<Auth>,
    /// The service's `xmlNamespace` URI; may be empty.
    pub xml_namespace: String,
    /// The service answers `x-amzn-query-error` headers.
    pub aws_query_compatible: bool,
}

/// The wire protocols that AWS services speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    AwsJson1_0,
    AwsJson1_1,
    RestJson1,
    RestXml,
    AwsQuery,
    Ec2Query,
    RpcV2Cbor,
}

/// An authentication scheme as the model or an endpoint names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Auth {
    Sigv4,
    Sigv4a,
    Sigv4S3,
    Sigv4S3Express,
    /// The two services that never moved on, `sdb` and `importexport`.
    Sigv2,
    Bearer,
    None,
}

/// `[name, method, uri, input, output, errors, traits]`. The URI keeps its query literals; labels are member names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation<R = String>(
    pub String,
    pub String,
    pub String,
    pub Option<R>,
    pub Option<R>,
    pub Vec<R>,
    pub Vec<OperationTrait>,
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperationTrait {
    ReadOnly,
    Idempotent,
    Deprecated,
    /// Replaces the service's own list.
    Auth(Vec<Auth>),
    UnsignedPayload,
    /// A success code other than 200.
    ResponseCode(u16),
    /// `Content-MD5`, or a flexible checksum, must be sent.
    ChecksumRequired,
    RequestChecksum {
        /// The member that names the algorithm; may be empty.
        algorithm_member: String,
        required: bool,
    },
    ResponseChecksum {
        /// The member that switches validation on.
        mode_member: String,
        algorithms: Vec<String>,
    },
    /// Encodings, in order of preference.
    RequestCompression(Vec<String>),
    /// May hold `{Member}` labels.
    HostPrefix(String),
    StaticContextParam(String, ParamValue),
    /// `[parameter, JMESPath over the input]`.
    OperationContextParam(String, String),
    EndpointDiscovery {
        required: bool,
    },
    /// The operation that endpoint discovery calls.
    EndpointOperation,
    /// awsQuery: the element around the output; absent means that the output stands directly in the root.
    ResultWrapper(String),
    /// restXml: root element of the request, where the input shape itself is the body.
    InputRoot(XmlRoot),
    /// The input holds an event stream, which a Lambda function cannot send.
    EventStreamInput,
}

/// Name and namespace URI of an XML root element; either may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct XmlRoot(pub String, pub String);

/// `[name, kind, traits]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape<R = String>(pub String, pub Kind<R>, pub Vec<ShapeTrait>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind<R = String> {
    Blob,
    Boolean,
    /// Any JSON.
    Document,
    Double,
    Float,
    Integer,
    Long,
    String,
    Timestamp,
    List(Box<Member<R>>),
    Map(Box<Member<R>>, Box<Member<R>>),
    /// Members in the model's order.
    Structure(Vec<Member<R>>),
    Union(Vec<Member<R>>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ShapeTrait {
    Sensitive,
    Streaming,
    /// A streaming body that needs a Content-Length.
    RequiresLength,
    /// A union whose members are events on the wire.
    EventStream,
    Event,
    /// Null elements of this list or map are data.
    Sparse,
    TimestampFormat(TimestampFormat),
    Error {
        /// The wire code; the shape's name where the model gives no other.
        code: String,
        /// 0 where the model gives none.
        status: u16,
        /// The sender (client) is at fault.
        sender: bool,
    },
    /// A modelled retryable error; true for throttling.
    Retryable(bool),
}

/// `[name, target, traits]`; the name of a list's member, a map's key or value is empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member<R = String>(pub String, pub R, pub Vec<MemberTrait>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MemberTrait {
    Required,
    IdempotencyToken,
    HostLabel,
    Label,
    Header(String),
    PrefixHeaders(String),
    Query(String),
    QueryParams,
    StatusCode,
    Payload,
    JsonName(String),
    XmlName(String),
    XmlAttribute,
    XmlFlattened,
    /// `[uri, prefix]`; the prefix may be empty.
    XmlNamespace(String, String),
    TimestampFormat(TimestampFormat),
    /// ec2Query: the name in requests, where it differs from the capitalised `XmlName` or member name.
    Ec2QueryName(String),
    ContextParam(String),
    /// A string that holds JSON: base64 in a header, plain text elsewhere.
    JsonValue,
    EventHeader,
    EventPayload,
    Streaming,
    Sensitive,
    Deprecated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TimestampFormat {
    EpochSeconds,
    DateTime,
    HttpDate,
}

/// How one operation's answers are joined; paths are JMESPath over input or output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paginator {
    pub operation: String,
    pub input_token: Vec<String>,
    pub output_token: Vec<String>,
    /// May be empty.
    pub limit_key: String,
    /// The first is the primary one.
    pub result_key: Vec<String>,
    /// May be empty.
    pub more_results: String,
    pub non_aggregate_keys: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiter {
    pub name: String,
    pub operation: String,
    /// Seconds.
    pub delay: u32,
    pub max_attempts: u32,
    pub acceptors: Vec<Acceptor>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acceptor {
    pub state: WaiterState,
    pub matcher: Matcher,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WaiterState {
    Success,
    Failure,
    Retry,
}

/// Arguments are JMESPath over the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Matcher {
    Path(String, ParamValue),
    PathAll(String, ParamValue),
    PathAny(String, ParamValue),
    /// An error code; empty stands for any error.
    Error(String),
    /// No error at all.
    Success,
    Status(u16),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ParamValue {
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
}

/// An endpoint rule set, version 1.0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleSet {
    /// Sorted by name.
    pub parameters: Vec<Parameter>,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    pub name: String,
    /// `AWS::Region` and the like; empty where the parameter has no source outside the operation.
    pub built_in: String,
    pub required: bool,
    pub default: Option<ParamValue>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rule {
    Endpoint(Vec<Condition>, EndpointTemplate),
    Error(Vec<Condition>, Expression),
    Tree(Vec<Condition>, Vec<Rule>),
}

/// `[expression, name]`: holds when the value is neither absent nor false; the name, if not empty, is bound to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition(pub Expression, pub String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointTemplate {
    pub url: Expression,
    /// Name and values.
    pub headers: Vec<(String, Vec<Expression>)>,
    pub properties: Vec<(String, Expression)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Expression {
    Ref(String),
    Bool(bool),
    Int(i64),
    Text(String),
    /// Literal and inserted parts, as in `https://{Bucket}.s3`; a part `{a#b}` is a `GetAttr`.
    Template(Vec<Expression>),
    Array(Vec<Expression>),
    Object(Vec<(String, Expression)>),
    /// Path segments: names, and indexes written as `[0]`.
    GetAttr(Box<Expression>, Vec<String>),
    /// `isSet`, `not`, `aws.partition`, …
    Call(String, Vec<Expression>),
}

/// One partition of `partitions.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partition {
    pub id: String,
    pub dns_suffix: String,
    pub dual_stack_dns_suffix: String,
    pub implicit_global_region: String,
    pub supports_dual_stack: bool,
    pub supports_fips: bool,
    /// As published, a regular expression of the form `^(us|eu)\-\w+\-\d+$`.
    pub region_regex: String,
    /// Sorted.
    pub regions: Vec<String>,
}
