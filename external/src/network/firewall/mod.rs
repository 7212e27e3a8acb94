//! A firewall for the benchmark's ports, and what it costs to stand behind one.
//!
//! It is one nftables table of our own, `inet coldphase`, and nothing outside it is ever read,
//! changed or relied on. It can cut nobody off: its chains accept whatever no rule of theirs names,
//! its rules name the benchmark's ports alone, and of what comes to those of this machine from
//! elsewhere it drops what opens a connection, never a packet of one that is open. What is forwarded
//! to other machines or to containers passes.
//!
//! - [`Level`] is how much of it there is: none, the baseline, or the baseline behind rules that
//!   match nothing.
//! - [`ruleset`] is its text, [`nft`] hands it to the kernel and reads its counters back.
//! - [`Firewall`] is the firewall of a suite, which puts another level before each sample and
//!   removes what it has made.
//! - [`command`] is `external firewall`.

mod command;
mod error;
mod lifecycle;
pub mod nft;
pub mod ruleset;

use std::fmt;
use std::str::FromStr;

pub use command::{FirewallArguments, command};
pub use error::FirewallError;
pub(crate) use lifecycle::CLEANUP;
pub use lifecycle::{Firewall, notice, remove_left};

/// How much of a firewall there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// None: the table is not there.
    Off,
    /// What comes from elsewhere is dropped, what comes over the loopback is counted.
    Baseline,
    /// The same, and every packet first goes through so many rules that match nothing.
    Rules(u32),
}

impl Level {
    /// As many rules as there are addresses that they name: all of 198.18.0.0/16, which no machine
    /// on a network has.
    pub const MOST: u32 = 65_536;

    /// The rules that every packet goes through in vain.
    pub const fn rules(self) -> u32 {
        match self {
            Self::Off | Self::Baseline => 0,
            Self::Rules(rules) => rules,
        }
    }

    /// Whether there is a table.
    pub const fn is_on(self) -> bool {
        !matches!(self, Self::Off)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Baseline => f.write_str("baseline"),
            Self::Rules(rules) => write!(f, "rules:{rules}"),
        }
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no level of a firewall: off, baseline, or rules:N with N from 1 to {}",
                Self::MOST
            )
        };
        match text {
            "off" => Ok(Self::Off),
            "baseline" => Ok(Self::Baseline),
            _ => {
                let rules = text
                    .strip_prefix("rules:")
                    .and_then(|rules| rules.parse().ok());
                rules
                    .filter(|rules| (1..=Self::MOST).contains(rules))
                    .map(Self::Rules)
                    .ok_or_else(wrong)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_lead_back_and_what_is_none_is_named() {
        for text in ["off", "baseline", "rules:1", "rules:65536"] {
            assert_eq!(text.parse::<Level>().unwrap().to_string(), text);
        }
        for text in ["on", "rules", "rules:0", "rules:65537", "rules:-1", ""] {
            assert!(
                text.parse::<Level>()
                    .unwrap_err()
                    .contains("is no level of a firewall"),
                "{text}"
            );
        }
    }
}
