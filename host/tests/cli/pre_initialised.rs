//! A guest whose initialisation was run beforehand, by Wizer in Wasmtime's own command line, is a guest
//! like any other: the recipe of the guide.

use std::io::Write as _;

use super::*;

/// Computes for a while before it can print its line, unless that was done before.
const TOOL: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\20\00\00\00\06\00\00\00")
  (data (i32.const 32) "ready\n")
  (func $initialise (export "wizer-initialize") (local $i i32) (local $sum i32)
    (loop $more
      (local.set $sum (i32.add (i32.rotl (local.get $sum) (i32.const 5)) (local.get $i)))
      (br_if $more (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1)))
        (i32.const 100000000))))
    (i32.store (i32.const 64) (i32.or (local.get $sum) (i32.const 1))))
  (func (export "_start")
    (if (i32.eqz (i32.load (i32.const 64))) (then (call $initialise)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

/// Wasmtime's command line at the engine's version, where `./setup` puts it for root, or on the path.
fn wasmtime() -> Option<PathBuf> {
    let version = host::engine::wasmtime::VERSION;
    let installed = format!("/var/lib/coldphase/wasmtime-{version}/wasmtime");
    let named = std::env::var_os("WASMTIME").map(PathBuf::from);
    let all = named.into_iter().chain([PathBuf::from(installed)]);
    let mut there = all.filter(|program| program.is_file());
    there
        .next()
        .or_else(|| machine::programs::find("wasmtime", &[]))
}

/// The first call of the guest in a few starts, in nanoseconds: the least of them.
fn least_first_request(artifact: &str) -> u64 {
    let host = Host::new();
    let ran = host.phases(&[
        "--artifact",
        artifact,
        "--expect",
        "body:ready\n",
        "--samples",
        "3",
        "--select",
        "system=wasmtime-embedded",
        "--select",
        "acquire=deserialize_file",
        "--select",
        "allocator=on_demand",
        "--select",
        "page_cache=hot",
    ]);
    ran.measured_all(&host);
    let samples = host.samples();
    let good = samples.iter().filter(|sample| is_undisturbed(sample));
    let first = good.filter_map(|sample| {
        let phases = &sample.phases;
        let found = phases.iter().find(|it| it.name == Phase::FirstRequest);
        found.map(|it| it.ns)
    });
    first.min().unwrap()
}

#[test]
fn a_guest_that_was_initialised_beforehand_starts_without_that() {
    let Some(wasmtime) = wasmtime() else {
        let _ = writeln!(
            std::io::stdout(),
            "not run: Wasmtime's command line is not installed (`./setup wasmtime`)"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let plain = file(folder.path(), "tool.wasm", wat::parse_str(TOOL).unwrap());
    let ready = folder.path().join("ready.wasm");
    let output = Command::new(wasmtime)
        .args(["wizer", "-S", "cli=y", "-o"])
        .arg(&ready)
        .arg(&plain)
        .env("HOME", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("unrecognized subcommand") {
        let _ = writeln!(std::io::stdout(), "not run: this wasmtime has no Wizer");
        return;
    }
    assert!(output.status.success(), "{said}");
    let (before, after) = (
        least_first_request(&plain),
        least_first_request(ready.to_str().unwrap()),
    );
    // A hundred million rounds take tens of milliseconds.
    assert!(
        before > 10_000_000 && after < before / 5,
        "{before} {after}"
    );
}
