//! Starts: how long each takes, against the native program, and where the time goes.

use findings::comparison::Family;
use findings::questions::starts::Starts;
use findings::units::{Unit, percent};
use findings::{CellFacts, Findings, Measure, Names};
use results::Param;
use results::names::FileName;
use results::record::Scenario;
use systems::BASELINE;

use super::format::{self, interval, linked, list, median, names, pair, systems};
use super::{cells_by_family, cells_of, family_of};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Bar, Segment, Stack, Steps, draw_bars, draw_ecdf, draw_overview};

/// More distributions than this cannot be told apart in one picture.
const DISTRIBUTIONS: usize = 10;

/// What the names of scenarios stand for.
pub(super) const fn meaning(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::DiskCold => {
            "image, module or compiled code is on disk, and nothing of it or of the system in memory"
        }
        Scenario::CodeCold => "nothing compiled, caches empty; what is read is in memory",
        Scenario::ImageCold => "the image is pulled from a registry on the loopback and unpacked",
        Scenario::WarmDisk => {
            "a new process; image, module or compiled code is on disk and in memory"
        }
        Scenario::Warm => "one request at a time to a running instance",
        Scenario::Throughput => "several connections at once to a running instance",
        Scenario::Paced => {
            "requests arrive at a part of what a running instance was found to answer at most, \
                whatever it does meanwhile"
        }
        Scenario::Scaling => "several instances at once, all under load",
        Scenario::Density => "many instances at once, idle",
    }
}

/// What names leave out, as a sentence.
pub(super) fn left_out(names: &Names) -> String {
    let values: Vec<_> = names
        .left_out()
        .iter()
        .map(|it| format!("`{it}`"))
        .collect();
    if values.is_empty() {
        String::new()
    } else {
        format!(" Where a name says nothing else: {}.", values.join(", "))
    }
}

/// A section for each workload and scenario.
pub(super) fn render(findings: &Findings) -> Vec<Section> {
    let starts = findings.starts.iter();
    starts.map(|starts| section(findings, starts)).collect()
}

fn section(findings: &Findings, starts: &Starts) -> Section {
    let (workload, scenario) = (&starts.workload, starts.scenario);
    let name = scenario.name();
    let cells = cells_by_family(findings, &starts.cells);
    let names = names(&cells);
    let mut section = Section::new(
        &format!("{workload}-{name}"),
        title(findings, starts, &names),
    );
    section.question = "Starts";
    section.workload = Some(workload.to_string());
    section.systems = systems(&cells);
    let has_observer = |cell: &&CellFacts| cell.cell.params.contains_key(Param::Observer);
    section.text(format!(
        "`{name}`: {}. From the launch to the first complete, checked answer (of a command: to its \
            end). {}{}",
        meaning(scenario),
        if cells.iter().any(has_observer) {
            "Nothing observed these starts."
        } else {
            "These starts reported their phases themselves."
        },
        left_out(&names),
    ));
    if !cells.is_empty() {
        let family = findings.facts.family(workload, scenario, Measure::TotalNs);
        section.blocks.push(Block::Figure(Figure {
            id: FileName::of(&format!("{workload}-{name}-totals")),
            title: format!("How long does a {name} start of {workload} take?"),
            caption: format!("Medians with their 95 % intervals. {}", marks(family)),
            picture: draw_bars(
                &measure_bars(findings, &cells, &names, family, Measure::TotalNs),
                Unit::Nanoseconds,
                "launch to first answer, median",
            ),
            table: totals(workload, name, &cells, family),
            workload: Some(workload.to_string()),
            systems: systems(&cells),
        }));
        let usual = cells_of(findings, &starts.usual);
        section
            .blocks
            .extend(distributions(workload, name, &usual, &names));
    }
    section.blocks.extend(waterfalls(findings, starts));
    section
}

/// What was found, as a heading: of the cells that were named beforehand.
fn title(findings: &Findings, starts: &Starts, names: &Names) -> String {
    let (workload, scenario) = (&starts.workload, starts.scenario.name());
    match quoted(findings, &starts.representatives, names, Measure::TotalNs) {
        None => format!("{workload}, {scenario}: where the time of a start goes"),
        Some(figures) => format!("{workload}, {scenario}: a start takes {figures}"),
    }
}

