//! Which systems meet what a person needs: `cold p95 < 20ms, memory < 10MB`?

use std::fmt;

use results::Workload;
use results::record::Scenario;
use serde::Serialize;

use crate::cells::{CellFacts, Measure, Measured};
use crate::facts::Facts;
use crate::statistics::quantile;
use crate::units::{Unit, parse_amount};

/// Why conditions cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot understand `{clause}`: {why}")]
pub struct ObjectiveError {
    clause: String,
    why: String,
}

/// What a condition takes of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statistic {
    Median,
    Mean,
    Max,
    /// In percent.
    Quantile(u8),
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    text: String,
    scenarios: &'static [Scenario],
    measures: &'static [Measure],
    statistic: Statistic,
    at_most: bool,
    limit: f64,
}

/// Whether a condition is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Met {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// The samples are too few for the quantile, and all of them meet it.
    AllSamples,
    /// The samples are too few for the quantile, and some of them do not meet it.
    Unclear,
    /// There is nothing to judge by.
    NotMeasured,
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "✓ yes",
            Self::No => "✗ no",
            Self::AllSamples => "(✓) all samples do, too few for the quantile",
            Self::Unclear => "? too few samples for the quantile",
            Self::NotMeasured => "– not measured",
        })
    }
}

const WHAT: &str = "a condition is [cold|runtime-cold|warm|throughput] [p50|p90|p95|p99|mean|max] \
    or memory, cpu, rate, then < or >, then a number with ns, us, ms, s, KB, MB, GB, KiB, MiB, \
    GiB or /s";

/// Takes conditions apart.
///
/// # Errors
/// [`ObjectiveError`] names the condition and what one looks like.
pub fn parse(text: &str) -> Result<Vec<Clause>, ObjectiveError> {
    let clauses = text
        .split(',')
        .flat_map(|part| part.split(" and "))
        .map(str::trim)
        .filter(|clause| !clause.is_empty());
    clauses.map(clause).collect()
}

fn clause(text: &str) -> Result<Clause, ObjectiveError> {
    let fail = |why: &str| ObjectiveError {
        clause: text.to_owned(),
        why: format!("{why}; {WHAT}"),
    };
    let at = text
        .find(['<', '>'])
        .ok_or_else(|| fail("it has no < or >"))?;
    let at_most = text.as_bytes()[at] == b'<';
    let limit = text[at + 1..].trim_start_matches('=').trim();
    let (mut scenarios, mut measures, mut statistic): (&[Scenario], Option<&[Measure]>, _) =
        (&[], None, Statistic::Median);
    for word in text[..at].split_whitespace() {
        match word {
            "cold" => scenarios = &[Scenario::Cold],
            "runtime-cold" => scenarios = &[Scenario::RuntimeCold],
            "warm" => scenarios = &[Scenario::Warm],
            "throughput" if scenarios.is_empty() && measures.is_none() => {
                scenarios = &[Scenario::Throughput];
            }
            "memory" => measures = Some(&[Measure::PssBytes, Measure::MaxRssBytes]),
            "cpu" => measures = Some(&[Measure::CpuNs]),
            "rate" | "throughput" => measures = Some(&[Measure::PerSecond]),
            "latency" | "start" | "total" => {}
            "median" | "p50" => statistic = Statistic::Median,
            "mean" => statistic = Statistic::Mean,
            "max" => statistic = Statistic::Max,
            "p90" => statistic = Statistic::Quantile(90),
            "p95" => statistic = Statistic::Quantile(95),
            "p99" => statistic = Statistic::Quantile(99),
            other => return Err(fail(&format!("`{other}` is not a word of a condition"))),
        }
    }
    let (limit, unit) =
        parse_amount(limit).ok_or_else(|| fail("its limit is no number with a unit"))?;
    let measures = measures.unwrap_or_else(|| of_scenario(scenarios, statistic));
    if measures[0].unit() != unit {
        return Err(fail("the unit of its limit is not that of what it limits"));
    }
    if scenarios.is_empty() {
        scenarios = match measures[0] {
            Measure::PerSecond => &[Scenario::Throughput],
            Measure::PssBytes => &[
                Scenario::Throughput,
                Scenario::Warm,
                Scenario::RuntimeCold,
                Scenario::Cold,
            ],
            _ => &[Scenario::RuntimeCold, Scenario::Cold],
        };
    }
    Ok(Clause {
        text: text.to_owned(),
        scenarios,
        measures,
        statistic,
        at_most,
        limit,
    })
}

