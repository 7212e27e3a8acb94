//! What an engine changes in the machine's network, and what of it is taken back.
//!
//! An engine adds chains and rules to the firewall, a bridge, and forwarding. Their texts are not
//! known here: another version of it has others. So the rules are saved right before the engine
//! comes up and read again right afterwards. What is new is the engine's, if it also names one of
//! its chains, its bridge or its addresses and has no comment; all that a person adds later, or has
//! added before, is not. [`rules`] compares, and nothing of a rule ever passes a shell.

mod rules;
mod saved;

use std::fs;
use std::path::{Path, PathBuf};

use crate::place::Place;
use crate::{EngineError, identity, programs};
use rules::{Tables, difference, removal};
use saved::Saved;

/// The bridge that an engine makes unless told otherwise.
const BRIDGE: &str = "docker0";

const FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";

/// The programs of one family of addresses.
#[derive(Debug, Clone, Copy)]
struct Family {
    /// The name of its file.
    name: &'static str,
    save: &'static str,
    restore: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family {
        name: "ip",
        save: "iptables-save",
        restore: "iptables-restore",
    },
    Family {
        name: "ip6",
        save: "ip6tables-save",
        restore: "ip6tables-restore",
    },
];

/// Keeps how everything is before the engine comes up. Only the first start counts: after it, what
/// is there is the engine's own.
pub(crate) fn remember_before(place: &Place) -> Result<(), EngineError> {
    let folder = before(place);
    if saved::is_current(&folder) {
        return Ok(());
    }
    forget(place)?;
    saved::write(&folder, &present()?)
}

/// Keeps what the engine has added, once it is up.
pub(crate) fn remember_added(place: &Place) -> Result<(), EngineError> {
    let folder = added(place);
    if folder.exists() {
        return Ok(());
    }
    let (before, now) = (saved::read(&before(place))?, present()?);
    let mut added = Saved {
        forward: now.forward.clone(),
        ..Saved::default()
    };
    if before.bridge.is_none() {
        added.bridge = now.bridge;
    }
    for (family, tables) in &now.tables {
        let none = Tables::default();
        let before = before.tables.get(family).unwrap_or(&none);
        added.tables.insert(*family, difference(before, tables));
    }
    saved::write(&folder, &added)
}

/// Takes back what the engine has added and what is still as it was then. Says what is left.
///
/// # Errors
/// What the programs say. What was kept is kept for another try then.
pub(crate) fn give_back(place: &Place) -> Result<Vec<String>, EngineError> {
    let (before_folder, added_folder) = (before(place), added(place));
    if !saved::is_current(&before_folder) {
        forget(place)?;
        return Ok(Vec::new());
    }
    if !added_folder.exists() {
        forget(place)?;
        return Ok(vec![
            "the engine was killed while it started, so it is not known which rules of the \
                firewall it added: they were left (iptables-save shows them)"
                .to_owned(),
        ]);
    }
    if let Some(other) = identity::other_engines(place).first() {
        return Ok(vec![format!(
            "the network was left as it is, since another engine uses it (process {other}); once \
                that has ended, stop this one again"
        )]);
    }
    let (before, added) = (saved::read(&before_folder)?, saved::read(&added_folder)?);
    let mut remarks = Vec::new();
    for family in FAMILIES {
        remarks.extend(remove_rules(family, &before, &added)?);
    }
    remarks.extend(remove_bridge(&added)?);
    if before.forward.trim() == "0" && added.forward.trim() == "1" && forwards().trim() == "1" {
        fs::write(FORWARD, "0").map_err(EngineError::system(
            "have this machine forward nothing again",
        ))?;
        remarks.push("this machine forwards nothing again, as before the engine".to_owned());
    }
    forget(place)?;
    Ok(remarks)
}

/// Removes what was kept, in this order: without the first, the second says nothing.
fn forget(place: &Place) -> Result<(), EngineError> {
    saved::remove(&before(place))?;
    saved::remove(&added(place))
}

fn remove_rules(
    family: Family,
    before: &Saved,
    added: &Saved,
) -> Result<Option<String>, EngineError> {
    let (Some(added), Some(now)) = (added.tables.get(family.name), tables(family)?) else {
        return Ok(None);
    };
    let none = Tables::default();
    let before = before.tables.get(family.name).unwrap_or(&none);
    let removal = removal(before, added, &now);
    if !removal.text.is_empty() {
        restore(family, &removal.text)?;
    }
    let left = removal.left.join(", ");
    Ok((!left.is_empty()).then(|| {
        format!("left, since rules that are not the engine's are in them or lead there: {left}")
    }))
}

/// Removes the bridge that the engine has made, if it is still that one and nothing is attached.
fn remove_bridge(added: &Saved) -> Result<Option<String>, EngineError> {
    if added.bridge.is_none() || added.bridge != bridge() {
        return Ok(None);
    }
    let attached = fs::read_dir(format!("/sys/class/net/{BRIDGE}/brif"));
    if attached.is_ok_and(|mut entries| entries.next().is_some()) {
        return Ok(Some(format!(
            "the bridge {BRIDGE} was left, since something is attached to it"
        )));
    }
    let mut command = programs::command("ip")?;
    run(command.args(["link", "delete", BRIDGE]), None).map(|_| None)
}

fn before(place: &Place) -> PathBuf {
    place.folder().join("network-before")
}

fn added(place: &Place) -> PathBuf {
    place.folder().join("network-added")
}

/// How everything is now.
fn present() -> Result<Saved, EngineError> {
    let mut saved = Saved {
        forward: forwards(),
        bridge: bridge(),
        ..Saved::default()
    };
    for family in FAMILIES {
        saved
            .tables
            .extend(tables(family)?.map(|now| (family.name, now)));
    }
    Ok(saved)
}

/// The kernel's number of the bridge: another one of that name has another.
fn bridge() -> Option<u32> {
    let number = fs::read_to_string(Path::new("/sys/class/net").join(BRIDGE).join("ifindex"));
    number.ok()?.trim().parse().ok()
}

fn forwards() -> String {
    fs::read_to_string(FORWARD).unwrap_or_default()
}

/// The rules of a family; nothing on a machine without its program, or a kernel without it.
fn tables(family: Family) -> Result<Option<Tables>, EngineError> {
    let Ok(mut command) = programs::command(family.save) else {
        return Ok(None);
    };
    match run(&mut command, None) {
        Ok(text) => Ok(Some(rules::parse(&text))),
        Err(_) if family.name == "ip6" && !Path::new("/proc/net/if_inet6").exists() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Has the kernel take changes: all of a table's, or none.
fn restore(family: Family, text: &str) -> Result<(), EngineError> {
    let mut command = programs::command(family.restore)?;
    run(command.args(["--noflush", "--wait"]), Some(text)).map(drop)
}

/// Runs a program to its end: what it printed.
fn run(command: &mut std::process::Command, input: Option<&str>) -> Result<String, EngineError> {
    use std::io::Write as _;
    use std::process::Stdio;

    let name = command.get_program().to_string_lossy().into_owned();
    let wrong = |error| EngineError::system(format!("run {name}"))(error);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(wrong)?;
    let stdin = child.stdin.take();
    // One that ends without reading all says why.
    let _ = stdin.map(|mut stdin| stdin.write_all(input.unwrap_or_default().as_bytes()));
    let output = child.wait_with_output().map_err(wrong)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(EngineError::Network(format!(
        "{name} failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}
