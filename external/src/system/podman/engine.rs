//! Podman in a run: a store with the workloads' images in it, and the one container that there is at a
//! time.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use machine::clock::now_ns;
use machine::cores::Kept;
use results::{Attested, Evidence, Param, Skip};
use serde_json::json;
use workloads::Workload;

use super::super::container::{
    HOST_NETWORK, Instants, MILESTONES_FILE, MILESTONES_FOLDER, empty_milestones,
};
use super::super::managed::{Engine, EngineContext, Instance, Preparation, StartRequest};
use super::super::native::{STATIC, program_of};
use super::super::oci;
use super::super::oci::bundle::arguments;
use super::super::programs::ends_by;
use super::super::pull::{Pull, Pulled, Ready, Source};
use super::super::{is_root, listens, text};
use super::container::{Command, Container, Files};
use super::store::{LATE, Store, limits, state_folder};
use super::{CLEANUP, LABEL};
use crate::process::reaper::Guard;
use crate::process::{Adopting, cleanup, wait_with_cpu};

/// A workload's image.
#[derive(Debug, Clone)]
struct Made {
    /// How it is referred to.
    reference: String,
    /// Its program, as it lies in the store.
    program: PathBuf,
    sha256: String,
}

/// Podman in a run.
pub(super) struct PodmanEngine {
    store: Store,
    /// Whether it removes the store at its end.
    is_first: bool,
    /// What it is, with the runtime that it calls.
    version: String,
    work: PathBuf,
    owner: String,
    made: HashMap<Workload, Made>,
    /// Where images are pulled from.
    source: Source,
    /// What the next start pulls, if it pulls anything.
    ready: Option<Ready>,
    used: u64,
    _guard: Guard,
}

impl PodmanEngine {
    pub(super) fn new(context: EngineContext<'_>) -> Result<Self, String> {
        let (work, owner) = context.own("podman");
        std::fs::create_dir_all(&work)
            .map_err(|error| format!("cannot make {}: {error}", work.display()))?;
        // One for all of a run, as a machine has one: several containers have the files of one image.
        let store = Store {
            program: context.found.program.clone(),
            root: context.work.join("podman-store"),
            state: state_folder(&cleanup::owner())?,
        };
        let words = [
            OsStr::new(CLEANUP),
            store.program.as_os_str(),
            store.root.as_os_str(),
            store.state.as_os_str(),
        ];
        let guard = cleanup::guard(context.reaper, &words)?;
        let runtime = store.order(&[
            "info",
            "--format",
            "{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Version}}",
        ])?;
        let runtime: Vec<_> = runtime.split_whitespace().take(4).collect();
        let source = Source::new(&work, context.reaper, (LABEL, owner.clone()));
        Ok(Self {
            version: format!("{}, {}", context.found.version, runtime.join(" ")),
            store,
            is_first: context.nth == 0,
            work,
            owner,
            made: HashMap::new(),
            source,
            ready: None,
            used: 0,
            _guard: guard,
        })
    }

    /// The workload's image, which is brought into the store once.
    fn made(&mut self, workload: Workload) -> Result<Made, String> {
        if let Some(made) = self.made.get(&workload) {
            return Ok(made.clone());
        }
        let name = program_of(workload);
        let built = STATIC.program(name)?;
        let archive = self.work.join(format!("{name}.tar"));
        archive_of(&built, name, &archive)
            .map_err(|error| format!("cannot write {}: {error}", archive.display()))?;
        let reference = format!("localhost/coldphase-{name}:latest");
        if self.store.order(&["image", "exists", &reference]).is_err() {
            self.store
                .order(&["import", "--quiet", &text(&archive), &reference])?;
        }
        let made = Made {
            program: self.kept(name)?,
            reference,
            sha256: results::digest::sha256_file(&built).map_err(|error| error.to_string())?,
        };
        self.made.insert(workload, made.clone());
        Ok(made)
    }

    /// A program of an image, as the store keeps its layer.
    fn kept(&self, name: &str) -> Result<PathBuf, String> {
        let layers = std::fs::read_dir(self.store.root.join("overlay"));
        let layers = layers.map_err(|error| format!("the store has no layers: {error}"))?;
        let mut kept = layers
            .flatten()
            .map(|layer| layer.path().join("diff").join(name));
        kept.find(|file| file.is_file())
            .ok_or_else(|| "the store does not keep an image where it is found".to_owned())
    }

    fn milestones_folder(&self) -> PathBuf {
        self.work.join("milestones")
    }

    /// Has an image in its registry, if the start pulls one, and nothing of it in the store.
    fn prepare_pull(&mut self, request: &StartRequest) -> Result<Attested, String> {
        self.remove_pulled()?;
        let Some(pull) = Pull::parse(&request.variant) else {
            return Ok(Attested::new());
        };
        let name = program_of(request.workload);
        let files = [(PathBuf::from(format!("/{name}")), STATIC.program(name)?)];
        let ready = self.source.ready(pull, name, &Pulled::Files(&files))?;
        let attested = ready.evidence();
        self.ready = Some(ready);
        Ok(attested)
    }

    /// Removes what the last start has pulled.
    fn remove_pulled(&mut self) -> Result<(), String> {
        let Some(ready) = self.ready.take() else {
            return Ok(());
        };
        let there = ["image", "exists", &ready.reference];
        if self.store.order(&there).is_ok() {
            self.store
                .order(&["image", "rm", "--force", &ready.reference])?;
        }
        Ok(())
    }

