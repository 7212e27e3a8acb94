//! `compare`: whether a run is slower than an earlier one, cell by cell.

use std::collections::BTreeMap;
use std::path::Path;

use results::manifest::Manifest;

use super::{Error, Exit, input};
use findings::comparison::{Effect, Sample, judge_samples};
use findings::facts::compared_by;
use findings::input::Run;
use findings::statistics::{Policy, Verdict};
use findings::{CellFacts, Facts, Measure};

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The comparison as lines of text.
    pub text: String,
    /// How the program ends.
    pub exit: Exit,
}

/// Judges `later` against `earlier`, both below `raw`.
///
/// # Errors
/// [`Error`] if one of them is not there, or the two must not be compared.
pub fn compare(raw: &Path, earlier: &str, later: &str) -> Result<Compared, Error> {
    let read = |name: &str| input::read(&input::find(raw, name)?);
    let (one, two) = (read(earlier)?, read(later)?);
    refuse(&one, &two)?;
    let [before, after] = [&one, &two].map(Facts::compute);
    let pairs = pairs(&before, &after);
    if pairs.is_empty() {
        return Err(Error::new(
            Exit::NotComparable,
            "the two runs have no cell in common that was measured in both",
        )
        .hint("compare runs of the same command line; `analysis report` shows the cells of each"));
    }
    let verdicts = judge(&pairs, &before, &after);
    Ok(render(&one, &two, &pairs, &verdicts))
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
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let number =
        |value: Option<u64>| value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
    differ(
        "the CPU",
        text(&one.machine.cpu_model),
        text(&two.machine.cpu_model),
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
        text(&one.machine.kernel),
        text(&two.machine.kernel),
    );
    differ(
        "the governor",
        text(&one.machine.governor),
        text(&two.machine.governor),
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

fn pairs<'a>(before: &'a Facts, after: &'a Facts) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    for cell in &before.cells {
        let Some(same) = after.cell(&cell.id) else {
            continue;
        };
        for &measure in compared_by(cell.cell.scenario) {
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

/// The pairs of one measure that share a floor are a family: below it neither run's own A/A
/// difference is called a change. Blocks of two runs do not match.
fn judge(pairs: &[Pair<'_>], before: &Facts, after: &Facts) -> Vec<Judged> {
    let floor = |pair: &Pair<'_>| {
        let scenario = pair.before.cell.scenario;
        [before, after]
            .into_iter()
            .filter_map(|run| run.floor(scenario, pair.measure))
            .fold(0.0, f64::max)
    };
    let mut families: BTreeMap<(Measure, u64), Vec<usize>> = BTreeMap::new();
    for (index, pair) in pairs.iter().enumerate() {
        let key = (pair.measure, floor(pair).to_bits());
        families.entry(key).or_default().push(index);
    }
    let mut verdicts: Vec<Option<Judged>> = vec![None; pairs.len()];
    for ((measure, floor), members) in families {
        let samples: Vec<_> = members
            .iter()
            .map(|index| {
                let ours = Sample::costs(pairs[*index].after, measure);
                let theirs = Sample::costs(pairs[*index].before, measure);
                // Blocks of two runs are different blocks, though they bear the same numbers.
                (ours.apart(), theirs)
            })
            .collect();
        let policy = Policy {
            floor: f64::from_bits(floor),
            ..Policy::default()
        };
        let ratios: Vec<_> = samples
            .iter()
            .map(|(ours, theirs)| findings::comparison::ratio(ours, theirs))
            .collect();
        let decided = judge_samples(samples, &policy).into_iter().zip(ratios);
        for (index, (verdict, ratio)) in members.into_iter().zip(decided) {
            verdicts[index] = Some(Judged { verdict, ratio });
        }
    }
    verdicts.into_iter().flatten().collect()
}

/// A verdict with what it is about.
#[derive(Debug, Clone)]
struct Judged {
    verdict: Verdict,
    ratio: Option<Effect>,
}

fn render(one: &Run, two: &Run, pairs: &[Pair<'_>], verdicts: &[Judged]) -> Compared {
    let mut text = format!(
        "{} against {}: {} comparisons, corrected by Holm\n",
        two.name,
        one.name,
        pairs.len()
    );
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (pair, compared) in pairs.iter().zip(verdicts) {
        let word = match &compared.verdict {
            Verdict::Slower => "slower",
            Verdict::Faster => "faster",
            Verdict::Indistinguishable => "unchanged",
            Verdict::WithinControl => "within the A/A control",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NotComparable { .. } => "not comparable",
        };
        *counts.entry(word).or_default() += 1;
        if word != "unchanged" {
            text.push_str(&line(pair, compared, word));
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
    } else if has("inconclusive") || has("not comparable") {
        Exit::Inconclusive
    } else {
        Exit::Ok
    };
    Compared { text, exit }
}

fn line(pair: &Pair<'_>, compared: &Judged, word: &str) -> String {
    let unit = pair.measure.unit();
    let shown = |cell: &CellFacts| {
        cell.median(pair.measure)
            .map_or_else(String::new, |value| unit.shown(value))
    };
    let ratio = compared.ratio.map_or_else(String::new, |ratio| {
        format!(", {} the cost (95 %)", ratio.ratio_text())
    });
    let why = match &compared.verdict {
        Verdict::NotComparable { why } => format!("; {why}"),
        _ => String::new(),
    };
    format!(
        "{word}: {} `{}`: {} → {}{ratio}{why}\n",
        pair.after.cell,
        pair.measure.name(),
        shown(pair.before),
        shown(pair.after)
    )
}
