//! What depends on what: no question knows another, and nothing here renders. Cycles among modules
//! are found by `cargo run -p xtask -- check-build`.

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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn no_question_knows_another() {
    let folder = root().join("questions");
    let files = sources(&folder);
    assert!(files.len() > 15);
    for path in files.iter().filter(|path| !path.ends_with("mod.rs")) {
        let code = code(path);
        // A question may be a folder of files that know each other.
        let is_alone = path.parent() == Some(&folder);
        let above = if is_alone { "super::" } else { "super::super" };
        for word in [above, "questions"] {
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
