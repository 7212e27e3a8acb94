//! What real files are like: made by many toolchains, and started by many launchers.

use std::os::unix::ffi::OsStrExt as _;

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
fn printing(descriptor: u32, text: &str, rest: &str) -> Vec<u8> {
    binary(&format!(
        "(module {WRITE} {EXIT} (memory (export \"memory\") 1) (data (i32.const 64) \"{text}\")
            (func (export \"_start\")
                (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const {}))
                (drop (call $write (i32.const {descriptor}) (i32.const 0) (i32.const 1) (i32.const 16)))
                {rest}))",
        text.len()
    ))
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

#[test]
fn an_import_of_a_type_needs_nothing_from_the_host() {
    let alias = r#"(type $u u32) (import "my-alias" (type $a (eq $u)))"#;
    let only_types = r#"(import "acme:types/shapes@1.0.0" (instance
        (type $p (record (field "x" u32))) (export "point" (type (eq $p)))))"#;
    for imports in [alias, only_types] {
        let (ran, host) = phases(&component(imports), &[]);
        ran.measured_all(&host);
    }
    let needs =
        r#"(import "acme:types/shapes@1.0.0" (instance (export "shape" (type (sub resource)))))"#;
    let (ran, _) = phases(&component(needs), &[]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("acme:types/shapes@1.0.0"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_start_ends_with_the_complete_answer_whatever_its_guest_does_then() {
    for (target, how) in [(LINGERS, "was stopped"), (TRAPS_LATE, "trapped")] {
        let request = format!("GET {target}");
        let arguments = ["--request", &request, "--time-limit", "2"];
        let (ran, host) = phases(&endless::component(), &arguments);
        ran.measured_all(&host);
        for sample in host.samples() {
            if !is_undisturbed(&sample) {
                continue;
            }
            let total_ms = sample.total_ns.unwrap() / 1_000_000;
            assert!(
                total_ms < 1_000,
                "the work after the answer is in it: {total_ms} ms"
            );
            let after = sample.attested.text(Evidence::AfterAnswer).unwrap();
            assert!(after.contains(how), "{after}");
            assert!(sample.phase_ns(Phase::AfterAnswer).is_some());
            assert_eq!(sample.phase_ns(Phase::SecondRequest), None);
        }
    }
    let request = format!("GET {FAILS_AND_LINGERS}");
    let arguments = ["--request", &request, "--time-limit", "2"];
    let (ran, _) = phases(&endless::component(), &arguments);
    assert_eq!(ran.code, 4);
    assert!(
        ran.stderr.contains("HTTP status 500, expected 200"),
        "a complete answer is one: {}",
        ran.stderr
    );
    // A guest that returns in time has no such phase.
    let (ran, host) = phases(&endless::component(), &["--request", "GET /"]);
    ran.measured_all(&host);
    for sample in host.samples() {
        assert_eq!(sample.phase_ns(Phase::AfterAnswer), None);
    }
}

#[test]
fn a_guest_that_nothing_can_stop_is_a_skipped_cell() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "guest.wasm", endless::component());
    let host = Host::new();
    let request = format!("GET {LINGERS}");
    let arguments = ["--artifact", &path, "--request", &request, "--samples", "1"];
    let select = [
        "--select",
        "interrupt=none",
        "--select",
        "acquire=compile",
        "--select",
        "compiler=winch",
        "--select",
        "page_cache=hot",
    ];
    let ran = host.phases(&[&arguments[..], &select].concat());
    assert_eq!(ran.code, 8, "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing stops it"), "{}", ran.stderr);
}

#[test]
fn inherited_masks_and_dispositions_disable_no_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "spin.wasm", command("", "(loop (br 0))"));
    let host = Host::new();
    let own = host.command(&["--artifact", &path, "--time-limit", "0.3"]);
    let mut command = Command::new("timeout");
    command.args([
        "60",
        "env",
        "--block-signal",
        "--ignore-signal=ALRM,CHLD,TERM",
    ]);
    command.arg(own.get_program()).args(own.get_args());
    let ran = ran(command.stdin(Stdio::null()).output().unwrap());
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("time limit"), "{}", ran.stderr);
}

