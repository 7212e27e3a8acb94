//! How much of a process and of the machine instances take, found with a few before many are started: what the
//! kernel does not allow is known then, with what it would take.

use host_probe::report::{Failure as StartFailure, InstanceSetReport};
use results::{Skip, SkipKind};

/// Of what is far from every limit, nothing need be known: no instance of any guest here takes so many
/// mappings, nor so many addresses.
const SURELY_ENOUGH: Taken = Taken {
    mappings: 16,
    addresses: 16 << 30,
    memory: 0,
};

/// The part of the machine's memory that is left to the machine.
const LEFT: f64 = 0.1;

/// What a process with instances has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Taken {
    mappings: u64,
    /// Bytes of addresses.
    addresses: u64,
    /// Bytes of memory, with those of page tables.
    memory: u64,
}

/// What there is; nothing of what is not limited, or not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed {
    mappings: Option<u64>,
    addresses: Option<u64>,
    /// What of the memory can be had, but for what is left to the machine.
    memory: Option<u64>,
}

/// How what a process has grows with its instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Growth {
    /// With one instance.
    first: Taken,
    /// With [`Growth::MANY`].
    many: Taken,
}

impl Taken {
    fn of(report: &InstanceSetReport) -> Self {
        let full = report.full;
        let memory = full.private_bytes.unwrap_or(0) + full.page_tables_bytes.unwrap_or(0);
        Self {
            mappings: report.mappings,
            addresses: report.address_space_bytes.unwrap_or(0),
            memory,
        }
    }
}

impl Allowed {
    /// What this machine allows a process now.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a number of bytes"
    )]
    pub(super) fn now() -> Self {
        let addresses = [
            machine::limits::addresses(),
            machine::limits::address_space_bytes(),
        ];
        let memory = machine::facts::memory().map(|memory| {
            let left = (memory.total_bytes as f64 * LEFT) as u64;
            memory.available_bytes.saturating_sub(left)
        });
        Self {
            mappings: machine::limits::max_mappings(),
            addresses: addresses.into_iter().flatten().min(),
            memory,
        }
    }

    /// Whether so many instances of any guest are far from it.
    pub(super) fn is_surely_enough(self, instances: u32) -> bool {
        let is = |each: u64, allowed: Option<u64>| {
            allowed.is_none_or(|allowed| u64::from(instances) * each < allowed)
        };
        is(SURELY_ENOUGH.mappings, self.mappings) && is(SURELY_ENOUGH.addresses, self.addresses)
    }
}

impl Growth {
    /// As many as show what one more takes.
    const MANY: u32 = 65;
    /// What may come and go besides: stacks of threads, and pieces of the heap.
    const RESERVE: Taken = Taken {
        mappings: 256,
        addresses: 1 << 30,
        memory: 64 << 20,
    };

    /// Finds it with a few instances.
    ///
    /// # Errors
    /// They cannot be started.
    pub(super) fn measure(
        start: impl Fn(u32) -> Result<InstanceSetReport, StartFailure>,
    ) -> Result<Self, Skip> {
        let taken = |instances| {
            let report = start(instances).map_err(|failure| {
                Skip::new(
                    SkipKind::NotPrepared,
                    format!("{instances} instances cannot be started: {failure}"),
                )
            })?;
            Ok::<_, Skip>(Taken::of(&report))
        };
        Ok(Self {
            first: taken(1)?,
            many: taken(Self::MANY)?,
        })
    }

    /// What a process with so many instances has of something, rounded up.
    fn needed(self, instances: u32, of: fn(&Taken) -> u64) -> u64 {
        let more = of(&self.many).saturating_sub(of(&self.first));
        let steps = u64::from(Self::MANY - 1);
        let more = more
            .saturating_mul(u64::from(instances - 1))
            .div_ceil(steps);
        of(&self.first) + more + of(&Self::RESERVE)
    }

