//! Where the checkout is that a program belongs to: its artifacts, its results, the programs that
//! it has built.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A file that no other folder than a checkout's root has.
const MARK: &str = "workloads/artifacts/SHA256SUMS";

/// The root of the checkout.
///
/// Cargo tells it to what it runs, and that is believed before what was true when the program was
/// built: two checkouts with one build folder share their programs, and cargo does not build them
/// again for another path.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| of(std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from)))
}

/// The root above the folder of a crate that is being run, or the one that this was built in.
fn of(running: Option<PathBuf>) -> PathBuf {
    let above = running.and_then(|folder| {
        folder
            .ancestors()
            .find(|folder| folder.join(MARK).is_file())
            .map(Path::to_owned)
    });
    above.unwrap_or_else(|| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("the crate lies in the workspace")
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_says_now_counts_before_what_it_said_then() {
        let folder = tempfile::tempdir().unwrap();
        let (crate_folder, mark) = (folder.path().join("host/probe"), folder.path().join(MARK));
        std::fs::create_dir_all(&crate_folder).unwrap();
        assert_ne!(
            of(Some(crate_folder.clone())),
            folder.path(),
            "some other workspace is no checkout of this project"
        );
        std::fs::create_dir_all(mark.parent().unwrap()).unwrap();
        std::fs::write(mark, "").unwrap();
        assert_eq!(of(Some(crate_folder)), folder.path());
        // Where it was built may be gone: a checkout that shared its build folder with this one.
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        assert_eq!(Some(of(None).as_path()), built_in);
    }
}
