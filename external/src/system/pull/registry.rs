//! A registry that runs: read-only, on a port of the loopback, with or without TLS.

use std::path::{Path, PathBuf};

use machine::clock::now_ns;
use machine::ports;
use serde_json::json;

use super::super::child::Child;
use super::super::{find_program as find, run, text};
use super::image::TAG;
use crate::process::Launch;
use crate::process::confine::Confinement;
use crate::process::reaper::Reaper;

/// How long it may take to listen.
const TIMEOUT_NS: u64 = 20_000_000_000;

/// The program of a registry.
///
/// # Errors
/// There is none.
pub(crate) fn find_program() -> Result<PathBuf, String> {
    // Debian keeps servers where the path of ordinary users does not lead.
    let folders = ["/usr/sbin", "/usr/bin"];
    let usual = folders.map(|folder| Path::new(folder).join("docker-registry"));
    find("docker-registry", &usual)
        .ok_or_else(|| "there is no program `docker-registry`".to_owned())
}

/// The configuration of a registry that keeps images in `data`: no upload is purged while a run goes
/// on, and no request is logged. `auth` is what it asks who wants to push; without one nobody may,
/// and everybody may pull.
pub(crate) fn configuration(
    data: &Path,
    port: u16,
    auth: Option<serde_json::Value>,
    tls: Option<&Certificate>,
) -> String {
    let mut configuration = json!({
        "version": "0.1",
        "log": { "level": "info", "accesslog": { "disabled": true } },
        "storage": {
            "filesystem": { "rootdirectory": text(data) },
            "maintenance": {
                "uploadpurging": { "enabled": false },
                "readonly": { "enabled": auth.is_none() },
            },
        },
        "http": { "addr": format!("127.0.0.1:{port}") },
    });
    if let Some(auth) = auth {
        configuration["auth"] = auth;
    }
    if let Some(tls) = tls {
        configuration["http"]["tls"] = json!({
            "certificate": text(&tls.server), "key": text(&tls.key),
        });
    }
    // JSON is YAML.
    configuration.to_string()
}

/// A certificate for the loopback, and the authority that signed it, which nobody trusts who was not
/// told to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The authority's certificate, in a folder with nothing else.
    pub(crate) authority: PathBuf,
    /// The registry's.
    server: PathBuf,
    key: PathBuf,
}

impl Certificate {
    /// A new one, in a folder that only this user can look into.
    ///
    /// # Errors
    /// There is no `openssl`, or it fails.
    pub(crate) fn make(folder: &Path) -> Result<Self, String> {
        let openssl = find("openssl", &[]).ok_or(
            "there is no program `openssl`, which makes the certificate of a registry with TLS: \
                `apt-get install openssl`",
        )?;
        let file = |name: &str| folder.join(name);
        let [certificate, key, authority_key] =
            ["registry.crt", "registry.key", "ca.key"].map(file);
        // Alone in its folder: who is told of a folder, as Podman is, takes any key in it for its own.
        let trusted = file("authority");
        std::fs::create_dir_all(&trusted)
            .map_err(|error| format!("cannot make {}: {error}", trusted.display()))?;
        let authority = trusted.join("ca.crt");
        let make = |certificate: &Path, key: &Path, more: &[&str]| {
            let words = [
                &["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"][..],
                &["-pkeyopt", "ec_paramgen_curve:P-256"],
                &["-keyout", &text(key), "-out", &text(certificate)],
                more,
            ];
            let words: Vec<_> = words.concat().iter().map(ToString::to_string).collect();
            run(&openssl, &words).map(drop)
        };
        let basic = "basicConstraints=critical,CA:";
        make(
            &authority,
            &authority_key,
            &[
                "-subj",
                "/CN=coldphase authority",
                "-addext",
                &format!("{basic}TRUE"),
            ],
        )?;
        make(
            &certificate,
            &key,
            &[
                "-subj",
                "/CN=127.0.0.1",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-addext",
                &format!("{basic}FALSE"),
                "-CA",
                &text(&authority),
                "-CAkey",
                &text(&authority_key),
            ],
        )?;
        // Whoever has it could stand in for the registry.
        std::fs::remove_file(&authority_key)
            .map_err(|error| format!("cannot remove {}: {error}", authority_key.display()))?;
        Ok(Self {
            authority,
            server: certificate,
            key,
        })
    }
}

/// A registry that runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Registry {
    child: Child,
    port: u16,
    /// What signed its certificate, if it speaks TLS.
    pub(crate) certificate: Option<Certificate>,
}

impl Registry {
    /// Starts one for the images below `folder`, and returns when it listens.
    ///
    /// # Errors
    /// There is none to start, or it does not listen in time.
    pub(crate) fn start(folder: &Path, tls: bool, reaper: &Reaper) -> Result<Self, String> {
        let program = find_program()?;
        let certificate = tls.then(|| Certificate::make(folder)).transpose()?;
        let port = ports::free_port().map_err(|error| format!("no port is free: {error}"))?;
        let kind = if tls { "tls" } else { "plain" };
        let file = folder.join(format!("{kind}.yml"));
        let configuration = configuration(&storage(folder), port, None, certificate.as_ref());
        std::fs::write(&file, configuration)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        let mut launch = Launch::new(&program, folder, folder.join(format!("{kind}.log")));
        launch.arguments = vec!["serve".into(), file.into()];
        launch.confinement = Some(Confinement {
            folder: folder.to_owned(),
            listens: Some(port),
            connects: Vec::new(),
        });
        let mut child = Child::launch("registry", &launch, reaper)?;
        child.wait_for_line("listening on", now_ns() + TIMEOUT_NS)?;
        Ok(Self {
            child,
            port,
            certificate,
        })
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How an image in it is referred to.
    pub(crate) fn reference(&self, name: &str) -> String {
        format!("{}/{name}:{TAG}", self.address())
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.child.ended()
    }
}

/// Where a registry with this folder keeps images.
pub(crate) fn storage(folder: &Path) -> PathBuf {
    folder.join("images")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_takes_something_only_from_whom_it_asks() {
        let written = |auth| -> serde_json::Value {
            serde_json::from_str(&configuration(Path::new("/data"), 5000, auth, None)).unwrap()
        };
        let alone = written(None);
        assert_eq!(alone["storage"]["maintenance"]["readonly"]["enabled"], true);
        assert!(alone["http"].get("tls").is_none());
        let asking = written(Some(json!({ "htpasswd": { "path": "/htpasswd" } })));
        assert_eq!(
            asking["storage"]["maintenance"]["readonly"]["enabled"],
            false
        );
        assert_eq!(asking["auth"]["htpasswd"]["path"], "/htpasswd");
    }

    /// Without `openssl` this test fails, and says so.
    #[test]
    fn a_certificate_is_the_loopbacks_and_its_authoritys_key_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let made = Certificate::make(folder.path()).unwrap();
        let openssl = find("openssl", &[]).unwrap();
        let verify = ["verify", "-CAfile", &text(&made.authority)].map(str::to_owned);
        let ip = ["-verify_ip", "127.0.0.1", &text(&made.server)].map(str::to_owned);
        assert!(
            run(&openssl, &[&verify[..], &ip].concat())
                .unwrap()
                .ends_with("OK")
        );
        assert!(!folder.path().join("ca.key").exists());
        // No client takes a key for its own.
        let beside = std::fs::read_dir(made.authority.parent().unwrap()).unwrap();
        assert_eq!(beside.count(), 1);
    }
}