    /// Checks that so many instances have room. `reserves` is whether their memories reserve what the
    /// engine has them reserve.
    ///
    /// # Errors
    /// What they would need, what there is, and what raises it.
    pub(super) fn check(
        self,
        instances: u32,
        allowed: Allowed,
        reserves: bool,
    ) -> Result<(), Skip> {
        let lacks = |allowed: Option<u64>, of: fn(&Taken) -> u64| {
            let needed = self.needed(instances, of);
            allowed.filter(|it| needed > *it).map(|it| (needed, it))
        };
        let skip = |reason: String| Skip::new(SkipKind::MachineLimit, reason);
        if let Some((needed, there_are)) = lacks(allowed.addresses, |taken| taken.addresses) {
            let reason = format!(
                "{instances} instances need about {} GiB of addresses, and a process has {}",
                needed >> 30,
                there_are >> 30
            );
            return Err(skip(reason).remedy(if reserves {
                "`--select memory_reservation=64MiB` has each memory reserve less"
            } else {
                "fewer `--instances`, or `ulimit -v unlimited`"
            }));
        }
        if let Some((needed, there_are)) = lacks(allowed.mappings, |taken| taken.mappings) {
            let reason = format!(
                "{instances} instances need about {needed} mappings, and vm.max_map_count allows a \
                    process {there_are}"
            );
            // Some more, since it is an estimate.
            let enough = (needed + needed / 10).next_multiple_of(1_000);
            return Err(
                skip(reason).remedy(format!("`sysctl -w vm.max_map_count={enough}` allows it"))
            );
        }
        if let Some((needed, there_is)) = lacks(allowed.memory, |taken| taken.memory) {
            let reason = format!(
                "{instances} instances need about {} MiB of memory, and {} MiB are available when a \
                    tenth is left to the machine",
                needed >> 20,
                there_is >> 20
            );
            return Err(skip(reason).remedy("fewer `--instances`"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seven mappings an instance, and the addresses of one memory, as on-demand allocation takes.
    const GROWTH: Growth = Growth {
        first: Taken {
            mappings: 100,
            addresses: 5 << 30,
            memory: 10 << 20,
        },
        many: Taken {
            mappings: 100 + 64 * 7,
            addresses: (5 << 30) + 64 * (4 << 30),
            memory: (10 << 20) + 64 * (40 << 10),
        },
    };

    const PLENTY: Allowed = Allowed {
        mappings: Some(1 << 30),
        addresses: Some(1 << 47),
        memory: Some(20 << 30),
    };

    #[test]
    fn what_the_kernel_does_not_allow_is_known_beforehand_with_its_remedy() {
        let one = GROWTH.needed(1, |taken| taken.mappings);
        assert_eq!(one, 100 + Growth::RESERVE.mappings);
        let usual = Allowed {
            mappings: Some(65_530),
            ..PLENTY
        };
        assert_eq!(GROWTH.check(9_000, usual, true), Ok(()));
        let skip = GROWTH.check(10_000, usual, true).unwrap_err();
        assert_eq!(skip.kind, SkipKind::MachineLimit);
        assert!(skip.reason.contains("allows a process 65530"), "{skip}");
        let remedy = skip.remedy.unwrap();
        let enough: u64 = remedy
            .split(['=', '`'])
            .find_map(|word| word.split(' ').next()?.parse().ok())
            .unwrap();
        let raised = Allowed {
            mappings: Some(enough),
            ..PLENTY
        };
        assert_eq!(GROWTH.check(10_000, raised, true), Ok(()));
    }

    #[test]
    fn four_gib_of_addresses_each_end_before_a_hundred_thousand_instances() {
        assert_eq!(GROWTH.check(32_000, PLENTY, true), Ok(()));
        let skip = GROWTH.check(100_000, PLENTY, true).unwrap_err();
        let said = "100000 instances need about 400002 GiB of addresses, and a process has 131072";
        assert_eq!(skip.reason, said);
        assert!(skip.remedy.unwrap().contains("memory_reservation=64MiB"));
        let skip = GROWTH.check(100_000, PLENTY, false).unwrap_err();
        assert!(skip.remedy.unwrap().contains("--instances"));
    }

    #[test]
    fn memory_that_there_is_not_is_not_asked_for() {
        let small = Allowed {
            addresses: None,
            memory: Some(1 << 30),
            ..PLENTY
        };
        assert_eq!(GROWTH.check(20_000, small, true), Ok(()));
        let skip = GROWTH.check(30_000, small, true).unwrap_err();
        assert!(skip.reason.contains("and 1024 MiB are available"), "{skip}");
    }

    #[test]
    fn few_instances_need_not_be_tried_first() {
        let usual = Allowed {
            mappings: Some(65_530),
            ..PLENTY
        };
        assert!(usual.is_surely_enough(4_000) && !usual.is_surely_enough(5_000));
        assert!(PLENTY.is_surely_enough(8_000) && !PLENTY.is_surely_enough(9_000));
    }
}
