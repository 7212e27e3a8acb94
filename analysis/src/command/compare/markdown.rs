//! A comparison between runs as a comment on a pull request: the answer first, what changed as a
//! table, everything else folded away.

use findings::between_runs::{Basis, BetweenRuns, Change, Family};
use findings::statistics::Verdict;

use super::text::{self, OneEach, Several, closing, ratio, value_of, word};
use crate::document::markdown::{code, escaped};

/// More changes than this are told by their number: a comment has an end.
const MOST_ROWS: usize = 100;

pub(super) fn one_each(of: &OneEach<'_>) -> String {
    let [after, before] = [of.after, of.before].map(|it| code(it, false));
    let sides = format!("{after} against {before}, one run a side");
    page(
        &sides,
        of.control,
        of.foreign,
        of.found,
        &text::one_each(of),
    )
}

pub(super) fn several(of: &Several<'_>) -> String {
    let (before, after) = of.runs;
    let sides = format!("{after} runs against {before}, one value a run");
    page(&sides, of.control, of.foreign, of.found, &text::several(of))
}

fn page(
    sides: &str,
    control: &str,
    foreign: &[String],
    found: &BetweenRuns,
    whole: &str,
) -> String {
    let mut page = format!("### coldphase: {}\n\n{sides}.\n", answer(found));
    for caveat in foreign {
        page.push_str(&format!("\n> **Beware:** {}.\n", escaped(caveat)));
    }
    page.push_str(&table(found, control));
    page.push_str(&format!("\n{}.\n", closing(found).replace('\n', "; ")));
    // What a stranger's manifest says is in it too.
    let longest = whole.split(|it| it != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    page.push_str(&format!(
        "\n<details><summary>Everything</summary>\n\n{fence}text\n{}\n{fence}\n\n</details>\n",
        whole.trim_end()
    ));
    page
}

/// The heading: what a person who reads nothing else should know.
fn answer(found: &BetweenRuns) -> String {
    let count = |verdict: &Verdict| {
        let changes = found.changes();
        changes.filter(|(_, it)| it.verdict == *verdict).count()
    };
    match (count(&Verdict::Slower), count(&Verdict::Faster)) {
        (0, 0) => "nothing is known to have changed".to_owned(),
        (0, better) => format!("{better} better, nothing slower"),
        (worse, 0) => format!("**{worse} slower or more**"),
        (worse, better) => format!("**{worse} slower or more**, {better} better"),
    }
}

/// What changed, what may have, the worst first.
fn table(found: &BetweenRuns, control: &str) -> String {
    let mut rows: Vec<(&Family, &Change)> = found
        .changes()
        .filter(|(_, change)| {
            matches!(
                change.verdict,
                Verdict::Slower | Verdict::Faster | Verdict::WithinControl
            )
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let rank = |change: &Change| match change.verdict {
        Verdict::Slower => 0,
        Verdict::Faster => 1,
        _ => 2,
    };
    // Stable: otherwise the order of the families stays.
    rows.sort_by_key(|(_, change)| rank(change));
    let left = rows.len().saturating_sub(MOST_ROWS);
    let mut table = "\n| | cell | measure | before | after | after ÷ before (95 %) |\n\
        |---|---|---|--:|--:|--:|\n"
        .to_owned();
    for (family, change) in rows.into_iter().take(MOST_ROWS) {
        let basis = match family.basis {
            Basis::ToControl => format!(" ÷ {}", code(control, true)),
            Basis::Absolute | Basis::Memory => String::new(),
        };
        table.push_str(&format!(
            "| {} {} | {} | `{}`{basis} | {} | {} | {} |\n",
            mark(change),
            word(change, family.basis),
            code(&change.cell.to_string(), true),
            family.measure.name(),
            value_of(family, change.before),
            value_of(family, change.after),
            ratio(change)
        ));
    }
    if left > 0 {
        table.push_str(&format!("\nand {left} more, below.\n"));
    }
    table
}

const fn mark(change: &Change) -> &'static str {
    match change.verdict {
        Verdict::Slower => "▲",
        Verdict::Faster => "▼",
        _ => "~",
    }
}
