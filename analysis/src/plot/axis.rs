//! From values to places, and the numbers along the way.

use std::ops::Range;

use findings::units::{Unit, grouped};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::picture::text_width;

/// How an axis runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    /// In equal steps.
    Linear {
        /// The smallest value: zero, except in the further parts of a broken axis.
        min: f64,
        /// The greatest value.
        max: f64,
    },
    /// In equal ratios.
    Log {
        /// The smallest value.
        min: f64,
        /// The greatest value.
        max: f64,
    },
}

/// The size of the unit in which values up to `max` are written, and its name.
fn scaled(unit: Unit, max: f64) -> (f64, &'static str) {
    const KIB: f64 = 1024.0;
    match unit {
        Unit::Nanoseconds if max < 2e3 => (1.0, "ns"),
        Unit::Nanoseconds if max < 2e6 => (1e3, "µs"),
        Unit::Nanoseconds if max < 2e9 => (1e6, "ms"),
        Unit::Nanoseconds => (1e9, "s"),
        Unit::Bytes if max < 2.0 * KIB * KIB => (KIB, "KiB"),
        Unit::Bytes if max < 2.0 * KIB * KIB * KIB => (KIB * KIB, "MiB"),
        Unit::Bytes => (KIB * KIB * KIB, "GiB"),
        Unit::Count => (1.0, ""),
        Unit::PerSecond => (1.0, "requests/s"),
        Unit::Times => (1.0, "times"),
        Unit::Share => (0.01, "%"),
    }
}

/// An axis's title: what is counted, and in what.
fn title(unit: Unit, what: &str, scale: Scale) -> String {
    let name = scaled(unit, scale.max()).1;
    match scale {
        // Each number along a logarithmic axis has its unit.
        Scale::Log { .. } => format!("{what}, logarithmic"),
        Scale::Linear { .. } if name.is_empty() => what.to_owned(),
        Scale::Linear { .. } => format!("{what}, {name}"),
    }
}

/// A number along an axis with its unit, as short as it can be.
pub(crate) fn with_unit(unit: Unit, value: f64) -> String {
    let (size, name) = match (unit, value) {
        // 1 to 2 of a larger unit would be written as 1000 to 2000 of the smaller one.
        (Unit::Nanoseconds, 1e3..2e3) => (1e3, "µs"),
        (Unit::Nanoseconds, 1e6..2e6) => (1e6, "ms"),
        (Unit::Nanoseconds, 1e9..2e9) => (1e9, "s"),
        _ => scaled(unit, value),
    };
    match unit {
        _ if value == 0.0 => "0".to_owned(),
        Unit::Times => format!("{}×", plain(value)),
        Unit::Count | Unit::PerSecond => grouped(value),
        _ => format!("{} {name}", plain(value / size)),
    }
}

/// A number with no more digits than it needs.
fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Scale {
    /// From zero to a little more than the largest value.
    pub(crate) fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        let max = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let max = if max > 0.0 { max * 1.02 } else { 1.0 };
        Self::Linear { min: 0.0, max }
    }

    /// Around all positive values.
    pub(crate) fn log(values: impl Iterator<Item = f64> + Clone) -> Self {
        let positive = values.filter(|value| value.is_finite() && *value > 0.0);
        let max = positive.clone().fold(0.0, f64::max);
        let min = positive.fold(f64::INFINITY, f64::min);
        if max > 0.0 {
            Self::Log {
                min: min / 1.15,
                max: max * 1.15,
            }
        } else {
            Self::Log {
                min: 1.0,
                max: 10.0,
            }
        }
    }

    pub(crate) fn min(self) -> f64 {
        match self {
            Self::Linear { min, .. } | Self::Log { min, .. } => min,
        }
    }

    pub(crate) fn max(self) -> f64 {
        match self {
            Self::Linear { max, .. } | Self::Log { max, .. } => max,
        }
    }

    /// Where a value stands, from 0 to 1.
    pub(crate) fn place(self, value: f64) -> f64 {
        let place = match self {
            Self::Linear { min, max } => (value - min) / (max - min),
            Self::Log { min, max } => (value.max(min) / min).ln() / (max / min).ln(),
        };
        place.clamp(0.0, 1.0)
    }

    /// The values that are named.
    fn ticks(self, unit: Unit) -> Vec<f64> {
        match self {
            Self::Linear { min, max } => {
                let size = scaled(unit, max).0;
                let step = nice((max - min) / size / 5.0) * size;
                // Not added up: rounding errors would be, too. And zero has no sign.
                let first = (min / step - 1e-9).ceil().abs();
                std::iter::successors(Some(first), |at| Some(at + 1.0))
                    .map(|at| at * step)
                    .take_while(|value| *value <= max * (1.0 + 1e-9))
                    .collect()
            }
            Self::Log { min, max } => {
                let decades = (max / min).log10();
                let steps: &[f64] = match decades {
                    d if d < 1.2 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
                    d if d < 3.0 => &[1.0, 2.0, 5.0],
                    _ => &[1.0],
                };
                let last = max.log10().ceil();
                // Of very long axes every second or third decade is named.
                let stride = (decades / 8.0).ceil().max(1.0);
                std::iter::successors(Some(min.log10().floor()), |power| Some(power + stride))
                    .take_while(|power| *power <= last)
                    .flat_map(|power| steps.iter().map(move |step| step * 10_f64.powf(power)))
                    .filter(|value| (min..=max).contains(value))
                    .collect()
            }
        }
    }

    fn name(self, unit: Unit, value: f64) -> String {
        match self {
            Self::Log { .. } => with_unit(unit, value),
            Self::Linear { max, .. } => {
                let value = value / scaled(unit, max).0;
                if value >= 1000.0 {
                    grouped(value)
                } else {
                    plain(value)
                }
            }
        }
    }
}

