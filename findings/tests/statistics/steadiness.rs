//! Whether loads were steady: against `SciPy`, and on simulated servers whose truth is known.

use findings::statistics::{Course, Steadiness, steadiness};
use serde_json::Value;

use crate::simulate::{Draw, share};

#[test]
fn divisions_are_judged_as_scipy_says() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../fixtures/steadiness.json")).unwrap();
    let numbers = |value: &Value| -> Vec<u64> { serde_json::from_value(value.clone()).unwrap() };
    let (mut steady, mut unsteady, mut unknown) = (0, 0, 0);
    for case in &cases {
        let (windows, walls) = (numbers(&case["window_ns"]), numbers(&case["wall_ns"]));
        let answers: Vec<Vec<u64>> = serde_json::from_value(case["answers"].clone()).unwrap();
        let courses: Vec<_> = windows
            .iter()
            .zip(&walls)
            .zip(&answers)
            .map(|((window_ns, wall_ns), answers)| Course {
                window_ns: *window_ns,
                wall_ns: *wall_ns,
                answers,
            })
            .collect();
        let found = steadiness(&courses, case["connections"].as_u64().unwrap());
        let Some(found) = found else {
            assert!(case["found"].is_null(), "{}", case["found"]);
            unknown += 1;
            continue;
        };
        let wanted = &case["found"];
        let numbers = [
            (found.fraction, "fraction"),
            (found.ratio, "ratio"),
            (found.interval.low, "low"),
            (found.interval.high, "high"),
            (found.margin, "margin"),
        ];
        for (number, name) in numbers {
            let wanted = wanted[name].as_f64().unwrap();
            assert!(
                (number / wanted - 1.0).abs() < 1e-6,
                "{name}: {number}, {wanted}"
            );
        }
        assert_eq!(Some(found.is_steady), wanted["is_steady"].as_bool());
        assert_eq!(found.words().is_none(), found.is_steady);
        *if found.is_steady {
            &mut steady
        } else {
            &mut unsteady
        } += 1;
    }
    assert!(
        steady > 0 && unsteady > 0 && unknown > 0,
        "all kinds are there"
    );
}

/// A server under a closed loop.
#[derive(Debug, Clone, Copy)]
struct Server {
    /// Whether it answers all connections at once, in rounds, or one request at a time.
    at_once: bool,
    /// The logarithmic standard deviation of one answer's time.
    sd: f64,
    /// That of what changes slowly within a load, and is of another course in each process.
    slow_sd: f64,
    /// How often an answer takes fifty times as long.
    stalls: f64,
    /// Which part of the requests is served slowly at first, and at which part of the later rate.
    warm_up: (f64, f64),
}

const STEADY: Server = Server {
    at_once: false,
    sd: 0.4,
    slow_sd: 0.0,
    stalls: 0.0,
    warm_up: (0.0, 1.0),
};

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "some seconds at most, and not negative"
)]
fn whole(ns: f64) -> u64 {
    ns as u64
}

impl Server {
    /// A process under load: its windows, and how long it took.
    fn serve(self, draw: &mut Draw, requests: u64, connections: u64) -> (u64, u64, Vec<u64>) {
        const CORRELATION: f64 = 0.99;
        let per_step = if self.at_once { connections } else { 1 };
        let steps = requests / per_step;
        let mut slow = draw.normal(0.0, 1.0);
        let (mut at, mut ends) = (0.0, Vec::new());
        for step in 0..steps {
            slow = CORRELATION * slow
                + (1.0 - CORRELATION * CORRELATION).sqrt() * draw.normal(0.0, 1.0);
            let noise = draw.normal(0.0, self.sd) + self.slow_sd * slow;
            let mut took = 50e3 * per_step as f64 * noise.exp();
            if draw.uniform() < self.stalls {
                took *= 50.0;
            }
            if (step as f64) < self.warm_up.0 * steps as f64 {
                took /= self.warm_up.1;
            }
            at += took;
            ends.push(whole(at));
        }
        let wall = whole(at);
        let mut window = 100_000;
        while wall / window >= 64 {
            window *= 2;
        }
        let index = |end: u64| usize::try_from(end / window).unwrap();
        let mut answers = vec![0; index(wall) + 1];
        ends.into_iter()
            .for_each(|end| answers[index(end)] += per_step);
        (window, wall, answers)
    }

