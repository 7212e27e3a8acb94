//! A cell, and what it means.

use results::record::Scenario;
use results::values::{Named, PageCache, left_out};
use results::{Cell, Param, Params};
use workloads::Workload;

use crate::client::load::Amount;
use crate::suite::duel::OwnBuild;
use crate::suite::loads::{self, Rate};
use crate::suite::network::NetworkPath;
use crate::system::{Acquire, Instancing, System, listens};

/// The value of [`Param::Cpus`] of starts on one CPU.
pub(super) const ONE_CPU: &str = "one";

/// A cell, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The cell.
    pub cell: Cell,
    /// The system that is measured under the cell's name.
    pub system: System,
    /// The program under test.
    pub workload: Workload,
    /// The code acquisition mode; nothing for machine code.
    pub acquire: Option<Acquire>,
    /// How a service meets requests.
    pub instancing: Instancing,
    /// Parameters that only the system understands.
    pub variant: Params,
    /// What a start finds in the page cache.
    pub page_cache: PageCache,
    /// What divides the start into phases.
    pub observer: Observer,
    /// What the start is without.
    pub without: Without,
    /// Which of two builds runs, where two are measured against each other.
    pub own: Option<OwnBuild>,
    /// Connections at once, of a sample under load; of several instances, to each.
    pub connections: usize,
    /// At which part of its capacity requests arrive; nothing where they follow answers.
    pub rate: Option<Rate>,
    /// Instances at once.
    pub instances: usize,
    /// What lies between client and service.
    pub network: NetworkPath,
    /// Whether the start has only the core that a system under load has, so that the costs of both
    /// can be added up.
    pub pinned: bool,
}

impl campaign::manifest::Planned for Planned {
    fn cell(&self) -> &Cell {
        &self.cell
    }
}

/// What divides a start into phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Observer {
    /// Nothing does: only its total is known, and nothing disturbed it.
    None,
    /// The kernel reports its system calls.
    Seccomp,
    /// It reports milestones of its own.
    Own,
}

impl Named for Observer {
    const ALL: &'static [Self] = &[Self::None, Self::Seccomp, Self::Own];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Seccomp => "seccomp",
            Self::Own => "own",
        }
    }
}

/// What a start is without that the system's usual one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Without {
    /// It is the usual one.
    Nothing,
    /// These of the system's differences from the same engine used the other way.
    Differences(&'static [&'static str]),
    /// All of those, and all work: the program begins and ends.
    Work,
}

impl Without {
    /// The differences that a start of `planned` is without.
    pub fn differences(planned: &Planned) -> &'static [&'static str] {
        match planned.without {
            Self::Nothing => &[],
            Self::Differences(differences) => differences,
            Self::Work => planned.system.differences(planned.acquire),
        }
    }

    fn name(self) -> Option<String> {
        match self {
            Self::Nothing | Self::Differences([]) => None,
            Self::Differences(names) => Some(names.join(left_out::AND)),
            Self::Work => Some(left_out::WORK.to_owned()),
        }
    }
}

impl Planned {
    /// A start of a system with the usual value of everything else.
    pub fn start(
        system: System,
        workload: Workload,
        acquire: Option<Acquire>,
        scenario: Scenario,
    ) -> Self {
        let cell = Cell {
            system: system.recorded(),
            workload: workload.name().into(),
            scenario,
            params: Params::new(),
        };
        Self {
            cell,
            system,
            workload,
            acquire,
            instancing: system.usual_instancing(workload),
            variant: Params::new(),
            page_cache: scenario.page_cache(),
            observer: Observer::None,
            without: Without::Nothing,
            own: None,
            connections: 1,
            rate: None,
            instances: 1,
            network: NetworkPath::default(),
            pinned: false,
        }
    }

    /// The same, with its cell's parameters as the rest says; `amount` is what is recorded of a
    /// sample under load.
    #[must_use]
    pub fn with_params(mut self, amount: Amount) -> Self {
        self.cell.params = self.params(amount);
        self
    }

    fn params(&self, amount: Amount) -> Params {
        let scenario = self.cell.scenario;
        let mut params: Params = self
            .acquire
            .map(|acquire| (Param::Acquire, acquire.name()))
            .into_iter()
            .collect();
        if scenario.starts() {
            if self.page_cache != scenario.page_cache() {
                params.insert(Param::PageCache, self.page_cache.name());
            }
            params.insert(Param::Observer, self.observer.name());
            if self.pinned {
                params.insert(Param::Cpus, ONE_CPU);
                params.extend(self.instancing.params());
            }
        } else {
            if scenario.multiplies() {
                params.insert(Param::Instances, self.instances.to_string());
            }
            if !listens(self.workload) {
                // Each runs once, and takes no requests.
                return params;
            }
            params.extend(self.instancing.params());
            params.extend(loads::params(self, amount));
        }
        params.extend(self.without.name().map(|name| (Param::Without, name)));
        params.extend(self.variant.clone());
        params
    }

    /// Whether the service is left alone for a while before its load, to see what it costs then: it
    /// is one service whatever its load is, so one scenario is enough.
    pub(in crate::suite) fn is_left_idle(&self) -> bool {
        self.cell.scenario == Scenario::Warm
    }

    /// The same under the system's second name, in an A/A control.
    #[must_use]
    pub fn twin(&self) -> Self {
        let mut twin = self.clone();
        twin.cell.system = twin.cell.system.twin();
        twin
    }
}
