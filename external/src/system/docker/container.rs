//! One container, from the order to create it to its removal.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::Docker as Client;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{
    EventsOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    WaitContainerOptionsBuilder,
};
use futures_util::{StreamExt as _, TryStreamExt as _};
use machine::clock::{now_ns, wall_ns};
use results::record::Resources;
use results::{Attested, Evidence, Failure, PhaseTime};
use serde_json::json;
use tokio::runtime::Runtime;

use super::super::container::{
    Instants, SHIM, charged, confinement, daemons_since, received_packets, too_much_printed,
    working,
};
use super::super::managed::{Ended, Instance, Traffic, Usage, ended_late};
use super::super::oci::bundle;
use super::{BRIDGE, describe_error, generated, proxy};
use crate::client::readiness::{FirstAnswer, RetryPolicy, Target};
use crate::process::LONGEST_ANSWER;
use machine::{cores, usage};

/// Between two questions to the engine whether the container still runs: each costs it a
/// millisecond of a core that the start needs.
const LOOK_NS: u64 = 250_000_000;

/// How long the engine may take to tell of what it has done.
const EVENTS: Duration = Duration::from_secs(2);

/// Lines of its log that a failure shows.
const LINES: &str = "20";

/// The engine's own process, among the parts of a system.
const DOCKERD: &str = "dockerd";

/// The part of a container's costs that is the proxies' of its published port.
const PROXY: &str = "docker-proxy";

/// How a container is reached.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    /// The network of its cell.
    pub(super) network: String,
    /// The machine's address that it is reached at.
    pub(super) address: IpAddr,
    /// The port there; nothing of a command.
    pub(super) port: Option<u16>,
    /// The port that it listens on all the same, where nothing translates it.
    pub(super) fixed: Option<u16>,
}

impl Reach {
    /// The port of the machine that leads to it, if one was published.
    fn published(&self) -> Option<u16> {
        self.port.filter(|_| self.network == BRIDGE)
    }
}

/// A container of ours. Dropping it removes it.
pub(super) struct Container<'a> {
    runtime: &'a Runtime,
    client: &'a Client,
    name: String,
    /// The engine's name for it.
    pub(super) id: Option<String>,
    milestones: Option<PathBuf>,
    /// The engine's processes, and what they had cost before the request.
    before: BTreeMap<String, (u32, Resources)>,
    reach: Reach,
    /// The engine's proxies for that port, once they were looked for.
    proxies: Option<Vec<u32>>,
    pub(super) instants: Instants,
    looked_ns: u64,
    removed: bool,
}

impl<'a> Container<'a> {
    pub(super) fn new(
        runtime: &'a Runtime,
        client: &'a Client,
        name: String,
        milestones: Option<PathBuf>,
        before: BTreeMap<String, (u32, Resources)>,
        reach: Reach,
    ) -> Self {
        let instants = Instants::default();
        Self {
            runtime,
            client,
            name,
            id: None,
            milestones,
            before,
            reach,
            proxies: None,
            instants,
            looked_ns: now_ns(),
            removed: false,
        }
    }

    fn inspect(&self) -> Result<ContainerInspectResponse, String> {
        let found = self
            .runtime
            .block_on(self.client.inspect_container(&self.name, None));
        found.map_err(|error| {
            format!(
                "the engine cannot inspect its container: {}",
                describe_error(&error)
            )
        })
    }

    /// The process that the container was started with, as this machine numbers it.
    fn pid(&self) -> Result<u32, String> {
        let pid = self
            .inspect()?
            .state
            .and_then(|state| state.pid)
            .and_then(|pid| u32::try_from(pid).ok());
        pid.filter(|pid| *pid > 0)
            .ok_or_else(|| "the container no longer has a process".to_owned())
    }

    /// The engine's proxies for its port: none if it has no published one, or the engine passes
    /// packets on without them. Looked for once, and not before its first answer: it takes a
    /// millisecond.
    fn proxies(&mut self) -> &[u32] {
        let engine = self.before.get(DOCKERD).map(|(pid, _)| *pid);
        let published = self.reach.published();
        self.proxies.get_or_insert_with(|| {
            let found = engine.zip(published);
            found.map_or_else(Vec::new, |(engine, port)| proxy::of_port(engine, port))
        })
    }

