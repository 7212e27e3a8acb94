//! What comes after a run: the command that shows its report, and at a terminal the offer to do so.

use std::io::{IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use results::installation::Installation;
use results::run_folder::RunFolder;

use crate::error::Exit;
use crate::front_door;
use crate::sibling::Package;
use crate::terminal::say;

/// How long an answer is waited for: nobody may be there any more after a long run.
const PATIENCE_MS: u16 = 30_000;

/// What draws reports.
const ANALYSIS: Package = Package {
    name: "analysis",
    arguments: &[],
    flags: None,
    first_build: "building the program that draws reports: once, some two minutes",
};

/// What opens a page in the browser of whoever is logged in.
const OPENER: &str = "xdg-open";

/// The command that writes a run's report, as this program was called.
pub fn command(folder: &RunFolder) -> String {
    let words = words(folder).join(" ");
    front_door::command(ANALYSIS.name, &words)
}

fn words(folder: &RunFolder) -> Vec<String> {
    let mut words = vec!["report".to_owned(), folder.run().to_owned()];
    let raw = folder.path().parent().map(PathBuf::from);
    let usual = Installation::here().results().join("raw");
    if let Some(raw) = raw.filter(|raw| *raw != usual) {
        words.extend(["--in".to_owned(), raw.display().to_string()]);
    }
    words
}

/// At a terminal, asks whether to write and open the report of a run that has ended with `exit`, and
/// does so. Whatever comes of it is no part of the run.
pub fn offer(folder: &RunFolder, exit: Exit) {
    if matches!(exit, Exit::Nothing | Exit::Interrupted) || !at_terminal() {
        return;
    }
    let _ = write!(
        std::io::stderr(),
        "write the report and open it? [y/N; no after {} s] ",
        PATIENCE_MS / 1000
    );
    if !says_yes() {
        return;
    }
    match write_report(folder) {
        Ok(page) => open(&page),
        Err(reason) => say(&format!("no report: {reason}")),
    }
}

/// Whether somebody can be asked: this program reads and writes a terminal, and is not in its
/// background, where reading would stop it.
fn at_terminal() -> bool {
    let streams = std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal()
        && std::io::stderr().is_terminal();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    streams && in_foreground(&stat)
}

/// Whether a process's group is that of its terminal, by its line of `/proc/PID/stat`.
fn in_foreground(stat: &str) -> bool {
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let fields: Vec<_> = fields.split(' ').collect();
    match (fields.get(2), fields.get(5)) {
        (Some(group), Some(terminals)) => group == terminals,
        _ => false,
    }
}

fn says_yes() -> bool {
    let input = std::io::stdin();
    let mut polled = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    let answered = poll(&mut polled, PollTimeout::from(PATIENCE_MS));
    if !answered.is_ok_and(|ready| ready > 0) {
        say("");
        return false;
    }
    let mut line = String::new();
    let read = input.read_line(&mut line);
    read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
}

/// The page.
fn write_report(folder: &RunFolder) -> Result<PathBuf, String> {
    let program = ANALYSIS.program(ANALYSIS.name)?;
    let output = Command::new(program)
        .args(words(folder))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    let page = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if page.is_file() {
        return Ok(page);
    }
    Err(format!("`{}` says why", command(folder)))
}

/// Opens the page where there is a desktop, and says where it is in any case.
fn open(page: &std::path::Path) {
    say(&format!("report: {}", page.display()));
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"];
    if !desktop.iter().any(|name| std::env::var_os(name).is_some()) {
        say("there is no desktop here to open it on");
        return;
    }
    let opener = machine::programs::command(OPENER).and_then(|mut opener| {
        let quiet = opener.arg(page).stdin(Stdio::null()).stdout(Stdio::null());
        quiet.stderr(Stdio::null()).status()
    });
    if let Err(error) = opener {
        say(&format!("cannot open it: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_in_the_background_is_not_asked() {
        let stat =
            |group, terminals| format!("7 (a) b) S 1 {group} 7 34816 {terminals} 4194304 0 0");
        assert!(in_foreground(&stat(7, 7)));
        assert!(!in_foreground(&stat(7, 9)));
        assert!(!in_foreground(&stat(7, -1)));
        assert!(!in_foreground(""));
    }

    #[test]
    fn the_command_names_the_folder_where_it_is_not_the_usual_one() {
        let folder = tempfile::tempdir().unwrap();
        let run = "20261127T074200Z-3f9a";
        let made = RunFolder::create(folder.path(), run).unwrap();
        let said = command(&made);
        let place = folder.path().display();
        assert_eq!(
            said,
            format!("cargo run -p analysis -- report {run} --in {place}")
        );
    }
}
