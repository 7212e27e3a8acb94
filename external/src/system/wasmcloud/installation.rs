//! Where a run's wasmCloud lives, and what every host of it needs: NATS for its orders, a registry
//! for its images.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use machine::clock::now_ns;
use results::{Attested, Evidence};
use serde_json::json;
use workloads::Workload;

use super::super::child::Child;
use super::super::managed::make_empty;
use super::super::pull::{self, Certificate};
use super::super::{copy_component, text};
use super::access;
use super::control::Control;
use super::{Programs, version_of};
use crate::process::Launch;
use crate::process::confine::{self, Confinement};
use crate::process::reaper::Reaper;
use machine::ports;

/// How long NATS, the registry, and a push may take.
pub(super) const TIMEOUT_NS: u64 = 20_000_000_000;

/// A wasmCloud's programs, folder and ports.
///
/// The ports stay the same when a server is started again: that of the registry is a part of every
/// image's name, and with another one no cached image would be found any more.
#[derive(Debug)]
pub(super) struct Installation {
    programs: Programs,
    folder: PathBuf,
    nats_port: u16,
    registry_port: u16,
    /// Of the registry that images are pushed to.
    push_port: u16,
    reaper: Reaper,
    /// The one core that what is launched may run on.
    pub(super) core: Option<usize>,
    /// Whether the registry speaks TLS.
    tls: bool,
    /// Its certificate, once it has.
    certificate: Option<Certificate>,
    versions: Attested,
}

/// A component in the registry.
#[derive(Debug, Clone)]
pub(super) struct Pushed {
    /// Its image, by its digest: what has another is not run, whatever it is called.
    pub(super) image: String,
    /// The digest of the workload's component.
    pub(super) sha256: String,
    /// That of the component in the image, which differs where it is marked.
    pub(super) component_sha256: String,
    /// Its size: the image's one layer is the component as it is.
    pub(super) bytes: u64,
}

/// NATS and the registry, and the line to NATS.
#[derive(Debug)]
pub(super) struct Infrastructure {
    nats_port: u16,
    pub(super) control: Control,
    pub(super) nats: Child,
    pub(super) registry: Child,
    /// The clock when each was ready.
    pub(super) nats_ready_ns: u64,
    pub(super) registry_ready_ns: u64,
}

impl Installation {
    pub(super) fn new(programs: Programs, work: &Path, reaper: &Reaper) -> Result<Self, String> {
        let folder = work.join("wasmcloud");
        let _ = std::fs::remove_dir_all(&folder);
        access::make_private(&folder)?;
        for name in ["home", "cache", "filled", "registry", "credentials"] {
            make_empty(folder.join(name))?;
        }
        let port = || ports::free_port().map_err(|error| format!("no port is free: {error}"));
        let versions = Attested::from([
            (Evidence::NatsVersion, json!(version_of(&programs.nats)?)),
            (
                Evidence::RegistryVersion,
                json!(version_of(&programs.registry)?),
            ),
            (Evidence::Confined, json!(confine::enforced())),
        ]);
        let installation = Self {
            programs,
            folder,
            nats_port: port()?,
            registry_port: port()?,
            push_port: port()?,
            reaper: reaper.clone(),
            core: None,
            tls: false,
            certificate: None,
            versions,
        };
        installation.configure_registry()?;
        Ok(installation)
    }

    fn configure_registry(&self) -> Result<(), String> {
        let certificate = self.certificate.as_ref().filter(|_| self.tls);
        let port = self.registry_port;
        access::write_private(
            &self.registry_file(),
            &pull::configuration(&self.storage(), port, None, certificate),
        )
    }

    /// From now on the registry that is started speaks TLS, or does not; whether that is a change.
    pub(super) fn use_tls(&mut self, tls: bool) -> Result<bool, String> {
        if tls == self.tls {
            return Ok(false);
        }
        if tls && self.certificate.is_none() {
            self.certificate = Some(Certificate::make(&self.folder)?);
        }
        self.tls = tls;
        self.configure_registry()?;
        Ok(true)
    }

    /// The versions of what is around a host, as evidence.
    pub(super) fn versions(&self) -> Attested {
        self.versions.clone()
    }

    /// The host's cache of images.
    pub(super) fn cache(&self) -> PathBuf {
        self.folder.join("cache")
    }

    /// A cache that holds the image of a workload.
    pub(super) fn filled(&self, workload: Workload) -> PathBuf {
        self.folder.join("filled").join(workload.name())
    }

    /// Where the registry keeps what images consist of.
    pub(super) fn blobs(&self) -> PathBuf {
        self.folder.join("registry/docker/registry/v2/blobs")
    }

    /// Where a registry keeps images.
    fn storage(&self) -> PathBuf {
        self.folder.join("registry")
    }

