//! What containers have in common, whoever starts them: the instants of a start, and the phases
//! between them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use machine::clock::now_ns;
use results::{Attested, Evidence, Param, Params, Phase, PhaseTime};
use serde::Deserialize;
use serde_json::json;

use super::managed::partition;
use crate::client::readiness::FirstAnswer;

/// Where the folder that a container writes its own milestones into lies in the container.
pub(super) const MILESTONES_FOLDER: &str = "/coldphase";

/// The file in it.
pub(super) const MILESTONES_FILE: &str = "milestones";

/// The value of [`Param::Network`] of a container in the machine's network.
pub(super) const HOST_NETWORK: &str = "host";

/// The one variant of systems that start containers in the machine's network only.
pub(super) fn host_network() -> Vec<Params> {
    vec![Params::from([(Param::Network, HOST_NETWORK)])]
}

/// How long the milestones that a service reports may take to be there after its answer.
const REPORT_NS: u64 = 1_000_000_000;

/// Bytes of its log that a failure shows.
const TAIL: usize = 2_000;

/// When the engine had done which step, on the clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_field_names,
    reason = "all are instants, and say their unit"
)]
pub(super) struct Instants {
    pub(super) launched_ns: u64,
    pub(super) created_ns: u64,
    pub(super) started_ns: u64,
}

impl Instants {
    /// The phases of a start, which partition it: by the milestones in the file that the service
    /// reports them in, or by what is seen from outside.
    ///
    /// # Errors
    /// The file cannot be read, or the instants are not in order.
    pub(super) fn phases(
        &self,
        reported: Option<&Path>,
        first: Option<&FirstAnswer>,
        answered_ns: u64,
    ) -> Result<Vec<PhaseTime>, String> {
        if let Some(file) = reported {
            let milestones = ServiceMilestones::read(file, now_ns() + REPORT_NS)?;
            return milestones.phases(self, answered_ns);
        }
        let mut ends = vec![
            (Phase::Create, self.created_ns),
            (Phase::Start, self.started_ns),
        ];
        ends.extend(match first {
            Some(first) => vec![
                (Phase::Connect, first.connected_ns),
                (Phase::Respond, answered_ns),
            ],
            None => vec![(Phase::Run, answered_ns)],
        });
        partition(self.launched_ns, &ends)
    }

    /// Phases with what came before them: the image was ordered to be pulled at `pulling_ns`.
    pub(super) fn phases_with_pull(
        &self,
        pulling_ns: Option<u64>,
        phases: Vec<PhaseTime>,
    ) -> Vec<PhaseTime> {
        let pull = pulling_ns.map(|began_ns| PhaseTime {
            name: Phase::Pull,
            ns: self.launched_ns - began_ns,
        });
        pull.into_iter().chain(phases).collect()
    }

    /// How long the engine took to answer the order to start.
    pub(super) fn attested(&self) -> Attested {
        Attested::from([(
            Evidence::StartAnsweredNs,
            json!(self.started_ns - self.created_ns),
        )])
    }
}

/// The milestones that the native service reports of its own start, on the one clock, which
/// containers share with the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those in the file, and say their unit"
)]
struct ServiceMilestones {
    first_statement_ns: u64,
    listening_ns: u64,
    first_accepted_ns: u64,
}

impl ServiceMilestones {
    /// Reads them once they are there, which is when the first connection is over. The start is
    /// over then, so that waiting for them decides nothing that is timed.
    ///
    /// # Errors
    /// The file is not there by `until_ns`, or it is something else.
    fn read(file: &Path, until_ns: u64) -> Result<Self, String> {
        let wrong =
            |error: &dyn std::fmt::Display| format!("its own milestones cannot be read: {error}");
        while !file.exists() && now_ns() < until_ns {
            std::thread::sleep(Duration::from_millis(1));
        }
        let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
        serde_json::from_str(&text).map_err(|error| wrong(&error))
    }

    /// The phases of its container's start: what the engine did until it was created and started,
    /// and then its own.
    ///
    /// # Errors
    /// As [`partition`].
    fn phases(&self, engine: &Instants, answered_ns: u64) -> Result<Vec<PhaseTime>, String> {
        let ends = [
            (Phase::Create, engine.created_ns),
            (Phase::Start, self.first_statement_ns),
            (Phase::Init, self.listening_ns),
            (Phase::Connect, self.first_accepted_ns),
            (Phase::Respond, answered_ns),
        ];
        partition(engine.launched_ns, &ends)
    }
}

/// Makes the folder anew and empty that containers write their own milestones into.
pub(super) fn empty_milestones(folder: PathBuf) -> Result<(), String> {
    super::managed::make_empty(folder).map(drop)
}

/// The end of a file that something printed into.
pub(super) fn tail(file: &Path) -> String {
    let printed = std::fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&printed[printed.len().saturating_sub(TAIL)..])
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_containers_start_is_divided_by_the_milestones_that_its_service_reports() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(MILESTONES_FILE);
        let reported = r#"{"first_statement_ns":60,"listening_ns":65,"first_accepted_ns":85}"#;
        std::fs::write(&file, reported).unwrap();
        let milestones = ServiceMilestones::read(&file, 0).unwrap();
        let engine = |created_ns| Instants {
            launched_ns: 10,
            created_ns,
            started_ns: 0,
        };
        let phases = milestones.phases(&engine(30), 100).unwrap();
        let ns: Vec<_> = phases.iter().map(|phase| phase.ns).collect();
        assert_eq!(
            (ns.as_slice(), ns.iter().sum::<u64>()),
            (&[20, 30, 5, 20, 15][..], 90)
        );
        let early = milestones.phases(&engine(70), 100).unwrap_err();
        assert!(
            early.contains("start ended 10 ns before it began"),
            "{early}"
        );
        assert!(
            ServiceMilestones::read(&folder.path().join("none"), 0)
                .unwrap_err()
                .contains("cannot be read")
        );
    }
}
