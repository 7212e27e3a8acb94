//! Whether what was built was built once: by the files that cargo built, not by what should be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The packages of the three commands that people run first.
pub(crate) const FIRST_COMMANDS: [&str; 3] = ["host", "external", "analysis"];

/// Checks that no package of `packages` needed a third-party crate compiled again that an earlier
/// one had compiled.
///
/// A file's name holds a digest of everything that went into it, so a second name is a second
/// compilation.
///
/// # Errors
/// Which crates were compiled again, or what cargo says.
pub(crate) fn check(workspace: &Path, packages: &[String]) -> Result<String, String> {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut counts = Vec::new();
    let mut again = Vec::new();
    for package in packages {
        let crates = build(workspace, package)?;
        let mut added = 0;
        for (krate, files) in &crates {
            match seen.get(krate) {
                None => added += 1,
                Some(earlier) if files.is_subset(earlier) => {}
                Some(_) => again.push(format!("{package} has {krate} compiled again")),
            }
        }
        counts.push(format!("{package} {added}"));
        for (krate, files) in crates {
            seen.entry(krate).or_default().extend(files);
        }
    }
    if again.is_empty() {
        Ok(format!(
            "one build: third-party crates that each adds: {}",
            counts.join(", ")
        ))
    } else {
        Err(again.join("\n"))
    }
}

/// The files that each third-party crate was compiled to for a package.
fn build(workspace: &Path, package: &str) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()))
        .args(["build", "--locked", "--quiet", "--message-format", "json"])
        .args(["--package", package])
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "`cargo build -p {package}` failed; it says why above"
        ));
    }
    let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line)
            .map_err(|error| format!("cargo wrote a line that is no message: {error}"))?;
        let id = message["package_id"].as_str().unwrap_or_default();
        if message["reason"] != "compiler-artifact" || id.starts_with("path+") {
            continue;
        }
        let krate = id.rsplit('#').next().unwrap_or(id).to_owned();
        let files = message["filenames"].as_array().into_iter().flatten();
        crates
            .entry(krate)
            .or_default()
            .extend(files.filter_map(Value::as_str).map(str::to_owned));
    }
    Ok(crates)
}
