//! Which ways of meeting requests are measured of a service.

use results::record::Scenario;
use results::values::{Lifecycle, Pool};
use workloads::Workload;

use super::profile::Profile;
use crate::system::{Instancing, System, listens};

/// The ways of a service in a scenario: its usual one first, and beside it those that the profile
/// asks for, of the workloads that it asks for them.
pub(super) fn of(
    values: &Profile,
    system: System,
    workload: Workload,
    scenario: Scenario,
) -> Vec<Instancing> {
    let usual = system.usual_instancing(workload);
    let mut ways = vec![usual];
    let is_varied = values.instancing_workloads.is_empty()
        || values
            .instancing_workloads
            .iter()
            .any(|name| name == workload.name());
    let is_varied = is_varied && workload.own().is_none();
    if scenario.starts() || !listens(workload) || !is_varied {
        return ways;
    }
    let further = system.instancings().iter().copied().filter(|way| {
        *way != usual
            && is_asked_for(values, *way)
            // What is to keep its state cannot be measured without.
            && (workload != Workload::HttpState || way.lifecycle == Lifecycle::Reused)
    });
    ways.extend(further);
    ways
}

/// Whether a profile names a way: one list alone asks for all of the other. An instance that is kept
/// is made once, so that a system has one pool for it, whichever is named for the others.
fn is_asked_for(values: &Profile, way: Instancing) -> bool {
    let (lifecycles, pools) = (&values.lifecycle, &values.pool);
    if lifecycles.is_empty() && pools.is_empty() {
        return false;
    }
    let is_named = |pool: Pool| pools.is_empty() || pools.contains(&pool);
    let is_kept = way.lifecycle == Lifecycle::Reused && lifecycles.contains(&way.lifecycle);
    (lifecycles.is_empty() || lifecycles.contains(&way.lifecycle))
        && (is_kept || way.pool.is_none_or(is_named))
}
