//! Latencies: the figures of each process, and of all processes of a cell together a distribution to look
//! at. Of a single process no more is kept, whatever number of requests it answered: a hundred million would
//! otherwise be gigabytes.

use results::latency;

/// Values in ascending order, each with how often it occurred.
pub type Counted = Vec<(u64, u64)>;

/// A quantile that figures are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantile {
    /// The median.
    P50,
    /// Nine in ten do not exceed it.
    P90,
    /// Ninety-five in a hundred.
    P95,
    /// Ninety-nine in a hundred.
    P99,
    /// Nine hundred and ninety-nine in a thousand.
    P999,
}

impl Quantile {
    /// All of them, in order.
    const ALL: [Self; 5] = [Self::P50, Self::P90, Self::P95, Self::P99, Self::P999];

    const fn at(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P95 => 0.95,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
        }
    }
}

/// What is known of the latencies of one process.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Latencies {
    recorded: u64,
    mean_ns: Option<f64>,
    quantiles_ns: [Option<f64>; Quantile::ALL.len()],
}

impl Latencies {
    /// Of these.
    pub(super) fn of(counted: &[(u64, u64)]) -> Self {
        let counts = counted.iter().map(|(_, count)| *count);
        let recorded = counts.fold(0, u64::saturating_add);
        let products = counted.iter().map(|(value, n)| *value as f64 * *n as f64);
        let mean = products.sum::<f64>() / recorded as f64;
        Self {
            recorded,
            mean_ns: Some(mean).filter(|mean| mean.is_finite()),
            quantiles_ns: Quantile::ALL.map(|it| quantile(counted, recorded, it.at())),
        }
    }

    /// How many there are.
    pub const fn recorded(&self) -> u64 {
        self.recorded
    }

    /// Their mean in nanoseconds.
    pub const fn mean_ns(&self) -> Option<f64> {
        self.mean_ns
    }

    /// A quantile in nanoseconds: one beyond the median only if ten of them lie beyond it.
    pub const fn quantile_ns(&self, at: Quantile) -> Option<f64> {
        self.quantiles_ns[at as usize]
    }
}

/// A quantile of counted values in ascending order: the smallest value that so many do not exceed.
/// Beyond the median it is stated only if ten values lie above it.
fn quantile(counted: &[(u64, u64)], total: u64, at: f64) -> Option<f64> {
    if total == 0 || !latency::supports(total, at) {
        return None;
    }
    let rank = (at * total as f64).ceil().max(1.0);
    let mut seen = 0_u64;
    let reached = counted.iter().find(|(_, count)| {
        seen = seen.saturating_add(*count);
        seen as f64 >= rank - 1e-6
    });
    reached.or(counted.last()).map(|(value, _)| *value as f64)
}

/// The latencies of all processes of a cell that count. Requests of one process are not independent of each
/// other, so that no quantile and no interval is taken from it.
#[derive(Debug, Default)]
pub(super) struct Pool {
    counted: Counted,
    /// What was added since, process by process.
    added: Counted,
}

impl Pool {
    /// How much is added before it is put in order: less is not worth the walk over all of it.
    const WORTH: usize = 1 << 14;

    /// Adds those of a process.
    pub(super) fn add(&mut self, counted: &[(u64, u64)]) {
        self.added.extend_from_slice(counted);
        if self.added.len() > self.counted.len().max(Self::WORTH) {
            self.put_in_order();
        }
    }

    /// In how many numbers it is kept.
    pub(super) fn kept(&self) -> usize {
        self.counted.len() + self.added.len()
    }

    /// All of them.
    pub(super) fn into_counted(mut self) -> Counted {
        self.put_in_order();
        self.counted
    }

    fn put_in_order(&mut self) {
        self.counted.append(&mut self.added);
        self.counted.sort_unstable();
        self.counted.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_what_all_of_it_together_is() {
        let (mut pool, mut all) = (Pool::default(), std::collections::BTreeMap::new());
        for process in 0..200_u64 {
            let counted: Counted = (0..300)
                .map(|n| (n * (process % 7 + 1), process + n))
                .collect();
            pool.add(&counted);
            for (value, count) in counted {
                *all.entry(value).or_insert(0) += count;
            }
            assert!(pool.kept() < 2 * Pool::WORTH + 600, "{}", pool.kept());
        }
        assert_eq!(pool.into_counted(), all.into_iter().collect::<Counted>());
        assert_eq!(Pool::default().into_counted(), []);
    }

    #[test]
    fn of_nothing_nothing_is_known() {
        assert_eq!(Latencies::of(&[]), Latencies::default());
        let few = Latencies::of(&[(10, 1), (20, 1)]);
        assert_eq!((few.recorded(), few.mean_ns()), (2, Some(15.0)));
        assert_eq!(few.quantile_ns(Quantile::P50), Some(10.0));
        assert_eq!(few.quantile_ns(Quantile::P90), None);
    }
}
