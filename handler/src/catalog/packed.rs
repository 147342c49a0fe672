//! How a service's model lies in the binary: written by `build.rs`, read by `catalog.rs`.
//!
//! Enters: a service as `modelgen` writes it. Leaves: one segment, `[length of index: u32 LE][index][records]`, index
//! and records in postcard, shapes that mean the same merged: the handler inflates it and decodes the records that an
//! operation reaches, not the others.
//! Fails where a shape is named that is not there, and where a list holds itself without a structure between.

use std::collections::HashMap;
use std::error::Error;

use serde::{Deserialize, Serialize};

use super::model::{Kind, Member, Metadata, Operation, Service, Shape};

/// Where a model segment's records are. Names are sorted, shapes are in the order of their use; the records stand in
/// the order of the fields. Each entry's `at` is packed as the length of its record, which deflates well, until
/// [`Index::place`] makes it the record's offset from the end of the index.
#[derive(Debug, Serialize, Deserialize)]
pub struct Index {
    pub metadata: Metadata,
    pub operations: Vec<OperationEntry>,
    pub shapes: Vec<ShapeEntry>,
    pub paginators: Vec<(String, u32)>,
    pub waiters: Vec<(String, u32)>,
}

impl Index {
    /// Turns lengths into offsets.
    pub fn place(&mut self) {
        let shapes = self.shapes.iter_mut().map(|entry| &mut entry.at);
        let operations = self.operations.iter_mut().map(|entry| &mut entry.at);
        let paginators = self.paginators.iter_mut().map(|(_, at)| at);
        let waiters = self.waiters.iter_mut().map(|(_, at)| at);
        let mut end = 0_u32;
        for at in shapes.chain(operations).chain(paginators).chain(waiters) {
            let length = std::mem::replace(at, end);
            end = end.saturating_add(length);
        }
    }
}

/// Where an operation's record lies, and what the reviewed list says of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct OperationEntry {
    pub name: String,
    pub at: u32,
    /// A repeat, even in another Region, changes nothing.
    pub read_only: bool,
}

/// A shape's kind can be read without decoding its members.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ShapeEntry {
    pub tag: Tag,
    pub at: u32,
}

/// A shape's kind without what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tag {
    Blob,
    Boolean,
    Document,
    Double,
    Float,
    Integer,
    Long,
    String,
    Timestamp,
    List,
    Map,
    Structure,
    Union,
}

/// Packs a service.
pub fn pack(service: Service, read_only: &[String]) -> Result<Vec<u8>, Box<dyn Error>> {
    refuse_bare_recursion(&service.shapes)?;
    let merged = merge(&service.shapes)?;
    let kept = by_use(&service, &merged);
    let ids: HashMap<&str, u16> = kept
        .iter()
        .enumerate()
        .map(|(at, shape)| Ok((shape.0.as_str(), u16::try_from(at)?)))
        .collect::<Result<_, Box<dyn Error>>>()?;
    let id = |name: &String| {
        let name = merged.get(name.as_str()).ok_or_else(|| format!("no shape {name}"))?;
        ids.get(name).copied().ok_or_else(|| Box::<dyn Error>::from(format!("no shape {name}")))
    };

    let mut records = Vec::new();
    let mut shapes = Vec::new();
    for Shape(name, kind, traits) in kept.iter().copied() {
        let kind = match kind {
            Kind::Blob => Kind::Blob,
            Kind::Boolean => Kind::Boolean,
            Kind::Document => Kind::Document,
            Kind::Double => Kind::Double,
            Kind::Float => Kind::Float,
            Kind::Integer => Kind::Integer,
            Kind::Long => Kind::Long,
            Kind::String => Kind::String,
            Kind::Timestamp => Kind::Timestamp,
            Kind::List(element) => Kind::List(Box::new(member(element, &id)?)),
            Kind::Map(key, value) => Kind::Map(Box::new(member(key, &id)?), Box::new(member(value, &id)?)),
            Kind::Structure(members) => {
                Kind::Structure(members.iter().map(|it| member(it, &id)).collect::<Result<_, _>>()?)
            }
            Kind::Union(members) => {
                Kind::Union(members.iter().map(|it| member(it, &id)).collect::<Result<_, _>>()?)
            }
        };
        let tag = tag(&kind);
        let at = write(&mut records, &Shape(name.clone(), kind, traits.clone()))?;
        shapes.push(ShapeEntry { tag, at });
    }
    let mut operations = Vec::new();
    for Operation(name, method, uri, input, output, errors, traits) in &service.operations {
        // The name stands in the index.
        let record = Operation(
            String::new(),
            method.clone(),
            uri.clone(),
            input.as_ref().map(&id).transpose()?,
            output.as_ref().map(&id).transpose()?,
            errors.iter().map(&id).collect::<Result<_, _>>()?,
            traits.clone(),
        );
        let at = write(&mut records, &record)?;
        operations.push(OperationEntry { name: name.clone(), at, read_only: read_only.contains(name) });
    }
    let mut paginators = Vec::new();
    for paginator in &service.paginators {
        paginators.push((paginator.operation.clone(), write(&mut records, paginator)?));
    }
    let mut waiters = Vec::new();
    for waiter in &service.waiters {
        waiters.push((waiter.name.clone(), write(&mut records, waiter)?));
    }
    // The directory holds the names of all services.
    let metadata = Metadata { aliases: Vec::new(), ..service.metadata };
    let index = postcard::to_allocvec(&Index { metadata, operations, shapes, paginators, waiters })?;
    let mut segment = u32::try_from(index.len())?.to_le_bytes().to_vec();
    segment.extend(index);
    segment.extend(records);
    Ok(segment)
}

