//! The campaign: plan → order in blocks → prepare → wait for quiet → sample → append.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use machine::clock;
use machine::noise::{Census, Counters};
use machine::quiet::{self, Quiet};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use results::ledger::{Ledger, LedgerError};
use results::manifest::{Manifest, Order};
use results::noise::Noise;
use results::record::{Cell, Outcome, Requests, Resources, Sample};
use results::sum_rule::sum_rule;
use results::{Attested, Evidence, Failure, FailureKind, PhaseTime, SCHEMA_VERSION, Skip};

pub use crate::failures::FAILURES_IN_A_ROW;
use crate::failures::Failures;
use crate::mask::Secrets;
use crate::order;
use crate::patience::Patience;

/// What is to be measured, and in which order. Fixed before the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Every cell once.
    pub cells: Vec<Cell>,
    /// How often each is measured, but for those that the rule of order has in some blocks only: the number of
    /// blocks.
    pub samples_per_cell: u32,
    /// By which rule they are ordered.
    pub order: Order,
    /// What the order is drawn from.
    pub seed: u64,
}

/// One place in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The place, from 0.
    pub order: u64,
    /// The block, from 0.
    pub block: u32,
    /// What is measured there.
    pub cell: Cell,
}

impl From<&Manifest> for Plan {
    /// The plan of a run, by the rule that it was begun with.
    fn from(manifest: &Manifest) -> Self {
        Self {
            cells: manifest.cells.clone(),
            samples_per_cell: manifest.samples_per_cell,
            order: manifest.order.clone(),
            seed: manifest.seed,
        }
    }
}

impl Plan {
    /// More places than any run has. A manifest that was damaged, or that somebody sent, may plan so many
    /// that their order fits into no memory.
    pub const MOST_PLACES: u64 = 2_000_000;

    /// How many samples are planned; nothing if they are more than [`Self::MOST_PLACES`].
    pub fn places(manifest: &Manifest) -> Option<u64> {
        let cells = manifest.cells.len() as u64;
        let places = cells.checked_mul(manifest.samples_per_cell.into());
        places.filter(|places| *places <= Self::MOST_PLACES)
    }

    /// The order: in each block every cell once. What drifts during a run then falls on all cells
    /// alike.
    pub fn order(&self) -> Vec<Planned> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut order = Vec::with_capacity(self.cells.len() * self.samples_per_cell as usize);
        for block in 0..self.samples_per_cell {
            let cells = order::block(&self.order, block, &self.cells, &mut random);
            order.extend(cells.into_iter().map(|cell| (block, cell)));
        }
        (0..)
            .zip(order)
            .map(|(order, (block, cell))| Planned { order, block, cell })
            .collect()
    }
}

/// What a bench measured of one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Whether it is a measurement at all: if not, why not.
    pub verdict: Result<(), Failure>,
    /// From the launch to the first complete answer.
    pub total_ns: Option<u64>,
    /// The phases, in order. Empty if the start was not taken apart: then there is nothing that
    /// must add up.
    pub phases: Vec<PhaseTime>,
    /// What the start cost its process.
    pub resources: Resources,
    /// The requests under load, if the sample is not a start.
    pub requests: Option<Requests>,
    /// The evidence.
    pub attested: Attested,
    /// Processes that were there before the sample and worked for it, such as the daemons of an
    /// engine, where this program has not started them: what they and their children did is no
    /// disturbance.
    pub daemons: Vec<u32>,
}

impl Measurement {
    /// A sample that was begun and came to nothing.
    pub fn failed(reason: impl Into<Failure>) -> Self {
        Self {
            verdict: Err(reason.into()),
            total_ns: None,
            phases: Vec::new(),
            resources: Resources::default(),
            requests: None,
            attested: Attested::new(),
            daemons: Vec::new(),
        }
    }
}

/// What measures a cell. The programs implement it with real systems, tests with a mock.
pub trait Bench {
    /// Does what must not be timed: builds, precompiles, evicts.
    ///
    /// # Errors
    /// Why the cell cannot be measured here and what would mend it: the sample is then `skipped`.
    fn prepare(&mut self, planned: &Planned) -> Result<(), Skip>;

