//! Many instances in one process: the memory of each, and the time to start one more.

use std::collections::BTreeMap;

use host_probe::mapped;
use host_probe::report::{Answered, Cause, Failure, InstanceSetReport};
use host_probe::request::{InstanceSet, Kind};
use host_probe::resources::{Usage, memory};
use host_probe::settings::EngineSettings;
use machine::clock::now_ns;
use tokio::runtime::Runtime;
use wasmtime::component::Component;
use wasmtime::{Engine, Module, Store};

use super::guest::{self, Guest};
use super::instance::Instance;
use super::link::PreInstance;
use super::{
    Code, allow, config, ended_badly, engine_from, new_executor, new_store, not_loaded, time_limit,
};

/// Starts instances of one precompiled guest, one after another, and keeps them all; measures the
/// memory of the process; then calls each.
///
/// A `touched` instance has answered a request before memory is measured; an untouched one has only
/// been made.
///
/// # Errors
/// The machine cannot hold them, or one does not answer.
pub(crate) fn measure(set: &InstanceSet) -> Result<InstanceSetReport, Failure> {
    let spec = &set.spec;
    // A pool with room for so many, and no more: what it reserves is a part of what is measured.
    let settings = EngineSettings {
        pool: spec.settings.pool.with_slots(set.instances),
        ..spec.settings
    };
    let engine = engine_from(&config(spec.acquire, settings, None))?;
    let pre_instance = link(&engine, set)?;
    let executor = new_executor()?;
    // What is there before the first: the program, the engine, the code, and room for the list of
    // them.
    let mut members: Vec<Member> = Vec::with_capacity(set.instances as usize);
    let base = memory();
    let began_ns = now_ns();
    let mut last_start_ns = 0;
    for nth in 0..set.instances {
        let from_ns = now_ns();
        let mut store = new_store(&engine, spec)?;
        let instance = executor.block_on(pre_instance.instantiate(&mut store));
        let instance = instance
            .map_err(|error| number_failure(nth, guest::not_instantiated(&error, &store)))?;
        last_start_ns = now_ns() - from_ns;
        members.push(Member {
            store,
            instance,
            ended: None,
        });
        if set.touched {
            let member = members.last_mut().expect("one was put there");
            executor
                .block_on(call(member, set))
                .map_err(|failure| number_failure(nth, failure))?;
        }
    }
    let started_ns = now_ns() - began_ns;
    let full = memory();
    let mappings = mapped::lines().map_or(0, |maps| maps.lines().count() as u64);
    let address_space_bytes = machine::usage::address_space_bytes(std::process::id());
    let called_ns = now_ns();
    let answers = call_all(&executor, &mut members, set)?;
    Ok(InstanceSetReport {
        started_ns,
        last_start_ns,
        base,
        full,
        mappings,
        address_space_bytes,
        answers,
        answers_ns: now_ns() - called_ns,
        resources: Usage::now().resources(),
    })
}

/// An instance in a store of its own.
struct Member {
    store: Store<Guest>,
    instance: Instance,
    /// What became of it after its answer, if it cannot be called again.
    ended: Option<String>,
}

fn link(engine: &Engine, set: &InstanceSet) -> Result<PreInstance, Failure> {
    let spec = &set.spec;
    match spec.kind {
        Kind::Module => {
            let module = <Module as Code>::deserialize_file(engine, &spec.file);
            PreInstance::module(engine, &module.map_err(|error| not_loaded(&error))?, spec)
        }
        Kind::Component => {
            let component = <Component as Code>::deserialize_file(engine, &spec.file);
            let component = component.map_err(|error| not_loaded(&error))?;
            PreInstance::component(engine, &component, spec)
        }
    }
}

/// Calls each instance. Returns each different answer, and how many gave it.
fn call_all(
    executor: &Runtime,
    members: &mut [Member],
    set: &InstanceSet,
) -> Result<Vec<(Answered, u64)>, Failure> {
    let mut answers: BTreeMap<_, u64> = BTreeMap::new();
    for (nth, member) in (0..).zip(members) {
        let answer = executor
            .block_on(call(member, set))
            .map_err(|failure| number_failure(nth, failure))?;
        *answers
            .entry((answer.code, answer.headers, answer.body_hex))
            .or_default() += 1;
    }
    let answers = answers.into_iter();
    Ok(answers
        .map(|((code, headers, body_hex), n)| {
            let answered = Answered {
                code,
                body_hex,
                headers,
            };
            (answered, n)
        })
        .collect())
}

async fn call(member: &mut Member, set: &InstanceSet) -> Result<Answered, Failure> {
    let Member {
        store,
        instance,
        ended,
    } = member;
    if let Some(how) = ended {
        return Err(Failure::new(
            Cause::Guest,
            format!("not asked again: {how}"),
        ));
    }
    let (limit, then) = time_limit(&set.spec);
    allow(store, limit, then);
    let called = instance.call(store, &set.spec.call, (limit, then), |_| {});
    let called = called.await?;
    *ended = ended_badly(&called.after, store);
    Ok(called.answered)
}

/// A failure of the instance at this position, from 0.
fn number_failure(nth: u32, failure: Failure) -> Failure {
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
