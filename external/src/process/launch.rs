//! What to launch, and how.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use machine::clock::now_ns;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};

use super::confine::{Confinement, Prepared};
use super::launcher::on_launcher;
use super::namespace::NetworkNamespace;
use super::output::{Bounds, Output};
use super::running::{Printed, Running};
use super::stamped::Stamped;
use crate::observe::{Observed, Observer};

/// A program to start: as a process group of its own, which dies with this process, with no input
/// and with nothing in its environment but what is given here.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program's file. A name without a slash is looked for in the `PATH` of `environment`.
    pub program: PathBuf,
    /// What comes after the program's name.
    pub arguments: Vec<OsString>,
    /// The whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder that it runs in.
    pub folder: PathBuf,
    /// The file that its beginning and its end are kept in of what it prints: a quarter of a MiB
    /// each.
    pub log: PathBuf,
    /// Where its standard output goes. Standard error goes to the log.
    pub stdout: Stdout,
    /// The one core that it may run on. `None` leaves it those of the thread that launches it.
    pub core: Option<usize>,
    /// The artifact, whose opening is a milestone; nothing for a native program.
    pub watch: Option<PathBuf>,
    /// The port on which its listening and accepting are milestones; with `None` those on the first
    /// port it listens on.
    pub port: Option<u16>,
    /// Whether its milestones are observed. Everything else about the launch is the same without.
    pub observed: bool,
    /// The network namespace that it runs in. `None` leaves it that of this process.
    pub namespace: Option<NetworkNamespace>,
    /// What it may reach. `None` leaves it all that this process may.
    pub confinement: Option<Confinement>,
}

/// Where a program's standard output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// To the log, with standard error.
    Log,
    /// To [`Running::stdout`], up to 16 MiB.
    Captured,
    /// It is a virtual machine's serial port: to [`Running::milestone`] and [`Running::stdout`].
    Stamped,
}

/// Why a program could not be launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The log cannot be written.
    #[error("cannot write the log {}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system refused to start it.
    #[error("cannot start {}{how}: {source}", program.display())]
    Program {
        /// The program's file.
        program: PathBuf,
        /// What was requested beyond starting it: a core, a namespace, observation.
        how: String,
        /// What the system says.
        source: io::Error,
    },
    /// It was to be observed, and cannot be.
    #[error("cannot observe a start: {0}")]
    Observer(#[source] io::Error),
    /// This process has no room for another child: descriptors, threads.
    #[error("cannot prepare the launch of a program: {0}")]
    Machine(#[from] io::Error),
}

impl Launch {
    /// A program without arguments and environment, unobserved, on any core, whose output all goes
    /// to the log.
    pub fn new(
        program: impl Into<PathBuf>,
        folder: impl Into<PathBuf>,
        log: impl Into<PathBuf>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: folder.into(),
            log: log.into(),
            stdout: Stdout::Log,
            core: None,
            watch: None,
            port: None,
            observed: false,
            namespace: None,
            confinement: None,
        }
    }

    /// Starts it.
    ///
    /// Returns when the program has been executed, which is later than [`Running::launched_ns`] by
    /// the time that takes.
    ///
    /// # Errors
    /// [`LaunchError`]. Nothing of the program is left then, and no milestone is missed silently:
    /// what was to be observed and cannot be is an error.
    pub fn launch(&self) -> Result<Running, LaunchError> {
        empty_file(&self.log).map_err(|source| LaunchError::Log {
            path: self.log.clone(),
            source,
        })?;
        let mut command = self.command();
        let (output, writer) = io::pipe()?;
        command.stderr(writer.try_clone()?);
        let captured = match self.stdout {
            Stdout::Log => {
                command.stdout(writer);
                None
            }
            Stdout::Captured => {
                let (captured, answer) = io::pipe()?;
                command.stdout(answer);
                Some(Printed::Text(Output::read(captured, Bounds::ANSWER, None)?))
            }
            Stdout::Stamped => {
                let (port, serial) = io::pipe()?;
                command.stdout(serial);
                Some(Printed::Serial(Stamped::read(port)?))
            }
        };
        let output = Output::read(output, Bounds::LOG, Some(self.log.clone()))?;
        let observation = self
            .observed
            .then(|| Observer::start(self.watch.as_ref(), self.port))
            .transpose();
        let (observer, child) = observation.map_err(LaunchError::Observer)?.unzip();
        self.attach(&mut command, child)?;
        let namespace = self.namespace.clone();
        let started = on_launcher(move || {
            // The thread that starts it is moved, and not the child between fork and exec: so the
            // start is not charged with it.
            let inside = namespace
                .as_ref()
                .map(NetworkNamespace::enter)
                .transpose()?;
            let launched_ns = now_ns();
            // The command is dropped here, and with it this process's ends of the pipes.
            let started = command.spawn().map(|child| (launched_ns, child.id()));
            if let Some(inside) = inside {
                inside.leave();
            }
            started
        })?;
        let (launched_ns, pid) = started.map_err(|source| LaunchError::Program {
            program: self.program.clone(),
            how: self.how(),
            source,
        })?;
        Ok(Running::new(pid, launched_ns, output, captured, observer))
    }

    fn how(&self) -> String {
        let core = self
            .core
            .map_or(String::new(), |core| format!(" on core {core}"));
        let namespace = self.namespace.as_ref().map_or(String::new(), |namespace| {
            format!(" in {}", namespace.name())
        });
        format!(
            "{core}{namespace}{}",
            if self.observed {
                " under observation"
            } else {
                ""
            }
        )
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().cloned());
        command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    /// Has the child do what it must do itself, between fork and exec.
    #[expect(
        unsafe_code,
        reason = "what is done between fork and exec must be safe there, which nothing checks"
    )]
    fn attach(&self, command: &mut Command, observed: Option<Observed>) -> io::Result<()> {
        let cores = self.cores()?;
        let parent = Pid::this();
        let confinement = self.confinement.as_ref();
        let mut confinement = confinement
            .map(|confinement| confinement.prepare(&self.program))
            .transpose()?;
        let attach = move || {
            set_pdeathsig(Signal::SIGKILL)?;
            // A parent that died before the line above sends no signal any more.
            if getppid() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            sched_setaffinity(Pid::from_raw(0), &cores)?;
            confinement.as_mut().map_or(Ok(()), Prepared::put_on)?;
            // Last: what comes before it is none of the program's.
            observed.as_ref().map_or(Ok(()), Observed::begin)
        };
        // SAFETY: only system calls, and no memory is allocated: another thread may hold the
        // allocator's lock at the fork.
        unsafe { command.pre_exec(attach) };
        Ok(())
    }

    /// The cores of the child. Always set, so that a launch with a core does not differ from one
    /// without.
    fn cores(&self) -> io::Result<CpuSet> {
        let Some(core) = self.core else {
            return Ok(sched_getaffinity(Pid::from_raw(0))?);
        };
        let mut cores = CpuSet::new();
        cores.set(core)?;
        Ok(cores)
    }
}

