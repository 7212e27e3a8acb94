//! A comparison between runs as lines of text.

use std::collections::BTreeMap;

use findings::between_runs::{
    ABSOLUTE_ALLOWANCE, Basis, BetweenRuns, Change, Family, LEAST_RUNS, Order, RATIO_ALLOWANCE,
    SHARED_BYTES,
};
use findings::statistics::{Policy, Verdict};
use findings::units::{Unit, bytes, percent, three_digits};

/// One run a side.
pub(super) struct OneEach<'a> {
    pub(super) before: &'a str,
    pub(super) after: &'a str,
    pub(super) control: &'a str,
    /// What has to be known of runs that another tool measured.
    pub(super) foreign: &'a [String],
    /// In what their plans differ.
    pub(super) plans: &'a [String],
    pub(super) found: &'a BetweenRuns,
}

/// Several runs a side.
pub(super) struct Several<'a> {
    pub(super) runs: (usize, usize),
    pub(super) control: &'a str,
    pub(super) order: &'a Order,
    /// What has to be known of runs that another tool measured.
    pub(super) foreign: &'a [String],
    /// In what their plans differ, with the run.
    pub(super) plans: &'a [String],
    pub(super) found: &'a BetweenRuns,
}

pub(super) fn one_each(of: &OneEach<'_>) -> String {
    let OneEach {
        before,
        after,
        control,
        foreign,
        plans,
        found,
    } = of;
    let mut text = format!("{after} against {before}, one run a side\n");
    text.push_str(&beware(foreign));
    text.push_str(&differing(plans));
    text.push_str(&format!(
        "\ntimes as ratios to `{control}` in the same block; {}\n",
        allowed(found)
    ));
    let bases = |basis: Basis| found.families.iter().filter(move |it| it.basis == basis);
    for family in bases(Basis::ToControl) {
        text.push_str(&block(family));
        if family.all_moved_alike() {
            text.push_str(&format!(
                "  all of them moved to the same side: it may be `{control}` that changed\n"
            ));
        }
    }
    for change in &found.twins_moved {
        text.push_str(&format!(
            "beware: {} is the same system as its first, and the ratio of the two changed: {}; \
                smaller changes than that are not called any\n",
            change.cell,
            ratio(change)
        ));
    }
    text.push_str(&format!(
        "\nabsolute times are not comparable between single runs, unless the whole interval is \
            beyond {}×\n",
        three_digits(1.0 + ABSOLUTE_ALLOWANCE)
    ));
    text.push_str(&absolute(bases(Basis::Absolute)));
    text.push_str(&moved_control(found, control));
    text.push_str(&format!(
        "\nmemory; no change is one within {}, or within {} where pages are shared\n",
        percent(RATIO_ALLOWANCE),
        bytes(SHARED_BYTES)
    ));
    bases(Basis::Memory).for_each(|family| text.push_str(&block(family)));
    text + "\n" + &closing(found)
}

/// Which changes of ratios are none, and why.
fn allowed(found: &BetweenRuns) -> String {
    match &found.spread {
        Some(spread) if spread.is_wide() => format!(
            "these two runs moved cells against each other by {} (standard deviation over {} cells, \
                beyond their own samples' noise): no change is one within {}, and that there is none \
                cannot be said of any",
            percent(spread.sd.exp_m1()),
            spread.cells,
            percent(spread.allowance)
        ),
        _ => format!(
            "no change is one within {}, by which ratios of one build differ between runs",
            percent(RATIO_ALLOWANCE)
        ),
    }
}

pub(super) fn several(of: &Several<'_>) -> String {
    let (before, after) = of.runs;
    let policy = Policy::default();
    let mut text = format!("{after} runs against {before}, one value a run\n");
    text.push_str(&beware(of.foreign));
    text.push_str(&format!(
        "order of the runs: {} (b before, a after)\n",
        of.order.runs
    ));
    if of.order.is_apart {
        text.push_str(
            "beware: all runs of one side were measured before all of the other; what else changed \
                in that time is in every difference. Runs that take turns exclude it\n",
        );
    }
    if before.min(after) < LEAST_RUNS {
        text.push_str(&format!(
            "a verdict on absolute times takes {LEAST_RUNS} runs a side, {} more before and {} \
                more after; with fewer, only changes beyond {}× are told, and of ratios beyond {}\n",
            LEAST_RUNS.saturating_sub(before),
            LEAST_RUNS.saturating_sub(after),
            three_digits(1.0 + ABSOLUTE_ALLOWANCE),
            percent(RATIO_ALLOWANCE)
        ));
    } else {
        text.push_str(&format!(
            "a change is one beyond {}; no change is one within {}\n",
            percent(policy.threshold),
            percent(policy.margin)
        ));
    }
    text.push_str(&differing(of.plans));
    let sections = [
        (
            Basis::ToControl,
            format!("times as ratios to `{}` in the same block", of.control),
        ),
        (Basis::Absolute, "absolute times".to_owned()),
        (Basis::Memory, "memory".to_owned()),
    ];
    for (basis, title) in sections {
        text.push_str(&format!("\n{title}\n"));
        let families = of.found.families.iter().filter(|it| it.basis == basis);
        families.for_each(|family| text.push_str(&block(family)));
    }
    text + "\n" + &closing(of.found)
}

fn beware(foreign: &[String]) -> String {
    let lines = foreign.iter().map(|caveat| format!("beware: {caveat}\n"));
    lines.collect()
}

