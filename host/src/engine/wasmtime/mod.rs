//! Wasmtime: one cold start, from configuration to teardown.

mod attest;
pub(crate) mod budget;
pub mod called;
mod code;
mod config;
pub(crate) mod deadline;
pub(crate) mod density;
pub(crate) mod exchange;
pub mod guest;
pub mod instance;
pub(crate) mod levers;
pub mod link;
mod output;
mod seen;
pub(crate) mod state;

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use machine::Timeline;
use machine::clock::now_ns;
use machine::timeline::Begun;
use results::{Evidence, Param, Phase};
use wasmtime::component::Component;
use wasmtime::{Cache, Engine, Module, Store, UpdateDeadline};

use self::called::{After, Called};
pub use self::code::Code;
pub(crate) use self::code::not_compiled;
use self::code::{acquire, not_loaded, read};
pub(crate) use self::config::{config, engine_from, pool, private_cache};
pub use self::config::{new_engine, new_engine_without_compiler};
pub use self::deadline::Then;
use self::guest::Guest;
use self::link::PreInstance;
use self::seen::{Seen, Stack};
use host_probe::limits;
use host_probe::report::{Cause, Failure, Report};
use host_probe::request::{Call, Destination, Kind, Preparation, Spec};
use host_probe::resources::Usage;
use host_probe::settings::Interrupt;

/// The engine's version: that of the crate, which the workspace pins and a test compares with
/// `Cargo.lock`.
pub const VERSION: &str = "48.0.8";

/// What the engine writes of that into the code that it compiles.
pub const MAJOR: &str = "48";

/// Performs one cold start and reports it. `async_runtime` has `begun` before the call: the pages of
/// this function's stack are the first phase's to pay for.
///
/// # Errors
/// The start failed; the failure names what is at fault.
pub fn start(spec: &Spec, timeline: &mut Timeline, begun: Begun) -> Result<Report, Failure> {
    let executor = new_executor()?;
    timeline.end(Phase::AsyncRuntime, begun);
    let begun = timeline.follow();
    let cache = spec.cache.as_deref().map(private_cache).transpose()?;
    levers::check_built(&spec.settings.levers)?;
    let engine = engine_from(&config(spec.acquire, spec.settings, cache.clone()))?;
    let mut seen = Seen::default();
    if spec.settings.levers.is_moved(&Param::ThreadInit) {
        Engine::tls_eager_initialize();
        // One system call, which is less than a microsecond of what it shows.
        seen.look_at_signal_stack();
    }
    timeline.end(Phase::Engine, begun);
    // What comes next begins here and not in `acquire`: the first call into its pages costs
    // microseconds, of which a short start may have twenty in no phase.
    let begun = timeline.follow();
    match spec.kind {
        Kind::Module => {
            let module: Module = acquire(&engine, spec, timeline, begun, &mut seen)?;
            let begun = timeline.follow();
            make_image(&module, spec, &mut seen)?;
            let pre_instance = PreInstance::module(&engine, &module, spec)?;
            timeline.end(Phase::Link, begun);
            let begun = timeline.follow();
            let witness = Witness {
                engine: &engine,
                cache: cache.as_ref(),
                seen: &seen,
            };
            let run = run(witness, &pre_instance, &module, spec, timeline, begun);
            if spec.settings.levers.is_moved(&Param::Calls) {
                directly(&executor, run)
            } else {
                executor.block_on(run)
            }
        }
        Kind::Component => {
            let component: Component = acquire(&engine, spec, timeline, begun, &mut seen)?;
            let begun = timeline.follow();
            make_image(&component, spec, &mut seen)?;
            let pre_instance = PreInstance::component(&engine, &component, spec)?;
            timeline.end(Phase::Link, begun);
            let begun = timeline.follow();
            let witness = Witness {
                engine: &engine,
                cache: cache.as_ref(),
                seen: &seen,
            };
            let run = run(witness, &pre_instance, &component, spec, timeline, begun);
            executor.block_on(run)
        }
    }
}

/// What evidence is taken from once a start is over.
#[derive(Clone, Copy)]
struct Witness<'a> {
    engine: &'a Engine,
    cache: Option<&'a Cache>,
    seen: &'a Seen,
}

/// The image that memories are mapped from, where it is wanted before the first instance.
fn make_image(code: &impl Code, spec: &Spec, seen: &mut Seen) -> Result<(), Failure> {
    if !spec.settings.levers.is_moved(&Param::CowImage) {
        return Ok(());
    }
    code.make_image().map_err(|error| {
        guest::engine_failure(Cause::Machine, "its image cannot be made", &error)
    })?;
    seen.image_made = true;
    Ok(())
}

