//! Two builds that are measured against each other: of a workload, or of the program that runs it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use campaign::{Error, Exit};
use results::Param;
use results::values::{Build, Named as _};
use workloads::Workload;

use super::plan::Planned;
use super::settings::Settings;
use crate::system::{Contents, Found, HostProgram, OwnArtifact, System};
use crate::target;

/// What two builds are builds of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The workload.
    Workload,
    /// The program of this project that runs the workload, which is the same for both.
    Host,
}

/// A build of a person's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnBuild {
    /// Which of the two.
    pub build: Build,
    /// What it is a build of.
    pub role: Role,
    /// Its file.
    pub artifact: Arc<OwnArtifact>,
}

/// The systems whose program may be another build.
fn hosts() -> Vec<&'static str> {
    let systems = System::all().into_iter();
    let hosts = systems.filter(|system| system.host_program().is_some());
    hosts.map(|system| system.name()).collect()
}

/// The program that a system is run by, of which there may be other builds.
fn host_program(system: System) -> Result<HostProgram, Error> {
    system.host_program().ok_or_else(|| {
        let message = format!(
            "--host-a and --host-b are builds of a program of this project, and {} is run by none",
            system.name()
        );
        Error::new(Exit::Usage, message).hint(format!("--system takes {}", hosts().join(", ")))
    })
}

impl OwnBuild {
    fn open(build: Build, role: Role, files: &BTreeMap<String, String>) -> Result<Self, Error> {
        let name = build.name();
        let path = files.get(name).ok_or_else(|| {
            Error::new(Exit::Resume, format!("the run has no build `{name}`"))
                .hint("its manifest was changed; start a new run")
        })?;
        Ok(Self {
            build,
            role,
            artifact: Arc::new(OwnArtifact::open(Path::new(path))?),
        })
    }

    /// Whether the workload is the one that is built here.
    pub(super) fn is_host(&self) -> bool {
        self.role == Role::Host
    }

    fn check_taken(&self, workload: Workload, system: System) -> Result<(), Error> {
        if self.role == Role::Workload {
            if let Some(target) = workload.own() {
                target::check_build(target, system, &self.artifact)?;
            }
            return Ok(self.artifact.check_taken(workload, system)?);
        }
        let program = host_program(system)?;
        if self.artifact.contents == Contents::Program {
            return Ok(());
        }
        let message = format!(
            "{} holds {}, and a build of `{}` is a program",
            self.artifact.path.display(),
            self.artifact.contents,
            program.name
        );
        Err(Error::new(Exit::Artifact, message).hint("--a and --b take builds of the workload"))
    }

    /// The program as it is when the run is planned.
    fn identified(&self, system: System) -> Result<Found, Error> {
        let program = host_program(system)?;
        program
            .identify(self.artifact.path.clone())
            .map_err(|reason| {
                let built = format!("`cargo build -p {}` builds one", program.name);
                Error::new(Exit::Artifact, reason).hint(built)
            })
    }

    /// The program that runs the workload in place of the one that was `found`, copied into `folder`:
    /// both builds lie in one file system under one name, and the run owns the pages that it evicts.
    ///
    /// # Errors
    /// It is not what it was when the run was planned.
    pub(super) fn copied_host(
        &self,
        system: System,
        found: &Found,
        folder: &Path,
    ) -> Result<Found, String> {
        let name = system.host_program().map_or("host", |program| program.name);
        let program = folder.join(name);
        self.artifact.copy_to(&program)?;
        Ok(Found {
            program,
            sha256: self.artifact.sha256.clone(),
            ..found.clone()
        })
    }
}

/// Each cell with the first build, with the second, and with the first again under the system's
/// second name. Where no builds are named, the cells as they are.
///
/// # Errors
/// A build cannot be measured.
pub(super) fn crossed(cells: Vec<Planned>, settings: &Settings) -> Result<Vec<Planned>, Error> {
    let (role, files) = match (&settings.builds, &settings.hosts) {
        (builds, hosts) if builds.is_empty() && hosts.is_empty() => return Ok(cells),
        (builds, hosts) if builds.is_empty() => (Role::Host, hosts),
        (builds, _) => (Role::Workload, builds),
    };
    let open = |build| OwnBuild::open(build, role, files);
    let [a, b] = [open(Build::A)?, open(Build::B)?];
    let mut crossed = Vec::new();
    for cell in cells {
        for own in [&a, &b] {
            own.check_taken(cell.workload, cell.system)?;
        }
        let with = |own: &OwnBuild| {
            let mut cell = cell.clone();
            cell.cell.params.insert(Param::Build, own.build.name());
            cell.own = Some(own.clone());
            cell
        };
        crossed.extend([with(&a), with(&b), with(&a).twin()]);
    }
    Ok(crossed)
}

/// A cell that runs this build.
fn with_build(cells: &[Planned], build: Build) -> Option<(System, &OwnBuild)> {
    let mut own = cells
        .iter()
        .filter_map(|planned| Some((planned.system, planned.own.as_ref()?)));
    own.find(|(_, own)| own.build == build)
}

/// The system that builds of its program are measured of, as the first of them is; nothing where
/// builds are of the workload.
///
/// # Errors
/// It is another program.
pub(super) fn host(cells: &[Planned]) -> Result<Option<(System, Found)>, Error> {
    match with_build(cells, Build::A) {
        Some((system, own)) if own.is_host() => Ok(Some((system, own.identified(system)?))),
        _ => Ok(None),
    }
}

/// What has to be known of two builds: that they are the same file, so that nothing but noise can
/// differ; that they embed an engine in different versions.
///
/// # Errors
/// One is no build of the system's program.
pub(super) fn notes(cells: &[Planned]) -> Result<Vec<String>, Error> {
    let both = with_build(cells, Build::A).zip(with_build(cells, Build::B));
    let Some(((system, a), (_, b))) = both else {
        return Ok(Vec::new());
    };
    let mut notes = Vec::new();
    if a.artifact.sha256 == b.artifact.sha256 {
        notes.push(format!(
            "warning: both builds have the digest {}: this is an A/A run, and what differs in it is \
                noise",
            a.artifact.sha256
        ));
    }
    if a.is_host() {
        let [one, two] = [a.identified(system)?.version, b.identified(system)?.version];
        if one != two {
            notes.push(format!(
                "warning: build A embeds version {one} of the engine and build B version {two}: what \
                    that changes is in every difference"
            ));
        }
    }
    Ok(notes)
}
