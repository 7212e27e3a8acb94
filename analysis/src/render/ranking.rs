//! Three ways to use a service, and which systems suit each.

use findings::questions::ranking::{Factor, Place, Ranking, USES};
use findings::units::{Unit, nanoseconds, percent, three_digits};
use findings::{Findings, Measure};

use super::format::{list, or_dash};
use crate::document::{Section, Table};

/// The section, where two systems at least can be ranked.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    // One workload for the heading; the tables have all.
    let workload = &findings.rankings.first()?.workload;
    let of_first = |it: &&Ranking| it.workload == *workload;
    let first: Vec<_> = findings.rankings.iter().filter(of_first).collect();
    let title = format!(
        "Edge, serverless, long-running: of {workload}, {}",
        winners(&first)
    );
    let is_whole = first.iter().all(|it| it.not_judged.is_empty());
    let title = if is_whole {
        title
    } else {
        format!("{title} (memory is not judged)")
    };
    let mut section = Section::new("ranking", title);
    section.question = "Which system";
    if let Some(text) = memory_text(findings) {
        section.text(text);
    }
    section.text(
        "A ranking is a matter of what counts. Here it is the weighted geometric mean of how many \
            times the best system's cost each criterion is: 1 would be best in everything. The \
            weights are an opinion and are stated; the factors are measurements. **Systems that \
            cannot be told apart share a rank (marked `=`)**: a system stands below another only \
            if a criterion that counts is worse by a verdict, as in every comparison of this \
            report. Systems are ranked within one life cycle of their instances: each request with \
            an instance of its own, or one for all. Isolation, tooling and what a guest may do count too, and are not measured \
            here.",
    );
    for for_use in USES {
        let weights: Vec<_> = for_use
            .weights
            .iter()
            .map(|(criterion, weight)| format!("{} {}", criterion.name(), percent(*weight)))
            .collect();
        section.text(format!(
            "**{}:** {}. Weights: {}.",
            for_use.name,
            for_use.description,
            list(&weights)
        ));
        let columns = [
            "system",
            "workload",
            "life cycle",
            ">rank",
            ">score",
            "why: value (times the best)",
        ];
        let title = format!("{}: systems by score", for_use.name);
        let mut table = Table::new(title, &columns);
        let rankings = findings.rankings.iter();
        for ranking in rankings.filter(|it| it.for_use.name == for_use.name) {
            for place in &ranking.places {
                let fields = [
                    place.system.clone(),
                    ranking.workload.to_string(),
                    or_dash(ranking.lifecycle.clone()),
                    rank(place),
                    three_digits(place.score),
                    place
                        .factors
                        .iter()
                        .map(reason)
                        .collect::<Vec<_>>()
                        .join("; "),
                ];
                table.row_about(&ranking.workload, &[&place.system], fields);
            }
        }
        section.table(table);
        section.table(unranked(findings, for_use.name));
    }
    Some(section)
}

/// That memory is not judged, of which workloads, and what would be needed for it; nothing where it is.
fn memory_text(findings: &Findings) -> Option<String> {
    let all = findings.rankings.iter();
    let without = all.filter(|it| it.not_judged.iter().any(|criterion| criterion.is_memory()));
    let mut workloads: Vec<_> = without.map(|it| it.workload.to_string()).collect();
    workloads.dedup();
    (!workloads.is_empty()).then(|| {
        format!(
            "**Memory is not judged of {}:** a figure that is alike for every system is what one more \
                instance takes and what the machine pays once, and of two systems at least this run \
                has no such line over numbers of instances (scenario `density`, or `external \
                density`). The other criteria share its weight.",
            list(&workloads)
        )
    })
}

/// Systems that were measured and are not ranked: a row that is not there says nothing.
fn unranked(findings: &Findings, for_use: &str) -> Table {
    let columns = ["system", "workload", "life cycle", "why not"];
    let mut table = Table::new(format!("{for_use}: not ranked"), &columns);
    let rankings = findings.rankings.iter();
    for ranking in rankings.filter(|it| it.for_use.name == for_use) {
        for it in &ranking.unranked {
            let fields = [
                format!("[{}](#{})", it.system, it.cell),
                ranking.workload.to_string(),
                or_dash(ranking.lifecycle.clone()),
                it.why.clone(),
            ];
            table.row_about(&ranking.workload, &[&it.system], fields);
        }
    }
    table
}

fn rank(place: &Place) -> String {
    let shared = if place.is_shared { " =" } else { "" };
    format!("{}{shared}", place.rank)
}

/// The first of each use.
fn winners(rankings: &[&Ranking]) -> String {
    let first = |ranking: &&Ranking| {
        let first = ranking.places.iter().filter(|place| place.rank == 1);
        first.map(|place| place.system.clone()).collect::<Vec<_>>()
    };
    let winners: Vec<Vec<String>> = rankings.iter().map(first).collect();
    if winners.windows(2).all(|pair| pair[0] == pair[1]) {
        let systems = winners.first().map_or_else(String::new, |it| list(it));
        let is_one = winners.first().is_some_and(|it| it.len() == 1);
        return if is_one {
            format!("{systems} comes first in each")
        } else {
            format!("{systems} share the first rank in each")
        };
    }
    let clause = |(ranking, systems): (&&Ranking, &Vec<String>)| {
        let of_life_cycle = ranking.lifecycle.as_ref();
        let of_life_cycle = of_life_cycle.map_or_else(String::new, |it| format!(" ({it})"));
        format!(
            "{} for {}{of_life_cycle}",
            list(systems),
            ranking.for_use.name
        )
    };
    let clauses: Vec<_> = rankings.iter().zip(&winners).map(clause).collect();
    clauses.join("; ")
}

fn reason(factor: &Factor) -> String {
    let value = if factor.criterion.is_memory() {
        Unit::Bytes.shown(factor.value)
    } else {
        nanoseconds(factor.value)
    };
    let times = if factor.times <= 1.0 {
        "best".to_owned()
    } else {
        format!("{}×", three_digits(factor.times))
    };
    let what = if factor.measure == Measure::RequestCpuNs {
        "CPU of a request under load"
    } else {
        factor.criterion.name()
    };
    format!("{what} {value} ({times})")
}
