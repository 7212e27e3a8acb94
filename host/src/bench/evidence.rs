//! Whether a start was what its cell describes: every parameter, by what the engine and the kernel
//! reported.

use serde_json::json;

use host_probe::settings::{
    Acquire, Allocator, CompileThreads, Compiler, Configuration, Engine, Interrupt, MemoryInit,
    Named as _, Parameter as _,
};
use results::{Attested, Evidence, Failure, FailureKind, Param};

use crate::engine::wasmtime::MAJOR;
use crate::engine::wasmtime::levers::may_be_on_word;

/// Compares the evidence with the configuration.
///
/// The page cache is not here: it is set and proved by the parent, before the launch.
///
/// # Errors
/// The first parameter that was not in effect, with what was found.
pub(crate) fn check(configuration: &Configuration, attested: &Attested) -> Result<(), Failure> {
    match configuration.engine {
        Engine::Wasmtime => check_wasmtime(configuration, attested),
        Engine::WasmEdge => check_wasmedge(configuration, attested),
        Engine::Wasmer => check_wasmer(configuration, attested),
        Engine::Wasmi => check_wasmi(configuration, attested),
    }
}

/// An artifact that was compiled ahead can fall back to the interpreter without any message. Proof
/// is whether the kernel maps machine code out of it into the process.
fn check_wasmedge(configuration: &Configuration, attested: &Attested) -> Result<(), Failure> {
    let interpreted = configuration.acquire == Acquire::Interpret;
    let mode = if interpreted { "interpreter" } else { "aot" };
    expect(
        attested,
        &[
            (Evidence::RunMode, json!(mode)),
            (Evidence::CodeMapped, json!(!interpreted)),
        ],
    )
}

fn check_wasmer(configuration: &Configuration, attested: &Attested) -> Result<(), Failure> {
    let compiler = configuration.settings.compiler.name();
    expect(
        attested,
        &[
            (Evidence::Compiler, json!(compiler)),
            (Evidence::Cache, json!(cache(configuration.acquire))),
        ],
    )
}

/// What the engine's cache should have done.
const fn cache(acquire: Acquire) -> &'static str {
    match acquire {
        Acquire::CacheHit => "hit",
        Acquire::CacheMiss => "miss",
        _ => "none",
    }
}

fn check_wasmi(configuration: &Configuration, attested: &Attested) -> Result<(), Failure> {
    let translation = configuration.settings.translation.name();
    expect(
        attested,
        &[
            (Evidence::RunMode, json!("interpreter")),
            (Evidence::Translation, json!(translation)),
        ],
    )
}

fn expect(attested: &Attested, expected: &[(Evidence, serde_json::Value)]) -> Result<(), Failure> {
    for (key, expected) in expected {
        let found = attested.get(key).unwrap_or(&serde_json::Value::Null);
        if found != expected {
            return Err(not_as_planned(&format!(
                "{key} should be {expected} and was {found}"
            )));
        }
    }
    Ok(())
}

fn not_as_planned(difference: &str) -> Failure {
    Failure::new(
        FailureKind::NotAsPlanned,
        format!("not what its cell says: {difference}"),
    )
}

/// Whether the levers that were moved are those of the configuration: each is shown, or one of the few
/// that are taken on the engine's word and said to be.
fn check_levers(configuration: &Configuration, attested: &Attested) -> Result<(), Failure> {
    let list = |evidence: &Evidence| -> Vec<&str> {
        let line = attested.get(evidence).and_then(|it| it.as_str());
        line.map(|line| line.split(',').collect())
            .unwrap_or_default()
    };
    let (shown, said) = (list(&Evidence::LeversMoved), list(&Evidence::LeversOnWord));
    let moved = configuration.normal().settings.levers;
    // Where memories are mapped from is looked up in the kernel's map: `memory_image`.
    let moved = moved
        .moved()
        .filter(|(lever, _)| *lever.param != Param::MemoryImageIn);
    let mut planned = Vec::new();
    for (lever, value) in moved {
        let entry = format!("{}={value}", lever.param);
        let is_said = may_be_on_word(lever.param) && said.contains(&entry.as_str());
        if !is_said && !shown.contains(&entry.as_str()) {
            return Err(not_as_planned(&format!(
                "{entry} should be shown by {} and is not among {shown:?}",
                Evidence::LeversMoved
            )));
        }
        planned.push(entry);
    }
    let is_unplanned = |found: &str| planned.iter().all(|entry| entry != found);
    match shown
        .into_iter()
        .chain(said)
        .find(|found| is_unplanned(found))
    {
        Some(found) => Err(not_as_planned(&format!("{found} was found"))),
        None => Ok(()),
    }
}