/// Medians of cells as headings quote them; of one that fails often, only that it does.
pub(super) fn quoted(
    findings: &Findings,
    ids: &[String],
    names: &Names,
    measure: Measure,
) -> Option<String> {
    let figure = |cell: &&CellFacts| {
        let name = names.name(&cell.cell);
        match cell.answered() {
            Some(answered) if cell.fails_often() => format!("({name}: {answered})"),
            Some(answered) => format!("{} ({name}, {answered})", median(cell, measure)),
            None => format!("{} ({name})", median(cell, measure)),
        }
    };
    let figures: Vec<_> = cells_of(findings, ids).iter().map(figure).collect();
    (!figures.is_empty()).then(|| list(&figures))
}

/// What the marks in a picture mean, as far as there are any.
pub(super) fn marks(family: Option<&Family>) -> String {
    let Some(family) = family else {
        return format!("There is no `{BASELINE}` cell of the same load to compare with.");
    };
    marks_against(family, &format!("`{BASELINE}`"))
}

/// The same of comparisons with something else.
pub(super) fn marks_against(family: &Family, base: &str) -> String {
    let directions = if family.measure.is_rate() {
        "▲ faster, ▼ slower"
    } else if family.measure.is_amount() {
        "▲ more, ▼ less"
    } else {
        "▲ slower, ▼ faster"
    };
    format!(
        "Compared with {base}: {directions}, ≈ indistinguishable, ~ differs within the A/A \
            control, ? inconclusive ({}).",
        family.method()
    )
}

/// Bars of the medians of a measure, under the families of their systems.
pub(super) fn measure_bars(
    findings: &Findings,
    cells: &[&CellFacts],
    names: &Names,
    family: Option<&Family>,
    measure: Measure,
) -> Vec<Bar> {
    let bar = |cell: &&CellFacts| {
        let verdict = family.and_then(|family| family.of_candidate(&cell.id));
        Some(Bar {
            label: names.name(&cell.cell),
            system: cell.cell.system.to_string(),
            group: family_of(findings, cell).label(),
            value: cell.median(measure)?,
            is_lower_bound: cell.is_lower_bound(measure),
            interval: cell.interval(measure).map(pair),
            mark: verdict.map_or("", |verdict| verdict.mark()).to_owned(),
        })
    };
    cells.iter().filter_map(bar).collect()
}

/// The verdict's two fields of a table: ratio and label.
pub(super) fn verdict_fields(family: Option<&Family>, cell: &CellFacts) -> [String; 2] {
    match family.and_then(|family| family.of_candidate(&cell.id)) {
        Some(verdict) => [verdict.ratio_text(), verdict.label()],
        None if cell.system() == BASELINE => ["1".to_owned(), "(baseline)".to_owned()],
        None => [format::NOTHING; 2].map(str::to_owned),
    }
}

fn totals(workload: &str, scenario: &str, cells: &[&CellFacts], family: Option<&Family>) -> Table {
    let names = names(cells);
    let has_pss = cells
        .iter()
        .any(|cell| cell.median(Measure::PssBytes).is_some());
    let (memory, memory_title) = if has_pss {
        (Measure::PssBytes, ">PSS")
    } else {
        (Measure::MaxRssBytes, ">max RSS")
    };
    let columns = [
        "system",
        ">n",
        ">median",
        ">95 % interval",
        ">mean",
        ">of native (95 %)",
        "verdict",
        ">CPU",
        memory_title,
        ">noisy",
    ];
    let title = format!("{workload}, {scenario}: launch → first answer");
    let mut table = Table::new(title, &columns);
    for cell in cells {
        let [ratio, label] = verdict_fields(family, cell);
        let fields = [
            linked(&names, cell),
            cell.counted(),
            median(cell, Measure::TotalNs),
            interval(cell, Measure::TotalNs),
            format::value(cell.mean(Measure::TotalNs), Unit::Nanoseconds),
            ratio,
            label,
            median(cell, Measure::CpuNs),
            median(cell, memory),
            cell.noisy.len().to_string(),
        ];
        table.row_about(workload, &[cell.system()], fields);
    }
    table
}

