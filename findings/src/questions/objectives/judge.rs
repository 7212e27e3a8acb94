//! Whether a cell meets a condition: by what its samples are evidence of, not by how they came out.

use super::parse::{Clause, Statistic};
use super::{ConditionMet, Met};
use crate::cells::{CellFacts, Measure};
use crate::facts::Facts;
use crate::statistics::{self, Bounds, CONFIDENCE, largest, quantile_bounds, values_for_bound};

impl Clause {
    /// Whether a system meets the condition, by the cell that stands for it: in the first scenario
    /// in which there is something to judge by.
    pub(super) fn evaluate(&self, facts: &Facts, workload: &str, system: &str) -> ConditionMet {
        let of_scenario = |scenario: &_| {
            let cell = facts.usual(workload, *scenario, system)?;
            self.judge(cell)
        };
        let found = self.scenarios.iter().find_map(of_scenario);
        found.unwrap_or(ConditionMet {
            met: Met::NotMeasured,
            cell: None,
            value: None,
            of_limit: None,
            bound: None,
            is_below: self.at_most,
            answered: None,
            needed: None,
        })
    }

    /// Nothing if the cell has samples, and what is limited was not measured of them.
    fn judge(&self, cell: &CellFacts) -> Option<ConditionMet> {
        let measures = self.measures.iter().copied();
        let measure = measures
            .into_iter()
            .find(|it| !cell.values(*it).is_empty() || cell.orders.is_empty())?;
        let Bounds { low, high } = self.bounds(cell, measure);
        let (towards, beyond) = if self.at_most {
            (high, low)
        } else {
            (low, high)
        };
        let fits = |value: f64| {
            if self.at_most {
                value < self.limit
            } else {
                value > self.limit
            }
        };
        let met = match (towards.map(fits), beyond.map(fits)) {
            (Some(true), _) => Met::Yes,
            (_, Some(false)) => Met::No,
            _ => Met::Unclear,
        };
        let bound = if met == Met::No { beyond } else { towards };
        let value = self.value(cell, measure);
        let needed = values_for_bound(self.quantile().unwrap_or(0.5), CONFIDENCE);
        Some(ConditionMet {
            met,
            cell: Some(cell.id.clone()),
            value,
            of_limit: value.map(|value| value / self.limit),
            bound: bound.filter(|bound| bound.is_finite()),
            is_below: (met == Met::No) != self.at_most,
            answered: cell.answered(),
            needed: (towards.is_none() && met == Met::Unclear && self.quantile().is_some())
                .then_some(needed),
        })
    }

    /// The quantile over samples that is asked for. Of latencies the quantile was taken within each
    /// sample; over samples it is the median then.
    fn quantile(&self) -> Option<f64> {
        let is_within = !matches!(
            self.measures[0],
            Measure::TotalNs | Measure::CpuNs | Measure::PssBytes
        );
        match self.statistic {
            Statistic::Mean | Statistic::Max => None,
            Statistic::Quantile(p) if !is_within => Some(f64::from(p) / 100.0),
            Statistic::Median | Statistic::Quantile(_) => Some(0.5),
        }
    }

    /// What was measured.
    fn value(&self, cell: &CellFacts, measure: Measure) -> Option<f64> {
        let all = &cell.measures.get(&measure)?.all;
        match (self.statistic, self.quantile()) {
            (_, Some(p)) => statistics::quantile(cell.values(measure), p).ok(),
            (Statistic::Max, None) => Some(all.max),
            (_, None) => Some(all.mean),
        }
    }

    /// What it is surely above and surely below. A sample that failed is beyond every limit.
    fn bounds(&self, cell: &CellFacts, measure: Measure) -> Bounds {
        let worst = if self.at_most {
            f64::INFINITY
        } else {
            f64::NEG_INFINITY
        };
        let mut all = cell.values(measure).to_vec();
        all.extend(std::iter::repeat_n(worst, cell.failures()));
        match (self.statistic, self.quantile()) {
            (_, Some(p)) => quantile_bounds(&all, p, CONFIDENCE),
            (Statistic::Max, None) => largest(&all),
            (_, None) => {
                // The mean of what never came is not known. Student's interval has two sides: to
                // one of them it is wrong half as often as it says, which leaves room for skew.
                let known = cell.measures.get(&measure).filter(|_| cell.failures() == 0);
                let interval = known.and_then(|it| it.all.mean_interval);
                Bounds {
                    low: interval.map(|it| it.low),
                    high: interval.map(|it| it.high),
                }
            }
        }
    }
}
