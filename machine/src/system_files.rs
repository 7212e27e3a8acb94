//! A system's own programs and libraries, put out of the page cache for a start.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use results::{Attested, Evidence, Failure, FailureKind};

use super::mappings::Mappers;
use super::page_cache::{self, Pages};
use super::programs;

/// Programs with the libraries that each is linked with, looked up once: looking them up maps them,
/// and so brings them back into the page cache.
#[derive(Debug, Default)]
pub struct Libraries(HashMap<PathBuf, Vec<PathBuf>>);

impl Libraries {
    /// The program and its shared libraries, each once.
    pub fn find(&mut self, program: &Path) -> Vec<PathBuf> {
        self.0
            .entry(program.to_owned())
            .or_insert_with(|| with_libraries(program))
            .clone()
    }
}

/// A program with the libraries that `ldd` lists; only itself if it is linked statically, or is a
/// script.
fn with_libraries(program: &Path) -> Vec<PathBuf> {
    let listed = programs::command("ldd").and_then(|mut ldd| {
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

/// What the dynamic linker reads to find libraries.
const LINKER_CACHE: &str = "/etc/ld.so.cache";

/// How long is waited before each further attempt to put files out of the page cache, in milliseconds: a
/// process that is just ending may still have them mapped.
const PAUSES_MS: [u64; 5] = [0, 1, 4, 16, 64];

/// How often what was brought back is put out once more. Whoever does that again and again works beside the
/// sample.
const MOST_AGAIN: u32 = 3;

/// A system's own files, which a start finds out of the page cache.
#[derive(Debug, Clone, Default)]
pub struct SystemFiles {
    /// Programs that only starts run: nothing of them may stay.
    started: Vec<PathBuf>,
    /// Libraries, and programs that live on: what others have mapped stays.
    shared: Vec<PathBuf>,
}

/// Processes that are looked at first when somebody must have a file mapped: this one, and those that had one
/// before. What they have mapped is looked at each time.
#[derive(Debug)]
pub struct LikelyMappers(BTreeSet<u32>);

impl Default for LikelyMappers {
    fn default() -> Self {
        Self(BTreeSet::from([std::process::id()]))
    }
}

/// What of files is in the page cache.
struct Seen {
    pages: Pages,
    /// Files with pages in it.
    resident: Vec<PathBuf>,
    /// Files of which the kernel does not tell this user.
    unknown: Vec<PathBuf>,
}

impl SystemFiles {
    /// Programs that are `started`, and those that `live_on`, with the libraries of both.
    pub fn find(libraries: &mut Libraries, started: &[PathBuf], live_on: &[PathBuf]) -> Self {
        let canonical = |file: &PathBuf| file.canonicalize().unwrap_or_else(|_| file.clone());
        let started: Vec<_> = started.iter().map(canonical).collect();
        let programs = started.iter().chain(live_on);
        let mut shared: Vec<_> = programs.flat_map(|it| libraries.find(it)).collect();
        if shared.len() > started.len() + live_on.len() {
            shared.push(LINKER_CACHE.into());
        }
        shared.retain(|file| !started.contains(file) && file.exists());
        shared.sort();
        shared.dedup();
        Self { started, shared }
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.started.iter().chain(&self.shared)
    }

    /// Puts them out of the page cache.
    ///
    /// # Errors
    /// One cannot be read, or stays although it may not.
    pub fn evict(&self, likely: &mut LikelyMappers) -> Result<(), String> {
        let mut left = self.look(page_cache::evict)?.resident;
        self.forget_shared(&mut left, likely)?;
        for pause_ms in PAUSES_MS {
            if left.is_empty() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(pause_ms));
            left = look(left.iter(), page_cache::evict)?.resident;
        }
        let mappers = Mappers::of(&left).map_err(|error| unseen(&error))?;
        for (file, mappers) in left.iter().zip(mappers) {
            self.check_may_stay(file, &mappers)?;
            likely.0.extend(mappers.pids.first());
        }
        Ok(())
    }

    /// Takes out of files that stay those that may, because one of the likely processes has them mapped:
    /// such as the C library, which this process has.
    fn forget_shared(&self, left: &mut Vec<PathBuf>, likely: &LikelyMappers) -> Result<(), String> {
        left.sort_by_key(|file| self.started.contains(file));
        let shared = left.partition_point(|file| !self.started.contains(file));
        let mappers = Mappers::among(likely.0.iter().copied(), &left[..shared])
            .map_err(|error| unseen(&error))?;
        let mut mapped = mappers.iter().map(|it| !it.pids.is_empty());
        // Those that are started come after these, and stay.
        left.retain(|_| !mapped.next().unwrap_or(false));
        Ok(())
    }

    /// Whether a file that cannot be put out of the page cache may stay there.
    fn check_may_stay(&self, file: &Path, mappers: &Mappers) -> Result<(), String> {
        let name = file.display();
        let pids: Vec<_> = mappers.pids.iter().map(u32::to_string).collect();
        if self.started.iter().any(|started| started == file) {
            return Err(format!(
                "{name} stays in memory: processes have it mapped ({}); end them, since a start \
                    from a disk is the first of its program",
                pids.join(", ")
            ));
        }
        if pids.is_empty() && mappers.hidden == 0 {
            return Err(format!(
                "{name} stays in memory, although no process has it mapped"
            ));
        }
        Ok(())
    }

    /// Evidence of what is in the page cache, right before a start. A program that somebody has brought back
    /// since it was put out, such as an engine that only now removes an earlier container, is put out once
    /// more, and that is in the evidence.
    ///
    /// # Errors
    /// It is there again, each time.
    pub fn prove(&self, likely: &mut LikelyMappers) -> Result<Attested, Failure> {
        let mut proven = self.check();
        for again in 1..=MOST_AGAIN {
            if proven.is_ok() {
                break;
            }
            self.evict(likely)?;
            proven = self.check().map(|mut attested| {
                attested.insert(Evidence::EvictedAgain, again);
                attested
            });
        }
        proven
    }

    /// The same, once.
    fn check(&self) -> Result<Attested, Failure> {
        let seen = self.look(|file| page_cache::resident(&File::open(file)?))?;
        let back = seen.resident.iter().find(|it| self.started.contains(it));
        if let Some(file) = back {
            return Err(Failure::new(
                FailureKind::NotAsPlanned,
                format!(
                    "not what its cell says: {} was put out of the page cache, and somebody else \
                        brought it back before the start",
                    file.display()
                ),
            ));
        }
        let names = |files: &[PathBuf]| -> Vec<_> {
            files
                .iter()
                .map(|file| file.display().to_string())
                .collect()
        };
        let mut attested = Attested::new();
        attested.insert(Evidence::SystemFiles, self.all().count());
        attested.insert(Evidence::SystemPages, seen.pages.all);
        attested.insert(Evidence::SystemPagesResident, seen.pages.resident);
        // Such as the C library, which every living process has mapped.
        attested.insert(Evidence::SystemFilesInUse, names(&seen.resident));
        if !seen.unknown.is_empty() {
            // That they were cold is shown by the page faults of the start alone.
            attested.insert(Evidence::SystemFilesUnknown, names(&seen.unknown));
        }
        Ok(attested)
    }

    fn look(&self, pages_of: impl Fn(&Path) -> io::Result<Pages>) -> Result<Seen, String> {
        look(self.all(), pages_of)
    }
}

/// Looks at the pages of files.
fn look<'a>(
    files: impl Iterator<Item = &'a PathBuf>,
    pages_of: impl Fn(&Path) -> io::Result<Pages>,
) -> Result<Seen, String> {
    let mut seen = Seen {
        pages: Pages::NONE,
        resident: Vec::new(),
        unknown: Vec::new(),
    };
    for file in files {
        let pages = pages_of(file)
            .map_err(|error| format!("cannot look at the pages of {}: {error}", file.display()))?;
        seen.pages += pages;
        match pages.resident {
            Some(0) => {}
            Some(_) => seen.resident.push(file.clone()),
            None => seen.unknown.push(file.clone()),
        }
    }
    Ok(seen)
}

fn unseen(error: &io::Error) -> String {
    format!("cannot look at who has files mapped: {error}")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

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
    fn what_others_have_mapped_stays_and_is_named_unless_it_is_what_is_started() {
        let this = std::env::current_exe().unwrap();
        let mut libraries = Libraries::default();
        let lives_on = SystemFiles::find(&mut libraries, &[], std::slice::from_ref(&this));
        let mut likely = LikelyMappers::default();
        lives_on.evict(&mut likely).unwrap();
        let attested = lives_on.check().unwrap();
        let in_use = attested
            .get(Evidence::SystemFilesInUse)
            .unwrap()
            .to_string();
        assert!(in_use.contains(&this.display().to_string()), "{in_use}");
        assert!(attested.number(Evidence::SystemFiles) > Some(1));

        let started = SystemFiles::find(&mut libraries, &[this], &[]);
        let refused = started.evict(&mut likely).unwrap_err();
        let pid = std::process::id().to_string();
        assert!(
            refused.contains(&pid) && refused.contains("end them"),
            "{refused}"
        );
    }

    #[test]
    fn who_had_a_file_mapped_is_asked_first_and_believed_only_as_long_as_it_has() {
        let folder = tempfile::tempdir_in(results::checkout::root()).unwrap();
        let program = folder.path().join("program");
        std::fs::copy("/bin/cat", &program).unwrap();
        let mut runs = std::process::Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that has not run yet has its file mapped, and no page of it: all of them can be put out.
        let mut echoed = [0; 1];
        runs.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        runs.stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut echoed)
            .unwrap();
        let files = SystemFiles {
            started: Vec::new(),
            shared: vec![program],
        };
        let mut likely = LikelyMappers::default();
        files.evict(&mut likely).unwrap();
        assert!(likely.0.contains(&runs.id()), "{likely:?}");
        let mut left = files.shared.clone();
        files.forget_shared(&mut left, &likely).unwrap();
        assert!(left.is_empty());
        runs.kill().unwrap();
        runs.wait().unwrap();
        let mut left = files.shared.clone();
        files.forget_shared(&mut left, &likely).unwrap();
        assert_eq!(left, files.shared);
        files.evict(&mut likely).unwrap();
        let attested = files.check().unwrap();
        assert_eq!(attested.number(Evidence::SystemPagesResident), Some(0));
    }

    #[test]
    fn a_program_that_is_back_in_memory_before_the_start_is_put_out_again_and_that_is_told() {
        let folder = tempfile::tempdir_in(results::checkout::root()).unwrap();
        let program = folder.path().join("program");
        std::fs::copy("/bin/true", &program).unwrap();
        let files = SystemFiles {
            started: vec![program.clone()],
            shared: Vec::new(),
        };
        let mut likely = LikelyMappers::default();
        files.evict(&mut likely).unwrap();
        let attested = files.check().unwrap();
        assert_eq!(attested.number(Evidence::SystemPagesResident), Some(0));
        std::fs::read(&program).unwrap();
        let failure = files.check().unwrap_err();
        assert!(failure.reason.contains("brought it back"), "{failure:?}");
        // Before a start that is mended, and told.
        let attested = files.prove(&mut likely).unwrap();
        assert_eq!(attested.number(Evidence::EvictedAgain), Some(1));
        let attested = files.prove(&mut likely).unwrap();
        assert_eq!(attested.number(Evidence::EvictedAgain), None);

        std::fs::remove_file(&program).unwrap();
        assert!(files.evict(&mut likely).unwrap_err().contains("program"));
    }
}
