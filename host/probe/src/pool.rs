//! What a pooling allocator is given: what each of its places has room for, how many there are, and
//! what they keep.

use std::fmt;
use std::str::FromStr;

use results::{Param, Params};
use serde::{Deserialize, Serialize};

/// The settings of a pool. A guest that needs more than a place has room for is not taken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
// Runs that are older than a setting had the engine's own.
#[serde(default)]
pub struct PoolSettings {
    /// Elements of a table.
    pub table_elements: u32,
    /// Tables of a core module.
    pub tables: u32,
    /// Memories of a core module.
    pub memories: u32,
    /// Bytes of what the engine keeps of an instance besides its memories and tables.
    pub instance_bytes: u32,
    /// How many there may be at a time: so many component instances, memories and stacks, and
    /// [`Self::PARTS`] times as many core instances and tables. 0: the engine's own totals, 1,000 of
    /// each.
    pub slots: u32,
    /// Bytes of a memory that are wiped and kept when its instance is gone, rather than given back to
    /// the kernel.
    pub memory_kept_bytes: u32,
    /// The same of a table.
    pub table_kept_bytes: u32,
    /// The same of a stack.
    pub stack_kept_bytes: u32,
    /// Whether the kernel is asked which pages were written, so that only these are wiped: a position
    /// in [`Self::PAGEMAP_SCAN`].
    pub pagemap_scan: u32,
    /// Places that stay set up for a module that nothing is an instance of any more, at most.
    pub warm_slots: u32,
    /// Places that are given back to the kernel at a time.
    pub decommit_batch: u32,
}

/// How many of each kind a pool has room for at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Components' instances.
    pub components: u32,
    /// Core modules' instances, of which a component has several.
    pub core_instances: u32,
    /// Memories.
    pub memories: u32,
    /// Tables.
    pub tables: u32,
    /// Stacks, on which calls run.
    pub stacks: u32,
}

/// A setting: its name, where it stands, the least that it may be, and the names of its values where
/// they have some.
struct Setting {
    name: &'static str,
    place: fn(&mut PoolSettings) -> &mut u32,
    least: u32,
    names: &'static [&'static str],
}

impl Setting {
    const fn limit(name: &'static str, place: fn(&mut PoolSettings) -> &mut u32) -> Self {
        Self {
            name,
            place,
            least: 1,
            names: &[],
        }
    }

    const fn number(name: &'static str, place: fn(&mut PoolSettings) -> &mut u32) -> Self {
        Self {
            least: 0,
            ..Self::limit(name, place)
        }
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        if !self.names.is_empty() {
            let known = self.names.iter().position(|name| *name == text);
            let known = known.and_then(|known| u32::try_from(known).ok());
            return known.ok_or_else(|| format!("`{text}` is none of {}", self.names.join(", ")));
        }
        let number = text.parse().ok().filter(|number| *number >= self.least);
        number.ok_or_else(|| format!("`{text}` is no number from {}", self.least))
    }

    fn text(&self, value: u32) -> String {
        let name = usize::try_from(value)
            .ok()
            .and_then(|at| self.names.get(at));
        name.map_or_else(|| value.to_string(), |name| (*name).to_owned())
    }
}

impl PoolSettings {
    /// Wasmtime's own.
    pub const DEFAULT: Self = Self {
        table_elements: 20_000,
        tables: 1,
        memories: 1,
        instance_bytes: 1 << 20,
        slots: 0,
        memory_kept_bytes: 0,
        table_kept_bytes: 0,
        stack_kept_bytes: 0,
        pagemap_scan: 0,
        warm_slots: 100,
        decommit_batch: 1,
    };

    /// For requests that each have an instance: what one wrote to first is wiped and kept, rather than
    /// given back, which takes three system calls a request and the page faults after them.
    pub const TUNED: Self = Self {
        memory_kept_bytes: 512 * 1024,
        table_kept_bytes: 16 * 1024,
        stack_kept_bytes: 64 * 1024,
        pagemap_scan: 1,
        ..Self::DEFAULT
    };

    /// Core instances and tables that one component may consist of: ours are of four core instances
    /// with one memory.
    pub const PARTS: u32 = 8;

