//! What the report opens with: what was measured, on what machine, what was found, and what cannot
//! be said.

use results::manifest::Manifest;

use super::analysis::{Analysis, BASE, engines};
use super::contrasts::{mark, ratio};
use super::facts::{CellFacts, Measure};
use super::naming::{Names, is_headline, is_twin, unwatched};
use super::words::{by, count, listed, median};
use crate::document::{Block, Section, Table};
use crate::summary::TWIN;
use findings::input::Run;
use findings::statistics::{Verdict, Warning};
use findings::units::percent;

/// The opening.
pub(crate) fn tell(run: &Run, analysis: &Analysis) -> Section {
    let mut section = Section::new("answer", "The answer");
    section.blocks.extend(super::starts::opening(analysis));
    section
        .blocks
        .push(Block::Heading("What was measured".to_owned()));
    section.text(measured(run, analysis));
    section.text(machine(run.manifest.as_ref()));
    section
        .blocks
        .push(Block::Heading("What was found".to_owned()));
    let found = found(analysis);
    // Other sections' findings come behind these: the list is there even if nothing is in it yet.
    section.blocks.push(Block::List(found));
    section.blocks.extend(overview(analysis).map(Block::Table));
    section
        .blocks
        .push(Block::Heading("What cannot be said".to_owned()));
    section.list(unsaid(run, analysis));
    section
}

fn measured(run: &Run, analysis: &Analysis) -> String {
    let mut systems: Vec<_> = analysis
        .cells
        .iter()
        .filter(|c| !c.orders.is_empty() && !is_twin(&c.cell))
        .map(|c| c.cell.system.to_string())
        .collect();
    systems.sort();
    systems.dedup();
    let workloads: Vec<_> = analysis
        .workloads()
        .into_iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let ok: usize = analysis.cells.iter().map(|cell| cell.orders.len()).sum();
    let requests: u64 = analysis
        .cells
        .iter()
        .map(|cell| cell.requests)
        .fold(0, u64::saturating_add);
    let mut text = format!(
        "Run `{}`: {} of {} in {}, of which {} count. Systems: {}. Workloads: {}.",
        run.name,
        count(run.samples, "sample"),
        count(analysis.cells.len() as u64, "cell"),
        "fresh processes",
        crate::plot::grouped(ok as f64),
        listed(&systems),
        listed(&workloads),
    );
    if requests > 0 {
        text.push_str(&format!(" {} under load.", count(requests, "request")));
    }
    if let Some(manifest) = &run.manifest {
        text.push_str(&format!(
            " Measured from {} on by `{}`, {} samples a cell, order drawn from seed {}; commit {}.",
            manifest.created_at,
            manifest.command_line.join(" "),
            manifest.samples_per_cell,
            manifest.seed,
            manifest
                .commit
                .as_deref()
                .map_or("unknown".to_owned(), |commit| format!(
                    "`{}`",
                    commit.get(..12).unwrap_or(commit)
                )),
        ));
    }
    text
}

fn machine(manifest: Option<&Manifest>) -> String {
    let Some(manifest) = manifest else {
        return "The machine is not known: there is no manifest.".to_owned();
    };
    let machine = &manifest.machine;
    let told = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let memory = machine
        .memory_bytes
        .map_or("unknown memory".to_owned(), |bytes| {
            findings::units::bytes(bytes as f64)
        });
    let kind = match machine.virtualised {
        Some(true) => "a virtual machine",
        Some(false) => "bare metal",
        None => "it is not known whether virtual",
    };
    let versions: Vec<_> = manifest
        .systems
        .iter()
        .filter(|system| {
            system.unavailable.is_none()
                && !system.version.is_empty()
                && !system.name.ends_with(TWIN)
        })
        .map(|system| format!("{} {}", system.name, system.version))
        .collect();
    format!(
        "The machine: {}, {} cores, {memory}, {kind}; Linux {}; governor {}, huge pages {}. Built \
            as `{}` (optimisation {}). Versions: {}.",
        told(&machine.cpu_model),
        machine
            .cores
            .map_or("unknown".to_owned(), |cores| cores.to_string()),
        told(&machine.kernel),
        told(&machine.governor),
        told(&machine.transparent_huge_pages),
        manifest.build.profile,
        manifest.build.opt_level,
        listed(&versions),
    )
}

