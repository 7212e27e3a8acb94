//! The values of a written histogram, each with how often it occurred, without the histogram itself.
//!
//! A histogram has a place for each value that it could hold, some twenty thousand up to a second, of which a
//! few hundred are in use: to make one and to walk over it took most of the time in which a report
//! reads requests. The written form names those in use.

use super::{HEAD, plain};

/// The values in ascending order, each with how often it occurred: what [`super::decode`] gives, taken apart.
///
/// # Errors
/// What is wrong with the text.
pub fn counts(text: &str) -> Result<Vec<(u64, u64)>, String> {
    of_plain(&plain(text)?)
}

/// Whether a histogram in its plain form can be read.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(plain: &[u8]) -> Result<(), String> {
    of_plain(plain).map(drop)
}

fn of_plain(plain: &[u8]) -> Result<Vec<(u64, u64)>, String> {
    let wrong = |reason: String| format!("the histogram cannot be read: {reason}");
    let places = Places::of(plain).map_err(wrong)?;
    values(plain.get(HEAD..).unwrap_or_default(), &places).map_err(wrong)
}

/// Which values a histogram can hold, by its head.
struct Places {
    /// A value of the first bucket is a multiple of two to this power.
    unit: u32,
    /// A bucket has two to this power of places, but for the first one, which has twice as many.
    half: u32,
    /// How many places there are in all.
    all: u64,
}

impl Places {
    /// From the head of the plain form, whose length was looked at.
    fn of(plain: &[u8]) -> Result<Self, String> {
        let word = |at: usize| -> Result<u32, String> {
            let bytes = plain.get(at..at + 4).ok_or("it is cut off")?;
            Ok(u32::from_be_bytes(bytes.try_into().expect("four bytes")))
        };
        let long = |at: usize| -> Result<u64, String> {
            Ok(u64::from(word(at)?) << 32 | u64::from(word(at + 4)?))
        };
        let (offset, digits) = (word(8)?, word(12)?);
        let (low, high) = (long(16)?, long(24)?);
        if offset != 0 || long(32)? != 1_f64.to_bits() {
            return Err("its values are shifted or scaled, which is not read".to_owned());
        }
        if !(1..=u64::MAX / 2).contains(&low) || high < 2 * low {
            return Err(format!("it is of values from {low} to {high}"));
        }
        // The first bucket tells neighbours apart up to twice ten to the power of the digits.
        let single = 2 * 10_u64.pow(digits);
        let (unit, count) = (low.ilog2(), single.next_power_of_two().ilog2());
        if unit + count > 63 {
            return Err(format!(
                "{digits} digits of values from {low} on are too many"
            ));
        }
        let half = count - 1;
        // Each bucket reaches twice as far as the one before.
        let reach = 64 - high.leading_zeros();
        let buckets = 1 + u64::from(reach.saturating_sub(unit + count));
        Ok(Self {
            unit,
            half,
            all: (buckets + 1) << half,
        })
    }

    /// The highest of the values that share a place; nothing where there is no such place.
    fn value(&self, at: u64) -> Option<u64> {
        if at >= self.all {
            return None;
        }
        let bucket = (at >> self.half).saturating_sub(1);
        let within = at - (bucket << self.half);
        let shift = self.unit + u32::try_from(bucket).ok()?;
        // The last place of all may end with the last number there is, and ends one before it in the library.
        let above = u128::from(within + 1) << shift;
        Some(u64::try_from(above).unwrap_or(u64::MAX) - 1)
    }
}

/// What places hold: numbers of up to nine bytes, of which those below zero are so many empty places.
fn values(mut body: &[u8], places: &Places) -> Result<Vec<(u64, u64)>, String> {
    const TOO_MANY: &str = "it has more places than it says";
    let (mut at, mut found) = (0_u64, Vec::new());
    while !body.is_empty() {
        let (number, rest) = number(body).ok_or("it ends within a number")?;
        body = rest;
        if number < 0 {
            // The library skips no more places than there are numbers with a sign, and neither does this.
            if number == i64::MIN {
                return Err(TOO_MANY.to_owned());
            }
            at = at.checked_add(number.unsigned_abs()).ok_or(TOO_MANY)?;
            continue;
        }
        if number > 0 {
            let value = places.value(at).ok_or(TOO_MANY)?;
            found.push((value, number.unsigned_abs()));
        }
        at = at.checked_add(1).ok_or(TOO_MANY)?;
    }
    Ok(found)
}

/// The first number, and what comes after it: seven bits a byte, the least first, and eight of the ninth;
/// the sign is its last bit.
fn number(body: &[u8]) -> Option<(i64, &[u8])> {
    let mut read = 0_u64;
    for (nth, byte) in body.iter().enumerate().take(9) {
        let is_last = nth == 8;
        let bits = if is_last { *byte } else { byte & 0x7f };
        read |= u64::from(bits) << (7 * nth);
        if is_last || byte & 0x80 == 0 {
            let signed = (read >> 1).cast_signed() ^ -(read & 1).cast_signed();
            return Some((signed, &body[nth + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{LONGEST_TEXT, STANDARD, count, decode, empty, encode};
    use super::*;
    use base64::Engine as _;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::{Serializer as _, V2Serializer};
    use proptest::prelude::*;

    /// By the library.
    fn by_histogram(text: &str) -> Option<Vec<(u64, u64)>> {
        let histogram = decode(text).ok()?;
        let counts = histogram.iter_recorded();
        let pairs = counts.map(|at| (at.value_iterated_to(), at.count_at_value()));
        Some(pairs.collect())
    }

    fn plain(histogram: &Histogram<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        V2Serializer::new()
            .serialize(histogram, &mut bytes)
            .unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn the_values_are_those_of_the_histogram(values in prop::collection::vec(0..=u64::MAX / 4, 0..200), narrow in 0..60_u32) {
            let mut histogram = empty();
            values.iter().for_each(|value| count(&mut histogram, value >> narrow));
            let text = encode(&histogram);
            prop_assert_eq!(counts(&text).ok(), by_histogram(&text));
        }

        #[test]
        fn so_are_those_of_other_heads(low in 1..5_000_u64, digits in 0..4_u8, further in 1..40_u32, values in prop::collection::vec(0..=u64::MAX / 4, 0..50)) {
            let high = (low * 2) << further.min(40);
            let mut histogram = Histogram::<u64>::new_with_bounds(low, high, digits).unwrap();
            for value in values {
                let _ = histogram.record(value % (high + 1));
            }
            let text = STANDARD.encode(plain(&histogram));
            prop_assert_eq!(counts(&text).ok(), by_histogram(&text));
        }

        #[test]
        fn what_the_library_refuses_is_refused(at in 0..60_usize, bits in 1..=255_u8, values in prop::collection::vec(0..100_000_u64, 1..20)) {
            let mut histogram = empty();
            values.iter().for_each(|value| count(&mut histogram, *value));
            let mut bytes = plain(&histogram);
            let at = at % bytes.len();
            bytes[at] ^= bits;
            let text = STANDARD.encode(bytes);
            prop_assert_eq!(counts(&text).ok(), by_histogram(&text));
        }
    }

    #[test]
    fn what_is_no_histogram_is_said() {
        assert!(counts("!").unwrap_err().contains("no base64"));
        assert!(counts("AAAA").unwrap_err().contains("cannot be read"));
        let long = counts(&"A".repeat(LONGEST_TEXT + 1)).unwrap_err();
        assert!(long.contains("bytes"), "{long}");
    }
}
