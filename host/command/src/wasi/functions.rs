//! The functions, as a table that an engine defines its imports from: each with its type, and what
//! it does with numbers and a memory.

use std::fs::File;
use std::io::Read as _;

use nix::time::{ClockId, clock_getres, clock_gettime};

use super::{Memory, Printed, Stop, Stream, Wasi};

/// The module that they are imported from.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// A type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// A function that a guest can import.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The types of its parameters.
    pub parameters: &'static [Type],
    /// Whether it returns a number, which is an error number: all do that return.
    pub returns: bool,
    body: fn(&mut Wasi, &mut dyn Memory, &[u64]) -> Called,
}

/// What a call comes to: success, or an error number. A guest that is to be stopped has
/// [`Wasi::stopped`] set.
type Called = Result<(), i32>;

/// The most parameters that any of them has.
pub const MOST_PARAMETERS: usize = 4;

const SUCCESS: i32 = 0;
const BADF: i32 = 8;
const FAULT: i32 = 21;
const INVAL: i32 = 28;
const IO: i32 = 29;
const SPIPE: i32 = 70;

const STDIN: u64 = 0;
const STDOUT: u64 = 1;
const STDERR: u64 = 2;

/// Bytes that are copied at a time out of a file.
const PIECE_BYTES: usize = 4096;

impl Function {
    /// Calls it with so many numbers as it has parameters, of 32 bits in the lower half. Nothing: the
    /// guest is to be stopped, and [`Wasi::stopped`] has the reason.
    pub fn call(&self, wasi: &mut Wasi, memory: &mut dyn Memory, arguments: &[u64]) -> Option<i32> {
        let called = (self.body)(wasi, memory, arguments);
        if wasi.stopped.is_some() {
            return None;
        }
        Some(called.err().unwrap_or(SUCCESS))
    }
}

const fn function(
    name: &'static str,
    parameters: &'static [Type],
    body: fn(&mut Wasi, &mut dyn Memory, &[u64]) -> Called,
) -> Function {
    Function {
        name,
        parameters,
        returns: true,
        body,
    }
}

use Type::{I32, I64};

/// All of them.
pub static FUNCTIONS: [Function; 16] = [
    function("args_get", &[I32, I32], |wasi, memory, given| {
        put_texts(&wasi.arguments, memory, given)
    }),
    function("args_sizes_get", &[I32, I32], |wasi, memory, given| {
        put_sizes(&wasi.arguments, memory, given)
    }),
    function("environ_get", &[I32, I32], |wasi, memory, given| {
        put_texts(&wasi.environment, memory, given)
    }),
    function("environ_sizes_get", &[I32, I32], |wasi, memory, given| {
        put_sizes(&wasi.environment, memory, given)
    }),
    function("clock_res_get", &[I32, I32], |_, memory, given| {
        let time = clock_getres(clock(given[0])?).map_err(|_| INVAL)?;
        put(memory, low(given[1]), &nanoseconds(time)?.to_le_bytes())
    }),
    function("clock_time_get", &[I32, I64, I32], |_, memory, given| {
        let time = clock_gettime(clock(given[0])?).map_err(|_| INVAL)?;
        put(memory, low(given[2]), &nanoseconds(time)?.to_le_bytes())
    }),
    function("fd_close", &[I32], |_, _, given| stream(given[0])),
    function("fd_fdstat_get", &[I32, I32], fd_fdstat_get),
    // The first descriptor beyond the standard streams is asked for: there is none, and so the guest
    // learns that it has no folders.
    function("fd_prestat_get", &[I32, I32], |_, _, _| Err(BADF)),
    function("fd_prestat_dir_name", &[I32, I32, I32], |_, _, _| Err(BADF)),
    function("fd_read", &[I32, I32, I32, I32], fd_read),
    function("fd_seek", &[I32, I64, I32, I32], |_, _, given| {
        stream(given[0]).and(Err(SPIPE))
    }),
    function("fd_write", &[I32, I32, I32, I32], fd_write),
    Function {
        name: "proc_exit",
        parameters: &[I32],
        returns: false,
        body: |wasi, _, given| {
            wasi.stopped = Some(Stop::Exit(low(given[0])));
            Ok(())
        },
    },
    function("random_get", &[I32, I32], random_get),
    function("sched_yield", &[], |_, _, _| {
        std::thread::yield_now();
        Ok(())
    }),
];

/// The number of 32 bits in an argument.
fn low(argument: u64) -> u32 {
    u32::try_from(argument & u64::from(u32::MAX)).expect("the lower half is 32 bits")
}

fn put(memory: &mut dyn Memory, at: u32, bytes: &[u8]) -> Called {
    memory.write(at, bytes).ok_or(FAULT)
}

/// Two numbers that lie one behind the other.
fn pair(memory: &dyn Memory, at: u32) -> Result<(u32, u32), i32> {
    let mut bytes = [0; 8];
    memory.read(at, &mut bytes).ok_or(FAULT)?;
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
    Ok((number(0), number(4)))
}

