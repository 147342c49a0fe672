//! Packs `models/` into one blob that the binary carries.
//!
//! Enters: `models/<service>.json`, `models/partitions.json`. Leaves, in `OUT_DIR`: `models.bin`, two deflated
//! segments a service (its model, its endpoint rules), and `directory.rs`, which says where they lie and which names
//! mean which service. Models say much the same in the same words, so each is deflated against one primer that holds
//! some of it, which saves a tenth. Fails, and with it the build, when a file is not what `modelgen` writes, when two services
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

use flate2::{Compress, Compression, FlushCompress};
use model::{Partition, Service};

/// Bytes that deflate looks back, and so the most that a primer can be: parts of some services' models, and, since
/// they differ least, of few services' endpoint rules.
const WINDOW: usize = 32 << 10;
const PRIMING_RULES: (usize, usize) = (8, 1 << 10);
const PRIMING_MODELS: (usize, usize) = (24, 1 << 10);
const _: () = assert!(
    PRIMING_RULES.0 * PRIMING_RULES.1 + PRIMING_MODELS.0 * PRIMING_MODELS.1 <= WINDOW,
    "deflate looks back no further"
);

/// Files in `models/` that are not a service.
const NOT_SERVICES: [&str; 4] = ["partitions", "aliases", "read_only", "read_only_denied"];

fn main() -> Result<(), Box<dyn Error>> {
    let models = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("models");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=models");
    println!("cargo::rerun-if-changed=build.rs");
    // Rust's own linker there folds functions that came out the same, which the others do not know how to.
    if env::var("TARGET")? == "x86_64-unknown-linux-gnu" {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }

    let read_only: BTreeMap<String, Vec<String>> =
        serde_json::from_slice(&fs::read(models.join("read_only.json"))?)?;
    let mut services: Vec<(String, Vec<u8>, Vec<u8>)> = Vec::new();
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
        let endpoints = postcard::to_allocvec(&service.endpoints)?;
        let model = packed::pack(service, read_only.get(&id).map_or(&[], Vec::as_slice))
            .map_err(|error| failed(&error))?;
        services.push((id, model, endpoints));
    }
    let partitions: Vec<Partition> = serde_json::from_slice(&fs::read(models.join("partitions.json"))?)?;

    // What is nearest to the end is cheapest to refer to.
    let mut primer = parts(services.iter().map(|(_, model, _)| model.as_slice()), PRIMING_MODELS);
    primer.extend(parts(services.iter().map(|(_, _, endpoints)| endpoints.as_slice()), PRIMING_RULES));
    let mut blob = Blob::default();
    let unprimed = blob.append(&primer)?;
    blob.primer = primer;
    let mut entries = String::new();
    for (id, model, endpoints) in &services {
        let (model, endpoints) = (blob.append(model)?, blob.append(endpoints)?);
        writeln!(entries, "ServiceEntry {{ id: {id:?}, model: {model}, endpoints: {endpoints} }},")?;
    }
    let partitions = blob.append(&postcard::to_allocvec(&partitions)?)?;

    let mut directory = format!("pub static SERVICES: &[ServiceEntry] = &[\n{entries}];\n");
    writeln!(directory, "pub static PRIMER: Segment = {unprimed};")?;
    writeln!(directory, "pub static PARTITIONS: Segment = {partitions};")?;
    writeln!(directory, "pub static NAMES: &[(&str, u16)] = &[")?;
    for (name, (at, _)) in &names {
        writeln!(directory, "({name:?}, {at}),")?;
    }
    writeln!(directory, "];")?;
    fs::write(out.join("directory.rs"), directory)?;
    fs::write(out.join("models.bin"), blob.bytes)?;
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

/// The first bytes of each of so many segments, evenly spread over all of them.
fn parts<'a>(segments: impl ExactSizeIterator<Item = &'a [u8]>, (count, bytes): (usize, usize)) -> Vec<u8> {
    let step = segments.len().div_ceil(count).max(1);
    segments.step_by(step).flat_map(|segment| segment.iter().take(bytes)).copied().collect()
}

/// Segments one after the other.
#[derive(Default)]
struct Blob {
    bytes: Vec<u8>,
    primer: Vec<u8>,
}

impl Blob {
    /// Deflates and appends a segment; leaves where it lies, as Rust source.
    fn append(&mut self, segment: &[u8]) -> Result<String, Box<dyn Error>> {
        let mut deflate = Compress::new(Compression::best(), false);
        if !self.primer.is_empty() {
            deflate.set_dictionary(&self.primer)?;
        }
        // More than deflate ever makes of it.
        let mut deflated = Vec::with_capacity(segment.len() + segment.len() / 8 + 64);
        let status = deflate.compress_vec(segment, &mut deflated, FlushCompress::Finish)?;
        if status != flate2::Status::StreamEnd {
            return Err("a segment is larger deflated than it was".into());
        }
        let text = format!(
            "Segment {{ offset: {}, deflated: {}, inflated: {} }}",
            u32::try_from(self.bytes.len())?,
            u32::try_from(deflated.len())?,
            u32::try_from(segment.len())?
        );
        self.bytes.extend(deflated);
        Ok(text)
    }
}
