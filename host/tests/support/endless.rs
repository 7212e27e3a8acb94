//! A service whose work never ends by itself, however fast the machine: what is to run into a
//! limit, or to be there for as long as a test needs it.

use crate::built;

/// What never ends.
pub(crate) const ENDLESS: &str = "/endless";

/// What explains itself by [`SAID`] on its standard error, and then traps without an answer.
pub(crate) const COMPLAINS: &str = "/complains";

/// What a guest says of its failure.
pub(crate) const SAID: &str = "config file /etc/app.toml missing";

/// A component that is asked [`ENDLESS`] computes for ever. Any other request it answers without a
/// body, by the status 200 and as many more as its instance has answered before. After its answer to
/// what begins with `/l` it computes for ever too, and so it does after answering `/f…` with 500; to
/// `/t…`, it traps. To `/u…` it traps without an answer, and to [`COMPLAINS`] too; `/w…` it answers, and
/// says the same before.
pub(crate) fn component() -> Vec<u8> {
    let (resolve, world) = built::world();
    // At 0 is an option that tells where the path is, which is at 1024. Of the paths asked for, one
    // begins with `/e`.
    let text = r#"(module
            (import "wasi:cli/stderr@0.2.12" "get-stderr" (func $stderr (result i32)))
            (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
                (func $write (param i32 i32 i32 i32)))
            (import "wasi:http/types@0.2.12" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
            (import "wasi:http/types@0.2.12" "[static]fields.from-list" (func $headers (param i32 i32 i32)))
            (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
            (import "wasi:http/types@0.2.12" "[method]outgoing-response.set-status-code"
                (func $status (param i32 i32) (result i32)))
            (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
                (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
            (memory (export "memory") 1)
            (data (i32.const 2048) "SAID")
            (global $answered (mut i32) (i32.const 0))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $out i32)
                (local $made i32)
                (call $path (local.get $request) (i32.const 0))
                (if (i32.eq (i32.load8_u (i32.const 1025)) (i32.const 101))
                    (then (loop $endless (br $endless))))
                (if (i32.eq (i32.load8_u (i32.const 1025)) (i32.const 117)) (then unreachable))
                (if (i32.or (i32.eq (i32.load8_u (i32.const 1025)) (i32.const 99))
                            (i32.eq (i32.load8_u (i32.const 1025)) (i32.const 119)))
                    (then (call $write (call $stderr) (i32.const 2048) (i32.const LENGTH) (i32.const 48))))
                (if (i32.eq (i32.load8_u (i32.const 1025)) (i32.const 99)) (then unreachable))
                (call $headers (i32.const 0) (i32.const 0) (i32.const 16))
                (local.set $made (call $response (i32.load (i32.const 20))))
                (if (i32.eq (i32.load8_u (i32.const 1025)) (i32.const 102))
                    (then (global.set $answered (i32.const 300))))
                (drop (call $status (local.get $made) (i32.add (i32.const 200) (global.get $answered))))
                (global.set $answered (i32.add (global.get $answered) (i32.const 1)))
                (call $set (local.get $out) (i32.const 0) (local.get $made)
                    (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
                (if (i32.or (i32.eq (i32.load8_u (i32.const 1025)) (i32.const 102))
                            (i32.eq (i32.load8_u (i32.const 1025)) (i32.const 108)))
                    (then (loop $lingers (br $lingers))))
                (if (i32.eq (i32.load8_u (i32.const 1025)) (i32.const 116)) (then unreachable))))"#;
    let text = text
        .replace("LENGTH", &SAID.len().to_string())
        .replace("SAID", SAID);
    built::component(&text, &resolve, world)
}