#[test]
fn a_server_that_inherits_a_mask_keeps_its_limits_and_ends_when_it_is_told_to() {
    use std::io::{BufRead as _, Read as _, Write as _};
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "endless.wasm", endless::component());
    let mut server = Command::new("env")
        .args(["--block-signal", "--ignore-signal=ALRM,TERM"])
        .arg(env!("CARGO_BIN_EXE_host"))
        .args(["serve", "--time-limit", "0.3", "--artifact", &path])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut printed = std::io::BufReader::new(server.stdout.take().unwrap());
    printed.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let patience = std::time::Duration::from_mins(1);
    stream.set_read_timeout(Some(patience)).unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        endless::ENDLESS
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(server.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let mut ended = None;
    for _ in 0..600 {
        ended = server.try_wait().unwrap();
        if ended.is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    if ended.is_none() {
        server.kill().unwrap();
        server.wait().unwrap();
    }
    assert!(
        read.is_ok() && answer.starts_with("HTTP/1.1 504"),
        "{answer}"
    );
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
}

#[test]
fn every_command_ends_with_the_same_code_for_the_same_failure() {
    let folder = tempfile::tempdir().unwrap();
    let deep = binary(
        r#"(module (memory (export "memory") 1)
            (func $f (result i32) (i32.add (call $f) (i32.const 1)))
            (func (export "_start") (drop (call $f))))"#,
    );
    let path = file(folder.path(), "deep.wasm", &deep);
    let (measured, _) = phases(&deep, &[]);
    assert_eq!(measured.code, 4, "{}", measured.stderr);
    let run = host(&["run", "--artifact", &path]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(
        run.stderr.contains("call stack exhausted") && !run.stderr.contains("incoming-handler"),
        "{}",
        run.stderr
    );
    // Its start function is the guest's as well.
    let starts = command("(func $trap unreachable) (start $trap)", "");
    let path = file(folder.path(), "starts.wasm", &starts);
    let (measured, _) = phases(&starts, &[]);
    let run = host(&["run", "--artifact", &path]);
    for ended in [measured, run] {
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        assert!(ended.stderr.contains("unreachable"), "{}", ended.stderr);
    }
}

#[test]
fn the_limits_of_the_machine_are_not_the_guests_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "nothing.wasm", command("", ""));
    // From what not even the program starts in, to what the first memory does not fit into.
    for kib in [250_000, 1_000_000, 4_000_000, 4_200_000] {
        for arguments in ["phases --samples 1", "run"] {
            let out = if arguments == "run" {
                ""
            } else {
                "--out \"$OUT\""
            };
            let script =
                format!("ulimit -v {kib}; exec \"$HOST\" {arguments} --artifact \"$GUEST\" {out}");
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &script])
                .env("HOST", env!("CARGO_BIN_EXE_host"))
                .env("GUEST", &path)
                .env("OUT", folder.path());
            let ran = ran(shell.stdin(Stdio::null()).output().unwrap());
            assert_eq!(ran.code, 8, "{kib} {arguments}: {}", ran.stderr);
            assert!(ran.stderr.contains("ulimit -v unlimited"), "{}", ran.stderr);
        }
    }
}

#[test]
fn what_a_failed_guest_said_is_part_of_the_reason() {
    let said = "config file /etc/app.toml missing";
    let guests = [
        printing(2, said, "(call $exit (i32.const 1))"),
        printing(2, said, "unreachable"),
    ];
    for guest in guests {
        let (ran, _) = phases(&guest, &[]);
        assert_eq!(ran.code, 4, "{}", ran.stderr);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        if installed() {
            let folder = tempfile::tempdir().unwrap();
            let path = file(folder.path(), "guest.wasm", &guest);
            let host = Host::new();
            let only = ["--select", "system=wasmedge-embedded"];
            let ran = host.phases(&[&["--artifact", &path][..], &only].concat());
            assert_eq!(ran.code, 8, "{}", ran.stderr);
            assert!(ran.stderr.contains(said), "{}", ran.stderr);
        }
    }
}

