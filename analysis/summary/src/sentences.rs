//! Findings as sentences.

use findings::questions::acquisition::Acquisition;
use findings::questions::carry_over::CarryOver;
use findings::questions::harness::Harness;
use findings::questions::headline::{Entry, Headline};
use findings::statistics::Verdict;
use findings::units::{Unit, nanoseconds, percent, three_digits};
use findings::{Findings, Measure};
use results::Phase;

use super::table::value;

/// What it costs to acquire code, in a sentence for each system of the first workload, which claims
/// nothing that its verdicts do not; where nothing compiles, what a start takes.
pub(crate) fn acquisition(findings: &Findings) -> String {
    let Some(first) = findings.starts.last() else {
        return "Nothing could be measured.\n".to_owned();
    };
    let of_first = |it: &&Acquisition| it.workload == first.workload;
    let found: Vec<_> = findings.acquisition.iter().filter(of_first).collect();
    if found.is_empty() {
        return totals(findings);
    }
    found.iter().map(|it| compiled(findings, it)).collect()
}

fn compiled(findings: &Findings, of: &Acquisition) -> String {
    let cell = findings.facts.cell(&of.compiled);
    let total = cell.and_then(|cell| cell.median(Measure::TotalNs));
    let mut text = format!(
        "Found: {} of a compiled start of {} ({}, {}, {}) is compilation",
        percent(of.share),
        of.workload,
        of.system,
        of.scenario.name(),
        nanoseconds(total.unwrap_or(f64::NAN)),
    );
    let members = of.family.iter().flat_map(|family| &family.members);
    for (member, phase) in members.zip(&of.others) {
        let mode = match phase {
            Phase::CacheHit => "a cache hit",
            Phase::Validate => "the interpreter",
            Phase::Deserialize => "precompiled code in memory",
            _ => "a mapped precompiled file",
        };
        let other = findings.facts.cell(&member.candidate);
        let other = other.and_then(|cell| cell.median(Measure::TotalNs));
        let clause = match (&member.verdict, member.ratio, other) {
            (Verdict::Faster, Some(ratio), Some(other)) => format!(
                "{mode} leaves {}, {} times less",
                nanoseconds(other),
                three_digits(1.0 / ratio.estimate)
            ),
            (Verdict::Inconclusive, ..) => format!("{mode} is inconclusive"),
            (Verdict::Slower | Verdict::WithinControl, ..) => {
                format!("{mode} takes {}", member.clause())
            }
            _ => format!("{mode} shows no difference that is distinguishable from noise"),
        };
        text.push_str("; ");
        text.push_str(&clause);
    }
    text + ".\n"
}

/// What starts take, where none compiles: of the cells that were named beforehand.
fn totals(findings: &Findings) -> String {
    let headlines = findings.headlines.iter();
    let starts = headlines.filter(|it| it.scenario.starts());
    let text: String = starts.map(|it| total(findings, it)).collect();
    if text.is_empty() {
        return "Nothing could be measured.\n".to_owned();
    }
    text
}

fn total(findings: &Findings, of: &Headline) -> String {
    let entry = |entry: &Entry| {
        let cell = findings.facts.cell(&entry.cell);
        let name = cell.map(|it| findings::Names::new([&it.cell]).name(&it.cell));
        let name = name.unwrap_or_default();
        let answered = cell.and_then(findings::CellFacts::answered);
        let time = value(entry.median, Unit::Nanoseconds);
        match answered {
            // What survivors took is no answer.
            Some(answered) if entry.fails_often => format!("with `{name}` {answered}"),
            Some(answered) => format!("{time} with `{name}` ({answered})"),
            None => format!("{time} with `{name}`"),
        }
    };
    let entries: Vec<_> = of.entries().map(entry).collect();
    format!(
        "Found: a start of {} ({}) takes {}.\n",
        of.workload,
        of.scenario.name(),
        entries.join(", ")
    )
}

