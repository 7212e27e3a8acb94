//! What one cell says, in numbers.

use std::collections::BTreeMap;

use results::reason::SkipKind;
use results::{Cell, Outcome, Param, Phase, PhaseTime};
use serde::Serialize;

use super::Measure;
use super::lateness::{self, Lateness};
use super::sequence::{self, RequestFacts};
use crate::input::{CellData, Fact, Point};
use crate::statistics::{
    self, Course, Description, Estimate, Interval, Order, Steadiness, describe,
};
use crate::units::Unit;

/// Above this part of one core the load generator may be what limits a rate. The generator is one
/// thread, so at 1 it has no time left; before that, answers wait for it in bursts, and the rate
/// falls short of what the system could do. The other fifth is room for that.
pub const GENERATOR_LIMIT: f64 = 0.8;

/// Above this part of the rate that the load generator reached on this machine against a server that
/// does nothing, a rate may be the generator's: it is not known to a tenth.
pub const NEAR_LIMIT: f64 = 0.9;

/// The values of one measure, one for each sample that has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The values, in the order in which they were measured.
    #[serde(skip)]
    pub values: Vec<f64>,
    /// The block of each value.
    #[serde(skip)]
    pub blocks: Vec<u32>,
    /// The place of each value in the run's order.
    #[serde(skip)]
    pub orders: Vec<u64>,
    /// The session of each value: the invocation of the run that measured it.
    #[serde(skip)]
    pub sessions: Vec<u32>,
    /// What they say.
    #[serde(flatten)]
    pub all: Description,
    /// The median of those that nothing disturbed, if some were disturbed and some were not.
    pub median_without_noisy: Option<f64>,
}

impl Measured {
    /// Values that are of a whole block each, with their sessions and blocks, and their places in the
    /// run's order; nothing of none, or where one is no number.
    pub(crate) fn of_places(values: &[((u32, u32), u64, f64)]) -> Option<Self> {
        let all: Vec<f64> = values.iter().map(|(.., value)| *value).collect();
        Some(Self {
            all: describe(&all, Order::Unknown).ok()?,
            values: all,
            blocks: values.iter().map(|((_, block), ..)| *block).collect(),
            orders: values.iter().map(|(_, order, _)| *order).collect(),
            sessions: values.iter().map(|((session, _), ..)| *session).collect(),
            median_without_noisy: None,
        })
    }

    /// Each value with its session and block, and its place in the run's order.
    pub(crate) fn places(&self) -> impl Iterator<Item = ((u32, u32), f64, u64)> {
        let places = self
            .sessions
            .iter()
            .copied()
            .zip(self.blocks.iter().copied());
        let values = self.values.iter().copied().zip(self.orders.iter().copied());
        places
            .zip(values)
            .map(|(place, (value, order))| (place, value, order))
    }

    /// The value with this place in the run's order.
    pub(crate) fn at(&self, order: u64) -> Option<f64> {
        let at = self.orders.iter().position(|it| *it == order)?;
        self.values.get(at).copied()
    }
}

/// A phase of a cell's starts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseFacts {
    /// Which.
    pub name: Phase,
    /// In how many starts it occurs.
    pub n: usize,
    /// The median of its times.
    pub median_ns: f64,
    /// The mean of its times. Means add up to the mean of the total, medians do not.
    pub mean_ns: f64,
    /// The interval of the median.
    pub interval_ns: Option<Interval>,
}

/// What one part of a system of several processes cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartFacts {
    /// Its name.
    pub name: String,
    /// CPU time since the sample began.
    pub cpu_ns: Option<Estimate>,
    /// Proportional set size.
    pub pss_bytes: Option<Estimate>,
}

/// The harness's own time, at the median of samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HarnessTime {
    /// What a sample takes beyond its start, in nanoseconds.
    pub around_ns: f64,
    /// How long of that it waits until nothing else runs; 0 where that is not waited for.
    pub quiet_ns: f64,
}

impl HarnessTime {
    fn of_points(points: &[&Point]) -> Option<Self> {
        let at_median = |fact: Fact| {
            let values: Vec<f64> = points.iter().filter_map(|it| it.fact(fact)).collect();
            statistics::median(&values).ok()
        };
        Some(Self {
            around_ns: at_median(Fact::HarnessNs)?,
            quiet_ns: at_median(Fact::QuietWaitNs).unwrap_or(0.0),
        })
    }
}

