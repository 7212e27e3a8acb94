//! `compare`: whether a build is slower than an earlier one, from one run of each or from several.

use std::path::{Path, PathBuf};

use results::manifest::Manifest;

use super::{Error, Exit, input};
use findings::between_runs::{
    self, BetweenRuns, LEAST_RUNS, different_plans, obstacles, one_each, order, several,
};
use findings::input::Run;
use findings::statistics::Verdict;
use findings::{CellFacts, Facts};

mod markdown;
mod text;

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The comparison as lines of text.
    pub text: String,
    /// The same as a comment on a pull request.
    pub markdown: String,
    /// How the program ends.
    pub exit: Exit,
}

/// Runs of one side: the folder that they are in, and their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    /// The folder.
    pub folder: PathBuf,
    /// The names.
    pub names: Vec<String>,
}

/// A run with what is known of it.
struct Side {
    run: Run,
    manifest: Manifest,
    facts: Facts,
}

/// Judges runs against earlier ones: one against one by their ratios to `control`, several against
/// several by one value a run, as it is and as such a ratio.
///
/// # Errors
/// [`Error`] if one of them is not there, the sides must not be compared, or one has a single run and
/// the other has several.
pub fn compare_sides(before: &Runs, after: &Runs, control: &str) -> Result<Compared, Error> {
    match (before.names.as_slice(), after.names.as_slice()) {
        ([earlier], [later]) => one_against_one(
            &read(&before.folder, earlier)?,
            &read(&after.folder, later)?,
            control,
        ),
        _ => several_against_several(before, after, control),
    }
}

/// Judges `later` against `earlier`, both below `raw`, by their ratios to `control`.
///
/// # Errors
/// As [`compare_sides`].
pub fn compare(raw: &Path, earlier: &str, later: &str, control: &str) -> Result<Compared, Error> {
    one_against_one(&read(raw, earlier)?, &read(raw, later)?, control)
}

fn one_against_one(one: &Side, two: &Side, control: &str) -> Result<Compared, Error> {
    let foreign = foreign(&[one, two]);
    if foreign.is_empty() {
        refuse(&[one, two])?;
        for side in [one, two] {
            has_control(side, control)?;
        }
    }
    let found = one_each(&one.facts, &two.facts, control);
    some(&found)?;
    let of = text::OneEach {
        before: &one.run.name,
        after: &two.run.name,
        control,
        foreign: &foreign,
        plans: &different_plans(&one.manifest, &two.manifest),
        found: &found,
    };
    Ok(Compared {
        exit: exit(&found),
        text: text::one_each(&of),
        markdown: markdown::one_each(&of),
    })
}

/// What a reader has to know where runs are not of this project: one sentence for each.
fn foreign(sides: &[&Side]) -> Vec<String> {
    let caveat = |side: &&Side| {
        let tool = side.manifest.foreign()?;
        Some(format!(
            "{} is foreign, imported from {tool}: machine, versions and the order of its samples are \
                not known, so that a difference may be one of these",
            side.run.name
        ))
    };
    sides.iter().filter_map(caveat).collect()
}

fn several_against_several(before: &Runs, after: &Runs, control: &str) -> Result<Compared, Error> {
    if before.names.len().min(after.names.len()) < 2 {
        return Err(Error::new(
            Exit::Usage,
            format!(
                "several runs are compared with several, at least two a side: there are {} before \
                    and {} after",
                before.names.len(),
                after.names.len()
            ),
        )
        .hint(format!(
            "`analysis compare-runs EARLIER LATER` compares one run of each; a verdict on absolute times takes \
                {LEAST_RUNS} a side"
        )));
    }
    let mut named: Vec<&String> = before.names.iter().chain(&after.names).collect();
    named.sort();
    if let Some([name, ..]) = named.windows(2).find(|two| two[0] == two[1]) {
        return Err(Error::new(
            Exit::Usage,
            format!("run {name} is named twice: it would be no run of its own"),
        ));
    }
    let side = |runs: &Runs| -> Result<Vec<Side>, Error> {
        let reads = runs.names.iter().map(|name| read(&runs.folder, name));
        reads.collect()
    };
    let (before, after) = (side(before)?, side(after)?);
    let all: Vec<&Side> = before.iter().chain(&after).collect();
    let foreign = foreign(&all);
    if foreign.is_empty() {
        refuse(&all)?;
    }
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
    let of = text::Several {
        runs: (before.len(), after.len()),
        order: &order(&made(&before), &made(&after)),
        control,
        foreign: &foreign,
        plans: &differing(&before, &after),
        found: &found,
    };
    Ok(Compared {
        exit: exit(&found),
        text: text::several(&of),
        markdown: markdown::several(&of),
    })
}

/// In what the plans of runs differ from the first one's, with the run.
fn differing(before: &[Side], after: &[Side]) -> Vec<String> {
    let first = &before[0].manifest;
    let mut plans: Vec<String> = before[1..]
        .iter()
        .chain(after)
        .flat_map(|side| {
            let differences = different_plans(first, &side.manifest).into_iter();
            differences.map(|it| format!("{}: {it}", side.run.name))
        })
        .collect();
    plans.sort();
    plans
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
