//! What guests do that toolchains made: what they import, say, print and ask for.

use super::*;
use crate::endless::{COMPLAINS, SAID};
use crate::user_artifact::command_component;

#[test]
fn an_import_of_a_type_needs_nothing_from_the_host() {
    let alias = r#"(type $u u32) (import "my-alias" (type $a (eq $u)))"#;
    let only_types = r#"(import "acme:types/shapes@1.0.0" (instance
        (type $p (record (field "x" u32))) (export "point" (type (eq $p)))))"#;
    let nested = r#"(import "acme:types/all@1.0.0" (instance (export "shapes" (instance
        (type $p u8) (export "point" (type (eq $p)))))))"#;
    for imports in [alias, only_types, nested] {
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

/// Measures instances of a service, some of which are asked once and the others twice.
fn instances(component: &[u8], request: &str) -> (Ran, Host) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "guest.wasm", component);
    let host = Host::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    command
        .args(["density-embedded", "--samples", "1", "--instances", "1,2"])
        .args(["--artifact", &path, "--request", request, "--out"])
        .arg(host.out.path());
    (ran(command.stdin(Stdio::null()).output().unwrap()), host)
}

#[test]
fn an_instance_that_cannot_be_asked_twice_is_found_once_and_skipped_where_it_would_be() {
    // One goes on after its answer; the other answers the second request otherwise.
    for (request, why) in [
        (
            format!("GET {LINGERS}"),
            "after its answer the guest went on",
        ),
        ("GET /".to_owned(), "HTTP status 201, expected 200"),
    ] {
        let (ran, host) = instances(&endless::component(), &request);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let samples = host.samples();
        assert!(!samples.is_empty());
        for sample in samples {
            let is_asked_twice = sample.cell.params.is(Param::Touched, "yes");
            let reason = sample.reason.clone().unwrap_or_default();
            if is_asked_twice {
                assert_eq!(sample.skip_kind(), Some(results::SkipKind::NotApplicable));
                assert!(reason.contains(why), "{reason}");
            } else {
                assert_eq!(sample.outcome, Outcome::Ok, "{reason}");
            }
        }
    }
}

