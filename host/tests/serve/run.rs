//! `host run`: what a command may take.

use std::process::Stdio;

use crate::command_line::refused;
use crate::host;

/// A command of these instructions, and what it needs besides.
fn command(folder: &tempfile::TempDir, name: &str, parts: &str, body: &str) -> String {
    let text = format!(r#"(module {parts} (func (export "_start") {body}))"#);
    let path = folder.path().join(name);
    std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn memories_and_tables_of_a_command_are_limited() {
    let folder = tempfile::tempdir().unwrap();
    let again = "(loop $again (drop (TYPE.grow ARGUMENTS)) (br $again))";
    let grow_memory = again
        .replace("TYPE", "memory")
        .replace("ARGUMENTS", "(i32.const 16)");
    let grow_table = again
        .replace("TYPE", "table")
        .replace("ARGUMENTS", "(ref.null func) (i32.const 100000)");
    let memories = "(memory 16)".repeat(17);
    for (name, parts, body) in [
        ("memory", "(memory 1)", &*grow_memory),
        ("table", "(table 1 funcref)", &grow_table),
        ("large memory", "(memory 1024)", ""),
        ("large table", "(table 5000000 funcref)", ""),
        ("memories", &memories, ""),
    ] {
        let file = command(&folder, name, parts, body);
        refused(
            &["run", "--artifact", &file, "--memory-limit", "16"],
            4,
            "bytes of memory; the limit is 16777216 bytes",
        );
    }
    let file = command(&folder, "many", &"(memory 1)".repeat(90), "");
    refused(&["run", "--artifact", &file], 3, "memory count too high");
}

#[test]
fn the_time_of_a_command_is_limited_whether_it_works_or_waits() {
    let folder = tempfile::tempdir().unwrap();
    let works = command(&folder, "works", "", "(loop (br 0))");
    let starts = command(
        &folder,
        "starts",
        "(func $spin (loop (br 0))) (start $spin)",
        "",
    );
    let reads = command(
        &folder,
        "reads",
        r#"(import "wasi_snapshot_preview1" "fd_read"
            (func $read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\20\00\00\00\10\00\00\00")"#,
        "(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))",
    );
    for file in [works, starts, reads] {
        let mut child = host(&["run", "--artifact", &file, "--time-limit", "0.3"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Open, and nothing ever comes.
        let _silent = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{file}: {stderr}");
        assert!(
            stderr.contains("within its time limit") && stderr.contains("--time-limit"),
            "{file}: {stderr}"
        );
    }
}
