//! The order of the samples of a block.
//!
//! What disturbs a machine lasts for seconds: two samples have the more of it in common the closer
//! they are in time. A block of all cells can take half a minute, so that two samples of one block have
//! next to nothing in common if their places are drawn from all of it. Cells that a question compares
//! with each other are therefore measured next to each other.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use results::manifest::Order;
use results::{Cell, Param, Scenario, Workload};

/// What systems are compared in.
type Setting<'a> = (&'a Workload, Scenario);

/// What must be the same beside it for two cells to be compared: the values of
/// [`Param::CONDITIONS`].
type Conditions<'a> = [Option<&'a str>; Param::CONDITIONS.len()];

/// Every cell that a block has once, in its order.
pub(crate) fn block(
    order: &Order,
    block: u32,
    cells: &[Cell],
    random: &mut ChaCha8Rng,
) -> Vec<Cell> {
    let cells: Vec<Cell> = cells
        .iter()
        .filter(|it| order.has(block, it))
        .cloned()
        .collect();
    match order {
        Order::Shuffled => {
            let mut cells = cells;
            cells.shuffle(random);
            cells
        }
        Order::ByComparison { last, .. } => by_comparison(&cells, last, random),
    }
}

/// The cells that are compared with each other stand together: those of one workload and scenario,
/// and of these those under the same conditions. Groups are shuffled, and so is what is in them.
///
/// Cells of the systems `last` end their group. They are those with an engine of their own: they take
/// a hundred times as long as the others, which would be as far from each other as in a block without
/// groups, and what they leave behind falls on the first of the next group, whichever that is. To keep
/// the baseline in the middle of the rest would bring next to nothing: they last a second.
fn by_comparison(cells: &[Cell], last: &BTreeSet<String>, random: &mut ChaCha8Rng) -> Vec<Cell> {
    let mut settings: BTreeMap<Setting<'_>, BTreeMap<Conditions<'_>, Vec<&Cell>>> = BTreeMap::new();
    for cell in cells {
        let conditions = Param::CONDITIONS.map(|key| cell.params.get(key));
        settings
            .entry((&cell.workload, cell.scenario))
            .or_default()
            .entry(conditions)
            .or_default()
            .push(cell);
    }
    let mut settings: Vec<_> = settings.into_values().collect();
    settings.shuffle(random);
    let mut order = Vec::with_capacity(cells.len());
    for setting in settings {
        let mut groups: Vec<_> = setting.into_values().collect();
        groups.shuffle(random);
        for mut group in groups {
            group.shuffle(random);
            // Stable: what was shuffled stays so on both sides.
            group.sort_by_key(|cell| last.contains(cell.system.original_name()));
            order.extend(group.into_iter().cloned());
        }
    }
    order
}
