//! Engines whose programs run commands, each in a program of its own that is built where it is asked for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use results::SkipKind;

use super::matrix::all_are_whole;
use super::real_files::{printing, printing_first};
use super::*;
use crate::endless::SAID;

/// An engine's program, if it was built beside this one: building it here would be a minute and more in a
/// test.
pub(crate) fn built_program(name: &str, remedy: &str) -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_host")).with_file_name(name);
    let found = program.exists().then_some(program);
    if found.is_none() {
        let message = format!("not tested here: `{remedy}` builds {name}\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), message.as_bytes());
    }
    found
}

fn wasmi() -> Option<PathBuf> {
    let remedy = "cargo build -p host-wasmi --features wasmi";
    built_program("host-wasmi", remedy)
}

/// With the compiler that has to be asked for: `./test` builds it so.
fn wasmer() -> Option<PathBuf> {
    let remedy = "CARGO_TARGET_DIR=target/wasmer cargo build --manifest-path \
        host/wasmer/Cargo.toml --features singlepass";
    built_program("../wasmer/debug/host-wasmer", remedy)
}

const WASMI: [&str; 2] = ["--select", "system=wasmi-embedded"];

const WASMER: [&str; 6] = [
    "--select",
    "system=wasmer-embedded",
    "--select",
    "compiler=cranelift",
    "--select",
    "compiler=singlepass",
];

/// Guests of text, with a page of memory and this for `_start`.
fn guest(imports: &str, body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module {imports} (memory (export "memory") 1) (func $f) (func (export "_start") {body}))"#
    );
    wat::parse_str(text).unwrap()
}

/// What is said of a guest that an engine cannot run.
fn refused(engine: &[&str], guest: &[u8], arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "guest.wasm", guest);
    let own = ["--artifact", &path, "--samples", "1"];
    let ran = Host::new().phases(&[&own[..], engine, arguments].concat());
    assert_eq!(ran.code, 8, "{}", ran.stderr);
    ran.stderr
}

/// Guests that a start must survive, and what is said of each.
fn misbehaves(engine: &[&str]) {
    let said = |guest: &[u8], arguments: &[&str], expected: &[&str]| {
        let stderr = refused(engine, guest, arguments);
        for part in expected {
            assert!(stderr.contains(part), "{part}: {stderr}");
        }
    };
    let endless = guest("", "(loop (br 0))");
    said(
        &endless,
        &["--time-limit", "0.3"],
        &["cannot run it", "time limit"],
    );
    said(
        &guest("", "unreachable"),
        &[],
        &["the guest trapped", "unreachable"],
    );
    let path_open = r#"(import "wasi_snapshot_preview1" "path_open" (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"#;
    said(&guest(path_open, ""), &[], &["path_open"]);
    let exit = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;
    said(
        &guest(exit, "(call $exit (i32.const 7))"),
        &[],
        &["exited with code 7"],
    );
    for rest in ["(call $exit (i32.const 1))", "unreachable"] {
        said(&printing(2, SAID, rest), &[], &[SAID]);
    }
    let large = wat::parse_str(r#"(module (memory 200) (func (export "_start")))"#).unwrap();
    let limit = ["--memory-limit", "8"];
    said(&large, &limit, &["13107200 bytes", "8388608 bytes"]);
}

#[test]
fn wasmi_starts_with_each_way_of_translating_and_proves_which() {
    if wasmi().is_none() {
        return;
    }
    let host = Host::new();
    let ran = host.phases(&["--samples", "2", "--select", "system=wasmi-embedded"]);
    ran.measured_all(&host);
    let (services, samples): (Vec<_>, Vec<_>) = host
        .samples()
        .into_iter()
        .partition(|sample| sample.cell.workload == "http-hello");
    assert!(!services.is_empty());
    for sample in services {
        assert_eq!(
            sample.skip_kind(),
            Some(SkipKind::NotApplicable),
            "{}",
            sample.cell
        );
        assert!(sample.reason.unwrap().contains("no sockets"));
    }
    all_are_whole(&samples);
    let mut found = BTreeSet::new();
    for sample in &samples {
        let translation = sample.cell.params.get(Param::Translation).unwrap();
        assert_eq!(
            sample.attested.text(Evidence::Translation),
            Some(translation)
        );
        assert_eq!(sample.attested.text(Evidence::EngineVersion), Some("2.0.0"));
        found.insert(translation.to_owned());
        for phase in [
            Phase::Engine,
            Phase::Read,
            Phase::Link,
            Phase::Store,
            Phase::Instantiate,
        ] {
            assert!(sample.phase_ns(phase).is_some(), "{phase}");
        }
    }
    let all = ["eager", "lazy", "lazy_translation"].map(str::to_owned);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), all);
    assert!(ran.stdout.contains("wasmi-embedded"), "{}", ran.stdout);
}

#[test]
fn wasmi_survives_what_guests_do() {
    if wasmi().is_some() {
        misbehaves(&WASMI);
        // Growing beyond the limit ends the guest, as in Wasmtime's starts.
        let grow = guest("", "(loop (drop (memory.grow (i32.const 16))) (br 0))");
        let said = refused(&WASMI, &grow, &["--memory-limit", "8"]);
        assert!(said.contains("the limit is 8388608 bytes"), "{said}");
        for rest in ["(call $exit (i32.const 1))", "unreachable"] {
            let said = refused(&WASMI, &printing_first(2, SAID, rest), &[]);
            assert!(said.contains(SAID), "{said}");
        }
        // So is what the host keeps for a table: of this one 64 GiB, out of some bytes.
        let table = r#"(module (table 0xffffffff funcref) (func (export "_start")))"#;
        let said = refused(
            &WASMI,
            &wat::parse_str(table).unwrap(),
            &["--memory-limit", "8"],
        );
        assert!(said.contains("the limit is 8388608 bytes"), "{said}");
    }
}

