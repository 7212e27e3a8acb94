//! Whether a start was what its cell says: every parameter, by what the engine and the kernel
//! reported.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use host::engine::wasmtime::MAJOR;
use host_probe::settings::{
    Acquire, Allocator, CompileThreads, Compiler, Configuration, Engine, Interrupt, MemoryInit,
};

/// Compares the evidence with the configuration.
///
/// The page cache is not here: it is set and proved by the parent, before the launch.
///
/// # Errors
/// The first parameter that was not in effect, with what was found.
pub(crate) fn check(
    wanted: &Configuration,
    attested: &BTreeMap<String, Value>,
) -> Result<(), String> {
    match wanted.of {
        Engine::Wasmtime => check_wasmtime(wanted, attested),
        Engine::WasmEdge => check_wasmedge(wanted, attested),
    }
}

/// An artifact that was compiled ahead can fall back to the interpreter without a word: what tells
/// is whether the kernel maps machine code out of it into the process.
fn check_wasmedge(
    wanted: &Configuration,
    attested: &BTreeMap<String, Value>,
) -> Result<(), String> {
    let interpreted = wanted.acquire == Acquire::Interpret;
    expect(
        attested,
        &[
            (
                "run_mode",
                json!(if interpreted { "interpreter" } else { "aot" }),
            ),
            ("code_mapped", json!(!interpreted)),
        ],
    )
}

fn expect(attested: &BTreeMap<String, Value>, expected: &[(&str, Value)]) -> Result<(), String> {
    for (key, expected) in expected {
        let found = attested.get(*key).unwrap_or(&Value::Null);
        if found != expected {
            return Err(format!(
                "not what its cell says: {key} should be {expected} and was {found}"
            ));
        }
    }
    Ok(())
}

fn check_wasmtime(
    wanted: &Configuration,
    attested: &BTreeMap<String, Value>,
) -> Result<(), String> {
    let cache = match wanted.acquire {
        Acquire::CacheHit => "hit",
        Acquire::CacheMiss => "miss",
        _ => "none",
    };
    let pooling = wanted.engine.allocator == Allocator::Pooling;
    let cow = wanted.engine.memory_init == MemoryInit::Cow;
    let mut expected = vec![
        ("engine_major", json!(MAJOR)),
        ("cache", json!(cache)),
        (
            "allocator",
            json!(if pooling { "pooling" } else { "on_demand" }),
        ),
        ("memory_init_cow", json!(cow)),
        (
            "epoch_interruption",
            json!(wanted.engine.interrupt == Interrupt::Epoch),
        ),
        ("winch", json!(wanted.engine.compiler == Compiler::Winch)),
    ];
    match wanted.engine.compiler {
        Compiler::Cranelift => expected.push(("opt_level", json!("speed"))),
        Compiler::CraneliftNone => expected.push(("opt_level", json!("none"))),
        // Its code generator has no levels.
        Compiler::Winch => {}
    }
    if !cow {
        expected.push(("memory_image", json!("none")));
    }
    expect(attested, &expected)?;
    if wanted.compiles() {
        let pool = attested.get("compiler_threads").and_then(Value::as_u64);
        let right = match wanted.engine.compile_threads {
            CompileThreads::Single => pool == Some(0),
            CompileThreads::Parallel => pool.is_some_and(|threads| threads > 0),
        };
        if !right {
            let wanted = wanted.engine.compile_threads;
            return Err(format!(
                "not what its cell says: compile_threads={wanted:?}, and the compiler's pool had \
                    {pool:?}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_probe::settings::parameters;

    fn baseline() -> BTreeMap<String, Value> {
        let entries = json!({
            "engine_major": MAJOR, "cache": "none", "allocator": "on_demand", "memory_init_cow": true,
            "epoch_interruption": true, "winch": false, "opt_level": "speed", "memory_image": "memfd",
            "compiler_threads": 2,
        });
        serde_json::from_value(entries).unwrap()
    }

    #[test]
    fn the_baseline_is_recognised() {
        assert_eq!(check(&Configuration::BASELINE, &baseline()), Ok(()));
    }

    #[test]
    fn every_parameter_that_the_probe_attests_is_told_from_the_baseline() {
        for (key, values) in parameters() {
            for value in values {
                let Some(other) = Configuration::BASELINE
                    .with(host_probe::settings::Value::parse(&format!("{key}={value}")).unwrap())
                else {
                    continue;
                };
                // Loading is told from compiling by its phase; the page cache is proved by the
                // parent.
                let told = other != Configuration::BASELINE
                    && !other.loads_precompiled()
                    && key != "page_cache";
                assert_eq!(check(&other, &baseline()).is_err(), told, "{key}={value}");
            }
        }
    }

    #[test]
    fn compiled_code_that_was_interpreted_is_found_out() {
        let aot = Configuration {
            acquire: Acquire::Aot,
            ..Configuration::baseline(Engine::WasmEdge)
        };
        let found = |mode: &str, mapped: bool| {
            serde_json::from_value(json!({"run_mode": mode, "code_mapped": mapped})).unwrap()
        };
        assert_eq!(check(&aot, &found("aot", true)), Ok(()));
        assert!(
            check(&aot, &found("aot", false))
                .unwrap_err()
                .contains("code_mapped")
        );
        assert!(
            check(&aot, &found("interpreter", true))
                .unwrap_err()
                .contains("run_mode")
        );
        let interpret = Configuration::baseline(Engine::WasmEdge);
        assert_eq!(check(&interpret, &found("interpreter", false)), Ok(()));
        assert!(check(&interpret, &found("interpreter", true)).is_err());
    }

    #[test]
    fn evidence_that_is_not_there_convinces_nobody() {
        for key in baseline().keys().filter(|key| *key != "memory_image") {
            let mut found = baseline();
            found.remove(key);
            assert!(check(&Configuration::BASELINE, &found).is_err(), "{key}");
        }
    }
}