    /// What the engine's own record says of the start: when it had created the container, put it
    /// into its network and started it, in nanoseconds from the launch. By the wall clock, which
    /// may be set meanwhile: a detail, and no phase. An engine whose clock is behind waits until the instant that it is
    /// asked about, which may be tomorrow, and is not waited for.
    fn events(&self) -> BTreeMap<String, i64> {
        let (now_mono, now_wall) = (now_ns(), wall_ns());
        let launched =
            now_wall - i64::try_from(now_mono - self.instants.launched_ns).unwrap_or(i64::MAX);
        // Seconds with a fraction, as the engine takes them; a second earlier costs nothing.
        let second = |ns: i64| {
            format!(
                "{}.{:09}",
                ns.div_euclid(1_000_000_000),
                ns.rem_euclid(1_000_000_000)
            )
        };
        let options = EventsOptionsBuilder::default()
            .since(&second(launched - 1_000_000_000))
            .until(&second(now_wall))
            .build();
        let events = self.runtime.block_on(async {
            let events = self.client.events(Some(options)).try_collect();
            tokio::time::timeout(EVENTS, events).await
        });
        let events: Vec<_> = events.ok().and_then(Result::ok).unwrap_or_default();
        let mut found = BTreeMap::new();
        for event in events {
            let attributes = event
                .actor
                .as_ref()
                .and_then(|actor| actor.attributes.clone())
                .unwrap_or_default();
            let of_ours = attributes.get("name") == Some(&self.name)
                || attributes
                    .get("container")
                    .is_some_and(|id| self.id.as_ref() == Some(id));
            if let (true, Some(action), Some(at)) = (of_ours, event.action, event.time_nano) {
                found.entry(format!("{action}_ns")).or_insert(at - launched);
            }
        }
        found
    }

    /// Nothing where the engine does not give it.
    ///
    /// # Errors
    /// It is longer than any answer.
    fn log(&self, stderr: bool, tail: &str) -> Result<Vec<u8>, String> {
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(stderr)
            .tail(tail)
            .build();
        self.runtime.block_on(async {
            let mut pieces = self.client.logs(&self.name, Some(options));
            let mut log = Vec::new();
            while let Some(Ok(piece)) = pieces.next().await {
                log.extend(LogOutput::into_bytes(piece));
                if log.len() > LONGEST_ANSWER {
                    return Err(too_much_printed());
                }
            }
            Ok(log)
        })
    }
}