    fn registry_file(&self) -> PathBuf {
        self.folder.join("registry.yml")
    }

    /// A host that keeps images in `cache` and listens on `port`.
    pub(super) fn launch_host(&self, cache: &Path, port: u16) -> Result<Child, String> {
        let nats = format!("nats://127.0.0.1:{}", self.nats_port);
        let (address, cache) = (format!("127.0.0.1:{port}"), text(cache));
        let authority = self.certificate.as_ref().map(|it| text(&it.authority));
        let registry = match &authority {
            Some(authority) if self.tls => vec!["--oci-ca-path", authority],
            _ => vec!["--allow-insecure-registries"],
        };
        let arguments = [
            &[
                "host",
                "--scheduler-nats-url",
                &nats,
                "--data-nats-url",
                &nats,
                "--http-addr",
                &address,
                "--oci-cache-dir",
                &cache,
            ][..],
            &registry,
        ]
        .concat();
        let confinement = self.confinement(Some(port), &[self.nats_port, self.registry_port]);
        self.wash("host", &arguments, confinement)
    }

    /// Pushes a workload's component, for which a registry lives that can be written to. With a mark
    /// it is another component, which does the same.
    pub(super) fn push(&self, workload: Workload, mark: Option<&str>) -> Result<Pushed, String> {
        let (component, sha256) = copy_component(workload, &self.folder)?;
        if let Some(mark) = mark {
            let marked = OpenOptions::new().append(true).open(&component);
            marked
                .and_then(|mut file| file.write_all(&section(mark)))
                .map_err(|error| format!("cannot mark {}: {error}", component.display()))?;
        }
        let until_ns = now_ns() + TIMEOUT_NS;
        let mut registry = self.start_writable_registry()?;
        registry.wait_for_line("listening on", until_ns)?;
        let tag = mark.unwrap_or("built");
        let repository = repository(workload);
        let name = format!("127.0.0.1:{}/{repository}:{tag}", self.push_port);
        let digest = self
            .push_to(&name, &component, until_ns)
            .map_err(|reason| {
                format!(
                    "{} cannot be pushed as {name}: {reason}",
                    component.display()
                )
            })?;
        registry.stop();
        let image = format!("127.0.0.1:{}/{repository}@{digest}", self.registry_port);
        let component_sha256 = digest_of(&component)?;
        let bytes = component.metadata().map_or(0, |metadata| metadata.len());
        Ok(Pushed {
            image,
            sha256,
            component_sha256,
            bytes,
        })
    }

    /// With a password that nobody had before, and nobody needs afterwards.
    fn start_writable_registry(&self) -> Result<Child, String> {
        let password = access::secret()?;
        let file = |name: &str| self.folder.join(name);
        let (configuration, htpasswd) = (file("push.yml"), file("htpasswd"));
        access::write_private(&htpasswd, &access::htpasswd(&password)?)?;
        access::write_private(
            &file("credentials/config.json"),
            &access::credentials(self.push_port, &password),
        )?;
        access::write_private(
            &configuration,
            &pull::configuration(
                &self.storage(),
                self.push_port,
                Some(access::auth(&htpasswd)),
                None,
            ),
        )?;
        self.launch(
            "push-registry",
            &self.programs.registry,
            &["serve", &text(&configuration)],
            self.confinement(Some(self.push_port), &[]),
        )
    }

    /// The digest under which the registry has a component.
    fn push_to(&self, name: &str, component: &Path, until_ns: u64) -> Result<String, String> {
        let component = text(component);
        let push = ["-o", "json", "oci", "push", "--insecure", name, &component];
        let mut pushed = self.wash("push", &push, self.confinement(None, &[self.push_port]))?;
        pushed.wait_for_success(until_ns)?;
        let printed = pushed.log_tail();
        digest_in(&printed).ok_or_else(|| format!("it does not say its digest: {printed:?}"))
    }

    fn confinement(&self, listens: Option<u16>, connects: &[u16]) -> Confinement {
        Confinement {
            folder: self.folder.clone(),
            listens,
            connects: connects.to_vec(),
        }
    }

    /// `wash` in the run's folder, not in its parents' projects.
    fn wash(
        &self,
        name: &'static str,
        arguments: &[&str],
        confinement: Confinement,
    ) -> Result<Child, String> {
        let folder = text(&self.folder);
        self.launch(
            name,
            &self.programs.wash,
            &[&["--non-interactive", "-C", &folder][..], arguments].concat(),
            confinement,
        )
    }

