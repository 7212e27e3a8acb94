//! `wasi:config`: what a guest is told by `--config`, and nothing else.

use std::collections::BTreeMap;

use host_probe::given::Variable;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower};

use super::Stateful;

/// The drafts that are known: all of them have the same two functions.
pub(crate) const INTERFACES: [&str; 4] = [
    "wasi:config/store@0.2.0-rc.1",
    "wasi:config/store@0.2.0-draft",
    "wasi:config/store@0.2.0-draft-2024-09-27",
    "wasi:config/runtime@0.2.0-draft",
];

/// Defines it under each of its names.
pub(super) fn add_to_linker<T: Stateful>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    for name in INTERFACES {
        add_functions(&mut linker.instance(name)?)?;
    }
    Ok(())
}

/// `variant error` of `wasi:config`, of which no host function here makes any.
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(variant)]
enum ConfigError {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

fn add_functions<T: Stateful>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    instance.func_wrap("get", |store: StoreContextMut<'_, T>, (key,): (String,)| {
        let mut config = store.data().config().iter();
        // As in the environment of a process, the last of a name is the one that counts.
        let found = config.rfind(|variable| variable.name == key);
        let value = found.map(|variable| variable.value.clone());
        Ok((Ok::<_, ConfigError>(value),))
    })?;
    instance.func_wrap("get-all", |store: StoreContextMut<'_, T>, (): ()| {
        let config = store.data().config().iter();
        let all: BTreeMap<_, _> = config
            .map(|Variable { name, value }| (name.clone(), value.clone()))
            .collect();
        Ok((Ok::<Vec<_>, ConfigError>(all.into_iter().collect()),))
    })
}