/// The phases of one start.
#[derive(Debug, Clone, PartialEq)]
pub struct StartPhases {
    /// The block that it was measured in.
    pub block: u32,
    /// By how much its end may have been seen late.
    pub gap_ns: f64,
    /// The session that measured it.
    pub session: u32,
    /// Its phases, in order.
    pub phases: Box<[PhaseTime]>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellFacts {
    /// Its short name, which anchors and files use.
    pub id: String,
    /// The cell.
    pub cell: Cell,
    /// Places in the run's order of the samples that count: what every number here is made of.
    pub orders: Vec<u64>,
    /// Places of those that were begun and do not count.
    pub failed: Vec<u64>,
    /// Places of those that were not begun.
    pub skipped: Vec<u64>,
    /// Of these, places of those that were given up: the ones before them had failed.
    pub gave_up: Vec<u64>,
    /// Places of those that count and were disturbed.
    pub noisy: Vec<u64>,
    /// Places of those that count and whose records do not say whether they were disturbed.
    pub noise_unknown: Vec<u64>,
    /// Places of those that count, whose system's files were to be cold without proof that they were.
    pub residency_unknown: Vec<u64>,
    /// Reasons for which samples do not count, each with how often.
    pub reasons: BTreeMap<String, u64>,
    /// Whether the system can never do what the cell asks.
    pub not_applicable: bool,
    /// What was measured.
    pub measures: BTreeMap<Measure, Measured>,
    /// The phases of its starts, in order.
    pub phases: Vec<PhaseFacts>,
    /// Costs of single parts of a system of several processes.
    pub parts: Vec<PartFacts>,
    /// By how much its starts may have been seen late; nothing where each answered at once.
    pub late: Option<Lateness>,
    /// What its samples took beyond their starts; nothing where their records do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub harness: Option<HarnessTime>,
    /// The largest time that is in no phase, without its sign.
    pub max_residual_ns: Option<u64>,
    /// Requests that went out, over all samples that count.
    pub requests: u64,
    /// Where what the service keeps lives, if its samples report it.
    pub keeps: Option<String>,
    /// What carried packets between client and service, if its samples report it: `netem` and `tun`
    /// hold them back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_means: Option<String>,
    /// Whether there were more instances than cores in any of them.
    pub oversubscribed: bool,
    /// The CPUs that its system could use, the same in all samples; nothing where they differ or
    /// are not recorded.
    pub cpus: Option<Box<[u64]>>,
    /// Places of those that count, and whose rate had not become steady when the time for the warm-up
    /// was up.
    pub not_warm: Vec<u64>,
    /// Whether its loads were as fast at their beginning as later; nothing without a closed loop, or
    /// where no series was kept.
    pub steadiness: Option<Steadiness>,
    /// What each request of its sequence did; nothing where all are the same one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_request: Vec<RequestFacts>,
    /// The phases of each start that was taken apart.
    #[serde(skip)]
    pub starts: Vec<StartPhases>,
    /// The latencies of all its samples, in ascending order, each with how often it occurred.
    #[serde(skip)]
    pub latencies: Vec<(u64, u64)>,
}

impl CellFacts {
    /// Describes a cell's samples.
    pub(crate) fn compute(data: &CellData) -> Self {
        let good: Vec<&Point> = data.points.iter().filter(|point| point.is_good()).collect();
        let orders = |fits: &dyn Fn(&Point) -> bool| -> Vec<u64> {
            let points = data.points.iter().filter(|point| fits(point));
            points.map(|point| point.order).collect()
        };
        let mut reasons = BTreeMap::new();
        for reason in data.points.iter().filter_map(|it| it.reason.as_deref()) {
            *reasons.entry(reason.to_owned()).or_default() += 1;
        }
        let measures = Measure::ALL
            .iter()
            .filter_map(|measure| Some((*measure, measured(&good, *measure)?)));
        let phases = Phase::ALL.into_iter();
        let residuals = good.iter().filter_map(|point| point.residual_ns);
        let sent = good.iter().filter_map(|it| Some(it.load.as_ref()?.sent));
        Self {
            id: data.id.clone(),
            cell: data.cell.clone(),
            orders: orders(&Point::is_good),
            failed: orders(&|point| point.outcome == Outcome::Failed),
            skipped: orders(&|point| point.outcome == Outcome::Skipped),
            gave_up: orders(&|point| point.skip == Some(SkipKind::GaveUp)),
            noisy: orders(&|point| point.is_good() && point.noisy.is_some()),
            residency_unknown: orders(&|point| point.is_good() && point.residency_unknown),
            noise_unknown: orders(&|point| point.is_good() && !point.noise_is_known),
            not_warm: orders(&|point| {
                point.is_good() && point.fact(Fact::WarmUpSteady) == Some(0.0)
            }),
            reasons,
            not_applicable: data
                .points
                .iter()
                .any(|point| point.skip == Some(SkipKind::NotApplicable)),
            measures: measures.collect(),
            phases: phases.filter_map(|it| phase_facts(&good, it)).collect(),
            parts: parts(&good),
            late: lateness::of_points(&good),
            harness: HarnessTime::of_points(&good),
            max_residual_ns: residuals.map(i64::unsigned_abs).max(),
            requests: sent.fold(0, u64::saturating_add),
            link_means: good
                .iter()
                .find_map(|point| point.link_means.as_deref())
                .map(str::to_owned),
            keeps: good
                .iter()
                .find_map(|point| point.keeps.as_deref())
                .map(str::to_owned),
            oversubscribed: good
                .iter()
                .any(|point| point.fact(Fact::Oversubscribed) == Some(1.0)),
            cpus: cpus(&good),
            steadiness: steadiness(&data.cell, &good),
            starts: good
                .iter()
                .filter(|point| !point.phases.is_empty())
                .map(|point| StartPhases {
                    block: point.block,
                    gap_ns: point.gap_ns(),
                    session: point.session,
                    phases: point.phases.clone(),
                })
                .collect(),
            by_request: sequence::requests(&good),
            latencies: data.latencies.clone(),
        }
    }

