//! How long the loads of a plan are, and at which rate they come.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use campaign::{Error, Exit};
use results::Params;
use results::record::Scenario;
use results::{Cell, Param};
use serde_json::{Map, Value, json};
use workloads::Workload;

use super::as_text::as_text;
use super::plan::Planned;
use super::profile::Profile;
use crate::client::load::{Amount, Pace};
use crate::system::listens;

/// A part of the rate that a system was found to answer at most: `50%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u8);

impl Rate {
    /// Where rates are asked for and none is named.
    pub(super) const USUAL: [Self; 2] = [Self(50), Self(80)];

    /// As a part of 1.
    pub fn part(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent = text.strip_suffix('%').and_then(|it| it.parse().ok());
        let possible = percent.filter(|it| (1..=100).contains(it));
        possible
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no rate: such as 50%, from 1% to 100%"))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

as_text!(Rate);

/// Below this a load is too short to conclude from, in seconds. What the machine does to a rate
/// comes in bursts of some tens of milliseconds: over a tenth of a second two rates of the same
/// service differ by more than over half a second, and nothing tells which of both is its own.
const LEAST_S: f64 = 0.5;

/// How long a warm-up until the rate is steady takes of most services, in milliseconds: two looks
/// beyond the least.
const WARM_UP_MS: f64 = 125.0;

/// So many rounds over all connections a warm-up must have before its rate can be called steady.
const WARM_UP_ROUNDS: f64 = 32.0;

/// The longest load and warm-up, in seconds.
const MOST_S: f64 = 3_600.0;

impl Profile {
    /// How much is recorded, of each sample under load.
    pub fn amount(&self) -> Amount {
        let time = || Amount::Time(Duration::from_secs_f64(self.load_s));
        self.requests.map_or_else(time, Amount::Requests)
    }

    /// For how long at most requests go on before that until their rate is steady; nothing if they
    /// are not to.
    pub fn until_steady(&self) -> Option<Duration> {
        (self.warm_up_s > 0.0).then(|| Duration::from_secs_f64(self.warm_up_s))
    }
}

/// Whether the times and rates of a profile can be.
///
/// # Errors
/// The one that cannot.
pub(super) fn check(values: &Profile) -> Result<(), Error> {
    let times = [
        ("load_s", values.load_s, 0.001),
        ("warm_up_s", values.warm_up_s, 0.0),
    ];
    for (key, seconds, least) in times {
        if !(least..=MOST_S).contains(&seconds) {
            let message = format!("{key} is {seconds}: seconds from {least} to {MOST_S}");
            return Err(Error::new(Exit::Usage, message));
        }
    }
    let paced = Scenario::Paced.name();
    let is_paced = |names: &Vec<String>| names.iter().any(|name| name == paced);
    let asks = std::iter::once(&values.scenarios).chain(values.scenarios_of.values());
    if values.rate.is_empty() && asks.into_iter().any(is_paced) {
        let message = format!("the scenario `{paced}` has no rate");
        return Err(Error::new(Exit::Usage, message)
            .hint("rate = [\"50%\", \"80%\"] in the profile, or --only rate=80%"));
    }
    Ok(())
}

/// Gives the values of a run that was recorded before loads were measured by time what they meant:
/// a number of requests, and no warm-up until the rate is steady.
pub(super) fn complete_old(values: &mut Map<String, Value>) {
    values.entry("warm_up_s").or_insert_with(|| json!(0.0));
}

/// The rates of a workload in a scenario: one that is none where requests follow answers.
pub(super) fn rates(values: &Profile, scenario: Scenario) -> Vec<Option<Rate>> {
    if scenario == Scenario::Paced {
        values.rate.iter().copied().map(Some).collect()
    } else {
        vec![None]
    }
}

/// Whether a workload is measured at parts of its capacity.
pub(super) fn is_paced(values: &Profile, workload: Workload) -> bool {
    let named = &values.paced_workloads;
    named.is_empty() || named.iter().any(|name| name == workload.name())
}

/// What a cell under load says of its load.
pub(super) fn params(planned: &Planned, amount: Amount) -> Params {
    let pace = match planned.rate {
        Some(_) => Pace::Open { per_second: 0.0 }.name(),
        None => Pace::Closed.name(),
    };
    let amount = match amount {
        Amount::Requests(number) => (Param::Requests, number.to_string()),
        Amount::Time(time) => (Param::DurationS, time.as_secs_f64().to_string()),
    };
    let fixed = [
        (Param::Pace, pace.to_owned()),
        (Param::Connections, planned.connections.to_string()),
        amount,
    ];
    let rate = planned.rate.map(|rate| (Param::Rate, rate.to_string()));
    fixed.into_iter().chain(rate).collect()
}

/// The cell whose capacity a cell's rate is a part of, whatever that part is, and under whichever of
/// a system's names.
pub(super) fn of_capacity(planned: &Planned) -> Cell {
    let mut cell = planned.cell.clone();
    cell.params.remove(Param::Rate);
    cell.system = cell.system.original();
    cell
}

/// About how long the load of a sample takes, in milliseconds, if a request takes so long.
pub(super) fn estimate_ms(planned: &Planned, values: &Profile, request_ms: f64) -> f64 {
    let connections = (planned.connections * planned.instances) as f64;
    let warm_up_ms = values.warm_up as f64 * connections * request_ms;
    let steady_ms = WARM_UP_MS.max(WARM_UP_ROUNDS * connections * request_ms);
    let steady_ms = steady_ms.min(values.warm_up_s * 1e3);
    warm_up_ms + steady_ms + recorded_ms(values, request_ms)
}

fn recorded_ms(values: &Profile, request_ms: f64) -> f64 {
    match values.amount() {
        Amount::Requests(number) => number as f64 * request_ms,
        Amount::Time(time) => time.as_secs_f64() * 1e3,
    }
}

/// That loads are too short to conclude from, if some are.
pub(super) fn too_short(cells: &[Planned], values: &Profile) -> Option<String> {
    let loaded = cells.iter().filter(|planned| {
        let scenario = planned.cell.scenario;
        !scenario.starts() && scenario != Scenario::Density && listens(planned.workload)
    });
    let lengths_ms = loaded.map(|planned| recorded_ms(values, planned.request_us() / 1e3));
    let lengths_ms: Vec<f64> = lengths_ms.collect();
    let is_short = |ms: &&f64| **ms < LEAST_S * 1e3;
    let short = lengths_ms.iter().filter(is_short).count();
    let least = lengths_ms.iter().copied().reduce(f64::min)?;
    let of = match values.requests {
        Some(number) => format!("{number} requests"),
        None => format!("{} s of requests", values.load_s),
    };
    (short > 0).then(|| {
        format!(
            "{of} are too little to conclude from: they are over in less than {LEAST_S} s in \
                about {short} of {} cells under load, in the shortest in {least:.0} ms; leave out \
                THROUGHPUT_REQS and --requests to measure by time",
            lengths_ms.len()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::SuiteArguments;
    use crate::suite::plan;
    use crate::suite::settings::{self, Settings};
    use crate::suite::variables::Variables;

    fn resolved(profile: &str, only: &[&str], variables: &Variables) -> Settings {
        let arguments = SuiteArguments {
            profile: Some(profile.to_owned()),
            only: only.iter().map(ToString::to_string).collect(),
            ..SuiteArguments::default()
        };
        let (settings, _) =
            settings::resolve(&arguments, variables, None, settings::DEFAULT).unwrap();
        settings
    }

    #[test]
    fn rates_are_parts_of_what_was_found() {
        let rate: Rate = "80%".parse().unwrap();
        assert_eq!((rate.to_string(), rate.part()), ("80%".to_owned(), 0.8));
        for wrong in ["80", "%", "0%", "101%", "-1%", "8e1%", "", "80 %"] {
            let refused = wrong.parse::<Rate>().unwrap_err();
            assert!(refused.contains("such as 50%"), "{wrong}: {refused}");
        }
    }

    #[test]
    fn a_load_lasts_half_a_second_in_quick_and_three_in_standard() {
        for (profile, seconds) in [("quick", 0.5), ("standard", 3.0)] {
            let values = resolved(profile, &[], &Variables::none()).values;
            assert_eq!(
                values.amount(),
                Amount::Time(Duration::from_secs_f64(seconds)),
                "{profile}"
            );
            assert!(values.warm_up_s >= 0.5, "{profile}");
        }
    }

    #[test]
    fn a_number_of_requests_means_what_it_says_and_is_said_to_be_too_small() {
        let variables = Variables::from_pairs([("THROUGHPUT_REQS", "200")]);
        let settings = resolved("quick", &[], &variables);
        let cells = plan::cells(&settings).unwrap();
        let loaded = || cells.iter().filter(|it| !it.cell.scenario.starts());
        assert!(loaded().all(|it| it.cell.params.is(Param::Requests, "200")));
        let said = too_short(&cells, &settings.values).unwrap();
        assert!(
            said.starts_with("200 requests are too little") && said.contains("in 6 ms"),
            "{said}"
        );
        let many = Variables::from_pairs([("THROUGHPUT_REQS", "200000")]);
        let settings = resolved("quick", &[], &many);
        let cells = plan::cells(&settings).unwrap();
        assert_eq!(too_short(&cells, &settings.values), None);
        let by_time = resolved("quick", &[], &Variables::none());
        let cells = plan::cells(&by_time).unwrap();
        assert_eq!(too_short(&cells, &by_time.values), None);
        let timed = |it: &&Planned| it.cell.params.is(Param::DurationS, "0.5");
        assert!(cells.iter().filter(timed).count() > 10);
    }

    #[test]
    fn rates_can_be_asked_for_in_every_profile_and_twins_have_them_too() {
        for profile in ["quick", "standard", "load", "scale"] {
            let only = ["rate=70%", "workload=http-hello", "system=wasmtime-cli"];
            let cells = plan::cells(&resolved(profile, &only, &Variables::none())).unwrap();
            let is_paced = |it: &Planned| {
                it.cell.scenario == Scenario::Paced && it.cell.params.is(Param::Pace, "open")
            };
            assert!(cells.iter().all(is_paced), "{profile}");
            let names: std::collections::BTreeSet<_> =
                cells.iter().map(|it| it.cell.system.as_str()).collect();
            assert!(names.contains("wasmtime-cli"), "{profile}");
            let capacities: std::collections::BTreeSet<_> = cells
                .iter()
                .filter(|it| it.instancing == it.system.usual_instancing(it.workload))
                .map(of_capacity)
                .collect();
            assert_eq!(capacities.len(), 1, "{profile}: twins have one capacity");
        }
    }

    #[test]
    fn every_way_under_load_of_a_control_has_a_twin() {
        for profile in ["quick", "standard", "load"] {
            let settings = resolved(profile, &[], &Variables::none());
            let cells = plan::cells(&settings).unwrap();
            for control in &settings.values.controls {
                let usual = cells.iter().filter(|it| {
                    it.system.name() == control
                        && !it.cell.scenario.starts()
                        && it.workload == Workload::HttpHello
                        && it.instancing == it.system.usual_instancing(it.workload)
                        && !it.cell.system.is_twin()
                });
                for original in usual {
                    let twin = original.twin().cell;
                    assert!(cells.iter().any(|it| it.cell == twin), "{profile}: {twin}");
                }
            }
        }
    }

    #[test]
    fn quick_has_the_embedded_engine_with_the_pool_of_its_command_line() {
        let settings = resolved("quick", &[], &Variables::none());
        let cells = plan::cells(&settings).unwrap();
        let ways = |system: &str| -> Vec<String> {
            let loaded = cells.iter().filter(|it| {
                it.cell.system == system
                    && it.cell.scenario == Scenario::Throughput
                    && it.workload == Workload::HttpHello
            });
            loaded.map(|it| it.instancing.name()).collect()
        };
        let embedded = ways("wasmtime-embedded");
        assert_eq!(
            embedded,
            ["per-request-none", "per-request-default", "reused-none"]
        );
        let with_pool = ["per-request-default", "reused-default"];
        assert_eq!(ways("wasmtime-cli"), with_pool);
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        let refused = |change: fn(&mut Profile)| {
            let mut values = resolved("quick", &[], &Variables::none()).values;
            change(&mut values);
            check(&values).unwrap_err().to_string()
        };
        assert!(refused(|it| it.load_s = 0.0).contains("load_s is 0"));
        assert!(refused(|it| it.load_s = f64::NAN).contains("load_s is NaN"));
        assert!(refused(|it| it.warm_up_s = -1.0).contains("warm_up_s is -1"));
        let no_rate = refused(|it| it.scenarios.push("paced".to_owned()));
        assert!(no_rate.contains("has no rate"), "{no_rate}");
    }
}