/// Appends a record; leaves its length.
fn write(records: &mut Vec<u8>, record: &impl Serialize) -> Result<u32, Box<dyn Error>> {
    let bytes = postcard::to_allocvec(record)?;
    records.extend(&bytes);
    Ok(u32::try_from(bytes.len())?)
}

fn member(
    Member(name, target, traits): &Member,
    id: &impl Fn(&String) -> Result<u16, Box<dyn Error>>,
) -> Result<Member<u16>, Box<dyn Error>> {
    Ok(Member(name.clone(), id(target)?, traits.clone()))
}

/// Names that mean the same on the wire, each to the first of them: `TableName` and `IndexName` are both strings.
/// Structures and unions keep theirs, which stand in errors and in XML.
fn merge(shapes: &[Shape]) -> Result<HashMap<&str, &str>, Box<dyn Error>> {
    let mut merged: HashMap<&str, &str> =
        shapes.iter().map(|shape| (shape.0.as_str(), shape.0.as_str())).collect();
    loop {
        let mut first: HashMap<Vec<u8>, &str> = HashMap::new();
        let mut next = merged.clone();
        for Shape(name, kind, traits) in shapes {
            let as_merged = |Member(name, target, traits): &Member| {
                let target = merged.get(target.as_str()).copied().unwrap_or_default().to_owned();
                Box::new(Member(name.clone(), target, traits.clone()))
            };
            let kind = match kind {
                Kind::Structure(_) | Kind::Union(_) => continue,
                Kind::List(element) => Kind::List(as_merged(element)),
                Kind::Map(key, value) => Kind::Map(as_merged(key), as_merged(value)),
                simple => simple.clone(),
            };
            let same = postcard::to_allocvec(&(kind, traits))?;
            next.insert(name, first.entry(same).or_insert(name));
        }
        if next == merged {
            return Ok(merged);
        }
        merged = next;
    }
}

/// The shapes that are left, the most used first: their numbers are the shortest.
fn by_use<'a>(service: &'a Service, merged: &HashMap<&str, &str>) -> Vec<&'a Shape> {
    let mut uses: HashMap<&str, usize> = HashMap::new();
    let targets = service.shapes.iter().flat_map(|Shape(_, kind, _)| match kind {
        Kind::List(element) => vec![&element.1],
        Kind::Map(key, value) => vec![&key.1, &value.1],
        Kind::Structure(members) | Kind::Union(members) => members.iter().map(|member| &member.1).collect(),
        _ => Vec::new(),
    });
    for name in targets.filter_map(|target| merged.get(target.as_str())) {
        *uses.entry(name).or_default() += 1;
    }
    let mut kept: Vec<&Shape> = service
        .shapes
        .iter()
        .filter(|shape| merged.get(shape.0.as_str()) == Some(&shape.0.as_str()))
        .collect();
    kept.sort_by_key(|shape| {
        (std::cmp::Reverse(uses.get(shape.0.as_str()).copied().unwrap_or_default()), &shape.0)
    });
    kept
}

/// The handler builds a list's schema from its element's; only a structure ends that descent.
fn refuse_bare_recursion(shapes: &[Shape]) -> Result<(), Box<dyn Error>> {
    let next: HashMap<&str, Vec<&str>> = shapes
        .iter()
        .map(|Shape(name, kind, _)| {
            let targets = match kind {
                Kind::List(element) => vec![element.1.as_str()],
                Kind::Map(key, value) => vec![key.1.as_str(), value.1.as_str()],
                _ => vec![],
            };
            (name.as_str(), targets)
        })
        .collect();
    for Shape(name, ..) in shapes {
        let mut reached = next.get(name.as_str()).cloned().unwrap_or_default();
        for _ in 0..32 {
            if reached.contains(&name.as_str()) {
                return Err(format!("{name} holds itself without a structure between").into());
            }
            reached = reached.iter().filter_map(|name| next.get(name)).flatten().copied().collect();
        }
    }
    Ok(())
}

pub fn tag<R>(kind: &Kind<R>) -> Tag {
    match kind {
        Kind::Blob => Tag::Blob,
        Kind::Boolean => Tag::Boolean,
        Kind::Document => Tag::Document,
        Kind::Double => Tag::Double,
        Kind::Float => Tag::Float,
        Kind::Integer => Tag::Integer,
        Kind::Long => Tag::Long,
        Kind::String => Tag::String,
        Kind::Timestamp => Tag::Timestamp,
        Kind::List(_) => Tag::List,
        Kind::Map(..) => Tag::Map,
        Kind::Structure(_) => Tag::Structure,
        Kind::Union(_) => Tag::Union,
    }
}
