//! How much do several instances do together?
//!
//! Speed-up is the throughput of N instances over that of the fewest measured, and efficiency the
//! speed-up over what so many instances could be expected to give. Both are taken within a block,
//! where N and the fewest are measured close together: what drifts during a run falls on both alike.
//!
//! Systems are set side by side at one number of instances that all of them did right: what one of
//! them keeps at two instances says nothing against what another keeps at eight.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use results::record::Scenario;
use results::{Cell, Param, Workload};
use serde::Serialize;
use systems::standing;

use crate::cells::{CellFacts, Measure, is_unobserved, without};
use crate::comparison::{self, Bound, Effect, Sample};
use crate::facts::{Facts, KINDS};
use crate::units::{percent, three_digits};

/// Cells that differ in the number of instances only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scaling {
    /// What they have in common.
    pub cell: Cell,
    /// Each number of instances, the fewest first.
    pub steps: Vec<ScalingStep>,
    /// Where it ends.
    pub limit: Limit,
}

/// One number of instances.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScalingStep {
    /// How many.
    pub instances: u64,
    /// The cell's id.
    pub cell: String,
    /// How many times the requests per second of the fewest instances.
    pub speed_up: Option<Effect>,
    /// The speed-up as a part of what so many instances could be expected to give.
    pub efficiency: Option<Effect>,
    /// On which side of them speed-up and efficiency lie, where the load generator held up either
    /// these instances or the fewest. If it held up both, nothing is known of them.
    pub bound: Option<Bound>,
    /// How many times the requests per second of the number before.
    pub over_previous: Option<Effect>,
    /// Whether something could be measured, and nothing failed.
    pub is_right: bool,
    /// Whether less is done than by fewer instances, beyond noise, or not all of it rightly, or
    /// nothing could be measured.
    pub is_degraded: bool,
}

impl ScalingStep {
    /// The efficiency as people read it, with what it is a bound of; nothing where it is not known.
    pub fn efficiency_text(&self) -> Option<String> {
        let mark = self.bound.map_or("", Bound::sign);
        Some(format!("{mark}{}", percent(self.efficiency?.estimate)))
    }

    /// The speed-up in the same way.
    pub fn speed_up_text(&self) -> Option<String> {
        let mark = self.bound.map_or("", Bound::sign);
        Some(format!("{mark}{}", three_digits(self.speed_up?.estimate)))
    }
}

impl Scaling {
    /// Whether any of its rates is a lower bound.
    pub fn is_bounded(&self) -> bool {
        self.steps.iter().any(|step| step.bound.is_some())
            || matches!(self.limit, Limit::Generator { .. })
    }
}

/// Where scaling ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Limit {
    /// Samples fail with so many instances.
    Fails {
        /// How many.
        instances: u64,
        /// Samples that failed, or were given up after others had.
        failed: usize,
        /// Samples that were tried.
        of: usize,
    },
    /// So many instances do less than fewer did.
    Falls {
        /// How many.
        instances: u64,
    },
    /// From so many instances on the load generator is at its limit: what they could do is not
    /// known.
    Generator {
        /// How many.
        instances: u64,
    },
    /// There is none up to so many instances.
    NotReached {
        /// How many.
        instances: u64,
    },
}

/// In words, without a point at their end.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let so_many = |n: u64| format!("{n} instance{}", if n == 1 { "" } else { "s" });
        match *self {
            Self::Fails {
                instances,
                failed,
                of,
            } => write!(
                f,
                "the limit is below {}: {failed} of {of} samples failed there",
                so_many(instances)
            ),
            Self::Falls { instances } => {
                write!(f, "throughput falls from {} on", so_many(instances))
            }
            Self::Generator { instances } => write!(
                f,
                "the load generator is at its limit from {} on: what they could do is not known",
                so_many(instances)
            ),
            Self::NotReached { instances } => {
                write!(f, "no limit found up to {}", so_many(instances))
            }
        }
    }
}

/// Every system that was measured with numbers of instances.
pub fn compute(facts: &Facts) -> Vec<Scaling> {
    let mut groups: BTreeMap<Cell, Vec<(u64, &CellFacts)>> = BTreeMap::new();
    let fits = |cell: &&CellFacts| {
        cell.cell.scenario == Scenario::Scaling && !cell.is_twin() && is_unobserved(&cell.cell)
    };
    for cell in facts.cells.iter().filter(fits) {
        let instances = cell.cell.params.get(Param::Instances);
        let Some(n) = instances.and_then(|it| it.parse().ok()).filter(|n| *n > 0) else {
            continue;
        };
        // More connections for more instances is the same load for each.
        let common = without(&cell.cell, &[Param::Instances, Param::Connections]);
        groups.entry(common).or_default().push((n, cell));
    }
    groups.into_iter().filter_map(curve).collect()
}

