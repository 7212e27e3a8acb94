//! What real files are like: made by many toolchains, and started by many launchers.

mod files;
mod guests;
mod launchers;

use super::*;
use crate::wasmedge::installed;

/// Functions of WASI that the guests here import.
const WRITE: &str = r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))"#;
const EXIT: &str = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;

/// What the support's service answers, and whose handler then never returns.
const LINGERS: &str = "/lingers";
/// The same, answered with 500.
const FAILS_AND_LINGERS: &str = "/fails-and-lingers";
/// What it answers, and whose handler then traps.
const TRAPS_LATE: &str = "/traps-late";

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A command whose `_start` is `body`, with the named imports and a page of memory.
fn command(imports: &str, body: &str) -> Vec<u8> {
    binary(&format!(
        "(module {imports} (memory (export \"memory\") 3) (func (export \"_start\") {body}))"
    ))
}

/// A command that prints `text` to `descriptor`, then does `rest`.
pub(super) fn printing(descriptor: u32, text: &str, rest: &str) -> Vec<u8> {
    let body = print(descriptor, text, rest);
    binary(&format!(
        "(module {WRITE} {EXIT} (memory (export \"memory\") 1) (data (i32.const 64) \"{text}\")
            (func (export \"_start\") {body}))",
    ))
}

/// One that does so in its start function, before it can be called.
pub(super) fn printing_first(descriptor: u32, text: &str, rest: &str) -> Vec<u8> {
    let body = print(descriptor, text, rest);
    binary(&format!(
        "(module {WRITE} {EXIT} (memory (export \"memory\") 1) (data (i32.const 64) \"{text}\")
            (func $first {body}) (start $first) (func (export \"_start\")))",
    ))
}

/// Instructions that print what lies at 64, and then do `rest`.
fn print(descriptor: u32, text: &str, rest: &str) -> String {
    format!(
        "(i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const {}))
        (drop (call $write (i32.const {descriptor}) (i32.const 0) (i32.const 1) (i32.const 16)))
        {rest}",
        text.len()
    )
}

/// A `wasi:cli/run` command that does nothing, with these imports at its top.
fn component(imports: &str) -> Vec<u8> {
    binary(&format!(
        r#"(component {imports}
            (core module $m (func (export "run") (result i32) (i32.const 0)) (memory (export "memory") 1))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (component $shim (import "run" (func $r (result (result)))) (export "run" (func $r)))
            (instance $e (instantiate $shim (with "run" (func $run))))
            (export "wasi:cli/run@0.2.0" (instance $e)))"#
    ))
}

/// Measures a file with as few cells as there can be.
fn phases(bytes: &[u8], more: &[&str]) -> (Ran, Host) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "guest.wasm", bytes);
    let host = Host::new();
    let ran = host.phases(
        &[
            &["--artifact", &path, "--samples", "1"],
            more,
            &ONE_CELL[..],
        ]
        .concat(),
    );
    (ran, host)
}

/// Another command of the program.
fn host(arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    ran(command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap())
}

/// What a command that takes an artifact makes of one: `phases`, `density-embedded`, `run`, `compile`, or
/// `serve`, which is only to be asked about what it refuses.
fn of_artifact(name: &str, artifact: &str, more: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (runs, compiled) = (path("runs"), path("compiled"));
    let into = match name {
        "compile" => &["--output", &compiled][..],
        "phases" | "density-embedded" => &["--out", &runs],
        _ => &[],
    };
    host(&[&[name, "--artifact", artifact], into, more].concat())
}
