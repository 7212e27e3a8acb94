//! Artifacts of the user, of every kind that can be measured.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wit_component::ComponentEncoder;

use super::*;

/// Measures an artifact once, and returns what was recorded.
fn measured(arguments: &[&str]) -> Vec<Sample> {
    let host = Host::new();
    let ran = host.phases(&[arguments, &["--samples", "1"], &ONE_CELL[..]].concat());
    ran.measured_all(&host);
    let samples = host.samples();
    samples.iter().for_each(|sample| _ = is_undisturbed(sample));
    samples
}

/// A core module as a `wasi:cli/command` component.
pub(super) fn command_component(module: &[u8]) -> Vec<u8> {
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| {
            encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
            )
        })
        .and_then(ComponentEncoder::encode)
        .unwrap()
}

#[test]
fn a_command_module_with_arguments() {
    // Known from the command's own definition: one hash over nothing, printed. The native build
    // prints the same.
    let samples = measured(&["--artifact", &built("cpu-hash.wasm"), "--arg", "1"]);
    assert_eq!(samples[0].cell.workload, "cpu-hash.wasm");
    assert_eq!(
        samples[0].attested.text(Evidence::World),
        Some("wasi_snapshot_preview1")
    );
}

#[test]
fn a_command_component() {
    let folder = tempfile::tempdir().unwrap();
    let component = command_component(&std::fs::read(built("hello.wasm")).unwrap());
    let path = file(folder.path(), "hello", component);
    let samples = measured(&[
        "--artifact",
        &path,
        "--expect",
        "body:Hello from coldphase\n",
    ]);
    // Its file's name is that of a built-in workload, which it is not.
    assert_eq!(samples[0].cell.workload, "hello.wasm");
    assert_eq!(
        samples[0].attested.text(Evidence::World),
        Some("wasi:cli/imports + wasi:http")
    );
    assert_eq!(samples[0].phase_ns(Phase::SecondRequest), None);
}

#[test]
fn a_command_component_that_exits_with_another_code() {
    let folder = tempfile::tempdir().unwrap();
    let component = command_component(&std::fs::read(built("cpu-hash.wasm")).unwrap());
    let path = file(folder.path(), "cpu.wasm", component);
    // WASI 0.2's exit knows success and failure, no other code.
    let host = Host::new();
    let ran = host.phases(&["--artifact", &path, "--arg", "many"]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("exited with code 1, expected 0"),
        "{}",
        ran.stderr
    );
    let samples = measured(&["--artifact", &path, "--arg", "many", "--expect", "1"]);
    assert_eq!(samples.len(), 2);
}

#[test]
fn a_service_component_with_a_request_of_its_own() {
    let component = built("http.component.wasm");
    let samples = measured(&[
        "--artifact",
        &component,
        "--request",
        "POST /echo {\"n\": 1}",
        "--expect",
        "{\"n\": 1}",
    ]);
    assert_eq!(samples[0].cell.workload, "http.component.wasm");
    assert!(samples[0].phase_ns(Phase::SecondRequest).is_some());
    assert_eq!(
        measured(&[
            "--artifact",
            &component,
            "--request",
            "GET /nowhere",
            "--expect",
            "404"
        ])
        .len(),
        2
    );
}

#[test]
fn an_instance_that_answers_only_once_has_no_second_request_and_says_why() {
    // Answers 1 first and 2 then: what a guest with state may do, and the expectation is of the
    // first.
    let samples = measured(&[
        "--artifact",
        &built("http.component.wasm"),
        "--request",
        "POST /state",
        "--expect",
        "body:1",
    ]);
    assert_eq!(samples[0].phase_ns(Phase::SecondRequest), None);
    assert_eq!(
        samples[0].attested.text(Evidence::SecondRequest),
        Some("the guest answered \"2\", expected \"1\"")
    );
}
