//! Compiled code that starts load: made once a process by a child, its digest remembered, and
//! compared before each start.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_probe::request::{Destination, PREPARE, Preparation};
use host_probe::settings::{Engine, EngineSettings, Named as _};
use results::digest::sha256_file;
use results::{Skip, SkipKind};

use super::launch;
use super::programs::Program;
use super::target::Target;

/// What compiled code was made from: it is made once and loaded by many starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The target's position.
    pub(crate) target: usize,
    pub(crate) engine: Engine,
    pub(crate) settings: EngineSettings,
}

impl Key {
    /// A name for files, without what leaves no trace in compiled code.
    fn file_stem(&self) -> String {
        let EngineSettings {
            allocator,
            memory_init,
            compiler,
            interrupt,
            pool,
            levers,
            compile_threads: _,
            translation: _,
        } = self.settings;
        let names = [
            self.engine.product(),
            compiler.name(),
            allocator.name(),
            memory_init.name(),
            interrupt.name(),
        ];
        let levers = levers.digits();
        format!("{}-{}{pool}-{levers}", self.target, names.join("-"))
    }
}

/// What compiles, and what is compiled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) program: &'a Program,
    pub(crate) target: &'a Target,
    /// The run's own copy of the target's Wasm.
    pub(crate) wasm: &'a Path,
}

/// A file of compiled code.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) path: PathBuf,
    pub(crate) sha256: String,
}

/// The compiled code of one run, in its private folder.
#[derive(Debug)]
pub(crate) struct CompiledCode {
    folder: PathBuf,
    time_limit: Duration,
    /// Compiled code, or why there is none.
    files: HashMap<Key, Result<Compiled, Skip>>,
    /// Engine caches that already hold it.
    caches: HashMap<Key, Result<PathBuf, Skip>>,
}

impl CompiledCode {
    /// None yet. `time_limit` is the most that compiling may take.
    pub(crate) fn new(folder: PathBuf, time_limit: Duration) -> Self {
        Self {
            folder,
            time_limit,
            files: HashMap::new(),
            caches: HashMap::new(),
        }
    }

    /// A file of compiled code: made once, its digest checked each time.
    pub(crate) fn file(&mut self, key: Key, source: Source<'_>) -> Result<Compiled, Skip> {
        if !self.files.contains_key(&key) {
            let made = self.compile(key, source);
            self.files.insert(key, made);
        }
        let compiled = self.files[&key].clone()?;
        let damaged = |reason: String| {
            Skip::new(SkipKind::NotPrepared, reason)
                .remedy("remove it and resume: it is then made anew")
        };
        let found = sha256_file(&compiled.path).map_err(|error| {
            damaged(format!("cannot read {}: {error}", compiled.path.display()))
        })?;
        if found != compiled.sha256 {
            // Machine code that is not what the compiler wrote could do anything: it is never
            // loaded.
            return Err(damaged(format!(
                "the precompiled file {} is damaged: its digest is {found}, recorded is {}",
                compiled.path.display(),
                compiled.sha256
            )));
        }
        Ok(compiled)
    }

    /// An engine's cache that holds the compiled code.
    pub(crate) fn cache(&mut self, key: Key, source: Source<'_>) -> Result<PathBuf, Skip> {
        if !self.caches.contains_key(&key) {
            let folder = self.folder.join(format!("{}.cache", key.file_stem()));
            let made = remove_folder(&folder)
                .map_err(Skip::from)
                .and_then(|()| self.run_child(key, source, Destination::Cache(folder.clone())))
                .map(|()| folder);
            self.caches.insert(key, made);
        }
        self.caches[&key].clone()
    }

    /// Compiles. The digest stays in this process: one that lies beside the file would vouch for
    /// whatever lies there with it.
    fn compile(&self, key: Key, source: Source<'_>) -> Result<Compiled, Skip> {
        let path = self.folder.join(match key.engine {
            // By that ending the SDK distinguishes a shared library from Wasm.
            Engine::WasmEdge => format!("{}.so", key.target),
            Engine::Wasmtime | Engine::Wasmer | Engine::Wasmi => {
                format!("{}.cwasm", key.file_stem())
            }
        });
        let draft = path.with_extension("draft");
        self.run_child(key, source, Destination::File(draft.clone()))?;
        let keep = || {
            let sha256 = sha256_file(&draft)?;
            std::fs::rename(&draft, &path)?;
            Ok(sha256)
        };
        let sha256 = keep().map_err(|error: io::Error| {
            format!("cannot keep compiled code in {}: {error}", path.display())
        })?;
        Ok(Compiled { path, sha256 })
    }

    fn run_child(&self, key: Key, source: Source<'_>, into: Destination) -> Result<(), Skip> {
        let preparation = Preparation {
            file: source.wasm.to_owned(),
            kind: source.target.inspected.kind,
            settings: key.settings,
            into,
        };
        let finished = launch::run::<()>(
            &source.program.path,
            PREPARE,
            &preparation.to_message(),
            self.time_limit,
        );
        finished.report.map_err(|failure| {
            let reason = format!(
                "this configuration cannot run {}: {failure}",
                source.target.name
            );
            Skip::new(failure.skip_kind(), reason)
        })
    }
}

/// Removes a folder with all that is in it; one that does not exist is removed already.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), String> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use workloads::Workload;

    use super::*;
    use host_probe::settings::Configuration;

    #[test]
    fn code_that_is_not_what_was_compiled_is_never_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("code");
        std::fs::write(&path, "compiled").unwrap();
        let key = Key {
            target: 0,
            engine: Engine::Wasmtime,
            settings: Configuration::BASELINE.settings,
        };
        let mut code = CompiledCode::new(folder.path().to_owned(), Duration::ZERO);
        let compiled = Compiled {
            sha256: sha256_file(&path).unwrap(),
            path: path.clone(),
        };
        code.files.insert(key, Ok(compiled));
        let target = Target::from_workload(Workload::Hello)
            .unwrap()
            .swap_remove(0);
        let program = Program::this().unwrap();
        let source = Source {
            program: &program,
            target: &target,
            wasm: Path::new("not read"),
        };
        assert_eq!(code.file(key, source).unwrap().path, path);
        std::fs::write(&path, "Compiled").unwrap();
        let skip = code.file(key, source).unwrap_err().to_string();
        assert!(skip.contains("is damaged: its digest is"), "{skip}");
    }
}