/// A command that prints 64 KiB so often.
fn flood(descriptor: u32, times: u32) -> Vec<u8> {
    command(
        WRITE,
        &format!(
            "(local $n i32)
            (memory.fill (i32.const 65536) (i32.const 97) (i32.const 65536))
            (i32.store (i32.const 0) (i32.const 65536)) (i32.store (i32.const 4) (i32.const 65536))
            (loop $l
                (drop (call $write (i32.const {descriptor}) (i32.const 0) (i32.const 1) (i32.const 16)))
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get $n) (i32.const {times}))))"
        ),
    )
}

#[test]
fn both_engines_have_one_limit_of_output_and_tell_when_it_is_exceeded() {
    for descriptor in [1, 2] {
        let (ran, _) = phases(&flood(descriptor, 1024), &[]);
        assert_eq!(ran.code, 4, "{}", ran.stderr);
        assert!(ran.stderr.contains("more than 16 MiB"), "{}", ran.stderr);
        // Exactly as much as is kept.
        let (ran, host) = phases(&flood(descriptor, 256), &[]);
        ran.measured_all(&host);
        if !installed() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let only = [
            "--select",
            "system=wasmedge-embedded",
            "--select",
            "acquire=interpret",
            "--samples",
            "1",
        ];
        let path = file(folder.path(), "flood.wasm", flood(descriptor, 1024));
        let host = Host::new();
        let ran = host.phases(&[&["--artifact", &path][..], &only].concat());
        assert_eq!(ran.code, 8, "{}", ran.stderr);
        assert!(ran.stderr.contains("more than 16 MiB"), "{}", ran.stderr);
        let path = file(folder.path(), "flood.wasm", flood(descriptor, 256));
        let host = Host::new();
        let ran = host.phases(&[&["--artifact", &path][..], &only].concat());
        ran.measured_all(&host);
    }
}

#[test]
fn what_a_pool_has_no_room_for_is_skipped_once_and_measured_with_room() {
    let table = binary(
        r#"(module (memory (export "memory") 1) (table 30000 funcref) (func (export "_start")))"#,
    );
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "table.wasm", table);
    let arguments = [
        "--artifact",
        &path,
        "--samples",
        "1",
        "--select",
        "system=wasmtime-embedded",
        "--select",
        "page_cache=hot",
    ];
    let pooled = |samples: Vec<Sample>| {
        let is = |sample: &Sample| sample.cell.params.is(Param::Allocator, "pooling");
        samples.into_iter().filter(is).collect::<Vec<_>>()
    };
    let without = Host::new();
    let ran = without.phases(&arguments);
    ran.measured_all(&without);
    for sample in pooled(without.samples()) {
        assert_eq!(sample.outcome, Outcome::Skipped);
        assert_eq!(sample.skip_kind(), Some(results::SkipKind::NotApplicable));
        let reason = sample.reason.unwrap();
        assert!(
            reason.contains("30000") && reason.contains("--pool"),
            "{reason}"
        );
    }
    let with = Host::new();
    let ran = with.phases(&[&arguments[..], &["--pool", "table_elements=30000"]].concat());
    ran.measured_all(&with);
    let pooled = pooled(with.samples());
    assert!(!pooled.is_empty());
    for sample in pooled {
        is_undisturbed(&sample);
        assert!(
            sample
                .cell
                .params
                .is(Param::PoolLimits, "table_elements=30000")
        );
    }
}

