//! Shapes and the traits of their members, under Smithy's names.
//!
//! Enters: botocore's shapes, where `locationName` means a header, a label, an element or a JSON key, and where a shape
//! lends its traits to each of its uses. Leaves: shapes whose members carry exactly the traits that their protocol
//! reads. Fails on an unknown type, location or timestamp format, and on a member without a shape.

use crate::Error;
use crate::botocore::{self, Reference, XmlNamespace};
use crate::model::{Kind, Member, MemberTrait, Protocol, Shape, ShapeTrait, TimestampFormat};

/// What decides the meaning of a name: the protocol, and where labels go.
pub struct Context<'a> {
    pub model: &'a botocore::Model,
    pub protocol: Protocol,
    /// The member that S3's endpoint rules put into the host or path, so that no URI holds its label.
    pub bucket: Option<&'static str>,
}

impl Context<'_> {
    /// The shape that a reference names.
    pub fn target(&self, reference: &Reference) -> Result<&botocore::Shape, Error> {
        self.model.shapes.get(&reference.shape).ok_or_else(|| Error::Missing(reference.shape.clone()))
    }

    fn is_xml(&self) -> bool {
        matches!(self.protocol, Protocol::RestXml | Protocol::AwsQuery | Protocol::Ec2Query)
    }

    fn is_rest(&self) -> bool {
        matches!(self.protocol, Protocol::RestXml | Protocol::RestJson1)
    }
}

/// The name that a reference gives on the wire: its own, or else that of its target.
pub fn wire_name<'a>(reference: &'a Reference, target: &'a botocore::Shape) -> Option<&'a str> {
    reference.binding.location_name.as_deref().or(target.binding.location_name.as_deref())
}

/// The name of a whole body: the structure's own, or else that of its use.
pub fn root_name<'a>(reference: &'a Reference, target: &'a botocore::Shape) -> Option<&'a str> {
    target.binding.location_name.as_deref().or(reference.binding.location_name.as_deref())
}

/// A member that is the whole body names it, unless it only repeats itself and the structure has a name of its own.
fn payload_name<'a>(member: &str, reference: &'a Reference, target: &'a botocore::Shape) -> Option<&'a str> {
    let own = target.binding.location_name.as_deref();
    reference.binding.location_name.as_deref().filter(|name| own.is_none() || *name != member).or(own)
}

/// The XML namespace of a reference: its own, or else that of its target.
pub fn xml_namespace<'a>(reference: &'a Reference, target: &'a botocore::Shape) -> &'a XmlNamespace {
    if reference.binding.xml_namespace.uri.is_empty() {
        &target.binding.xml_namespace
    } else {
        &reference.binding.xml_namespace
    }
}

pub fn shape(context: &Context, name: &str, source: &botocore::Shape) -> Result<Shape, Error> {
    Ok(Shape(name.to_owned(), kind(context, name, source)?, shape_traits(name, source)?))
}

fn kind(context: &Context, name: &str, source: &botocore::Shape) -> Result<Kind, Error> {
    let element = |reference: &Option<Reference>, default: &str| {
        let reference = reference.as_ref().ok_or_else(|| Error::Missing(format!("element of {name}")))?;
        member(context, source, "", default, reference).map(Box::new)
    };
    Ok(match source.kind.as_str() {
        "structure" if source.document => Kind::Document,
        "structure" => {
            let mut members = Vec::new();
            for (name, reference) in &source.members {
                members.push(member(context, source, name, name, reference)?);
            }
            if source.union || source.event_stream { Kind::Union(members) } else { Kind::Structure(members) }
        }
        "list" => Kind::List(element(&source.member, "member")?),
        "map" => Kind::Map(element(&source.key, "key")?, element(&source.value, "value")?),
        "blob" => Kind::Blob,
        "boolean" => Kind::Boolean,
        "double" => Kind::Double,
        "float" => Kind::Float,
        "integer" => Kind::Integer,
        "long" => Kind::Long,
        "string" | "character" => Kind::String,
        "timestamp" => Kind::Timestamp,
        other => return Err(Error::unknown("type", other, name)),
    })
}

