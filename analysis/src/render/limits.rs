//! What cannot be said, each limit one sentence.

use findings::cells::{GENERATOR_LIMIT, NEAR_LIMIT};
use findings::comparison::FURTHER_LEVEL;
use findings::questions::carry_over::CarryOver;
use findings::questions::harness::Harness;
use findings::questions::limits::{Floor, Late, Limits, WARNINGS};
use findings::units::{nanoseconds, percent};
use findings::{Findings, Measure};
use results::record::Scenario;

use super::format::{count, list};
use crate::document::literal;

/// Findings about damaged files that are stated; the rest is counted.
const DAMAGE: usize = 20;

/// Cells that are named in one sentence.
const CELLS: usize = 6;

/// The sentences.
pub(super) fn render(findings: &Findings) -> Vec<String> {
    let limits = &findings.limits;
    let mut sentences = vec![floors(limits)];
    sentences.extend(drifted(findings));
    sentences.extend(page_error(findings));
    sentences.extend(findings.blocks.sentences());
    let carry_over = findings.carry_over.as_ref();
    sentences.extend(carry_over.and_then(CarryOver::sentence));
    sentences.extend(findings.harness.as_ref().map(Harness::sentence));
    let damage = &findings.facts.damage;
    let some = damage.iter().take(DAMAGE);
    sentences
        .extend(some.map(|damage| format!("Damaged input: {}.", literal(&damage.to_string()))));
    if damage.len() > DAMAGE {
        let rest = damage.len() - DAMAGE;
        sentences.push(format!(
            "Damaged input: {rest} more findings; `verify` lists all."
        ));
    }
    let absent = limits.absent.iter();
    sentences.extend(absent.map(|it| {
        format!(
            "**{}** could not be measured here: {}.",
            it.system,
            literal(&it.reason)
        )
    }));
    let samples = |n: usize| count(n as u64, "sample");
    let skipped = limits.skipped.iter();
    sentences.extend(skipped.map(|it| {
        format!(
            "**{}:** {} skipped: {}.",
            it.system,
            samples(it.samples),
            literal(&it.reason)
        )
    }));
    let failed = limits.failed.iter();
    sentences.extend(failed.map(|it| {
        format!(
            "**{}:** {} failed (in no figure), such as: {}.",
            it.system,
            samples(it.samples),
            literal(&it.reason)
        )
    }));
    sentences.extend(fail_often(limits));
    sentences.extend(sessions(limits));
    sentences.extend(unsteady(limits));
    if limits.ok > 0 {
        sentences.push(WARNINGS.to_owned());
    }
    sentences.extend(loads(findings));
    sentences.extend(late(limits));
    sentences.extend(observer(findings));
    sentences.extend(versions(limits));
    if let Some(tool) = &limits.foreign {
        sentences.push(format!(
            "**These samples are foreign:** they were imported from {}. Nothing is known of the \
                machine, of versions, of the order in which they were taken and of what was cold; \
                what differs may be any of these.",
            literal(tool)
        ));
    }
    if limits.dirty {
        sentences.push(
            "**The checkout had changes that are in no commit:** nobody else can build the same \
                program."
                .to_owned(),
        );
    }
    sentences.push(
        "One machine, one day: other machines have other ratios. Measure again before you decide \
            by them."
            .to_owned(),
    );
    sentences
}

fn floors(limits: &Limits) -> String {
    if limits.floors.is_empty() {
        return "There is no A/A control in this run: how far the same system differs from itself \
            here is not known."
            .to_owned();
    }
    let floor = |floor: &Floor| {
        let of = match (floor.scenario, floor.measure) {
            (Scenario::Warm, _) => "of warm requests",
            (Scenario::Throughput, _) => "of throughput",
            (Scenario::Paced, _) => "of requests at a part of the capacity",
            (Scenario::Scaling, _) => "of throughput with several instances",
            (Scenario::Density, _) => "of the memory of many instances",
            (
                Scenario::DiskCold | Scenario::CodeCold | Scenario::ImageCold | Scenario::WarmDisk,
                _,
            ) => "of starts",
        };
        format!("{} {of}", percent(floor.floor))
    };
    let floors: Vec<_> = limits.floors.iter().map(floor).collect();
    format!(
        "The A/A floor: the same system under two names differed by up to {}. What does not \
            surely differ by more than the twins of its workload did is called no difference.",
        list(&floors)
    )
}

