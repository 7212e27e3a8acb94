//! Where everything of an engine lies.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What is root's alone: the engine, and programs that root downloads by `./setup`.
pub(crate) const STATE: &str = "/var/lib/coldphase";

/// What is root's alone: our engine's folder, and the programs that `./setup` downloads for root.
pub fn state() -> &'static Path {
    Path::new(STATE)
}

/// The folder of our engine.
pub fn folder() -> PathBuf {
    Path::new(STATE).join("docker")
}

/// Where our engine answers.
pub fn socket() -> PathBuf {
    Place::ours().socket()
}

/// Where the containerd of our engine answers.
pub fn containerd_socket() -> PathBuf {
    Place::ours().containerd_socket()
}

/// Whether a file lies in the folder of our engine.
pub fn is_ours(file: &Path) -> bool {
    file.starts_with(folder())
}

/// The folder of an engine, and what lies where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn ours() -> Self {
        Self(folder())
    }

    pub(crate) fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join("docker.sock")
    }

    /// Written by the engine, and never believed: whose number it is by now, nobody knows.
    pub(crate) fn pid_file(&self) -> PathBuf {
        self.0.join("pid")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(crate) fn exec(&self) -> PathBuf {
        self.0.join("exec")
    }

    /// Where containerd keeps its own number, which it believes.
    pub(crate) fn containerd_pid_file(&self) -> PathBuf {
        self.exec().join("containerd/containerd.pid")
    }

    pub(crate) fn containerd_config(&self) -> PathBuf {
        self.exec().join("containerd/containerd.toml")
    }

    pub(crate) fn containerd_socket(&self) -> PathBuf {
        self.exec().join("containerd/containerd.sock")
    }

    /// What the engine is started with, and recognised by.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut host = OsString::from("unix://");
        host.push(self.socket());
        vec![
            "--host".into(),
            host,
            "--data-root".into(),
            self.data().into(),
            "--exec-root".into(),
            self.exec().into(),
            "--pidfile".into(),
            self.pid_file().into(),
        ]
    }
}