fn shape_traits(name: &str, source: &botocore::Shape) -> Result<Vec<ShapeTrait>, Error> {
    let mut traits = Vec::new();
    let mut flag = |holds: bool, value: ShapeTrait| {
        if holds {
            traits.push(value);
        }
    };
    flag(source.sensitive, ShapeTrait::Sensitive);
    flag(source.binding.streaming, ShapeTrait::Streaming);
    flag(source.requires_length, ShapeTrait::RequiresLength);
    flag(source.event_stream, ShapeTrait::EventStream);
    flag(source.event, ShapeTrait::Event);
    flag(source.sparse, ShapeTrait::Sparse);
    if let Some(format) = &source.binding.timestamp_format {
        traits.push(ShapeTrait::TimestampFormat(timestamp_format(format, name)?));
    }
    if source.exception || source.error.is_some() {
        let error = source.error.clone().unwrap_or_default();
        let status = error.http_status_code.unwrap_or(0);
        traits.push(ShapeTrait::Error {
            code: error.code.unwrap_or_else(|| name.to_owned()),
            status,
            sender: error.sender_fault || (400..500).contains(&status),
        });
    }
    if let Some(retryable) = &source.retryable {
        traits.push(ShapeTrait::Retryable(retryable.throttling));
    }
    Ok(traits)
}

/// `name` is empty for elements; `default` is the name on the wire where the model gives no other.
fn member(
    context: &Context,
    parent: &botocore::Shape,
    name: &str,
    default: &str,
    reference: &Reference,
) -> Result<Member, Error> {
    let target = context.target(reference)?;
    let mut traits = Vec::new();
    {
        let mut flag = |holds: bool, value: MemberTrait| {
            if holds {
                traits.push(value);
            }
        };
        flag(parent.required.iter().any(|required| required == name), MemberTrait::Required);
        flag(reference.idempotency_token, MemberTrait::IdempotencyToken);
        flag(reference.host_label, MemberTrait::HostLabel);
    }
    match reference.location.as_deref() {
        Some(location) if context.is_rest() => {
            traits.extend(http_binding(location, name, reference, target)?);
        }
        _ => traits.extend(body_binding(context, parent, name, default, reference, target)),
    }
    if let Some(format) = &reference.binding.timestamp_format {
        traits.push(MemberTrait::TimestampFormat(timestamp_format(format, name)?));
    }
    if let Some(parameter) = &reference.context_param {
        traits.push(MemberTrait::ContextParam(parameter.name.clone()));
    }
    let mut flag = |holds: bool, value: MemberTrait| {
        if holds {
            traits.push(value);
        }
    };
    flag(reference.binding.json_value || target.binding.json_value, MemberTrait::JsonValue);
    flag(reference.event_header, MemberTrait::EventHeader);
    flag(reference.event_payload, MemberTrait::EventPayload);
    flag(reference.binding.streaming, MemberTrait::Streaming);
    flag(reference.sensitive, MemberTrait::Sensitive);
    flag(reference.binding.deprecated, MemberTrait::Deprecated);
    Ok(Member(name.to_owned(), reference.shape.clone(), traits))
}

/// Where outside the body a member goes.
fn http_binding(
    location: &str,
    name: &str,
    reference: &Reference,
    target: &botocore::Shape,
) -> Result<Option<MemberTrait>, Error> {
    let wire = wire_name(reference, target);
    let named = || wire.unwrap_or(name).to_owned();
    Ok(match location {
        // S3's bucket, too, though its paths lose it: what is a label does not stand in the body.
        "uri" => Some(MemberTrait::Label),
        "header" => Some(MemberTrait::Header(named())),
        "headers" => Some(MemberTrait::PrefixHeaders(wire.unwrap_or_default().to_owned())),
        "querystring" if target.kind == "map" => Some(MemberTrait::QueryParams),
        "querystring" => Some(MemberTrait::Query(named())),
        "statusCode" => Some(MemberTrait::StatusCode),
        other => return Err(Error::unknown("location", other, name)),
    })
}

