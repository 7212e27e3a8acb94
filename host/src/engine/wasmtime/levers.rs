//! Levers in the engine's own terms: how each is moved, and what shows that it was.
//!
//! One row for each of [`results::levers::LEVERS`] that the engine's configuration has. Those that are
//! another way to call the engine are moved where it is called: see [`super::start`] and
//! [`super::code`].

use results::Param;
use results::levers::Positions;
use wasmtime::{Config, Inlining, RegallocAlgorithm};
use wasmtime_environ::{FlagValue, Tunables};

use host_probe::report::{Cause, Failure};

/// How a lever is moved, and how it is read back.
struct Row {
    param: Param,
    apply: fn(&mut Config, &str),
    /// Nothing where code does not say it.
    read: Option<fn(&Written<'_>) -> Option<String>>,
}

/// What the engine has written into the code that ran.
pub(super) struct Written<'a> {
    pub(super) tunables: &'a Tunables,
    pub(super) flags: &'a [(&'a str, FlagValue<'a>)],
}

impl Written<'_> {
    pub(super) fn flag(&self, name: &str) -> Option<String> {
        let found = self.flags.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.to_string())
    }
}

const ROWS: [Row; 12] = [
    Row {
        param: Param::MemoryReservation,
        apply: |config, value| _ = config.memory_reservation(bytes(value)),
        read: Some(|code| Some(size(code.tunables.memory_reservation))),
    },
    Row {
        param: Param::MemoryGuard,
        apply: |config, value| _ = config.memory_guard_size(bytes(value)),
        read: Some(|code| Some(size(code.tunables.memory_guard_size))),
    },
    Row {
        param: Param::GuardBefore,
        apply: |config, value| _ = config.guard_before_linear_memory(value == "yes"),
        read: Some(|code| Some(yes(code.tunables.guard_before_linear_memory))),
    },
    Row {
        param: Param::MemoryMayMove,
        apply: |config, value| _ = config.memory_may_move(value == "yes"),
        read: Some(|code| Some(yes(code.tunables.memory_may_move))),
    },
    Row {
        param: Param::SignalTraps,
        apply: |config, value| _ = config.signals_based_traps(value == "yes"),
        read: Some(|code| Some(yes(code.tunables.signals_based_traps))),
    },
    Row {
        param: Param::TableInit,
        apply: |config, value| _ = config.table_lazy_init(value == "lazy"),
        read: Some(|code| {
            let lazy = code.tunables.table_lazy_init;
            Some(if lazy { "lazy" } else { "eager" }.to_owned())
        }),
    },
    Row {
        param: Param::AddressMap,
        apply: |config, value| _ = config.generate_address_map(value == "yes"),
        read: Some(|code| Some(yes(code.tunables.generate_address_map))),
    },
    Row {
        param: Param::UnwindInfo,
        apply: |config, value| _ = config.native_unwind_info(value == "yes"),
        read: Some(|code| code.flag("unwind_info").map(|value| yes_text(&value))),
    },
    Row {
        param: Param::RegisterAllocator,
        apply: |config, value| {
            config.cranelift_regalloc_algorithm(match value {
                "single_pass" => RegallocAlgorithm::SinglePass,
                _ => RegallocAlgorithm::Backtracking,
            });
        },
        read: Some(|code| code.flag("regalloc_algorithm")),
    },
    Row {
        param: Param::Inlining,
        apply: |config, value| {
            config.compiler_inlining(match value {
                "yes" => Inlining::Yes,
                _ => Inlining::No,
            });
        },
        read: Some(|code| Some(code.tunables.inlining.to_string())),
    },
    Row {
        param: Param::Concurrency,
        apply: |config, value| _ = config.concurrency_support(value == "yes"),
        read: Some(|code| Some(yes(code.tunables.concurrency_support))),
    },
    // The kernel's map of the process shows this one: `memory_image`.
    Row {
        param: Param::MemoryImageIn,
        apply: |config, value| _ = config.force_memory_init_memfd(value == "memfd"),
        read: None,
    },
];

