//! Intervals of costs that add up, of lines, and of requests in processes: how often they hold the
//! truth, with few values, with stalls, and with a spread that is not the same everywhere.
//!
//! The short runs are tests; `cargo nextest run -p findings --run-ignored only -E
//! 'test(long)' --no-capture` prints the long ones.

use findings::statistics::{BreakEven, Order, break_even, describe, linear_fit};

use crate::simulate::{Draw, share};

/// Four standard errors of a share of 95 % in so many trials are a good per cent.
const TRIALS: u32 = 4_000;
const NOMINAL: std::ops::RangeInclusive<f64> = 93.0..=97.5;

/// Costs in milliseconds: of which one in so many stalls, and takes so many times as long.
#[derive(Debug, Clone, Copy)]
struct Costs {
    spread: f64,
    stalls: f64,
    times: f64,
}

impl Costs {
    fn one(self, draw: &mut Draw, typical: f64) -> f64 {
        let value = typical * draw.normal(0.0, self.spread).exp();
        if draw.uniform() < self.stalls {
            value * self.times
        } else {
            value
        }
    }

    /// 20 ms more for the start and 0.5 ms less for a request, in so many blocks.
    fn pairs(self, draw: &mut Draw, n: usize) -> Vec<(f64, f64)> {
        let pair = |draw: &mut Draw| {
            let more = self.one(draw, 30.0) - self.one(draw, 10.0);
            (more, self.one(draw, 2.0) - self.one(draw, 1.5))
        };
        (0..n).map(|_| pair(draw)).collect()
    }

    /// The truth, of very many blocks. Without stalls it is 40.
    fn crossing(self) -> f64 {
        let pairs = self.pairs(&mut Draw::new(99), 40_001);
        match break_even(&pairs).unwrap().estimate {
            BreakEven::From(requests) => requests,
            other => panic!("{other:?}"),
        }
    }
}

fn covers_break_even(trials: u32, sizes: &[usize], spreads: &[f64], stalls: &[(f64, f64)]) {
    for &(stalls, times) in stalls {
        for &spread in spreads {
            let costs = Costs {
                spread,
                stalls,
                times,
            };
            let truth = costs.crossing();
            for &n in sizes {
                let mut draw = Draw::new(10);
                let what = format!("break-even at {truth:.2} requests, n = {n}, {costs:?}");
                let covered = share(&what, trials, || {
                    let answer = break_even(&costs.pairs(&mut draw, n)).unwrap();
                    answer.interval.is_some_and(|range| range.contains(truth))
                });
                assert!(NOMINAL.contains(&covered), "{covered}");
            }
        }
    }
}

#[test]
fn of_the_break_even() {
    covers_break_even(TRIALS, &[6, 7, 20], &[0.08], &[(0.0, 1.0), (0.1, 3.0)]);
}

#[test]
#[ignore = "the long run"]
fn long_of_the_break_even() {
    let stalls = [(0.0, 1.0), (0.1, 1.5), (0.1, 3.0), (0.1, 10.0)];
    covers_break_even(5_000, &[6, 7, 12, 20], &[0.05, 0.08, 0.12], &stalls);
}

#[test]
fn a_crossing_that_may_not_be_is_open() {
    // Requests cost the same: in 95 of 100 cases there is no upper end.
    let mut draw = Draw::new(11);
    let open = share(
        "break-even of equal requests is open, n = 7",
        TRIALS,
        || {
            let pair = |draw: &mut Draw| (draw.normal(20.0, 2.0), draw.normal(0.0, 0.1));
            let pairs: Vec<_> = (0..7).map(|_| pair(&mut draw)).collect();
            let answer = break_even(&pairs).unwrap();
            answer.interval.is_none_or(|range| range.high.is_none())
        },
    );
    assert!(open > 94.0, "{open}");
}

/// Requests of processes that differ by 5 %, each with a long tail: whether the order statistics of
/// their own quantiles hold the quantile of the typical process.
fn covers_quantiles(trials: u32, shapes: &[(usize, usize)]) {
    for &(processes, requests) in shapes {
        let mut draw = Draw::new(12);
        for (at, z) in [(0.5, 0.0), (0.95, 1.644_853_6), (0.99, 2.326_347_9)] {
            if at > 0.5 && requests as f64 * (1.0 - at) < 10.0 - 1e-9 {
                continue;
            }
            let truth = (0.5_f64 * z).exp();
            let what = format!("{at} of requests, {processes} processes of {requests}");
            let covered = share(&what, trials, || {
                let own = |draw: &mut Draw| quantile_of_process(draw, requests, at);
                let each: Vec<f64> = (0..processes).map(|_| own(&mut draw)).collect();
                let interval = describe(&each, Order::Unknown).unwrap().median_interval;
                interval.is_some_and(|interval| interval.contains(truth))
            });
            // Order statistics of seven are the least and the most, and hold 98.4 %.
            assert!((92.5..=99.8).contains(&covered), "{covered}");
        }
    }
}