/// How sure the verdicts of the whole page are together.
fn page_error(findings: &Findings) -> Option<String> {
    let family = findings.facts.families.first()?;
    Some(format!(
        "The {} with the native program and of A/A controls are corrected together: the chance \
            that any of them is wrongly called a difference is at most {}. All rankings together, \
            and every further table by itself, have {}.",
        count(family.corrected_over as u64, "comparison"),
        percent(family.policy.alpha),
        percent(FURTHER_LEVEL)
    ))
}

/// A/A controls that differ by a verdict.
fn drifted(findings: &Findings) -> Option<String> {
    let controls = findings.controls.iter();
    let times = controls.filter(|control| control.measure != Measure::PssBytes);
    let members = times.flat_map(|control| &control.family.members);
    let differ = members.filter(|member| member.is_difference()).count();
    (differ > 0).then(|| {
        format!(
            "**The same system differs from itself** in {}: the machine drifted. Trust no small \
                difference.",
            count(differ as u64, "A/A control")
        )
    })
}

/// Cells whose figures are those of survivors.
fn fail_often(limits: &Limits) -> Option<String> {
    let cells = &limits.fail_often;
    let (some, rest) = cells.split_at(cells.len().min(CELLS));
    let links = some
        .iter()
        .map(|it| format!("[{0}](#{0}) ({1})", it.cell, it.answered));
    let links: Vec<_> = links.collect();
    let more = if rest.is_empty() {
        String::new()
    } else {
        format!(" and {} more", rest.len())
    };
    (!cells.is_empty()).then(|| {
        format!(
            "**{} often:** {}{more}. What the rest took is what survivors took: it is in the \
                tables, compared with nothing and ranked nowhere.",
            if cells.len() == 1 {
                "1 cell fails".to_owned()
            } else {
                format!("{} cells fail", cells.len())
            },
            links.join(", ")
        )
    })
}

/// By how much starts may have been seen late, which is never the same for two systems.
fn late(limits: &Limits) -> Option<String> {
    let late = |it: &Late| {
        let share = it.late.map_or(0.0, |late| late.share);
        format!("{} by up to {}", it.system, percent(share))
    };
    let all: Vec<_> = limits.late.iter().map(late).collect();
    (!all.is_empty()).then(|| {
        format!(
            "A start may be seen late, and never early, by what lies before the attempt to connect \
                that succeeds: {}. The intervals of ratios between starts \
                are wider by that.",
            list(&all)
        )
    })
}

/// Between two invocations of a run the machine may have become another.
fn sessions(limits: &Limits) -> Option<String> {
    let split = match limits.split_blocks {
        0 => String::new(),
        n => format!(
            " Samples of {} were taken in several of them, and make pairs within one only.",
            count(n as u64, "block")
        ),
    };
    (limits.sessions > 1).then(|| {
        format!(
            "**The run was measured in {} sessions:** it was interrupted and went on, and what \
                changed meanwhile is in its figures.{split}",
            limits.sessions
        )
    })
}