#[test]
fn an_export_of_another_type_is_the_artifacts_fault_for_every_command() {
    let returns_a_number = binary(
        r#"(component
            (core module $m (func (export "run") (result i32) (i32.const 0)) (memory (export "memory") 1))
            (core instance $i (instantiate $m))
            (func $run (result u32) (canon lift (core func $i "run")))
            (component $shim (import "run" (func $r (result u32))) (export "run" (func $r)))
            (instance $e (instantiate $shim (with "run" (func $run))))
            (export "wasi:cli/run@0.2.0" (instance $e)))"#,
    );
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "guest.wasm", &returns_a_number);
    let (measured, _) = phases(&returns_a_number, &[]);
    let run = host(&["run", "--artifact", &path]);
    for ended in [measured, run] {
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert!(ended.stderr.contains("found `u32`"), "{}", ended.stderr);
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
    // A service that traps, before it is measured in either way.
    let service = file(folder.path(), "service.wasm", endless::component());
    for name in ["phases", "density-embedded"] {
        let ended = of_artifact(name, &service, &["--request", "GET /u"]);
        assert_eq!(ended.code, 4, "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains("unreachable"), "{}", ended.stderr);
    }
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
fn every_command_that_an_artifact_is_none_for_ends_with_the_same_code() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(built("http.component.wasm")).unwrap();
    let artifact = |name: &str, bytes: &[u8]| file(folder.path(), name, bytes);
    let ill_typed = r#"(module (func (export "_start") i32.const 1))"#;
    let all = ["phases", "density-embedded", "run", "serve", "compile"];
    // What can be compiled need not be what serves, or what runs to completion.
    let serving = ["density-embedded", "serve"];
    let needy = r#"(component (import "acme:kv/store@1.0.0" (instance (export "get" (func)))))"#;
    for (path, commands) in [
        ("/nowhere/guest.wasm".to_owned(), &all[..]),
        (artifact("noise.wasm", b"not wasm at all"), &all),
        (artifact("empty.wasm", b""), &all),
        (artifact("cut.wasm", &whole[..whole.len() / 2]), &all),
        (artifact("ill-typed.wasm", &binary(ill_typed)), &all),
        (built("hello.wasm"), &serving),
        (artifact("needy.wasm", &binary(needy)), &all[..4]),
    ] {
        for name in commands {
            let ended = of_artifact(name, &path, &[]);
            assert_eq!(ended.code, 3, "{name} {path}: {}", ended.stderr);
            assert!(ended.stderr.contains("hint: "), "{name}: {}", ended.stderr);
        }
    }
}

#[test]
fn what_a_failed_guest_said_is_part_of_the_reason() {
    let guests = [
        printing(2, SAID, "(call $exit (i32.const 1))"),
        printing(2, SAID, "unreachable"),
        printing_first(2, SAID, "unreachable"),
    ];
    for guest in guests {
        let (ran, _) = phases(&guest, &[]);
        assert_eq!(ran.code, 4, "{}", ran.stderr);
        assert!(ran.stderr.contains(SAID), "{}", ran.stderr);
        if installed() {
            let folder = tempfile::tempdir().unwrap();
            let path = file(folder.path(), "guest.wasm", &guest);
            let host = Host::new();
            let only = ["--select", "system=wasmedge-embedded"];
            let ran = host.phases(&[&["--artifact", &path][..], &only].concat());
            assert_eq!(ran.code, 8, "{}", ran.stderr);
            assert!(ran.stderr.contains(SAID), "{}", ran.stderr);
        }
    }
    // Components say it through wasi:cli/stderr, and a service says it of one request.
    let commands = ["(call $exit (i32.const 1))", "unreachable", "(loop (br 0))"]
        .map(|rest| (command_component(&printing(2, SAID, rest)), &[][..]));
    let request = ["--request", &format!("GET {COMPLAINS}")];
    for (guest, request) in commands
        .into_iter()
        .chain([(endless::component(), &request[..])])
    {
        let (ran, _) = phases(&guest, &[request, &["--time-limit", "2"]].concat());
        assert_eq!(ran.code, 4, "{}", ran.stderr);
        assert!(ran.stderr.contains(SAID), "{}", ran.stderr);
    }
}

/// A service that answers with so many times 4 KiB.
fn answering(times: u32) -> Vec<u8> {
    let (resolve, world) = built::world();
    let text = format!(
        r#"(module
            (import "wasi:http/types@0.2.12" "[static]fields.from-list" (func $headers (param i32 i32 i32)))
            (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
            (import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $body (param i32 i32)))
            (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $stream (param i32 i32)))
            (import "wasi:http/types@0.2.12" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
            (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
                (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
            (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
                (func $write (param i32 i32 i32 i32)))
            (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop (param i32)))
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $out i32)
                (local $made i32) (local $n i32)
                (call $headers (i32.const 0) (i32.const 0) (i32.const 16))
                (local.set $made (call $response (i32.load (i32.const 20))))
                (call $body (local.get $made) (i32.const 32))
                (call $stream (i32.load (i32.const 36)) (i32.const 48))
                (call $set (local.get $out) (i32.const 0) (local.get $made)
                    (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
                (loop $again
                    (call $write (i32.load (i32.const 52)) (i32.const 8192) (i32.const 4096) (i32.const 64))
                    (if (i32.load8_u (i32.const 64)) (then unreachable))
                    (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (br_if $again (i32.lt_u (local.get $n) (i32.const {times}))))
                (call $drop (i32.load (i32.const 52)))
                (call $finish (i32.load (i32.const 36)) (i32.const 0) (i32.const 0) (i32.const 128))))"#
    );
    built::component(&text, &resolve, world)
}

#[test]
fn an_answer_of_more_than_is_kept_is_refused_and_one_of_as_much_is_measured() {
    // WasmEdge's services are refused in the same words: `loopback.rs` of its program.
    let (ran, _) = phases(&answering(4097), &[]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    let words = "the guest answered more than 16 MiB, which is the most that is kept";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    let (ran, host) = phases(&answering(4096), &[]);
    ran.measured_all(&host);
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
    for (parts, why, room) in [
        ("(table 30000 funcref)", "30000", "table_elements=30000"),
        ("(table 1 funcref) (table 1 funcref)", "tables", "tables=2"),
        ("(memory 1)", "memories", "memories=2"),
    ] {
        let guest = command(parts, "");
        let (ran, without) = pooled(&guest, &[]);
        ran.measured_all(&without);
        has_no_room(&without, &[why, "--pool"]);
        let (ran, with) = pooled(&guest, &["--pool", room]);
        ran.measured_all(&with);
        let samples = of_pool(&with);
        assert!(!samples.is_empty());
        for sample in samples {
            is_undisturbed(&sample);
            assert!(sample.cell.params.is(Param::PoolLimits, room));
        }
    }
}

#[test]
fn a_memory_larger_than_a_place_of_the_pool_is_skipped_once_with_what_makes_places_larger() {
    // A place has room for what a memory reserves: of these 125 MiB, and of none.
    for (pages, reservation) in [(2_000, "64MiB"), (1, "0")] {
        let guest = command(&format!("(memory {pages})"), "");
        let select = ["--select", &format!("memory_reservation={reservation}")];
        let (ran, host) = pooled(&guest, &[&["--pool", "memories=2"], &select[..]].concat());
        ran.measured_all(&host);
        has_no_room(&host, &["minimum byte size", "memory_reservation=4GiB"]);
    }
    let (ran, host) = pooled(&command("", ""), &["--select", "memory_reservation=64MiB"]);
    ran.measured_all(&host);
    let samples = of_pool(&host);
    assert!(!samples.is_empty());
    for sample in samples {
        is_undisturbed(&sample);
    }
}

/// Measures a guest on Wasmtime with and without a pool.
fn pooled(guest: &[u8], more: &[&str]) -> (Ran, Host) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "guest.wasm", guest);
    let arguments = [
        "--artifact",
        &path,
        "--samples",
        "1",
        "--select",
        "page_cache=hot",
    ];
    let host = Host::new();
    let ran = host.phases(&[&arguments[..], &WASMTIME, more].concat());
    (ran, host)
}

/// Samples of starts out of a pool.
fn of_pool(host: &Host) -> Vec<Sample> {
    let is = |sample: &Sample| sample.cell.params.is(Param::Allocator, "pooling");
    host.samples().into_iter().filter(is).collect()
}

/// Asserts that every start out of a pool was skipped, for one reason with these words.
fn has_no_room(host: &Host, words: &[&str]) {
    let samples = of_pool(host);
    let reasons: std::collections::BTreeSet<_> = samples.iter().map(|it| &it.reason).collect();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    for sample in samples {
        assert_eq!(sample.skip_kind(), Some(results::SkipKind::NotApplicable));
        let reason = sample.reason.unwrap();
        assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
    }
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
