//! A limit is met, or missed, where the samples are evidence of it.

use findings::questions::objectives::Met;
use results::Sample;
use results::record::Scenario;

use crate::builder::{Builder, cell, findings_about};

/// Whether a system meets a condition.
fn met(samples: Vec<Sample>, text: &str) -> Met {
    let found = findings_about(samples, &[text]);
    assert_eq!(found.objectives[0].error, None);
    found.objectives[0].systems[0].met
}

/// Thirty starts between 10 and 13 ms, the median at 11.5, of which the last ones fail.
fn thirty(failed: u32) -> Vec<Sample> {
    let cell = cell("native", Scenario::WarmDisk, &[]);
    let sample = |block: u32| {
        // No order in time.
        let place = u64::from(block * 7 % 30);
        let sample = Builder::new(&cell, block).total(10_000_000 + place * 100_000);
        if block >= 30 - failed {
            sample.failed("no answer").build()
        } else {
            sample.build()
        }
    };
    (0..30).map(sample).collect()
}

#[test]
fn yes_and_no_take_evidence() {
    // The 95 % bounds of the median of 30 are the 11th and the 20th smallest: 11 and 11.9 ms.
    for (text, wanted) in [
        ("warm-disk p50 < 12ms", Met::Yes),
        ("warm-disk p50 < 11.9ms", Met::Unclear),
        ("warm-disk p50 < 11.05ms", Met::Unclear),
        ("warm-disk p50 < 11ms", Met::No),
        ("warm-disk p50 > 10.9ms", Met::Yes),
        ("warm-disk p50 > 11ms", Met::Unclear),
        ("warm-disk p50 > 12ms", Met::No),
        // 30 are enough for the 90 % quantile if all are below, and not for the 95 % one.
        ("warm-disk p90 < 13ms", Met::Yes),
        ("warm-disk p90 < 12.8ms", Met::Unclear),
        ("warm-disk p95 < 1s", Met::Unclear),
        ("warm-disk p95 < 11ms", Met::No),
        ("warm-disk max < 13ms", Met::Yes),
        ("warm-disk max < 12ms", Met::No),
        ("warm-disk mean < 11.8ms", Met::Yes),
        ("warm-disk mean < 11.5ms", Met::Unclear),
        ("warm p50 < 1s", Met::NotMeasured),
        ("warm-disk p50 < 12ms, warm p50 < 1s", Met::NotMeasured),
        ("warm-disk p50 < 12ms, warm-disk p50 < 11ms", Met::No),
    ] {
        assert_eq!(met(thirty(0), text), wanted, "{text}");
    }
}

#[test]
fn what_failed_is_beyond_every_limit() {
    // With 12 of 30 beyond it, the median may be anywhere below: it is not surely within.
    for (failed, text, wanted) in [
        (1, "warm-disk p50 < 12ms", Met::Yes),
        (12, "warm-disk p50 < 1s", Met::Unclear),
        (24, "warm-disk p50 < 1s", Met::No),
        (30, "warm-disk p50 < 1s", Met::No),
        (1, "warm-disk p90 < 1s", Met::Unclear),
        (1, "warm-disk max < 1s", Met::No),
        (1, "warm-disk mean < 1s", Met::Unclear),
    ] {
        assert_eq!(met(thirty(failed), text), wanted, "{failed} failed, {text}");
    }
    let found = findings_about(thirty(30), &["warm-disk p50 < 1s"]);
    let condition = &found.objectives[0].systems[0].conditions[0];
    assert_eq!(condition.answered.as_deref(), Some("0 of 30 answered"));
    assert_eq!((condition.value, condition.bound), (None, None));
    let found = findings_about(thirty(0), &["warm-disk p95 < 1s"]);
    assert_eq!(
        found.objectives[0].systems[0].conditions[0].needed,
        Some(59)
    );
}
