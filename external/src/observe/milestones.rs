//! The milestones of a start as they are seen from outside, and the phases between them.

use results::{Phase, PhaseTime};
use serde::Serialize;

/// What was seen of a start, each instant on the one clock; `None` is what was not seen.
///
/// The first of each kind counts. Exec, listen and accept are seen when the process makes the
/// system call, before the kernel carries it out, and of any process that the launched one becomes
/// or starts; a call made through `io_uring` is not seen. An accept that has to wait for a
/// connection counts from the connection on, and one that finds none and returns is none. The
/// opening of the artifact is seen right after it, by whatever process it was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Milestones {
    /// Right before the launch.
    pub launched_ns: u64,
    /// The program is executed.
    pub exec_ns: Option<u64>,
    /// The artifact is opened, each time that it is: a runtime may look at its first bytes before
    /// it loads it. At most [`Self::MAX_OPENED`] times are kept.
    pub opened_ns: Vec<u64>,
    /// It listens on the port that it should.
    pub listening_ns: Option<u64>,
    /// The first connection to that port is accepted.
    pub accepted_ns: Option<u64>,
    /// The port that it should listen on, if that is known.
    pub expected_port: Option<u16>,
    /// The ports that it listened on, in order: others than the expected one too.
    pub listened_ports: Vec<u16>,
    /// What kept the observer from seeing, if anything did.
    pub error: Option<String>,
    /// What saw them.
    pub observer: &'static str,
}

