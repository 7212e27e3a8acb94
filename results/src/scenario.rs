//! What is measured of a system, and what its starts find: the one place that says what each kind of
//! cold is. Who prepares a sample, plans a cell or labels one asks here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{Param, Params};
use crate::values::{Acquire, Named as _, PageCache};

/// What is measured of a system.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// A start with everything prepared and on disk, and nothing of it in memory: of the system its
    /// programs and libraries, of the workload its artifact, compiled code or image.
    DiskCold,
    /// A start with nothing compiled and caches empty. What it reads is in memory.
    CodeCold,
    /// A start whose image is pulled from a registry on the loopback, and unpacked. The system's own
    /// programs and the registry's files are in memory.
    ImageCold,
    /// A start with everything prepared and in memory: only the process is new.
    WarmDisk,
    /// Latency on a running instance, one request at a time, after requests that are not recorded.
    Warm,
    /// Requests at a running instance from several connections at once, after requests that are not
    /// recorded.
    Throughput,
    /// Requests at a running instance that arrive at a given part of the rate that it was found to
    /// answer at most, whatever it does meanwhile: how long they take, from when they were due.
    Paced,
    /// Several instances that are started one right after another and work at the same time: how
    /// much they do together.
    Scaling,
    /// Several instances that are started one after another, each once the one before has answered:
    /// what they take.
    Density,
}

impl Scenario {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 9] = [
        Self::DiskCold,
        Self::CodeCold,
        Self::ImageCold,
        Self::WarmDisk,
        Self::Warm,
        Self::Throughput,
        Self::Paced,
        Self::Scaling,
        Self::Density,
    ];

    /// The starts among them, in the order of tables. The first is the headline.
    pub const STARTS: [Self; 4] = [
        Self::DiskCold,
        Self::CodeCold,
        Self::ImageCold,
        Self::WarmDisk,
    ];

    /// Whether a sample is a start, and not requests at something that runs.
    pub const fn starts(self) -> bool {
        matches!(
            self,
            Self::DiskCold | Self::CodeCold | Self::ImageCold | Self::WarmDisk
        )
    }

    /// Whether a sample is of several instances at once.
    pub const fn multiplies(self) -> bool {
        matches!(self, Self::Scaling | Self::Density)
    }

    /// What its samples find in the page cache. A cell that finds something else says so in
    /// [`Param::PageCache`]; one that does not lacks the parameter.
    pub const fn page_cache(self) -> PageCache {
        match self {
            Self::DiskCold => PageCache::EvictedAll,
            Self::CodeCold
            | Self::ImageCold
            | Self::WarmDisk
            | Self::Warm
            | Self::Throughput
            | Self::Paced
            | Self::Scaling
            | Self::Density => PageCache::Hot,
        }
    }

    /// Whether its samples may find this in the page cache instead. With nothing in memory a
    /// prepared start is `disk-cold` and no other; one whose image is pulled has just written it.
    pub const fn allows(self, state: PageCache) -> bool {
        match self {
            Self::CodeCold => true,
            Self::DiskCold => matches!(state, PageCache::EvictedAll),
            Self::WarmDisk => matches!(state, PageCache::Hot | PageCache::Evicted),
            _ => matches!(state, PageCache::Hot),
        }
    }

    /// Whether a code acquisition mode is one of this scenario: nothing is compiled before a
    /// `code-cold` start, and nothing during one that has everything prepared.
    pub const fn takes(self, mode: Acquire) -> bool {
        match self {
            Self::CodeCold => mode.from_source(),
            Self::DiskCold | Self::WarmDisk => !mode.compiles(),
            // What is in an image, or what served requests are answered with, is anybody's choice.
            Self::ImageCold
            | Self::Warm
            | Self::Throughput
            | Self::Paced
            | Self::Scaling
            | Self::Density => true,
        }
    }

    /// The name in records, tables and profiles.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DiskCold => "disk-cold",
            Self::CodeCold => "code-cold",
            Self::ImageCold => "image-cold",
            Self::WarmDisk => "warm-disk",
            Self::Warm => "warm",
            Self::Throughput => "throughput",
            Self::Paced => "paced",
            Self::Scaling => "scaling",
            Self::Density => "density",
        }
    }

    /// The scenario of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Names of scenarios in older records, profiles and command lines, and the ones that took their place.
