//! Durations as people write and read them.

use std::time::Duration;

/// A duration in seconds, as an argument: for `value_parser` of clap.
///
/// # Errors
/// It is no number, or none from a millisecond to a day.
pub fn parse_seconds(text: &str) -> Result<Duration, String> {
    let duration = text
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let possible = Duration::from_millis(1)..=Duration::from_hours(24);
    duration
        .filter(|duration| possible.contains(duration))
        .ok_or_else(|| "expected seconds from 0.001 to 86400".to_owned())
}

/// An estimate of a time: in seconds below two minutes, in minutes from there on.
pub fn format_estimate(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{:.0} s", seconds.ceil())
    } else {
        format!("{:.0} min", (seconds / 60.0).ceil())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_with_fractions_and_within_bounds() {
        assert_eq!(parse_seconds("1.5"), Ok(Duration::from_millis(1500)));
        for text in ["0", "-1", "nan", "86401", "soon"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn estimates_are_rounded_up() {
        assert_eq!(format_estimate(0.2), "1 s");
        assert_eq!(format_estimate(119.0), "119 s");
        assert_eq!(format_estimate(121.0), "3 min");
    }
}