/// A milestone with its name in messages.
type Named = (&'static str, u64);

impl Milestones {
    /// How many times the opening of the artifact is kept.
    pub const MAX_OPENED: usize = 64;

    /// The phases of a server's start that ends with the complete answer at `answered_ns`; `native`
    /// if there is no artifact to load. They partition the time from the launch to `answered_ns`.
    ///
    /// Where a server opens the artifact and then listens, they are the design's: `spawn`, `init`,
    /// `load`, `connect`, `respond`. A native server has no `load`, and its `init` ends when it
    /// listens. Two other orders are seen, and in each of them one of the design's boundaries lies
    /// within another phase, which then is absent:
    ///
    /// - **Listen, open, accept**: the server opens its socket first and lets clients wait in the
    ///   kernel while it loads. That it listens says nothing about being loaded. `init` ends when
    ///   the artifact is opened, `load` when the first connection is accepted, and there is no
    ///   `connect`: the client's wait *is* the loading. The same holds if it looked at the artifact
    ///   before it listened, and opens it again after.
    /// - **Listen, accept, open**: the server loads on the first request. Loading is a part of
    ///   `respond`, there is no `load`, and `init` ends when it listens.
    ///
    /// A server that opens the artifact once, listens, and reads it only then cannot be
    /// distinguished from the first kind.
    ///
    /// # Errors
    /// A sentence: which milestone was not seen and what was instead, or which two came in the
    /// wrong order.
    pub fn phases(&self, answered_ns: u64, native: bool) -> Result<Vec<PhaseTime>, String> {
        let exec = self.exec()?;
        let listen = (
            "listen",
            self.listening_ns.ok_or_else(|| self.never_listened())?,
        );
        let accept = (
            "accept",
            self.seen(self.accepted_ns, "no connection to its port was accepted")?,
        );
        let (spawn, respond) = (
            (Phase::Spawn, exec),
            (Phase::Respond, ("answer", answered_ns)),
        );
        let unloaded = [
            spawn,
            (Phase::Init, listen),
            (Phase::Connect, accept),
            respond,
        ];
        if native {
            return self.partition(&unloaded);
        }
        let open = self.open(exec.1)?;
        let again = self
            .opened_ns
            .iter()
            .any(|&ns| listen.1 < ns && ns <= accept.1);
        if open.1 > accept.1 {
            self.partition(&unloaded)
        } else if again {
            self.partition(&[spawn, (Phase::Init, open), (Phase::Load, accept), respond])
        } else {
            self.partition(&[
                spawn,
                (Phase::Init, open),
                (Phase::Load, listen),
                (Phase::Connect, accept),
                respond,
            ])
        }
    }

    /// The phases of a command that ended at `ended_ns`: `spawn`, `init`, `run`; of a `native` one
    /// `spawn`, `run`.
    ///
    /// # Errors
    /// As [`Self::phases`].
    pub fn phases_of_run(&self, ended_ns: u64, native: bool) -> Result<Vec<PhaseTime>, String> {
        let (exec, end) = (self.exec()?, ("end", ended_ns));
        if native {
            return self.partition(&[(Phase::Spawn, exec), (Phase::Run, end)]);
        }
        let (name, opened_ns) = self.open(exec.1)?;
        // Opening and end are told by two sources, each to a thread that has to wake up first: on a
        // busy machine the one that was first may be read last. A command that has ended opened its
        // artifact before.
        let open = (name, opened_ns.min(ended_ns));
        self.partition(&[(Phase::Spawn, exec), (Phase::Init, open), (Phase::Run, end)])
    }

    fn exec(&self) -> Result<Named, String> {
        Ok((
            "exec",
            self.seen(self.exec_ns, "the program was never executed")?,
        ))
    }

    /// The first opening. One before exec is somebody else's; one that is seen after the answer may
    /// have been before it.
    fn open(&self, exec_ns: u64) -> Result<Named, String> {
        let first = self.opened_ns.iter().copied().find(|&ns| ns >= exec_ns);
        Ok((
            "opening the artifact",
            self.seen(first, "the artifact was never opened")?,
        ))
    }

    fn seen(&self, instant: Option<u64>, otherwise: &str) -> Result<u64, String> {
        instant.ok_or_else(|| {
            let error = self
                .error
                .as_ref()
                .map_or(String::new(), |error| format!(" ({error})"));
            format!(
                "the start cannot be divided into phases: {otherwise}, as far as was seen{error}"
            )
        })
    }

    fn never_listened(&self) -> String {
        let expected = self
            .expected_port
            .map_or("any port".into(), |port| format!("port {port}"));
        let ports: Vec<_> = self.listened_ports.iter().map(u16::to_string).collect();
        let others = if ports.is_empty() {
            String::new()
        } else {
            format!(" but on {}", ports.join(", "))
        };
        self.seen(None, &format!("it did not listen on {expected}{others}"))
            .err()
            .unwrap_or_default()
    }

    /// Each phase from where the one before it ended.
    fn partition(&self, bounds: &[(Phase, Named)]) -> Result<Vec<PhaseTime>, String> {
        let (mut before, mut phases) = (("launch", self.launched_ns), Vec::new());
        for &(name, bound) in bounds {
            let ns = bound.1.checked_sub(before.1).ok_or_else(|| {
                let early = before.1 - bound.1;
                format!(
                    "the start cannot be divided into phases: {} was seen {early} ns before {}",
                    bound.0, before.0
                )
            })?;
            phases.push(PhaseTime { name, ns });
            before = bound;
        }
        Ok(phases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milestones(opened: &[u64], listening: u64, accepted: u64) -> Milestones {
        Milestones {
            launched_ns: 100,
            exec_ns: Some(110),
            opened_ns: opened.into(),
            listening_ns: Some(listening),
            accepted_ns: Some(accepted),
            expected_port: Some(80),
            listened_ports: vec![80],
            ..Milestones::default()
        }
    }

    /// The phases of a start that is answered at 1000, which add up to it.
    fn served(milestones: &Milestones, native: bool) -> Vec<(&'static str, u64)> {
        let phases = milestones.phases(1_000, native).unwrap();
        assert_eq!(phases.iter().map(|phase| phase.ns).sum::<u64>(), 900);
        assert!(phases.is_sorted_by_key(|phase| phase.name));
        phases
            .iter()
            .map(|phase| (phase.name.name(), phase.ns))
            .collect()
    }

    #[test]
    fn a_server_that_loads_and_then_listens() {
        let expected = [
            ("spawn", 10),
            ("init", 40),
            ("load", 150),
            ("connect", 100),
            ("respond", 600),
        ];
        assert_eq!(served(&milestones(&[150], 300, 400), false), expected);
        assert_eq!(
            served(&milestones(&[105, 150, 160, 500], 300, 400), false),
            expected,
            "the first one of its own"
        );
    }

    #[test]
    fn a_server_that_listens_and_then_loads() {
        let expected = [
            ("spawn", 10),
            ("init", 190),
            ("load", 100),
            ("respond", 600),
        ];
        assert_eq!(served(&milestones(&[300], 150, 400), false), expected);
        let looked_before = [("spawn", 10), ("init", 20), ("load", 270), ("respond", 600)];
        assert_eq!(
            served(&milestones(&[130, 300], 150, 400), false),
            looked_before
        );
    }

    #[test]
    fn a_server_that_loads_on_the_first_request() {
        let expected = [
            ("spawn", 10),
            ("init", 40),
            ("connect", 250),
            ("respond", 600),
        ];
        assert_eq!(served(&milestones(&[500], 150, 400), false), expected);
    }

    #[test]
    fn a_native_server_loads_nothing() {
        let expected = [
            ("spawn", 10),
            ("init", 190),
            ("connect", 100),
            ("respond", 600),
        ];
        assert_eq!(served(&milestones(&[], 300, 400), true), expected);
    }

    #[test]
    fn a_command_runs() {
        let milestones = Milestones {
            listening_ns: None,
            accepted_ns: None,
            ..milestones(&[150], 0, 0)
        };
        let names = |native| -> Vec<_> {
            let phases = milestones.phases_of_run(1_000, native).unwrap();
            phases
                .iter()
                .map(|phase| (phase.name.name(), phase.ns))
                .collect()
        };
        assert_eq!(names(false), [("spawn", 10), ("init", 40), ("run", 850)]);
        assert_eq!(names(true), [("spawn", 10), ("run", 890)]);
    }

    #[test]
    fn an_opening_that_is_read_after_the_end_was_before_it() {
        let milestones = milestones(&[1_074], 0, 0);
        let phases = milestones.phases_of_run(1_000, false).unwrap();
        let phases: Vec<_> = phases
            .iter()
            .map(|phase| (phase.name.name(), phase.ns))
            .collect();
        assert_eq!(phases, [("spawn", 10), ("init", 890), ("run", 0)]);
    }

    #[test]
    fn missing_milestones_are_named() {
        let error = |milestones: Milestones| milestones.phases(1_000, false).unwrap_err();
        let seen = milestones(&[150], 300, 400);
        let deaf = Milestones {
            listening_ns: None,
            listened_ports: vec![81, 82],
            ..seen.clone()
        };
        assert!(error(deaf).contains("it did not listen on port 80 but on 81, 82"));
        let busy = Milestones {
            accepted_ns: None,
            error: Some("Operation not permitted".into()),
            ..seen.clone()
        };
        assert!(
            error(busy).ends_with("was accepted, as far as was seen (Operation not permitted)")
        );
        let unopened = Milestones {
            opened_ns: vec![50],
            ..seen.clone()
        };
        assert!(error(unopened).contains("the artifact was never opened"));
        let unstarted = Milestones {
            exec_ns: None,
            ..seen
        };
        assert!(error(unstarted).contains("never executed"));
    }

    #[test]
    fn an_impossible_order_is_refused() {
        let error = milestones(&[150], 300, 250)
            .phases(1_000, true)
            .unwrap_err();
        assert!(
            error.ends_with("accept was seen 50 ns before listen"),
            "{error}"
        );
        let error = milestones(&[150], 300, 400).phases(399, true).unwrap_err();
        assert!(
            error.ends_with("answer was seen 1 ns before accept"),
            "{error}"
        );
    }
}
