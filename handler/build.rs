//! Packs `models/` into one blob that the binary carries.
//!
//! Enters: `models/<service>.json`, `models/partitions.json`. Leaves, in `OUT_DIR`: `models.bin`, two deflated
//! segments a service (its model, its endpoint rules), and `directory.rs`, which says where they lie and which names
//! mean which service. Fails, and with it the build, when a file is not what `modelgen` writes, when two services
//! claim one name, or when a list holds itself without a structure between.

#[path = "src/catalog/model.rs"]
#[allow(dead_code, reason = "shared with the handler, which reads what is only written here")]
mod model;

#[path = "src/catalog/packed.rs"]
#[allow(dead_code, reason = "shared with the handler, which reads what is only written here")]
mod packed;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use model::{Partition, Service};

/// miniz level 10: a tenth smaller than 6, and only the build pays.
const LEVEL: u8 = 10;

/// Files in `models/` that are not a service.
const NOT_SERVICES: [&str; 4] = ["partitions", "aliases", "read_only", "read_only_denied"];

fn main() -> Result<(), Box<dyn Error>> {
    let models = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("models");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=models");
    println!("cargo::rerun-if-changed=build.rs");

    let read_only: BTreeMap<String, Vec<String>> =
        serde_json::from_slice(&fs::read(models.join("read_only.json"))?)?;
    let mut blob = Vec::new();
    let mut services = String::new();
    let mut names: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (at, path) in service_files(&models)?.iter().enumerate() {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let service: Service = serde_json::from_slice(&fs::read(path)?).map_err(|error| failed(&error))?;
        let id = service.metadata.id.clone();
        for name in service.metadata.aliases.iter().cloned().chain([normalised(&id)]) {
            if let Some((_, other)) = names.insert(name.clone(), (at, id.clone()))
                && other != id
            {
                return Err(failed(&format!("the name {name} is also claimed by {other}")).into());
            }
        }
        let endpoints = append(&mut blob, &postcard::to_allocvec(&service.endpoints)?)?;
        let model = append(
            &mut blob,
            &packed::pack(service, read_only.get(&id).map_or(&[], Vec::as_slice))
                .map_err(|error| failed(&error))?,
        )?;
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
    let mut files: Vec<PathBuf> =
        fs::read_dir(models)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|path| {
        path.extension().is_some_and(|extension| extension == "json")
            && path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .is_some_and(|stem| !NOT_SERVICES.contains(&stem))
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
