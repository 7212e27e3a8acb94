//! Where programs are.

use std::path::PathBuf;

/// A program of this name: the first of `candidates` that is there, or else one on the path.
pub(crate) fn find_program(name: &str, candidates: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<_> = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .collect();
    candidates
        .iter()
        .cloned()
        .chain(on_path)
        .find(|file| file.is_file())
}
