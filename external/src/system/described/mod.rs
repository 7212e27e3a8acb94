//! Systems that a file describes: whatever a command line can start, by a person's own description
//! or by one that comes with this program.
//!
//! A description says which program is launched with what, and what proves that it went as its cell
//! says. Its commands are executed with the rights of who names the file.

mod build;
mod read;
mod taken;
mod template;
#[cfg(test)]
mod tests;
mod untimed;
mod ways;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use campaign::{Error, Exit};
use results::digest::{sha256_file, sha256_hex};
use results::installation::Installation;
use results::manifest::{Description, SystemKind};
use results::record::Scenario;
use results::values::Lifecycle;
use workloads::{Script, Workload};

use self::taken::{Copied, Taken};
use self::template::{CommandLine, Template};
pub use self::untimed::Untimed;
use super::native;
use super::placeholders::{Placeholder, Values};
use super::programs::unavailable;
use super::{
    Acquire, Adapter, BuildRequest, Commands, Estimate, Found, Instancing, LaunchSpec, Mapped,
    Paths, Takes, Unavailable, found, listens,
};
use crate::document::{self, UnreadableDocument, Wrong};

/// The descriptions that come with this program.
const BUILT_IN: [(&str, &str); 4] = [
    (
        "command-lines.toml",
        include_str!("../../../systems/command-lines.toml"),
    ),
    (
        "javascript.toml",
        include_str!("../../../systems/javascript.toml"),
    ),
    ("native.toml", include_str!("../../../systems/native.toml")),
    (
        "wasmedge.toml",
        include_str!("../../../systems/wasmedge.toml"),
    ),
];

/// The systems that these describe.
pub(super) static SYSTEMS: LazyLock<Vec<Described>> = LazyLock::new(|| {
    let read = |(file, text): (&str, &str)| {
        let described = read::read(Path::new(file), text);
        described.expect("the descriptions that come with the program are tested")
    };
    let all = BUILT_IN.into_iter().flat_map(read);
    all.map(|it| Described { known: true, ..it }).collect()
});

/// A system as it is described.
#[derive(Debug)]
pub struct Described {
    name: &'static str,
    label: String,
    kind: SystemKind,
    /// Whether it comes with this program, where readers of its records have its label.
    known: bool,
    /// The folder of the file, in which programs lie whose paths are relative.
    folder: PathBuf,
    /// The digest of the file.
    sha256: String,
    version: Option<CommandLine>,
    install: Option<String>,
    /// The folder in which `./setup` puts its programs, which are preferred to those on the path.
    installed_in: Option<String>,
    taken: Taken,
    /// What lies beside the artifact.
    files: BTreeMap<String, Template>,
    modes: &'static [Acquire],
    ways: Vec<Way>,
    out_extension: String,
    environment: BTreeMap<String, Template>,
    cache: Option<Template>,
    lifecycle: Lifecycle,
    before: Option<CommandLine>,
    after: Option<CommandLine>,
}

/// One way to start: by its code acquisition mode, if there is a choice.
#[derive(Debug)]
struct Way {
    acquire: Option<Acquire>,
    prepare: Option<CommandLine>,
    /// Whether `prepare` makes a file.
    writes_out: bool,
    launches: Launches,
    /// What the program opens when it begins to load.
    opens: Option<Template>,
    proof: Option<Proof>,
    estimate: Estimate,
    /// Workloads of which a sample would take longer than it may.
    too_much: Vec<Workload>,
}

/// The command lines of a start.
#[derive(Debug)]
struct Launches {
    service: Option<CommandLine>,
    command: Option<CommandLine>,
}

/// What shows that compiled code ran: it is mapped.
#[derive(Debug)]
enum Proof {
    /// Out of a file.
    File(Template),
    /// Out of none.
    Anonymous,
}

impl Launches {
    const fn of(&self, service: bool) -> Option<&CommandLine> {
        if service {
            self.service.as_ref()
        } else {
            self.command.as_ref()
        }
    }

    fn all(&self) -> impl Iterator<Item = &CommandLine> {
        self.service.iter().chain(&self.command)
    }

