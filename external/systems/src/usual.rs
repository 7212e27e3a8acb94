//! Which system stands for its kind, and which of a system's cells stands for the system: by what
//! they are, so that it is settled before anything is measured.
//!
//! The quickest of k cells is quick by luck too: of eight alike cells, 12 % apart by noise alone,
//! the least of the medians of seven samples is a tenth below what all of them truly take, and the
//! interval around it misses the truth more often than it says. A cell that was named beforehand has
//! no such luck.

use std::cmp::Ordering;

use results::levers::Lever;
use results::{Cell, Param};

use super::{Kind, known, rank};

/// A parameter with its values, the one that people use unless they choose first. A parameter that
/// a cell does not have is as usual as can be, and a value that is not listed comes last.
pub(super) type Usual = (Param, &'static [&'static str]);

/// The systems that stand for a kind, the first choice first: the engine that both this project and
/// most others embed, and the engine of containers that most people run.
///
/// `native-soft-sha`, `docker-wasmtime` and the isolates that compute SHA-256 in JavaScript stand for
/// nothing but themselves.
pub const fn representatives(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Native => &["native"],
        Kind::Wasm => &[
            "wasmtime-embedded",
            "wasmtime-cli",
            "wasmedge-embedded",
            "wasmedge-cli",
            "wasmer-embedded",
            "wasmi-embedded",
            "wasmcloud",
            "wasmi-cli",
            "jco",
        ],
        Kind::Container => &[
            "docker",
            "podman",
            "containerd",
            "runc",
            "crun",
            "youki",
            "gvisor",
        ],
        Kind::Isolate => &["workerd", "bun", "deno", "node"],
        Kind::MicroVm => &["firecracker", "qemu-vm", "bare-vm", "qemu-linux"],
        Kind::Unknown => &[],
    }
}

/// What is usual whatever the system is.
const EVERYWHERE: [Usual; 5] = [
    // As the profiles that come with the program have it.
    (Param::Connections, &["10"]),
    (Param::Pace, &["closed"]),
    // Where it is what the scenario's name says, it is absent.
    (Param::PageCache, &["hot", "evicted", "evicted-all"]),
    // The image is what all systems pull, the program and no more, unless a layer comes with it.
    (Param::BaseLayer, &[]),
    (Param::Registry, &["plain", "tls"]),
];

/// Of some cells of one system, the one that stands for the system.
pub fn usual<'a, T>(
    items: impl IntoIterator<Item = T>,
    cell: impl Fn(&T) -> &'a Cell,
) -> Option<T> {
    items
        .into_iter()
        .min_by(|one, two| by_use(cell(one), cell(two)))
}

/// Of some cells, the one that stands for a kind of systems: of the first of its
/// [`representatives`] that has any, the usual one.
pub fn standing<'a, T>(
    kind: Kind,
    items: impl IntoIterator<Item = T>,
    cell: impl Fn(&T) -> &'a Cell,
) -> Option<T> {
    let place = |it: &T| {
        let name = cell(it).system.original_name();
        representatives(kind)
            .iter()
            .position(|system| *system == name)
    };
    let placed = items.into_iter().filter_map(|it| Some((place(&it)?, it)));
    let first = placed.min_by(|(one, this), (two, that)| {
        one.cmp(two).then_with(|| by_use(cell(this), cell(that)))
    });
    first.map(|(_, it)| it)
}

/// The more usual cell first; cells of different systems stand as in tables.
pub fn by_use(one: &Cell, two: &Cell) -> Ordering {
    let of_system = known().find(|known| known.name == one.system.original_name());
    let own = of_system.map_or(&[][..], |known| known.usual);
    let systems = rank(&one.system).cmp(&rank(&two.system));
    let mut order = systems.then_with(|| one.system.cmp(&two.system));
    for (param, values) in own.iter().chain(&EVERYWHERE) {
        let place = |cell: &Cell| place(values, cell.params.get(param));
        order = order.then_with(|| place(one).cmp(&place(two)));
    }
    order
        .then_with(|| moved(one).cmp(&moved(two)))
        .then_with(|| other_params(one).cmp(&other_params(two)))
        .then_with(|| one.cmp(two))
}

/// How many levers of the engine are not where it has them itself.
fn moved(cell: &Cell) -> usize {
    let params = cell.params.keys();
    params
        .filter(|param| {
            Lever::of(param).is_some() || matches!(param, Param::PoolSlots | Param::PoolLimits)
        })
        .count()
}

/// Where a value stands in a list: one that is absent first, one that is not listed last.
fn place(values: &[&str], value: Option<&str>) -> usize {
    let Some(value) = value else { return 0 };
    let at = values.iter().position(|known| *known == value);
    1 + at.unwrap_or(values.len())
}

