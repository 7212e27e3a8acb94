//! What does it cost a start to be observed?

use serde::Serialize;

use crate::cells::{CellFacts, Measure, is_unobserved, unobserved};
use crate::comparison::{self, Pair};
use crate::facts::Facts;

/// By how much longer starts took while something took them apart, over pairs of cells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Observer {
    /// How many pairs of cells.
    pub pairs: usize,
    /// Relative cost at the median of the pairs.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
    /// The difference in nanoseconds at the median of the pairs.
    pub median_ns: f64,
}

/// The cost; nothing where no start was measured both ways.
pub fn compute(facts: &Facts) -> Option<Observer> {
    let is_observed = |cell: &&CellFacts| !is_unobserved(&cell.cell) && cell.is_taken_apart();
    let pairs: Vec<Pair<'_>> = facts
        .cells
        .iter()
        .filter(is_observed)
        .filter_map(|cell| Some(Pair::new(cell, facts.find(&unobserved(&cell.cell))?)))
        .filter(|pair| pair.baseline.median(Measure::TotalNs).is_some())
        .collect();
    let family = comparison::judge("observed".to_owned(), Measure::TotalNs, &pairs, None)?;
    let of = |value: &dyn Fn(&comparison::Comparison) -> Option<f64>| {
        let mut values: Vec<f64> = family.members.iter().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let costs = of(&|member| Some(member.ratio?.estimate - 1.0));
    let differences = of(&|member| Some(member.shift?.estimate));
    Some(Observer {
        pairs: costs.len(),
        median: *costs.get(costs.len() / 2)?,
        least: *costs.first()?,
        most: *costs.last()?,
        median_ns: *differences.get(differences.len() / 2)?,
    })
}