    /// Pulls the image of a start, if it is to.
    fn pull(&self) -> Result<Option<PulledNow>, String> {
        let Some(ready) = &self.ready else {
            return Ok(None);
        };
        let mut words = vec!["pull".to_owned(), "--quiet".to_owned()];
        match ready.authority.as_deref().and_then(Path::parent) {
            Some(certificates) => words.push(format!("--cert-dir={}", text(certificates))),
            None => words.push("--tls-verify=false".to_owned()),
        }
        words.push(ready.reference.clone());
        let began_ns = now_ns();
        let (_, cpu_ns) = self.store.charged(&words)?;
        Ok(Some(PulledNow {
            began_ns,
            cpu_ns,
            reference: ready.reference.clone(),
        }))
    }

    /// What Podman is told for a start.
    fn words(&self, request: &StartRequest, name: &str, files: &Files) -> Vec<String> {
        let network = request.variant.get(Param::Network).unwrap_or(HOST_NETWORK);
        let mut words: Vec<String> = [
            "run",
            "--pull",
            "never",
            "--name",
            name,
            "--network",
            network,
        ]
        .map(str::to_owned)
        .into();
        words.extend([
            format!("--pidfile={}", text(&files.pid)),
            format!("--conmon-pidfile={}", text(&files.conmon)),
        ]);
        if is_root() {
            let group = self.store.group();
            words.push(format!("--cgroup-parent=/{}/{group}", oci::GROUPS));
        }
        words.extend(limits());
        if let Some(core) = request.core {
            words.push(format!("--cpuset-cpus={core}"));
        }
        if listens(request.workload) {
            words.push("--detach".to_owned());
        }
        if request.own_milestones {
            let folder = text(&self.milestones_folder());
            words.push(format!("--volume={folder}:{MILESTONES_FOLDER}"));
        }
        words
    }
}

/// An image that was pulled for a start.
struct PulledNow {
    /// The clock before.
    began_ns: u64,
    /// The CPU time of it.
    cpu_ns: Option<u64>,
    /// How the image is referred to.
    reference: String,
}

/// An archive of nothing but a program.
fn archive_of(program: &Path, name: &str, to: &Path) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(File::create(to)?);
    let bytes = std::fs::read(program)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o755);
    header.set_mtime(0);
    archive.append_data(&mut header, name, bytes.as_slice())?;
    archive.finish()
}

impl Engine for PodmanEngine {
    fn prepare(&mut self, request: &StartRequest) -> Result<Preparation, Skip> {
        let made = self.made(request.workload)?;
        empty_milestones(self.milestones_folder())?;
        let mut attested = self.prepare_pull(request)?;
        attested.extend([
            (
                Evidence::PagesResident,
                json!(request.place_pages(&made.program)?),
            ),
            (Evidence::EngineVersion, json!(self.version)),
            (Evidence::Rootless, json!(!is_root())),
        ]);
        Ok(Preparation {
            sha256: made.sha256,
            attested,
            ..Preparation::default()
        })
    }

    fn start(
        &mut self,
        request: &StartRequest,
        port: Option<u16>,
    ) -> Result<Box<dyn Instance + '_>, String> {
        let mut made = self.made(request.workload)?;
        self.used += 1;
        let name = format!("coldphase-{}-{}", self.owner, self.used);
        let files = Files::in_folder(&self.work);
        let pulled = self.pull()?;
        let pulling_ns = pulled.as_ref().map(|pulled| pulled.began_ns);
        let pulling_cpu_ns = pulled.as_ref().map_or(Some(0), |pulled| pulled.cpu_ns);
        if let Some(pulled) = pulled {
            made.reference = pulled.reference;
        }
        let mut command = self.store.command();
        command
            .args(self.words(request, &name, &files))
            .arg(&made.reference)
            .args(arguments(request, port))
            .stdout(Files::create(&files.stdout)?)
            .stderr(Files::create(&files.stderr)?)
            .stdin(Stdio::null());
        // What it leaves beside the container is to be ours, and reaped.
        let adopting = Adopting::begin()?;
        // It is launched by this thread, and runs where it does.
        let kept = request.core.map(Kept::on).transpose();
        let kept = kept.map_err(|error| format!("cannot be kept on its core: {error}"))?;
        let launched_ns = now_ns();
        let child = command.spawn();
        drop(kept);
        let mut child = child.map_err(|error| format!("cannot run podman: {error}"))?;
        let mut container = Container::new(&self.store, name, files, request, adopting);
        container.instants = Instants {
            pulling_ns,
            launched_ns,
            created_ns: launched_ns,
            started_ns: launched_ns,
        };
        container.milestones = request
            .own_milestones
            .then(|| self.milestones_folder().join(MILESTONES_FILE));
        if !listens(request.workload) {
            container.command = Some(Command::Running(child));
            return Ok(Box::new(container));
        }
        if !ends_by(&mut child, request.deadline_ns) {
            return Err(LATE.to_owned());
        }
        container.instants.started_ns = now_ns();
        let (status, cpu_ns) = wait_with_cpu(child.id()).map_err(|error| error.to_string())?;
        container.called_ns = cpu_ns.zip(pulling_cpu_ns).map(|(run, pull)| run + pull);
        if !status.success() {
            return Err(format!(
                "podman cannot start the container: {}",
                container.log_tail()
            ));
        }
        container.read_processes()?;
        Ok(Box::new(container))
    }

    fn clean(&mut self) -> Result<(), String> {
        let own = format!("name=^coldphase-{}-[0-9]+$", self.owner);
        let words = ["ps", "--all", "--quiet", "--no-trunc", "--filter", &own];
        let left = self.store.order(&words)?;
        // That is this sample's failure, and must not be the next one's too.
        for id in left.split_whitespace() {
            self.store.remove(id)?;
        }
        self.remove_pulled()?;
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("containers of the sample were left: {left}"))
        }
    }
}

impl Drop for PodmanEngine {
    fn drop(&mut self) {
        if self.is_first {
            let _ = self.store.remove_all();
            oci::remove_groups();
        }
    }
}
