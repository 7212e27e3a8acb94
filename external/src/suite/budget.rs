//! A budget of time, and the plan that fits into it.
//!
//! A profile crosses what it names, and most of what comes out is of little interest to most: so
//! cells have a rank, and a plan that takes longer than its budget loses those of the highest ranks,
//! whole ranks at a time, before it loses samples below the number from which a difference can be
//! shown. What is left out is said.

use std::fmt;
use std::str::FromStr;

use results::values::Named as _;
use results::{Param, Scenario};
use workloads::Workload;

use super::as_text::as_text;
use super::plan::{self, Planned};
use super::profile::Profile;
use crate::system::{Acquire, listens};

/// How long measuring may take, in seconds: `90s`, `30m`, `4h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget(u64);

impl Budget {
    /// In milliseconds.
    pub const fn ms(self) -> f64 {
        self.0 as f64 * 1000.0
    }
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no time: such as 90s, 30m, 4h, up to 7 days");
        let (number, unit) = text
            .split_at_checked(text.len().saturating_sub(1))
            .ok_or_else(wrong)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let budget = number
            .checked_mul(seconds)
            .filter(|it| (1..=7 * 86_400).contains(it));
        budget.map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds if seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            seconds if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

as_text!(Budget);

/// How dispensable a cell is, the most dispensable last. Cells that are compared with each other
/// have one rank, or the one that needs the other the higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The usual ways of one command and one service.
    Core,
    /// Other workloads.
    Workload,
    /// Further states of the page cache, and connections beyond the first number of them.
    Setting,
    /// Code acquisition modes that few use.
    Mode,
    /// Requests that arrive at a part of the capacity.
    Paced,
    /// Several instances at once.
    Instances,
    /// Numbers of them between the least and the largest.
    Between,
    /// Ways of a system beyond its usual one.
    Variant,
}

impl Rank {
    /// All of them, the most dispensable first.
    const LEAST_WANTED: [Self; 8] = [
        Self::Variant,
        Self::Between,
        Self::Instances,
        Self::Paced,
        Self::Mode,
        Self::Setting,
        Self::Workload,
        Self::Core,
    ];

    /// What the cells of a rank are called where they are left out.
    const fn name(self) -> &'static str {
        match self {
            Self::Core => "the usual ways",
            Self::Workload => "workloads beside `hello` and `http-hello`",
            Self::Setting => "further states of the page cache and numbers of connections",
            Self::Paced => "requests at parts of the capacity",
            Self::Mode => "`cache_miss`, `interpret` and `jit`",
            Self::Instances => "several instances at once",
            Self::Between => "numbers of instances between the least and the largest",
            Self::Variant => "variants of systems beyond their usual one",
        }
    }

    fn of(planned: &Planned, values: &Profile) -> Self {
        let scenario = planned.cell.scenario;
        let ends = [values.instances.iter().min(), values.instances.iter().max()];
        let is_end = ends.contains(&Some(&planned.instances));
        if !is_usual_variant(planned) {
            Self::Variant
        } else if scenario.multiplies() && !is_end {
            Self::Between
        } else if scenario.multiplies() && only_multiplied(values) {
            Self::Core
        } else if scenario.multiplies() {
            Self::Instances
        } else if scenario == Scenario::Paced {
            Self::Paced
        } else if matches!(
            planned.acquire,
            Some(Acquire::CacheMiss | Acquire::Interpret | Acquire::Jit)
        ) {
            Self::Mode
        } else if is_further_setting(planned, values) {
            Self::Setting
        } else if matches!(
            planned.workload,
            Workload::Hello | Workload::HttpHello | Workload::Own(_)
        ) {
            Self::Core
        } else {
            Self::Workload
        }
    }
}

/// Whether a profile is of several instances, and of nothing else.
fn only_multiplied(values: &Profile) -> bool {
    let mut scenarios = Scenario::ALL.into_iter().filter(|it| !it.multiplies());
    !scenarios.any(|it| values.scenarios.iter().any(|name| name == it.name()))
}

