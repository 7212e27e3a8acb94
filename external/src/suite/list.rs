//! What a plan comes to, said before it is measured, or instead.

use ::systems::in_families;
use campaign::duration::format_estimate;
use campaign::terminal::print;
use campaign::{Error, Exit};

use super::budget::{estimate_ms, samples};
use super::loads;
use super::plan::{self, Planned};
use super::profile::Profile;
use super::settings::Settings;

/// How much there is to do, and about how long it takes.
pub(super) fn announcement(cells: &[Planned], values: &Profile) -> String {
    format!(
        "measuring {} samples of {} cells: about {} on two cores like the authors', after what is built \
            first; Ctrl-C ends it after a sample, and `--resume latest` goes on",
        samples(cells, values.samples, values),
        cells.len(),
        format_estimate(estimate_ms(cells, values.samples, values) / 1000.0)
    )
}

/// Prints the plan: its cells, how many samples they have, and about how long these take.
///
/// # Errors
/// It cannot be printed.
pub(super) fn list(cells: &[Planned], settings: &Settings) -> Result<Exit, Error> {
    let values = &settings.values;
    let of_families = in_families(cells, |planned| planned.system.family());
    let of_families = of_families.iter().map(|(family, cells)| {
        let mut names: Vec<_> = cells.iter().map(|planned| planned.system).collect();
        names.sort();
        names.dedup();
        let names: Vec<_> = names.iter().map(|system| system.name()).collect();
        let (family, n) = (family.label(), cells.len());
        format!("{family}: {n} cells of {}\n", names.join(", "))
    });
    let ms = estimate_ms(cells, values.samples, values);
    let mut text = String::new();
    for planned in cells {
        text.push_str(&format!("{}\n", planned.cell));
    }
    text.extend(of_families);
    text.push_str(&format!(
        "{} = {}, seed {}; about {} on two cores like the authors', after what is built first\n",
        product(cells, values),
        samples(cells, values.samples, values),
        settings.seed,
        format_estimate(ms / 1000.0),
    ));
    // Whoever asks for a time knows that it is not the profile's.
    let stated = values.budget.filter(|_| settings.keep_to.is_none());
    if let Some(stated) = stated.filter(|stated| ms > stated.ms()) {
        text.push_str(&format!(
            "that is more than the {stated} that the profile states: --budget {stated} keeps to it\n"
        ));
    }
    let notices = [few_samples(cells, values), loads::too_short(cells, values)];
    for notice in notices.into_iter().flatten() {
        text.push_str(&format!("{notice}\n"));
    }
    print(&text)?;
    Ok(Exit::Ok)
}

/// How many cells there are, with how many samples each.
fn product(cells: &[Planned], values: &Profile) -> String {
    let (most, few) = (values.samples, fewest(cells, values));
    let order = plan::order(cells, values);
    let is_slow = |planned: &&Planned| order.samples(most, &planned.cell) < most;
    match cells.iter().filter(is_slow).count() {
        0 => format!("{} cells × {most} samples", cells.len()),
        slow => format!(
            "{} cells × {most} samples + {slow} that take long × {few}",
            cells.len() - slow
        ),
    }
}

/// The fewest samples that a cell has.
fn fewest(cells: &[Planned], values: &Profile) -> u32 {
    let order = plan::order(cells, values);
    let of_cells = cells
        .iter()
        .map(|it| order.samples(values.samples, &it.cell));
    of_cells.min().unwrap_or(values.samples)
}

/// That so few samples can show no difference, if that is so.
pub(super) fn few_samples(cells: &[Planned], values: &Profile) -> Option<String> {
    let least = findings::planning::least_samples();
    ((fewest(cells, values) as usize) < least)
        .then(|| format!("no difference can be shown with fewer than {least} samples a cell"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::SuiteArguments;
    use crate::suite::settings::{self, DEFAULT};
    use crate::suite::variables::Variables;

    fn plan_of(samples: Option<u32>) -> (Vec<Planned>, Profile) {
        let arguments = SuiteArguments {
            samples,
            ..SuiteArguments::default()
        };
        let resolved = settings::resolve(&arguments, &Variables::none(), None, DEFAULT);
        let settings = resolved.unwrap().0;
        (plan::cells(&settings).unwrap(), settings.values)
    }

    #[test]
    fn a_plan_that_can_show_nothing_says_so() {
        let said = |samples| {
            let (cells, values) = plan_of(samples);
            few_samples(&cells, &values)
        };
        assert_eq!(
            said(Some(5)).as_deref(),
            Some("no difference can be shown with fewer than 6 samples a cell")
        );
        assert_eq!([said(Some(6)), said(None)], [None, None]);
    }

    #[test]
    fn samples_that_are_asked_for_are_those_of_every_cell() {
        let (cells, values) = plan_of(Some(9));
        let all = cells.len() as u64 * 9;
        assert_eq!(samples(&cells, values.samples, &values), all);
        assert_eq!(
            product(&cells, &values),
            format!("{} cells × 9 samples", cells.len())
        );
        let (cells, values) = plan_of(None);
        let (most, few) = (values.samples, fewest(&cells, &values));
        assert!(few < most && product(&cells, &values).contains(&format!("× {few}")));
    }
}
