//! When a run is one: its folder is there from the moment in which its first sample can be recorded.

use std::collections::BTreeMap;
use std::path::Path;

use campaign::manifest::Measured;
use campaign::run;
use campaign::schedule::{Bench, Measurement, Planned};
use results::manifest::{Manifest, Order};
use results::{Cell, Params, Scenario, Skip, run_folder};

/// A bench whose starts take nothing.
struct Idle;

impl Bench for Idle {
    fn prepare(&mut self, _: &Planned) -> Result<(), Skip> {
        Ok(())
    }

    fn sample(&mut self, _: &Planned) -> Measurement {
        Measurement {
            verdict: Ok(()),
            total_ns: Some(1),
            ..Measurement::failed("")
        }
    }

    fn clean(&mut self, _: &Planned) -> Result<(), String> {
        Ok(())
    }

    fn artifact_sha256(&self, _: &Cell) -> Option<String> {
        None
    }
}

fn manifest() -> Manifest {
    Manifest::from(Measured {
        config: BTreeMap::new(),
        order: Order::Shuffled,
        seed: 1,
        samples_per_cell: 1,
        cells: vec![Cell {
            system: "native".into(),
            workload: "hello".into(),
            scenario: Scenario::DiskCold,
            params: Params::new(),
        }],
        program_sha256: String::new(),
        systems: Vec::new(),
        artifacts: Vec::new(),
    })
}

/// The runs in a folder after one with this bench, and whether that one could measure.
fn runs_after<B: Bench>(
    results: &Path,
    bench: impl FnOnce() -> std::io::Result<B>,
) -> (Vec<String>, bool) {
    let (folder, manifest) = run::open(None, results, manifest()).unwrap();
    assert!(
        run_folder::resolve(results, "latest").is_err(),
        "it has not begun"
    );
    let measured = run::measure(&folder, &manifest, |_, _| bench()).is_ok();
    drop(folder);
    (run_folder::runs(results), measured)
}

#[test]
fn a_run_that_cannot_take_its_first_sample_is_none() {
    let results = tempfile::tempdir().unwrap();
    let failed = runs_after(results.path(), || {
        Err::<Idle, _>(std::io::Error::other("the disk is full"))
    });
    assert_eq!(failed, (Vec::new(), false), "nothing is left of it");
    let (runs, measured) = runs_after(results.path(), || Ok(Idle));
    assert!(measured);
    assert_eq!(
        run_folder::resolve(results.path(), "latest").unwrap(),
        runs[0]
    );
}

#[test]
fn the_run_that_begins_last_is_the_latest_whatever_the_clock_was_set_to() {
    let results = tempfile::tempdir().unwrap();
    let of_the_future = "29991231T235959Z-ffff";
    std::fs::create_dir(results.path().join(of_the_future)).unwrap();
    let (folder, manifest) = run::open(None, results.path(), manifest()).unwrap();
    run::measure(&folder, &manifest, |_, _| Ok::<_, std::io::Error>(Idle)).unwrap();
    assert!(manifest.run.starts_with("30000101T000000Z-"));
    assert_eq!(
        run_folder::resolve(results.path(), "latest").unwrap(),
        manifest.run
    );
}
