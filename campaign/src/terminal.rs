//! What people see: data on standard output, everything else on standard error.

use std::io::{IsTerminal as _, Write as _};

use results::text;

use crate::error::{Error, Exit};
use crate::front_door;

/// Columns of standard output, and whether to use colours there.
pub fn terminal() -> (usize, bool) {
    let on_terminal = std::io::stdout().is_terminal();
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    let width = console::Term::stdout()
        .size_checked()
        .map(|(_, columns)| usize::from(columns));
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    (columns.or(width).unwrap_or(120), on_terminal && !no_colour)
}

/// Prints data. Nothing but colours acts upon the terminal, whatever names and words are in it.
///
/// # Errors
/// If standard output cannot be written, unless nobody reads it any more: `… | head` is no mistake, and
/// neither is a terminal that was closed meanwhile.
pub fn print(text: &str) -> Result<(), Error> {
    match std::io::stdout().write_all(text::coloured(text).as_bytes()) {
        Err(error) if !is_gone(&error) => {
            Err(Error::new(Exit::Internal, format!("cannot print: {error}")))
        }
        _ => Ok(()),
    }
}

/// Whether an error says that nobody reads any more: a pipe that was closed, or a terminal, which
/// answers everything with an error of input and output from then on.
fn is_gone(error: &std::io::Error) -> bool {
    let closed_terminal =
        error.raw_os_error() == Some(libc::EIO) && std::fs::File::open("/dev/tty").is_err();
    error.kind() == std::io::ErrorKind::BrokenPipe || closed_terminal
}

/// Says something that is no data, and nothing that acts upon the terminal; in the words in which this
/// program was called.
pub fn say(text: &str) {
    let _ = writeln!(
        std::io::stderr(),
        "{}",
        text::lines(&front_door::reword(text))
    );
}
