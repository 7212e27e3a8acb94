//! The k-th smallest of very many numbers that are only implied: all differences, all averages of
//! two.
//!
//! A hundred thousand samples against as many have 10¹⁰ differences. They are never written down:
//! how many do not exceed a given number takes one walk along both sorted samples, and the k-th
//! smallest is found by halving the range of floating-point numbers, at most 64 times. Subtraction
//! and addition round monotonically, so that what comes out is exactly the number that sorting all
//! differences would have given.

/// The smallest number from `low` to `high` that at least `rank` (from 1) of the implied numbers do
/// not exceed.
///
/// `count` says how many do not exceed a number, and must not fall.
pub(crate) fn kth_smallest(rank: u64, low: f64, high: f64, count: impl Fn(f64) -> u64) -> f64 {
    let (mut low, mut high) = (position(low), position(high));
    while low < high {
        let middle = low.wrapping_add((high.wrapping_sub(low).cast_unsigned() / 2).cast_signed());
        if count(number(middle)) >= rank {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    // Makes a negative zero a positive one.
    number(high) + 0.0
}

/// Where a number stands among all floating-point numbers: the order of [`f64::total_cmp`].
fn position(number: f64) -> i64 {
    let bits = number.to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// The number at a [`position`].
fn number(position: i64) -> f64 {
    let bits = position ^ ((position >> 63).cast_unsigned() >> 1).cast_signed();
    f64::from_bits(bits.cast_unsigned())
}

/// The middle of `total` implied numbers: the mean of the middle two of an even number.
pub(crate) fn middle(total: u64, kth: impl Fn(u64) -> f64) -> f64 {
    let lower = kth(total.div_ceil(2));
    if total % 2 == 1 {
        lower
    } else {
        f64::midpoint(lower, kth(total / 2 + 1))
    }
}

/// The `rank`-th smallest of all differences candidate − baseline of two ascending samples.
pub(crate) fn kth_difference(candidate: &[f64], baseline: &[f64], rank: u64) -> f64 {
    let (Some(least), Some(most)) = (candidate.first(), candidate.last()) else {
        return f64::NAN;
    };
    let (Some(low), Some(high)) = (baseline.first(), baseline.last()) else {
        return f64::NAN;
    };
    kth_smallest(rank, least - high, most - low, |limit| {
        let mut first = 0;
        let mut total = 0;
        for value in candidate {
            first += baseline[first..]
                .iter()
                .take_while(|other| value - *other > limit)
                .count();
            total += (baseline.len() - first) as u64;
        }
        total
    })
}

/// The `rank`-th smallest of the Walsh averages (dᵢ + dⱼ)/2, i ≤ j, of ascending values.
pub(crate) fn kth_average(values: &[f64], rank: u64) -> f64 {
    let (Some(least), Some(most)) = (values.first(), values.last()) else {
        return f64::NAN;
    };
    kth_smallest(rank, *least, *most, |limit| {
        let mut end = values.len();
        let mut total = 0;
        for (index, value) in values.iter().enumerate() {
            while end > index && (value + values[end - 1]) / 2.0 > limit {
                end -= 1;
            }
            total += (end - index.min(end)) as u64;
        }
        total
    })
}
