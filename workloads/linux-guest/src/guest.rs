//! The guest, from its first program's first statement to its end.

use std::io::Write as _;
use std::process::ExitCode;

use crate::command_line::CommandLine;
use crate::failed::Failed;
use crate::serial::{Milestone, Serial};
use crate::{kernel, program};

/// Does it all, and ends the machine. Where that cannot be done the kernel panics, since its first program is
/// gone, and the monitor resets the machine for that.
pub(crate) fn run() -> ExitCode {
    let serial = match Serial::open() {
        Ok(serial) => serial,
        Err(failed) => return tell(&failed),
    };
    serial.milestone(Milestone::Init);
    match ready_and_run(&serial) {
        Ok(code) => serial.end(code),
        Err(failed) => {
            serial.milestone(Milestone::Failed);
            tell(&failed);
            serial.end(1);
        }
    }
    ExitCode::FAILURE
}

fn ready_and_run(serial: &Serial) -> Result<u8, Failed> {
    let line = CommandLine::parse(std::env::args().skip(1))?;
    kernel::mount_all()?;
    if let Some(address) = &line.address {
        kernel::load_modules()?;
        kernel::configure_network(address)?;
    }
    program::run(&line, serial)
}

/// On the console.
fn tell(failed: &Failed) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "linux-init: {failed}");
    ExitCode::FAILURE
}
