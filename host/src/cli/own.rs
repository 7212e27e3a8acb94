//! A guest of one's own: how it is called and what it is given, for every command that measures one.

use std::path::PathBuf;

use campaign::argument;
use campaign::call::CallArguments;
use clap::Args;

use super::args::GivenArgs;

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct OwnArguments {
    /// Measure this core module or component instead of a built-in workload
    #[arg(long, value_name = "FILE", conflicts_with = "workload")]
    pub(crate) artifact: Option<PathBuf>,
    /// Request to a service; the body may also be given by --body [default: "GET /"]
    #[arg(long, value_name = "METHOD /TARGET [BODY]")]
    pub(crate) request: Option<String>,
    /// Headers, body and answer.
    #[command(flatten)]
    pub(crate) call: CallArguments,
    /// Argument of a command (repeatable)
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub(crate) arg: Vec<String>,
    /// Standard input of a command [default: empty]
    #[arg(long, value_name = "FILE", value_parser = argument::path())]
    pub(crate) stdin: Option<PathBuf>,
    /// Environment, folders and configuration.
    #[command(flatten)]
    pub(crate) given: GivenArgs,
}

impl OwnArguments {
    /// Whether it says anything of how a guest is called, or of what it is given.
    pub(crate) fn says_anything(&self) -> bool {
        *self
            != Self {
                artifact: self.artifact.clone(),
                ..Self::default()
            }
    }
}
