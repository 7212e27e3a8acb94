//! What the report opens with: the picture that answers, what was found, what cannot be said, and
//! what was measured on what machine.

use findings::questions::headline::{Entry, Headline};
use findings::units::grouped;
use findings::{CellFacts, Findings, Names};
use results::manifest::Manifest;
use results::record::Scenario;
use results::{System, Workload};

use super::format::{NOTHING, count, list, median, names, or_dash};
use super::{cells_of, limits, starts};
use crate::document::{Block, Figure, Section, Table, code, literal};

/// The opening; the headings of the sections behind it are findings too.
pub(super) fn render(findings: &Findings, sections: &[Section]) -> Section {
    let mut section = Section::new("answer", "The answer");
    section.question = "The answer";
    section.blocks.extend(picture(findings).map(Block::Figure));
    section
        .blocks
        .push(Block::Heading("What was found".to_owned()));
    section.list(found(findings, sections));
    section.blocks.extend(overview(findings).map(Block::Table));
    section
        .blocks
        .push(Block::Heading("What cannot be said".to_owned()));
    section.list(limits::render(findings));
    section
        .blocks
        .push(Block::Heading("What was measured".to_owned()));
    section.text(measured(findings));
    section.text(machine(findings.facts.manifest.as_ref()));
    section
}

/// Every system's start of the first workload in phases, on one axis.
fn picture(findings: &Findings) -> Option<Figure> {
    let workload = *findings.facts.workloads().first()?;
    let of = |scenario| {
        let starts = findings.starts.iter();
        let fits = |it: &&findings::questions::starts::Starts| {
            let is_known = !it.usual_taken_apart.is_empty();
            it.workload == *workload && it.scenario == scenario && is_known
        };
        let mut starts = starts.filter(fits);
        starts.next()
    };
    let starts = Scenario::STARTS.into_iter().find_map(of)?;
    let cells = cells_of(findings, &starts.usual_taken_apart);
    let title = format!(
        "Where does a {} start of {workload} go? Every system, phase by phase",
        starts.scenario.name()
    );
    let mut figure = starts::waterfall(findings, "opening", title, &cells);
    figure.caption = format!("Of each system the usual way to start. {}", figure.caption);
    Some(figure)
}

/// One sentence for each scenario of the first workload, which claims nothing that the verdicts do
/// not, and the headings of sections that are findings.
fn found(findings: &Findings, sections: &[Section]) -> Vec<String> {
    const FINDINGS: [&str; 17] = [
        "duel",
        "levers",
        "kinds-of-cold",
        "acquisition",
        "pool-slots",
        "layers",
        "lifecycles",
        "scaling",
        "density",
        "firewall",
        "path",
        "state",
        "page-cache",
        "without",
        "break-even",
        "ranking",
        "clocks",
    ];
    let first = findings.facts.workloads().first().copied().cloned();
    let headlines = findings.headlines.iter();
    let of_first = headlines.filter(|it| Some(&it.workload) == first.as_ref());
    let mut found: Vec<String> = of_first
        .map(|headline| sentence(findings, headline))
        .collect();
    let headings = sections.iter();
    let headings = headings.filter(|section| FINDINGS.contains(&section.id.as_str()));
    found.extend(headings.map(|section| format!("[{}](#{}).", section.title, section.id)));
    if found.is_empty() {
        found.push("Nothing could be measured.".to_owned());
    }
    found
}

/// What is asked of a scenario, as the beginning of a sentence.
const fn beginning(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::Warm => "the median request takes",
        Scenario::Throughput => "an instance answers, requests a second:",
        _ => "a start takes",
    }
}

fn sentence(findings: &Findings, of: &Headline) -> String {
    let ids: Vec<String> = of.entries().map(|entry| entry.cell.clone()).collect();
    let cells = cells_of(findings, &ids);
    let names = names(&cells);
    let entry = |entry: &Entry| {
        let cell = findings.facts.cell(&entry.cell);
        let name = cell.map(|cell| names.name(&cell.cell)).unwrap_or_default();
        let link = format!("[{name}](#{})", entry.cell);
        match answered(findings, entry) {
            // What survivors took is no answer.
            Some(answered) if entry.fails_often => format!("{answered} with {link}"),
            Some(answered) => format!("{} with {link} ({answered})", value(findings, of, entry)),
            None => format!("{} with {link}", value(findings, of, entry)),
        }
    };
    let clauses = of.entries().map(|it| match &it.verdict {
        Some(verdict) if !it.fails_often => format!("{}: {}", entry(it), verdict.clause()),
        _ => entry(it),
    });
    let clauses: Vec<_> = clauses.collect();
    let judged = if of.native.is_none() && of.compared > 1 {
        "; there is no native program of the same load to judge by"
    } else {
        ""
    };
    format!(
        "**{}, {}:** {} {}{judged}.",
        of.workload,
        of.scenario.name(),
        beginning(of.scenario),
        clauses.join("; ")
    )
}

/// How many of an entry's samples count, if not all do.
fn answered(findings: &Findings, entry: &Entry) -> Option<String> {
    findings.facts.cell(&entry.cell)?.answered()
}

/// The median of an entry; nothing of survivors.
fn value(findings: &Findings, of: &Headline, entry: &Entry) -> String {
    let cell = findings.facts.cell(&entry.cell);
    let quoted = cell.filter(|_| !entry.fails_often);
    quoted.map_or_else(|| NOTHING.to_owned(), |cell| median(cell, of.measure))
}

