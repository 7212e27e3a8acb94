//! `external scale --search`: the first number of instances at which throughput falls, or requests
//! fail.
//!
//! Numbers are doubled until that happens, and the gap is then halved. Each step is a run of its
//! own with a plan fixed before it, in which the largest number that was good stands beside the one
//! that is tried, block by block: a step is decided by what was measured side by side, and never by
//! a figure of an earlier run.

use std::collections::BTreeMap;

use campaign::terminal::print;
use campaign::{Error, Exit};
use findings::Findings;
use findings::input::cell_id;
use results::{Cell, Param};
use summary::View;

use super::plan::Planned;
use super::{Campaign, SuiteArguments};

/// The parameter of cells that is searched.
const INSTANCES: Param = Param::Instances;

/// What is known of one curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    /// The largest number that was not worse than one before it.
    good: usize,
    /// The smallest that was.
    bad: Option<usize>,
}

impl Known {
    /// Nothing but that one instance is where it begins.
    const NOTHING: Self = Self { good: 1, bad: None };

    /// What to try next; nothing if the limit is found, or lies above `most`.
    fn next(self, most: usize) -> Option<usize> {
        match self.bad {
            Some(bad) if bad <= self.good + 1 => None,
            Some(bad) => Some(self.good.midpoint(bad)),
            None => Some(self.good * 2).filter(|next| *next <= most),
        }
    }

    /// After `tried` was measured beside what was good.
    fn after(self, tried: usize, degraded: bool) -> Self {
        if degraded {
            Self {
                bad: Some(tried),
                ..self
            }
        } else {
            Self {
                good: tried,
                ..self
            }
        }
    }
}

/// Searches up to `most` instances of each system in the campaign's cells.
///
/// # Errors
/// As for a run.
pub(super) fn search(
    campaign: &Campaign<'_>,
    arguments: &SuiteArguments,
    most: usize,
) -> Result<Exit, Error> {
    let mut known: BTreeMap<Cell, Known> = BTreeMap::new();
    for planned in campaign
        .cells
        .iter()
        .filter(|planned| planned.cell.params.contains_key(INSTANCES))
    {
        known.insert(without_number(&planned.cell), Known::NOTHING);
    }
    let mut exit = Exit::Ok;
    loop {
        let tried: BTreeMap<_, _> = known
            .iter()
            .filter_map(|(cell, known)| Some((cell.clone(), (known.good, known.next(most)?))))
            .collect();
        if tried.is_empty() {
            break;
        }
        let cells = cells_of(campaign, &tried);
        let step = Campaign {
            cells: &cells,
            is_step: true,
            ..*campaign
        };
        let (ended, findings) = step.run(
            arguments.out.as_deref(),
            None,
            arguments.format,
            View::Suite,
            "scale",
        )?;
        if ended == Exit::Interrupted {
            return Ok(ended);
        }
        // Failed samples are what is searched for.
        if ended != Exit::Samples {
            exit = ended;
        }
        for (cell, (_, number)) in tried {
            let tried = cells.iter().find(|planned| {
                planned.instances == number && without_number(&planned.cell) == cell
            });
            let degraded = tried.is_none_or(|planned| is_worse(&findings, &planned.cell));
            if let Some(known) = known.get_mut(&cell) {
                *known = known.after(number, degraded);
            }
        }
    }
    print(&render(&known, most))?;
    Ok(exit)
}

/// Whether a number of instances did worse than the one beside it, or could not be measured.
fn is_worse(findings: &Findings, cell: &Cell) -> bool {
    let id = cell_id(cell);
    let mut steps = findings.scaling.iter().flat_map(|scaling| &scaling.steps);
    steps
        .find(|step| step.cell == id)
        .is_none_or(|step| step.is_degraded)
}

fn without_number(cell: &Cell) -> Cell {
    let mut cell = cell.clone();
    cell.params.remove(INSTANCES);
    cell
}

/// The cells of a step: what was good, and what is tried.
fn cells_of(campaign: &Campaign<'_>, tried: &BTreeMap<Cell, (usize, usize)>) -> Vec<Planned> {
    let mut cells: Vec<Planned> = Vec::new();
    for planned in campaign.cells {
        let key = without_number(&planned.cell);
        let Some(&(good, number)) = tried.get(&key) else {
            continue;
        };
        for instances in [good, number] {
            let mut planned = Planned {
                instances,
                ..planned.clone()
            };
            planned.cell.params.insert(INSTANCES, instances.to_string());
            if !cells.iter().any(|known| known.cell == planned.cell) {
                cells.push(planned);
            }
        }
    }
    cells
}

fn render(known: &BTreeMap<Cell, Known>, most: usize) -> String {
    let line = |(cell, known): (&Cell, &Known)| {
        let what = match known.bad {
            Some(bad) => format!(
                "degrades at {bad} instances; {} are still no worse than fewer",
                known.good
            ),
            None => format!(
                "does not degrade up to {} instances, the most that were tried within {most}",
                known.good
            ),
        };
        format!("{cell}: {what}\n")
    };
    "\n".to_owned() + &known.iter().map(line).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a search ends if everything from `limit` on is worse.
    fn end(limit: usize, most: usize) -> (Known, usize) {
        let (mut known, mut steps) = (Known::NOTHING, 0);
        while let Some(next) = known.next(most) {
            known = known.after(next, next >= limit);
            steps += 1;
        }
        (known, steps)
    }

    #[test]
    fn the_first_worse_number_is_found() {
        for limit in 2..=64 {
            let (known, steps) = end(limit, 64);
            assert_eq!(
                known,
                Known {
                    good: limit - 1,
                    bad: Some(limit)
                }
            );
            assert!(steps <= 12, "{limit}: {steps}");
        }
    }

    #[test]
    fn a_limit_that_is_too_far_is_not_found() {
        assert_eq!(
            end(65, 64).0,
            Known {
                good: 64,
                bad: None
            }
        );
        assert_eq!(
            end(50, 40).0,
            Known {
                good: 32,
                bad: None
            }
        );
    }
}
