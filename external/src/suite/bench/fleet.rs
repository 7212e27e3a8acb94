//! Instances that run at once, and what they take together.

use std::collections::BTreeSet;

use machine::{cores, facts, ports, usage};
use results::record::Resources;
use results::{Attested, Evidence, Failure, FailureKind};
use serde_json::json;

use super::log_excerpt;
use super::start::GRACE;
use crate::client::readiness::Target;
use crate::process::Running;
use crate::process::reaper::Guard;
use crate::system::managed::Instance;

/// The part of the machine's memory that is left to the machine: what a sample would need of it
/// ends the sample.
const RESERVED: f64 = 0.1;

/// One instance with processes of its own.
pub(super) enum Member<'e> {
    Process(Box<Running>, Guard),
    Managed(Box<dyn Instance + 'e>),
}

/// All instances of a sample, and what was seen of them.
pub(super) struct Fleet<'e> {
    pub(super) members: Vec<Member<'e>>,
    /// Further instances in the engine of the first member, which they end with.
    pub(super) siblings: Vec<Target>,
    /// Where those answer that have answered.
    pub(super) targets: Vec<Target>,
    pub(super) launched_ns: Option<u64>,
    pub(super) answered_ns: u64,
    /// From the launch to the first answer of the last instance that had answered before another
    /// was started.
    pub(super) last_start_ns: Option<u64>,
    pub(super) attested: Attested,
}

impl Member<'_> {
    pub(super) fn launched_ns(&self) -> u64 {
        match self {
            Member::Process(running, _) => running.launched_ns(),
            Member::Managed(instance) => instance.launched_ns(),
        }
    }

    fn processes(&mut self) -> Vec<u32> {
        match self {
            Member::Process(running, _) => usage::tree(running.pid()),
            Member::Managed(instance) => instance.processes(),
        }
    }

    fn resources(&mut self) -> Resources {
        match self {
            Member::Process(running, _) => running.usage(),
            Member::Managed(instance) => instance.usage().resources,
        }
    }

    fn cpu_ns(&mut self) -> Option<u64> {
        match self {
            Member::Process(running, _) => running.cpu_ns(),
            Member::Managed(instance) => instance.usage().resources.cpu_ns,
        }
    }

    fn daemons(&mut self) -> Vec<u32> {
        match self {
            Member::Process(..) => Vec::new(),
            Member::Managed(instance) => instance.engine_processes(),
        }
    }

    fn log_tail(&mut self) -> String {
        match self {
            Member::Process(running, _) => running.log_tail(),
            Member::Managed(instance) => instance.log_tail(),
        }
    }

    /// What an engine keeps running for this one only.
    fn shim(&mut self) -> Option<u32> {
        match self {
            Member::Process(..) => None,
            Member::Managed(instance) => instance.shim(),
        }
    }

    fn end(self) -> Result<(), String> {
        match self {
            Member::Process(mut running, guard) => {
                running.stop(GRACE);
                drop(guard);
                Ok(())
            }
            Member::Managed(mut instance) => instance.remove().map(drop),
        }
    }
}

