//! `wasi:config` and `wasi:keyvalue` for the components that import them.
//!
//! Written out, and not taken from the engine's own crates for them: those know one draft of each, of
//! which services import several with nearly the same functions; and their store copies all of its
//! data into each bucket that is opened, so that nothing which is written is ever seen by the next
//! request, and nothing bounds it.

mod config;
mod keys;
mod keyvalue;

use host_probe::given::{Interfaces, Variable};
use wasmtime::component::{Linker, ResourceTable};

pub(crate) use self::config::INTERFACES as CONFIG;
pub(crate) use self::keyvalue::INTERFACES as KEYVALUE;

/// Whether this is an interface of these two.
pub(crate) fn has(interface: &str) -> bool {
    CONFIG.contains(&interface) || KEYVALUE.contains(&interface)
}

/// The data of a store whose guest may import them.
pub(crate) trait Stateful: Send + 'static {
    /// Where what the host keeps for the guest is.
    fn table(&mut self) -> &mut ResourceTable;
    /// What the guest is configured with.
    fn config(&self) -> &[Variable];
}

/// Defines those that are imported.
///
/// # Errors
/// The engine's own.
pub(crate) fn add_to_linker<T: Stateful>(
    linker: &mut Linker<T>,
    imported: Interfaces,
) -> wasmtime::Result<()> {
    if imported.config {
        config::add_to_linker(linker)?;
    }
    if imported.keyvalue {
        keyvalue::add_to_linker(linker)?;
    }
    Ok(())
}
