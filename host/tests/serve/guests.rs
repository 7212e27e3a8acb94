//! Guests that fail.

use std::path::PathBuf;

use crate::endless::{COMPLAINS, ENDLESS, SAID};
use crate::{NEVER, Server, endless, wait_for};

/// A component for `wasi:http`, with these imports besides the two resources in its handler's
/// signature, and with this core code: it defines the instance `$code`, which exports `handle`.
fn component(folder: &tempfile::TempDir, name: &str, imports: &str, code: &str) -> PathBuf {
    let text = format!(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $types
                {imports}
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $out))
            {code}
            (func $handle (param "request" (own $request)) (param "response-out" (own $out))
                (canon lift (core func $code "handle")))
            (component $shim
                (import "request" (type $request (sub resource)))
                (import "out" (type $out (sub resource)))
                (import "handle" (func $handle (param "request" (own $request)) (param "response-out" (own $out))))
                (export $request2 "incoming-request" (type $request))
                (export $out2 "response-outparam" (type $out))
                (export "handle" (func $handle) (func (param "request" (own $request2)) (param "response-out" (own $out2)))))
            (instance $exported (instantiate $shim
                (with "request" (type $request)) (with "out" (type $out)) (with "handle" (func $handle))))
            (export "wasi:http/incoming-handler@0.2.0" (instance $exported)))"#
    );
    let path = folder.path().join(name);
    std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    path
}

/// A component whose handler is these instructions: no imports but the two resources.
fn handler(folder: &tempfile::TempDir, name: &str, body: &str) -> PathBuf {
    let code = format!(
        r#"(core module $code
            (memory 1)
            (func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))
            (func (export "handle") (param i32 i32) {body}))
        (core instance $code (instantiate $code))"#
    );
    component(folder, name, "", &code)
}

#[test]
fn a_guest_that_fails_fails_one_request_only() {
    let folder = tempfile::tempdir().unwrap();
    let memory = "(drop (memory.grow (i32.const 100)))";
    for (name, body, arguments, said) in [
        ("trap", "unreachable", &[][..], "unreachable"),
        (
            "deep",
            "(drop (call $deep (i32.const 1)))",
            &[],
            "call stack exhausted",
        ),
        ("mute", "", &[], "without an answer"),
        ("memory", memory, &["--memory-limit", "1"], "memory limit"),
    ] {
        let guest = handler(&folder, name, body);
        for instances in ["per-request", "reused"] {
            let server = Server::of(
                &guest,
                &[arguments, &["--instances", instances, "--threads", "1"]].concat(),
            );
            for _ in 0..3 {
                assert_eq!(server.get("/").status, 500, "{name}");
            }
            let (code, stderr) = server.terminate();
            assert_eq!(code, Some(0), "{name}");
            assert!(stderr.contains(said), "{name}: {stderr}");
        }
    }
}

#[test]
fn what_a_failed_guest_said_is_reported_with_its_failure_and_with_no_other() {
    let folder = tempfile::tempdir().unwrap();
    for instances in ["per-request", "reused"] {
        let server = endless(&folder, &["--instances", instances, "--threads", "1"]);
        assert_eq!(server.get(COMPLAINS).status, 500);
        // What is said before an answer is nobody's failure, and belongs to no later request.
        assert_eq!(server.get("/w").status, 200);
        assert_eq!(server.get("/u").status, 500);
        let (code, stderr) = server.terminate();
        assert_eq!(code, Some(0));
        let lines: Vec<_> = stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{stderr}");
        assert!(lines.iter().all(|line| line.contains("unreachable")));
        assert!(
            lines[0].ends_with(&format!("; its standard error: \"{SAID}\"")),
            "{stderr}"
        );
        assert!(!lines[1].contains("standard error"), "{stderr}");
    }
}

#[test]
fn an_endless_loop_ends_at_its_time_limit_on_one_thread() {
    let folder = tempfile::tempdir().unwrap();
    let guest = handler(&folder, "loop", "(loop (br 0))");
    let server = Server::of(&guest, &["--time-limit", "0.3", "--threads", "1"]);
    std::thread::scope(|scope| {
        let loops: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| server.get("/").status))
            .collect();
        for request in loops {
            assert_eq!(request.join().unwrap(), 504);
        }
    });
    assert_eq!(server.terminate(), (Some(0), String::new()));
}

#[test]
fn a_client_that_goes_away_takes_its_guest_along() {
    let folder = tempfile::tempdir().unwrap();
    let server = endless(
        &folder,
        &[
            "--max-concurrent",
            "1",
            "--threads",
            "1",
            "--time-limit",
            NEVER,
        ],
    );
    let mut client = server.connect();
    let request = format!("GET {ENDLESS} HTTP/1.1\r\nhost: x\r\n\r\n");
    std::io::Write::write_all(&mut client, request.as_bytes()).unwrap();
    crate::limits::wait_until_busy(&server);
    assert_eq!(server.get("/").status, 503);
    drop(client);
    // The guest's time is never up, and it never ends by itself.
    wait_for("the guest of a client that is gone ends", || {
        server.get("/").status == 200
    });
}

