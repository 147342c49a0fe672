//! One service, from botocore's files to ours.
//!
//! Enters: a folder `botocore/data/<id>/<version>`, or its parsed parts (which is how botocore's protocol suites, that
//! bring a small model with every case, come through the same door). Leaves: a [`Service`] with only the shapes that an
//! operation reaches or that are errors. Fails on an unknown protocol, authentication scheme or waiter, on a label
//! without a member, and on operations that differ in case alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::Error;
use crate::botocore::{self, Expected, Reference};
use crate::model::{
    Acceptor, Auth, Kind, Matcher, Member, Metadata, Operation, OperationTrait, Paginator, ParamValue,
    Protocol, RuleSet, Service, Shape, Waiter, WaiterState, XmlRoot,
};
use crate::rules;
use crate::shape::{self, Context};

/// In the order in which botocore prefers them.
const PROTOCOLS: [&str; 6] = ["json", "rest-json", "rest-xml", "smithy-rpc-v2-cbor", "query", "ec2"];

/// Reads and converts one service. Its aliases are left empty: they need all services.
pub fn read(id: &str, folder: &Path) -> Result<Service, Error> {
    let model: botocore::Model = botocore::read_required(folder, "service-2")?;
    let endpoints: botocore::RuleSet = botocore::read_required(folder, "endpoint-rule-set-1")?;
    let paginators: Option<botocore::Paginators> = botocore::read(folder, "paginators-1")?;
    let waiters: Option<botocore::Waiters> = botocore::read(folder, "waiters-2")?;
    service(
        id,
        &model,
        rules::rule_set(&endpoints, id)?,
        &paginators.unwrap_or_default(),
        &waiters.unwrap_or_default(),
    )
    .map_err(|error| Error::Service(id.to_owned(), Box::new(error)))
}

pub fn service(
    id: &str,
    model: &botocore::Model,
    endpoints: RuleSet,
    paginators: &botocore::Paginators,
    waiters: &botocore::Waiters,
) -> Result<Service, Error> {
    let metadata = metadata(id, &model.metadata)?;
    let context = Context {
        model,
        protocol: metadata.protocol,
        bucket: (metadata.service_id == "S3").then_some("Bucket"),
    };
    let operations = operations(&context)?;
    let shapes = shapes(&context, &operations)?;
    let paginators = self::paginators(paginators, model)?;
    let waiters = self::waiters(waiters, model)?;
    Ok(Service { metadata, operations, shapes, paginators, waiters, endpoints })
}

fn metadata(id: &str, source: &botocore::Metadata) -> Result<Metadata, Error> {
    Ok(Metadata {
        id: id.to_owned(),
        aliases: Vec::new(),
        service_id: source.service_id.clone(),
        api_version: source.api_version.clone(),
        protocol: protocol(source)?,
        target_prefix: source.target_prefix.clone(),
        signing_name: source.signing_name.as_ref().unwrap_or(&source.endpoint_prefix).clone(),
        endpoint_prefix: source.endpoint_prefix.clone(),
        auth: service_auth(source)?,
        xml_namespace: source.xml_namespace.uri.clone(),
        aws_query_compatible: source.aws_query_compatible.is_some(),
    })
}

fn protocol(source: &botocore::Metadata) -> Result<Protocol, Error> {
    let chosen = PROTOCOLS
        .into_iter()
        .find(|protocol| source.protocols.iter().any(|spoken| spoken == protocol))
        .unwrap_or(&source.protocol);
    match (chosen, source.json_version.as_str()) {
        ("json", "1.0") => Ok(Protocol::AwsJson1_0),
        ("json", _) => Ok(Protocol::AwsJson1_1),
        ("rest-json", _) => Ok(Protocol::RestJson1),
        ("rest-xml", _) => Ok(Protocol::RestXml),
        ("smithy-rpc-v2-cbor", _) => Ok(Protocol::RpcV2Cbor),
        ("query", _) => Ok(Protocol::AwsQuery),
        ("ec2", _) => Ok(Protocol::Ec2Query),
        (other, _) => Err(Error::unknown("protocol", other, "the metadata")),
    }
}

