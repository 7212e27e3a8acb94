//! What a guest of one's own is given, how it is asked, and what is expected of it.

use super::*;
use crate::given::{Try, teller, trier};
use crate::wasmedge::installed;

/// Measures a file with as few cells as there can be, on one engine.
fn measured(bytes: &[u8], engine: &str, more: &[&str]) -> (Ran, Host) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "guest.wasm", bytes);
    let host = Host::new();
    let engine = format!("system={engine}");
    let selected = if engine.contains("wasmedge") {
        &[
            "--select",
            "acquire=interpret",
            "--select",
            "page_cache=hot",
        ][..]
    } else {
        &ONE_CELL
    };
    let arguments = ["--artifact", &path, "--samples", "1", "--select", &engine];
    let ran = host.phases(&[&arguments, more, selected].concat());
    (ran, host)
}

/// Those that are here.
fn engines() -> Vec<&'static str> {
    let mut engines = vec!["wasmtime-embedded"];
    if installed() {
        engines.push("wasmedge-embedded");
    }
    engines
}

fn answers(bytes: &[u8], engine: &str, more: &[&str], expected: &str) {
    let (ran, host) = measured(bytes, engine, &[more, &["--expect", expected]].concat());
    ran.measured_all(&host);
}

#[test]
fn a_guest_gets_the_environment_and_the_input_that_are_named_and_the_record_says_so() {
    let folder = tempfile::tempdir().unwrap();
    // More than a pipe holds, and more than one read.
    let input = "a line of input\n".repeat(5_000);
    let named = file(folder.path(), "input", &input);
    let sha256 = results::digest::sha256_hex(input.as_bytes());
    for engine in engines() {
        let variables = ["--env", "FIRST=1", "--env", "SECOND=a=b"];
        for expected in ["body-contains:FIRST=1", "body-contains:SECOND=a=b"] {
            answers(&teller("environment"), engine, &variables, expected);
        }
        let digest = format!("body-sha256:{sha256}");
        let (ran, host) = measured(
            &teller("input"),
            engine,
            &["--stdin", &named, "--expect", &digest],
        );
        ran.measured_all(&host);
        let manifest = std::fs::read_to_string(host.runs()[0].join("manifest.json")).unwrap();
        assert!(manifest.contains(&sha256), "{manifest}");
        answers(&teller("environment"), engine, &[], "body:");
        answers(&teller("input"), engine, &[], "body:");
    }
}

/// A folder with a file, links out of it, and a secret beside it.
fn fixture() -> tempfile::TempDir {
    use std::os::unix::fs::symlink;
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("folder");
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    std::fs::write(folder.join("file"), "contents").unwrap();
    std::fs::write(top.path().join("secret"), "secret").unwrap();
    symlink("../secret", folder.join("relative")).unwrap();
    symlink(top.path().join("secret"), folder.join("absolute")).unwrap();
    symlink("..", folder.join("up")).unwrap();
    symlink("file", folder.join("inside")).unwrap();
    top
}

#[test]
fn a_folder_is_open_to_be_read_and_leads_nowhere_else() {
    let top = fixture();
    let folder = top.path().join("folder");
    let given = format!("{}::/data", folder.display());
    let secret = top.path().join("secret");
    let secret = secret.to_str().unwrap();
    for engine in engines() {
        let tries = |what: Try<'_>, expected: &str| {
            answers(&trier(what), engine, &["--dir", &given], expected);
        };
        tries(Try::Read("file"), "body:contents");
        tries(Try::Read("inside"), "body:contents");
        for path in [
            "../secret",
            "relative",
            "absolute",
            "up/secret",
            "sub/../../secret",
            secret,
        ] {
            tries(Try::Read(path), "body:refused");
        }
        for what in [
            Try::Write("file"),
            Try::Write("new"),
            Try::Make("made"),
            Try::Remove("file"),
            Try::Link("link", "file"),
        ] {
            tries(what, "body:refused");
        }
        assert_eq!(std::fs::read(folder.join("file")).unwrap(), b"contents");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 6);
        // Without one, there is nothing to open.
        answers(&trier(Try::Read("file")), engine, &[], "body:refused");
    }
}

#[test]
fn a_folder_that_may_be_written_to_is_and_nothing_beside_it() {
    for engine in engines() {
        let top = fixture();
        let folder = top.path().join("folder");
        let given = format!("{}::/data:rw", folder.display());
        let tries = |what: Try<'_>, expected: &str| {
            answers(&trier(what), engine, &["--dir", &given], expected);
        };
        tries(Try::Write("new"), "body:done");
        assert_eq!(std::fs::read(folder.join("new")).unwrap(), b"written");
        for path in [
            "../secret",
            "relative",
            "absolute",
            "up/secret",
            "../made",
            "up/made",
        ] {
            tries(Try::Write(path), "body:refused");
        }
        tries(Try::Remove("up/secret"), "body:refused");
        let secret = std::fs::read(top.path().join("secret")).unwrap();
        assert_eq!(secret, b"secret", "{engine}");
        assert!(!top.path().join("made").exists(), "{engine}");
    }
}

