//! What one thing changes: a firewall, a network path, kept state, the page cache, left-out work.

use results::names::FileName;
use std::collections::BTreeMap;

use findings::comparison::Family;
use findings::questions::factors::{Factor, Variation};
use findings::questions::network_path::NetworkPath;
use findings::units::{Unit, nanoseconds};
use findings::{CellFacts, Findings, Measure, Names};
use results::{Cell, Param};

use super::format::{count, interval, linked, median, names, or_dash, pair, span};
use crate::document::{Block, Figure, Section, Table, literal};
use crate::plot::{Curve, Plane, draw_curves};

/// A section for each factor that varies.
pub(super) fn render(findings: &Findings) -> Vec<Section> {
    let factors = Factor::ALL.into_iter();
    factors
        .filter_map(|factor| section(findings, factor))
        .collect()
}

const fn question(factor: Factor) -> &'static str {
    match factor {
        Factor::Firewall => "What does a firewall cost?",
        Factor::Path => "What does a network between client and service change?",
        Factor::State => "What does it cost to keep state?",
        Factor::PageCache => "What does it cost when pages are not in memory?",
        Factor::Without => "What does a start save by leaving work out?",
    }
}

const fn explanation(factor: Factor) -> &'static str {
    match factor {
        Factor::Firewall => {
            "The same cells with a firewall in the request's way and without one. Of rates, what \
                is compared is time per request."
        }
        Factor::Path => {
            "The same cells over a pair of virtual network interfaces, with and without delay, \
                and over the loopback."
        }
        Factor::PageCache => {
            "The same starts with everything in the page cache, and with pages out of it: \
                `evicted` is the artifact's, `disk-cold` those of the system too."
        }
        Factor::Without => {
            "The same starts with everything, and with one piece of work left out: less than 1 is \
                what that piece costs."
        }
        Factor::State => {
            "The same systems with a request that changes what the server keeps (`http-state`) \
                and with one that does not (`http-hello`)."
        }
    }
}

fn section(findings: &Findings, factor: Factor) -> Option<Section> {
    let of_factor = |it: &&Variation| it.factor == factor;
    let some: Vec<_> = findings.variations.iter().filter(of_factor).collect();
    if some.is_empty() {
        return None;
    }
    let title = format!("{} {}", question(factor), effect(&some));
    let mut section = Section::new(factor.name(), title);
    section.question = "Factors";
    section.text(explanation(factor));
    for variation in some {
        if factor == Factor::Firewall {
            let curve = curve(findings, variation);
            section.blocks.extend(curve.map(Block::Figure));
        }
        section.table(table(findings, variation));
    }
    match factor {
        Factor::Path => {
            let path = findings.network_path.as_ref();
            section
                .blocks
                .extend(path.map(|path| Block::Table(against_native(findings, path))));
        }
        Factor::State => state(findings, &mut section),
        Factor::Firewall | Factor::PageCache | Factor::Without => {}
    }
    Some(section)
}

/// In how many comparisons it is a difference, as a clause. No range of these: what stands out from
/// noise is on the large side by luck too, and the table has all of them.
fn effect(of: &[&Variation]) -> String {
    let members = of.iter().flat_map(|it| &it.family.members);
    let all = members.clone().count();
    match members.filter(|member| member.is_difference()).count() {
        0 => "Nothing that is distinguishable from noise in this run".to_owned(),
        some => format!(
            "A difference in {some} of {}",
            count(all as u64, "comparison")
        ),
    }
}

fn cells<'a>(findings: &'a Findings, family: &'a Family) -> Vec<&'a CellFacts> {
    let members = family.members.iter();
    let ids = members.flat_map(|member| [&member.candidate, &member.baseline]);
    ids.filter_map(|id| findings.facts.cell(id)).collect()
}

