//! Where a run's wasmCloud lives, and what every host of it needs: NATS for its orders, a registry
//! for its images.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use machine::clock::now_ns;
use results::{Attested, Evidence};
use serde_json::json;
use workloads::{Dialect, Workload};

use super::super::managed::make_empty;
use super::super::{copy_artifact, text};
use super::child::Child;
use super::control::Control;
use super::{Programs, version_of};
use crate::process::Launch;
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
    reaper: Reaper,
    /// The one core that what is launched may run on.
    pub(super) core: Option<usize>,
    versions: Attested,
}

/// NATS and the registry, and the line to NATS.
#[derive(Debug)]
pub(super) struct Infrastructure {
    pub(super) control: Control,
    pub(super) nats: Child,
    pub(super) registry: Child,
    /// The clock when each was ready.
    pub(super) nats_ready_ns: u64,
    pub(super) registry_ready_ns: u64,
}

impl Installation {
    pub(super) fn new(programs: Programs, work: &Path, reaper: &Reaper) -> Result<Self, String> {
        let folder = make_empty(work.join("wasmcloud"))?;
        for name in ["home", "cache", "filled", "registry"] {
            make_empty(folder.join(name))?;
        }
        let port = || ports::free_port().map_err(|error| format!("no port is free: {error}"));
        let versions = Attested::from([
            (Evidence::NatsVersion, json!(version_of(&programs.nats)?)),
            (
                Evidence::RegistryVersion,
                json!(version_of(&programs.registry)?),
            ),
        ]);
        let installation = Self {
            programs,
            folder,
            nats_port: port()?,
            registry_port: port()?,
            reaper: reaper.clone(),
            core: None,
            versions,
        };
        let configuration = installation.configuration();
        let file = installation.registry_file();
        std::fs::write(&file, configuration)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        Ok(installation)
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

    /// The name of a workload's image, or of one that is marked.
    pub(super) fn image(&self, workload: Workload, mark: Option<&str>) -> String {
        format!(
            "127.0.0.1:{}/{}:{}",
            self.registry_port,
            workload.name(),
            mark.unwrap_or("built")
        )
    }

    fn registry_file(&self) -> PathBuf {
        self.folder.join("registry.yml")
    }

    /// The registry's configuration: no upload is purged while a run goes on, and no request is
    /// logged.
    fn configuration(&self) -> String {
        let data = text(&self.folder.join("registry"));
        format!(
            "version: 0.1\nlog:\n  level: info\n  accesslog:\n    disabled: true\nstorage:\n  \
                filesystem:\n    rootdirectory: {data:?}\n  maintenance:\n    uploadpurging:\n      enabled: false\nhttp:\n  addr: 127.0.0.1:{}\n",
            self.registry_port
        )
    }

    /// A host that keeps images in `cache` and listens on `port`.
    pub(super) fn launch_host(&self, cache: &Path, port: u16) -> Result<Child, String> {
        let nats = format!("nats://127.0.0.1:{}", self.nats_port);
        let (address, cache) = (format!("127.0.0.1:{port}"), text(cache));
        let arguments = [
            "host",
            "--scheduler-nats-url",
            &nats,
            "--data-nats-url",
            &nats,
            "--http-addr",
            &address,
            "--allow-insecure-registries",
            "--oci-cache-dir",
            &cache,
        ];
        self.wash("host", &arguments)
    }

    /// Pushes a workload's component; its digest. With a mark it is another component, which does
    /// the same.
    pub(super) fn push(&self, workload: Workload, mark: Option<&str>) -> Result<String, String> {
        let artifact = workload.artifact_for(Dialect::WasiHttp);
        let (component, sha256) = copy_artifact(artifact, &self.folder)?;
        if let Some(mark) = mark {
            let marked = OpenOptions::new().append(true).open(&component);
            marked
                .and_then(|mut file| file.write_all(&section(mark)))
                .map_err(|error| format!("cannot mark {}: {error}", component.display()))?;
        }
        let image = self.image(workload, mark);
        let push = ["oci", "push", "--insecure", &image, &text(&component)];
        let pushed = self
            .wash("push", &push)?
            .wait_for_success(now_ns() + TIMEOUT_NS);
        pushed.map_err(|reason| {
            format!(
                "{} cannot be pushed as {image}: {reason}",
                component.display()
            )
        })?;
        Ok(sha256)
    }

    /// `wash` in the run's folder, not in its parents' projects.
    fn wash(&self, name: &'static str, arguments: &[&str]) -> Result<Child, String> {
        let folder = text(&self.folder);
        self.launch(
            name,
            &self.programs.wash,
            &[&["--non-interactive", "-C", &folder][..], arguments].concat(),
        )
    }

    fn launch(
        &self,
        name: &'static str,
        program: &Path,
        arguments: &[&str],
    ) -> Result<Child, String> {
        let mut launch = Launch::new(
            program,
            &self.folder,
            self.folder.join(format!("{name}.log")),
        );
        launch.arguments = arguments.iter().map(Into::into).collect();
        launch.environment = vec![("HOME".into(), self.folder.join("home").into())];
        launch.core = self.core;
        Child::launch(name, &launch, &self.reaper)
    }
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
        let port = installation.nats_port.to_string();
        let mut nats = installation.launch(
            "nats",
            &installation.programs.nats,
            &["-a", "127.0.0.1", "-p", &port],
        )?;
        nats.wait_for_line("Server is ready", until_ns)?;
        let nats_ready_ns = now_ns();
        let file = text(&installation.registry_file());
        let mut registry = installation.launch(
            "registry",
            &installation.programs.registry,
            &["serve", &file],
        )?;
        registry.wait_for_line("listening on", until_ns)?;
        let registry_ready_ns = now_ns();
        let control = Control::connect(installation.nats_port, Duration::from_secs(5))?;
        Ok(Self {
            control,
            nats,
            registry,
            nats_ready_ns,
            registry_ready_ns,
        })
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
    fn a_mark_is_a_custom_section() {
        assert_eq!(section("w7"), b"\x00\x0c\x09coldphasew7");
    }
}
