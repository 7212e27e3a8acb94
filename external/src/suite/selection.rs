//! `--only`: the cells of a plan with certain properties.

use std::collections::BTreeMap;

use campaign::{Error, Exit};

use super::plan::Planned;

/// The cells with these properties. Values of one key are alternatives, keys add up.
pub(super) fn only(cells: Vec<Planned>, only: &[String]) -> Result<Vec<Planned>, Error> {
    let mut selected: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pair in only {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            Error::new(Exit::Usage, format!("--only takes key=value, not `{pair}`"))
                .hint("such as --only system=native,workload=http-hello,scenario=cold")
        })?;
        let mut known: Vec<_> = cells
            .iter()
            .filter_map(|planned| property(planned, key))
            .collect();
        known.sort_unstable();
        known.dedup();
        if !known.iter().any(|known| known == value) {
            let hint = if known.is_empty() {
                "keys are system, workload, scenario and the parameters of cells; `--list` shows \
                    them"
                    .to_owned()
            } else {
                format!("{key} is one of {}", known.join(", "))
            };
            return Err(Error::new(Exit::Usage, format!("no cell has {pair}")).hint(hint));
        }
        selected.entry(key).or_default().push(value);
    }
    let fits = |planned: &Planned| {
        selected.iter().all(|(key, values)| {
            property(planned, key).is_some_and(|value| values.contains(&value.as_str()))
        })
    };
    let cells: Vec<_> = cells.into_iter().filter(fits).collect();
    if cells.is_empty() {
        return Err(Error::new(
            Exit::Usage,
            "nothing is left to measure: no cell has all of --only",
        )
        .hint("`--list` shows the cells of a profile"));
    }
    Ok(cells)
}

/// A property of a cell, by its key. A second name is the system that it stands for.
fn property(planned: &Planned, key: &str) -> Option<String> {
    match key {
        "system" => Some(planned.system.name().to_owned()),
        "workload" => Some(planned.cell.workload.to_string()),
        "scenario" => Some(planned.cell.scenario.name().to_owned()),
        _ => planned.cell.params.get(key).map(str::to_owned),
    }
}
