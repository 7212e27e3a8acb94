//! Starts on the one core that a system has under load.

use results::record::Scenario;
use results::values::PageCache;
use results::{Param, Params};

use super::planned::ONE_CPU;
use super::{Observer, Planned, Without};
use crate::suite::network;
use crate::system::{Acquire, Instancing};

/// Starts on the one core that a system has under load, one for each way of which requests are
/// measured one at a time: what a start costs and what a request costs are added up only if both
/// had the same CPUs and the same instances, and no other question needs these.
pub(super) fn pinned_starts(cells: &[Planned]) -> Vec<Planned> {
    let is_usual = |planned: &&Planned| {
        planned.observer == Observer::None
            && planned.without == Without::Nothing
            // Two builds are not asked where a slower start pays.
            && planned.own.is_none()
            && network::is_usual(planned)
    };
    let requests = |start: &Planned| {
        let same = |planned: &&Planned| {
            planned.cell.scenario == Scenario::Warm
                && (planned.system, planned.workload) == (start.system, start.workload)
                && planned.acquire == start.acquire
                && agree(&planned.variant, &start.variant)
        };
        let of_requests = cells.iter().filter(is_usual).filter(same);
        let mut ways: Vec<Instancing> = Vec::new();
        for planned in of_requests {
            if !ways.contains(&planned.instancing) {
                ways.push(planned.instancing);
            }
        }
        ways
    };
    // Interpreted code is never prepared, nor is that of what compiles at each start.
    let is_prepared = |planned: &&Planned| {
        let scenario = planned.cell.scenario;
        let unprepared = planned.acquire == Some(Acquire::Interpret)
            || planned.system.lacks(Scenario::WarmDisk).is_some();
        planned.page_cache == PageCache::Hot
            && (scenario == Scenario::WarmDisk || scenario == Scenario::CodeCold && unprepared)
    };
    let starts = cells.iter().filter(is_usual).filter(is_prepared);
    let pinned = |start: &Planned| {
        let of_way = |instancing: Instancing| {
            let mut pinned = start.clone();
            (pinned.pinned, pinned.instancing) = (true, instancing);
            pinned.cell.params.insert(Param::Cpus, ONE_CPU);
            pinned.cell.params.extend(instancing.params());
            pinned
        };
        requests(start).into_iter().map(of_way).collect::<Vec<_>>()
    };
    starts.flat_map(pinned).collect()
}

/// Whether no parameter that both have differs.
fn agree(one: &Params, two: &Params) -> bool {
    one.iter()
        .all(|(key, value)| two.get(key).is_none_or(|other| other == value))
}
