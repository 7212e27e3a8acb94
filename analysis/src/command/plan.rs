//! `plan`: what so many samples can find, from a pilot run.

use std::path::Path;

use super::{Error, Exit, input};
use findings::planning::{
    self, POWER, Plan, PlannedComparison, PlannedTable, Target, least_samples, most_samples,
};
use findings::units::percent;
use findings::{Facts, Names};

/// A share written as `5%`, `5 %` or `0.05`.
///
/// # Errors
/// A sentence that says what one looks like.
pub fn share(text: &str) -> Result<f64, String> {
    let (digits, size) = match text.trim().strip_suffix('%') {
        Some(digits) => (digits.trim(), 0.01),
        None => (text.trim(), 1.0),
    };
    let value = digits.parse::<f64>().ok().map(|value| value * size);
    value
        .filter(|value| *value > 0.0 && value.is_finite())
        .ok_or_else(|| format!("`{text}` is no effect such as 5% or 0.05"))
}

/// For every table of the pilot run below `raw`: what so many samples find, and how many the target
/// needs.
///
/// # Errors
/// [`Error`] if there is no such run, or nothing in it to plan by.
pub fn plan(raw: &Path, name: &str, target: Target) -> Result<String, Error> {
    let run = input::read(&input::find(raw, name)?)?;
    let facts = Facts::compute(&run);
    let plan = planning::plan(&facts, target).ok_or_else(|| {
        Error::new(
            Exit::Input,
            format!(
                "run {} has no two blocks with a comparison of times to plan by",
                run.name
            ),
        )
        .hint(
            "a pilot needs `native` and what is compared with it, and some samples of each; \
                `analysis verify` says what is wrong with a run",
        )
    })?;
    Ok(text(&plan, &facts))
}

fn text(plan: &Plan, facts: &Facts) -> String {
    let Target { samples, effect } = plan.target;
    let mut text = format!(
        "from {} blocks of run {}: the whole rule on {} simulated pages, corrected over {} \
            comparisons, one of which is slower by the effect\n",
        plan.blocks, facts.run, plan.pages, plan.corrected_over
    );
    if samples < least_samples() {
        text.push_str(&format!(
            "beware: no difference can be shown with fewer than {} samples a cell, whatever its size: \
                the smallest p-value of {samples} blocks is {:.3}\n",
            least_samples(),
            least_p(samples),
        ));
    }
    for table in &plan.tables {
        text.push_str(&line(plan, table, facts));
    }
    let all = || plan.tables.iter().flat_map(|it| &it.comparisons);
    let share = percent(POWER);
    match all()
        .map(|it| it.needs)
        .max_by_key(|it| it.unwrap_or(usize::MAX))
    {
        Some(Some(most)) => text.push_str(&format!(
            "every comparison: {most} samples find {} in {share} of runs",
            percent(effect)
        )),
        _ => text.push_str(&format!(
            "every comparison: more than {} samples are needed to find {} in {share} of runs",
            most_samples(),
            percent(effect)
        )),
    }
    text
}

/// The smallest two-sided p-value that signs of so many blocks can have.
fn least_p(blocks: usize) -> f64 {
    (0..blocks).fold(2.0, |p, _| p / 2.0_f64).min(1.0)
}

/// A table: what its quietest and its noisiest comparison find and need.
fn line(plan: &Plan, table: &PlannedTable, facts: &Facts) -> String {
    let Target { samples, effect } = plan.target;
    let comparisons = || table.comparisons.iter();
    let order = |one: &&PlannedComparison, two: &&PlannedComparison| {
        let needs = |it: &PlannedComparison| it.needs.unwrap_or(usize::MAX);
        let by_needs = needs(one).cmp(&needs(two));
        by_needs.then_with(|| two.power.total_cmp(&one.power))
    };
    let (Some(least), Some(most)) = (comparisons().min_by(order), comparisons().max_by(order))
    else {
        return String::new();
    };
    let cells = comparisons().filter_map(|it| facts.cell(&it.candidate));
    let names = Names::new(cells.map(|it| &it.cell));
    let name = |it: &PlannedComparison| {
        let cell = facts.cell(&it.candidate);
        cell.map_or_else(|| it.candidate.clone(), |cell| names.name(&cell.cell))
    };
    let said = |it: &PlannedComparison| {
        let finds = it.finds.map_or_else(
            || "nothing".to_owned(),
            |effect| format!("{} in {} of runs", percent(effect), percent(POWER)),
        );
        let needs = it.needs.map_or_else(
            || format!("more than {}", most_samples()),
            |needs| needs.to_string(),
        );
        format!(
            "{samples} samples find {finds}, and {} in {}; {} needs {needs}",
            percent(effect),
            percent(it.power),
            percent(effect)
        )
    };
    let mut text = format!(
        "{}\n  noisiest, {}: {}\n",
        table.name,
        name(most),
        said(most)
    );
    if table.comparisons.len() > 1 {
        text.push_str(&format!("  quietest, {}: {}\n", name(least), said(least)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_are_written_in_several_ways() {
        assert_eq!(
            [share("5%"), share("5 %"), share("0.05")],
            [Ok(0.05), Ok(0.05), Ok(0.05)]
        );
        assert!(share("none").unwrap_err().contains("such as 5%"));
        assert!(share("-1%").is_err());
    }
}