/// The parameters with numbers as numbers: 9 connections are fewer than 10.
fn other_params(cell: &Cell) -> Vec<(&Param, u64, &str)> {
    let number = |value: &str| value.parse().unwrap_or(u64::MAX);
    let params = cell.params.iter();
    params
        .map(|(key, value)| (key, number(value), value.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use results::record::Scenario;

    use super::*;
    use crate::{all, describe};

    fn cell(system: &str, scenario: Scenario, params: &[(&str, &str)]) -> Cell {
        Cell {
            system: system.into(),
            workload: "http-hello".into(),
            scenario,
            params: params.iter().copied().collect(),
        }
    }

    fn chosen(cells: &[Cell]) -> Option<&Cell> {
        usual(cells, |it| it)
    }

    #[test]
    fn every_representative_is_described_and_of_its_kind() {
        let kinds = [
            Kind::Native,
            Kind::Wasm,
            Kind::Container,
            Kind::Isolate,
            Kind::MicroVm,
        ];
        for kind in kinds {
            for name in representatives(kind) {
                assert_eq!(describe(&(*name).into()).kind, kind, "{name}");
                assert!(all().any(|it| it.name == *name), "{name}");
            }
        }
        let wasm = all().filter(|it| it.kind == Kind::Wasm).count();
        assert_eq!(representatives(Kind::Wasm).len(), wasm);
    }

    #[test]
    fn a_lever_that_is_moved_is_not_usual() {
        let loaded = ("acquire", "deserialize_file");
        let cells = [
            cell(
                "wasmtime-embedded",
                Scenario::CodeCold,
                &[loaded, ("address_map", "no")],
            ),
            cell("wasmtime-embedded", Scenario::CodeCold, &[loaded]),
        ];
        assert_eq!(chosen(&cells), Some(&cells[1]));
    }

    #[test]
    fn an_image_with_a_layer_that_others_do_not_pull_stands_for_nothing() {
        let params = [("network", "bridge"), ("registry", "plain")];
        let with = |more: &[(&'static str, &'static str)]| {
            cell("docker", Scenario::ImageCold, &[&params, more].concat())
        };
        let cells = [with(&[("base_layer", "32MiB")]), with(&[])];
        assert_eq!(chosen(&cells), Some(&cells[1]));
    }

    #[test]
    fn a_kind_is_stood_for_by_the_first_that_is_there() {
        let cells = [
            cell("runc", Scenario::DiskCold, &[("network", "host")]),
            cell("docker-wasmtime", Scenario::DiskCold, &[]),
            cell("docker", Scenario::DiskCold, &[("network", "host")]),
            cell("docker", Scenario::DiskCold, &[("network", "bridge")]),
        ];
        let found = |cells: &[Cell]| standing(Kind::Container, cells, |it| it).cloned();
        assert_eq!(found(&cells), Some(cells[3].clone()));
        assert_eq!(found(&cells[..2]), Some(cells[0].clone()));
        assert_eq!(found(&cells[1..2]), None);
        assert_eq!(standing(Kind::Wasm, &cells, |it| it), None);
    }

    #[test]
    fn what_people_use_unless_they_choose_stands_for_a_system() {
        let prepared = Scenario::WarmDisk;
        let engine = [
            cell("wasmtime-cli", prepared, &[("acquire", "cache_hit")]),
            cell("wasmtime-cli", prepared, &[("acquire", "deserialize_file")]),
        ];
        assert_eq!(chosen(&engine), Some(&engine[1]));
        let new = [("host", "new"), ("image", "pulled")];
        let orchestrated = [
            cell(
                "wasmcloud",
                Scenario::ImageCold,
                &[new[0], new[1], ("infrastructure", "new")],
            ),
            cell("wasmcloud", Scenario::ImageCold, &new),
        ];
        assert_eq!(chosen(&orchestrated), Some(&orchestrated[1]));
        let said = cell("native", prepared, &[]);
        let evicted = cell("native", prepared, &[("page_cache", "evicted")]);
        assert_eq!(chosen(&[evicted, said.clone()]), Some(&said));
    }

    #[test]
    fn values_that_nobody_listed_come_last_and_numbers_are_numbers() {
        let of = |n: &str| cell("qemu", Scenario::Throughput, &[("connections", n)]);
        assert_eq!(chosen(&[of("50"), of("9"), of("10")]), Some(&of("10")));
        assert_eq!(chosen(&[of("50"), of("9")]), Some(&of("9")));
        let of = |acquire: &str| cell("wasmedge-cli", Scenario::DiskCold, &[("acquire", acquire)]);
        let made_up = [of("a-new-one"), of("interpret")];
        assert_eq!(chosen(&made_up), Some(&made_up[1]));
    }
}