fn is_usual_variant(planned: &Planned) -> bool {
    if planned.instancing != planned.system.usual_instancing(planned.workload) {
        return false;
    }
    planned.system.managed().is_none_or(|managed| {
        let scenario = planned.cell.scenario;
        let variants = managed.variants(listens(planned.workload), scenario);
        let mut usual = variants
            .iter()
            .take(managed.usual_variants(listens(planned.workload), scenario));
        variants.is_empty() || usual.any(|usual| *usual == planned.variant)
    })
}

fn is_further_setting(planned: &Planned, values: &Profile) -> bool {
    let first = values.connections.first().copied().unwrap_or(1);
    let connections = planned.cell.scenario == Scenario::Throughput && planned.connections != first;
    let state = planned.cell.params.get(Param::PageCache);
    let page_cache = values.page_cache.first().is_some_and(|usual| {
        state.is_some_and(|state| state != usual.name())
            && values.page_cache.iter().any(|it| Some(it.name()) == state)
    });
    connections || page_cache
}

/// A plan that fits, and what it lost for that.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Its cells.
    pub cells: Vec<Planned>,
    /// Kinds of cells that were left out, each with how many.
    pub left_out: Vec<(&'static str, usize)>,
}

/// About how long so many blocks of these cells take, in milliseconds.
pub fn estimate_ms(cells: &[Planned], samples: u32, values: &Profile) -> f64 {
    let order = plan::order(cells, values);
    let of_cell = |planned: &Planned| {
        planned.estimate_ms(values) * f64::from(order.samples(samples, &planned.cell))
    };
    cells.iter().map(of_cell).sum()
}

/// How many samples these are in so many blocks.
pub fn samples(cells: &[Planned], blocks: u32, values: &Profile) -> u64 {
    let order = plan::order(cells, values);
    let of_cell = |planned: &Planned| u64::from(order.samples(blocks, &planned.cell));
    cells.iter().map(of_cell).sum()
}

/// The most samples of a cell that a budget is filled with: more narrow an interval by little.
const MOST_SAMPLES: u32 = 60;

/// How many samples of each cell a budget has room for, the same of all: as many as it takes to show a
/// difference, and of fewer cells if they are too many for that.
pub fn samples_within(budget: Budget, cells: &[Planned], values: &Profile) -> u32 {
    let least = least_samples();
    let steps = steps(cells, values);
    let rooms = steps
        .iter()
        .map(|step| whole(budget.ms() / estimate_ms(&step.cells, 1, values)));
    let fits = rooms.into_iter().find(|room| *room >= least);
    fits.unwrap_or(least).min(MOST_SAMPLES)
}

/// The cells that so many samples of fit into a budget; nothing if not even the core does.
pub fn fit(budget: Budget, samples: u32, cells: &[Planned], values: &Profile) -> Option<Fitted> {
    let fits = |step: &Fitted| estimate_ms(&step.cells, samples, values) <= budget.ms();
    steps(cells, values).into_iter().find(fits)
}

/// The plan with all its cells, and then with one rank less after another.
fn steps(cells: &[Planned], values: &Profile) -> Vec<Fitted> {
    let mut step = Fitted {
        cells: cells.to_vec(),
        left_out: Vec::new(),
    };
    let mut steps = vec![step.clone()];
    for rank in Rank::LEAST_WANTED
        .into_iter()
        .take(Rank::LEAST_WANTED.len() - 1)
    {
        let before = step.cells.len();
        step.cells
            .retain(|planned| Rank::of(planned, values) != rank);
        let lost = before - step.cells.len();
        if lost > 0 && !step.cells.is_empty() {
            step.left_out.push((rank.name(), lost));
            steps.push(step.clone());
        }
    }
    steps
}

