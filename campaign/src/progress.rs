//! What a person sees of a running campaign: a bar on a terminal, and elsewhere a line a minute. Drawn
//! between two samples, never during one.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use machine::clock::now_ns;
use results::record::{Cell, Outcome};
use results::{Sample, text};

use crate::duration::format_estimate;
use crate::schedule::{Planned, Reporter};
use crate::terminal::say;

/// How far lines are apart where there is no terminal. No sample is interrupted for one: it is said
/// before the next.
const PERIOD_NS: u64 = 60_000_000_000;

/// A bar on a terminal; a line a minute elsewhere.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// What is said where there is no bar.
    lines: Option<Lines>,
    unusable: u64,
}

impl Progress {
    /// Not drawn yet.
    pub fn new() -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        // No steady tick: its thread would draw, and run, in the middle of a sample.
        let bar = if on_terminal {
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
        Self {
            bar,
            lines: (!on_terminal).then(Lines::default),
            unusable: 0,
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a campaign stands, as lines.
#[derive(Debug, Default)]
struct Lines {
    began_ns: u64,
    said_ns: u64,
    planned: u64,
    /// Those that were there when this began.
    before: u64,
    done: u64,
}

impl Lines {
    fn begin(&mut self, now_ns: u64, planned: u64, done: u64) {
        *self = Self {
            began_ns: now_ns,
            said_ns: now_ns,
            planned,
            before: done,
            done,
        };
    }

    /// The line that is due, if one is.
    fn due(&mut self, now_ns: u64, unusable: u64, cell: &Cell) -> Option<String> {
        if now_ns.saturating_sub(self.said_ns) < PERIOD_NS {
            return None;
        }
        self.said_ns = now_ns;
        let gone = now_ns.saturating_sub(self.began_ns) as f64 / 1e9;
        let measured = self.done.saturating_sub(self.before);
        let left = (measured > 0).then(|| {
            let rest = self.planned.saturating_sub(self.done);
            let estimate = gone / measured as f64 * rest as f64;
            format!(", about {} left", format_estimate(estimate))
        });
        Some(format!(
            "{} of {} samples after {}{}; now {}",
            self.done,
            self.planned,
            format_estimate(gone),
            left.unwrap_or_default(),
            described(unusable, cell),
        ))
    }
}

/// A cell, and how many samples do not count so far.
fn described(unusable: u64, cell: &Cell) -> String {
    let params: Vec<_> = cell.params.values().map(String::as_str).collect();
    let unusable = if unusable > 0 {
        format!("{unusable} failed or skipped; ")
    } else {
        String::new()
    };
    let message = format!(
        "{unusable}{} {} {} {}",
        cell.system,
        cell.workload,
        cell.scenario.name(),
        params.join(" ")
    );
    text::line(message.trim_end()).into_owned()
}

impl Reporter for Progress {
    fn begin(&mut self, planned: u64, done: u64) {
        self.bar.set_length(planned);
        self.bar.set_position(done);
        self.bar.reset_eta();
        if let Some(lines) = &mut self.lines {
            lines.begin(now_ns(), planned, done);
        }
    }

    fn before(&mut self, planned: &Planned) {
        let message = described(self.unusable, &planned.cell);
        self.bar.set_message(message);
        let lines = self.lines.as_mut();
        if let Some(line) = lines.and_then(|it| it.due(now_ns(), self.unusable, &planned.cell)) {
            say(&line);
        }
    }

    fn after(&mut self, sample: &Sample) {
        if sample.outcome != Outcome::Ok {
            self.unusable += 1;
        }
        self.bar.inc(1);
        if let Some(lines) = &mut self.lines {
            lines.done += 1;
        }
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use results::{Params, Scenario};

    use super::*;

    #[test]
    fn a_line_is_due_once_a_minute_and_says_what_is_left() {
        let cell = Cell {
            system: "docker".into(),
            workload: "http-hello".into(),
            scenario: Scenario::DiskCold,
            params: Params::new(),
        };
        let second = 1_000_000_000;
        let mut lines = Lines::default();
        // A run that goes on: ten samples were there, and say nothing of how fast this one is.
        lines.begin(0, 100, 10);
        assert_eq!(lines.due(59 * second, 0, &cell), None);
        lines.done = 40;
        assert_eq!(
            lines.due(60 * second, 0, &cell).unwrap(),
            "40 of 100 samples after 60 s, about 2 min left; now docker http-hello disk-cold"
        );
        assert_eq!(lines.due(119 * second, 0, &cell), None);
        let later = lines.due(120 * second, 3, &cell).unwrap();
        assert!(later.contains("now 3 failed or skipped; docker"), "{later}");
    }
}
