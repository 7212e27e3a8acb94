//! Starts: how long each takes, against the native program, and where the time goes.

use super::analysis::{Analysis, BASE};
use super::contrasts::{Family, mark, ratio, word};
use super::facts::{CellFacts, Measure};
use super::naming::{Names, is_headline, is_plain, is_twin, unwatched};
use super::words::{by, interval, linked, median};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Bar, Segment, Stack, Steps, Unit, bars, draw_overview, ecdf};

/// The scenarios that are starts.
pub(crate) const STARTS: [&str; 2] = ["cold", "runtime-cold"];

/// What the names of scenarios stand for.
pub(crate) fn meaning(scenario: &str) -> &'static str {
    match scenario {
        "cold" => {
            "nothing prepared beyond the built artifact: compile caches empty, its pages out of \
                the page cache"
        }
        "runtime-cold" => "a new process; image, module or compiled code is on disk and in memory",
        "warm" => "one request at a time at an instance that runs",
        "throughput" => "several connections at once at an instance that runs",
        _ => "",
    }
}

/// More distributions than this cannot be told apart in one picture.
const DISTRIBUTIONS: usize = 10;

/// All sections on starts.
pub(crate) fn tell(analysis: &Analysis) -> Vec<Section> {
    let mut sections = Vec::new();
    for scenario in STARTS {
        for workload in analysis.workloads() {
            let mut cells = analysis.shown(workload, scenario);
            cells.retain(|cell| cell.median(Measure::TotalNs).is_some());
            if !cells.is_empty() {
                by(&mut cells, Measure::TotalNs);
                sections.push(section(analysis, workload, scenario, &cells));
            }
        }
    }
    sections
}

fn section(analysis: &Analysis, workload: &str, scenario: &str, cells: &[&CellFacts]) -> Section {
    let names = Names::of(cells.iter().map(|cell| &cell.cell));
    let mut section = Section::new(
        &format!("{workload}-{scenario}"),
        title(workload, scenario, cells, &names),
    );
    section.workload = Some(workload.to_owned());
    section.text(format!(
        "`{scenario}`: {}. From the launch to the first complete, checked answer (of a command: \
            to its end). {}{}",
        meaning(scenario),
        if cells
            .iter()
            .any(|cell| cell.cell.params.contains_key("observer"))
        {
            "Nothing watched these starts."
        } else {
            "These starts told of their phases themselves."
        },
        names.unsaid(),
    ));
    let family = analysis.family(workload, scenario, Measure::TotalNs);
    section.blocks.push(Block::Figure(Figure {
        id: format!("{workload}-{scenario}-totals"),
        title: format!("How long does a {scenario} start of {workload} take?"),
        caption: format!("Medians with their 95 % intervals. {}", marks(family)),
        picture: bars(
            &total_bars(cells, &names, family),
            Unit::Nanoseconds,
            "launch to first answer, median",
        ),
        table: totals(analysis, workload, scenario, cells, &names),
        workload: None,
        systems: Vec::new(),
    }));
    section
        .blocks
        .extend(distributions(workload, scenario, cells, &names));
    section
        .blocks
        .extend(waterfalls(analysis, workload, scenario));
    section
}

/// What was found, as a heading.
fn title(workload: &str, scenario: &str, cells: &[&CellFacts], names: &Names) -> String {
    let told = |cell: &CellFacts| {
        format!(
            "{} ({})",
            median(cell, Measure::TotalNs),
            names.name(&cell.cell)
        )
    };
    match cells {
        [] => format!("{workload}, {scenario}: nothing measured"),
        [only] => format!("{workload}, {scenario}: a start takes {}", told(only)),
        [first, .., last] => format!(
            "{workload}, {scenario}: a start takes from {} to {}",
            told(first),
            told(last)
        ),
    }
}

/// What the marks in a picture mean, as far as there are any.
pub(crate) fn marks(family: Option<&Family>) -> String {
    let Some(family) = family else {
        return format!("There is no `{BASE}` cell of the same load to compare with.");
    };
    let floor = family.policy.floor.map_or_else(
        || "there was no A/A control of this measure".to_owned(),
        |floor| format!("the A/A floor is {}", findings::units::percent(floor)),
    );
    format!(
        "Compared with `{BASE}`: {}, ≈ indistinguishable, ? too few samples to say (Mann–Whitney, \
            Holm-corrected over {} comparisons; a difference counts beyond {}, and {floor}).",
        if family.measure == Measure::PerSecond {
            "▲ faster, ▼ slower"
        } else {
            "▲ more, ▼ less"
        },
        family.members.len(),
        findings::units::percent(family.policy.threshold),
    )
}