/// As many as can show a difference.
fn least_samples() -> u32 {
    // One more than the least: one sample of a cell may fail.
    u32::try_from(findings::planning::least_samples()).unwrap_or(6) + 1
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of samples: conversion saturates"
)]
const fn whole(number: f64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::SuiteArguments;
    use crate::suite::plan::Observer;
    use crate::suite::profile::PROFILES;
    use crate::suite::settings::{self, Settings};
    use crate::suite::variables::Variables;

    fn resolved(arguments: &SuiteArguments) -> Settings {
        settings::resolve(arguments, &Variables::none(), None, settings::DEFAULT)
            .unwrap()
            .0
    }

    fn budget(text: &str) -> Budget {
        text.parse().unwrap()
    }

    #[test]
    fn times_lead_back_and_what_is_none_is_named() {
        for text in ["90s", "30m", "4h", "7m"] {
            assert_eq!(budget(text).to_string(), text);
        }
        assert_eq!(budget("120s"), budget("2m"));
        for text in [
            "", "m", "0m", "-1m", "1.5h", "30", "30 m", "9d", "999999h", "\u{e9}", "1\u{b5}",
        ] {
            let refused = text.parse::<Budget>().unwrap_err();
            assert!(
                refused.contains("such as 90s, 30m, 4h"),
                "{text}: {refused}"
            );
        }
    }

    #[test]
    fn every_profile_states_a_budget_and_fits_into_it_as_it_is() {
        for (name, _) in PROFILES {
            let settings = resolved(&SuiteArguments {
                profile: Some(name.to_owned()),
                ..SuiteArguments::default()
            });
            let values = &settings.values;
            let stated = values
                .budget
                .unwrap_or_else(|| panic!("{name} states none"));
            let cells = plan::cells(&settings).unwrap();
            let takes = estimate_ms(&cells, values.samples, values);
            assert!(takes <= stated.ms(), "{name} takes {takes} ms of {stated}");
            assert!(
                takes > stated.ms() / 3.0,
                "{name} takes {takes} ms of {stated}"
            );
        }
    }

    #[test]
    fn whatever_the_budget_the_plan_fits_and_what_is_compared_stays_together() {
        for profile in ["quick", "standard", "paper"] {
            for text in ["6m", "15m", "30m", "2h", "24h"] {
                let settings = resolved(&SuiteArguments {
                    profile: Some(profile.to_owned()),
                    budget: Some(budget(text)),
                    ..SuiteArguments::default()
                });
                let values = &settings.values;
                let cells = match plan::cells(&settings) {
                    Ok(cells) => cells,
                    Err(error) => {
                        let error = error.to_string();
                        let is_short = ["6m", "15m"].contains(&text) && profile != "quick";
                        let said = format!("do not fit into {text}");
                        assert!(is_short && error.contains(&said), "{profile}: {error}");
                        continue;
                    }
                };
                let takes = estimate_ms(&cells, values.samples, values);
                assert!(takes <= budget(text).ms(), "{profile} {text}: {takes}");
                assert!((least_samples()..=MOST_SAMPLES).contains(&values.samples));
                let has = |cell: &results::Cell| cells.iter().any(|it| it.cell == *cell);
                for planned in &cells {
                    let mut other = planned.cell.clone();
                    other.system = other.system.original_name().into();
                    assert!(
                        has(&other),
                        "{profile} {text}: {} has no original",
                        planned.cell
                    );
                    if planned.observer != Observer::None {
                        let none = Observer::None.name();
                        other.params.insert(Param::Observer, none);
                        assert!(has(&other), "{profile} {text}: {other}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_longer_budget_has_room_for_more_and_samples_that_are_given_stay() {
        let resolved_with = |text: &str, samples| {
            let settings = resolved(&SuiteArguments {
                profile: Some("standard".to_owned()),
                budget: Some(budget(text)),
                samples,
                ..SuiteArguments::default()
            });
            (
                settings.values.samples,
                plan::cells(&settings).unwrap().len(),
            )
        };
        let (short, long) = (resolved_with("30m", None), resolved_with("4h", None));
        assert!(
            long.1 > short.1 && long.0 >= 7 && short.0 >= 7,
            "{short:?} {long:?}"
        );
        assert_eq!(resolved_with("4h", Some(9)).0, 9);
        let nothing = resolved(&SuiteArguments {
            budget: Some(budget("1s")),
            samples: Some(7),
            ..SuiteArguments::default()
        });
        let refused = plan::cells(&nothing).unwrap_err().to_string();
        assert!(refused.contains("do not fit into 1s"), "{refused}");
    }
}
