//! Systems that a file describes: whatever a command line can start, by a person's own description
//! or by one that comes with this program.
//!
//! A description says which program is launched with what, and what proves that it went as its cell
//! says. Its commands are executed with the rights of who names the file.

mod place;
mod read;
mod taken;
mod template;
#[cfg(test)]
mod tests;
mod untimed;

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use campaign::{Error, Exit};
use results::digest::{sha256_file, sha256_hex};
use results::manifest::{Description, SystemKind};
use results::record::Scenario;
use results::values::Lifecycle;
use workloads::{Script, Workload};

use self::place::Wrong;
use self::taken::{Copied, Taken};
use self::template::{CommandLine, Placeholder, Template, Values};
pub(super) use self::template::{IP, PORT};
pub use self::untimed::Untimed;
use super::native;
use super::programs::{installed_by_setup, unavailable};
use super::{
    Acquire, Adapter, BuildRequest, Commands, Estimate, Found, Instancing, LaunchSpec, Mapped,
    Paths, Takes, Unavailable, find_program, found, listens, text,
};

/// The longest file of descriptions that is read: a hundred of them have as much.
const LONGEST: u64 = 256 << 10;

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
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// It is longer than descriptions are.
    #[error("{} has more than {LONGEST} bytes", .0.display())]
    TooLong(PathBuf),
    /// Something in it is wrong.
    #[error(transparent)]
    Wrong(#[from] Wrong),
}

impl From<DescriptionError> for Error {
    fn from(error: DescriptionError) -> Self {
        let hint = match &error {
            DescriptionError::Unreadable { .. } | DescriptionError::TooLong(_) => {
                "give the path of a TOML file that describes systems"
            }
            DescriptionError::Wrong(_) => {
                "docs/src/guide/own-system.md has every key; external/systems/*.toml are examples"
            }
        };
        Self::new(Exit::Usage, error.to_string()).hint(hint)
    }
}

