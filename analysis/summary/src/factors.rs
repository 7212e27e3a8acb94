//! What one thing changes: a firewall, a network path, kept state, the page cache, left-out work.

use findings::comparison::Family;
use findings::questions::factors::{Factor, Variation};
use findings::questions::network_path::NetworkPath;
use findings::units::{Unit, nanoseconds};
use findings::{CellFacts, Findings, Measure, Names};
use results::{Cell, Param};

use super::table::{NOTHING, median, titled};

/// Every factor that varies in the run.
pub(crate) fn render(findings: &Findings) -> String {
    let variations = findings.variations.iter();
    let mut text: String = variations.map(|it| variation(findings, it)).collect();
    let path = findings.network_path.as_ref();
    text.push_str(&path.map_or_else(String::new, |it| self::path(findings, it)));
    let cannot = &findings.state.cannot;
    for (system, workload, reason) in cannot {
        text.push_str(&format!("{system}, {workload}: {reason}\n"));
    }
    if !cannot.is_empty() {
        text.push('\n');
    }
    text
}

const fn title(factor: Factor) -> &'static str {
    match factor {
        Factor::Firewall => "the firewall: beside none; rules:N are so many that match nothing",
        Factor::Path => "the network path: beside the loopback",
        Factor::State => "state: the endpoint that counts beside the one that does not",
        Factor::PageCache => "the page cache: pages out of it beside pages in it",
        Factor::Without => "work that is left out: beside all of it",
    }
}

fn variation(findings: &Findings, of: &Variation) -> String {
    let family = &of.family;
    let unit = if family.measure.is_rate() {
        Unit::Nanoseconds
    } else {
        family.measure.unit()
    };
    let facts = &findings.facts;
    let ids = family.members.iter();
    let cells = ids.flat_map(|it| [&it.candidate, &it.baseline]);
    let cells: Vec<&CellFacts> = cells.filter_map(|id| facts.cell(id)).collect();
    let names = Names::new(cells.iter().map(|cell| &cell.cell));
    let has_packets = of.factor == Factor::Firewall;
    let rows = family.members.iter().filter_map(|member| {
        let with = facts.cell(&member.candidate)?;
        let without = facts.cell(&member.baseline)?;
        let shift = member.shift;
        let mut row = vec![
            format!("{}, {}", names.name(&with.cell), with.cell.workload),
            median(without, family.measure),
            shift.map_or_else(String::new, |it| it.difference_text(unit)),
            shift.map_or_else(String::new, |it| it.difference_interval_text(unit)),
            member.n.to_string(),
            member.ratio_text(),
            member.label(),
        ];
        row.extend(has_packets.then(|| median(with, Measure::FirewallPackets)));
        Some(row)
    });
    let mut head = vec![
        "cell",
        "without",
        "more",
        "95 % interval",
        "n",
        "of it (95 %)",
        "verdict",
    ];
    head.extend(has_packets.then_some("packets"));
    titled(
        &format!(
            "{}; {} `{}`: {}",
            title(of.factor),
            of.scenario.name(),
            family.measure.name(),
            family.method()
        ),
        &head,
        rows.collect(),
    )
}

/// Starts over a network against the native program's over the same.
fn path(findings: &Findings, of: &NetworkPath) -> String {
    let cell = |id: &String| findings.facts.cell(id);
    let cells = of.starts.iter().filter_map(|it| cell(&it.cell));
    let names = Names::new(cells.map(|cell| &cell.cell));
    let ratio = |family: Option<&Family>, id: &str| {
        let member = family.and_then(|family| family.of_candidate(id));
        member.map_or_else(String::new, findings::comparison::Comparison::ratio_text)
    };
    let has_arithmetic = of.starts.iter().any(|it| it.calculated_ns.is_some());
    let rows = of.starts.iter().filter_map(|start| {
        let far = cell(&start.cell)?;
        let near = start.loopback.as_ref().and_then(cell);
        let near_ratio = near.map(|near| ratio(of.over_loopback.as_ref(), &near.id));
        let mut row = vec![
            format!("{}, {}", names.name(&far.cell), far.cell.workload),
            network(&far.cell),
            median(far, Measure::TotalNs),
            ratio(of.over_network.as_ref(), &far.id),
            near.map_or_else(|| NOTHING.to_owned(), |near| median(near, Measure::TotalNs)),
            near_ratio.unwrap_or_default(),
        ];
        if let Some((total, times)) = start.at_20_ms {
            row.push(nanoseconds(total));
            row.push(times.map_or_else(String::new, |it| Unit::Times.shown(it)));
        } else if has_arithmetic {
            let calculated = start.calculated_ns.map(nanoseconds);
            row.push(calculated.unwrap_or_else(|| NOTHING.to_owned()));
        }
        Some(row)
    });
    let mut head = vec![
        "start",
        "network",
        "total",
        "of native (95 %)",
        "loopback",
        "of native (95 %)",
    ];
    let mut title = "the network path: starts whose client sits in another network namespace, \
        against the native program's over the same"
        .to_owned();
    if !of.is_delayed {
        head.extend(["at 20 ms", "of native"]);
        title.push_str(
            "; no delay was measured, so \"at 20 ms\" is arithmetic: two round trips more, one to \
                connect and one to ask",
        );
    } else if has_arithmetic {
        head.push("by arithmetic");
        title.push_str(
            "; \"by arithmetic\" is the same start without a delay and two round trips more",
        );
    }
    titled(&title, &head, rows.collect())
}

fn network(cell: &Cell) -> String {
    let value = |param| cell.params.get(param);
    let mut words: Vec<String> = value(Param::Path).map(str::to_owned).into_iter().collect();
    words.extend(value(Param::DelayMs).map(|ms| format!("{ms} ms each way")));
    words.extend(value(Param::JitterMs).map(|ms| format!("± {ms} ms")));
    words.extend(value(Param::RateMbit).map(|rate| format!("{rate} Mbit/s")));
    words.join(", ")
}
