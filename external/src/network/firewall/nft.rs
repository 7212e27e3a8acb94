//! The program `nft`: text in, counters out.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::ruleset::{LEVEL, OWNER, level_of};
use super::{FirewallError, Level};

/// Where it lies on Debian, where the path of ordinary users does not lead.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The program, where it was found.
#[derive(Debug, Clone)]
pub struct Nft(PathBuf);

/// A table of ours, as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Who has made it: `person`, or a suite as [`crate::process::cleanup`] names it.
    pub owner: String,
    /// How much it is.
    pub level: Level,
    /// What it has counted, in packets.
    pub counted: Counted,
}

/// Packets, by the way that they took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Over the loopback, to services and back.
    pub loopback: u64,
    /// From the proxies of published ports to containers.
    pub to_container: u64,
    /// From containers back.
    pub from_container: u64,
    /// Between another network and a container, both ways, past the machine's own sockets.
    pub forwarded: u64,
    /// From elsewhere, dropped.
    pub blocked: u64,
}

impl Counted {
    /// What was counted since `before`.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            loopback: self.loopback.saturating_sub(before.loopback),
            to_container: self.to_container.saturating_sub(before.to_container),
            from_container: self.from_container.saturating_sub(before.from_container),
            forwarded: self.forwarded.saturating_sub(before.forwarded),
            blocked: self.blocked.saturating_sub(before.blocked),
        }
    }
}

impl Nft {
    /// Finds the program.
    ///
    /// # Errors
    /// [`FirewallError::NoProgram`].
    pub fn find() -> Result<Self, FirewallError> {
        let folders = FOLDERS.map(|folder| PathBuf::from(folder).join("nft"));
        machine::programs::find("nft", &folders)
            .map(Self)
            .ok_or(FirewallError::NoProgram)
    }

    /// Has the kernel take a transaction: all of it, or nothing.
    ///
    /// # Errors
    /// What nft says.
    pub fn apply(&self, text: &str) -> Result<(), FirewallError> {
        match self.run(&["-f", "-"], text) {
            // Everything that the text names it makes itself, so it is an expression that is missing.
            Err(FirewallError::Nft(message)) if message.contains("No such file or directory") => {
                Err(FirewallError::NoKernel(message))
            }
            applied => applied.map(drop),
        }
    }

    /// The table of ours; nothing if there is none.
    ///
    /// # Errors
    /// There is one that is not ours, or what nft says.
    pub fn table(&self) -> Result<Option<Table>, FirewallError> {
        match self.run(
            &["-j", "list", "counters", "table", "inet", "coldphase"],
            "",
        ) {
            Ok(json) => read(&json),
            Err(FirewallError::Nft(message)) if message.contains("No such file or directory") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn run(&self, arguments: &[&str], input: &str) -> Result<String, FirewallError> {
        let wrong = |error: std::io::Error| FirewallError::Nft(error.to_string());
        let mut command = Command::new(&self.0);
        command.args(arguments).env("LC_ALL", "C");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(wrong)?;
        // It reads all before it says anything, so neither can wait for the other. If it ended
        // early, it says why.
        let written = child
            .stdin
            .take()
            .map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().map_err(wrong)?;
        if output.status.success() {
            return written
                .map_err(wrong)
                .map(|()| String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(error(&String::from_utf8_lossy(&output.stderr)))
    }
}

/// What it means when nft fails with these words.
fn error(message: &str) -> FirewallError {
    let first = message
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("without a word")
        .trim();
    if message.contains("Operation not permitted") || message.contains("you must be root") {
        FirewallError::Denied
    } else if [
        "Protocol not supported",
        "Address family not supported",
        "Operation not supported",
    ]
    .iter()
    .any(|sign| message.contains(sign))
    {
        FirewallError::NoKernel(first.to_owned())
    } else {
        FirewallError::Nft(first.to_owned())
    }
}

/// What `nft -j list counters` says.
#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    counter: Option<Counter>,
}

#[derive(Deserialize)]
struct Counter {
    name: String,
    packets: u64,
}

/// The table that a listing of counters is of.
fn read(json: &str) -> Result<Option<Table>, FirewallError> {
    let listing: Listing = serde_json::from_str(json)
        .map_err(|error| FirewallError::Nft(format!("it does not list as expected: {error}")))?;
    let counters: BTreeMap<_, _> = listing
        .nftables
        .into_iter()
        .filter_map(|entry| entry.counter)
        .map(|counter| (counter.name, counter.packets))
        .collect();
    let named = |prefix: &str| counters.keys().find_map(|name| name.strip_prefix(prefix));
    let of = |name: &str| counters.get(name).copied().unwrap_or(0);
    let (Some(owner), Some(level)) = (named(OWNER), named(LEVEL).and_then(level_of)) else {
        return Err(FirewallError::Foreign);
    };
    let counted = Counted {
        loopback: of("loopback"),
        to_container: of("to_container"),
        from_container: of("from_container"),
        forwarded: of("forwarded"),
        blocked: of("blocked"),
    };
    Ok(Some(Table {
        owner: owner.to_owned(),
        level,
        counted,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_and_foreign_tables_are_recognised() {
        let json = r#"{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
            {"counter": {"family": "inet", "name": "owner.12-34", "table": "coldphase", "handle": 3, "packets": 0, "bytes": 0}},
            {"counter": {"family": "inet", "name": "level.rules.100", "table": "coldphase", "handle": 4, "packets": 0, "bytes": 0}},
            {"counter": {"family": "inet", "name": "loopback", "table": "coldphase", "handle": 5, "packets": 17, "bytes": 900}},
            {"counter": {"family": "inet", "name": "blocked", "table": "coldphase", "handle": 6, "packets": 2, "bytes": 80}}]}"#;
        let table = read(json).unwrap().unwrap();
        let counted = Counted {
            loopback: 17,
            blocked: 2,
            ..Counted::default()
        };
        assert_eq!(
            table,
            Table {
                owner: "12-34".into(),
                level: Level::Rules(100),
                counted
            }
        );
        assert_eq!(
            counted
                .since(Counted {
                    loopback: 10,
                    ..Counted::default()
                })
                .loopback,
            7
        );
        let other = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"counter": {"name": "mine", "packets": 1}}]}"#;
        assert_eq!(read(other), Err(FirewallError::Foreign));
        assert_eq!(
            read(r#"{"nftables": []}"#),
            Err(FirewallError::Foreign),
            "an empty table of that name"
        );
        assert!(matches!(read("text"), Err(FirewallError::Nft(_))));
    }

    #[test]
    fn failures_are_distinguished() {
        assert_eq!(
            error("Operation not permitted (you must be root)\nnetlink: Error: …"),
            FirewallError::Denied
        );
        assert_eq!(
            error("netlink: Error: Could not process rule: Operation not permitted"),
            FirewallError::Denied
        );
        assert!(matches!(
            error("internal:0:0-0: Error: Could not process rule: Protocol not supported"),
            FirewallError::NoKernel(_)
        ));
        assert_eq!(
            error("\n  syntax error  \nmore"),
            FirewallError::Nft("syntax error".into())
        );
    }
}
