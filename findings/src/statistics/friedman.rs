//! Tables whose rows are alike and whose columns may not be: the cells of a run as rows, its blocks
//! as columns.
//!
//! What is common to a block is in every cell's value of that block, and hardly to be seen in one
//! cell's few values. Ranked within each row, it adds up over rows.

use serde::Serialize;

use super::distribution::{f_above, two_sided};
use super::error::{DataError, at_least, logarithms};
use super::quantile;
use super::ranks::{mean_ranks, tie_sizes};

/// Against so many others a column is compared at most.
const OTHERS: usize = 64;

/// What Friedman's test found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Friedman {
    /// His statistic, corrected for ties: χ² with columns − 1 degrees of freedom for many rows.
    pub chi_squared: f64,
    /// The p-value of "no column differs from the others", by Iman and Davenport's F, which is right
    /// for few rows too.
    pub p: f64,
}

/// What Page's test found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PageTrend {
    /// His L: the sum over columns of a column's place, from 1, times its rank sum.
    pub l: f64,
    /// L in standard deviations from what it is without a trend: positive where values rise.
    pub z: f64,
    /// The two-sided p-value of "the columns have no trend".
    pub p: f64,
}

/// Friedman's test of a table given by its rows, which are of one length: whether columns differ.
///
/// Rows are taken for independent of each other. F is (r − 1)·χ² / (r·(k − 1) − χ²) for r rows of k
/// columns, with k − 1 and (r − 1)·(k − 1) degrees of freedom; no p-value is below 1 / (k!)^(r−1),
/// the share of tables whose rows all have one order. (Friedman, *JASA* 32, 1937; Iman and Davenport,
/// *Communications in Statistics A* 9, 1980.)
pub fn friedman(rows: &[Vec<f64>]) -> Result<Friedman, DataError> {
    let ranked = Ranked::new(rows)?;
    let (r, k) = (ranked.rows, ranked.columns);
    let squares: f64 = ranked.sums.iter().map(|sum| sum * sum).sum();
    let tied = 1.0 - ranked.ties / (r * k * (k * k - 1.0));
    if tied <= 0.0 {
        return Err(DataError::Constant);
    }
    let plain = 12.0 * squares / (r * k * (k + 1.0)) - 3.0 * r * (k + 1.0);
    let chi_squared = (plain / tied).max(0.0);
    let rest = r * (k - 1.0) - chi_squared;
    // All rows agree to the last rank: beyond any F.
    let p = if rest <= 1e-9 * r * (k - 1.0) {
        0.0
    } else {
        let f = (r - 1.0) * chi_squared / rest;
        f_above(f, k - 1.0, (r - 1.0) * (k - 1.0))
    };
    Ok(Friedman {
        chi_squared,
        p: p.max(ranked.least_p()),
    })
}

/// Page's test of a table given by its rows: whether values rise or fall from column to column.
///
/// By the normal distribution, which is close for a dozen rows or for eight columns, and no less
/// than 2 / (k!)^r. (Page, *JASA* 58, 1963.)
pub fn page(rows: &[Vec<f64>]) -> Result<PageTrend, DataError> {
    let ranked = Ranked::new(rows)?;
    let (rows, columns) = (ranked.rows, ranked.columns);
    let places = (1_u32..).map(f64::from);
    let l: f64 = places.zip(&ranked.sums).map(|(at, sum)| at * sum).sum();
    let squared = columns * columns;
    let variance = rows * squared * (columns + 1.0) * (squared - 1.0) / 144.0;
    let z = (l - rows * columns * (columns + 1.0).powi(2) / 4.0) / variance.sqrt();
    let least = 2.0 * (-rows * log_factorial(columns)).exp();
    let p = two_sided(z).max(least).min(1.0);
    Ok(PageTrend { l, z, p })
}

/// By what factor each column differs from the middle one, as a logarithm: Doksum's estimate of
/// contrasts. Of two columns the median over rows of the logarithms' difference is taken, and of one
/// column the mean of those against all others; with very many columns, against a part of them.
///
/// Rows that are wild, and values that are, do not move it. (Doksum, *Annals of Mathematical
/// Statistics* 38, 1967; Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, 3rd ed.,
/// §7.4.) Differences from a row's own median would be too small: the median is one of the values.
pub fn column_effects(rows: &[Vec<f64>]) -> Result<Vec<f64>, DataError> {
    let columns = columns(rows)?;
    let logs: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| logarithms(row))
        .collect::<Result<_, _>>()?;
    let others = || (0..columns).step_by(columns.div_ceil(OTHERS));
    let against = |one: usize, other: usize| {
        let differences: Vec<f64> = logs.iter().map(|row| row[one] - row[other]).collect();
        quantile::median(&differences)
    };
    let effect = |one: usize| {
        let medians = others().map(|other| against(one, other));
        let medians: Vec<f64> = medians.collect::<Result<_, _>>()?;
        Ok(medians.iter().sum::<f64>() / medians.len() as f64)
    };
    let mut effects: Vec<f64> = (0..columns).map(effect).collect::<Result<_, DataError>>()?;
    let middle = quantile::median(&effects)?;
    effects.iter_mut().for_each(|effect| *effect -= middle);
    Ok(effects)
}

/// A table ranked within its rows.
struct Ranked {
    rows: f64,
    columns: f64,
    /// Of each column, the sum of its ranks.
    sums: Vec<f64>,
    /// Over all rows and groups of t equal values, the sum of t³ − t.
    ties: f64,
}

impl Ranked {
    fn new(rows: &[Vec<f64>]) -> Result<Self, DataError> {
        let columns = columns(rows)?;
        let (mut sums, mut ties) = (vec![0.0; columns], 0.0);
        for row in rows {
            let ranks = mean_ranks(row);
            sums.iter_mut()
                .zip(ranks)
                .for_each(|(sum, rank)| *sum += rank);
            let mut sorted = row.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            ties += tie_sizes(&sorted)
                .map(|size| size.powi(3) - size)
                .sum::<f64>();
        }
        Ok(Self {
            rows: rows.len() as f64,
            columns: columns as f64,
            sums,
            ties,
        })
    }

    fn least_p(&self) -> f64 {
        (-(self.rows - 1.0) * log_factorial(self.columns)).exp()
    }
}

/// The length of every row, if there are two rows of two finite values at least.
fn columns(rows: &[Vec<f64>]) -> Result<usize, DataError> {
    let [first, _, ..] = rows else {
        return Err(DataError::TooFew {
            needed: 2,
            got: rows.len(),
        });
    };
    rows.iter().try_for_each(|row| at_least(2, row))?;
    let other = rows.iter().find(|row| row.len() != first.len());
    match other {
        Some(row) => Err(DataError::Mismatch(first.len(), row.len())),
        None => Ok(first.len()),
    }
}

fn log_factorial(n: f64) -> f64 {
    statrs::function::gamma::ln_gamma(n + 1.0)
}
