//! Many tests at once.

/// Holm's adjusted p-values: whoever rejects those at or below α is wrong about any of the family
/// with at most α.
///
/// In the order given. What is not a number stays so and is not counted in the family. (Holm,
/// *Scandinavian Journal of Statistics* 6, 1979.)
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len())
        .filter(|index| !p_values[*index].is_nan())
        .collect();
    order.sort_unstable_by(|one, two| p_values[*one].total_cmp(&p_values[*two]));
    let mut adjusted = vec![f64::NAN; p_values.len()];
    let mut largest: f64 = 0.0;
    for (done, index) in order.iter().enumerate() {
        // An adjusted value is never smaller than the one before: a test is only reached through
        // all before it.
        largest = largest
            .max(p_values[*index] * (order.len() - done) as f64)
            .min(1.0);
        adjusted[*index] = largest;
    }
    adjusted
}