/// What this build of the engine lacks, by the lever that would move it.
const NOT_BUILT: [(Param, &str); 2] = [
    (Param::Concurrency, "component-model-async"),
    (Param::IncrementalCompilation, "incremental-cache"),
];

/// Moves what the configuration has of these. What stands as the engine has it is not touched.
pub(super) fn apply(config: &mut Config, levers: &Positions) {
    for (lever, value) in levers.moved() {
        if let Some(row) = ROWS.iter().find(|row| row.param == *lever.param) {
            (row.apply)(config, value);
        }
    }
}

/// Whether this build of the engine has all that is moved.
///
/// # Errors
/// What it lacks.
pub(super) fn check_built(levers: &Positions) -> Result<(), Failure> {
    for (param, feature) in &NOT_BUILT {
        if levers.is_moved(param) {
            return Err(Failure::new(
                Cause::Artifact,
                format!(
                    "{param}={} needs Wasmtime with its cargo feature `{feature}`, which this \
                        program is built without",
                    levers.value(param)
                ),
            ));
        }
    }
    Ok(())
}

/// The levers that the code that ran was compiled with moved, and their positions.
pub(super) fn read(code: &Written<'_>) -> Vec<(&'static Param, String)> {
    let levers = results::levers::LEVERS.iter();
    let moved = levers.filter_map(|lever| {
        let row = ROWS.iter().find(|row| row.param == *lever.param)?;
        let value = (row.read?)(code)?;
        (value != lever.default_value()).then_some((lever.param, value))
    });
    moved.collect()
}

/// Whether a lever may be taken on the engine's word, which nothing shows that it has kept: the call
/// that makes an image in advance, and calls without a stack of their own of a guest that printed
/// nothing.
pub(crate) fn may_be_on_word(param: &Param) -> bool {
    matches!(param, Param::CowImage | Param::Calls)
}

/// The bytes that each memory reserves, if that is moved.
pub(super) fn reservation(levers: &Positions) -> Option<u64> {
    let is_moved = levers.is_moved(&Param::MemoryReservation);
    is_moved.then(|| bytes(levers.value(&Param::MemoryReservation)))
}

/// Units of sizes, the largest first.
const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A size in bytes: `64MiB`, or a number.
///
/// # Panics
/// If it is none: the table of levers has no such value.
fn bytes(text: &str) -> u64 {
    let unit = UNITS
        .iter()
        .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
    let (number, unit) = unit.unwrap_or((text, 1));
    let number: u64 = number.parse().expect("the table of levers has sizes");
    number * unit
}

/// The reverse of [`bytes`].
fn size(bytes: u64) -> String {
    let unit = UNITS
        .iter()
        .find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    unit.map_or_else(
        || bytes.to_string(),
        |(unit, of)| format!("{}{unit}", bytes / of),
    )
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn yes_text(flag: &str) -> String {
    match flag {
        "true" => "yes".to_owned(),
        "false" => "no".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use results::levers::LEVERS;

    #[test]
    fn sizes_of_the_table_survive() {
        for lever in [Param::MemoryReservation, Param::MemoryGuard] {
            for value in LEVERS.iter().find(|it| *it.param == lever).unwrap().values {
                assert_eq!(size(bytes(value)), *value);
            }
        }
    }

    #[test]
    fn every_lever_is_moved_somewhere() {
        // Those that are another way to call the engine.
        let called = [
            Param::CowImage,
            Param::ThreadInit,
            Param::CodeMemory,
            Param::CodeFile,
            Param::Calls,
        ];
        for lever in &LEVERS {
            let configured = ROWS.iter().any(|row| row.param == *lever.param);
            let not_built = NOT_BUILT.iter().any(|(param, _)| param == lever.param);
            let is_moved = configured || not_built || called.contains(lever.param);
            assert!(is_moved, "{}", lever.param);
        }
    }
}
