//! Starts whose image is pulled from a registry on the loopback, as the suite measures them. What they
//! need is installed by `./setup docker wasmcloud`; without it all but Podman's fail, and say so.

#[path = "support/turns.rs"]
mod turns;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Command;

use external::system::System;
use results::record::{Outcome, Scenario};
use results::{Evidence, Param, Phase, Sample, ledger, run_folder};

/// Starts of systems, so many of each way in which their images are pulled.
fn pulled(only: &str, samples: &str) -> Vec<Sample> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let only = format!("{only},workload=http-hello,scenario=image-cold,observer=none");
    let ran = Command::new(env!("CARGO_BIN_EXE_external"))
        .args(["suite", "--only", &only, "--samples", samples])
        .args(["--variants", "all", "--out"])
        .arg(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ran.stderr).into_owned();
    let runs = run_folder::runs(folder.path());
    let run = runs.first().unwrap_or_else(|| panic!("{text}"));
    let samples = ledger::read(&folder.path().join(run).join("samples.jsonl"));
    let samples = samples.unwrap().samples;
    for sample in &samples {
        assert_eq!(
            sample.outcome,
            Outcome::Ok,
            "{}: {:?}\n{text}",
            sample.cell,
            sample.reason
        );
        assert_eq!(sample.cell.scenario, Scenario::ImageCold);
        let bytes = sample.attested.number(Evidence::ImageBytes).unwrap();
        let least = match sample.cell.params.get(Param::BaseLayer) {
            Some(_) => 32 << 20,
            None => 10_000,
        };
        assert!(bytes > least, "{}: {bytes}", sample.cell);
    }
    samples
}

/// Starts of a system, one of each way in which its image is pulled.
fn samples(system: &str) -> Vec<Sample> {
    let mut samples = pulled(&format!("system={system}"), "1");
    samples.retain(|it| !it.cell.system.is_twin());
    let of = |name: &str| {
        samples
            .iter()
            .any(|it| it.cell.params.is(Param::Registry, name))
    };
    assert!(of("plain") && of("tls"), "{system}");
    samples
}

/// Whether the start's first phase is the pull.
fn begins_with_the_pull(sample: &Sample) {
    // Where a service could report its own milestones and does not, the total is all there is.
    if let Some(first) = sample.phases.first() {
        assert_eq!(first.name, Phase::Pull, "{}", sample.cell);
    }
    let layers = if sample.cell.params.get(Param::BaseLayer).is_some() {
        2
    } else {
        1
    };
    assert_eq!(sample.attested.number(Evidence::ImageLayers), Some(layers));
}

#[test]
fn docker_pulls_and_unpacks_in_each_start() {
    turns::engine();
    samples("docker").iter().for_each(begins_with_the_pull);
}

#[test]
fn images_with_a_layer_in_common_are_each_pulled_whole() {
    turns::engine();
    let samples = pulled(
        "system=docker,system=docker-wasmtime,network=bridge,base_layer=32MiB",
        "2",
    );
    let systems: BTreeSet<&str> = samples.iter().map(|it| it.cell.system.as_str()).collect();
    assert!(systems.len() > 1, "{systems:?}");
    samples.iter().for_each(begins_with_the_pull);
}

#[test]
fn containerd_pulls_and_unpacks_in_each_start() {
    turns::engine();
    samples("containerd").iter().for_each(begins_with_the_pull);
}

/// Podman is installed only where it is named; without it this says that it did not run.
#[test]
fn podman_pulls_and_unpacks_in_each_start() {
    turns::engine();
    if let Err(absent) = System::from_name("podman").unwrap().find() {
        let _ = writeln!(std::io::stdout(), "not run: {absent}");
        return;
    }
    samples("podman").iter().for_each(begins_with_the_pull);
}

#[test]
fn wasmcloud_pulls_with_and_without_a_certificate_that_it_was_told_to_trust() {
    assert_eq!(samples("wasmcloud").len(), 5);
}
