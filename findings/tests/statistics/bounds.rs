//! One-sided bounds: against `SciPy`, and how often they are wrong.

use findings::statistics::quantile_bounds;
use serde_json::Value;

use crate::simulate::{Draw, share};

const CONFIDENCE: f64 = 0.95;

#[track_caller]
fn same(found: Option<f64>, wanted: &Value) {
    match (found, wanted.as_f64()) {
        (Some(found), Some(wanted)) => {
            assert!(
                (found - wanted).abs() <= 1e-9 * wanted.abs(),
                "{found} for {wanted}"
            );
        }
        (found, wanted) => assert_eq!(found, wanted),
    }
}

#[test]
fn bounds_are_those_of_scipy() {
    // Written by bounds.py, which lies beside it.
    let all: Value = serde_json::from_str(include_str!("../fixtures/bounds.json")).unwrap();
    let cases = all["bounds"].as_array().unwrap();
    assert_eq!(cases.len(), 11);
    for case in cases {
        let values: Vec<f64> = serde_json::from_value(case["values"].clone()).unwrap();
        for quantile in case["quantiles"].as_array().unwrap() {
            let p = quantile["p"].as_f64().unwrap();
            let found = quantile_bounds(&values, p, CONFIDENCE);
            same(found.low, &quantile["low"]);
            same(found.high, &quantile["high"]);
        }
    }
}

/// Start times: median 100, and a standard deviation of their logarithms of 12 %, as found here.
fn starts(draw: &mut Draw, n: usize) -> Vec<f64> {
    (0..n)
        .map(|_| draw.normal(100_f64.ln(), 0.12).exp())
        .collect()
}

/// Φ⁻¹(0.95).
const NORMAL_95: f64 = 1.644_853_626_951_472_2;

#[test]
fn a_quantile_is_beyond_its_bound_no_more_often_than_one_time_in_twenty() {
    let mut draw = Draw::new(11);
    for (p, z, n) in [
        (0.5, 0.0, 5),
        (0.5, 0.0, 7),
        (0.5, 0.0, 20),
        (0.95, NORMAL_95, 59),
        (0.95, NORMAL_95, 60),
        (0.95, NORMAL_95, 200),
    ] {
        let truth = 100.0 * (0.12_f64 * z).exp();
        let beyond = share(
            &format!("the {p} quantile of {n} beyond its bound"),
            4_000,
            || {
                let bounds = quantile_bounds(&starts(&mut draw, n), p, CONFIDENCE);
                bounds.high.unwrap() < truth
            },
        );
        // Two standard errors of 4,000 trials are 0.7 %.
        assert!(beyond < 5.7, "{beyond}");
        assert!(
            beyond > 0.5,
            "a bound that is never wrong is none: {beyond}"
        );
    }
}
