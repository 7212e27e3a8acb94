//! How much several instances do together: throughput, speed-up and efficiency over their number.
//!
//! Speed-up is the throughput of N instances over that of one, and efficiency the speed-up over N.
//! Both are taken within a block, where N and one are measured close together, and the interval is
//! that of the median over blocks: what drifts during a run falls on both alike.

use std::collections::BTreeMap;

use results::record::{Outcome, Requests, Scenario};
use results::{Cell, Sample};

use crate::outside;
use findings::median::{Estimate, median};
use findings::units::{bytes, nanoseconds, three_digits};

/// The parameter that says how many there are.
pub(crate) const INSTANCES: &str = "instances";

/// What the ratios are counted in, as whole numbers: millionths.
const MILLION: f64 = 1e6;

/// One number of instances of a system.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingPoint {
    /// How many.
    pub instances: u64,
    /// Samples that count, and samples that were begun and do not.
    pub ok: usize,
    /// See above.
    pub failed: usize,
    /// Right answers, or commands that ended rightly, per second.
    pub per_second: Option<Estimate>,
    /// Throughput over that of one instance; interval in millionths.
    pub speed_up: Option<Estimate>,
    /// Throughput over that of the number before; interval in millionths.
    pub over_previous: Option<Estimate>,
    /// From the first launch until the last has answered, in nanoseconds.
    pub ready: Option<Estimate>,
    /// Proportional memory of all of them after the load, in bytes.
    pub pss: Option<Estimate>,
    /// CPU time of the load generator over the load's time: near 1, it is the generator that was
    /// measured.
    pub generator: Option<Estimate>,
    /// Whether there are more instances than cores.
    pub oversubscribed: bool,
}

impl ScalingPoint {
    /// The speed-up over the ideal one, and its interval.
    pub fn efficiency(&self) -> Option<(f64, Option<(f64, f64)>)> {
        let speed_up = self.speed_up?;
        let of = |millionths: f64| millionths / MILLION / self.instances as f64;
        Some((
            of(speed_up.value),
            speed_up
                .interval
                .map(|(low, high)| (of(low as f64), of(high as f64))),
        ))
    }

    /// Whether less is done than by fewer instances, beyond noise, or not all of it rightly.
    pub fn is_degraded(&self) -> bool {
        let falls = self
            .over_previous
            .and_then(|ratio| ratio.interval)
            .is_some_and(|(_, high)| (high as f64) < MILLION);
        falls || self.failed > 0
    }
}

/// A system's points, by number of instances.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingCurve {
    /// The cell, without the number of instances.
    pub cell: Cell,
    /// From the smallest number to the largest.
    pub points: Vec<ScalingPoint>,
}

/// Samples of one cell, by block.
type Blocks<'a> = BTreeMap<u32, &'a Sample>;

/// The curves in these samples.
pub fn scaling_curves(samples: &[Sample]) -> Vec<ScalingCurve> {
    let mut groups: BTreeMap<Cell, BTreeMap<u64, Vec<&Sample>>> = BTreeMap::new();
    for sample in samples
        .iter()
        .filter(|sample| sample.cell.scenario == Scenario::Scaling)
    {
        let mut cell = sample.cell.clone();
        let Some(instances) = cell
            .params
            .remove(INSTANCES)
            .and_then(|number| number.parse().ok())
        else {
            continue;
        };
        groups
            .entry(cell)
            .or_default()
            .entry(instances)
            .or_default()
            .push(sample);
    }
    groups
        .into_iter()
        .map(|(cell, sizes)| ScalingCurve {
            cell,
            points: points(&sizes),
        })
        .collect()
}

fn points(sizes: &BTreeMap<u64, Vec<&Sample>>) -> Vec<ScalingPoint> {
    let one = sizes.get(&1).map(|samples| by_block(samples));
    let mut previous: Option<Blocks<'_>> = None;
    let mut points = Vec::new();
    for (&instances, samples) in sizes {
        let blocks = by_block(samples);
        let over = |base: &Option<Blocks<'_>>| base.as_ref().and_then(|base| ratio(&blocks, base));
        points.push(point(
            instances,
            samples,
            &blocks,
            over(&one),
            over(&previous),
        ));
        previous = Some(blocks);
    }
    points
}