    fn launch(
        &self,
        name: &'static str,
        program: &Path,
        arguments: &[&str],
        confinement: Confinement,
    ) -> Result<Child, String> {
        let mut launch = Launch::new(
            program,
            &self.folder,
            self.folder.join(format!("{name}.log")),
        );
        launch.arguments = arguments.iter().map(Into::into).collect();
        let environment = |name: &str, folder: &str| (name.into(), self.folder.join(folder).into());
        launch.environment = vec![environment("HOME", "home")];
        if name == "push" {
            launch
                .environment
                .push(environment("DOCKER_CONFIG", "credentials"));
        }
        launch.confinement = Some(confinement);
        launch.core = self.core;
        Child::launch(name, &launch, &self.reaper)
    }
}

/// What a registry calls the images of a workload: a person's name for it need not be one there.
fn repository(workload: Workload) -> String {
    match workload.own() {
        Some(target) => {
            let digest = results::digest::sha256_hex(target.name.as_bytes());
            format!("own-{}", &digest[..16])
        }
        None => workload.name().to_owned(),
    }
}

/// The digest in what `wash` prints of a push.
fn digest_in(printed: &str) -> Option<String> {
    let json = &printed[printed.find('{')?..=printed.rfind('}')?];
    let said: serde_json::Value = serde_json::from_str(json).ok()?;
    let digest = said["data"]["digest"].as_str()?;
    let hex = digest.strip_prefix("sha256:")?;
    (hex.len() == 64 && hex.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .then(|| digest.to_owned())
}

fn digest_of(file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file);
    let bytes = bytes.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    Ok(results::digest::sha256_hex(&bytes))
}

/// A section that means nothing to anybody, as the last one of a component.
fn section(mark: &str) -> Vec<u8> {
    const NAME: &str = "coldphase";
    // Lengths below 128 are one byte in Wasm.
    let byte = |length: usize| {
        u8::try_from(length)
            .ok()
            .filter(|byte| *byte < 128)
            .unwrap_or_default()
    };
    let content = [&[byte(NAME.len())], NAME.as_bytes(), mark.as_bytes()].concat();
    [&[0, byte(content.len())], &content[..]].concat()
}

impl Infrastructure {
    /// Starts NATS and then the registry, each of them once the one before it is ready.
    pub(super) fn start(installation: &Installation) -> Result<Self, String> {
        let until_ns = now_ns() + TIMEOUT_NS;
        // One that has died may have been followed on its port by somebody else, to whom our line
        // has shown the password: the next NATS has another.
        let password = access::secret()?;
        let configuration = installation.folder.join("nats.conf");
        access::write_private(
            &configuration,
            &access::nats(installation.nats_port, &password)?,
        )?;
        let mut nats = installation.launch(
            "nats",
            &installation.programs.nats,
            &["-c", &text(&configuration)],
            installation.confinement(Some(installation.nats_port), &[]),
        )?;
        nats.wait_for_line("Server is ready", until_ns)?;
        let nats_ready_ns = now_ns();
        let file = text(&installation.registry_file());
        let mut registry = installation.launch(
            "registry",
            &installation.programs.registry,
            &["serve", &file],
            installation.confinement(Some(installation.registry_port), &[]),
        )?;
        registry.wait_for_line("listening on", until_ns)?;
        let registry_ready_ns = now_ns();
        let control = Control::connect(installation.nats_port, &password, Duration::from_secs(5))?;
        Ok(Self {
            nats_port: installation.nats_port,
            control,
            nats,
            registry,
            nats_ready_ns,
            registry_ready_ns,
        })
    }

    /// Waits until nobody is connected to NATS but ourselves: a host that has ended is until NATS
    /// has seen that, and there is no room for a second one.
    ///
    /// # Errors
    /// Somebody else is: then no host could start, and who it is might answer for one.
    pub(super) fn wait_until_alone(&self) -> Result<(), String> {
        let until_ns = now_ns() + TIMEOUT_NS / 4;
        loop {
            let connected = ports::connections_to(self.nats_port)
                .map_err(|error| format!("cannot find out who is connected to NATS: {error}"))?;
            if connected <= 1 {
                return Ok(());
            }
            if now_ns() > until_ns {
                return Err(format!(
                    "somebody else is connected to this run's NATS, on port {}: a program of another \
                        user, or one that looks at all ports; `ss -tnp` shows it to root",
                    self.nats_port
                ));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether both live.
    pub(super) fn lives(&mut self) -> Result<(), String> {
        match self.nats.ended().or_else(|| self.registry.ended()) {
            Some(end) => Err(end),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_push_is_found() {
        let hex = "1".repeat(64);
        let said = format!(r#"{{"success": true, "data": {{"digest": "sha256:{hex}"}}}}"#);
        assert_eq!(digest_in(&said), Some(format!("sha256:{hex}")));
        assert_eq!(digest_in(r#"{"data": {"digest": "sha256:../x"}}"#), None);
        assert_eq!(digest_in("}{"), None);
    }

    #[test]
    fn a_mark_is_a_custom_section() {
        assert_eq!(section("w7"), b"\x00\x0c\x09coldphasew7");
    }
}
