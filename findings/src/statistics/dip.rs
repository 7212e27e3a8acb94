//! Whether values have more than one mode.

use serde::Serialize;

use super::error::{DataError, at_least, sorted};

/// Hartigans' dip and its p-value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Dip {
    /// The largest distance between the values' distribution and the unimodal distribution closest
    /// to it.
    pub dip: f64,
    /// The probability of such a dip in uniform values: the least favourable unimodal distribution.
    /// Interpolated in a table of simulated quantiles, so that it is no smaller than 0.001 and no
    /// larger than 0.5.
    pub p: f64,
}

/// The levels of [`TABLE`].
const LEVELS: [f64; 8] = [0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999];

/// Quantiles of √n·dip of n uniform values. Made by `tests/fixtures/dip.py table`.
const TABLE: [(u32, [f64; 8]); 18] = [
    (
        4,
        [
            0.2500, 0.3150, 0.3745, 0.4142, 0.4477, 0.4636, 0.4743, 0.4884,
        ],
    ),
    (
        5,
        [
            0.2719, 0.3606, 0.3954, 0.4170, 0.4331, 0.4396, 0.4431, 0.4464,
        ],
    ),
    (
        6,
        [
            0.3012, 0.3660, 0.3899, 0.4037, 0.4406, 0.4728, 0.4977, 0.5396,
        ],
    ),
    (
        7,
        [
            0.3120, 0.3618, 0.3824, 0.4247, 0.4649, 0.4881, 0.5068, 0.5356,
        ],
    ),
    (
        8,
        [
            0.3140, 0.3550, 0.4011, 0.4356, 0.4704, 0.4905, 0.5071, 0.5561,
        ],
    ),
    (
        9,
        [
            0.3125, 0.3690, 0.4096, 0.4396, 0.4711, 0.4929, 0.5192, 0.5657,
        ],
    ),
    (
        10,
        [
            0.3092, 0.3754, 0.4123, 0.4414, 0.4769, 0.5052, 0.5290, 0.5710,
        ],
    ),
    (
        12,
        [
            0.3157, 0.3810, 0.4159, 0.4506, 0.4898, 0.5145, 0.5377, 0.5877,
        ],
    ),
    (
        15,
        [
            0.3234, 0.3857, 0.4263, 0.4596, 0.4992, 0.5260, 0.5499, 0.5997,
        ],
    ),
    (
        20,
        [
            0.3274, 0.3944, 0.4344, 0.4697, 0.5112, 0.5387, 0.5651, 0.6198,
        ],
    ),
    (
        30,
        [
            0.3367, 0.4050, 0.4466, 0.4824, 0.5247, 0.5544, 0.5832, 0.6433,
        ],
    ),
    (
        50,
        [
            0.3456, 0.4163, 0.4591, 0.4968, 0.5415, 0.5727, 0.6018, 0.6604,
        ],
    ),
    (
        100,
        [
            0.3545, 0.4267, 0.4712, 0.5112, 0.5580, 0.5911, 0.6208, 0.6887,
        ],
    ),
    (
        200,
        [
            0.3616, 0.4352, 0.4802, 0.5207, 0.5692, 0.6032, 0.6359, 0.7005,
        ],
    ),
    (
        500,
        [
            0.3681, 0.4435, 0.4897, 0.5333, 0.5832, 0.6163, 0.6473, 0.7170,
        ],
    ),
    (
        1000,
        [
            0.3704, 0.4464, 0.4922, 0.5342, 0.5825, 0.6177, 0.6472, 0.7269,
        ],
    ),
    (
        2000,
        [
            0.3736, 0.4501, 0.4986, 0.5418, 0.5930, 0.6287, 0.6579, 0.7229,
        ],
    ),
    (
        5000,
        [
            0.3751, 0.4524, 0.4995, 0.5409, 0.5879, 0.6241, 0.6622, 0.7255,
        ],
    ),
];

/// Hartigans' dip test of "there is one mode", for at least four values.
///
/// A small p-value says that there are two modes or more: a second population hides in the sample,
/// and its median may lie where hardly a value does. Against normal or skewed values the test is
/// conservative. Values rounded to a coarse clock have gaps, which look like modes. (Hartigan and
/// Hartigan, *Annals of Statistics* 13, 1985; Hartigan, algorithm AS 217, *Applied Statistics* 34,
/// 1985.)
pub fn dip(values: &[f64]) -> Result<Dip, DataError> {
    at_least(4, values)?;
    let dip = of_sorted(&sorted(values)?);
    Ok(Dip {
        dip,
        p: p_value(dip, values.len()),
    })
}

/// The dip of ascending values.
///
/// Fits the greatest convex minorant from the left and the least concave majorant from the right,
/// narrows down to where the two are farthest apart, and takes the largest distance of the
/// distribution from either outside of that. All distances are in units of 1/2n until the end.
pub(crate) fn of_sorted(x: &[f64]) -> f64 {
    let n = x.len();
    let (mut low, mut high) = (0, n - 1);
    let mut dip: f64 = 1.0;
    if x[low] < x[high] {
        let (convex, concave) = (convex_neighbours(x), concave_neighbours(x));
        loop {
            // Knots of the minorant from high to low, of the majorant from low to high.
            let minorant = knots(high, low, &convex);
            let majorant = knots(low, high, &concave);
            let gap = widest_gap(x, &minorant, &majorant);
            if gap.distance < dip {
                break;
            }
            dip = dip
                .max(gap_below(x, &minorant[gap.minorant..]))
                .max(gap_above(x, &majorant[gap.majorant..]));
            let next = (minorant[gap.minorant], majorant[gap.majorant]);
            if next == (low, high) {
                break;
            }
            (low, high) = next;
        }
    }
    dip / (2 * n) as f64
}

