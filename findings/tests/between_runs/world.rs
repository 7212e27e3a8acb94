//! Runs of a build, drawn from what is known about it.

use findings::Facts;
use findings::input::Run;
use results::Cell;
use results::record::Scenario;

use crate::builder::{Builder, cell};
use crate::simulate::Draw;

/// A build on a machine. The first system is native, and is measured twice.
#[derive(Clone)]
pub(crate) struct World {
    /// What each system's start takes, in milliseconds.
    pub(crate) costs: Vec<f64>,
    /// Samples of each cell.
    pub(crate) n: u32,
    /// How starts of a run spread, in logarithms.
    pub(crate) within: f64,
    /// How runs spread about each cell's cost, in logarithms: each cell draws its own.
    pub(crate) between: f64,
    /// The same, for all cells of a run alike.
    pub(crate) machine: f64,
    /// Memory of native and of the others, in MiB.
    pub(crate) mib: Option<[f64; 2]>,
}

impl World {
    pub(crate) fn new(systems: u32) -> Self {
        Self {
            costs: (0..systems)
                .map(|it| 2.0 * 1.5_f64.powf(f64::from(it)))
                .collect(),
            n: 12,
            within: 0.05,
            between: 0.0,
            machine: 0.0,
            mib: None,
        }
    }

    pub(crate) fn slower_by(&self, factor: f64) -> Self {
        let costs = self.costs.iter().map(|it| it * factor).collect();
        Self {
            costs,
            ..self.clone()
        }
    }

    pub(crate) fn with_slower(&self, system: usize, factor: f64) -> Self {
        let mut slower = self.clone();
        slower.costs[system] *= factor;
        slower
    }

    /// A run of it.
    pub(crate) fn run(&self, draw: &mut Draw) -> Facts {
        let machine = draw.normal(0.0, self.machine);
        let mut cells: Vec<(Cell, f64, f64)> = Vec::new();
        for (at, cost) in self.costs.iter().enumerate() {
            let names = match at {
                0 => vec!["native".to_owned(), "native-aa".to_owned()],
                _ => vec![format!("system-{at}")],
            };
            let memory = self.mib.map_or(0.0, |mib| mib[at.min(1)]);
            for name in names {
                let params = [("observer", "none"), ("page_cache", "hot")];
                let of_run = (machine + draw.normal(0.0, self.between)).exp();
                let cell = cell(&name, Scenario::WarmDisk, &params);
                cells.push((cell, cost * 1e6 * of_run, memory));
            }
        }
        let mut samples = Vec::new();
        for block in 0..self.n {
            for (cell, cost, mib) in &cells {
                let ns = cost * draw.normal(0.0, self.within).exp();
                let mut sample = Builder::new(cell, block).total(whole(ns));
                if *mib > 0.0 {
                    let bytes = mib * 1_048_576.0 * draw.normal(0.0, 0.005).exp();
                    sample = sample.pss(whole(bytes));
                }
                samples.push(sample.build());
            }
        }
        for (order, sample) in (0..).zip(&mut samples) {
            sample.order = order;
        }
        Facts::compute(&Run::from_samples(None, &samples))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "invented values are positive"
)]
pub(crate) fn whole(value: f64) -> u64 {
    value.round() as u64
}
