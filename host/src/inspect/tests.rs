use workloads::Artifact;

use super::*;

fn message(bytes: &[u8]) -> String {
    inspect(Path::new("guest"), bytes).unwrap_err().to_string()
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn the_built_guests_are_what_they_are_for() {
    let inspected =
        |artifact: Artifact| inspect(&artifact.path(), &artifact.read().unwrap()).unwrap();
    let command = Inspected {
        kind: Kind::Module,
        world: World::Preview1,
        interfaces: Interfaces::default(),
        serves: false,
    };
    assert_eq!(inspected(Artifact::Hello), command);
    assert_eq!(inspected(Artifact::CpuHash), command);
    let service = Inspected {
        kind: Kind::Component,
        world: World::Proxy,
        interfaces: Interfaces::default(),
        serves: true,
    };
    assert_eq!(inspected(Artifact::HttpComponent), service);
}

#[test]
fn says_what_a_file_is_instead() {
    insta::assert_snapshot!(
        [
            message(b""),
            message(b"\0as"),
            message(b"\x7fELF and so on"),
            message(b"  (module)"),
            message(b"#!/bin/sh"), message(b"version https://git-lfs.github.com/spec/v1\noid"),
            message(&Artifact::Hello.read().unwrap()[..20_000]),
            message(b"\0asm\x01\0\0\0\xff\xff\xff"),
            message(&wat("(module)")),
            message(&wat(r#"(module (func (export "_initialize")))"#)),
            message(&wat(r#"(module (import "env" "emscripten_memcpy" (func)) (func (export "_start")))"#)),
            message(&wat(r#"(module (import "wasi_snapshot_preview1" "sock_open" (func)) (func (export "_start")))"#)),
            message(&wat("(component)")),
            message(&wat(
                r#"(component (import "acme:kv/store@1.0.0" (instance (export "get" (func)))) (import "wasi:io/error@0.2.3" (instance)) (import "log" (func)))"#
            )),
            message(&wat(r#"(component (import "wasi:http/types@0.3.0" (instance (export "f" (func)))))"#)),
        ]
        .join("\n")
    );
}

/// A module with a `producers` section of one entry.
fn produced(field: &str, name: &str, version: &str, module: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let section = [
        text("producers"),
        vec![1],
        text(field),
        vec![1],
        text(name),
        text(version),
    ]
    .concat();
    let header = [0, u8::try_from(section.len()).unwrap()];
    [wat(module), header.to_vec(), section].concat()
}

#[test]
fn what_made_a_file_is_told_by_its_producers() {
    let library = r#"(module (func (export "f")))"#;
    let component = "(component)";
    let made = |name: &str, version: &str, file: &str| {
        message(&produced("processed-by", name, version, file))
    };
    insta::assert_snapshot!(
        [
            made("TinyGo", "0.35.0", library),
            made("rustc", "1.90.0 (1159e78c4 2025-09-14)", library),
            made("clang", "19.1.5-wasi-sdk", library),
            made("ComponentizeJS", "0.18.4", component),
            made("componentize-py", "0.17.2", component),
            made("jco", "1.10.0", component),
            made("an unknown one", "", library),
            made(
                "wasm-bindgen",
                "0.2.100",
                r#"(module (import "wbg" "__wbg_log" (func)))"#
            ),
            message(&produced(
                "language",
                "Go",
                "go1.25",
                r#"(module (import "gojs" "runtime.ticks" (func)))"#
            )),
        ]
        .join("\n")
    );
}

#[test]
fn other_toolchains_and_hosts_are_recognised_by_what_they_import() {
    insta::assert_snapshot!(
        [
            r#"(module (import "env" "abort" (func)) (func (export "_start")))"#,
            r#"(module (import "env" "emscripten_resize_heap" (func)) (func (export "_start")))"#,
            r#"(module (import "a" "b" (func)) (func (export "c")))"#,
            r#"(module (import "wasix_32v1" "thread_spawn" (func)) (func (export "_start")))"#,
            r#"(module (import "wasi_ephemeral_nn" "load" (func)) (func (export "_start")))"#,
            r#"(module (import "env" "memory" (memory 1)) (func (export "_start")))"#,
            r#"(module (import "env" "proxy_log" (func)) (func (export "_initialize")))"#,
            r#"(module (import "GOT.mem" "x" (global (mut i32))) (func (export "_start")))"#,
            r#"(module (func (export "wasi:http/incoming-handler@0.2.0#handle")) (func (export "cabi_realloc")))"#,
            r#"(module (memory (export "_start") 1))"#,
            r#"(component (import "spin:postgres/postgres" (instance (export "f" (func)))))"#,
            r#"(component (import "r" (type (sub resource))))"#,
        ]
        .map(|text| message(&wat(text)))
        .join("\n")
    );
}

#[test]
fn what_follows_the_end_is_told_from_what_is_cut_off() {
    let whole = Artifact::Hello.read().unwrap();
    let component = Artifact::HttpComponent.read().unwrap();
    for whole in [&whole, &component] {
        for appended in [&b"\n"[..], b"\r\n", &[0; 100], &whole[..], b"\xff\xfe"] {
            let message = message(&[&whole[..], appended].concat());
            assert!(message.contains("bytes after its end"), "{message}");
            assert!(
                message.contains(&format!("head -c {}", whole.len())),
                "{message}"
            );
        }
        for cut in [9, 100, whole.len() / 2, whole.len() - 1] {
            let message = message(&whole[..cut]);
            assert!(message.contains("is cut off"), "{cut}: {message}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_are_too_strange(
        (at, byte) in (0..4_000_usize, 0..=255_u8),
        tail in proptest::collection::vec(0..=255_u8, 0..40),
    ) {
        let mut bytes = Artifact::HttpComponent.read().unwrap();
        bytes.truncate(at + 8);
        bytes[at] = byte;
        bytes.extend(tail);
        // Whatever it says, it says something.
        let _ = inspect(Path::new("guest"), &bytes);
    }
}