    /// Holds the sample that is prepared back until nothing else runs on the machine, or `at_most` so
    /// long: what daemons and the kernel still have to do after the sample before must not be part
    /// of this one, nor what this program has begun itself, until that is `settled`. Nothing if the
    /// machine does not say.
    fn wait_for_quiet(
        &mut self,
        at_most: Duration,
        settled: &mut dyn FnMut() -> bool,
    ) -> Option<Quiet> {
        quiet::wait(at_most, settled)
    }

    /// Launches one process, collects its milestones and resources, and checks its answer.
    fn sample(&mut self, planned: &Planned) -> Measurement;

    /// Takes down what the sample left, and checks that the slate is clean.
    ///
    /// # Errors
    /// What was left and could not be removed: the sample is then `failed`.
    fn clean(&mut self, planned: &Planned) -> Result<(), String>;

    /// The digest of the artifact that the cell runs.
    fn artifact_sha256(&self, cell: &Cell) -> Option<String>;
}

/// Follows a campaign. Called between samples only: nothing is drawn while one is taken.
pub trait Reporter {
    /// The campaign begins: `planned` places, of which `done` are already in the ledger.
    fn begin(&mut self, planned: u64, done: u64) {
        let _ = (planned, done);
    }
    /// A sample is about to be prepared.
    fn before(&mut self, planned: &Planned) {
        let _ = planned;
    }
    /// A sample is in the ledger.
    fn after(&mut self, sample: &Sample) {
        let _ = sample;
    }
    /// The campaign is over, or interrupted.
    fn end(&mut self) {}
}

/// A reporter that says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {}

/// How a campaign ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every place of the plan is in the ledger.
    Complete,
    /// Someone asked to stop; the rest can be resumed.
    Interrupted,
}

/// A campaign: a plan, and what the ledger already has of it.
#[derive(Debug, Clone, Copy)]
pub struct Campaign<'a> {
    /// What is to be measured, and in which order.
    pub plan: &'a Plan,
    /// The run's name, which each record bears.
    pub run: &'a str,
    /// The samples that are in the ledger.
    pub recorded: &'a [Sample],
    /// Set to end the campaign after the sample that is being taken.
    pub stop: &'a AtomicBool,
}

impl Campaign<'_> {
    /// Takes every sample that the ledger does not have yet. Returns how the campaign ended.
    ///
    /// # Errors
    /// [`LedgerError`] if a sample could not be recorded: nothing is measured that cannot be kept.
    pub fn run(
        &self,
        ledger: &mut Ledger,
        bench: &mut dyn Bench,
        reporter: &mut dyn Reporter,
    ) -> Result<Ended, LedgerError> {
        let order = self.plan.order();
        let done: HashSet<u64> = self.recorded.iter().map(|sample| sample.order).collect();
        let mut session = Session::after(self.run, self.recorded);
        reporter.begin(order.len() as u64, done.len() as u64);
        for planned in order.iter().filter(|it| !done.contains(&it.order)) {
            if self.stop.load(Ordering::Relaxed) {
                reporter.end();
                ledger.settle()?;
                return Ok(Ended::Interrupted);
            }
            reporter.before(planned);
            let mut sample = session.take_sample(planned, bench, ledger)?;
            session.free_since_ns = clock::now_ns();
            session.secrets.mask(&mut sample);
            if sample.outcome != Outcome::Ok {
                ledger.check_room()?;
            }
            ledger.write(&sample)?;
            session.failures.note(&sample);
            reporter.after(&sample);
        }
        reporter.end();
        ledger.settle()?;
        Ok(Ended::Complete)
    }
}

/// What takes the samples of one invocation of a run, one after another. Between two of them may lie
/// a day.
struct Session<'a> {
    run: &'a str,
    secrets: Secrets,
    number: u32,
    failures: Failures,
    patience: Patience,
    /// The clock at the end of the sample before, however that ended.
    free_since_ns: u64,
}

impl<'a> Session<'a> {
    /// The one that goes on after these samples.
    fn after(run: &'a str, recorded: &[Sample]) -> Self {
        let last = recorded.iter().map(Sample::session).max();
        Self {
            run,
            secrets: Secrets::of(run),
            number: last.map_or(0, |last| last.saturating_add(1)),
            failures: Failures::replay(recorded),
            patience: Patience::default(),
            free_since_ns: clock::now_ns(),
        }
    }

