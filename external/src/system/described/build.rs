//! What a description's system consists of on this machine, and what is made before its starts.

use std::path::{Path, PathBuf};

use results::digest::sha256_file;

use super::super::placeholders::{Placeholder, Values};
use super::super::programs::installed_by_setup;
use super::super::{Acquire, BuildRequest, Found, find_program, native};
use super::taken::{Copied, Taken};
use super::template::{CommandLine, Template};
use super::untimed::{self, Untimed};
use super::{Described, Way};

impl Described {
    pub(super) fn way(&self, acquire: Option<Acquire>) -> Result<&Way, String> {
        let found = self.ways.iter().find(|way| way.acquire == acquire);
        found.ok_or_else(|| "the description has no such mode".to_owned())
    }

    /// The file of a program: by a path, or found on the machine.
    pub(super) fn program(&self, name: &str) -> Result<PathBuf, String> {
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
    pub(super) fn remedy(&self) -> String {
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
    pub(super) fn launched(&self) -> Result<Vec<PathBuf>, String> {
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
                (_, it) => self.program(&it.fill(&Values::default()))?,
            };
            if !found.contains(&program) {
                found.push(program);
            }
        }
        Ok(found)
    }

    pub(super) fn version(&self) -> Result<String, String> {
        let Some(line) = &self.version else {
            return Ok(env!("CARGO_PKG_VERSION").to_owned());
        };
        let run = Untimed {
            limit: untimed::QUICK,
            ..self.untimed(line, &Values::default(), Path::new("/"))?
        };
        let printed = run.run().map_err(|why| format!("version: {why}"))?;
        untimed::version_in(&printed)
            .ok_or_else(|| format!("version: `{}` printed nothing", run.line()))
    }

    /// A command that no start is charged with.
    pub(super) fn untimed(
        &self,
        line: &CommandLine,
        values: &Values<'_>,
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

    pub(super) fn environment(&self, values: &Values<'_>) -> Vec<(String, String)> {
        let variable = |(name, value): (&String, &Template)| (name.clone(), value.fill(values));
        self.environment.iter().map(variable).collect()
    }

    /// The artifact in the folder of what is prepared. Of what no command line mentions there is
    /// none, and the digest is that of what is launched.
    pub(super) fn artifact(
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
    pub(super) fn write_files(
        &self,
        values: &Values<'_>,
        folder: &Path,
        copied: &Copied,
    ) -> Result<Vec<PathBuf>, String> {
        let write = |(name, text): (&String, &Template)| {
            let path = folder.join(name);
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
    pub(super) fn prepare_code(
        &self,
        way: &Way,
        values: &Values<'_>,
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
        let Some(out) = values.out else {
            return Ok(None);
        };
        let shown = out.display();
        if way.writes_out && !out.exists() {
            let line = run.line();
            return Err(format!(
                "{key}: `{line}` ended well and has not made {shown}"
            ));
        }
        let digest = out.is_file().then(|| sha256_file(out)).transpose();
        digest.map_err(|error| format!("cannot read {shown}: {error}"))
    }
}
