//! What one thing changes: a firewall, a network in between, pages out of the cache, a request that
//! changes state.

use std::collections::BTreeMap;

use results::Cell;
use serde::Serialize;

use super::analysis::Analysis;
use super::contrasts::{self, Family, ratio, word};
use super::facts::{CellFacts, Measure};
use super::naming::{Names, is_headline, is_twin, param, without};
use super::words::{interval, median};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Curve, Plane, Unit, curves};
use findings::statistics::Verdict;
use findings::units::percent;

/// Cells that differ in one thing only, each judged against the one without it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variation {
    /// What differs.
    pub of: &'static str,
    /// The scenario.
    pub scenario: String,
    /// The verdicts.
    pub family: Family,
}

/// A thing that may differ: its name, the parameters that tell it, and a question.
const THINGS: [(&str, &[&str], &str); 5] = [
    ("firewall", &["firewall"], "What does a firewall cost?"),
    (
        "path",
        &["path", "delay_ms"],
        "What does a network between client and service change?",
    ),
    ("state", &[], "What does it cost to keep state?"),
    (
        "page-cache",
        &["page_cache"],
        "What does it cost when pages are not in memory?",
    ),
    (
        "without",
        &["without"],
        "What does a start save by leaving work out?",
    ),
];

/// The workloads that differ in keeping state only.
const STATE: (&str, &str) = ("http-state", "http-hello");

/// The things of systems' own parameters that stand for "without it".
fn is_without(cell: &Cell, of: &str) -> bool {
    match of {
        "state" => cell.workload == STATE.1,
        "page-cache" => param(cell, "page_cache").is_none_or(|value| value == "hot"),
        "without" => !cell.params.contains_key("without"),
        "firewall" => param(cell, "firewall").is_none_or(|value| value == "off"),
        _ => param(cell, "path").is_none_or(|value| value == "loopback"),
    }
}

/// What is left of a cell when the thing is taken away.
fn rest(cell: &Cell, of: &str, keys: &[&str]) -> Cell {
    let mut rest = without(cell, keys);
    if of == "state" && rest.workload == STATE.0 {
        rest.workload = STATE.1.into();
    }
    rest
}

/// What each scenario is compared by.
fn measure(scenario: &str) -> Measure {
    match scenario {
        "warm" => Measure::P50Ns,
        "throughput" | "scaling" => Measure::PerSecond,
        _ => Measure::TotalNs,
    }
}

/// Every thing that varies in the run.
pub(crate) fn numbers(analysis: &Analysis) -> Vec<Variation> {
    let mut variations = Vec::new();
    for (of, keys, _) in THINGS {
        let shown = |cell: &&CellFacts| {
            is_headline(&cell.cell) && !is_twin(&cell.cell) && !cell.orders.is_empty()
        };
        let relevant = |cell: &&CellFacts| {
            of != "state" || [STATE.0, STATE.1].contains(&cell.cell.workload.as_str())
        };
        let mut groups: BTreeMap<Cell, Vec<&CellFacts>> = BTreeMap::new();
        for cell in analysis.cells.iter().filter(shown).filter(relevant) {
            groups
                .entry(rest(&cell.cell, of, keys))
                .or_default()
                .push(cell);
        }
        let mut pairs: BTreeMap<&str, Vec<(&CellFacts, &CellFacts)>> = BTreeMap::new();
        for group in groups.values() {
            let Some(base) = group.iter().find(|cell| is_without(&cell.cell, of)) else {
                continue;
            };
            for cell in group.iter().filter(|cell| !is_without(&cell.cell, of)) {
                pairs
                    .entry(cell.cell.scenario.name())
                    .or_default()
                    .push((cell, base));
            }
        }
        for (scenario, pairs) in pairs {
            let measure = measure(scenario);
            let floor = analysis.floor(scenario, measure);
            let name = format!("{of} {scenario}");
            if let Some(family) =
                contrasts::family_unless(name, measure, &pairs, floor, |with, _| obstacle(of, with))
            {
                variations.push(Variation {
                    of,
                    scenario: scenario.to_owned(),
                    family,
                });
            }
        }
    }
    variations
}

/// Why a pair differs in more than the thing.
fn obstacle(of: &str, with: &CellFacts) -> Option<&'static str> {
    // Asked again and again, a host that makes an instance for each request does other work than
    // one that keeps one. A guest that is a server itself has one instance either way.
    let keeps_one = with
        .keeps
        .as_deref()
        .is_some_and(|keeps| keeps.contains("takes all requests"));
    (of == "state" && keeps_one && !with.cell.scenario.starts()).then_some(
        "with state one instance takes all requests, without it each request has an instance of \
            its own",
    )
}

/// A section for each thing.
pub(crate) fn tell(analysis: &Analysis) -> Vec<Section> {
    THINGS
        .iter()
        .filter_map(|(of, _, question)| section(analysis, of, question))
        .collect()
}

