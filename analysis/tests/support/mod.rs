//! Runs that nobody measured: every byte of them follows from their shape.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    reason = "each user of this module uses another part of it"
)]

mod cells;
mod draw;
mod manifest;
mod sample;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use campaign::schedule::Plan;
use results::Sample;
use results::manifest::Manifest;
use results::record::Scenario;

pub use cells::cells;
pub use draw::Draw;
pub use manifest::manifest;
pub use sample::{REQUEST_SPREAD, histogram, whole};

/// What a run is like.
#[derive(Clone)]
pub struct Shape {
    pub run: &'static str,
    pub samples: u32,
    pub requests: u64,
    pub scenarios: Vec<Scenario>,
    pub workloads: Vec<&'static str>,
    /// How many times as slow every system but `native` is.
    pub slower: f64,
    pub seed: u64,
}

impl Shape {
    /// A small one with everything in it.
    pub fn small(run: &'static str) -> Self {
        Self {
            run,
            samples: 8,
            requests: 1_200,
            scenarios: Scenario::ALL.to_vec(),
            workloads: vec!["http-hello"],
            slower: 1.0,
            seed: 7,
        }
    }
}

/// Writes a run below `raw` and returns its folder.
pub fn write(raw: &Path, shape: &Shape) -> PathBuf {
    let manifest = manifest(shape.run, cells(shape), shape.samples, shape.seed);
    let plan = Plan::from(&manifest);
    let mut draw = Draw::new(shape.seed);
    let order = plan.order();
    let samples = order
        .iter()
        .map(|planned| sample::sample(shape, planned, &mut draw));
    write_samples(raw, &manifest, samples)
}

/// Writes a run of these samples below `raw` and returns its folder.
pub fn write_samples(
    raw: &Path,
    manifest: &Manifest,
    samples: impl IntoIterator<Item = Sample>,
) -> PathBuf {
    let folder = raw.join(&manifest.run);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("manifest.json"),
        serde_json::to_vec_pretty(manifest).unwrap(),
    )
    .unwrap();
    let mut ledger = BufWriter::new(File::create(folder.join("samples.jsonl")).unwrap());
    for sample in samples {
        serde_json::to_writer(&mut ledger, &sample).unwrap();
        ledger.write_all(b"\n").unwrap();
    }
    ledger.flush().unwrap();
    folder
}
