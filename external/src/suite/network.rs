//! What lies between client and service in a cell: a firewall, or a network.

use std::str::FromStr;

use campaign::{Error, Exit};
use serde::{Deserialize, Serialize};

use super::plan::{Observer, Planned};
use super::settings::Profile;
use crate::firewall::Level;
use crate::link::Link;
use crate::system::listens;

/// The way from client to service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// The machine's loopback.
    Loopback,
    /// A pair of virtual network devices, with the service in a network namespace of its own.
    Veth,
}

/// What lies between client and service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Network {
    /// How much of a firewall; nothing if no level of one is compared.
    pub firewall: Option<Level>,
    /// The network; nothing for the loopback.
    pub link: Option<Link>,
}

impl Network {
    /// Whether it is the loopback as it is in a run that asks for no network at all.
    pub const fn is_usual(self) -> bool {
        self.firewall.is_none() && self.link.is_none()
    }
}

/// The levels of a profile that asks for more than none.
fn levels(values: &Profile) -> Vec<Level> {
    let levels: Vec<Level> = values
        .firewall
        .iter()
        .filter_map(|level| level.parse().ok())
        .collect();
    if levels.iter().any(|level| level.is_on()) {
        levels
    } else {
        Vec::new()
    }
}

/// The networks of a profile.
fn links(values: &Profile) -> Vec<Link> {
    if !values.path.contains(&Path::Veth) {
        return Vec::new();
    }
    let delays = if values.delay_ms.is_empty() {
        &[0][..]
    } else {
        &values.delay_ms
    };
    delays
        .iter()
        .map(|&delay_ms| Link {
            delay_ms,
            rate_mbit: values.rate_mbit,
        })
        .collect()
}

/// Each cell with each of what the settings put between client and service. What has no network,
/// such as a command, and starts that are taken apart stay as they are, or behind no firewall where
/// levels are compared.
pub fn crossed(cells: Vec<Planned>, values: &Profile) -> Vec<Planned> {
    let (levels, links) = (levels(values), links(values));
    let over_loopback = links.is_empty() || values.path.contains(&Path::Loopback);
    let mut crossed = Vec::new();
    for planned in cells {
        let (service, headline) = (
            listens(planned.workload),
            planned.observer == Observer::None,
        );
        // Without any level nothing is said of a firewall; beside others, none is a level too.
        let off = levels.first().map(|_| Level::Off);
        // Of several instances at once it is their number that is compared.
        if !service || planned.cell.scenario.multiplies() {
            crossed.push(planned);
            continue;
        }
        if over_loopback {
            match levels.as_slice() {
                [] => crossed.push(planned.clone()),
                levels if headline => crossed.extend(levels.iter().map(|&level| {
                    planned.clone().over(Network {
                        firewall: Some(level),
                        link: None,
                    })
                })),
                _ => crossed.push(planned.clone().over(Network {
                    firewall: off,
                    link: None,
                })),
            }
        }
        if headline {
            let over = |&link: &Link| {
                planned.clone().over(Network {
                    firewall: off,
                    link: Some(link),
                })
            };
            crossed.extend(links.iter().map(over));
        }
    }
    crossed
}

impl Planned {
    /// The same behind or over something. Called once a cell has its other parameters.
    #[must_use]
    fn over(mut self, network: Network) -> Self {
        self.network = network;
        let firewall = network
            .firewall
            .map(|level| ("firewall".to_owned(), level.to_string()));
        self.cell.params.extend(firewall);
        self.cell
            .params
            .extend(network.link.map(Link::params).unwrap_or_default());
        self
    }
}

/// Whether what a profile says of networks makes sense.
///
/// # Errors
/// What does not.
pub fn check(values: &Profile) -> Result<(), Error> {
    let usage = |message: String, hint: &str| Err(Error::new(Exit::Usage, message).hint(hint));
    if let Some(wrong) = values
        .firewall
        .iter()
        .find_map(|level| level.parse::<Level>().err())
    {
        return usage(wrong, "such as --firewall off,baseline,rules:100");
    }
    if !levels(values).is_empty() && !values.firewall.iter().any(|level| level == "off") {
        return usage(
            "levels of a firewall are compared with none, and `off` is not among them".into(),
            "--firewall off,…",
        );
    }
    let held = values.delay_ms.iter().any(|ms| *ms > 0) || values.rate_mbit.is_some();
    if held && !values.path.contains(&Path::Veth) {
        return usage(
            "nothing holds packets back on the loopback".into(),
            "a delay and a rate need --path veth",
        );
    }
    if values.rate_mbit == Some(0) || values.delay_ms.iter().any(|ms| *ms > 10_000) {
        return usage(
            "a rate is at least 1 Mbit/s, a delay at most 10 s".into(),
            "such as --delay 10ms --rate 100",
        );
    }
    Ok(())
}

