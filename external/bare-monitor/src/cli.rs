//! The command line.

use std::ffi::OsString;
use std::io::Write as _;

use lexopt::Arg::{Long, Value};
use lexopt::{Parser, ValueExt as _};

use crate::error::{Error, io};
use crate::monitor::{self, Order};
use crate::network::MacAddress;
use crate::tap::Tap;

/// Does what a command line says; the code to end with.
///
/// # Errors
/// What is wrong with it, or with the machine.
pub fn run(arguments: impl Iterator<Item = OsString>) -> Result<u8, Error> {
    let mut parser = Parser::from_iter(arguments);
    match parser.next().map_err(usage)? {
        Some(Value(word)) if word == "kind" => {
            let found = crate::kind::find()?;
            let printed = writeln!(std::io::stdout(), "{found}");
            printed.map_err(io("writing to standard output"))?;
            Ok(0)
        }
        Some(Value(word)) if word == "run" => monitor::run(order(&mut parser)?),
        Some(Long("version")) => {
            let printed = writeln!(
                std::io::stdout(),
                "{} {}",
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION")
            );
            printed.map_err(io("writing to standard output"))?;
            Ok(0)
        }
        _ => Err(Error::Usage("expected `kind` or `run`".to_owned())),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` calls")]
fn usage(error: lexopt::Error) -> Error {
    Error::Usage(error.to_string())
}

fn order(parser: &mut Parser) -> Result<Order, Error> {
    let mut image = None;
    let (mut tap, mut mac) = (None, None);
    let mut command_line = String::new();
    let mut memory_mib = 128;
    while let Some(argument) = parser.next().map_err(usage)? {
        let value = |parser: &mut Parser| parser.value().map_err(usage);
        match argument {
            Long("image") => image = Some(value(parser)?.into()),
            Long("command-line") => command_line = value(parser)?.string().map_err(usage)?,
            Long("memory-mib") => memory_mib = value(parser)?.parse().map_err(usage)?,
            Long("tap") => tap = Some(value(parser)?.string().map_err(usage)?),
            Long("mac") => {
                let text = value(parser)?.string().map_err(usage)?;
                let address = MacAddress::parse(&text);
                mac = Some(address.ok_or_else(|| Error::Usage(format!("{text} is no address")))?);
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    if !(64..=2048).contains(&memory_mib) {
        let message = "--memory-mib must be from 64 to 2048".to_owned();
        return Err(Error::Usage(message));
    }
    let network = match (tap, mac) {
        (Some(tap), Some(mac)) => Some((Tap::open(&tap)?, mac)),
        (None, None) => None,
        _ => return Err(Error::Usage("--tap and --mac belong together".to_owned())),
    };
    Ok(Order {
        image: image.ok_or_else(|| Error::Usage("--image is missing".to_owned()))?,
        command_line,
        memory_bytes: memory_mib << 20,
        network,
    })
}