impl Instance for Container<'_> {
    fn launched_ns(&self) -> u64 {
        self.instants.began_ns()
    }

    fn target(&self, port: u16) -> Target {
        let port = self.reach.fixed.unwrap_or(port);
        Target::new(SocketAddr::new(self.reach.address, port))
    }

    fn verify(&mut self) -> Result<Attested, Failure> {
        let pid = self.pid()?;
        // An engine that is not ours may keep it where it is not found.
        let configuration = generated::configuration_of(pid).ok();
        let mut attested = confinement(pid, &self.reach.network, configuration.as_ref())?;
        attested
            .extend(configuration.map(|it| (Evidence::BundleSha256, json!(bundle::digest(&it)))));
        Ok(attested)
    }

    fn traffic(&mut self) -> Option<Traffic> {
        self.reach.published()?;
        let pid = self.pid().ok()?;
        Some(Traffic {
            passing_cpu_ns: usage::of_processes(self.proxies()).cpu_ns.unwrap_or(0),
            packets: received_packets(pid)?,
        })
    }

    /// The engine's proxy listens before the service does, and closes what it cannot pass on.
    fn retry_policy(&self, deadline_ns: u64) -> RetryPolicy {
        RetryPolicy {
            retry_resets: true,
            ..RetryPolicy::until(deadline_ns)
        }
    }

    fn processes(&mut self) -> Vec<u32> {
        let mut processes = self.pid().map_or_else(
            |_| Vec::new(),
            |pid| {
                let mut own = usage::members(pid);
                own.extend(usage::parent(pid));
                own
            },
        );
        processes.extend(self.proxies());
        processes
    }

    fn engine_processes(&mut self) -> Vec<u32> {
        self.before.values().map(|(pid, _)| *pid).collect()
    }

    /// The parent of its first process, which lives no longer than that.
    fn shim(&mut self) -> Option<u32> {
        usage::parent(self.pid().ok()?)
    }

    fn ended(&mut self) -> Option<String> {
        if now_ns() < self.looked_ns + LOOK_NS {
            return None;
        }
        self.looked_ns = now_ns();
        match self.inspect() {
            Err(reason) => Some(reason),
            Ok(found) => {
                let state = found.state.unwrap_or_default();
                let ended = || {
                    format!(
                        "its container ended with code {}",
                        state.exit_code.unwrap_or(-1)
                    )
                };
                (state.running != Some(true)).then(ended)
            }
        }
    }

    fn wait_end(&mut self, deadline_ns: u64) -> Result<Ended, Failure> {
        let options = WaitContainerOptionsBuilder::default()
            .condition("not-running")
            .build();
        let left = Duration::from_nanos(deadline_ns.saturating_sub(now_ns()));
        let (waited, seen_ns) = self.runtime.block_on(async {
            let mut waiting = self.client.wait_container(&self.name, Some(options));
            let waited = tokio::time::timeout(left, waiting.next()).await;
            (waited, now_ns())
        });
        let code = match waited {
            Err(_) => return Err(ended_late()),
            Ok(Some(Ok(end))) => end.status_code,
            Ok(Some(Err(Error::DockerContainerWaitError { code, .. }))) => code,
            Ok(Some(Err(error))) => {
                return Err(format!(
                    "the engine does not say how it ended: {}",
                    describe_error(&error)
                )
                .into());
            }
            Ok(None) => return Err("the engine does not say how it ended".into()),
        };
        Ok(Ended {
            code,
            printed: self.log(false, "all")?,
            seen_ns,
        })
    }

    fn phases(
        &mut self,
        first: Option<&FirstAnswer>,
        answered_ns: u64,
    ) -> Result<Vec<PhaseTime>, String> {
        self.instants
            .phases(self.milestones.as_deref(), first, answered_ns)
    }

    fn usage(&mut self) -> Usage {
        let Ok(pid) = self.pid() else {
            return Usage::default();
        };
        let mut parts = daemons_since(&self.before);
        let mut own = vec![usage::of_group(pid)];
        if let Some(shim) = usage::parent(pid) {
            // It lives as long as the container, and for nothing else; it executes the OCI runtime.
            let shim = usage::of_daemon(shim);
            own.push(shim);
            parts.insert(SHIM.to_owned(), shim);
        }
        let daemons: Vec<_> = self
            .before
            .keys()
            .filter_map(|name| parts.get(name))
            .collect();
        let working = working(&daemons);
        let proxies = self.proxies();
        if !proxies.is_empty() {
            let passing = usage::of_processes(proxies);
            own.push(passing);
            parts.insert(PROXY.to_owned(), passing);
        }
        Usage {
            resources: charged(&own, working),
            parts,
        }
    }

    fn verify_port(&mut self, port: u16) -> Result<(), Failure> {
        let port = self.reach.fixed.unwrap_or(port);
        let found = self.inspect()?;
        let ports = found
            .network_settings
            .and_then(|settings| settings.ports)
            .unwrap_or_default();
        let mut bindings = ports.into_values().flatten().flatten();
        if bindings.any(|binding| {
            binding
                .host_port
                .is_some_and(|bound| bound == port.to_string())
        }) {
            return Ok(());
        }
        let pid = self.pid()?;
        // What a person's own image begins with may only start what listens.
        let mut held = Ok(());
        for pid in usage::tree(pid) {
            held = machine::ports::held_by(port, pid);
            if held.is_ok() {
                break;
            }
        }
        Ok(held?)
    }

    fn attested(&mut self) -> Attested {
        let mut attested = self.instants.attested();
        if let Ok(found) = self.inspect() {
            let state = found.state.unwrap_or_default();
            attested.insert(Evidence::ContainerStartedAt, json!(state.started_at));
        }
        attested.insert(Evidence::Events, json!(self.events()));
        attested
    }

    fn log_tail(&mut self) -> String {
        let log = self.log(true, LINES);
        log.map_or_else(
            |why| why,
            |log| String::from_utf8_lossy(&log).trim().to_owned(),
        )
    }

    fn remove(&mut self) -> Result<u64, String> {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let before_ns = now_ns();
        let removed = self
            .runtime
            .block_on(self.client.remove_container(&self.name, Some(options)));
        let took_ns = now_ns() - before_ns;
        match removed {
            Ok(())
            | Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => {
                self.removed = true;
                Ok(took_ns)
            }
            Err(error) => Err(format!(
                "the engine cannot remove the container {}: {}",
                self.name,
                describe_error(&error)
            )),
        }
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if !self.removed {
            let _ = self.remove();
        }
    }
}

/// The engine's own processes that serve all containers, with what they have cost until now.
pub(super) fn daemons(socket: &Path) -> BTreeMap<String, (u32, Resources)> {
    let Ok(engine) = usage::peer(socket) else {
        return BTreeMap::new();
    };
    let containerd =
        usage::descendant_named(engine, "containerd").or_else(|| usage::named("containerd"));
    let named = [(DOCKERD, Some(engine)), ("containerd", containerd)];
    let cost =
        |(name, pid): (&str, Option<u32>)| Some((name.to_owned(), (pid?, usage::of_daemon(pid?))));
    named.into_iter().filter_map(cost).collect()
}

/// Keeps an engine on a core, with the containerd that it has started for itself, or lets both have
/// all cores again. A containerd that is not its own is let be.
///
/// # Errors
/// The kernel refuses it.
pub(super) fn keep_daemons(socket: &Path, core: Option<usize>) -> Result<(), String> {
    let engine = usage::peer(socket)
        .map_err(|error| format!("the engine's process is not known: {error}"))?;
    let containerd = usage::descendant_named(engine, "containerd");
    let pids: Vec<_> = std::iter::once(engine).chain(containerd).collect();
    let allowed = core.map_or_else(cores::allowed, |core| vec![core]);
    cores::keep(&pids, &allowed)
        .map_err(|error| format!("the engine cannot be kept on cores {allowed:?}: {error}"))
}
