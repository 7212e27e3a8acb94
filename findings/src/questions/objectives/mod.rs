//! Which systems meet what a person needs: `cold p95 < 20ms, memory < 10MB`?
//!
//! A "yes" needs evidence: that the true quantile is within the limit, and not only that of the
//! samples, by a bound that is wrong in at most one of twenty systems that miss the limit. The same
//! holds for a "no"; between the two it is unclear. Judged is the cell that stands for the system:
//! the best of several would meet a limit by luck that much more often.

mod judge;
mod parse;

use std::fmt;

use results::Workload;
use serde::Serialize;

use crate::cells::CellFacts;
use crate::facts::Facts;
use crate::units::Unit;

pub use parse::{Clause, ObjectiveError, parse};

/// Whether a condition is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Met {
    /// It surely is.
    Yes,
    /// It surely is not.
    No,
    /// The samples are evidence of neither.
    Unclear,
    /// There is nothing to judge by.
    NotMeasured,
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "✓ yes",
            Self::No => "✗ no",
            Self::Unclear => "? unclear",
            Self::NotMeasured => "– not measured",
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

/// Whether a system meets one condition, by the cell that stands for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionMet {
    /// Whether.
    pub met: Met,
    /// The cell's id; nothing if none was measured.
    pub cell: Option<String>,
    /// Its value; nothing if each of its samples failed.
    pub value: Option<f64>,
    /// How many times the limit that is.
    pub of_limit: Option<f64>,
    /// What the true value is surely within, with 95 % confidence to this side: of a "no" beyond,
    /// otherwise within which the limit would have to be for a "yes". Nothing where there is no
    /// finite one.
    pub bound: Option<f64>,
    /// Whether the true value is surely below that, and not above it.
    pub is_below: bool,
    /// How many samples count and of how many, if not all do. A failed one is beyond every limit.
    pub answered: Option<String>,
    /// How many samples it takes for a "yes" to be possible, if there are fewer.
    pub needed: Option<usize>,
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
    const ORDER: [Met; 4] = [Met::Yes, Met::Unclear, Met::NotMeasured, Met::No];
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

/// All conditions together are met if each surely is: a system that misses one is wrongly said to
/// meet all no more often than it is wrongly said to meet that one.
fn system_meets(
    facts: &Facts,
    workload: &Workload,
    system: &str,
    clauses: &[Clause],
) -> SystemMeets {
    let each = |clause: &Clause| clause.evaluate(facts, workload, system);
    let conditions: Vec<_> = clauses.iter().map(each).collect();
    let met = [Met::No, Met::NotMeasured, Met::Unclear]
        .into_iter()
        .find(|met| conditions.iter().any(|it| it.met == *met));
    SystemMeets {
        system: system.to_owned(),
        workload: workload.clone(),
        met: met.unwrap_or(Met::Yes),
        conditions,
    }
}
