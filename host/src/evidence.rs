//! Whether a start was what its cell says: every parameter, by what the engine and the kernel reported.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::engine::wasmtime::MAJOR;
use crate::settings::{Acquire, Allocator, CompileThreads, Compiler, Configuration, Interrupt, MemoryInit};

/// Compares the evidence with the configuration.
///
/// The page cache is not here: it is set and proved by the parent, before the launch.
///
/// # Errors
/// The first parameter that was not in effect, with what was found.
pub(crate) fn check(wanted: &Configuration, attested: &BTreeMap<String, Value>) -> Result<(), String> {
    let cache = match wanted.acquire {
        Acquire::CacheHit => "hit",
        Acquire::CacheMiss => "miss",
        Acquire::Compile | Acquire::Deserialize | Acquire::DeserializeFile => "none",
    };
    let pooling = wanted.engine.allocator == Allocator::Pooling;
    let cow = wanted.engine.memory_init == MemoryInit::Cow;
    let mut expected = vec![
        ("engine_major", json!(MAJOR)),
        ("cache", json!(cache)),
        ("allocator", json!(if pooling { "pooling" } else { "on_demand" })),
        ("memory_init_cow", json!(cow)),
        ("epoch_interruption", json!(wanted.engine.interrupt == Interrupt::Epoch)),
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
    for (key, expected) in expected {
        let found = attested.get(key).unwrap_or(&Value::Null);
        if *found != expected {
            return Err(format!("not what its cell says: {key} should be {expected} and was {found}"));
        }
    }
    if wanted.compiles() {
        let pool = attested.get("compiler_threads").and_then(Value::as_u64);
        let right = match wanted.engine.compile_threads {
            CompileThreads::Single => pool == Some(0),
            CompileThreads::Parallel => pool.is_some_and(|threads| threads > 0),
        };
        if !right {
            let wanted = wanted.engine.compile_threads;
            return Err(format!(
                "not what its cell says: compile_threads={wanted:?}, and the compiler's pool had {pool:?}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::parameters;

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
                let other =
                    Configuration::BASELINE.with(crate::settings::Value::parse(&format!("{key}={value}")).unwrap());
                // Loading is told from compiling by its phase; the page cache is proved by the parent.
                let told = other != Configuration::BASELINE && !other.loads_precompiled() && key != "page_cache";
                assert_eq!(check(&other, &baseline()).is_err(), told, "{key}={value}");
            }
        }
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
