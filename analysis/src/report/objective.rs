//! Which systems meet what a person needs: `cold p95 < 20ms, memory < 10MB`.

use std::fmt;

use serde::Serialize;

use super::analysis::Analysis;
use super::facts::{CellFacts, Measure, Measured};
use super::naming::Names;
use crate::document::{Section, Table};
use crate::plot::Unit;

/// Why conditions cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot understand `{clause}`: {why}")]
pub struct ObjectiveError {
    clause: String,
    why: String,
}

/// What a condition takes of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statistic {
    Median,
    Mean,
    Max,
    /// In percent.
    Quantile(u8),
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    text: String,
    scenarios: &'static [&'static str],
    measures: &'static [Measure],
    statistic: Statistic,
    at_most: bool,
    limit: f64,
}

/// Whether a condition is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Met {
    Yes,
    No,
    /// The samples are too few for the quantile, and all of them meet it.
    AllSamples,
    /// The samples are too few for the quantile, and some of them do not meet it.
    Unclear,
    NotMeasured,
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "✓ yes",
            Self::No => "✗ no",
            Self::AllSamples => "(✓) all samples do, too few for the quantile",
            Self::Unclear => "? too few samples for the quantile",
            Self::NotMeasured => "– not measured",
        })
    }
}

const WHAT: &str = "a condition is [cold|runtime-cold|warm|throughput] [p50|p90|p95|p99|mean|max] \
    or memory, cpu, rate, then < or >, then a number with ns, us, ms, s, KB, MB, GB, KiB, MiB, \
    GiB or /s";

/// Takes conditions apart.
///
/// # Errors
/// [`ObjectiveError`] names the condition and what one looks like.
pub fn parse(text: &str) -> Result<Vec<Clause>, ObjectiveError> {
    let clauses = text
        .split(',')
        .flat_map(|part| part.split(" and "))
        .map(str::trim)
        .filter(|clause| !clause.is_empty());
    clauses.map(clause).collect()
}

fn clause(text: &str) -> Result<Clause, ObjectiveError> {
    let fail = |why: &str| ObjectiveError {
        clause: text.to_owned(),
        why: format!("{why}; {WHAT}"),
    };
    let at = text
        .find(['<', '>'])
        .ok_or_else(|| fail("it has no < or >"))?;
    let at_most = text.as_bytes()[at] == b'<';
    let limit = text[at + 1..].trim_start_matches('=').trim();
    let (mut scenarios, mut measures, mut statistic): (&[&str], Option<&[Measure]>, _) =
        (&[], None, Statistic::Median);
    for word in text[..at].split_whitespace() {
        match word {
            "cold" => scenarios = &["cold"],
            "runtime-cold" => scenarios = &["runtime-cold"],
            "warm" => scenarios = &["warm"],
            "throughput" if scenarios.is_empty() && measures.is_none() => {
                scenarios = &["throughput"]
            }
            "memory" => measures = Some(&[Measure::PssBytes, Measure::MaxRssBytes]),
            "cpu" => measures = Some(&[Measure::CpuNs]),
            "rate" | "throughput" => measures = Some(&[Measure::PerSecond]),
            "latency" | "start" | "total" => {}
            "median" | "p50" => statistic = Statistic::Median,
            "mean" => statistic = Statistic::Mean,
            "max" => statistic = Statistic::Max,
            "p90" => statistic = Statistic::Quantile(90),
            "p95" => statistic = Statistic::Quantile(95),
            "p99" => statistic = Statistic::Quantile(99),
            other => return Err(fail(&format!("`{other}` is no word of a condition"))),
        }
    }
    let (limit, unit) = number(limit).ok_or_else(|| fail("its limit is no number with a unit"))?;
    let measures = measures.unwrap_or_else(|| of_scenario(scenarios, statistic));
    if measures[0].unit() != unit {
        return Err(fail("the unit of its limit is not that of what it limits"));
    }
    if scenarios.is_empty() {
        scenarios = match measures[0] {
            Measure::PerSecond => &["throughput"],
            Measure::PssBytes => &["throughput", "warm", "runtime-cold", "cold"],
            _ => &["runtime-cold", "cold"],
        };
    }
    Ok(Clause {
        text: text.to_owned(),
        scenarios,
        measures,
        statistic,
        at_most,
        limit,
    })
}

