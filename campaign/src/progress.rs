//! What a person at a terminal sees of a running campaign. Drawn between two samples, never during
//! one.

use std::io::IsTerminal as _;

use crate::schedule::{Planned, Reporter};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use results::record::Outcome;
use results::{Sample, text};

/// A bar on a terminal; nothing elsewhere.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    unusable: u64,
}

impl Progress {
    /// Not drawn yet.
    pub fn new() -> Self {
        // No steady tick: its thread would draw, and run, in the middle of a sample.
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        let template = "[{bar:24}] {pos}/{len}  {eta} left  {wide_msg}";
        bar.set_style(
            ProgressStyle::with_template(template)
                .expect("the template is a constant")
                .progress_chars("=> "),
        );
        Self { bar, unusable: 0 }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Reporter for Progress {
    fn begin(&mut self, planned: u64, done: u64) {
        self.bar.set_length(planned);
        self.bar.set_position(done);
        self.bar.reset_eta();
    }

    fn before(&mut self, planned: &Planned) {
        let params: Vec<_> = planned.cell.params.values().map(String::as_str).collect();
        let unusable = if self.unusable > 0 {
            format!("{} failed or skipped; ", self.unusable)
        } else {
            String::new()
        };
        let cell = &planned.cell;
        let message = format!(
            "{unusable}{} {} {}",
            cell.system,
            cell.workload,
            params.join(" ")
        );
        self.bar.set_message(text::line(&message).into_owned());
    }

    fn after(&mut self, sample: &Sample) {
        if sample.outcome != Outcome::Ok {
            self.unusable += 1;
        }
        self.bar.inc(1);
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }
}