/// For each value, the one before it on the convex minorant of the values up to it.
fn convex_neighbours(x: &[f64]) -> Vec<usize> {
    let mut before = vec![0; x.len()];
    for j in 1..x.len() {
        let mut i = j - 1;
        while i > 0 {
            let h = before[i];
            if (x[j] - x[i]) * ((i - h) as f64) < (x[i] - x[h]) * ((j - i) as f64) {
                break;
            }
            i = h;
        }
        before[j] = i;
    }
    before
}

/// For each value, the one after it on the concave majorant of the values from it.
fn concave_neighbours(x: &[f64]) -> Vec<usize> {
    let last = x.len() - 1;
    let mut after = vec![last; x.len()];
    for k in (0..last).rev() {
        let mut i = k + 1;
        while i < last {
            let h = after[i];
            if (x[i] - x[k]) * ((h - i) as f64) < (x[h] - x[i]) * ((i - k) as f64) {
                break;
            }
            i = h;
        }
        after[k] = i;
    }
    after
}

fn knots(from: usize, to: usize, next: &[usize]) -> Vec<usize> {
    std::iter::successors(Some(from), |at| (*at != to).then(|| next[*at])).collect()
}

/// Where minorant and majorant are farthest apart: the distance, and a knot of each.
struct Gap {
    distance: f64,
    minorant: usize,
    majorant: usize,
}

fn widest_gap(x: &[f64], minorant: &[usize], majorant: &[usize]) -> Gap {
    let mut widest = Gap {
        distance: 0.0,
        minorant: minorant.len() - 1,
        majorant: majorant.len() - 1,
    };
    if minorant.len() == 2 && majorant.len() == 2 {
        return Gap {
            distance: 1.0,
            ..widest
        };
    }
    // Both lists are walked from low to high.
    let (mut i, mut j) = (minorant.len() - 2, 1);
    loop {
        let (convex, concave) = (minorant[i], majorant[j]);
        let distance;
        let at;
        if convex > concave {
            let before = minorant[i + 1];
            let slope = (convex - before) as f64 / (x[convex] - x[before]);
            distance = (concave + 1 - before) as f64 - (x[concave] - x[before]) * slope;
            at = (i + 1, j);
            j += 1;
        } else {
            let before = majorant[j - 1];
            let slope = (concave - before) as f64 / (x[concave] - x[before]);
            distance = (x[convex] - x[before]) * slope - (convex as f64 - before as f64 - 1.0);
            at = (i, j);
            i = i.saturating_sub(1);
        }
        if distance >= widest.distance {
            widest = Gap {
                distance,
                minorant: at.0,
                majorant: at.1,
            };
        }
        j = j.min(majorant.len() - 1);
        if minorant[i] == majorant[j] {
            return widest;
        }
    }
}

/// How far the distribution rises above the minorant, on the left of the modal interval.
fn gap_below(x: &[f64], minorant: &[usize]) -> f64 {
    let distance = |first: usize, last: usize| {
        let slope = (last - first) as f64 / (x[last] - x[first]);
        (first..=last).map(move |at| (at - first + 1) as f64 - (x[at] - x[first]) * slope)
    };
    largest(
        x,
        minorant.windows(2).map(|pair| (pair[1], pair[0])),
        distance,
    )
}

/// How far the majorant rises above the distribution, on the right of it.
fn gap_above(x: &[f64], majorant: &[usize]) -> f64 {
    let distance = |first: usize, last: usize| {
        let slope = (last - first) as f64 / (x[last] - x[first]);
        (first..=last).map(move |at| (x[at] - x[first]) * slope - (at as f64 - first as f64 - 1.0))
    };
    largest(
        x,
        majorant.windows(2).map(|pair| (pair[0], pair[1])),
        distance,
    )
}

fn largest<D: Iterator<Item = f64>>(
    x: &[f64],
    segments: impl Iterator<Item = (usize, usize)>,
    distance: impl Fn(usize, usize) -> D,
) -> f64 {
    segments
        .filter(|(first, last)| last - first > 1 && x[*first] < x[*last])
        .flat_map(|(first, last)| distance(first, last))
        .fold(1.0, f64::max)
}

/// Between two sample sizes of the table by √n, between two of its levels linearly.
fn p_value(dip: f64, n: usize) -> f64 {
    let scaled = dip * (n as f64).sqrt();
    let quantiles = quantiles(n as f64);
    let above = quantiles
        .iter()
        .take_while(|quantile| **quantile <= scaled)
        .count();
    match above {
        0 => 1.0 - LEVELS[0],
        8 => 1.0 - LEVELS[7],
        _ => {
            let part = (scaled - quantiles[above - 1]) / (quantiles[above] - quantiles[above - 1]);
            1.0 - (LEVELS[above - 1] + part * (LEVELS[above] - LEVELS[above - 1]))
        }
    }
}

fn quantiles(n: f64) -> [f64; 8] {
    let Some(next) = TABLE.iter().position(|(size, _)| f64::from(*size) >= n) else {
        return TABLE[TABLE.len() - 1].1;
    };
    let previous = next.saturating_sub(1);
    let (below, above) = (
        f64::from(TABLE[previous].0).sqrt(),
        f64::from(TABLE[next].0).sqrt(),
    );
    let part = if next == previous {
        0.0
    } else {
        (n.sqrt() - below) / (above - below)
    };
    std::array::from_fn(|level| {
        let (low, high) = (TABLE[previous].1[level], TABLE[next].1[level]);
        low + (high - low) * part
    })
}