fn section(analysis: &Analysis, of: &str, question: &str) -> Option<Section> {
    let some: Vec<_> = analysis
        .variations
        .iter()
        .filter(|variation| variation.of == of)
        .collect();
    let members = || some.iter().flat_map(|variation| &variation.family.members);
    members().next()?;
    // Only what is told from noise is an effect.
    let told = members()
        .filter(|member| matches!(member.decision.verdict, Verdict::Faster | Verdict::Slower));
    let ratios = told.filter_map(|member| Some(member.decision.contrast.as_ref()?.ratio.estimate));
    let (least, most) = ratios.fold((f64::INFINITY, 0.0_f64), |(least, most), ratio| {
        (least.min(ratio), most.max(ratio))
    });
    let signed = |ratio: f64| {
        format!(
            "{}{}",
            if ratio >= 1.0 { "+" } else { "" },
            percent(ratio - 1.0)
        )
    };
    let found = if !least.is_finite() {
        "Nothing that this run can tell from noise".to_owned()
    } else if least < most {
        format!(
            "From {} to {} of the time, where it can be told from noise",
            signed(least),
            signed(most)
        )
    } else {
        format!(
            "{} of the time, in the one case that can be told from noise",
            signed(most)
        )
    };
    let mut section = Section::new(of, format!("{question} {found}"));
    section.text(match of {
        "firewall" => {
            "The same cells with a firewall in the request's way and without one. Of rates, what \
                is compared is time per request."
        }
        "path" => {
            "The same cells over a pair of virtual network interfaces, with and without delay, \
                and over the loopback."
        }
        "page-cache" => {
            "The same starts with the artifact's pages in the page cache, and with all of them \
                out of it."
        }
        "without" => {
            "The same starts with everything, and with one piece of work left out: less than 1 is \
                what that piece costs."
        }
        _ => {
            "The same systems with a request that changes what the server keeps (`http-state`) \
                and with one that does not (`http-hello`)."
        }
    });
    for variation in some {
        section
            .blocks
            .extend(curve(analysis, variation).map(Block::Figure));
        section.table(table(analysis, variation));
    }
    Some(section)
}

fn table(analysis: &Analysis, variation: &Variation) -> Table {
    let Family {
        measure, members, ..
    } = &variation.family;
    let cells = members
        .iter()
        .flat_map(|m| [&m.candidate, &m.baseline])
        .filter_map(|id| analysis.cell(id));
    let names = Names::of(cells.map(|cell| &cell.cell));
    let columns = [
        "with",
        "workload",
        ">median",
        ">95 % interval",
        ">without",
        ">95 % interval",
        ">cost (95 %)",
        "verdict",
    ];
    let mut table = Table::new(
        format!(
            "{}, {}: `{}`",
            variation.of,
            variation.scenario,
            measure.name()
        ),
        &columns,
    );
    for member in members {
        let (Some(with), Some(without)) = (
            analysis.cell(&member.candidate),
            analysis.cell(&member.baseline),
        ) else {
            continue;
        };
        table.row([
            super::words::linked(&names, with),
            with.cell.workload.to_string(),
            median(with, *measure),
            interval(with, *measure),
            format!("[{}](#{})", median(without, *measure), without.id),
            interval(without, *measure),
            ratio(&member.decision),
            word(&member.decision.verdict, *measure),
        ]);
    }
    table
}

/// The number of rules of a firewall; none is zero.
fn rules(cell: &Cell) -> Option<f64> {
    match param(cell, "firewall") {
        None | Some("off") => Some(0.0),
        Some(value) => value.strip_prefix("rules:")?.parse().ok(),
    }
}

/// The effect over the number of rules, where there are at least two of them.
fn curve(analysis: &Analysis, variation: &Variation) -> Option<Figure> {
    if variation.of != "firewall" {
        return None;
    }
    let measure = variation.family.measure;
    let mut groups: BTreeMap<&str, Vec<&CellFacts>> = BTreeMap::new();
    for member in &variation.family.members {
        groups
            .entry(&member.baseline)
            .or_default()
            .extend(analysis.cell(&member.candidate));
    }
    let bases: Vec<_> = groups.keys().filter_map(|id| analysis.cell(id)).collect();
    let names = Names::of(bases.iter().map(|cell| &cell.cell));
    let several = bases
        .iter()
        .any(|cell| cell.cell.workload != bases[0].cell.workload);
    let curve = |base: &&CellFacts| {
        let members = groups[base.id.as_str()].iter().copied().chain([*base]);
        let point = |cell: &CellFacts| {
            Some((
                rules(&cell.cell)?,
                cell.median(measure)?,
                cell.interval(measure),
            ))
        };
        let mut points: Vec<_> = members.filter_map(point).collect();
        points.sort_by(|one, two| one.0.total_cmp(&two.0));
        let name = names.name(&base.cell);
        let label = if several {
            format!("{name}, {}", base.cell.workload)
        } else {
            name
        };
        Curve {
            label,
            system: base.cell.system.to_string(),
            points,
            is_reference: false,
        }
    };
    let series: Vec<_> = bases
        .iter()
        .map(curve)
        .filter(|curve| curve.points.len() > 2)
        .collect();
    if series.is_empty() {
        return None;
    }
    let title = format!(
        "{}: how does a firewall's cost grow with its rules?",
        variation.scenario
    );
    let mut table = Table::new(
        title.clone(),
        &["system", ">rules", ">median", ">95 % interval"],
    )
    .folded();
    for one in &series {
        for (rules, value, ends) in &one.points {
            let ends = ends.map_or_else(
                || "–".to_owned(),
                |ends| super::words::span(ends, measure.unit()),
            );
            table.row([
                one.label.clone(),
                Unit::Count.shown(*rules),
                measure.unit().shown(*value),
                ends,
            ]);
        }
    }
    let what = if measure == Measure::PerSecond {
        "right answers per second"
    } else {
        "median time"
    };
    let plane = Plane {
        x: ("rules in the request's way", Unit::Count),
        y: (what, measure.unit()),
        log_x: false,
        log_y: false,
    };
    Some(Figure {
        id: format!("firewall-{}", variation.scenario),
        title,
        caption: "No rule at the left is the same cell without a firewall. Medians with 95 % \
            intervals."
            .to_owned(),
        picture: curves(&series, &plane),
        table,
        workload: None,
        systems: Vec::new(),
    })
}
