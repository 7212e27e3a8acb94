//! The variables that people know from shell-script suites, where they carry meaning here.

use std::collections::BTreeMap;

use campaign::{Error, Exit};

use crate::system::{AcquireVariable, System};

/// The variables of the suite. The adapters have more: see [`table`].
const SUITE: [(&str, &str); 16] = [
    ("WARMUP_REQ", "requests before those that are recorded"),
    (
        "THROUGHPUT_REQS",
        "requests that are recorded, of each sample",
    ),
    ("THROUGHPUT_CONC", "connections at once under `throughput`"),
    ("HTTP_SCENARIOS", "scenarios of the services"),
    ("HTTP_RUNS", "samples of each cell; the same as N_RUN"),
    ("CPU_HASH_SCENARIOS", "scenarios of `cpu-hash`"),
    ("HELLO_WASM_SCENARIOS", "scenarios of `hello`"),
    (
        "PATH_SUFFIX",
        "only the service with this path: `/`, `/cpu`, `/echo` or `/state`",
    ),
    ("N_RUN", "samples of each cell"),
    (
        "CLEAR_CACHE_BETWEEN_RUNS",
        "1: the artifact's pages are evicted before every start",
    ),
    (
        "STRICT_CACHE_CLEAR",
        "nothing: a page that cannot be evicted always makes a sample unusable",
    ),
    (
        "CLEAN_BUILD",
        "nothing: built guests are checked by digest before every run",
    ),
    (
        "CONCURRENCY_LIST",
        "connections at once under `throughput`, several; with HTTP_SCALING instances at once",
    ),
    (
        "HTTP_SCALING",
        "1: services are measured with several instances at once too, as `external scale` does",
    ),
    (
        "HTTP_SCALING_RUNS",
        "samples of each cell; the same as N_RUN",
    ),
    (
        "FIREWALL",
        "1: behind no firewall and behind the baseline; or levels: off,rules:100",
    ),
];

/// Every variable and what it means here. The documentation lists them; a test holds both together.
pub fn table() -> Vec<(&'static str, &'static str)> {
    let of_systems = acquire_variables().map(|(_, variable)| (variable.name, variable.meaning));
    SUITE.into_iter().chain(of_systems).collect()
}

pub(super) fn acquire_variables() -> impl Iterator<Item = (System, AcquireVariable)> {
    let variable = |system: System| Some((system, system.acquire_variable()?));
    System::all().into_iter().filter_map(variable)
}

/// The variables of the table that are set.
#[derive(Debug, Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of this process.
    pub fn from_process() -> Self {
        let set = table()
            .into_iter()
            .filter_map(|(name, _)| Some((name.to_owned(), std::env::var(name).ok()?)));
        Self(set.filter(|(_, value)| !value.trim().is_empty()).collect())
    }

    /// None at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// These.
    pub fn from_pairs<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim())
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        self.get(name).map(|text| number(name, text)).transpose()
    }

    pub(super) fn numbers(&self, name: &str) -> Result<Option<Vec<usize>>, Error> {
        let numbers = |words: Vec<String>| words.iter().map(|word| number(name, word)).collect();
        self.list(name).map(numbers).transpose()
    }

    /// Words with commas or spaces between them.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let words = self
            .get(name)?
            .split([',', ' '])
            .filter(|word| !word.is_empty());
        Some(words.map(str::to_owned).collect())
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| !matches!(value, "0" | "no" | "false" | "off"))
    }

    /// Those that are set and have no effect, as sentences.
    pub fn without_effect(&self) -> Vec<String> {
        SUITE
            .iter()
            .filter(|(name, meaning)| meaning.starts_with("nothing") && self.is_on(name))
            .map(|(name, meaning)| format!("{name} has no effect here; {meaning}"))
            .collect()
    }
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|_| invalid(name, text, "a whole number"))
}

pub(super) fn invalid(name: &str, found: &str, expected: &str) -> Error {
    Error::new(
        Exit::Usage,
        format!("the variable {name} is `{found}`, which is not {expected}"),
    )
    .hint("`external suite --help` lists the variables and what they mean")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_documented() {
        let documentation = include_str!("../../../docs/src/configuration.md");
        for (name, meaning) in table() {
            let row = format!("| `{name}` | {meaning} |");
            assert!(documentation.contains(&row), "there is no row {row}");
        }
    }
}
