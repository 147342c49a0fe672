//! Packs `models/` into one blob that the binary carries.
//!
//! Enters: `models/<service>.json`, `models/partitions.json`. Leaves, in `OUT_DIR`: `models.bin`, two deflated
//! segments a service (its model, its endpoint rules), and `directory.rs`, which says where they lie and which names
//! mean which service. Fails, and with it the build, when a file is not what `modelgen` writes, when two services
//! claim one name, or when a list holds itself without a structure between.
//!
//! A model segment is `[length of index: u32 LE][index][records]`; index and records are postcard. The handler
//! inflates one segment and decodes the records that an operation reaches, not the others.

#[path = "src/catalog/model.rs"]
#[allow(dead_code, reason = "shared with the handler, which reads what is only written here")]
mod model;

#[path = "src/catalog/packed.rs"]
#[allow(dead_code, reason = "shared with the handler, which reads what is only written here")]
mod packed;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use model::{Kind, Member, Operation, Partition, Service, Shape};
use packed::{Index, ShapeEntry};
use serde::Serialize;

/// miniz level 10: a tenth smaller than 6, and only the build pays.
const LEVEL: u8 = 10;

/// Files in `models/` that are not a service.
const NOT_SERVICES: [&str; 4] = ["partitions", "aliases", "read_only", "read_only_denied"];

fn main() -> Result<(), Box<dyn Error>> {
    let models = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("models");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=models");
    println!("cargo::rerun-if-changed=build.rs");

    let mut blob = Vec::new();
    let mut services = String::new();
    let mut names: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (at, path) in service_files(&models)?.iter().enumerate() {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let service: Service =
            serde_json::from_slice(&fs::read(path)?).map_err(|error| failed(&error))?;
        let id = service.metadata.id.clone();
        for name in service.metadata.aliases.iter().cloned().chain([normalised(&id)]) {
            if let Some((_, other)) = names.insert(name.clone(), (at, id.clone()))
                && other != id
            {
                return Err(failed(&format!("the name {name} is also claimed by {other}")).into());
            }
        }
        let endpoints = append(&mut blob, &postcard::to_allocvec(&service.endpoints)?)?;
        let model = append(&mut blob, &pack(service).map_err(|error| failed(&error))?)?;
        writeln!(services, "ServiceEntry {{ id: {id:?}, model: {model}, endpoints: {endpoints} }},")?;
    }
    let partitions: Vec<Partition> = serde_json::from_slice(&fs::read(models.join("partitions.json"))?)?;
    let partitions = append(&mut blob, &postcard::to_allocvec(&partitions)?)?;

    let mut directory = format!("pub static SERVICES: &[ServiceEntry] = &[\n{services}];\n");
    writeln!(directory, "pub static PARTITIONS: Segment = {partitions};")?;
    writeln!(directory, "pub static NAMES: &[(&str, u16)] = &[")?;
    for (name, (at, _)) in &names {
        writeln!(directory, "({name:?}, {at}),")?;
    }
    writeln!(directory, "];")?;
    fs::write(out.join("directory.rs"), directory)?;
    fs::write(out.join("models.bin"), blob)?;
    Ok(())
}

fn service_files(models: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files: Vec<PathBuf> = fs::read_dir(models)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| {
        path.extension().is_some_and(|extension| extension == "json")
            && path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| !NOT_SERVICES.contains(&stem))
    });
    files.sort();
    Ok(files)
}

fn normalised(name: &str) -> String {
    name.to_lowercase().replace(['-', ' ', '_'], "")
}

/// Deflates and appends a segment; leaves where it lies, as Rust source.
fn append(blob: &mut Vec<u8>, segment: &[u8]) -> Result<String, Box<dyn Error>> {
    let deflated = miniz_oxide::deflate::compress_to_vec(segment, LEVEL);
    let text = format!(
        "Segment {{ offset: {}, deflated: {}, inflated: {} }}",
        u32::try_from(blob.len())?,
        u32::try_from(deflated.len())?,
        u32::try_from(segment.len())?
    );
    blob.extend(deflated);
    Ok(text)
}

fn pack(service: Service) -> Result<Vec<u8>, Box<dyn Error>> {
    let ids: HashMap<&str, u16> = service
        .shapes
        .iter()
        .enumerate()
        .map(|(at, shape)| Ok((shape.0.as_str(), u16::try_from(at)?)))
        .collect::<Result<_, Box<dyn Error>>>()?;
    let id = |name: &String| {
        ids.get(name.as_str()).copied().ok_or_else(|| Box::<dyn Error>::from(format!("no shape {name}")))
    };
    refuse_bare_recursion(&service.shapes)?;

    let mut records = Vec::new();
    let mut shapes = Vec::new();
    for Shape(name, kind, traits) in &service.shapes {
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
            Kind::Structure(members) => Kind::Structure(members.iter().map(|it| member(it, &id)).collect::<Result<_, _>>()?),
            Kind::Union(members) => Kind::Union(members.iter().map(|it| member(it, &id)).collect::<Result<_, _>>()?),
        };
        shapes.push(ShapeEntry { tag: packed::tag(&kind), offset: u32::try_from(records.len())? });
        write(&mut records, &Shape(name.clone(), kind, traits.clone()))?;
    }
    let mut operations = Vec::new();
    for Operation(name, method, uri, input, output, errors, traits) in &service.operations {
        operations.push((name.clone(), u32::try_from(records.len())?));
        write(
            &mut records,
            &Operation(
                name.clone(),
                method.clone(),
                uri.clone(),
                input.as_ref().map(&id).transpose()?,
                output.as_ref().map(&id).transpose()?,
                errors.iter().map(&id).collect::<Result<_, _>>()?,
                traits.clone(),
            ),
        )?;
    }
    let mut paginators = Vec::new();
    for paginator in &service.paginators {
        paginators.push((paginator.operation.clone(), u32::try_from(records.len())?));
        write(&mut records, paginator)?;
    }
    let mut waiters = Vec::new();
    for waiter in &service.waiters {
        waiters.push((waiter.name.clone(), u32::try_from(records.len())?));
        write(&mut records, waiter)?;
    }
    let index = postcard::to_allocvec(&Index { metadata: service.metadata, operations, shapes, paginators, waiters })?;
    let mut segment = u32::try_from(index.len())?.to_le_bytes().to_vec();
    segment.extend(index);
    segment.extend(records);
    Ok(segment)
}

fn write(records: &mut Vec<u8>, record: &impl Serialize) -> Result<(), Box<dyn Error>> {
    records.extend(postcard::to_allocvec(record)?);
    Ok(())
}

fn member(
    Member(name, target, traits): &Member,
    id: &impl Fn(&String) -> Result<u16, Box<dyn Error>>,
) -> Result<Member<u16>, Box<dyn Error>> {
    Ok(Member(name.clone(), id(target)?, traits.clone()))
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
