//! What Wasmi does in a start.

use host_command::wasi::{FUNCTIONS, Function, MODULE, MOST_PARAMETERS, NoMemory, Type, Wasi};
use host_command::{Engine, Instance, read, wrong};
use host_probe::report::{Cause, Failure};
use host_probe::request::{Preparation, Spec};
use host_probe::settings::{EngineSettings, Named as _, Translation};
use machine::Timeline;
use results::{Attested, Evidence, Phase};
use wasmi::{
    Caller, CompilationMode, Config, Error, Extern, FuncType, Linker, Module, Store, Val, ValType,
};

use crate::limiter::Limiter;

/// Wasmi's version: a test compares it with the lock file.
pub const VERSION: &str = "2.0.0";

/// Wasmi, configured.
#[derive(Debug)]
pub struct Wasmi {
    engine: wasmi::Engine,
}

/// What a store holds for its guest.
#[derive(Debug)]
struct Guest {
    wasi: Wasi,
    limiter: Limiter,
}

/// A store with an instance in it.
#[derive(Debug)]
pub struct Running {
    store: Store<Guest>,
    instance: wasmi::Instance,
}

impl Wasmi {
    /// An engine with these settings.
    pub fn configured(settings: &EngineSettings) -> Self {
        let mut config = Config::default();
        config.compilation_mode(match settings.translation {
            Translation::LazyTranslation => CompilationMode::LazyTranslation,
            Translation::Eager => CompilationMode::Eager,
            Translation::Lazy => CompilationMode::Lazy,
        });
        Self {
            engine: wasmi::Engine::new(&config),
        }
    }

    /// A module out of its bytes.
    ///
    /// # Errors
    /// It is not valid here.
    pub fn module(&self, wasm: &[u8]) -> Result<Module, Failure> {
        Module::new(&self.engine, wasm)
            .map_err(|error| wrong(Cause::Artifact, "it is not valid here", &error))
    }

    /// All host functions, defined.
    ///
    /// # Errors
    /// Never: no name is defined twice.
    fn linker(&self) -> Result<Linker<Guest>, Failure> {
        let mut linker = Linker::new(&self.engine);
        for function in &FUNCTIONS {
            linker
                .func_new(
                    MODULE,
                    function.name,
                    signature(function),
                    move |caller, given, results| call(function, caller, given, results),
                )
                .map_err(|error| wrong(Cause::Harness, "it does not link", &error))?;
        }
        Ok(linker)
    }
}

/// A function's type as this engine has it.
fn signature(function: &Function) -> FuncType {
    let parameters = function.parameters.iter().map(|it| match it {
        Type::I32 => ValType::I32,
        Type::I64 => ValType::I64,
    });
    FuncType::new(parameters, function.returns.then_some(ValType::I32))
}

/// A guest's call of a host function.
fn call(
    function: &Function,
    mut caller: Caller<'_, Guest>,
    given: &[Val],
    results: &mut [Val],
) -> Result<(), Error> {
    let mut numbers = [0; MOST_PARAMETERS];
    for (number, value) in numbers.iter_mut().zip(given) {
        *number = match value {
            Val::I32(value) => value.cast_unsigned().into(),
            Val::I64(value) => value.cast_unsigned(),
            _ => return Err(Error::new("a host function takes whole numbers only")),
        };
    }
    // Which memory it is, WASI says by that name.
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let numbers = &numbers[..given.len()];
    let returned = match memory {
        Some(memory) => {
            let (mut bytes, guest) = memory.data_and_store_mut(&mut caller);
            function.call(&mut guest.wasi, &mut bytes, numbers)
        }
        None => function.call(&mut caller.data_mut().wasi, &mut NoMemory, numbers),
    };
    match (returned, results) {
        (Some(error_number), [result]) => *result = Val::I32(error_number),
        (Some(_), _) => {}
        (None, _) => return Err(Error::new("stopped")),
    }
    Ok(())
}

impl Engine for Wasmi {
    const VERSION: &'static str = VERSION;

    type Code = Module;
    type Instance = Running;

    fn new(spec: &Spec) -> Result<Self, Failure> {
        Ok(Self::configured(&spec.settings))
    }

    fn acquire(&self, spec: &Spec, timeline: &mut Timeline) -> Result<Module, Failure> {
        let begun = timeline.follow();
        let wasm = read(&spec.file)?;
        timeline.end(Phase::Read, begun);
        let begun = timeline.follow();
        let module = self.module(&wasm);
        drop(wasm);
        timeline.end(Phase::Validate, begun);
        module
    }

    fn instantiate(
        &self,
        code: &Module,
        spec: &Spec,
        timeline: &mut Timeline,
    ) -> Result<Running, Failure> {
        let begun = timeline.follow();
        let linker = self.linker()?;
        timeline.end(Phase::Link, begun);

        let begun = timeline.follow();
        let guest = Guest {
            wasi: Wasi::new(spec)?,
            limiter: Limiter::new(spec.memory_limit_bytes),
        };
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.limiter);
        timeline.end(Phase::Store, begun);

        let begun = timeline.follow();
        let instance = linker.instantiate_and_start(&mut store, code);
        timeline.end(Phase::Instantiate, begun);
        match instance {
            Ok(instance) => Ok(Running { store, instance }),
            Err(error) => {
                let guest = store.data();
                let failure = guest.limiter.reached().unwrap_or_else(|| {
                    let cause = if error.as_trap_code().is_some() {
                        Cause::Guest
                    } else {
                        Cause::Artifact
                    };
                    wrong(cause, "it cannot be instantiated", &error)
                });
                Err(guest.wasi.not_instantiated(failure))
            }
        }
    }

    /// What the engine says of its own configuration: it has no other record of how it translates.
    fn attest(&self, _: &Module) -> Attested {
        let config = format!("{:?}", self.engine.config());
        let mut attested = Attested::new();
        attested.insert(Evidence::RunMode, "interpreter");
        let found = Translation::ALL.iter().find(|it| {
            let mode = match it {
                Translation::LazyTranslation => "LazyTranslation",
                Translation::Eager => "Eager",
                Translation::Lazy => "Lazy",
            };
            config.contains(&format!("compilation_mode: {mode},"))
        });
        if let Some(translation) = found {
            attested.insert(Evidence::Translation, translation.name());
        }
        attested
    }

    fn prepare(_: &Preparation) -> Result<(), Failure> {
        let reason = "this engine has no code that could be kept";
        Err(Failure::new(Cause::Harness, reason))
    }
}

impl Instance for Running {
    fn run(&mut self) -> Result<(), Failure> {
        let start = self
            .instance
            .get_typed_func::<(), ()>(&self.store, "_start");
        let ran = start.and_then(|start| start.call(&mut self.store, ()));
        ran.map_err(|error| match self.store.data().limiter.reached() {
            Some(reached) => reached,
            None => wrong(Cause::Guest, "the guest trapped", &error),
        })
    }

    fn wasi(&mut self) -> &mut Wasi {
        &mut self.store.data_mut().wasi
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_the_one_that_is_linked() {
        let lock = include_str!("../../../Cargo.lock");
        let version = super::VERSION;
        assert!(lock.contains(&format!("name = \"wasmi\"\nversion = \"{version}\"")));
    }
}
