//! Conditions as people write them: `disk-cold p95 < 20ms, memory < 10MB`.

use results::record::Scenario;
use results::scenario::renamed;

use crate::cells::Measure;
use crate::units::parse_amount;

/// Why conditions cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot understand `{clause}`: {why}")]
pub struct ObjectiveError {
    clause: String,
    why: String,
}

/// What a condition takes of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statistic {
    Median,
    Mean,
    Max,
    /// In percent.
    Quantile(u8),
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    pub(super) text: String,
    /// Where it is looked for, the first place first.
    pub(super) scenarios: &'static [Scenario],
    /// What it limits: the first of these that was measured.
    pub(super) measures: &'static [Measure],
    pub(super) statistic: Statistic,
    /// Whether it is to be below the limit, and not above it.
    pub(super) at_most: bool,
    pub(super) limit: f64,
}

const WHAT: &str = "a condition is [disk-cold|code-cold|image-cold|warm-disk|warm|throughput] \
    [p50|p90|p95|p99|mean|max] or memory, cpu, rate, then < or >, then a number with ns, us, ms, s, \
    KB, MB, GB, KiB, MiB, GiB or /s";

/// One scenario, as the places where a condition is looked for.
const fn only(scenario: Scenario) -> &'static [Scenario] {
    match scenario {
        Scenario::DiskCold => &[Scenario::DiskCold],
        Scenario::CodeCold => &[Scenario::CodeCold],
        Scenario::ImageCold => &[Scenario::ImageCold],
        Scenario::WarmDisk => &[Scenario::WarmDisk],
        Scenario::Warm => &[Scenario::Warm],
        Scenario::Throughput => &[Scenario::Throughput],
        Scenario::Paced => &[Scenario::Paced],
        Scenario::Scaling => &[Scenario::Scaling],
        Scenario::Density => &[Scenario::Density],
    }
}

/// A condition with the names that scenarios have today.
fn today(text: &str) -> String {
    let words = text.split(' ').map(|word| match renamed(word) {
        Some(scenario) => scenario.name(),
        None => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

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
    let (mut scenarios, mut measures, mut statistic): (&[Scenario], Option<&[Measure]>, _) =
        (&[], None, Statistic::Median);
    for word in text[..at].split_whitespace() {
        match word {
            "disk-cold" | "code-cold" | "image-cold" | "warm-disk" | "warm" => {
                scenarios = Scenario::from_name(word).map_or(scenarios, only);
            }
            old if renamed(old).is_some() => scenarios = renamed(old).map_or(scenarios, only),
            "throughput" if scenarios.is_empty() && measures.is_none() => {
                scenarios = &[Scenario::Throughput];
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
            other => return Err(fail(&format!("`{other}` is not a word of a condition"))),
        }
    }
    let (limit, unit) =
        parse_amount(limit).ok_or_else(|| fail("its limit is no number with a unit"))?;
    let measures = measures.unwrap_or_else(|| of_scenario(scenarios, statistic));
    if measures[0].unit() != unit {
        return Err(fail("the unit of its limit is not that of what it limits"));
    }
    if scenarios.is_empty() {
        scenarios = match measures[0] {
            Measure::PerSecond => &[Scenario::Throughput],
            Measure::PssBytes => &[
                Scenario::Throughput,
                Scenario::Warm,
                Scenario::WarmDisk,
                Scenario::DiskCold,
                Scenario::CodeCold,
            ],
            _ => &[Scenario::WarmDisk, Scenario::DiskCold, Scenario::CodeCold],
        };
    }
    Ok(Clause {
        text: today(text),
        scenarios,
        measures,
        statistic,
        at_most,
        limit,
    })
}

/// What a scenario is about. Of latencies, quantiles are those of a sample's requests.
fn of_scenario(scenarios: &[Scenario], statistic: Statistic) -> &'static [Measure] {
    match (scenarios.first(), statistic) {
        (Some(Scenario::Warm | Scenario::Throughput), Statistic::Quantile(90)) => &[Measure::P90Ns],
        (Some(Scenario::Warm | Scenario::Throughput), Statistic::Quantile(95)) => &[Measure::P95Ns],
        (Some(Scenario::Warm | Scenario::Throughput), Statistic::Quantile(_)) => &[Measure::P99Ns],
        (Some(Scenario::Warm | Scenario::Throughput), Statistic::Mean) => &[Measure::RequestNs],
        (Some(Scenario::Warm | Scenario::Throughput), _) => &[Measure::P50Ns],
        _ => &[Measure::TotalNs],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_as_people_write_them() {
        let clauses = parse("disk-cold p95 < 20ms, memory < 10MB and rate > 5000/s").unwrap();
        assert_eq!(clauses.len(), 3);
        assert_eq!(
            (clauses[0].scenarios, clauses[0].limit, clauses[0].at_most),
            (&[Scenario::DiskCold][..], 20e6, true)
        );
        assert_eq!(clauses[0].statistic, Statistic::Quantile(95));
        assert_eq!(
            (clauses[1].measures[0], clauses[1].limit),
            (Measure::PssBytes, 10e6)
        );
        assert_eq!(
            (clauses[2].scenarios, clauses[2].at_most),
            (&[Scenario::Throughput][..], false)
        );
        assert_eq!(
            parse("warm p99<1.5ms").unwrap()[0].measures,
            [Measure::P99Ns]
        );
    }

    #[test]
    fn conditions_with_old_names_are_shown_with_those_of_today() {
        let clauses = parse("runtime-cold p50 < 1ms, cold < 2ms").unwrap();
        let texts: Vec<_> = clauses.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts, ["warm-disk p50 < 1ms", "code-cold < 2ms"]);
        assert_eq!(clauses[0].scenarios, [Scenario::WarmDisk]);
        assert_eq!(clauses[1].scenarios, [Scenario::CodeCold]);
    }

    #[test]
    fn what_is_no_condition_is_named() {
        for text in [
            "disk-cold",
            "disk-cold < 20",
            "disk-cold < 20MB",
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