/// The same of every workload, where there are several.
fn overview(findings: &Findings) -> Option<Table> {
    let columns = [
        "workload",
        "scenario",
        ">native",
        ">Wasm",
        "with",
        ">of native (95 %)",
        ">container",
        "with",
        ">of native (95 %)",
    ];
    let mut table = Table::new(
        "Every workload: medians of the cells that stand for Wasm and for containers, and what \
            they cost compared with the native program",
        &columns,
    );
    if findings.facts.workloads().len() < 2 {
        return None;
    }
    for of in &findings.headlines {
        if of.wasm.is_none() && of.container.is_none() {
            continue;
        }
        let value = |entry: &Option<Entry>| {
            let figure = entry.as_ref().map(|it| match answered(findings, it) {
                Some(answered) if it.fails_often => answered,
                Some(answered) => format!("{}, {answered}", value(findings, of, it)),
                None => value(findings, of, it),
            });
            let link = |(it, figure): (&Entry, String)| format!("[{figure}](#{})", it.cell);
            or_dash(entry.as_ref().zip(figure).map(link))
        };
        let name = |entry: &Option<Entry>| {
            let cell = entry.as_ref().and_then(|it| findings.facts.cell(&it.cell));
            let name = |cell: &CellFacts| Names::new([&cell.cell]).name(&cell.cell);
            cell.map_or_else(|| NOTHING.to_owned(), name)
        };
        let verdict = |entry: &Option<Entry>| {
            let verdict = entry.as_ref().and_then(|it| it.verdict.as_ref());
            verdict.map_or_else(
                || NOTHING.to_owned(),
                |it| format!("{} {}", it.ratio_text(), it.mark()),
            )
        };
        let fields = [
            of.workload.to_string(),
            of.scenario.name().to_owned(),
            value(&of.native),
            value(&of.wasm),
            name(&of.wasm),
            verdict(&of.wasm),
            value(&of.container),
            name(&of.container),
            verdict(&of.container),
        ];
        table.row_about(&of.workload, &[], fields);
    }
    (!table.rows.is_empty()).then_some(table)
}

fn measured(findings: &Findings) -> String {
    let facts = &findings.facts;
    let counting = facts.cells.iter().filter(|cell| !cell.orders.is_empty());
    let mut systems: Vec<_> = counting
        .filter(|cell| !cell.is_twin())
        .map(|cell| cell.system().to_owned())
        .collect();
    systems.sort();
    systems.dedup();
    let workloads = facts.workloads();
    let workload = |name: &&Workload| format!("`{name}`");
    let workloads: Vec<_> = workloads.iter().map(workload).collect();
    let requests = facts.cells.iter().map(|cell| cell.requests);
    let requests = requests.fold(0, u64::saturating_add);
    let mut text = format!(
        "Run `{}`: {} of {} in fresh processes, of which {} count. Systems: {}. Workloads: {}.",
        facts.run,
        count(facts.samples, "sample"),
        count(facts.cells.len() as u64, "cell"),
        grouped(findings.limits.ok as f64),
        list(&systems),
        list(&workloads),
    );
    if requests > 0 {
        text.push_str(&format!(" {} under load.", count(requests, "request")));
    }
    if let Some(manifest) = &facts.manifest {
        let commit = manifest.commit.as_deref();
        let commit = commit.map(|commit| code(commit.get(..12).unwrap_or(commit)));
        text.push_str(&format!(
            " Measured from {} on by {}, {}, order drawn from seed {}; commit {}.",
            literal(&manifest.created_at),
            code(&manifest.command_line.join(" ")),
            samples_per_cell(manifest),
            manifest.seed,
            commit.unwrap_or_else(|| "unknown".to_owned()),
        ));
    }
    text
}

/// How many samples cells have: those that take long may have fewer.
fn samples_per_cell(manifest: &Manifest) -> String {
    let most = manifest.samples_per_cell;
    let of_cells = manifest
        .cells
        .iter()
        .map(|cell| manifest.order.samples(most, cell));
    match of_cells.min() {
        Some(few) if few < most => {
            format!("{most} samples a cell, {few} of cells whose samples take long")
        }
        _ => format!("{} a cell", count(u64::from(most), "sample")),
    }
}

fn machine(manifest: Option<&Manifest>) -> String {
    let Some(manifest) = manifest else {
        return "The machine is not known: there is no manifest.".to_owned();
    };
    let machine = &manifest.machine;
    let known = |value: &Option<String>| literal(value.as_deref().unwrap_or("unknown"));
    let memory = machine.memory_bytes.map_or_else(
        || "unknown memory".to_owned(),
        |bytes| findings::units::bytes(bytes as f64),
    );
    let kind = match machine.virtualised {
        Some(true) => "a virtual machine",
        Some(false) => "bare metal",
        None => "it is not known whether virtual",
    };
    let cores = machine.cores.map(|cores| cores.to_string());
    let usable = manifest.systems.iter().filter(|system| {
        let is_there = system.unavailable.is_none() && !system.version.is_empty();
        is_there && !System::from(system.name.as_str()).is_twin()
    });
    let versions: Vec<_> = usable
        .map(|system| {
            let version = format!("{} {}", system.name, literal(&system.version));
            version + &described(system)
        })
        .collect();
    format!(
        "The machine: {}, {} cores, {memory}, {kind}; Linux {}; governor {}, huge pages {}. Built \
            as {} (optimisation {}). Versions: {}.",
        known(&machine.cpu_model),
        known(&cores),
        known(&machine.kernel),
        known(&machine.governor),
        known(&machine.transparent_huge_pages),
        code(&manifest.build.profile),
        literal(&manifest.build.opt_level),
        list(&versions),
    )
}

/// That a system was described by a person, as a part of a sentence.
fn described(system: &results::manifest::System) -> String {
    let Some(own) = &system.description else {
        return String::new();
    };
    // As much of a digest as tells two apart.
    let digest: String = own.sha256.chars().take(12).collect();
    format!(
        " ({}, by the description {})",
        literal(&own.label),
        code(&digest)
    )
}
