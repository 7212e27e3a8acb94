//! Paired comparisons judged: interleaved blocks with something on and off.

use super::describe::mean_and_sd;
use super::distribution::normal_cdf;
use super::error::{logarithms, positive};
use super::paired::{Paired, paired, signed_rank};
use super::power::signed_rank_pairs;
use super::quantile;
use super::verdict::{Decision, Measured, Policy, Samples, judge};

/// Pairs to compare, of positive costs.
#[derive(Debug, Clone, Copy)]
pub struct PairedComparison<'a> {
    /// (Candidate, baseline) of each block of the run.
    pub pairs: &'a [(f64, f64)],
    /// Why they must not be compared, if so.
    pub obstacle: Option<&'a str>,
}

/// The whole procedure over a family of paired comparisons, in their order.
///
/// As [`super::decide`], with the signed-rank test in the place of the rank test of two samples: of
/// the differences against zero, and of the logarithms' differences against the threshold. Too few
/// are too few *pairs*.
pub fn decide_paired(family: &[PairedComparison<'_>], policy: &Policy) -> Vec<Decision<Paired>> {
    let measured = family
        .iter()
        .map(|comparison| measured(comparison, policy))
        .collect();
    judge(measured, policy, |index, members| {
        let pairs = family[index].pairs;
        Samples {
            taken: pairs.len() as f64,
            planned: needed(pairs, members, policy),
        }
    })
}

fn measured(
    comparison: &PairedComparison<'_>,
    policy: &Policy,
) -> Result<Measured<Paired>, String> {
    if let Some(why) = comparison.obstacle {
        return Err(why.to_owned());
    }
    let (candidate, baseline): (Vec<_>, Vec<_>) = comparison.pairs.iter().copied().unzip();
    for (side, values) in [("candidate", &candidate), ("baseline", &baseline)] {
        positive(values).map_err(|error| format!("the {side}: {error}"))?;
    }
    let contrast = paired(comparison.pairs).map_err(|error| error.to_string())?;
    let Some(ratio) = contrast.ratio else {
        return Err("there is no ratio".to_owned());
    };
    let threshold_p = policy.allowance(ratio.estimate).and_then(|allowed| {
        let left: Vec<_> = log_ratios(comparison.pairs)
            .iter()
            .map(|difference| difference - allowed.ln())
            .collect();
        signed_rank(&left).ok().map(|test| test.p)
    });
    Ok(Measured {
        ratio,
        p: contrast.test.p,
        threshold_p: threshold_p.unwrap_or(1.0),
        contrast,
    })
}

fn log_ratios(pairs: &[(f64, f64)]) -> Vec<f64> {
    let (candidate, baseline): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    let (Ok(candidate), Ok(baseline)) = (logarithms(&candidate), logarithms(&baseline)) else {
        return Vec::new();
    };
    candidate
        .iter()
        .zip(&baseline)
        .map(|(one, two)| one - two)
        .collect()
}

/// How many pairs would show the effect in question, from the spread of these.
fn needed(pairs: &[(f64, f64)], members: usize, policy: &Policy) -> usize {
    // Two of all 2ⁿ patterns of signs are the extreme ones.
    let strictest = policy.alpha / members.max(1) as f64;
    let least = (1..64)
        .find(|n| 2.0 / 2_f64.powi(*n) < strictest)
        .map_or(64, i32::unsigned_abs) as usize;
    let Some(beyond) = policy.visible_effect() else {
        return least;
    };
    let ratios = log_ratios(pairs);
    // About their median, which an effect has moved, by what a wild pair does not blow up.
    let robust = quantile::median_absolute_deviation(&ratios)
        .map_or(0.0, |mad| mad * quantile::NORMAL_CONSISTENCY);
    let sd = if robust > 0.0 {
        robust
    } else {
        mean_and_sd(&ratios).1.unwrap_or(0.0)
    };
    if sd == 0.0 {
        return least;
    }
    signed_rank_pairs(
        normal_cdf(std::f64::consts::SQRT_2 * beyond / sd),
        policy.design(),
    )
    .max(least)
}