fn curve((cell, mut members): (Cell, Vec<(u64, &CellFacts)>)) -> Option<Scaling> {
    members.sort_by_key(|(n, cell)| (*n, cell.id.clone()));
    let steps: Vec<_> = (0..members.len()).map(|at| step(&members, at)).collect();
    let most = members.last()?.0;
    let limit = steps
        .iter()
        .zip(&members)
        .find(|(step, (_, cell))| step.is_degraded || cell.is_generator_limited());
    let limit = match limit {
        Some((step, (_, cell))) if cell.failures() > 0 => Limit::Fails {
            instances: step.instances,
            failed: cell.failures(),
            of: cell.attempted(),
        },
        Some((step, _)) if step.is_degraded => Limit::Falls {
            instances: step.instances,
        },
        Some((step, _)) => Limit::Generator {
            instances: step.instances,
        },
        None => Limit::NotReached { instances: most },
    };
    let is_measured = members.iter().any(|(_, cell)| cell.attempted() > 0);
    is_measured.then_some(Scaling { cell, steps, limit })
}

fn step(members: &[(u64, &CellFacts)], at: usize) -> ScalingStep {
    let (n, cell) = members[at];
    let (least, first) = members[0];
    // Costs are reciprocals of rates: how many times the rate is how many times less the cost.
    let over = |base: &CellFacts| {
        let costs = |cell| Sample::costs(cell, Measure::PerSecond);
        comparison::ratio(&costs(base), &costs(cell))
    };
    let speed_up = if at == 0 {
        // Against itself it is 1 by definition, and not by measurement.
        (!cell.values(Measure::PerSecond).is_empty()).then_some(Effect {
            estimate: 1.0,
            interval: None,
        })
    } else {
        over(first)
    };
    let over_previous = at.checked_sub(1).and_then(|before| over(members[before].1));
    let is_bound = cell.is_generator_limited();
    // A generator at its limit makes less of more connections, whatever the system does.
    let falls = over_previous
        .and_then(|ratio| ratio.interval)
        .is_some_and(|ends| ends.high < 1.0 && !is_bound);
    let (speed_up, bound) = match (is_bound, first.is_generator_limited()) {
        // Against itself it is 1, whatever it is.
        _ if at == 0 => (speed_up, None),
        (true, true) => (None, None),
        (true, false) => (speed_up, Some(Bound::AtLeast)),
        (false, true) => (speed_up, Some(Bound::AtMost)),
        (false, false) => (speed_up, None),
    };
    ScalingStep {
        instances: n,
        cell: cell.id.clone(),
        speed_up,
        efficiency: speed_up.map(|it| it.scaled(least as f64 / n as f64)),
        bound,
        over_previous,
        is_right: cell.failures() == 0 && !cell.orders.is_empty(),
        is_degraded: falls || cell.failures() > 0 || cell.orders.is_empty(),
    }
}

/// What is kept of its efficiency by what stands for the native program, WebAssembly and
/// containers, at one number of instances.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// The workload.
    pub workload: Workload,
    /// The largest number of instances that all of them did right.
    pub instances: u64,
    /// Each with its efficiency there.
    pub kept: Vec<Kept>,
    /// Systems that failed with more than one instance, each from which number on; those that did
    /// nothing right with several instances are here and not among those that are kept.
    pub failed: Vec<(String, u64)>,
}

/// A system's efficiency.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// The system.
    pub system: String,
    /// The cell's id.
    pub cell: String,
    /// Its efficiency.
    pub efficiency: Effect,
    /// On which side of that it lies, where the load generator held something up.
    pub bound: Option<Bound>,
}

/// The first workload's systems side by side; nothing where none did several instances right.
pub fn side_by_side(facts: &Facts, all: &[Scaling]) -> Option<Side> {
    let workloads = facts.workloads();
    let mut of_workloads = workloads.into_iter().filter_map(|workload| {
        let of: Vec<_> = all
            .iter()
            .filter(|it| it.cell.workload == *workload)
            .collect();
        side(workload, &of)
    });
    of_workloads.next()
}

fn side(workload: &Workload, of: &[&Scaling]) -> Option<Side> {
    let right = |it: &Scaling| {
        let least = it.steps.first().map_or(0, |step| step.instances);
        let steps = it.steps.iter();
        let fits = steps.filter(move |step| {
            step.is_right && step.efficiency.is_some() && step.instances > least
        });
        fits.map(|step| step.instances).collect::<BTreeSet<u64>>()
    };
    let standing = KINDS.iter().filter_map(|kind| {
        let of_kind = of.iter().copied().filter(|it| it.steps.len() > 1);
        standing(*kind, of_kind, |it| &it.cell)
    });
    let able: Vec<&Scaling> = standing.filter(|it| !right(it).is_empty()).collect();
    let common = able.iter().map(|it| right(it));
    let common = common.reduce(|one, two| &one & &two)?;
    let instances = *common.last()?;
    let kept = able.iter().filter_map(|it| {
        let step = it.steps.iter().find(|step| step.instances == instances)?;
        Some(Kept {
            system: it.cell.system.to_string(),
            cell: step.cell.clone(),
            efficiency: step.efficiency?,
            bound: step.bound,
        })
    });
    let failed = of.iter().filter_map(|it| match it.limit {
        Limit::Fails { instances, .. } => Some((it.cell.system.to_string(), instances)),
        _ => None,
    });
    Some(Side {
        workload: workload.clone(),
        instances,
        kept: kept.collect(),
        failed: failed.collect(),
    })
}