#[test]
fn an_artifact_that_can_be_read_once_is_read_once() {
    let guest = std::fs::read(built("hello.wasm")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("pipe");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (path, commands) in [
        ("/dev/stdin", ["phases", "run"]),
        (fifo.to_str().unwrap(), ["phases", "run"]),
    ] {
        for name in commands {
            let host = Host::new();
            let mut command = if name == "phases" {
                let arguments = ["--artifact", path, "--samples", "1"];
                host.command(&[&arguments[..], &ONE_CELL].concat())
            } else {
                let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
                command.args([name, "--artifact", path]);
                command
            };
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let stdin = child.stdin.take().unwrap();
            let (guest, fifo) = (guest.clone(), fifo.clone());
            let piped = path == "/dev/stdin";
            let writer = std::thread::spawn(move || {
                use std::io::Write as _;
                if piped {
                    { stdin }.write_all(&guest)
                } else {
                    std::fs::write(fifo, guest)
                }
            });
            let ran = ran(child.wait_with_output().unwrap());
            writer.join().unwrap().unwrap();
            if name == "phases" {
                ran.measured_all(&host);
            } else {
                assert_eq!(ran.code, 0, "{}", ran.stderr);
                assert_eq!(ran.stdout, "Hello from coldphase\n");
            }
        }
    }
}

#[test]
fn a_name_that_is_no_text_is_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join(std::ffi::OsStr::from_bytes(b"caf\xe9.wasm"));
    std::fs::copy(built("hello.wasm"), &path).unwrap();
    let host = Host::new();
    let mut command = host.command(&[&["--samples", "1"], &ONE_CELL[..]].concat());
    let ran = ran(command.arg("--artifact").arg(&path).output().unwrap());
    ran.measured_all(&host);
    let out = folder
        .path()
        .join(std::ffi::OsStr::from_bytes(b"r\xe9sum\xe9s"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    command
        .args(["phases", "--samples", "1", "--select", "acquire=cache_hit"])
        .args([
            "--select",
            "system=wasmtime-embedded",
            "--workload",
            "hello",
        ])
        .args(["--select", "page_cache=hot", "--out"]);
    let output = command.arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn an_engine_has_words_for_its_codes() {
    if !installed() {
        return;
    }
    let threads = binary(
        r#"(module (memory (export "memory") 1 1 shared)
            (func (export "_start") (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))))"#,
    );
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "threads.wasm", threads);
    let host = Host::new();
    let only = ["--select", "system=wasmedge-embedded"];
    let ran = host.phases(&[&["--artifact", &path][..], &only].concat());
    assert_eq!(ran.code, 8, "{}", ran.stderr);
    assert!(!ran.stderr.contains("unknown error code"), "{}", ran.stderr);
}

#[test]
fn compiling_replaces_no_input_and_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let guest = std::fs::read(built("hello.wasm")).unwrap();
    let path = file(folder.path(), "a.wasm", &guest);
    std::fs::hard_link(&path, folder.path().join("b.wasm")).unwrap();
    let other = folder.path().join("b.wasm");
    for output in [path.as_str(), other.to_str().unwrap()] {
        let ran = host(&["compile", "--artifact", &path, "--output", output]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("is the artifact itself"),
            "{}",
            ran.stderr
        );
        assert_eq!(std::fs::read(&path).unwrap(), guest);
    }
    let compiled = folder.path().join("a.cwasm");
    let compiled = compiled.to_str().unwrap();
    let ran = host(&["compile", "--artifact", &path, "--output", compiled]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 3, "a draft was left");
}

#[test]
fn a_cache_may_be_named_from_where_one_stands() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    command
        .args(["run", "--artifact", &built("hello.wasm")])
        .args(["--acquire", "cache_miss", "--cache", "relative"])
        .current_dir(folder.path());
    let ran = ran(command.stdin(Stdio::null()).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(folder.path().join("relative").is_dir());
}

#[test]
fn a_request_may_be_large_come_from_a_file_and_have_headers() {
    let body = "x".repeat(70_000);
    let component = built("http.component.wasm");
    let folder = tempfile::tempdir().unwrap();
    let sent = file(folder.path(), "body.bin", &body);
    for request in [format!("POST /echo {body}"), format!("POST /echo @{sent}")] {
        let host = Host::new();
        let arguments = [
            "--artifact",
            &component,
            "--request",
            &request,
            "--header",
            "Content-Type: text/plain",
            "--expect",
            &body,
            "--samples",
            "1",
        ];
        let ran = host.phases(&[&arguments[..], &ONE_CELL].concat());
        ran.measured_all(&host);
    }
    let arguments = ["--artifact", &component, "--header", "nonsense"];
    let host = Host::new();
    let ran = host.phases(&arguments);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}