#[test]
fn what_cannot_be_given_is_refused_at_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let (guest, service) = (built("hello.wasm"), built("http.component.wasm"));
    let no_folder = file(folder.path(), "file", "");
    for (artifact, arguments, words) in [
        (&guest, &["--dir", "/nowhere::/x"][..], "/nowhere"),
        (&guest, &["--dir", &no_folder], "ot a directory"),
        (&guest, &["--dir", "/tmp::/a:b"], "/a:b"),
        (&guest, &["--stdin", "/nowhere/in"], "standard input"),
        (&guest, &["--env", "PATH"], "PATH=\"$PATH\""),
        (&guest, &["--config", "=x"], "no name"),
        (&guest, &["--request", "GET /"], "runs to completion"),
        (&guest, &["--body", "x"], "runs to completion"),
        (&guest, &["--expect", "header:x"], "answers no HTTP"),
        (&service, &["--stdin", &no_folder], "serves HTTP"),
        (
            &service,
            &["--body-file", "/nowhere/b"],
            "cannot read the body",
        ),
        (&service, &["--expect", "body-sha256:1"], "no digest"),
        (
            &service,
            &["--request", "GET / x", "--body", "y"],
            "two bodies",
        ),
        (
            &service,
            &["--header", "Content-Length: 1"],
            "follows from the body",
        ),
    ] {
        let host = Host::new();
        let ran = host.phases(&[&["--artifact", artifact], arguments].concat());
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
        assert!(host.runs().is_empty());
    }
    for without in ["--env=A=b", "--body=x", "--stdin=/dev/null", "--expect=200"] {
        let ran = Host::new().phases(&[without]);
        assert_eq!(ran.code, 2, "{without}: {}", ran.stderr);
        assert!(ran.stderr.contains("--artifact"), "{}", ran.stderr);
    }
}

#[test]
fn a_request_has_headers_and_a_body_out_of_a_file_and_more_than_its_status_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    let body = [vec![0, 255], vec![b'x'; 70_000]].concat();
    let named = file(folder.path(), "body", &body);
    let digest = format!("body-sha256:{}", results::digest::sha256_hex(&body));
    let service = std::fs::read(built("http.component.wasm")).unwrap();
    let echo = [
        "--request",
        "POST /echo",
        "--body-file",
        &named,
        "--header",
        "Content-Type: application/octet-stream",
        "--expect",
        "200",
        "--expect",
        &digest,
        "--expect",
        "header:content-length: 70002",
    ];
    let (ran, host) = measured(&service, "wasmtime-embedded", &echo);
    ran.measured_all(&host);
    for (wrong, words) in [
        ("header:x-none", "without the header x-none"),
        ("body-contains:none of it", "does not contain"),
    ] {
        let (ran, _) = measured(&service, "wasmtime-embedded", &["--expect", wrong]);
        assert_eq!(ran.code, 4, "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}

#[test]
fn no_secret_that_a_guest_is_given_is_in_a_run_and_the_run_is_resumed_with_it() {
    const SECRET: &str = "hunter2-and-more";
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "guest.wasm", teller("environment"));
    let top = fixture();
    let given = format!("{}::/data", top.path().join("folder").display());
    let (secret, data) = (format!("API_KEY={SECRET}"), tempfile::tempdir().unwrap());
    let host = Host::new();
    let phases = |arguments: &[&str]| {
        let mut command = host.command(arguments);
        ran(command.env("XDG_DATA_HOME", data.path()).output().unwrap())
    };
    let given = ["--env", &secret, "--env", "PLAIN=1", "--dir", &given];
    let begun = phases(
        &[
            &["--artifact", &path, "--samples", "1"],
            &given[..],
            &WASMTIME,
            &ONE_CELL,
        ]
        .concat(),
    );
    begun.measured_all(&host);
    for name in ["manifest.json", "samples.jsonl"] {
        let text = std::fs::read_to_string(host.runs()[0].join(name)).unwrap();
        assert!(!text.contains(SECRET), "{name}: {text}");
        assert!(
            name != "manifest.json" || text.contains("PLAIN=1"),
            "{text}"
        );
    }
    let without = phases(&["--resume", "latest"]);
    assert_eq!(without.code, 7, "{}", without.stderr);
    assert!(
        without.stderr.contains("every --env again"),
        "{}",
        without.stderr
    );
    phases(&["--resume", "latest", "--env", &secret, "--env", "PLAIN=1"]).measured_all(&host);
}

#[test]
fn a_stateful_service_starts_and_only_what_it_imports_is_linked() {
    let (ran, host) = measured(
        &stateful::component(),
        "wasmtime-embedded",
        &["--config", "more=yes", "--env", "A=b", "--expect", "311"],
    );
    ran.measured_all(&host);
    for sample in host.samples() {
        if is_undisturbed(&sample) {
            // The second request counts on.
            let second = sample.attested.text(Evidence::SecondRequest).unwrap();
            assert!(second.contains("HTTP status 312, expected 311"), "{second}");
        }
    }
}

#[test]
fn many_instances_of_a_service_of_ones_own() {
    let host = Host::new();
    let density = |artifact: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command
            .args(["density", "--samples", "1", "--instances", "3"])
            .args(["--artifact", artifact])
            .args(more)
            .arg("--out")
            .arg(host.out.path());
        ran(command.stdin(Stdio::null()).output().unwrap())
    };
    let request = [
        "--request",
        "POST /echo",
        "--body",
        "{}",
        "--header",
        "X-A: b",
    ];
    let expected = ["--expect", "body:{}"];
    let ran = density(
        &built("http.component.wasm"),
        &[&request[..], &expected].concat(),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for sample in host.samples() {
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        assert_eq!(sample.cell.workload, "http.component.wasm");
    }
    let command = density(&built("hello.wasm"), &[]);
    assert_eq!(command.code, 3, "{}", command.stderr);
    assert!(
        command.stderr.contains("runs to completion"),
        "{}",
        command.stderr
    );
}
