//! An interval that says 95 % holds the truth in 95 of 100 cases, and a test that says 5 % cries
//! wolf in 5.

use findings::statistics::{
    BreakEven, Costs, Interval, Order, Process, Resampling, Stages, Statistic, Warning, break_even,
    contrast, describe, dip, linear_fit, mann_kendall, nested, paired, theil_sen,
};

use crate::simulate::{Draw, POPULATIONS, Population, share};

const TRIALS: u32 = 2_000;

/// What 2,000 trials of a true 95 % interval give, and a bit more: four standard errors are 2 %.
const NOMINAL: std::ops::RangeInclusive<f64> = 93.0..=97.0;

/// Quick, and enough for the ends of an interval.
const RESAMPLING: Resampling = Resampling {
    resamples: 500,
    seed: 3,
};

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

/// Processes, each about its own mean, with so many requests about that.
fn cell(draw: &mut Draw, processes: usize, requests: usize) -> Vec<Process> {
    let one = |draw: &mut Draw| {
        let own = draw.normal(100.0, 5.0);
        let values: Vec<_> = (0..requests).map(|_| (draw.normal(own, 10.0), 1)).collect();
        Process::new(values).unwrap()
    };
    (0..processes).map(|_| one(draw)).collect()
}

#[test]
fn intervals_of_requests_in_processes() {
    // Requests of all processes are normal about 100 with the variance 5² + 10².
    let spread = 125_f64.sqrt();
    let statistics = [
        (Statistic::Mean, 100.0),
        (Statistic::Quantile(0.5), 100.0),
        (Statistic::Quantile(0.9), 100.0 + 1.281_552 * spread),
    ];
    for (stages, processes) in [
        (Stages::Processes, 12),
        (Stages::Processes, 30),
        (Stages::Both, 12),
    ] {
        let mut draw = Draw::new(7);
        let cells: Vec<_> = (0..TRIALS)
            .map(|_| cell(&mut draw, processes, 50))
            .collect();
        for (statistic, truth) in statistics {
            let what = format!(
                "{statistic:?} of requests, {processes} processes of 50, {stages:?} resampled"
            );
            let mut cells = cells.iter();
            let covered = share(&what, TRIALS, || {
                let resampling = Resampling {
                    resamples: 400,
                    seed: 3,
                };
                holds(
                    nested(cells.next().unwrap(), statistic, stages, resampling)
                        .unwrap()
                        .interval,
                    truth,
                )
            });
            // What requests scatter is in the spread of the processes already: drawn again, it
            // counts twice.
            let most = if stages == Stages::Both { 98.5 } else { 97.0 };
            assert!((93.0..=most).contains(&covered), "{covered}");
        }
    }
    // What taking requests for independent would have done.
    let mut draw = Draw::new(8);
    let covered = share("mean of requests taken for independent", 500, || {
        let own: Vec<f64> = (0..12).map(|_| draw.normal(100.0, 5.0)).collect();
        let all: Vec<_> = own
            .iter()
            .flat_map(|own| draw.sample_about(*own, 100))
            .collect();
        holds(describe(&all, Order::Unknown).unwrap().mean_interval, 100.0)
    });
    assert!(covered < 60.0, "{covered}");
}

#[test]
fn intervals_of_lines() {
    let mut draw = Draw::new(9);
    let mut points = || {
        (1..=12)
            .map(|i| {
                (
                    f64::from(i),
                    40.0 + 2.5 * f64::from(i) + draw.normal(0.0, 4.0),
                )
            })
            .collect::<Vec<_>>()
    };
    let covered = share("slope, least squares, n = 12", TRIALS, || {
        holds(linear_fit(&points()).unwrap().slope_interval, 2.5)
    });
    assert!(NOMINAL.contains(&covered), "{covered}");
    let covered = share("intercept, least squares, n = 12", TRIALS, || {
        holds(linear_fit(&points()).unwrap().intercept_interval, 40.0)
    });
    assert!(NOMINAL.contains(&covered), "{covered}");
    let covered = share("slope, Theil–Sen, n = 12", TRIALS, || {
        holds(theil_sen(&points()).unwrap().interval, 2.5)
    });
    assert!(covered >= 93.0, "{covered}");
}

#[test]
fn intervals_of_the_break_even() {
    let mut draw = Draw::new(10);
    // 20 ms more for the start, 0.5 ms less for a request: 40 requests.
    let covered = share("break-even at 40 requests, n = 40", TRIALS, || {
        let mut about =
            |mean: f64, sd: f64| (0..40).map(|_| draw.normal(mean, sd)).collect::<Vec<_>>();
        let (start, request, other_start, other_request) = (
            about(30.0, 4.0),
            about(1.5, 0.2),
            about(10.0, 2.0),
            about(2.0, 0.2),
        );
        let answer = break_even(
            Costs {
                start: &start,
                request: &request,
            },
            Costs {
                start: &other_start,
                request: &other_request,
            },
            RESAMPLING,
        )
        .unwrap();
        assert!(matches!(answer.estimate, BreakEven::From(_)));
        answer.low.is_some_and(|low| low <= 40.0) && answer.high.is_none_or(|high| high >= 40.0)
    });
    assert!(NOMINAL.contains(&covered), "{covered}");
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
