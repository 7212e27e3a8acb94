//! What a guest is given besides its call, for every command that runs one.

use clap::Args;
use host_probe::given::{Folder, Given, Variable, folder_refused};

use campaign::{Error, errno};

use crate::error::usage;

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct GivenArgs {
    /// Environment variable of the guest, which has no other (repeatable)
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = Variable::parse)]
    pub(crate) environment: Vec<Variable>,
    /// Folder that the guest may read, and with `:rw` write; GUEST is what the guest calls it
    /// (repeatable)
    #[arg(long = "dir", value_name = "HOST[::GUEST][:rw]", value_parser = Folder::parse)]
    pub(crate) folders: Vec<Folder>,
    /// What `wasi:config` tells a component that imports it (repeatable)
    #[arg(long = "config", value_name = "KEY=VALUE", value_parser = Variable::parse)]
    pub(crate) config: Vec<Variable>,
}

impl GivenArgs {
    /// What a guest is given, its folders held.
    ///
    /// # Errors
    /// A folder is not there, or may not be used as is asked for.
    pub(crate) fn given(&self) -> Result<Given, Error> {
        let folders = self.folders.iter().map(hold_folder);
        Ok(Given {
            environment: self.environment.clone(),
            folders: folders.collect::<Result<_, _>>()?,
            config: self.config.clone(),
            ..Given::default()
        })
    }
}

/// Opens a folder that a guest is given.
///
/// # Errors
/// It is not there, or may not be used as is asked for.
pub(crate) fn hold_folder(folder: &Folder) -> Result<Folder, Error> {
    folder.hold().map_err(|error| {
        let hint = errno::hint(&error).unwrap_or(
            "`--dir HOST::GUEST` opens a folder to be read, `--dir HOST::GUEST:rw` to be written",
        );
        usage(folder_refused(folder, &error), hint)
    })
}
