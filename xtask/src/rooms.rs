//! Which module of a crate uses which: none of them, by whatever way, one that uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates that are looked at, by their folders.
const CRATES: &[&str] = &[
    "front",
    "results",
    "machine",
    "workloads",
    "workloads/linux-guest",
    "campaign",
    "host",
    "host/command",
    "external/bare-monitor",
    "external/docker-engine",
    "external",
    "findings",
    "analysis/summary",
    "analysis",
    "xtask",
];

/// Modules, each with those that it uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// Checks every crate.
pub(crate) fn check(workspace: &Path) -> Result<String, String> {
    let mut modules = 0;
    let mut faults = Vec::new();
    for name in CRATES {
        let uses =
            uses(&workspace.join(name).join("src")).map_err(|error| format!("{name}: {error}"))?;
        modules += uses.len();
        let first = uses.keys().find_map(|module| cycle(&uses, module));
        faults.extend(
            first.map(|it| format!("{name}: modules depend on each other: {}", it.join(" → "))),
        );
    }
    if faults.is_empty() {
        Ok(format!(
            "no import cycle among {modules} modules of {} crates",
            CRATES.len()
        ))
    } else {
        Err(faults.join("\n"))
    }
}

/// Sources below a folder.
fn sources(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Code of a file: no comments, no tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
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

/// The modules at the top of a crate. What only puts them together is none.
fn uses(root: &Path) -> std::io::Result<Uses> {
    let mut modules = Uses::new();
    for path in sources(root)? {
        let Ok(inner) = path.strip_prefix(root) else {
            continue;
        };
        let first = inner
            .components()
            .next()
            .map(|it| it.as_os_str().to_string_lossy());
        let name = first.unwrap_or_default().trim_end_matches(".rs").to_owned();
        if !["lib", "main", "bin"].contains(&name.as_str()) {
            let paths = crate_paths(&code(&fs::read_to_string(&path)?));
            modules.entry(name).or_default().extend(paths);
        }
    }
    let known: BTreeSet<String> = modules.keys().cloned().collect();
    for (name, uses) in &mut modules {
        uses.retain(|used| known.contains(used) && used != name);
    }
    Ok(modules)
}

/// The modules that a search from one of them comes back to.
fn cycle(modules: &Uses, from: &str) -> Option<Vec<String>> {
    let mut paths = vec![vec![from.to_owned()]];
    let mut seen = BTreeSet::new();
    while let Some(path) = paths.pop() {
        for next in modules.get(path.last()?)? {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_cycle_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("lib.rs", "use crate::a::A;");
        write("a.rs", "use crate::{b, d::D};\n");
        write("b/mod.rs", "// use crate::a;\nmod inner;");
        write("b/inner.rs", "use crate::c::C;");
        write("c.rs", "#[cfg(test)]\nuse crate::a;");
        write("d.rs", "");
        let modules = uses(folder.path()).unwrap();
        assert_eq!(modules["a"], set(&["b", "d"]));
        assert!(
            modules
                .keys()
                .all(|module| cycle(&modules, module).is_none())
        );
        write("c.rs", "fn c() { crate::a::run() }");
        let modules = uses(folder.path()).unwrap();
        assert_eq!(cycle(&modules, "a").unwrap(), ["a", "b", "c", "a"]);
    }
}
