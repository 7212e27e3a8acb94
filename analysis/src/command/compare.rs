//! `compare`: whether a run is slower than an earlier one, cell by cell.

use std::collections::BTreeMap;
use std::path::Path;

use results::manifest::Manifest;

use super::{Error, Exit};
use crate::report::{Analysis, CellFacts, Measure, Options, compared_by};
use findings::input::Run;
use findings::statistics::{Comparison, Decision, Policy, Verdict, decide};
use findings::units::{percent, three_digits};

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What is to be told: data.
    pub text: String,
    /// How the program ends.
    pub exit: Exit,
}

/// Judges `later` against `earlier`, both below `raw`.
///
/// # Errors
/// [`Error`] if one of them is not there, or the two must not be compared.
pub fn compare(raw: &Path, earlier: &str, later: &str) -> Result<Compared, Error> {
    let read = |name: &str| Run::read(&Run::find(raw, name)?);
    let (one, two) = (read(earlier)?, read(later)?);
    refuse(&one, &two)?;
    let [before, after] = [&one, &two].map(|run| Analysis::of(run, Options::default()));
    let pairs = pairs(&before, &after);
    if pairs.is_empty() {
        return Err(Error::new(
            Exit::NotComparable,
            "the two runs have no cell in common that was measured in both",
        )
        .hint("compare runs of the same command line; `analysis report` shows the cells of each"));
    }
    let decisions = judge(&pairs, &before, &after);
    Ok(told(&one, &two, &pairs, &decisions))
}

/// A cell of both runs, and what it is compared by.
struct Pair<'a> {
    measure: Measure,
    before: &'a CellFacts,
    after: &'a CellFacts,
}

/// What is different about two runs, other than the day.
fn refuse(one: &Run, two: &Run) -> Result<(), Error> {
    let manifest = |run: &Run| {
        run.manifest.clone().ok_or_else(|| {
            Error::new(
                Exit::NotComparable,
                format!(
                    "run {} has no manifest: nobody knows what it was measured on",
                    run.name
                ),
            )
            .hint("a run without its manifest can be reported, and not compared")
        })
    };
    let reasons = differences(&manifest(one)?, &manifest(two)?);
    if reasons.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Exit::NotComparable,
        format!(
            "{} and {} must not be compared:\n  - {}",
            one.name,
            two.name,
            reasons.join("\n  - ")
        ),
    )
    .hint(
        "a regression check needs the same machine, the same versions and the same build profile \
            on both sides",
    ))
}

fn differences(one: &Manifest, two: &Manifest) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut differ = |what: &str, one: String, two: String| {
        if one != two {
            reasons.push(format!("{what}: {one} and {two}"));
        }
    };
    let told = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let number =
        |value: Option<u64>| value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
    differ(
        "the CPU",
        told(&one.machine.cpu_model),
        told(&two.machine.cpu_model),
    );
    differ(
        "the number of cores",
        number(one.machine.cores),
        number(two.machine.cores),
    );
    differ(
        "the memory in bytes",
        number(one.machine.memory_bytes),
        number(two.machine.memory_bytes),
    );
    differ(
        "the kernel",
        told(&one.machine.kernel),
        told(&two.machine.kernel),
    );
    differ(
        "the governor",
        told(&one.machine.governor),
        told(&two.machine.governor),
    );
    differ(
        "the build profile",
        one.build.profile.clone(),
        two.build.profile.clone(),
    );
    differ(
        "the optimisation",
        one.build.opt_level.clone(),
        two.build.opt_level.clone(),
    );
    let versions = |manifest: &Manifest| -> BTreeMap<String, String> {
        let usable = manifest
            .systems
            .iter()
            .filter(|system| system.unavailable.is_none());
        usable
            .map(|system| (system.name.clone(), system.version.clone()))
            .collect()
    };
    let (before, after) = (versions(one), versions(two));
    for (system, version) in &before {
        if let Some(other) = after.get(system).filter(|other| *other != version) {
            differ(
                &format!("the version of {system}"),
                version.clone(),
                other.clone(),
            );
        }
    }
    reasons
}

fn pairs<'a>(before: &'a Analysis, after: &'a Analysis) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    for cell in &before.cells {
        let Some(same) = after.cell(&cell.id) else {
            continue;
        };
        for &measure in compared_by(cell.cell.scenario.name()) {
            if !cell.values(measure).is_empty() && !same.values(measure).is_empty() {
                pairs.push(Pair {
                    measure,
                    before: cell,
                    after: same,
                });
            }
        }
    }
    pairs
}

