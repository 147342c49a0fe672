//! What AWS offers: every service, operation and shape, as data.
//!
//! Enters: the names of an event. Leaves: a [`Service`] and an [`Operation`], built once and kept. Fails with
//! `CrossRegion.UnknownService` and `CrossRegion.UnknownOperation`, which list near names.
//!
//! Nothing is parsed at start. A service is inflated when first named (0.3 to 1.3 ms), and of its shapes only those
//! are decoded that an operation reaches; both are kept for the life of the process, so what is leaked is bounded
//! by the models and a thousand calls need no more memory than the first.

pub mod batch;
pub mod blob;
pub mod model;
pub mod name;
pub mod packed;
pub mod shape;

use std::sync::OnceLock;

use aws_smithy_schema::traits::HttpTrait;
use aws_smithy_schema::{Schema, ShapeId, ShapeType};

use crate::error::{Error, Kind as ErrorKind};
use blob::{SERVICES, ServiceEntry};
use model::{Metadata, OperationTrait, Paginator, RuleSet, ShapeTrait, Waiter};
use packed::{Index, OperationEntry, ShapeEntry};
use shape::{Kind, Shape};

/// One service, inflated.
#[derive(Debug)]
pub struct Service {
    index: Index,
    records: Vec<u8>,
    shapes: Box<[OnceLock<Shape>]>,
    operations: Box<[OnceLock<Operation>]>,
    endpoints: OnceLock<RuleSet>,
    /// Where the endpoint rules lie until they are asked for.
    rules: blob::Segment,
}

/// One operation with its schemas.
#[derive(Debug)]
pub struct Operation {
    pub service: &'static Service,
    /// The model's name, as in `GetObject`.
    pub name: String,
    pub method: String,
    /// With labels and query literals, as in `/{Key+}?acl`.
    pub uri: String,
    /// The input shape, if the operation has one.
    pub input: Option<&'static Shape>,
    pub output: Option<&'static Shape>,
    pub input_schema: Schema<'static>,
    pub output_schema: Schema<'static>,
    /// By the reviewed list: the models mark few.
    pub is_read_only: bool,
    pub traits: Vec<OperationTrait>,
    errors: Vec<u16>,
}

impl Service {
    /// The canonical id, as in `bedrock-agent`.
    pub fn id(&self) -> &str {
        &self.index.metadata.id
    }

    pub fn metadata(&self) -> &Metadata {
        &self.index.metadata
    }

    /// Names of all operations, sorted.
    pub fn operation_names(&self) -> impl Iterator<Item = &str> {
        self.index.operations.iter().map(|entry| entry.name.as_str())
    }

    /// The endpoint rules, parsed when first asked for.
    pub fn endpoints(&self) -> Result<&RuleSet, Error> {
        kept(&self.endpoints, || blob::read(self.rules))
    }

    pub fn paginator(&self, operation: &str) -> Result<Option<Paginator>, Error> {
        self.named(&self.index.paginators, operation)
    }

    /// All waiters that poll the operation.
    pub fn waiters(&self, operation: &str) -> Result<Vec<Waiter>, Error> {
        let all: Vec<Waiter> =
            self.index.waiters.iter().map(|(_, at)| self.record(*at)).collect::<Result<_, _>>()?;
        Ok(all.into_iter().filter(|waiter| waiter.operation == operation).collect())
    }

