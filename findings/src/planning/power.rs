//! Pages made of a pilot, and whether the rule finds on them what was put in.

use super::pilot::{Pilot, Row};
use crate::comparison::usual_variance;
use crate::statistics::{
    Differences, Patterns, Policy, Random, Verdict, bounded, pseudomedian, relative_difference,
};

/// Silverman's bandwidth of a normal kernel, in standard deviations times n^(1/5).
const SILVERMAN: f64 = 1.06;

/// Pages of so many blocks, and what is looked for on them.
pub(super) struct Pages<'a> {
    pilot: &'a Pilot,
    /// Blocks of a page.
    blocks: usize,
    patterns: Patterns,
    /// What the largest statistics of pages without any effect are.
    null: Vec<Vec<Largest>>,
}

/// The two largest statistics of a page under a pattern of signs, and whose the largest is: the
/// second is the largest of all others.
#[derive(Clone, Copy, Default)]
struct Largest {
    first: f64,
    of: usize,
    second: f64,
}

/// A page: its blocks, and how much wider than the pilot's its differences are.
struct Page {
    blocks: Vec<Drawn>,
    wider: f64,
}

/// A block that is drawn from the pilot's: one of them, and a bit of all.
struct Drawn {
    pick: usize,
    /// What of each block of the pilot is mixed in.
    mixed: Vec<f64>,
    /// What is left of the picked one.
    kept: f64,
}

impl<'a> Pages<'a> {
    /// Pages of so many blocks, judged by so many patterns of signs.
    ///
    /// What a statistic has to exceed hardly differs from page to page: `nulls` pages stand for all.
    pub(super) fn new(pilot: &'a Pilot, blocks: usize, patterns: usize, nulls: u64) -> Self {
        let mut pages = Self {
            pilot,
            blocks,
            patterns: Patterns::new((0..).take(blocks).collect(), patterns),
            null: Vec::new(),
        };
        pages.null = (0..nulls)
            .map(|number| pages.largest(&pages.page(!number)))
            .collect();
        pages
    }

    /// The page of a number. A page of more blocks begins like that of fewer.
    fn page(&self, number: u64) -> Page {
        let mut random = Random::new(number);
        let freedom = self.pilot.blocks - 1;
        let chi_squared: f64 = (0..freedom).map(|_| random.normal().powi(2)).sum();
        let blocks = (0..self.blocks).map(|_| Drawn::new(&mut random, self.pilot.blocks));
        Page {
            blocks: blocks.collect(),
            wider: (freedom as f64 / chi_squared).sqrt(),
        }
    }

    /// Counts, on the page of a number, for each of the `wanted` comparisons and each effect, whether
    /// the comparison alone had that effect and was called slower.
    pub(super) fn count(
        &self,
        number: u64,
        effects: &[f64],
        wanted: &[bool],
        found: &mut [Vec<u32>],
    ) {
        let page = self.page(number);
        let controls = self.pilot.controls.iter();
        let controls: Vec<f64> = controls.map(|row| moved(&page.drawn(row))).collect();
        let null = &self.null[usize::try_from(number).unwrap_or(0) % self.null.len()];
        let rows = self.rows(&page);
        for (at, (compared, row)) in self.pilot.comparisons.iter().zip(&rows).enumerate() {
            if !wanted[at] {
                continue;
            }
            let of_control = compared.controls.iter().map(|control| controls[*control]);
            let policy = Policy {
                floor: of_control.fold(0.0, f64::max),
                ..Policy::default()
            };
            for (effect, found) in effects.iter().zip(&mut found[at]) {
                let with_effect = row.shifted(effect.ln_1p());
                *found += u32::from(self.is_found(at, &with_effect, null, &policy));
            }
        }
    }

    /// The differences of all comparisons on a page.
    fn rows(&self, page: &Page) -> Vec<Differences> {
        let comparisons = &self.pilot.comparisons;
        let drawn = comparisons.iter().map(|it| page.drawn(&it.differences));
        let drawn: Vec<Vec<(u32, f64)>> = drawn.collect();
        let usual = |table: usize| {
            let of_table = comparisons.iter().zip(&drawn);
            let of_table = of_table.filter(|(compared, _)| compared.table == table);
            usual_variance(of_table.map(|(_, row)| values(row)))
        };
        let tables = comparisons.iter().map(|it| it.table + 1).max().unwrap_or(0);
        let usual: Vec<Option<f64>> = (0..tables).map(usual).collect();
        let rows = comparisons.iter().zip(drawn);
        rows.map(|(compared, values)| Differences {
            values,
            usual_variance: usual[compared.table],
        })
        .collect()
    }

