//! Two figures of memory that are alike for every system: what one more instance takes, and what the
//! machine pays once, for any number of them.
//!
//! The memory of one running instance is another thing for each system: a container's control group
//! alone, a host with all that it needs, a process whose program text a second one would share. So both
//! figures are read off the line of memory over the number of instances, shims included, and the engine
//! is counted once. A block has a sample of each number, and with them a line of its own: that is what
//! comparisons within blocks are made of.

use std::collections::BTreeMap;

use results::record::Scenario;
use results::{Cell, Param};

use crate::cells::{CellFacts, Measure, Measured, is_unobserved, without};
use crate::statistics::median;

/// A sample's place: its session and its block.
type Place = (u32, u32);

/// What one number of instances took in a block.
struct Total {
    instances: f64,
    bytes: f64,
    engine: Option<f64>,
    order: u64,
}

/// Adds what the lines of blocks say to the cell with the most instances of each group of cells that
/// differ in the number of instances only.
pub(super) fn add_lines(cells: &mut [CellFacts]) {
    let mut groups: BTreeMap<Cell, Vec<(u64, usize)>> = BTreeMap::new();
    for (at, cell) in cells.iter().enumerate() {
        let is_idle = cell.cell.scenario == Scenario::Density && is_unobserved(&cell.cell);
        let instances = cell.cell.params.get(Param::Instances);
        let instances = instances.and_then(|it| it.parse().ok()).filter(|n| *n > 0);
        if let Some(n) = instances.filter(|_| is_idle) {
            let common = without(&cell.cell, &[Param::Instances, Param::Connections]);
            groups.entry(common).or_default().push((n, at));
        }
    }
    for mut members in groups.into_values() {
        members.sort_unstable();
        let found = lines(cells, &members);
        if let Some((_, last)) = members.last() {
            cells[*last].measures.extend(found);
        }
    }
}

fn lines(cells: &[CellFacts], members: &[(u64, usize)]) -> Vec<(Measure, Measured)> {
    let mut blocks: BTreeMap<Place, Vec<Total>> = BTreeMap::new();
    for (instances, at) in members {
        let Some(measured) = cells[*at].measures.get(&Measure::FleetBytes) else {
            continue;
        };
        let engine = cells[*at].measures.get(&Measure::EnginePssBytes);
        for (place, bytes, order) in measured.places() {
            let engine = engine.and_then(|it| it.at(order));
            blocks.entry(place).or_default().push(Total {
                instances: *instances as f64,
                bytes,
                engine,
                order,
            });
        }
    }
    let (mut each, mut once, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for (place, totals) in &blocks {
        let order = totals.iter().map(|it| it.order).max().unwrap_or_default();
        let Some((slope, intercept)) = line(totals) else {
            continue;
        };
        each.push((*place, order, slope));
        let engines: Option<Vec<f64>> = totals.iter().map(|it| it.engine).collect();
        let engine = engines.and_then(|all| median(&all).ok());
        if let Some(engine) = engine {
            once.push((*place, order, intercept + engine));
            alone.push((*place, order, slope + intercept + engine));
        }
    }
    let measures = [
        (Measure::InstanceBytes, each),
        (Measure::OnceBytes, once),
        (Measure::ServiceBytes, alone),
    ];
    let measured = measures.map(|(measure, values)| Some((measure, Measured::of_places(&values)?)));
    measured.into_iter().flatten().collect()
}

/// Slope and intercept of the line of least squares; nothing with less than two numbers of instances.
fn line(totals: &[Total]) -> Option<(f64, f64)> {
    let n = totals.len() as f64;
    let mean = |of: fn(&Total) -> f64| totals.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|it| it.instances), mean(|it| it.bytes));
    let squares: f64 = totals.iter().map(|it| (it.instances - x).powi(2)).sum();
    let products = totals.iter().map(|it| (it.instances - x) * (it.bytes - y));
    let slope = products.sum::<f64>() / squares;
    (squares > 0.0).then(|| (slope, y - slope * x))
}
