//! Words and numbers for comparisons.

use super::{Comparison, Design, Effect, Family};
use crate::statistics::Verdict;
use crate::units::{Unit, percent, three_digits};

impl Design {
    /// The test, in words.
    pub const fn test(self) -> &'static str {
        match self {
            Self::Blocked => "signed ranks within blocks",
            Self::Independent => "Mann–Whitney",
        }
    }
}

impl Effect {
    /// A ratio with its interval: `4.51× (4.38–4.66)`.
    pub fn ratio_text(&self) -> String {
        let ends = self.interval.map_or_else(String::new, |ends| {
            format!(" ({}–{})", three_digits(ends.low), three_digits(ends.high))
        });
        format!("{}×{ends}", three_digits(self.estimate))
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
            |floor| format!("the A/A floor is {}", percent(floor)),
        );
        format!(
            "{}, Holm-corrected over {} {}; a difference counts beyond {}, and {floor}",
            self.design.test(),
            self.members.len(),
            if self.members.len() == 1 {
                "comparison"
            } else {
                "comparisons"
            },
            percent(self.policy.threshold),
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
            (Verdict::TooFewSamples { .. }, _) => "?",
            (Verdict::NotComparable { .. }, _) => "–",
        }
    }

    /// The verdict in a word, in terms of what is measured.
    pub fn label(&self) -> String {
        let is_memory = self.measure.unit() == Unit::Bytes;
        let word = match &self.verdict {
            Verdict::Faster if is_memory => "less".to_owned(),
            Verdict::Slower if is_memory => "more".to_owned(),
            Verdict::Faster => "faster".to_owned(),
            Verdict::Slower => "slower".to_owned(),
            Verdict::Indistinguishable => "indistinguishable".to_owned(),
            Verdict::TooFewSamples { needed } => format!("too few: {needed} needed"),
            Verdict::NotComparable { why } => format!("not comparable: {why}"),
        };
        format!("{} {word}", self.mark())
    }

    /// The ratio with its interval, or a dash.
    pub fn ratio_text(&self) -> String {
        self.ratio
            .map_or_else(|| "–".to_owned(), |ratio| ratio.ratio_text())
    }

    /// What a sentence says of the candidate: `4.51× (4.38–4.66) the cost`.
    pub fn clause(&self) -> String {
        match &self.verdict {
            Verdict::Faster | Verdict::Slower => format!("{} the cost", self.ratio_text()),
            Verdict::Indistinguishable => "indistinguishable from it".to_owned(),
            Verdict::TooFewSamples { .. } => "too few samples to judge".to_owned(),
            Verdict::NotComparable { why } => format!("not comparable: {why}"),
        }
    }
}
