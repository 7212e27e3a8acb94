//! Words and numbers for comparisons.

use super::{Bound, Comparison, Design, Effect, Family};
use crate::statistics::Verdict;
use crate::units::{Unit, percent, times};

impl Design {
    /// The test, in words.
    pub const fn test(self) -> &'static str {
        match self {
            Self::Blocked => "sign flips within blocks, step-down max-T",
            Self::Independent => "Welch's test of logarithms, Holm",
        }
    }
}

impl Effect {
    /// A ratio with its interval: `4.51× (4.38–4.66)`, `1/81.3 (1/91.0–1/72.4)`.
    pub fn ratio_text(&self) -> String {
        let end = |ratio: f64| times(ratio).trim_end_matches('×').to_owned();
        let ends = self.interval.map_or_else(String::new, |ends| {
            format!(" ({}–{})", end(ends.low), end(ends.high))
        });
        format!("{}{ends}", times(self.estimate))
    }

    /// A difference with its sign.
    pub fn difference_text(&self, unit: Unit) -> String {
        signed(self.estimate, unit)
    }

    /// The interval of a difference: `+2.00 µs to +3.10 µs`.
    pub fn difference_interval_text(&self, unit: Unit) -> String {
        self.interval.map_or_else(
            || "too few samples".to_owned(),
            |ends| format!("{} to {}", signed(ends.low, unit), signed(ends.high, unit)),
        )
    }
}

/// A value with its sign, also where it is positive.
pub fn signed(value: f64, unit: Unit) -> String {
    match value {
        value if value > 0.0 => format!("+{}", unit.shown(value)),
        value if value < 0.0 => format!("−{}", unit.shown(-value)),
        value => unit.shown(value),
    }
}

impl Family {
    /// How the verdicts were arrived at, in a clause.
    pub fn method(&self) -> String {
        let floor = self.policy.floor.map_or_else(
            || "there was no A/A control of this measure".to_owned(),
            |floor| format!("the A/A control differed by up to {}", percent(floor)),
        );
        format!(
            "{}, corrected over {} {}; a difference counts beyond {}, indistinguishable is what \
                differs by less than {}, and {floor}",
            self.design.test(),
            self.corrected_over,
            if self.corrected_over == 1 {
                "comparison"
            } else {
                "comparisons"
            },
            percent(self.policy.threshold),
            percent(self.policy.margin),
        )
    }
}

impl Comparison {
    /// The mark that stands beside values in pictures. It points where the bar goes: of a rate,
    /// slower is down.
    pub const fn mark(&self) -> &'static str {
        match (&self.verdict, self.measure.is_rate()) {
            (Verdict::Faster, false) | (Verdict::Slower, true) => "▼",
            (Verdict::Slower, false) | (Verdict::Faster, true) => "▲",
            (Verdict::Indistinguishable, _) => "≈",
            (Verdict::WithinControl, _) => "~",
            (Verdict::Inconclusive, _) => "?",
            (Verdict::NotComparable { .. }, _) => "–",
        }
    }

    /// The verdict in a word, in terms of what is measured.
    pub fn label(&self) -> String {
        let is_amount = self.measure.is_amount();
        let word = match &self.verdict {
            Verdict::Faster if is_amount => "less".to_owned(),
            Verdict::Slower if is_amount => "more".to_owned(),
            Verdict::Faster => "faster".to_owned(),
            Verdict::Slower => "slower".to_owned(),
            Verdict::Indistinguishable => "indistinguishable".to_owned(),
            Verdict::WithinControl => "differs, within A/A".to_owned(),
            Verdict::Inconclusive => "inconclusive".to_owned(),
            Verdict::NotComparable { why } => format!("not comparable: {why}"),
        };
        format!("{} {word}", self.mark())
    }

    /// The ratio with its interval, or a dash: `≥ 8.08× (7.9–8.2)` where it is only a bound.
    pub fn ratio_text(&self) -> String {
        let bound = self.bound.map_or("", Bound::sign);
        self.ratio.map_or_else(
            || "–".to_owned(),
            |ratio| format!("{bound}{}", ratio.ratio_text()),
        )
    }

    /// What a sentence says of the candidate: `4.51× (4.38–4.66) the cost`.
    pub fn clause(&self) -> String {
        match &self.verdict {
            Verdict::Faster | Verdict::Slower => format!("{} the cost", self.ratio_text()),
            Verdict::Indistinguishable => "indistinguishable from it".to_owned(),
            Verdict::WithinControl => format!(
                "{} the cost, which is within what the A/A control showed",
                self.ratio_text()
            ),
            Verdict::Inconclusive => self.ratio.map_or_else(
                || "not judged: too few samples".to_owned(),
                |_| format!("inconclusive: {} the cost", self.ratio_text()),
            ),
            Verdict::NotComparable { why } => format!("not comparable: {why}"),
        }
    }
}
