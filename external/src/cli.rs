//! The command line, and which command does what.

use std::process::ExitCode;

use crate::client::load::{self, LoadArguments};
use crate::doctor::{self, DoctorArguments};
use crate::network::firewall::{self, FirewallArguments};
use crate::network::link::{self, LinkArguments};
use crate::process::{self, reaper};
use crate::suite::compare::{self, CompareArguments};
use crate::suite::duel::{self, DuelArguments};
use crate::suite::{self, ScaleArguments, SuiteArguments, SystemArguments, settings};
use crate::system::System;
use campaign::front_door::Manner;
use campaign::terminal::say;
use campaign::{Error, Exit, Programs};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// Systems from outside: as people launch them, from launch to first answer, and under load.
#[derive(Debug, Parser)]
#[command(name = "external", version, about, after_help = exit_codes())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Report which systems can be measured here, and how this machine affects results.
    Doctor(DoctorArguments),
    /// Measure every system: cold and prepared starts, latency and throughput when warm.
    Suite(Box<SuiteArguments>),
    /// Measure the throughput and memory of several instances at once; as the suite, with another
    /// profile.
    Scale(Box<ScaleArguments>),
    /// Measure how many instances fit: memory, and the time to start one more; as the suite, with
    /// another profile.
    Density(Box<SuiteArguments>),
    /// Try a description of a system of your own.
    System(SystemArguments),
    /// Compare systems where they do the same work.
    Compare(CompareArguments),
    /// Measure two builds of one workload against each other: is one slower?
    Duel(DuelArguments),
    /// Generate load on a service of this machine.
    Load(LoadArguments),
    /// Enable, disable or show a firewall for the benchmark's ports.
    Firewall(FirewallArguments),
    /// Make a link with a delay to a network namespace, and measure what it does with packets.
    Link(LinkArguments),
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(hidden) if hidden == reaper::ARGUMENT => return reaper::main(),
        Some(hidden) if hidden == process::cleanup::ARGUMENT => {
            let words: Vec<_> = arguments
                .map(|word| word.to_string_lossy().into_owned())
                .collect();
            return crate::cleanup::run(&words).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
        }
        _ => {}
    }
    let command = Manner::here().reword_help(command());
    let cli = Cli::from_arg_matches(&command.get_matches());
    match run(cli.unwrap_or_else(|error| error.exit()).command) {
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
            suite::register_systems(&arguments.system)?;
            let systems = suite::Systems::find(System::all());
            doctor::command(&arguments, systems.states(), process::observable())
        }
        Command::System(arguments) => suite::system(&arguments),
        Command::Compare(arguments) => compare::command(&arguments),
        Command::Duel(arguments) => duel::command(&arguments),
        Command::Load(arguments) => load::command(&arguments),
        Command::Firewall(arguments) => firewall::command(&arguments),
        Command::Link(arguments) => link::command(&arguments, &suite::start_reaper()?),
    }
}

fn exit_codes() -> String {
    let rows = Exit::table_of(Programs::Measuring)
        .map(|(exit, meaning)| format!("\n  {:<4} {meaning}", exit.code()));
    format!("Exit codes:{}", rows.collect::<String>())
}

/// Every command with its flags: the source of `--help`, of shell completions and of man pages.
pub fn command() -> clap::Command {
    Cli::command()
}