/// How a member stands in the body.
fn body_binding(
    context: &Context,
    parent: &botocore::Shape,
    name: &str,
    default: &str,
    reference: &Reference,
    target: &botocore::Shape,
) -> Vec<MemberTrait> {
    let mut traits = Vec::new();
    if context.is_rest() && parent.payload.as_deref() == Some(name) {
        traits.push(MemberTrait::Payload);
    }
    if !context.is_xml() {
        // Elements of lists and maps have no key of their own in JSON and CBOR.
        traits.extend(
            wire_name(reference, target)
                .filter(|wire| !name.is_empty() && *wire != name)
                .map(|wire| MemberTrait::JsonName(wire.to_owned())),
        );
        return traits;
    }

    let flattened = is_flattened(reference, target);
    let is_payload = traits.contains(&MemberTrait::Payload);
    let name =
        if is_payload { payload_name(name, reference, target) } else { element_name(reference, target) };
    let wire = name.unwrap_or(default);
    // A body is named after its shape unless the model says otherwise.
    if wire != default || (is_payload && name.is_some()) {
        traits.push(MemberTrait::XmlName(wire.to_owned()));
    }
    if reference.xml_attribute {
        traits.push(MemberTrait::XmlAttribute);
    }
    if flattened {
        traits.push(MemberTrait::XmlFlattened);
    }
    match context.protocol {
        Protocol::RestXml => {
            let namespace = xml_namespace(reference, target);
            if !namespace.uri.is_empty() {
                traits.push(MemberTrait::XmlNamespace(namespace.uri.clone(), namespace.prefix.clone()));
            }
        }
        Protocol::Ec2Query => traits.extend(
            reference
                .query_name
                .as_ref()
                .filter(|query| **query != capitalised(wire))
                .map(|query| MemberTrait::Ec2QueryName(query.clone())),
        ),
        _ => {}
    }
    traits
}

fn is_flattened(reference: &Reference, target: &botocore::Shape) -> bool {
    (reference.binding.flattened || target.binding.flattened)
        && matches!(target.kind.as_str(), "list" | "map")
}

