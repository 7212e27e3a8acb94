//! The real campaign loop over a mock system: what happens in which order, and what is left in the
//! ledger.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use campaign::schedule::{
    Bench, Campaign, Ended, FAILURES_IN_A_ROW, Measurement, Plan, Planned, Reporter, Silent,
};
use results::ledger::{self, Ledger};
use results::manifest::Order;
use results::{
    Cell, Evidence, Outcome, Params, Phase, PhaseTime, Sample, Scenario, Skip, SkipKind, Workload,
};

/// What the mock does with the cells of one workload.
#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    Works,
    Traps,
    IsNotInstalled,
    LosesTimeBetweenPhases,
    LeavesAProcessBehind,
}

/// A mock system: it writes down what is asked of it.
struct Mock {
    behaviour: BTreeMap<Workload, Behaviour>,
    said: Vec<String>,
    stop: Arc<AtomicBool>,
    stop_after_samples: usize,
    sampled: usize,
}

impl Mock {
    fn new(behaviour: &[(&str, Behaviour)]) -> Self {
        Self {
            behaviour: behaviour
                .iter()
                .map(|&(name, behaviour)| (name.into(), behaviour))
                .collect(),
            said: Vec::new(),
            stop: Arc::default(),
            stop_after_samples: usize::MAX,
            sampled: 0,
        }
    }

    fn hears(&mut self, verb: &str, planned: &Planned) -> Behaviour {
        self.said.push(format!("{verb} {}", planned.cell.workload));
        self.behaviour[&planned.cell.workload]
    }
}

impl Bench for Mock {
    fn prepare(&mut self, planned: &Planned) -> Result<(), Skip> {
        match self.hears("prepare", planned) {
            Behaviour::IsNotInstalled => {
                Err(Skip::new(SkipKind::NotInstalled, "not installed here")
                    .remedy("run ./setup mock"))
            }
            _ => Ok(()),
        }
    }

    /// Nobody knows what runs on an invented machine.
    fn wait_for_quiet(
        &mut self,
        _: Duration,
        _: &mut dyn FnMut() -> bool,
    ) -> Option<machine::quiet::Quiet> {
        None
    }

    fn sample(&mut self, planned: &Planned) -> Measurement {
        self.sampled += 1;
        self.stop
            .store(self.sampled >= self.stop_after_samples, Ordering::Relaxed);
        let behaviour = self.hears("sample", planned);
        if behaviour == Behaviour::Traps {
            return Measurement::failed("the guest trapped");
        }
        let lost = if behaviour == Behaviour::LosesTimeBetweenPhases {
            30_000
        } else {
            7
        };
        Measurement {
            verdict: Ok(()),
            total_ns: Some(1_000_000 + lost),
            phases: vec![PhaseTime {
                name: Phase::Engine,
                ns: 1_000_000,
            }],
            ..Measurement::failed("")
        }
    }

    fn clean(&mut self, planned: &Planned) -> Result<(), String> {
        match self.hears("clean", planned) {
            Behaviour::LeavesAProcessBehind => Err("a process was left behind".into()),
            _ => Ok(()),
        }
    }

    fn artifact_sha256(&self, _: &Cell) -> Option<String> {
        Some("abc".into())
    }
}

/// One run folder's ledger, and a plan with a cell for each of the mock's workloads.
struct World {
    folder: tempfile::TempDir,
    plan: Plan,
    mock: Mock,
}

impl World {
    fn new(samples_per_cell: u32, behaviour: &[(&str, Behaviour)]) -> Self {
        let cell = |&(name, _): &(&str, Behaviour)| Cell {
            system: "mock".into(),
            workload: name.into(),
            scenario: Scenario::DiskCold,
            params: Params::new(),
        };
        let plan = Plan {
            cells: behaviour.iter().map(cell).collect(),
            samples_per_cell,
            order: Order::Shuffled,
            seed: 7,
        };
        Self {
            folder: tempfile::tempdir().unwrap(),
            plan,
            mock: Mock::new(behaviour),
        }
    }

    fn run(&mut self) -> Ended {
        self.run_for(&mut Silent)
    }

