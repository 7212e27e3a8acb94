//! Values with the blocks that they were measured in.

use crate::cells::{CellFacts, Measure};

/// Values with the blocks that they were measured in, and the sessions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    values: Vec<f64>,
    blocks: Vec<u32>,
    sessions: Vec<u32>,
}

impl Sample {
    /// Values, each with its block, of one session.
    pub fn new(values: impl IntoIterator<Item = (u32, f64)>) -> Self {
        let one = |(block, value)| (0, block, value);
        Self::of_sessions(values.into_iter().map(one))
    }

    /// Values, each behind its session and its block.
    pub fn of_sessions(values: impl IntoIterator<Item = (u32, u32, f64)>) -> Self {
        let mut sample = Self::default();
        for (session, block, value) in values {
            sample.sessions.push(session);
            sample.blocks.push(block);
            sample.values.push(value);
        }
        sample
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
            sessions: measured.sessions.clone(),
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

    /// Block, ours and theirs of each block that has both. A run that was interrupted within a block
    /// and went on a day later measured both halves of it, and no pair.
    fn matched(&self, baseline: &Self) -> Vec<(u32, f64, f64)> {
        let mut theirs: Vec<_> = baseline.by_block().collect();
        theirs.sort_by_key(|(at, _)| *at);
        let pair = |(at, value): ((u32, u32), f64)| {
            let found = theirs.binary_search_by_key(&at, |(at, _)| *at).ok()?;
            Some((at.0, value, theirs[found].1))
        };
        self.by_block().filter_map(pair).collect()
    }

    /// Values with their blocks and sessions.
    fn by_block(&self) -> impl Iterator<Item = ((u32, u32), f64)> {
        let places = self
            .blocks
            .iter()
            .copied()
            .zip(self.sessions.iter().copied());
        places.zip(self.values.iter().copied())
    }

    pub(super) fn smaller(&self, other: &Self) -> usize {
        self.values.len().min(other.values.len())
    }
}
