//! The same cell under two conditions, sample by sample: differences within a block, where whatever
//! drifts during a run has hardly moved, and the A/A twin's beside them.

use std::collections::{BTreeMap, BTreeSet};

use results::record::Outcome;
use results::{Cell, Sample, latency};

use crate::summary::TWIN;
use findings::median::median;
use findings::units::nanoseconds;

/// What is compared of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Figure {
    /// From the launch to the first answer.
    Total,
    /// A quantile of its requests' latencies.
    Latency(f64),
}

impl Figure {
    /// Its name in tables.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Total => "total".to_owned(),
            Self::Latency(at) => format!("p{:.0}", at * 100.0),
        }
    }

    /// In nanoseconds; nothing if the sample has none, or too few requests for it.
    pub(crate) fn of(self, sample: &Sample) -> Option<u64> {
        match self {
            Self::Total => sample.total_ns,
            Self::Latency(at) => {
                let histogram =
                    latency::decode(sample.requests.as_ref()?.latency_hdr.as_ref()?).ok()?;
                latency::quantile(&histogram, at)
            }
        }
    }
}

/// The median of differences, with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Difference {
    /// In nanoseconds.
    pub(crate) value: f64,
    /// The interval's ends; nothing with fewer than six pairs.
    pub(crate) interval: Option<(i64, i64)>,
    /// How many pairs.
    pub(crate) n: usize,
}

impl Difference {
    /// Whether it is one: its interval leaves out zero, and has no point in common with that of the
    /// A/A pair, if there is one.
    pub(crate) fn is_one_beside(&self, control: Option<&Self>) -> bool {
        let Some((low, high)) = self.interval else {
            return false;
        };
        let apart = |(least, most): (i64, i64)| low > most || high < least;
        (low > 0 || high < 0)
            && control
                .and_then(|control| control.interval)
                .is_none_or(apart)
    }

    /// With its interval, and its sign.
    pub(crate) fn shown(&self) -> [String; 2] {
        let signed = |ns: f64| {
            if ns > 0.0 {
                format!("+{}", nanoseconds(ns))
            } else {
                nanoseconds(ns)
            }
        };
        let ends = self.interval.map_or_else(
            || "n < 6".to_owned(),
            |(low, high)| format!("[{}, {}]", signed(low as f64), signed(high as f64)),
        );
        [signed(self.value), ends]
    }
}

/// The median of differences in any order; nothing of nothing.
///
/// An order statistic moves with its samples: shifted until all are positive, they have the same
/// one, shifted.
pub(crate) fn difference(values: &[i64]) -> Option<Difference> {
    let least = *values.iter().min()?;
    let shifted: Vec<u64> = values.iter().map(|value| value.abs_diff(least)).collect();
    let estimate = median(&shifted)?;
    let back = |end: u64| least.saturating_add_unsigned(end);
    let interval = estimate.interval.map(|(low, high)| (back(low), back(high)));
    Some(Difference {
        value: estimate.value + least as f64,
        interval,
        n: estimate.n,
    })
}

/// Samples that count, by cell and block.
pub(crate) struct Blocks<'a>(BTreeMap<&'a Cell, BTreeMap<u32, &'a Sample>>);

impl<'a> Blocks<'a> {
    pub(crate) fn of(samples: &'a [Sample]) -> Self {
        let mut blocks: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for sample in samples
            .iter()
            .filter(|sample| sample.outcome == Outcome::Ok)
        {
            blocks
                .entry(&sample.cell)
                .or_default()
                .insert(sample.block, sample);
        }
        Self(blocks)
    }

    /// The cells that have samples, those of twins left out.
    pub(crate) fn cells(&self) -> BTreeSet<&'a Cell> {
        self.0
            .keys()
            .copied()
            .filter(|cell| !cell.system.ends_with(TWIN))
            .collect()
    }

    /// The median of a figure of one cell.
    pub(crate) fn median(&self, cell: &Cell, figure: Figure) -> Option<f64> {
        let values: Vec<_> = self
            .0
            .get(cell)?
            .values()
            .filter_map(|sample| figure.of(sample))
            .collect();
        median(&values).map(|estimate| estimate.value)
    }

    /// By how much `cell` is more than `base`, from blocks that have both.
    pub(crate) fn more(&self, cell: &Cell, base: &Cell, figure: Figure) -> Option<Difference> {
        let (cell, base) = (self.0.get(cell)?, self.0.get(base)?);
        let pair = |(block, sample): (&u32, &&Sample)| {
            let one = i64::try_from(figure.of(sample)?).ok()?;
            Some(one - i64::try_from(figure.of(base.get(block)?)?).ok()?)
        };
        difference(&cell.iter().filter_map(pair).collect::<Vec<_>>())
    }

    /// The A/A pair of a cell: its second name less its first.
    pub(crate) fn control(&self, cell: &Cell, figure: Figure) -> Option<Difference> {
        let twin = Cell {
            system: cell.system.twin(),
            ..cell.clone()
        };
        self.more(&twin, cell, figure)
    }
}

