//! `plan`: what so many samples can find, from a pilot run.

use std::path::Path;

use super::{Error, Exit, input};
use findings::statistics::{Design, detectable, needed};
use findings::units::{grouped, percent};
use findings::{CellFacts, Facts, Measure};
use results::record::Scenario;

/// What a plan is to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Planned samples per cell.
    pub samples: usize,
    /// The relative difference to find: 0.05 is 5 %.
    pub effect: f64,
}

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

/// For every cell of the pilot run below `raw`: the smallest difference that so many samples find,
/// and how many the target needs.
///
/// # Errors
/// [`Error`] if there is no such run, or nothing in it to plan by.
pub fn plan(raw: &Path, name: &str, target: Target) -> Result<String, Error> {
    let run = input::read(&input::find(raw, name)?)?;
    let facts = Facts::compute(&run);
    let design = Design::default();
    let mut text = format!(
        "from the spread of run {}, with {} power at the {} level, before any correction for many \
            comparisons\n",
        run.name,
        percent(design.power),
        percent(design.alpha)
    );
    let mut most = 0;
    let mut planned = 0;
    for cell in &facts.cells {
        let Some((measure, values)) = headline(cell) else {
            continue;
        };
        planned += 1;
        let finds = match detectable(values, target.samples, design) {
            Ok(effect) => format!("{} samples find {}", target.samples, percent(effect)),
            Err(error) => format!("{} samples find nothing: {error}", target.samples),
        };
        let takes = match needed(values, target.effect, design) {
            Ok(n) => {
                most = most.max(n);
                format!("{} needs {}", percent(target.effect), grouped(n as f64))
            }
            Err(error) => format!("{} cannot be planned: {error}", percent(target.effect)),
        };
        text.push_str(&format!(
            "{}: `{}`, pilot of {}: {finds}; {takes}\n",
            cell.cell,
            measure.name(),
            values.len()
        ));
    }
    if planned == 0 {
        return Err(Error::new(
            Exit::Input,
            format!("run {} has no sample that counts", run.name),
        )
        .hint(
            "a pilot needs some samples of every cell; `analysis verify` says what is wrong with \
                it",
        ));
    }
    let floor = facts.floor(Scenario::Cold, Measure::TotalNs);
    if let Some(floor) = floor.filter(|floor| *floor > target.effect) {
        text.push_str(&format!(
            "beware: this machine differs from itself by {} (A/A); no number of samples finds {} \
                above that\n",
            percent(floor),
            percent(target.effect)
        ));
    }
    text.push_str(&format!(
        "every cell: {} samples find {}",
        grouped(most as f64),
        percent(target.effect)
    ));
    Ok(text)
}

/// What a cell is planned by.
fn headline(cell: &CellFacts) -> Option<(Measure, &[f64])> {
    let measures = [Measure::TotalNs, Measure::P50Ns, Measure::PerSecond];
    measures
        .into_iter()
        .map(|measure| (measure, cell.values(measure)))
        .find(|(_, values)| !values.is_empty())
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