fn total_bars(cells: &[&CellFacts], names: &Names, family: Option<&Family>) -> Vec<Bar> {
    measure_bars(cells, names, family, Measure::TotalNs)
}

/// Bars of the medians of a measure.
pub(crate) fn measure_bars(
    cells: &[&CellFacts],
    names: &Names,
    family: Option<&Family>,
    measure: Measure,
) -> Vec<Bar> {
    let bar = |cell: &&CellFacts| {
        let said = family.and_then(|family| family.of(&cell.id));
        Some(Bar {
            label: names.name(&cell.cell),
            system: cell.cell.system.to_string(),
            value: cell.median(measure)?,
            interval: cell.interval(measure),
            mark: said
                .map_or("", |member| mark(&member.decision.verdict, measure))
                .to_owned(),
        })
    };
    cells.iter().filter_map(bar).collect()
}

/// The verdict's two fields of a table: ratio and word.
pub(crate) fn verdict_fields(
    family: Option<&Family>,
    cell: &CellFacts,
    measure: Measure,
) -> [String; 2] {
    match family.and_then(|family| family.of(&cell.id)) {
        Some(member) => [
            ratio(&member.decision),
            word(&member.decision.verdict, measure),
        ],
        None if cell.cell.system == BASE => ["1".to_owned(), "(baseline)".to_owned()],
        None => ["–".to_owned(), "–".to_owned()],
    }
}

fn totals(
    analysis: &Analysis,
    workload: &str,
    scenario: &str,
    cells: &[&CellFacts],
    names: &Names,
) -> Table {
    let family = analysis.family(workload, scenario, Measure::TotalNs);
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
    let mut table = Table::new(
        format!("{workload}, {scenario}: launch → first answer"),
        &columns,
    );
    for cell in cells {
        let mean = cell
            .measures
            .get(&Measure::TotalNs)
            .map(|measured| measured.all.mean);
        let [ratio, word] = verdict_fields(family, cell, Measure::TotalNs);
        table.row([
            linked(names, cell),
            cell.orders.len().to_string(),
            median(cell, Measure::TotalNs),
            interval(cell, Measure::TotalNs),
            super::words::shown(mean, Unit::Nanoseconds),
            ratio,
            word,
            median(cell, Measure::CpuNs),
            median(cell, memory),
            cell.noisy.len().to_string(),
        ]);
    }
    table
}

/// Whole distributions: of each system the cell that starts quickest.
fn distributions(
    workload: &str,
    scenario: &str,
    cells: &[&CellFacts],
    names: &Names,
) -> Option<Block> {
    let mut of_system: Vec<&CellFacts> = Vec::new();
    for cell in cells {
        if !of_system
            .iter()
            .any(|known| known.cell.system == cell.cell.system)
        {
            of_system.push(cell);
        }
    }
    of_system.truncate(DISTRIBUTIONS);
    let steps = |cell: &&CellFacts| {
        let mut values = cell.values(Measure::TotalNs).to_vec();
        values.sort_by(f64::total_cmp);
        let counted = values.into_iter().map(|value| (value, 1)).collect();
        Steps {
            label: names.name(&cell.cell),
            system: cell.cell.system.to_string(),
            counted,
        }
    };
    let series: Vec<_> = of_system.iter().map(steps).collect();
    (series.len() > 1).then(|| {
        let title = format!("{workload}, {scenario}: do the distributions of starts overlap?");
        let mut table = Table::new(
            title.clone(),
            &[
                "system",
                ">n",
                ">least",
                ">quartile",
                ">median",
                ">quartile",
                ">most",
            ],
        )
        .folded();
        for cell in &of_system {
            let Some(measured) = cell.measures.get(&Measure::TotalNs) else {
                continue;
            };
            let all = &measured.all;
            let numbers = [all.min, all.q1, all.median, all.q3, all.max]
                .map(|ns| Unit::Nanoseconds.shown(ns));
            table.row(
                [linked(names, cell), all.n.to_string()]
                    .into_iter()
                    .chain(numbers),
            );
        }
        Block::Figure(Figure {
            id: format!("{workload}-{scenario}-distributions"),
            title,
            caption: "Each step is a start. Of a system with several ways to start, the quickest."
                .to_owned(),
            picture: ecdf(&series, Unit::Nanoseconds, "launch to first answer"),
            table,
            workload: None,
            systems: Vec::new(),
        })
    })
}

