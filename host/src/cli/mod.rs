//! The command line.
//!
//! Every command is described here, for `--help`, completions and man pages. Those whose own start
//! is measured are parsed by [`args`] all the same: the parser is a part of such a start.

pub(crate) mod args;
mod measure;
mod own;

use std::ffi::OsString;

use campaign::front_door::Manner;
use campaign::{Error, Exit, Programs};
use clap::builder::PossibleValuesParser;
use clap::{Arg, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use host_probe::settings::Engine;

use self::args::{CompileArgs, RunArgs, ServeArgs};
pub(crate) use self::measure::{Density, Overhead, Phases, Profile};
pub(crate) use self::own::OwnArguments;

/// Measure where the cold start of an embedded engine goes, phase by phase, and serve with it.
#[derive(Debug, Parser)]
#[command(name = "host", version, after_help = exit_codes())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// A command with its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure cold starts of embedded engines, phase by phase.
    Phases(Box<Phases>),
    /// Measure one process with one to ten thousand instances: memory of each, and the time to
    /// start one more. Several processes: `external density`.
    // Its name is no other program's: behind the front door they are one.
    #[command(name = "density-embedded", alias = "density")]
    Density(Box<Density>),
    /// Measure the harness itself: a probe's launch beside that of a program that returns at once.
    Overhead(Overhead),
    /// Serve a wasi:http component over HTTP/1.1, with a fast start.
    ///
    /// Prints `listening on IP:PORT` when connections are accepted. SIGTERM and Ctrl-C let requests
    /// in flight finish.
    Serve(Box<ServeArgs>),
    /// Run a command to its end, with a fast start: a core module with `_start`, or a component
    /// that exports `wasi:cli/run`.
    ///
    /// The guest gets the arguments, the standard streams, and what --env, --dir and --config name;
    /// no other files, no other environment, no network.
    #[command(version = crate::engine::wasmtime::VERSION)]
    Run(Box<RunArgs>),
    /// Compile a component or a core module ahead of time, for `host serve` and `host run` on this
    /// machine.
    ///
    /// Only serve precompiled files that you made yourself: they are machine code, and are run
    /// unchecked.
    Compile(CompileArgs),
}

/// What a command line asks for.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// To run a command.
    Run(Command),
    /// To serve, by the program in which `WasmEdge` is, with these arguments.
    ServeWithWasmEdge(Vec<OsString>),
    /// To print the engine's version.
    EngineVersion,
    /// To print help or the program's version, or what is wrong with the command line.
    Explain(Box<clap::Error>),
}

/// Every command of the program with all its flags: the source of `--help`, of shell completions
/// and of man pages.
pub fn command() -> clap::Command {
    let engines = PossibleValuesParser::new(Engine::serving().map(Engine::product));
    let engine = Arg::new("engine")
        .long("engine")
        .value_name("NAME")
        .value_parser(engines)
        .default_value(Engine::Wasmtime.product())
        .help("Engine; wasmedge takes a core module on its sockets, and fewer flags");
    Cli::command().mut_subcommand("serve", |serve| serve.arg(engine))
}

/// Parses a command line, the program's name first.
///
/// # Errors
/// What is wrong with the command line of a command that `clap` does not parse.
pub(crate) fn parse(arguments: Vec<OsString>) -> Result<Parsed, Error> {
    let rest = arguments.get(2..).unwrap_or_default();
    let parsed = match arguments.get(1).and_then(|command| command.to_str()) {
        Some("serve") => args::parse_serve(rest)?,
        Some("run") => args::parse_run(rest)?,
        Some("compile") => args::parse_compile(rest)?,
        _ => None,
    };
    Ok(parsed.unwrap_or_else(|| parse_with_clap(arguments)))
}

fn parse_with_clap(arguments: Vec<OsString>) -> Parsed {
    let parsed = Manner::here()
        .reword_help(command())
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => Parsed::Run(cli.command),
        Err(error) => Parsed::Explain(Box::new(error)),
    }
}

fn exit_codes() -> String {
    use std::fmt::Write as _;
    let mut help = "Exit codes:".to_owned();
    for (exit, meaning) in Exit::table_of(Programs::Measuring) {
        let _ = write!(help, "\n  {:<4} {meaning}", exit.code());
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_of_all_commands_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn help_lists_every_command() {
        let help = command().render_long_help().to_string();
        for name in [
            "phases",
            "density-embedded",
            "overhead",
            "serve",
            "run",
            "compile",
        ] {
            assert!(help.contains(&format!("\n  {name} ")), "{help}");
        }
    }

    /// The two parsers of the same command line agree: help, completions and man pages describe
    /// what is accepted.
    #[test]
    fn clap_and_the_fast_parser_agree_on_every_flag() {
        let serve = "serve --artifact x --addr [::1]:80 --acquire cache_hit --cache folder \
            --allocator pooling --pool tuned,slots=16 --interrupt none --instances reused --engine wasmtime --threads 3 --max-body 10 \
            --max-head 8192 --max-concurrent 7 --time-limit 0.5 --write-limit 0.25 --read-limit \
            0.75 --memory-limit 2 --total-memory 3 --milestones m.json --env A=b --env C= --dir x \
            --dir y::/z:rw --config k=v";
        let run = "run --artifact x --acquire cache_miss --cache folder --time-limit 0.5 --memory-limit 2 \
            --env A=b --dir x::y --config k=v -- one --two";
        let compile = "compile --artifact x --output y --allocator pooling --interrupt none";
        for line in [
            "serve --artifact x",
            serve,
            "run --artifact x",
            run,
            "compile --artifact x --output y",
            compile,
        ] {
            let words = || {
                std::iter::once("host")
                    .chain(line.split_whitespace())
                    .map(OsString::from)
                    .collect::<Vec<_>>()
            };
            let fast = format!("{:?}", parse(words()).unwrap());
            assert_eq!(fast, format!("{:?}", parse_with_clap(words())), "{line}");
            assert!(fast.starts_with("Run("), "{line}: {fast}");
        }
        let flags = |name: &str| {
            let command = command();
            let subcommand = command.find_subcommand(name).unwrap();
            let long = subcommand.get_arguments().filter_map(Arg::get_long);
            long.map(str::to_owned).collect::<Vec<_>>()
        };
        for (name, line) in [("serve", serve), ("run", run), ("compile", compile)] {
            for flag in flags(name) {
                assert!(
                    line.contains(&format!("--{flag} ")),
                    "{name} --{flag} is not compared"
                );
            }
        }
    }
}
