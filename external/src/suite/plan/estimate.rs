//! About how long samples take, on two cores like the authors'.

use results::Param;
use results::record::Scenario;
use results::values::PageCache;
use workloads::Workload;

use super::Planned;
use crate::suite::loads;
use crate::suite::profile::Profile;
use crate::system::listens;
use crate::system::managed::NEW_ENGINE;

/// What is done before and after each sample, in milliseconds: waiting for quiet, which is half of it,
/// looking for what was left, writing it down.
const OVERHEAD_MS: f64 = 8.0;

/// What a service takes beyond a command: finding a port, ending it, looking whether the port is free.
const SERVICE_MS: f64 = 1.0;

/// What it takes to put the files of a service out of the page cache.
const EVICTING_MS: f64 = 2.0;

/// What a start takes longer that reads everything from a disk, and the evicting before it.
const READING_MS: f64 = 25.0;

/// What it takes to start an engine of containers anew.
const RESTART_MS: f64 = 900.0;

/// What it takes to pull an image and to remove it again; with a base layer.
const PULLING_MS: f64 = 130.0;
const PULLING_BASE_MS: f64 = 1_000.0;

/// What comes before each load of one request at a time: the service is left alone for a while.
const IDLE_MS: f64 = 200.0;

/// What comes before and after each load: connections, a look at how instances are made.
const AROUND_LOAD_MS: f64 = 20.0;

/// What the work of a command takes beyond that of `hello`, in milliseconds.
const fn work_ms(workload: Workload) -> f64 {
    match workload {
        Workload::CpuHash => 150.0,
        _ => 0.0,
    }
}

/// What the work of a request takes beyond that of `http-hello`, in microseconds.
const fn work_us(workload: Workload) -> f64 {
    match workload {
        Workload::HttpCpu => 200.0,
        _ => 0.0,
    }
}

impl Planned {
    /// About how long a request takes under load, in microseconds, on two cores like the authors'.
    pub(in crate::suite) fn request_us(&self) -> f64 {
        let estimate = self.system.estimate(self.acquire, self.cell.scenario);
        estimate.request_us + work_us(self.workload)
    }

    /// About how long one sample takes, in milliseconds, on two cores like the authors'.
    pub fn estimate_ms(&self, values: &Profile) -> f64 {
        let estimate = self.system.estimate(self.acquire, self.cell.scenario);
        let mut load_ms = 0.0;
        if !self.cell.scenario.starts() && listens(self.workload) {
            load_ms += AROUND_LOAD_MS + loads::estimate_ms(self, values, self.request_us() / 1e3);
            if self.is_left_idle() {
                load_ms += IDLE_MS;
            }
        }
        let mut around_ms = OVERHEAD_MS;
        if listens(self.workload) {
            around_ms += SERVICE_MS;
            if self.page_cache != PageCache::Hot {
                around_ms += EVICTING_MS;
            }
        }
        if self.variant.is(Param::Engine, NEW_ENGINE) {
            around_ms += RESTART_MS;
        }
        if self.page_cache == PageCache::EvictedAll {
            around_ms += READING_MS;
        }
        if self.cell.scenario == Scenario::ImageCold {
            let has_base = self.variant.contains_key(Param::BaseLayer);
            around_ms += if has_base {
                PULLING_BASE_MS
            } else {
                PULLING_MS
            };
        }
        let start_ms = estimate.start_ms + work_ms(self.workload);
        start_ms * self.instances as f64 + around_ms + load_ms
    }
}
