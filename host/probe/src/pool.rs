//! What a pooling allocator has room for in each of its places.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The limits of one place of a pool. A guest that needs more is not taken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PoolLimits {
    /// Elements of a table.
    pub table_elements: u32,
    /// Tables of a core module.
    pub tables: u32,
    /// Memories of a core module.
    pub memories: u32,
    /// Bytes of what the engine keeps of an instance besides its memories and tables.
    pub instance_bytes: u32,
}

/// A limit: its name, and where it stands.
type Limit = (&'static str, fn(&mut PoolLimits) -> &mut u32);

impl PoolLimits {
    /// Wasmtime's own.
    pub const DEFAULT: Self = Self {
        table_elements: 20_000,
        tables: 1,
        memories: 1,
        instance_bytes: 1 << 20,
    };

    const LIMITS: [Limit; 4] = [
        ("table_elements", |limits| &mut limits.table_elements),
        ("tables", |limits| &mut limits.tables),
        ("memories", |limits| &mut limits.memories),
        ("instance_bytes", |limits| &mut limits.instance_bytes),
    ];

    /// Sets one of them, as `--pool NAME=N` names it.
    ///
    /// # Errors
    /// What is unknown, and what there is instead.
    pub fn set(&mut self, text: &str) -> Result<(), String> {
        let names = || Self::LIMITS.map(|(name, _)| name).join(", ");
        let (name, number) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` is not of the form NAME=N"))?;
        let (_, limit) = Self::LIMITS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("a pool has no limit `{name}`; it has {}", names()))?;
        *limit(self) = number
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| format!("`{number}` is no number from 1"))?;
        Ok(())
    }
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for PoolLimits {
    /// Those that are not the engine's own, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut these, mut usual) = (*self, Self::DEFAULT);
        let mut separator = "";
        for (name, limit) in Self::LIMITS {
            if limit(&mut these) != limit(&mut usual) {
                write!(f, "{separator}{name}={}", limit(&mut these))?;
                separator = ",";
            }
        }
        Ok(())
    }
}

impl FromStr for PoolLimits {
    type Err = String;

    /// Reads what [`Self::fmt`] writes.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut limits = Self::DEFAULT;
        let set = |one: &str| limits.set(one);
        text.split(',')
            .filter(|one| !one.is_empty())
            .try_for_each(set)?;
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_survive_as_text() {
        for text in ["", "table_elements=30000", "tables=2,instance_bytes=4096"] {
            let limits: PoolLimits = text.parse().unwrap();
            assert_eq!(limits.to_string(), text);
        }
        assert_eq!("".parse(), Ok(PoolLimits::DEFAULT));
    }

    #[test]
    fn what_is_no_limit_is_refused_with_what_there_is() {
        let refused = |text: &str| text.parse::<PoolLimits>().unwrap_err();
        assert!(refused("elements=3").contains("table_elements, tables, memories"));
        assert!(refused("tables=0").contains("no number from 1"));
        assert!(refused("tables").contains("NAME=N"));
    }
}