/// What a scenario is about. Of latencies, quantiles are those of a sample's requests.
fn of_scenario(scenarios: &[Scenario], statistic: Statistic) -> &'static [Measure] {
    match (scenarios.first(), statistic) {
        (Some(Scenario::Warm | Scenario::Throughput), Statistic::Quantile(90)) => &[Measure::P90Ns],
        (Some(Scenario::Warm | Scenario::Throughput), Statistic::Quantile(95)) => &[Measure::P95Ns],
        (Some(Scenario::Warm | Scenario::Throughput), Statistic::Quantile(_)) => &[Measure::P99Ns],
        (Some(Scenario::Warm | Scenario::Throughput), Statistic::Mean) => &[Measure::RequestNs],
        (Some(Scenario::Warm | Scenario::Throughput), _) => &[Measure::P50Ns],
        _ => &[Measure::TotalNs],
    }
}

impl Clause {
    /// The value of a cell and whether it meets the condition.
    fn evaluate(&self, cell: &CellFacts) -> Option<(f64, Met)> {
        let measured = self
            .measures
            .iter()
            .find_map(|measure| cell.measures.get(measure))?;
        Some(self.judge(measured))
    }

    fn judge(&self, measured: &Measured) -> (f64, Met) {
        let all = &measured.all;
        let fits = |value: f64| {
            if self.at_most {
                value < self.limit
            } else {
                value > self.limit
            }
        };
        // Of latencies the quantile was taken within each sample; over samples it is the median.
        let within = !matches!(
            self.measures[0],
            Measure::TotalNs | Measure::CpuNs | Measure::PssBytes
        );
        let (value, supported) = match self.statistic {
            Statistic::Mean => (all.mean, true),
            Statistic::Max => (all.max, true),
            Statistic::Quantile(p) if !within => {
                let stated = match p {
                    90 => all.p90,
                    95 => all.p95,
                    _ => all.p99,
                };
                let share = f64::from(p) / 100.0;
                let rough = quantile(&measured.values, share).unwrap_or(f64::NAN);
                (stated.unwrap_or(rough), stated.is_some())
            }
            Statistic::Median | Statistic::Quantile(_) => (all.median, true),
        };
        let worst = if self.at_most { all.max } else { all.min };
        let met = match (fits(value), supported) {
            (true, true) => Met::Yes,
            (false, true) => Met::No,
            // A median beyond the limit needs no quantile to be said.
            (_, false) if !fits(all.median) => Met::No,
            (_, false) if fits(worst) => Met::AllSamples,
            (_, false) => Met::Unclear,
        };
        (value, met)
    }

    /// The best cell of a system for this condition.
    fn best<'a>(
        &self,
        facts: &'a Facts,
        workload: &str,
        system: &str,
    ) -> Option<(&'a CellFacts, f64, Met)> {
        self.scenarios.iter().find_map(|scenario| {
            let cells = facts
                .comparable(workload, *scenario)
                .into_iter()
                .filter(|cell| cell.cell.system == *system);
            let judged =
                cells.filter_map(|cell| self.evaluate(cell).map(|(value, met)| (cell, value, met)));
            let better = |value: f64| if self.at_most { value } else { -value };
            // The id decides between equals, so that the same samples give the same bytes.
            judged.min_by(|one, two| {
                better(one.1)
                    .total_cmp(&better(two.1))
                    .then(one.0.id.cmp(&two.0.id))
            })
        })
    }
}

/// What a person asked for, and which systems meet it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Objective {
    /// The conditions, as they were written down.
    pub text: String,
    /// Each condition.
    pub conditions: Vec<String>,
    /// What each limits.
    #[serde(skip)]
    pub units: Vec<Unit>,
    /// Why they cannot be understood, if so.
    pub error: Option<String>,
    /// The systems, those that meet all first.
    pub systems: Vec<SystemMeets>,
}