#[test]
fn failures_are_reported_so_often_and_counted_beyond_and_reporting_recovers() {
    const FAILURES: u64 = 150;
    let folder = tempfile::tempdir().unwrap();
    let guest = handler(&folder, "trap", "unreachable");
    let server = Server::of(&guest, &["--threads", "1"]);
    for _ in 0..FAILURES {
        assert_eq!(server.get("/").status, 500);
    }
    // Longer than what is counted together.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(server.get("/").status, 500);
    let (code, stderr) = server.terminate();
    assert_eq!(code, Some(0));
    let mut suppressed = 0;
    for line in stderr.lines() {
        assert!(line.contains("unreachable"), "{line}");
        if let Some((_, count)) = line.split_once(" (") {
            suppressed += count.split(' ').next().unwrap().parse::<u64>().unwrap();
        }
    }
    let reported = stderr.lines().count() as u64;
    assert_eq!(reported + suppressed, FAILURES + 1, "{stderr}");
    assert!(reported < FAILURES, "{reported} reports");
    assert!(stderr.lines().last().unwrap().contains(" more failures "));
}

/// A component that makes lists of headers for as long as it may, and keeps them.
fn hoarder(folder: &tempfile::TempDir) -> PathBuf {
    let imports = r#"(export "fields" (type $fields (sub resource)))
        (export "[constructor]fields" (func (result (own $fields))))"#;
    let code = r#"(alias export $types "[constructor]fields" (func $new))
        (core func $lowered (canon lower (func $new)))
        (core instance $host (export "new" (func $lowered)))
        (core module $code
            (import "host" "new" (func $new (result i32)))
            (func (export "handle") (param i32 i32) (loop $again (drop (call $new)) (br $again))))
        (core instance $code (instantiate $code (with "host" (instance $host))))"#;
    component(folder, "hoarder.wasm", imports, code)
}

/// The most memory that a server has had, in kB.
fn peak_kb(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))
        .unwrap();
    peak.parse().unwrap()
}

/// A service that makes two thousand lists of headers, fills each with 30 KiB, drops none, and computes until
/// it is stopped.
fn filler(folder: &tempfile::TempDir) -> PathBuf {
    let imports = r#"
        (export "fields" (type $fields (sub resource)))
        (type $kinds (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
        (export "header-error" (type $error (eq $kinds)))
        (type $text string)
        (export "field-key" (type $key (eq $text)))
        (type $bytes (list u8))
        (export "field-value" (type $field (eq $bytes)))
        (export "[constructor]fields" (func (result (own $fields))))
        (export "[method]fields.append"
            (func (param "self" (borrow $fields)) (param "name" $key) (param "value" $field)
                (result (result (error $error)))))"#;
    let code = r#"(alias export $types "[constructor]fields" (func $new))
        (alias export $types "[method]fields.append" (func $append))
        (core module $memory (memory (export "memory") 2) (data (i32.const 0) "x"))
        (core instance $memory (instantiate $memory))
        (core func $new' (canon lower (func $new)))
        (core func $append' (canon lower (func $append) (memory (core memory $memory "memory"))))
        (core instance $host (export "new" (func $new')) (export "append" (func $append')))
        (core module $code
            (import "memory" "memory" (memory 2))
            (import "host" "new" (func $new (result i32)))
            (import "host" "append" (func $append (param i32 i32 i32 i32 i32 i32)))
            (func (export "handle") (param i32 i32) (local $made i32)
                (memory.fill (i32.const 16) (i32.const 97) (i32.const 30720))
                (loop $again
                    (call $append (call $new)
                        (i32.const 0) (i32.const 1) (i32.const 16) (i32.const 30720) (i32.const 65536))
                    (local.set $made (i32.add (local.get $made) (i32.const 1)))
                    (br_if $again (i32.lt_u (local.get $made) (i32.const 2000))))
                (loop $for_ever (br $for_ever))))
        (core instance $code (instantiate $code
            (with "host" (instance $host)) (with "memory" (instance $memory))))"#;
    component(folder, "filler.wasm", imports, code)
}

#[test]
fn what_the_host_keeps_for_all_guests_counts_in_what_they_may_have_together() {
    let folder = tempfile::tempdir().unwrap();
    let guest = filler(&folder);
    let server = Server::of(
        &guest,
        &[
            "--threads",
            "1",
            "--total-memory",
            "32",
            "--time-limit",
            NEVER,
        ],
    );
    // Nothing else stops it, and what it had is given back.
    for _ in 0..3 {
        assert_eq!(server.get("/").status, 503);
    }
    let roomy = Server::of(
        &guest,
        &[
            "--threads",
            "1",
            "--total-memory",
            "200",
            "--memory-limit",
            "32",
        ],
    );
    assert_eq!(roomy.get("/").status, 500);
    let (_, stderr) = roomy.terminate();
    assert!(stderr.contains("the memory limit is reached"), "{stderr}");
}

#[test]
fn what_the_host_keeps_for_a_guest_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::of(&hoarder(&folder), &["--threads", "1"]);
    assert_eq!(server.get("/").status, 500);
    let peak = peak_kb(&server);
    // A million of them, which is what the engine allows by itself, take far more.
    assert!(peak < 100 * 1024, "{peak} kB");
    let (code, stderr) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(stderr.contains("resource table"), "{stderr}");
}
