//! Shapes with the SDK's schemas, built from the models at run time for just what an operation reaches.
//!
//! Enters: a packed shape. Leaves: a [`Shape`], whose members carry the `aws_smithy_schema::Schema` values that the
//! SDK's own serializers and deserializers read. Fails only where the binary itself is damaged.
//!
//! Schemas live as long as the process and are leaked, once a shape. A member that targets a structure carries no
//! members in its schema: the target stays beside it as [`Member::target`], which also ends recursion.

use aws_smithy_schema::traits::TimestampFormat as SchemaTimestampFormat;
use aws_smithy_schema::{Schema, ShapeId, ShapeType, intern_header_name};

use super::model::{self, MemberTrait, ShapeTrait, TimestampFormat};
use super::packed::Tag;
use super::{Service, corrupt};
use crate::error::Error;

/// A shape, decoded.
#[derive(Debug)]
pub struct Shape {
    pub kind: Kind,
    pub traits: Vec<ShapeTrait>,
    id: ShapeId<'static>,
    /// Of a structure or union, in the model's order.
    member_schemas: &'static [&'static Schema<'static>],
    /// Of a structure or union, as the target of a list element, of a map value, or as an error body.
    schema: &'static Schema<'static>,
}

/// What a shape is.
#[derive(Debug)]
pub enum Kind {
    Blob,
    Boolean,
    Document,
    Double,
    Float,
    Integer,
    Long,
    String,
    Timestamp,
    List(Member),
    Map(Member, Member),
    Structure(Vec<Member>),
    Union(Vec<Member>),
}

/// A member of a structure or union, a list's element, a map's key or value.
#[derive(Debug)]
pub struct Member {
    /// The model's name; empty for elements, keys and values.
    pub name: String,
    pub schema: &'static Schema<'static>,
    /// What a request's value is written with, where the SDK's serializers want another schema than where they look
    /// a member up: a payload is a root of its own, and an element is named by its list.
    pub written: &'static Schema<'static>,
    pub traits: Vec<MemberTrait>,
    service: &'static Service,
    target: u16,
}

impl Member {
    /// The shape that the member's value has.
    pub fn target(&self) -> Result<&'static Shape, Error> {
        self.service.shape(self.target)
    }

    pub fn has(&self, wanted: &MemberTrait) -> bool {
        self.traits.contains(wanted)
    }

    /// Whether the member is the whole HTTP body.
    pub fn is_payload(&self) -> bool {
        self.has(&MemberTrait::Payload)
    }

    /// The header that the member is bound to.
    pub fn header(&self) -> Option<&str> {
        self.traits.iter().find_map(|it| match it {
            MemberTrait::Header(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether the member stands in the URL, in headers or in the status.
    pub fn is_beside_body(&self) -> bool {
        self.traits.iter().any(|it| {
            matches!(
                it,
                MemberTrait::Label
                    | MemberTrait::Header(_)
                    | MemberTrait::PrefixHeaders(_)
                    | MemberTrait::Query(_)
                    | MemberTrait::QueryParams
                    | MemberTrait::StatusCode
            )
        })
    }
}

impl Shape {
    pub(super) fn new(service: &'static Service, record: model::Shape<u16>) -> Result<Self, Error> {
        let model::Shape(name, kind, traits) = record;
        let id = shape_id(&name);
        let element = |member: model::Member<u16>| Member::new(service, member, None);
        let members = |members: Vec<model::Member<u16>>| {
            members
                .into_iter()
                .enumerate()
                .map(|(at, it)| Member::new(service, it, Some(at)))
                .collect::<Result<Vec<_>, _>>()
        };
        let kind = match kind {
            model::Kind::Blob => Kind::Blob,
            model::Kind::Boolean => Kind::Boolean,
            model::Kind::Document => Kind::Document,
            model::Kind::Double => Kind::Double,
            model::Kind::Float => Kind::Float,
            model::Kind::Integer => Kind::Integer,
            model::Kind::Long => Kind::Long,
            model::Kind::String => Kind::String,
            model::Kind::Timestamp => Kind::Timestamp,
            model::Kind::List(member) => Kind::List(element(*member)?),
            model::Kind::Map(key, value) => Kind::Map(element(*key)?, element(*value)?),
            model::Kind::Structure(list) => Kind::Structure(members(list)?),
            model::Kind::Union(list) => Kind::Union(members(list)?),
        };
        let (member_schemas, schema) = match &kind {
            Kind::Structure(members) => struct_schemas(id.clone(), ShapeType::Structure, members, &traits),
            Kind::Union(members) => struct_schemas(id.clone(), ShapeType::Union, members, &traits),
            _ => (&[][..], &aws_smithy_schema::prelude::DOCUMENT),
        };
        Ok(Self { kind, traits, id, member_schemas, schema })
    }

    pub fn name(&self) -> &'static str {
        self.id.shape_name()
    }

    pub fn id(&self) -> ShapeId<'static> {
        self.id.clone()
    }

    pub fn schema(&self) -> &'static Schema<'static> {
        self.schema
    }

    pub fn member_schemas(&self) -> &'static [&'static Schema<'static>] {
        self.member_schemas
    }

    pub fn has(&self, wanted: &ShapeTrait) -> bool {
        self.traits.contains(wanted)
    }

    /// Whether anything of a request with this input stands in a body that a serializer frames.
    pub fn has_request_body_members(&self) -> bool {
        super::members(self).iter().any(|member| {
            if member.is_payload() {
                matches!(
                    member.service.tag(member.target),
                    Ok(Tag::Structure | Tag::Union | Tag::Document | Tag::List | Tag::Map)
                )
            } else {
                !member.is_beside_body()
            }
        })
    }
}