/// Whether a system meets the conditions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemMeets {
    /// The system.
    pub system: String,
    /// The workload.
    pub workload: Workload,
    /// Whether it meets all.
    pub met: Met,
    /// Each condition, in order.
    pub conditions: Vec<ConditionMet>,
}

/// Whether a system meets one condition, by the cell of it that meets it best.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionMet {
    /// Whether.
    pub met: Met,
    /// The cell's id; nothing if none was measured.
    pub cell: Option<String>,
    /// Its value.
    pub value: Option<f64>,
    /// How many times the limit that is.
    pub of_limit: Option<f64>,
}

/// Evaluates objectives, each as it was written down.
pub fn compute(facts: &Facts, objectives: &[String]) -> Vec<Objective> {
    let evaluate = |text: &String| match parse(text) {
        Ok(clauses) => objective(facts, text, &clauses),
        Err(error) => Objective {
            text: text.clone(),
            conditions: Vec::new(),
            units: Vec::new(),
            error: Some(error.to_string()),
            systems: Vec::new(),
        },
    };
    objectives.iter().map(evaluate).collect()
}

fn objective(facts: &Facts, text: &str, clauses: &[Clause]) -> Objective {
    /// From what everybody looks for to what rules a system out.
    const ORDER: [Met; 5] = [
        Met::Yes,
        Met::AllSamples,
        Met::Unclear,
        Met::NotMeasured,
        Met::No,
    ];
    let mut found = Vec::new();
    for workload in facts.workloads() {
        let cells = facts.cells.iter();
        let own = cells.filter(|it| it.cell.workload == *workload && !it.is_twin());
        let mut systems: Vec<&str> = own.map(CellFacts::system).collect();
        systems.sort_unstable();
        systems.dedup();
        let mut rows: Vec<SystemMeets> = systems
            .into_iter()
            .map(|system| system_meets(facts, workload, system, clauses))
            .collect();
        rows.sort_by_key(|row| ORDER.iter().position(|met| *met == row.met));
        found.extend(rows);
    }
    Objective {
        text: text.to_owned(),
        conditions: clauses.iter().map(|it| it.text.clone()).collect(),
        units: clauses.iter().map(|it| it.measures[0].unit()).collect(),
        error: None,
        systems: found,
    }
}

fn system_meets(
    facts: &Facts,
    workload: &Workload,
    system: &str,
    clauses: &[Clause],
) -> SystemMeets {
    let condition = |clause: &Clause| match clause.best(facts, workload, system) {
        Some((cell, value, met)) => ConditionMet {
            met,
            cell: Some(cell.id.clone()),
            value: Some(value),
            of_limit: Some(value / clause.limit),
        },
        None => ConditionMet {
            met: Met::NotMeasured,
            cell: None,
            value: None,
            of_limit: None,
        },
    };
    let conditions: Vec<_> = clauses.iter().map(condition).collect();
    let met = [Met::No, Met::NotMeasured, Met::Unclear, Met::AllSamples]
        .into_iter()
        .find(|met| conditions.iter().any(|it| it.met == *met));
    SystemMeets {
        system: system.to_owned(),
        workload: workload.clone(),
        met: met.unwrap_or(Met::Yes),
        conditions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_as_people_write_them() {
        let clauses = parse("cold p95 < 20ms, memory < 10MB and rate > 5000/s").unwrap();
        assert_eq!(clauses.len(), 3);
        assert_eq!(
            (clauses[0].scenarios, clauses[0].limit, clauses[0].at_most),
            (&[Scenario::Cold][..], 20e6, true)
        );
        assert_eq!(clauses[0].statistic, Statistic::Quantile(95));
        assert_eq!(
            (clauses[1].measures[0], clauses[1].limit),
            (Measure::PssBytes, 10e6)
        );
        assert_eq!(
            (clauses[2].scenarios, clauses[2].at_most),
            (&[Scenario::Throughput][..], false)
        );
        assert_eq!(
            parse("warm p99<1.5ms").unwrap()[0].measures,
            [Measure::P99Ns]
        );
    }

    #[test]
    fn what_is_no_condition_is_named() {
        for text in [
            "cold",
            "cold < 20",
            "cold < 20MB",
            "tepid < 1ms",
            "memory < ms",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(
                error.contains(text) && error.contains("a condition is"),
                "{error}"
            );
        }
    }
}