fn service_auth(source: &botocore::Metadata) -> Result<Vec<Auth>, Error> {
    let signature = match source.signature_version.as_str() {
        "v4" | "" => Auth::Sigv4,
        "s3" | "s3v4" => Auth::Sigv4S3,
        "v2" => Auth::Sigv2,
        "bearer" => Auth::Bearer,
        other => return Err(Error::unknown("signature version", other, "the metadata")),
    };
    if source.auth.is_empty() {
        return Ok(vec![signature]);
    }
    let mut schemes = schemes(&source.auth)?;
    for scheme in &mut schemes {
        if *scheme == Auth::Sigv4 && signature == Auth::Sigv4S3 {
            *scheme = signature;
        }
    }
    Ok(schemes)
}

fn schemes(names: &[String]) -> Result<Vec<Auth>, Error> {
    names
        .iter()
        .map(|name| match name.as_str() {
            "aws.auth#sigv4" => Ok(Auth::Sigv4),
            "aws.auth#sigv4a" => Ok(Auth::Sigv4a),
            "smithy.api#httpBearerAuth" => Ok(Auth::Bearer),
            "smithy.api#noAuth" => Ok(Auth::None),
            other => Err(Error::unknown("authentication scheme", other, "the model")),
        })
        .collect()
}

fn operations(context: &Context) -> Result<Vec<Operation>, Error> {
    let mut operations = BTreeMap::new();
    let mut lower = BTreeMap::new();
    for (name, source) in &context.model.operations {
        if let Some(other) = lower.insert(name.to_lowercase(), name) {
            return Err(Error::Collision(format!("operations `{other}` and `{name}` differ in case alone")));
        }
        operations.insert(name, operation(context, name, source)?);
    }
    Ok(operations.into_values().collect())
}

fn operation(context: &Context, name: &str, source: &botocore::Operation) -> Result<Operation, Error> {
    let shape_of =
        |reference: &Option<Reference>| reference.as_ref().map(|reference| reference.shape.clone());
    let mut errors = Vec::new();
    for error in &source.errors {
        if !errors.contains(&error.shape) {
            errors.push(error.shape.clone());
        }
    }
    Ok(Operation(
        name.to_owned(),
        source.http.method.clone(),
        uri(context, name, source)?,
        shape_of(&source.input),
        shape_of(&source.output),
        errors,
        operation_traits(context, name, source)?,
    ))
}

/// botocore's labels are names on the wire: they become the names of their members.
fn uri(context: &Context, operation: &str, source: &botocore::Operation) -> Result<String, Error> {
    let mut rest = source.http.request_uri.as_str();
    if let Some(bucket) = context.bucket {
        // The endpoint rules put the bucket into the host or path.
        rest = rest.strip_prefix(&format!("/{{{bucket}}}")).unwrap_or(rest);
    }
    let mut uri = String::new();
    if !rest.starts_with('/') {
        uri.push('/');
    }
    while let Some((before, after)) = rest.split_once('{') {
        let (label, after) = after
            .split_once('}')
            .ok_or_else(|| Error::unknown("URI", &source.http.request_uri, operation))?;
        let (label, greedy) = label.strip_suffix('+').map_or((label, ""), |label| (label, "+"));
        let member =
            labelled(context, source, label)?.ok_or_else(|| Error::unknown("label", label, operation))?;
        uri.extend([before, "{", member, greedy, "}"]);
        rest = after;
    }
    uri.push_str(rest);
    Ok(uri)
}

/// The input member that goes into a label.
fn labelled<'a>(
    context: &'a Context,
    source: &botocore::Operation,
    label: &str,
) -> Result<Option<&'a str>, Error> {
    let Some(input) = &source.input else { return Ok(None) };
    let members = &context.target(input)?.members;
    Ok(members
        .iter()
        .find(|(name, member)| {
            member.location.as_deref() == Some("uri")
                && member.binding.location_name.as_deref().unwrap_or(name) == label
                && context.bucket != Some(name)
        })
        .map(|(name, _)| name.as_str()))
}

