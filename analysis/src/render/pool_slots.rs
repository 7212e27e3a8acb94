//! What a pool costs a start, over its slots.

use findings::comparison::signed;
use findings::questions::pool_slots::PoolSlots;
use findings::units::{Unit, nanoseconds};
use findings::{CellFacts, Findings, Measure, Names};
use results::names::FileName;

use super::format::{ends, interval, linked, median, pair};
use super::starts::verdict_fields;
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Curve, Plane, draw_curves};

/// The section, where some start was measured with several numbers of slots.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    let all = &findings.pool_slots;
    let mut section = Section::new("pool-slots", title(all.first()?));
    section.question = "Starts";
    section.text(
        "A pool reserves its slots when its engine is made, whether or not they are ever used: what \
            a pool costs a start is the cost of so many. The dotted lines are fits by weighted least \
            squares through all starts; their slope is what one more slot costs.",
    );
    for of in all {
        section.blocks.push(Block::Figure(figure(findings, of)));
    }
    Some(section)
}

fn title(first: &PoolSlots) -> String {
    let workload = &first.cell.workload;
    let slope = first.fit.and_then(|fit| {
        // Only a slope that is surely above zero is a cost.
        fit.slope_interval.filter(|it| it.low > 0.0)?;
        Some(fit.slope)
    });
    match slope {
        Some(slope) => format!(
            "Pools: 100 slots more cost a start of {workload} {}",
            nanoseconds(slope * 100.0)
        ),
        None => format!("Pools: what do slots cost a start of {workload}?"),
    }
}

fn steps<'a>(
    findings: &'a Findings,
    of: &'a PoolSlots,
) -> impl Iterator<Item = (u64, &'a CellFacts)> {
    let steps = of.steps.iter();
    steps.filter_map(|(slots, id)| Some((*slots, findings.facts.cell(id)?)))
}

fn figure(findings: &Findings, of: &PoolSlots) -> Figure {
    let (workload, scenario) = (&of.cell.workload, of.cell.scenario.name());
    let names = Names::new([&of.cell]);
    let measure = Measure::TotalNs;
    let point = |(slots, cell): (u64, &CellFacts)| {
        let value = cell.median(measure)?;
        Some((slots as f64, value, cell.interval(measure).map(pair)))
    };
    let system = of.cell.system.to_string();
    let mut series = vec![Curve {
        label: names.name(&of.cell),
        system: system.clone(),
        points: steps(findings, of).filter_map(point).collect(),
        is_reference: false,
    }];
    if let Some(fit) = of.fit {
        let predicted = |(slots, _): &(u64, String)| {
            let n = *slots as f64;
            (n, (fit.intercept + fit.slope * n).max(0.0), None)
        };
        series.push(Curve {
            label: String::new(),
            system: system.clone(),
            points: of.steps.iter().map(predicted).collect(),
            is_reference: true,
        });
    }
    let title = format!("{workload}, {scenario}: what does a pool cost a start, over its slots?");
    Figure {
        id: FileName::of(&format!("{workload}-{scenario}-{system}-pool-slots")),
        title: title.clone(),
        caption: "Medians of whole starts with 95 % intervals; dotted, the fitted line.".to_owned(),
        picture: draw_curves(
            &series,
            &Plane {
                x: ("slots", Unit::Count),
                y: ("start, median", Unit::Nanoseconds),
                log_x: true,
                log_y: false,
            },
        ),
        table: table(findings, of, &title),
        workload: Some(workload.to_string()),
        systems: vec![system],
    }
}

fn table(findings: &Findings, of: &PoolSlots, title: &str) -> Table {
    let columns = [
        "slots",
        ">n",
        ">start",
        ">95 % interval",
        ">engine",
        ">of the start without a pool (95 %)",
        "verdict",
        ">PSS",
    ];
    let slope = of.fit.map(|fit| {
        format!(
            "; one more slot costs {} ({})",
            signed(fit.slope, Unit::Nanoseconds),
            ends(fit.slope_interval, Unit::Nanoseconds)
        )
    });
    let title = format!("{title}{}", slope.unwrap_or_default());
    let mut table = Table::new(title, &columns);
    let unpooled = of.unpooled.as_ref();
    let unpooled = unpooled.and_then(|id| findings.facts.cell(id));
    let names = Names::new(unpooled.iter().map(|cell| &cell.cell));
    let row = |name: String, cell: &CellFacts| {
        let [ratio, label] = verdict_fields(of.family.as_ref(), cell);
        let engine = cell.phase(results::Phase::Engine);
        [
            name,
            cell.counted(),
            median(cell, Measure::TotalNs),
            interval(cell, Measure::TotalNs),
            super::format::value(engine.map(|it| it.median_ns), Unit::Nanoseconds),
            ratio,
            label,
            median(cell, Measure::PssBytes),
        ]
    };
    if let Some(cell) = unpooled {
        let name = format!("no pool: {}", linked(&names, cell));
        table.row_about(&of.cell.workload, &[cell.system()], row(name, cell));
    }
    for (slots, cell) in steps(findings, of) {
        let name = format!("[{slots}](#{})", cell.id);
        table.row_about(&of.cell.workload, &[cell.system()], row(name, cell));
    }
    table
}
