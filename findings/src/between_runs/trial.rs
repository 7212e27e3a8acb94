//! Two sides of logarithms, and the word for what is between them.

use results::Cell;

use super::Change;
use crate::comparison::Effect;
use crate::statistics::{
    DataError, Interval, Policy, Shift, Verdict, holm, relative_difference, welch,
};

/// A cell with the logarithms of both sides, one for each replicate of the level in question.
pub(super) struct Trial<'a> {
    pub(super) cell: &'a Cell,
    pub(super) before: Vec<f64>,
    pub(super) after: Vec<f64>,
    pub(super) policy: Policy,
    /// Why the two must not be compared, if so.
    pub(super) obstacle: Option<&'static str>,
}

/// A change of logarithms.
struct Moved {
    difference: f64,
    interval: Interval,
    /// Of "the change is not beyond the threshold".
    p: f64,
}

/// Judges trials as one family: Welch's test on logarithms with the allowance taken off the
/// difference, Holm over the family, and the interval wholly beyond the allowance.
pub(super) fn judge(trials: &[Trial<'_>]) -> Vec<Change> {
    let moved: Vec<Result<Moved, String>> = trials.iter().map(moved).collect();
    let p_values = moved
        .iter()
        .map(|it| it.as_ref().map_or(f64::NAN, |it| it.p));
    let adjusted = holm(&p_values.collect::<Vec<_>>());
    let changes = trials.iter().zip(&moved).zip(adjusted);
    changes
        .map(|((trial, moved), adjusted_p)| change(trial, moved, adjusted_p))
        .collect()
}

fn change(trial: &Trial<'_>, moved: &Result<Moved, String>, adjusted_p: f64) -> Change {
    let known = moved.as_ref().ok().map(|it| Shift {
        estimate: it.difference.exp(),
        interval: Some(it.interval.map(f64::exp)),
        exact: false,
    });
    let verdict = match (moved, &known) {
        (Err(why), _) => Verdict::NotComparable { why: why.clone() },
        (Ok(_), Some(ratio)) => trial.policy.decide(ratio, adjusted_p),
        (Ok(_), None) => Verdict::Inconclusive,
    };
    Change {
        cell: trial.cell.clone(),
        verdict,
        before: geometric_mean(&trial.before),
        after: geometric_mean(&trial.after),
        ratio: known.map(Effect::from),
        allowance: trial.policy.threshold,
        adjusted_p: known.map(|_| adjusted_p),
    }
}

fn moved(trial: &Trial<'_>) -> Result<Moved, String> {
    if let Some(why) = trial.obstacle {
        return Err(why.to_owned());
    }
    let Trial { before, after, .. } = trial;
    match welch(after, before) {
        Ok(found) => {
            let allowed = trial.policy.threshold.ln_1p().copysign(found.difference);
            let is_beyond = found.difference.abs() > allowed.abs();
            let nearer: Vec<f64> = after.iter().map(|value| value - allowed).collect();
            Ok(Moved {
                difference: found.difference,
                interval: found.interval,
                p: if is_beyond {
                    welch(&nearer, before).map_or(1.0, |test| test.p)
                } else {
                    1.0
                },
            })
        }
        // Neither side scatters, as memory may not: what is between them is all there is.
        Err(DataError::Constant) => {
            let difference = after[0] - before[0];
            let is_beyond = relative_difference(difference.exp()) > trial.policy.threshold;
            Ok(Moved {
                difference,
                interval: Interval::new(difference, difference),
                p: if is_beyond { 0.0 } else { 1.0 },
            })
        }
        Err(error) => Err(error.to_string()),
    }
}

fn geometric_mean(logarithms: &[f64]) -> Option<f64> {
    let n = logarithms.len() as f64;
    (n > 0.0).then(|| (logarithms.iter().sum::<f64>() / n).exp())
}
