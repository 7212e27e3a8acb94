//! A container under containerd, from the order to create it to its removal.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use machine::clock::now_ns;
use results::record::Resources;
use results::{Attested, Failure, PhaseTime};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::super::container::{
    Instants, SHIM, charged, confinement, daemons_since, printed, tail, working,
};
use super::super::managed::{Ended, Instance, Usage, ended_late};
use super::api::{ById, Client, Waited};
use crate::client::readiness::{FirstAnswer, Target};
use machine::{ports, usage};

/// Between two looks whether its process still lives.
const LOOK_NS: u64 = 1_000_000;

/// A container of ours. Dropping it removes it.
pub(super) struct Running<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) client: Client,
    pub(super) id: String,
    pub(super) pid: u32,
    pub(super) instants: Instants,
    /// The network of its cell, and what it was started with.
    pub(super) network: String,
    pub(super) configuration: Value,
    /// The machine's address that it is reached at.
    pub(super) address: IpAddr,
    /// The port that it listens on whatever it is told.
    pub(super) fixed: Option<u16>,
    pub(super) milestones: Option<PathBuf>,
    /// What it prints to either of its standard streams.
    pub(super) printed: PathBuf,
    /// The daemon's process, and what it had cost before the request.
    pub(super) before: BTreeMap<String, (u32, Resources)>,
    pub(super) looked_ns: u64,
    pub(super) removed: bool,
}

impl Instance for Running<'_> {
    fn launched_ns(&self) -> u64 {
        self.instants.began_ns()
    }

    fn target(&self, port: u16) -> Target {
        Target::new(SocketAddr::new(self.address, self.fixed.unwrap_or(port)))
    }

    fn verify(&mut self) -> Result<Attested, Failure> {
        confinement(self.pid, &self.network, Some(&self.configuration))
    }

    fn processes(&mut self) -> Vec<u32> {
        let mut processes = usage::members(self.pid);
        processes.extend(usage::parent(self.pid));
        processes
    }

    fn engine_processes(&mut self) -> Vec<u32> {
        self.before.values().map(|(pid, _)| *pid).collect()
    }

    fn shim(&mut self) -> Option<u32> {
        usage::parent(self.pid)
    }

    fn ended(&mut self) -> Option<String> {
        if now_ns() < self.looked_ns + LOOK_NS {
            return None;
        }
        self.looked_ns = now_ns();
        usage::began(self.pid)
            .is_none()
            .then(|| "its process has ended".to_owned())
    }

    fn wait_end(&mut self, deadline_ns: u64) -> Result<Ended, Failure> {
        let left = Duration::from_nanos(deadline_ns.saturating_sub(now_ns()));
        let (waited, seen_ns) = self.runtime.block_on(async {
            let request = ById {
                id: self.id.clone(),
            };
            let waiting = self
                .client
                .call::<_, Waited>("/containerd.services.tasks.v1.Tasks/Wait", request);
            let waited = tokio::time::timeout(left, waiting).await;
            (waited, now_ns())
        });
        let code = match waited {
            Err(_) => return Err(ended_late()),
            Ok(Err(status)) => {
                return Err(
                    format!("containerd does not say how it ended: {}", status.message()).into(),
                );
            }
            Ok(Ok(waited)) => i64::from(waited.exit_status),
        };
        Ok(Ended {
            code,
            printed: printed(&self.printed)?,
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
        let mut parts = daemons_since(&self.before);
        let daemons: Vec<_> = parts.values().collect();
        let working = working(&daemons);
        let mut own = vec![usage::of_group(self.pid)];
        if let Some(shim) = usage::parent(self.pid) {
            // It lives as long as the container, and for nothing else; it executes the OCI runtime.
            let shim = usage::of_daemon(shim);
            own.push(shim);
            parts.insert(SHIM.to_owned(), shim);
        }
        Usage {
            resources: charged(&own, working),
            parts,
        }
    }

    fn verify_port(&mut self, port: u16) -> Result<(), Failure> {
        Ok(ports::held_by(self.fixed.unwrap_or(port), self.pid)?)
    }

    fn attested(&mut self) -> Attested {
        self.instants.attested()
    }

    fn log_tail(&mut self) -> String {
        tail(&self.printed)
    }

    fn remove(&mut self) -> Result<u64, String> {
        let before_ns = now_ns();
        self.runtime
            .block_on(super::removal::remove_container(&self.client, &self.id))?;
        self.removed = true;
        Ok(now_ns() - before_ns)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.removed {
            let _ = self.remove();
        }
    }
}
