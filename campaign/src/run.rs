//! A campaign, from its folder to its summary: what both programs do around
//! `campaign::schedule::run`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::schedule::{Bench, Campaign, Ended, Plan};
use clap::ValueEnum;
use machine::clock;
use results::Sample;
use results::installation::Installation;
use results::ledger::Ledger;
use results::manifest::{Build, Manifest, System};
use results::record::Outcome;
use results::run_folder::{self, RunFolder};

use crate::error::{Error, Exit};
use crate::progress::Progress;
use crate::terminal::{print, say, terminal};
use crate::{errno, front_door, identity, report_offer};

/// Different reasons for unusable samples that are printed: the ledger has all.
const REASONS_SHOWN: usize = 8;

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Tables, a waterfall and a sentence, for people.
    #[default]
    Table,
    /// The summary as JSON.
    Json,
    /// One line for each cell and phase.
    Csv,
}

/// Debug assertions are in what is measured too.
///
/// # Errors
/// If they are on.
pub fn refuse_debug_build(debug_assertions: bool) -> Result<(), Error> {
    if debug_assertions {
        return Err(Error::new(
            Exit::Usage,
            "this binary has debug assertions on: its figures would be those of another program",
        )
        .hint(
            "build it with the profiles as they are in the repository: `cargo run`, without \
                changes to them",
        ));
    }
    Ok(())
}

/// The folder of runs where nobody names one.
pub fn default_results() -> PathBuf {
    Installation::here().results().join("raw")
}

/// A seed for a run that was told none. Small enough to be copied by hand.
pub fn draw_seed() -> u64 {
    clock::now_ns() % 1_000_000
}

/// How this program was built; `sha256` is the digest of its file.
pub fn build(sha256: String) -> Build {
    Build {
        profile: env!("COLDPHASE_PROFILE").to_owned(),
        opt_level: env!("COLDPHASE_OPT_LEVEL").to_owned(),
        debug_assertions: cfg!(debug_assertions),
        target: env!("COLDPHASE_TARGET").to_owned(),
        rustc: env!("COLDPHASE_RUSTC_VERSION").to_owned(),
        sha256,
    }
}

/// The name of the run to resume, resolved once: another run may become the latest one meanwhile.
///
/// # Errors
/// There is no such run.
pub fn resolve_resumed(results: &Path, resume: Option<&str>) -> Result<Option<String>, Error> {
    let resolved = resume.map(|run| run_folder::resolve(results, run));
    Ok(resolved.transpose()?)
}

/// A new run's folder, or that of an earlier one if what is measured now belongs into it. A new run
/// begins with [`measure`].
///
/// # Errors
/// The folder cannot be made, found or locked; or samples measured now would be of another
/// population.
pub fn open(
    resume: Option<&str>,
    results: &Path,
    now: Manifest,
) -> Result<(RunFolder, Manifest), Error> {
    let Some(run) = resume else {
        let now = named_last(results, now);
        return Ok((RunFolder::create(results, &now.run)?, now));
    };
    let (folder, then) = RunFolder::open(results, run)?;
    let differences = then.differences(&now);
    if !differences.is_empty() {
        let list = differences.join("\n  - ");
        let message = format!("{} cannot be resumed:\n  - {list}", then.run);
        return Err(Error::new(Exit::Resume, message)
            .hint("its samples stay as they are; undo what has changed, or start a new run"));
    }
    if Plan::places(&then).is_none() {
        let message = format!(
            "{} plans more than {} samples",
            folder.path().display(),
            Plan::MOST_PLACES
        );
        return Err(Error::new(Exit::Resume, message)
            .hint("no run of this project does: its manifest is damaged, or somebody wrote it"));
    }
    Ok((folder, then))
}

/// A new run with a name that makes it the latest one of its folder, and a word about it where this
/// machine's clock says otherwise.
fn named_last(results: &Path, mut now: Manifest) -> Manifest {
    let Some(newest) = run_folder::runs(results).pop() else {
        return now;
    };
    let name = identity::after(&newest, &now.run);
    if identity::is_set_back(&newest, &now.run) {
        say(&format!(
            "this machine's clock has not come as far as {newest}, the newest run here: was it set \
                back? This run is called {name}, so that it is the latest"
        ));
    }
    now.run = name;
    now
}

/// Why a bench was not made.
#[derive(Debug)]
pub enum NoBench {
    /// What it needs cannot be had from the system.
    Io(std::io::Error),
    /// There is nothing that it could measure.
    Refused(Error),
}

impl From<std::io::Error> for NoBench {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for NoBench {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// The campaign. Returns all samples of the run, earlier ones first.
///
/// `bench` is made in the run's private folder, which is removed once every sample is taken; what takes
/// long in making it looks at the flag, which an interrupt sets.
///
/// # Errors
/// What keeps samples from being taken or recorded.
pub fn measure<B: Bench, E: Into<NoBench>>(
    folder: &RunFolder,
    manifest: &Manifest,
    bench: impl FnOnce(PathBuf, &AtomicBool) -> Result<B, E>,
) -> Result<(Vec<Sample>, Ended), Error> {
    let stop = stop_on_signals()?;
    let (mut ledger, contents) = Ledger::open(&folder.ledger())?;
    if let Some(torn) = contents.torn {
        say(&format!(
            "line {} of the ledger was never finished ({} bytes): it is measured again",
            torn.line, torn.bytes
        ));
    }
    let plan = Plan::from(manifest);
    let work = folder.work()?;
    let mut bench = bench(work.clone(), &stop).map_err(|error| match error.into() {
        NoBench::Refused(error) => error,
        NoBench::Io(error) => Error::new(
            Exit::Results,
            format!("cannot prepare {}: {error}", work.display()),
        )
        .hint(
            errno::hint(&error)
                .unwrap_or("--out FOLDER puts runs elsewhere; it needs a writable disk with room"),
        ),
    })?;
    folder.begin(manifest)?;
    let campaign = Campaign {
        plan: &plan,
        run: folder.run(),
        recorded: &contents.samples,
        stop: &stop,
    };
    let ended = campaign.run(&mut ledger, &mut bench, &mut Progress::new())?;
    drop(bench);
    if ended == Ended::Complete {
        // Caches and compiled code served their purpose; the records stay.
        let _ = std::fs::remove_dir_all(&work);
    }
    Ok((results::ledger::read(&folder.ledger())?.samples, ended))
}

/// The first interrupt ends the campaign after the sample that runs; the second one ends the
/// program.
fn stop_on_signals() -> Result<Arc<AtomicBool>, Error> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag;
    let stop = Arc::new(AtomicBool::new(false));
    survive_hangup()?;
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| {
                Error::new(Exit::Internal, format!("cannot watch for signals: {error}"))
            })?;
    }
    Ok(stop)
}

