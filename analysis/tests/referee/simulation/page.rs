//! Every claim on a page of findings, held against the truth.
//!
//! Findings are read as the JSON that the program publishes, so that every comparison is found
//! wherever it stands, also one that a later version adds.

use std::collections::BTreeMap;

use results::Cell;
use serde_json::Value;

use super::run;
use super::tally::Share;
use super::world::{Truth, is_memory};

/// A difference of this part is what "indistinguishable" promises to exclude.
const MARGIN: f64 = 0.1;

/// A comparison on a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Which question of the page it answers.
    pub question: String,
    pub candidate: String,
    pub baseline: String,
    pub measure: String,
    pub verdict: String,
    pub interval: Option<(f64, f64)>,
}

/// What a verdict is, given the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It says nothing that is not so.
    Right,
    /// It calls a difference what is none, or the wrong way round.
    FalseDifference,
    /// It says that there is no difference of ten per cent where there is one.
    FalseEquivalence,
}

/// The cells of a run, by the ids that findings call them by.
pub struct Truths {
    truth: Truth,
    cells: BTreeMap<String, Cell>,
}

impl Truths {
    pub fn new(truth: Truth, cells: &[Cell]) -> Self {
        let named = cells
            .iter()
            .map(|cell| (findings::input::cell_id(cell), cell.clone()));
        Self {
            truth,
            cells: named.collect(),
        }
    }

    /// The cell with this id: findings name no other.
    pub fn cell(&self, id: &str) -> &Cell {
        let known = self.cells.get(id);
        known.unwrap_or_else(|| panic!("findings compare `{id}`, which was not measured"))
    }

    /// The true ratio of a comparison.
    pub fn ratio(&self, claim: &Claim) -> f64 {
        let cost = |id: &str| {
            let cell = self.cell(id);
            if is_memory(&claim.measure) {
                self.truth.memory(cell)
            } else {
                self.truth.time(cell)
            }
        };
        cost(&claim.candidate) / cost(&claim.baseline)
    }

    pub fn judge(&self, claim: &Claim) -> Judgement {
        let ratio = self.ratio(claim);
        let is_wrong = match claim.verdict.as_str() {
            "slower" => ratio <= 1.0,
            "faster" => ratio >= 1.0,
            "indistinguishable" if ratio.ln().abs() > (1.0 + MARGIN).ln() - 1e-9 => {
                return Judgement::FalseEquivalence;
            }
            _ => false,
        };
        if is_wrong {
            Judgement::FalseDifference
        } else {
            Judgement::Right
        }
    }

    /// Whether an interval holds the true ratio; nothing where there is none.
    pub fn covers(&self, claim: &Claim) -> Option<bool> {
        let (low, high) = claim.interval?;
        let ratio = self.ratio(claim);
        Some(low <= ratio && ratio <= high)
    }
}

/// Every comparison on a page.
pub fn claims(findings: &Value) -> Vec<Claim> {
    let mut found = Vec::new();
    if let Value::Object(questions) = findings {
        for (question, answer) in questions {
            walk(question, answer, &mut found);
        }
    }
    found
}

