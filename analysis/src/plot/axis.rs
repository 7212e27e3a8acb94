//! From values to places, and the numbers along the way.

use super::canvas::Canvas;
pub(super) use findings::units::Unit;
use findings::units::grouped;

/// How an axis runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// From zero, in equal steps.
    Linear {
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

/// How a unit is written along an axis.
trait AxisUnit {
    fn scaled(self, max: f64) -> (f64, &'static str);
    fn title(self, what: &str, scale: Scale) -> String;
    fn tick(self, value: f64) -> String;
}

impl AxisUnit for Unit {
    /// The size of the unit in which values up to `max` are told, and its name.
    fn scaled(self, max: f64) -> (f64, &'static str) {
        const KIB: f64 = 1024.0;
        match self {
            Self::Nanoseconds if max < 2e3 => (1.0, "ns"),
            Self::Nanoseconds if max < 2e6 => (1e3, "µs"),
            Self::Nanoseconds if max < 2e9 => (1e6, "ms"),
            Self::Nanoseconds => (1e9, "s"),
            Self::Bytes if max < 2.0 * KIB * KIB => (KIB, "KiB"),
            Self::Bytes if max < 2.0 * KIB * KIB * KIB => (KIB * KIB, "MiB"),
            Self::Bytes => (KIB * KIB * KIB, "GiB"),
            Self::Count => (1.0, ""),
            Self::PerSecond => (1.0, "requests/s"),
            Self::Times => (1.0, "times"),
            Self::Share => (0.01, "%"),
        }
    }

    /// The axis's title: what is counted, and in what.
    fn title(self, what: &str, scale: Scale) -> String {
        let unit = self.scaled(scale.max()).1;
        match scale {
            // Each number along a logarithmic axis has its unit.
            Scale::Log { .. } => format!("{what}, logarithmic"),
            Scale::Linear { .. } if unit.is_empty() => what.to_owned(),
            Scale::Linear { .. } => format!("{what}, {unit}"),
        }
    }

    /// A number along a logarithmic axis, as short as it can be.
    fn tick(self, value: f64) -> String {
        let (size, name) = self.scaled(value);
        // 1 to 2 of a larger unit would be told as 1000 to 2000 of the smaller one.
        let (size, name) = match (self, value) {
            (Self::Nanoseconds, 1e3..2e3) => (1e3, "µs"),
            (Self::Nanoseconds, 1e6..2e6) => (1e6, "ms"),
            (Self::Nanoseconds, 1e9..2e9) => (1e9, "s"),
            _ => (size, name),
        };
        match self {
            Self::Times => format!("{}×", plain(value)),
            Self::Count | Self::PerSecond => grouped(value),
            _ => format!("{} {name}", plain(value / size)),
        }
    }
}

/// A number with no more digits than it needs.
fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Scale {
    /// From zero to a little more than the largest value.
    pub fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        let max = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        Self::Linear {
            max: if max > 0.0 { max * 1.02 } else { 1.0 },
        }
    }

    /// Around all positive values.
    pub fn log(values: impl Iterator<Item = f64> + Clone) -> Self {
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

    pub(crate) fn max(self) -> f64 {
        match self {
            Self::Linear { max } | Self::Log { max, .. } => max,
        }
    }

    /// Where a value stands, from 0 to 1.
    pub fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear { max } => (value / max).clamp(0.0, 1.0),
            Self::Log { min, max } => {
                ((value.max(min) / min).ln() / (max / min).ln()).clamp(0.0, 1.0)
            }
        }
    }

    /// The values that are named, and how.
    fn ticks(self, unit: Unit) -> Vec<(f64, String)> {
        match self {
            Self::Linear { max } => {
                let size = unit.scaled(max).0;
                let step = nice(max / size / 5.0);
                let count = (max / size / step).floor();
                let mut at = 0.0;
                let mut ticks = Vec::new();
                while at <= count {
                    let value = at * step;
                    ticks.push((
                        value * size,
                        if value >= 1000.0 {
                            grouped(value)
                        } else {
                            plain(value)
                        },
                    ));
                    at += 1.0;
                }
                ticks
            }
            Self::Log { min, max } => {
                let decades = (max / min).log10();
                let steps: &[f64] = match decades {
                    d if d < 1.2 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
                    d if d < 3.0 => &[1.0, 2.0, 5.0],
                    _ => &[1.0],
                };
                let (first, last) = (min.log10().floor(), max.log10().ceil());
                // Of very long axes every second or third decade is named.
                let stride = (decades / 8.0).ceil().max(1.0);
                let mut ticks = Vec::new();
                let mut power = first;
                while power <= last {
                    let values = steps.iter().map(|step| step * 10_f64.powf(power));
                    ticks.extend(
                        values
                            .filter(|v| (min..=max).contains(v))
                            .map(|v| (v, unit.tick(v))),
                    );
                    power += stride;
                }
                ticks
            }
        }
    }

    /// The horizontal axis at the foot of a frame, with lines up to its head.
    pub(crate) fn draw_x(self, canvas: &mut Canvas, frame: [f64; 4], unit: Unit, what: &str) {
        let [x, y, width, height] = frame;
        let mut free_from = f64::NEG_INFINITY;
        for (value, name) in self.ticks(unit) {
            let at = x + self.place(value) * width;
            canvas.line("grid", [at, y, at, y + height]);
            let half = super::canvas::text_width(&name, 11.0) / 2.0;
            // Names that would run into each other are left out; their lines stay.
            if at - half >= free_from {
                canvas.text("muted n m", at, y + height + 15.0, &name);
                free_from = at + half + 6.0;
            }
        }
        canvas.line("axis", [x, y + height, x + width, y + height]);
        canvas.text(
            "muted n m",
            x + width / 2.0,
            y + height + 33.0,
            &unit.title(what, self),
        );
    }

    /// The vertical axis at the left of a frame, with lines to its right.
    pub(crate) fn draw_y(self, canvas: &mut Canvas, frame: [f64; 4], unit: Unit, what: &str) {
        let [x, y, width, height] = frame;
        for (value, name) in self.ticks(unit) {
            let at = y + height - self.place(value) * height;
            canvas.line("grid", [x, at, x + width, at]);
            canvas.text("muted n e", x - 6.0, at + 4.0, &name);
        }
        canvas.line("axis", [x, y, x, y + height]);
        canvas.upright("muted n m", 14.0, y + height / 2.0, &unit.title(what, self));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_tell_their_unit() {
        let names = |scale: Scale, unit| {
            scale
                .ticks(unit)
                .into_iter()
                .map(|(_, name)| name)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names(Scale::Linear { max: 23e6 }, Unit::Nanoseconds),
            ["0", "5", "10", "15", "20"]
        );
        assert_eq!(
            names(Scale::Linear { max: 48_000.0 }, Unit::PerSecond)[4],
            "40,000"
        );
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
    fn thousands_stand_apart() {
        assert_eq!(
            [0.0, 7.25, 999.0, 1_000.0, 1_234_567.0].map(grouped),
            ["0", "7.25", "999", "1,000", "1,234,567"]
        );
    }
}
