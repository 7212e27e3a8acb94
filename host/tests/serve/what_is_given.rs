//! What the guests of a server and of `host run` are given.

use crate::command_line::refused;
use crate::given::{Try, teller, trier};
use crate::{Server, built, ended, stateful};

#[test]
fn a_service_keeps_its_state_from_request_to_request_and_knows_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stateful.wasm");
    std::fs::write(&path, stateful::component()).unwrap();
    for instances in ["per-request", "reused"] {
        // Of each server its own.
        for (given, first) in [
            (&[][..], 201),
            (&["--config", "more=yes"], 301),
            (&["--env", "A=b", "--env", "C="], 221),
        ] {
            let server = Server::of(&path, &[&["--instances", instances], given].concat());
            for nth in 0..3 {
                assert_eq!(server.get("/").status, first + nth, "{instances} {given:?}");
            }
            assert_eq!(server.terminate(), (Some(0), String::new()));
        }
    }
}

#[test]
fn a_command_is_given_what_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let environment = file("environment.wasm", &teller("environment"));
    let run = |artifact: &str, more: &[&str]| {
        let (code, stdout, stderr) = ended(&[&["run", "--artifact", artifact], more].concat());
        assert_eq!((code, stderr.as_str()), (0, ""));
        stdout
    };
    assert_eq!(run(&environment, &[]), "");
    assert_eq!(
        run(&environment, &["--env", "A=b", "--env=C="]),
        "A=b\0C=\0"
    );
    file("text", b"contents");
    let read = file("read.wasm", &trier(Try::Read("text")));
    let write = file("write.wasm", &trier(Try::Write("new")));
    let given = format!("{}::/data", folder.path().display());
    assert_eq!(run(&read, &["--dir", &given]), "contents");
    assert_eq!(run(&read, &[]), "refused");
    assert_eq!(run(&write, &["--dir", &given]), "refused");
    assert_eq!(run(&write, &["--dir", &format!("{given}:rw")]), "done");
    assert!(folder.path().join("new").exists());
    for (name, what) in [
        ("make.wasm", Try::Make("made")),
        ("link.wasm", Try::Link("link", "new")),
        ("remove.wasm", Try::Remove("new")),
    ] {
        let changes = file(name, &trier(what));
        assert_eq!(run(&changes, &["--dir", &given]), "refused", "{name}");
        let given = format!("{given}:rw");
        assert_eq!(run(&changes, &["--dir", &given]), "done", "{name}");
    }
    assert!(!folder.path().join("new").exists());
}

#[test]
fn what_cannot_be_given_is_refused_before_anything_listens() {
    let service = built("http.component.wasm");
    let command = built("hello.wasm");
    for (what, artifact) in [("serve", &service), ("run", &command)] {
        let artifact = artifact.to_str().unwrap();
        for (given, words) in [
            (["--dir", "/nowhere"], "cannot open /nowhere"),
            (["--dir", "/etc/hostname"], "ot a directory"),
            (["--env", "A"], "expected NAME=VALUE"),
            (["--config", "A"], "expected NAME=VALUE"),
        ] {
            refused(
                &[&[what, "--artifact", artifact][..], &given].concat(),
                2,
                words,
            );
        }
    }
}
