//! OpenMetrics' text: a family for each measure, a sample for each cell.
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>, version 1.0.)

use std::collections::BTreeMap;
use std::fmt::Write as _;

use findings::cells::Measured;
use findings::units::Unit;
use findings::{CellFacts, Facts, Measure};

/// What is written of each measure: the medians' family, the unit and the factor that gives it.
struct Family {
    measure: Measure,
    name: &'static str,
    unit: Option<&'static str>,
    factor: f64,
    help: &'static str,
}

const fn family(
    measure: Measure,
    name: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
) -> Family {
    let factor = match measure.unit() {
        Unit::Nanoseconds => 1e-9,
        _ => 1.0,
    };
    Family {
        measure,
        name,
        unit,
        factor,
        help,
    }
}

const SECONDS: Option<&str> = Some("seconds");
const BYTES: Option<&str> = Some("bytes");

/// Every family. A name ends with its unit, as the format asks.
const FAMILIES: [Family; 9] = [
    family(
        Measure::TotalNs,
        "coldphase_start_seconds",
        SECONDS,
        "From the launch to the first complete answer.",
    ),
    family(
        Measure::CpuNs,
        "coldphase_start_cpu_seconds",
        SECONDS,
        "CPU time until then.",
    ),
    family(
        Measure::PssBytes,
        "coldphase_proportional_set_bytes",
        BYTES,
        "Proportional set size.",
    ),
    family(
        Measure::PrivateBytes,
        "coldphase_private_bytes",
        BYTES,
        "Memory that is shared with nobody.",
    ),
    family(
        Measure::MaxRssBytes,
        "coldphase_resident_peak_bytes",
        BYTES,
        "High-water mark of resident memory.",
    ),
    family(
        Measure::P50Ns,
        "coldphase_request_p50_seconds",
        SECONDS,
        "Median latency of requests.",
    ),
    family(
        Measure::P99Ns,
        "coldphase_request_p99_seconds",
        SECONDS,
        "99th percentile of the latency of requests.",
    ),
    family(
        Measure::RequestNs,
        "coldphase_request_mean_seconds",
        SECONDS,
        "Mean latency of requests.",
    ),
    family(
        Measure::PerSecond,
        "coldphase_right_answers_per_second",
        None,
        "Right answers a second.",
    ),
];

/// The whole text, its end marked as the format asks. `statistic` says which figure of a cell's
/// samples a line is: `median`, or an end of its 95 % interval.
pub(super) fn text(run: &str, facts: &Facts) -> Vec<u8> {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "# TYPE coldphase_run info\n# HELP coldphase_run The run that the figures are of.\n\
            coldphase_run_info{{run=\"{}\"}} 1",
        escaped(run)
    );
    for family in &FAMILIES {
        write_family(&mut text, family, facts);
    }
    // How many samples a figure is of.
    let cells: Vec<&CellFacts> = facts
        .cells
        .iter()
        .filter(|cell| !cell.orders.is_empty())
        .collect();
    if !cells.is_empty() {
        text.push_str(
            "# TYPE coldphase_samples gauge\n# HELP coldphase_samples Samples that count.\n",
        );
    }
    for cell in cells {
        let _ = writeln!(
            text,
            "coldphase_samples{{{}}} {}",
            labels(cell, None),
            cell.orders.len()
        );
    }
    text.push_str("# EOF\n");
    text.into_bytes()
}

fn write_family(text: &mut String, family: &Family, facts: &Facts) {
    let measured: Vec<(&CellFacts, &Measured)> = facts
        .cells
        .iter()
        .filter_map(|cell| Some((cell, cell.measures.get(&family.measure)?)))
        .collect();
    if measured.is_empty() {
        return;
    }
    let _ = writeln!(text, "# TYPE {} gauge", family.name);
    if let Some(unit) = family.unit {
        let _ = writeln!(text, "# UNIT {} {unit}", family.name);
    }
    let _ = writeln!(text, "# HELP {} {}", family.name, family.help);
    for (cell, measured) in measured {
        let interval = measured.all.median_interval;
        let figures = [
            ("median", Some(measured.all.median)),
            ("low", interval.map(|interval| interval.low)),
            ("high", interval.map(|interval| interval.high)),
        ];
        for (statistic, value) in figures {
            if let Some(value) = value {
                let _ = writeln!(
                    text,
                    "{}{{{}}} {}",
                    family.name,
                    labels(cell, Some(statistic)),
                    value * family.factor
                );
            }
        }
    }
}

/// Everything that a cell is, and which of its figures: names as the format has them, and each once.
fn labels(cell: &CellFacts, statistic: Option<&str>) -> String {
    let mut all = BTreeMap::new();
    for (key, value) in cell.cell.params.iter() {
        // A parameter of ours may be called like a label of ours.
        all.insert(format!("param_{}", label_name(key.name())), value.clone());
    }
    all.insert("system".to_owned(), cell.cell.system.to_string());
    all.insert("workload".to_owned(), cell.cell.workload.to_string());
    all.insert("scenario".to_owned(), cell.cell.scenario.name().to_owned());
    if let Some(statistic) = statistic {
        all.insert("statistic".to_owned(), statistic.to_owned());
    }
    let labels: Vec<String> = all
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    labels.join(",")
}

/// Letters, digits and underscores.
fn label_name(name: &str) -> String {
    let fits = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() => letter,
        _ => '_',
    };
    name.chars().map(fits).collect()
}

/// A label's value as the format writes it.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
