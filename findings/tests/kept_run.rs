//! A kept run, and the statistics of its cells as they were first computed, by an earlier version:
//! the same run gives the same numbers, to the last bit.
//!
//! What may differ, and why:
//!
//! - scenarios had other names, and cells a parameter `page_cache` where the scenario says the same;
//! - `phases[].interval_ns` was a pair and is an interval with names: `low` and `high`;
//! - cells have more measures and facts than they had;
//! - `noisy` has lost the samples that the machine's pressure alone had marked, to which the program
//!   that measures adds, and `median_without_noisy` follows it;
//! - `pooled`, quantiles of the requests of all processes together, is gone: a cell's quantiles are
//!   the medians of its processes' own, among `measures`.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use findings::comparison::Design;
use findings::input::Run;
use findings::{Findings, Options};
use flate2::read::GzDecoder;
use results::Cell;
use serde_json::{Value, json};

const RUN: &str = "20261126T111712Z-eeee";

fn fixture(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests.join("fixtures/run").join(name)
}

fn unpacked(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut packed = GzDecoder::new(File::open(fixture(name)).unwrap());
    packed.read_to_end(&mut bytes).unwrap();
    bytes
}

fn findings() -> Findings {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join(RUN);
    fs::create_dir(&run).unwrap();
    fs::copy(fixture("manifest.json"), run.join("manifest.json")).unwrap();
    fs::write(run.join("samples.jsonl"), unpacked("samples.jsonl.gz")).unwrap();
    Findings::from_run(&Run::read(&run).unwrap(), Options::default())
}

/// Everything of `before` must be in `after`; what `after` has beyond that is new.
fn compare(path: &str, before: &Value, after: &Value, differences: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, value) in before {
                let path = format!("{path}/{key}");
                match (key.as_str(), after.get(key)) {
                    ("cell", Some(now)) => {
                        let cell = |value: &Value| -> Cell {
                            serde_json::from_value(value.clone()).unwrap()
                        };
                        if cell(value) != cell(now) {
                            differences.push(format!("{path} was {value} and is {now}"));
                        }
                    }
                    // It is made of the cell.
                    ("id", Some(_)) => {}
                    ("pooled", None) | ("median_without_noisy", Some(_)) => {}
                    ("noisy", Some(now)) => {
                        if !is_part(now, value) {
                            differences.push(format!("{path} was {value} and is {now}"));
                        }
                    }
                    ("interval_ns", Some(now)) if path.contains("/phases/") => {
                        let named = named(value);
                        compare(&path, &named, now, differences);
                    }
                    (_, Some(now)) => compare(&path, value, now, differences),
                    (_, None) => differences.push(format!("{path} is gone")),
                }
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (one, two)) in before.iter().zip(after).enumerate() {
                compare(&format!("{path}/{index}"), one, two, differences);
            }
        }
        (before, after) if before == after => {}
        (before, after) => differences.push(format!("{path} was {before} and is {after}")),
    }
}

/// Whether all that one list has is in the other.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part.as_array(), whole.as_array()) {
        (Some(part), Some(whole)) => part.iter().all(|it| whole.contains(it)),
        _ => false,
    }
}

/// A pair of ends as an interval has them.
fn named(ends: &Value) -> Value {
    ends.as_array().map_or(
        Value::Null,
        |ends| json!({ "low": ends[0], "high": ends[1] }),
    )
}

#[test]
fn the_same_run_gives_the_same_statistics_of_cells() {
    let before: Value = serde_json::from_slice(&unpacked("cells.json.gz")).unwrap();
    let after: Value = serde_json::from_slice(&findings().to_json()).unwrap();
    assert_eq!(before["cells"].as_array().unwrap().len(), 65);
    let mut differences = Vec::new();
    // The floors are within blocks now, and no longer what they were.
    for part in ["confidence", "cells"] {
        compare(part, &before[part], &after[part], &mut differences);
    }
    assert!(
        differences.is_empty(),
        "{:#?}",
        &differences[..differences.len().min(20)]
    );
}

#[test]
fn every_comparison_of_interleaved_cells_is_within_blocks_and_corrected_over_the_page() {
    let findings = findings();
    let families = &findings.facts.families;
    let controls = findings.facts.controls.iter().map(|(_, family)| family);
    let all: usize = families
        .iter()
        .chain(controls)
        .map(|family| family.members.len())
        .sum();
    assert!(all > 30, "{all}");
    for family in families {
        assert_eq!(family.design, Design::Blocked, "{}", family.name);
        assert_eq!(family.corrected_over, all, "{}", family.name);
    }
}