impl Member {
    /// `at` is the place in a structure; elements of collections have none, and their schema has no name: that is
    /// how the SDK's serializers tell them from members.
    fn new(service: &'static Service, record: model::Member<u16>, at: Option<usize>) -> Result<Self, Error> {
        let model::Member(name, target, traits) = record;
        let tag = service.tag(target)?;
        let named: Option<(&'static str, usize)> = at.map(|at| (leaked(&name), at));
        let base = match named {
            Some((name, at)) => {
                Schema::new_member(shape_id(&service.shape_name(target)?), shape_type(tag), name, at)
            }
            None => Schema::new(shape_id(&service.shape_name(target)?), shape_type(tag)),
        };
        let schema = match tag {
            // Structures are looked up when a value reaches them: they may be their own ancestors.
            Tag::Structure | Tag::Union => base,
            _ => with_target(base, service.shape(target)?)?,
        };
        let schema = traits.iter().fold(schema, with_member_trait);
        let schema: &'static Schema<'static> = Box::leak(Box::new(schema));
        let written = match tag {
            Tag::Structure | Tag::Union if traits.contains(&MemberTrait::Payload) => {
                payload_root(service.shape(target)?, &traits, shape_type(tag))
            }
            Tag::Structure | Tag::Union => schema,
            _ if at.is_none() && schema.xml_name().is_some() => {
                let plain = with_target(
                    Schema::new(shape_id(&service.shape_name(target)?), shape_type(tag)),
                    service.shape(target)?,
                )?;
                let unnamed = traits.iter().filter(|it| !matches!(it, MemberTrait::XmlName(_)));
                Box::leak(Box::new(unnamed.fold(plain, with_member_trait)))
            }
            _ => schema,
        };
        Ok(Self { name, schema, written, traits, service, target })
    }
}

/// A structure that is the whole body: without a key, and in XML under the member's name or its own.
fn payload_root(
    target: &'static Shape,
    traits: &[MemberTrait],
    shape_type: ShapeType,
) -> &'static Schema<'static> {
    let root = Schema::new_struct(target.id(), shape_type, target.member_schemas());
    let root = traits.iter().fold(root, |root, it| match it {
        MemberTrait::XmlName(_) | MemberTrait::XmlNamespace(..) => with_member_trait(root, it),
        _ => root,
    });
    Box::leak(Box::new(root))
}

/// What a member's schema takes over from its target.
fn with_target(schema: Schema<'static>, target: &'static Shape) -> Result<Schema<'static>, Error> {
    let schema = match &target.kind {
        Kind::List(element) => schema.with_list_member(element.schema),
        Kind::Map(key, value) => schema.with_map_members(key.schema, value.schema),
        Kind::Structure(_) | Kind::Union(_) => return Err(corrupt()),
        _ => schema,
    };
    Ok(target.traits.iter().fold(schema, |schema, it| match it {
        ShapeTrait::Sensitive => schema.with_sensitive(),
        ShapeTrait::Streaming => schema.with_streaming(),
        ShapeTrait::TimestampFormat(format) => schema.with_timestamp_format(timestamp_format(*format)),
        _ => schema,
    }))
}

