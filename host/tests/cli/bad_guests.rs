//! Guests that misbehave: found in the rehearsal, before any run is made.

use super::*;

/// A command whose `_start` is `body`, with the named imports and one page of memory.
fn guest(imports: &str, body: &str) -> Vec<u8> {
    let text = format!(
        "(module {imports} (memory (export \"memory\") 1) (func (export \"_start\") {body}))"
    );
    wat::parse_str(text).unwrap()
}

const EXIT: &str = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;

fn misbehaves(bytes: &[u8], more: &[&str], words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "guest.wasm", bytes);
    fails(&[&["--artifact", &path], more].concat(), words);
}

fn fails(arguments: &[&str], words: &[&str]) {
    let host = Host::new();
    let ran = host.phases(arguments);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    for word in [&["hint:"], words].concat() {
        assert!(ran.stderr.contains(word), "no {word:?} in: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert!(host.runs().is_empty());
}

#[test]
fn a_guest_that_traps() {
    misbehaves(&guest("", "unreachable"), &[], &["trapped", "unreachable"]);
}

#[test]
fn a_guest_that_exits_with_another_code() {
    let bytes = guest(EXIT, "(call $exit (i32.const 3))");
    misbehaves(&bytes, &[], &["exited with code 3, expected 0"]);
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "three.wasm", bytes);
    let host = Host::new();
    let ran = host.phases(
        &[
            &["--artifact", &path, "--expect", "3", "--samples", "1"],
            &ONE_CELL[..],
        ]
        .concat(),
    );
    // What is expected is no failure.
    ran.measured_all(&host);
}

#[test]
fn a_guest_that_never_ends() {
    misbehaves(
        &guest("", "(loop (br 0))"),
        &["--time-limit", "0.3"],
        &["time limit", "--time-limit"],
    );
}

#[test]
fn a_guest_that_never_answers() {
    let folder = tempfile::tempdir().unwrap();
    let component = file(folder.path(), "endless.wasm", endless::component());
    let request = format!("GET {}", endless::ENDLESS);
    fails(
        &[
            "--artifact",
            &component,
            "--request",
            &request,
            "--time-limit",
            "0.3",
        ],
        &["time limit"],
    );
}

#[test]
fn a_guest_that_waits_in_the_host_forever() {
    // A clock subscription for 2⁶² ns: no Wasm runs that an epoch could interrupt.
    let poll = r#"(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))"#;
    let body = "(i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const \
        4611686018427387904)) (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) \
        (i32.const 128)))";
    misbehaves(
        &guest(poll, body),
        &["--time-limit", "0.3"],
        &["time limit"],
    );
}

#[test]
fn a_guest_that_grows_without_end() {
    let grow = "(loop (drop (memory.grow (i32.const 16))) (br 0))";
    misbehaves(
        &guest("", grow),
        &["--memory-limit", "8"],
        &["the limit is 8388608 bytes", "--memory-limit"],
    );
    let table = "(table $t 1 funcref)";
    let grow = "(loop (drop (table.grow $t (ref.null func) (i32.const 100000))) (br 0))";
    misbehaves(
        &guest(table, grow),
        &["--memory-limit", "8"],
        &["the limit is 8388608 bytes"],
    );
}

#[test]
fn a_service_that_answers_wrongly() {
    let component = built("http.component.wasm");
    fails(
        &["--artifact", &component, "--request", "GET /nowhere"],
        &["HTTP status 404, expected 200"],
    );
    fails(
        &["--artifact", &component, "--expect", "another"],
        &["answered \"Hello", "expected \"another\""],
    );
}

#[test]
fn a_guest_has_no_files_no_environment_and_no_arguments_but_its_own() {
    // Traps unless there are no variables, one argument, and nothing behind the first descriptor
    // that could be a folder.
    let imports = r#"
        (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))"#;
    let body = "
        (drop (call $environ (i32.const 0) (i32.const 4)))
        (if (i32.load (i32.const 0)) (then unreachable))
        (drop (call $args (i32.const 0) (i32.const 4)))
        (if (i32.ne (i32.load (i32.const 0)) (i32.const 1)) (then unreachable))
        (if (i32.eqz (call $prestat (i32.const 3) (i32.const 8))) (then unreachable))
        (if (i32.eqz (call $accept (i32.const 3) (i32.const 0) (i32.const 8))) (then unreachable))";
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "alone.wasm", guest(imports, body));
    let arguments = [&["--artifact", &path, "--samples", "1"], &ONE_CELL[..]].concat();
    let host = Host::new();
    let mut command = host.command(&arguments);
    let ran = ran(command
        .env("SECRET", "in the parent's environment")
        .output()
        .unwrap());
    ran.measured_all(&host);
}
