//! Cells: what was measured of each, described in numbers, and what each is called.

mod cell;
mod failures;
mod lateness;
mod measure;
mod names;
mod sequence;

pub use cell::{
    CellFacts, GENERATOR_LIMIT, HarnessTime, Measured, NEAR_LIMIT, PartFacts, PhaseFacts,
    StartPhases,
};
pub use failures::FAILS_OFTEN;
pub(crate) use lateness::of_starts;
pub use lateness::{Lateness, shifted, widened};
pub use measure::Measure;
pub use names::Names;
pub use sequence::RequestFacts;

use results::values::{Named as _, Virtualisation};
use results::{Cell, Param};

/// The cell under its system's first name.
#[must_use]
pub fn original(cell: &Cell) -> Cell {
    Cell {
        system: cell.system.original(),
        ..cell.clone()
    }
}

/// The cell whose starts nothing observed.
#[must_use]
pub fn unobserved(cell: &Cell) -> Cell {
    let mut cell = cell.clone();
    if cell.params.contains_key(Param::Observer) {
        cell.params.insert(Param::Observer, UNOBSERVED);
    }
    cell
}

/// The cell without some of its parameters: cells that differ in those only have this in common.
#[must_use]
pub fn without(cell: &Cell, keys: &[Param]) -> Cell {
    Cell {
        params: cell.params.without(keys),
        ..cell.clone()
    }
}

/// The value of [`Param::Observer`] of starts that nothing takes apart.
const UNOBSERVED: &str = "none";

/// Whether the cell's total is one to quote: nothing observed its starts.
pub fn is_unobserved(cell: &Cell) -> bool {
    cell.params
        .get(Param::Observer)
        .is_none_or(|observer| observer == UNOBSERVED)
}

/// Whether a cell is of the system as people would use it: nothing left out, no build of a person's
/// own in place of the workload, all CPUs that its scenario gives, no firewall in its way, no network
/// in between, and no virtual machine that only an interpreter or an emulator runs. A container's bridge is a network in any case: its clients are at the other end of it.
pub fn is_plain(cell: &Cell) -> bool {
    stands_apart(cell).is_none() && is_as_used(cell)
}

/// The same, whatever executes its virtual machine.
pub(crate) fn is_as_used(cell: &Cell) -> bool {
    let params = &cell.params;
    let is_near = params.get(Param::Path).is_none_or(|it| it == "loopback");
    let is_held = params.contains_key(Param::DelayMs) || params.contains_key(Param::RateMbit);
    let is_bridge = params.is(Param::Network, "bridge") && !cell.scenario.starts();
    !params.contains_key(Param::Without)
        && !params.contains_key(Param::Build)
        && !params.contains_key(Param::Cpus)
        && params.get(Param::Firewall).is_none_or(|it| it == "off")
        && (is_near || is_bridge && !is_held)
}

/// What executes a cell's virtual machine, where that makes its figures incomparable with any others.
pub fn stands_apart(cell: &Cell) -> Option<Virtualisation> {
    let name = cell.params.get(Param::Virtualisation)?;
    let known = Virtualisation::from_name(name)?;
    known.incomparable().map(|_| known)
}
