//! Systems that misbehave, under the real loop: each is a failed sample with its reason and the end
//! of its log, and the campaign goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use campaign::schedule::{Campaign, Plan, Silent};
use external::process::reaper::Reaper;
use external::suite::Systems;
use external::suite::bench::SystemBench;
use external::suite::plan::{Observer, Planned};
use external::suite::settings::Settings;
use external::system::{
    Acquire, Adapter, BuildRequest, Estimate, Found, LaunchSpec, System, Unavailable,
};
use results::ledger::Ledger;
use results::manifest::Order;
use results::record::{Outcome, Scenario};
use results::values::PageCache;
use results::{Evidence, Phase, Sample};
use workloads::Workload;

/// A mock system, by its behaviour once it has been tried out.
struct Mock(&'static str);

impl Adapter for Mock {
    fn name(&self) -> &'static str {
        self.0
    }

    fn find(&self) -> Result<Found, Unavailable> {
        if self.0 == "absent" {
            return Err(Unavailable {
                reason: "there is no mock here".into(),
                remedy: "`./setup mock` makes one".into(),
            });
        }
        let (version, sha256) = ("1".to_owned(), String::new());
        Ok(Found {
            program: env!("CARGO_BIN_EXE_mock-server").into(),
            version,
            engine_version: None,
            sha256,
        })
    }

    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        if self.0 == "stateless" {
            Err("mocks forget")
        } else {
            Ok("memory of the mock")
        }
    }

    fn acquire_modes(&self) -> &'static [Acquire] {
        &[]
    }

    fn prepare(&self, found: &Found, _: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        Ok(LaunchSpec {
            arguments: vec![self.0.to_owned(), "{address}".to_owned()],
            ..LaunchSpec::new(found.program.clone(), "abc".to_owned())
        })
    }

    fn estimate(&self, _: Option<Acquire>, _: Scenario) -> Estimate {
        Estimate::start(1.0)
    }
}

/// A mock that answers as it should, beside those that do not.
static WELL_BEHAVED: Mock = Mock("answers");

/// Runs a campaign over one mock, beside one that does as it should.
fn campaign(mock: &'static Mock, scenario: Scenario, observer: Observer) -> Vec<Sample> {
    campaign_of(
        Workload::HttpHello,
        [mock, &WELL_BEHAVED],
        scenario,
        observer,
    )
}

