//! The page cache as a parameter: what of a system's files a start finds in memory.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use machine::page_cache;
use results::record::Scenario;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::settings::Settings;

/// What a start finds in the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PageCache {
    /// All that it reads of the workload.
    Hot,
    /// Nothing of the workload: its module, its compiled code, its image.
    Evicted,
    /// Nothing of the system's own program and libraries either, as far as nobody else uses them.
    EvictedAll,
}

/// The name in cells.
pub const fn name(evicted: bool, evicted_all: bool) -> &'static str {
    match (evicted, evicted_all) {
        (_, true) => "evicted-all",
        (true, false) => "evicted",
        (false, false) => "hot",
    }
}

/// What a scenario's starts find: whether the workload's files are evicted, and whether the
/// system's own are too. Those of `cold` are never hot.
pub fn states(settings: &Settings, scenario: Scenario) -> Vec<(bool, bool)> {
    let cold = scenario == Scenario::Cold;
    let usual = vec![(cold || (settings.evict_always && scenario.starts()), false)];
    if !scenario.starts() {
        return usual;
    }
    let asked = settings
        .values
        .page_cache
        .iter()
        .filter_map(|state| match state {
            PageCache::Hot => (!cold).then_some((false, false)),
            PageCache::Evicted => Some((true, false)),
            PageCache::EvictedAll => Some((true, true)),
        });
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() { usual } else { asked }
}

/// Programs with the libraries that each names, found once: to look maps what it finds, and so
/// brings it back.
#[derive(Debug, Default)]
pub struct Libraries(HashMap<PathBuf, Vec<PathBuf>>);

impl Libraries {
    /// The program and its shared libraries, each once.
    pub fn of(&mut self, program: &Path) -> Vec<PathBuf> {
        self.0
            .entry(program.to_owned())
            .or_insert_with(|| with_libraries(program))
            .clone()
    }
}

/// What `ldd` says of a program; only itself if it is linked statically, or is a script.
fn with_libraries(program: &Path) -> Vec<PathBuf> {
    let told = Command::new("ldd")
        .arg(program)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let text = told
        .map(|told| String::from_utf8_lossy(&told.stdout).into_owned())
        .unwrap_or_default();
    let libraries = text
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from);
    let mut files: Vec<_> = std::iter::once(program.to_owned())
        .chain(libraries)
        .collect();
    files.iter_mut().for_each(|file| {
        if let Ok(real) = file.canonicalize() {
            *file = real;
        }
    });
    files.sort();
    files.dedup();
    files
}

/// Puts files of a system out of the page cache, and tells what stayed because others have it
/// mapped.
///
/// # Errors
/// A file cannot be read.
pub fn evict(files: &[PathBuf]) -> Result<BTreeMap<String, Value>, String> {
    let (mut all, mut resident, mut kept) = (0, 0, Vec::new());
    for file in files {
        let pages = pages::evict(file).map_err(|error| {
            format!(
                "cannot put {} out of the page cache: {error}",
                file.display()
            )
        })?;
        all += pages.all;
        resident += pages.resident;
        if pages.resident > 0 {
            kept.push(file.display().to_string());
        }
    }
    Ok(BTreeMap::from([
        ("system_files".to_owned(), json!(files.len())),
        ("system_pages".to_owned(), json!(all)),
        ("system_pages_resident".to_owned(), json!(resident)),
        // Such as the C library, which every living process has mapped.
        ("system_files_in_use".to_owned(), json!(kept)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_with_its_libraries() {
        let files = Libraries::default().of(Path::new("/bin/sh"));
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
        let mut settings = Settings::of_comparison(1, Some(1));
        assert_eq!(states(&settings, Scenario::Cold), [(true, false)]);
        settings.values.page_cache = vec![PageCache::Hot, PageCache::EvictedAll];
        assert_eq!(states(&settings, Scenario::Cold), [(true, true)]);
        assert_eq!(
            states(&settings, Scenario::RuntimeCold),
            [(false, false), (true, true)]
        );
        assert_eq!(states(&settings, Scenario::Warm), [(false, false)]);
    }

    #[test]
    fn what_is_in_use_is_told() {
        let told = evict(&[std::env::current_exe().unwrap()]).unwrap();
        assert_eq!(told["system_files"], json!(1));
        assert_eq!(told["system_files_in_use"].as_array().unwrap().len(), 1);
        assert!(
            evict(&["/no/such/file".into()])
                .unwrap_err()
                .contains("/no/such/file")
        );
    }
}