    fn any(&self, placeholder: Placeholder) -> bool {
        self.all().any(|it| it.mentions(placeholder))
    }
}

impl Way {
    /// Whether what is launched is the workload itself.
    fn launches_artifact(&self) -> bool {
        let mut all = self.launches.all();
        all.all(|it| it.program.mentions(Placeholder::Artifact))
    }

    /// Whether the workload takes part in its starts.
    fn needs_artifact(&self) -> bool {
        let is_used = |it: &CommandLine| it.mentions(Placeholder::Artifact);
        self.launches.any(Placeholder::Artifact) || self.prepare.as_ref().is_some_and(is_used)
    }

    /// The files that a start reads: what it opens, and what lies beside that. What was copied is
    /// none of them where something else was made of it.
    fn files(
        &self,
        opens: Option<&PathBuf>,
        copied: &Copied,
        written: Vec<PathBuf>,
    ) -> Vec<PathBuf> {
        let source = (!self.writes_out || opens.is_none()).then_some(&copied.artifact);
        let read = opens.into_iter().chain(source).chain(&copied.others);
        let mut files: Vec<PathBuf> = Vec::new();
        for file in read.cloned().chain(written) {
            if file.is_file() && !files.contains(&file) {
                files.push(file);
            }
        }
        files
    }
}

/// Why a file of descriptions cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadableDocument),
    /// Something in it is wrong.
    #[error(transparent)]
    Wrong(#[from] Wrong),
}

impl From<DescriptionError> for Error {
    fn from(error: DescriptionError) -> Self {
        let said = error.to_string();
        let hint = match error {
            DescriptionError::Unreadable(_) => {
                "give the path of a TOML file that describes systems".to_owned()
            }
            DescriptionError::Wrong(wrong) => wrong.hint.unwrap_or_else(|| {
                let here = Installation::here();
                let guide = here.for_readers("docs/src/guide/own-system.md");
                let examples = here.for_readers("external/systems/*.toml");
                format!("{guide} has every key; {examples} are examples")
            }),
        };
        Self::new(Exit::Usage, said).hint(hint)
    }
}

impl Described {
    /// Every system that a file describes.
    ///
    /// # Errors
    /// It cannot be read, or something in it is wrong.
    pub fn read(path: &Path) -> Result<Vec<Self>, DescriptionError> {
        let text = document::read(path)?;
        Ok(read::read(path, &text)?)
    }

    /// Reads a text as the description that a file would be.
    #[cfg(fuzzing)]
    pub(crate) fn check(text: &str) -> Result<(), DescriptionError> {
        Ok(read::read(Path::new("/arbitrary.toml"), text).map(drop)?)
    }

    /// What people call it, by the description alone.
    #[cfg(test)]
    pub(super) fn label(&self) -> &str {
        &self.label
    }
}

/// The ways to meet requests of a service whose instances handle one each.
const PER_REQUEST: [Instancing; 1] = [Instancing {
    lifecycle: Lifecycle::PerRequest,
    pool: None,
}];

