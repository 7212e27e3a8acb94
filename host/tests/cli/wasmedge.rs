//! The other engine: in a program of its own, in the mode that was asked for, and a visible row
//! where it is missing.

use std::path::Path;

use super::matrix::all_are_whole;
use super::*;

/// Tests of the engine itself need its library; `./test` installs it where it can be had.
pub(crate) fn installed() -> bool {
    let installed = Path::new("/usr/include/wasmedge/wasmedge.h").exists();
    if !installed {
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"not tested here: `./setup wasmedge` installs WasmEdge\n",
        );
    }
    installed
}

fn measured(arguments: &[&str]) -> Vec<Sample> {
    let host = Host::new();
    let ran = host.phases(
        &[
            arguments,
            &["--samples", "1", "--select", "system=wasmedge-embedded"],
        ]
        .concat(),
    );
    ran.measured_all(&host);
    let mut samples = host.samples();
    // It would take an interpreter half a minute.
    samples.retain(|sample| {
        let cell = &sample.cell;
        let is_long = cell.workload == "cpu-hash" && cell.params.is(Param::Acquire, "interpret");
        assert_eq!(is_long, sample.outcome == Outcome::Skipped, "{cell}");
        !is_long
    });
    all_are_whole(&samples);
    samples
}

#[test]
fn every_workload_starts_and_answers_in_both_modes() {
    if !installed() {
        return;
    }
    let samples = measured(&[
        "--profile",
        "standard",
        "--select",
        "acquire=interpret",
        "--select",
        "acquire=aot",
    ]);
    let workloads: std::collections::BTreeSet<_> = samples
        .iter()
        .map(|sample| sample.cell.workload.as_str())
        .collect();
    assert_eq!(workloads.len(), 6, "{workloads:?}");
    for sample in &samples {
        let aot = sample.cell.params.is(Param::Acquire, "aot");
        assert_eq!(
            sample.attested.get(Evidence::CodeMapped),
            Some(&aot.into()),
            "{}",
            sample.cell
        );
        assert_eq!(
            sample.attested.text(Evidence::RunMode),
            Some(if aot { "aot" } else { "interpreter" }),
            "{}",
            sample.cell
        );
        let served = sample.cell.workload.starts_with("http-");
        assert_eq!(
            sample.phase_ns(Phase::SecondRequest).is_some(),
            served,
            "{}",
            sample.cell
        );
        assert_eq!(
            sample.attested.contains_key(Evidence::ListeningAfterNs),
            served,
            "{}",
            sample.cell
        );
        assert!(
            sample.phase_ns(Phase::Teardown).is_some(),
            "{}",
            sample.cell
        );
    }
}

#[test]
fn it_compiles_within_a_start() {
    if !installed() {
        return;
    }
    let samples = measured(&[
        "--workload",
        "hello",
        "--profile",
        "full",
        "--select",
        "acquire=compile",
    ]);
    assert_eq!(
        samples[0].attested.get(Evidence::CodeMapped),
        Some(&true.into())
    );
    let compile = samples[0].phase_ns(Phase::Compile).unwrap();
    assert!(
        compile > samples[0].total_ns.unwrap() / 2,
        "compiling with LLVM is most of such a start: {compile} ns"
    );
}

#[test]
fn a_guest_that_never_ends_is_stopped_and_only_its_row_suffers() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#;
    let path = file(folder.path(), "loop.wasm", wat::parse_str(text).unwrap());
    let host = Host::new();
    let ran = host.phases(&[
        "--artifact",
        &path,
        "--time-limit",
        "0.3",
        "--select",
        "system=wasmedge-embedded",
    ]);
    assert_eq!(ran.code, 8, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("wasmedge-embedded cannot run it") && ran.stderr.contains("time limit"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_guest_of_ones_own_runs_on_both_engines() {
    if !installed() {
        return;
    }
    let host = Host::new();
    let arguments = [
        "--artifact",
        &built("cpu-hash.wasm"),
        "--arg",
        "3",
        "--samples",
        "1",
        "--select",
        "page_cache=hot",
    ];
    let ran = host.phases(&arguments);
    ran.measured_all(&host);
    let systems: std::collections::BTreeSet<_> = host
        .samples()
        .into_iter()
        .map(|sample| sample.cell.system)
        .collect();
    assert_eq!(
        systems.into_iter().collect::<Vec<_>>(),
        [
            "wasmedge-embedded",
            "wasmedge-embedded-aa",
            "wasmtime-embedded",
            "wasmtime-embedded-aa"
        ]
    );
    assert!(
        ran.stdout.contains("wasmedge-embedded interpret"),
        "{}",
        ran.stdout
    );
}

#[test]
fn where_it_is_missing_there_is_a_row_that_says_so_and_the_run_succeeds() {
    // The program alone in a folder, as if nothing else had been built, and without the cargo that
    // would build it.
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("host");
    std::fs::copy(env!("CARGO_BIN_EXE_host"), &alone).unwrap();
    let host = Host::new();
    let mut command = Command::new(&alone);
    command.args([
        "phases",
        "--workload",
        "hello",
        "--samples",
        "1",
        "--select",
        "page_cache=hot",
        "--out",
    ]);
    let ran = ran(command
        .arg(host.out.path())
        .env_remove("CARGO")
        .stdin(Stdio::null())
        .output()
        .unwrap());
    ran.measured_all(&host);
    let skipped: Vec<_> = host
        .samples()
        .into_iter()
        .filter(|sample| sample.outcome == Outcome::Skipped)
        .collect();
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].cell.system, "wasmedge-embedded");
    let reason = skipped[0].reason.as_deref().unwrap();
    assert!(
        reason.contains("cargo build -p host-wasmedge") || reason.contains("./setup wasmedge"),
        "{reason}"
    );
    assert!(
        ran.stdout.contains("wasmedge-embedded") && ran.stdout.contains(reason),
        "{}",
        ran.stdout
    );
}

#[test]
fn wasmtimes_program_maps_nothing_of_the_other_engine() {
    let ldd = Command::new("ldd")
        .arg(env!("CARGO_BIN_EXE_host"))
        .output()
        .unwrap();
    let libraries = String::from_utf8(ldd.stdout).unwrap();
    assert!(libraries.contains("libc.so"), "{libraries}");
    for other in ["wasmedge", "LLVM", "stdc++"] {
        assert!(!libraries.contains(other), "{libraries}");
    }
}
