//! What a record contradicts itself in.

use results::sum_rule::{residual_bound_ns, sum_rule};
use results::{Outcome, Sample};

use super::Load;

/// What a sample that counts contradicts itself in.
pub(super) fn contradiction(sample: &Sample, load: Option<&Load>) -> Option<String> {
    if sample.outcome != Outcome::Ok {
        return None;
    }
    if sample
        .phases
        .iter()
        .try_fold(0_u64, |sum, phase| sum.checked_add(phase.ns))
        .is_none()
    {
        return Some("the phases are longer together than any clock counts".to_owned());
    }
    if let Some(total) = sample.total_ns.filter(|_| !sample.phases.is_empty()) {
        match sum_rule(total, &sample.phases) {
            Err(broken) => return Some(broken.reason),
            Ok(residual) if sample.residual_ns.is_some_and(|stated| stated != residual) => {
                let stated = sample.residual_ns.unwrap_or_default();
                return Some(format!(
                    "the residual is {residual} ns and the record states {stated} ns"
                ));
            }
            Ok(_) => {}
        }
    }
    if let (Some(total), Some(residual)) = (sample.total_ns, sample.residual_ns)
        && residual.unsigned_abs() > residual_bound_ns(total)
    {
        return Some(format!(
            "the residual of {residual} ns is more than the sum rule allows"
        ));
    }
    load.and_then(counts)
}

/// Whether the numbers of requests add up.
fn counts(load: &Load) -> Option<String> {
    let Load {
        sent, ok, failed, ..
    } = *load;
    if ok.checked_add(failed) != Some(sent) {
        return Some(format!(
            "{sent} requests were sent, but {ok} right and {failed} wrong answers are counted"
        ));
    }
    let recorded = load.recorded();
    (recorded != 0 && recorded != ok)
        .then(|| format!("{ok} right answers, but {recorded} latencies in the histogram"))
}
