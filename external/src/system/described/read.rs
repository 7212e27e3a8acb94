//! From TOML to descriptions. Whatever is wrong is named by file, line and key.

use std::collections::BTreeMap;
use std::path::Path;

use results::digest::sha256_hex;
use results::manifest::{LONGEST_LABEL, SystemKind, check_label};
use results::names;
use results::values::{Lifecycle, Named as _};

use super::super::placeholders::Placeholder;
use super::taken::Taken;
use super::template::{CommandLine, Template};
use super::{Described, Way, ways};
use crate::document::{Fields, Node, Source, Wrong};

/// The most bytes of a name: it is a part of the names of folders.
const LONGEST_NAME: usize = 60;

/// The keys of a system.
const KEYS: &[&str] = &[
    "label",
    "kind",
    "version",
    "install",
    "installed-in",
    "takes",
    "files",
    "out-extension",
    "prepare",
    "launch",
    "environment",
    "opens",
    "cache",
    "proves",
    "lifecycle",
    "too-much",
    "estimate",
    "before",
    "after",
];

/// Every system that a file describes. A program whose path is relative lies relative to it.
pub(super) fn read(file: &Path, text: &str) -> Result<Vec<Described>, Wrong> {
    let name = file.display().to_string();
    let source = Source { name: &name, text };
    let parsed = source.parse()?;
    let fields = Fields::of(source, &parsed);
    fields.check_keys(&["system"]).map_err(|wrong| {
        if fields.get("workload").is_some() {
            wrong
                .hint("--target takes a file that describes workloads, and --system one of systems")
        } else {
            wrong
        }
    })?;
    let Some(systems) = fields.get("system") else {
        return Err(fields.lacks("system", "a description begins with `[system.NAME]`"));
    };
    let systems = systems.fields()?.all();
    if systems.is_empty() {
        return Err(fields.lacks("system.NAME", "no system is described"));
    }
    let folder = file.parent().unwrap_or_else(|| Path::new("/"));
    let sha256 = sha256_hex(text.as_bytes());
    let each = systems.iter().map(|node| system(node, folder, &sha256));
    each.collect()
}

fn system(node: &Node<'_>, folder: &Path, sha256: &str) -> Result<Described, Wrong> {
    if !node.is_table() {
        let what = "a description begins with `[system.NAME]`, and its keys follow";
        return Err(node.is_not("a table").hint(what));
    }
    let name = node.key;
    check_name(name, node)?;
    let fields = node.known_fields(KEYS)?;
    let taken = Taken::read(&fields)?;
    let ways = ways::read(&fields, taken)?;
    let modes: Vec<_> = ways.iter().filter_map(|way| way.acquire).collect();
    let version = fields.get("version");
    let version = version
        .map(|node| CommandLine::read(&node, &[]))
        .transpose()?;
    if version.is_none() && !ways.iter().all(Way::launches_artifact) {
        let what = "the command that prints it, such as [\"wasmer\", \"--version\"]";
        return Err(fields.lacks("version", what));
    }
    let before = hook(&fields, "before")?;
    let after = hook(&fields, "after")?;
    let lifecycle = lifecycle(&fields, taken)?;
    Ok(Described {
        // Descriptions are read once and live as long as the program.
        name: Box::leak(name.to_owned().into_boxed_str()),
        label: label(&fields, name)?,
        kind: kind(&fields, taken)?,
        known: false,
        folder: folder.to_owned(),
        sha256: sha256.to_owned(),
        version,
        install: text(&fields, "install")?,
        installed_in: installed_in(&fields)?,
        files: files(&fields)?,
        taken,
        modes: Box::leak(modes.into_boxed_slice()),
        ways,
        out_extension: out_extension(&fields)?,
        environment: environment(&fields)?,
        cache: cache(&fields)?,
        lifecycle,
        before,
        after,
    })
}

fn check_name(name: &str, node: &Node<'_>) -> Result<(), Wrong> {
    names::check(name).map_err(|error| node.wrong(error.to_string()))?;
    let system = results::System::from(name);
    if name.len() > LONGEST_NAME {
        return Err(node.wrong(format!("a system's name has at most {LONGEST_NAME} bytes")));
    }
    if name.starts_with(['-', '.']) || name.contains([',', '=', '{', '}']) {
        let what =
            "a system's name neither begins with `-` or `.` nor contains `,`, `=`, `{` or `}`";
        return Err(node.wrong(what));
    }
    if name.contains(char::is_whitespace) {
        return Err(node.wrong("a system's name has no spaces; its label may"));
    }
    if system.is_twin() {
        return Err(node.wrong("a name that ends in `-aa` is the second one of an A/A control"));
    }
    if results::System::current_name(name) != name {
        let now = results::System::current_name(name);
        return Err(node.wrong(format!("this is an old name of the system `{now}`")));
    }
    Ok(())
}