/// What a scenario is about. Of latencies, quantiles are those of a sample's requests.
fn of_scenario(scenarios: &[&str], statistic: Statistic) -> &'static [Measure] {
    match (scenarios.first(), statistic) {
        (Some(&"warm" | &"throughput"), Statistic::Quantile(90)) => &[Measure::P90Ns],
        (Some(&"warm" | &"throughput"), Statistic::Quantile(95)) => &[Measure::P95Ns],
        (Some(&"warm" | &"throughput"), Statistic::Quantile(_)) => &[Measure::P99Ns],
        (Some(&"warm" | &"throughput"), Statistic::Mean) => &[Measure::RequestNs],
        (Some(&"warm" | &"throughput"), _) => &[Measure::P50Ns],
        _ => &[Measure::TotalNs],
    }
}

fn number(text: &str) -> Option<(f64, Unit)> {
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let value: f64 = text[..split].parse().ok()?;
    let (size, unit) = match text[split..].trim() {
        "ns" => (1.0, Unit::Nanoseconds),
        "us" | "µs" => (1e3, Unit::Nanoseconds),
        "ms" => (1e6, Unit::Nanoseconds),
        "s" => (1e9, Unit::Nanoseconds),
        "B" => (1.0, Unit::Bytes),
        "kB" | "KB" => (1e3, Unit::Bytes),
        "MB" => (1e6, Unit::Bytes),
        "GB" => (1e9, Unit::Bytes),
        "KiB" => (1024.0, Unit::Bytes),
        "MiB" => (1024.0 * 1024.0, Unit::Bytes),
        "GiB" => (1024.0 * 1024.0 * 1024.0, Unit::Bytes),
        "/s" | "rps" => (1.0, Unit::PerSecond),
        _ => return None,
    };
    Some((value * size, unit))
}

impl Clause {
    /// The value of a cell and whether it meets the condition.
    fn of(&self, cell: &CellFacts) -> Option<(f64, Met)> {
        let measured = self
            .measures
            .iter()
            .find_map(|measure| cell.measures.get(measure))?;
        Some(self.judge(measured))
    }

    fn judge(&self, measured: &Measured) -> (f64, Met) {
        let all = &measured.all;
        let fits = |value: f64| {
            if self.at_most {
                value < self.limit
            } else {
                value > self.limit
            }
        };
        // Of latencies the quantile was taken within each sample; over samples it is the median.
        let within = !matches!(
            self.measures[0],
            Measure::TotalNs | Measure::CpuNs | Measure::PssBytes
        );
        let (value, supported) = match self.statistic {
            Statistic::Mean => (all.mean, true),
            Statistic::Max => (all.max, true),
            Statistic::Quantile(p) if !within => {
                let stated = match p {
                    90 => all.p90,
                    95 => all.p95,
                    _ => all.p99,
                };
                let share = f64::from(p) / 100.0;
                let rough =
                    findings::statistics::quantile(&measured.values, share).unwrap_or(f64::NAN);
                (stated.unwrap_or(rough), stated.is_some())
            }
            Statistic::Median | Statistic::Quantile(_) => (all.median, true),
        };
        let worst = if self.at_most { all.max } else { all.min };
        let met = match (fits(value), supported) {
            (true, true) => Met::Yes,
            (false, true) => Met::No,
            // A median beyond the limit needs no quantile to be said.
            (_, false) if !fits(all.median) => Met::No,
            (_, false) if fits(worst) => Met::AllSamples,
            (_, false) => Met::Unclear,
        };
        (value, met)
    }

    /// The best cell of a system for this condition.
    fn best<'a>(
        &self,
        analysis: &'a Analysis,
        workload: &str,
        system: &str,
    ) -> Option<(&'a CellFacts, f64, Met)> {
        self.scenarios.iter().find_map(|scenario| {
            let cells = analysis
                .shown(workload, scenario)
                .into_iter()
                .filter(|cell| cell.cell.system == system);
            let judged =
                cells.filter_map(|cell| self.of(cell).map(|(value, met)| (cell, value, met)));
            let better = |value: f64| if self.at_most { value } else { -value };
            // The id decides between equals, so that the same samples give the same bytes.
            judged.min_by(|one, two| {
                better(one.1)
                    .total_cmp(&better(two.1))
                    .then(one.0.id.cmp(&two.0.id))
            })
        })
    }
}