impl Described {
    /// Every system that a file describes.
    ///
    /// # Errors
    /// It cannot be read, or something in it is wrong.
    pub fn read(path: &Path) -> Result<Vec<Self>, DescriptionError> {
        let unreadable = |source| DescriptionError::Unreadable {
            path: path.to_owned(),
            source,
        };
        // A pipe or a device may have no end, and opening one may wait for ever.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(unreadable(io::Error::other("it is no file")));
        }
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(LONGEST + 1)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        if text.len() as u64 > LONGEST {
            return Err(DescriptionError::TooLong(path.to_owned()));
        }
        Ok(read::read(path, &text)?)
    }

    /// What people call it, by the description alone.
    #[cfg(test)]
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    fn way(&self, acquire: Option<Acquire>) -> Result<&Way, String> {
        let found = self.ways.iter().find(|way| way.acquire == acquire);
        found.ok_or_else(|| "the description has no such mode".to_owned())
    }

    /// The file of a program: by a path, or found on the machine.
    fn program(&self, name: &str) -> Result<PathBuf, String> {
        if !name.contains('/') {
            let installed = self.installed_in.as_ref();
            let installed = installed.and_then(|it| installed_by_setup(&format!("{it}/{name}")));
            let candidates: Vec<_> = installed.into_iter().collect();
            let found = find_program(name, &candidates);
            return found.ok_or_else(|| format!("there is no program `{name}`"));
        }
        let path = self.folder.join(name);
        if path.is_file() {
            Ok(path)
        } else {
            Err(format!("there is no program {}", path.display()))
        }
    }

    /// What mends it that a program is missing.
    fn remedy(&self) -> String {
        match (&self.install, self.taken) {
            (Some(install), _) => format!("`{install}` installs it"),
            (None, Taken::Program(build)) => {
                format!(
                    "`{}` builds the workloads",
                    native::package(build).command()
                )
            }
            (None, Taken::Guests { .. } | Taken::Scripts(..)) => {
                "the key `install` of its description would say how it is installed".to_owned()
            }
        }
    }

    /// The programs that are launched, as far as they are there before anything is prepared.
    fn launched(&self) -> Result<Vec<PathBuf>, String> {
        let mut found = Vec::new();
        for line in self.ways.iter().flat_map(|way| way.launches.all()) {
            let program = match (self.taken, &line.program) {
                (_, it) if it.mentions(Placeholder::Out) || it.mentions(Placeholder::Work) => {
                    continue;
                }
                (Taken::Program(build), it) if it.mentions(Placeholder::Artifact) => {
                    native::built(build)?
                }
                (_, it) if it.mentions(Placeholder::Artifact) => continue,
                (_, it) => self.program(&it.fill(&NOTHING))?,
            };
            if !found.contains(&program) {
                found.push(program);
            }
        }
        Ok(found)
    }

    fn version(&self) -> Result<String, String> {
        let Some(line) = &self.version else {
            return Ok(env!("CARGO_PKG_VERSION").to_owned());
        };
        let run = Untimed {
            limit: untimed::QUICK,
            ..self.untimed(line, &NOTHING, Path::new("/"))?
        };
        let printed = run.run().map_err(|why| format!("version: {why}"))?;
        untimed::version_in(&printed)
            .ok_or_else(|| format!("version: `{}` printed nothing", run.line()))
    }

    /// A command that no start is charged with.
    fn untimed(
        &self,
        line: &CommandLine,
        values: &Values,
        folder: &Path,
    ) -> Result<Untimed, String> {
        let environment = self.environment(values).into_iter();
        Ok(Untimed {
            program: self.program(&line.program.fill(values))?,
            arguments: line.arguments(values),
            environment: environment.collect(),
            folder: folder.to_owned(),
            limit: untimed::LONG,
        })
    }

    fn environment(&self, values: &Values) -> Vec<(String, String)> {
        let variable = |(name, value): (&String, &Template)| (name.clone(), value.fill(values));
        self.environment.iter().map(variable).collect()
    }

    /// The artifact in the folder of what is prepared. Of what no command line mentions there is
    /// none, and the digest is that of what is launched.
    fn artifact(
        &self,
        way: &Way,
        found: &Found,
        build: &BuildRequest<'_>,
    ) -> Result<Copied, String> {
        if matches!(self.taken, Taken::Program(_)) && !way.needs_artifact() {
            return Ok(Copied {
                artifact: build.folder.join(native::program_of(build.workload)),
                others: Vec::new(),
                sha256: found.sha256.clone(),
            });
        }
        self.taken.copy(build)
    }

    /// Writes the files that lie beside what was copied: where they are.
    fn write_files(&self, values: &Values, copied: &Copied) -> Result<Vec<PathBuf>, String> {
        let write = |(name, text): (&String, &Template)| {
            let path = Path::new(&values.work).join(name);
            if path == copied.artifact || copied.others.contains(&path) {
                return Err(format!(
                    "files.{name}: the workload has a file of that name"
                ));
            }
            std::fs::write(&path, text.fill(values)).map_err(|error| {
                format!("files.{name}: cannot write {}: {error}", path.display())
            })?;
            Ok(path)
        };
        self.files.iter().map(write).collect()
    }

    /// Makes what a way's starts find compiled; its digest, if it is one file.
    fn prepare_code(
        &self,
        way: &Way,
        values: &Values,
        folder: &Path,
    ) -> Result<Option<String>, String> {
        let Some(line) = &way.prepare else {
            return Ok(None);
        };
        let key = way.acquire.map_or_else(
            || "prepare".to_owned(),
            |mode| format!("prepare.{}", results::values::Named::name(mode)),
        );
        let run = self.untimed(line, values, folder);
        let run = run.map_err(|why| format!("{key}: {why}"))?;
        run.run().map_err(|why| format!("{key}: {why}"))?;
        let out = Path::new(&values.out);
        if way.writes_out && !out.exists() {
            return Err(format!(
                "{key}: `{}` ended well and has not made {}",
                run.line(),
                values.out
            ));
        }
        let digest = out.is_file().then(|| sha256_file(out)).transpose();
        digest.map_err(|error| format!("cannot read {}: {error}", values.out))
    }
}

/// Where nothing is built.
const NOTHING: Values = Values {
    artifact: String::new(),
    out: String::new(),
    work: String::new(),
};

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
        let values = Values {
            out: text(&copied.artifact.with_extension(&self.out_extension)),
            artifact: text(&copied.artifact),
            work: text(build.folder),
        };
        let written = self.write_files(&values, &copied)?;
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
            artifact,
            out: paths.code.clone(),
            work: "WORK".to_owned(),
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
