//! Files and command lines that cannot be: one message, a hint, the documented code, and no run
//! folder.

use super::*;

/// Runs, and wants this code, these words, a hint, no panic and nothing recorded.
fn refuses(arguments: &[&str], code: i32, words: &[&str]) {
    let host = Host::new();
    let ran = host.phases(arguments);
    assert_eq!(ran.code, code, "{}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "no {word:?} in: {}", ran.stderr);
    }
    assert!(ran.stderr.contains("hint:") || code == 2, "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert!(host.runs().is_empty());
}

#[test]
fn artifacts_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let artifact = |name: &str, bytes: &[u8]| file(folder.path(), name, bytes);
    let whole = std::fs::read(built("http.component.wasm")).unwrap();
    let refuses = |file: &str, words: &[&str]| refuses(&["--artifact", file], 3, words);
    refuses(
        "/nowhere/guest.wasm",
        &["cannot read /nowhere/guest.wasm", "No such file"],
    );
    refuses("/", &["cannot read /", "directory"]);
    refuses(&artifact("empty.wasm", b""), &["is empty"]);
    refuses(&artifact("script.wasm", b"#!/bin/sh\n"), &["is not Wasm"]);
    refuses(
        &artifact("native", b"\x7fELF\x02\x01\x01"),
        &["is an ELF file"],
    );
    refuses(
        &artifact("text.wat", b"(module)"),
        &["text format", "wat2wasm"],
    );
    refuses(
        &artifact("cut.wasm", &whole[..whole.len() / 2]),
        &["is cut off"],
    );
    for (name, appended) in [("newline.wasm", &b"\n"[..]), ("padded.wasm", &[0; 512])] {
        let module = std::fs::read(built("hello.wasm")).unwrap();
        let bytes = [&module[..], appended].concat();
        refuses(
            &artifact(name, &bytes),
            &[&format!("has {} bytes after its end", appended.len())],
        );
    }
}

#[test]
fn artifacts_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let refuses = |name: &str, text: &str, words: &[&str]| {
        refuses(
            &[
                "--artifact",
                &file(folder.path(), name, wat::parse_str(text).unwrap()),
            ],
            3,
            words,
        );
    };
    refuses("nothing.wasm", "(module)", &["without `_start`"]);
    // What real toolchains make.
    refuses(
        "start-param.wasm",
        r#"(module (memory (export "memory") 1) (func (export "_start") (param i32) (result i32) (i32.const 0)))"#,
        &["takes 1 parameter and returns 1 value"],
    );
    refuses(
        "threads.wasm",
        r#"(module (import "env" "memory" (memory 1 1 shared))
            (import "wasi" "thread-spawn" (func (param i32) (result i32))) (func (export "_start")))"#,
        &["env::memory (a shared memory)", "wasi-threads"],
    );
    refuses(
        "assemblyscript.wasm",
        r#"(module (import "env" "abort" (func (param i32 i32 i32 i32))) (func (export "add")) (memory (export "memory") 1))"#,
        &["env::abort", "made by AssemblyScript", "wasi-shim"],
    );
    refuses(
        "library.wasm",
        r#"(component
            (core module $m (func (export "add") (param i32) (result i32) (local.get 0)))
            (core instance $i (instantiate $m))
            (func (export "add") (param "a" u32) (result u32) (canon lift (core func $i "add"))))"#,
        &["functions at its root (add)", "a library"],
    );
    refuses(
        "candidate.wasm",
        r#"(component (instance $e) (export "wasi:cli/run@0.2.0-rc-2023-12-05" (instance $e)))"#,
        &["release candidate of WASI 0.2", "0.2.0-rc-2023-12-05"],
    );
    refuses(
        "reactor.wasm",
        r#"(module (func (export "_initialize")))"#,
        &["without `_start`", "reactor"],
    );
    refuses(
        "imports.wasm",
        r#"(module (import "env" "f" (func)) (import "env" "g" (func)) (func (export "_start")))"#,
        &["env::f, env::g"],
    );
    refuses(
        "needy.component.wasm",
        r#"(component (import "acme:kv/store@1.0.0" (instance (export "get" (func)))) (import "acme:log/out@2.0.0" (instance (export "put" (func)))))"#,
        &["acme:kv/store@1.0.0, acme:log/out@2.0.0"],
    );
    // It parses, and only the engine's validator sees that it is wrong.
    refuses(
        "ill-typed.wasm",
        r#"(module (func (export "_start") i32.const 1))"#,
        &["does not compile", "ill-typed.wasm"],
    );
}

