//! An interval that says 95 % holds the truth in 95 of 100 cases, and a test that says 5 % cries
//! wolf in 5.

use findings::statistics::{
    Interval, Order, Warning, contrast, describe, dip, friedman, mann_kendall, page, paired,
};

use crate::simulate::{Draw, POPULATIONS, Population, share};

const TRIALS: u32 = 2_000;

/// What 2,000 trials of a true 95 % interval give, and a bit more: four standard errors are 2 %.
const NOMINAL: std::ops::RangeInclusive<f64> = 93.0..=97.0;

fn holds(interval: Option<Interval>, truth: f64) -> bool {
    interval.is_some_and(|interval| interval.contains(truth))
}

#[test]
fn intervals_of_one_sample() {
    for population in POPULATIONS {
        let mut draw = Draw::new(1);
        for n in [12, 30] {
            let covered = share(
                &format!("median, order statistics, {population:?}, n = {n}"),
                TRIALS,
                || {
                    let description =
                        describe(&draw.sample(population, n), Order::Unknown).unwrap();
                    holds(description.median_interval, population.median())
                },
            );
            assert!(covered >= 94.0, "{covered}");
        }
        let covered = share(
            &format!("mean, Student's t, {population:?}, n = 40"),
            TRIALS,
            || {
                let description = describe(&draw.sample(population, 40), Order::Unknown).unwrap();
                holds(description.mean_interval, population.mean())
            },
        );
        assert!(NOMINAL.contains(&covered), "{covered}");
    }
}

#[test]
fn intervals_of_shifts_and_ratios() {
    for population in POPULATIONS {
        for (n, m) in [(12, 15), (30, 30), (60, 55)] {
            let mut draw = Draw::new(3);
            let two = |draw: &mut Draw, by: &dyn Fn(f64) -> f64| {
                let candidate: Vec<_> = draw.sample(population, n).into_iter().map(by).collect();
                (candidate, draw.sample(population, m))
            };
            let covered = share(
                &format!("shift, Hodges–Lehmann, {population:?}, {n} and {m}"),
                TRIALS,
                || {
                    let (candidate, baseline) = two(&mut draw, &|value| value + 7.0);
                    holds(contrast(&candidate, &baseline).unwrap().shift.interval, 7.0)
                },
            );
            assert!(NOMINAL.contains(&covered), "{covered}");
            let covered = share(
                &format!("ratio, Hodges–Lehmann, {population:?}, {n} and {m}"),
                TRIALS,
                || {
                    let (candidate, baseline) = two(&mut draw, &|value| value * 1.1);
                    holds(contrast(&candidate, &baseline).unwrap().ratio.interval, 1.1)
                },
            );
            assert!(NOMINAL.contains(&covered), "{covered}");
        }
    }
}

#[test]
fn intervals_of_pairs() {
    for n in [8, 20, 60] {
        let mut draw = Draw::new(6);
        let covered = share(&format!("paired shift, n = {n}"), TRIALS, || {
            let pair = |draw: &mut Draw| {
                let block = draw.normal(100.0, 30.0);
                (block + draw.normal(5.0, 3.0), block + draw.normal(0.0, 3.0))
            };
            let pairs: Vec<_> = (0..n).map(|_| pair(&mut draw)).collect();
            holds(paired(&pairs).unwrap().shift.interval, 5.0)
        });
        assert!(NOMINAL.contains(&covered), "{covered}");
    }
}

#[test]
fn trends_are_not_seen_where_there_are_none() {
    for n in [12, 40, 200] {
        let mut draw = Draw::new(11);
        let alarms = share(
            &format!("false alarms of the trend test at 5 %, n = {n}"),
            TRIALS,
            || {
                mann_kendall(&draw.sample(Population::LogNormal, n))
                    .unwrap()
                    .p
                    < 0.05
            },
        );
        assert!((2.5..=6.5).contains(&alarms), "{alarms}");
    }
    let mut draw = Draw::new(12);
    let found = share(
        "drift of two standard deviations found at 1 %, n = 40",
        500,
        || {
            let values: Vec<_> = (0..40)
                .map(|i| draw.normal(100.0 + 0.5 * f64::from(i), 10.0))
                .collect();
            let warnings = describe(&values, Order::AsGiven).unwrap().warnings();
            warnings
                .iter()
                .any(|warning| matches!(warning, Warning::Drift { .. }))
        },
    );
    assert!(found > 70.0, "{found}");
}

