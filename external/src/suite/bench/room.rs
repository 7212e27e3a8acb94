//! Whether there is room for so many instances at once: what they need at least is known before the first
//! is started, and a sample that cannot be is no failure of the hundredth instance.

use machine::{limits, ports};
use results::{Skip, SkipKind};

use super::Planned;
use crate::system::listens;

/// Descriptors that this process has besides those of instances.
const BESIDES: u64 = 256;

/// Tasks that the machine's other processes may begin meanwhile.
const OTHERS: u64 = 256;

/// What a sample of several instances needs at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Needs {
    instances: u64,
    /// Descriptors of this process: for what each prints, and for its connections.
    descriptors: u64,
    /// Processes and threads: one each.
    tasks: u64,
    ports: u64,
}

/// What there is; nothing of what is not limited, or not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    descriptors: Option<u64>,
    tasks: Option<limits::Tasks>,
    ports: Option<u64>,
}

/// Checks that several instances have room.
///
/// # Errors
/// What there is too little of, and what raises it.
pub(super) fn check(planned: &Planned) -> Result<(), Skip> {
    if planned.instances < 2 {
        return Ok(());
    }
    Needs::of(planned).check(Room::now())
}

impl Needs {
    fn of(planned: &Planned) -> Self {
        let instances = planned.instances as u64;
        let is_service = listens(planned.workload);
        let is_process = planned.system.managed().is_none();
        // Of a command its answer is kept apart from what else it prints.
        let printed = match (is_process, is_service) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => 2,
        };
        let connections = if is_service { planned.connections } else { 0 };
        Self {
            instances,
            descriptors: instances * (printed + connections as u64) + BESIDES,
            tasks: if is_process { instances + OTHERS } else { 0 },
            ports: if is_service && is_process {
                instances
            } else {
                0
            },
        }
    }

    fn check(self, room: Room) -> Result<(), Skip> {
        let instances = self.instances;
        let skip = |reason: String| Skip::new(SkipKind::MachineLimit, reason);
        if let Some(has) = room.descriptors.filter(|has| *has < self.descriptors) {
            let needs = self.descriptors;
            let reason = format!(
                "{instances} instances need {needs} descriptors, for their logs and connections, and \
                    `ulimit -n` is {has}"
            );
            return Err(skip(reason).remedy(format!("`ulimit -n {needs}` allows it")));
        }
        if let Some(has) = room.tasks.filter(|has| has.left < self.tasks) {
            let reason = format!(
                "{instances} instances need {} processes or more, and {} allows {} more",
                self.tasks, has.limited_by, has.left
            );
            let more = has.limit + self.tasks - has.left;
            return Err(skip(reason).remedy(has.remedy(more)));
        }
        if let Some(has) = room.ports.filter(|has| *has < self.ports) {
            let reason = format!(
                "{instances} instances need a port each, and there are {has} that are not kept for \
                    outgoing connections"
            );
            return Err(skip(reason)
                .remedy("a narrower range leaves more: `sysctl net.ipv4.ip_local_port_range`"));
        }
        Ok(())
    }
}

impl Room {
    fn now() -> Self {
        let count = |ranges: Vec<std::ops::RangeInclusive<u16>>| {
            ranges.iter().map(|range| range.len() as u64).sum()
        };
        Self {
            descriptors: limits::descriptors(),
            tasks: limits::tasks(),
            ports: ports::for_servers().ok().map(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use results::record::Scenario;
    use workloads::Workload;

    use super::*;
    use crate::system::System;

    fn needs(system: &str, workload: Workload, instances: usize) -> Needs {
        let system = System::from_name(system).unwrap();
        let planned = Planned {
            instances,
            connections: 3,
            ..Planned::start(system, workload, None, Scenario::Density)
        };
        Needs::of(&planned)
    }

    #[test]
    fn a_process_has_a_log_and_connections_and_a_container_connections_alone() {
        let of = |system, workload| {
            let needs = needs(system, workload, 100);
            (needs.descriptors - BESIDES, needs.tasks, needs.ports)
        };
        assert_eq!(of("native", Workload::HttpHello), (400, 100 + OTHERS, 100));
        assert_eq!(of("native", Workload::Hello), (200, 100 + OTHERS, 0));
        assert_eq!(of("docker", Workload::HttpHello), (300, 0, 0));
    }

    #[test]
    fn what_there_is_too_little_of_is_named_with_what_raises_it() {
        let tasks = limits::Tasks {
            limit: 32_768,
            left: 32_000,
            limited_by: limits::PID_MAX,
        };
        let room = Room {
            descriptors: Some(1 << 20),
            tasks: Some(tasks),
            ports: Some(27_304),
        };
        let needs = needs("native", Workload::HttpHello, 20_000);
        assert_eq!(needs.check(room), Ok(()));
        let unlimited = Room {
            descriptors: None,
            tasks: None,
            ports: None,
        };
        assert_eq!(needs.check(unlimited), Ok(()));
        let said = |room: Room| {
            let skip = needs.check(room).unwrap_err();
            assert_eq!(skip.kind, SkipKind::MachineLimit);
            (skip.reason, skip.remedy.unwrap())
        };
        let (reason, remedy) = said(Room {
            descriptors: Some(20_000),
            ..room
        });
        assert!(reason.contains("`ulimit -n` is 20000"), "{reason}");
        assert_eq!(remedy, "`ulimit -n 80256` allows it");
        let (reason, remedy) = said(Room {
            tasks: Some(limits::Tasks {
                left: 20_000,
                ..tasks
            }),
            ..room
        });
        assert!(
            reason.contains("kernel.pid_max allows 20000 more"),
            "{reason}"
        );
        assert_eq!(remedy, "`sysctl -w kernel.pid_max=33024` allows it");
        let (reason, _) = said(Room {
            ports: Some(5_000),
            ..room
        });
        assert!(reason.contains("there are 5000"), "{reason}");
    }
}
