//! The network path between client and service in a cell: behind a firewall, or over a virtual
//! link.

use std::str::FromStr;

use campaign::{Error, Exit};
use results::Param;
use serde::{Deserialize, Serialize};

use super::plan::{Observer, Planned};
use super::profile::Profile;
use crate::network::firewall::Level;
use crate::network::link::{self, Link, Wire};
use crate::system::listens;

/// A kind of network path from client to service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PathKind {
    /// The machine's loopback.
    Loopback,
    /// A pair of virtual network devices, with the service in a network namespace of its own.
    Veth,
    /// The same over TUN devices and a forwarder of this program's: what a link with a delay is made
    /// of where the kernel has no netem.
    Tun,
}

/// What lies between client and service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkPath {
    /// How much of a firewall; nothing if no level of one is compared.
    pub firewall: Option<Level>,
    /// The network; nothing for the loopback.
    pub link: Option<Link>,
}

/// The levels of a profile that has others than `off`.
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
    let delays = if values.delay_ms.is_empty() {
        &[0][..]
    } else {
        &values.delay_ms
    };
    let wires = values.path.iter().filter_map(|kind| match kind {
        PathKind::Loopback => None,
        PathKind::Veth => Some(Wire::Veth),
        PathKind::Tun => Some(Wire::Tun),
    });
    wires
        .flat_map(|wire| {
            delays.iter().map(move |&delay_ms| Link {
                wire,
                delay_ms,
                jitter_ms: if delay_ms > 0 { values.jitter_ms } else { 0 },
                rate_mbit: values.rate_mbit,
            })
        })
        .collect()
}

/// Each cell with each network path of the settings. What has no network, such as a command, and
/// starts that are observed stay as they are, or behind no firewall where
/// levels are compared.
pub(super) fn crossed(cells: Vec<Planned>, values: &Profile) -> Vec<Planned> {
    let (levels, links) = (levels(values), links(values));
    let over_loopback = links.is_empty() || values.path.contains(&PathKind::Loopback);
    cells
        .into_iter()
        .flat_map(|planned| {
            let default = default_link(&planned, values);
            let (links, over_loopback) = match &default {
                Some(link) => (std::slice::from_ref(link), false),
                None => (&links[..], over_loopback),
            };
            let paths = paths(&planned, &levels, links, over_loopback);
            paths.map_or_else(
                || vec![planned.clone()],
                |paths| {
                    paths
                        .into_iter()
                        .map(|path| planned.clone().over(path))
                        .collect()
                },
            )
        })
        .collect()
}

/// The link of a cell whose service is reached by a published port under load, unless the settings
/// say otherwise: over the loopback every byte would go through the engine's proxy, which is not how
/// clients from elsewhere come.
fn default_link(planned: &Planned, values: &Profile) -> Option<Link> {
    (is_published_under_load(planned) && values.path.is_empty()).then_some(Link::PLAIN)
}

fn is_published_under_load(planned: &Planned) -> bool {
    let scenario = planned.cell.scenario;
    is_published(planned) && !scenario.starts() && !scenario.multiplies()
}

/// Whether its service is reached by a port that its engine has published.
fn is_published(planned: &Planned) -> bool {
    let managed = planned.system.managed();
    managed.is_some_and(|managed| managed.container_port(&planned.variant).is_some())
}

/// Whether requests come as they do unless the settings say otherwise.
pub(super) fn is_usual(planned: &Planned) -> bool {
    let usual = NetworkPath {
        firewall: None,
        link: is_published_under_load(planned).then_some(Link::PLAIN),
    };
    planned.network == usual || planned.network == NetworkPath::default()
}

/// The network paths of a cell; nothing if it has none that could be compared.
fn paths(
    planned: &Planned,
    levels: &[Level],
    links: &[Link],
    over_loopback: bool,
) -> Option<Vec<NetworkPath>> {
    // Of several instances at once it is their number that is compared.
    if !listens(planned.workload) || planned.cell.scenario.multiplies() {
        return None;
    }
    // Without any level no firewall is a parameter; beside others, `off` is a level too.
    let off = levels.first().map(|_| Level::Off);
    let observed = planned.observer != Observer::None;
    let levels = match levels {
        [] => vec![None],
        _ if observed => vec![off],
        levels => levels.iter().copied().map(Some).collect(),
    };
    // Over a link the rules are for what is forwarded to a container. What is in a namespace itself
    // stands behind none there.
    let behind = if is_published(planned) {
        levels.clone()
    } else {
        vec![off]
    };
    let loopback = levels
        .into_iter()
        .filter(|_| over_loopback)
        .map(|firewall| NetworkPath {
            firewall,
            link: None,
        });
    let links = links.iter().filter(|_| !observed).flat_map(|link| {
        behind.iter().map(move |firewall| NetworkPath {
            firewall: *firewall,
            link: Some(*link),
        })
    });
    Some(loopback.chain(links).collect())
}

impl Planned {
    /// The same behind or over something. Called once a cell has its other parameters.
    #[must_use]
    fn over(mut self, network: NetworkPath) -> Self {
        self.network = network;
        let params = &mut self.cell.params;
        params.extend(
            network
                .firewall
                .map(|level| (Param::Firewall, level.to_string())),
        );
        params.extend(network.link.map(Link::params).unwrap_or_default());
        self
    }
}

