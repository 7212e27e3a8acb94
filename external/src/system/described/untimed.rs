//! Commands that no start is charged with: which version it is, what is compiled beforehand, what
//! comes before and after a sample.

use std::path::PathBuf;
use std::time::Duration;

use host_probe::limits;
use machine::clock::now_ns;
use machine::programs::search_path;

use crate::process::{Launch, Stdout};

/// How long printing a version may take.
pub(super) const QUICK: Duration = Duration::from_secs(20);

/// How long any other may take: compilers take minutes.
pub(super) const LONG: Duration = Duration::from_mins(10);

/// A command that is run to its end, with nothing in its environment but what is given here, a home
/// without configuration, and a path of absolute folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untimed {
    /// The program's file.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// The folder that it runs in, and its home.
    pub folder: PathBuf,
    /// How long it may take.
    pub limit: Duration,
}

impl Untimed {
    /// Runs it, and gives what it printed: to standard output, or else to standard error.
    ///
    /// # Errors
    /// It cannot be started, did not end in time, or did not end well.
    pub fn run(&self) -> Result<String, String> {
        let mut launch = Launch::new(&self.program, &self.folder, "/dev/null");
        launch.arguments = self.arguments.iter().map(Into::into).collect();
        launch.stdout = Stdout::Captured;
        launch.environment = vec![
            ("HOME".into(), self.folder.clone().into()),
            ("PATH".into(), search_path()),
        ];
        let own = self.environment.iter();
        launch
            .environment
            .extend(own.map(|(name, value)| (name.into(), value.into())));
        let mut running = launch.launch().map_err(|error| error.to_string())?;
        let limit_ns = u64::try_from(self.limit.as_nanos()).unwrap_or(u64::MAX);
        let Some(end) = running.wait_end(now_ns().saturating_add(limit_ns)) else {
            let seconds = self.limit.as_secs();
            return Err(format!("`{}` did not end within {seconds} s", self.line()));
        };
        let said = running.log_tail();
        let printed = running.stdout().bytes;
        let printed = String::from_utf8_lossy(&printed).trim().to_owned();
        if end.code == Some(0) {
            return Ok(if printed.is_empty() { said } else { printed });
        }
        // Some complain where others print what was asked for.
        let said = if said.is_empty() {
            ending(&printed)
        } else {
            said
        };
        let said = if said.is_empty() {
            said
        } else {
            format!("; it said: {said:?}")
        };
        Err(format!("`{}` {end}{said}", self.line()))
    }

    /// The command as a person would type it, about.
    pub fn line(&self) -> String {
        let mut line = self.program.display().to_string();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(argument);
        }
        line
    }
}

/// The end of what a program printed, as a reason quotes it.
fn ending(printed: &str) -> String {
    let from = printed.len().saturating_sub(limits::QUOTED_BYTES);
    let from = (from..=printed.len()).find(|at| printed.is_char_boundary(*at));
    printed[from.unwrap_or(0)..].to_owned()
}

/// The version in what a program prints: the first word that is one, or else the first line.
pub(super) fn version_in(printed: &str) -> Option<String> {
    /// The longest that is recorded.
    const LONGEST: usize = 80;
    let is_version = |word: &&str| {
        let begins = word.strip_prefix('v').unwrap_or(word);
        begins.starts_with(|it: char| it.is_ascii_digit()) && word.contains('.')
    };
    let line = printed.lines().find(|line| !line.trim().is_empty())?;
    let mut words = line
        .split_whitespace()
        .map(|word| word.trim_matches(['(', ')', ',', ';']));
    let version = words.find(is_version).unwrap_or(line.trim());
    let shown = results::text::line(version);
    Some(shown.chars().take(LONGEST).collect())
}
