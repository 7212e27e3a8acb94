//! The real campaign loop on an invented machine, on which samples leave work behind.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use campaign::schedule::{Bench, Campaign, Measurement, Plan, Planned, Silent};
use machine::quiet::{self, Quiet, Watch};
use results::ledger::{self, Ledger};
use results::manifest::Order;
use results::{Cell, Evidence, Outcome, Params, Sample, Scenario, Skip};

const MS: u64 = 1_000_000;

/// A system whose engine is busy after a sample, and the time for which it is.
const ENGINE: &str = "engine";
const LEFT_BEHIND_MS: u64 = 80;

/// A machine with a clock of its own.
#[derive(Default)]
struct Machine {
    now_ns: u64,
    busy_until_ns: u64,
    /// Whether something else keeps it busy all the time.
    never_quiet: bool,
}

impl Watch for Machine {
    fn now_ns(&mut self) -> u64 {
        self.now_ns
    }

    fn pause(&mut self) {
        self.now_ns += MS / 4;
    }

    fn others(&mut self) -> Option<u64> {
        Some(u64::from(
            self.never_quiet || self.now_ns < self.busy_until_ns,
        ))
    }
}

#[derive(Default)]
struct Disturbed {
    machine: Machine,
    /// Samples that ran while the engine was still at work.
    beside_the_engine: u32,
    /// How long each sample could have been held back.
    could_wait: Vec<Duration>,
}

impl Bench for Disturbed {
    fn prepare(&mut self, _: &Planned) -> Result<(), Skip> {
        self.machine.now_ns += MS;
        Ok(())
    }

    /// A disk takes time that is none of the invented machine's.
    fn wait_for_quiet(&mut self, at_most: Duration, _: &mut dyn FnMut() -> bool) -> Option<Quiet> {
        self.could_wait.push(at_most);
        quiet::wait_by(&mut self.machine, at_most, &mut || true)
    }

    fn sample(&mut self, planned: &Planned) -> Measurement {
        self.beside_the_engine += u32::from(self.machine.now_ns < self.machine.busy_until_ns);
        self.machine.now_ns += 5 * MS;
        if planned.cell.system == ENGINE {
            self.machine.busy_until_ns = self.machine.now_ns + LEFT_BEHIND_MS * MS;
        }
        Measurement {
            verdict: Ok(()),
            total_ns: Some(5 * MS),
            ..Measurement::failed("")
        }
    }

    fn clean(&mut self, _: &Planned) -> Result<(), String> {
        Ok(())
    }

    fn artifact_sha256(&self, _: &Cell) -> Option<String> {
        None
    }
}

fn measure(bench: &mut dyn Bench, samples_per_cell: u32) -> Vec<Sample> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.jsonl");
    let cell = |system: &str| Cell {
        system: system.into(),
        workload: "hello".into(),
        scenario: Scenario::DiskCold,
        params: Params::new(),
    };
    let plan = Plan {
        cells: vec![cell(ENGINE), cell("native"), cell("wasm")],
        samples_per_cell,
        order: Order::Shuffled,
        seed: 11,
    };
    let campaign = Campaign {
        plan: &plan,
        run: "r",
        recorded: &[],
        stop: &AtomicBool::new(false),
    };
    let mut ledger = Ledger::open(&path).unwrap().0;
    campaign.run(&mut ledger, bench, &mut Silent).unwrap();
    ledger::read(&path).unwrap().samples
}

fn waited_ms(sample: &Sample) -> u64 {
    sample.attested.number(Evidence::QuietWaitNs).unwrap() / MS
}

fn was_quiet(sample: &Sample) -> bool {
    sample.attested[Evidence::Quiet].as_bool().unwrap()
}

#[test]
fn what_a_sample_leaves_behind_is_waited_for_and_the_next_one_says_so() {
    let mut bench = Disturbed::default();
    let samples = measure(&mut bench, 20);
    assert_eq!(bench.beside_the_engine, 0);
    assert!(samples.iter().all(was_quiet));
    let mut after_engine = false;
    for sample in &samples {
        let waited = waited_ms(sample);
        if after_engine {
            assert!(
                (LEFT_BEHIND_MS..LEFT_BEHIND_MS + 6).contains(&waited),
                "{waited} ms"
            );
        } else {
            assert!(waited < 5, "{waited} ms on a quiet machine");
        }
        after_engine = sample.cell.system == ENGINE;
    }
}

#[test]
fn a_machine_that_is_never_quiet_is_waited_for_less_and_less_and_measured_all_the_same() {
    let mut bench = Disturbed::default();
    bench.machine.never_quiet = true;
    let samples = measure(&mut bench, 20);
    assert!(samples.iter().all(|sample| sample.outcome == Outcome::Ok));
    assert!(!samples.iter().any(was_quiet));
    let could_wait: Vec<_> = bench.could_wait.iter().map(Duration::as_millis).collect();
    assert_eq!(could_wait[..8], [500, 250, 125, 62, 31, 15, 10, 10]);
    let waited: u64 = samples.iter().map(waited_ms).sum();
    assert!(waited < 2_000, "{waited} ms for {} samples", samples.len());
    assert_eq!(waited_ms(&samples[0]), 500);
}

#[test]
fn once_it_is_quiet_again_it_is_waited_for_as_long_as_before() {
    /// Never quiet for three samples, and otherwise always.
    struct Calms(Disturbed);
    impl Bench for Calms {
        fn prepare(&mut self, planned: &Planned) -> Result<(), Skip> {
            self.0.machine.busy_until_ns = 0;
            self.0.machine.never_quiet = (1..4).contains(&planned.order);
            self.0.prepare(planned)
        }
        fn wait_for_quiet(
            &mut self,
            at_most: Duration,
            settled: &mut dyn FnMut() -> bool,
        ) -> Option<Quiet> {
            self.0.wait_for_quiet(at_most, settled)
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
    let mut bench = Calms(Disturbed::default());
    let samples = measure(&mut bench, 2);
    let quiet: Vec<_> = samples.iter().map(was_quiet).collect();
    assert_eq!(quiet, [true, false, false, false, true, true]);
    let could_wait: Vec<_> = bench.0.could_wait.iter().map(Duration::as_millis).collect();
    assert_eq!(could_wait, [500, 500, 250, 125, 62, 500]);
}
