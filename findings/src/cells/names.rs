//! Names of cells beside each other: the system, how its code is acquired, and what else
//! distinguishes them.

use std::collections::BTreeMap;

use results::{Cell, Param};

use super::is_unobserved;

/// Names for the cells of one table or picture. The value that most cells have of a parameter is
/// left out of them.
#[derive(Debug, Clone)]
pub struct Names {
    usual: BTreeMap<Param, String>,
}

/// Parameters that a table's title, a column or a scenario's name states.
const STATED_ELSEWHERE: [Param; 6] = [
    Param::Acquire,
    Param::Observer,
    Param::PageCache,
    Param::Pace,
    Param::Requests,
    Param::DurationS,
];

impl Names {
    /// For these cells.
    pub fn new<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Self {
        let mut values: BTreeMap<&Param, BTreeMap<&str, usize>> = BTreeMap::new();
        for cell in cells {
            for (key, value) in cell.params.iter() {
                *values.entry(key).or_default().entry(value).or_default() += 1;
            }
        }
        let usual = values.into_iter().filter_map(|(key, values)| {
            let all: usize = values.values().sum();
            let (most, n) = values.into_iter().max_by_key(|(_, n)| *n)?;
            (2 * n > all).then(|| (key.clone(), most.to_owned()))
        });
        Self {
            usual: usual.collect(),
        }
    }

    /// The values that the names leave out and that nothing else states: `key=value`.
    pub fn left_out(&self) -> Vec<String> {
        self.usual
            .iter()
            .filter(|(key, _)| !STATED_ELSEWHERE.contains(key))
            .map(|(key, value)| format!("{key}={value}"))
            .collect()
    }

    /// The name of one.
    pub fn name(&self, cell: &Cell) -> String {
        let mut words = vec![cell.system.original_name().to_owned()];
        words.extend(cell.params.get(Param::Acquire).map(str::to_owned));
        for (key, value) in cell.params.iter() {
            let is_stated = *key == Param::Acquire
                || (*key == Param::Observer && is_unobserved(cell))
                || self.usual.get(key) == Some(value);
            if !is_stated {
                words.push(if explains_itself(key, value) {
                    value.clone()
                } else {
                    format!("{key}={value}")
                });
            }
        }
        if cell.system.is_twin() {
            words.push("(A/A)".to_owned());
        }
        words.join(" ")
    }
}

/// Whether a value alone says what it is of.
fn explains_itself(key: &Param, value: &str) -> bool {
    let is_vague = matches!(
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
    );
    !is_vague
        && ![Param::Without, Param::Build, Param::Pool, Param::Rate].contains(key)
        && !value.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use results::record::Scenario;

    use super::*;

    fn cell(system: &str, params: &[(&str, &str)]) -> Cell {
        Cell {
            system: system.into(),
            workload: "hello".into(),
            scenario: Scenario::DiskCold,
            params: params.iter().copied().collect(),
        }
    }

    #[test]
    fn what_most_have_in_common_is_left_out() {
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
        let names = Names::new(&cells);
        let found: Vec<_> = cells.iter().map(|cell| names.name(cell)).collect();
        assert_eq!(
            found,
            [
                "docker network=host",
                "docker bridge",
                "wasmtime-cli compile (A/A)"
            ]
        );
        let names = Names::new(cells.iter().chain(&cells[..1]));
        assert_eq!(
            (names.name(&cells[0]), names.name(&cells[1])),
            ("docker".to_owned(), "docker bridge".to_owned())
        );
        assert_eq!(names.left_out(), ["network=host"]);
    }

    #[test]
    fn work_that_is_left_out_is_named_as_such() {
        let cell = cell("wasmtime-cli", &[("without", "work"), ("observer", "own")]);
        assert_eq!(
            Names::new([]).name(&cell),
            "wasmtime-cli observer=own without=work"
        );
    }
}