fn table(findings: &Findings, variation: &Variation) -> Table {
    let family = &variation.family;
    let measure = family.measure;
    let names = names(&cells(findings, family));
    let unit = if measure.is_rate() {
        Unit::Nanoseconds
    } else {
        measure.unit()
    };
    let has_packets = variation.factor == Factor::Firewall;
    let mut columns = vec![
        "with",
        "workload",
        ">median",
        ">95 % interval",
        ">without",
        ">95 % interval",
        ">more",
        ">95 % interval",
        ">cost (95 %)",
        "verdict",
    ];
    columns.extend(has_packets.then_some(">packets"));
    let title = format!(
        "{}, {}: `{}` ({})",
        variation.factor.name(),
        variation.scenario.name(),
        measure.name(),
        family.method()
    );
    let mut table = Table::new(title, &columns);
    for member in &family.members {
        let facts = &findings.facts;
        let pair = facts
            .cell(&member.candidate)
            .zip(facts.cell(&member.baseline));
        let Some((with, without)) = pair else {
            continue;
        };
        let shift = member.shift;
        let fields = [
            linked(&names, with),
            with.cell.workload.to_string(),
            median(with, measure),
            interval(with, measure),
            format!("[{}](#{})", median(without, measure), without.id),
            interval(without, measure),
            or_dash(shift.map(|it| it.difference_text(unit))),
            or_dash(shift.map(|it| it.difference_interval_text(unit))),
            member.ratio_text(),
            member.label(),
        ];
        let packets = has_packets.then(|| median(with, Measure::FirewallPackets));
        let fields = fields.into_iter().chain(packets);
        table.row_about(&with.cell.workload, &[with.system()], fields);
    }
    table
}

/// The number of rules of a firewall; none is zero.
fn rules(cell: &Cell) -> Option<f64> {
    match cell.params.get(Param::Firewall) {
        None | Some("off") => Some(0.0),
        Some(value) => value.strip_prefix("rules:")?.parse().ok(),
    }
}

