//! The first program of a Linux guest (`/init` of its initial file system): mounts what every program
//! expects, loads the modules in `/modules` in the order of their names, gives the network device its address,
//! and runs one program to its end, with whose code it ends the machine.
//!
//! `linux-init [ip=A.B.C.D/N] PROGRAM [ARGUMENT…]`: a program after an address is a service, whose
//! listening, first accepting and first answering are told too. What it has reached is a byte each on the
//! first serial port ([`serial::Milestone`]), and so is what the program prints; what goes wrong is on the
//! kernel's console.

#[cfg(target_arch = "x86_64")]
mod command_line;
#[cfg(target_arch = "x86_64")]
mod failed;
#[cfg(target_arch = "x86_64")]
mod guest;
#[cfg(target_arch = "x86_64")]
mod kernel;
#[cfg(target_arch = "x86_64")]
mod program;
#[cfg(target_arch = "x86_64")]
mod serial;
#[cfg(target_arch = "x86_64")]
mod tracing;

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    // It would reconfigure whatever machine it is called on.
    if std::process::id() != 1 {
        let said = "linux-init is the first program of a virtual machine, and runs nowhere else";
        let _ = writeln!(std::io::stderr(), "{said}");
        return ExitCode::from(2);
    }
    run()
}

#[cfg(target_arch = "x86_64")]
fn run() -> ExitCode {
    guest::run()
}

#[cfg(not(target_arch = "x86_64"))]
fn run() -> ExitCode {
    let _ = writeln!(std::io::stderr(), "its guests are machines of x86-64");
    ExitCode::from(2)
}
