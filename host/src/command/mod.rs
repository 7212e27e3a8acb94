//! The commands, one file each.

mod compile;
mod density;
mod masked;
mod overhead;
mod phases;
mod run;
mod serve;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use campaign::{Error, Exit, front_door, own_word};
use results::manifest::{ArtifactFact, Origin, Setting};
use results::run_folder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Status;
use crate::bench::target::Target;
use crate::cli::{Command, Parsed};
use crate::engine::wasmtime::VERSION;

/// Runs a command. `began_ns` is when `main` began.
pub(crate) fn run(parsed: Parsed, began_ns: u64) -> Result<Status, Error> {
    let exit = match parsed {
        Parsed::Run(Command::Phases(arguments)) => phases::run(&arguments)?,
        Parsed::Run(Command::Density(arguments)) => density::run(&arguments)?,
        Parsed::Run(Command::Overhead(arguments)) => overhead::run(&arguments)?,
        Parsed::Run(Command::Serve(arguments)) => serve::run(&arguments, began_ns)?,
        Parsed::Run(Command::Run(arguments)) => return run::run(&arguments),
        Parsed::Run(Command::Compile(arguments)) => compile::run(&arguments)?,
        Parsed::ServeWithWasmEdge(arguments) => return Err(serve::become_wasmedge(&arguments)),
        Parsed::EngineVersion => {
            // A closed stream is no reason to fail.
            let _ = writeln!(std::io::stdout(), "wasmtime {VERSION}");
            Exit::Ok
        }
        Parsed::Explain(text) => {
            let _ = text.print();
            if text.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            }
        }
    };
    Ok(Status::Exit(exit))
}

/// The configuration of an earlier run, out of its manifest. The run is not locked yet: the
/// rehearsal comes before that, and the lock decides who may write.
fn read_config<T: DeserializeOwned>(folder: &Path) -> Result<T, Error> {
    let manifest = run_folder::read_manifest(folder)?;
    own_word::check(&manifest)?;
    let config: serde_json::Map<_, _> = manifest
        .config
        .into_iter()
        .map(|(key, setting)| (key, setting.value))
        .collect();
    serde_json::from_value(config.into()).map_err(|error| {
        Error::new(
            Exit::Resume,
            format!("the run's configuration cannot be understood: {error}"),
        )
        .hint("a run is resumed by the command and the version of coldphase that began it")
    })
}

/// Where the values of a configuration came from.
type Origins = BTreeMap<&'static str, Origin>;

/// The configuration as the manifest keeps it, each value with its origin.
fn config(options: &impl Serialize, origins: &Origins) -> BTreeMap<String, Setting> {
    campaign::manifest::settings(options, |name| {
        origins.get(name).copied().unwrap_or(Origin::Default)
    })
}

/// Each file once, with the workloads that it serves.
fn artifact_facts(targets: &[Target]) -> Vec<ArtifactFact> {
    let mut facts: Vec<ArtifactFact> = Vec::new();
    for target in targets {
        let path = target.given.display().to_string();
        match facts.iter_mut().find(|fact| fact.path == path) {
            Some(fact) => fact.workloads.push(target.name.clone()),
            None => facts.push(ArtifactFact {
                workloads: vec![target.name.clone()],
                path,
                bytes: target.bytes,
                sha256: target.sha256.clone(),
                build: None,
            }),
        }
    }
    facts
}

/// The command line that goes on with a run.
fn resume_command(command: &str, run: &str, out: Option<&PathBuf>) -> String {
    let out = out.map_or_else(String::new, |out| format!(" --out {}", out.display()));
    front_door::command("host", &format!("{command} --resume {run}{out}"))
}

#[cfg(test)]
mod tests {
    use campaign::Exit;
    use host_probe::exit;

    #[test]
    fn programs_without_the_table_of_exit_codes_use_its_numbers() {
        let same = [
            (Exit::Internal, exit::INTERNAL),
            (Exit::Usage, exit::USAGE),
            (Exit::Artifact, exit::ARTIFACT),
            (Exit::Samples, exit::GUEST),
            (Exit::Results, exit::RESULTS),
            (Exit::Nothing, exit::MACHINE),
        ];
        for (exit, number) in same {
            assert_eq!(exit.code(), number, "{exit:?}");
        }
    }
}