fn by_block<'a>(samples: &[&'a Sample]) -> Blocks<'a> {
    samples
        .iter()
        .filter(|sample| sample.outcome == Outcome::Ok)
        .map(|sample| (sample.block, *sample))
        .collect()
}

fn point(
    instances: u64,
    samples: &[&Sample],
    blocks: &Blocks<'_>,
    speed_up: Option<Estimate>,
    over_previous: Option<Estimate>,
) -> ScalingPoint {
    let attested = |name: &str| {
        let values = blocks
            .values()
            .filter_map(|sample| sample.attested.get(name)?.as_u64());
        median(&values.collect::<Vec<_>>())
    };
    let rates: Vec<_> = blocks
        .values()
        .filter_map(|sample| whole(rate(sample)? * 1e3))
        .collect();
    let shares = blocks.values().filter_map(|sample| {
        let cpu_ns = sample.attested.get("generator_cpu_ns")?.as_u64()? as f64;
        whole(cpu_ns / sample.requests.as_ref()?.wall_ns as f64 * MILLION)
    });
    ScalingPoint {
        instances,
        ok: blocks.len(),
        failed: samples
            .iter()
            .filter(|sample| sample.outcome == Outcome::Failed)
            .count(),
        per_second: median(&rates).map(|rate| rate.scaled(1e-3)),
        speed_up,
        over_previous,
        ready: attested("ready_ns"),
        pss: attested("pss_bytes"),
        generator: median(&shares.collect::<Vec<_>>()),
        oversubscribed: blocks
            .values()
            .any(|sample| sample.attested.get("oversubscribed") == Some(&true.into())),
    }
}

/// Right answers per second of one sample.
pub(crate) fn rate(sample: &Sample) -> Option<f64> {
    let Requests { ok, wall_ns, .. } = *sample.requests.as_ref()?;
    (ok > 0 && wall_ns > 0).then(|| ok as f64 * 1e9 / wall_ns as f64)
}

/// The throughput over that of a base, block by block, in millionths.
fn ratio(blocks: &Blocks<'_>, base: &Blocks<'_>) -> Option<Estimate> {
    let of = |(block, sample): (&u32, &&Sample)| {
        whole(rate(sample)? / rate(base.get(block)?)? * MILLION)
    };
    median(&blocks.iter().filter_map(of).collect::<Vec<_>>())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "finite and not negative: checked"
)]
pub(crate) fn whole(value: f64) -> Option<u64> {
    (value.is_finite() && value >= 0.0).then(|| value.round() as u64)
}

/// The curves as tables, and where they end.
pub(crate) fn tables(samples: &[Sample]) -> String {
    let mut text = String::new();
    let mut curves = scaling_curves(samples);
    curves.sort_by(|one, two| {
        one.cell
            .workload
            .cmp(&two.cell.workload)
            .then(one.cell.cmp(&two.cell))
    });
    for workload in workloads(&curves) {
        let some: Vec<_> = curves
            .iter()
            .filter(|curve| curve.cell.workload == workload.as_str())
            .collect();
        text.push_str(&table(&workload, &some));
        some.iter().for_each(|curve| text.push_str(&end_of(curve)));
        text.push('\n');
    }
    text
}

fn workloads(curves: &[ScalingCurve]) -> Vec<String> {
    let mut names: Vec<_> = curves
        .iter()
        .map(|curve| curve.cell.workload.to_string())
        .collect();
    names.dedup();
    names
}

fn table(workload: &str, curves: &[&ScalingCurve]) -> String {
    let lines = curves
        .iter()
        .flat_map(|curve| curve.points.iter().map(move |point| line(curve, point)));
    outside::table(
        &format!("{workload}, scaling: instances at the same time; * more of them than cores"),
        &[
            "system",
            "instances",
            "n",
            "per second",
            "speed-up",
            "efficiency",
            "95 % interval",
            "memory each",
            "all ready",
            "generator",
        ],
        lines,
    )
}