/// What each scenario asks.
const QUESTIONS: [(&str, Measure, &str); 4] = [
    ("cold", Measure::TotalNs, "a start takes"),
    ("runtime-cold", Measure::TotalNs, "a start takes"),
    ("warm", Measure::P50Ns, "the median request takes"),
    (
        "throughput",
        Measure::PerSecond,
        "an instance answers, requests a second:",
    ),
];

/// The cells that answer a question, best first.
fn answers<'a>(
    analysis: &'a Analysis,
    workload: &str,
    scenario: &str,
    measure: Measure,
) -> Vec<&'a CellFacts> {
    let mut cells = analysis.shown(workload, scenario);
    cells.retain(|cell| cell.median(measure).is_some());
    by(&mut cells, measure);
    if measure == Measure::PerSecond {
        cells.reverse();
    }
    cells
}

/// One sentence for each scenario of the first workload, which claims nothing that the verdicts do
/// not. Those of all workloads would be a page: they are a table.
fn found(analysis: &Analysis) -> Vec<String> {
    let workloads = analysis.workloads();
    let Some(workload) = workloads.first() else {
        return Vec::new();
    };
    let told = |(scenario, measure, verb): &(&str, Measure, &str)| {
        let sentence = sentence(
            analysis,
            workload,
            scenario,
            *measure,
            &answers(analysis, workload, scenario, *measure),
        )?;
        Some(format!("**{workload}, {scenario}:** {verb} {sentence}"))
    };
    QUESTIONS.iter().filter_map(told).collect()
}