impl Adapter for Described {
    fn name(&self) -> &'static str {
        self.name
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = self.remedy();
        let unavailable = unavailable(&remedy);
        let launched = self.launched().map_err(&unavailable)?;
        if let (Taken::Program(build), true) =
            (self.taken, self.ways.iter().any(Way::needs_artifact))
        {
            native::built(build).map_err(&unavailable)?;
        }
        let version = self.version().map_err(&unavailable)?;
        let Some((first, others)) = launched.split_first() else {
            let reason = "no program that it launches is there before something is prepared";
            return Err(unavailable(reason.to_owned()));
        };
        let mut one = found(first.clone(), version, &remedy)?;
        for other in others {
            // Several programs are one system: another one of any of them is another system.
            let digest = sha256_file(other).map_err(|error| unavailable(error.to_string()))?;
            one.sha256 = sha256_hex(format!("{}{digest}", one.sha256).as_bytes());
        }
        Ok(one)
    }

    fn acquire_modes(&self) -> &'static [Acquire] {
        self.modes
    }

    fn instancings(&self) -> &'static [Instancing] {
        match self.lifecycle {
            Lifecycle::PerRequest => &PER_REQUEST,
            Lifecycle::Reused => &[Instancing::PROCESS],
        }
    }

    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        match self.lifecycle {
            Lifecycle::PerRequest => Err("each request gets an instance of its own"),
            Lifecycle::Reused => Ok(self.taken.keeps_state()),
        }
    }

    fn supports(&self, workload: Workload) -> bool {
        let service = listens(workload);
        let mut ways = self.ways.iter();
        self.taken.has(workload) && ways.any(|way| way.launches.of(service).is_some())
    }

    fn script(&self, workload: Workload) -> Option<Script> {
        self.taken.script(workload)
    }

    fn takes(&self) -> Option<Takes> {
        self.taken.takes()
    }

    fn too_much(&self, acquire: Option<Acquire>, workload: Workload) -> bool {
        self.way(acquire)
            .is_ok_and(|way| way.too_much.contains(&workload))
    }

    fn prepare(&self, found: &Found, build: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        let way = self.way(build.acquire)?;
        let line = way.launches.of(listens(build.workload));
        let line = line.ok_or("the description has no command line for this kind of workload")?;
        let copied = self.artifact(way, found, build)?;
        let out = copied.artifact.with_extension(&self.out_extension);
        let values = Values {
            artifact: Some(&copied.artifact),
            out: Some(&out),
            work: Some(build.folder),
            address: None,
        };
        let written = self.write_files(&values, build.folder, &copied)?;
        let code_sha256 = self.prepare_code(way, &values, build.folder)?;
        let program = self.program(&line.program.fill(&values))?;
        let opens = way.opens.as_ref().map(|it| PathBuf::from(it.fill(&values)));
        let files = way.files(opens.as_ref(), &copied, written);
        let cached = matches!(build.acquire, Some(Acquire::CacheMiss | Acquire::CacheHit));
        let cache = self.cache.as_ref().filter(|_| cached);
        let hook = |line: &Option<CommandLine>| {
            let run = line
                .as_ref()
                .map(|it| self.untimed(it, &values, build.folder));
            run.transpose()
        };
        Ok(LaunchSpec {
            arguments: line.arguments_for(build.workload, &values),
            artifact: opens,
            code_sha256,
            environment: self.environment(&values),
            files,
            cache: cache.map(|it| it.fill(&values).into()),
            mapped: way.proof.as_ref().map(|proof| match proof {
                Proof::Anonymous => Mapped::Anonymous,
                Proof::File(file) => Mapped::File(file.fill(&values).into()),
            }),
            before: hook(&self.before)?,
            after: hook(&self.after)?,
            ..LaunchSpec::new(program, copied.sha256)
        })
    }

    fn commands(&self, build: &BuildRequest<'_>, paths: &Paths) -> Option<Commands> {
        let service = listens(build.workload);
        let way = self.way(build.acquire).ok()?;
        let line = way.launches.of(service)?;
        if !self.taken.has_kind(service) {
            return None;
        }
        let artifact = self.taken.documented(build.workload, &paths.guest);
        let values = Values {
            artifact: Some(Path::new(&artifact)),
            out: Some(Path::new(&paths.code)),
            work: Some(Path::new("WORK")),
            address: None,
        };
        Some(Commands {
            program: line.program.fill(&values),
            compile: way.prepare.as_ref().map(|it| it.arguments(&values)),
            launch: line.arguments_for(build.workload, &values),
            environment: self.environment(&values),
        })
    }

    fn estimate(&self, acquire: Option<Acquire>, _: Scenario) -> Estimate {
        let way = self.way(acquire);
        way.map_or(Estimate::start(0.0), |way| way.estimate)
    }

    fn description(&self) -> Option<Description> {
        (!self.known).then(|| Description {
            label: self.label.clone(),
            kind: self.kind,
            sha256: self.sha256.clone(),
        })
    }
}
