//! What blocks of a run have in common.

use findings::Findings;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use results::record::Scenario;
use results::{Evidence, Sample};

use crate::builder::{Builder, cell, findings};

const CELLS: u32 = 30;

/// A run of so many cells about a spread of some 5 %, in which a block takes `factor(block)` times as
/// long as it should. Each sample starts at a time of its own.
fn run(
    [cells, blocks]: [u32; 2],
    seed: u64,
    factor: impl Fn(u32) -> f64,
    day: impl Fn(u32) -> u32,
) -> Findings {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Uniform, of a spread of 5 %.
    let mut noise = || 1.0 + ((random.next_u64() >> 40) as f64 / f64::from(1 << 24) - 0.5) * 0.173;
    let mut samples: Vec<Sample> = Vec::new();
    for block in 0..blocks {
        for nth in 0..cells {
            let acquire = format!("mode-{nth}");
            let cell = cell("native", Scenario::DiskCold, &[("acquire", &acquire)]);
            let ns = f64::from(1 + nth) * 1e6 * factor(block) * noise();
            let day = day(block);
            let time = format!(
                "2026-11-{:02}T12:{block:02}:{:02}.{nth:03}Z",
                20 + day,
                nth % 60
            );
            let sample = Builder::new(&cell, block).total(whole(ns));
            samples.push(sample.started_at(&time).build());
        }
    }
    findings(samples)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times of milliseconds"
)]
const fn whole(ns: f64) -> u64 {
    ns as u64
}

#[test]
fn a_resumed_run_that_went_on_slower_says_so() {
    let slower = |block| if block < 4 { 1.0 } else { 1.4 };
    let found = run([CELLS, 7], 1, slower, |block| u32::from(block >= 4));
    let [pause] = found.blocks.pauses[..] else {
        panic!("{:?}", found.blocks.pauses)
    };
    assert_eq!((pause.pause.after_block, pause.pause.before_block), (3, 4));
    let step = pause.step.unwrap();
    assert!(
        step.is_certain() && (step.factor - 1.4).abs() < 0.05,
        "{step:?}"
    );
    let sentences = found.blocks.sentences().join("\n");
    for words in [
        "Between blocks 4 and 5",
        "24.0 hours",
        "machine in two states",
        "blocks 5 to 7",
    ] {
        assert!(sentences.contains(words), "{words}: {sentences}");
    }
    assert!(found.blocks.drifted().is_some() && !sentences.contains("drifted"));
}

#[test]
fn a_pause_over_which_nothing_changed_is_no_step() {
    let found = run([CELLS, 8], 2, |_| 1.0, |block| u32::from(block >= 4));
    let step = found.blocks.pauses[0].step.unwrap();
    assert!(!step.is_certain(), "{step:?}");
    let sentences = found.blocks.sentences();
    assert_eq!(sentences.len(), 1);
    assert!(
        sentences[0].contains("no difference that matters"),
        "{sentences:?}"
    );
}

#[test]
fn a_block_that_is_unlike_the_others_is_named_if_it_matters() {
    let first = |factor: f64| move |block| if block == 0 { factor } else { 1.0 };
    let found = run([CELLS, 7], 3, first(0.9), |_| 0);
    let odd = found.blocks.odd();
    assert_eq!(odd.len(), 1);
    assert!(
        odd[0].block == 0 && (odd[0].factor - 0.9).abs() < 0.03,
        "{odd:?}"
    );
    assert!(found.blocks.sentences()[0].contains("less time, compared"));
    // Found, and nothing that anybody would act on.
    let small = run([300, 7], 4, first(0.98), |_| 0);
    assert!(small.blocks.differ.unwrap().p < 1e-6, "{:?}", small.blocks);
    assert!(small.blocks.sentences().is_empty(), "{:?}", small.blocks);
}

#[test]
fn a_drift_of_all_cells_is_found_where_none_of_them_shows_it() {
    let found = run([CELLS, 7], 5, |block| 1.0 + 0.02 * f64::from(block), |_| 0);
    let drift = found.blocks.drifted();
    let drift = drift.unwrap_or_else(|| panic!("{:?}", found.blocks));
    assert!((drift - 1.12).abs() < 0.04, "{drift}");
    assert!(
        found.limits.drifting.len() < 10,
        "{:?}",
        found.limits.drifting
    );
    assert!(found.blocks.sentences()[0].starts_with("The run drifted"));
}

#[test]
fn blocks_that_are_alike_are_not_called_otherwise() {
    let trials = 300;
    let alarms = (0..trials).filter(|seed| {
        let found = run([CELLS, 7], 100 + seed, |_| 1.0, |_| 0);
        !found.blocks.sentences().is_empty()
    });
    // Two tests at 1 %, and what they find must matter: three in a hundred at most, and six by chance.
    let alarms = alarms.count();
    assert!(alarms <= 12, "{alarms} of {trials}");
}

#[test]
fn how_long_a_run_stood_still_is_said_where_the_clock_knows() {
    let cell = cell("native", Scenario::DiskCold, &[]);
    let sentence = |times: [&str; 2]| {
        let sample = |(session, time): (u32, &str)| {
            let start = Builder::new(&cell, session).attest(Evidence::Session, session);
            start.total(1_000_000).started_at(time).build()
        };
        let found = findings((0..).zip(times).map(sample).collect());
        found.blocks.sentences().join("\n")
    };
    let resumed = sentence(["2026-11-20T12:00:00Z", "2026-11-20T12:00:08Z"]);
    assert!(resumed.contains("stood still for 8 seconds"), "{resumed}");
    let set_back = sentence(["2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z"]);
    assert!(
        set_back.contains("not known, since the clock was set back"),
        "{set_back}"
    );
}