fn differing(plans: &[String]) -> String {
    if plans.is_empty() {
        return "their plans are the same\n".to_owned();
    }
    format!("their plans differ:\n  - {}\n", plans.join("\n  - "))
}

/// The absolute times of single runs that are for certain beyond the allowance, and how many are not.
fn absolute<'a>(families: impl Iterator<Item = &'a Family>) -> String {
    let (mut text, mut others) = (String::new(), 0);
    for family in families {
        let is_moved = |it: &&Change| !matches!(it.verdict, Verdict::NotComparable { .. });
        let moved: Vec<Change> = family.changes.iter().filter(is_moved).cloned().collect();
        others += family.changes.len() - moved.len();
        if !moved.is_empty() {
            text.push_str(&block(&Family {
                changes: moved,
                ..family.clone()
            }));
        }
    }
    text + &format!("{others} times of cells: not comparable\n")
}

/// Whether the control itself changed, and with it the machine or everything that was built.
fn moved_control(found: &BetweenRuns, control: &str) -> String {
    let moved = found.moved(control);
    let Some((_, one)) = moved.first() else {
        return String::new();
    };
    let direction = word(one, Basis::Absolute);
    let is_same = |(family, change): &(&Family, &Change)| {
        family.basis == Basis::Absolute && change.verdict == one.verdict
    };
    let absolute = || {
        found
            .changes()
            .filter(|(it, _)| it.basis == Basis::Absolute)
    };
    let (with_it, all) = (absolute().filter(is_same).count(), absolute().count());
    if with_it == all {
        format!(
            "everything is {direction}, the control `{control}` too: it is the machine, or something \
                that all of the build has in common\n"
        )
    } else {
        format!(
            "the control `{control}` itself is {direction} in {} of its cells, with {with_it} of {all} \
                in all: ratios to it change with it\n",
            moved.len()
        )
    }
}

/// A family: how many of what, and a line for everything that is a change or may be one.
fn block(family: &Family) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut lines = String::new();
    for change in &family.changes {
        let word = word(change, family.basis);
        if change.verdict != Verdict::Indistinguishable {
            lines.push_str(&line(family, change, &word));
        }
        *counts.entry(word).or_default() += 1;
    }
    let counts: Vec<_> = counts
        .iter()
        .map(|(word, n)| format!("{n} {word}"))
        .collect();
    let conditions = if family.is_plain {
        ""
    } else {
        ", with a firewall, a path or work left out"
    };
    format!(
        "{} {} `{}`{conditions}: {}\n{lines}",
        family.workload,
        family.scenario.name(),
        family.measure.name(),
        counts.join(", "),
    )
}

fn line(family: &Family, change: &Change, word: &str) -> String {
    let shown = |value| value_of(family, value);
    let p = match (&change.verdict, change.adjusted_p) {
        (Verdict::Inconclusive, _) | (_, None) => String::new(),
        (_, Some(p)) => format!(", p = {p:.4}"),
    };
    let why = match &change.verdict {
        Verdict::NotComparable { why } => return format!("  {word}: {}: {why}\n", change.cell),
        Verdict::WithinControl => ", no more than an A/A control moved",
        _ => "",
    };
    format!(
        "  {word}: {}: {} → {}: {}{p}{why}\n",
        change.cell,
        shown(change.before),
        shown(change.after),
        ratio(change),
    )
}

/// A value of one side in the unit that its family has.
pub(super) fn value_of(family: &Family, value: Option<f64>) -> String {
    let unit = match (family.basis, family.measure.is_rate()) {
        (Basis::ToControl, _) => Unit::Times,
        // Of a rate, what a request takes.
        (_, true) => Unit::Nanoseconds,
        _ => family.measure.unit(),
    };
    value.map_or_else(|| "–".to_owned(), |it| unit.shown(it))
}

/// Later ÷ earlier with its interval.
pub(super) fn ratio(change: &Change) -> String {
    change
        .ratio
        .map_or_else(|| "–".to_owned(), |ratio| ratio.ratio_text())
}

pub(super) fn word(change: &Change, basis: Basis) -> String {
    let (less, more) = if basis == Basis::Memory {
        ("less", "more")
    } else {
        ("faster", "slower")
    };
    match &change.verdict {
        Verdict::Faster => less.to_owned(),
        Verdict::Slower => more.to_owned(),
        Verdict::WithinControl => "within the A/A control".to_owned(),
        Verdict::Indistinguishable => "no change".to_owned(),
        Verdict::Inconclusive => "inconclusive".to_owned(),
        Verdict::NotComparable { .. } => "not comparable".to_owned(),
    }
}

/// All verdicts counted, and the cells without one.
pub(super) fn closing(found: &BetweenRuns) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let is_told = |family: &Family, change: &Change| {
        found.is_of_several
            || family.basis != Basis::Absolute
            || !matches!(change.verdict, Verdict::NotComparable { .. })
    };
    for (family, change) in found.changes().filter(|(it, change)| is_told(it, change)) {
        *counts.entry(word(change, family.basis)).or_default() += 1;
    }
    let counts: Vec<_> = counts
        .iter()
        .map(|(word, n)| format!("{n} {word}"))
        .collect();
    let mut text = format!("in all: {}", counts.join(", "));
    let others = [
        (found.set_aside, "observed or a second name: not judged"),
        (found.only_before, "before only, and compared with nothing"),
        (found.only_after, "after only, and compared with nothing"),
    ];
    for (n, what) in others.into_iter().filter(|(n, _)| *n > 0) {
        text.push_str(&format!("\n{n} cells are {what}"));
    }
    text
}