fn check_wasmtime(configuration: &Configuration, attested: &Attested) -> Result<(), Failure> {
    let settings = configuration.settings;
    let cow = settings.memory_init == MemoryInit::Cow;
    let epoch = settings.interrupt == Interrupt::Epoch;
    let winch = settings.compiler == Compiler::Winch;
    let mut expected = vec![
        (Evidence::EngineMajor, json!(MAJOR)),
        (Evidence::Cache, json!(cache(configuration.acquire))),
        (Evidence::Allocator, json!(settings.allocator.name())),
        (Evidence::MemoryInitCow, json!(cow)),
        (Evidence::EpochInterruption, json!(epoch)),
        (Evidence::Winch, json!(winch)),
    ];
    match settings.compiler {
        Compiler::Cranelift => expected.push((Evidence::OptLevel, json!("speed"))),
        Compiler::CraneliftNone => expected.push((Evidence::OptLevel, json!("none"))),
        // Their code generators have no levels.
        Compiler::Winch | Compiler::Singlepass => {}
    }
    if settings.allocator == Allocator::Pooling {
        expected.push((Evidence::PoolSettings, json!(settings.pool)));
    }
    check_levers(configuration, attested)?;
    // A guest without initialised memory has no image.
    if settings.levers.is_moved(&Param::MemoryImageIn)
        && attested.get(&Evidence::MemoryImage) == Some(&json!("precompiled_file"))
    {
        return Err(not_as_planned(
            "memories were mapped from the precompiled file",
        ));
    }
    if !cow {
        expected.push((Evidence::MemoryImage, json!("none")));
    }
    expect(attested, &expected)?;
    if configuration.compiles() {
        let pool = attested.number(Evidence::CompilerThreads);
        let right = match settings.compile_threads {
            CompileThreads::Single => pool == Some(0),
            CompileThreads::Parallel => pool.is_some_and(|threads| threads > 0),
        };
        if !right {
            return Err(not_as_planned(&format!(
                "{}={}, and the compiler's pool had {pool:?} threads",
                CompileThreads::PARAM,
                settings.compile_threads.name()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_probe::settings::{Translation, Value, parameters};
    use results::levers::LEVERS;

    fn baseline() -> Attested {
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
    fn every_parameter_that_the_probe_attests_is_distinguished_from_the_baseline() {
        for (_, values) in parameters() {
            for value in values {
                let Some(other) = Configuration::BASELINE.with(value) else {
                    continue;
                };
                // Loading is distinguished from compiling by its phase; the page cache is proved by
                // the parent; and this guest has an image of neither kind in a file.
                let attested = other.normal() != Configuration::BASELINE
                    && !other.loads_precompiled()
                    && match value {
                        Value::PageCache(_) => false,
                        Value::Lever(lever, _) => *LEVERS[lever].param != Param::MemoryImageIn,
                        _ => true,
                    };
                assert_eq!(check(&other, &baseline()).is_err(), attested, "{value}");
            }
        }
    }

    #[test]
    fn a_lever_is_shown_or_said_to_be_taken_on_word() {
        let lever = |param: &Param| {
            let at = LEVERS
                .iter()
                .position(|lever| lever.param == param)
                .unwrap();
            Configuration::BASELINE.with(Value::Lever(at, 1)).unwrap()
        };
        let with = |evidence: Evidence, entry: &str| {
            let mut found = baseline();
            found.insert(evidence, entry);
            found
        };
        let eager = lever(&Param::CowImage);
        let said = with(Evidence::LeversOnWord, "cow_image=eager");
        assert_eq!(check(&eager, &said), Ok(()));
        assert!(check(&Configuration::BASELINE, &said).is_err());
        let guard = lever(&Param::GuardBefore);
        assert_eq!(
            check(&guard, &with(Evidence::LeversMoved, "guard_before=no")),
            Ok(())
        );
        // What shows itself is taken on nobody's word.
        let said = with(Evidence::LeversOnWord, "guard_before=no");
        let reason = check(&guard, &said).unwrap_err().reason;
        assert!(
            reason.contains("guard_before=no should be shown"),
            "{reason}"
        );
    }

    #[test]
    fn compiled_code_that_was_interpreted_is_detected() {
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
                .reason
                .contains("code_mapped")
        );
        assert!(
            check(&aot, &found("interpreter", true))
                .unwrap_err()
                .reason
                .contains("run_mode")
        );
        let interpret = Configuration::baseline(Engine::WasmEdge);
        assert_eq!(check(&interpret, &found("interpreter", false)), Ok(()));
        assert!(check(&interpret, &found("interpreter", true)).is_err());
    }

    #[test]
    fn another_compiler_and_a_cache_that_did_something_else_are_detected() {
        let found = |compiler: &str, cache: &str| {
            serde_json::from_value(json!({"compiler": compiler, "cache": cache})).unwrap()
        };
        let compiled = Configuration::baseline(Engine::Wasmer);
        let hit = compiled.with(Value::Acquire(Acquire::CacheHit)).unwrap();
        assert_eq!(check(&compiled, &found("cranelift", "none")), Ok(()));
        assert_eq!(check(&hit, &found("cranelift", "hit")), Ok(()));
        assert!(check(&compiled, &found("singlepass", "none")).is_err());
        assert!(check(&hit, &found("cranelift", "miss")).is_err());
    }

    #[test]
    fn another_moment_of_translation_is_detected() {
        let found = |translation: &str| {
            let found = json!({"run_mode": "interpreter", "translation": translation});
            serde_json::from_value(found).unwrap()
        };
        let lazy = Configuration::baseline(Engine::Wasmi);
        let eager = lazy.with(Value::Translation(Translation::Eager)).unwrap();
        assert_eq!(check(&lazy, &found("lazy_translation")), Ok(()));
        assert_eq!(check(&eager, &found("eager")), Ok(()));
        assert!(check(&lazy, &found("eager")).is_err());
        assert!(check(&eager, &Attested::new()).is_err());
    }

    #[test]
    fn missing_evidence_fails_the_sample() {
        let keys = baseline();
        for key in keys.keys().filter(|key| **key != Evidence::MemoryImage) {
            let mut found = baseline();
            found.remove(key);
            assert!(check(&Configuration::BASELINE, &found).is_err(), "{key}");
        }
    }
}
