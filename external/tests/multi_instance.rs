//! Several instances, and the page cache, as a person asks for them, on the native system.

#[path = "support/turns.rs"]
mod turns;

use std::path::Path;
use std::process::{Command, Stdio};

use results::record::{Outcome, Scenario};
use results::{Evidence, Param, Sample, ledger, run_folder};

/// Runs a command to its end: its code, what it printed, and the samples of its one run.
fn ran(command: &str, arguments: &[&str]) -> (Option<i32>, String, Vec<Sample>) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_external"))
        .arg(command)
        .args(arguments)
        .arg("--out")
        .arg(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let runs = run_folder::runs(folder.path());
    let samples = runs.first().map(|run| {
        ledger::read(&folder.path().join(run).join("samples.jsonl"))
            .unwrap()
            .samples
    });
    let text = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    (output.status.code(), text, samples.unwrap_or_default())
}

fn all_are_ok(samples: &[Sample]) {
    for sample in samples {
        assert_eq!(
            sample.outcome,
            Outcome::Ok,
            "{}: {:?}",
            sample.cell,
            sample.reason
        );
    }
}

#[test]
fn the_cost_of_one_more_instance_is_reported() {
    let arguments = [
        "--only",
        "system=native",
        "--samples",
        "2",
        "--instances",
        "1,3",
        "--requests",
        "30",
    ];
    let (code, text, samples) = ran("density", &arguments);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("what one more takes") && text.contains("shim each"),
        "{text}"
    );
    assert_eq!(samples.len(), 8, "two numbers, twice, and the control");
    all_are_ok(&samples);
    for sample in samples {
        assert_eq!(
            sample.cell.params.get(Param::Instances).unwrap(),
            sample.attested["instances"].to_string()
        );
        assert_eq!(sample.requests.unwrap().ok, 30);
    }
}

#[test]
fn commands_and_services_scale() {
    let arguments = [
        "--only",
        "system=native",
        "--samples",
        "1",
        "--instances",
        "1,2",
        "--requests",
        "40",
    ];
    let (code, text, samples) = ran("scale", &arguments);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("cpu-hash, scaling") && text.contains("http-hello, scaling"),
        "{text}"
    );
    all_are_ok(&samples);
    for sample in samples {
        let requests = sample.requests.unwrap();
        let expected = if sample.cell.workload == "cpu-hash" {
            sample
                .cell
                .params
                .get(Param::Instances)
                .unwrap()
                .parse()
                .unwrap()
        } else {
            40
        };
        assert_eq!((requests.sent, requests.ok), (expected, expected));
    }
}

#[test]
fn a_search_ends_at_its_limit() {
    let only = "system=native,workload=cpu-hash";
    let (code, text, _) = ran(
        "scale",
        &["--search", "2", "--only", only, "--samples", "1"],
    );
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("the most that were tried within 2"), "{text}");
}

#[test]
fn the_systems_own_files_can_be_evicted_too() {
    // Where pages can be evicted: the checkout's disk.
    assert!(Path::new(env!("CARGO_TARGET_TMPDIR")).is_dir());
    // As older scripts have it: such starts have a name of their own today.
    let only = "system=native,workload=http-hello,scenario=runtime-cold,observer=none";
    let arguments = [
        "--only",
        only,
        "--samples",
        "1",
        "--page-cache",
        "hot,evicted-all",
    ];
    let (code, text, samples) = ran("suite", &arguments);
    assert_eq!(code, Some(0), "{text}");
    all_are_ok(&samples);
    let states: Vec<_> = samples.iter().map(|sample| sample.cell.scenario).collect();
    assert!(
        states.contains(&Scenario::WarmDisk) && states.contains(&Scenario::DiskCold),
        "{states:?}"
    );
    for sample in samples
        .iter()
        .filter(|sample| sample.cell.scenario == Scenario::DiskCold)
    {
        assert_eq!(sample.attested[Evidence::PagesResident], 0);
        // Every process has the C library mapped, this one too.
        let in_use = sample.attested[Evidence::SystemFilesInUse].to_string();
        assert!(
            in_use.contains("libc.so") && !in_use.contains("native-http"),
            "{in_use}"
        );
    }
}

#[test]
fn no_instances_at_all_are_refused() {
    let (code, text, _) = ran("scale", &["--instances", "0"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("instances must be at least 1"), "{text}");
}

/// Without them installed this test fails, and says so: `./setup docker wasmcloud`.
#[test]
fn containers_and_workloads_are_there_in_numbers() {
    turns::engine();
    let only = "system=docker,system=containerd,system=runc,system=crun,system=wasmcloud";
    let arguments = [
        "--only",
        only,
        "--samples",
        "1",
        "--instances",
        "3",
        "--requests",
        "60",
    ];
    let (code, text, samples) = ran("density", &arguments);
    assert_eq!(code, Some(0), "{text}");
    all_are_ok(&samples);
    let of = |system: &str| {
        samples
            .iter()
            .find(|sample| sample.cell.system == system)
            .unwrap()
    };
    for system in ["docker", "containerd", "runc", "crun", "wasmcloud"] {
        let sample = of(system);
        assert_eq!(sample.requests.as_ref().unwrap().ok, 60, "{system}");
        let shim = &sample.attested.get(Evidence::ShimPssBytes);
        let has_shim =
            shim.is_some_and(|bytes| bytes.as_u64().is_some_and(|bytes| bytes > 1 << 20));
        assert_eq!(
            has_shim,
            ["docker", "containerd"].contains(&system),
            "{system}: {shim:?}"
        );
    }
    // Three containers of one program have less to themselves than three times one's share would
    // be.
    for system in ["docker", "containerd", "runc"] {
        let weight = |name: &str| of(system).attested[name].as_u64().unwrap();
        assert!(
            weight("private_bytes") < weight("pss_bytes") * 2 / 3,
            "{system} shares nothing: {:?}",
            of(system).attested
        );
    }
}
