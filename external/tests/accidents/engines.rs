//! Engines, messengers and registries that die in the middle of a suite.

use std::time::Duration;

use machine::clock::now_ns;
use machine::usage;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::RngExt as _;
use results::record::Outcome;

use crate::left;
use crate::suite::{Campaign, Suite, alone, random, variable};

/// Has `victims` killed, one at a time at random moments, while a suite measures. Whatever becomes of samples
/// is one line each with its kind of reason, some end well, and nothing stays.
fn dying(asked: &[&str], victims: impl Fn(&Suite) -> Vec<u32>) {
    let _alone = alone();
    left::watch_orphans();
    let wanted = variable("COLDPHASE_KILLS", 3);
    let seed = variable(
        "COLDPHASE_KILLS_SEED",
        u64::from(std::process::id()) ^ now_ns(),
    );
    let mut random = random(seed);
    let campaign = Campaign::new(asked);
    let mut suite = campaign.start();
    let owner = suite.owner();
    let (mut kills, mut before) = (0, 0);
    while !suite.has_ended() {
        std::thread::sleep(Duration::from_micros(random.random_range(0..20_000)));
        // Between two of them a sample is taken at least: what is never given a chance gives up.
        let taken = campaign.samples().len();
        let found = victims(&suite);
        if kills < wanted && taken > before && !found.is_empty() && random.random_bool(0.3) {
            let victim = found[random.random_range(0..found.len())];
            if kill(Pid::from_raw(victim.cast_signed()), Signal::SIGKILL).is_ok() {
                (kills, before) = (kills + 1, taken);
            }
        }
    }
    let ended = suite.end();
    let told = format!("COLDPHASE_KILLS_SEED={seed}, {kills} killed");
    assert!(kills > 0, "{told}: {ended:?}");
    assert!(matches!(ended.code(), Some(0 | 4)), "{told}: {ended:?}");
    assert_eq!(
        campaign.check_prefix(&told),
        campaign.planned(),
        "{told}: lost"
    );
    let samples = campaign.samples();
    for sample in &samples {
        let has_kind = match sample.outcome {
            Outcome::Ok => true,
            Outcome::Failed => sample.failure_kind().is_some(),
            Outcome::Skipped => sample.skip_kind().is_some(),
        };
        let has_reason = sample.outcome == Outcome::Ok || sample.reason.is_some();
        assert!(has_kind && has_reason, "{told}: {sample:?}");
    }
    assert!(
        samples.iter().any(|it| it.outcome == Outcome::Ok),
        "{told}: {ended:?}"
    );
    left::nothing(&campaign, &owner, &told);
}

/// Without it installed this test fails, and says so: `./setup docker`.
#[test]
fn an_engine_that_dies_in_the_middle_costs_samples_and_nothing_else() {
    docker_engine::start().expect("`./setup docker` installs it");
    let only = "system=docker,workload=http-hello,scenario=warm-disk";
    let asked = [
        "--only",
        only,
        "--require",
        "docker",
        "--samples",
        "6",
        "--no-observer",
    ];
    dying(&[&asked[..], &["--seed", "16"]].concat(), |_| {
        let engine = usage::peer(&docker_engine::socket()).ok();
        engine.into_iter().collect()
    });
    docker_engine::start().expect("it comes back");
}

/// Without it installed this test fails, and says so: `./setup wasmcloud`.
#[test]
fn a_messenger_a_registry_or_a_host_that_dies_costs_samples_and_nothing_else() {
    let only = "system=wasmcloud,workload=http-hello,scenario=warm-disk";
    let asked = [
        "--only",
        only,
        "--require",
        "wasmcloud",
        "--samples",
        "6",
        "--seed",
        "16",
    ];
    dying(&asked, |suite| {
        let all = usage::tree(suite.child.id()).into_iter();
        let is_victim = |pid: &u32| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            ["nats-server", "docker-registry", "wash"].contains(&name.trim())
        };
        all.filter(is_victim).collect()
    });
}