#[test]
fn columns_that_are_alike_are_not_called_otherwise() {
    for (rows, columns) in [(4, 7), (12, 7), (60, 20)] {
        let mut draw = Draw::new(15);
        let mut table = || -> Vec<Vec<f64>> {
            let row = |_| draw.sample(Population::LogNormal, columns);
            (0..rows).map(row).collect()
        };
        let tables: Vec<_> = (0..TRIALS).map(|_| table()).collect();
        let mut each = tables.iter();
        let what = format!("false alarms of Friedman's test at 5 %, {rows} × {columns}");
        let alarms = share(&what, TRIALS, || {
            friedman(each.next().unwrap()).unwrap().p < 0.05
        });
        assert!((3.0..=7.0).contains(&alarms), "{alarms}");
        let mut each = tables.iter();
        let what = format!("false alarms of Page's test at 5 %, {rows} × {columns}");
        let alarms = share(&what, TRIALS, || {
            page(each.next().unwrap()).unwrap().p < 0.05
        });
        assert!((3.0..=7.0).contains(&alarms), "{alarms}");
    }
}

#[test]
fn warnings_of_single_cells_find_what_the_report_says() {
    let is_warned = |values: &[f64], fits: fn(&Warning) -> bool| {
        let warnings = describe(values, Order::AsGiven).unwrap().warnings();
        warnings.iter().any(fits)
    };
    for (n, drifts, modes) in [(7, 2.0, 12.0), (20, 21.0, 71.0)] {
        let mut draw = Draw::new(16);
        let last = f64::from(n - 1);
        let what = format!("drift of 20 % about a spread of 12 % found at 1 %, n = {n}");
        let found = share(&what, TRIALS, || {
            let about = |at: i32| (0.2 * f64::from(at) / last).ln_1p();
            let values: Vec<f64> = (0..n)
                .map(|at| draw.normal(about(at), 0.12).exp())
                .collect();
            is_warned(&values, |it| matches!(it, Warning::Drift { .. }))
        });
        assert!((found - drifts).abs() < 3.0, "{found}");
        let what = format!("modes 1.5 times apart about a spread of 5 % found at 1 %, n = {n}");
        let found = share(&what, TRIALS, || {
            let one = |draw: &mut Draw| {
                let about = if draw.uniform() < 0.5 { 1.5_f64 } else { 1.0 };
                draw.normal(about.ln(), 0.05).exp()
            };
            let values: Vec<f64> = (0..n).map(|_| one(&mut draw)).collect();
            is_warned(&values, |it| matches!(it, Warning::Multimodal { .. }))
        });
        assert!((found - modes).abs() < 4.0, "{found}");
    }
}

#[test]
fn modes_are_not_seen_where_there_is_one() {
    for n in [10, 37, 150] {
        let mut draw = Draw::new(13);
        let alarms = share(
            &format!("false alarms of the dip test at 5 %, uniform, n = {n}"),
            TRIALS,
            || {
                dip(&(0..n).map(|_| draw.uniform()).collect::<Vec<_>>())
                    .unwrap()
                    .p
                    < 0.05
            },
        );
        assert!((3.0..=7.0).contains(&alarms), "{alarms}");
        for population in [Population::Normal, Population::LogNormal] {
            let alarms = share(
                &format!("false alarms of the dip test at 5 %, {population:?}, n = {n}"),
                TRIALS,
                || dip(&draw.sample(population, n)).unwrap().p < 0.05,
            );
            assert!(alarms < 5.0, "{alarms}");
        }
    }
    let mut draw = Draw::new(14);
    let found = share("two modes found at 1 %, n = 40", 500, || {
        let warnings = describe(&draw.sample(Population::Bimodal, 40), Order::Unknown)
            .unwrap()
            .warnings();
        warnings
            .iter()
            .any(|warning| matches!(warning, Warning::Multimodal { .. }))
    });
    assert!(found > 95.0, "{found}");
}
