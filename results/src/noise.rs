//! What others did around a sample: time stolen by the hypervisor, CPU time of their processes, load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Disturbances while one sample ran. `null`, or absent, where the kernel does not report them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Noise {
    /// Time that the hypervisor gave to others, over all cores. Comes in the kernel's ticks of 10
    /// ms.
    pub steal_ns: Option<u64>,
    /// Time in which at least one task on the machine waited for a core (PSI `some`). The sample's
    /// own threads and those of the program that measures count, so that nothing follows from it.
    pub cpu_pressure_ns: Option<u64>,
    /// The one-minute load average when the sample ended.
    pub load1: Option<f64>,
    /// CPU time that processes took which have nothing to do with the sample: neither the program
    /// that measures, nor what it started, nor the daemons that worked for the sample, nor threads
    /// of the kernel. What began and ended within the sample is not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others_cpu_ns: Option<u64>,
    /// CPU time that all cores together had while `others_cpu_ns` was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_ns: Option<u64>,
}

/// Whether something disturbed a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// Nothing that was looked for.
    None,
    /// This.
    By(&'static str),
    /// The record does not say what others did.
    Unknown,
}

/// What is more than one part in so many of a sample disturbed it.
const PART: u64 = 10;

impl Noise {
    /// What disturbed a sample that took `total_ns`, and whose own threads waited `wait_ns` for a
    /// core: stolen time, a wait of more than a tenth of the total, or others on more than a tenth
    /// of the machine.
    ///
    /// Threads of one sample also wait for each other, and for the program that measures. That is no
    /// noise: a wait counts only as far as others ran meanwhile.
    pub fn disturbance(&self, total_ns: u64, wait_ns: Option<u64>) -> Disturbance {
        let others = self.others_cpu_ns.zip(self.capacity_ns);
        let waited = match (wait_ns, others) {
            (Some(wait), Some((others, _))) => Some(wait.min(others)),
            (Some(wait), None) => Some(wait),
            (None, _) => None,
        };
        if self.steal_ns.is_some_and(|ns| ns > 0) {
            Disturbance::By("steal")
        } else if waited.is_some_and(|ns| ns > total_ns / PART) {
            Disturbance::By("waited")
        } else if others.is_some_and(|(ns, capacity)| ns > capacity / PART) {
            Disturbance::By("others")
        } else if waited.is_none() && others.is_none() {
            Disturbance::Unknown
        } else {
            Disturbance::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn noise(others_ms: u64) -> Noise {
        Noise {
            steal_ns: Some(0),
            others_cpu_ns: Some(others_ms * MS),
            capacity_ns: Some(40 * MS),
            ..Noise::default()
        }
    }

    #[test]
    fn a_wait_counts_as_far_as_others_ran() {
        let mark = |others_ms, wait_ms| noise(others_ms).disturbance(10 * MS, Some(wait_ms * MS));
        assert_eq!(
            mark(0, 9),
            Disturbance::None,
            "its threads waited for each other"
        );
        assert_eq!(mark(1, 9), Disturbance::None);
        assert_eq!(mark(2, 9), Disturbance::By("waited"));
        assert_eq!(mark(2, 0), Disturbance::None);
        assert_eq!(mark(5, 0), Disturbance::By("others"));
    }

    #[test]
    fn pressure_of_the_machine_is_no_disturbance_and_steal_is() {
        let pressed = Noise {
            cpu_pressure_ns: Some(10 * MS),
            ..noise(0)
        };
        assert_eq!(pressed.disturbance(10 * MS, Some(0)), Disturbance::None);
        let stolen = Noise {
            steal_ns: Some(10 * MS),
            ..Noise::default()
        };
        assert_eq!(stolen.disturbance(10 * MS, None), Disturbance::By("steal"));
    }

    #[test]
    fn what_the_record_does_not_say_is_unknown() {
        let old = Noise {
            steal_ns: Some(0),
            cpu_pressure_ns: Some(9),
            ..Noise::default()
        };
        assert_eq!(old.disturbance(10, None), Disturbance::Unknown);
        assert_eq!(old.disturbance(10, Some(0)), Disturbance::None);
        assert_eq!(old.disturbance(10, Some(2)), Disturbance::By("waited"));
        assert_eq!(noise(0).disturbance(10, None), Disturbance::None);
    }
}
