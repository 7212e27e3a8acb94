//! Why an engine cannot be started or stopped, and what to do about it.

use std::io;
use std::path::PathBuf;

/// Why an engine cannot be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// This process may not.
    #[error("an engine is started and stopped by root")]
    NotRoot,
    /// A program is not there.
    #[error("there is no program {0} in the system's folders")]
    NoProgram(&'static str),
    /// What lies where our folder belongs is not to be trusted.
    #[error("{} is not taken for ours: {reason}", path.display())]
    Folder {
        /// What lies there.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The engine does not come up.
    #[error("the engine {why}; the end of {}:\n{tail}", log.display())]
    DidNotStart {
        /// What happened.
        why: &'static str,
        /// Its log.
        log: PathBuf,
        /// The end of it.
        tail: String,
    },
    /// The engine does not end.
    #[error("the engine {0} did not end within a minute, and was killed")]
    DidNotEnd(u32),
    /// The system says something else.
    #[error("cannot {what}: {error}")]
    System {
        /// What was tried.
        what: String,
        /// What the system says.
        error: io::Error,
    },
    /// A program that changes the network fails.
    #[error("{0}")]
    Network(String),
}

impl EngineError {
    /// What to do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NotRoot => "be root, or use an engine that is there: DOCKER_HOST",
            Self::NoProgram(_) => "`./setup docker` installs it",
            Self::Folder { .. } => {
                "look whose it is; once it is root's and nobody else may write to it, or is gone, \
                    run this again"
            }
            Self::DidNotStart { .. } => "its log says why",
            Self::DidNotEnd(_) => "run this again, which removes what it left",
            Self::System { .. } | Self::Network(_) => "once that is put right, run this again",
        }
    }

    /// Says of an error of the system's what was tried.
    pub(crate) fn system<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |error| Self::System {
            what,
            error: error.into(),
        }
    }
}