/// Makes an empty file. One that is there is removed and not cut off: of a file that was cut off, some file systems
/// write what it gets to the disk as soon as it is closed (`auto_da_alloc` of ext4(5)), in the
/// middle of the next start. A device stays.
fn empty_file(path: &Path) -> io::Result<()> {
    if path.symlink_metadata().is_ok_and(|found| found.is_file()) {
        std::fs::remove_file(path)?;
    }
    File::create(path).map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shell(folder: &tempfile::TempDir, script: &str) -> Launch {
        let mut launch = Launch::new("/bin/sh", folder.path(), folder.path().join("log"));
        launch.arguments = vec!["-c".into(), script.into()];
        launch
    }

    #[test]
    fn a_command_runs_to_its_end_with_nothing_but_what_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let mut launch = shell(&folder, "/usr/bin/env; pwd; echo complaint >&2; exit 3");
        launch.environment = vec![("GREETING".into(), "hello".into())];
        launch.stdout = Stdout::Captured;
        let mut running = launch.launch().unwrap();
        let end = running.wait_end(now_ns() + 10_000_000_000).unwrap();
        assert_eq!((end.code, end.signal), (Some(3), None));
        assert!(end.seen_ns > running.launched_ns());
        let printed = String::from_utf8(running.stdout().bytes).unwrap();
        assert!(
            printed.contains("GREETING=hello\n") && !printed.contains("HOME="),
            "{printed}"
        );
        assert!(
            printed.contains(folder.path().to_str().unwrap()),
            "{printed}"
        );
        assert_eq!(running.log_tail(), "complaint");
        assert_eq!(std::fs::read_to_string(launch.log).unwrap(), "complaint\n");
    }

    #[test]
    fn a_program_that_cannot_be_started_is_an_error_that_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let nothing = Launch::new("/nowhere/nothing", folder.path(), folder.path().join("log"));
        let error = nothing.launch().unwrap_err().to_string();
        assert!(
            error.starts_with("cannot start /nowhere/nothing: No such file"),
            "{error}"
        );
        let mut nowhere = shell(&folder, "true");
        nowhere.core = Some(1_000);
        let error = nowhere.launch().unwrap_err().to_string();
        assert!(error.contains("on core 1000: "), "{error}");
        let mut unwritable = shell(&folder, "true");
        unwritable.log = folder.path().join("no/folder");
        let error = unwritable.launch().unwrap_err().to_string();
        assert!(error.contains("cannot write the log"), "{error}");
    }

    #[test]
    fn a_child_runs_on_the_core_that_it_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let mut launch = shell(&folder, "grep Cpus_allowed_list /proc/self/status");
        launch.core = Some(0);
        launch.environment = vec![("PATH".into(), "/usr/bin:/bin".into())];
        let mut running = launch.launch().unwrap();
        running.wait_end(now_ns() + 10_000_000_000).unwrap();
        assert_eq!(running.log_tail().split_whitespace().last(), Some("0"));
    }

    #[test]
    fn a_child_outlives_the_thread_that_launched_it() {
        let folder = tempfile::tempdir().unwrap();
        let launch = shell(&folder, "exec /bin/sleep 60");
        let mut running = std::thread::spawn(move || launch.launch().unwrap())
            .join()
            .unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(running.ended().is_none());
        assert_eq!(
            running.stop(Duration::from_secs(5)).signal,
            Some(Signal::SIGTERM)
        );
    }
}
