//! The adapters that come with this program or were described to it, and how they are referred to.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use campaign::{Error, Exit};
use systems::Family;

use super::described::{self, Described};
use super::{Adapter, containerd, docker, microvm, oci, podman, wasmcloud, wasmedge, wasmtime};

/// A system, by its adapter. Two are the same if their adapters have the same name; they are
/// ordered as in tables.
#[derive(Clone, Copy)]
pub struct System(&'static dyn Adapter);

/// Those that are code; no order is meant.
static ADAPTERS: [&dyn Adapter; 16] = [
    &wasmtime::WasmtimeEmbedded,
    &wasmedge::WasmEdgeEmbedded,
    &wasmtime::WasmtimeCli,
    &docker::Docker { wasmtime: false },
    &docker::Docker { wasmtime: true },
    &containerd::Containerd,
    &oci::runtime::Runtime(oci::product::RUNC),
    &oci::runtime::Runtime(oci::product::CRUN),
    &oci::runtime::Runtime(oci::product::YOUKI),
    &oci::runtime::Runtime(oci::product::GVISOR),
    &podman::Podman,
    &wasmcloud::WasmCloud,
    &microvm::MicroVm::BARE,
    &microvm::MicroVm::QEMU,
    &microvm::MicroVm::QEMU_LINUX,
    &microvm::MicroVm::FIRECRACKER,
];

/// Those that a person described to this process.
static OWN: RwLock<Vec<&'static Described>> = RwLock::new(Vec::new());

/// Every adapter, wherever it comes from: nothing but this knows that.
fn adapters() -> Vec<&'static dyn Adapter> {
    let own = OWN.read().unwrap_or_else(PoisonError::into_inner);
    let described = described::SYSTEMS.iter().chain(own.iter().copied());
    let described = described.map(|it| it as &'static dyn Adapter);
    ADAPTERS.into_iter().chain(described).collect()
}

impl System {
    /// The system of an adapter, whether it comes with this program or not.
    pub const fn new(adapter: &'static dyn Adapter) -> Self {
        Self(adapter)
    }

    /// Makes a described system known to this process, for as long as it lives.
    ///
    /// # Errors
    /// Another has its name.
    pub fn register(described: Described, file: &Path) -> Result<Self, Error> {
        let name = described.name();
        if Self::from_name(name).is_some() {
            let file = file.display();
            let message = format!("{file}: system.{name}: a system of that name is there already");
            return Err(Error::new(Exit::Usage, message).hint("give yours a name of its own"));
        }
        let described = Box::leak(Box::new(described));
        OWN.write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(described);
        Ok(Self(described))
    }

    /// Every system that comes with this program or was described to it, in the order of tables.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<_> = adapters().into_iter().map(Self).collect();
        all.sort();
        all
    }

    /// The names of [`Self::all`].
    pub fn names() -> Vec<&'static str> {
        Self::all()
            .into_iter()
            .map(|system| system.name())
            .collect()
    }

    /// The system of this name, or of one that it had before.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = results::System::current_name(name);
        let adapter = adapters()
            .into_iter()
            .find(|adapter| adapter.name() == name);
        adapter.map(Self)
    }

    /// The name in records.
    pub fn recorded(self) -> results::System {
        self.name().into()
    }

    /// The family that it is shown in.
    pub fn family(self) -> Family {
        systems::describe_as(&self.recorded(), self.description().as_ref()).family
    }

    fn key(self) -> (usize, &'static str) {
        (systems::rank(&self.recorded()), self.name())
    }
}

impl Deref for System {
    type Target = dyn Adapter;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for System {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for System {}

impl Ord for System {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for System {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for System {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_and_is_described() {
        let described: Vec<_> = systems::all().map(|system| system.name).collect();
        for system in System::all() {
            assert_eq!(System::from_name(system.name()), Some(system));
            assert!(described.contains(&system.recorded()), "{system:?}");
        }
        assert_eq!(System::from_name("nothing"), None);
        for described in described::SYSTEMS.iter() {
            let shown = systems::describe(&described.name().into());
            assert_eq!(described.label(), shown.label);
        }
        let before = System::from_name("native-portable").unwrap();
        assert_eq!(before.name(), "native-soft-sha");
    }
}
