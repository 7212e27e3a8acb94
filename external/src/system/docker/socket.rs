//! Where a Docker engine answers, and whether it is ours.

use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::super::Unavailable;

/// The remedy for everything that an engine of our own mends.
pub(in crate::system) const REMEDY: &str = "`./setup docker` installs and starts one";

/// Where an engine answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Socket {
    /// The Unix socket.
    pub(super) path: PathBuf,
    /// Whether `./setup docker` started the engine. Only such a one is ever restarted.
    pub(super) ours: bool,
}

impl Socket {
    /// The one that `DOCKER_HOST` names; otherwise ours, the usual ones, Podman's.
    pub(super) fn find() -> Result<Self, Unavailable> {
        let named = std::env::var("DOCKER_HOST")
            .ok()
            .filter(|host| !host.is_empty());
        Self::choose(named.as_deref(), &Self::usual())
    }

    /// Ours, if it is the one that counts.
    pub(super) fn ours() -> Option<Self> {
        let named = std::env::var("DOCKER_HOST")
            .ok()
            .filter(|host| !host.is_empty());
        let is_installed = |path: &Path| path.parent().is_some_and(Path::is_dir);
        let mut usual = Self::usual().into_iter();
        let ours = usual.find(|socket| socket.ours && is_installed(&socket.path))?;
        let is_other = named.is_some_and(|host| {
            host.strip_prefix("unix://")
                .is_none_or(|path| ours.path != Path::new(path))
        });
        (!is_other).then_some(ours)
    }

    fn choose(named: Option<&str>, usual: &[Self]) -> Result<Self, Unavailable> {
        let unavailable = |reason: String, remedy: &str| Unavailable {
            reason,
            remedy: remedy.to_owned(),
        };
        if let Some(host) = named {
            let Some(path) = host.strip_prefix("unix://") else {
                return Err(unavailable(
                    format!(
                        "DOCKER_HOST is {host}, and only an engine of this machine shares its clock"
                    ),
                    "unset it, or set it to unix:///the/socket",
                ));
            };
            let ours = usual
                .iter()
                .any(|usual| usual.ours && usual.path == Path::new(path));
            return Ok(Self {
                path: path.into(),
                ours,
            });
        }
        let there = usual.iter().find(|socket| {
            socket
                .path
                .metadata()
                .is_ok_and(|found| found.file_type().is_socket())
        });
        there.cloned().ok_or_else(|| {
            let looked: Vec<_> = usual
                .iter()
                .map(|socket| socket.path.display().to_string())
                .collect();
            unavailable(
                format!(
                    "no Docker engine answers: there is none of {}",
                    looked.join(", ")
                ),
                REMEDY,
            )
        })
    }

    fn usual() -> Vec<Self> {
        let ours = Self {
            path: docker_engine::socket(),
            ours: true,
        };
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let podman = runtime.map(|folder| folder.join("podman/podman.sock"));
        let others = [
            Some("/var/run/docker.sock".into()),
            podman,
            Some("/run/podman/podman.sock".into()),
        ];
        std::iter::once(ours)
            .chain(
                others
                    .into_iter()
                    .flatten()
                    .map(|path| Self { path, ours: false }),
            )
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_is_named_counts_and_then_the_first_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str, ours| Socket {
            path: folder.path().join(name),
            ours,
        };
        let usual = [at("ours", true), at("usual", false)];
        let none = Socket::choose(None, &usual).unwrap_err();
        assert!(
            none.to_string().contains("/usual; `./setup docker`"),
            "{none}"
        );
        let _usual = UnixListener::bind(&usual[1].path).unwrap();
        assert_eq!(Socket::choose(None, &usual).unwrap(), usual[1]);
        std::fs::write(&usual[0].path, "no socket").unwrap();
        assert_eq!(Socket::choose(None, &usual).unwrap(), usual[1]);
        let named = format!("unix://{}", usual[0].path.display());
        assert_eq!(Socket::choose(Some(&named), &usual).unwrap(), usual[0]);
        let far = Socket::choose(Some("tcp://10.0.0.1:2375"), &usual).unwrap_err();
        assert!(
            far.reason.contains("only an engine of this machine"),
            "{far}"
        );
    }
}
