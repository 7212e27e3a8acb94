//! The native server, launched for the generators.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use campaign::sibling::NATIVE;

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

/// The native server, brought up to date.
pub(crate) fn native() -> Result<PathBuf, Failure> {
    Ok(NATIVE.program("native-http")?)
}