    fn run_for(&mut self, reporter: &mut dyn Reporter) -> Ended {
        let (mut ledger, held) = Ledger::open(&self.path()).unwrap();
        let stop = Arc::clone(&self.mock.stop);
        let campaign = Campaign {
            plan: &self.plan,
            run: "r",
            recorded: &held.samples,
            stop: &stop,
        };
        campaign.run(&mut ledger, &mut self.mock, reporter).unwrap()
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("samples.jsonl")
    }

    fn recorded(&self) -> Vec<Sample> {
        ledger::read(&self.path()).unwrap().samples
    }
}

use Behaviour::{IsNotInstalled, LeavesAProcessBehind, LosesTimeBetweenPhases, Traps, Works};

#[test]
fn each_sample_is_prepared_measured_and_cleaned_up_before_the_next() {
    let mut world = World::new(2, &[("a", Works), ("b", Works)]);
    assert_eq!(world.run(), Ended::Complete);
    let verbs: Vec<_> = world
        .mock
        .said
        .iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(verbs, ["prepare", "sample", "clean"].repeat(4));
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped_and_measures_nothing_twice() {
    let mut world = World::new(3, &[("a", Works), ("b", Works)]);
    world.mock.stop_after_samples = 2;
    assert_eq!(world.run(), Ended::Interrupted);
    assert_eq!(world.recorded().len(), 2);
    world.mock.stop_after_samples = usize::MAX;
    world.mock.stop.store(false, Ordering::Relaxed);
    assert_eq!(world.run(), Ended::Complete);
    let orders: Vec<_> = world.recorded().iter().map(|sample| sample.order).collect();
    assert_eq!(orders, [0, 1, 2, 3, 4, 5]);
    assert_eq!(world.mock.sampled, 6);
}

#[test]
fn every_sample_says_which_invocation_took_it_and_a_block_may_have_two() {
    let mut world = World::new(3, &[("a", Works), ("b", IsNotInstalled)]);
    // In the middle of a block, and once more before anything is taken.
    for stop_after in [2, 2, usize::MAX] {
        world
            .mock
            .stop
            .store(world.mock.sampled >= stop_after, Ordering::Relaxed);
        world.mock.stop_after_samples = stop_after;
        world.run();
    }
    let recorded = world.recorded();
    let sessions: Vec<_> = recorded.iter().map(Sample::session).collect();
    assert_eq!(sessions.len(), 6);
    let first = sessions.iter().filter(|session| **session == 0).count();
    assert_eq!(
        sessions,
        [vec![0; first], vec![1; 6 - first]].concat(),
        "one that took nothing is none"
    );
    assert!(
        recorded
            .iter()
            .all(|sample| sample.attested.contains_key("session"))
    );
}

#[test]
fn samples_of_before_there_were_sessions_are_of_the_first() {
    let mut world = World::new(2, &[("a", Works)]);
    world.mock.stop_after_samples = 1;
    world.run();
    let mut old = world.recorded().remove(0);
    old.attested.remove("session");
    std::fs::remove_file(world.path()).unwrap();
    Ledger::open(&world.path()).unwrap().0.append(&old).unwrap();
    world.mock.stop.store(false, Ordering::Relaxed);
    world.mock.stop_after_samples = usize::MAX;
    world.run();
    let sessions: Vec<_> = world.recorded().iter().map(Sample::session).collect();
    assert_eq!(sessions, [0, 1]);
}

#[test]
fn what_cannot_be_measured_here_is_a_visible_row_and_is_never_launched() {
    let mut world = World::new(1, &[("a", IsNotInstalled)]);
    world.run();
    let sample = &world.recorded()[0];
    assert_eq!(
        (sample.outcome, sample.reason.as_deref()),
        (
            Outcome::Skipped,
            Some("not installed here; run ./setup mock")
        )
    );
    assert_eq!(world.mock.said, ["prepare a"]);
}

#[test]
fn a_cell_that_keeps_failing_is_given_up_and_the_others_go_on() {
    let mut world = World::new(6, &[("a", Traps), ("b", Works)]);
    world.run();
    let of = |name: &str, outcome| {
        world
            .recorded()
            .iter()
            .filter(|sample| sample.cell.workload == name && sample.outcome == outcome)
            .count()
    };
    assert_eq!(of("a", Outcome::Failed), FAILURES_IN_A_ROW as usize);
    assert_eq!(of("a", Outcome::Skipped), 3);
    assert_eq!(of("b", Outcome::Ok), 6);
}

#[test]
fn a_resumed_run_remembers_what_it_gave_up() {
    let mut world = World::new(6, &[("a", Traps)]);
    world.mock.stop_after_samples = 2;
    world.run();
    world.mock.stop_after_samples = usize::MAX;
    world.mock.stop.store(false, Ordering::Relaxed);
    world.run();
    assert_eq!(world.mock.sampled, FAILURES_IN_A_ROW as usize);
}

#[test]
fn phases_that_do_not_add_up_fail_the_sample_and_its_figures_stay_visible() {
    let mut world = World::new(1, &[("a", LosesTimeBetweenPhases)]);
    world.run();
    let sample = &world.recorded()[0];
    assert_eq!(sample.outcome, Outcome::Failed);
    assert!(
        sample
            .reason
            .as_deref()
            .unwrap()
            .contains("30000 ns of 1030000 ns"),
        "{:?}",
        sample.reason
    );
    assert_eq!(sample.total_ns, Some(1_030_000));
}

#[test]
fn a_slate_that_is_not_clean_fails_the_sample() {
    let mut world = World::new(1, &[("a", LeavesAProcessBehind)]);
    world.run();
    let sample = &world.recorded()[0];
    assert_eq!(
        (sample.outcome, sample.reason.as_deref()),
        (Outcome::Failed, Some("a process was left behind"))
    );
}

#[test]
fn the_record_is_written_before_the_reporter_hears_of_it() {
    struct Reader(std::path::PathBuf, u64);
    impl Reporter for Reader {
        fn after(&mut self, sample: &Sample) {
            let held = ledger::read(&self.0).unwrap();
            assert_eq!(held.samples.last(), Some(sample));
            self.1 += 1;
        }
    }
    let mut world = World::new(3, &[("a", Works)]);
    let mut reader = Reader(world.path(), 0);
    world.run_for(&mut reader);
    assert_eq!(reader.1, 3);
}

#[test]
fn the_disk_has_each_record_before_the_next_sample_is_launched() {
    /// Waits for quiet until the disk has the record of the sample before.
    struct Patient(Mock, u32);
    impl Bench for Patient {
        fn prepare(&mut self, planned: &Planned) -> Result<(), Skip> {
            self.0.prepare(planned)
        }

        fn wait_for_quiet(
            &mut self,
            _: Duration,
            settled: &mut dyn FnMut() -> bool,
        ) -> Option<machine::quiet::Quiet> {
            while !settled() {
                std::thread::yield_now();
            }
            self.1 += 1;
            None
        }

        fn sample(&mut self, planned: &Planned) -> Measurement {
            self.0.sample(planned)
        }

        fn clean(&mut self, planned: &Planned) -> Result<(), String> {
            self.0.clean(planned)
        }

        fn artifact_sha256(&self, cell: &Cell) -> Option<String> {
            self.0.artifact_sha256(cell)
        }
    }
    let mut world = World::new(3, &[("a", Works)]);
    let mock = std::mem::replace(&mut world.mock, Mock::new(&[]));
    let (mut ledger, _) = Ledger::open(&world.path()).unwrap();
    let campaign = Campaign {
        plan: &world.plan,
        run: "r",
        recorded: &[],
        stop: &AtomicBool::new(false),
    };
    let mut patient = Patient(mock, 0);
    campaign
        .run(&mut ledger, &mut patient, &mut Silent)
        .unwrap();
    assert!(ledger.is_settled() && patient.1 == 3);
    assert_eq!(world.recorded().len(), 3);
}

#[test]
fn every_start_says_what_it_took_beyond_itself_and_nothing_else_does() {
    let mut world = World::new(4, &[("a", Works), ("b", Traps), ("c", IsNotInstalled)]);
    world.run();
    for sample in world.recorded() {
        let around = sample.attested.number(Evidence::HarnessNs);
        assert_eq!(
            around.is_some(),
            sample.outcome == Outcome::Ok,
            "{sample:?}"
        );
    }
}