#[test]
fn command_lines_that_say_nothing_possible() {
    refuses(
        &["--select", "compilr=winch"],
        2,
        &["there is no parameter `compilr`", "compiler"],
    );
    refuses(
        &["--select", "compiler=llvm"],
        2,
        &["no value `llvm`", "cranelift_none, winch"],
    );
    refuses(
        &["--workload", "helo"],
        2,
        &["there is no workload `helo`", "http-hello"],
    );
    refuses(&["--samples", "0"], 2, &["--samples"]);
    refuses(&["--time-limit=-1"], 2, &["--time-limit"]);
    refuses(&["--request", "GET /"], 2, &["--artifact"]);
    let component = built("http.component.wasm");
    refuses(
        &["--artifact", &component, "--request", "fetch it"],
        2,
        &["is no request"],
    );
    refuses(
        &["--artifact", &component, "--arg", "x"],
        2,
        &["serves HTTP"],
    );
    refuses(
        &["--artifact", &built("hello.wasm"), "--request", "GET /"],
        2,
        &["runs to completion"],
    );
    refuses(&["--resume", "latest"], 2, &["there is no run `latest`"]);
    refuses(&["--resume", "../elsewhere"], 2, &["there is no run"]);
    refuses(
        &["--resume", "latest", "--samples", "3"],
        2,
        &["cannot be used with"],
    );
}

#[test]
fn a_results_folder_that_cannot_be_written() {
    let output = Command::new(env!("CARGO_BIN_EXE_host"))
        .args([
            "phases",
            "--samples",
            "1",
            "--workload",
            "hello",
            "--out",
            "/dev/null/results",
        ])
        .output();
    let ran = ran(output.unwrap());
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("/dev/null/results") && ran.stderr.contains("hint: --out"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_full_disk_keeps_what_was_recorded() {
    // A file system of 3 MiB in a mount namespace of its own: it is gone with the process. Mounting
    // takes root.
    if !Command::new("unshare")
        .args(["--mount", "true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"not tested here: a full disk can only be made by root\n",
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // More samples than are ever taken: the disk fills up after the first ones, from beside.
    let script = r#"
        mount -t tmpfs -o size=3m none "$OUT" || exit 99
        "$HOST" phases --workload hello --samples 4000 --select page_cache=hot --out "$OUT" & run=$!
        until [ "$(cat "$OUT"/*/samples.jsonl 2>/dev/null | wc -l)" -ge 5 ]; do kill -0 $run || break; done
        dd if=/dev/zero of="$OUT/filler" bs=4k count=1024 2>/dev/null
        wait $run; code=$?
        echo "lines: $(cat "$OUT"/*/samples.jsonl | wc -l), last byte:$(tail -c1 "$OUT"/*/samples.jsonl | od -An -tx1)"
        exit $code"#;
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--mount", "sh", "-c", script])
        .env("OUT", folder.path())
        .env("HOST", env!("CARGO_BIN_EXE_host"));
    let output = unshare.output();
    let ran = ran(output.unwrap());
    assert_eq!(ran.code, 5, "{} {}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr.contains("No space left") && ran.stderr.contains("--resume"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout.contains("last byte: 0a"),
        "the ledger ends with a whole line: {}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("lines: 0,"), "{}", ran.stdout);
}