/// The place of the `nth` of things that take so many bytes each.
fn place(at: u32, nth: u32, bytes: u32) -> Result<u32, i32> {
    let offset = nth.checked_mul(bytes).ok_or(FAULT)?;
    at.checked_add(offset).ok_or(FAULT)
}

/// A length as the guest knows it.
fn length(bytes: usize) -> Result<u32, i32> {
    u32::try_from(bytes).map_err(|_| INVAL)
}

/// How many texts there are, and how long all of them are.
fn put_sizes(texts: &[Vec<u8>], memory: &mut dyn Memory, given: &[u64]) -> Called {
    let bytes = length(texts.iter().map(Vec::len).sum())?;
    put(memory, low(given[0]), &length(texts.len())?.to_le_bytes())?;
    put(memory, low(given[1]), &bytes.to_le_bytes())
}

/// The texts one behind the other, and where each of them begins.
fn put_texts(texts: &[Vec<u8>], memory: &mut dyn Memory, given: &[u64]) -> Called {
    let mut at = low(given[1]);
    for (nth, text) in (0..).zip(texts) {
        put(memory, place(low(given[0]), nth, 4)?, &at.to_le_bytes())?;
        put(memory, at, text)?;
        at = place(at, 1, length(text.len())?)?;
    }
    Ok(())
}

fn clock(id: u64) -> Result<ClockId, i32> {
    Ok(match id {
        0 => ClockId::CLOCK_REALTIME,
        1 => ClockId::CLOCK_MONOTONIC,
        2 => ClockId::CLOCK_PROCESS_CPUTIME_ID,
        3 => ClockId::CLOCK_THREAD_CPUTIME_ID,
        _ => return Err(INVAL),
    })
}

fn nanoseconds(time: nix::sys::time::TimeSpec) -> Result<u64, i32> {
    let part = |number: i64| u64::try_from(number).map_err(|_| INVAL);
    Ok(part(time.tv_sec())? * 1_000_000_000 + part(time.tv_nsec())?)
}

/// Whether it is one of the standard streams.
const fn stream(descriptor: u64) -> Called {
    if descriptor <= STDERR {
        Ok(())
    } else {
        Err(BADF)
    }
}

/// Streams of no known type, which may be read or written and nothing else.
fn fd_fdstat_get(_: &mut Wasi, memory: &mut dyn Memory, given: &[u64]) -> Called {
    const READ: u8 = 1 << 1;
    const WRITE: u8 = 1 << 6;
    const RIGHTS: usize = 8;
    stream(given[0])?;
    let mut stat = [0; 24];
    stat[RIGHTS] = if given[0] == STDIN { READ } else { WRITE };
    put(memory, low(given[1]), &stat)
}

fn fd_write(wasi: &mut Wasi, memory: &mut dyn Memory, given: &[u64]) -> Called {
    let stream = match given[0] {
        STDOUT => Stream::Output,
        STDERR => Stream::Error,
        _ => return Err(BADF),
    };
    let mut written: u32 = 0;
    for nth in 0..low(given[2]) {
        let (at, length) = pair(memory, place(low(given[1]), nth, 8)?)?;
        match wasi.print(stream, memory, at, length) {
            Printed::Kept => written = written.checked_add(length).ok_or(INVAL)?,
            Printed::TooMuch => return Ok(()),
            Printed::Fault => return Err(FAULT),
        }
    }
    put(memory, low(given[3]), &written.to_le_bytes())
}

fn fd_read(wasi: &mut Wasi, memory: &mut dyn Memory, given: &[u64]) -> Called {
    if given[0] != STDIN {
        return Err(BADF);
    }
    let mut piece = [0; PIECE_BYTES];
    let mut taken = 0;
    // A reader may be given less than it asked for, and nothing at the end only.
    for nth in 0..low(given[2]) {
        let (at, length) = pair(memory, place(low(given[1]), nth, 8)?)?;
        if length == 0 {
            continue;
        }
        let most = usize::try_from(length).map_or(PIECE_BYTES, |it| it.min(PIECE_BYTES));
        let read = wasi.read_input(&mut piece[..most]).map_err(|_| IO)?;
        put(memory, at, &piece[..read])?;
        taken = read;
        break;
    }
    put(memory, low(given[3]), &length(taken)?.to_le_bytes())
}

fn random_get(_: &mut Wasi, memory: &mut dyn Memory, given: &[u64]) -> Called {
    let (mut at, mut left) = (low(given[0]), low(given[1]));
    let mut random = File::open("/dev/urandom").map_err(|_| IO)?;
    let mut piece = [0; PIECE_BYTES];
    while left > 0 {
        let most = usize::try_from(left).map_or(PIECE_BYTES, |it| it.min(PIECE_BYTES));
        random.read_exact(&mut piece[..most]).map_err(|_| IO)?;
        put(memory, at, &piece[..most])?;
        at = place(at, 1, length(most)?)?;
        left -= length(most)?;
    }
    Ok(())
}
