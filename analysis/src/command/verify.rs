//! `verify`: whether a run is what it says, and whether what was published is what it says.

use std::path::Path;

use campaign::schedule::Plan;
use results::digest;

use super::{Error, Exit, input};
use crate::document::Document;
use crate::publish::SUMMARY;
use findings::input::Run;
use findings::{Findings, Options};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub what: &'static str,
    /// What is wrong; nothing if all is well.
    pub wrong: Vec<String>,
}

/// What came of the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Each check, in order.
    pub checks: Vec<Check>,
    /// How the program ends.
    pub exit: Exit,
}

/// Of what is wrong, so much of each check is printed: the rest is counted.
const SHOWN: usize = 20;

/// More places than any run has. A manifest that was damaged may plan so many that their order fits
/// into no memory.
const MOST_PLACES: u64 = 2_000_000;

/// Checks a run below `raw`, and its report below `out` if there is one.
///
/// # Errors
/// [`Error`] if there is no such run.
pub fn verify(raw: &Path, out: &Path, name: &str) -> Result<Verified, Error> {
    let folder = input::find(raw, name)?;
    let run = input::read(&folder)?;
    let damage = run.damage.iter().map(ToString::to_string).collect();
    let checks = vec![
        Check {
            what: "manifest and ledger: schema, whole lines, orders, sum rule, counts, histograms",
            wrong: damage,
        },
        Check {
            what: "the plan: seed and cells of the manifest give the order of the samples",
            wrong: plan(&run),
        },
        Check {
            what: "checksums: all samples of a cell ran one artifact, bundled files are unchanged",
            wrong: checksums(&run, &folder),
        },
        published(out, &run),
    ];
    let exit = if checks.iter().all(|check| check.wrong.is_empty()) {
        Exit::Ok
    } else {
        Exit::Damaged
    };
    Ok(Verified { checks, exit })
}

impl Verified {
    /// The checks as lines of text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            text.push_str(&format!(
                "{}: {}\n",
                if check.wrong.is_empty() {
                    "ok"
                } else {
                    "WRONG"
                },
                check.what
            ));
            check
                .wrong
                .iter()
                .take(SHOWN)
                .for_each(|wrong| text.push_str(&format!("  - {wrong}\n")));
            if check.wrong.len() > SHOWN {
                text.push_str(&format!("  - and {} more\n", check.wrong.len() - SHOWN));
            }
        }
        text.trim_end().to_owned()
    }
}

/// Every sample stands where the plan put it. Samples may be missing: a run may have been
/// interrupted.
fn plan(run: &Run) -> Vec<String> {
    let Some(manifest) = &run.manifest else {
        return vec!["there is no manifest, and so no plan to compare with".to_owned()];
    };
    let places = manifest.cells.len() as u64 * u64::from(manifest.samples_per_cell);
    if places > MOST_PLACES {
        return vec![format!(
            "the manifest plans {places} samples; the order of more than {MOST_PLACES} is not \
                derived again"
        )];
    }
    let order = Plan::from(manifest).order();
    let mut wrong = Vec::new();
    for data in &run.cells {
        for point in &data.points {
            let planned = usize::try_from(point.order)
                .ok()
                .and_then(|at| order.get(at));
            match planned {
                None => wrong.push(format!(
                    "samples.jsonl line {}: order {} is beyond the plan's {} places",
                    point.line,
                    point.order,
                    order.len()
                )),
                Some(planned) if planned.cell != data.cell => wrong.push(format!(
                    "samples.jsonl line {}: order {} is planned for `{}` and holds `{}`",
                    point.line, point.order, planned.cell, data.cell
                )),
                Some(planned) if planned.block != point.block => wrong.push(format!(
                    "samples.jsonl line {}: order {} is in block {} of the plan and says {}",
                    point.line, point.order, planned.block, point.block
                )),
                Some(_) => {}
            }
        }
    }
    wrong.sort();
    wrong
}