/// Runs what waits for nothing: calls without a stack of their own cannot. Host functions find the
/// executor, and may enter it, which they could not while it runs something.
fn directly<T>(
    executor: &tokio::runtime::Runtime,
    run: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let _entered = executor.enter();
    match pin!(run).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Failure::new(
            Cause::Harness,
            "a guest that was called directly waited",
        )),
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
///
/// # Errors
/// A folder or the standard input that the guest is given cannot be opened.
#[inline]
pub fn new_store(engine: &Engine, spec: &Spec) -> Result<Store<Guest>, Failure> {
    let mut store = Store::new(engine, Guest::new(spec)?);
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(limits::HOST_CALL_BYTES);
    let (limit, then) = time_limit(spec);
    if then == Then::Interrupt {
        // Without a stack of its own a guest cannot give way.
        let direct = spec.settings.levers.is_moved(&Param::Calls);
        store.epoch_deadline_callback(move |_| {
            Ok(if deadline::passed() {
                UpdateDeadline::Interrupt
            } else if direct {
                UpdateDeadline::Continue(1)
            } else {
                UpdateDeadline::Yield(1)
            })
        });
    }
    allow(&mut store, limit, then);
    Ok(store)
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
    witness: Witness<'_>,
    pre_instance: &PreInstance,
    code: &impl Code,
    spec: &Spec,
    timeline: &mut Timeline,
    begun: Begun,
) -> Result<Report, Failure> {
    let (limit, then) = time_limit(spec);
    // `store` began before the executor was entered, which the first store is the first to need.
    let store = new_store(witness.engine, spec);
    timeline.end(Phase::Store, begun);
    let mut store = store?;

    let begun = timeline.begin();
    let instance = pre_instance.instantiate(&mut store).await;
    timeline.end(Phase::Instantiate, begun);
    let instance = instance.map_err(|error| guest::not_instantiated(&error, &store))?;

    let begun = timeline.begin();
    let (mut used, mut went_on_ns) = (None, None);
    let first = instance.call(&mut store, &spec.call, (limit, then), |at_ns| {
        match at_ns {
            None => {
                timeline.end(Phase::FirstRequest, begun);
                timeline.answered();
            }
            Some(at_ns) => {
                timeline.record(Phase::FirstRequest, begun.at_ns(), at_ns);
                timeline.answered_at(at_ns);
            }
        }
        used = Some(Usage::now());
        went_on_ns = at_ns;
    });
    let Called {
        answered: first,
        after,
    } = first.await?;
    if let Some(from_ns) = went_on_ns {
        timeline.record(Phase::AfterAnswer, from_ns, now_ns());
    }
    if let Some(failure) = guest::too_much(&store) {
        return Err(failure);
    }
    let mut resources = used.map(Usage::resources).unwrap_or_default();

    let ended_badly = ended_badly(&after, &store);
    let second = match (&spec.call, &ended_badly) {
        (Call::Run(_), _) => None,
        (Call::Http { .. }, Some(how)) => {
            Some(Err(Failure::new(Cause::Guest, format!("not sent: {how}"))))
        }
        (Call::Http { .. }, None) => {
            allow(&mut store, limit, then);
            let begun = timeline.begin();
            let called =
                instance.call(&mut store, &spec.call, (limit, then), |at_ns| match at_ns {
                    None => timeline.end(Phase::SecondRequest, begun),
                    Some(at_ns) => timeline.record(Phase::SecondRequest, begun.at_ns(), at_ns),
                });
            Some(called.await.map(|called| called.answered))
        }
    };
    resources.pss_bytes = host_probe::resources::pss_bytes();
    let printed_on = if spec.settings.levers.is_moved(&Param::Calls) {
        store.data().stdout.printed_on()
    } else {
        Stack::Unknown
    };
    let mut attested = attest::gather(witness, code.image(), spec, printed_on);
    if let Some(how) = ended_badly {
        attested.insert(Evidence::AfterAnswer, how);
    }
    let complaint = guest::quote_stderr(&store);
    timeline.time(Phase::Teardown, || drop((instance, store)));
    Ok(Report {
        recorded: timeline.recorded(),
        first,
        complaint,
        second,
        resources,
        attested,
    })
}

/// What became of a guest that did not return after its answer: nothing if it did.
fn ended_badly(after: &After, store: &Store<Guest>) -> Option<String> {
    match after {
        After::Returned => None,
        After::Stopped => Some(format!(
            "after its answer the guest went on, and was stopped after {} ms",
            limits::AFTER_ANSWER.as_millis()
        )),
        After::Failed(error) => Some(format!(
            "after its answer {}",
            guest::failure(error, store).reason
        )),
    }
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
    levers::check_built(&settings.levers)?;
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
