//! What it refuses to begin with, and how it ends.

use std::net::TcpStream;

use crate::{Answered, Server, built, ended, service, wait_for};

/// It says one thing that is wrong and one that helps, and nothing else.
pub(crate) fn refused(arguments: &[&str], code: i32, message: &str) {
    let (ended, _, stderr) = ended(arguments);
    assert_eq!(ended, code, "{arguments:?}: {stderr}");
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert!(stderr.contains(message), "{stderr}");
    assert!(
        stderr.contains("\n  hint: ") && stderr.lines().count() == 2,
        "{stderr}"
    );
}

#[test]
fn impossible_command_lines_are_refused() {
    let (precompiled, wasm) = (service().to_str().unwrap(), built("http.component.wasm"));
    let wasm = wasm.to_str().unwrap();
    refused(&["serve"], 2, "--artifact FILE is missing");
    refused(
        &["serve", "--artifact", wasm, "--port", "1"],
        2,
        "unknown flag --port",
    );
    refused(
        &["serve", "--artifact", wasm, "--addr"],
        2,
        "--addr needs a value",
    );
    refused(
        &["serve", "--artifact", wasm, "--acquire", "deserialize_file"],
        2,
        "need precompiled code",
    );
    refused(
        &["serve", "--artifact", precompiled, "--acquire", "compile"],
        2,
        "is precompiled",
    );
    refused(
        &["compile", "--artifact", wasm],
        2,
        "--output FILE is missing",
    );
    refused(
        &[
            "compile",
            "--artifact",
            wasm,
            "--output",
            "/no/such/folder/x",
        ],
        2,
        "cannot write",
    );
}

/// The command line that maps a file as native code.
fn mapped(file: &str) -> [&str; 5] {
    ["serve", "--artifact", file, "--acquire", "deserialize_file"]
}

#[test]
fn artifacts_that_cannot_be_served_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let hello = built("hello.wasm");
    let mut cut = std::fs::read(service()).unwrap();
    cut.truncate(cut.len() / 2);
    let nowhere = "/no/such/file";
    for unreadable in [nowhere, folder.path().to_str().unwrap()] {
        refused(
            &["serve", "--artifact", unreadable],
            3,
            &format!("cannot read {unreadable}"),
        );
    }
    refused(
        &["serve", "--artifact", &file("noise", b"not wasm at all")],
        3,
        "does not begin with `\\0asm`",
    );
    refused(&["serve", "--artifact", &file("empty", b"")], 3, "is empty");
    // What it is instead, in the words of every command.
    let instead: [(&str, &[u8], &str); 3] = [
        (
            "text.wat",
            b" ;; a comment\n(module)",
            "is Wasm in the text format",
        ),
        (
            "page.wasm",
            b"<!doctype html><title>404</title>",
            "begins like a text file",
        ),
        ("packed.wasm", b"\x1f\x8b\x08\0\0\0\0\0", "is compressed"),
    ];
    for (name, bytes, said) in instead {
        let path = file(name, bytes);
        refused(&["serve", "--artifact", &path], 3, said);
        refused(&["run", "--artifact", &path], 3, said);
    }
    refused(
        &[
            "serve",
            "--artifact",
            &file("bad.wasm", b"\0asm\x0d\0\x01\0rubbish"),
        ],
        3,
        "is cut off",
    );
    refused(
        &["serve", "--artifact", hello.to_str().unwrap()],
        3,
        "core module",
    );
    refused(
        &[
            "serve",
            "--artifact",
            &file("none.wasm", &wat::parse_str("(component)").unwrap()),
        ],
        3,
        "exports nothing",
    );
    refused(
        &mapped(&file("elf", b"\x7fELF\x02\x01\x01 and then nothing")),
        3,
        "does not load",
    );
    refused(&mapped(&file("cut.cwasm", &cut)), 3, "does not load");
}

#[test]
fn a_busy_port_is_one_message() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    refused(
        &[
            "serve",
            "--artifact",
            service().to_str().unwrap(),
            "--addr",
            &address,
        ],
        1,
        "cannot listen on",
    );
}

#[test]
fn an_engine_that_was_not_built_is_refused_with_its_remedy() {
    // A copy has no sibling.
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("host");
    std::fs::copy(env!("CARGO_BIN_EXE_host"), &alone).unwrap();
    let output = std::process::Command::new(alone)
        .args(["serve", "--engine", "wasmedge"])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(8), "{stderr}");
    assert!(
        stderr.contains("cargo build -p host-wasmedge --features wasmedge"),
        "{stderr}"
    );
}

#[test]
fn help_is_printed() {
    for command in ["serve", "run", "compile"] {
        let (code, stdout, _) = ended(&[command, "--help"]);
        assert_eq!(code, 0);
        assert!(
            stdout.contains(&format!("Usage: host {command} "))
                && stdout.contains("--artifact <FILE>"),
            "{stdout}"
        );
    }
}

#[test]
fn a_request_in_flight_outlives_the_signal() {
    let mut server = Server::start(&["--threads", "1"]);
    server.is_well();
    let held = server.hold().expect("there is room");
    server.signal();
    wait_for("it takes no more connections", || {
        TcpStream::connect(server.address).is_err()
    });
    assert_eq!(held.finish(), Answered::new(200, "all of it"));
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
