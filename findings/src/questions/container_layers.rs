//! What does each layer of a container add to the same program?

use results::record::Scenario;
use results::{Param, Workload};
use serde::Serialize;
use systems::{CONTAINER_LAYERS, usual};

use crate::cells::{CellFacts, Measure};
use crate::comparison::{self, Family, Pair};
use crate::facts::Facts;

/// A layer of a container.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Layer {
    /// The cell's id.
    pub cell: String,
    /// What it is called: the system, and its network where there is a choice.
    pub name: String,
    /// What it adds, in a word or two.
    pub step: &'static str,
    /// What it does.
    pub work: &'static str,
    /// The median of its starts.
    pub total_ns: f64,
}

/// The layers of a workload's containers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContainerLayers {
    /// The workload.
    pub workload: Workload,
    /// The scenario.
    pub scenario: Scenario,
    /// The layers, from the inside.
    pub layers: Vec<Layer>,
    /// Each layer against the one inside it, and the outermost against the innermost.
    pub family: Family,
}

impl ContainerLayers {
    /// The outermost layer against the program alone.
    pub fn whole(&self) -> Option<&comparison::Comparison> {
        let (first, last) = (self.layers.first()?, self.layers.last()?);
        self.family.between(&last.cell, &first.cell)
    }

    /// A layer against the one inside it.
    pub fn added(&self, at: usize) -> Option<&comparison::Comparison> {
        let inner = self.layers.get(at.checked_sub(1)?)?;
        self.family.between(&self.layers.get(at)?.cell, &inner.cell)
    }
}

/// Every container that was measured in at least two layers.
pub fn compute(facts: &Facts) -> Vec<ContainerLayers> {
    let scenarios = Scenario::ALL.into_iter().filter(|it| it.starts());
    scenarios
        .flat_map(|scenario| {
            let workloads = facts.workloads().into_iter();
            workloads.filter_map(move |workload| of_workload(facts, workload, scenario))
        })
        .collect()
}

fn of_workload(facts: &Facts, workload: &Workload, scenario: Scenario) -> Option<ContainerLayers> {
    let cells = facts.comparable_by(workload, scenario, Measure::TotalNs);
    let mut found: Vec<(&CellFacts, Layer)> = Vec::new();
    let is_there = |system: &str| cells.iter().any(|cell| cell.system() == system);
    for layer in &CONTAINER_LAYERS {
        if layer.unless.is_some_and(is_there) {
            continue;
        }
        let is_layer = |cell: &&CellFacts| {
            cell.system() == layer.system && cell.cell.params.get(Param::Network) == layer.network
        };
        let own = cells.iter().copied().filter(is_layer);
        let Some(cell) = usual(own, |it| &it.cell) else {
            continue;
        };
        let network = layer.network.map(|it| format!(" {it}")).unwrap_or_default();
        let total_ns = cell.median(Measure::TotalNs)?;
        found.push((
            cell,
            Layer {
                cell: cell.id.clone(),
                name: format!("{}{network}", layer.system),
                step: layer.step,
                work: layer.work,
                total_ns,
            },
        ));
    }
    let mut pairs: Vec<Pair<'_>> = found
        .windows(2)
        .map(|pair| Pair::new(pair[1].0, pair[0].0))
        .collect();
    if let ([(first, _), .., (last, _)], true) = (found.as_slice(), found.len() > 2) {
        pairs.push(Pair::new(last, first));
    }
    let family = comparison::judge(
        format!("{workload} {} container layers", scenario.name()),
        Measure::TotalNs,
        &pairs,
        facts.floor_of(workload, scenario, Measure::TotalNs),
    )?;
    Some(ContainerLayers {
        workload: workload.clone(),
        scenario,
        layers: found.into_iter().map(|(_, layer)| layer).collect(),
        family,
    })
}
