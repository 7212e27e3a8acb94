//! Families of systems: under which heading a system stands where many are shown.
//!
//! A [`Kind`](crate::Kind) says what a system is compared with, and a family where it is looked for:
//! a sandbox is compared with containers and stands by itself.

use serde::Serialize;

use super::Kind;

/// Where a system is looked for, in the order in which families are shown: from what is nearest to
/// the bare program to what is furthest from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Machine code as the operating system starts it.
    Native,
    /// An engine of WebAssembly as a library, in a program made for it.
    Embedded,
    /// An engine of WebAssembly under a command line.
    CommandLine,
    /// A runtime of JavaScript.
    Isolate,
    /// A container, or what starts one.
    Container,
    /// A container whose system calls another kernel handles, in a process of its own.
    Sandbox,
    /// A virtual machine for one program.
    MicroVm,
    /// A platform that decides where a workload runs, and runs it.
    Orchestrator,
    /// None of these, or unknown.
    Other,
}

impl Family {
    /// All of them, in their order.
    pub const ALL: [Self; 9] = [
        Self::Native,
        Self::Embedded,
        Self::CommandLine,
        Self::Isolate,
        Self::Container,
        Self::Sandbox,
        Self::MicroVm,
        Self::Orchestrator,
        Self::Other,
    ];

    /// What people call it: a heading.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Embedded => "engines embedded",
            Self::CommandLine => "command lines",
            Self::Isolate => "isolates",
            Self::Container => "containers",
            Self::Sandbox => "sandboxes",
            Self::MicroVm => "micro-VMs",
            Self::Orchestrator => "orchestrators",
            Self::Other => "others",
        }
    }
}

/// The family of a system of which only its kind is known: a person's own is started by a command
/// line.
impl From<Kind> for Family {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Native => Self::Native,
            Kind::Wasm => Self::CommandLine,
            Kind::Container => Self::Container,
            Kind::Isolate => Self::Isolate,
            Kind::MicroVm => Self::MicroVm,
            Kind::Unknown => Self::Other,
        }
    }
}

/// Items in families: each family that has any, in the order of families, with its items in theirs.
pub fn in_families<T>(
    items: impl IntoIterator<Item = T>,
    family: impl Fn(&T) -> Family,
) -> Vec<(Family, Vec<T>)> {
    let mut families: Vec<(Family, Vec<T>)> = Family::ALL.map(|it| (it, Vec::new())).into();
    for item in items {
        let of = family(&item);
        let place = families.iter_mut().find(|(it, _)| *it == of);
        place.expect("every family is listed").1.push(item);
    }
    families.retain(|(_, items)| !items.is_empty());
    families
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_in_order_and_keep_that_of_their_items() {
        assert!(Family::ALL.is_sorted());
        let items = [
            (Family::Isolate, 1),
            (Family::Native, 2),
            (Family::Isolate, 3),
        ];
        let found = in_families(items, |(family, _)| *family);
        let shown: Vec<_> = found
            .iter()
            .map(|(family, items)| (*family, items.iter().map(|it| it.1).collect::<Vec<_>>()))
            .collect();
        assert_eq!(
            shown,
            [(Family::Native, vec![2]), (Family::Isolate, vec![1, 3])]
        );
    }
}