    /// The system, under its first name.
    pub fn system(&self) -> &str {
        self.cell.system.original_name()
    }

    /// Whether it was measured under a system's second name.
    pub fn is_twin(&self) -> bool {
        self.cell.system.is_twin()
    }

    /// The values of a measure; none if it was not measured.
    pub fn values(&self, measure: Measure) -> &[f64] {
        self.measures
            .get(&measure)
            .map_or(&[], |measured| &measured.values)
    }

    /// The median of a measure.
    pub fn median(&self, measure: Measure) -> Option<f64> {
        self.measures
            .get(&measure)
            .map(|measured| measured.all.median)
    }

    /// The mean of a measure.
    pub fn mean(&self, measure: Measure) -> Option<f64> {
        self.measures
            .get(&measure)
            .map(|measured| measured.all.mean)
    }

    /// The interval of the median of a measure.
    pub fn interval(&self, measure: Measure) -> Option<Interval> {
        self.measures.get(&measure)?.all.median_interval
    }

    /// Whether its load generator took more of its core than [`GENERATOR_LIMIT`], in the median of
    /// its samples, or [came near](Self::is_near_limit) what it can do: its requests per second are a
    /// lower bound of what the system can do then, so that nothing is ranked by them, and a ratio to
    /// them is a bound too.
    pub fn is_generator_limited(&self) -> bool {
        let share = self.median(Measure::GeneratorShare);
        share.is_some_and(|share| share > GENERATOR_LIMIT) || self.is_near_limit()
    }

    /// Whether its rate is more than [`NEAR_LIMIT`] of what the load generator reached against a
    /// server that does nothing, in the median of its samples.
    pub fn is_near_limit(&self) -> bool {
        self.median(Measure::OfGeneratorLimit)
            .is_some_and(|part| part > NEAR_LIMIT)
    }

    /// Whether its latencies are the load generator's, and not the system's: an open loop whose
    /// generator is at its limit falls behind its plan by itself. They are upper bounds then, and
    /// are compared with nothing.
    pub fn is_generators_latency(&self) -> bool {
        self.cell.params.is(Param::Pace, "open") && self.is_generator_limited()
    }

    /// Whether its values of a measure are lower bounds.
    pub fn is_lower_bound(&self, measure: Measure) -> bool {
        measure.is_rate() && self.is_generator_limited()
    }

    /// The median of a measure as people read it: `≥ 21,000` where it is a lower bound.
    pub fn median_text(&self, measure: Measure) -> Option<String> {
        let shown = measure.unit().shown(self.median(measure)?);
        Some(if self.is_lower_bound(measure) {
            format!("≥ {shown}")
        } else {
            shown
        })
    }

    /// The facts of a phase.
    pub fn phase(&self, name: Phase) -> Option<&PhaseFacts> {
        self.phases.iter().find(|phase| phase.name == name)
    }

    /// The phases that count into the total, in order.
    pub fn counted_phases(&self) -> impl Iterator<Item = &PhaseFacts> {
        self.phases.iter().filter(|phase| phase.name.counts())
    }