impl Fleet<'_> {
    pub(super) const fn new() -> Self {
        Self {
            members: Vec::new(),
            siblings: Vec::new(),
            targets: Vec::new(),
            launched_ns: None,
            answered_ns: 0,
            last_start_ns: None,
            attested: Attested::new(),
        }
    }

    /// From the first launch until all were ready.
    pub(super) fn ready_ns(&self) -> Option<u64> {
        let launched_ns = self.launched_ns?;
        Some(self.answered_ns.saturating_sub(launched_ns))
    }

    /// Notes an answer, or the end of a command.
    pub(super) fn answered(&mut self, at_ns: u64) {
        self.answered_ns = self.answered_ns.max(at_ns);
    }

    /// The processes of all of them.
    pub(super) fn processes(&mut self) -> Vec<u32> {
        self.members
            .iter_mut()
            .flat_map(Member::processes)
            .collect()
    }

    /// Records the memory that they take: of each its share, and what is its alone. `key` says as
    /// which evidence.
    pub(super) fn record_memory(&mut self, key: fn(Evidence) -> Evidence) {
        // What an engine keeps running for each of its containers, and only for it. Where that is
        // unknown, what all of them take is too.
        let shims: BTreeSet<u32> = self.members.iter_mut().filter_map(Member::shim).collect();
        let mut pids = self.processes();
        pids.retain(|pid| !shims.contains(pid));
        let daemons: BTreeSet<u32> = self.daemons().into_iter().collect();
        let engine = pss_bytes(daemons.difference(&shims));
        let shims = pss_bytes(&shims);
        let own = usage::memory_of(&pids);
        let is_known = shims.is_some() && !pids.is_empty();
        let memory = [
            (Evidence::PssBytes, own.pss_bytes.filter(|_| is_known)),
            (Evidence::PrivateBytes, own.private_bytes),
            (Evidence::PageTablesBytes, own.page_tables_bytes),
            (Evidence::AvailableBytes, available_bytes()),
            (Evidence::ShimPssBytes, shims),
            (Evidence::EnginePssBytes, engine),
        ];
        let memory = memory.map(|(evidence, bytes)| (key(evidence), json!(bytes)));
        self.attested.extend(memory);
    }

    /// What of their engines was there before them.
    pub(super) fn daemons(&mut self) -> Vec<u32> {
        self.members.iter_mut().flat_map(Member::daemons).collect()
    }

    pub(super) fn resources(&mut self) -> Resources {
        let resources = self.members.iter_mut().map(Member::resources);
        usage::sum(&resources.collect::<Vec<_>>())
    }

    /// The CPU time that they have had together; nothing where that of one is unknown.
    pub(super) fn cpu_ns(&mut self) -> Option<u64> {
        let each = self.members.iter_mut().map(Member::cpu_ns);
        each.sum::<Option<u64>>()
            .filter(|_| !self.members.is_empty())
    }

    /// Checks that who listens on the ports of processes is who was launched to, in one look at all
    /// sockets.
    ///
    /// # Errors
    /// Which does not, from 0, and who does instead.
    pub(super) fn check_listeners(&self, on: &[u16]) -> Result<(), (usize, String)> {
        let processes = self.members.iter().zip(on).enumerate();
        let processes = processes.filter_map(|(nth, (member, port))| match member {
            Member::Process(running, _) => Some((nth, (*port, running.pid()))),
            Member::Managed(_) => None,
        });
        let (places, pairs): (Vec<_>, Vec<_>) = processes.unzip();
        ports::each_belongs_to(&pairs).map_err(|(nth, reason)| (places[nth], reason))
    }

    /// The end of the last one's log, as a part of a reason.
    pub(super) fn log_excerpt(&mut self) -> String {
        self.members
            .last_mut()
            .map_or_else(String::new, |member| log_excerpt(&member.log_tail()))
    }

    /// Ends them all.
    ///
    /// # Errors
    /// The first that could not be removed.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        let mut ended = Ok(());
        for member in self.members.drain(..).rev() {
            ended = ended.and(member.end());
        }
        ended.map_err(|reason| Failure::new(FailureKind::NotClean, reason))
    }

    /// Records how many there were, on how many cores, and how long they took to be ready.
    pub(super) fn record_starts(&mut self, instances: usize) {
        let cores = cores::allowed().len();
        let ready_ns = self.ready_ns();
        self.attested.extend([
            (Evidence::Instances, json!(instances)),
            (Evidence::Cores, json!(cores)),
            (Evidence::Oversubscribed, json!(instances > cores)),
            (Evidence::ReadyNs, json!(ready_ns)),
            (Evidence::StartLastNs, json!(self.last_start_ns)),
        ]);
    }
}

/// The proportional set size of processes, 0 of none; nothing where one of them does not tell.
fn pss_bytes<'a>(pids: impl IntoIterator<Item = &'a u32>) -> Option<u64> {
    let pids: Vec<_> = pids.into_iter().copied().collect();
    usage::memory_of(&pids).pss_bytes
}

/// Memory that can be had, in bytes.
pub(super) fn available_bytes() -> Option<u64> {
    facts::memory().map(|memory| memory.available_bytes)
}

/// Checks that one more may be started: a machine that is out of memory kills processes of its own
/// choice.
pub(super) fn check_memory() -> Result<(), String> {
    let Some(memory) = facts::memory() else {
        return Ok(());
    };
    if memory.available_bytes as f64 >= memory.total_bytes as f64 * RESERVED {
        return Ok(());
    }
    Err(format!(
        "{} MiB of {} MiB of memory are available, and a tenth is left to the machine: use fewer \
            --instances",
        memory.available_bytes >> 20,
        memory.total_bytes >> 20
    ))
}