/// What the A/A controls say.
pub(crate) fn controls(findings: &Findings) -> String {
    let controls = || findings.controls.iter();
    let times = || controls().filter(|control| control.measure != Measure::PssBytes);
    let members = || times().flat_map(|control| &control.family.members);
    let pairs = members().count();
    let floor = times().filter_map(|it| it.floor).reduce(f64::max);
    let (Some(floor), true) = (floor, pairs > 0) else {
        return "no A/A pair was measured: this run cannot say which differences are noise\n"
            .to_owned();
    };
    let differ = members().filter(|member| member.is_difference()).count();
    let drift = if differ > 0 {
        format!(
            "; {differ} of them differ by a verdict: the machine drifted, trust no small difference"
        )
    } else {
        String::new()
    };
    let cells = if pairs == 1 { "cell" } else { "cells" };
    format!(
        "A/A control: {pairs} {cells} measured twice under two names; they differ by up to {}; \
            what does not surely differ by more than its workload's do is called no \
            difference{drift}\n",
        percent(floor)
    )
}

/// What blocks of the run have in common, where it stood still, and what samples leave behind for
/// those after them.
pub(crate) fn blocks(findings: &Findings) -> String {
    let sentences = findings.blocks.sentences().into_iter();
    let carry_over = findings.carry_over.as_ref().and_then(CarryOver::sentence);
    let sentences = sentences.chain(carry_over);
    sentences.map(|sentence| sentence + "\n").collect()
}

/// What being observed costs.
pub(crate) fn observer(findings: &Findings) -> String {
    let Some(observer) = findings.observer else {
        return String::new();
    };
    format!(
        "the observer: starts that were taken apart took {} ({}) longer at the median of {} pairs \
            of cells, from {} to {}; phases are theirs, totals above are those of starts that \
            nothing observed\n",
        nanoseconds(observer.median_ns),
        percent(observer.median),
        observer.pairs,
        percent(observer.least),
        percent(observer.most),
    )
}

/// What the harness itself took.
pub(crate) fn harness(findings: &Findings) -> String {
    let harness = findings.harness.as_ref().map(Harness::sentence);
    harness.map_or_else(String::new, |sentence| sentence + "\n")
}

/// Cells whose figures are those of survivors, by how much starts may have been seen late, and which
/// engines are there in several versions.
pub(crate) fn biases(findings: &Findings) -> String {
    let limits = &findings.limits;
    let mut text = String::new();
    for it in &limits.fail_often {
        let cell = findings
            .facts
            .cell(&it.cell)
            .map(|cell| cell.cell.to_string());
        text.push_str(&format!(
            "{}: {}; what these took is compared with nothing\n",
            cell.unwrap_or_default(),
            it.answered
        ));
    }
    let late = limits.late.iter().map(|it| {
        let share = it.late.map_or(0.0, |late| late.share);
        format!("{} {}", it.system, percent(share))
    });
    let late: Vec<_> = late.collect();
    if !late.is_empty() {
        text.push_str(&format!(
            "a start is seen late, and never early, by what lies before the attempt to connect that \
                succeeds, at most by: \
                {}; ratios' intervals are wider by that\n",
            late.join(", ")
        ));
    }
    for engine in &limits.engine_versions {
        text.push_str(&format!("versions differ: {}\n", engine.sentence()));
    }
    text
}

/// That a run was interrupted and went on.
pub(crate) fn sessions(findings: &Findings) -> String {
    let limits = &findings.limits;
    if limits.sessions < 2 {
        return String::new();
    }
    format!(
        "sessions: the run was interrupted and went on, and was measured in {}; samples of {} \
            blocks were taken in several, and make pairs within one only\n",
        limits.sessions, limits.split_blocks
    )
}

/// What does not count, and why: each reason once for a system.
pub(crate) fn not_counted(findings: &Findings) -> String {
    let limits = &findings.limits;
    let failed = limits.failed.iter().map(|it| (it, "failed"));
    let skipped = limits.skipped.iter().map(|it| (it, "skipped"));
    let mut text = String::new();
    for (it, what) in failed.chain(skipped) {
        text.push_str(&format!(
            "{}: {} {what} samples: {}\n",
            it.system, it.samples, it.reason
        ));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}
