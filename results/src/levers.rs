//! The levers of Wasmtime: settings of an embedded start that an engineer may move one at a time to
//! have it start faster. One table: who measures plans by it, who reports knows by it which cells
//! differ in one.

use crate::names::Param;

/// What must hold of a start for a lever to have an effect on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It compiles.
    Compiles,
    /// Its code is compiled by Cranelift, now or before.
    Cranelift,
    /// It copies compiled code out of memory.
    Deserializes,
    /// It maps a file of compiled code.
    MapsFile,
    /// Its memories get their contents copy-on-write.
    CopyOnWrite,
    /// Its guest is a core module.
    CoreModule,
    /// Its guest is a component.
    Component,
    /// Its guest is called once and runs to its end.
    RunsToEnd,
}

impl When {
    /// In words, after "where".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Compiles => "the start compiles",
            Self::Cranelift => "Cranelift compiles",
            Self::Deserializes => "code is copied (`deserialize`)",
            Self::MapsFile => "code is a mapped file (`deserialize_file`)",
            Self::CopyOnWrite => "memories are mapped copy-on-write",
            Self::CoreModule => "the guest is a core module",
            Self::Component => "the guest is a component",
            Self::RunsToEnd => "the guest runs to its end",
        }
    }
}

/// A lever. In cells it is absent where it stands as the engine has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lever {
    /// Its key in cells and on command lines.
    pub param: &'static Param,
    /// Its positions. The first is the one of the engine, if nobody moves it.
    pub values: &'static [&'static str],
    /// All that must hold for it to have an effect.
    pub when: &'static [When],
    /// Whether compiling differs by it: code is then compiled, and tried, for each of its positions.
    pub in_code: bool,
}

const fn lever(
    param: &'static Param,
    values: &'static [&'static str],
    when: &'static [When],
    in_code: bool,
) -> Lever {
    Lever {
        param,
        values,
        when,
        in_code,
    }
}

/// All of them, in the order of tables. The settings of a pool are not among them: they are one
/// parameter, [`Param::PoolLimits`].
pub const LEVERS: [Lever; 18] = [
    lever(
        &Param::CowImage,
        &["lazy", "eager"],
        &[When::CopyOnWrite],
        false,
    ),
    lever(&Param::ThreadInit, &["lazy", "eager"], &[], false),
    lever(
        &Param::MemoryReservation,
        &["4GiB", "64MiB", "0"],
        &[],
        true,
    ),
    lever(&Param::MemoryGuard, &["32MiB", "64KiB", "0"], &[], true),
    lever(&Param::GuardBefore, &["yes", "no"], &[], true),
    lever(&Param::MemoryMayMove, &["yes", "no"], &[], true),
    lever(&Param::SignalTraps, &["yes", "no"], &[], true),
    lever(&Param::TableInit, &["lazy", "eager"], &[], true),
    lever(
        &Param::MemoryImageIn,
        &["file", "memfd"],
        &[When::CopyOnWrite, When::MapsFile],
        false,
    ),
    lever(&Param::AddressMap, &["yes", "no"], &[], true),
    lever(&Param::UnwindInfo, &["yes", "no"], &[When::Cranelift], true),
    lever(
        &Param::Concurrency,
        &["no", "yes"],
        &[When::Component],
        true,
    ),
    lever(
        &Param::IncrementalCompilation,
        &["no", "yes"],
        &[When::Compiles],
        true,
    ),
    lever(
        &Param::RegisterAllocator,
        &["backtracking", "single_pass"],
        &[When::Cranelift],
        true,
    ),
    lever(&Param::Inlining, &["no", "yes"], &[When::Cranelift], true),
    lever(
        &Param::CodeMemory,
        &["copied", "given"],
        &[When::Deserializes],
        false,
    ),
    lever(
        &Param::CodeFile,
        &["path", "open"],
        &[When::MapsFile, When::CoreModule],
        false,
    ),
    lever(
        &Param::Calls,
        &["fibre", "direct"],
        &[When::CoreModule, When::RunsToEnd],
        false,
    ),
];

impl Lever {
    /// The position of the engine, if nobody moves it.
    pub const fn default_value(&self) -> &'static str {
        self.values[0]
    }

    /// The lever of a parameter, if it is one.
    pub fn of(param: &Param) -> Option<&'static Self> {
        LEVERS.iter().find(|lever| lever.param == param)
    }
}

/// Positions of all levers: of each the place in [`Lever::values`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Positions([u8; LEVERS.len()]);

impl Positions {
    /// All as the engine has them.
    pub const DEFAULT: Self = Self([0; LEVERS.len()]);

    /// The name of a lever's position.
    ///
    /// # Panics
    /// If there is no such lever.
    pub fn value(&self, param: &Param) -> &'static str {
        let at = LEVERS.iter().position(|lever| lever.param == param);
        let at = at.expect("who asks for a lever names one of the table");
        LEVERS[at].values[usize::from(self.0[at])]
    }

    /// Whether a lever is moved.
    ///
    /// # Panics
    /// If there is no such lever.
    pub fn is_moved(&self, param: &Param) -> bool {
        Lever::of(param).is_some_and(|lever| self.value(param) != lever.default_value())
    }

    /// The levers that are moved, with their positions.
    pub fn moved(&self) -> impl Iterator<Item = (&'static Lever, &'static str)> + '_ {
        let positions = LEVERS.iter().zip(self.0);
        let moved = positions.filter(|(_, place)| *place > 0);
        moved.map(|(lever, place)| (lever, lever.values[usize::from(place)]))
    }

    /// The same with one lever, by its place in [`LEVERS`], in one position.
    #[must_use]
    pub fn with(mut self, lever: usize, place: u8) -> Self {
        self.0[lever] = place;
        self
    }

    /// The same without the levers that this does not hold for.
    #[must_use]
    pub fn only(mut self, has_effect: impl Fn(&Lever) -> bool) -> Self {
        for (lever, place) in LEVERS.iter().zip(&mut self.0) {
            if !has_effect(lever) {
                *place = 0;
            }
        }
        self
    }

    /// A digit for each lever.
    pub fn digits(&self) -> String {
        let digits = self.0.iter().map(|place| char::from(b'0' + place));
        digits.collect()
    }

    /// Those that [`Self::digits`] wrote.
    pub fn from_digits(text: &str) -> Option<Self> {
        let mut places = Self::DEFAULT;
        if text.len() != LEVERS.len() {
            return None;
        }
        for (at, digit) in text.bytes().enumerate() {
            let place = digit.wrapping_sub(b'0');
            LEVERS[at].values.get(usize::from(place))?;
            places.0[at] = place;
        }
        Some(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_as_digits() {
        let reservation = Positions::DEFAULT.with(2, 2);
        assert_eq!(reservation.value(&Param::MemoryReservation), "0");
        let text = reservation.digits();
        assert_eq!(Positions::from_digits(&text), Some(reservation));
        assert_eq!(Positions::from_digits("0"), None);
        assert_eq!(Positions::from_digits(&text.replace('2', "9")), None);
        let moved: Vec<_> = reservation.moved().map(|(_, value)| value).collect();
        assert_eq!(moved, ["0"]);
        assert_eq!(reservation.only(|_| false), Positions::DEFAULT);
    }

    #[test]
    fn every_lever_can_be_moved_and_there_is_one_of_each() {
        for (at, lever) in LEVERS.iter().enumerate() {
            assert!(lever.values.len() > 1, "{}", lever.param);
            assert!(lever.values.len() < 10, "a digit names a position");
            assert_eq!(Lever::of(lever.param), Some(&LEVERS[at]));
        }
    }
}