/// The nearest of 1, 2, 2.5, 5 times a power of ten that is not below `step`.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.max(f64::MIN_POSITIVE).log10().floor());
    let nice = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|nice| nice * power >= step * (1.0 - 1e-9));
    nice.unwrap_or(10.0) * power
}

/// An axis of plotters: a scale, and the numbers along it.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    scale: Scale,
    ticks: Vec<(f64, String)>,
    /// What stands along it.
    pub(crate) title: String,
}

impl Axis {
    /// One that stands upright.
    pub(crate) fn upright(scale: Scale, unit: Unit, what: &str) -> Self {
        let ticks = scale.ticks(unit).into_iter();
        Self {
            scale,
            ticks: ticks
                .map(|value| (value, scale.name(unit, value)))
                .collect(),
            title: title(unit, what, scale),
        }
    }

    /// One that lies, and is so long. Names that would run into each other are left out; their
    /// lines stay.
    pub(crate) fn lying(scale: Scale, unit: Unit, what: &str, length: f64) -> Self {
        let mut axis = Self::upright(scale, unit, what);
        axis.thin_out(length);
        axis
    }

    /// A part of a broken axis: each number has its unit, since parts differ, and its lower end has
    /// no name, since the part before it ends there.
    pub(crate) fn part(scale: Scale, unit: Unit, length: f64) -> Self {
        let ticks = scale.ticks(unit).into_iter().map(|value| {
            let is_shared = value > 0.0 && value <= scale.min();
            let name = if is_shared {
                String::new()
            } else {
                with_unit(unit, value)
            };
            (value, name)
        });
        let mut axis = Self {
            scale,
            ticks: ticks.collect(),
            title: String::new(),
        };
        axis.thin_out(length);
        axis
    }

    fn thin_out(&mut self, length: f64) {
        let mut free_from = f64::NEG_INFINITY;
        for (value, name) in &mut self.ticks {
            let at = self.scale.place(*value) * length;
            let half = text_width(name, 11.0) / 2.0;
            if at - half < free_from {
                name.clear();
            } else if !name.is_empty() {
                free_from = at + half + 6.0;
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "pictures are some thousand steps wide and high"
)]
fn between((from, to): (i32, i32), share: f64) -> i32 {
    from + (f64::from(to - from) * share).round() as i32
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, pixels: (i32, i32)) -> i32 {
        between(pixels, self.scale.place(*value))
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // There are no fine lines between the named ones.
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.ticks.iter().map(|(value, _)| *value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.scale.min()..self.scale.max()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        // Plotters passes the values back as they are.
        let mut ticks = self.ticks.iter();
        let tick = ticks.find(|(tick, _)| tick.to_bits() == value.to_bits());
        tick.map_or_else(String::new, |(_, name)| name.clone())
    }
}

/// Rows from above to below, each one unit high. The middle of the first is at 0.5.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows(pub(crate) usize);

impl Ranged for Rows {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, row: &f64, (bottom, top): (i32, i32)) -> i32 {
        between((top, bottom), row / self.0.max(1) as f64)
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        Vec::new()
    }

    fn range(&self) -> Range<f64> {
        0.0..self.0 as f64
    }
}

impl ValueFormatter<f64> for Rows {
    fn format_ext(&self, _row: &f64) -> String {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scale: Scale, unit: Unit) -> Vec<String> {
        let axis = Axis::upright(scale, unit, "time");
        axis.ticks.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn ticks_are_round_and_have_their_unit() {
        let linear = |max| Scale::Linear { min: 0.0, max };
        assert_eq!(
            names(linear(23e6), Unit::Nanoseconds),
            ["0", "5", "10", "15", "20"]
        );
        assert_eq!(names(linear(48_000.0), Unit::PerSecond)[4], "40,000");
        let log = Scale::Log {
            min: 0.9e6,
            max: 120e6,
        };
        assert_eq!(
            names(log, Unit::Nanoseconds),
            ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms", "50 ms", "100 ms"]
        );
        assert_eq!((log.place(0.0), log.place(1e12)), (0.0, 1.0));
    }

    #[test]
    fn a_part_of_a_broken_axis_does_not_repeat_where_it_begins() {
        let part = Scale::Linear {
            min: 20e6,
            max: 100e6,
        };
        let axis = Axis::part(part, Unit::Nanoseconds, 400.0);
        let names: Vec<_> = axis.ticks.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["", "40 ms", "60 ms", "80 ms", "100 ms"]);
    }
}
