//! What identifies a run: its name, and the commit that measured it.

use std::path::Path;

use results::installation::Installation;

/// A name for a run that begins now: `YYYYMMDDTHHMMSSZ-` and 4 hexadecimal digits drawn from `seed`
/// and this process, so that two runs begun in the same second do not meet.
pub fn new_run_name(seed: u64) -> String {
    let now = jiff::Timestamp::now()
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let draw = results::digest::sha256_hex(
        format!("{seed}/{}/{}", std::process::id(), machine::clock::now_ns()).as_bytes(),
    );
    format!("{now}-{}", &draw[..4])
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
}