/// A list that is flattened where it is used is named by its use. One that is flattened in itself, as older models have
/// it, is named by its own elements. The name of a structure itself is that of a whole body, nowhere else.
fn element_name<'a>(reference: &'a Reference, target: &'a botocore::Shape) -> Option<&'a str> {
    if let Some(element) = &target.member
        && target.binding.flattened
        && !reference.binding.flattened
        && element.binding.location_name.is_some()
    {
        return element.binding.location_name.as_deref();
    }
    match target.kind.as_str() {
        "structure" => reference.binding.location_name.as_deref(),
        _ => wire_name(reference, target),
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn timestamp_format(format: &str, place: &str) -> Result<TimestampFormat, Error> {
    match format.to_ascii_lowercase().as_str() {
        "iso8601" => Ok(TimestampFormat::DateTime),
        "unixtimestamp" => Ok(TimestampFormat::EpochSeconds),
        "rfc822" => Ok(TimestampFormat::HttpDate),
        _ => Err(Error::unknown("timestamp format", format, place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The traits of each member of the shape `In`, among the shapes of `json`.
    fn traits(protocol: Protocol, json: &str) -> Vec<(String, Vec<MemberTrait>)> {
        let model: botocore::Model =
            serde_json::from_str(&format!(r#"{{"metadata": {{}}, "operations": {{}}, "shapes": {json}}}"#))
                .unwrap();
        let bucket = None;
        let context = Context { model: &model, protocol, bucket };
        match shape(&context, "In", &model.shapes["In"]).unwrap().1 {
            Kind::Structure(members) | Kind::Union(members) => {
                members.into_iter().map(|Member(name, _, traits)| (name, traits)).collect()
            }
            Kind::List(member) => vec![(member.0, member.2)],
            Kind::Map(key, value) => vec![(key.0, key.2), (value.0, value.2)],
            other => panic!("{other:?}"),
        }
    }

    fn only(protocol: Protocol, member: &str) -> Vec<MemberTrait> {
        let json = format!(
            r#"{{"In": {{"type": "structure", "members": {{"Name": {member}}}}},
                "S": {{"type": "string"}}, "M": {{"type": "map", "key": {{"shape": "S"}}, "value": {{"shape": "S"}}}},
                "Plain": {{"type": "list", "member": {{"shape": "S", "locationName": "item"}}}},
                "Flat": {{"type": "list", "flattened": true, "member": {{"shape": "S", "locationName": "Item"}}}},
                "Named": {{"type": "structure", "locationName": "Lent"}},
                "NamedList": {{"type": "list", "locationName": "Lent", "member": {{"shape": "S"}}}},
                "Spaced": {{"type": "structure", "xmlNamespace": {{"prefix": "xsi", "uri": "urn:x"}}}},
                "Time": {{"type": "timestamp", "timestampFormat": "rfc822"}}}}"#
        );
        traits(protocol, &json).remove(0).1
    }

    fn xml_name(name: &str) -> MemberTrait {
        MemberTrait::XmlName(name.to_owned())
    }

    #[test]
    fn the_same_location_name_means_what_its_protocol_says() {
        let member = r#"{"shape": "S", "locationName": "wire"}"#;
        assert_eq!(only(Protocol::RestJson1, member), [MemberTrait::JsonName("wire".to_owned())]);
        assert_eq!(only(Protocol::RpcV2Cbor, member), [MemberTrait::JsonName("wire".to_owned())]);
        assert_eq!(only(Protocol::RestXml, member), [xml_name("wire")]);
        assert_eq!(only(Protocol::AwsQuery, member), [xml_name("wire")]);
    }

    #[test]
    fn a_location_name_equal_to_the_member_is_no_trait() {
        let member = r#"{"shape": "S", "locationName": "Name"}"#;
        assert_eq!(only(Protocol::RestJson1, member), []);
        assert_eq!(only(Protocol::RestXml, member), []);
    }

    #[test]
    fn locations_become_http_bindings() {
        let bound = |member| only(Protocol::RestJson1, member);
        assert_eq!(bound(r#"{"shape": "S", "location": "uri", "locationName": "n"}"#), [MemberTrait::Label]);
        assert_eq!(
            bound(r#"{"shape": "S", "location": "header", "locationName": "x-n"}"#),
            [MemberTrait::Header("x-n".to_owned())]
        );
        assert_eq!(
            bound(r#"{"shape": "S", "location": "header"}"#),
            [MemberTrait::Header("Name".to_owned())]
        );
        assert_eq!(
            bound(r#"{"shape": "M", "location": "headers"}"#),
            [MemberTrait::PrefixHeaders(String::new())]
        );
        assert_eq!(
            bound(r#"{"shape": "S", "location": "querystring"}"#),
            [MemberTrait::Query("Name".to_owned())]
        );
        assert_eq!(bound(r#"{"shape": "M", "location": "querystring"}"#), [MemberTrait::QueryParams]);
        assert_eq!(bound(r#"{"shape": "S", "location": "statusCode"}"#), [MemberTrait::StatusCode]);
    }

    #[test]
    fn locations_mean_nothing_outside_the_rest_protocols() {
        assert_eq!(only(Protocol::AwsJson1_1, r#"{"shape": "S", "location": "header"}"#), []);
    }

    #[test]
    fn an_unknown_location_is_refused() {
        let model: botocore::Model = serde_json::from_str(
            r#"{"metadata": {}, "operations": {}, "shapes": {"S": {"type": "string"},
                "In": {"type": "structure", "members": {"A": {"shape": "S", "location": "trailer"}}}}}"#,
        )
        .unwrap();
        let context = Context { model: &model, protocol: Protocol::RestXml, bucket: None };
        let error = shape(&context, "In", &model.shapes["In"]).unwrap_err();
        assert_eq!(error.to_string(), "unknown location `trailer` in A");
    }

    #[test]
    fn a_list_flattened_by_its_use_is_named_by_its_use() {
        assert_eq!(
            only(Protocol::RestXml, r#"{"shape": "Plain", "flattened": true, "locationName": "Tag"}"#),
            [xml_name("Tag"), MemberTrait::XmlFlattened]
        );
        assert_eq!(
            only(Protocol::AwsQuery, r#"{"shape": "Plain", "flattened": true}"#),
            [MemberTrait::XmlFlattened]
        );
    }

    #[test]
    fn a_list_flattened_in_itself_is_named_by_its_elements() {
        assert_eq!(
            only(Protocol::AwsQuery, r#"{"shape": "Flat"}"#),
            [xml_name("Item"), MemberTrait::XmlFlattened]
        );
    }

    #[test]
    fn flattening_is_no_matter_of_json() {
        assert_eq!(only(Protocol::AwsJson1_0, r#"{"shape": "Flat"}"#), []);
    }

    #[test]
    fn a_shape_lends_its_name_and_namespace_to_its_uses() {
        assert_eq!(only(Protocol::RestXml, r#"{"shape": "NamedList"}"#), [xml_name("Lent")]);
        assert_eq!(
            only(Protocol::RestXml, r#"{"shape": "NamedList", "locationName": "Own"}"#),
            [xml_name("Own")]
        );
        assert_eq!(
            only(Protocol::RestXml, r#"{"shape": "Spaced"}"#),
            [MemberTrait::XmlNamespace("urn:x".to_owned(), "xsi".to_owned())]
        );
        assert_eq!(
            only(Protocol::RestXml, r#"{"shape": "Spaced", "xmlNamespace": "urn:y"}"#),
            [MemberTrait::XmlNamespace("urn:y".to_owned(), String::new())]
        );
    }

    #[test]
    fn a_structure_lends_its_name_to_bodies_alone() {
        assert_eq!(only(Protocol::RestXml, r#"{"shape": "Named"}"#), []);
        let payload = |member: &str| {
            let json = format!(
                r#"{{"In": {{"type": "structure", "payload": "Body", "members": {{"Body": {member}}}}},
                    "Named": {{"type": "structure", "locationName": "Lent"}}, "Plain": {{"type": "structure"}}}}"#
            );
            traits(Protocol::RestXml, &json).remove(0).1
        };
        assert_eq!(payload(r#"{"shape": "Named"}"#), [MemberTrait::Payload, xml_name("Lent")]);
        assert_eq!(
            payload(r#"{"shape": "Named", "locationName": "Body"}"#),
            [MemberTrait::Payload, xml_name("Lent")]
        );
        assert_eq!(
            payload(r#"{"shape": "Named", "locationName": "Own"}"#),
            [MemberTrait::Payload, xml_name("Own")]
        );
        assert_eq!(
            payload(r#"{"shape": "Plain", "locationName": "Body"}"#),
            [MemberTrait::Payload, xml_name("Body")]
        );
        assert_eq!(payload(r#"{"shape": "Plain"}"#), [MemberTrait::Payload]);
    }

    #[test]
    fn attributes_keep_their_prefixed_name() {
        assert_eq!(
            only(Protocol::RestXml, r#"{"shape": "S", "locationName": "xsi:type", "xmlAttribute": true}"#),
            [xml_name("xsi:type"), MemberTrait::XmlAttribute]
        );
    }

    #[test]
    fn ec2_request_names_are_kept_only_where_capitals_do_not_give_them() {
        let member = r#"{"shape": "S", "locationName": "ipv6AddressesSet", "queryName": "Ipv6Addresses"}"#;
        assert_eq!(
            only(Protocol::Ec2Query, member),
            [xml_name("ipv6AddressesSet"), MemberTrait::Ec2QueryName("Ipv6Addresses".to_owned())]
        );
        let member = r#"{"shape": "S", "locationName": "groupId", "queryName": "GroupId"}"#;
        assert_eq!(only(Protocol::Ec2Query, member), [xml_name("groupId")]);
    }

    #[test]
    fn elements_are_named_only_where_the_protocol_would_name_them_otherwise() {
        let list = r#"{"In": {"type": "list", "member": {"shape": "S", "locationName": "NAME"}}, "S": {"type": "string"}}"#;
        assert_eq!(traits(Protocol::AwsQuery, &list.replace("NAME", "member"))[0].1, []);
        assert_eq!(traits(Protocol::AwsQuery, &list.replace("NAME", "item"))[0].1, [xml_name("item")]);
        assert_eq!(traits(Protocol::AwsJson1_1, &list.replace("NAME", "item"))[0].1, []);

        let map = r#"{"In": {"type": "map", "key": {"shape": "S", "locationName": "Name"},
                             "value": {"shape": "S", "locationName": "value"}}, "S": {"type": "string"}}"#;
        let pair = traits(Protocol::AwsQuery, map);
        assert_eq!(pair[0].1, [xml_name("Name")]);
        assert_eq!(pair[1].1, []);
    }

    #[test]
    fn payload_and_required_of_the_structure_move_to_the_member() {
        let json = r#"{"In": {"type": "structure", "required": ["Body"], "payload": "Body",
                              "members": {"Body": {"shape": "B", "streaming": true}, "Other": {"shape": "B"}}},
                       "B": {"type": "blob"}}"#;
        let members = traits(Protocol::RestXml, json);
        assert_eq!(members[0].1, [MemberTrait::Required, MemberTrait::Payload, MemberTrait::Streaming]);
        assert_eq!(members[1].1, []);
    }

    #[test]
    fn members_keep_the_order_of_the_model() {
        let json = r#"{"In": {"type": "structure", "members": {"z": {"shape": "S"}, "a": {"shape": "S"}}},
                       "S": {"type": "string"}}"#;
        let names: Vec<_> = traits(Protocol::RestJson1, json).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["z", "a"]);
    }

    #[test]
    fn remaining_member_traits_are_carried_over() {
        assert_eq!(
            only(
                Protocol::RestJson1,
                r#"{"shape": "S", "idempotencyToken": true, "hostLabel": true, "contextParam": {"name": "P"},
                    "jsonvalue": true, "sensitive": true, "deprecated": true}"#
            ),
            [
                MemberTrait::IdempotencyToken,
                MemberTrait::HostLabel,
                MemberTrait::ContextParam("P".to_owned()),
                MemberTrait::JsonValue,
                MemberTrait::Sensitive,
                MemberTrait::Deprecated,
            ]
        );
        assert_eq!(
            only(Protocol::RestJson1, r#"{"shape": "Time", "timestampFormat": "iso8601"}"#),
            [MemberTrait::TimestampFormat(TimestampFormat::DateTime)]
        );
        assert_eq!(
            only(Protocol::RestJson1, r#"{"shape": "S", "eventpayload": true}"#),
            [MemberTrait::EventPayload]
        );
    }

    fn shape_of(json: &str) -> Shape {
        let model: botocore::Model = serde_json::from_str(&format!(
            r#"{{"metadata": {{}}, "operations": {{}}, "shapes": {{"X": {json}}}}}"#
        ))
        .unwrap();
        let context = Context { model: &model, protocol: Protocol::RestJson1, bucket: None };
        shape(&context, "X", &model.shapes["X"]).unwrap()
    }

    #[test]
    fn documents_unions_and_event_streams_are_kinds_of_structure() {
        assert_eq!(shape_of(r#"{"type": "structure", "document": true}"#).1, Kind::Document);
        assert_eq!(shape_of(r#"{"type": "structure", "union": true}"#).1, Kind::Union(vec![]));
        let stream = shape_of(r#"{"type": "structure", "eventstream": true}"#);
        assert_eq!((stream.1, stream.2), (Kind::Union(vec![]), vec![ShapeTrait::EventStream]));
    }

    #[test]
    fn errors_take_their_code_from_the_model_or_else_their_name() {
        let error = |code: &str, status, sender| ShapeTrait::Error { code: code.to_owned(), status, sender };
        assert_eq!(shape_of(r#"{"type": "structure", "exception": true}"#).2, [error("X", 0, false)]);
        assert_eq!(
            shape_of(r#"{"type": "structure", "error": {"code": "NoSuch", "httpStatusCode": 404, "senderFault": true}}"#).2,
            [error("NoSuch", 404, true)]
        );
        assert_eq!(
            shape_of(
                r#"{"type": "structure", "exception": true, "error": {"httpStatusCode": 500}, "fault": true,
                         "retryable": {"throttling": true}}"#
            )
            .2,
            [error("X", 500, false), ShapeTrait::Retryable(true)]
        );
    }

    #[test]
    fn shape_traits_are_carried_over() {
        assert_eq!(
            shape_of(r#"{"type": "blob", "streaming": true, "requiresLength": true, "sensitive": true}"#).2,
            [ShapeTrait::Sensitive, ShapeTrait::Streaming, ShapeTrait::RequiresLength]
        );
        assert_eq!(
            shape_of(r#"{"type": "timestamp", "timestampFormat": "unixTimestamp"}"#).2,
            [ShapeTrait::TimestampFormat(TimestampFormat::EpochSeconds)]
        );
    }

    #[test]
    fn an_unknown_type_is_refused() {
        let model: botocore::Model = serde_json::from_str(
            r#"{"metadata": {}, "operations": {}, "shapes": {"X": {"type": "bigdecimal"}}}"#,
        )
        .unwrap();
        let context = Context { model: &model, protocol: Protocol::RestJson1, bucket: None };
        let error = shape(&context, "X", &model.shapes["X"]).unwrap_err();
        assert_eq!(error.to_string(), "unknown type `bigdecimal` in X");
    }
}
