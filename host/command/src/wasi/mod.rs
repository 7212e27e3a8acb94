//! WASI 0.1 for commands: arguments, environment, standard streams, clocks, random numbers, exit.
//!
//! One implementation for every engine that brings none of its own that could be used here: what
//! differs between two of them is then the engine. Nothing of the file system is in it: a guest
//! that imports more is refused by name, and not told that a function failed.

mod functions;

use std::fs::File;
use std::io;

use host_probe::limits::{OUTPUT_BYTES, quote, too_much};
use host_probe::report::{Answered, Cause, Failure};
use host_probe::request::{Call, Spec};

pub use functions::{FUNCTIONS, Function, MODULE, MOST_PARAMETERS, Type};

/// A guest's memory, as an engine lets the host have it.
pub trait Memory {
    /// Copies out of it. Nothing if that is not all of it the guest's.
    fn read(&self, at: u32, into: &mut [u8]) -> Option<()>;

    /// Copies into it. Nothing if there is no such place.
    fn write(&mut self, at: u32, bytes: &[u8]) -> Option<()>;
}

impl Memory for &mut [u8] {
    fn read(&self, at: u32, into: &mut [u8]) -> Option<()> {
        let from = usize::try_from(at).ok()?;
        into.copy_from_slice(self.get(from..from.checked_add(into.len())?)?);
        Some(())
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Option<()> {
        let from = usize::try_from(at).ok()?;
        self.get_mut(from..from.checked_add(bytes.len())?)?
            .copy_from_slice(bytes);
        Some(())
    }
}

/// The memory of a guest that exports none: every access of it fails.
#[derive(Debug)]
pub struct NoMemory;

impl Memory for NoMemory {
    fn read(&self, _: u32, _: &mut [u8]) -> Option<()> {
        None
    }

    fn write(&mut self, _: u32, _: &[u8]) -> Option<()> {
        None
    }
}

/// Why a guest is stopped in a call that does not return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It asked for that, with this exit code.
    Exit(u32),
    /// It printed more than is kept; this is what it did.
    TooMuch(&'static str),
}

/// What a guest is given, and what it has printed.
#[derive(Debug, Default)]
pub struct Wasi {
    /// Each with the zero byte that ends it.
    arguments: Vec<Vec<u8>>,
    /// The same.
    environment: Vec<Vec<u8>>,
    stdin: Option<File>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    stopped: Option<Stop>,
}

impl Wasi {
    /// What a start gives its guest.
    ///
    /// # Errors
    /// It is no command, is given folders, or its standard input cannot be opened.
    pub fn new(spec: &Spec) -> Result<Self, Failure> {
        let Call::Run(arguments) = &spec.call else {
            return Err(Failure::new(
                Cause::Artifact,
                "it serves, and this program runs commands only",
            ));
        };
        if let Some(folder) = spec.given.folders.first() {
            let reason = format!(
                "it is given the folder {}, and this program has no files for guests",
                folder.guest
            );
            return Err(Failure::new(Cause::Artifact, reason));
        }
        let stdin = spec.given.stdin.as_deref().map(File::open).transpose();
        let stdin = stdin.map_err(|error| {
            let reason = format!("cannot open its standard input: {error}");
            Failure::new(Cause::Machine, reason)
        })?;
        let environment = spec.given.environment.iter();
        Ok(Self {
            arguments: arguments.iter().map(terminated).collect(),
            environment: environment.map(terminated).collect(),
            stdin,
            ..Self::default()
        })
    }

    /// Why the guest was stopped in a call, if it was.
    pub const fn stopped(&self) -> Option<Stop> {
        self.stopped
    }

    /// The answer of a guest that ran, or why that is none. `ran` is what the engine says.
    ///
    /// # Errors
    /// It failed, or printed too much.
    pub fn answer(&self, ran: Result<(), Failure>) -> Result<Answered, Failure> {
        let code = match (self.stopped, ran) {
            (Some(Stop::Exit(code)), _) => code,
            (Some(Stop::TooMuch(did)), _) => {
                return Err(Failure::new(Cause::OutputLimit, too_much(did)));
            }
            (None, Ok(())) => 0,
            (None, Err(mut failure)) => {
                failure.reason.push_str(&self.complaint());
                return Err(failure);
            }
        };
        Ok(Answered {
            code: code.into(),
            body_hex: hex::encode(&self.stdout),
            headers: Vec::new(),
        })
    }

    /// Why there is no instance, by what the guest did and said meanwhile: it has start functions.
    /// `failure` is what the engine says.
    pub fn not_instantiated(&self, failure: Failure) -> Failure {
        let mut failure = match self.stopped {
            Some(Stop::Exit(code)) => {
                let reason = format!("its start function exited with code {code}");
                Failure::new(Cause::Guest, reason)
            }
            Some(Stop::TooMuch(did)) => return Failure::new(Cause::OutputLimit, too_much(did)),
            None => failure,
        };
        failure.reason.push_str(&self.complaint());
        failure
    }

    /// The end of what it printed to its standard error, as a reason quotes it.
    pub fn complaint(&self) -> String {
        quote(&self.stderr)
    }

    /// Keeps what a guest prints. Nothing if that is too much.
    fn print(&mut self, stream: Stream, memory: &dyn Memory, at: u32, length: u32) -> Printed {
        let (kept, did) = match stream {
            Stream::Output => (&mut self.stdout, "printed to its standard output"),
            Stream::Error => (&mut self.stderr, "printed to its standard error"),
        };
        let before = kept.len();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let after = before.saturating_add(length);
        if after > OUTPUT_BYTES {
            self.stopped = Some(Stop::TooMuch(did));
            return Printed::TooMuch;
        }
        kept.resize(after, 0);
        if memory.read(at, &mut kept[before..]).is_none() {
            kept.truncate(before);
            return Printed::Fault;
        }
        Printed::Kept
    }

    /// Reads standard input, of which there is nothing unless it was given.
    fn read_input(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stdin
            .as_mut()
            .map_or(Ok(0), |file| io::Read::read(file, into))
    }
}

/// A stream that a guest prints to.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Output,
    Error,
}

/// What became of what a guest printed.
enum Printed {
    Kept,
    TooMuch,
    Fault,
}

/// A text as guests have it.
fn terminated(text: &impl ToString) -> Vec<u8> {
    let mut bytes = text.to_string().into_bytes();
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests;
