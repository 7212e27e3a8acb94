//! A container under containerd, from the order to create it to its removal.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use machine::clock::now_ns;
use results::record::Resources;
use results::{Phase, PhaseTime};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::super::hosted::{Account, Ended, Instance, Usage, partition};
use super::api::{ById, Client, Waited};
use crate::observe::ready::FirstAnswer;
use machine::{ports, usage};

/// How long what a container tells of itself may take to be there after its answer.
const TELLING_NS: u64 = 1_000_000_000;

/// Bytes of its log that a failure shows.
const TAIL: usize = 2_000;

/// Between two looks whether its process still lives.
const LOOK_NS: u64 = 1_000_000;

/// When the daemon did what it was told, on the clock.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_field_names,
    reason = "all are instants, and say their unit"
)]
pub(super) struct Instants {
    pub(super) launched_ns: u64,
    pub(super) created_ns: u64,
    pub(super) started_ns: u64,
}

/// A container of ours. Dropping it removes it.
pub(super) struct Running<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) client: Client,
    pub(super) id: String,
    pub(super) pid: u32,
    pub(super) instants: Instants,
    pub(super) account: Option<PathBuf>,
    /// What it prints to either of its standard streams.
    pub(super) printed: PathBuf,
    /// The daemon's process, and what it had cost before the order.
    pub(super) before: BTreeMap<String, (u32, Resources)>,
    pub(super) looked_ns: u64,
    pub(super) removed: bool,
}

impl Instance for Running<'_> {
    fn launched_ns(&self) -> u64 {
        self.instants.launched_ns
    }

    fn processes(&mut self) -> Vec<u32> {
        usage::members(self.pid)
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

    fn wait_end(&mut self, deadline_ns: u64) -> Result<Ended, String> {
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
            Err(_) => return Err("it did not end within its time limit".to_owned()),
            Ok(Err(status)) => {
                return Err(format!(
                    "containerd does not tell how it ended: {}",
                    status.message()
                ));
            }
            Ok(Ok(waited)) => i64::from(waited.exit_status),
        };
        let printed = std::fs::read(&self.printed);
        Ok(Ended {
            code,
            printed: printed.map_err(|error| format!("what it printed cannot be read: {error}"))?,
            seen_ns,
        })
    }

    fn phases(
        &mut self,
        first: Option<&FirstAnswer>,
        answered_ns: u64,
    ) -> Result<Vec<PhaseTime>, String> {
        let Instants {
            launched_ns,
            created_ns,
            started_ns,
        } = self.instants;
        if let Some(file) = &self.account {
            return Account::read(file, now_ns() + TELLING_NS)?.phases(
                launched_ns,
                created_ns,
                answered_ns,
            );
        }
        let mut ends = vec![(Phase::Create, created_ns), (Phase::Start, started_ns)];
        ends.extend(match first {
            Some(first) => vec![
                (Phase::Connect, first.connected_ns),
                (Phase::Respond, answered_ns),
            ],
            None => vec![(Phase::Run, answered_ns)],
        });
        partition(launched_ns, &ends)
    }

    fn usage(&mut self) -> Usage {
        let cost = |(name, (pid, before)): (&String, &(u32, Resources))| {
            (
                name.clone(),
                usage::since(before, &usage::of_processes(&[*pid])),
            )
        };
        let mut parts: BTreeMap<_, _> = self.before.iter().map(cost).collect();
        parts.extend(
            usage::parent(self.pid)
                .map(|shim| ("containerd-shim".to_owned(), usage::of_processes(&[shim]))),
        );
        Usage {
            resources: usage::of_group(self.pid),
            parts,
        }
    }

    fn answers_on(&mut self, port: u16) -> Result<(), String> {
        ports::held_by(port, self.pid)
    }

    fn attested(&mut self) -> BTreeMap<String, Value> {
        let Instants {
            created_ns,
            started_ns,
            ..
        } = self.instants;
        BTreeMap::from([(
            "start_answered_ns".to_owned(),
            json!(started_ns - created_ns),
        )])
    }

    fn log_tail(&mut self) -> String {
        let said = std::fs::read(&self.printed).unwrap_or_default();
        String::from_utf8_lossy(&said[said.len().saturating_sub(TAIL)..])
            .trim()
            .to_owned()
    }

    fn remove(&mut self) -> Result<u64, String> {
        let before_ns = now_ns();
        self.runtime
            .block_on(super::remove_container(&self.client, &self.id))?;
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