/// Starts that were taken apart, each once: what a program tells of itself is finer than what is
/// seen from outside.
pub(crate) fn taken_apart<'a>(
    analysis: &'a Analysis,
    workload: &'a str,
    scenario: &'a str,
) -> Vec<&'a CellFacts> {
    let fits =
        |cell: &&CellFacts| cell.is_taken_apart() && !is_twin(&cell.cell) && is_plain(&cell.cell);
    let mut found: Vec<&CellFacts> = Vec::new();
    for cell in analysis.group(workload, scenario).filter(fits) {
        let same = found
            .iter()
            .position(|known| unwatched(&known.cell) == unwatched(&cell.cell));
        match same {
            Some(at) if super::naming::param(&cell.cell, "observer") == Some("own") => {
                found[at] = cell
            }
            Some(_) => {}
            None => found.push(cell),
        }
    }
    // By the totals that are quoted: those of starts that nothing watched, where there are such.
    let key = |cell: &CellFacts| {
        alone(analysis, cell)
            .or(cell.median(Measure::TotalNs))
            .unwrap_or(f64::INFINITY)
    };
    found.sort_by(|one, two| {
        key(one)
            .total_cmp(&key(two))
            .then_with(|| one.cell.cmp(&two.cell))
    });
    found
}

/// The median of the same starts while nothing watches them; nothing if these are those.
fn alone(analysis: &Analysis, cell: &CellFacts) -> Option<f64> {
    if is_headline(&cell.cell) {
        None
    } else {
        analysis
            .find(&unwatched(&cell.cell))?
            .median(Measure::TotalNs)
    }
}

/// The picture that the report opens with: every start of the workload and the scenario of which
/// most were taken apart.
pub(crate) fn opening(analysis: &Analysis) -> Option<Block> {
    let mut most: Option<(&str, &str, Vec<&CellFacts>)> = None;
    for scenario in STARTS {
        for workload in analysis.workloads() {
            let cells = taken_apart(analysis, workload, scenario);
            if cells.len() > most.as_ref().map_or(1, |(.., known)| known.len()) {
                most = Some((workload, scenario, cells));
            }
        }
    }
    let (workload, scenario, cells) = most?;
    let title = format!("Where does a {scenario} start of {workload} go, on every system?");
    Some(waterfall(analysis, "overview", title, &cells))
}

fn waterfalls(analysis: &Analysis, workload: &str, scenario: &str) -> Vec<Block> {
    let cells = taken_apart(analysis, workload, scenario);
    let mut blocks = Vec::new();
    if !cells.is_empty() {
        let title = format!("{workload}, {scenario}: where does the time of a start go?");
        let id = format!("{workload}-{scenario}-waterfall");
        blocks.push(waterfall(analysis, &id, title, &cells));
    }
    blocks
}

fn waterfall(analysis: &Analysis, id: &str, title: String, cells: &[&CellFacts]) -> Block {
    let names = Names::of(cells.iter().map(|cell| &cell.cell));
    let counted = |cell: &CellFacts| -> Vec<Segment> {
        let phases = cell.phases.iter().filter(|phase| phase.name.counts());
        phases
            .map(|phase| Segment {
                phase: phase.name,
                ns: phase.median_ns,
            })
            .collect()
    };
    let stack = |cell: &&CellFacts| Stack {
        label: names.name(&cell.cell),
        segments: counted(cell),
        total_ns: alone(analysis, cell).or(cell.median(Measure::TotalNs)),
    };
    let rows: Vec<_> = cells.iter().map(stack).collect();
    let mut table = Table::new(
        title.clone(),
        &[
            "start",
            "phase",
            ">median",
            ">95 % interval",
            ">share of the phases",
        ],
    )
    .folded();
    for cell in cells {
        let sum: f64 = counted(cell).iter().map(|segment| segment.ns).sum();
        for phase in cell.phases.iter().filter(|phase| phase.name.counts()) {
            table.row([
                linked(&names, cell),
                format!("`{}`", phase.name),
                Unit::Nanoseconds.shown(phase.median_ns),
                phase.interval_ns.map_or_else(
                    || "–".to_owned(),
                    |ends| super::words::span(ends, Unit::Nanoseconds),
                ),
                findings::units::percent(phase.median_ns / sum),
            ]);
        }
    }
    Block::Figure(Figure {
        id: id.to_owned(),
        title,
        caption: "Medians of the phases of starts that were taken apart, one behind the other; a \
            letter for each phase. The upright line and the number are the median of starts that \
            nothing watched: where it stands before the bar's end, being watched took time."
            .to_owned(),
        picture: draw_overview(&rows),
        table,
        workload: None,
        systems: Vec::new(),
    })
}
