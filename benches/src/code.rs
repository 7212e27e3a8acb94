//! A guest's code in either of its two kinds: what the probe knows by its type is a value here.

use std::path::Path;

use host::engine::wasmtime::Code;
use host::engine::wasmtime::guest::Guest as Data;
use host::engine::wasmtime::link::{PreInstance, component_linker, module_linker};
use host_probe::request::{Kind, Spec};
use wasmtime::component::{Component, Linker as ComponentLinker};
use wasmtime::{Engine, Linker, Module};

/// Executable code.
pub enum Compiled {
    /// A core module.
    Module(Module),
    /// A component.
    Component(Component),
}

impl Compiled {
    /// From Wasm, which is dropped within: the `compile` phase.
    pub fn compile(engine: &Engine, kind: Kind, wasm: Vec<u8>) -> Self {
        let compiled = match kind {
            Kind::Module => Code::compile(engine, &wasm).map(Self::Module),
            Kind::Component => Code::compile(engine, &wasm).map(Self::Component),
        };
        drop(wasm);
        compiled.expect("the guests compile")
    }

    /// From precompiled bytes, which are dropped within: the `deserialize` phase.
    pub fn deserialize(engine: &Engine, kind: Kind, code: Vec<u8>) -> Self {
        let loaded = match kind {
            Kind::Module => Code::deserialize(engine, &code).map(Self::Module),
            Kind::Component => Code::deserialize(engine, &code).map(Self::Component),
        };
        drop(code);
        loaded.expect("what was serialized loads")
    }

    /// From a precompiled file, which is mapped: the `deserialize_file` phase.
    pub fn deserialize_file(engine: &Engine, kind: Kind, file: &Path) -> Self {
        match kind {
            Kind::Module => Code::deserialize_file(engine, file).map(Self::Module),
            Kind::Component => Code::deserialize_file(engine, file).map(Self::Component),
        }
        .expect("what was serialized loads")
    }

    /// A copy of the compiled image.
    pub fn serialize(&self) -> Vec<u8> {
        match self {
            Self::Module(module) => module.serialize(),
            Self::Component(component) => component.serialize(),
        }
        .expect("compiled code can be serialized")
    }

    /// Linker and pre-instantiation: the `link` phase.
    pub fn link(&self, engine: &Engine, spec: &Spec) -> PreInstance {
        match self {
            Self::Module(module) => PreInstance::module(engine, module, spec),
            Self::Component(component) => PreInstance::component(engine, component, spec),
        }
        .expect("the guests link")
    }
}

/// A linker that has everything a guest may import.
pub enum HostFunctions {
    /// WASI preview 1.
    Module(Linker<Data>),
    /// The component's world.
    Component(Box<ComponentLinker<Data>>),
}

impl HostFunctions {
    /// Those of a guest.
    pub fn new(engine: &Engine, spec: &Spec) -> Self {
        match spec.kind {
            Kind::Module => module_linker(engine).map(Self::Module),
            Kind::Component => component_linker(engine, spec)
                .map(Box::new)
                .map(Self::Component),
        }
        .expect("host functions can be defined")
    }

    /// The pre-instantiation alone.
    pub fn instantiate_pre(&self, code: &Compiled, spec: &Spec) -> PreInstance {
        match (self, code) {
            (Self::Module(linker), Compiled::Module(module)) => {
                PreInstance::module_with(linker, module)
            }
            (Self::Component(linker), Compiled::Component(component)) => {
                PreInstance::component_with(linker, component, spec)
            }
            _ => unreachable!("a guest's spec and code are of one kind"),
        }
        .expect("the guests link")
    }
}
