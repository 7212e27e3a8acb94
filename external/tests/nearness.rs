//! How near to each other the cells are measured that a question compares, in the plans that come
//! with the program: by their order and by how long their samples take.

use std::collections::HashMap;

use campaign::schedule::Plan;
use external::suite::plan::{self, Planned};
use external::suite::variables::Variables;
use external::suite::{SuiteArguments, settings};
use results::manifest::Order;
use results::{Cell, Param};

/// What two samples have in common by the time between them, in seconds: the correlation of the
/// residuals of different cells in a run of the suite on an idle virtual machine of two cores. Between
/// these it is taken to be linear.
const CORRELATION: [(f64, f64); 6] = [
    (0.0, 0.38),
    (0.5, 0.38),
    (1.5, 0.26),
    (6.0, 0.20),
    (12.0, 0.10),
    (16.0, 0.0),
];

fn correlation(apart_s: f64) -> f64 {
    let piece = CORRELATION.windows(2).find(|it| apart_s < it[1].0);
    piece.map_or(0.0, |ends| {
        let ((from, one), (to, two)) = (ends[0], ends[1]);
        one + (two - one) * (apart_s - from) / (to - from)
    })
}

/// The cells that are compared with the native program, each with its baseline: of one workload and
/// scenario, under the same conditions.
fn compared(cells: &[Planned]) -> Vec<(usize, usize)> {
    let is_unobserved = |cell: &Cell| cell.params.get(Param::Observer) != Some("seccomp");
    let alike = |one: &Cell, two: &Cell| {
        let same = |key: &Param| one.params.get(key) == two.params.get(key);
        one.workload == two.workload
            && one.scenario == two.scenario
            && Param::CONDITIONS.iter().all(same)
    };
    let mut pairs = Vec::new();
    for (at, candidate) in cells.iter().enumerate() {
        let is_baseline = |it: &Planned| {
            it.cell.system == "native"
                && it.cell != candidate.cell
                && alike(&it.cell, &candidate.cell)
        };
        let baseline = cells
            .iter()
            .position(|it| is_baseline(it) && is_unobserved(&it.cell));
        pairs.extend(
            baseline
                .filter(|_| is_unobserved(&candidate.cell))
                .map(|it| (at, it)),
        );
    }
    pairs
}

/// What the pairs of a plan have in common.
#[derive(Debug)]
struct Nearness {
    /// The part of the variance of unpaired differences that those of pairs within blocks keep.
    kept: f64,
    /// The median time between the two of a pair, in seconds.
    apart_s: f64,
}

/// Of the pairs whose candidates are such, in a profile's plan in the order that the suite gives it or
/// in that of a shuffled block.
fn nearness(profile: &str, is_shuffled: bool, is_such: impl Fn(&Planned) -> bool) -> Nearness {
    let arguments = SuiteArguments {
        profile: Some(profile.to_owned()),
        ..SuiteArguments::default()
    };
    let (settings, _) =
        settings::resolve(&arguments, &Variables::none(), None, settings::DEFAULT).unwrap();
    let cells = plan::cells(&settings).unwrap();
    let order = if is_shuffled {
        Order::Shuffled
    } else {
        plan::order(&cells, &settings.values)
    };
    let plan = Plan {
        cells: cells.iter().map(|it| it.cell.clone()).collect(),
        samples_per_cell: 100,
        order,
        seed: 1,
    };
    let places: HashMap<_, _> = cells.iter().map(|it| &it.cell).zip(0..).collect();
    let pairs: Vec<_> = compared(&cells)
        .into_iter()
        .filter(|(candidate, _)| is_such(&cells[*candidate]))
        .collect();
    let (mut kept, mut apart) = (0.0, Vec::new());
    let order = plan.order();
    for block in order.chunk_by(|one, two| one.block == two.block) {
        let (mut now_s, mut began_s) = (0.0, vec![0.0; cells.len()]);
        for planned in block {
            let at: usize = places[&planned.cell];
            began_s[at] = now_s;
            now_s += cells[at].estimate_ms(&settings.values) / 1e3;
        }
        for (candidate, baseline) in &pairs {
            let between = f64::abs(began_s[*candidate] - began_s[*baseline]);
            kept += 1.0 - correlation(between);
            apart.push(between);
        }
    }
    apart.sort_by(f64::total_cmp);
    Nearness {
        kept: kept / apart.len() as f64,
        apart_s: apart[apart.len() / 2],
    }
}

/// A pair with nothing between keeps 62 %. Of starts: a load lasts as long as noise does, and is a
/// mean over it.
#[test]
fn what_is_compared_is_measured_close_together_and_has_its_noise_in_common() {
    for (profile, most_kept, most_apart_s) in [("quick", 0.65, 0.5), ("standard", 0.70, 1.0)] {
        let is_launched = |it: &Planned| it.system.managed().is_none() && it.cell.scenario.starts();
        let shuffled = nearness(profile, true, is_launched);
        let ordered = nearness(profile, false, is_launched);
        #[expect(clippy::print_stderr, reason = "the figures of docs/src/method.md")]
        {
            eprintln!("{profile}: by comparison {ordered:?}, shuffled {shuffled:?}");
        }
        assert!(ordered.kept < most_kept, "{profile}: {ordered:?}");
        assert!(ordered.apart_s < most_apart_s, "{profile}: {ordered:?}");
        assert!(shuffled.kept > 0.80, "{profile}: {shuffled:?}");
    }
}
