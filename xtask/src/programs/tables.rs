//! Tables in documents that the code knows.
//!
//! A page marks the place with `<!-- generated: NAME -->` and `<!-- end -->`, each on a line of its
//! own; what stands between them is written by this module.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use external::suite::{profile, variables};
use external::system::Launched;
use host_probe::settings::{Configuration, Engine};
use results::levers::LEVERS;
use results::names::{Evidence, Param};
use results::reason::{FailureKind, SkipKind};
use results::values::Named as _;
use systems::{Embedding, Kind};

/// The folder of the documents.
const FOLDER: &str = "docs/src";

const START: &str = "<!-- generated: ";
const START_END: &str = " -->";
const END: &str = "<!-- end -->";

/// What puts a document right.
const REMEDY: &str = "`cargo run -p xtask -- tables` writes them anew";

/// A table: its name in a page, and its text.
type Table = (&'static str, fn() -> Result<String, String>);

/// All of them. Each stands on at least one page.
const TABLES: [Table; 12] = [
    ("exit-codes", || Ok(exit_codes())),
    ("environment", || Ok(environment_variables())),
    ("profiles", profiles),
    ("parameters", || Ok(names("Parameter", Param::DESCRIPTIONS))),
    ("evidence", || Ok(names("Evidence", Evidence::DESCRIPTIONS))),
    ("reasons", || Ok(reasons())),
    ("systems", || Ok(known_systems())),
    ("limits", || Ok(limits())),
    ("launched", || Ok(launched())),
    ("differences", || Ok(differences())),
    ("engine-settings", || Ok(engine_settings())),
    ("levers", || Ok(levers())),
];

/// Writes the tables into all pages.
///
/// # Errors
/// What could not be read or written, or is marked wrongly.
pub(crate) fn write(workspace: &Path) -> Result<String, String> {
    let mut written = 0;
    for page in generate(workspace)? {
        if page.before != page.after {
            std::fs::write(&page.path, page.after)
                .map_err(|error| format!("cannot write {}: {error}", page.path.display()))?;
            written += 1;
        }
    }
    Ok(format!("{written} pages in {FOLDER} have changed"))
}

/// Checks that all pages are as the code says.
///
/// # Errors
/// Which pages differ, or are marked wrongly.
pub(crate) fn check(workspace: &Path) -> Result<String, String> {
    let pages = generate(workspace)?;
    let differ: Vec<_> = pages
        .iter()
        .filter(|page| page.before != page.after)
        .map(|page| page.path.display().to_string())
        .collect();
    if differ.is_empty() {
        Ok(format!(
            "{} tables in {FOLDER} are as the code says",
            TABLES.len()
        ))
    } else {
        Err(format!(
            "not as the code says: {}; {REMEDY}",
            differ.join(", ")
        ))
    }
}

/// A document.
struct Page {
    path: PathBuf,
    before: String,
    after: String,
}

fn generate(workspace: &Path) -> Result<Vec<Page>, String> {
    let mut pages = Vec::new();
    let mut placed = BTreeSet::new();
    for path in find_pages(&workspace.join(FOLDER))? {
        let before = std::fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let (after, names) =
            fill(&before).map_err(|error| format!("{}: {error}", path.display()))?;
        placed.extend(names);
        pages.push(Page {
            path,
            before,
            after,
        });
    }
    let missing: Vec<_> = TABLES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !placed.contains(name))
        .collect();
    if missing.is_empty() {
        Ok(pages)
    } else {
        Err(format!(
            "no page in {FOLDER} has the tables {}: put `{START}NAME{START_END}` and `{END}` on \
             lines of their own where they belong",
            missing.join(", ")
        ))
    }
}

