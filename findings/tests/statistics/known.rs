//! Values that are in everybody's textbook, or can be had by hand.

use findings::statistics::{
    Comparison, DataError, Order, Policy, Verdict, aa_floor, contrast, decide, describe, holm,
    mann_kendall, mann_whitney, paired,
};

fn close(one: f64, two: f64) {
    assert!(
        (one - two).abs() <= 1e-9 * two.abs().max(1.0),
        "{one} for {two}"
    );
}

#[test]
fn two_samples_of_five_that_do_not_overlap() {
    let (high, low) = ([10.0, 11.0, 12.0, 13.0, 14.0], [1.0, 2.0, 3.0, 4.0, 5.0]);
    let test = mann_whitney(&high, &low).unwrap();
    assert!(test.exact);
    close(test.u, 25.0);
    close(test.p, 2.0 / 252.0);
    let shift = contrast(&high, &low).unwrap().shift;
    close(shift.estimate, 9.0);
    // The third smallest and third largest of the 25 differences: P(U ≤ 2) = 4/252 < 2.5 % < P(U ≤
    // 3).
    let interval = shift.interval.unwrap();
    close(interval.low, 6.0);
    close(interval.high, 12.0);
    let delta = contrast(&high, &low).unwrap().delta;
    close(delta.estimate, 1.0);
    assert!(delta.interval.unwrap().low < 1.0);
}

#[test]
fn holm_by_hand() {
    let adjusted = holm(&[0.01, f64::NAN, 0.04, 0.03]);
    close(adjusted[0], 0.03);
    assert!(adjusted[1].is_nan());
    close(adjusted[2], 0.06);
    close(adjusted[3], 0.06);
}

#[test]
fn four_rising_values() {
    let trend = mann_kendall(&[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert_eq!(trend.s, 6);
    close(trend.tau, 1.0);
    close(trend.p, 2.0 / 24.0);
}

#[test]
fn quantiles_come_with_enough_beyond_them() {
    let ramp = |n: u32| (1..=n).map(f64::from).collect::<Vec<_>>();
    for (n, p90, p95, p99) in [
        (99, false, false, false),
        (100, true, false, false),
        (200, true, true, false),
        (1_000, true, true, true),
    ] {
        let description = describe(&ramp(n), Order::Unknown).unwrap();
        let found = (
            description.p90.is_some(),
            description.p95.is_some(),
            description.p99.is_some(),
        );
        assert_eq!(found, (p90, p95, p99), "n = {n}");
    }
}

#[test]
fn pairs_of_six() {
    let pairs: Vec<_> = (1..=6)
        .map(|i| (f64::from(10 + 2 * i), f64::from(10 + i)))
        .collect();
    let paired = paired(&pairs).unwrap();
    assert!(paired.test.exact);
    close(paired.test.p, 2.0 / 64.0);
    close(paired.shift.estimate, 3.5);
}

#[test]
fn every_verdict_can_be_had() {
    let spread = |factor: f64, n: u32| {
        (0..n)
            .map(|i| factor * (100.0 + f64::from(i * 7 % 11)))
            .collect::<Vec<_>>()
    };
    let (base, half, same, few) = (
        spread(1.0, 40),
        spread(0.5, 40),
        spread(1.001, 40),
        spread(1.0, 3),
    );
    let against = |candidate, obstacle| Comparison {
        candidate,
        baseline: &base,
        obstacle,
    };
    let double = Comparison {
        candidate: &base,
        baseline: &half,
        obstacle: None,
    };
    let family = [
        against(&half, None),
        double,
        against(&same, None),
        Comparison {
            candidate: &few,
            baseline: &few,
            obstacle: None,
        },
        against(&half, Some("other versions")),
        against(&[0.0], None),
    ];
    let verdicts: Vec<_> = decide(&family, &Policy::default())
        .into_iter()
        .map(|decision| decision.verdict)
        .collect();
    assert_eq!(
        verdicts[..3],
        [Verdict::Faster, Verdict::Slower, Verdict::Indistinguishable]
    );
    assert!(
        matches!(verdicts[3], Verdict::TooFewSamples { needed: 4.. }),
        "{:?}",
        verdicts[3]
    );
    assert_eq!(
        verdicts[4],
        Verdict::NotComparable {
            why: "other versions".to_owned()
        }
    );
    assert!(
        matches!(&verdicts[5], Verdict::NotComparable { why } if why.contains("above zero")),
        "{:?}",
        verdicts[5]
    );
    assert!(aa_floor(&[(&base, &same)]).unwrap() < 0.01);
    assert_eq!(mann_whitney(&[], &base), Err(DataError::Empty));
}
