//! Everything that `SciPy` has too, against what it says: see `tests/fixtures/scipy.py`.

use findings::statistics::{
    Differences, Order, break_even, column_effects, contrast, describe, friedman, holm, linear_fit,
    mann_kendall, page, paired, sign_flips, theil_sen, welch,
};
use serde_json::Value;

/// Where both sides count or add up.
const EXACT: f64 = 1e-9;

/// Where a distribution's tail is worked out by approximation.
const NUMERIC: f64 = 1e-6;

fn cases(part: &str) -> Vec<Value> {
    let mut all: Value = serde_json::from_str(include_str!("../fixtures/scipy.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_value(all[part].take()).unwrap();
    assert!(!cases.is_empty(), "{part}");
    cases
}

fn list(case: &Value, name: &str) -> Vec<f64> {
    serde_json::from_value(case[name].clone()).unwrap()
}

#[track_caller]
fn close(found: f64, wanted: &Value, tolerance: f64) {
    let wanted = wanted.as_f64().unwrap();
    assert!(
        (found - wanted).abs() <= tolerance * wanted.abs().max(1.0),
        "{found} for {wanted}"
    );
}

/// Relative to the value itself: a p-value of 10⁻⁸ is not right because it is small.
#[track_caller]
fn close_p(found: f64, case: &Value, exact: bool) {
    let wanted = case["p"].as_f64().unwrap();
    let tolerance = if exact { EXACT } else { NUMERIC };
    assert!(
        (found - wanted).abs() <= tolerance * wanted,
        "{found} for {wanted} in {case}"
    );
}

#[test]
fn tests_of_two_samples() {
    for case in cases("two_samples") {
        let (candidate, baseline) = (list(&case, "candidate"), list(&case, "baseline"));
        let shift = contrast(&candidate, &baseline).unwrap().shift;
        close(shift.estimate, &case["shift"], EXACT);
        let Some(wanted) = case["t"].as_f64() else {
            assert!(welch(&candidate, &baseline).is_err());
            continue;
        };
        let test = welch(&candidate, &baseline).unwrap();
        assert!((test.t - wanted).abs() <= EXACT * wanted.abs().max(1.0));
        close(test.freedom, &case["freedom"], EXACT);
        close_p(test.p, &case, false);
        close(test.interval.low, &case["interval"][0], NUMERIC);
        close(test.interval.high, &case["interval"][1], NUMERIC);
    }
}

#[test]
fn intervals_of_shifts_end_at_the_ranks_that_enumeration_gives() {
    for case in cases("shift_ranks") {
        let size = |name: &str| u32::try_from(case[name].as_u64().unwrap()).unwrap();
        let (n, m) = (size("n"), size("m"));
        // All differences are different: multiples of 100 less units.
        let candidate: Vec<_> = (0..n).map(|i| f64::from(100 * i) + 1.5).collect();
        let baseline: Vec<_> = (1..=m).map(f64::from).collect();
        let mut differences: Vec<_> = candidate
            .iter()
            .flat_map(|c| baseline.iter().map(move |b| c - b))
            .collect();
        differences.sort_by(f64::total_cmp);
        let interval = contrast(&candidate, &baseline).unwrap().shift.interval;
        let rank = case["rank"]
            .as_u64()
            .map(|rank| usize::try_from(rank).unwrap())
            .unwrap();
        let ends = interval.map(|interval| (interval.low, interval.high));
        let wanted =
            (rank > 0).then(|| (differences[rank - 1], differences[differences.len() - rank]));
        assert_eq!(ends, wanted, "{n} and {m}");
    }
}

#[test]
fn descriptions() {
    for case in cases("describe") {
        let found = describe(&list(&case, "values"), Order::Unknown).unwrap();
        close(found.mean, &case["mean"], EXACT);
        close(found.sd.unwrap(), &case["sd"], EXACT);
        close(found.mad, &case["mad"], EXACT);
        close(found.mad_scaled, &case["mad_scaled"], EXACT);
        let quantiles = [
            Some(found.q1),
            Some(found.median),
            Some(found.q3),
            found.p90,
            found.p95,
            found.p99,
        ];
        for (found, wanted) in quantiles
            .into_iter()
            .zip(case["quantiles"].as_array().unwrap())
        {
            if let Some(found) = found {
                close(found, wanted, EXACT);
            }
        }
        if let Some(wanted) = case["mean_interval"].as_array() {
            let interval = found.mean_interval.unwrap();
            close(interval.low, &wanted[0], NUMERIC);
            close(interval.high, &wanted[1], NUMERIC);
        }
        let interval = found
            .median_interval
            .map(|interval| vec![interval.low, interval.high]);
        assert_eq!(
            interval,
            serde_json::from_value(case["median_interval"].clone()).unwrap()
        );
    }
}

#[test]
fn trends() {
    for case in cases("trend") {
        let found = mann_kendall(&list(&case, "values")).unwrap();
        assert_eq!(Some(found.s), case["s"].as_i64());
        assert_eq!(found.exact, case["exact"].as_bool().unwrap());
        close(found.tau, &case["tau"], EXACT);
        close_p(found.p, &case, found.exact);
    }
}

#[test]
fn lines() {
    for case in cases("lines") {
        let points: Vec<_> = list(&case, "x").into_iter().zip(list(&case, "y")).collect();
        let fit = linear_fit(&points).unwrap();
        // SciPy's maximum of the likelihood is right to half the digits of a number.
        match fit.spread_power {
            Some(power) => close(power, &case["power"], NUMERIC),
            None => assert!(case["power"].is_null()),
        }
        close(fit.slope, &case["slope"], NUMERIC);
        close(fit.intercept, &case["intercept"], NUMERIC);
        close(fit.r_squared.unwrap(), &case["r_squared"], NUMERIC);
        match fit.straight_p {
            Some(p) => close(p, &case["straight_p"], NUMERIC),
            None => assert!(case["straight_p"].is_null()),
        }
        for (interval, name) in [
            (fit.slope_interval, "slope_interval"),
            (fit.intercept_interval, "intercept_interval"),
        ] {
            match interval {
                Some(interval) => {
                    close(interval.low, &case[name][0], NUMERIC);
                    close(interval.high, &case[name][1], NUMERIC);
                }
                None => assert!(case[name].is_null()),
            }
        }
        let robust = theil_sen(&points).unwrap();
        assert_eq!(robust, fit.robust);
        close(robust.slope, &case["robust"][0], EXACT);
        close(robust.intercept, &case["robust"][1], EXACT);
        if let Some(interval) = robust.interval {
            close(interval.low, &case["robust"][2], EXACT);
            close(interval.high, &case["robust"][3], EXACT);
        }
    }
}

#[test]
fn shifts_of_pairs() {
    for case in cases("pairs") {
        let differences = list(&case, "differences").into_iter();
        let pairs: Vec<_> = differences.map(|difference| (difference, 0.0)).collect();
        close(
            paired(&pairs).unwrap().shift.estimate,
            &case["shift"],
            EXACT,
        );
    }
}

#[test]
fn signs_of_blocks_by_numpy_gone_through_one_by_one() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../fixtures/max_t.json")).unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        let ratios: Vec<Vec<f64>> = serde_json::from_value(case["logratios"].clone()).unwrap();
        let family: Vec<Differences> = ratios
            .into_iter()
            .map(|ratios| Differences {
                values: (0..).zip(ratios).collect(),
                usual_variance: None,
            })
            .collect();
        for (index, test) in sign_flips(&family).iter().enumerate() {
            match case["t"][index].as_f64() {
                Some(t) => close(test.t, &t.into(), EXACT),
                None => assert!(test.t.is_infinite(), "{}", test.t),
            }
            close(test.p, &case["p_raw"][index], EXACT);
            close(test.adjusted_p, &case["p_adjusted"][index], EXACT);
        }
    }
}

