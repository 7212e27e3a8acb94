//! What reports are made by starts no process, opens no socket and reads no clock; and the program
//! ends as its table says.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use campaign::{Exit, Programs};
use support::Shape;

const RUN: &str = "20261125T120000Z-00aa";
const OTHER: &str = "20261125T130000Z-00bb";

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn no_source_names_a_process_a_socket_or_a_clock() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rooms = ["src", "summary/src", "../findings/src"];
    let files: Vec<_> = rooms
        .iter()
        .flat_map(|room| sources(&here.join(room)))
        .collect();
    assert!(files.len() > 90);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        for word in [
            "process::Command",
            "TcpStream",
            "UnixStream",
            "UdpSocket",
            "Instant::now",
            "SystemTime",
            "now_ns",
            "wall_clock",
        ] {
            assert!(!code.contains(word), "{} names {word}", file.display());
        }
    }
}

fn analysis(folder: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_analysis"));
    program
        .args(arguments)
        .arg("--in")
        .arg(folder.join("raw"))
        .arg("--out")
        .arg(folder.join("processed"));
    program.output().unwrap()
}

fn ends(output: &Output, exit: Exit) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit.code())),
        "{stderr}"
    );
}

#[test]
fn the_program_ends_as_its_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let raw = folder.join("raw");
    ends(&analysis(folder, &["report"]), Exit::Input);
    support::write(
        &raw,
        &Shape {
            samples: 12,
            requests: 150,
            ..Shape::small(RUN)
        },
    );
    support::write(
        &raw,
        &Shape {
            samples: 12,
            requests: 150,
            slower: 1.4,
            seed: 9,
            ..Shape::small(OTHER)
        },
    );
    let done = analysis(folder, &["report", RUN, "--objective", "disk-cold < 20ms"]);
    ends(&done, Exit::Ok);
    let page = String::from_utf8(done.stdout).unwrap();
    assert!(
        Path::new(page.trim()).is_file(),
        "standard output names the page and nothing else: {page}"
    );
    ends(&analysis(folder, &["verify", RUN]), Exit::Ok);
    ends(&analysis(folder, &["compare", RUN, RUN]), Exit::Ok);
    ends(
        &analysis(folder, &["compare", RUN, OTHER]),
        Exit::Regression,
    );
    ends(
        &analysis(folder, &["plan", RUN, "--samples", "30"]),
        Exit::Ok,
    );
    ends(
        &analysis(folder, &["export", RUN, "--format", "parquet"]),
        Exit::Ok,
    );
    ends(&analysis(folder, &["bundle", RUN]), Exit::Ok);
    let refused = analysis(
        folder,
        &["report", RUN, "--objective", "disk-cold < 20 parsecs"],
    );
    ends(&refused, Exit::Usage);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no number with a unit"));
    ends(
        &analysis(
            folder,
            &["plan", RUN, "--samples", "30", "--effect", "none"],
        ),
        Exit::Usage,
    );
    let missing = analysis(folder, &["report", "nowhere"]);
    ends(&missing, Exit::Input);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("hint: "));
    let ledger = raw.join(RUN).join("samples.jsonl");
    fs::write(&ledger, fs::read_to_string(&ledger).unwrap() + "{").unwrap();
    ends(&analysis(folder, &["report", RUN]), Exit::Damaged);
    ends(&analysis(folder, &["verify", RUN]), Exit::Damaged);
    let help = analysis(folder, &["--help"]);
    for (exit, text) in Exit::table_of(Programs::Analysis) {
        let line = format!("{:>3}  {text}", exit.code());
        assert!(
            String::from_utf8_lossy(&help.stdout).contains(&line),
            "{line}"
        );
    }
}
