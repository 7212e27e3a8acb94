//! What a sample leaves behind for the one that comes after it.
//!
//! In a run that is shuffled within blocks, chance decides which cell's sample comes after a sample of
//! a certain kind. Without such a predecessor, a value is what its cell takes plus what its block does
//! (two-way additive model of logarithms, fitted by least squares to the values without it). By how
//! much values with such a predecessor lie above that is what the predecessor did. Values of one block
//! share its noise, so that the block is the unit: the mean of each, and Student's interval of the mean
//! over blocks. (Jones and Kenward, *Design and Analysis of Cross-Over Trials*, 3rd ed., ch. 5, on
//! first-order carry-over.)

use std::collections::BTreeMap;

use serde::Serialize;

use super::describe::{mean_and_sd, t_interval};
use super::{DataError, Interval};

/// Sweeps of the fit at most. One changes what is left by half in the worst of real runs.
const SWEEPS: usize = 200;

/// What is left to be fitted that nobody would see.
const SETTLED: f64 = 1e-13;

/// A value of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// The cell that it is of.
    pub cell: usize,
    /// The block.
    pub block: u32,
    /// Whether it was taken right after such a sample.
    pub is_after: bool,
    /// The logarithm of what was measured.
    pub value: f64,
}

/// By how much values right after such samples lie above the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CarryOver {
    /// The difference of logarithms.
    pub difference: f64,
    /// Its interval.
    pub interval: Interval,
    /// Blocks that it is a mean over.
    pub blocks: usize,
    /// Values right after such samples.
    pub after: usize,
    /// Values that they are held against.
    pub others: usize,
}

/// The carry-over of one kind of predecessor. It takes `least` blocks that have values after such.
pub fn carry_over(values: &[Taken], least: usize) -> Result<CarryOver, DataError> {
    let (after, others): (Vec<&Taken>, Vec<&Taken>) = values.iter().partition(|it| it.is_after);
    let (cells, blocks) = fit(&others);
    let mut of_blocks: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for taken in after {
        let expected = cells.get(&taken.cell).zip(blocks.get(&taken.block));
        if let Some((cell, block)) = expected {
            let of_block = of_blocks.entry(taken.block).or_default();
            of_block.push(taken.value - cell - block);
        }
    }
    let means: Vec<f64> = of_blocks.values().map(|of| mean_and_sd(of).0).collect();
    super::error::at_least(least.max(2), &means)?;
    let (difference, sd) = mean_and_sd(&means);
    let interval = sd.and_then(|sd| t_interval(difference, sd, means.len()));
    Ok(CarryOver {
        difference,
        interval: interval.ok_or(DataError::Constant)?,
        blocks: means.len(),
        after: of_blocks.values().map(Vec::len).sum(),
        others: others.len(),
    })
}

type Effects<K> = BTreeMap<K, f64>;

/// What each cell takes and what each block does, by least squares: both in turn, each the mean of
/// what the other leaves, until nothing changes.
fn fit(values: &[&Taken]) -> (Effects<usize>, Effects<u32>) {
    let (mut cells, mut blocks) = (Effects::new(), Effects::new());
    for _ in 0..SWEEPS {
        let block = |taken: &Taken| blocks.get(&taken.block).copied().unwrap_or(0.0);
        let next_cells = means(values, |it| it.cell, |it| it.value - block(it));
        let cell = |taken: &Taken| next_cells.get(&taken.cell).copied().unwrap_or(0.0);
        let next_blocks = means(values, |it| it.block, |it| it.value - cell(it));
        let moved = next_blocks
            .iter()
            .map(|(block, effect)| (effect - blocks.get(block).copied().unwrap_or(0.0)).abs());
        let moved = moved.fold(0.0, f64::max);
        (cells, blocks) = (next_cells, next_blocks);
        if moved < SETTLED {
            break;
        }
    }
    (cells, blocks)
}

fn means<K: Ord>(
    values: &[&Taken],
    key: impl Fn(&Taken) -> K,
    value: impl Fn(&Taken) -> f64,
) -> Effects<K> {
    let mut sums: BTreeMap<K, (f64, f64)> = BTreeMap::new();
    for taken in values {
        let sum = sums.entry(key(taken)).or_default();
        *sum = (sum.0 + value(taken), sum.1 + 1.0);
    }
    let mean = |(key, (sum, n))| (key, sum / n);
    sums.into_iter().map(mean).collect()
}