fn line(curve: &ScalingCurve, point: &ScalingPoint) -> Vec<String> {
    let mark = if point.oversubscribed { "*" } else { "" };
    let speed_up = point
        .speed_up
        .map_or_else(String::new, |it| three_digits(it.value / MILLION));
    let (efficiency, ends) = match point.efficiency() {
        Some((value, Some((low, high)))) => {
            (format!("{value:.2}"), format!("[{low:.2}, {high:.2}]"))
        }
        Some((value, None)) => (format!("{value:.2}"), "n < 6".to_owned()),
        None => Default::default(),
    };
    vec![
        outside::name_of(&curve.cell),
        format!("{}{mark}", point.instances),
        point.ok.to_string(),
        point
            .per_second
            .map_or_else(|| "–".to_owned(), |rate| three_digits(rate.value)),
        speed_up,
        efficiency,
        ends,
        point
            .pss
            .map_or_else(String::new, |pss| bytes(pss.value / point.instances as f64)),
        point
            .ready
            .map_or_else(String::new, |ready| nanoseconds(ready.value)),
        point.generator.map_or_else(String::new, |share| {
            format!("{:.0} %", share.value / MILLION * 100.0)
        }),
    ]
}

/// The first number of instances that do less than fewer do, or not all of it rightly.
fn end_of(curve: &ScalingCurve) -> String {
    let name = outside::name_of(&curve.cell);
    let Some(most) = curve.points.last() else {
        return String::new();
    };
    match curve.points.iter().find(|point| point.is_degraded()) {
        Some(point) if point.failed > 0 => {
            format!(
                "{name}: the limit is below {} instances: {} samples failed there\n",
                point.instances, point.failed
            )
        }
        Some(point) => format!(
            "{name}: throughput falls from {} instances on\n",
            point.instances
        ),
        None => format!(
            "{name}: no limit found up to {} instances\n",
            most.instances
        ),
    }
}

#[cfg(test)]
mod tests {
    use results::record::Resources;

    use super::*;

    fn sample(instances: u64, block: u32, ok: u64, outcome: Outcome) -> Sample {
        let text = format!(
            r#"{{"schema":1,"run":"r","order":0,"block":{block},"cell":{{"system":"native","workload":"cpu-hash","scenario":"scaling",
            "params":{{"instances":"{instances}"}}}},"outcome":"ok","reason":null,"started_at":"","total_ns":5,"residual_ns":null,
            "phases":[],"resources":{resources},"noise":{{"steal_ns":null,"cpu_pressure_ns":null,"load1":null}},
            "requests":{{"sent":{ok},"ok":{ok},"failed":0,"dropped":0,"late":0,"wall_ns":1000000000,"latency_hdr":null}},
            "artifact_sha256":null,"attested":{{"ready_ns":7,"oversubscribed":{over}}}}}"#,
            resources = serde_json::to_string(&Resources::default()).unwrap(),
            over = instances > 2,
        );
        Sample {
            outcome,
            ..serde_json::from_str(&text).unwrap()
        }
    }

    /// One instance answers 100 requests a second, two 180, and four 150: efficiencies of 1, 0.9
    /// and 0.375, and a fall at four.
    fn curve(failed: bool) -> ScalingCurve {
        let mut samples = Vec::new();
        for block in 0..6 {
            for (instances, ok) in [(1, 100), (2, 180), (4, 150)] {
                samples.push(sample(instances, block, ok, Outcome::Ok));
            }
        }
        if failed {
            samples.push(sample(2, 7, 180, Outcome::Failed));
        }
        scaling_curves(&samples).pop().unwrap()
    }

    #[test]
    fn a_worked_example() {
        let points = curve(false).points;
        let efficiencies: Vec<_> = points
            .iter()
            .map(|point| point.efficiency().unwrap())
            .collect();
        assert_eq!(efficiencies[0], (1.0, Some((1.0, 1.0))));
        assert_eq!(efficiencies[1], (0.9, Some((0.9, 0.9))));
        assert_eq!(efficiencies[2], (0.375, Some((0.375, 0.375))));
        assert_eq!(
            points
                .iter()
                .map(ScalingPoint::is_degraded)
                .collect::<Vec<_>>(),
            [false, false, true]
        );
        assert_eq!(
            points
                .iter()
                .map(|point| point.oversubscribed)
                .collect::<Vec<_>>(),
            [false, false, true]
        );
    }

    #[test]
    fn the_end_is_said() {
        assert_eq!(
            end_of(&curve(false)),
            "native: throughput falls from 4 instances on\n"
        );
        assert!(end_of(&curve(true)).contains("below 2 instances: 1 samples failed"));
    }
}
