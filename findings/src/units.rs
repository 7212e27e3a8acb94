//! Numbers as people read them.

/// Nanoseconds with three significant digits and the unit that fits: `812 ns`, `6.80 µs`, `30.1
/// ms`, `1.23 s`.
pub fn nanoseconds(ns: f64) -> String {
    let (scaled, unit) = match ns.abs() {
        size if size < 999.5 => return format!("{ns:.0} ns"),
        size if size < 999_500.0 => (size / 1e3, "µs"),
        size if size < 999_500_000.0 => (size / 1e6, "ms"),
        size => (size / 1e9, "s"),
    };
    let sign = if ns < 0.0 { "-" } else { "" };
    format!("{sign}{} {unit}", three_digits(scaled))
}

/// Bytes with three significant digits and the binary unit that fits: `4.40 MiB`.
pub fn bytes(bytes: f64) -> String {
    let (scaled, unit) = match bytes.abs() {
        size if size < 1024.0 => return format!("{bytes:.0} B"),
        size if size < 1024.0 * 1024.0 => (bytes / 1024.0, "KiB"),
        _ => (bytes / 1024.0 / 1024.0, "MiB"),
    };
    format!("{} {unit}", three_digits(scaled))
}

/// What is less counts as nothing where numbers are shown.
const SMALLEST: f64 = 1e-9;

/// Three significant digits, and all of a larger number's whole ones.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "zeros after the point, from 1 to 9"
)]
pub fn three_digits(value: f64) -> String {
    match value.abs() {
        v if v < SMALLEST => format!("{value:.2}"),
        // Rounding up may give one digit more, as of 0.09996: the place of the first one is that of the
        // rounded value.
        v if v < 0.9995 => {
            let zeros = -(v * (1.0 + 0.5e-3)).log10().floor();
            format!("{value:.*}", zeros as usize + 2)
        }
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// How many times as much, with three significant digits: `4.51×`; of what is less than a tenth the
/// reciprocal, which is what people compare: `1/81.3`.
pub fn times(value: f64) -> String {
    if (SMALLEST..0.09995).contains(&value) {
        format!("1/{}", three_digits(1.0 / value))
    } else {
        format!("{}×", three_digits(value))
    }
}

/// A part of one in percent: `0.4 %`, `93 %`.
pub fn percent(part: f64) -> String {
    let percent = part * 100.0;
    if percent.abs() < 9.95 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// What a value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds, in the unit that fits.
    Nanoseconds,
    /// Bytes, in the binary unit that fits.
    Bytes,
    /// A number, as it is.
    Count,
    /// Requests per second.
    PerSecond,
    /// How many times as much.
    Times,
    /// A part of one, in percent.
    Share,
}

impl Unit {
    /// A value with its unit, as people read it.
    pub fn shown(self, value: f64) -> String {
        match self {
            Self::Nanoseconds => nanoseconds(value),
            Self::Bytes => bytes(value),
            Self::Count | Self::PerSecond => grouped(value),
            Self::Times => times(value),
            Self::Share => percent(value),
        }
    }
}

/// A number with its thousands apart.
pub fn grouped(value: f64) -> String {
    if value.abs() < 100.0 && value.fract() != 0.0 {
        return three_digits(value);
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 {
        "-".to_owned()
    } else {
        String::new()
    };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its unit, as people write it: `20ms`, `10 MB`, `5000/s`.
pub fn parse_amount(text: &str) -> Option<(f64, Unit)> {
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let value: f64 = text[..split].parse().ok()?;
    let (size, unit) = match text[split..].trim() {
        "ns" => (1.0, Unit::Nanoseconds),
        "us" | "µs" => (1e3, Unit::Nanoseconds),
        "ms" => (1e6, Unit::Nanoseconds),
        "s" => (1e9, Unit::Nanoseconds),
        "B" => (1.0, Unit::Bytes),
        "kB" | "KB" => (1e3, Unit::Bytes),
        "MB" => (1e6, Unit::Bytes),
        "GB" => (1e9, Unit::Bytes),
        "KiB" => (1024.0, Unit::Bytes),
        "MiB" => (1024.0 * 1024.0, Unit::Bytes),
        "GiB" => (1024.0 * 1024.0 * 1024.0, Unit::Bytes),
        "/s" | "rps" => (1.0, Unit::PerSecond),
        _ => return None,
    };
    Some((value * size, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_the_unit_that_fits() {
        let shown: Vec<_> = [
            0.0,
            812.0,
            999.6,
            6_800.0,
            30_149_000.0,
            999_600.0,
            1.234e9,
            1.5e12,
        ]
        .map(nanoseconds)
        .into();
        assert_eq!(
            shown,
            [
                "0 ns", "812 ns", "1.00 µs", "6.80 µs", "30.1 ms", "1.00 ms", "1.23 s", "1500 s"
            ]
        );
        assert_eq!([-448.0, -1_500.0].map(nanoseconds), ["-448 ns", "-1.50 µs"]);
        let shown = [
            0.0,
            0.5,
            0.0189,
            0.099_96,
            0.099_94,
            0.000_123_4,
            0.9996,
            -0.25,
        ]
        .map(three_digits);
        let wanted = [
            "0.00", "0.500", "0.0189", "0.100", "0.0999", "0.000123", "1.00", "-0.250",
        ];
        assert_eq!(shown, wanted);
        let shown = [4.514, 0.5, 0.0999, 0.0123, 0.0].map(times);
        assert_eq!(shown, ["4.51×", "0.500×", "1/10.0", "1/81.3", "0.00×"]);
        assert_eq!(percent(0.0042), "0.4 %");
        assert_eq!(percent(0.93), "93 %");
    }
}
