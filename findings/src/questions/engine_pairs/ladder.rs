//! From the embedded start to the command line's, one difference after another.
//!
//! Both are brought to where everything is equal that can be made so, by leaving out one thing after
//! another that one has and the other has not. Each thing is priced by the two cells that differ in it
//! alone; what is left between the two last cells is the command line itself. The prices of the embedded
//! side, the rest and the prices of the command line add up to what lies between the usual starts.

use std::collections::BTreeSet;

use results::Param;
use results::values::left_out::{AND, WORK};
use serde::Serialize;

use crate::cells::{CellFacts, Measure, is_unobserved, without};
use crate::comparison::{self, Pair as Compared};
use crate::facts::Facts;

/// Which of the two starts has something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The embedded one.
    Embedded,
    /// The command line's.
    CommandLine,
}

impl Side {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::CommandLine => "command line",
        }
    }
}

/// Something that one start has and the other has not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rung {
    /// Which start has it.
    pub side: Side,
    /// What it is.
    pub name: String,
    /// By how much longer the start is with it: a candidate that has it against a baseline that has
    /// not.
    pub cost: comparison::Comparison,
}

/// What lies between the two usual starts, step by step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ladder {
    /// What can be made equal: of the embedded start in the order in which it is left out, then of
    /// the command line in the order in which it is added back.
    pub rungs: Vec<Rung>,
    /// The ids of the two cells in which everything is equal that can be made so: embedded, command
    /// line. Nothing where things were left out one at a time and never together.
    pub equal: Option<[String; 2]>,
    /// By how much the command line takes longer with everything equal.
    pub rest: Option<comparison::Comparison>,
    /// By how much longer its program takes only to begin and to end, with everything equal: a part
    /// of the rest.
    pub bare: Option<comparison::Comparison>,
}

/// The names of what a start is without.
fn left_out(cell: &CellFacts) -> BTreeSet<&str> {
    let value = cell.cell.params.get(Param::Without);
    value.into_iter().flat_map(|it| it.split(AND)).collect()
}

/// The starts of one side: the usual one, then those without something, without the least first.
fn chain<'a>(facts: &'a Facts, usual: &'a CellFacts) -> Vec<&'a CellFacts> {
    let rest = without(&usual.cell, &[Param::Without]);
    let is_rung = |cell: &&CellFacts| {
        without(&cell.cell, &[Param::Without]) == rest
            && cell.cell.params.contains_key(Param::Without)
            && !left_out(cell).contains(WORK)
            && is_measured(cell)
    };
    let mut cells: Vec<_> = facts.cells.iter().filter(is_rung).collect();
    cells.sort_by_key(|cell| (left_out(cell).len(), cell.id.clone()));
    cells.insert(0, usual);
    cells
}

fn is_measured(cell: &CellFacts) -> bool {
    is_unobserved(&cell.cell) && !cell.is_twin() && !cell.orders.is_empty()
}

/// Whether each start is without all that the one before it is without, and more.
fn is_nested(chain: &[&CellFacts]) -> bool {
    let names: Vec<_> = chain.iter().map(|cell| left_out(cell)).collect();
    names
        .windows(2)
        .all(|pair| pair[0].len() < pair[1].len() && pair[0].is_subset(&pair[1]))
}

/// Each start of a chain that is without something, beside the one that has it and nothing else more;
/// with the name of that.
fn steps<'a>(chain: &[&'a CellFacts]) -> Vec<(String, &'a CellFacts, &'a CellFacts)> {
    let step = |cell: &&'a CellFacts| {
        let names = left_out(cell);
        let has_it = |other: &&&'a CellFacts| {
            let others = left_out(other);
            others.len() < names.len() && others.is_subset(&names)
        };
        let with = chain.iter().rev().find(has_it)?;
        let added: Vec<_> = names.difference(&left_out(with)).copied().collect();
        Some((added.join(AND), *with, *cell))
    };
    chain.iter().filter_map(step).collect()
}

/// The start of the same side that only begins and ends.
fn bare<'a>(facts: &'a Facts, usual: &CellFacts) -> Option<&'a CellFacts> {
    let mut cell = usual.cell.clone();
    cell.params.insert(Param::Without, WORK);
    facts.find(&cell).filter(|it| is_measured(it))
}

/// The ladder between two usual starts.
pub(super) fn compute(facts: &Facts, embedded: &CellFacts, cli: &CellFacts) -> Ladder {
    let chains = [chain(facts, embedded), chain(facts, cli)];
    let [ours, mut theirs] = chains.each_ref().map(|chain| steps(chain));
    theirs.reverse();
    let sides = ours.iter().map(|step| (Side::Embedded, step));
    let named: Vec<_> = sides
        .chain(theirs.iter().map(|step| (Side::CommandLine, step)))
        .collect();
    let was_made_equal = chains.iter().any(|chain| chain.len() > 1);
    let ends = chains.each_ref().map(|chain| chain[chain.len() - 1]);
    let equal = (was_made_equal && chains.iter().all(|chain| is_nested(chain))).then_some(ends);
    let bare = bare(facts, embedded).zip(bare(facts, cli));

    let mut pairs: Vec<Compared<'_>> = named
        .iter()
        .map(|(_, (_, with, without))| Compared::new(with, without))
        .collect();
    pairs.extend(equal.map(|[ours, theirs]| Compared::new(theirs, ours)));
    pairs.extend(bare.map(|(ours, theirs)| Compared::new(theirs, ours)));
    let family = comparison::judge(
        "differences of the two starts".to_owned(),
        Measure::TotalNs,
        &pairs,
        facts.floor(cli.cell.scenario, Measure::TotalNs),
    );
    let mut judged = family.map(|it| it.members).unwrap_or_default().into_iter();
    let rungs = named
        .iter()
        .zip(judged.by_ref())
        .map(|((side, (name, ..)), cost)| Rung {
            side: *side,
            name: name.clone(),
            cost,
        });
    Ladder {
        rungs: rungs.collect(),
        rest: equal.and_then(|_| judged.next()),
        bare: bare.and_then(|_| judged.next()),
        equal: equal.map(|cells| cells.map(|cell| cell.id.clone())),
    }
}