    /// The values of [`Self::pagemap_scan`], in their order: `auto` is where the kernel can.
    pub const PAGEMAP_SCAN: &'static [&'static str] = &["no", "auto", "yes"];

    /// Settings that have a name together.
    const PRESETS: [(&'static str, Self); 2] = [("default", Self::DEFAULT), ("tuned", Self::TUNED)];

    const SETTINGS: [Setting; 11] = [
        Setting::limit("table_elements", |pool| &mut pool.table_elements),
        Setting::limit("tables", |pool| &mut pool.tables),
        Setting::limit("memories", |pool| &mut pool.memories),
        Setting::limit("instance_bytes", |pool| &mut pool.instance_bytes),
        Setting::limit("slots", |pool| &mut pool.slots),
        Setting::number("memory_kept_bytes", |pool| &mut pool.memory_kept_bytes),
        Setting::number("table_kept_bytes", |pool| &mut pool.table_kept_bytes),
        Setting::number("stack_kept_bytes", |pool| &mut pool.stack_kept_bytes),
        Setting {
            names: Self::PAGEMAP_SCAN,
            ..Setting::number("pagemap_scan", |pool| &mut pool.pagemap_scan)
        },
        Setting::number("warm_slots", |pool| &mut pool.warm_slots),
        Setting::limit("decommit_batch", |pool| &mut pool.decommit_batch),
    ];

    /// The same with room for so many at a time.
    #[must_use]
    pub const fn with_slots(self, slots: u32) -> Self {
        Self { slots, ..self }
    }

    /// The engine's own totals.
    const OWN_TOTAL: u32 = 1_000;

    /// How many of each kind there may be at a time.
    pub const fn totals(self) -> Totals {
        let (each, parts) = match self.slots {
            0 => (Self::OWN_TOTAL, Self::OWN_TOTAL),
            slots => (slots, slots.saturating_mul(Self::PARTS)),
        };
        Totals {
            components: each,
            core_instances: parts,
            memories: each,
            tables: parts,
            stacks: each,
        }
    }

    /// What of it a cell names: how many there may be at a time, and what else is not the engine's
    /// own choice.
    pub fn params(self) -> Params {
        let mut params = Params::new();
        if self.slots > 0 {
            params.insert(Param::PoolSlots, self.slots.to_string());
        }
        let rest = self.with_slots(0);
        if rest != Self::DEFAULT {
            params.insert(Param::PoolLimits, rest.to_string());
        }
        params
    }

    /// Sets one of them, as `--pool NAME=VALUE` names it, or all, as `--pool tuned` does.
    ///
    /// # Errors
    /// What is unknown, and what there is instead.
    pub fn set(&mut self, text: &str) -> Result<(), String> {
        if let Some((_, preset)) = Self::PRESETS.iter().find(|(name, _)| *name == text) {
            *self = *preset;
            return Ok(());
        }
        let names = || Self::SETTINGS.map(|setting| setting.name).join(", ");
        let (name, value) = text.split_once('=').ok_or_else(|| {
            let presets = Self::PRESETS.map(|(name, _)| name).join(", ");
            format!("`{text}` is none of {presets}, and not of the form NAME=VALUE")
        })?;
        let setting = Self::SETTINGS
            .into_iter()
            .find(|known| known.name == name)
            .ok_or_else(|| format!("a pool has no setting `{name}`; it has {}", names()))?;
        *(setting.place)(self) = setting.value(value)?;
        Ok(())
    }
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for PoolSettings {
    /// Those that are not the engine's own, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut these, mut usual) = (*self, Self::DEFAULT);
        let mut separator = "";
        for setting in Self::SETTINGS {
            let value = *(setting.place)(&mut these);
            if value != *(setting.place)(&mut usual) {
                write!(f, "{separator}{}={}", setting.name, setting.text(value))?;
                separator = ",";
            }
        }
        Ok(())
    }
}

impl FromStr for PoolSettings {
    type Err = String;

    /// Reads what [`Self::fmt`] writes, and names of settings that have one together.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut pool = Self::DEFAULT;
        let set = |one: &str| pool.set(one);
        text.split(',')
            .filter(|one| !one.is_empty())
            .try_for_each(set)?;
        Ok(pool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_as_text() {
        for text in [
            "",
            "table_elements=30000",
            "tables=2,instance_bytes=4096",
            "slots=16",
            "memory_kept_bytes=65536,pagemap_scan=auto,warm_slots=0,decommit_batch=64",
        ] {
            let pool: PoolSettings = text.parse().unwrap();
            assert_eq!(pool.to_string(), text);
        }
        assert_eq!("".parse(), Ok(PoolSettings::DEFAULT));
        let tuned = PoolSettings::TUNED.with_slots(16);
        assert_eq!("tuned,slots=16".parse(), Ok(tuned));
        assert_eq!(tuned.to_string().parse(), Ok(tuned));
    }

    #[test]
    fn what_is_no_setting_is_refused_with_what_there_is() {
        let refused = |text: &str| text.parse::<PoolSettings>().unwrap_err();
        assert!(refused("elements=3").contains("table_elements, tables, memories"));
        assert!(refused("tables=0").contains("no number from 1"));
        assert!(refused("warm_slots=-1").contains("no number from 0"));
        assert!(refused("pagemap_scan=2").contains("none of no, auto, yes"));
        assert!(refused("tables").contains("none of default, tuned, and not of the form"));
    }
}