/// Whole distributions: of each system the cell that stands for it.
fn distributions(
    workload: &str,
    scenario: &str,
    usual: &[&CellFacts],
    names: &Names,
) -> Option<Block> {
    let usual = &usual[..usual.len().min(DISTRIBUTIONS)];
    if usual.len() < 2 {
        return None;
    }
    let steps = |cell: &&CellFacts| {
        let mut values = cell.values(Measure::TotalNs).to_vec();
        values.sort_by(f64::total_cmp);
        Steps {
            label: names.name(&cell.cell),
            system: cell.cell.system.to_string(),
            counted: values.into_iter().map(|value| (value, 1)).collect(),
        }
    };
    let series: Vec<_> = usual.iter().map(steps).collect();
    let title = format!("{workload}, {scenario}: do the distributions of starts overlap?");
    let columns = [
        "system",
        ">n",
        ">least",
        ">quartile",
        ">median",
        ">quartile",
        ">most",
    ];
    let mut table = Table::new(title.clone(), &columns).folded();
    for cell in usual {
        let Some(measured) = cell.measures.get(&Measure::TotalNs) else {
            continue;
        };
        let all = &measured.all;
        let numbers = [all.min, all.q1, all.median, all.q3, all.max];
        let numbers = numbers.map(|ns| Unit::Nanoseconds.shown(ns));
        let head = [linked(names, cell), all.n.to_string()];
        table.row_about(workload, &[cell.system()], head.into_iter().chain(numbers));
    }
    Some(Block::Figure(Figure {
        id: FileName::of(&format!("{workload}-{scenario}-distributions")),
        title,
        caption: "Each step is a start. Of a system with several ways to start, the usual one."
            .to_owned(),
        picture: draw_ecdf(&series, Unit::Nanoseconds, "launch to first answer"),
        table,
        workload: Some(workload.to_owned()),
        systems: systems(usual),
    }))
}

fn waterfalls(findings: &Findings, starts: &Starts) -> Vec<Block> {
    let (workload, scenario) = (&starts.workload, starts.scenario.name());
    let cells = cells_of(findings, &starts.taken_apart);
    let mut blocks = Vec::new();
    if !cells.is_empty() {
        let title = format!("{workload}, {scenario}: where does the time of a start go?");
        let id = format!("{workload}-{scenario}-waterfall");
        blocks.push(Block::Figure(waterfall(findings, &id, title, &cells)));
    }
    blocks
}

/// The phases of a start as segments of a bar.
pub(super) fn segments(cell: &CellFacts) -> Vec<Segment> {
    let phases = cell.counted_phases();
    phases
        .map(|phase| Segment {
            phase: phase.name,
            ns: phase.median_ns,
        })
        .collect()
}

/// Starts of one workload in phases.
pub(super) fn waterfall(
    findings: &Findings,
    id: &str,
    title: String,
    cells: &[&CellFacts],
) -> Figure {
    let names = names(cells);
    let stack = |cell: &&CellFacts| Stack {
        label: names.name(&cell.cell),
        segments: segments(cell),
        total_ns: findings.facts.quoted_median(cell),
    };
    let rows: Vec<_> = cells.iter().map(stack).collect();
    let columns = [
        "start",
        "phase",
        ">median",
        ">95 % interval",
        ">share of the phases",
    ];
    let mut table = Table::new(title.clone(), &columns).folded();
    for cell in cells {
        let sum: f64 = cell.counted_phases().map(|phase| phase.median_ns).sum();
        for phase in cell.counted_phases() {
            let fields = [
                linked(&names, cell),
                format!("`{}`", phase.name),
                Unit::Nanoseconds.shown(phase.median_ns),
                format::ends(phase.interval_ns, Unit::Nanoseconds),
                percent(phase.median_ns / sum),
            ];
            table.row_about(&cell.cell.workload, &[cell.system()], fields);
        }
    }
    Figure {
        id: FileName::of(id),
        title,
        caption: "Medians of the phases of starts that were taken apart, one behind the other; a \
            letter for each phase. The upright line and the number are the median of starts that \
            nothing observed: where it stands before the bar's end, being observed took time."
            .to_owned(),
        picture: draw_overview(&rows),
        table,
        workload: cells.first().map(|cell| cell.cell.workload.to_string()),
        systems: systems(cells),
    }
}
