//! A workload that runs in a host, from the order to its removal.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use machine::clock::now_ns;
use results::{Attested, Evidence, Failure, FailureKind, Phase, PhaseTime};
use serde_json::json;

use super::super::managed::{Ended, Instance, StartRequest, Usage, partition};
use super::control::{PERIOD_NS, start_message};
use super::engine::{Lattice, Written};
use super::host::{Host, ROUTE};
use super::host_state::HostState;
use crate::client::readiness::{FirstAnswer, RetryPolicy, Target};
use machine::{ports, usage};

/// The instants of a start, on the clock.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    /// Right before the first launch of the start, or the order if nothing is launched.
    pub(super) launched_ns: u64,
    /// NATS and the registry were ready, if they were started for it.
    pub(super) infrastructure: Option<(u64, u64)>,
    /// Right before the launch of the host, if it was launched for it.
    pub(super) host_launched_ns: Option<u64>,
    /// That host was executed, and had started.
    pub(super) new_host: Option<(u64, u64)>,
    /// The host had answered that the workload is running.
    pub(super) running_ns: u64,
    /// How many times the host was polled until it was.
    pub(super) attempts: u64,
    /// How many workloads the host had been given before.
    pub(super) given_before: u64,
}

impl Times {
    /// Each phase from where the one before it ended.
    fn phases(&self, connected_ns: u64, answered_ns: u64) -> Result<Vec<PhaseTime>, String> {
        let host = self
            .new_host
            .map(|(exec, ready)| [(Phase::Spawn, exec), (Phase::HostReady, ready)]);
        let rest = [
            (Phase::Schedule, self.running_ns),
            (Phase::Connect, connected_ns),
            (Phase::Respond, answered_ns),
        ];
        let ends: Vec<_> = host.into_iter().flatten().chain(rest).collect();
        partition(self.launched_ns, &ends)
    }
}

/// A workload that its host says to be running.
pub(super) struct Served<'a> {
    lattice: &'a mut Lattice,
    state: HostState,
    id: String,
    /// Further workloads of the same image in the same host.
    others: Vec<String>,
    times: Times,
    /// What the host's cache of images held before the start.
    cached_before: Written,
    removed: bool,
}

impl<'a> Served<'a> {
    pub(super) fn new(
        lattice: &'a mut Lattice,
        state: HostState,
        id: String,
        times: Times,
        cached_before: Written,
    ) -> Self {
        Self {
            lattice,
            state,
            id,
            others: Vec::new(),
            times,
            cached_before,
            removed: false,
        }
    }

    fn host(&mut self) -> Result<&mut Host, String> {
        self.lattice
            .host
            .as_mut()
            .ok_or_else(|| "its host has ended".to_owned())
    }

    /// Whether the image was acquired as the cell says.
    fn check_image(&self) -> Result<(), Failure> {
        let (wanted, found) = (image_of(self.state.pulled), self.image());
        if wanted != found {
            return Err(Failure::new(
                FailureKind::NotAsPlanned,
                format!("not what its cell says: the image should be {wanted} and was {found}"),
            ));
        }
        self.check_component()
    }

    /// Whether what the host has of the image is the component that was pushed.
    fn check_component(&self) -> Result<(), Failure> {
        let pushed = self.lattice.chosen.as_ref();
        let pushed = pushed.map(|chosen| chosen.component_sha256.as_str());
        let files = self.lattice.cached().into_keys();
        let found: Vec<_> = files
            .filter(|file| file.extension().is_some_and(|ending| ending == "wasm"))
            .map(|file| std::fs::read(file).map(|bytes| results::digest::sha256_hex(&bytes)))
            .collect::<Result<_, _>>()
            .map_err(|error| format!("the host's cache of images cannot be read: {error}"))?;
        if found.iter().any(|sha256| Some(sha256.as_str()) == pushed) {
            return Ok(());
        }
        Err(Failure::new(
            FailureKind::NotAsPlanned,
            format!(
                "the host has another component than the one that was pushed, whose SHA-256 is \
                    {pushed:?}: {found:?}"
            ),
        ))
    }

    /// How the image was acquired: what is pulled is left in the cache.
    fn image(&self) -> &'static str {
        image_of(self.lattice.cached() != self.cached_before)
    }
}

const fn image_of(pulled: bool) -> &'static str {
    if pulled { "pulled" } else { "cached" }
}

