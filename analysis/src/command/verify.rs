//! `verify`: whether a run is what it says, and whether what was published is what it says.

use std::io;
use std::path::Path;

use campaign::schedule::Plan;
use results::folder::Folder;
use results::text;
use serde::Deserialize;

use super::{Error, Exit, input, unpacked};
use crate::document::{Document, dangling};
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

/// The longest file of a report that is looked at.
const MOST_OF_A_REPORT: u64 = 64 << 20;

/// More conditions than anybody asks for.
const MOST_OBJECTIVES: usize = 100;

/// Checks a run below `raw`, and its report below `out` if there is one.
///
/// # Errors
/// [`Error`] if there is no such run.
pub fn verify(raw: &Path, out: &Path, name: &str) -> Result<Verified, Error> {
    let folder = input::find(raw, name)?;
    let run = input::read(&folder)?;
    let damage = run.damage.iter().map(ToString::to_string).collect();
    let mut checks = vec![
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
    ];
    checks.extend(published(out, &run));
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
        let mut said = String::new();
        for check in &self.checks {
            said.push_str(&format!(
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
                .for_each(|wrong| said.push_str(&format!("  - {}\n", text::line(wrong))));
            if check.wrong.len() > SHOWN {
                said.push_str(&format!("  - and {} more\n", check.wrong.len() - SHOWN));
            }
        }
        said.trim_end().to_owned()
    }
}

/// Every sample stands where the plan put it. Samples may be missing: a run may have been
/// interrupted.
fn plan(run: &Run) -> Vec<String> {
    let Some(manifest) = &run.manifest else {
        return vec!["there is no manifest, and so no plan to compare with".to_owned()];
    };
    // What another tool has measured follows no plan of ours.
    if manifest.foreign().is_some() {
        return Vec::new();
    }
    if Plan::places(manifest).is_none() {
        return vec![format!(
            "the manifest plans {} cells with {} samples each; the order of more than {} samples is \
                not derived again",
            manifest.cells.len(),
            manifest.samples_per_cell,
            Plan::MOST_PLACES
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
    wrong.extend(unpacked::wrong(folder));
    wrong
}

/// Derives every published number again, and looks at where the report's links and pictures lead.
fn published(out: &Path, run: &Run) -> Vec<Check> {
    let what = "the report: every published number is derived again";
    let folder = out.join(&run.name);
    if folder.join(SUMMARY).symlink_metadata().is_err() {
        return vec![Check {
            what: "the report: there is none to check",
            wrong: Vec::new(),
        }];
    }
    let wrong = |found: String| {
        vec![Check {
            what,
            wrong: vec![found],
        }]
    };
    let opened = match Folder::open_itself(&folder) {
        Ok(opened) => opened,
        Err(error) => return wrong(format!("{}: {error}", folder.display())),
    };
    let published = match opened.read(SUMMARY, MOST_OF_A_REPORT) {
        Ok(published) => published,
        Err(error) => return wrong(format!("{SUMMARY}: {error}")),
    };
    let options = match options(&published) {
        Ok(options) => options,
        Err(found) => return wrong(found),
    };
    let findings = Findings::from_run(run, options);
    let document = crate::report(&findings);
    let mut numbers = numbers(&published, &findings.to_json());
    numbers.extend(pages(&opened, &document));
    vec![
        Check {
            what,
            wrong: numbers,
        },
        Check {
            what: "its links and pictures: each leads to something that is there",
            wrong: leads(&opened, &document),
        },
    ]
}

/// What the report was asked for.
fn options(published: &[u8]) -> Result<Options, String> {
    #[derive(Deserialize)]
    struct Asked {
        options: Option<Options>,
    }
    let asked: Asked = serde_json::from_slice(published)
        .map_err(|error| format!("{SUMMARY} is not what a report writes: {error}"))?;
    let options = asked.options.unwrap_or_default();
    if options.objectives.len() > MOST_OBJECTIVES {
        return Err(format!(
            "{SUMMARY} asks for {} objectives; more than {MOST_OBJECTIVES} are not judged again",
            options.objectives.len()
        ));
    }
    Ok(options)
}

/// In what published numbers differ from those that the samples give.
fn numbers(published: &[u8], derived: &[u8]) -> Vec<String> {
    // What is much longer is something else, and of no use in memory.
    if published.len() > 2 * derived.len() {
        return vec![format!(
            "{SUMMARY} has {} bytes, and the samples give {}",
            published.len(),
            derived.len()
        )];
    }
    let value: serde_json::Value = match serde_json::from_slice(published) {
        Ok(value) => value,
        Err(error) => return vec![format!("{SUMMARY} is no JSON: {error}")],
    };
    let derived: serde_json::Value =
        serde_json::from_slice(derived).expect("what was just written can be read");
    let mut wrong = Vec::new();
    differ("", &value, &derived, &mut wrong);
    wrong
}

/// Links that lead nowhere in the report, and pictures that are not in its folder.
fn leads(folder: &Folder, document: &Document) -> Vec<String> {
    let links = dangling(document).into_iter();
    let mut wrong: Vec<_> = links
        .map(|target| format!("a link leads to `{target}`, and nothing in the report is called so"))
        .collect();
    for figure in document.figures() {
        for ending in ["svg", "png", "pdf"] {
            let name = format!("plots/{}.{ending}", figure.id);
            match folder.read(&name, MOST_OF_A_REPORT) {
                Err(error) => wrong.push(format!("{name} is a picture of the report: {error}")),
                Ok(bytes) if ending == "svg" => {
                    if bytes != figure.picture.standalone(&figure.title).as_bytes() {
                        wrong.push(format!("{name} is not what the run gives"));
                    }
                }
                Ok(_) => {}
            }
        }
    }
    wrong
}

/// One of the forms of a report.
type Form = fn(&Document) -> String;

/// The text forms are a function of the numbers: they must be the same byte by byte.
fn pages(folder: &Folder, document: &Document) -> Vec<String> {
    use crate::document::{figures, html, latex, markdown};
    let forms: [(&str, Form); 4] = [
        ("report.html", html),
        ("report.md", markdown),
        ("report.tex", latex),
        ("figures.tex", figures),
    ];
    let check = |(name, form): (&str, Form)| {
        let derived = form(document);
        let published = match folder.read(name, MOST_OF_A_REPORT) {
            Ok(published) => published,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return Some(format!("{name}: {error}")),
        };
        (published != derived.as_bytes())
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
