//! What is in the programs and guests that others wrote, with its licences.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::tree::{Mode, Tree};

/// Packages of ours whose programs are packed.
const ROOTS: [&str; 7] = [
    "coldphase",
    "host",
    "external",
    "analysis",
    "docker-engine",
    "native",
    super::build::WASMEDGE,
];

/// How files with a licence begin, in small letters.
const BEGINNINGS: [&str; 6] = [
    "license",
    "licence",
    "copying",
    "notice",
    "unlicense",
    "copyright",
];

/// A crate.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    licence: String,
    folder: PathBuf,
}

/// Adds the list and the texts below `place`, and returns how many crates there are.
///
/// # Errors
/// What cargo says, or what cannot be read.
pub(super) fn collect(
    workspace: &Path,
    with_wasmedge: bool,
    tree: &mut Tree,
    place: &str,
) -> Result<usize, String> {
    let features: &[&str] = if with_wasmedge {
        &["--features", "host-wasmedge/wasmedge"]
    } else {
        &[]
    };
    let programs = metadata(workspace, "x86_64-unknown-linux-gnu", features)?;
    let mut crates = reachable(&programs, |name| ROOTS.contains(&name));
    let guests = metadata(&workspace.join("workloads/guests"), "wasm32-wasip1", &[])?;
    crates.extend(reachable(&guests, |_| true));
    let mut list = HEAD.to_owned();
    for it in &crates {
        let texts = texts(&it.folder);
        let folder = format!("{place}/licences/{}-{}", it.name, it.version);
        for text in &texts {
            let name = text.file_name().unwrap_or_default().to_string_lossy();
            tree.file(&format!("{folder}/{name}"), text, Mode::Data)?;
        }
        let texts = match texts.len() {
            0 => "none in its source".to_owned(),
            n => format!("{n} in licences/{}-{}", it.name, it.version),
        };
        list.push_str(&format!(
            "| {} | {} | {} | {texts} |\n",
            it.name, it.version, it.licence
        ));
    }
    for text in standard_library() {
        let name = text
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        tree.file(&format!("{place}/licences/rust/{name}"), &text, Mode::Data)?;
    }
    tree.text(&format!("{place}/THIRD-PARTY.md"), list);
    Ok(crates.len())
}

const HEAD: &str = "\
# What is in this package that others wrote

coldphase itself is under the MIT licence: see `LICENSE`. Besides the crates below,

- all programs and guests hold parts of Rust's standard library (MIT or Apache-2.0; `licences/rust`);
- the programs in `libexec/coldphase/static` hold the GNU C Library (LGPL-2.1-or-later). They are the same as those beside
  that folder, which use the system's; their sources are `workloads/native` of the project, from which they can be linked
  with another version;
- the guests hold parts of wasi-libc (MIT, Apache-2.0 with LLVM-exception), and the component an adapter of the Wasmtime
  project (Apache-2.0 with LLVM-exception).

| crate | version | licence | texts |
| --- | --- | --- | --- |
";

fn metadata(folder: &Path, target: &str, features: &[&str]) -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--quiet"])
        .args(["--filter-platform", target])
        .args(features)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err("`cargo metadata` failed; it says why above".to_owned());
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("`cargo metadata` printed no JSON: {error}"))
}

/// The third-party crates that packages of the workspace are built of: those that become part of
/// programs, and procedural macros, whose output does.
fn reachable(metadata: &Value, is_root: impl Fn(&str) -> bool) -> BTreeSet<Crate> {
    let items = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> = items(&metadata["packages"])
        .into_iter()
        .map(|package| (text(&package["id"]), package))
        .collect();
    let depends: BTreeMap<String, Vec<String>> = items(&metadata["resolve"]["nodes"])
        .into_iter()
        .map(|node| {
            let normal = items(&node["deps"]).into_iter().filter(|dependency| {
                items(&dependency["dep_kinds"])
                    .iter()
                    .any(|it| it["kind"].is_null())
            });
            let ids = normal.map(|dependency| text(&dependency["pkg"])).collect();
            (text(&node["id"]), ids)
        })
        .collect();
    let is_ours = |package: &Value| package["source"].is_null();
    let roots = packages.iter().filter(|(_, package)| {
        is_ours(package) && is_root(package["name"].as_str().unwrap_or_default())
    });
    let mut next: Vec<&String> = roots.map(|(id, _)| id).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            next.extend(depends.get(id).into_iter().flatten());
        }
    }
    let found = seen.into_iter().filter_map(|id| packages.get(id));
    let crates = found.filter(|package| !is_ours(package)).map(|package| {
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        Crate {
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: package["license"]
                .as_str()
                .unwrap_or("see its texts")
                .to_owned(),
            folder: manifest.parent().unwrap_or(Path::new("/")).to_owned(),
        }
    });
    crates.collect()
}

/// The files of a crate's source that hold licences.
fn texts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        path.is_file() && BEGINNINGS.iter().any(|it| name.starts_with(it))
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

/// What the toolchain says of its standard library.
fn standard_library() -> Vec<PathBuf> {
    let rustc = Command::new("rustc").args(["--print", "sysroot"]).output();
    let Ok(output) = rustc else {
        return Vec::new();
    };
    let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let folder = Path::new(&sysroot).join("share/doc/rust");
    ["COPYRIGHT-library.html", "LICENSE-APACHE", "LICENSE-MIT"]
        .map(|name| folder.join(name))
        .into_iter()
        .filter(|file| file.is_file())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_only_builds_or_tests_is_in_no_program() {
        let package = |name: &str, source: Value| {
            json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT", "source": source,
                "manifest_path": format!("/src/{name}/Cargo.toml")})
        };
        let registry = || json!("registry");
        let depends = |on: &str, kind: Value| json!({"pkg": on, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                package("host", Value::Null), package("other", Value::Null),
                package("used", registry()), package("deeper", registry()),
                package("builds", registry()), package("tests", registry()),
                package("of-other", registry()),
            ],
            "resolve": {"nodes": [
                {"id": "host", "deps": [depends("used", Value::Null), depends("builds", json!("build")),
                    depends("tests", json!("dev"))]},
                {"id": "used", "deps": [depends("deeper", Value::Null)]},
                {"id": "other", "deps": [depends("of-other", Value::Null)]},
            ]},
        });
        let names = reachable(&metadata, |name| ROOTS.contains(&name));
        let names: Vec<_> = names.into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["deeper", "used"]);
    }
}
