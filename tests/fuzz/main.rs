//! libFuzzer's targets: the event, the answers of each protocol, and the aggregated records of Kinesis; one program,
//! `FUZZ_TARGET` says which.
//!
//! Enters: what libFuzzer makes of its corpus, guided by the branches that it sees taken. Leaves: nothing. Fails, which
//! is to say aborts and leaves the input in a file, at a panic and at an outcome that the contract does not know.
//! Where `FUZZ_FOLDER` is set, the seeds and the words of the target are written there first.

#![no_main]

mod answers;
mod events;
mod frames;
mod judged;
mod kpl;
mod mutation;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target};
use tokio::runtime::{Builder, Runtime};

/// What can be fuzzed.
trait Target: Send + Sync {
    /// Inputs to begin with.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// Tries one; an error is an outcome that must not be.
    fn tried(&self, input: &[u8]) -> Result<Corpus, String>;

    /// Another input, of at most so many bytes.
    fn mutated(&self, input: &[u8], limit: usize, random: &mut Rng) -> Vec<u8>;
}

static TARGET: LazyLock<Box<dyn Target>> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    match name.as_str() {
        "events" => Box::new(events::Events::new()),
        "kpl" => Box::new(kpl::Kpl),
        protocol => Box::new(answers::Answers::new(protocol)),
    }
});

fuzz_target!(init: prepare(), |input: &[u8]| -> Corpus {
    TARGET.tried(input).unwrap_or_else(|fault| panic!("{fault}"))
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let input = &data[..size.min(max_size)];
    let mutated = TARGET.mutated(input, max_size, &mut Rng::with_seed(seed.into()));
    let size = mutated.len().min(max_size);
    data[..size].copy_from_slice(&mutated[..size]);
    size
});

fn prepare() {
    let seeds = TARGET.seeds();
    assert!(!seeds.is_empty(), "no seeds");
    if let Some(folder) = std::env::var_os("FUZZ_FOLDER") {
        written(Path::new(&folder), &seeds).expect("the runner makes the folder");
    }
}

/// The target's own seeds, those that earlier runs found, and the words of both.
fn written(folder: &Path, seeds: &[Vec<u8>]) -> std::io::Result<()> {
    let target = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = tests::root().join("tests/fuzz/found").join(format!("{target}.txt"));
    let found = if found.is_file() { fs::read_to_string(found)? } else { String::new() };
    let corpus = folder.join("corpus");
    for (at, seed) in seeds.iter().enumerate() {
        fs::write(corpus.join(format!("seed-{at}")), seed)?;
    }
    for (at, line) in found.lines().enumerate() {
        fs::write(corpus.join(format!("found-{at}")), STANDARD.decode(line).expect("a line is base64"))?;
    }
    fs::write(folder.join("words"), mutation::dictionary(seeds))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime can be made")
}
