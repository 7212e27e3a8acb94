//! The report for people: systems as a table, findings from the worst to the best. Words and
//! symbols carry the meaning; there is no colour to miss.

use campaign::front_door::reword;
use results::machine::Machine;
use systems::in_families;

use super::Report;
use super::finding::{Finding, Severity};
use super::memory::size;
use super::system::SystemState;

/// Wider lines are hard to read, even where there is room for them.
const WIDEST: usize = 100;
/// Narrower ones would be a word each.
const NARROWEST: usize = 40;

impl Report {
    /// The report as lines of at most `width` columns, and never more than 100. A word that is
    /// longer stands alone: a command or a path that was cut could not be copied.
    pub fn text(&self, width: usize) -> String {
        let width = width.clamp(NARROWEST, WIDEST);
        let mut text = systems(&self.systems, width);
        text.push_str("Machine\n");
        text.push_str(&paragraph(&machine(&self.machine), "  ", "  ", width));
        for severity in Severity::WORST_FIRST {
            let findings: Vec<_> = self
                .findings
                .iter()
                .filter(|finding| finding.severity == severity)
                .collect();
            if !findings.is_empty() {
                text.push('\n');
                text.push_str(&paragraph(severity.heading(), "", "  ", width));
                findings
                    .iter()
                    .for_each(|finding| text.push_str(&one(finding, width)));
            }
        }
        text
    }
}

fn one(finding: &Finding, width: usize) -> String {
    let Finding {
        check,
        severity,
        found,
        effect,
        remedy,
    } = finding;
    let mut text = paragraph(
        &format!("{check}: {found}"),
        &format!("  {} ", severity.symbol()),
        "      ",
        width,
    );
    text.push_str(&paragraph(effect, "      ", "      ", width));
    if let Some(remedy) = remedy {
        text.push_str(&paragraph(remedy, "      → ", "        ", width));
    }
    text
}

/// Three columns, under the names of families where there are several; in the last one stands what
/// does not fit into a word.
fn systems(systems: &[SystemState], width: usize) -> String {
    if systems.is_empty() {
        return String::new();
    }
    let version = |system: &SystemState| system.version.clone().unwrap_or_else(|| "–".to_owned());
    let widest = |cells: &mut dyn Iterator<Item = usize>| cells.max().unwrap_or(0);
    let names = widest(
        &mut systems
            .iter()
            .map(|system| system.name.chars().count())
            .chain(["system".len()]),
    );
    let versions = widest(
        &mut systems
            .iter()
            .map(|system| version(system).chars().count())
            .chain(["version".len()]),
    );
    let families = in_families(systems, |system| system.family);
    let inner = if families.len() > 1 { 4 } else { 2 };
    let row = |name: &str, version: &str, here: &str| {
        let head = format!("{:inner$}{name:names$}  {version:versions$}  ", "");
        // Where the columns leave no room for sentences, these go below.
        let indent = if width >= names + versions + 36 {
            names + versions + inner + 4
        } else {
            inner + 4
        };
        let mut lines = here.lines();
        let mut text = paragraph(
            lines.next().unwrap_or_default(),
            &head,
            &" ".repeat(indent),
            width,
        );
        lines.for_each(|line| {
            text.push_str(&paragraph(
                line,
                &" ".repeat(indent),
                &" ".repeat(indent + 2),
                width,
            ));
        });
        text
    };
    let mut text = row("system", "version", "can be measured here");
    text.push_str(&format!("  {}\n", "─".repeat(width - 2)));
    for (family, systems) in &families {
        if families.len() > 1 {
            text.push_str(&format!("  {}\n", family.label()));
        }
        systems
            .iter()
            .for_each(|system| text.push_str(&of_system(system, &version, &row)));
    }
    text.push('\n');
    text
}

/// The rows of a system.
fn of_system(
    system: &SystemState,
    version: &impl Fn(&SystemState) -> String,
    row: &impl Fn(&str, &str, &str) -> String,
) -> String {
    let mut here = match &system.state {
        Ok(()) => "✓ yes".to_owned(),
        Err(unavailable) => format!(
            "✗ no: {}\n→ {}",
            reword(&unavailable.reason),
            reword(&unavailable.remedy)
        ),
    };
    system
        .notes
        .iter()
        .for_each(|note| here.push_str(&format!("\n· {note}")));
    row(system.name, &version(system), &here)
}

fn machine(machine: &Machine) -> String {
    let facts = [
        machine.cpu_model.clone(),
        machine.cores.map(|cores| {
            if cores == 1 {
                "1 core".to_owned()
            } else {
                format!("{cores} cores")
            }
        }),
        machine
            .memory_bytes
            .map(|bytes| format!("{} of memory", size(bytes))),
        machine
            .kernel
            .as_ref()
            .map(|kernel| format!("Linux {}", kernel.trim())),
        machine
            .cgroup_version
            .map(|version| format!("cgroup v{version}")),
    ];
    let facts: Vec<_> = facts.into_iter().flatten().collect();
    if facts.is_empty() {
        "the kernel says nothing about it".to_owned()
    } else {
        facts.join(", ")
    }
}

/// Words in lines of at most `width` columns, the first after `head` and all others after `indent`.
fn paragraph(text: &str, head: &str, indent: &str, width: usize) -> String {
    let mut lines = String::new();
    let (mut line, mut used, mut empty) = (head.to_owned(), head.chars().count(), true);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !empty && used + 1 + length > width {
            lines.push_str(line.trim_end());
            lines.push('\n');
            (line, used, empty) = (indent.to_owned(), indent.chars().count(), true);
        }
        if !empty {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        (used, empty) = (used + length, false);
    }
    lines.push_str(line.trim_end());
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_between_words_and_never_within_one() {
        assert_eq!(
            paragraph("one two three", "* ", "  ", 9),
            "* one two\n  three\n"
        );
        assert_eq!(
            paragraph("a-word-that-is-too-long b", "", "", 10),
            "a-word-that-is-too-long\nb\n"
        );
        assert_eq!(paragraph("", "head  ", "", 10), "head\n");
    }
}