fn campaign_of(
    workload: Workload,
    [mock, beside]: [&'static Mock; 2],
    scenario: Scenario,
    observer: Observer,
) -> Vec<Sample> {
    campaign_in(
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .unwrap()
            .path(),
        workload,
        [mock, beside],
        scenario,
        observer,
    )
}

fn campaign_in(
    folder: &Path,
    workload: Workload,
    mocks: [&'static Mock; 2],
    scenario: Scenario,
    observer: Observer,
) -> Vec<Sample> {
    let mut settings = Settings::for_comparison(2, Some(1));
    (settings.values.time_limit_s, settings.values.requests) = (2, Some(20));
    campaign_by(folder, &settings, (workload, mocks), scenario, observer)
}

fn campaign_by(
    folder: &Path,
    settings: &Settings,
    (workload, [mock, beside]): (Workload, [&'static Mock; 2]),
    scenario: Scenario,
    observer: Observer,
) -> Vec<Sample> {
    let work = folder.join("work");
    std::fs::create_dir(&work).unwrap();
    let reaper = Reaper::start(Path::new(env!("CARGO_BIN_EXE_external"))).unwrap();
    let measured = [System::new(mock), System::new(beside)];
    let systems = Systems::find(measured);
    let planned = |system| {
        let start = Planned::start(system, workload, None, scenario);
        let instances = if scenario.multiplies() { 3 } else { 1 };
        Planned {
            page_cache: PageCache::Hot,
            observer,
            connections: 2,
            rate: settings.values.rate.first().copied(),
            instances,
            ..start
        }
        .with_params(settings.values.amount())
    };
    let cells = measured.map(planned);
    let mut bench = SystemBench::new(work, settings, &cells, &systems, &reaper).unwrap();
    let mut ledger = Ledger::open(&folder.join("samples.jsonl")).unwrap().0;
    let plan = Plan {
        cells: cells.iter().map(|planned| planned.cell.clone()).collect(),
        samples_per_cell: 2,
        order: Order::Shuffled,
        seed: 1,
    };
    let stop = AtomicBool::new(false);
    let campaign = Campaign {
        plan: &plan,
        run: "run",
        recorded: &[],
        stop: &stop,
    };
    campaign.run(&mut ledger, &mut bench, &mut Silent).unwrap();
    drop(bench);
    results::ledger::read(&folder.join("samples.jsonl"))
        .unwrap()
        .samples
}

/// The reason of the misbehaving system's first sample; the well-behaved one's samples must all be
/// fine.
fn reason(mock: &'static Mock, scenario: Scenario) -> String {
    let samples = campaign(mock, scenario, Observer::None);
    assert_eq!(samples.len(), 4);
    for sample in &samples {
        let good = sample.cell.system == WELL_BEHAVED.0;
        assert_eq!(
            sample.outcome == Outcome::Ok,
            good,
            "{}: {:?}",
            sample.cell,
            sample.reason
        );
    }
    samples
        .into_iter()
        .find_map(|sample| sample.reason)
        .unwrap()
}

macro_rules! misbehaves {
    ($($test:ident: $behaviour:literal => $($said:literal),+;)+) => {$(
        #[test]
        fn $test() {
            static MOCK: Mock = Mock($behaviour);
            let reason = reason(&MOCK, Scenario::WarmDisk);
            $(assert!(reason.contains($said), "{reason}");)+
        }
    )+};
}

misbehaves! {
    never_listens: "never-listens" => "nothing listened on 127.0.0.1", "its log is empty";
    dies_at_its_start: "dies" => "ended before it answered", "exited with code 3", "cannot find \
        my configuration";
    listens_on_another_port: "wrong-port" => "nothing listened on", "it listens on [";
    answers_500: "status-500" => "answered with HTTP status 500, expected 200", "it broke";
    answers_wrongly: "wrong-body" => "Hello from elsewhere";
    answers_too_slowly: "slow" => "no complete answer in time";
    closes_in_the_middle: "closes-mid-body" => "broke off after";
    floods_its_log: "floods" => "nothing listened on", "the same line again and again";
    is_not_there: "absent" => "there is no mock here; `./setup mock` makes one";
}

#[test]
fn an_observed_start_has_phases_that_add_up() {
    static GOOD: Mock = Mock("good");
    for sample in campaign(&GOOD, Scenario::WarmDisk, Observer::Seccomp) {
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        let names: Vec<_> = sample.phases.iter().map(|phase| phase.name).collect();
        assert_eq!(
            names,
            [Phase::Spawn, Phase::Init, Phase::Connect, Phase::Respond]
        );
        let sum: u64 = sample.phases.iter().map(|phase| phase.ns).sum();
        assert_eq!(sample.total_ns, Some(sum), "milestones partition the start");
        assert_eq!(sample.residual_ns, Some(0));
    }
}

#[test]
fn requests_under_load_are_counted_and_checked() {
    static GOOD: Mock = Mock("good");
    for sample in campaign(&GOOD, Scenario::Throughput, Observer::None) {
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        let requests = sample.requests.unwrap();
        assert_eq!(
            (requests.sent, requests.ok, requests.failed, sample.total_ns),
            (20, 20, 0, None)
        );
        let latency = results::latency::decode(&requests.latency_hdr.unwrap()).unwrap();
        assert_eq!(latency.len(), 20);
    }
}

/// Samples of requests that come by time, with a warm-up until their rate is steady.
fn timed(mock: &'static Mock, scenario: Scenario, rate: Option<&str>) -> Vec<Sample> {
    let mut settings = Settings::for_comparison(2, Some(1));
    let values = &mut settings.values;
    (values.time_limit_s, values.warm_up_s, values.load_s) = (30, 0.3, 0.1);
    values.rate = rate.iter().map(|rate| rate.parse().unwrap()).collect();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mocks = (Workload::HttpHello, [mock, &WELL_BEHAVED]);
    campaign_by(folder.path(), &settings, mocks, scenario, Observer::None)
}

#[test]
fn a_load_by_time_says_how_it_was_warmed_up_and_what_the_generator_could_do() {
    static GOOD: Mock = Mock("good");
    for sample in timed(&GOOD, Scenario::Throughput, None) {
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        assert!(
            sample.cell.params.is("duration_s", "0.1"),
            "{}",
            sample.cell
        );
        let requests = sample.requests.unwrap();
        assert!(requests.wall_ns >= 90_000_000, "{}", requests.wall_ns);
        assert_eq!((requests.ok, requests.failed), (requests.sent, 0));
        let attested = &sample.attested;
        let number = |evidence| attested[evidence].as_f64().unwrap();
        // No less than what is looked at once, and no more than was given, but for what was begun.
        assert!(number(Evidence::WarmUpNs) >= 100e6, "{attested:?}");
        assert!(attested[Evidence::WarmUpSteady].is_boolean());
        assert!(number(Evidence::WarmUp) > 0.0);
        assert!(number(Evidence::GeneratorLimitPerSecond) > 0.0);
        assert!(!attested.contains_key(Evidence::CapacityPerSecond));
    }
}

#[test]
fn requests_come_at_a_part_of_what_was_found_once_a_run() {
    static GOOD: Mock = Mock("good");
    let samples = timed(&GOOD, Scenario::Paced, Some("50%"));
    for sample in &samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        let params = &sample.cell.params;
        assert!(params.is("pace", "open") && params.is("rate", "50%"));
        let attested = &sample.attested;
        let number = |evidence| attested[evidence].as_f64().unwrap();
        let (capacity, planned) = (
            number(Evidence::CapacityPerSecond),
            number(Evidence::PlannedPerSecond),
        );
        assert!((planned / capacity - 0.5).abs() < 1e-9);
        let requests = sample.requests.as_ref().unwrap();
        // A tenth of a second of them, each sent, none dropped.
        let expected = (planned * 0.1).ceil();
        assert!(
            (requests.sent as f64 - expected).abs() <= 1.0,
            "{requests:?}"
        );
        assert_eq!((requests.ok, requests.dropped), (requests.sent, 0));
        assert!(attested.contains_key(Evidence::GeneratorLateNs));
        let of_system = |other: &&Sample| other.cell == sample.cell;
        for other in samples.iter().filter(of_system) {
            assert_eq!(
                other.attested[Evidence::CapacityPerSecond],
                attested[Evidence::CapacityPerSecond],
                "found once"
            );
        }
    }
}

#[test]
fn a_service_whose_capacity_cannot_be_found_is_a_failed_sample() {
    static WRONG: Mock = Mock("breaks-under-load");
    let samples = timed(&WRONG, Scenario::Paced, Some("80%"));
    let failed = samples.iter().find(|it| it.cell.system == WRONG.0).unwrap();
    let reason = failed.reason.as_deref().unwrap();
    assert!(
        failed.outcome == Outcome::Failed && reason.contains("when its capacity was looked for"),
        "{reason}"
    );
}

#[test]
fn several_instances_are_loaded_and_their_memory_is_recorded_together() {
    static GOOD: Mock = Mock("good");
    for scenario in [Scenario::Scaling, Scenario::Density] {
        for sample in campaign(&GOOD, scenario, Observer::None) {
            assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
            let requests = sample.requests.unwrap();
            let latency = results::latency::decode(&requests.latency_hdr.unwrap()).unwrap();
            assert_eq!(
                (requests.sent, requests.ok, requests.failed, latency.len()),
                (20, 20, 0, 20)
            );
            assert_eq!(sample.attested["instances"], 3);
            assert_eq!(sample.total_ns, sample.attested[Evidence::ReadyNs].as_u64());
            let bytes = |evidence| sample.attested.number(evidence).unwrap();
            assert!(
                bytes(Evidence::PrivateBytes) <= bytes(Evidence::PssBytes),
                "{:?}",
                sample.attested
            );
            assert_eq!(
                sample.attested[Evidence::StartLastNs].is_u64(),
                scenario == Scenario::Density
            );
        }
    }
}

#[test]
fn an_instance_that_cannot_run_beside_another_is_named_and_the_first_one_is_removed() {
    static MOCK: Mock = Mock("alone");
    for scenario in [Scenario::Scaling, Scenario::Density] {
        let reason = reason(&MOCK, scenario);
        assert!(
            reason.contains("instance 2") && reason.contains("there is one of me already"),
            "{reason}"
        );
    }
}

#[test]
fn state_is_checked_before_it_is_measured() {
    static COUNTS: Mock = Mock("counts");
    static FORGETS: Mock = Mock("forgets");
    let samples = campaign_of(
        Workload::HttpState,
        [&FORGETS, &COUNTS],
        Scenario::Warm,
        Observer::None,
    );
    for sample in samples {
        if sample.cell.system == COUNTS.0 {
            assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
            assert!(sample.attested[Evidence::State].is_string());
        } else {
            let reason = sample.reason.unwrap();
            assert!(
                reason.contains("its count was 1, and after 200 increments from 10 clients 1"),
                "{reason}"
            );
        }
    }
}

#[test]
fn a_system_that_keeps_no_state_is_skipped_with_its_reason() {
    static COUNTS: Mock = Mock("counts");
    static STATELESS: Mock = Mock("stateless");
    let samples = campaign_of(
        Workload::HttpState,
        [&STATELESS, &COUNTS],
        Scenario::Throughput,
        Observer::None,
    );
    let skipped: Vec<_> = samples
        .iter()
        .filter(|sample| sample.outcome == Outcome::Skipped)
        .collect();
    assert_eq!(skipped.len(), 2);
    assert!(
        skipped
            .iter()
            .all(|sample| sample.reason.as_deref() == Some("it cannot keep state: mocks forget"))
    );
}

#[test]
fn a_process_that_left_its_group_does_not_outlive_its_sample() {
    static MOCK: Mock = Mock("leaves-a-child");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let systems = [&MOCK, &Mock("good")];
    let samples = campaign_in(
        folder.path(),
        Workload::HttpHello,
        systems,
        Scenario::WarmDisk,
        Observer::None,
    );
    assert!(samples.iter().all(|sample| sample.outcome == Outcome::Ok));
    let left: BTreeMap<u32, String> = sleepers(folder.path());
    assert!(left.is_empty(), "{left:?}");
}

/// What mocks have started whose home lies in a folder: others may have processes of that name.
fn sleepers(folder: &Path) -> BTreeMap<u32, String> {
    let home = format!("HOME={}", folder.display());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let command = |entry: std::fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = String::from_utf8_lossy(&std::fs::read(entry.path().join("cmdline")).ok()?)
            .replace('\0', " ");
        let environment =
            String::from_utf8_lossy(&std::fs::read(entry.path().join("environ")).ok()?)
                .into_owned();
        let ours = environment
            .split('\0')
            .any(|variable| variable.starts_with(&home));
        (ours && line.starts_with("sleep 1000")).then_some((pid, line))
    };
    entries.filter_map(command).collect()
}