    /// The operation of that name, without regard to case.
    pub fn operation(&'static self, name: &str) -> Result<&'static Operation, Error> {
        let at = self
            .index
            .operations
            .iter()
            .position(|entry| entry.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| name::unknown_operation(self, name))?;
        let (Some(cell), Some(entry)) = (self.operations.get(at), self.index.operations.get(at)) else {
            return Err(corrupt());
        };
        kept(cell, || Operation::new(self, entry, self.record(entry.at)?))
    }

    /// The shape at that place of the sorted list.
    pub fn shape(&'static self, id: u16) -> Result<&'static Shape, Error> {
        let (Some(cell), Some(entry)) =
            (self.shapes.get(usize::from(id)), self.index.shapes.get(usize::from(id)))
        else {
            return Err(corrupt());
        };
        kept(cell, || Shape::new(self, self.record(entry.at)?))
    }

    /// The modelled error of that wire code or name, whichever operations list it: services answer with errors that
    /// their models leave out of an operation's list.
    pub fn error(&'static self, code: &str) -> Option<&'static Shape> {
        let (at, _) = self.index.shapes.iter().enumerate().filter(|(_, entry)| entry.tag == packed::Tag::Structure).find(|(_, entry)| {
            self.record::<model::Shape<u16>>(entry.at).is_ok_and(|model::Shape(name, _, traits)| {
                traits.iter().any(|it| matches!(it, ShapeTrait::Error { code: known, .. } if known == code || name == code))
            })
        })?;
        self.shape(u16::try_from(at).ok()?).ok()
    }

    /// A shape's kind, without decoding its members.
    fn tag(&self, id: u16) -> Result<packed::Tag, Error> {
        let ShapeEntry { tag, .. } = self.index.shapes.get(usize::from(id)).ok_or_else(corrupt)?;
        Ok(*tag)
    }

    fn named<T: serde::de::DeserializeOwned>(
        &self,
        list: &[(String, u32)],
        name: &str,
    ) -> Result<Option<T>, Error> {
        list.iter().find(|(known, _)| known == name).map(|(_, at)| self.record(*at)).transpose()
    }

    fn record<T: serde::de::DeserializeOwned>(&self, offset: u32) -> Result<T, Error> {
        let record = self.records.get(offset as usize..).ok_or_else(corrupt)?;
        postcard::take_from_bytes(record).map(|(value, _)| value).map_err(|_| corrupt())
    }

    fn open(entry: &ServiceEntry) -> Result<Self, Error> {
        Self::unpack(&blob::inflate(entry.model)?, entry.endpoints, OnceLock::new())
    }

    fn unpack(segment: &[u8], rules: blob::Segment, endpoints: OnceLock<RuleSet>) -> Result<Self, Error> {
        let (length, rest) = segment.split_first_chunk().ok_or_else(corrupt)?;
        let (index, records) =
            rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(corrupt)?;
        let mut index: Index = postcard::from_bytes(index).map_err(|_| corrupt())?;
        index.place();
        Ok(Self {
            shapes: index.shapes.iter().map(|_| OnceLock::new()).collect(),
            operations: index.operations.iter().map(|_| OnceLock::new()).collect(),
            endpoints,
            rules,
            records: records.to_vec(),
            index,
        })
    }
}

impl Operation {
    fn new(
        service: &'static Service,
        entry: &OperationEntry,
        record: model::Operation<u16>,
    ) -> Result<Self, Error> {
        let model::Operation(_, method, uri, input, output, errors, traits) = record;
        let input = input.map(|id| service.shape(id)).transpose()?;
        let output = output.map(|id| service.shape(id)).transpose()?;
        // Both live as long as the operation, which is never dropped.
        let http_method: &'static str = Box::leak(method.clone().into_boxed_str());
        let http_uri: &'static str = Box::leak(uri.clone().into_boxed_str());
        let code = traits.iter().find_map(|it| match it {
            OperationTrait::ResponseCode(code) => Some(*code),
            _ => None,
        });
        let mut input_schema = struct_schema(input, "Input", shape::Shape::has_request_body_members)
            .with_http(HttpTrait::new(http_method, http_uri, code));
        for it in &traits {
            if let OperationTrait::InputRoot(model::XmlRoot(root, namespace)) = it {
                if !root.is_empty() {
                    input_schema = input_schema.with_xml_name(Box::leak(root.clone().into_boxed_str()));
                }
                if !namespace.is_empty() {
                    input_schema =
                        input_schema.with_xml_namespace(Box::leak(namespace.clone().into_boxed_str()), None);
                }
            }
        }
        let output_schema = struct_schema(output, "Output", |_| true);
        Ok(Self {
            service,
            name: entry.name.clone(),
            method,
            uri,
            input,
            output,
            input_schema,
            output_schema,
            is_read_only: entry.read_only,
            traits,
            errors,
        })
    }

    /// The modelled errors, in the model's order.
    pub fn errors(&self) -> impl Iterator<Item = Result<&'static Shape, Error>> + '_ {
        self.errors.iter().map(|id| self.service.shape(*id))
    }

    /// The action as users write it: `getObject`.
    pub fn action(&self) -> String {
        name::camel_case(&self.name)
    }

    pub fn has(&self, wanted: &OperationTrait) -> bool {
        self.traits.contains(wanted)
    }
}

/// The service that a spelling means; see [`name`].
pub fn service(spelling: &str) -> Result<&'static Service, Error> {
    // Boxed: room for all services would be a fiftieth of the binary.
    static OPENED: [OnceLock<Box<Service>>; SERVICES.len()] = [const { OnceLock::new() }; SERVICES.len()];
    let at = name::resolve(spelling)?;
    let (Some(cell), Some(entry)) = (OPENED.get(at), SERVICES.get(at)) else { return Err(corrupt()) };
    kept(cell, || Service::open(entry).map(Box::new)).map(Box::as_ref)
}

/// A service that is not in the binary, for suites that bring models of their own. It is kept for good.
pub fn open(model: model::Service) -> Result<&'static Service, Box<dyn std::error::Error>> {
    let endpoints = OnceLock::from(model.endpoints.clone());
    let service = Service::unpack(&packed::pack(model, &[])?, blob::PARTITIONS, endpoints)?;
    Ok(Box::leak(Box::new(service)))
}

/// All partitions, in the order in which they are tried.
pub fn partitions() -> Result<&'static [model::Partition], Error> {
    static PARTITIONS: OnceLock<Vec<model::Partition>> = OnceLock::new();
    kept(&PARTITIONS, || blob::read(blob::PARTITIONS)).map(Vec::as_slice)
}

fn struct_schema(
    shape: Option<&'static Shape>,
    empty: &'static str,
    has_body: impl Fn(&Shape) -> bool,
) -> Schema<'static> {
    let Some(shape) = shape else {
        return Schema::new_struct(ShapeId::from_parts(empty, "", empty), ShapeType::Structure, &[])
            .with_no_body_members();
    };
    let schema = Schema::new_struct(shape.id(), ShapeType::Structure, shape.member_schemas())
        .with_original_name(shape.id().shape_name());
    if has_body(shape) { schema } else { schema.with_no_body_members() }
}

/// `get_or_try_init`: two threads may both build the value, the first one stays.
fn kept<T>(cell: &OnceLock<T>, build: impl FnOnce() -> Result<T, Error>) -> Result<&T, Error> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = build()?;
    Ok(cell.get_or_init(|| value))
}

/// The models are part of the binary, so this is a build that went wrong, not an input.
fn corrupt() -> Error {
    Error::new(ErrorKind::Internal, "the built-in models cannot be read")
}

/// Whether a shape is a structure or a union, whose members a value names.
pub fn members(shape: &Shape) -> &[shape::Member] {
    match &shape.kind {
        Kind::Structure(members) | Kind::Union(members) => members,
        _ => &[],
    }
}
