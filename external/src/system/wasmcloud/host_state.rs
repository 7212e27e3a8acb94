//! The state of the host that a start in wasmCloud finds.

use results::record::Scenario;
use results::{Param, Params, Skip, SkipKind};
use workloads::Workload;

use super::super::listens;
use super::super::managed::StartRequest;
use super::super::pull::{PLAIN, TLS};

/// The variants of a scenario's cells, the usual one first.
pub fn variants(scenario: Scenario) -> Vec<Params> {
    let (new, running) = ((Param::Host, "new"), (Param::Host, "running"));
    let (pulled, cached) = ((Param::Image, "pulled"), (Param::Image, "cached"));
    let (plain, tls) = ((Param::Registry, PLAIN), (Param::Registry, TLS));
    let (compiled, kept) = ((Param::Code, "compiled"), (Param::Code, "kept"));
    match scenario {
        Scenario::DiskCold => vec![Params::from([new, cached])],
        // Each new host compiles: there is no other start with nothing compiled.
        Scenario::CodeCold => Vec::new(),
        Scenario::ImageCold => vec![
            Params::from([new.clone(), pulled.clone(), plain.clone()]),
            Params::from([new.clone(), pulled.clone(), tls]),
            Params::from([
                new,
                pulled.clone(),
                plain.clone(),
                (Param::Infrastructure, "new"),
            ]),
            Params::from([running.clone(), pulled.clone(), plain.clone(), compiled]),
            Params::from([running, pulled, plain, kept]),
        ],
        Scenario::WarmDisk => vec![
            Params::from([new, cached.clone()]),
            Params::from([running, cached, kept]),
        ],
        // A host of its own for each sample, as for any other system. `pool=on` would be without
        // effect.
        Scenario::Warm
        | Scenario::Throughput
        | Scenario::Paced
        | Scenario::Scaling
        | Scenario::Density => vec![Params::new()],
    }
}

/// What is new in a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum New {
    /// NATS, the registry, the host, and the workload.
    Everything,
    /// The host and the workload.
    Host,
    /// The workload, of a component that the host, which lives on, has never seen.
    Component,
    /// The workload, of a component whose compiled code the host, which lives on, has kept.
    Workload,
}

/// What a start finds and does, as its variant says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HostState {
    pub(super) new: New,
    /// The component is pulled from the registry, and not found in the host's cache of images.
    pub(super) pulled: bool,
    /// The registry speaks TLS.
    pub(super) tls: bool,
    /// The component may keep an instance between requests.
    pub(super) pooled: bool,
}

impl HostState {
    pub(super) fn parse(request: &StartRequest) -> Result<Self, Skip> {
        check(request.workload)?;
        let mut left = request.variant.clone();
        let new_host = one_of(&mut left, &Param::Host, "new", "running")?;
        let pulled = !one_of(&mut left, &Param::Image, "cached", "pulled")?;
        let new = if new_host {
            if one_of(&mut left, &Param::Infrastructure, "running", "new")? {
                New::Host
            } else {
                New::Everything
            }
        } else if one_of(&mut left, &Param::Code, "kept", "compiled")? {
            New::Workload
        } else {
            New::Component
        };
        let tls = !one_of(&mut left, &Param::Registry, PLAIN, TLS)?;
        let pooled = !one_of(&mut left, &Param::Pool, "off", "on")?;
        if let Some(key) = left.keys().next() {
            return Err(not_applicable(format!(
                "wasmCloud has no parameter `{key}` here; there are host, image, registry, \
                    pool, with host=new infrastructure, and with host=running code"
            )));
        }
        if new == New::Component && !pulled {
            return Err(not_applicable(
                "a component that a host does not know is in no cache of its: code=compiled needs \
                    image=pulled"
                    .to_owned(),
            ));
        }
        Ok(Self {
            new,
            pulled,
            tls,
            pooled,
        })
    }

    /// Whether the host is launched for the start.
    pub(super) const fn new_host(self) -> bool {
        matches!(self.new, New::Host | New::Everything)
    }