/// All pages in a folder and those below, in order.
fn find_pages(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failure = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failure)? {
        let path = entry.map_err(failure)?.path();
        if path.is_dir() {
            pages.extend(find_pages(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    Ok(pages)
}

/// A page with its tables, and the names of these.
fn fill(page: &str) -> Result<(String, Vec<&'static str>), String> {
    let mut text = String::new();
    let mut names = Vec::new();
    let mut lines = page.split_inclusive('\n');
    while let Some(line) = lines.next() {
        text.push_str(line);
        let marked = line.trim_end().strip_prefix(START);
        let Some(marked) = marked.and_then(|rest| rest.strip_suffix(START_END)) else {
            continue;
        };
        let (name, table) = TABLES
            .iter()
            .find(|(name, _)| *name == marked)
            .ok_or_else(|| format!("there is no table {marked}"))?;
        lines
            .by_ref()
            .find(|line| line.trim_end() == END)
            .ok_or_else(|| format!("the table {marked} has no `{END}`"))?;
        text.push_str(&format!("\n{}\n{END}\n", table()?));
        names.push(*name);
    }
    Ok((text, names))
}

/// A table in Markdown.
fn render<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let line = |cells: &[String; N]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&header.map(str::to_owned));
    text.push_str(&line(&header.map(|_| "---".to_owned())));
    for row in rows {
        text.push_str(&line(&row.map(|cell| cell.trim().replace('|', "\\|"))));
    }
    text
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn exit_codes() -> String {
    let row = |row: &campaign::ExitRow| {
        let programs = match row.programs {
            campaign::Programs::All => "all",
            campaign::Programs::Measuring => "`host`, `external`",
            campaign::Programs::Analysis => "`analysis`",
        };
        let code = row.exit.code().to_string();
        [code, row.meaning.to_owned(), programs.to_owned()]
    };
    render(
        ["Exit code", "Meaning", "Programs"],
        campaign::Exit::TABLE.iter().map(row),
    )
}

/// The levers of the engine: the first position of each is the engine's own.
fn levers() -> String {
    let rows = LEVERS.iter().map(|lever| {
        let values = lever.values.iter().enumerate();
        let values: Vec<_> = values
            .map(|(place, value)| match place {
                0 => format!("**`{value}`**"),
                _ => format!("`{value}`"),
            })
            .collect();
        let when: Vec<_> = lever.when.iter().map(|when| when.words()).collect();
        let when = if when.is_empty() {
            "everywhere".to_owned()
        } else {
            format!("where {}", when.join(" and "))
        };
        [format!("`{}`", lever.param), values.join(", "), when]
    });
    render(["Lever", "Positions", "Has an effect"], rows)
}

fn limits() -> String {
    let row = |row: &host_probe::limits::Row| {
        let flag = row.flag.map_or_else(|| "nothing".to_owned(), code);
        [
            row.what.to_owned(),
            row.limit.to_owned(),
            row.exceeded.to_owned(),
            flag,
        ]
    };
    render(
        ["What", "Limit", "Beyond it", "Moved by"],
        host_probe::limits::TABLE.iter().map(row),
    )
}

fn environment_variables() -> String {
    let rows = variables::table().into_iter();
    render(
        ["Variable", "Meaning"],
        rows.map(|(name, meaning)| [code(name), meaning.to_owned()]),
    )
}

fn names(heading: &str, names: &[(&str, &str)]) -> String {
    render(
        [heading, "Meaning"],
        names
            .iter()
            .map(|(name, text)| [code(name), (*text).to_owned()]),
    )
}

/// A doc comment's text as Markdown: what rustdoc links is only code there.
fn without_links(text: &str) -> String {
    text.replace("[`", "`").replace("`]", "`")
}

fn reasons() -> String {
    let outcome = |outcome: &'static str| {
        move |(name, text): &(&str, &str)| [outcome.to_owned(), code(name), without_links(text)]
    };
    let skipped = SkipKind::DESCRIPTIONS.iter().map(outcome("skipped"));
    let failed = FailureKind::DESCRIPTIONS.iter().map(outcome("failed"));
    render(
        ["Outcome", "`reason_kind`", "Meaning"],
        skipped.chain(failed),
    )
}

fn known_systems() -> String {
    let kind = |kind| match kind {
        Kind::Native => "native",
        Kind::Wasm => "WebAssembly",
        Kind::Container => "container",
        Kind::Isolate => "isolate",
        Kind::MicroVm => "virtual machine",
        Kind::Unknown => "unknown",
    };
    let embedding = |embedding| match embedding {
        Embedding::Library => "as a library",
        Embedding::CommandLine => "as its command line",
        Embedding::Within => "inside of another program",
    };
    let rows = systems::all().map(|system| {
        let engine = system.engine.map_or_else(
            || "–".to_owned(),
            |(name, embedded)| format!("{name}, {}", embedding(embedded)),
        );
        [
            code(&system.name),
            system.label,
            system.family.label().to_owned(),
            kind(system.kind).to_owned(),
            engine,
        ]
    });
    render(["System", "Label", "Family", "Kind", "Engine"], rows)
}

/// What is launched for each system that is a program, by its adapter.
fn launched() -> String {
    let row = |it: Launched| {
        [
            code(it.system),
            it.acquire.map_or_else(|| "machine code".to_owned(), code),
            it.compile.as_deref().map_or_else(|| "–".to_owned(), code),
            it.service.as_deref().map_or_else(|| "–".to_owned(), code),
            it.command.as_deref().map_or_else(|| "–".to_owned(), code),
        ]
    };
    render(
        [
            "System",
            "Mode",
            "Once, before all starts",
            "A start of a service",
            "A start of `hello`",
        ],
        external::system::launched().into_iter().map(row),
    )
}

/// What one way of using an engine has and the other has not, and how a start without it is launched.
fn differences() -> String {
    let rows = external::system::launched().into_iter().flat_map(|it| {
        let mode = it.acquire.map_or_else(|| "machine code".to_owned(), code);
        let system = it.system;
        it.without
            .into_iter()
            .map(move |(name, line)| [code(system), mode.clone(), code(name), code(&line)])
    });
    render(
        [
            "System",
            "Mode",
            "Left out",
            "A start of a service without it, and without those before it",
        ],
        rows,
    )
}

/// What an embedded engine is configured with where a cell says nothing else.
fn engine_settings() -> String {
    let rows = Engine::ALL.iter().flat_map(|engine| {
        let params = Configuration::baseline(*engine).params();
        let rows: Vec<_> = params
            .iter()
            .map(|(key, value)| [code(engine.name()), code(key.name()), code(value)])
            .collect();
        rows
    });
    render(["System", "Parameter", "Value"], rows)
}

/// The profiles, each with the comment that its file begins with.
fn profiles() -> Result<String, String> {
    let mut rows = Vec::new();
    for (name, text) in profile::PROFILES {
        let profile: toml::Table = text
            .parse()
            .map_err(|error| format!("profile {name}: {error}"))?;
        let list = |key: &str| of_profile(&profile, key);
        let samples = profile.get("samples").and_then(toml::Value::as_integer);
        let comment: Vec<_> = text
            .lines()
            .map_while(|line| line.strip_prefix('#'))
            .collect();
        rows.push([
            code(name),
            comment.join(" "),
            samples
                .map(|samples| samples.to_string())
                .unwrap_or_default(),
            list("systems").len().to_string(),
            list("workloads").len().to_string(),
            list("scenarios").join(", "),
        ]);
    }
    let header = [
        "Profile",
        "For",
        "Samples of a cell",
        "Systems",
        "Workloads",
        "Scenarios",
    ];
    Ok(render(header, rows))
}

/// The names that a profile has under a key, in itself and in its further entries, each once.
fn of_profile(profile: &toml::Table, key: &str) -> Vec<String> {
    let also = profile.get("also").and_then(toml::Value::as_array);
    let also = also.into_iter().flatten().filter_map(toml::Value::as_table);
    let tables = std::iter::once(profile).chain(also);
    let lists = tables.filter_map(|table| table.get(key)?.as_array());
    let mut names: Vec<String> = Vec::new();
    for name in lists.flatten().filter_map(toml::Value::as_str).map(code) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_everything_but_what_is_generated() {
        let page = "# Title\n<!-- generated: exit-codes -->\nold\n<!-- end -->\nrest";
        let (text, names) = fill(page).unwrap();
        assert_eq!(names, ["exit-codes"]);
        assert!(text.starts_with("# Title\n<!-- generated: exit-codes -->\n\n| Exit code |"));
        assert!(text.ends_with("|\n\n<!-- end -->\nrest"), "{text}");
        assert!(!text.contains("\nold\n"));
        let again = fill(&text).unwrap().0;
        assert_eq!(again, text);
    }

    #[test]
    fn marks_without_a_table_or_an_end_are_faults() {
        let unknown = fill("<!-- generated: weather -->\n<!-- end -->\n");
        assert_eq!(unknown.unwrap_err(), "there is no table weather");
        let open = fill("<!-- generated: systems -->\n| a |\n");
        assert_eq!(open.unwrap_err(), "the table systems has no `<!-- end -->`");
    }

    #[test]
    fn every_table_has_rows_without_empty_cells() {
        for (name, table) in TABLES {
            let text = table().unwrap();
            assert!(text.lines().count() > 2, "{name}");
            assert!(!text.contains("|  |"), "{name}: {text}");
        }
    }
}