/// The pairs of one kind of scenario and measure are a family: they share a floor, below which
/// neither run's own A/A difference is called a change.
fn judge(pairs: &[Pair<'_>], before: &Analysis, after: &Analysis) -> Vec<Decision> {
    let costs = |cell: &CellFacts, measure: Measure| -> Vec<f64> {
        let values = cell.values(measure);
        if measure == Measure::PerSecond {
            values.iter().map(|rate| 1e9 / rate).collect()
        } else {
            values.to_vec()
        }
    };
    let floor = |pair: &Pair<'_>| {
        let scenario = pair.before.cell.scenario.name();
        [before, after]
            .into_iter()
            .filter_map(|run| run.floor(scenario, pair.measure))
            .fold(0.0, f64::max)
    };
    let mut families: BTreeMap<(Measure, u64), Vec<usize>> = BTreeMap::new();
    for (index, pair) in pairs.iter().enumerate() {
        families
            .entry((pair.measure, floor(pair).to_bits()))
            .or_default()
            .push(index);
    }
    let mut decisions: Vec<Option<Decision>> = vec![None; pairs.len()];
    for ((measure, floor), members) in families {
        let of = |index: &usize| {
            (
                costs(pairs[*index].after, measure),
                costs(pairs[*index].before, measure),
            )
        };
        let values: Vec<_> = members.iter().map(of).collect();
        let family: Vec<_> = values
            .iter()
            .map(|(candidate, baseline)| Comparison {
                candidate,
                baseline,
                obstacle: None,
            })
            .collect();
        let policy = Policy {
            floor: f64::from_bits(floor),
            ..Policy::default()
        };
        for (index, decision) in members.into_iter().zip(decide(&family, &policy)) {
            decisions[index] = Some(decision);
        }
    }
    decisions.into_iter().flatten().collect()
}

fn told(one: &Run, two: &Run, pairs: &[Pair<'_>], decisions: &[Decision]) -> Compared {
    let mut text = format!(
        "{} against {}: {} comparisons, corrected by Holm\n",
        two.name,
        one.name,
        pairs.len()
    );
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (pair, decision) in pairs.iter().zip(decisions) {
        let word = match &decision.verdict {
            Verdict::Slower => "slower",
            Verdict::Faster => "faster",
            Verdict::Indistinguishable => "unchanged",
            Verdict::TooFewSamples { .. } => "too few samples",
            Verdict::NotComparable { .. } => "not comparable",
        };
        *counts.entry(word).or_default() += 1;
        if word != "unchanged" {
            text.push_str(&line(pair, decision, word));
        }
    }
    let summary: Vec<_> = counts
        .iter()
        .map(|(word, n)| format!("{n} {word}"))
        .collect();
    text.push_str(&format!("in all: {}", summary.join(", ")));
    let only = |of: &Run, other: &Run| {
        let missing = of
            .cells
            .iter()
            .filter(|cell| !other.cells.iter().any(|known| known.id == cell.id));
        missing.count()
    };
    for (of, other) in [(one, two), (two, one)] {
        let n = only(of, other);
        if n > 0 {
            text.push_str(&format!(
                "\n{n} cells are in {} only, and compared with nothing",
                of.name
            ));
        }
    }
    let has = |word: &str| counts.contains_key(word);
    let exit = if has("slower") {
        Exit::Regression
    } else if has("too few samples") || has("not comparable") {
        Exit::Inconclusive
    } else {
        Exit::Ok
    };
    Compared { text, exit }
}

fn line(pair: &Pair<'_>, decision: &Decision, word: &str) -> String {
    let unit = pair.measure.unit();
    let shown = |cell: &CellFacts| {
        cell.median(pair.measure)
            .map_or_else(String::new, |value| unit.shown(value))
    };
    let ratio = decision
        .contrast
        .as_ref()
        .map_or_else(String::new, |contrast| {
            let ends = contrast.ratio.interval.map_or_else(String::new, |ends| {
                format!(
                    " (95 %: {}–{})",
                    three_digits(ends.low),
                    three_digits(ends.high)
                )
            });
            format!(
                ", {} times the cost{ends}",
                three_digits(contrast.ratio.estimate)
            )
        });
    let p = decision
        .adjusted_p
        .map_or_else(String::new, |p| format!(", p = {p:.4}"));
    let why = match &decision.verdict {
        Verdict::TooFewSamples { needed } => {
            format!(
                "; {needed} a cell would show {}",
                percent(Policy::default().effect)
            )
        }
        Verdict::NotComparable { why } => format!("; {why}"),
        _ => String::new(),
    };
    format!(
        "{word}: {} `{}`: {} → {}{ratio}{p}{why}\n",
        pair.after.cell,
        pair.measure.name(),
        shown(pair.before),
        shown(pair.after)
    )
}
