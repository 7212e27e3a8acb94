//! The guests, and each made ready for what is timed.

use std::path::PathBuf;
use std::time::Duration;

use host::engine::wasmtime::guest::Guest as Data;
use host::engine::wasmtime::instance::Instance;
use host::engine::wasmtime::link::PreInstance;
use host::engine::wasmtime::{Then, new_engine, new_store};
use host_probe::given::Given;
use host_probe::request::{Call, Kind, Spec, World};
use host_probe::settings::{Acquire, Allocator, Configuration, EngineSettings, MemoryInit};
use machine::clock::now_ns;
use wasmtime::{Engine, Store};
use workloads::{Answer, Artifact, Expectation, Form, Workload};

use crate::Compiled;

/// Longer than any run of benchmarks: the timer is set as in a start, and never fires.
pub const TIME_LIMIT: Duration = Duration::from_hours(24);

/// The default of `host phases`.
const MEMORY_LIMIT_BYTES: u64 = 1 << 30;

/// `(module (memory (export "memory") 1) (func (export "_start")))`: a command that does nothing,
/// with one page of memory, so that what is left is the harness's and the engine's. In bytes, since
/// a parser of the text format would turn on features in the engine's dependencies, and with them
/// another build of the engine.
const SMALL: &[u8] = b"\0asm\x01\0\0\0\
    \x01\x04\x01\x60\0\0\
    \x03\x02\x01\0\
    \x05\x03\x01\0\x01\
    \x07\x13\x02\x06memory\x02\0\x06_start\0\0\
    \x0a\x04\x01\x02\0\x0b";

/// A guest, with all that a start of it needs.
pub struct Guest {
    /// The part of a benchmark's name.
    pub name: &'static str,
    /// Its bytes.
    pub wasm: Vec<u8>,
    /// What it is, what it is given, what is asked of it.
    pub spec: Spec,
    expected: [Expectation; 2],
}

impl Guest {
    /// All of them, from small to large.
    pub fn all() -> [Self; 3] {
        [Self::small(), Self::wasi(), Self::http()]
    }

    fn small() -> Self {
        let wasm = SMALL.to_vec();
        let expected = [1, 2].map(|_| Expectation::exit(0).with_body(""));
        Self {
            name: "small",
            wasm,
            spec: spec(Kind::Module, Call::Run(vec!["small".to_owned()])),
            expected,
        }
    }

    fn wasi() -> Self {
        Self::from_workload("wasi", Workload::Hello)
    }

    /// The service.
    pub fn http() -> Self {
        Self::from_workload("http", Workload::HttpHello)
    }

    fn from_workload(name: &'static str, workload: Workload) -> Self {
        let artifact: Artifact = workload.artifact().expect("it is built in");
        let kind = match artifact.form() {
            Form::HttpComponent => Kind::Component,
            Form::CoreModule | Form::SocketsModule | Form::BootImage => Kind::Module,
        };
        let call = match workload.call() {
            workloads::Call::Run(arguments) => Call::Run(
                std::iter::once(workload.name().to_owned())
                    .chain(arguments)
                    .collect(),
            ),
            workloads::Call::Http(request) => {
                let body_hex = hex::encode(request.body);
                Call::Http {
                    method: request.method,
                    target: request.target,
                    headers: request.headers,
                    body_hex,
                    keeps_headers: false,
                }
            }
        };
        let wasm = artifact.read().unwrap_or_else(|error| panic!("{error}"));
        Self {
            name,
            wasm,
            spec: spec(kind, call),
            expected: [1, 2].map(|nth| workload.expected(nth)),
        }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.spec.kind
    }

    /// Compiled and linked on an engine of its own.
    pub fn ready(&self, settings: EngineSettings) -> Ready<'_> {
        let engine = new_engine(settings, None).expect("the machine has room for an engine");
        let code = Compiled::compile(&engine, self.kind(), self.wasm.clone());
        self.linked(engine, code)
    }

    /// The same out of code that was compiled with these settings.
    pub fn loaded(&self, settings: EngineSettings, code: &[u8]) -> Ready<'_> {
        let engine = new_engine(settings, None).expect("the machine has room for an engine");
        let code = Compiled::deserialize(&engine, self.kind(), code.to_vec());
        self.linked(engine, code)
    }

    fn linked(&self, engine: Engine, code: Compiled) -> Ready<'_> {
        let pre_instance = code.link(&engine, &self.spec);
        Ready {
            guest: self,
            engine,
            code,
            pre_instance,
        }
    }
}

/// The engine's settings that most is measured with: the baseline's.
pub const BASELINE: EngineSettings = Configuration::BASELINE.settings;

/// The engine's settings, as in the baseline of `host phases` but for these two.
pub const fn settings(allocator: Allocator, memory_init: MemoryInit) -> EngineSettings {
    EngineSettings {
        allocator,
        memory_init,
        ..BASELINE
    }
}

/// `file` is empty: nothing here reads it.
fn spec(kind: Kind, call: Call) -> Spec {
    Spec {
        file: PathBuf::new(),
        kind,
        acquire: Acquire::Compile,
        cache: None,
        settings: BASELINE,
        world: if kind == Kind::Component {
            World::Proxy
        } else {
            World::Preview1
        },
        given: Given::default(),
        call,
        time_limit_ms: 1000 * TIME_LIMIT.as_secs(),
        memory_limit_bytes: MEMORY_LIMIT_BYTES,
    }
}

/// A guest that can be instantiated.
pub struct Ready<'a> {
    /// Which one.
    pub guest: &'a Guest,
    /// Its engine.
    pub engine: Engine,
    /// Its code.
    pub code: Compiled,
    /// It, linked.
    pub pre_instance: PreInstance,
}

impl Ready<'_> {
    /// A store: the `store` phase.
    #[inline]
    pub fn store(&self) -> Store<Data> {
        new_store(&self.engine, &self.guest.spec).expect("it is given nothing to open")
    }

    /// An instance: the `instantiate` phase.
    ///
    /// # Panics
    /// The machine has no memory left for it.
    #[inline]
    pub async fn instantiate(&self, store: &mut Store<Data>) -> Instance {
        self.pre_instance
            .instantiate(store)
            .await
            .expect("the guests can be instantiated")
    }

    /// Both in one.
    ///
    /// # Panics
    /// The machine has no memory left for it.
    #[inline]
    pub async fn store_instantiate(&self) -> (Store<Data>, Instance) {
        let mut store = self.store();
        let instance = self.instantiate(&mut store).await;
        (store, instance)
    }

    /// The `nth` call (from 1) on an instance, and how many nanoseconds it took until its answer
    /// was complete.
    ///
    /// # Panics
    /// The answer is not the expected one.
    pub async fn call(&self, instance: &Instance, store: &mut Store<Data>, nth: usize) -> u64 {
        let mut answered = 0;
        let begun = now_ns();
        let answer = instance
            .call(
                store,
                &self.guest.spec.call,
                (TIME_LIMIT, Then::Interrupt),
                |at_ns| answered = at_ns.unwrap_or_else(now_ns),
            )
            .await;
        let answer = answer.expect("the guests answer").answered;
        let body = hex::decode(answer.body_hex).expect("it is hexadecimal");
        let answer = Answer::new(answer.code, body);
        self.guest.expected[nth - 1]
            .check(&answer)
            .expect("the guests answer as expected");
        answered - begun
    }
}
