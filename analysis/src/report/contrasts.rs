//! Cells against each other: verdicts, corrected over the family that one table is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::facts::{CellFacts, Measure};
use super::naming::{is_twin, original};
use findings::statistics::{Comparison, Decision, Policy, Verdict, aa_floor, decide};

/// What a table asks of its cells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Family {
    /// Its name, by workload, scenario and what is measured.
    pub name: String,
    /// What is compared.
    pub measure: Measure,
    /// What counts as a difference in it.
    pub policy: PolicyFacts,
    /// The comparisons.
    pub members: Vec<Member>,
}

/// A policy as it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PolicyFacts {
    /// The chance of a wrong difference in the family.
    pub alpha: f64,
    /// The relative difference below which nobody would act.
    pub threshold: f64,
    /// What the A/A control showed; `null` where there was none.
    pub floor: Option<f64>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Member {
    /// The id of the cell that is judged.
    pub candidate: String,
    /// The id of the cell that it is judged against.
    pub baseline: String,
    /// The verdict and what it rests on. Of rates, costs are compared: nanoseconds a request.
    #[serde(flatten)]
    pub decision: Decision,
}

/// The largest difference between the same system under two names, for each kind of scenario and
/// measure.
pub(crate) type Floors = BTreeMap<String, BTreeMap<Measure, f64>>;

/// The scenarios that share a floor: a start is a start, however much was prepared for it.
pub(crate) fn kind(scenario: &str) -> &str {
    if super::starts::STARTS.contains(&scenario) {
        "start"
    } else {
        scenario
    }
}

/// The floors of a run.
pub(crate) fn floors(cells: &[CellFacts]) -> Floors {
    let kinds: std::collections::BTreeSet<&str> = cells
        .iter()
        .map(|cell| kind(cell.cell.scenario.name()))
        .collect();
    let of = |name: &str| {
        let some = floors_of(cells, name);
        (!some.is_empty()).then(|| (name.to_owned(), some))
    };
    kinds.into_iter().filter_map(of).collect()
}

fn floors_of(cells: &[CellFacts], of_kind: &str) -> BTreeMap<Measure, f64> {
    let pairs: Vec<_> = cells
        .iter()
        .filter(|cell| is_twin(&cell.cell) && kind(cell.cell.scenario.name()) == of_kind)
        .filter_map(|twin| {
            Some((
                cells
                    .iter()
                    .find(|cell| cell.cell == original(&twin.cell))?,
                twin,
            ))
        })
        .collect();
    let of = |measure: Measure| {
        let costs: Vec<_> = pairs
            .iter()
            .map(|(one, two)| (costs(one, measure), costs(two, measure)))
            .collect();
        let costs: Vec<_> = costs
            .iter()
            .map(|(one, two)| (one.as_slice(), two.as_slice()))
            .collect();
        Some((measure, aa_floor(&costs)?))
    };
    Measure::ALL.into_iter().filter_map(of).collect()
}

/// Values of which less is better: of a rate, nanoseconds a request.
pub(crate) fn costs(cell: &CellFacts, measure: Measure) -> Vec<f64> {
    let values = cell.values(measure);
    if measure == Measure::PerSecond {
        values.iter().map(|rate| 1e9 / rate).collect()
    } else {
        values.to_vec()
    }
}

/// Judges pairs of cells, (candidate, baseline), as one family.
pub(crate) fn family(
    name: String,
    measure: Measure,
    pairs: &[(&CellFacts, &CellFacts)],
    floor: Option<f64>,
) -> Option<Family> {
    family_unless(name, measure, pairs, floor, |_, _| None)
}

/// The same, where `obstacle` may say of a pair why it must not be compared.
pub(crate) fn family_unless(
    name: String,
    measure: Measure,
    pairs: &[(&CellFacts, &CellFacts)],
    floor: Option<f64>,
    obstacle: impl Fn(&CellFacts, &CellFacts) -> Option<&'static str>,
) -> Option<Family> {
    let costs: Vec<_> = pairs
        .iter()
        .map(|(one, two)| (costs(one, measure), costs(two, measure)))
        .collect();
    let obstacles = pairs.iter().map(|(one, two)| obstacle(one, two));
    let comparisons: Vec<_> = costs
        .iter()
        .zip(obstacles)
        .map(|((candidate, baseline), obstacle)| Comparison {
            candidate,
            baseline,
            obstacle,
        })
        .collect();
    let policy = Policy {
        floor: floor.unwrap_or(0.0),
        ..Policy::default()
    };
    let decisions = decide(&comparisons, &policy);
    let member =
        |((candidate, baseline), decision): (&(&CellFacts, &CellFacts), Decision)| Member {
            candidate: candidate.id.clone(),
            baseline: baseline.id.clone(),
            decision,
        };
    let members: Vec<_> = pairs.iter().zip(decisions).map(member).collect();
    let policy = PolicyFacts {
        alpha: policy.alpha,
        threshold: policy.threshold,
        floor,
    };
    (!members.is_empty()).then_some(Family {
        name,
        measure,
        policy,
        members,
    })
}

impl Family {
    /// What was said of a cell.
    pub(crate) fn of(&self, candidate: &str) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.candidate == candidate)
    }
}

/// The letter-like mark that stands beside values in pictures.
///
/// It points where the bar goes: of a rate, slower is down.
pub(crate) const fn mark(verdict: &Verdict, measure: Measure) -> &'static str {
    let is_rate = matches!(measure, Measure::PerSecond);
    match verdict {
        Verdict::Faster => {
            if is_rate {
                "▲"
            } else {
                "▼"
            }
        }
        Verdict::Slower => {
            if is_rate {
                "▼"
            } else {
                "▲"
            }
        }
        Verdict::Indistinguishable => "≈",
        Verdict::TooFewSamples { .. } => "?",
        Verdict::NotComparable { .. } => "–",
    }
}

/// The verdict in a word, in terms of what is measured.
pub(crate) fn word(verdict: &Verdict, measure: Measure) -> String {
    let is_memory = measure.name().ends_with("bytes");
    let mark = mark(verdict, measure);
    match verdict {
        Verdict::Faster if is_memory => format!("{mark} less"),
        Verdict::Slower if is_memory => format!("{mark} more"),
        Verdict::Faster => format!("{mark} faster"),
        Verdict::Slower => format!("{mark} slower"),
        Verdict::Indistinguishable => "≈ indistinguishable".to_owned(),
        Verdict::TooFewSamples { needed } => format!("? too few: {needed} needed"),
        Verdict::NotComparable { why } => format!("– not comparable: {why}"),
    }
}

/// The ratio with its interval: `4.51× (4.38–4.66)`.
pub(crate) fn ratio(decision: &Decision) -> String {
    use findings::units::three_digits;
    let Some(contrast) = &decision.contrast else {
        return "–".to_owned();
    };
    let ratio = contrast.ratio;
    let ends = ratio.interval.map_or_else(String::new, |interval| {
        format!(
            " ({}–{})",
            three_digits(interval.low),
            three_digits(interval.high)
        )
    });
    format!("{}×{ends}", three_digits(ratio.estimate))
}
