//! What guests do that toolchains made: what they import, say, print and ask for.

use super::*;

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
