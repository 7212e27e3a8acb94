//! Values with the blocks that they were measured in.

use crate::cells::{CellFacts, Measure};

/// Values with the blocks that they were measured in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    values: Vec<f64>,
    blocks: Vec<u32>,
}

impl Sample {
    /// Values, each with its block.
    pub fn new(values: impl IntoIterator<Item = (u32, f64)>) -> Self {
        let (blocks, values) = values.into_iter().unzip();
        Self { values, blocks }
    }

    /// The values of a measure of which less is better: of a rate, nanoseconds a request.
    pub fn costs(cell: &CellFacts, measure: Measure) -> Self {
        let Some(measured) = cell.measures.get(&measure) else {
            return Self::default();
        };
        let values = measured.values.iter().copied();
        Self {
            values: if measure.is_rate() {
                values.map(|rate| 1e9 / rate).collect()
            } else {
                values.collect()
            },
            blocks: measured.blocks.clone(),
        }
    }

    /// The same in blocks of its own: of another run.
    #[must_use]
    pub fn apart(mut self) -> Self {
        for block in &mut self.blocks {
            *block = block.saturating_add(1 << 31);
        }
        self
    }

    /// The values, in the order in which they were measured.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// (Candidate, baseline) of each block that has both.
    pub(super) fn pairs(&self, baseline: &Self) -> Vec<(f64, f64)> {
        let matched = self.matched(baseline).into_iter();
        matched.map(|(_, ours, theirs)| (ours, theirs)).collect()
    }

    /// The logarithm of candidate ÷ baseline of each block that has both. Values must be above zero.
    pub(crate) fn log_ratios(&self, baseline: &Self) -> Vec<(u32, f64)> {
        let matched = self.matched(baseline).into_iter();
        matched
            .map(|(block, ours, theirs)| (block, ours.ln() - theirs.ln()))
            .collect()
    }

    fn matched(&self, baseline: &Self) -> Vec<(u32, f64, f64)> {
        let mut theirs: Vec<(u32, f64)> = baseline.by_block().collect();
        theirs.sort_by_key(|(block, _)| *block);
        let pair = |(block, value): (u32, f64)| {
            let at = theirs
                .binary_search_by_key(&block, |(block, _)| *block)
                .ok()?;
            Some((block, value, theirs[at].1))
        };
        self.by_block().filter_map(pair).collect()
    }

    fn by_block(&self) -> impl Iterator<Item = (u32, f64)> {
        self.blocks.iter().copied().zip(self.values.iter().copied())
    }

    pub(super) fn smaller(&self, other: &Self) -> usize {
        self.values.len().min(other.values.len())
    }
}