/// Noise, drift and several modes.
fn unsteady(limits: &Limits) -> Vec<String> {
    let mut sentences = Vec::new();
    if limits.ok > 0 {
        sentences.push(format!(
            "{} of the samples that count were noisy: time stolen by the hypervisor, a core that \
                others had while the sample waited for it for more than a tenth of its time, \
                others on more than a tenth of the machine, or something else that ran right \
                before. They count; the table of all measures has the medians without them.",
            percent(limits.noisy as f64 / limits.ok as f64)
        ));
    }
    if limits.residency_unknown > 0 {
        sentences.push(format!(
            "**Of {} it is unknown whether the system's own files were cold:** they were evicted by \
                a user who neither owns them nor may write them, whom the kernel does not tell what \
                stayed. Their major page faults, in the exported samples, are all there is of proof.",
            count(limits.residency_unknown as u64, "sample")
        ));
    }
    if limits.noise_unknown > 0 {
        sentences.push(format!(
            "**Of {} it is unknown whether others disturbed them:** the record does not say what \
                other processes did (an older run, or a machine that does not show them).",
            count(limits.noise_unknown as u64, "sample")
        ));
    }
    let warnings = [
        ("drift over the run", &limits.drifting),
        (
            "have more than one mode, so that their medians may lie where hardly a value does",
            &limits.multimodal,
        ),
    ];
    for (what, cells) in warnings.into_iter().filter(|(_, cells)| !cells.is_empty()) {
        let links = links(cells, |id| format!("[{id}](#{id})"));
        let cells = count(cells.len() as u64, "cell");
        sentences.push(format!("{cells} {what}: {links}."));
    }
    sentences
}

/// The first of some cells, each in words, and how many more there are.
fn links(cells: &[String], words: impl Fn(&String) -> String) -> String {
    let (some, rest) = cells.split_at(cells.len().min(CELLS));
    let some: Vec<_> = some.iter().map(words).collect();
    let more = if rest.is_empty() {
        String::new()
    } else {
        format!(" and {} more", rest.len())
    };
    format!("{}{more}", some.join(", "))
}

/// What cannot be said of loads.
fn loads(findings: &Findings) -> Vec<String> {
    let limits = &findings.limits;
    let mut sentences = Vec::new();
    if !limits.generator_limited.is_empty() {
        let links = links(&limits.generator_limited, |id| format!("[{id}](#{id})"));
        sentences.push(format!(
            "**How many requests these cells could answer is not known:** {links}. Their load \
                generator used more than {} of its core, or reached more than {} of what it reaches \
                on this machine against a server that does nothing; rates are lower bounds, and \
                ratios to them are bounds too.",
            percent(GENERATOR_LIMIT),
            percent(NEAR_LIMIT),
        ));
    }
    if !limits.not_steady.is_empty() {
        let words = |id: &String| {
            let steadiness = findings.facts.cell(id).and_then(|cell| cell.steadiness);
            let words = steadiness.and_then(|it| it.words()).unwrap_or_default();
            format!("[{id}](#{id}): {words}")
        };
        sentences.push(format!(
            "**Not steady:** {}. One rate does not describe such a load.",
            links(&limits.not_steady, words)
        ));
    }
    if !limits.not_warm.is_empty() {
        let words = |id: &String| {
            let cell = findings.facts.cell(id);
            let of = cell.map_or_else(String::new, |cell| {
                format!(" ({} of {})", cell.not_warm.len(), cell.orders.len())
            });
            format!("[{id}](#{id}){of}")
        };
        sentences.push(format!(
            "**Not warmed up:** of these cells some samples' rate had not become steady when the \
                time for the warm-up was up: {}.",
            links(&limits.not_warm, words)
        ));
    }
    if let Some(loads) = limits.loads {
        sentences.push(format!(
            "Whether loads were steady was looked at in {}, each from {} to {} long: what a system \
                only does later cannot be seen in them.",
            count(loads.cells as u64, "cell"),
            nanoseconds(loads.shortest_ns),
            nanoseconds(loads.longest_ns),
        ));
    }
    sentences
}

/// What being observed costs.
fn observer(findings: &Findings) -> Option<String> {
    let observer = findings.observer?;
    Some(format!(
        "Being observed takes time: starts that were taken apart took {} more at the median of {} \
            pairs of cells (from {} to {}; less than nothing is noise). Phases are theirs; every \
            total is of starts that nothing observed.",
        percent(observer.median),
        observer.pairs,
        percent(observer.least),
        percent(observer.most),
    ))
}

fn versions(limits: &Limits) -> Vec<String> {
    let differ = limits.engine_versions.iter();
    differ
        .map(|engine| format!("**Versions differ:** {}.", literal(&engine.sentence())))
        .collect()
}
