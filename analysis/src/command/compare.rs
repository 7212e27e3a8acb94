//! `compare`: whether a build is slower than an earlier one, from one run of each or from several.

use std::path::Path;

use results::manifest::Manifest;

use super::{Error, Exit, input};
use findings::between_runs::{
    self, BetweenRuns, LEAST_RUNS, different_plans, obstacles, one_each, order, several,
};
use findings::input::Run;
use findings::statistics::Verdict;
use findings::{CellFacts, Facts};

mod text;

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The comparison as lines of text.
    pub text: String,
    /// How the program ends.
    pub exit: Exit,
}

/// A run with what is known of it.
struct Side {
    run: Run,
    manifest: Manifest,
    facts: Facts,
}

/// Judges `later` against `earlier`, both below `raw`, by their ratios to `control`.
///
/// # Errors
/// [`Error`] if one of them is not there, or the two must not be compared.
pub fn compare(raw: &Path, earlier: &str, later: &str, control: &str) -> Result<Compared, Error> {
    let (one, two) = (read(raw, earlier)?, read(raw, later)?);
    refuse(&[&one, &two])?;
    for side in [&one, &two] {
        has_control(side, control)?;
    }
    let found = one_each(&one.facts, &two.facts, control);
    some(&found)?;
    let text = text::one_each(&text::OneEach {
        before: &one.run.name,
        after: &two.run.name,
        control,
        plans: &different_plans(&one.manifest, &two.manifest),
        found: &found,
    });
    Ok(Compared {
        exit: exit(&found),
        text,
    })
}

/// Judges runs against earlier ones, all below `raw`: one value a run, as it is and as a ratio to
/// `control`.
///
/// # Errors
/// As [`compare`]; and if there are too few to compare at all.
pub fn compare_several(
    raw: &Path,
    before: &[String],
    after: &[String],
    control: &str,
) -> Result<Compared, Error> {
    if before.len().min(after.len()) < 2 {
        return Err(Error::new(
            Exit::Usage,
            "--before and --after take at least two runs each".to_owned(),
        )
        .hint(format!(
            "`compare EARLIER LATER` compares one run of each; a verdict on absolute times takes \
                {LEAST_RUNS} a side"
        )));
    }
    let mut names: Vec<&String> = before.iter().chain(after).collect();
    names.sort();
    if let Some([name, ..]) = names.windows(2).find(|two| two[0] == two[1]) {
        return Err(Error::new(
            Exit::Usage,
            format!("run {name} is named twice: it would be no run of its own"),
        ));
    }
    let side = |names: &[String]| -> Result<Vec<Side>, Error> {
        names.iter().map(|name| read(raw, name)).collect()
    };
    let (before, after) = (side(before)?, side(after)?);
    refuse(&before.iter().chain(&after).collect::<Vec<_>>())?;
    let facts = |side: &'_ [Side]| side.iter().map(|it| it.facts.clone()).collect::<Vec<_>>();
    let (earlier, later) = (facts(&before), facts(&after));
    let found = several(
        &earlier.iter().collect::<Vec<_>>(),
        &later.iter().collect::<Vec<_>>(),
        control,
    );
    some(&found)?;
    let made = |side: &'_ [Side]| -> Vec<String> {
        side.iter()
            .map(|it| it.manifest.created_at.clone())
            .collect()
    };
    let first = &before[0].manifest;
    let mut plans: Vec<String> = before[1..]
        .iter()
        .chain(&after)
        .flat_map(|side| {
            let differences = different_plans(first, &side.manifest).into_iter();
            differences.map(|it| format!("{}: {it}", side.run.name))
        })
        .collect();
    plans.sort();
    let text = text::several(&text::Several {
        runs: (before.len(), after.len()),
        order: &order(&made(&before), &made(&after)),
        control,
        plans: &plans,
        found: &found,
    });
    Ok(Compared {
        exit: exit(&found),
        text,
    })
}

fn read(raw: &Path, name: &str) -> Result<Side, Error> {
    let run = input::read(&input::find(raw, name)?)?;
    let manifest = run.manifest.clone().ok_or_else(|| {
        Error::new(
            Exit::NotComparable,
            format!(
                "run {} has no manifest: nobody knows what it was measured on",
                run.name
            ),
        )
        .hint("a run without its manifest can be reported, and not compared")
    })?;
    let facts = Facts::compute(&run);
    Ok(Side {
        run,
        manifest,
        facts,
    })
}

/// That all runs are of one machine, of the same versions and built alike.
fn refuse(sides: &[&Side]) -> Result<(), Error> {
    for side in &sides[1..] {
        let reasons = obstacles(&sides[0].manifest, &side.manifest);
        if !reasons.is_empty() {
            return Err(Error::new(
                Exit::NotComparable,
                format!(
                    "{} and {} must not be compared:\n  - {}",
                    sides[0].run.name,
                    side.run.name,
                    reasons.join("\n  - ")
                ),
            )
            .hint(
                "a regression check needs the same machine, the same versions and the same build \
                    profile on both sides",
            ));
        }
    }
    Ok(())
}

fn has_control(side: &Side, control: &str) -> Result<(), Error> {
    let is_it = |cell: &CellFacts| cell.cell.system == *control && !cell.orders.is_empty();
    if side.facts.cells.iter().any(is_it) {
        return Ok(());
    }
    Err(Error::new(
        Exit::NotComparable,
        format!(
            "run {} did not measure the control `{control}`",
            side.run.name
        ),
    )
    .hint(
        "times of single runs are compared as ratios to a control that both runs measured; \
            --control names another system",
    ))
}

fn some(found: &BetweenRuns) -> Result<(), Error> {
    if found.is_empty() {
        return Err(Error::new(
            Exit::NotComparable,
            "the runs have no cell in common that was measured on both sides",
        )
        .hint("compare runs of the same command line; `analysis report` shows the cells of each"));
    }
    Ok(())
}

/// A regression if anything is slower or takes more; inconclusive if something that was to be judged
/// was not.
fn exit(found: &BetweenRuns) -> Exit {
    let verdicts = || {
        found
            .changes()
            .map(|(family, change)| (family.basis, &change.verdict))
    };
    if verdicts().any(|(_, verdict)| *verdict == Verdict::Slower) {
        return Exit::Regression;
    }
    let is_open = |(basis, verdict): (between_runs::Basis, &Verdict)| match verdict {
        Verdict::Inconclusive | Verdict::WithinControl => true,
        // Absolute times of single runs never are comparable; their ratios are judged instead.
        Verdict::NotComparable { .. } => {
            found.is_of_several || basis != between_runs::Basis::Absolute
        }
        _ => false,
    };
    if verdicts().any(is_open) {
        Exit::Inconclusive
    } else {
        Exit::Ok
    }
}