#[test]
fn adjusted_p_values() {
    for case in cases("holm") {
        for (found, wanted) in holm(&list(&case, "p_values"))
            .iter()
            .zip(case["adjusted"].as_array().unwrap())
        {
            close(*found, wanted, EXACT);
        }
    }
}

fn rows(case: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(case["rows"].clone()).unwrap()
}

#[test]
fn columns_that_differ() {
    for case in cases("friedman") {
        let rows = rows(&case);
        let found = friedman(&rows).unwrap();
        close(found.chi_squared, &case["chi_squared"], EXACT);
        close_p(found.p, &case, false);
        for (effect, wanted) in column_effects(&rows)
            .unwrap()
            .iter()
            .zip(case["effects"].as_array().unwrap())
        {
            close(*effect, wanted, EXACT);
        }
    }
}

#[test]
fn columns_that_rise_and_fall() {
    for case in cases("page") {
        let found = page(&rows(&case)).unwrap();
        close(found.l, &case["l"], EXACT);
        close_p(found.p, &case, false);
    }
}

#[test]
fn numbers_of_requests_that_signed_ranks_do_not_reject() {
    for case in cases("break_even") {
        let pairs: Vec<_> = list(&case, "starts")
            .into_iter()
            .zip(list(&case, "requests"))
            .collect();
        let found = break_even(&pairs).unwrap().interval.unwrap();
        close(found.low, &case["low"], NUMERIC);
        match found.high {
            Some(high) => close(high, &case["high"], NUMERIC),
            None => assert!(case["high"].is_null(), "{case}"),
        }
    }
}

#[test]
fn selection_among_a_million_differences_is_that_of_sorting_them() {
    let values = |n: u32, step: f64| {
        (0..n)
            .map(|i| (f64::from(i) * step).sin() * 1e6 + 2e6)
            .collect::<Vec<_>>()
    };
    let (candidate, baseline) = (values(1_001, 0.7), values(999, 1.3));
    let mut all: Vec<_> = candidate
        .iter()
        .flat_map(|c| baseline.iter().map(move |b| c - b))
        .collect();
    all.sort_by(f64::total_cmp);
    let shift = contrast(&candidate, &baseline).unwrap().shift;
    assert_eq!(shift.estimate.to_bits(), all[all.len() / 2].to_bits());
    let interval = shift.interval.unwrap();
    assert!(
        all.binary_search_by(|value| value.total_cmp(&interval.low))
            .is_ok()
    );
    assert!(
        all.binary_search_by(|value| value.total_cmp(&interval.high))
            .is_ok()
    );
}

#[test]
fn a_slope_found_by_halving_is_that_of_sorting_all_slopes() {
    let points: Vec<_> = (0..1_500_u32)
        .map(|i| {
            (
                f64::from(i % 700),
                f64::from(i) * 0.3 + (f64::from(i) * 7.7).sin() * 90.0,
            )
        })
        .collect();
    let mut all = Vec::new();
    for (index, one) in points.iter().enumerate() {
        all.extend(
            points[index + 1..]
                .iter()
                .filter(|two| (two.0 - one.0).abs() > 0.5)
                .map(|two| (two.1 - one.1) / (two.0 - one.0)),
        );
    }
    let line = theil_sen(&points).unwrap();
    all.sort_by(f64::total_cmp);
    assert!((line.slope - all[all.len().div_ceil(2) - 1]).abs() < 1e-9);
}