/// A terminal that is closed does not end a run: what was begun was asked for, it ends by itself, and
/// nothing of it depends on somebody looking. What is said from then on is heard by nobody; the record
/// is complete, and a report shows it. Who started this with SIGHUP ignored keeps that, also for what it
/// starts.
fn survive_hangup() -> Result<(), Error> {
    use signal_hook::consts::SIGHUP;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if ignores(&status, SIGHUP) {
        return Ok(());
    }
    // A handler and not `SIG_IGN`: that would be handed on to what is measured.
    let unread = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGHUP, unread)
        .map(drop)
        .map_err(|error| Error::new(Exit::Internal, format!("cannot watch for signals: {error}")))
}

/// Whether a process ignores a signal, by its `/proc/PID/status`.
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

/// What a person or a program is shown of a run.
///
/// `width` is in columns of a terminal and counts for [`Format::Table`] only, as does `colour`.
pub type Render<'a> = &'a dyn Fn(&[Sample], Format, usize, bool) -> String;

/// Prints a run's results, counts what went wrong, and says with which code the program ends.
///
/// `render` makes the text; `resume` is the command line that goes on with the run.
///
/// # Errors
/// If standard output cannot be written.
pub fn finish(
    format: Format,
    folder: &RunFolder,
    systems: &[System],
    (samples, ended): (&[Sample], Ended),
    render: Render<'_>,
    resume: &str,
) -> Result<Exit, Error> {
    let (width, colour) = terminal();
    let text = render(samples, format, width, colour);
    let place = format!(
        "run: {}\nreport: {}",
        folder.path().display(),
        report_offer::command(folder)
    );
    match format {
        Format::Table => print(&format!("{}\n{place}\n", front_door::reword(&text)))?,
        Format::Json | Format::Csv => {
            print(&text)?;
            say(&place);
        }
    }
    let unusable = samples
        .iter()
        .filter(|sample| sample.outcome != Outcome::Ok);
    let reasons = reasons(unusable.filter_map(|sample| sample.reason.as_deref()));
    for (reason, n) in reasons.iter().take(REASONS_SHOWN) {
        say(&format!("{n} × {reason}"));
    }
    if reasons.len() > REASONS_SHOWN {
        say(&format!(
            "and {} other reasons: see {}",
            reasons.len() - REASONS_SHOWN,
            folder.ledger().display()
        ));
    }
    if ended == Ended::Interrupted {
        say(&format!("interrupted; go on with `{resume}`"));
        return Ok(Exit::Interrupted);
    }
    Ok(verdict(samples, systems))
}

/// How often each reason occurs, the most frequent first.
fn reasons<'a>(reasons: impl Iterator<Item = &'a str>) -> Vec<(String, usize)> {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    reasons.for_each(|reason| *counted.entry(reason).or_default() += 1);
    let mut counted: Vec<_> = counted
        .into_iter()
        .map(|(reason, n)| (reason.to_owned(), n))
        .collect();
    counted.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    counted
}

/// A system that this machine does not have is no failure of a run, and neither is what a system
/// can never do, or not within a limit of this machine that was known beforehand: rows say so. A
/// run of nothing else is one.
fn verdict(samples: &[Sample], systems: &[System]) -> Exit {
    let absent = |sample: &&Sample| {
        systems.iter().any(|system| {
            sample.cell.system == system.name.as_str() && system.unavailable.is_some()
        })
    };
    let never = |sample: &&Sample| {
        use results::SkipKind::{MachineLimit, NotApplicable};
        matches!(sample.skip_kind(), Some(NotApplicable | MachineLimit))
    };
    let present: Vec<_> = samples
        .iter()
        .filter(|sample| !absent(sample) && !never(sample))
        .collect();
    let any = |outcome| present.iter().any(|sample| sample.outcome == outcome);
    if !any(Outcome::Ok) && !any(Outcome::Failed) {
        Exit::Nothing
    } else if any(Outcome::Failed) || any(Outcome::Skipped) {
        Exit::Samples
    } else {
        Exit::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_with_debug_assertions_refuses_to_measure() {
        assert!(refuse_debug_build(false).is_ok());
        assert_eq!(refuse_debug_build(true).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn what_is_ignored_is_read_from_the_kernels_mask() {
        let status = "Name:\tx\nSigIgn:\t0000000000000001\nSigCgt:\t0000000000000002\n";
        assert!(ignores(status, 1));
        assert!(!ignores(status, 2));
        assert!(!ignores("", 1));
    }

    #[test]
    fn reasons_are_counted_the_most_frequent_first() {
        let counted = reasons(["b", "a", "b"].into_iter());
        assert_eq!(counted, [("b".to_owned(), 2), ("a".to_owned(), 1)]);
    }
}