/// A quantile of one process's requests as a histogram tells it, from the order statistic's own
/// distribution: the uniform one of that rank is a beta variable.
fn quantile_of_process(draw: &mut Draw, requests: usize, at: f64) -> f64 {
    let own = draw.normal(0.0, 0.05);
    let mut values: Vec<f64> = (0..requests).map(|_| draw.normal(own, 0.5)).collect();
    let rank = (at * requests as f64 - 1e-9).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among the requests"
    )]
    let place = (rank as usize).max(1) - 1;
    let (_, value, _) = values.select_nth_unstable_by(place, f64::total_cmp);
    value.exp()
}

#[test]
fn of_requests_in_processes() {
    covers_quantiles(1_000, &[(7, 200), (20, 2_000)]);
}

#[test]
#[ignore = "the long run"]
fn long_of_requests_in_processes() {
    covers_quantiles(
        4_000,
        &[(6, 200), (7, 200), (7, 2_000), (12, 2_000), (20, 2_000)],
    );
}

/// Where instances were counted, how often each, and the power of their number that the spread goes
/// with.
type Design = (&'static [f64], usize, f64);

/// 50 for any number and 10 each: whether the line's intervals hold both.
fn covers_lines(trials: u32, designs: &[Design]) {
    for &(at, repeats, power) in designs {
        let mut draw = Draw::new(13);
        let fits: Vec<_> = (0..trials)
            .map(|_| {
                let xs = at.iter().flat_map(|x| std::iter::repeat_n(*x, repeats));
                let point = |x: f64| (x, 50.0 + 10.0 * x + draw.normal(0.0, 0.3) * x.powf(power));
                linear_fit(&xs.map(point).collect::<Vec<_>>()).unwrap()
            })
            .collect();
        let what = format!("of {at:?} × {repeats}, spread as N^{power}");
        let mut each = fits.iter();
        let slope = share(&format!("slope {what}"), trials, || {
            each.next().unwrap().slope_interval.unwrap().contains(10.0)
        });
        let mut each = fits.iter();
        let intercept = share(&format!("intercept {what}"), trials, || {
            each.next()
                .unwrap()
                .intercept_interval
                .unwrap()
                .contains(50.0)
        });
        // Of two repeats, each spread is known by one number: the interval is on the safe side.
        let most = if repeats > 2 { 97.5 } else { 98.5 };
        assert!((93.0..=most).contains(&slope), "{slope}");
        // Of three repeats, the spread decides weights and interval alike: a per cent is missing.
        assert!((92.0..=most).contains(&intercept), "{intercept}");
    }
}

const FEW: &[f64] = &[1.0, 4.0, 8.0, 16.0];
const FAR: &[f64] = &[1.0, 10.0, 100.0, 1e3, 1e4];

#[test]
fn of_lines() {
    let powers = [0.0, 0.5, 1.0];
    let designs = powers.map(|power| [(FEW, 3, power), (FAR, 3, power)]);
    covers_lines(TRIALS, designs.as_flattened());
}

#[test]
#[ignore = "the long run"]
fn long_of_lines() {
    for repeats in [2, 3, 7, 20] {
        let powers = [0.0, 0.5, 1.0];
        let designs = powers.map(|power| [(FEW, repeats, power), (FAR, repeats, power)]);
        covers_lines(10_000, designs.as_flattened());
    }
}

#[test]
fn a_bent_line_has_a_wide_interval() {
    // 10 each at first, and 12 at the end: repeats agree to a thousandth, and know nothing of it.
    let mut draw = Draw::new(14);
    let mut at = |x: f64| (x, 50.0 + 10.0 * x + 0.06 * x * x + draw.normal(0.0, 0.01));
    let points: Vec<_> = FEW.iter().flat_map(|x| [*x; 3]).map(&mut at).collect();
    let fit = linear_fit(&points).unwrap();
    assert!(fit.straight_p.unwrap() < 1e-6, "{fit:?}");
    let interval = fit.slope_interval.unwrap();
    assert!(interval.high - interval.low > 0.5, "{fit:?}");
}