fn operation_traits(
    context: &Context,
    name: &str,
    source: &botocore::Operation,
) -> Result<Vec<OperationTrait>, Error> {
    let mut traits = Vec::new();
    {
        let mut flag = |holds: bool, value: OperationTrait| {
            if holds {
                traits.push(value);
            }
        };
        flag(source.read_only, OperationTrait::ReadOnly);
        flag(source.idempotent, OperationTrait::Idempotent);
        flag(source.deprecated, OperationTrait::Deprecated);
    }
    traits.extend(operation_auth(name, source)?.map(OperationTrait::Auth));
    if source.unsigned_payload || source.auth_type.as_deref() == Some("v4-unsigned-body") {
        traits.push(OperationTrait::UnsignedPayload);
    }
    traits.extend(source.http.response_code.filter(|code| *code != 200).map(OperationTrait::ResponseCode));
    traits.extend(checksums(source));
    if !source.request_compression.encodings.is_empty() {
        traits.push(OperationTrait::RequestCompression(source.request_compression.encodings.clone()));
    }
    traits.extend(host_prefix(source).map(OperationTrait::HostPrefix));
    traits.extend(source.static_context_params.iter().map(|(parameter, fixed)| {
        OperationTrait::StaticContextParam(parameter.clone(), rules::literal(&fixed.value))
    }));
    traits.extend(source.operation_context_params.iter().map(|(parameter, derived)| {
        OperationTrait::OperationContextParam(parameter.clone(), derived.path.clone())
    }));
    traits.extend(
        source
            .endpoint_discovery
            .as_ref()
            .map(|discovery| OperationTrait::EndpointDiscovery { required: discovery.required }),
    );
    if source.endpoint_operation {
        traits.push(OperationTrait::EndpointOperation);
    }
    if context.protocol == Protocol::AwsQuery {
        let wrapper = source.output.as_ref().and_then(|output| output.result_wrapper.clone());
        traits.extend(wrapper.map(OperationTrait::ResultWrapper));
    }
    if let Some(input) = &source.input {
        traits.extend(input_root(context, input)?);
        for member in context.target(input)?.members.values() {
            if member.event_stream || context.target(member)?.event_stream {
                traits.push(OperationTrait::EventStreamInput);
            }
        }
    }
    Ok(traits)
}

fn operation_auth(name: &str, source: &botocore::Operation) -> Result<Option<Vec<Auth>>, Error> {
    if !source.auth.is_empty() {
        return schemes(&source.auth).map(Some);
    }
    match source.auth_type.as_deref() {
        None | Some("v4-unsigned-body") => Ok(None),
        Some("none") => Ok(Some(vec![Auth::None])),
        Some("bearer") => Ok(Some(vec![Auth::Bearer])),
        Some("v4") => Ok(Some(vec![Auth::Sigv4])),
        Some(other) => Err(Error::unknown("authentication type", other, name)),
    }
}

fn checksums(source: &botocore::Operation) -> Vec<OperationTrait> {
    let mut traits = Vec::new();
    if source.http_checksum_required {
        traits.push(OperationTrait::ChecksumRequired);
    }
    let Some(checksum) = &source.http_checksum else { return traits };
    if checksum.request_algorithm_member.is_some() || checksum.request_checksum_required {
        traits.push(OperationTrait::RequestChecksum {
            algorithm_member: checksum.request_algorithm_member.clone().unwrap_or_default(),
            required: checksum.request_checksum_required,
        });
    }
    if let Some(mode_member) = &checksum.request_validation_mode_member {
        traits.push(OperationTrait::ResponseChecksum {
            mode_member: mode_member.clone(),
            algorithms: checksum.response_algorithms.clone(),
        });
    }
    traits
}

/// S3 Control's endpoint rules put the account into the host themselves, where this parameter asks for it.
fn host_prefix(source: &botocore::Operation) -> Option<String> {
    let by_rules = source
        .static_context_params
        .get("RequiresAccountId")
        .is_some_and(|parameter| matches!(parameter.value, botocore::Literal::Bool(true)));
    source.endpoint.host_prefix.clone().filter(|prefix| !(by_rules && prefix == "{AccountId}."))
}

fn input_root(context: &Context, input: &Reference) -> Result<Option<OperationTrait>, Error> {
    if context.protocol != Protocol::RestXml {
        return Ok(None);
    }
    let target = context.target(input)?;
    let name = shape::root_name(input, target).unwrap_or_default();
    let namespace = &shape::xml_namespace(input, target).uri;
    if name.is_empty() && namespace.is_empty() {
        return Ok(None);
    }
    Ok(Some(OperationTrait::InputRoot(XmlRoot(name.to_owned(), namespace.clone()))))
}