impl Instance for Served<'_> {
    fn launched_ns(&self) -> u64 {
        self.times.launched_ns
    }

    fn target(&self, port: u16) -> Target {
        // One that lives on listens where it has always listened.
        let port = self.lattice.host.as_ref().map_or(port, |host| host.port);
        Target {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            host: ROUTE.to_owned(),
        }
    }

    /// The host listens, and says that there is nothing, until it has taken over the workload's
    /// route.
    fn retry_policy(&self, deadline_ns: u64) -> RetryPolicy {
        RetryPolicy {
            retry_statuses: true,
            ..RetryPolicy::until(deadline_ns)
        }
    }

    fn start_sibling(&mut self, request: &StartRequest) -> Result<Target, String> {
        let Lattice {
            host,
            infrastructure,
            chosen,
            ..
        } = &mut *self.lattice;
        let (Some(host), Some(around), Some(chosen)) =
            (host.as_mut(), infrastructure.as_mut(), chosen.as_ref())
        else {
            return Err("its host has ended".to_owned());
        };
        let nth = self.others.len() + 1;
        let (id, route) = (format!("{}-{nth}", self.id), format!("{nth}.{ROUTE}"));
        // Before the message: a host that says no may have it all the same.
        self.others.push(id.clone());
        host.start_workload(
            around,
            &start_message(&id, &chosen.image, &route, self.state.pooled),
            request.deadline_ns,
        )?;
        Ok(Target {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, host.port)),
            host: route,
        })
    }

    fn processes(&mut self) -> Vec<u32> {
        let host = self.lattice.host.iter().map(|host| &host.child);
        let around = self
            .lattice
            .infrastructure
            .iter()
            .flat_map(|around| [&around.nats, &around.registry]);
        host.chain(around)
            .flat_map(|child| usage::tree(child.pid()))
            .collect()
    }

    fn ended(&mut self) -> Option<String> {
        match self.host() {
            Ok(host) => host.child.ended(),
            Err(gone) => Some(gone),
        }
    }

    fn wait_end(&mut self, _: u64) -> Result<Ended, Failure> {
        Err("a service in wasmCloud does not end by itself".into())
    }

    fn phases(
        &mut self,
        first: Option<&FirstAnswer>,
        answered_ns: u64,
    ) -> Result<Vec<PhaseTime>, String> {
        let first = first.ok_or("a service has no phases without an answer")?;
        self.times.phases(first.connected_ns, answered_ns)
    }

    fn usage(&mut self) -> Usage {
        let host = self.lattice.host.iter().map(|host| ("host", &host.child));
        let around = self
            .lattice
            .infrastructure
            .iter()
            .flat_map(|it| [("nats", &it.nats), ("registry", &it.registry)]);
        let parts: BTreeMap<_, _> = host
            .chain(around)
            .map(|(name, child)| (name.to_owned(), child.usage()))
            .collect();
        Usage {
            resources: usage::sum(&parts.values().copied().collect::<Vec<_>>()),
            parts,
        }
    }

    fn verify_port(&mut self, _: u16) -> Result<(), Failure> {
        let host = self.host()?;
        ports::belongs_to(host.port, host.child.pid())?;
        // Here, since this is called after the clock was stopped.
        self.check_image()
    }

    fn attested(&mut self) -> Attested {
        let since = |ns: u64| json!(ns.saturating_sub(self.times.launched_ns));
        let mut attested = Attested::from([
            (Evidence::Image, json!(self.image())),
            (Evidence::HostGivenBefore, json!(self.times.given_before)),
            (Evidence::ScheduleAttempts, json!(self.times.attempts)),
            (Evidence::SchedulePeriodNs, json!(PERIOD_NS)),
        ]);
        if let Some((nats, registry)) = self.times.infrastructure {
            attested.insert(Evidence::NatsReadyAtNs, since(nats));
            attested.insert(Evidence::RegistryReadyAtNs, since(registry));
            attested.insert(
                Evidence::HostLaunchedAtNs,
                json!(self.times.host_launched_ns.map(since)),
            );
        }
        attested
    }

    fn log_tail(&mut self) -> String {
        self.host()
            .map_or_else(|gone| gone, |host| host.child.log_tail())
    }

    fn remove(&mut self) -> Result<u64, String> {
        if std::mem::replace(&mut self.removed, true) {
            return Ok(0);
        }
        let began_ns = now_ns();
        let Lattice {
            host,
            infrastructure,
            ..
        } = &mut *self.lattice;
        // A host that has ended has taken the workload with it.
        let host = host
            .as_mut()
            .and_then(|host| host.child.ended().is_none().then_some(host));
        let taken = match (host, infrastructure.as_mut()) {
            (Some(host), Some(around)) => self
                .others
                .iter()
                .chain([&self.id])
                .try_for_each(|id| host.stop_workload(around, id)),
            _ => Ok(()),
        };
        if taken.is_err() {
            self.lattice.host = None;
        }
        self.lattice.end(self.state);
        taken.map(|()| now_ns() - began_ns)
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_partition_the_start_with_and_without_a_new_host() {
        let times = Times {
            launched_ns: 100,
            new_host: Some((110, 150)),
            running_ns: 400,
            ..Times::default()
        };
        let named = |times: Times| -> Vec<_> {
            let phases = times.phases(410, 500).unwrap();
            assert_eq!(phases.iter().map(|phase| phase.ns).sum::<u64>(), 400);
            assert!(phases.is_sorted_by_key(|phase| phase.name));
            phases
                .iter()
                .map(|phase| (phase.name.name(), phase.ns))
                .collect()
        };
        let rest = [("connect", 10), ("respond", 90)];
        let new = [
            &[("spawn", 10), ("host_ready", 40), ("schedule", 250)],
            &rest[..],
        ]
        .concat();
        assert_eq!(named(times), new);
        assert_eq!(
            named(Times {
                new_host: None,
                ..times
            }),
            [&[("schedule", 300)], &rest[..]].concat()
        );
        assert!(
            times
                .phases(399, 500)
                .unwrap_err()
                .contains("connect ended 1 ns before it began")
        );
    }
}
