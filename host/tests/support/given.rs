//! Guests that tell what they were given.

/// A module that tells by printing: `environment` its variables, `input` its standard input.
pub(crate) fn teller(what: &str) -> Vec<u8> {
    let body = match what {
        "environment" => {
            "(drop (call $sizes (i32.const 0) (i32.const 4)))
            (drop (call $environ (i32.const 16384) (i32.const 32768)))
            (call $print (i32.const 32768) (i32.load (i32.const 4)))"
        }
        "input" => {
            "(loop $again
                (i32.store (i32.const 8) (i32.const 1024)) (i32.store (i32.const 12) (i32.const 8192))
                (drop (call $read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 16)))
                (call $print (i32.const 1024) (i32.load (i32.const 16)))
                (br_if $again (i32.load (i32.const 16))))"
        }
        _ => panic!("there is no {what}"),
    };
    wat::parse_str(module("", body)).unwrap()
}

/// What a guest tries on its first folder.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Try<'a> {
    /// Opens a file there, and prints what is in it.
    Read(&'a str),
    /// Makes a file there, and writes `written` into it.
    Write(&'a str),
    /// Makes a folder.
    Make(&'a str),
    /// Removes a file.
    Remove(&'a str),
    /// Makes a link of this name that leads there.
    Link(&'a str, &'a str),
}

/// A module that tries this, and prints `refused` if it may not; after what changes something, it
/// prints `done`.
pub(crate) fn trier(tries: Try<'_>) -> Vec<u8> {
    let (path, second) = match tries {
        Try::Read(path) | Try::Write(path) | Try::Make(path) | Try::Remove(path) => (path, ""),
        Try::Link(path, to) => (path, to),
    };
    let length = path.len();
    // The rights of a descriptor: to read it (1 << 1), to write to it (1 << 6).
    let open = |flags: u32, rights: u64| {
        format!(
            "(local.set $errno (call $open (i32.const 3) (i32.const 1) (i32.const 512)
                (i32.const {length}) (i32.const {flags}) (i64.const {rights}) (i64.const 0)
                (i32.const 0) (i32.const 20)))"
        )
    };
    let called = |function: &str| {
        format!(
            "(local.set $errno (call {function} (i32.const 3) (i32.const 512) (i32.const {length})))"
        )
    };
    let (attempt, then) = match tries {
        Try::Read(_) => (
            open(0, 1 << 1),
            "(i32.store (i32.const 8) (i32.const 1024)) (i32.store (i32.const 12) (i32.const 8192))
            (local.set $errno
                (call $read (i32.load (i32.const 20)) (i32.const 8) (i32.const 1) (i32.const 16)))
            (br_if $failed (local.get $errno))
            (call $print (i32.const 1024) (i32.load (i32.const 16)))",
        ),
        Try::Write(_) => (
            open(1, 1 << 6),
            r"(i32.store (i32.const 8) (i32.const 400)) (i32.store (i32.const 12) (i32.const 7))
            (local.set $errno
                (call $write (i32.load (i32.const 20)) (i32.const 8) (i32.const 1) (i32.const 16)))
            (br_if $failed (local.get $errno))
            (call $print (i32.const 420) (i32.const 4))",
        ),
        Try::Make(_) => (
            called("$make"),
            "(call $print (i32.const 420) (i32.const 4))",
        ),
        Try::Remove(_) => (
            called("$remove"),
            "(call $print (i32.const 420) (i32.const 4))",
        ),
        Try::Link(..) => (
            format!(
                "(local.set $errno (call $link (i32.const 768) (i32.const {}) (i32.const 3)
                    (i32.const 512) (i32.const {length})))",
                second.len()
            ),
            "(call $print (i32.const 420) (i32.const 4))",
        ),
    };
    let data = format!(
        r#"(data (i32.const 400) "written") (data (i32.const 420) "done")
        (data (i32.const 440) "refused") (data (i32.const 512) "{path}")
        (data (i32.const 768) "{second}")"#
    );
    let body = format!(
        "(local $errno i32)
        (block $failed
            {attempt}
            (br_if $failed (local.get $errno))
            {then}
            (return))
        (call $print (i32.const 440) (i32.const 7))"
    );
    wat::parse_str(module(&data, &body)).unwrap()
}

fn module(data: &str, body: &str) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_open"
                (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_create_directory" (func $make (param i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_unlink_file" (func $remove (param i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_symlink"
                (func $link (param i32 i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 2)
            {data}
            (func $print (param $at i32) (param $length i32)
                (i32.store (i32.const 24) (local.get $at)) (i32.store (i32.const 28) (local.get $length))
                (drop (call $write (i32.const 1) (i32.const 24) (i32.const 1) (i32.const 32))))
            (func (export "_start") {body}))"#
    )
}
