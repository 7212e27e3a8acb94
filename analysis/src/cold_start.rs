//! Every system's cold start on one axis, and what each layer of a container adds.

use results::record::Scenario;

use crate::outside::{is_headline, name, starts};
use crate::summary::{CellSummary, Summary};
use crate::table::controls;
use crate::waterfall;
use findings::median::Estimate;
use findings::units::{nanoseconds, percent, three_digits};

/// The layers between a bare program and a container with a network of its own, from the inside:
/// the same program in each, and in each the work of the one before it. A system, and the network
/// that its cells have if it has a choice of them.
pub(crate) const LAYERS: [(&str, Option<&str>, &str); 5] = [
    ("native", None, "the program alone"),
    (
        "runc",
        Some("host"),
        "namespaces, mounts, control groups: the OCI runtime's two calls",
    ),
    (
        "containerd",
        Some("host"),
        "the daemon: a snapshot, its shim, its records",
    ),
    (
        "docker",
        Some("host"),
        "the engine: its layers, its log, its records",
    ),
    (
        "docker",
        Some("bridge"),
        "a network of its own: the bridge, addresses, rules, the proxy",
    ),
];

/// Everything that a person is shown of the comparison, `width` columns wide.
pub fn cold_start(summary: &Summary, width: usize, colour: bool) -> String {
    let mut text = String::new();
    for workload in summary.workloads() {
        for scenario in Scenario::ALL
            .into_iter()
            .filter(|scenario| scenario.starts())
        {
            let cells: Vec<_> = summary
                .of_workload(workload)
                .filter(|cell| cell.cell.scenario == scenario)
                .collect();
            text.push_str(&starts(workload, scenario, &cells));
            text.push_str(&picture(
                &format!("{workload}, {}", scenario.name()),
                &cells,
                width,
                colour,
            ));
            text.push_str(&layers(scenario, &cells));
        }
    }
    text.push_str(&waterfall::legend(summary, width, colour));
    text.push_str(&controls(summary));
    text
}

/// One bar a system, quickest first, all on one axis.
fn picture(title: &str, cells: &[&CellSummary], width: usize, colour: bool) -> String {
    let mut bars: Vec<_> = cells
        .iter()
        .copied()
        .filter(|cell| cell.is_taken_apart() && !cell.is_twin())
        .collect();
    bars.sort_by(|one, two| waterfall::total(one).total_cmp(&waterfall::total(two)));
    waterfall::bars(title, &bars, name, width, colour)
}

/// What each layer adds to the one below it, as a subtraction of medians.
fn layers(scenario: Scenario, cells: &[&CellSummary]) -> String {
    let total = |system: &str, network: Option<&str>| -> Option<Estimate> {
        let cell = cells.iter().find(|cell| {
            cell.cell.system == system
                && is_headline(cell)
                && cell.cell.params.get("network") == network
        })?;
        cell.total
    };
    let known: Vec<_> = LAYERS
        .iter()
        .filter_map(|(system, network, work)| {
            Some((system, network, work, total(system, *network)?))
        })
        .collect();
    if known.len() < 2 {
        return String::new();
    }
    let outermost = known.last().map_or(0.0, |(.., total)| total.value);
    let mut text = format!(
        "peeled, {}: what each layer adds to the one above it in this list, by medians\n",
        scenario.name()
    );
    let mut before: Option<Estimate> = None;
    for (system, network, work, total) in known {
        let label = network.map_or_else(
            || (*system).to_owned(),
            |network| format!("{system} network={network}"),
        );
        let added = before.map_or(total.value, |before| total.value - before.value);
        let noise = before.is_some_and(|before| !total.is_apart_from(&before));
        text.push_str(&format!(
            "  {label:<23} {:>8}  adds {:>8} ({:>6}): {work}{}\n",
            nanoseconds(total.value),
            nanoseconds(added),
            percent(added / outermost),
            if noise { "; not told from noise" } else { "" },
        ));
        before = Some(total);
    }
    if let Some(native) = total("native", None) {
        text.push_str(&format!(
            "  in all {} times the program alone\n",
            three_digits(outermost / native.value)
        ));
    }
    text.push('\n');
    text
}