    fn cell(
        self,
        draw: &mut Draw,
        (n, requests, connections): (usize, u64, u64),
    ) -> Option<Steadiness> {
        let served: Vec<_> = (0..n)
            .map(|_| self.serve(draw, requests, connections))
            .collect();
        let courses: Vec<_> = served
            .iter()
            .map(|(window_ns, wall_ns, answers)| Course {
                window_ns: *window_ns,
                wall_ns: *wall_ns,
                answers,
            })
            .collect();
        steadiness(&courses, connections)
    }
}

/// Processes, requests and connections: of the profiles `quick`, `standard` and `paper`.
const DESIGNS: [(usize, u64, u64); 4] =
    [(7, 200, 10), (7, 200, 1), (20, 2_000, 10), (20, 2_000, 1)];

#[test]
fn what_is_steady_is_rarely_called_otherwise() {
    let servers = [
        ("one at a time", STEADY),
        (
            "at once, in rounds",
            Server {
                at_once: true,
                sd: 0.05,
                ..STEADY
            },
        ),
        (
            "slow changes",
            Server {
                slow_sd: 0.2,
                ..STEADY
            },
        ),
        (
            "stalls",
            Server {
                stalls: 0.01,
                ..STEADY
            },
        ),
        (
            "rounds and stalls",
            Server {
                at_once: true,
                stalls: 0.02,
                ..STEADY
            },
        ),
    ];
    for (name, server) in servers {
        for design in DESIGNS {
            let mut draw = Draw::new(31);
            let trials = if design.1 > 200 { 200 } else { 1_000 };
            let called = share(&format!("not steady, {name}, {design:?}"), trials, || {
                let found = server.cell(&mut draw, design);
                found.is_some_and(|found| !found.is_steady)
            });
            // 1 % at most, and three standard errors of the trials. Stalls that take half of all time
            // are too skewed for Student's interval of seven processes: 2 % of such are called so.
            let most = if server.stalls > 0.0 { 3.5 } else { 2.0 };
            assert!(called <= most, "{name}, {design:?}: {called}");
        }
    }
}

#[test]
fn a_warm_up_within_the_load_is_found() {
    for (design, warm_up, least) in [
        ((7, 200, 10), (0.5, 0.5), 95.0),
        ((7, 200, 1), (0.25, 0.6), 95.0),
        ((20, 2_000, 10), (0.125, 0.7), 95.0),
        ((20, 2_000, 1), (0.125, 0.8), 95.0),
        ((20, 2_000, 10), (0.9, 0.7), 95.0),
    ] {
        let server = Server { warm_up, ..STEADY };
        let mut draw = Draw::new(37);
        let found = share(&format!("found, {warm_up:?}, {design:?}"), 300, || {
            let found = server.cell(&mut draw, design);
            found.is_some_and(|found| !found.is_steady)
        });
        assert!(found >= least, "{warm_up:?}, {design:?}: {found}");
    }
}

#[test]
fn what_is_found_is_said_in_words() {
    let mut draw = Draw::new(41);
    let slow_first = Server {
        warm_up: (0.125, 0.5),
        sd: 0.1,
        ..STEADY
    };
    let first = slow_first.cell(&mut draw, (20, 2_000, 1)).unwrap();
    let words = first.words().unwrap();
    assert!(words.starts_with("its first "), "{words}");
    assert!(words.ends_with(" % of the rest's rate"), "{words}");
    let slow_last = Server {
        warm_up: (0.9, 2.0),
        ..slow_first
    };
    let last = slow_last.cell(&mut draw, (20, 2_000, 1)).unwrap();
    let words = last.words().unwrap();
    assert!(
        words.starts_with("its last ") && words.ends_with(" % of the rate before"),
        "{words}"
    );
}

#[test]
fn nothing_is_said_without_replication_or_of_what_is_too_short() {
    let mut draw = Draw::new(43);
    assert_eq!(STEADY.cell(&mut draw, (1, 2_000, 1)), None, "one process");
    assert_eq!(STEADY.cell(&mut draw, (7, 30, 10)), None, "three rounds");
    assert_eq!(steadiness(&[], 1), None);
    let empty = Course {
        window_ns: 0,
        wall_ns: 0,
        answers: &[],
    };
    assert_eq!(steadiness(&[empty; 3], 1), None);
}