pub const RENAMED: [(&str, Scenario); 2] = [
    (COLD, Scenario::CodeCold),
    (RUNTIME_COLD, Scenario::WarmDisk),
];

const COLD: &str = "cold";
const RUNTIME_COLD: &str = "runtime-cold";

/// The scenario that took the place of one with an old name.
pub fn renamed(name: &str) -> Option<Scenario> {
    let old = RENAMED.iter().find(|(old, _)| *old == name);
    old.map(|(_, new)| *new)
}

/// Scenario and parameters of a cell, from the names that a record has.
///
/// `cold` was nothing compiled and the artifact out of the page cache: it is `code-cold` with that
/// said by its parameter, and `image-cold` where the image was pulled. `runtime-cold` was everything
/// prepared: in memory it is `warm-disk`, with nothing in memory `disk-cold`.
pub(crate) fn read(name: &str, mut params: Params) -> Option<(Scenario, Params)> {
    if name == COLD && params.get(Param::PageCache).is_none() {
        params.insert(Param::PageCache, PageCache::Evicted.name());
    }
    let scenario = match renamed(name) {
        Some(Scenario::CodeCold) if params.is(Param::Image, "pulled") => Scenario::ImageCold,
        Some(Scenario::WarmDisk) if params.is(Param::PageCache, PageCache::EvictedAll.name()) => {
            Scenario::DiskCold
        }
        Some(scenario) => scenario,
        None => Scenario::from_name(name)?,
    };
    if params.is(Param::PageCache, scenario.page_cache().name()) {
        params.remove(Param::PageCache);
    }
    Some((scenario, params))
}

/// The names, for messages.
pub(crate) const NAMES: &[&str] = &[
    "disk-cold",
    "code-cold",
    "image-cold",
    "warm-disk",
    "warm",
    "throughput",
    "paced",
    "scaling",
    "density",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        assert_eq!(Scenario::ALL.map(Scenario::name), NAMES);
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::from_name(scenario.name()), Some(scenario));
            assert_eq!(renamed(scenario.name()), None);
            assert!(scenario.allows(scenario.page_cache()));
        }
        let starts = Scenario::ALL.into_iter().filter(|it| it.starts());
        assert!(starts.eq(Scenario::STARTS));
    }

    #[test]
    fn prepared_and_unprepared_starts_share_no_mode_but_those_that_keep_no_code() {
        for mode in Acquire::ALL.iter().copied() {
            let (source, prepared) = (
                Scenario::CodeCold.takes(mode),
                Scenario::DiskCold.takes(mode),
            );
            let keeps_none = matches!(mode, Acquire::Interpret | Acquire::Source);
            assert_eq!(source && prepared, keeps_none, "{mode:?}");
            assert!(source || prepared, "{mode:?}");
        }
    }

    #[test]
    fn old_names_keep_what_they_meant() {
        for (old, pairs, scenario, kept) in [
            (
                "cold",
                &[("page_cache", "evicted")][..],
                "code-cold",
                "evicted",
            ),
            ("cold", &[], "code-cold", "evicted"),
            (
                "cold",
                &[("page_cache", "evicted-all")],
                "code-cold",
                "evicted-all",
            ),
            ("cold", &[("page_cache", "hot")], "code-cold", ""),
            (
                "cold",
                &[("page_cache", "evicted"), ("image", "pulled")],
                "image-cold",
                "evicted",
            ),
            ("runtime-cold", &[("page_cache", "hot")], "warm-disk", ""),
            ("runtime-cold", &[], "warm-disk", ""),
            (
                "runtime-cold",
                &[("page_cache", "evicted")],
                "warm-disk",
                "evicted",
            ),
            (
                "runtime-cold",
                &[("page_cache", "evicted-all")],
                "disk-cold",
                "",
            ),
            // As they are written today.
            ("disk-cold", &[], "disk-cold", ""),
            (
                "code-cold",
                &[("page_cache", "evicted")],
                "code-cold",
                "evicted",
            ),
            ("throughput", &[], "throughput", ""),
        ] {
            let (read, params) = read(old, pairs.iter().copied().collect()).unwrap();
            let found = params.get(Param::PageCache).unwrap_or_default();
            assert_eq!((read.name(), found), (scenario, kept), "{old} {pairs:?}");
        }
        assert_eq!(read("tepid", Params::new()), None);
    }
}
