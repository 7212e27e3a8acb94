//! Compiled code that checks whether its time is up, and code that does not; and the program that is
//! linked as others are.

use std::path::Path;
use std::process::Command;

use crate::{Server, built, ended, service};

/// Compiles with these flags.
fn compiled(folder: &tempfile::TempDir, artifact: &str, flags: &[&str]) -> String {
    let output = folder.path().join("code.cwasm");
    let (artifact, output) = (built(artifact), output.to_str().unwrap().to_owned());
    let files = [
        "--artifact",
        artifact.to_str().unwrap(),
        "--output",
        &output,
    ];
    let (code, _, stderr) = ended(&[&["compile"], &files[..], flags].concat());
    assert_eq!((code, &*stderr), (0, ""));
    output
}

/// How a program that is given code with or without checks says that it is the wrong one.
fn refuses(arguments: &[&str]) {
    let mapped = ["--acquire", "deserialize_file"];
    let (code, _, stderr) = ended(&[arguments, &mapped].concat());
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("epoch interruption"), "{stderr}");
}

#[test]
fn code_that_checks_nothing_is_served_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let without = compiled(&folder, "http.component.wasm", &["--interrupt", "none"]);
    let none = ["--interrupt", "none"];
    for _ in 0..2 {
        Server::of_compiled(Path::new(&without), &none).is_well();
    }
    Server::of(&built("http.component.wasm"), &none).is_well();
    refuses(&["serve", "--artifact", &without]);
    let with = service().to_str().unwrap();
    refuses(&["serve", "--artifact", with, "--interrupt", "none"]);
}

#[test]
fn a_command_is_compiled_without_checks_that_nobody_would_act_on() {
    let folder = tempfile::tempdir().unwrap();
    let usual = compiled(&folder, "hello.wasm", &[]);
    let run = |file: &str| ended(&["run", "--artifact", file, "--acquire", "deserialize_file"]);
    assert_eq!(run(&usual).0, 0);
    let bytes = std::fs::metadata(&usual).unwrap().len();
    let checking = compiled(&folder, "hello.wasm", &["--interrupt", "epoch"]);
    assert!(std::fs::metadata(&checking).unwrap().len() > bytes);
    refuses(&["run", "--artifact", &checking]);
}

/// What kind of ELF file a program is: 2 is loaded at one address, 3 at any.
fn elf_type(program: &str) -> u8 {
    std::fs::read(program).unwrap()[16]
}

#[test]
fn the_control_is_the_same_program_linked_to_be_loaded_anywhere() {
    let (host, control) = (
        env!("CARGO_BIN_EXE_host"),
        env!("CARGO_BIN_EXE_host-control"),
    );
    assert_eq!((elf_type(host), elf_type(control)), (2, 3));
    for first in [&[][..], &["--pool-probe"]] {
        let hello = built("hello.wasm");
        let output = Command::new(control)
            .args(first)
            .args(["run", "--artifact", hello.to_str().unwrap()])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "Hello from coldphase\n",
            "{output:?}"
        );
    }
}
