//! When does a slower start pay? After how many requests, and at what rate of them.

use findings::questions::break_even::{BreakEven, NotAdded, Way};
use findings::units::{Unit, grouped, nanoseconds, three_digits};
use findings::{CellFacts, Findings, Names};
use results::names::FileName;

use super::format::{linked, systems};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Curve, Plane, draw_curves};

/// The section, where starts and warm requests were measured.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    if findings.break_even.is_empty() {
        return None;
    }
    let mut section = Section::new("break-even", title(findings));
    section.question = "Which system";
    section.text(
        "A process costs its start once and its requests as often as they come. Between two \
            systems of which one starts quicker and the other answers quicker there is a number \
            of requests per start at which both have cost the same time: below it the quicker \
            start wins, above it the quicker request. Starts are `warm-disk` (everything \
            prepared and in memory) where measured, requests are `warm`. It is typical costs that are compared, \
            within blocks: what a rare stall adds to the mean cannot be known from so few starts.",
    );
    section.text(
        "What is added up had the same CPUs. Where a system has one core under load and the \
            generator another, its starts here are those on that core (`cpus=one`), and not those \
            of other sections, which had all.",
    );
    for of in &findings.break_even {
        if of.ways.len() > 1 {
            section.blocks.push(Block::Figure(figure(findings, of)));
            section.table(crossings(findings, of));
        }
        section.list(not_added(findings, of));
    }
    section.text(
        "By rate: requests that arrive independently of each other at a rate r keep an instance \
            alive until a gap is longer than its idle timeout T; it then serves e^(rT) requests \
            per start on average. The rate stated is that from which on the slower start pays.",
    );
    Some(section)
}

/// What is not added up, and why.
fn not_added(findings: &Findings, of: &BreakEven) -> Vec<String> {
    let ids: Vec<String> = of.not_added.iter().map(|it| it.start.clone()).collect();
    let cells = super::cells_of(findings, &ids);
    let names = Names::new(cells.iter().map(|cell| &cell.cell));
    let sentence = |(it, cell): (&NotAdded, &&CellFacts)| {
        format!(
            "{}, {}: start and request are not added up ({}).",
            of.workload,
            linked(&names, cell),
            it.words()
        )
    };
    of.not_added.iter().zip(&cells).map(sentence).collect()
}

fn title(findings: &Findings) -> String {
    let system = |id: &str| {
        let cell = findings.facts.cell(id);
        cell.map(|cell| cell.cell.system.clone())
    };
    let claim = findings.break_even.iter().find_map(|of| {
        let pays = of.crossings.get(of.headline?).filter(|it| it.is_certain)?;
        let (wasm, container) = system(&pays.baseline[0]).zip(system(&pays.candidate[0]))?;
        Some(format!(
            "When does Wasm pay? For {}, {wasm} beats {container} up to {} requests per start",
            of.workload,
            number(pays.requests)
        ))
    });
    claim.unwrap_or_else(|| {
        "When does Wasm pay? How many requests make up for a slower start".to_owned()
    })
}

/// A number of requests: nobody sends a part of one.
fn number(requests: f64) -> String {
    if requests < 1e9 {
        grouped(requests.ceil())
    } else {
        format!("{requests:.1e}")
    }
}

fn figure(findings: &Findings, of: &BreakEven) -> Figure {
    let ids: Vec<String> = of.ways.iter().map(|way| way.start.clone()).collect();
    let cells = super::cells_of(findings, &ids);
    let names = Names::new(cells.iter().map(|cell| &cell.cell));
    let workload = &of.workload;
    let title = format!("{workload}: what does a request cost, its share of the start included?");
    let columns = [
        "system",
        ">start (median)",
        ">request (median of means)",
        ">1 request per start",
        ">100",
        ">10,000",
        ">1,000,000",
    ];
    let mut table = Table::new(title.clone(), &columns);
    let mut series = Vec::new();
    for (way, cell) in of.ways.iter().zip(&cells) {
        let each = |requests: f64| each_request(way, requests);
        let head = [
            linked(&names, cell),
            nanoseconds(way.start_ns),
            nanoseconds(way.request_ns),
        ];
        let counts = [1.0, 100.0, 1e4, 1e6].map(|requests| nanoseconds(each(requests)));
        table.row_about(workload, &[cell.system()], head.into_iter().chain(counts));
        let counts = (0..=12).map(|half| 10_f64.powf(f64::from(half) / 2.0));
        series.push(Curve {
            label: names.name(&cell.cell),
            system: cell.cell.system.to_string(),
            points: counts.map(|n| (n, each(n), None)).collect(),
            is_reference: false,
        });
    }
    Figure {
        id: FileName::of(&format!("{workload}-break-even")),
        title,
        caption: "Where two curves cross, both have cost the same. Drawn from medians; the table \
            of pairs has the crossings within blocks, with their intervals."
            .to_owned(),
        picture: draw_curves(
            &series,
            &Plane {
                x: ("requests per start", Unit::Count),
                y: ("time per request", Unit::Nanoseconds),
                log_x: true,
                log_y: true,
            },
        ),
        table,
        workload: Some(workload.to_string()),
        systems: systems(&cells),
    }
}

fn each_request(way: &Way, requests: f64) -> f64 {
    way.start_ns / requests + way.request_ns
}

fn crossings(findings: &Findings, of: &BreakEven) -> Table {
    let ids: Vec<String> = of
        .crossings
        .iter()
        .flat_map(|pays| [pays.candidate[0].clone(), pays.baseline[0].clone()])
        .collect();
    let cells = super::cells_of(findings, &ids);
    let names = Names::new(cells.iter().map(|cell| &cell.cell));
    let columns = [
        "quicker start",
        "quicker request",
        ">pays from … requests per start",
        ">95 % interval",
        ">or from (idle 10 s)",
        ">(60 s)",
        ">(600 s)",
    ];
    let title = format!(
        "{}: pairs in which the slower start answers quicker",
        of.workload
    );
    let mut table = Table::new(title, &columns);
    for pays in &of.crossings {
        let facts = &findings.facts;
        let both = facts
            .cell(&pays.baseline[0])
            .zip(facts.cell(&pays.candidate[0]));
        let Some((quick, slow)) = both else { continue };
        let range = pays.answer.interval.map_or_else(
            || format!("n = {}: none", pays.answer.n),
            |it| {
                let high = it.high.map_or_else(|| "never".to_owned(), number);
                format!("{}–{high}", number(it.low))
            },
        );
        let head = [
            linked(&names, quick),
            linked(&names, slow),
            number(pays.requests),
            range,
        ];
        let rates = pays.rates.iter().map(|(_, rate)| rate_text(*rate));
        let systems = [quick.system(), slow.system()];
        table.row_about(&of.workload, &systems, head.into_iter().chain(rates));
    }
    table
}

/// A rate in the unit that makes it readable.
fn rate_text(per_second: f64) -> String {
    if per_second >= 1.0 {
        format!("{}/s", three_digits(per_second))
    } else if per_second * 60.0 >= 1.0 {
        format!("{}/min", three_digits(per_second * 60.0))
    } else {
        format!("{}/h", three_digits(per_second * 3600.0))
    }
}
