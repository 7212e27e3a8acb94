//! The workloads in JavaScript: `workloads/javascript`, which is run as it is written.

use std::io;
use std::path::{Path, PathBuf};

use results::digest::sha256_hex;
use results::installation::Installation;

use crate::Workload;

/// How JavaScript serves HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving {
    /// It is a program that listens by itself, by the server of its runtime. Its argument is the
    /// address.
    Itself,
    /// Its runtime listens, and calls the function `fetch` that the module exports for each request.
    Called,
}

/// What computes SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sha256 {
    /// The runtime, in machine code (`node:crypto`).
    OfRuntime,
    /// JavaScript itself.
    Plain,
}

/// A workload as JavaScript: the module that is launched, and those that it imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    /// The name of the module that is launched.
    entry: &'static str,
    /// Those of the modules that it imports.
    imports: &'static [&'static str],
    sha256: Sha256,
}

/// The module that computes SHA-256, as the others import it.
const SHA256: &str = "sha256.mjs";

/// What takes its place where JavaScript itself computes.
const PLAIN_SHA256: &str = "sha256-plain.mjs";

/// What cannot be done with the files of a script.
#[derive(Debug, thiserror::Error)]
#[error("cannot copy {}: {source}", path.display())]
pub struct ScriptError {
    path: PathBuf,
    source: io::Error,
}

impl Script {
    /// The script of a workload; nothing of a person's own. Where nothing is computed, it is the
    /// same whatever computes SHA-256.
    pub const fn of(workload: Workload, serving: Serving, sha256: Sha256) -> Option<Self> {
        let (entry, imports): (_, &[_]) = match (workload, serving) {
            (Workload::Own(_), _) => return None,
            (Workload::Hello, _) => ("hello.mjs", &[]),
            (Workload::CpuHash, _) => ("cpu-hash.mjs", &["service.mjs", SHA256]),
            (_, Serving::Itself) => ("server.mjs", &["fetch.mjs", "service.mjs", SHA256]),
            (_, Serving::Called) => ("fetch.mjs", &["service.mjs", SHA256]),
        };
        Some(Self {
            entry,
            imports,
            sha256,
        })
    }

    /// Its modules, the one that is launched first: the name that each has where it runs, and where
    /// its source is.
    pub fn modules(self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        let folder = Installation::here().scripts();
        let imports = self.imports.iter().copied();
        std::iter::once(self.entry).chain(imports).map(move |name| {
            let source = match self.sha256 {
                Sha256::Plain if name == SHA256 => PLAIN_SHA256,
                _ => name,
            };
            (name, folder.join(source))
        })
    }

    /// Copies its modules into a folder: where they are then, the one that is launched first, and
    /// one digest of all of them, which is that of what `sha256sum` prints of them there.
    ///
    /// # Errors
    /// One cannot be read or written.
    pub fn copy_to(self, folder: &Path) -> Result<(Vec<PathBuf>, String), ScriptError> {
        let mut copies = Vec::new();
        let mut sums = String::new();
        for (name, path) in self.modules() {
            let copy = folder.join(name);
            let text = std::fs::read(&path)
                .and_then(|text| std::fs::write(&copy, &text).map(|()| text))
                .map_err(|source| ScriptError { path, source })?;
            sums.push_str(&format!("{}  {name}\n", sha256_hex(&text)));
            copies.push(copy);
        }
        Ok((copies, sha256_hex(sums.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(Serving, Sha256); 4] = [
        (Serving::Itself, Sha256::OfRuntime),
        (Serving::Itself, Sha256::Plain),
        (Serving::Called, Sha256::OfRuntime),
        (Serving::Called, Sha256::Plain),
    ];

    #[test]
    fn every_module_that_is_imported_is_beside_the_one_that_imports_it() {
        for workload in Workload::ALL {
            for (serving, sha256) in ALL {
                let script = Script::of(workload, serving, sha256).unwrap();
                let folder = tempfile::tempdir().unwrap();
                let (copies, _) = script.copy_to(folder.path()).unwrap();
                assert_eq!(copies[0], folder.path().join(script.entry));
                let mut imported = vec![copies[0].clone()];
                for copy in &copies {
                    let text = std::fs::read_to_string(copy).unwrap();
                    let names = text.split("\"./").skip(1);
                    let names = names.filter_map(|rest| rest.split('"').next());
                    imported.extend(names.map(|name| folder.path().join(name)));
                }
                imported.sort();
                imported.dedup();
                let mut copies = copies;
                copies.sort();
                assert_eq!(imported, copies, "{workload:?} {serving:?}");
            }
        }
    }

    #[test]
    fn one_digest_tells_what_computes() {
        let digest = |sha256| {
            let folder = tempfile::tempdir().unwrap();
            let script = Script::of(Workload::HttpCpu, Serving::Called, sha256).unwrap();
            script.copy_to(folder.path()).unwrap().1
        };
        assert_eq!(digest(Sha256::Plain), digest(Sha256::Plain));
        assert_ne!(digest(Sha256::Plain), digest(Sha256::OfRuntime));
    }
}
