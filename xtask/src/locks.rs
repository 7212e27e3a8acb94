//! Whether the lock file of `fuzz/`, which is a workspace of its own, is in step with the workspace's: what
//! is fuzzed is otherwise something else than what is run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What only fuzzing needs, which the workspace's lock file does not have.
const ONLY_FUZZING: &[&str] = &["coldphase-fuzz", "libfuzzer-sys"];

/// What puts it right.
const REMEDY: &str = "`cargo update --manifest-path fuzz/Cargo.toml -p NAME --precise VERSION` does what is \
    to be done for each, or copy Cargo.lock there and have `cargo metadata --manifest-path \
    fuzz/Cargo.toml` leave out what is not needed";

/// Checks that both have the same versions.
///
/// # Errors
/// What differs, and what mends it.
pub(crate) fn check(workspace: &Path) -> Result<String, String> {
    let read = |name: &str| {
        let text = std::fs::read_to_string(workspace.join(name));
        text.map_err(|error| format!("cannot read {name}: {error}"))
    };
    let [all, fuzz] = [read("Cargo.lock")?, read("fuzz/Cargo.lock")?];
    let (all, fuzz) = (locked(&all), locked(&fuzz));
    let faults = differences(&all, &fuzz);
    if faults.is_empty() {
        Ok(format!("fuzz/Cargo.lock: {} crates in step", fuzz.len()))
    } else {
        Err(format!("{}\n{REMEDY}", faults.join("\n")))
    }
}

/// The versions of each crate in a lock file.
type Locked<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

fn locked(text: &str) -> Locked<'_> {
    let mut found = Locked::new();
    for package in text.split("[[package]]\n").skip(1) {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key));
            line.map(|it| it.trim_matches('"'))
        };
        if let (Some(name), Some(version)) = (value("name = "), value("version = ")) {
            found.entry(name).or_default().insert(version);
        }
    }
    found
}

fn differences(all: &Locked<'_>, fuzz: &Locked<'_>) -> Vec<String> {
    let none = BTreeSet::new();
    let others = fuzz.iter().filter(|(name, _)| !ONLY_FUZZING.contains(name));
    let differing = others.flat_map(|(name, versions)| {
        let ours = all.get(name).unwrap_or(&none);
        versions
            .difference(ours)
            .map(move |version| (name, version, ours))
    });
    let told = |(name, version, ours): (&&str, &&str, &BTreeSet<&str>)| {
        let ours: Vec<_> = ours.iter().copied().collect();
        let ours = match &ours[..] {
            [] => "none".to_owned(),
            ours => ours.join(", "),
        };
        format!("fuzz/Cargo.lock has {name} {version}, and Cargo.lock {ours}")
    };
    differing.map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n\
        [[package]]\nname = \"a\"\nversion = \"2.0.0\"\ndependencies = [\n \"b 1.0.0\",\n]\n";

    #[test]
    fn a_version_that_only_fuzzing_has_is_named() {
        let all = locked(ALL);
        assert_eq!(all["a"], BTreeSet::from(["1.0.0", "2.0.0"]));
        assert_eq!(differences(&all, &all), [""; 0]);
        let own = "[[package]]\nname = \"libfuzzer-sys\"\nversion = \"0.4.13\"\n";
        assert_eq!(differences(&all, &locked(own)), [""; 0]);
        let other =
            ALL.replace("2.0.0", "2.0.1") + "[[package]]\nname = \"c\"\nversion = \"3.0.0\"\n";
        assert_eq!(
            differences(&all, &locked(&other)),
            [
                "fuzz/Cargo.lock has a 2.0.1, and Cargo.lock 1.0.0, 2.0.0",
                "fuzz/Cargo.lock has c 3.0.0, and Cargo.lock none",
            ]
        );
    }
}