#[test]
fn wasmi_gives_a_guest_its_arguments_environment_and_input() {
    if wasmi().is_none() {
        return;
    }
    let host = Host::new();
    let cpu_hash = built("cpu-hash.wasm");
    let own = ["--artifact", &cpu_hash, "--arg", "3", "--samples", "1"];
    let same = [
        "--select",
        "system=wasmi-embedded",
        "--select",
        "system=wasmtime-embedded",
    ];
    let ran = host.phases(&[&own[..], &same, &["--select", "page_cache=hot"]].concat());
    ran.measured_all(&host);
    let systems: BTreeSet<_> = host
        .samples()
        .into_iter()
        .map(|sample| sample.cell.system.original())
        .collect();
    assert_eq!(systems.len(), 2, "{systems:?}");
}

#[test]
fn wasmer_starts_in_every_mode_with_each_compiler_and_proves_which() {
    if wasmer().is_none() {
        return;
    }
    let host = Host::new();
    let all = [
        "--profile",
        "standard",
        "--workload",
        "hello",
        "--workload",
        "cpu-hash",
    ];
    let ran = host.phases(&[&all[..], &WASMER, &["--samples", "1"]].concat());
    ran.measured_all(&host);
    let samples = host.samples();
    all_are_whole(&samples);
    let mut found = BTreeSet::new();
    for sample in &samples {
        let param = |param| sample.cell.params.get(param).unwrap().to_owned();
        let (acquire, compiler) = (param(Param::Acquire), param(Param::Compiler));
        assert_eq!(sample.attested.text(Evidence::Compiler), Some(&*compiler));
        let cache = match &*acquire {
            "cache_hit" => "hit",
            "cache_miss" => "miss",
            _ => "none",
        };
        assert_eq!(
            sample.attested.text(Evidence::Cache),
            Some(cache),
            "{}",
            sample.cell
        );
        let loads = sample.attested.text(Evidence::CodeSha256).is_some();
        assert_eq!(loads, acquire.starts_with("deserialize"), "{}", sample.cell);
        found.insert((sample.cell.workload.to_string(), acquire, compiler));
    }
    assert_eq!(found.len(), 2 * 5 * 2, "{found:?}");
}

#[test]
fn wasmer_survives_what_guests_do() {
    if wasmer().is_some() {
        misbehaves(&WASMER);
    }
}

#[test]
fn an_interpreter_is_not_measured_with_what_would_take_it_half_a_minute() {
    if wasmi().is_none() {
        return;
    }
    let host = Host::new();
    host.phases(&[
        "--workload",
        "cpu-hash",
        "--samples",
        "1",
        "--select",
        "system=wasmi-embedded",
    ]);
    for sample in host.samples() {
        assert_eq!(
            sample.skip_kind(),
            Some(SkipKind::NotApplicable),
            "{}",
            sample.cell
        );
    }
}

#[test]
fn where_an_engine_is_not_built_its_row_says_what_builds_it() {
    // The program alone in a folder, without the cargo that would build others.
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("host");
    std::fs::copy(env!("CARGO_BIN_EXE_host"), &alone).unwrap();
    let host = Host::new();
    let mut command = Command::new(&alone);
    command.args(["phases", "--profile", "standard", "--workload", "hello"]);
    command.args(["--samples", "1", "--select", "acquire=interpret", "--out"]);
    let ran = ran(command
        .arg(host.out.path())
        .env_remove("CARGO")
        .stdin(Stdio::null())
        .output()
        .unwrap());
    let samples = host.samples();
    let row = samples
        .iter()
        .find(|sample| sample.cell.system == "wasmi-embedded")
        .unwrap();
    assert_eq!(
        row.skip_kind(),
        Some(SkipKind::NotInstalled),
        "{}",
        ran.stderr
    );
    let reason = row.reason.as_deref().unwrap();
    assert!(reason.contains("cargo build -p host-wasmi"), "{reason}");
    assert!(
        reason.contains("--select system=wasmi-embedded"),
        "{reason}"
    );
}

#[test]
fn the_short_profile_has_no_engine_that_takes_a_while_to_build() {
    let listed = Host::new().phases(&["--list"]);
    assert_eq!(listed.code, 0);
    for system in ["wasmer-embedded", "wasmi-embedded"] {
        assert!(!listed.stdout.contains(system), "{}", listed.stdout);
    }
    let named = Host::new().phases(&["--list", "--select", "system=wasmi-embedded"]);
    assert!(
        named.stdout.contains("translation=eager"),
        "{}",
        named.stdout
    );
}

#[test]
fn wasmtimes_program_holds_nothing_of_the_other_engines() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_host")).unwrap();
    let holds = |text: &str| {
        let text = text.as_bytes();
        program.windows(text.len()).any(|window| window == text)
    };
    assert!(
        holds("wasmtime-48"),
        "sources of the engine are named where it panics"
    );
    assert!(!holds("wasmi_core-") && !holds("wasmer-vm-"));
}