fn text(fields: &Fields<'_>, key: &str) -> Result<Option<String>, Wrong> {
    let text = fields.get(key).map(|node| node.text().map(str::to_owned));
    text.transpose()
}

/// The folder in which `./setup` puts its programs, below that of all that it puts anywhere.
fn installed_in(fields: &Fields<'_>) -> Result<Option<String>, Wrong> {
    let Some(node) = fields.get("installed-in") else {
        return Ok(None);
    };
    let folder = node.text()?;
    if !is_below(folder) {
        let what = "a folder below the one of `./setup` is expected: \"bun-1.4.5\"";
        return Err(node.wrong(what));
    }
    Ok(Some(folder.to_owned()))
}

/// Whether a relative path leads nowhere but down.
fn is_below(path: &str) -> bool {
    let mut names = path.split('/');
    !path.contains('\0') && names.all(|it| !["", ".", ".."].contains(&it))
}

/// The files that it is given beside the artifact, by their names.
fn files(fields: &Fields<'_>) -> Result<BTreeMap<String, Template>, Wrong> {
    let Some(node) = fields.get("files") else {
        return Ok(BTreeMap::new());
    };
    let file = |node: Node<'_>| {
        let name = node.key;
        if name.contains('/') || !is_below(name) {
            return Err(node.wrong("this is no name of a file: each lies in {work}"));
        }
        Ok((name.to_owned(), Template::read(&node, Placeholder::PATHS)?))
    };
    node.fields()?.all().into_iter().map(file).collect()
}

/// The folder of compiled code. It is emptied: it is never somebody's.
fn cache(fields: &Fields<'_>) -> Result<Option<Template>, Wrong> {
    let Some(node) = fields.get("cache") else {
        return Ok(None);
    };
    if !node.text()?.strip_prefix("{work}/").is_some_and(is_below) {
        let what = "this folder is emptied, so it lies in the system's own: \"{work}/cache\"";
        return Err(node.wrong(what));
    }
    Template::read(&node, &[Placeholder::Work]).map(Some)
}

fn label(fields: &Fields<'_>, name: &str) -> Result<String, Wrong> {
    let Some(node) = fields.get("label") else {
        return Ok(name.to_owned());
    };
    let label = node.text()?;
    check_label(label).map_err(|why| {
        node.wrong(format!(
            "{why}; it has at most {LONGEST_LABEL} bytes, all printable"
        ))
    })?;
    Ok(label.to_owned())
}

fn kind(fields: &Fields<'_>, taken: Taken) -> Result<SystemKind, Wrong> {
    let Some(node) = fields.get("kind") else {
        return Ok(taken.kind());
    };
    let known = ["native", "wasm", "container", "isolate"];
    Ok(match node.word("kind", &known)? {
        "native" => SystemKind::Native,
        "wasm" => SystemKind::Wasm,
        "isolate" => SystemKind::Isolate,
        _ => SystemKind::Container,
    })
}

fn lifecycle(fields: &Fields<'_>, taken: Taken) -> Result<Lifecycle, Wrong> {
    let Some(node) = fields.get("lifecycle") else {
        return Ok(taken.lifecycle());
    };
    let name = node.text()?;
    let known: Vec<_> = Lifecycle::ALL.iter().map(|it| it.name()).collect();
    Lifecycle::from_name(name)
        .ok_or_else(|| node.none_of(name, "life cycle of an instance", &known))
}

fn out_extension(fields: &Fields<'_>) -> Result<String, Wrong> {
    let Some(node) = fields.get("out-extension") else {
        return Ok("out".to_owned());
    };
    let text = node.text()?;
    let is_plain = text.len() <= 16 && text.bytes().all(|it| it.is_ascii_alphanumeric());
    if !is_plain || text == "wasm" {
        return Err(
            node.wrong("the ending of a file's name is expected, without its point: \"so\"")
        );
    }
    Ok(text.to_owned())
}

fn environment(fields: &Fields<'_>) -> Result<BTreeMap<String, Template>, Wrong> {
    let Some(node) = fields.get("environment") else {
        return Ok(BTreeMap::new());
    };
    let variable = |node: Node<'_>| {
        let name = node.key;
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(node.wrong("this is no name of a variable"));
        }
        Ok((name.to_owned(), Template::read(&node, Placeholder::PATHS)?))
    };
    node.fields()?.all().into_iter().map(variable).collect()
}

fn hook(fields: &Fields<'_>, key: &str) -> Result<Option<CommandLine>, Wrong> {
    let node = fields.get(key);
    node.map(|node| CommandLine::read(&node, Placeholder::PATHS))
        .transpose()
}
