//! Many instances in one process: what each takes, and how long one more takes to start.

use std::collections::BTreeMap;

use host_probe::resources::{Usage, memory};
use host_probe::settings::Allocator;
use host_probe::spec::{Answered, Crowd, CrowdReport, Failure, Kind};
use machine::clock::now_ns;
use wasmtime::component::Component;
use wasmtime::{InstanceAllocationStrategy, Module, PoolingAllocationConfig, Store};

use super::live::{Linked, Live};
use super::{
    Code, allow, config, engine_of, guest, new_executor, new_store, not_loaded, time_limit,
};
use crate::engine::wasmtime::guest::Guest;

/// Core instances, memories and tables that one component may consist of: ours are of four core
/// instances with one memory.
const PARTS: u32 = 8;

/// Starts instances of one precompiled guest, one after another, and keeps them all; weighs the
/// process; then asks each.
///
/// A `touched` instance has answered a request before the weighing; an untouched one has only been
/// made.
///
/// # Errors
/// The machine cannot hold them, or one does not answer.
pub fn crowd(crowd: &Crowd) -> Result<CrowdReport, Failure> {
    let spec = &crowd.spec;
    let mut config = config(spec.acquire, spec.engine, None);
    if spec.engine.allocator == Allocator::Pooling {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(crowd.instances)));
    }
    let engine = engine_of(&config)?;
    let linked = match spec.kind {
        Kind::Module => {
            let module = <Module as Code>::deserialize_file(&engine, &spec.file);
            Linked::module(&engine, &module.map_err(|error| not_loaded(&error))?)?
        }
        Kind::Component => {
            let component = <Component as Code>::deserialize_file(&engine, &spec.file);
            Linked::component(
                &engine,
                &component.map_err(|error| not_loaded(&error))?,
                spec,
            )?
        }
    };
    let executor = new_executor()?;
    // What is there before the first: the program, the engine, the code, and room for the list of
    // them.
    let mut members: Vec<(Store<Guest>, Live)> = Vec::with_capacity(crowd.instances as usize);
    let base = memory();
    let began_ns = now_ns();
    let mut last_start_ns = 0;
    for nth in 0..crowd.instances {
        let from_ns = now_ns();
        let mut store = new_store(&engine, spec);
        let live = executor.block_on(linked.instantiate(&mut store));
        let live = live.map_err(|error| of_instance(nth, guest::failure(&error, &store)))?;
        last_start_ns = now_ns() - from_ns;
        members.push((store, live));
        if crowd.touched {
            let (store, live) = members.last_mut().expect("one was put there");
            executor
                .block_on(ask(store, live, crowd))
                .map_err(|failure| of_instance(nth, failure))?;
        }
    }
    let started_ns = now_ns() - began_ns;
    let full = memory();
    let mappings =
        std::fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count() as u64);
    let asked_ns = now_ns();
    let mut answers: BTreeMap<(i64, String), u64> = BTreeMap::new();
    for (nth, (store, live)) in (0..).zip(&mut members) {
        let answer = executor
            .block_on(ask(store, live, crowd))
            .map_err(|failure| of_instance(nth, failure))?;
        *answers.entry((answer.code, answer.body_hex)).or_default() += 1;
    }
    let answers_ns = now_ns() - asked_ns;
    let resources = Usage::now().resources();
    let answers = answers
        .into_iter()
        .map(|((code, body_hex), n)| (Answered { code, body_hex }, n))
        .collect();
    Ok(CrowdReport {
        started_ns,
        last_start_ns,
        base,
        full,
        mappings,
        answers,
        answers_ns,
        resources,
    })
}

/// A pool with room for so many, and no more: what it reserves is a part of what is weighed.
fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(PARTS))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(PARTS))
        // A store keeps the stack of its last call.
        .total_stacks(instances);
    pool
}

async fn ask(store: &mut Store<Guest>, live: &Live, crowd: &Crowd) -> Result<Answered, Failure> {
    let (limit, then) = time_limit(&crowd.spec);
    allow(store, limit, then);
    live.call(store, &crowd.spec.call, limit, || {}).await
}

fn of_instance(nth: u32, failure: Failure) -> Failure {
    let Failure { cause, reason } = failure;
    let hint = if reason.contains("Cannot allocate memory") || reason.contains("failed to reserve")
    {
        "; each takes some seven mappings, and a process may have vm.max_map_count of them: \
            `sysctl vm.max_map_count=1000000` allows more"
    } else {
        ""
    };
    Failure::new(cause, format!("instance {}: {reason}{hint}", nth + 1))
}
