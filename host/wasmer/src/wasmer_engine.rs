//! What Wasmer does in a start.

use host_command::wasi::Wasi;
use host_command::{Engine, Instance, wrong};
use host_probe::limits::MEMORY_BYTES;
use host_probe::report::{Cause, Failure};
use host_probe::request::{Preparation, Spec};
use host_probe::settings::{Compiler, EngineSettings};
use machine::Timeline;
use results::{Attested, Evidence, Phase};
#[cfg(feature = "singlepass")]
use wasmer::sys::Singlepass;
use wasmer::sys::{CompilerConfig, Cranelift, EngineBuilder, NativeEngineExt as _};
use wasmer::{FunctionEnv, InstantiationError, Store};

use crate::code::{self, Code};
use crate::imports::{self, Guest};
use crate::limits::{self, Limited};

/// Wasmer's version: a test compares it with the lock file.
pub const VERSION: &str = "7.4.2";

/// Wasmer, configured.
pub struct Wasmer {
    engine: wasmer::Engine,
}

/// A store with an instance in it.
pub struct Running {
    store: Store,
    env: FunctionEnv<Guest>,
    instance: wasmer::Instance,
}

/// An engine with these settings, in which a memory may become so large. What is not named is as the
/// engine has it by itself: it compiles on as many threads as there are cores.
///
/// # Errors
/// It has no such compiler.
pub fn engine(
    settings: &EngineSettings,
    memory_limit_bytes: u64,
) -> Result<wasmer::Engine, Failure> {
    let compiler: Box<dyn CompilerConfig> = match settings.compiler {
        Compiler::Cranelift => Box::new(Cranelift::default()),
        #[cfg(feature = "singlepass")]
        Compiler::Singlepass => Box::new(Singlepass::default()),
        #[cfg(not(feature = "singlepass"))]
        Compiler::Singlepass => {
            let reason = "Singlepass is not in this build, since its licence allows no production: \
                `--select compiler=singlepass` has it built in where cargo runs `host phases`";
            return Err(Failure::new(Cause::Machine, reason));
        }
        Compiler::CraneliftNone | Compiler::Winch => {
            return Err(Failure::new(
                Cause::Harness,
                "this engine has no such compiler",
            ));
        }
    };
    let mut engine = wasmer::Engine::from(EngineBuilder::new(compiler).engine());
    engine.set_tunables(Limited::new(memory_limit_bytes));
    Ok(engine)
}

impl Engine for Wasmer {
    const VERSION: &'static str = VERSION;

    type Code = Code;
    type Instance = Running;

    fn new(spec: &Spec) -> Result<Self, Failure> {
        let engine = engine(&spec.settings, spec.memory_limit_bytes)?;
        Ok(Self { engine })
    }

    fn acquire(&self, spec: &Spec, timeline: &mut Timeline) -> Result<Code, Failure> {
        code::acquire(&self.engine, spec, timeline)
    }

    /// Functions belong to a store here, which comes before them: there is no `store` apart from `link`.
    fn instantiate(
        &self,
        code: &Code,
        spec: &Spec,
        timeline: &mut Timeline,
    ) -> Result<Running, Failure> {
        let begun = timeline.follow();
        let mut store = Store::new(self.engine.clone());
        let guest = Guest {
            wasi: Wasi::new(spec)?,
            memory: None,
        };
        let env = FunctionEnv::new(&mut store, guest);
        let imports = imports::define(&mut store, &env);
        timeline.end(Phase::Link, begun);

        let begun = timeline.follow();
        let instance = wasmer::Instance::new(&mut store, &code.module, &imports);
        if let Ok(instance) = &instance {
            // Which memory it is, WASI says by that name. A guest without one has nothing to call with.
            let memory = instance.exports.get_memory("memory").ok().cloned();
            env.as_mut(&mut store).memory = memory;
        }
        timeline.end(Phase::Instantiate, begun);
        let instance = instance.map_err(|error| {
            let failure = not_instantiated(code, spec, &error);
            env.as_ref(&store).wasi.not_instantiated(failure)
        })?;
        Ok(Running {
            store,
            env,
            instance,
        })
    }

    fn attest(&self, code: &Code) -> Attested {
        // `cranelift-opt-speed` and the like.
        let id = self.engine.deterministic_id();
        let compiler = id.split('-').next().unwrap_or_default().to_owned();
        let mut attested = Attested::new();
        attested.insert(Evidence::Compiler, compiler);
        attested.insert(Evidence::Cache, code.cache);
        attested
    }

    fn prepare(preparation: &Preparation) -> Result<(), Failure> {
        let engine = engine(&preparation.settings, MEMORY_BYTES)?;
        code::prepare(&engine, preparation)
    }
}

/// Why there is no instance: by what it imports, by the memory that it asks for, or by itself.
fn not_instantiated(code: &Code, spec: &Spec, error: &InstantiationError) -> Failure {
    let memories = code.module.info().memories.values();
    let mut reached =
        memories.filter_map(|it| limits::reached(it.minimum, spec.memory_limit_bytes));
    if let Some(reason) = reached.next() {
        return Failure::new(Cause::MemoryLimit, reason);
    }
    let cause = match error {
        InstantiationError::Start(_) => Cause::Guest,
        _ => Cause::Artifact,
    };
    wrong(cause, "it cannot be instantiated", error)
}

impl Instance for Running {
    fn run(&mut self) -> Result<(), Failure> {
        let start = self
            .instance
            .exports
            .get_typed_function::<(), ()>(&self.store, "_start");
        let start = start.map_err(|error| wrong(Cause::Artifact, "it has no `_start`", &error))?;
        start
            .call(&mut self.store)
            .map_err(|error| wrong(Cause::Guest, "the guest trapped", &error.message()))
    }

    fn wasi(&mut self) -> &mut Wasi {
        &mut self.env.as_mut(&mut self.store).wasi
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_the_one_that_is_linked() {
        let lock = include_str!("../Cargo.lock");
        let version = super::VERSION;
        assert!(lock.contains(&format!("name = \"wasmer\"\nversion = \"{version}\"")));
    }
}