    /// Whether NATS and the registry are, too.
    pub(super) fn new_infrastructure(self) -> bool {
        self.new == New::Everything
    }
}

/// A command would have to be a component that runs to its end as a service, which ours are not.
fn check(workload: Workload) -> Result<(), Skip> {
    if listens(workload) {
        return Ok(());
    }
    Err(not_applicable(format!(
        "wasmCloud runs components, and {} is a command that is a module",
        workload.name()
    )))
}

fn not_applicable(reason: String) -> Skip {
    Skip::new(SkipKind::NotApplicable, reason)
}

/// Whether a parameter has its first value, which is the default.
fn one_of(left: &mut Params, key: &Param, usual: &str, other: &str) -> Result<bool, Skip> {
    match left.remove(key) {
        None => Ok(true),
        Some(value) if value == usual => Ok(true),
        Some(value) if value == other => Ok(false),
        Some(value) => Err(not_applicable(format!(
            "`{key}` of wasmCloud is {usual} or {other}, not {value}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use results::values::PageCache;

    use super::*;

    fn request(pairs: &[(Param, &str)]) -> StartRequest {
        StartRequest {
            workload: Workload::HttpHello,
            acquire: None,
            variant: pairs.iter().cloned().collect(),
            page_cache: PageCache::Hot,
            own_milestones: false,
            core: None,
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            deadline_ns: 0,
        }
    }

    #[test]
    fn every_variant_of_a_plan_is_understood_and_is_another() {
        for scenario in Scenario::ALL {
            let variants = variants(scenario);
            let understood: Vec<_> = variants
                .into_iter()
                .map(|variant| {
                    HostState::parse(&StartRequest {
                        variant,
                        ..request(&[])
                    })
                    .unwrap()
                })
                .collect();
            assert_eq!(understood.is_empty(), scenario == Scenario::CodeCold);
            assert!(
                understood
                    .iter()
                    .enumerate()
                    .all(|(at, one)| !understood[..at].contains(one)),
                "{understood:?}"
            );
        }
    }

    #[test]
    fn a_parameter_without_a_value_has_the_usual_one() {
        assert_eq!(
            HostState::parse(&request(&[])),
            Ok(HostState {
                new: New::Host,
                pulled: false,
                tls: false,
                pooled: false
            })
        );
        let pairs = [
            (Param::Host, "running"),
            (Param::Image, "pulled"),
            (Param::Code, "compiled"),
            (Param::Pool, "on"),
        ];
        assert_eq!(
            HostState::parse(&request(&pairs)),
            Ok(HostState {
                new: New::Component,
                pulled: true,
                tls: false,
                pooled: true
            })
        );
        assert_eq!(
            HostState::parse(&request(&pairs[..2])).unwrap().new,
            New::Workload
        );
        assert_eq!(
            HostState::parse(&request(&[(Param::Infrastructure, "new")]))
                .unwrap()
                .new,
            New::Everything
        );
    }

    #[test]
    fn an_impossible_state_is_refused_with_a_reason() {
        let error =
            |pairs: &[(Param, &str)]| HostState::parse(&request(pairs)).unwrap_err().to_string();
        assert!(error(&[(Param::from("hosts"), "new")]).contains("no parameter `hosts`"));
        assert!(error(&[(Param::Image, "old")]).contains("cached or pulled, not old"));
        assert!(
            error(&[(Param::Host, "running"), (Param::Infrastructure, "new")])
                .contains("no parameter `infrastructure`")
        );
        assert!(
            error(&[(Param::Host, "running"), (Param::Code, "compiled")])
                .contains("needs image=pulled")
        );
        assert!(
            error(&[(Param::Host, "new"), (Param::Code, "kept")]).contains("no parameter `code`"),
            "a new one has none to keep"
        );
        let command = StartRequest {
            workload: Workload::Hello,
            ..request(&[])
        };
        assert!(
            HostState::parse(&command)
                .unwrap_err()
                .to_string()
                .contains("hello is a command")
        );
    }
}