/// The errors of the service, and whatever its operations reach.
fn shapes(context: &Context, operations: &[Operation]) -> Result<Vec<Shape>, Error> {
    let mut waiting: Vec<String> = Vec::new();
    for Operation(_, _, _, input, output, errors, _) in operations {
        waiting.extend(input.iter().chain(output).chain(errors).cloned());
    }
    for (name, source) in &context.model.shapes {
        if source.exception {
            waiting.push(name.clone());
        }
    }

    let mut shapes = BTreeMap::new();
    let mut seen = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let source = context.model.shapes.get(&name).ok_or_else(|| Error::Missing(name.clone()))?;
        let shape = shape::shape(context, &name, source)?;
        waiting.extend(targets(&shape.1));
        shapes.insert(name, shape);
    }
    Ok(shapes.into_values().collect())
}

fn targets(kind: &Kind) -> Vec<String> {
    let members: Vec<&Member> = match kind {
        Kind::Structure(members) | Kind::Union(members) => members.iter().collect(),
        Kind::List(element) => vec![element],
        Kind::Map(key, value) => vec![key, value],
        _ => Vec::new(),
    };
    members.into_iter().map(|Member(_, target, _)| target.clone()).collect()
}

fn paginators(source: &botocore::Paginators, model: &botocore::Model) -> Result<Vec<Paginator>, Error> {
    let mut paginators = BTreeMap::new();
    for (operation, source) in &source.pagination {
        if !model.operations.contains_key(operation) {
            return Err(Error::unknown("operation", operation, "the paginators"));
        }
        let paginator = Paginator {
            operation: operation.clone(),
            input_token: source.input_token.0.clone(),
            output_token: source.output_token.0.clone(),
            limit_key: source.limit_key.clone(),
            result_key: source.result_key.0.clone(),
            more_results: source.more_results.clone(),
            non_aggregate_keys: source.non_aggregate_keys.clone(),
        };
        paginators.insert(operation, paginator);
    }
    Ok(paginators.into_values().collect())
}

fn waiters(source: &botocore::Waiters, model: &botocore::Model) -> Result<Vec<Waiter>, Error> {
    let mut waiters = BTreeMap::new();
    for (name, source) in &source.waiters {
        if !model.operations.contains_key(&source.operation) {
            return Err(Error::unknown("operation", &source.operation, name));
        }
        let mut acceptors = Vec::new();
        for acceptor in &source.acceptors {
            acceptors.push(Acceptor { state: state(acceptor, name)?, matcher: matcher(acceptor, name)? });
        }
        let waiter = Waiter {
            name: name.clone(),
            operation: source.operation.clone(),
            delay: source.delay,
            max_attempts: source.max_attempts,
            acceptors,
        };
        waiters.insert(name, waiter);
    }
    Ok(waiters.into_values().collect())
}

fn state(source: &botocore::Acceptor, waiter: &str) -> Result<WaiterState, Error> {
    match source.state.as_str() {
        "success" => Ok(WaiterState::Success),
        "failure" => Ok(WaiterState::Failure),
        "retry" => Ok(WaiterState::Retry),
        other => Err(Error::unknown("waiter state", other, waiter)),
    }
}

