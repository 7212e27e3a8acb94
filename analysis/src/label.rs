//! What tells a cell from its neighbours, in as few words as do.

use std::collections::BTreeMap;

use crate::summary::CellSummary;

/// What stands for the system among the parameters: no parameter has this name.
const SYSTEM: &str = "system";

/// Names for the cells of one workload: the system if it is not the most frequent one among these
/// cells, how code is acquired, then every value that is not the most frequent one of its
/// parameter.
pub(crate) struct Labels {
    usual: BTreeMap<String, Option<String>>,
}

impl Labels {
    pub(crate) fn of<'a>(cells: impl Iterator<Item = &'a CellSummary>) -> Self {
        let mut counted: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for cell in cells.filter(|cell| !cell.is_twin()) {
            let mut count = |key: &str, value: &str| {
                *counted
                    .entry(key.to_owned())
                    .or_default()
                    .entry(value.to_owned())
                    .or_default() += 1;
            };
            count(SYSTEM, cell.system());
            cell.cell
                .params
                .iter()
                .for_each(|(key, value)| count(key.name(), value));
        }
        let usual = counted.into_iter().map(|(key, values)| {
            let most = values.values().max().copied();
            let mut leaders = values.into_iter().filter(|(_, n)| Some(*n) == most);
            let leader = leaders.next().map(|(value, _)| value);
            // Where two lead, neither goes without saying.
            (key, leader.filter(|_| leaders.next().is_none()))
        });
        Self {
            usual: usual.collect(),
        }
    }

    /// The label of one cell.
    pub(crate) fn name(&self, of: &CellSummary) -> String {
        let (cell, is_twin) = (&of.cell, of.is_twin());
        let system = self
            .usual
            .get(SYSTEM)
            .is_none_or(|usual| usual.as_deref() != Some(of.system()));
        let mut words: Vec<_> = system.then(|| of.system().to_owned()).into_iter().collect();
        words.extend(cell.params.get("acquire").map(str::to_owned));
        for (key, value) in cell.params.iter().filter(|(key, _)| *key != "acquire") {
            if self
                .usual
                .get(key.name())
                .is_none_or(|usual| usual.as_ref() != Some(value))
            {
                words.push(if value == "none" {
                    format!("{key}=none")
                } else {
                    value.clone()
                });
            }
        }
        if is_twin {
            words.push("(A/A)".to_owned());
        }
        words.join(" ")
    }

    /// What goes without saying in these labels: `key=value`, but for `acquire`.
    pub(crate) fn unsaid(&self) -> String {
        let said = self.usual.iter().filter(|(key, _)| *key != "acquire");
        let pairs: Vec<_> = said
            .filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)))
            .collect();
        pairs.join(" ")
    }
}
