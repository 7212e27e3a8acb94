//! Latencies, kept whole.

mod counts;

use std::io::{Cursor, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};

pub use counts::counts;

/// Three significant digits: a value is off by less than 0.1 %, whatever its size.
const DIGITS: u8 = 3;

/// The longest text of a histogram that is read. One of ours with every bucket in use has a sixth of it.
const LONGEST_TEXT: usize = 2 << 20;

/// The most bytes that a histogram is when it is no longer compressed: a bucket is a number of up to
/// nine bytes, and at this precision there are 56 thousand.
const MOST_BYTES: u64 = 2 << 20;

/// What the two forms of a histogram begin with.
const PLAIN: u32 = 0x1c84_9313;
const COMPRESSED: u32 = 0x1c84_9314;

/// The length of what stands before a histogram's buckets.
const HEAD: usize = 40;

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
    let bytes = plain(text)?;
    // The library computes with what stands there, and an overflow ends the program.
    counts::check(&bytes)?;
    Deserializer::new()
        .deserialize(&mut Cursor::new(bytes))
        .map_err(|error| format!("the histogram cannot be read: {error:?}"))
}

/// The bytes of a histogram that was made a text of.
fn plain(text: &str) -> Result<Vec<u8>, String> {
    if text.len() > LONGEST_TEXT {
        return Err(format!(
            "the histogram is a text of {} bytes, and at most {LONGEST_TEXT} are read",
            text.len()
        ));
    }
    let bytes = STANDARD
        .decode(text)
        .map_err(|error| format!("the histogram is no base64: {error}"))?;
    inflated(&bytes).map_err(|reason| format!("the histogram cannot be read: {reason}"))
}

/// The bytes of a histogram, no longer compressed, once what they say of their own size was looked at.
/// The library believes it: a thousand bytes make it take gigabytes.
fn inflated(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let word = |bytes: &[u8], at: usize| -> Result<u32, String> {
        let word = bytes.get(at..at + 4).ok_or("it is cut off")?;
        Ok(u32::from_be_bytes(word.try_into().expect("four bytes")))
    };
    let plain = match word(bytes, 0)? {
        PLAIN => bytes.to_vec(),
        COMPRESSED => {
            let length = word(bytes, 4)? as usize;
            let packed = bytes.get(8..).unwrap_or_default();
            let packed = packed.get(..length).ok_or("it is cut off")?;
            let mut plain = Vec::new();
            let mut reader = flate2::read::ZlibDecoder::new(packed).take(MOST_BYTES + 1);
            reader
                .read_to_end(&mut plain)
                .map_err(|error| format!("it is not compressed as it says: {error}"))?;
            if plain.len() as u64 > MOST_BYTES {
                return Err(format!("unpacked it is larger than {MOST_BYTES} bytes"));
            }
            plain
        }
        _ => return Err("it begins like no histogram".to_owned()),
    };
    if word(&plain, 0)? != PLAIN {
        return Err("it begins like no histogram".to_owned());
    }
    if word(&plain, 4)? as usize + HEAD != plain.len() {
        return Err("its length is not what it says".to_owned());
    }
    let digits = word(&plain, 12)?;
    if digits > u32::from(DIGITS) {
        return Err(format!(
            "it has {digits} digits, and at most {DIGITS} are read"
        ));
    }
    Ok(plain)
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

    /// A histogram of the form `V2`, with this head and this body, packed.
    fn packed(digits: u32, high: u64, length: u32, body: &[u8]) -> String {
        use std::io::Write as _;
        let mut plain = Vec::new();
        for word in [PLAIN, length, 0, digits] {
            plain.extend(word.to_be_bytes());
        }
        plain.extend(1_u64.to_be_bytes());
        plain.extend(high.to_be_bytes());
        plain.extend(1_f64.to_be_bytes());
        plain.extend(body);
        let mut bytes = Vec::new();
        let mut packer = flate2::write::ZlibEncoder::new(&mut bytes, flate2::Compression::best());
        packer.write_all(&plain).unwrap();
        packer.finish().unwrap();
        let mut all = COMPRESSED.to_be_bytes().to_vec();
        all.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
        all.extend(bytes);
        STANDARD.encode(all)
    }

    #[test]
    fn no_number_of_empty_places_is_too_large_to_be_refused_or_read() {
        // Found by fuzzing: the least number of nine bytes has no opposite.
        let mut beyond = vec![0xff];
        beyond.extend([0xbb; 25]);
        beyond.extend([0xff, 0xff, 0x0d]);
        let [least, twice, large, small] = [(0xff_u8, 9), (0xff, 18), (0xfd, 9), (0x81, 20)]
            .map(|(byte, length)| vec![byte; length]);
        // And so many that their sum is no number of places.
        for body in [least, twice, large, small, beyond] {
            let length = u32::try_from(body.len()).unwrap();
            let text = packed(3, 1 << 40, length, &body);
            assert_eq!(decode(&text).is_ok(), counts(&text).is_ok(), "{body:?}");
        }
    }

    /// Found by fuzzing: the library's last place of all ends one before the last number there is.
    #[test]
    fn the_highest_of_all_values_is_read_as_the_library_does() {
        let mut histogram = empty();
        histogram.record(u64::MAX).unwrap();
        let text = encode(&histogram);
        let by_library: Vec<_> = decode(&text)
            .unwrap()
            .iter_recorded()
            .map(|it| (it.value_iterated_to(), it.count_at_value()))
            .collect();
        assert_eq!(counts(&text), Ok(by_library));
    }

    #[test]
    fn a_small_text_does_not_become_a_large_histogram() {
        let body = vec![2_u8; 1_000];
        assert!(decode(&packed(3, 1 << 40, 1_000, &body)).is_ok());
        let refused = |text: &str| decode(text).unwrap_err();
        let digits = refused(&packed(5, u64::MAX / 2, 1_000, &body));
        assert!(digits.contains("5 digits"), "{digits}");
        let length = refused(&packed(3, 1 << 40, u32::MAX, &body));
        assert!(length.contains("not what it says"), "{length}");
        let inflated = refused(&packed(3, 1 << 40, 300 << 20, &vec![0; 300 << 20]));
        assert!(inflated.contains("larger than"), "{inflated}");
        let text = refused(&"A".repeat(LONGEST_TEXT + 1));
        assert!(text.contains("bytes"), "{text}");
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
