//! `report`: everything that a run says.

use std::path::{Path, PathBuf};

use super::{Error, Exit, input};
use crate::publish;
use findings::{Findings, Options};

/// What came of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Where it is.
    pub folder: PathBuf,
    /// What a person should know: damage of the input, pictures that could not be drawn.
    pub notes: Vec<String>,
    /// How the program ends.
    pub exit: Exit,
}

/// Reads a run below `raw` and writes its report below `out`.
///
/// # Errors
/// [`Error`] if there is no such run, or nothing can be written.
pub fn report(raw: &Path, out: &Path, name: &str, options: Options) -> Result<Report, Error> {
    let run = input::read(&input::find(raw, name)?)?;
    let findings = Findings::from_run(&run, options);
    let (files, mut notes) = publish::files(&findings);
    let published = publish::write(out, &run.name, &files)?;
    notes.extend(published.notes);
    notes.extend(run.damage.iter().map(|damage| format!("damaged: {damage}")));
    let exit = if run.damage.is_empty() {
        Exit::Ok
    } else {
        Exit::Damaged
    };
    Ok(Report {
        folder: published.folder,
        notes,
        exit,
    })
}