/// The effect over the number of rules, where there are at least two of them.
fn curve(findings: &Findings, variation: &Variation) -> Option<Figure> {
    let measure = variation.family.measure;
    let mut groups: BTreeMap<&str, Vec<&CellFacts>> = BTreeMap::new();
    for member in &variation.family.members {
        let cell = findings.facts.cell(&member.candidate);
        groups.entry(&member.baseline).or_default().extend(cell);
    }
    let bases: Vec<_> = groups
        .keys()
        .filter_map(|id| findings.facts.cell(id))
        .collect();
    let names = names(&bases);
    let label = |base: &CellFacts| {
        let name = names.name(&base.cell);
        let is_other = |cell: &&CellFacts| cell.cell.workload != base.cell.workload;
        if bases.iter().any(is_other) {
            format!("{name}, {}", base.cell.workload)
        } else {
            name
        }
    };
    let curve = |base: &&CellFacts| {
        let members = groups[base.id.as_str()].iter().copied().chain([*base]);
        let point = |cell: &CellFacts| {
            let ends = cell.interval(measure).map(pair);
            Some((rules(&cell.cell)?, cell.median(measure)?, ends))
        };
        let mut points: Vec<_> = members.filter_map(point).collect();
        points.sort_by(|one, two| one.0.total_cmp(&two.0));
        Curve {
            label: label(base),
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
    let scenario = variation.scenario.name();
    let title = format!(
        "{scenario}, {}: how does a firewall's cost grow with its rules?",
        measure.name()
    );
    Some(Figure {
        id: FileName::of(&format!("firewall-{scenario}-{}", measure.name())),
        title: title.clone(),
        caption: "No rule at the left is the same cell without a firewall. Medians with 95 % \
            intervals."
            .to_owned(),
        picture: draw_curves(
            &series,
            &Plane {
                x: ("rules in the request's way", Unit::Count),
                y: (measure.name(), measure.unit()),
                log_x: false,
                log_y: false,
            },
        ),
        table: curve_table(&title, &series, measure),
        workload: None,
        systems: super::format::systems(&bases),
    })
}

fn curve_table(title: &str, series: &[Curve], measure: Measure) -> Table {
    let columns = ["system", ">rules", ">median", ">95 % interval"];
    let mut table = Table::new(title, &columns).folded();
    for one in series {
        for (rules, value, ends) in &one.points {
            let ends = ends.map(|(low, high)| {
                let interval = findings::statistics::Interval::new(low, high);
                span(interval, measure.unit())
            });
            table.row([
                one.label.clone(),
                Unit::Count.shown(*rules),
                measure.unit().shown(*value),
                or_dash(ends),
            ]);
        }
    }
    table
}

/// Starts over a network against the native program's over the same network.
fn against_native(findings: &Findings, path: &NetworkPath) -> Table {
    let mut columns = vec![
        "start",
        "network",
        ">total",
        ">of native (95 %)",
        ">over the loopback",
        ">of native (95 %)",
    ];
    let mut title = "Starts over a network, against the native program over the same".to_owned();
    let has_arithmetic = path.starts.iter().any(|it| it.calculated_ns.is_some());
    if !path.is_delayed {
        columns.extend([">at 20 ms", ">of native"]);
        title.push_str(
            "; no delay was measured, so \"at 20 ms\" is arithmetic: two round trips more, one to \
                connect and one to ask",
        );
    } else if has_arithmetic {
        columns.push(">by arithmetic");
        title.push_str(CALCULATED);
    }
    title.push_str(&held_by(path));
    let mut table = Table::new(title, &columns);
    let ids: Vec<String> = path.starts.iter().map(|it| it.cell.clone()).collect();
    let cells = super::cells_of(findings, &ids);
    let names = Names::new(cells.iter().map(|cell| &cell.cell));
    let ratio = |family: Option<&Family>, id: &str| {
        let member = family.and_then(|family| family.of_candidate(id));
        or_dash(member.map(findings::comparison::Comparison::ratio_text))
    };
    for start in &path.starts {
        let Some(cell) = findings.facts.cell(&start.cell) else {
            continue;
        };
        let loopback = start
            .loopback
            .as_ref()
            .and_then(|id| findings.facts.cell(id));
        let mut fields = vec![
            linked(&names, cell),
            network(&cell.cell),
            median(cell, Measure::TotalNs),
            ratio(path.over_network.as_ref(), &cell.id),
            or_dash(loopback.map(|cell| median(cell, Measure::TotalNs))),
            or_dash(loopback.map(|cell| ratio(path.over_loopback.as_ref(), &cell.id))),
        ];
        if let Some((total, times)) = start.at_20_ms {
            let times = times.map(|times| Unit::Times.shown(times));
            fields.extend([nanoseconds(total), or_dash(times)]);
        } else if has_arithmetic {
            fields.push(or_dash(start.calculated_ns.map(nanoseconds)));
        }
        table.row_about(&cell.cell.workload, &[cell.system()], fields);
    }
    table
}

/// What "by arithmetic" is.
const CALCULATED: &str = "; \"by arithmetic\" is the same start without a delay and two round trips \
    more, one to connect and one to ask: a start that is shorter than the way of the first packet \
    takes less, and a client that asked too early has to ask again";

/// What held packets back, if anything did.
fn held_by(path: &NetworkPath) -> String {
    let by = |means: &str| match means {
        "netem" => "by the kernel (netem)".to_owned(),
        "tun" => "by this program between two TUN devices".to_owned(),
        other => literal(other),
    };
    let means: Vec<String> = path.means.iter().map(|means| by(means)).collect();
    if means.is_empty() {
        String::new()
    } else {
        format!("; packets were held back {}", means.join(", "))
    }
}

/// A network path in words.
fn network(cell: &Cell) -> String {
    let value = |param| cell.params.get(param);
    let mut words: Vec<String> = value(Param::Path).map(str::to_owned).into_iter().collect();
    words.extend(value(Param::DelayMs).map(|ms| format!("{ms} ms each way")));
    words.extend(value(Param::JitterMs).map(|ms| format!("± {ms} ms")));
    words.extend(value(Param::RateMbit).map(|rate| format!("{rate} Mbit/s")));
    words.join(", ")
}

/// Where state is kept, and which systems cannot.
fn state(findings: &Findings, section: &mut Section) {
    let kept = findings.state.kept_in.iter();
    section.list(
        kept.map(|(system, place)| format!("**{system}** keeps it in: {}.", literal(place)))
            .collect(),
    );
    let cannot = findings.state.cannot.iter();
    section.list(
        cannot
            .map(|(system, workload, reason)| {
                format!("**{system}**, {workload}: {}.", literal(reason))
            })
            .collect(),
    );
}
