//! What a start finds in the page cache, and what a system has there beside the workload.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use machine::page_cache::{self, Pages};
use results::record::Scenario;
use results::values::{Named as _, PageCache};
use results::{Attested, Evidence};
use serde_json::json;

use super::settings::Settings;

/// Parses a state of the page cache, as an argument.
pub(super) fn parser() -> impl clap::builder::TypedValueParser<Value = PageCache> {
    PossibleValuesParser::new(PageCache::ALL.iter().map(|state| state.name()))
        .map(|name| PageCache::from_name(&name).expect("only the names of values are possible"))
}

/// What a scenario's starts find, one state after another. Those of `cold` are never hot.
pub(super) fn states(settings: &Settings, scenario: Scenario) -> Vec<PageCache> {
    let cold = scenario == Scenario::Cold;
    if !scenario.starts() {
        return vec![PageCache::Hot];
    }
    let states: Vec<_> = settings
        .values
        .page_cache
        .iter()
        .copied()
        .filter(|state| !cold || *state != PageCache::Hot)
        .collect();
    match states {
        states if !states.is_empty() => states,
        _ if cold || settings.evict_always => vec![PageCache::Evicted],
        _ => vec![PageCache::Hot],
    }
}

/// Programs with the libraries that each is linked with, looked up once: looking them up maps them,
/// and so brings them back into the page cache.
#[derive(Debug, Default)]
pub(super) struct Libraries(HashMap<PathBuf, Vec<PathBuf>>);

impl Libraries {
    /// The program and its shared libraries, each once.
    pub(super) fn find(&mut self, program: &Path) -> Vec<PathBuf> {
        self.0
            .entry(program.to_owned())
            .or_insert_with(|| with_libraries(program))
            .clone()
    }
}

/// A program with the libraries that `ldd` lists; only itself if it is linked statically, or is a
/// script.
fn with_libraries(program: &Path) -> Vec<PathBuf> {
    let listed = machine::programs::command("ldd").and_then(|mut ldd| {
        ldd.arg(program)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
    });
    let text = listed
        .map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned())
        .unwrap_or_default();
    let libraries = text
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from);
    let mut files: Vec<_> = std::iter::once(program.to_owned())
        .chain(libraries)
        .map(|file| file.canonicalize().unwrap_or(file))
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Evicts files of a system from the page cache, and reports what stayed because others have it
/// mapped, and of which files nobody tells this user whether they stayed.
///
/// # Errors
/// A file cannot be read.
pub(super) fn evict(files: &[PathBuf]) -> Result<Attested, String> {
    let mut all = Pages::NONE;
    let (mut in_use, mut unknown) = (Vec::new(), Vec::new());
    for file in files {
        let pages = page_cache::evict(file).map_err(|error| {
            format!(
                "cannot put {} out of the page cache: {error}",
                file.display()
            )
        })?;
        all += pages;
        match pages.resident {
            Some(0) => {}
            Some(_) => in_use.push(file.display().to_string()),
            None => unknown.push(file.display().to_string()),
        }
    }
    let mut attested = Attested::from([
        (Evidence::SystemFiles, json!(files.len())),
        (Evidence::SystemPages, json!(all.all)),
        (Evidence::SystemPagesResident, json!(all.resident)),
        // Such as the C library, which every living process has mapped.
        (Evidence::SystemFilesInUse, json!(in_use)),
    ]);
    if !unknown.is_empty() {
        // That they were cold is shown by the page faults of the start alone.
        attested.insert(Evidence::SystemFilesUnknown, json!(unknown));
    }
    Ok(attested)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_with_its_libraries() {
        let files = Libraries::default().find(Path::new("/bin/sh"));
        assert!(
            files
                .iter()
                .any(|file| file.display().to_string().contains("libc.so")),
            "{files:?}"
        );
        assert!(files.is_sorted() && files.len() >= 3, "{files:?}");
    }

    #[test]
    fn cold_is_never_hot() {
        let mut settings = Settings::for_comparison(1, Some(1));
        assert_eq!(states(&settings, Scenario::Cold), [PageCache::Evicted]);
        settings.values.page_cache = vec![PageCache::Hot, PageCache::EvictedAll];
        assert_eq!(states(&settings, Scenario::Cold), [PageCache::EvictedAll]);
        assert_eq!(
            states(&settings, Scenario::RuntimeCold),
            [PageCache::Hot, PageCache::EvictedAll]
        );
        assert_eq!(states(&settings, Scenario::Warm), [PageCache::Hot]);
    }

    #[test]
    fn files_in_use_are_reported() {
        let attested = evict(&[std::env::current_exe().unwrap()]).unwrap();
        assert_eq!(attested.number(Evidence::SystemFiles), Some(1));
        let in_use = attested.get(Evidence::SystemFilesInUse).unwrap();
        assert_eq!(in_use.as_array().unwrap().len(), 1);
        assert!(
            evict(&["/no/such/file".into()])
                .unwrap_err()
                .contains("/no/such/file")
        );
    }
}