/// A delay as people write it: whole milliseconds, with or without the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay(pub u32);

impl FromStr for Delay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix("ms").unwrap_or(text).trim();
        number
            .parse()
            .map(Self)
            .map_err(|_| format!("`{text}` is no delay in whole milliseconds, such as 10ms"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::SuiteArguments;
    use crate::suite::environment::Variables;
    use crate::suite::{plan, settings};

    fn cells(arguments: SuiteArguments, only: &[&str]) -> Result<Vec<String>, String> {
        let only = only.iter().map(ToString::to_string).collect();
        let told = settings::of(
            &SuiteArguments { only, ..arguments },
            &Variables::none(),
            None,
            settings::DEFAULT,
        );
        let (settings, _) = told.map_err(|error| error.to_string())?;
        let cells = plan::cells(&settings).map_err(|error| error.to_string())?;
        Ok(cells
            .into_iter()
            .map(|planned| planned.cell.to_string())
            .collect())
    }

    fn levels_of(texts: &[&str]) -> SuiteArguments {
        let firewall = texts.iter().map(|text| text.parse().unwrap()).collect();
        SuiteArguments {
            firewall,
            ..SuiteArguments::default()
        }
    }

    const NATIVE: [&str; 3] = ["system=native", "scenario=runtime-cold", "scenario=warm"];

    #[test]
    fn every_level_has_its_cells_and_their_twins_and_a_command_has_none() {
        let cells = cells(levels_of(&["off", "baseline", "rules:10"]), &NATIVE).unwrap();
        for system in ["native", "native-aa"] {
            for scenario in ["runtime-cold", "warm"] {
                for level in ["off", "baseline", "rules:10"] {
                    let of = |cell: &&String| {
                        cell.starts_with(&format!("{system} http-hello {scenario} "))
                            && cell.contains(&format!("firewall={level} "))
                                | cell.ends_with(&format!("firewall={level}"))
                            && !cell.contains("observer=seccomp")
                    };
                    assert_eq!(
                        cells.iter().filter(of).count(),
                        1,
                        "{system} {scenario} {level}: {cells:#?}"
                    );
                }
            }
        }
        assert!(
            cells
                .iter()
                .filter(|cell| cell.contains(" hello "))
                .all(|cell| !cell.contains("firewall"))
        );
        assert!(
            cells
                .iter()
                .filter(|cell| cell.contains("seccomp"))
                .all(|cell| !cell.contains("firewall=rules"))
        );
    }

    #[test]
    fn no_level_but_off_is_no_parameter() {
        assert_eq!(
            cells(levels_of(&["off"]), &NATIVE),
            cells(SuiteArguments::default(), &NATIVE)
        );
    }

    #[test]
    fn networks_stand_beside_the_loopback() {
        let arguments = |path: &[Path], delay: &[u32]| SuiteArguments {
            path: path.to_vec(),
            delay: delay.iter().map(|ms| Delay(*ms)).collect(),
            ..SuiteArguments::default()
        };
        let only = ["system=native", "workload=http-hello", "scenario=warm"];
        let both = cells(arguments(&[Path::Loopback, Path::Veth], &[0, 10]), &only).unwrap();
        assert_eq!(both.len(), 6, "three ways, and their twins: {both:#?}");
        assert!(
            both.iter()
                .any(|cell| cell.contains("delay_ms=10") && cell.contains("path=veth"))
        );
        assert_eq!(
            cells(arguments(&[Path::Veth], &[]), &only).unwrap().len(),
            2
        );
        let refused = cells(arguments(&[], &[10]), &only).unwrap_err();
        assert!(refused.contains("need --path veth"), "{refused}");
        let refused = cells(levels_of(&["baseline"]), &only).unwrap_err();
        assert!(refused.contains("`off` is not among them"), "{refused}");
    }

    #[test]
    fn delays_are_whole_milliseconds() {
        assert_eq!("10ms".parse(), Ok(Delay(10)));
        assert_eq!("10".parse(), Ok(Delay(10)));
        assert!("1.5ms".parse::<Delay>().is_err() && "fast".parse::<Delay>().is_err());
    }
}