fn with_member_trait(schema: Schema<'static>, it: &MemberTrait) -> Schema<'static> {
    match it {
        MemberTrait::Label => schema.with_http_label(),
        MemberTrait::HostLabel => schema.with_host_label(),
        MemberTrait::Header(name) => schema.with_http_header(intern_header_name(name)),
        MemberTrait::PrefixHeaders(prefix) => schema.with_http_prefix_headers(leaked(prefix)),
        MemberTrait::Query(name) => schema.with_http_query(leaked(name)),
        MemberTrait::QueryParams => schema.with_http_query_params(),
        MemberTrait::StatusCode => schema.with_http_response_code(),
        MemberTrait::Payload => schema.with_http_payload(),
        // The SDK's schema has no trait for ec2's own names; ec2Query writes no JSON, so the JSON name is free.
        MemberTrait::JsonName(name) | MemberTrait::Ec2QueryName(name) => schema.with_json_name(leaked(name)),
        MemberTrait::XmlName(name) => schema.with_xml_name(leaked(name)),
        MemberTrait::XmlAttribute => schema.with_xml_attribute(),
        MemberTrait::XmlFlattened => schema.with_xml_flattened(),
        MemberTrait::XmlNamespace(uri, prefix) => {
            schema.with_xml_namespace(leaked(uri), (!prefix.is_empty()).then(|| leaked(prefix)))
        }
        MemberTrait::TimestampFormat(format) => schema.with_timestamp_format(timestamp_format(*format)),
        MemberTrait::JsonValue => schema.with_media_type("application/json"),
        MemberTrait::EventHeader => schema.with_event_header(),
        MemberTrait::EventPayload => schema.with_event_payload(),
        MemberTrait::Streaming => schema.with_streaming(),
        MemberTrait::Sensitive => schema.with_sensitive(),
        MemberTrait::Required
        | MemberTrait::IdempotencyToken
        | MemberTrait::ContextParam(_)
        | MemberTrait::Deprecated => schema,
    }
}

fn struct_schemas(
    id: ShapeId<'static>,
    shape_type: ShapeType,
    members: &[Member],
    traits: &[ShapeTrait],
) -> (&'static [&'static Schema<'static>], &'static Schema<'static>) {
    let list: &'static [&'static Schema<'static>] =
        Box::leak(members.iter().map(|member| member.schema).collect());
    let mut schema = Schema::new_struct(id, shape_type, list);
    if traits.contains(&ShapeTrait::Sensitive) {
        schema = schema.with_sensitive();
    }
    (list, Box::leak(Box::new(schema)))
}

impl Service {
    fn shape_name(&self, id: u16) -> Result<String, Error> {
        let entry = self.index.shapes.get(usize::from(id)).ok_or_else(corrupt)?;
        // A record begins with the shape's name.
        self.record(entry.at)
    }
}

fn shape_type(tag: Tag) -> ShapeType {
    match tag {
        Tag::Blob => ShapeType::Blob,
        Tag::Boolean => ShapeType::Boolean,
        Tag::Document => ShapeType::Document,
        Tag::Double => ShapeType::Double,
        Tag::Float => ShapeType::Float,
        Tag::Integer => ShapeType::Integer,
        Tag::Long => ShapeType::Long,
        Tag::String => ShapeType::String,
        Tag::Timestamp => ShapeType::Timestamp,
        Tag::List => ShapeType::List,
        Tag::Map => ShapeType::Map,
        Tag::Structure => ShapeType::Structure,
        Tag::Union => ShapeType::Union,
    }
}

fn timestamp_format(format: TimestampFormat) -> SchemaTimestampFormat {
    match format {
        TimestampFormat::EpochSeconds => SchemaTimestampFormat::EpochSeconds,
        TimestampFormat::DateTime => SchemaTimestampFormat::DateTime,
        TimestampFormat::HttpDate => SchemaTimestampFormat::HttpDate,
    }
}

/// `aws#Name`; the models have no namespaces.
fn shape_id(name: &str) -> ShapeId<'static> {
    let qualified = leaked(&format!("aws#{name}"));
    ShapeId::from_parts(qualified, "aws", qualified.get(4..).unwrap_or_default())
}

fn leaked(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}
