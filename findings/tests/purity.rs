//! What depends on what: no module of this crate depends, by whatever way, on one that depends on
//! it, and no question knows another.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Sources below a folder, by their path without its ending.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| entry.path())
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Code of a file: no comments, no tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines();
    lines
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The names behind each `crate::` in some code, those in braces too.
fn crate_paths(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let list = rest.strip_prefix('{').map_or_else(
            || vec![rest],
            |rest| {
                let inner = rest.split('}').next().unwrap_or_default();
                inner.split(',').map(str::trim).collect()
            },
        );
        for name in list {
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
            names.insert(name[..end.unwrap_or(name.len())].to_owned());
        }
    }
    names
}

/// The modules at the top of the crate, each with those that it uses.
fn modules(root: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut modules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in sources(root) {
        let inner = path.strip_prefix(root).unwrap();
        let first = inner.components().next().unwrap().as_os_str();
        let name = first.to_string_lossy().trim_end_matches(".rs").to_owned();
        if name != "lib" {
            modules
                .entry(name)
                .or_default()
                .extend(crate_paths(&code(&path)));
        }
    }
    let known: BTreeSet<String> = modules.keys().cloned().collect();
    for (name, uses) in &mut modules {
        uses.retain(|used| known.contains(used) && used != name);
    }
    modules
}

/// The modules that a search from one of them comes back to.
fn circle(modules: &BTreeMap<String, BTreeSet<String>>, from: &str) -> Option<Vec<String>> {
    let mut paths = vec![vec![from.to_owned()]];
    let mut seen = BTreeSet::new();
    while let Some(path) = paths.pop() {
        for next in &modules[path.last()?] {
            let longer: Vec<_> = path.iter().cloned().chain([next.clone()]).collect();
            if next == from {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                paths.push(longer);
            }
        }
    }
    None
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn no_module_depends_on_one_that_depends_on_it() {
    let modules = modules(&root());
    assert!(modules.len() >= 8, "{modules:?}");
    assert!(modules["findings"].contains("questions"), "{modules:?}");
    for name in modules.keys() {
        assert_eq!(circle(&modules, name), None);
    }
}

#[test]
fn a_circle_would_be_found() {
    let uses = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let modules = BTreeMap::from([
        ("a".to_owned(), uses(&["b"])),
        ("b".to_owned(), uses(&["c"])),
        ("c".to_owned(), uses(&["a"])),
    ]);
    assert_eq!(circle(&modules, "a").unwrap(), ["a", "b", "c", "a"]);
    let names = crate_paths("use crate::{cells, facts::Facts};\nuse crate::units::Unit;");
    assert_eq!(names, uses(&["cells", "facts", "units"]));
}

#[test]
fn no_question_knows_another() {
    let folder = root().join("questions");
    let files = sources(&folder);
    assert!(files.len() > 15);
    for path in files.iter().filter(|path| !path.ends_with("mod.rs")) {
        let code = code(path);
        for word in ["super::", "questions"] {
            assert!(!code.contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn nothing_renders_or_touches_the_world() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
    for name in [
        "clap",
        "comfy-table",
        "minijinja",
        "nix",
        "campaign",
        "machine",
    ] {
        assert!(!dependencies.contains(name), "{name}");
    }
}
