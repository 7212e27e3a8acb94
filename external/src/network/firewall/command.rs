//! `external firewall`: from arguments to an exit code.

use std::ops::RangeInclusive;

use campaign::terminal::{print, say};
use campaign::{Error, Exit};
use clap::{Args, Subcommand};

use super::lifecycle::{PERSON, removable};
use super::nft::{Nft, Table};
use super::{FirewallError, Level, ruleset};
use machine::ports;

/// The command line of `external firewall`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The firewall is one nftables table, inet coldphase. Nothing outside it is read \
        or changed, whatever none of its rules names is accepted, open connections are never cut, \
        and what is forwarded to other machines or to containers passes: it cannot lock anybody \
        out."
)]
pub struct FirewallArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Block what comes from elsewhere to the benchmark's ports
    Enable {
        /// How much of it: baseline, or rules:N for N rules more that match nothing
        #[arg(long, value_name = "LEVEL", default_value = "baseline")]
        level: Level,
        /// The ports, from 1024 on (with commas) [default: those that the suite gives to servers]
        #[arg(long, value_name = "FIRST-LAST", value_delimiter = ',', value_parser = range)]
        ports: Vec<RangeInclusive<u16>>,
    },
    /// Remove it
    Disable,
    /// Say whether there is one, and what it has counted
    Status,
}

/// Ports as people write them. Those of the system are refused: a machine that is reached over one
/// must stay so.
fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first >= 1_024 && first <= last => Ok(first..=last),
        _ => Err("expected a port from 1024 to 65535, or two with a dash".to_owned()),
    }
}

/// Does it, and says what was done.
///
/// # Errors
/// [`FirewallError`], as an exit code with a way out.
pub fn command(arguments: &FirewallArguments) -> Result<Exit, Error> {
    let nft = Nft::find()?;
    match &arguments.action {
        Action::Enable { level, ports } => enable(&nft, *level, ports)?,
        Action::Disable => disable(&nft)?,
        Action::Status => return status(&nft),
    }
    Ok(Exit::Ok)
}

fn enable(nft: &Nft, level: Level, ports: &[RangeInclusive<u16>]) -> Result<(), Error> {
    if !level.is_on() {
        return Err(
            Error::new(Exit::Usage, "a firewall that is off is not enabled")
                .hint("`external firewall disable`"),
        );
    }
    let before = removable(nft)?;
    let (blocked, open) = blockable(ports)?;
    if !open.is_empty() {
        let open: Vec<_> = open.iter().map(ToString::to_string).collect();
        say(&format!(
            "left open, since something listens there for others than this machine: {}",
            open.join(", ")
        ));
    }
    nft.apply(&ruleset::replacing(level, &blocked, None, PERSON))?;
    let instead = before.map_or_else(String::new, |table| {
        format!(", in the place of {}", table.level)
    });
    let rules = match level.rules() {
        0 => String::new(),
        rules => format!(", behind {rules} rules that match nothing"),
    };
    say(&format!(
        "the firewall is on{instead}: what comes to TCP ports {} from elsewhere than this machine \
            is dropped{rules}; `external firewall disable` removes it",
        ruleset::format_ports(&blocked)
    ));
    Ok(())
}

fn disable(nft: &Nft) -> Result<(), Error> {
    let there = nft.table()?;
    let ours = removable(nft)?;
    if ours.is_some() {
        nft.apply(ruleset::REMOVAL)?;
    }
    say(match (there, ours) {
        (_, Some(_)) => "the firewall is off: its table is removed",
        (Some(_), None) => "the firewall is off: the table that a killed suite had left is removed",
        (None, None) => "the firewall was off already: nothing was changed",
    });
    Ok(())
}

fn status(nft: &Nft) -> Result<Exit, Error> {
    let Some(Table {
        owner,
        level,
        counted,
    }) = nft.table()?
    else {
        print("off\n")?;
        return Ok(Exit::Ok);
    };
    let whose = if owner == PERSON {
        "enabled by a person".to_owned()
    } else {
        format!("of the suite {owner}")
    };
    print(&format!(
        "{level}, {whose}\npackets over the loopback: {}\npackets to containers: {}, and from \
            them: {}\nconnections from elsewhere that were dropped, in packets: {}\n",
        counted.loopback, counted.to_container, counted.from_container, counted.blocked
    ))?;
    Ok(Exit::Ok)
}

/// The ports to be blocked, and those of them that are left open: somebody who listens there for
/// others, such as a remote shell on an unusual port, must stay within reach.
fn blockable(
    ports: &[RangeInclusive<u16>],
) -> Result<(Vec<RangeInclusive<u16>>, Vec<u16>), FirewallError> {
    let unreadable = |error: std::io::Error| {
        FirewallError::Ports(format!(
            "the kernel's tables of ports cannot be read: {error}"
        ))
    };
    let open = ports::open_to_others().map_err(unreadable)?;
    let all = if ports.is_empty() {
        ports::for_servers().map_err(unreadable)?
    } else {
        ports.to_vec()
    };
    let mut blocked: Vec<u16> = all.into_iter().flatten().collect();
    blocked.sort_unstable();
    blocked.dedup();
    let (left, blocked): (Vec<_>, Vec<_>) =
        blocked.into_iter().partition(|port| open.contains(port));
    if blocked.is_empty() {
        return Err(FirewallError::Ports(
            "on every port that was named, something listens for others than this machine"
                .to_owned(),
        ));
    }
    Ok((ports::ranges(&blocked), left))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn ports_of_the_system_and_nonsense_are_refused() {
        assert_eq!(range("10000-20000"), Ok(10_000..=20_000));
        assert_eq!(range("10000"), Ok(10_000..=10_000));
        for text in ["22", "22-30000", "20000-10000", "70000", "", "-", "a-b"] {
            assert!(range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_that_is_open_to_others_stays_open() {
        let (open, ours) = (
            TcpListener::bind("0.0.0.0:0").unwrap(),
            TcpListener::bind("127.0.0.1:0").unwrap(),
        );
        let (open, ours) = (
            open.local_addr().unwrap().port(),
            ours.local_addr().unwrap().port(),
        );
        let (blocked, left) = blockable(&[open..=open, ours..=ours]).unwrap();
        assert_eq!((blocked, left), (vec![ours..=ours], vec![open]));
        assert!(
            blockable(&[open..=open])
                .unwrap_err()
                .to_string()
                .contains("something listens")
        );
    }
}
