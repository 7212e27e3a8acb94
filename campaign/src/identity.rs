//! What identifies a run: its name, and the commit that measured it.

use std::path::Path;

use jiff::ToSpan as _;
use jiff::civil::DateTime;
use results::installation::Installation;

/// How the name of a run begins: when it began.
const BEGAN: &str = "%Y%m%dT%H%M%SZ";

/// A name for a run that begins now: `YYYYMMDDTHHMMSSZ-` and 4 hexadecimal digits drawn from `seed`
/// and this process, so that two runs begun in the same second do not meet.
pub fn new_run_name(seed: u64) -> String {
    let now = jiff::Timestamp::now().strftime(BEGAN).to_string();
    let draw = results::digest::sha256_hex(
        format!("{seed}/{}/{}", std::process::id(), machine::clock::now_ns()).as_bytes(),
    );
    format!("{now}-{}", &draw[..4])
}

/// When a run began, by its name; nothing for a name that no clock gives.
fn began(run: &str) -> Option<DateTime> {
    DateTime::strptime(BEGAN, run.split_once('-')?.0).ok()
}

/// The name of a run as it has to be in a folder whose newest run is `newest`: itself, or, where it
/// is no later one, that of the next second. Runs are ordered by their names, and what begins last is
/// the latest, whatever the clock was set to. Nothing comes after the last second of all.
pub fn after(newest: &str, run: &str) -> String {
    let (Some(then), Some(now)) = (began(newest), began(run)) else {
        return run.to_owned();
    };
    let next = then.checked_add(1.second());
    match (next, run.split_once('-')) {
        (Ok(next), Some((_, digits))) if then >= now => {
            format!("{}-{digits}", next.strftime(BEGAN))
        }
        _ => run.to_owned(),
    }
}

/// Whether a run is older than one that there is already by what no haste explains: the clock was set
/// back.
pub fn is_set_back(newest: &str, run: &str) -> bool {
    let (then, now) = (began(newest), began(run));
    then.zip(now)
        .is_some_and(|(then, now)| now.checked_add(1.minute()).is_ok_and(|now| then > now))
}

/// Commit and dirty state of what a program was built from.
pub fn source(installation: &Installation) -> (Option<String>, Option<bool>) {
    match installation {
        Installation::Checkout { root } => checkout(root),
        Installation::Package(package) => (package.commit.clone(), package.dirty),
    }
}

/// Commit and dirty state of the checkout at `folder`; nothing where there is no checkout or no
/// `git`.
pub fn checkout(folder: &Path) -> (Option<String>, Option<bool>) {
    let git = |arguments: &[&str]| {
        let output = machine::programs::command("git")
            .ok()?
            .arg("-C")
            .arg(folder)
            .args(arguments)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    (
        git(&["rev-parse", "HEAD"]),
        git(&["status", "--porcelain"]).map(|changes| !changes.is_empty()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_is_that_of_a_run() {
        assert!(results::run_folder::is_run_name(&new_run_name(7)));
    }

    #[test]
    fn what_begins_last_is_the_latest_whatever_the_clock_says() {
        let run = "20261127T120000Z-3f9a";
        for (newest, expected) in [
            ("20261127T115959Z-ffff", run),
            ("20261127T120000Z-0000", "20261127T120001Z-3f9a"),
            ("20261127T120000Z-ffff", "20261127T120001Z-3f9a"),
            ("20991231T235959Z-0001", "21000101T000000Z-3f9a"),
            // Of no calendar.
            ("99999999T999999Z-0001", run),
            ("99991231T235959Z-0001", run),
        ] {
            assert_eq!(after(newest, run), expected, "{newest}");
        }
        assert!(is_set_back("20261127T120101Z-0000", run));
        assert!(!is_set_back("20261127T120059Z-0000", run));
    }
}
