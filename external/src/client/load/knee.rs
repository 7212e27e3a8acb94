//! What a service can hold: the highest rate at which the 99th percentile of its latency stays
//! within a limit.
//!
//! Rates are parts of the capacity, which a closed loop finds first. Between what was held and what
//! was not the gap is halved, down to a sixty-fourth of the capacity. A load has noise, so a rate is
//! tried until two of its loads agree: it takes two that miss to call it missed. A 99th percentile
//! takes a thousand answers, so that rates are not looked at that are too low for that within ten
//! times a load's time.

use std::time::Duration;

use serde::Serialize;

use super::report::{digits, line, time};
use super::{Amount, Load, LoadError, Loaded, MAX_PER_SECOND, Pace, run};

/// How fine rates are: so many steps up to the capacity.
const STEPS: u32 = 64;

/// So many answers state a 99th percentile, with some to spare.
const LEAST_REQUESTS: f64 = 1_100.0;

/// So many times as long as it was to be a load of a low rate may be.
const LONGER: f64 = 10.0;

/// Loads that must agree on a rate.
const AGREE: usize = 2;

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Knee {
    /// What the 99th percentile was to stay within.
    p99_limit_ns: u64,
    /// Right answers a second in a closed loop.
    capacity_per_second: f64,
    /// The highest rate that was held; `None` if none was.
    held_per_second: Option<f64>,
    /// The lowest rate that was not; `None` if the capacity itself was held.
    missed_per_second: Option<f64>,
    /// What was tried, in order.
    tried: Vec<Tried>,
}

/// One rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Tried {
    per_second: f64,
    /// Of each load; `null` where requests failed or were dropped.
    p99_ns: Vec<Option<u64>>,
    held: bool,
}

/// What is known of a service, in steps of [`STEPS`] up to the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    /// The highest that was held; the lowest to be asked for, less one, if none was yet.
    held: u32,
    /// The lowest that was not; one beyond the capacity if none was yet.
    missed: u32,
}

impl Known {
    /// Nothing is known above a step, and nothing is asked below it.
    const fn above(lowest: u32) -> Self {
        Self {
            held: lowest,
            missed: STEPS + 1,
        }
    }

    /// What to try next; `None` if the two are neighbours.
    fn next(self) -> Option<u32> {
        (self.missed > self.held + 1).then(|| self.held.midpoint(self.missed))
    }

    fn after(self, tried: u32, held: bool) -> Self {
        if held {
            Self {
                held: tried,
                ..self
            }
        } else {
            Self {
                missed: tried,
                ..self
            }
        }
    }
}

/// Searches by loads that each last `time`, or as long as a 99th percentile takes.
///
/// # Errors
/// As [`run`], or the closed loop found no capacity.
pub(super) fn search(load: &Load, limit: Duration, time: Duration) -> Result<Knee, LoadError> {
    let closed = Load {
        pace: Pace::Closed,
        amount: Amount::Time(time),
        ..load.clone()
    };
    let capacity = run(&closed)?.per_second().ok_or(LoadError::Senseless(
        "no request was answered rightly: there is no rate to begin with",
    ))?;
    let capacity = capacity.min(MAX_PER_SECOND);
    let limit_ns = super::nanos(limit);
    let rate = |step: u32| capacity * f64::from(step) / f64::from(STEPS);
    let below = lowest_step(capacity, time)?;
    let (mut known, mut tried) = (Known::above(below), Vec::new());
    while let Some(step) = known.next() {
        let per_second = rate(step);
        let mut p99_ns = Vec::new();
        let held = agreed(|| {
            let p99 = p99_at(load, per_second, time)?;
            p99_ns.push(p99);
            Ok::<_, LoadError>(p99.is_some_and(|ns| ns <= limit_ns))
        })?;
        known = known.after(step, held);
        tried.push(Tried {
            per_second,
            p99_ns,
            held,
        });
    }
    Ok(Knee {
        p99_limit_ns: limit_ns,
        capacity_per_second: capacity,
        held_per_second: (known.held > below).then(|| rate(known.held)),
        missed_per_second: (known.missed <= STEPS).then(|| rate(known.missed)),
        tried,
    })
}

