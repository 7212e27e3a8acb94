//! Counting who is larger than whom, without comparing everybody with everybody.

/// How many values share each value that more than one has. The values must be ascending.
pub(crate) fn tie_sizes(sorted: &[f64]) -> impl Iterator<Item = f64> {
    #[expect(clippy::float_cmp, reason = "ties are values that are the same")]
    sorted
        .chunk_by(|one, two| one == two)
        .map(|group| group.len() as f64)
        .filter(|size| *size > 1.0)
}

/// The mean ranks, from 1, of values in any order: equal values share the mean of the ranks they
/// take up.
#[expect(clippy::float_cmp, reason = "ties are values that are the same")]
pub(crate) fn mean_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|one, two| values[*one].total_cmp(&values[*two]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for group in order.chunk_by(|one, two| values[*one] == values[*two]) {
        let rank = before as f64 + (group.len() + 1) as f64 / 2.0;
        group.iter().for_each(|index| ranks[*index] = rank);
        before += group.len();
    }
    ranks
}

/// How many pairs stand in descending order: a later value that is smaller than an earlier one.
///
/// By merge sort, which leaves the values ascending. (Knight, *JASA* 61, 1966.)
pub(crate) fn inversions(values: &mut [f64]) -> u64 {
    let mut spare = values.to_vec();
    count_inversions(values, &mut spare)
}

fn count_inversions(values: &mut [f64], spare: &mut [f64]) -> u64 {
    let n = values.len();
    if n < 2 {
        return 0;
    }
    let half = n / 2;
    let mut inversions = count_inversions(&mut values[..half], &mut spare[..half])
        + count_inversions(&mut values[half..], &mut spare[half..]);
    let (mut left, mut right) = (0, half);
    for slot in spare.iter_mut() {
        // Equal values are no inversion, so the left one goes first.
        if right == n || (left < half && values[left] <= values[right]) {
            *slot = values[left];
            left += 1;
        } else {
            *slot = values[right];
            right += 1;
            inversions += (half - left) as u64;
        }
    }
    values.copy_from_slice(spare);
    inversions
}
