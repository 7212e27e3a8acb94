//! Plans by a pilot, and whether runs that keep to them find what was promised.

use findings::Facts;
use findings::input::Run;
use findings::planning::{Plan, PlannedComparison, Target, most_samples, plan as plan_by};
use findings::statistics::Verdict;
use results::Cell;
use results::record::Scenario;

use super::pages::RUN;
use super::plans::{of_workload, plan};
use super::run::Simulated;
use super::seeds;
use super::tally::{Share, Table};
use super::world::{Law, Truth, World};

/// What is looked for: 20 %.
const EFFECT: f64 = 0.2;

/// Prepared starts of one service, and of them the one that is slower.
fn cells() -> (Vec<Cell>, String) {
    let mut cells = of_workload("http-hello");
    cells.retain(|cell| cell.scenario == Scenario::WarmDisk);
    let is_judged =
        |cell: &&Cell| cell.system == "wasmtime-cli" && findings::cells::is_unobserved(cell);
    let judged = cells.iter().find(is_judged).map(findings::input::cell_id);
    (cells, judged.expect("the plan of quick has it"))
}

fn facts(cells: &[Cell], samples: u32, world: &World, seed: u64) -> Facts {
    let run = Simulated::new(RUN, &plan(cells, samples, seed), world, 1.0, seed);
    Facts::compute(&Run::from_samples(Some(run.manifest), &run.samples))
}

fn of_candidate<'a>(plan: &'a Plan, id: &str) -> Option<&'a PlannedComparison> {
    let mut all = plan.tables.iter().flat_map(|table| &table.comparisons);
    all.find(|it| it.candidate == *id)
}

/// Of so many pilots, how often a run of as many samples as the pilot says the effect needs finds it.
pub fn kept(world: &World, pilot: u32, trials: u64, seed: u64) -> (Share, f64) {
    let (cells, judged) = cells();
    let slower = World {
        truth: Truth::One(1.0 + EFFECT),
        ..*world
    };
    let (mut share, mut planned) = (Share::default(), Vec::new());
    let trial = |seed| {
        let pilot = facts(&cells, pilot, world, 2 * seed);
        let target = Target {
            samples: 6,
            effect: EFFECT,
        };
        let plan = plan_by(&pilot, target).expect("a pilot has blocks");
        let needs = of_candidate(&plan, &judged).and_then(|it| it.needs);
        let needs = u32::try_from(needs.unwrap_or(most_samples())).expect("some hundreds");
        let run = facts(&cells, needs, &slower, 2 * seed + 1);
        let mut members = run.families.iter().flat_map(|family| &family.members);
        let found = members.find(|it| it.candidate == judged);
        let is_found = found.is_some_and(|it| it.verdict == Verdict::Slower);
        (is_found, f64::from(needs))
    };
    for (is_found, needs) in seeds::each(seed..seed + trials, trial) {
        share.count(is_found);
        planned.push(needs);
    }
    planned.sort_by(f64::total_cmp);
    (share, planned[planned.len() / 2])
}

/// By the pilot's blocks and noise.
pub fn table(trials: u64, seed: u64) {
    let mut table = Table::printed(
        &format!(
            "Runs of as many samples as `analysis plan` says 20 % needs, of which 80 % are to find it: \
                {trials} pilots each"
        ),
        &[
            "noise",
            "blocks of the pilot",
            "planned, at the median",
            "find it",
        ],
    );
    let measured = World::measured(Truth::Nothing);
    let worlds = [
        ("as measured", measured),
        ("independent", World::independent(Truth::Nothing)),
        (
            "stalls",
            World {
                law: Law::Stalls,
                ..measured
            },
        ),
        (
            "5 %",
            World {
                sd: 0.05,
                ..measured
            },
        ),
    ];
    for (name, world) in worlds {
        for pilot in [7, 12, 20, 40] {
            let (share, planned) = kept(&world, pilot, trials, seed);
            table.row(&[
                name.to_owned(),
                pilot.to_string(),
                format!("{planned:.0}"),
                share.text(),
            ]);
        }
    }
}
