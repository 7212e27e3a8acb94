//! The sum rule: phases partition a start.

use crate::phase::PhaseTime;
use crate::reason::{Failure, FailureKind};

/// The residual above which a sample fails: 1 % of the total or 20 µs, whichever is larger.
pub const fn residual_bound_ns(total_ns: u64) -> u64 {
    let percent = total_ns / 100;
    if percent > 20_000 { percent } else { 20_000 }
}

/// The sum rule: the residual of a start, or by how much its phases fail to add up.
///
/// # Errors
/// A sentence for `reason` if the residual exceeds [`residual_bound_ns`].
pub fn sum_rule(total_ns: u64, phases: &[PhaseTime]) -> Result<i64, Failure> {
    let counted: u64 = phases
        .iter()
        .filter(|phase| phase.name.counts())
        .map(|phase| phase.ns)
        .sum();
    let residual = i64::try_from(i128::from(total_ns) - i128::from(counted)).unwrap_or(i64::MAX);
    let bound = residual_bound_ns(total_ns);
    if residual.unsigned_abs() > bound {
        return Err(Failure::new(
            FailureKind::SumRule,
            format!(
                "the phases do not add up: {residual} ns of {total_ns} ns are unattributed, {bound} ns \
                are allowed"
            ),
        ));
    }
    Ok(residual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phase::Phase;

    fn phases(engine: u64, teardown: u64) -> Vec<PhaseTime> {
        vec![
            PhaseTime {
                name: Phase::Engine,
                ns: engine,
            },
            PhaseTime {
                name: Phase::Teardown,
                ns: teardown,
            },
        ]
    }

    #[test]
    fn the_sum_rule_takes_the_larger_of_its_two_bounds() {
        assert_eq!(sum_rule(1_000_000, &phases(980_000, 77)), Ok(20_000));
        assert!(sum_rule(1_000_000, &phases(979_999, 77)).is_err());
        assert_eq!(sum_rule(10_000_000, &phases(9_900_000, 77)), Ok(100_000));
        assert!(sum_rule(10_000_000, &phases(9_899_999, 77)).is_err());
    }

    #[test]
    fn phases_that_add_up_to_more_than_the_whole_fail_too() {
        assert_eq!(sum_rule(1_000_000, &phases(1_020_000, 0)), Ok(-20_000));
        assert!(
            sum_rule(1_000_000, &phases(1_020_001, 0))
                .unwrap_err()
                .reason
                .contains("do not add up")
        );
    }
}