/// The same of every workload, where there are several.
fn overview(analysis: &Analysis) -> Option<Table> {
    let workloads = analysis.workloads();
    let columns = [
        "workload",
        "scenario",
        ">native",
        ">Wasm at its best",
        "with",
        ">of native (95 %)",
        ">docker",
        ">of native (95 %)",
    ];
    let mut table = Table::new(
        "Every workload: medians, and what they cost compared with the native program",
        &columns,
    );
    for workload in workloads.iter().filter(|_| workloads.len() > 1) {
        for (scenario, measure, _) in QUESTIONS {
            let cells = answers(analysis, workload, scenario, measure);
            let names = Names::of(cells.iter().map(|cell| &cell.cell));
            let base = cells.iter().copied().find(|cell| cell.cell.system == BASE);
            let family = analysis.family(workload, scenario, measure);
            let beside = |cell: &CellFacts| {
                let member = family.and_then(|family| family.of(&cell.id));
                member
                    .zip(base)
                    .is_none_or(|(member, base)| member.baseline == base.id)
            };
            let first = |wanted: &dyn Fn(&str) -> bool| {
                cells
                    .iter()
                    .copied()
                    .find(|cell| wanted(&cell.cell.system) && beside(cell))
            };
            let (wasm, boxed) = (first(&is_wasm), first(&|name| name == "docker"));
            let shown = |cell: Option<&CellFacts>| {
                cell.map_or_else(
                    || "–".to_owned(),
                    |cell| format!("[{}](#{})", median(cell, measure), cell.id),
                )
            };
            let judged = |cell: Option<&CellFacts>| {
                let member = analysis
                    .family(workload, scenario, measure)?
                    .of(&cell?.id)?;
                Some(format!(
                    "{} {}",
                    ratio(&member.decision),
                    mark(&member.decision.verdict, measure)
                ))
            };
            let judged = |cell| judged(cell).unwrap_or_else(|| "–".to_owned());
            if wasm.or(boxed).is_some() {
                table.row([
                    (*workload).to_owned(),
                    scenario.to_owned(),
                    shown(base),
                    shown(wasm),
                    wasm.map_or_else(|| "–".to_owned(), |cell| names.name(&cell.cell)),
                    judged(wasm),
                    shown(boxed),
                    judged(boxed),
                ]);
            }
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

fn sentence(
    analysis: &Analysis,
    workload: &str,
    scenario: &str,
    measure: Measure,
    cells: &[&CellFacts],
) -> Option<String> {
    let names = Names::of(cells.iter().map(|cell| &cell.cell));
    let told = |cell: &CellFacts| {
        format!(
            "{} with [{}](#{})",
            median(cell, measure),
            names.name(&cell.cell),
            cell.id
        )
    };
    let (first, last) = (cells.first()?, cells.last()?);
    if cells.len() == 1 {
        return Some(format!("{}.", told(first)));
    }
    let base = cells.iter().find(|cell| cell.cell.system == BASE);
    let mut text = match base {
        Some(base) => told(base),
        None => format!("{}, and {}", told(first), told(last)),
    };
    let Some(family) = analysis
        .family(workload, scenario, measure)
        .filter(|_| base.is_some())
    else {
        return Some(text + "; there is no native program of the same load to judge by.");
    };
    // Those that were judged by the very cell that the sentence begins with, and not by one under
    // other conditions.
    let judged = |cell: &CellFacts| {
        let member = family.of(&cell.id);
        member
            .zip(base)
            .is_some_and(|(member, base)| member.baseline == base.id)
    };
    let first = |wanted: &dyn Fn(&str) -> bool| {
        cells
            .iter()
            .copied()
            .find(|cell| wanted(&cell.cell.system) && judged(cell))
    };
    for cell in first(&is_wasm)
        .into_iter()
        .chain(first(&|name| name == "docker"))
    {
        let Some(member) = family.of(&cell.id) else {
            continue;
        };
        let said = match &member.decision.verdict {
            Verdict::Faster | Verdict::Slower => format!("{} the cost", ratio(&member.decision)),
            Verdict::Indistinguishable => "not told apart from it".to_owned(),
            Verdict::TooFewSamples { .. } => "too few samples to judge".to_owned(),
            Verdict::NotComparable { why } => format!("not comparable: {why}"),
        };
        text.push_str(&format!("; {}: {said}", told(cell)));
    }
    Some(text + ".")
}

/// Whether a system runs WebAssembly without a container around it.
pub(crate) fn is_wasm(system: &str) -> bool {
    ["wasmtime-", "wasmedge-"]
        .iter()
        .any(|engine| system.starts_with(engine))
        || system == "wasmcloud"
}

/// Limits of this run, each one sentence.
fn unsaid(run: &Run, analysis: &Analysis) -> Vec<String> {
    let mut limits = vec![floor(analysis)];
    limits.extend(
        run.damage
            .iter()
            .take(20)
            .map(|damage| format!("Damaged input: {damage}.")),
    );
    if run.damage.len() > 20 {
        limits.push(format!(
            "Damaged input: {} more findings; `verify` lists all.",
            run.damage.len() - 20
        ));
    }
    limits.extend(absent(run.manifest.as_ref(), analysis));
    limits.extend(failed(analysis));
    limits.extend(shaky(analysis));
    limits.extend(observer(analysis));
    for engine in engines(analysis, run.manifest.as_ref())
        .iter()
        .filter(|engine| !engine.matches())
    {
        if let Some((embedded, cli)) = engine.versions {
            limits.push(format!(
                "**Versions differ:** {} is {embedded} embedded and {cli} on the command line. \
                    Whatever is said of the two holds the difference between versions too.",
                engine.name
            ));
        }
    }
    if run
        .manifest
        .as_ref()
        .is_some_and(|manifest| manifest.dirty == Some(true))
    {
        limits.push(
            "**The checkout had changes that are in no commit:** nobody else can build the same \
                program."
                .to_owned(),
        );
    }
    limits.push(
        "One machine, one day: other machines have other ratios. Re-measure before you decide by \
            them."
            .to_owned(),
    );
    limits
}

fn floor(analysis: &Analysis) -> String {
    let told = [
        ("cold", Measure::TotalNs, "of starts"),
        ("warm", Measure::P50Ns, "of warm requests"),
        ("throughput", Measure::PerSecond, "of throughput"),
        (
            "scaling",
            Measure::PerSecond,
            "of throughput with several instances",
        ),
        (
            "density",
            Measure::PssBytes,
            "of the memory of many instances",
        ),
    ];
    let floor = |(scenario, measure, what)| {
        Some(format!(
            "{} {what}",
            percent(analysis.floor(scenario, measure)?)
        ))
    };
    let floors: Vec<_> = told.into_iter().filter_map(floor).collect();
    if floors.is_empty() {
        return "There is no A/A control in this run: how far the same system differs from itself \
            here is not known."
            .to_owned();
    }
    format!(
        "The A/A floor: the same system under two names differed by up to {}. No smaller \
            difference is called one.",
        listed(&floors)
    )
}

/// What could not be measured, with reason and remedy, each system once.
fn absent(manifest: Option<&Manifest>, analysis: &Analysis) -> Vec<String> {
    let systems = manifest.map_or(&[][..], |manifest| &manifest.systems);
    let mut told: Vec<_> = systems
        .iter()
        .filter(|system| !system.name.ends_with(TWIN))
        .filter_map(|system| {
            Some(format!(
                "**{}** could not be measured here: {}.",
                system.name,
                system.unavailable.as_deref()?
            ))
        })
        .collect();
    let known = |name: &str| {
        systems
            .iter()
            .any(|system| system.name == name && system.unavailable.is_some())
    };
    let mut skipped: std::collections::BTreeMap<(&str, &str), usize> =
        std::collections::BTreeMap::new();
    for cell in analysis.cells.iter().filter(|cell| {
        !cell.skipped.is_empty() && !is_twin(&cell.cell) && !known(&cell.cell.system)
    }) {
        let reason = cell
            .reasons
            .keys()
            .next()
            .map_or("no reason is recorded", String::as_str);
        *skipped.entry((&cell.cell.system, reason)).or_default() += cell.skipped.len();
    }
    let sentence = |((system, reason), n): ((&str, &str), usize)| {
        format!(
            "**{system}:** {} skipped: {reason}.",
            count(n as u64, "sample")
        )
    };
    told.extend(skipped.into_iter().map(sentence));
    told
}

fn failed(analysis: &Analysis) -> Vec<String> {
    let mut failed: std::collections::BTreeMap<(&str, &str), usize> =
        std::collections::BTreeMap::new();
    for cell in analysis.cells.iter().filter(|cell| !cell.failed.is_empty()) {
        let reason = cell
            .reasons
            .keys()
            .next()
            .map_or("no reason is recorded", String::as_str);
        *failed.entry((&cell.cell.system, reason)).or_default() += cell.failed.len();
    }
    let sentence = |((system, reason), n): ((&str, &str), usize)| {
        format!(
            "**{system}:** {} failed and in no figure, such as: {reason}.",
            count(n as u64, "sample")
        )
    };
    failed.into_iter().map(sentence).collect()
}

/// Noise, drift and several modes.
fn shaky(analysis: &Analysis) -> Vec<String> {
    let mut limits = Vec::new();
    let ok: usize = analysis.cells.iter().map(|cell| cell.orders.len()).sum();
    let noisy: usize = analysis.cells.iter().map(|cell| cell.noisy.len()).sum();
    if ok > 0 {
        limits.push(format!(
            "{} of the samples that count were noisy (time stolen by the hypervisor, or waiting \
                for a core for more than a tenth of the time). They count; the table of all \
                measures has the medians without them.",
            percent(noisy as f64 / ok as f64)
        ));
    }
    let warned = |wanted: fn(&Warning) -> bool| -> Vec<String> {
        let headline = [Measure::TotalNs, Measure::P50Ns, Measure::PerSecond];
        let of = |cell: &&CellFacts| {
            headline.iter().any(|measure| {
                cell.measures
                    .get(measure)
                    .is_some_and(|m| m.all.warnings().iter().any(wanted))
            })
        };
        analysis
            .cells
            .iter()
            .filter(of)
            .map(|cell| format!("[{}](#{})", cell.id, cell.id))
            .collect()
    };
    for (what, cells) in [
        (
            "drift over the run",
            warned(|warning| matches!(warning, Warning::Drift { .. })),
        ),
        (
            "have more than one mode, so that their medians may lie where hardly a value does",
            warned(|w| matches!(w, Warning::Multimodal { .. })),
        ),
    ] {
        if !cells.is_empty() {
            let (shown, rest) = cells.split_at(cells.len().min(6));
            let more = if rest.is_empty() {
                String::new()
            } else {
                format!(" and {} more", rest.len())
            };
            limits.push(format!(
                "{} {what}: {}{more}.",
                count(cells.len() as u64, "cell"),
                shown.join(", ")
            ));
        }
    }
    limits
}

/// What being watched costs.
fn observer(analysis: &Analysis) -> Option<String> {
    let watched = analysis
        .cells
        .iter()
        .filter(|cell| !is_headline(&cell.cell) && cell.is_taken_apart());
    let mut costs: Vec<f64> = watched
        .filter_map(|cell| {
            let alone = analysis
                .find(&unwatched(&cell.cell))?
                .median(Measure::TotalNs)?;
            Some(cell.median(Measure::TotalNs)? / alone - 1.0)
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    let middle = costs.get(costs.len() / 2)?;
    Some(format!(
        "Being watched takes time: starts that were taken apart took {} more at the median of {} \
            pairs of cells (from {} to {}; less than nothing is noise). Phases are theirs; every \
            total is of starts that nothing watched.",
        percent(*middle),
        costs.len(),
        percent(costs[0]),
        percent(costs[costs.len() - 1]),
    ))
}
