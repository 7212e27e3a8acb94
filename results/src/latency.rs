//! Latencies, kept whole.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};

/// Three significant digits: a value is off by less than 0.1 %, whatever its size.
const DIGITS: u8 = 3;

/// How many values must be expected beyond a quantile before it is stated.
///
/// With fewer, a tail quantile is little more than the name of one of the largest values, and the
/// next run has another one. The rule gives p90 from 100 values on, p95 from 200, p99 from 1,000.
pub const MINIMUM_BEYOND: u64 = 10;

/// Whether so many values support the quantile `at`: the median is always stated, one above it if
/// [`MINIMUM_BEYOND`] values lie beyond it. The only place that decides this.
pub fn supports(values: u64, at: f64) -> bool {
    // 1.0 - 0.99 is a little less than 0.01 in binary.
    at <= 0.5 || values as f64 * (1.0 - at) > MINIMUM_BEYOND as f64 - 1e-6
}

/// An empty histogram of nanoseconds that grows as far as its values need.
pub fn empty() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("three digits are a precision that histograms have")
}

/// Counts one time in nanoseconds.
pub fn count(histogram: &mut Histogram<u64>, ns: u64) {
    // Not in a histogram that grows: it refuses only what has no room in memory.
    let _ = histogram.record(ns);
}

/// The form that records keep: HDR histogram V2, deflate, base64.
pub fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("a vector takes all bytes, and no counter of ours is near its end");
    STANDARD.encode(bytes)
}

/// What [`encode`] made a text of.
///
/// # Errors
/// What is wrong with the text.
pub fn decode(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|error| format!("the histogram is no base64: {error}"))?;
    Deserializer::new()
        .deserialize(&mut Cursor::new(bytes))
        .map_err(|error| format!("the histogram cannot be read: {error:?}"))
}

/// The quantile `at` (0.99 is p99) in nanoseconds; `None` if the histogram is empty or holds too
/// little to state it.
///
/// A quantile beyond the median is stated if at least ten values lie above it: p90 from 100 values
/// on, p99 from 1,000.
pub fn quantile(histogram: &Histogram<u64>, at: f64) -> Option<u64> {
    let enough = supports(histogram.len(), at);
    (enough && !histogram.is_empty()).then(|| histogram.value_at_quantile(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn survives_being_written_down(values in prop::collection::vec(0..=100_000_000_000_u64, 0..200)) {
            let mut histogram = empty();
            values.iter().for_each(|value| count(&mut histogram, *value));
            let read = decode(&encode(&histogram)).unwrap();
            prop_assert_eq!(&read, &histogram);
            prop_assert_eq!(read.len(), values.len() as u64);
        }
    }

    #[test]
    fn says_what_is_no_histogram() {
        assert!(decode("!").unwrap_err().contains("no base64"));
        assert!(decode("AAAA").unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn states_no_quantile_that_too_few_values_carry() {
        let mut histogram = empty();
        assert_eq!(quantile(&histogram, 0.5), None);
        for n in 1..=1_000 {
            count(&mut histogram, n);
            assert_eq!(quantile(&histogram, 0.9).is_some(), n >= 100, "p90 of {n}");
            assert_eq!(
                quantile(&histogram, 0.99).is_some(),
                n >= 1_000,
                "p99 of {n}"
            );
        }
        assert_eq!(quantile(&histogram, 0.5), Some(500));
        assert_eq!(quantile(&histogram, 0.99), Some(990));
    }
}
