//! What tests of systems with an engine of their own have in common.

#[path = "waiting.rs"]
mod waiting;

use std::path::Path;

use external::process::reaper::Reaper;
use external::system::managed::{Engine, EngineContext, StartRequest};
use external::system::{Found, System};
use machine::clock::now_ns;
use results::Params;
use results::values::PageCache;
use workloads::Workload;

pub(crate) use waiting::HANG_NS;

/// What an engine is made with, and what must outlive it.
pub(crate) struct Ground {
    pub(crate) system: System,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) reaper: Reaper,
    pub(crate) found: Found,
}

impl Ground {
    /// That of a system, which is installed.
    pub(crate) fn of(name: &str) -> Self {
        let system = System::from_name(name).unwrap();
        let found = system
            .find()
            .unwrap_or_else(|absent| panic!("{name}: {absent}"));
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let reaper = Reaper::start(Path::new(env!("CARGO_BIN_EXE_external"))).unwrap();
        Self {
            system,
            folder,
            reaper,
            found,
        }
    }

    pub(crate) fn engine(&self) -> Box<dyn Engine> {
        let context = EngineContext {
            work: self.folder.path(),
            reaper: &self.reaper,
            found: &self.found,
            nth: 0,
        };
        self.system.managed().unwrap().engine(context).unwrap()
    }
}

/// A start with everything in memory.
pub(crate) fn request(workload: Workload, variant: Params) -> StartRequest {
    StartRequest {
        workload,
        acquire: None,
        variant,
        page_cache: PageCache::Hot,
        own_milestones: false,
        core: None,
        address: std::net::Ipv4Addr::LOCALHOST.into(),
        deadline_ns: now_ns() + HANG_NS,
    }
}
