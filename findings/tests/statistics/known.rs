//! Values that are in everybody's textbook, or can be had by hand.

use findings::comparison::{Sample, judge_samples};
use findings::statistics::{
    DataError, Differences, Order, Policy, Verdict, bounded, contrast, describe, holm,
    mann_kendall, paired, sign_flips, welch,
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
    let shift = contrast(&high, &low).unwrap().shift;
    close(shift.estimate, 9.0);
    // The third smallest and third largest of the 25 differences: P(U ≤ 2) = 4/252 < 2.5 % < P(U ≤
    // 3).
    let interval = shift.interval.unwrap();
    close(interval.low, 6.0);
    close(interval.high, 12.0);
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
    close(paired.shift.estimate, 3.5);
}

/// Differences with the blocks 0, 1, 2 …
fn in_blocks(differences: &[f64]) -> Differences {
    Differences {
        values: (0..).zip(differences.iter().copied()).collect(),
        usual_variance: None,
    }
}

#[test]
fn signs_of_whole_blocks() {
    // All of one sign and size: only the pattern itself (and its opposite) reaches it.
    let same = in_blocks(&[1.0; 7]);
    let test = sign_flips(std::slice::from_ref(&same))[0];
    assert!(test.t.is_infinite());
    close(test.p, 1.0 / 64.0);
    // Not one comparison more makes that any worse.
    let family: Vec<_> = (0..100).map(|_| same.clone()).collect();
    assert!(sign_flips(&family).iter().all(|it| it.adjusted_p < 0.02));
    // Nothing but zeros is no difference.
    let none = sign_flips(&[in_blocks(&[0.0; 7]), Differences::default()]);
    assert!(none.iter().all(|it| it.p >= 1.0 && it.adjusted_p >= 1.0));
    // 1, 2, 3 and −4: of the 8 patterns up to a turn of all, sums of 2 or more in size.
    let test = sign_flips(&[in_blocks(&[1.0, 2.0, 3.0, -4.0])])[0];
    close(test.p, 7.0 / 8.0);
}

#[test]
fn a_spread_that_happens_to_be_small_is_not_believed() {
    // Seven differences about 0.02 that lie close together, among ten that scatter by 0.1.
    let scattered = |turn: f64| {
        in_blocks(&[0.1, -0.12, 0.09, -0.05, 0.11, -0.1, 0.04].map(|difference| difference * turn))
    };
    let lucky = in_blocks(&[0.02, 0.021, 0.019, 0.02, 0.022, 0.018, 0.02]);
    let mut family: Vec<_> = [1.0, -1.0, 1.2, -1.1, 0.9].map(scattered).into();
    family.push(lucky);
    let plain = sign_flips(&family).pop().unwrap();
    for member in &mut family {
        member.usual_variance = Some(0.01);
    }
    let moderated = sign_flips(&family).pop().unwrap();
    close(plain.p, moderated.p);
    assert!(plain.t > 30.0 && moderated.t < 1.0);
    assert!(plain.adjusted_p < 0.05 && moderated.adjusted_p > 0.2);
}

#[test]
fn a_stall_has_its_direction_and_no_more() {
    let stalled = in_blocks(&[0.2, 0.21, 0.19, 0.2, 0.22, 0.18, 9.0]);
    let bounded = Differences {
        values: bounded(&stalled.values),
        ..stalled.clone()
    };
    close(bounded.values[6].1, 0.6);
    let t = |differences: &Differences| sign_flips(std::slice::from_ref(differences))[0].t;
    assert!(t(&stalled) < 1.2 && t(&bounded) > 4.0);
}

#[test]
fn welch_by_hand() {
    let test = welch(&[3.0, 5.0], &[0.0, 2.0]).unwrap();
    close(test.difference, 3.0);
    close(test.t, 3.0 / 2_f64.sqrt());
    close(test.freedom, 2.0);
    // Two degrees of freedom: P(|T| > t) = 1 − t/√(t² + 2).
    close(test.p, 1.0 - test.t / (test.t * test.t + 2.0).sqrt());
    assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0]), Err(DataError::Constant));
}

#[test]
fn every_verdict_can_be_had() {
    let spread = |factor: f64, n: u32| {
        Sample::new((0..n).map(|i| (i, factor * (100.0 + f64::from(i * 7 % 11)))))
    };
    let noisy = Sample::new((0..40).map(|i| (i, 55.0 + 100.0 * f64::from(i % 2))));
    let base = || spread(1.0, 40);
    let family = vec![
        (spread(0.5, 40), base()),
        (spread(2.0, 40), base()),
        (spread(1.001, 40), base()),
        (noisy, base()),
        (spread(1.2, 40), base()),
        (Sample::new((0..40).map(|i| (i, 0.0))), base()),
    ];
    let policy = Policy {
        floor: 0.25,
        ..Policy::default()
    };
    let verdicts = judge_samples(family, &policy);
    assert_eq!(
        verdicts[..5],
        [
            Verdict::Faster,
            Verdict::Slower,
            Verdict::Indistinguishable,
            Verdict::Inconclusive,
            Verdict::WithinControl
        ]
    );
    assert!(
        matches!(&verdicts[5], Verdict::NotComparable { why } if why.contains("above zero")),
        "{:?}",
        verdicts[5]
    );
}
