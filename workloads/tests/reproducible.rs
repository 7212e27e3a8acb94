//! Building the guests twice gives the same bytes.

#![cfg(feature = "builder")]

use std::path::Path;

use workloads::Artifact;
use workloads::builder::{self, Folders, Toolchain};

/// Builds into `into`, with a target folder of its own so that nothing is taken over, and returns
/// the digests.
fn build(toolchain: &Toolchain, into: &Path) -> String {
    let folders = Folders {
        target: into.join("a target folder"),
        artifacts: into.join("artifacts"),
        ..Folders::in_checkout()
    };
    builder::build(toolchain, &folders).unwrap();
    for artifact in Artifact::ALL {
        let bytes = std::fs::read(folders.artifacts.join(artifact.file_name())).unwrap();
        let names_a_folder = bytes.windows(15).any(|piece| piece == b"a target folder");
        assert!(
            !names_a_folder,
            "{} contains the path where it was built",
            artifact.file_name()
        );
    }
    std::fs::read_to_string(folders.artifacts.join("SHA256SUMS")).unwrap()
}

/// Needs a toolchain for Wasm, which a first run of coldphase does not: where there is none, this
/// test can only report so.
#[test]
fn building_twice_gives_the_same_bytes() {
    let Ok(toolchain) = Toolchain::find() else {
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"not tested here: there is no toolchain for wasm32-wasip1; see `cargo run -p \
                workloads -- build`\n",
        );
        return;
    };
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(build(&toolchain, one.path()), build(&toolchain, two.path()));
}
