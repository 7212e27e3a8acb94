//! What the guest is to do, as the kernel hands it over.

use std::net::Ipv4Addr;

use crate::failed::Failed;

/// An address with its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) own: Ipv4Addr,
    /// The bits of it that are the network's.
    pub(crate) mask: Ipv4Addr,
}

/// What is to be run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandLine {
    /// The address of the guest; nothing if it has no network.
    pub(crate) address: Option<Address>,
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
}

impl CommandLine {
    /// Reads the words after the program's own name.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, Failed> {
        let mut words = words.peekable();
        let address = words.next_if(|word| word.starts_with("ip="));
        let address = address.map(|word| read(&word)).transpose()?;
        let program = words
            .next()
            .ok_or_else(|| Failed::from("the command line names no program".to_owned()))?;
        Ok(Self {
            address,
            program,
            arguments: words.collect(),
        })
    }
}

/// `ip=A.B.C.D/N`.
fn read(word: &str) -> Result<Address, Failed> {
    let parse = || {
        let (own, bits) = word.strip_prefix("ip=")?.split_once('/')?;
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        Some(Address {
            own: own.parse().ok()?,
            mask: mask.into(),
        })
    };
    parse().ok_or_else(|| Failed::from(format!("{word} is no address: ip=10.0.2.15/24 is one")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<CommandLine, String> {
        let words = line.split_whitespace().map(str::to_owned);
        CommandLine::parse(words).map_err(|failed| failed.to_string())
    }

    #[test]
    fn a_program_runs_with_and_without_a_network() {
        let service = parse("ip=10.0.2.15/24 /program 0.0.0.0:8080").unwrap();
        let address = service.address.unwrap();
        assert_eq!(address.own, Ipv4Addr::new(10, 0, 2, 15));
        assert_eq!(address.mask, Ipv4Addr::new(255, 255, 255, 0));
        assert_eq!(
            (service.program.as_str(), service.arguments.as_slice()),
            ("/program", &["0.0.0.0:8080".to_owned()][..])
        );
        let command = parse("/program ip=1").unwrap();
        assert_eq!(
            (command.address, command.arguments.len()),
            (None, 1),
            "an argument of the program's own is none of an address"
        );
    }

    #[test]
    fn networks_of_every_length_and_words_that_are_none() {
        let mask = |bits: u32| {
            parse(&format!("ip=1.2.3.4/{bits} /p"))
                .unwrap()
                .address
                .unwrap()
                .mask
        };
        assert_eq!(mask(0), Ipv4Addr::UNSPECIFIED);
        assert_eq!(mask(30), Ipv4Addr::new(255, 255, 255, 252));
        assert_eq!(mask(32), Ipv4Addr::BROADCAST);
        for wrong in ["ip=1.2.3.4", "ip=1.2.3/24", "ip=1.2.3.4/33", "ip=/"] {
            assert!(
                parse(&format!("{wrong} /p"))
                    .unwrap_err()
                    .contains("is no address")
            );
        }
        assert!(parse("ip=1.2.3.4/24").unwrap_err().contains("no program"));
    }
}
