//! The native server, launched for the generators.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::Failure;

/// A command that is kept on a core, or nowhere in particular.
pub(crate) fn pinned(core: Option<usize>, program: &Path) -> Command {
    let Some(core) = core else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// A server that runs, and is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn launch(program: &Path, core: Option<usize>) -> Result<Running, Failure> {
    let mut command = pinned(core, program);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let told = child.stdout.take().ok_or("no standard output")?;
    let mut running = Running {
        child,
        url: String::new(),
    };
    let mut line = String::new();
    BufReader::new(told).read_line(&mut line)?;
    let address = line
        .trim()
        .strip_prefix("listening on ")
        .ok_or("the server never said where it listens")?;
    running.url = format!("http://{address}/");
    Ok(running)
}

/// The native server, beside `external` in the folder of the build; cargo brings it up to date.
pub(crate) fn native() -> Result<PathBuf, Failure> {
    let folder = Path::new(env!("CARGO_BIN_EXE_external"))
        .parent()
        .ok_or("no folder")?;
    let profile = if folder.ends_with("debug") {
        "dev"
    } else {
        "release"
    };
    let cargo = std::env::var_os("CARGO").ok_or("start it with cargo")?;
    let target = folder.parent().ok_or("no target folder")?;
    let built = Command::new(cargo)
        .args([
            "build",
            "--locked",
            "--quiet",
            "-p",
            "native",
            "--profile",
            profile,
            "--target-dir",
        ])
        .arg(target)
        .status()?;
    if !built.success() {
        return Err("the native server cannot be built".into());
    }
    Ok(folder.join("native-http"))
}
