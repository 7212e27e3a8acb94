//! An interval of numbers.

use serde::Serialize;

/// A closed interval, in the unit of what it is of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Both ends, in either order.
    pub fn new(one: f64, two: f64) -> Self {
        Self {
            low: one.min(two),
            high: one.max(two),
        }
    }

    /// Around `centre`, by `reach` to both sides.
    pub fn around(centre: f64, reach: f64) -> Self {
        Self::new(centre - reach, centre + reach)
    }

    /// Whether a number is in it; the ends are.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Both ends sent through a function that rises or falls throughout.
    #[must_use]
    pub fn map(&self, through: impl Fn(f64) -> f64) -> Self {
        Self::new(through(self.low), through(self.high))
    }
}