/// The step below the lowest whose rate states a 99th percentile in time.
fn lowest_step(capacity: f64, time: Duration) -> Result<u32, LoadError> {
    let lowest = LEAST_REQUESTS / (LONGER * time.as_secs_f64());
    let steps = (lowest / capacity * f64::from(STEPS)).floor();
    if steps >= f64::from(STEPS) {
        return Err(LoadError::Senseless(
            "it answers too few requests for a 99th percentile: a longer --duration",
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "less than the number of steps"
    )]
    Ok(steps as u32)
}

/// What two tries agree on.
fn agreed<E>(mut attempt: impl FnMut() -> Result<bool, E>) -> Result<bool, E> {
    let mut counts = [0; 2];
    loop {
        let held = attempt()?;
        counts[usize::from(held)] += 1;
        if counts[usize::from(held)] == AGREE {
            return Ok(held);
        }
    }
}

/// The 99th percentile at a rate, from when each request was due; `None` if not every one was
/// answered rightly.
fn p99_at(load: &Load, per_second: f64, time: Duration) -> Result<Option<u64>, LoadError> {
    let number = (per_second * time.as_secs_f64()).max(LEAST_REQUESTS).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the rate is positive and bounded, the time a day at most"
    )]
    let number = number as u64;
    let loaded = run(&Load {
        pace: Pace::Open { per_second },
        amount: Amount::Requests(number),
        ..load.clone()
    })?;
    Ok(p99_of(&loaded))
}

fn p99_of(loaded: &Loaded) -> Option<u64> {
    let requests = &loaded.requests;
    let is_whole = requests.failed == 0 && requests.dropped == 0;
    loaded.latency_ns(0.99).filter(|_| is_whole)
}

impl Knee {
    /// For people.
    pub(super) fn text(&self, url: &str) -> String {
        let mut text = line(
            "load",
            &format!("{url}, open loop, from each planned instant"),
        );
        let capacity = digits(self.capacity_per_second);
        text += &line("capacity", &format!("{capacity} a second in a closed loop"));
        for tried in &self.tried {
            let p99 = |ns: &Option<u64>| ns.map_or("not all answered".to_owned(), time);
            let p99: Vec<_> = tried.p99_ns.iter().map(p99).collect();
            let held = if tried.held { "held" } else { "missed" };
            let rate = digits(tried.per_second);
            let words = format!("{rate} a second: p99 {}: {held}", p99.join(", "));
            text += &line("tried", &words);
        }
        let limit = time(self.p99_limit_ns);
        let missed = self.missed_per_second.map_or_else(
            || "which is its capacity".to_owned(),
            |rate| format!("not {}", digits(rate)),
        );
        text + &line(
            "holds",
            &match self.held_per_second {
                Some(rate) => format!(
                    "{} a second at a p99 of {limit} at most, {missed}",
                    digits(rate)
                ),
                None => format!("no rate at a p99 of {limit}: {missed}"),
            },
        )
    }

    /// For programs: one object.
    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("it is plain data: it always serialises") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a search ends if everything up to a step is held, and after how many steps.
    fn end(limit: u32) -> (Known, usize) {
        let (mut known, mut steps) = (Known::above(0), 0);
        while let Some(step) = known.next() {
            known = known.after(step, step <= limit);
            steps += 1;
        }
        (known, steps)
    }

    #[test]
    fn the_highest_rate_that_is_held_is_found() {
        for held in 0..=STEPS {
            let (known, steps) = end(held);
            let missed = held + 1;
            assert_eq!(known, Known { held, missed });
            assert!(steps <= 7, "{held}: {steps}");
        }
    }

    #[test]
    fn what_takes_too_long_is_not_asked() {
        let second = Duration::from_secs(1);
        assert_eq!(lowest_step(64_000.0, second).unwrap(), 0);
        assert_eq!(lowest_step(220.0, second).unwrap(), 32);
        let refused = lowest_step(110.0, second).unwrap_err().to_string();
        assert!(refused.contains("a longer --duration"), "{refused}");
    }

    #[test]
    fn one_load_that_was_disturbed_decides_nothing() {
        let of = |outcomes: &[bool]| {
            let mut outcomes = outcomes.iter().copied();
            agreed(|| outcomes.next().ok_or(())).unwrap()
        };
        assert!(of(&[true, true]) && of(&[false, true, true]) && of(&[true, false, true]));
        assert!(!of(&[false, false]) && !of(&[true, false, false]));
    }

    #[test]
    fn the_text_says_what_is_held_and_what_is_not() {
        let knee = Knee {
            p99_limit_ns: 5_000_000,
            capacity_per_second: 6_400.0,
            held_per_second: Some(3_200.0),
            missed_per_second: Some(3_300.0),
            tried: vec![
                Tried {
                    per_second: 3_200.0,
                    p99_ns: vec![Some(1_000_000), Some(1_200_000)],
                    held: true,
                },
                Tried {
                    per_second: 3_300.0,
                    p99_ns: vec![Some(9_000_000), None],
                    held: false,
                },
            ],
        };
        insta::assert_snapshot!(knee.text("http://127.0.0.1/"), @r"
        load        http://127.0.0.1/, open loop, from each planned instant
        capacity    6400 a second in a closed loop
        tried       3200 a second: p99 1.00 ms, 1.20 ms: held
        tried       3300 a second: p99 9.00 ms, not all answered: missed
        holds       3200 a second at a p99 of 5.00 ms at most, not 3300
        ");
    }
}