/// Checks that the network paths of a profile make sense.
///
/// # Errors
/// What does not.
pub(super) fn check(values: &Profile) -> Result<(), Error> {
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
    if held && values.path.iter().all(|kind| *kind == PathKind::Loopback) {
        return usage(
            "nothing holds packets back on the loopback".into(),
            "a delay and a rate need --path veth",
        );
    }
    let delays = values.delay_ms.iter().filter(|ms| **ms > 0);
    if values.jitter_ms > 0 && delays.min().is_none_or(|least| *least < values.jitter_ms) {
        return usage(
            "a delay varies by no more than itself".into(),
            "such as --delay 10ms --jitter 2ms",
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
        link::milliseconds(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::SuiteArguments;
    use crate::suite::variables::Variables;
    use crate::suite::{plan, settings};

    fn cells(arguments: SuiteArguments, only: &[&str]) -> Result<Vec<String>, String> {
        let only = only.iter().map(ToString::to_string).collect();
        let resolved = settings::resolve(
            &SuiteArguments { only, ..arguments },
            &Variables::none(),
            None,
            settings::DEFAULT,
        );
        let (settings, _) = resolved.map_err(|error| error.to_string())?;
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

    const NATIVE: [&str; 3] = ["system=native", "scenario=warm-disk", "scenario=warm"];

    #[test]
    fn every_level_has_its_cells_and_their_twins_and_a_command_has_none() {
        let cells = cells(levels_of(&["off", "baseline", "rules:10"]), &NATIVE).unwrap();
        for system in ["native", "native-aa"] {
            for scenario in ["warm-disk", "warm"] {
                for level in ["off", "baseline", "rules:10"] {
                    let is_level = |cell: &&String| {
                        cell.starts_with(&format!("{system} http-hello {scenario} "))
                            && cell.contains(&format!("firewall={level} "))
                                | cell.ends_with(&format!("firewall={level}"))
                            && !cell.contains("observer=seccomp")
                    };
                    assert_eq!(
                        cells.iter().filter(is_level).count(),
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
    fn levels_of_a_container_under_load_are_of_what_is_forwarded_to_it() {
        let of = |only: &str, path: &[PathKind]| {
            let arguments = SuiteArguments {
                path: path.to_vec(),
                ..levels_of(&["off", "rules:10"])
            };
            let only = [
                only,
                "system=docker",
                "workload=http-hello",
                "network=bridge",
            ];
            let mut cells = cells(arguments, &only).unwrap();
            cells.retain(|cell| {
                let is_observed = cell.contains("observer=") && !cell.contains("observer=none");
                !cell.starts_with("docker-aa") && !is_observed
            });
            let behind = |what: &str| cells.iter().filter(|it| it.contains(what)).count();
            let links = behind("path=veth");
            (cells.len(), behind("firewall=rules:10"), links)
        };
        // From another network unless the loopback is asked for; a start over the loopback unless
        // the link is.
        assert_eq!(of("scenario=throughput", &[]), (2, 1, 2));
        assert_eq!(of("scenario=throughput", &[PathKind::Loopback]), (2, 1, 0));
        assert_eq!(of("scenario=warm-disk", &[]), (2, 1, 0));
        let both = [PathKind::Loopback, PathKind::Veth];
        assert_eq!(of("scenario=warm-disk", &both), (4, 2, 2));
    }

    #[test]
    fn off_alone_is_no_parameter() {
        assert_eq!(
            cells(levels_of(&["off"]), &NATIVE),
            cells(SuiteArguments::default(), &NATIVE)
        );
    }

    #[test]
    fn links_are_compared_with_the_loopback() {
        let arguments = |path: &[PathKind], delay: &[u32]| SuiteArguments {
            path: path.to_vec(),
            delay: delay.iter().map(|ms| Delay(*ms)).collect(),
            ..SuiteArguments::default()
        };
        let only = ["system=native", "workload=http-hello", "scenario=warm"];
        let both = cells(
            arguments(&[PathKind::Loopback, PathKind::Veth], &[0, 10]),
            &only,
        )
        .unwrap();
        assert_eq!(
            both.len(),
            6,
            "three network paths, and their twins: {both:#?}"
        );
        assert!(
            both.iter()
                .any(|cell| cell.contains("delay_ms=10") && cell.contains("path=veth"))
        );
        assert_eq!(
            cells(arguments(&[PathKind::Veth], &[]), &only)
                .unwrap()
                .len(),
            2
        );
        let tun = cells(arguments(&[PathKind::Tun], &[10]), &only).unwrap();
        assert!(
            tun.iter().all(|cell| cell.contains("path=tun")) && tun.len() == 2,
            "{tun:#?}"
        );
        let refused = cells(arguments(&[], &[10]), &only).unwrap_err();
        assert!(refused.contains("need --path veth"), "{refused}");
        let refused = cells(levels_of(&["baseline"]), &only).unwrap_err();
        assert!(refused.contains("`off` is not among them"), "{refused}");
    }

    #[test]
    fn jitter_is_of_the_delays_and_no_larger() {
        let arguments = |delay: &[u32], jitter| SuiteArguments {
            path: vec![PathKind::Veth],
            delay: delay.iter().map(|ms| Delay(*ms)).collect(),
            jitter: Some(Delay(jitter)),
            ..SuiteArguments::default()
        };
        let only = ["system=native", "workload=http-hello", "scenario=warm"];
        let cells_of = |delay: &[u32], jitter| cells(arguments(delay, jitter), &only);
        let both = cells_of(&[0, 10], 2).unwrap();
        let has_jitter = |cell: &&String| cell.contains("jitter_ms=2");
        assert_eq!(both.iter().filter(has_jitter).count(), 2, "{both:#?}");
        for delay in [&[][..], &[0], &[1, 10]] {
            let refused = cells_of(delay, 2).unwrap_err();
            assert!(refused.contains("no more than itself"), "{refused}");
        }
    }

    #[test]
    fn delays_are_whole_milliseconds() {
        assert_eq!("10ms".parse(), Ok(Delay(10)));
        assert_eq!("10".parse(), Ok(Delay(10)));
        assert!("1.5ms".parse::<Delay>().is_err() && "fast".parse::<Delay>().is_err());
    }
}
