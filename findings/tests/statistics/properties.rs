//! Any numbers whatever: an answer or a reason, never a panic; and what must hold for all data.

use findings::comparison::{Sample, judge_samples};
use findings::statistics::{
    BreakEven, DataError, Differences, Order, Policy, Verdict, bounded, break_even, column_effects,
    contrast, describe, dip, friedman, holm, linear_fit, mann_kendall, median, page, paired,
    quantile, sign_flips, theil_sen, welch,
};
use proptest::prelude::*;

/// Damaged numbers, extreme numbers, many ties, and ordinary times.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        1 => prop::num::f64::ANY,
        1 => prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, 1e140, -1e140, f64::MIN_POSITIVE, 5e-324]),
        8 => (0_u8..6).prop_map(f64::from),
        8 => 1e3..1e9_f64,
    ]
}

fn numbers() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        prop::collection::vec(number(), 0..40),
        prop::collection::vec((0_u8..4).prop_map(f64::from), 0..80),
        prop::collection::vec(1e3..1e9_f64, 0..60),
        (1e3..1e9_f64, 0..20_usize).prop_map(|(value, n)| vec![value; n]),
    ]
}

/// Positive and finite, with or without ties.
fn times() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        prop::collection::vec(1e3..1e9_f64, 6..60),
        prop::collection::vec((1_u8..9).prop_map(f64::from), 6..60)
    ]
}

proptest! {
    #[test]
    fn one_sample(values in numbers(), p in number(), positions in prop::collection::vec(any::<u64>(), 0..40)) {
        let _ = quantile(&values, p);
        let _ = dip(&values);
        let _ = mann_kendall(&values);
        let differences: Vec<_> = (0..).zip(values.iter().copied()).collect();
        let with = |values, usual_variance| Differences { values, usual_variance };
        let _ = sign_flips(&[with(bounded(&differences), Some(p)), with(differences, None)]);
        let _ = holm(&values);
        let _ = describe(&values, Order::By(&positions));
        let described = describe(&values, Order::AsGiven);
        prop_assert_eq!(described.is_err(), median(&values).is_err());
        let _ = described.map(|description| description.warnings());
    }

    #[test]
    fn two_samples(one in numbers(), two in numbers(), by in number()) {
        let _ = welch(&one, &two);
        let _ = contrast(&one, &two);
        let pairs: Vec<_> = one.iter().copied().zip(two.iter().copied()).collect();
        let _ = break_even(&pairs);
        let _ = paired(&pairs);
        let _ = theil_sen(&pairs);
        let _ = linear_fit(&pairs);
        let policy = Policy { threshold: by, floor: by, margin: by, alpha: by };
        let sample = |values: &[f64]| Sample::new((0..).zip(values.iter().copied()));
        for policy in [policy, Policy::default()] {
            let verdicts = judge_samples(vec![(sample(&one), sample(&two)); 2], &policy);
            prop_assert_eq!(verdicts.len(), 2);
            prop_assert_eq!(&verdicts[0], &verdicts[1]);
        }
    }

    #[test]
    fn tables(rows in prop::collection::vec(prop::collection::vec(number(), 0..6), 0..8), columns in 2..6_usize) {
        let _ = (friedman(&rows), page(&rows), column_effects(&rows));
        let whole: Vec<Vec<f64>> = rows
            .into_iter()
            .map(|row| (0..columns).map(|at| row.get(at).map_or(1.0, |it| it.abs().clamp(1e-3, 1e9))).collect())
            .collect();
        if whole.len() > 1 && whole.iter().flatten().all(|value| value.is_finite()) {
            for p in [page(&whole).map(|it| it.p), friedman(&whole).map(|it| it.p)].into_iter().flatten() {
                prop_assert!(p > 0.0 && p <= 1.0, "{}", p);
            }
            prop_assert_eq!(column_effects(&whole).unwrap().len(), columns);
        }
    }

    #[test]
    fn a_crossing_lies_in_its_interval(
        starts in prop::collection::vec(-1e3..1e6_f64, 6..30),
        saved in prop::collection::vec(-1e2..1e5_f64, 6..30),
    ) {
        let pairs: Vec<_> = starts.into_iter().zip(saved).collect();
        let answer = break_even(&pairs).unwrap();
        match answer.estimate {
            BreakEven::From(at) | BreakEven::UpTo(at) => {
                let range = answer.interval.unwrap();
                prop_assert!(at > 0.0 && range.low <= at * (1.0 + 1e-9), "{:?}", answer);
                prop_assert!(range.high.is_none_or(|high| high >= at * (1.0 - 1e-9)), "{:?}", answer);
            }
            BreakEven::Always | BreakEven::Never => {
                prop_assert_eq!(answer.is_certain, answer.interval.is_none());
            }
        }
    }

    #[test]
    fn exchanging_two_samples_turns_everything_round(one in times(), two in times()) {
        let (there, back) = (contrast(&one, &two).unwrap(), contrast(&two, &one).unwrap());
        prop_assert!((there.shift.estimate + back.shift.estimate).abs() < 1e-6);
        let sample = |values: &[f64]| Sample::new((0..).zip(values.iter().copied()));
        let decided = |candidate: &[f64], baseline: &[f64]| {
            judge_samples(vec![(sample(candidate), sample(baseline))], &Policy::default()).remove(0)
        };
        let turned = match decided(&one, &two) {
            Verdict::Faster => Verdict::Slower,
            Verdict::Slower => Verdict::Faster,
            other => other,
        };
        prop_assert_eq!(turned, decided(&two, &one));
    }

    #[test]
    fn estimates_lie_in_their_intervals(one in times(), two in times()) {
        let contrast = contrast(&one, &two).unwrap();
        for shift in [contrast.shift, contrast.ratio] {
            if let Some(interval) = shift.interval {
                prop_assert!(interval.contains(shift.estimate), "{:?}", shift);
            }
        }
        let pairs: Vec<_> = one.iter().copied().zip(two.iter().copied()).collect();
        let paired = paired(&pairs).unwrap();
        for shift in [Some(paired.shift), paired.ratio].into_iter().flatten() {
            if let Some(interval) = shift.interval {
                prop_assert!(interval.contains(shift.estimate), "{:?}", shift);
            }
        }
    }
}

#[test]
fn reasons_are_given() {
    assert_eq!(describe(&[], Order::Unknown), Err(DataError::Empty));
    assert_eq!(
        describe(&[1.0, f64::NAN], Order::Unknown),
        Err(DataError::NotFinite(1))
    );
    assert_eq!(
        describe(&[1.0, 2.0], Order::By(&[1])),
        Err(DataError::Mismatch(2, 1))
    );
    assert_eq!(
        contrast(&[1.0, 0.0], &[1.0]).unwrap_err(),
        DataError::NotPositive(1)
    );
    assert_eq!(
        dip(&[1.0, 2.0, 3.0]).unwrap_err(),
        DataError::TooFew { needed: 4, got: 3 }
    );
    assert_eq!(
        linear_fit(&[(1.0, 2.0), (1.0, 3.0)]).unwrap_err(),
        DataError::Constant
    );
}

#[test]
fn equal_values_have_no_spread_and_no_difference() {
    let same = [0.1; 30];
    let description = describe(&same, Order::AsGiven).unwrap();
    assert_eq!(description.sd, Some(0.0));
    assert_eq!(description.warnings(), []);
    let sample = || Sample::new((0..).zip(same));
    let verdicts = judge_samples(vec![(sample(), sample())], &Policy::default());
    assert_eq!(verdicts, [Verdict::Indistinguishable]);
}