    /// Connections at once, over all instances.
    pub fn connections(&self) -> Option<u64> {
        connections(&self.cell)
    }

    /// Whether its starts were taken apart.
    pub fn is_taken_apart(&self) -> bool {
        self.median(Measure::TotalNs).is_some() && self.counted_phases().next().is_some()
    }
}

fn measured(good: &[&Point], measure: Measure) -> Option<Measured> {
    let with: Vec<(&Point, f64)> = good
        .iter()
        .filter_map(|point| Some((*point, measure.read(point)?)))
        .collect();
    let values: Vec<f64> = with.iter().map(|(_, value)| *value).collect();
    let orders: Vec<u64> = with.iter().map(|(point, _)| point.order).collect();
    // Every process has memory of its own: it is times that a machine's state makes drift.
    let order = if measure.unit() == Unit::Bytes {
        Order::Unknown
    } else {
        Order::By(&orders)
    };
    let all = describe(&values, order).ok()?;
    if measure.is_tail() {
        // Of some processes alone it would be one of those that answered most; and what has no
        // interval is no claim.
        let loaded = good.iter().filter(|point| point.load.is_some()).count();
        if values.len() < loaded || all.median_interval.is_none() {
            return None;
        }
    }
    let quiet: Vec<f64> = with
        .iter()
        .filter(|(point, _)| point.noisy.is_none())
        .map(|(_, value)| *value)
        .collect();
    let median_without_noisy = (quiet.len() < values.len())
        .then(|| statistics::median(&quiet).ok())
        .flatten();
    Some(Measured {
        blocks: with.iter().map(|(point, _)| point.block).collect(),
        sessions: with.iter().map(|(point, _)| point.session).collect(),
        values,
        orders,
        all,
        median_without_noisy,
    })
}

/// The CPUs that all samples say, if they are the same.
fn cpus(good: &[&Point]) -> Option<Box<[u64]>> {
    let first = good.first()?.cpus.as_ref()?;
    let is_same = |point: &&Point| point.cpus.as_ref() == Some(first);
    good.iter().all(is_same).then(|| first.clone())
}

/// Connections at once: of several instances, to each.
fn connections(cell: &Cell) -> Option<u64> {
    let number = |key: Param| cell.params.get(key)?.parse::<u64>().ok();
    Some(number(Param::Connections)? * number(Param::Instances).unwrap_or(1))
}

fn steadiness(cell: &Cell, good: &[&Point]) -> Option<Steadiness> {
    // An open loop's rate is its plan's.
    let is_closed = cell.params.is(Param::Pace, "closed");
    let connections = connections(cell).filter(|_| is_closed)?;
    let courses: Vec<Course<'_>> = good
        .iter()
        .filter_map(|point| {
            let load = point.load.as_deref()?;
            let series = load.series.as_ref()?;
            Some(Course {
                window_ns: series.window_ns,
                wall_ns: load.wall_ns,
                answers: &series.answers,
            })
        })
        .collect();
    statistics::steadiness(&courses, connections)
}

fn phase_facts(good: &[&Point], name: Phase) -> Option<PhaseFacts> {
    let values: Vec<f64> = good
        .iter()
        .filter_map(|point| point.phase_ns(name))
        .map(|ns| ns as f64)
        .collect();
    let median = Estimate::of_median(&values)?;
    Some(PhaseFacts {
        name,
        n: values.len(),
        median_ns: median.value,
        mean_ns: values.iter().sum::<f64>() / values.len() as f64,
        interval_ns: median.interval,
    })
}

fn parts(good: &[&Point]) -> Vec<PartFacts> {
    let mut names: Vec<&str> = good
        .iter()
        .flat_map(|point| point.parts.iter())
        .map(|part| &*part.name)
        .collect();
    names.sort_unstable();
    names.dedup();
    let part = |name: &str| {
        let own = || {
            let parts = good.iter().flat_map(|point| point.parts.iter());
            parts.filter(|part| &*part.name == name)
        };
        let median = |values: &mut dyn Iterator<Item = u64>| {
            Estimate::of_median(&values.map(|value| value as f64).collect::<Vec<_>>())
        };
        PartFacts {
            name: name.to_owned(),
            cpu_ns: median(&mut own().filter_map(|part| part.cpu_ns)),
            pss_bytes: median(&mut own().filter_map(|part| part.pss_bytes)),
        }
    };
    names.into_iter().map(part).collect()
}
