//! `external`: the same start from outside, and under load.

use std::process::ExitCode;

use campaign::terminal::say;
use campaign::{Error, Exit, Programs};
use clap::{Parser, Subcommand};
use external::compare::{self, CompareArguments};
use external::doctor::{self, DoctorArguments};
use external::firewall::{self, FirewallArguments};
use external::load::{self, LoadArguments};
use external::observe::{self, janitor};
use external::suite::{self, ScaleArguments, SuiteArguments, settings};
use external::system;

/// Systems from outside: as people launch them, from launch to first answer, and under load.
#[derive(Debug, Parser)]
#[command(name = "external", version, about, after_help = exit_codes())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure every system: cold and prepared starts, latency and throughput when warm.
    Suite(Box<SuiteArguments>),
    /// Measure how much several instances do together, and what they take; as the suite, with
    /// another profile.
    Scale(Box<ScaleArguments>),
    /// Measure how many instances fit: memory, and the time to start one more; as the suite, with
    /// another profile.
    Density(Box<SuiteArguments>),
    /// Say which systems can be measured here, and what this machine does to results.
    Doctor(DoctorArguments),
    /// Compare systems where they do the same work.
    Compare(CompareArguments),
    /// Put something on this machine's loopback under load.
    Load(LoadArguments),
    /// Put up, take down or look at a firewall for the benchmark's ports.
    Firewall(FirewallArguments),
}

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == janitor::ARGUMENT)
    {
        return janitor::main();
    }
    let mut arguments = std::env::args().skip(1);
    if arguments
        .next()
        .is_some_and(|argument| argument == system::PUT_AWAY)
    {
        let words: Vec<_> = arguments.collect();
        return system::put_away(&words).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    match run(Cli::parse().command) {
        Ok(exit) => exit.into(),
        Err(error) => {
            say(&error.to_string());
            error.exit.into()
        }
    }
}

fn run(command: Command) -> Result<Exit, Error> {
    match command {
        Command::Suite(arguments) => suite::command(&arguments, "suite", settings::DEFAULT),
        Command::Scale(arguments) => suite::scale(&arguments),
        Command::Density(arguments) => suite::command(&arguments, "density", "density"),
        Command::Doctor(arguments) => {
            let systems = suite::Systems::find(system::Name::ALL.into_iter());
            doctor::command(&arguments, systems.states(), observe::available())
        }
        Command::Compare(arguments) => compare::command(&arguments),
        Command::Load(arguments) => load::command(&arguments),
        Command::Firewall(arguments) => firewall::command(&arguments),
    }
}

fn exit_codes() -> String {
    let rows = Exit::table_of(Programs::Measuring)
        .map(|(exit, meaning)| format!("\n  {:<4} {meaning}", exit.code()));
    format!("Exit codes:{}", rows.collect::<String>())
}