fn walk(question: &str, value: &Value, found: &mut Vec<Claim>) {
    match value {
        Value::Object(fields) => {
            found.extend(claim(question, value));
            fields
                .values()
                .for_each(|field| walk(question, field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(question, item, found)),
        _ => {}
    }
}

/// A comparison, if that is what a value is.
pub fn claim(question: &str, value: &Value) -> Option<Claim> {
    let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
    let end = |key: &str| value.pointer(&format!("/ratio/interval/{key}"))?.as_f64();
    Some(Claim {
        question: question.to_owned(),
        candidate: text("candidate")?,
        baseline: text("baseline")?,
        measure: text("measure")?,
        verdict: text("verdict")?,
        interval: end("low").zip(end("high")),
    })
}

/// Statements that are no comparisons, of which each is wrong where nothing differs and nothing
/// drifts: by name, how many a page has.
pub fn other_claims(findings: &Value) -> BTreeMap<&'static str, u64> {
    let items = |key: &str| findings[key].as_array().into_iter().flatten();
    let count = |it: usize| it as u64;
    let places = items("rankings").flat_map(|it| it["places"].as_array().into_iter().flatten());
    let crossings = items("break_even")
        .filter_map(|it| it["crossings"].as_array())
        .flatten();
    let warned = |key: &str| findings["limits"][key].as_array().map_or(0, Vec::len);
    BTreeMap::from([
        (
            "a rank below another",
            count(places.filter(|it| it["rank"].as_u64() > Some(1)).count()),
        ),
        (
            "clocks of one system that surely disagree",
            count(items("clocks").filter(|it| disagree(&it["apart"])).count()),
        ),
        (
            "a number of requests that surely pays",
            count(crossings.filter(|it| it["is_certain"] == true).count()),
        ),
        (
            "starts that surely take another time after an engine's",
            count(usize::from(is_carried_over(findings))),
        ),
        ("cells that drift", count(warned("drifting"))),
        ("cells with several modes", count(warned("multimodal"))),
    ])
}

/// The interval of how many times as long starts take right after a system with an engine of its own.
pub fn carry_over(findings: &Value) -> Option<(f64, f64)> {
    let interval = findings.pointer("/carry_over/ratio/interval")?;
    interval["low"].as_f64().zip(interval["high"].as_f64())
}

/// Whether it surely is another time.
pub fn is_carried_over(findings: &Value) -> bool {
    carry_over(findings).is_some_and(|(low, high)| low > 1.0 || high < 1.0)
}

/// Of each pair in which the slower start answers quicker, the interval of the number of requests
/// from which it pays, and the true number.
fn break_even(truths: &Truths, findings: &Value) -> Vec<(f64, f64, f64)> {
    let all = findings["break_even"].as_array().into_iter().flatten();
    let crossings = all.filter_map(|of| of["crossings"].as_array()).flatten();
    let number = |crossing: &Value| {
        let time = |which: &str, at: usize| {
            let id = crossing[which][at].as_str()?;
            Some(truths.truth.time(truths.cell(id)))
        };
        let dearer = (time("candidate", 0)? - time("baseline", 0)?) * run::START_NS;
        let saved = (time("baseline", 1)? - time("candidate", 1)?) * run::mean_request_ns();
        let answer = &crossing["answer"];
        let low = answer["low"].as_f64()?;
        let high = answer["high"].as_f64().unwrap_or(f64::INFINITY);
        // Where nothing is to be won there is no number.
        (dearer > 0.0 && saved > 0.0).then_some((low, high, dearer / saved))
    };
    crossings.filter_map(number).collect()
}

/// Whether one of the two clocks of a heading surely says less than a container, and the other more.
fn disagree(apart: &Value) -> bool {
    let end = |clock: &str, end: &str| apart[clock]["interval"][end].as_f64();
    let less = |clock| end(clock, "high").is_some_and(|high| high < 1.0);
    let more = |clock| end(clock, "low").is_some_and(|low| low > 1.0);
    (less("start") && more("request")) || (more("start") && less("request"))
}

/// What is counted over pages.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Pages with a false difference.
    pub false_pages: Share,
    /// Pages with a false equivalence.
    pub false_equivalence_pages: Share,
    /// False verdicts of either kind by question, in how many pages.
    pub by_question: BTreeMap<String, u64>,
    /// Intervals of comparisons with the native program that hold the truth.
    pub covered: Share,
    /// The same of what the headlines chose.
    pub covered_headlines: Share,
    /// Numbers of requests from which a slower start pays, stated with an interval that holds the
    /// true one.
    pub covered_break_even: Share,
    /// Verdicts by word.
    pub words: BTreeMap<String, u64>,
    /// True differences that were found, by scenario.
    pub found: BTreeMap<&'static str, Share>,
    /// True differences that a headline states.
    pub found_headlines: Share,
    /// Pages with a statement that is no comparison.
    pub others: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// Counts one page.
    pub fn page(&mut self, truths: &Truths, findings: &Value) {
        let claims = claims(findings);
        let mut wrong: BTreeMap<&str, bool> = BTreeMap::new();
        let (mut differs, mut equals) = (false, false);
        for claim in &claims {
            let judgement = truths.judge(claim);
            differs |= judgement == Judgement::FalseDifference;
            equals |= judgement == Judgement::FalseEquivalence;
            *wrong.entry(&claim.question).or_default() |= judgement != Judgement::Right;
            match claim.question.as_str() {
                "families" => self.family_member(truths, claim),
                "headlines" => self.headline(truths, claim),
                _ => {}
            }
        }
        self.false_pages.count(differs);
        self.false_equivalence_pages.count(equals);
        for (question, _) in wrong.into_iter().filter(|(_, is_wrong)| *is_wrong) {
            *self.by_question.entry(question.to_owned()).or_default() += 1;
        }
        for (low, high, truth) in break_even(truths, findings) {
            self.covered_break_even.count(low <= truth && truth <= high);
        }
        for (name, n) in other_claims(findings) {
            *self.others.entry(name).or_default() += u64::from(n > 0);
        }
    }

    fn family_member(&mut self, truths: &Truths, claim: &Claim) {
        *self.words.entry(claim.verdict.clone()).or_default() += 1;
        if let Some(is_covered) = truths.covers(claim) {
            self.covered.count(is_covered);
        }
        let ratio = truths.ratio(claim);
        if (ratio - 1.0).abs() > 1e-9 && !is_memory(&claim.measure) {
            let scenario = truths.cell(&claim.candidate).scenario.name();
            let found = self.found.entry(scenario).or_default();
            found.count(claim.verdict == if ratio > 1.0 { "slower" } else { "faster" });
        }
    }

    fn headline(&mut self, truths: &Truths, claim: &Claim) {
        if let Some(is_covered) = truths.covers(claim) {
            self.covered_headlines.count(is_covered);
        }
        let ratio = truths.ratio(claim);
        if ratio > 1.0 + 1e-9 {
            self.found_headlines.count(claim.verdict == "slower");
        }
    }
}
