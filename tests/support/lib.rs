//! What the Rust suites share: where others' truth lies, and the count of cases held against it.
//!
//! Enters: nothing but the repository and the unpacked botocore that `make` puts into `.tools`. Leaves: paths, parsed
//! files, and one line per suite on standard output. Fails by panicking, since only tests call it.

pub mod answering;
pub mod bedrock;
pub mod buckets;
pub mod calls;
pub mod differential;
pub mod explained;
pub mod faulty;
pub mod invoked;
pub mod key_value_store;
pub mod kinesis;
pub mod object_files;
pub mod proxy;
pub mod readable;
pub mod recording;
pub mod suites;
pub mod wire;

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Failures that are shown; the others stand in a file.
const SHOWN: usize = 20;

/// The repository.
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// The unpacked botocore that the models were made from: `botocore/data` and `tests` lie below.
pub fn botocore() -> PathBuf {
    let pin = text(&root().join("handler/modelgen/botocore.txt"));
    let version =
        pin.lines().find_map(|line| line.strip_prefix("botocore==")).and_then(|it| it.split(' ').next());
    let version = version.unwrap_or_else(|| panic!("handler/modelgen/botocore.txt names no version"));
    let folder = root().join(".tools").join(format!("botocore-{version}"));
    assert!(folder.is_dir(), "`{}` is missing: `make conformance` fetches it", folder.display());
    folder
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display()));
    let names = entries.map(|entry| match entry {
        Ok(entry) => entry.file_name().to_string_lossy().into_owned(),
        Err(error) => panic!("`{}`: {error}", folder.display()),
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

pub fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("`{}`: {error}", file.display()))
}

pub fn json(file: &Path) -> Value {
    serde_json::from_str(&text(file)).unwrap_or_else(|error| panic!("`{}`: {error}", file.display()))
}

/// Runs a script of this folder against the pinned botocore: JSON goes in, JSON comes out.
pub fn python(script: &str, input: &Value) -> Value {
    let mut child = Command::new(root().join(".tools/venv/bin/python"))
        .arg(root().join("tests").join(script))
        .env("PYTHONPATH", botocore())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("`{script}`: {error}: `make conformance` installs Python's tools"));
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(input.to_string().as_bytes()));
    let output = child.wait_with_output().unwrap_or_else(|error| panic!("`{script}`: {error}"));
    assert!(output.status.success(), "`{script}` failed");
    assert!(matches!(written, Some(Ok(()))), "`{script}` did not read its input");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("`{script}`: {error}"))
}

/// Whether the long, full-size runs are asked for.
pub fn prove() -> bool {
    std::env::var_os("PROVE").is_some()
}

/// Counts the cases of one suite.
#[derive(Debug)]
pub struct Tally {
    suite: &'static str,
    passed: usize,
    failed: Vec<String>,
    skipped: Vec<(&'static str, usize)>,
}

impl Tally {
    pub fn new(suite: &'static str) -> Self {
        Self { suite, passed: 0, failed: Vec::new(), skipped: Vec::new() }
    }

    /// One case; an error says what differs.
    pub fn case(&mut self, name: impl Display, outcome: Result<(), impl Display>) {
        match outcome {
            Ok(()) => self.passed += 1,
            Err(difference) => self.failed.push(format!("{name}: {difference}")),
        }
    }

    /// One case that cannot be run here.
    pub fn skip(&mut self, reason: &'static str) {
        match self.skipped.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.skipped.push((reason, 1)),
        }
    }

    /// How many cases there were.
    pub fn cases(&self) -> usize {
        self.passed + self.failed.len() + self.skipped.iter().map(|(_, count)| count).sum::<usize>()
    }

    /// Prints the counts, past the test harness's capture, and panics unless there were cases and all passed.
    pub fn finish(self) {
        let cases = self.cases();
        let reasons: Vec<String> =
            self.skipped.iter().map(|(reason, count)| format!(", {count} skipped ({reason})")).collect();
        let line = format!("{}: {cases} cases, {} passed{}", self.suite, self.passed, reasons.concat());
        _ = writeln!(std::io::stdout(), "{line}");
        let shown = self.failed.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n");
        if !self.failed.is_empty() {
            let all = root().join(".tools/failures").join(format!("{}.txt", self.suite));
            let written = std::fs::create_dir_all(root().join(".tools/failures"))
                .and_then(|()| std::fs::write(&all, self.failed.join("\n")));
            let all = written.map_or_else(|error| error.to_string(), |()| all.display().to_string());
            panic!("{}: {} of {cases} cases failed\n{shown}\nall: {all}", self.suite, self.failed.len());
        }
        assert!(self.passed > 0, "{}: no cases", self.suite);
    }
}