fn checksums(run: &Run, folder: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for data in &run.cells {
        let mut used: Vec<&str> = data
            .points
            .iter()
            .filter(|point| point.is_good())
            .filter_map(|point| point.artifact.as_deref())
            .collect();
        used.sort_unstable();
        used.dedup();
        if used.len() > 1 {
            wrong.push(format!(
                "`{}`: its samples ran {} different artifacts: {}",
                data.cell,
                used.len(),
                used.join(", ")
            ));
        }
    }
    wrong.extend(bundled(folder));
    wrong
}

/// What an unpacked bundle says of its files.
fn bundled(folder: &Path) -> Vec<String> {
    // In an archive the run's folder is `raw/<run>`, and the list stands above both.
    let Some(base) = folder.parent().and_then(Path::parent) else {
        return Vec::new();
    };
    let Ok(sums) = std::fs::read_to_string(base.join(super::bundle::SUMS)) else {
        return Vec::new();
    };
    let check = |line: &str| {
        let (digest, name) = line.split_once("  ")?;
        match digest::sha256_file(&base.join(name)) {
            Ok(found) if found == digest => None,
            Ok(found) => Some(format!(
                "{name} has digest {found}, and was bundled with {digest}"
            )),
            Err(error) => Some(format!("{name} was bundled and cannot be read: {error}")),
        }
    };
    sums.lines().filter_map(check).collect()
}

/// Derives every published number again.
fn published(out: &Path, run: &Run) -> Check {
    let what = "the report: every published number is derived again";
    let path = out.join(&run.name).join(SUMMARY);
    let Ok(published) = std::fs::read(&path) else {
        return Check {
            what: "the report: there is none to check",
            wrong: Vec::new(),
        };
    };
    let value: serde_json::Value = match serde_json::from_slice(&published) {
        Ok(value) => value,
        Err(error) => {
            return Check {
                what,
                wrong: vec![format!("{} is no JSON: {error}", path.display())],
            };
        }
    };
    let options: Options = value
        .get("options")
        .and_then(|options| serde_json::from_value(options.clone()).ok())
        .unwrap_or_default();
    let findings = Findings::from_run(run, options);
    let mut wrong = Vec::new();
    let derived: serde_json::Value =
        serde_json::from_slice(&findings.to_json()).expect("what was just written can be read");
    differ("", &value, &derived, &mut wrong);
    wrong.extend(pages(out, &findings));
    Check { what, wrong }
}

/// One of the forms of a report.
type Form = fn(&Document) -> String;

/// The text forms are a function of the numbers: they must be the same byte by byte.
fn pages(out: &Path, findings: &Findings) -> Vec<String> {
    use crate::document::{html, latex, markdown};
    let document = crate::report(findings);
    let forms: [(&str, Form); 3] = [
        ("report.html", html),
        ("report.md", markdown),
        ("report.tex", latex),
    ];
    let check = |(name, form): (&str, Form)| {
        let published = std::fs::read(out.join(&findings.facts.run).join(name)).ok()?;
        (published != form(&document).as_bytes())
            .then(|| format!("{name} is not what the run gives; `analysis report` writes it anew"))
    };
    forms.into_iter().filter_map(check).collect()
}

/// Where two values differ, by their path.
fn differ(path: &str, one: &serde_json::Value, two: &serde_json::Value, wrong: &mut Vec<String>) {
    use serde_json::Value::{Array, Object};
    match (one, two) {
        (Object(one), Object(two)) => {
            for key in one
                .keys()
                .chain(two.keys().filter(|key| !one.contains_key(*key)))
            {
                let null = serde_json::Value::Null;
                differ(
                    &format!("{path}/{key}"),
                    one.get(key).unwrap_or(&null),
                    two.get(key).unwrap_or(&null),
                    wrong,
                );
            }
        }
        (Array(one), Array(two)) if one.len() == two.len() => {
            for (index, (one, two)) in one.iter().zip(two).enumerate() {
                differ(&format!("{path}/{index}"), one, two, wrong);
            }
        }
        (one, two) if one != two => {
            wrong.push(format!(
                "{SUMMARY} {path} says {}, and the samples give {}",
                short(one),
                short(two)
            ));
        }
        _ => {}
    }
}

fn short(value: &serde_json::Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 {
        text.chars().take(60).chain(['…']).collect()
    } else {
        text
    }
}
