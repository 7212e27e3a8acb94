//! What a received folder leads to: nothing outside of it is read, whatever it names.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use analysis::command::{Exit, bundle, verify};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use results::digest::sha256_hex;
use support::{Shape, write};

const RUN: &str = "20261125T120000Z-00aa";

const SECRET: &str = "TOP-SECRET-0b9e\n";

/// An unpacked archive, and beside it a file of the reader's.
struct Received(tempfile::TempDir);

impl Received {
    fn new() -> Self {
        let received = Self(tempfile::tempdir().unwrap());
        write(&received.raw(), &Shape::small(RUN));
        fs::write(received.keys(), SECRET).unwrap();
        received
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join("archive").join(name)
    }

    fn raw(&self) -> PathBuf {
        self.at("raw")
    }

    fn keys(&self) -> PathBuf {
        self.0.path().join("keys")
    }

    /// What `verify` says where the list of the archive's digests has this line.
    fn verified(&self, line: &str) -> (Exit, String) {
        fs::write(self.at("SHA256SUMS"), line).unwrap();
        let verified = verify(&self.raw(), &self.at("processed"), RUN).unwrap();
        (verified.exit, verified.text())
    }
}

fn line(bytes: &[u8], name: &str) -> String {
    format!("{}  {name}\n", sha256_hex(bytes))
}

#[test]
fn a_list_of_digests_leads_to_no_file_outside_and_waits_for_none() {
    let received = Received::new();
    let ledger = format!("raw/{RUN}/samples.jsonl");
    let samples = fs::read(received.at(&ledger)).unwrap();
    assert_eq!(received.verified(&line(&samples, &ledger)).0, Exit::Ok);

    symlink(received.keys(), received.at("link")).unwrap();
    symlink(received.0.path(), received.at("folder")).unwrap();
    mkfifo(&received.at("fifo"), Mode::S_IRWXU).unwrap();
    let absolute = received.keys().display().to_string();
    // With its right digest: one that was opened would be found unchanged.
    for name in [
        "../keys",
        &*absolute,
        "link",
        "folder/keys",
        "raw/../../keys",
    ] {
        let (exit, said) = received.verified(&line(SECRET.as_bytes(), name));
        assert_eq!(exit, Exit::Damaged, "{name}: {said}");
        assert!(said.contains("cannot be read"), "{name}: {said}");
    }
    for name in ["/dev/zero", "fifo", "raw", "nothing", ""] {
        let (exit, said) = received.verified(&line(b"", name));
        assert_eq!(exit, Exit::Damaged, "{name}: {said}");
        assert!(said.contains("cannot be read"), "{name}: {said}");
    }
    fs::remove_file(received.at("SHA256SUMS")).unwrap();
    mkfifo(&received.at("SHA256SUMS"), Mode::S_IRWXU).unwrap();
    let verified = verify(&received.raw(), &received.at("processed"), RUN).unwrap();
    assert_eq!(verified.exit, Exit::Damaged, "{}", verified.text());
}

/// What is in an archive, unpacked, as one sequence of bytes.
fn unpacked(archive: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = fs::File::open(archive).unwrap();
    std::io::copy(&mut flate2::read::GzDecoder::new(file), &mut bytes).unwrap();
    bytes
}

#[test]
fn a_bundle_packs_no_file_that_a_link_leads_to() {
    for name in ["manifest.json", "samples.jsonl"] {
        let received = Received::new();
        let file = received.raw().join(RUN).join(name);
        // Right in itself, and somebody else's: what would be packed reads as a run.
        let elsewhere = received.0.path().join(name);
        fs::rename(&file, &elsewhere).unwrap();
        symlink(&elsewhere, &file).unwrap();
        let out = received.at("processed");
        let refused = bundle(&received.raw(), &out, RUN).unwrap_err();
        assert!(refused.to_string().contains("follows no link"), "{refused}");
        assert!(!out.join(format!("{RUN}.tar.gz")).exists());
    }
    let received = Received::new();
    let out = received.at("processed");
    fs::create_dir_all(out.join(RUN)).unwrap();
    symlink(received.keys(), out.join(RUN).join("report.md")).unwrap();
    if let Ok(made) = bundle(&received.raw(), &out, RUN) {
        let bytes = unpacked(&made.path);
        let packed = bytes
            .windows(SECRET.len())
            .any(|it| it == SECRET.as_bytes());
        assert!(!packed, "{:?}", made.notes);
    }
}