fn matcher(source: &botocore::Acceptor, waiter: &str) -> Result<Matcher, Error> {
    let path = || source.argument.clone();
    let expected = match &source.expected {
        Expected::Bool(value) => Some(ParamValue::Bool(*value)),
        Expected::Text(value) => Some(ParamValue::Text(value.clone())),
        Expected::Status(_) => None,
    };
    match (source.matcher.as_str(), &source.expected, expected) {
        ("path", _, Some(value)) => Ok(Matcher::Path(path(), value)),
        ("pathAll", _, Some(value)) => Ok(Matcher::PathAll(path(), value)),
        ("pathAny", _, Some(value)) => Ok(Matcher::PathAny(path(), value)),
        ("status", Expected::Status(status), _) => Ok(Matcher::Status(*status)),
        ("error", Expected::Text(code), _) => Ok(Matcher::Error(code.clone())),
        ("error", Expected::Bool(true), _) => Ok(Matcher::Error(String::new())),
        ("error", Expected::Bool(false), _) => Ok(Matcher::Success),
        (other, ..) => Err(Error::unknown("matcher", other, waiter)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MemberTrait;

    const NO_RULES: RuleSet = RuleSet { parameters: Vec::new(), rules: Vec::new() };

    fn convert(json: &str) -> Result<Service, Error> {
        let model: botocore::Model = serde_json::from_str(json).unwrap();
        service("test", &model, NO_RULES, &botocore::Paginators::default(), &botocore::Waiters::default())
    }

    /// A service of one operation `Op`, whose fields and input members are given.
    fn operation(metadata: &str, operation: &str, members: &str) -> Operation {
        let json = format!(
            r#"{{"metadata": {{"signatureVersion": "v4", {metadata}}}, "operations": {{"Op": {{{operation}}}}},
                "shapes": {{"In": {{"type": "structure", "members": {{{members}}}}}, "S": {{"type": "string"}},
                            "Stream": {{"type": "structure", "eventstream": true}}}}}}"#
        );
        convert(&json).unwrap().operations.remove(0)
    }

    const REST_JSON: &str = r#""protocol": "rest-json""#;
    const REST_XML: &str = r#""protocol": "rest-xml""#;
    const S3: &str = r#""protocol": "rest-xml", "serviceId": "S3""#;

    fn uri_of(metadata: &str, uri: &str, members: &str) -> String {
        operation(
            metadata,
            &format!(r#""http": {{"method": "GET", "requestUri": "{uri}"}}, "input": {{"shape": "In"}}"#),
            members,
        )
        .2
    }

    fn traits_of(metadata: &str, fields: &str, members: &str) -> Vec<OperationTrait> {
        let fields = format!(
            r#""http": {{"method": "GET", "requestUri": "/"}}, "input": {{"shape": "In"}}, {fields}"#
        );
        operation(metadata, &fields, members).6
    }

    #[test]
    fn labels_are_rewritten_to_their_members() {
        let members = r#""AppId": {"shape": "S", "location": "uri", "locationName": "appId"},
                         "Path": {"shape": "S", "location": "uri", "locationName": "path"}"#;
        assert_eq!(uri_of(REST_JSON, "/apps/{appId}/{path+}?x=1", members), "/apps/{AppId}/{Path+}?x=1");
    }

    #[test]
    fn a_label_without_a_member_is_refused() {
        let error = convert(
            r#"{"metadata": {"protocol": "rest-json"}, "shapes": {},
                "operations": {"Op": {"http": {"method": "GET", "requestUri": "/{id}"}}}}"#,
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "unknown label `id` in Op");
    }

    #[test]
    fn s3_loses_the_bucket_from_its_paths() {
        let members = r#""Bucket": {"shape": "S", "location": "uri", "locationName": "Bucket", "contextParam": {"name": "Bucket"}},
                         "Key": {"shape": "S", "location": "uri", "locationName": "Key"}"#;
        assert_eq!(uri_of(S3, "/{Bucket}", members), "/");
        assert_eq!(uri_of(S3, "/{Bucket}?acl", members), "/?acl");
        assert_eq!(uri_of(S3, "/{Bucket}/{Key+}?x-id=Op", members), "/{Key+}?x-id=Op");
        assert_eq!(uri_of(REST_XML, "/{Bucket}/{Key+}", members), "/{Bucket}/{Key+}");

        let model = format!(
            r#"{{"metadata": {{"signatureVersion": "s3", {S3}}}, "operations": {{"Op": {{"http": {{"method": "GET",
                "requestUri": "/{{Bucket}}/{{Key+}}"}}, "input": {{"shape": "In"}}}}}},
                "shapes": {{"In": {{"type": "structure", "members": {{{members}}}}}, "S": {{"type": "string"}}}}}}"#
        );
        let service = convert(&model).unwrap();
        let Kind::Structure(members) = &service.shapes[0].1 else { panic!() };
        assert_eq!(members[0].2, [MemberTrait::Label, MemberTrait::ContextParam("Bucket".to_owned())]);
        assert_eq!(members[1].2, [MemberTrait::Label]);
        assert_eq!(service.metadata.auth, [Auth::Sigv4S3]);
    }

    #[test]
    fn s3_control_leaves_the_account_to_its_rules() {
        let prefixed = |parameters: &str| {
            traits_of(
                REST_XML,
                &format!(
                    r#""endpoint": {{"hostPrefix": "{{AccountId}}."}}, "staticContextParams": {parameters}"#
                ),
                "",
            )
        };
        let parameter = |value| {
            OperationTrait::StaticContextParam("RequiresAccountId".to_owned(), ParamValue::Bool(value))
        };
        assert_eq!(prefixed(r#"{"RequiresAccountId": {"value": true}}"#), [parameter(true)]);
        assert_eq!(
            prefixed(r#"{"RequiresAccountId": {"value": false}}"#),
            [OperationTrait::HostPrefix("{AccountId}.".to_owned()), parameter(false)]
        );
    }

    #[test]
    fn protocols_are_chosen_in_botocores_order() {
        let chosen = |metadata: &str| protocol(&serde_json::from_str(metadata).unwrap()).unwrap();
        assert_eq!(
            chosen(
                r#"{"protocol": "smithy-rpc-v2-cbor", "protocols": ["smithy-rpc-v2-cbor", "json"], "jsonVersion": "1.0"}"#
            ),
            Protocol::AwsJson1_0
        );
        assert_eq!(
            chosen(r#"{"protocol": "smithy-rpc-v2-cbor", "protocols": ["smithy-rpc-v2-cbor"]}"#),
            Protocol::RpcV2Cbor
        );
        assert_eq!(chosen(r#"{"protocol": "query"}"#), Protocol::AwsQuery);
        assert_eq!(chosen(r#"{"protocol": "json", "jsonVersion": "1.1"}"#), Protocol::AwsJson1_1);
        assert!(protocol(&serde_json::from_str(r#"{"protocol": "soap"}"#).unwrap()).is_err());
    }

    #[test]
    fn authentication_is_the_list_or_else_the_signature_version() {
        let chosen = |metadata: &str| service_auth(&serde_json::from_str(metadata).unwrap()).unwrap();
        assert_eq!(chosen(r#"{"signatureVersion": "v4"}"#), [Auth::Sigv4]);
        assert_eq!(chosen(r#"{"signatureVersion": "bearer"}"#), [Auth::Bearer]);
        assert_eq!(chosen(r#"{"signatureVersion": "v2"}"#), [Auth::Sigv2]);
        assert_eq!(chosen(r#"{"signatureVersion": "s3v4", "auth": ["aws.auth#sigv4"]}"#), [Auth::Sigv4S3]);
        assert_eq!(
            chosen(r#"{"signatureVersion": "v4", "auth": ["aws.auth#sigv4a", "aws.auth#sigv4"]}"#),
            [Auth::Sigv4a, Auth::Sigv4]
        );
    }

    #[test]
    fn signing_names_default_to_the_endpoint_prefix() {
        let read = |json: &str| metadata("id", &serde_json::from_str(json).unwrap()).unwrap().signing_name;
        assert_eq!(read(r#"{"protocol": "json", "endpointPrefix": "sqs"}"#), "sqs");
        assert_eq!(read(r#"{"protocol": "json", "endpointPrefix": "data.x", "signingName": "x"}"#), "x");
    }

    #[test]
    fn operations_say_how_they_are_authenticated() {
        assert_eq!(
            traits_of(REST_JSON, r#""auth": ["smithy.api#noAuth"], "authtype": "none""#, ""),
            [OperationTrait::Auth(vec![Auth::None])]
        );
        assert_eq!(
            traits_of(REST_JSON, r#""authtype": "none""#, ""),
            [OperationTrait::Auth(vec![Auth::None])]
        );
        assert_eq!(
            traits_of(REST_JSON, r#""authtype": "v4-unsigned-body", "unsignedPayload": true"#, ""),
            [OperationTrait::UnsignedPayload]
        );
    }

    #[test]
    fn checksums_are_told_apart_by_direction() {
        assert_eq!(
            traits_of(REST_XML, r#""httpChecksumRequired": true"#, ""),
            [OperationTrait::ChecksumRequired]
        );
        assert_eq!(
            traits_of(
                REST_XML,
                r#""httpChecksum": {"requestAlgorithmMember": "A", "requestChecksumRequired": false,
                    "requestValidationModeMember": "M", "responseAlgorithms": ["CRC32"]}"#,
                ""
            ),
            [
                OperationTrait::RequestChecksum { algorithm_member: "A".to_owned(), required: false },
                OperationTrait::ResponseChecksum {
                    mode_member: "M".to_owned(),
                    algorithms: vec!["CRC32".to_owned()]
                },
            ]
        );
    }

    #[test]
    fn remaining_operation_traits_are_carried_over() {
        assert_eq!(
            traits_of(
                REST_JSON,
                r#""readonly": true, "idempotent": true, "deprecated": true, "requestcompression": {"encodings": ["gzip"]},
                   "operationContextParams": {"Arns": {"path": "keys(Items)"}}, "endpointdiscovery": {}, "endpointoperation": true"#,
                ""
            ),
            [
                OperationTrait::ReadOnly,
                OperationTrait::Idempotent,
                OperationTrait::Deprecated,
                OperationTrait::RequestCompression(vec!["gzip".to_owned()]),
                OperationTrait::OperationContextParam("Arns".to_owned(), "keys(Items)".to_owned()),
                OperationTrait::EndpointDiscovery { required: false },
                OperationTrait::EndpointOperation,
            ]
        );
    }

    #[test]
    fn success_codes_other_than_200_are_kept() {
        let with = |code: u16| {
            operation(
                REST_JSON,
                &format!(r#""http": {{"method": "PUT", "requestUri": "/", "responseCode": {code}}}"#),
                "",
            )
            .6
        };
        assert_eq!(with(204), [OperationTrait::ResponseCode(204)]);
        assert_eq!(with(200), []);
    }

    #[test]
    fn the_root_of_an_xml_request_is_named_by_the_operation() {
        let fields = r#""http": {"method": "PUT", "requestUri": "/"},
                        "input": {"shape": "In", "locationName": "Root", "xmlNamespace": {"uri": "urn:r"}}"#;
        assert_eq!(
            operation(REST_XML, fields, "").6,
            [OperationTrait::InputRoot(XmlRoot("Root".to_owned(), "urn:r".to_owned()))]
        );
        assert_eq!(operation(REST_JSON, fields, "").6, []);
    }

    #[test]
    fn the_result_wrapper_belongs_to_query() {
        let fields = r#""http": {"method": "POST", "requestUri": "/"}, "output": {"shape": "In", "resultWrapper": "OpResult"}"#;
        assert_eq!(
            operation(r#""protocol": "query""#, fields, "").6,
            [OperationTrait::ResultWrapper("OpResult".to_owned())]
        );
    }

    #[test]
    fn event_stream_input_is_seen() {
        assert_eq!(
            traits_of(REST_JSON, r#""deprecated": false"#, r#""Events": {"shape": "Stream"}"#),
            [OperationTrait::EventStreamInput]
        );
    }

    #[test]
    fn only_shapes_that_are_reached_or_errors_remain() {
        let service = convert(
            r#"{"metadata": {"protocol": "json"},
                "operations": {"Op": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "In"}}},
                "shapes": {"In": {"type": "structure", "members": {"Self": {"shape": "In"}}}, "Unused": {"type": "string"},
                           "Fault": {"type": "structure", "exception": true}}}"#,
        )
        .unwrap();
        let names: Vec<_> = service.shapes.iter().map(|shape| shape.0.as_str()).collect();
        assert_eq!(names, ["Fault", "In"]);
    }

    #[test]
    fn operations_that_differ_in_case_alone_are_refused() {
        let error = convert(
            r#"{"metadata": {"protocol": "json"}, "shapes": {}, "operations": {
                "GetIt": {"http": {"method": "POST", "requestUri": "/"}},
                "GetIT": {"http": {"method": "POST", "requestUri": "/"}}}}"#,
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "operations `GetIt` and `GetIT` differ in case alone");
    }

    #[test]
    fn waiters_tell_no_error_from_any_error() {
        let read = |expected: &str| {
            let acceptor = format!(r#"{{"state": "success", "matcher": "error", "expected": {expected}}}"#);
            matcher(&serde_json::from_str(&acceptor).unwrap(), "W").unwrap()
        };
        assert_eq!(read(r#""NotFound""#), Matcher::Error("NotFound".to_owned()));
        assert_eq!(read("true"), Matcher::Error(String::new()));
        assert_eq!(read("false"), Matcher::Success);
    }

    #[test]
    fn paginator_keys_are_lists_also_where_the_model_has_one() {
        let source: botocore::Paginators = serde_json::from_str(
            r#"{"pagination": {"Op": {"input_token": "A", "output_token": ["B", "C"], "result_key": "R"}}}"#,
        )
        .unwrap();
        let model =
            serde_json::from_str(r#"{"metadata": {}, "operations": {"Op": {}}, "shapes": {}}"#).unwrap();
        let paginator = paginators(&source, &model).unwrap().remove(0);
        assert_eq!(paginator.input_token, ["A"]);
        assert_eq!(paginator.output_token, ["B", "C"]);
        assert_eq!(paginator.limit_key, "");
    }
}
