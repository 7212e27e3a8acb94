//! What the harness adds to `store` + `instantiate`: ours over a plain loop, as a ratio with its
//! interval.
//!
//! Criterion measures one benchmark after the other, and a machine is not the same machine a minute
//! later. Here the two take turns at every instance, who begins alternates too, and each block of
//! turns gives one ratio. The same plain loop against a second one of its kind shows how far such a
//! ratio is from 1 by itself.

#![expect(clippy::print_stdout, reason = "a program that reports")]

use benches::plain::Plain;
use benches::{BASELINE, Guest, Ready, timed};
use host::engine::wasmtime::guest::Guest as Data;
use host::engine::wasmtime::instance::Instance;
use host::engine::wasmtime::new_executor;
use host_probe::settings::{EngineSettings, Interrupt};
use wasmtime::Store;

/// Many and short: ratios of the same block are alike, and those of two blocks differ, by where
/// their engines lie.
const BLOCKS: usize = 1000;
/// Turns of a block that are timed, and those before them that are not.
const TURNS: u32 = 25;
const WARM_UP: u32 = 10;

/// Ratios are kept in millionths, since estimates are of integers.
const MILLION: u128 = 1_000_000;

fn main() {
    // Cargo passes what Criterion takes: whether to try everything once, and what names must
    // contain.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let blocks = if arguments.iter().any(|argument| argument == "--test") {
        1
    } else {
        BLOCKS
    };
    let filters: Vec<_> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();

    let executor = new_executor().expect("an executor");
    for guest in Guest::all() {
        let name = format!("wasmtime/store_instantiate/{}", guest.name);
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(*filter)) {
            continue;
        }
        let code = Plain::precompile(&guest);
        let plain = || Plain::new(&guest, &code);
        executor.block_on(async {
            let again = ratios(blocks, plain, plain, async |twin: &Plain| once(twin).await);
            report(&name, "plain again", &again.await);
            for step in Step::ALL {
                let settings = EngineSettings {
                    interrupt: step.interrupt(),
                    ..BASELINE
                };
                let code = guest.ready(settings).code.serialize();
                let loaded = || guest.loaded(settings, &code);
                let steps = ratios(blocks, loaded, plain, async |ready: &Ready<'_>| {
                    timed(async || harness(ready, step).await).await
                });
                report(&name, step.name(), &steps.await);
            }
        });
    }
}

/// What the harness adds, each with all before it: the last is the harness.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Data,
    Limiter,
    Epoch,
    Ours,
}

impl Step {
    const ALL: [Self; 4] = [Self::Data, Self::Limiter, Self::Epoch, Self::Ours];

    const fn name(self) -> &'static str {
        match self {
            Self::Data => "the store's data",
            Self::Limiter => "+ memory limit",
            Self::Epoch => "+ epoch checks",
            Self::Ours => "+ time limit = ours",
        }
    }

    fn interrupt(self) -> Interrupt {
        if self < Self::Epoch {
            Interrupt::None
        } else {
            Interrupt::Epoch
        }
    }
}

/// A store and an instance in it, with the harness up to a step.
#[inline]
async fn harness(ready: &Ready<'_>, step: Step) -> (Store<Data>, Instance) {
    if step == Step::Ours {
        return ready.store_instantiate().await;
    }
    let mut store = Store::new(&ready.engine, Data::new(&ready.guest.spec).expect("it is given nothing"));
    if step >= Step::Limiter {
        store.limiter(|guest| &mut guest.memory);
    }
    if step >= Step::Epoch {
        store.set_epoch_deadline(1);
    }
    let instance = ready.instantiate(&mut store).await;
    (store, instance)
}

async fn once(plain: &Plain) -> u64 {
    timed(async || plain.store_instantiate().await).await
}

/// One ratio a block, in millionths.
///
/// Both begin each block with a new engine, who first makes it alternating: where an engine's code
/// and data happen to lie moves what is timed by up to a tenth for as long as the engine lives.
async fn ratios<T>(
    blocks: usize,
    new_ours: impl Fn() -> T,
    new_plain: impl Fn() -> Plain,
    mut ours: impl AsyncFnMut(&T) -> u64,
) -> Vec<u64> {
    let mut ratios = Vec::with_capacity(blocks);
    for block in 0..blocks {
        let (mine, plain) = if block % 2 == 0 {
            let mine = new_ours();
            (mine, new_plain())
        } else {
            let plain = new_plain();
            (new_ours(), plain)
        };
        let (mut our_ns, mut plain_ns) = (0, 0);
        for turn in 0..WARM_UP + TURNS {
            let (our, other) = if turn % 2 == 0 {
                let our = ours(&mine).await;
                (our, once(&plain).await)
            } else {
                let other = once(&plain).await;
                (ours(&mine).await, other)
            };
            if turn >= WARM_UP {
                our_ns += our;
                plain_ns += other;
            }
        }
        let ratio = u128::from(our_ns) * MILLION / u128::from(plain_ns.max(1));
        ratios.push(u64::try_from(ratio).unwrap_or(u64::MAX));
    }
    ratios
}

fn report(name: &str, what: &str, ratios: &[u64]) {
    let Some(estimate) = findings::Estimate::of_whole(ratios) else {
        return;
    };
    let of_one = |millionths: f64| millionths / MILLION as f64;
    let interval = estimate.interval.map_or_else(
        || "too few for an interval".to_owned(),
        |ends| format!("[{:.3}, {:.3}]", of_one(ends.low), of_one(ends.high)),
    );
    println!(
        "{name:<40} {what:<19} {:.3} {interval} (n = {})",
        of_one(estimate.value),
        estimate.n
    );
}
