//! What does each layer of a container add to the same program?

use results::record::Scenario;
use results::{Param, Workload};
use serde::Serialize;
use systems::{CONTAINER_LAYERS, INSTEAD_OF_LAYERS, usual};

use crate::cells::{CellFacts, Measure};
use crate::comparison::{self, Family, Pair};
use crate::facts::Facts;

/// What the innermost layer does.
const PROGRAM: &str = "the program alone";

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

/// What stands in the place of a layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Instead {
    /// As a layer.
    pub layer: Layer,
    /// The cell of the layer that it stands in the place of, if that was measured.
    pub of: Option<String>,
    /// The cell of the layer inside it.
    pub inside: String,
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
    /// What stands in the place of some of them.
    pub instead: Vec<Instead>,
    /// Each layer against the one inside it, and the outermost against the innermost; what stands in
    /// the place of one against the one inside it, and against that one.
    pub family: Family,
}

impl ContainerLayers {
    /// The outermost layer against the program alone.
    pub fn whole(&self) -> Option<&comparison::Comparison> {
        let (first, last) = (self.layers.first()?, self.layers.last()?);
        self.family.between(&last.cell, &first.cell)
    }

    /// What the innermost layer is called: the program alone, unless that was not measured.
    pub fn innermost(&self) -> &str {
        let is_program = |it: &&Layer| it.work.starts_with(PROGRAM);
        let first = self.layers.first();
        match first.filter(|it| !is_program(it)) {
            Some(layer) => &layer.name,
            None => PROGRAM,
        }
    }

    /// What a layer adds to the one inside it, in nanoseconds: the innermost all that it takes; nothing where the two
    /// cannot be compared.
    pub fn adds_ns(&self, at: usize) -> Option<f64> {
        match at {
            0 => self.layers.first().map(|it| it.total_ns),
            _ => Some(self.added(at)?.shift?.estimate),
        }
    }

    /// A layer against the one inside it.
    pub fn added(&self, at: usize) -> Option<&comparison::Comparison> {
        let inner = self.layers.get(at.checked_sub(1)?)?;
        self.family.between(&self.layers.get(at)?.cell, &inner.cell)
    }
}

impl Instead {
    /// It against the layer inside it.
    pub fn added<'a>(&self, of: &'a ContainerLayers) -> Option<&'a comparison::Comparison> {
        of.family.between(&self.layer.cell, &self.inside)
    }

    /// What it adds to the layer inside it, in nanoseconds; nothing where the two cannot be compared.
    pub fn adds_ns(&self, of: &ContainerLayers) -> Option<f64> {
        Some(self.added(of)?.shift?.estimate)
    }

    /// It against the layer that it stands in the place of.
    pub fn against<'a>(&self, of: &'a ContainerLayers) -> Option<&'a comparison::Comparison> {
        of.family.between(&self.layer.cell, self.of.as_ref()?)
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

/// A layer as it was measured, if it was: the usual one of its cells.
fn measured<'a>(cells: &[&'a CellFacts], layer: &systems::Layer) -> Option<(&'a CellFacts, Layer)> {
    let is_layer = |cell: &&CellFacts| {
        cell.system() == layer.system && cell.cell.params.get(Param::Network) == layer.network
    };
    let own = cells.iter().copied().filter(is_layer);
    let cell = usual(own, |it| &it.cell)?;
    let network = layer.network.map(|it| format!(" {it}")).unwrap_or_default();
    let found = Layer {
        cell: cell.id.clone(),
        name: format!("{}{network}", layer.system),
        step: layer.step,
        work: layer.work,
        total_ns: cell.median(Measure::TotalNs)?,
    };
    Some((cell, found))
}

fn of_workload(facts: &Facts, workload: &Workload, scenario: Scenario) -> Option<ContainerLayers> {
    let cells = facts.comparable_by(workload, scenario, Measure::TotalNs);
    let is_there = |system: &str| cells.iter().any(|cell| cell.system() == system);
    let is_layer = |layer: &&systems::Layer| !layer.unless.is_some_and(is_there);
    let layers = CONTAINER_LAYERS.iter().filter(is_layer);
    let found: Vec<(&CellFacts, Layer)> =
        layers.filter_map(|layer| measured(&cells, layer)).collect();
    let mut pairs: Vec<Pair<'_>> = found
        .windows(2)
        .map(|pair| Pair::new(pair[1].0, pair[0].0))
        .collect();
    if let ([(first, _), .., (last, _)], true) = (found.as_slice(), found.len() > 2) {
        pairs.push(Pair::new(last, first));
    }
    let mut instead = Vec::new();
    for known in &INSTEAD_OF_LAYERS {
        let Some((cell, layer)) = measured(&cells, &known.layer) else {
            continue;
        };
        let of = found.iter().find(|(_, it)| it.step == layer.step);
        let Some((inside, _)) = found
            .iter()
            .rfind(|(_, it)| is_within(it.step, known.around))
        else {
            continue;
        };
        pairs.push(Pair::new(cell, inside));
        pairs.extend(of.map(|(of, _)| Pair::new(cell, of)));
        instead.push(Instead {
            layer,
            of: of.map(|(of, _)| of.id.clone()),
            inside: inside.id.clone(),
        });
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
        instead,
        family,
    })
}

/// Whether a layer's step is another's, or one inside it.
fn is_within(step: &str, outermost: &str) -> bool {
    let place = |of: &str| CONTAINER_LAYERS.iter().position(|it| it.step == of);
    place(step) <= place(outermost)
}