/// The same cell with other parameters.
pub(crate) fn with(cell: &Cell, set: &[(&str, Option<&str>)]) -> Cell {
    let mut other = cell.clone();
    for (key, value) in set {
        match value {
            Some(value) => drop(other.params.insert((*key).to_owned(), (*value).to_owned())),
            None => drop(other.params.remove(*key)),
        }
    }
    other
}

/// Parameters that are the same in all cells of such a table, or its columns'.
const UNSAID: [&str; 7] = [
    "firewall",
    "path",
    "delay_ms",
    "rate_mbit",
    "observer",
    "pace",
    "requests",
];

/// A cell as the rows of these tables name it: with whatever tells it from another that is compared
/// as well.
pub(crate) fn name(cell: &Cell) -> String {
    let mut words = vec![
        cell.system.to_string(),
        cell.workload.to_string(),
        cell.scenario.name().to_owned(),
    ];
    words.splice(1..1, cell.params.get("acquire").map(str::to_owned));
    let own = cell
        .params
        .iter()
        .filter(|(key, _)| !UNSAID.contains(&key.name()) && *key != "acquire");
    let usual = [("page_cache", "hot"), ("connections", "1")];
    let told = own.filter(|(key, value)| !usual.contains(&(key.name(), value.as_str())));
    words.extend(told.map(|(key, value)| format!("{key}={value}")));
    words.join(" ")
}

/// Samples for tests of what is made of pairs.
#[cfg(test)]
pub(crate) mod fake {
    use std::collections::BTreeMap;

    use results::noise::Noise;
    use results::record::{Resources, Scenario};

    use super::*;

    /// A start of the service under a system, with these parameters.
    pub(crate) fn service(system: &str, params: &[(&str, &str)]) -> Cell {
        let params = params
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Cell {
            system: system.into(),
            workload: "http-hello".into(),
            scenario: Scenario::RuntimeCold,
            params,
        }
    }

    /// A start that took so long.
    pub(crate) fn sample(cell: Cell, block: u32, total_ns: u64) -> Sample {
        Sample {
            schema: results::SCHEMA_VERSION,
            run: "run".to_owned(),
            order: 0,
            block,
            cell,
            outcome: Outcome::Ok,
            reason: None,
            started_at: String::new(),
            total_ns: Some(total_ns),
            residual_ns: None,
            phases: Vec::new(),
            resources: Resources::default(),
            noise: Noise::default(),
            requests: None,
            artifact_sha256: None,
            attested: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_keep_their_sign() {
        let found = difference(&[-5, 3, 1, -1, 2, 4, 0]).unwrap();
        assert_eq!(
            found,
            Difference {
                value: 1.0,
                interval: Some((-5, 4)),
                n: 7
            }
        );
        assert!(!found.is_one_beside(None), "it has zero in its interval");
        for values in [[2, 3, 4, 5, 6, 7], [-2, -3, -4, -5, -6, -7]] {
            let certain = difference(&values).unwrap();
            assert!(certain.is_one_beside(None));
            assert!(
                !certain.is_one_beside(Some(&found)),
                "the control differs by as much"
            );
        }
        assert!(
            difference(&[5, 6, 7, 8, 9, 10])
                .unwrap()
                .is_one_beside(Some(&found))
        );
        assert_eq!(
            difference(&[7, 9]).unwrap(),
            Difference {
                value: 8.0,
                interval: None,
                n: 2
            }
        );
        assert_eq!(difference(&[]), None);
    }

    #[test]
    fn a_cell_is_named_with_what_tells_it_from_others() {
        let params = [
            ("acquire", "aot"),
            ("firewall", "off"),
            ("host", "running"),
            ("page_cache", "hot"),
            ("observer", "none"),
        ];
        assert_eq!(
            name(&fake::service("some", &params)),
            "some aot http-hello runtime-cold host=running"
        );
    }

    #[test]
    fn a_difference_is_shown_with_its_sign() {
        let found = Difference {
            value: -1_500.0,
            interval: Some((-2_000, 500)),
            n: 20,
        };
        assert_eq!(found.shown(), ["-1.50 µs", "[-2.00 µs, +500 ns]"]);
    }
}
