//! Which command is whose, in the order in which a newcomer needs them.

/// A program behind the front door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Embedded engines.
    Host,
    /// Systems from outside.
    External,
    /// From samples to findings.
    Analysis,
    /// The script that installs systems.
    Setup,
}

impl Program {
    /// The name of its file, and of its package if cargo builds it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::External => "external",
            Self::Analysis => "analysis",
            Self::Setup => "setup",
        }
    }
}

/// Commands that are for one purpose.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// What they are for.
    pub title: &'static str,
    /// The commands.
    pub commands: &'static [Entry],
}

/// A command of the front door, by the name that its program has for it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The word.
    pub name: &'static str,
    /// Whose it is.
    pub program: Program,
    /// What it does, in a line.
    pub about: &'static str,
    /// A shorter name that only its program has for it: here that is another command's.
    pub own_name: Option<&'static str>,
}

impl Entry {
    /// The same, with a shorter name of its program's.
    const fn by_itself(self, own_name: &'static str) -> Self {
        Self {
            own_name: Some(own_name),
            ..self
        }
    }
}

const fn host(name: &'static str, about: &'static str) -> Entry {
    Entry {
        name,
        program: Program::Host,
        about,
        own_name: None,
    }
}

const fn external(name: &'static str, about: &'static str) -> Entry {
    Entry {
        name,
        program: Program::External,
        about,
        own_name: None,
    }
}

const fn analysis(name: &'static str, about: &'static str) -> Entry {
    Entry {
        name,
        program: Program::Analysis,
        about,
        own_name: None,
    }
}

/// Every command.
///
/// Two names exist twice behind the front door, and each of the two has a name of its own here:
/// `density` is that of systems, and `density-embedded` counts instances in one process; `compare`
/// measures systems beside each other, and `compare-runs` holds runs against each other.
pub const COMMANDS: &[Group] = &[
    Group {
        title: "Begin with",
        commands: &[
            external(
                "doctor",
                "What can be measured here, and what distorts results",
            ),
            host(
                "phases",
                "Cold starts of embedded engines, phase by phase: half a minute",
            ),
            external(
                "suite",
                "Every system from outside, and under load: under five minutes",
            ),
            analysis(
                "report",
                "A run as a page, Markdown, LaTeX, tables and pictures",
            ),
        ],
    },
    Group {
        title: "Measure more",
        commands: &[
            external("duel", "Two builds of one workload: is one slower?"),
            external(
                "compare",
                "Systems where they do the same work: embedded-vs-cli, cold-start",
            ),
            external("scale", "Several instances at once: throughput and memory"),
            external(
                "density",
                "How many instances fit, a process each: memory, time of one more",
            ),
            host(
                "density-embedded",
                "How many instances fit into one process of an embedder",
            )
            .by_itself("density"),
            external(
                "load",
                "Load on a service of this machine: the generator alone",
            ),
            host("overhead", "What the harness itself costs"),
        ],
    },
    Group {
        title: "Work with runs",
        commands: &[
            analysis(
                "compare-runs",
                "Is a build slower than an earlier one? Run against run",
            )
            .by_itself("compare"),
            analysis(
                "baseline",
                "Keep runs under a name, to compare later ones with",
            ),
            analysis(
                "plan",
                "From a pilot run: how many samples a difference needs",
            ),
            analysis("verify", "Check a run and its report"),
            analysis("export", "Samples or figures of a run, for other tools"),
            analysis("import", "A run out of what another tool has measured"),
            analysis("bundle", "A run and its report in one archive"),
        ],
    },
    Group {
        title: "Run WebAssembly with a fast start",
        commands: &[
            host("compile", "Compile a component or a module ahead of time"),
            host("serve", "Serve a wasi:http component"),
            host("run", "Run a command to its end"),
        ],
    },
    Group {
        title: "Prepare",
        commands: &[
            Entry {
                name: "setup",
                program: Program::Setup,
                about: "Install systems to be measured; prints its plan first",
                own_name: None,
            },
            external("system", "Try a description of a system of your own"),
            external("firewall", "A firewall for the benchmark's ports"),
            external("link", "A link with a delay, and what it does with packets"),
        ],
    },
];

/// The command of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    let mut entries = COMMANDS.iter().flat_map(|group| group.commands);
    entries.find(|entry| entry.name == name)
}

/// The name that the front door has for what a program calls so.
pub fn name_of(program: &str, word: &str) -> Option<&'static str> {
    let mut entries = COMMANDS.iter().flat_map(|group| group.commands);
    entries
        .find(|it| it.program.name() == program && (it.name == word || it.own_name == Some(word)))
        .map(|entry| entry.name)
}

/// The command that somebody may have meant.
pub fn nearest(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let entries = COMMANDS.iter().flat_map(|group| group.commands);
    entries
        .map(|entry| (strsim::damerau_levenshtein(entry.name, &word), entry.name))
        .filter(|(distance, name)| *distance <= 1 + usize::from(name.len() > 4))
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_commands_have_one_name() {
        let names = COMMANDS.iter().flat_map(|group| group.commands);
        let mut seen = BTreeSet::new();
        for entry in names {
            assert!(seen.insert(entry.name), "{} is there twice", entry.name);
        }
    }

    #[test]
    fn what_two_programs_call_by_one_name_has_two_here() {
        for (program, word, name) in [
            ("host", "density", Some("density-embedded")),
            ("external", "density", Some("density")),
            ("external", "compare", Some("compare")),
            ("analysis", "compare", Some("compare-runs")),
            ("analysis", "compare-runs", Some("compare-runs")),
            ("host", "compare", None),
        ] {
            assert_eq!(name_of(program, word), name, "{program} {word}");
        }
    }

    #[test]
    fn what_is_a_slip_away_is_meant_and_what_is_not_is_not() {
        for (word, meant) in [
            ("siute", Some("suite")),
            ("phase", Some("phases")),
            ("SUITE", Some("suite")),
            ("reprot", Some("report")),
            ("dokcer", None),
            ("", None),
        ] {
            assert_eq!(nearest(word), meant, "{word}");
        }
    }
}