    /// The largest statistics of a page without any effect.
    fn largest(&self, page: &Page) -> Vec<Largest> {
        let mut largest = vec![Largest::default(); self.patterns.len()];
        for (at, row) in self.rows(page).iter().enumerate() {
            let estimate = pseudomedian(&values(&row.values)).map_or(0.0, |it| it.estimate);
            for (largest, own) in largest.iter_mut().zip(self.table(row, estimate)) {
                if own > largest.first {
                    (largest.second, largest.first, largest.of) = (largest.first, own, at);
                } else if own > largest.second {
                    largest.second = own;
                }
            }
        }
        largest
    }

    /// The statistics of differences with the threshold taken off, one for each pattern.
    fn table(&self, row: &Differences, estimate: f64) -> Vec<f64> {
        let allowed = Policy::default().allowance(estimate.exp());
        let mut left = row.shifted(-allowed);
        left.values = bounded(&left.values);
        self.patterns.statistics(&left)
    }

    /// Whether the rule calls a comparison slower that has these differences on a page where no other
    /// differs.
    fn is_found(&self, at: usize, row: &Differences, null: &[Largest], policy: &Policy) -> bool {
        let Ok(centre) = pseudomedian(&values(&row.values)) else {
            return false;
        };
        let ratio = centre.exponential();
        // The interval decides alone in most pages, and takes less than the test.
        if policy.decide(&ratio, 0.0) != Verdict::Slower {
            return false;
        }
        let mut table = self.table(row, centre.estimate);
        let measured = table[0];
        for (own, largest) in table.iter_mut().zip(null) {
            *own = own.max(if largest.of == at {
                largest.second
            } else {
                largest.first
            });
        }
        policy.decide(&ratio, self.patterns.share(&table, measured)) == Verdict::Slower
    }
}

impl Drawn {
    /// One of so many blocks.
    fn new(random: &mut Random, blocks: usize) -> Self {
        let pick = random.below(blocks);
        let bandwidth = SILVERMAN * (blocks as f64).powf(-0.2);
        let kept = bandwidth.mul_add(bandwidth, 1.0).sqrt().recip();
        let share = bandwidth * kept / (blocks as f64).sqrt();
        let mixed = (0..blocks).map(|_| share * random.normal());
        Self {
            pick,
            mixed: mixed.collect(),
            kept,
        }
    }

    /// A comparison's difference in it; nothing if the picked block has none.
    fn of(&self, row: &Row) -> Option<f64> {
        let picked = row[self.pick]?;
        let mixed = row.iter().zip(&self.mixed);
        let mixed: f64 = mixed.filter_map(|(own, share)| Some((*own)? * share)).sum();
        Some(self.kept.mul_add(picked, mixed))
    }
}

impl Page {
    /// A comparison's differences on it.
    fn drawn(&self, row: &Row) -> Vec<(u32, f64)> {
        let drawn = (0..).zip(&self.blocks);
        let drawn = drawn.filter_map(|(at, block)| Some((at, block.of(row)? * self.wider)));
        drawn.collect()
    }
}

/// By how much a system differs from itself.
fn moved(row: &[(u32, f64)]) -> f64 {
    let centre = pseudomedian(&values(row));
    centre.map_or(0.0, |it| relative_difference(it.estimate.exp()))
}

fn values(row: &[(u32, f64)]) -> Vec<f64> {
    row.iter().map(|(_, value)| *value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_blocks_spread_and_go_together_as_the_pilots_do_and_repeat_nothing() {
        let rows = [
            [-1.2, -0.7, -0.1, 0.3, 0.4, 1.9, -0.6],
            [-0.9, 0.4, -0.8, 0.6, -0.2, 1.1, -0.2],
        ];
        let product = |one: &[f64; 7], other: &[f64; 7]| {
            let products = one.iter().zip(other).map(|(one, other)| one * other);
            products.sum::<f64>() / 7.0
        };
        let mut random = Random::new(7);
        let drawn: Vec<[f64; 2]> = (0..40_000)
            .map(|_| {
                let block = Drawn::new(&mut random, 7);
                rows.map(|row| block.of(&row.map(Some).to_vec()).unwrap())
            })
            .collect();
        for (one, other) in [(0, 0), (1, 1), (0, 1)] {
            let products = drawn.iter().map(|row| row[one] * row[other]);
            let found = products.sum::<f64>() / drawn.len() as f64;
            let wanted = product(&rows[one], &rows[other]);
            assert!(
                (found / wanted - 1.0).abs() < 0.05,
                "{found} for {wanted}, of rows {one} and {other}"
            );
        }
        let mut values: Vec<f64> = drawn.iter().map(|row| row[0]).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        assert_eq!(values.len(), drawn.len());
    }

    #[test]
    fn a_block_that_lacks_a_comparison_gives_it_nothing() {
        let mut random = Random::new(8);
        let row = vec![None, Some(1.0)];
        let drawn: Vec<(usize, Option<f64>)> = (0..100)
            .map(|_| {
                let block = Drawn::new(&mut random, 2);
                (block.pick, block.of(&row))
            })
            .collect();
        assert!(drawn.iter().all(|(pick, of)| of.is_some() == (*pick == 1)));
    }
}
