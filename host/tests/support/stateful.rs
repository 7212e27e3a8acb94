//! A service with state in `wasi:keyvalue`, configured by `wasi:config`.

use crate::built;

/// What the service takes from its host besides HTTP.
const WIT: [&str; 4] = [
    "package wasi:config@0.2.0-rc.1;
    interface store {
        variant error { upstream(string), io(string) }
        get: func(key: string) -> result<option<string>, error>;
    }",
    "package wasi:keyvalue@0.2.0-draft;
    interface store {
        variant error { no-such-store, access-denied, other(string) }
        open: func(identifier: string) -> result<bucket, error>;
        resource bucket {}
    }
    interface atomics {
        use store.{bucket, error};
        increment: func(bucket: borrow<bucket>, key: string, delta: u64) -> result<u64, error>;
    }",
    "package wasi:cli@0.2.0;
    interface environment {
        get-environment: func() -> list<tuple<string, string>>;
    }",
    "package test:stateful;
    world service {
        include root:component/root;
        import wasi:config/store@0.2.0-rc.1;
        import wasi:keyvalue/store@0.2.0-draft;
        import wasi:keyvalue/atomics@0.2.0-draft;
        import wasi:cli/environment@0.2.0;
    }",
];

/// A component that answers its nth request, whichever instance of it that reaches, with the status
/// 200 + n; 100 more if it is configured with `more`; and 10 more for each variable of its
/// environment.
pub(crate) fn component() -> Vec<u8> {
    let (mut resolve, _) = built::world();
    let packages = WIT.map(|text| resolve.push_str("test.wit", text).unwrap());
    let world = resolve
        .select_world(&packages[3..], Some("service"))
        .unwrap();
    // Results begin at 64: of a call, 0 at first if it succeeded.
    built::component(
        r#"(module
            (import "wasi:http/types@0.2.12" "[static]fields.from-list" (func $headers (param i32 i32 i32)))
            (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
            (import "wasi:http/types@0.2.12" "[method]outgoing-response.set-status-code"
                (func $status (param i32 i32) (result i32)))
            (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
                (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
            (import "wasi:config/store@0.2.0-rc.1" "get" (func $config (param i32 i32 i32)))
            (import "wasi:keyvalue/store@0.2.0-draft" "open" (func $open (param i32 i32 i32)))
            (import "wasi:keyvalue/atomics@0.2.0-draft" "increment"
                (func $increment (param i32 i32 i32 i64 i32)))
            (import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
            (memory (export "memory") 2)
            (data (i32.const 512) "more") (data (i32.const 520) "n")
            (global $free (mut i32) (i32.const 1024))
            (func (export "cabi_realloc") (param i32 i32 i32) (param $length i32) (result i32)
                (local $at i32)
                (local.set $at (global.get $free))
                (global.set $free (i32.and (i32.add (local.get $at) (i32.add (local.get $length) (i32.const 7)))
                    (i32.const -8)))
                (local.get $at))
            (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $out i32)
                (local $code i32) (local $made i32)
                (call $open (i32.const 0) (i32.const 0) (i32.const 64))
                (if (i32.load8_u (i32.const 64)) (then unreachable))
                (call $increment (i32.load (i32.const 68)) (i32.const 520) (i32.const 1) (i64.const 1) (i32.const 80))
                (if (i32.load8_u (i32.const 80)) (then unreachable))
                (local.set $code (i32.add (i32.const 200) (i32.wrap_i64 (i64.load (i32.const 88)))))
                (call $config (i32.const 512) (i32.const 4) (i32.const 96))
                (if (i32.load8_u (i32.const 96)) (then unreachable))
                (if (i32.load8_u (i32.const 100))
                    (then (local.set $code (i32.add (local.get $code) (i32.const 100)))))
                (call $environment (i32.const 128))
                (local.set $code (i32.add (local.get $code)
                    (i32.mul (i32.const 10) (i32.load (i32.const 132)))))
                (call $headers (i32.const 0) (i32.const 0) (i32.const 16))
                (local.set $made (call $response (i32.load (i32.const 20))))
                (drop (call $status (local.get $made) (local.get $code)))
                (call $set (local.get $out) (i32.const 0) (local.get $made)
                    (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))"#,
        &resolve,
        world,
    )
}
