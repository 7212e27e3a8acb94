//! Names of cells beside each other: the system, how it comes by code, and what else tells them
//! apart.

use std::collections::BTreeMap;

use results::Cell;

use crate::outside::OBSERVER;
pub(crate) use crate::outside::is_headline_cell as is_headline;
use crate::summary::TWIN;

/// Whether this is the second name of a system.
pub(crate) fn is_twin(cell: &Cell) -> bool {
    cell.system.ends_with(TWIN)
}

/// The cell under its system's first name.
pub(crate) fn original(cell: &Cell) -> Cell {
    let system = cell.system.strip_suffix(TWIN).unwrap_or(&cell.system);
    Cell {
        system: system.into(),
        ..cell.clone()
    }
}

/// A parameter's value.
pub(crate) fn param<'a>(cell: &'a Cell, key: &str) -> Option<&'a str> {
    cell.params.get(key)
}

/// The cell with nothing watching.
pub(crate) fn unwatched(cell: &Cell) -> Cell {
    let mut cell = cell.clone();
    if cell.params.contains_key(OBSERVER.0) {
        cell.params.insert(OBSERVER.0, OBSERVER.1);
    }
    cell
}

/// The cell without one of its parameters: two cells that differ in it only have this in common.
pub(crate) fn without(cell: &Cell, keys: &[&str]) -> Cell {
    let keys: Vec<_> = keys.iter().map(|key| results::Param::from(*key)).collect();
    Cell {
        params: cell.params.without(&keys),
        ..cell.clone()
    }
}

/// Whether a start is of the system as people would use it: nothing left out, no firewall in its
/// way.
pub(crate) fn is_plain(cell: &Cell) -> bool {
    !cell.params.contains_key("without")
        && param(cell, "firewall").is_none_or(|firewall| firewall == "off")
        && param(cell, "path").is_none_or(|path| path != "veth")
}

/// Names for the cells of one table or picture. The value that most cells have of a parameter goes
/// without saying.
pub(crate) struct Names {
    usual: BTreeMap<String, String>,
}

impl Names {
    /// For these cells.
    pub(crate) fn of<'a>(cells: impl Iterator<Item = &'a Cell>) -> Self {
        let mut values: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for cell in cells {
            for (key, value) in cell.params.iter() {
                *values
                    .entry(key.name())
                    .or_default()
                    .entry(value)
                    .or_default() += 1;
            }
        }
        let usual = values.into_iter().filter_map(|(key, values)| {
            let all: usize = values.values().sum();
            let (most, n) = values.into_iter().max_by_key(|(_, n)| *n)?;
            (2 * n > all).then(|| (key.to_owned(), most.to_owned()))
        });
        Self {
            usual: usual.collect(),
        }
    }

    /// What goes without saying and would be news to a reader, as a sentence; nothing if all is
    /// said.
    pub(crate) fn unsaid(&self) -> String {
        // What a scenario is made of is told with it.
        const TOLD: [&str; 5] = ["acquire", "observer", "page_cache", "pace", "requests"];
        let unsaid = self
            .usual
            .iter()
            .filter(|(key, _)| !TOLD.contains(&key.as_str()));
        let pairs: Vec<_> = unsaid
            .map(|(key, value)| format!("`{key}={value}`"))
            .collect();
        if pairs.is_empty() {
            String::new()
        } else {
            format!(" Where a name says nothing else: {}.", pairs.join(", "))
        }
    }

    /// The name of one.
    pub(crate) fn name(&self, cell: &Cell) -> String {
        let first = original(cell);
        let mut words = vec![first.system.to_string()];
        words.extend(param(cell, "acquire").map(str::to_owned));
        let told = |(key, value): &(&results::Param, &String)| {
            !["acquire", OBSERVER.0].contains(&key.name())
                && self.usual.get(key.name()) != Some(*value)
        };
        for (key, value) in cell.params.iter().filter(told) {
            words.push(if is_speaking(value) {
                value.clone()
            } else {
                format!("{key}={value}")
            });
        }
        if is_twin(cell) {
            words.push("(A/A)".to_owned());
        }
        words.join(" ")
    }
}

/// Whether a value says by itself what it is of.
fn is_speaking(value: &str) -> bool {
    !matches!(
        value,
        "none"
            | "host"
            | "new"
            | "running"
            | "off"
            | "on"
            | "true"
            | "false"
            | "kept"
            | "own"
            | "yes"
            | "no"
    ) && !value.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use results::record::Scenario;

    use super::*;

    fn cell(system: &str, params: &[(&str, &str)]) -> Cell {
        let params = params
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Cell {
            system: system.into(),
            workload: "hello".into(),
            scenario: Scenario::Cold,
            params,
        }
    }

    #[test]
    fn what_most_have_in_common_goes_without_saying() {
        let cells = [
            cell("docker", &[("network", "host"), ("page_cache", "evicted")]),
            cell(
                "docker",
                &[("network", "bridge"), ("page_cache", "evicted")],
            ),
            cell(
                "wasmtime-cli-aa",
                &[("acquire", "compile"), ("page_cache", "evicted")],
            ),
        ];
        let names = Names::of(cells.iter());
        let found: Vec<_> = cells.iter().map(|cell| names.name(cell)).collect();
        assert_eq!(
            found,
            [
                "docker network=host",
                "docker bridge",
                "wasmtime-cli compile (A/A)"
            ]
        );
        let most = cells.iter().chain(&cells[..1]);
        let names = Names::of(most);
        assert_eq!(
            (names.name(&cells[0]), names.name(&cells[1])),
            ("docker".to_owned(), "docker bridge".to_owned())
        );
        assert_eq!(
            names.unsaid(),
            " Where a name says nothing else: `network=host`."
        );
    }
}
