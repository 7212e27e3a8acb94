//! For which number of samples, or which effect, enough of the simulated pages find it.

use std::ops::Range;

use super::pilot::Pilot;
use super::power::Pages;
use super::{POWER, Target, least_samples};
use crate::statistics::normal_quantile;

/// Pages for each number of samples: the power of a plan is known to 2.5 points.
pub(super) const PAGES: u64 = 250;

/// Pages after which what is far from being found often enough is let go.
const FIRST_PAGES: u64 = 50;

/// Pages without any effect, for what statistics have to exceed.
const NULL_PAGES: u64 = 10;

/// The most samples that are tried.
pub(super) const MOST: usize = 400;

/// From one number of samples that is tried to the next: of few, one sample is a step of power.
const STEPS: [f64; 2] = [1.12, 1.4];

/// Where the second of them begins.
const FEW: f64 = 24.0;

/// Patterns of signs for each page. A p-value is then known to half a point at 5 %, as often too
/// large as too small.
const PATTERNS: usize = 1_000;

/// Relative differences that are tried.
const EFFECTS: [f64; 10] = [0.025, 0.035, 0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.5, 1.0];

/// What was found for one comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Found {
    pub(super) power: f64,
    pub(super) finds: Option<f64>,
    pub(super) needs: Option<usize>,
}

/// For each comparison of the pilot; nothing is computed for those that are not planned by.
pub(super) fn search(pilot: &Pilot, target: Target) -> Vec<Found> {
    let planned: Vec<bool> = pilot.comparisons.iter().map(|it| it.is_planned).collect();
    let mut found = vec![Found::default(); planned.len()];
    of_samples(pilot, target, &planned, &mut found);
    of_effect(pilot, target, planned, &mut found);
    found
}

/// What the planned samples find.
fn of_samples(pilot: &Pilot, target: Target, planned: &[bool], found: &mut [Found]) {
    if target.samples < least_samples() {
        return;
    }
    let mut effects = EFFECTS.to_vec();
    effects.push(target.effect);
    let powers = powers(pilot, target.samples, &effects, planned);
    for (found, powers) in found.iter_mut().zip(powers) {
        found.power = powers.last().copied().unwrap_or(0.0);
        let curve = EFFECTS
            .iter()
            .zip(&powers)
            .map(|(effect, power)| (effect.ln(), *power));
        found.finds = crossing(curve).map(f64::exp);
    }
}

/// How many samples the effect needs: from few to many, as long as a comparison needs more.
fn of_effect(pilot: &Pilot, target: Target, mut open: Vec<bool>, found: &mut [Found]) {
    let mut curves: Vec<Vec<(f64, f64)>> = vec![Vec::new(); open.len()];
    for samples in numbers() {
        if !open.contains(&true) {
            break;
        }
        let powers = powers(pilot, samples, &[target.effect], &open);
        for ((open, curve), powers) in open.iter_mut().zip(&mut curves).zip(powers) {
            if *open {
                curve.push(((samples as f64).sqrt(), powers[0]));
                *open = powers[0] < POWER;
            }
        }
    }
    for (found, curve) in found.iter_mut().zip(curves) {
        found.needs = crossing(curve.into_iter()).map(|root| whole(root * root));
    }
}

/// The numbers of samples that are tried, ascending.
fn numbers() -> Vec<usize> {
    let mut numbers = vec![least_samples()];
    let mut next = least_samples() as f64;
    while next < MOST as f64 {
        let step = STEPS[usize::from(next >= FEW)];
        next = (next * step).ceil().min(MOST as f64);
        numbers.push(whole(next));
    }
    numbers
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of samples: small and positive"
)]
fn whole(number: f64) -> usize {
    number.ceil() as usize
}

/// Where a curve of powers first reaches what is wanted, between its points on a straight line of
/// normal quantiles; nothing if it does not.
fn crossing(curve: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let least = 0.5 / PAGES as f64;
    let quantile = |power: f64| normal_quantile(power.clamp(least, 1.0 - least));
    let wanted = quantile(POWER);
    let mut before: Option<(f64, f64)> = None;
    for (x, power) in curve {
        let y = quantile(power);
        if y >= wanted {
            return Some(before.map_or(x, |(last, low)| {
                last + (x - last) * (wanted - low) / (y - low)
            }));
        }
        before = Some((x, y));
    }
    None
}

/// The shares of pages with so many samples that find each effect in each comparison that is wanted.
///
/// After the first pages, a comparison that is as good as never or always found, or far from being
/// found often enough, is not looked at any further.
fn powers(pilot: &Pilot, samples: usize, effects: &[f64], wanted: &[bool]) -> Vec<Vec<f64>> {
    let pages = Pages::new(pilot, samples, PATTERNS, NULL_PAGES);
    let first = counts(&pages, 0..FIRST_PAGES, effects, wanted);
    let share = |count: &u32, pages: u64| f64::from(*count) / pages as f64;
    let is_open = |counts: &Vec<u32>| {
        let mut shares = counts.iter().map(|count| share(count, FIRST_PAGES));
        shares.any(|share| (0.5..0.98).contains(&share))
    };
    let open: Vec<bool> = first
        .iter()
        .zip(wanted)
        .map(|(counts, wanted)| *wanted && is_open(counts))
        .collect();
    let rest = counts(&pages, FIRST_PAGES..PAGES, effects, &open);
    let all = first.into_iter().zip(rest).zip(open);
    all.map(|((first, rest), open)| {
        let pages = if open { PAGES } else { FIRST_PAGES };
        let counts = first.iter().zip(rest);
        counts
            .map(|(one, two)| share(&(one + two), pages))
            .collect()
    })
    .collect()
}

/// How many of these pages find each effect in each comparison, every other page in a thread of its
/// own.
fn counts(pages: &Pages<'_>, of: Range<u64>, effects: &[f64], wanted: &[bool]) -> Vec<Vec<u32>> {
    let of_every_other = |from: usize| {
        let mut found = vec![vec![0; effects.len()]; wanted.len()];
        for number in of.clone().skip(from).step_by(2) {
            pages.count(number, effects, wanted, &mut found);
        }
        found
    };
    let [mut even, odd] = std::thread::scope(|scope| {
        let odd = scope.spawn(|| of_every_other(1));
        [
            of_every_other(0),
            odd.join()
                .expect("a simulation computes and does not panic"),
        ]
    });
    for (even, odd) in even.iter_mut().zip(odd) {
        even.iter_mut()
            .zip(odd)
            .for_each(|(even, odd)| *even += odd);
    }
    even
}
