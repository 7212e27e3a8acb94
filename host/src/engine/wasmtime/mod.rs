//! Wasmtime: one cold start, from configuration to teardown.

mod attest;
pub(crate) mod budget;
mod code;
mod config;
pub(crate) mod deadline;
pub(crate) mod density;
pub(crate) mod exchange;
pub mod guest;
pub mod instance;
pub mod link;

use std::time::Duration;

use machine::Timeline;
use machine::timeline::Begun;
use results::Phase;
use wasmtime::component::Component;
use wasmtime::{Cache, Engine, Module, Store};

pub use self::code::Code;
use self::code::acquire;
use self::code::read;
pub(crate) use self::code::{not_compiled, not_loaded};
pub(crate) use self::config::{config, engine_from, private_cache};
pub use self::config::{new_engine, new_engine_without_compiler};
use self::deadline::Then;
use self::guest::Guest;
use self::link::PreInstance;
use host_probe::limits;
use host_probe::report::{Cause, Failure, Report};
use host_probe::request::{Call, Destination, Kind, Preparation, Spec};
use host_probe::resources::Usage;
use host_probe::settings::Interrupt;

/// The engine's version: that of the crate, which the workspace pins and a test compares with
/// `Cargo.lock`.
pub const VERSION: &str = "48.0.2";

/// What the engine writes of that into the code that it compiles.
pub const MAJOR: &str = "48";

/// Performs one cold start and reports it. `engine` has `begun` before the call: the pages of this
/// function's stack are the engine's to pay for.
///
/// # Errors
/// The start failed; the failure names what is at fault.
pub fn start(spec: &Spec, timeline: &mut Timeline, begun: Begun) -> Result<Report, Failure> {
    let cache = spec.cache.as_deref().map(private_cache).transpose()?;
    let engine = engine_from(&config(spec.acquire, spec.settings, cache.clone()))?;
    let executor = new_executor()?;
    timeline.end(Phase::Engine, begun);
    // What comes next begins here and not in `acquire`: the first call into its pages costs
    // microseconds, of which a short start may have twenty in no phase.
    let begun = timeline.begin();
    match spec.kind {
        Kind::Module => {
            let module: Module = acquire(&engine, spec, timeline, begun)?;
            let pre_instance =
                timeline.time(Phase::Link, || PreInstance::module(&engine, &module))?;
            let begun = timeline.begin();
            executor.block_on(run(
                &engine,
                &pre_instance,
                &module,
                spec,
                timeline,
                begun,
                cache.as_ref(),
            ))
        }
        Kind::Component => {
            let component: Component = acquire(&engine, spec, timeline, begun)?;
            let pre_instance = timeline.time(Phase::Link, || {
                PreInstance::component(&engine, &component, spec)
            })?;
            let begun = timeline.begin();
            executor.block_on(run(
                &engine,
                &pre_instance,
                &component,
                spec,
                timeline,
                begun,
                cache.as_ref(),
            ))
        }
    }
}

/// The executor that a start runs on.
///
/// # Errors
/// The machine has no descriptor left for it.
pub fn new_executor() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Cause::Machine, format!("cannot make an executor: {error}")))
}

/// A store with what the guest is given, its limits set: the `store` phase.
#[inline]
pub fn new_store(engine: &Engine, spec: &Spec) -> Store<Guest> {
    let mut store = Store::new(engine, Guest::new(spec));
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(limits::HOST_CALL_BYTES);
    let (limit, then) = time_limit(spec);
    allow(&mut store, limit, then);
    store
}

/// The time that a guest has, and what happens then.
fn time_limit(spec: &Spec) -> (Duration, Then) {
    let then = if spec.settings.interrupt == Interrupt::Epoch {
        Then::Interrupt
    } else {
        Then::End
    };
    (Duration::from_millis(spec.time_limit_ms), then)
}

/// From a linked guest to its teardown.
async fn run(
    engine: &Engine,
    pre_instance: &PreInstance,
    code: &impl Code,
    spec: &Spec,
    timeline: &mut Timeline,
    begun: Begun,
    cache: Option<&Cache>,
) -> Result<Report, Failure> {
    let (limit, then) = time_limit(spec);
    // `store` began before the executor was entered, which the first store is the first to need.
    let mut store = new_store(engine, spec);
    timeline.end(Phase::Store, begun);

    let begun = timeline.begin();
    let instance = pre_instance.instantiate(&mut store).await;
    timeline.end(Phase::Instantiate, begun);
    let instance = instance.map_err(|error| guest::failure(&error, &store))?;

    let begun = timeline.begin();
    let mut used = None;
    let first = instance.call(&mut store, &spec.call, limit, || {
        timeline.end(Phase::FirstRequest, begun);
        timeline.answered();
        used = Some(Usage::now());
    });
    let first = first.await?;
    let mut resources = used.map(Usage::resources).unwrap_or_default();

    let second = match spec.call {
        Call::Run(_) => None,
        Call::Http { .. } => {
            allow(&mut store, limit, then);
            let begun = timeline.begin();
            let answer = instance.call(&mut store, &spec.call, limit, || {
                timeline.end(Phase::SecondRequest, begun);
            });
            Some(answer.await)
        }
    };
    resources.pss_bytes = host_probe::resources::pss_bytes();
    let attested = attest::gather(engine, code.image(), spec, cache);
    timeline.time(Phase::Teardown, || drop((instance, store)));
    Ok(Report {
        recorded: timeline.recorded(),
        first,
        second,
        resources,
        attested,
    })
}

/// Gives the guest `limit` from now.
pub(crate) fn allow<T>(store: &mut Store<T>, limit: Duration, then: Then) {
    deadline::arm(store.engine(), limit, then);
    if then == Then::Interrupt {
        // After the deadline has moved: a timer that goes off for an earlier store in between would
        // end this one's guest.
        store.set_epoch_deadline(1);
    }
}

/// Makes compiled code, outside any timing.
///
/// # Errors
/// The artifact cannot be read or compiled, or what was compiled cannot be kept.
pub fn prepare(preparation: &Preparation) -> Result<(), Failure> {
    let Preparation {
        file,
        kind,
        settings,
        into,
    } = preparation;
    let wasm = read(file)?;
    match into {
        Destination::File(path) => {
            let engine = new_engine(*settings, None)?;
            let code = match kind {
                Kind::Module => engine.precompile_module(&wasm),
                Kind::Component => engine.precompile_component(&wasm),
            };
            let code = code.map_err(|error| not_compiled(&error))?;
            std::fs::write(path, code).map_err(|error| {
                Failure::new(
                    Cause::Machine,
                    format!("cannot write {}: {error}", path.display()),
                )
            })
        }
        Destination::Cache(folder) => {
            let engine = new_engine(*settings, Some(private_cache(folder)?))?;
            match kind {
                Kind::Module => <Module as Code>::compile(&engine, &wasm).map(drop),
                Kind::Component => <Component as Code>::compile(&engine, &wasm).map(drop),
            }
            .map_err(|error| not_compiled(&error))
        }
    }
}