    /// The life of a sample. The disk takes the one before while this one is prepared, and has it before this
    /// one is launched.
    fn take_sample(
        &mut self,
        planned: &Planned,
        bench: &mut dyn Bench,
        ledger: &mut Ledger,
    ) -> Result<Sample, LedgerError> {
        let proc = Path::new("/proc");
        let mut sample = self.blank(planned);
        if let Some(skip) = self.failures.gave_up(&planned.cell) {
            return Ok(skipped(sample, skip));
        }
        if let Err(skip) = bench.prepare(planned) {
            return Ok(skipped(sample, skip));
        }
        // Only what is prepared has been built.
        sample.artifact_sha256 = bench.artifact_sha256(&planned.cell);
        let mut settled = || ledger.is_settled();
        let wait = |at_most| bench.wait_for_quiet(at_most, &mut settled);
        sample.attested.extend(self.patience.wait(wait));
        ledger.settle()?;
        let census = Census::take();
        let before = Counters::read(proc);
        let started_at = clock::wall_clock();
        let measured = bench.sample(planned);
        let others = census.others_since(&measured.daemons).unzip();
        let noise = Noise {
            others_cpu_ns: others.0,
            capacity_ns: others.1,
            ..Counters::read(proc).since(&before)
        };
        let cleaned = bench.clean(planned);
        let sample = Sample {
            started_at,
            noise,
            ..sample
        };
        let mut sample = evaluate(sample, measured, cleaned);
        let spent_ns = clock::now_ns().saturating_sub(self.free_since_ns);
        sample.attested.extend(around(&sample, spent_ns));
        Ok(sample)
    }

    /// A place of the plan that nothing is known of yet.
    fn blank(&self, planned: &Planned) -> Sample {
        Sample {
            schema: SCHEMA_VERSION,
            run: self.run.to_owned(),
            order: planned.order,
            block: planned.block,
            cell: planned.cell.clone(),
            outcome: Outcome::Skipped,
            reason: None,
            started_at: clock::wall_clock(),
            total_ns: None,
            residual_ns: None,
            phases: Vec::new(),
            resources: Resources::default(),
            noise: Noise::default(),
            requests: None,
            artifact_sha256: None,
            attested: Attested::from([(Evidence::Session, self.number)]),
        }
    }
}

fn skipped(mut sample: Sample, skip: Skip) -> Sample {
    sample.reason = Some(skip.to_string());
    sample
        .attested
        .insert(Evidence::ReasonKind, skip.kind.name());
    if let Some(remedy) = skip.remedy {
        sample.attested.insert(Evidence::Remedy, remedy);
    }
    sample
}

/// What a sample that took so long as a whole took beyond its start: the harness's own time.
fn around(sample: &Sample, spent_ns: u64) -> Option<(Evidence, u64)> {
    let is_start = sample.outcome == Outcome::Ok && sample.cell.scenario.starts();
    let start_ns = sample.total_ns.filter(|_| is_start)?;
    Some((Evidence::HarnessNs, spent_ns.saturating_sub(start_ns)))
}

/// Whether it is a measurement: what the bench says, what the phases add up to, what was left.
fn evaluate(sample: Sample, measured: Measurement, cleaned: Result<(), String>) -> Sample {
    let taken_apart = measured.total_ns.filter(|_| !measured.phases.is_empty());
    let summed = taken_apart
        .map(|total| sum_rule(total, &measured.phases))
        .transpose();
    let verdict = measured
        .verdict
        .and(summed.as_ref().map(|_| ()).map_err(Clone::clone))
        .and(cleaned.map_err(|left| Failure::new(FailureKind::NotClean, left)));
    let mut attested = sample.attested.clone();
    attested.extend(measured.attested);
    let (outcome, reason) = match verdict {
        Ok(()) => (Outcome::Ok, None),
        Err(failure) => {
            attested.insert(Evidence::ReasonKind, failure.kind.name());
            (Outcome::Failed, Some(failure.reason))
        }
    };
    Sample {
        outcome,
        reason,
        residual_ns: summed.ok().flatten(),
        total_ns: measured.total_ns,
        phases: measured.phases,
        resources: measured.resources,
        requests: measured.requests,
        attested,
        ..sample
    }
}