/// The section, if anything was asked.
pub(crate) fn tell(analysis: &Analysis) -> Option<Section> {
    if analysis.options.objectives.is_empty() {
        return None;
    }
    let mut section = Section::new("objectives", "Which systems meet what was asked for?");
    section.text(
        "For each condition, of each system the cell that meets it best; the cells of one row may \
            differ in how code is come by.",
    );
    for objective in &analysis.options.objectives {
        match parse(objective) {
            Ok(clauses) => section.table(table(analysis, objective, &clauses)),
            Err(error) => section.text(error.to_string()),
        }
    }
    Some(section)
}

fn table(analysis: &Analysis, objective: &str, clauses: &[Clause]) -> Table {
    let mut columns = vec!["system", "workload", "meets it"];
    columns.extend(clauses.iter().map(|clause| clause.text.as_str()));
    let mut table = Table::new(format!("`{objective}`"), &columns);
    for workload in analysis.workloads() {
        let mut systems: Vec<_> = analysis
            .group_of(workload)
            .map(|cell| cell.cell.system.to_string())
            .collect();
        systems.sort();
        systems.dedup();
        let mut rows: Vec<(usize, Vec<String>)> = Vec::new();
        for system in systems {
            let judged: Vec<_> = clauses
                .iter()
                .map(|clause| (clause, clause.best(analysis, workload, &system)))
                .collect();
            let mets: Vec<_> = judged
                .iter()
                .map(|(_, best)| best.map_or(Met::NotMeasured, |(.., met)| met))
                .collect();
            let of = |met| mets.contains(&met);
            let whole = [Met::No, Met::NotMeasured, Met::Unclear, Met::AllSamples]
                .into_iter()
                .find(|met| of(*met))
                .unwrap_or(Met::Yes);
            let rank = [
                Met::Yes,
                Met::AllSamples,
                Met::Unclear,
                Met::NotMeasured,
                Met::No,
            ]
            .iter()
            .position(|met| *met == whole);
            let mut fields = vec![system.clone(), workload.to_owned(), whole.to_string()];
            fields.extend(judged.iter().map(|(clause, best)| field(clause, *best)));
            rows.push((rank.unwrap_or(0), fields));
        }
        rows.sort_by_key(|(rank, _)| *rank);
        rows.into_iter().for_each(|(_, fields)| table.row(fields));
    }
    table
}

fn field(clause: &Clause, best: Option<(&CellFacts, f64, Met)>) -> String {
    let Some((cell, value, met)) = best else {
        return Met::NotMeasured.to_string();
    };
    let name = Names::of(std::iter::once(&cell.cell)).name(&cell.cell);
    let shown = clause.measures[0].unit().shown(value);
    let side = if met == Met::No {
        format!(", {} of the limit", Unit::Times.shown(value / clause.limit))
    } else {
        String::new()
    };
    format!("{met}: [{shown}](#{}) with {name}{side}", cell.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_as_people_write_them() {
        let clauses = parse("cold p95 < 20ms, memory < 10MB and rate > 5000/s").unwrap();
        assert_eq!(clauses.len(), 3);
        assert_eq!(
            (clauses[0].scenarios, clauses[0].limit, clauses[0].at_most),
            (&["cold"][..], 20e6, true)
        );
        assert_eq!(clauses[0].statistic, Statistic::Quantile(95));
        assert_eq!(
            (clauses[1].measures[0], clauses[1].limit),
            (Measure::PssBytes, 10e6)
        );
        assert_eq!(
            (clauses[2].scenarios, clauses[2].at_most),
            (&["throughput"][..], false)
        );
        assert_eq!(
            parse("warm p99<1.5ms").unwrap()[0].measures,
            [Measure::P99Ns]
        );
    }

    #[test]
    fn what_is_no_condition_is_named() {
        for text in [
            "cold",
            "cold < 20",
            "cold < 20MB",
            "tepid < 1ms",
            "memory < ms",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(
                error.contains(text) && error.contains("a condition is"),
                "{error}"
            );
        }
    }
}
