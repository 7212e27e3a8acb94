//! Latency at parts of the capacity.

use findings::{Findings, Measure, Names};

use super::starts::with_interval;
use super::table::{median, titled};

/// Every system's latency over its load.
pub(crate) fn render(findings: &Findings) -> String {
    let mut text = String::new();
    for of in &findings.load_curves {
        let names = Names::new(of.curves.iter().map(|it| &it.cell));
        let mut rows = Vec::new();
        for curve in &of.curves {
            for load in curve.loads() {
                let Some(cell) = findings.facts.cell(load.cell) else {
                    continue;
                };
                rows.push(vec![
                    names.name(&curve.cell),
                    load.label(),
                    cell.counted(),
                    median(cell, Measure::PerSecond),
                    format!("{}{}", load.sign, with_interval(cell, Measure::P50Ns)),
                    with_interval(cell, Measure::P90Ns),
                    with_interval(cell, Measure::P99Ns),
                    median(cell, Measure::GeneratorLateNs),
                    median(cell, Measure::GeneratorShare),
                ]);
            }
        }
        text.push_str(&titled(
            &format!(
                "{}, paced: open loop at parts of each system's capacity; latency counts from the \
                    planned time of sending",
                of.workload
            ),
            &[
                "system",
                "of its capacity",
                "n",
                "requests/s",
                "p50",
                "p90",
                "p99",
                "generator late",
                "generator",
            ],
            rows,
        ));
        if let Some(words) = of.bounds_words() {
            text.push_str(&format!("{words}\n\n"));
        }
    }
    text
}
