//! What containers have in common, whoever starts them: the instants of a start, and the phases
//! between them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use machine::clock::now_ns;
use machine::usage;
use results::record::Resources;
use results::{Attested, Evidence, Failure, FailureKind, Param, Params, Phase, PhaseTime};
use serde::Deserialize;
use serde_json::{Value, json};

use super::managed::partition;
use crate::client::readiness::FirstAnswer;
use crate::process::LONGEST_ANSWER;

/// Where the folder that a container writes its own milestones into lies in the container.
pub(super) const MILESTONES_FOLDER: &str = "/coldphase";

/// The file in it.
pub(super) const MILESTONES_FILE: &str = "milestones";

/// The value of [`Param::Network`] of a container in the machine's network.
pub(super) const HOST_NETWORK: &str = "host";

/// The value of [`Param::Network`] of a container with a network of its own that leads nowhere.
pub(super) const NO_NETWORK: &str = "none";

/// The variants of systems that make no network that a service could be reached in.
pub(super) fn without_a_bridge(service: bool) -> Vec<Params> {
    let networks: &[&str] = if service {
        &[HOST_NETWORK]
    } else {
        &[HOST_NETWORK, NO_NETWORK]
    };
    networks
        .iter()
        .map(|network| Params::from([(Param::Network, *network)]))
        .collect()
}

/// How long the milestones that a service reports may take to be there after its answer.
const REPORT_NS: u64 = 1_000_000_000;

/// Bytes of its log that a failure shows.
const TAIL: u64 = 2_000;

/// When the engine had done which step, on the clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_field_names,
    reason = "all are instants, and say their unit"
)]
pub(super) struct Instants {
    /// The image was ordered to be pulled; nothing if it was not.
    pub(super) pulling_ns: Option<u64>,
    pub(super) launched_ns: u64,
    pub(super) created_ns: u64,
    pub(super) started_ns: u64,
}

impl Instants {
    /// When the start began.
    pub(super) fn began_ns(&self) -> u64 {
        self.pulling_ns.unwrap_or(self.launched_ns)
    }

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
        let mut ends = self.of_engine(self.started_ns);
        ends.extend(match first {
            Some(first) => vec![
                (Phase::Connect, first.connected_ns),
                (Phase::Respond, answered_ns),
            ],
            None => vec![(Phase::Run, answered_ns)],
        });
        partition(self.began_ns(), &ends)
    }

    /// The phases until a container runs, each with its end. An engine that creates and starts in one
    /// order has no first one, and one that is followed to the end of its command neither.
    fn of_engine(&self, started_ns: u64) -> Vec<(Phase, u64)> {
        let pull = self.pulling_ns.map(|_| (Phase::Pull, self.launched_ns));
        let ends = [(Phase::Create, self.created_ns), (Phase::Start, started_ns)];
        let took = ends.into_iter().filter(|(_, at)| *at != self.launched_ns);
        pull.into_iter().chain(took).collect()
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
        let mut ends = engine.of_engine(self.first_statement_ns);
        ends.extend([
            (Phase::Init, self.listening_ns),
            (Phase::Connect, self.first_accepted_ns),
            (Phase::Respond, answered_ns),
        ]);
        partition(engine.began_ns(), &ends)
    }
}

/// The part of a container's costs that is its shim's.
pub(super) const SHIM: &str = "containerd-shim";

/// What daemons have cost since they were asked for a container, by their names.
pub(super) fn daemons_since(
    before: &BTreeMap<String, (u32, Resources)>,
) -> BTreeMap<String, Resources> {
    let cost = |(name, (pid, before)): (&String, &(u32, Resources))| {
        let after = usage::of_daemon(*pid);
        (name.clone(), usage::since(before, &after))
    };
    before.iter().map(cost).collect()
}

/// The CPU time of daemons since they were asked for a container.
pub(super) fn working(daemons: &[&Resources]) -> Option<u64> {
    daemons.iter().map(|cost| cost.cpu_ns).sum()
}

/// What a container is charged with: all of what is there for it alone, and of daemons that serve
/// others too the CPU time that they have worked since they were asked for it. Their memory is taken
/// once, and not by this container.
pub(super) fn charged(own: &[Resources], working_ns: Option<u64>) -> Resources {
    let own = usage::sum(own);
    Resources {
        cpu_ns: own.cpu_ns.zip(working_ns).map(|(own, work)| own + work),
        ..own
    }
}

/// What the kernel says of the first process of a container, while it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Confinement {
    seccomp: u32,
    no_new_privileges: bool,
    capabilities: String,
    /// Its network namespace, and that of this process.
    network: (PathBuf, PathBuf),
}

impl Confinement {
    fn of(pid: u32) -> std::io::Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let value = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_default().trim()
        };
        let network = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/net"));
        Ok(Self {
            seccomp: value("Seccomp:").parse().unwrap_or(0),
            no_new_privileges: value("NoNewPrivs:") == "1",
            capabilities: value("CapEff:").to_owned(),
            network: (network(&pid.to_string())?, network("self")?),
        })
    }

    /// Whether it is what its configuration, where that is known, and its cell's network say.
    fn check(&self, network: &str, configuration: Option<&Value>) -> Result<(), String> {
        let (own, machines) = (self.network.0.display(), self.network.1.display());
        let is_machines = self.network.0 == self.network.1;
        if is_machines != (network == HOST_NETWORK) {
            return Err(format!(
                "its network should be {network}, and it is in {own} where the machine is in \
                    {machines}"
            ));
        }
        let Some(configuration) = configuration else {
            return Ok(());
        };
        let is_filtered = configuration["linux"]["seccomp"].is_object();
        if is_filtered != (self.seccomp == 2) {
            return Err(format!(
                "its configuration {} a filter of system calls, and the kernel has mode {} for it",
                if is_filtered { "has" } else { "has not" },
                self.seccomp
            ));
        }
        let wanted = configuration["process"]["noNewPrivileges"] == true;
        if wanted != self.no_new_privileges {
            return Err(format!(
                "its configuration says {wanted} of whether it may gain no privileges, and the \
                    kernel {}",
                self.no_new_privileges
            ));
        }
        Ok(())
    }
}

/// Evidence that a container's first process is confined as its configuration says, where that is
/// known, and is in the network of its cell. By what the kernel says, while the process lives.
///
/// # Errors
/// It is not.
pub(super) fn confinement(
    pid: u32,
    network: &str,
    configuration: Option<&Value>,
) -> Result<Attested, Failure> {
    let found = Confinement::of(pid)
        .map_err(|error| format!("what the kernel says of its process cannot be read: {error}"))?;
    found.check(network, configuration).map_err(|reason| {
        Failure::new(
            FailureKind::NotAsPlanned,
            format!("not what its cell says: {reason}"),
        )
    })?;
    Ok(Attested::from([
        (Evidence::Seccomp, json!(found.seccomp)),
        (Evidence::NoNewPrivileges, json!(found.no_new_privileges)),
        (Evidence::Capabilities, json!(found.capabilities)),
        (Evidence::NetworkNamespace, json!(found.network.0)),
    ]))
}

/// Packets that the devices of a process's network namespace have received, but for its loopback.
pub(super) fn received_packets(pid: u32) -> Option<u64> {
    let devices = std::fs::read_to_string(format!("/proc/{pid}/net/dev")).ok()?;
    let lines = devices.lines().filter_map(|line| line.split_once(':'));
    let others = lines.filter(|(device, _)| device.trim() != "lo");
    // Bytes, then packets.
    others
        .map(|(_, numbers)| numbers.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum()
}

/// Makes the folder anew and empty that containers write their own milestones into.
pub(super) fn empty_milestones(folder: PathBuf) -> Result<(), String> {
    super::managed::make_empty(folder).map(drop)
}

/// The end of a file that something printed into, which may have made it as long as it liked.
pub(super) fn tail(file: &Path) -> String {
    let mut end = Vec::new();
    // What cannot be read says nothing.
    let _ = File::open(file).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        file.take(TAIL).read_to_end(&mut end)
    });
    String::from_utf8_lossy(&end).trim().to_owned()
}

/// What a command in a container printed into a file. The file is its standard output: it can be of any length.
///
/// # Errors
/// It cannot be read, or is longer than any answer.
pub(super) fn printed(file: &Path) -> Result<Vec<u8>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("what it printed cannot be read: {error}");
    let mut bytes = Vec::new();
    let most = LONGEST_ANSWER as u64;
    File::open(file)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(|error| wrong(&error))?;
    if bytes.len() > LONGEST_ANSWER {
        return Err(wrong(&too_much_printed()));
    }
    Ok(bytes)
}

/// That somebody printed more than is kept.
pub(super) fn too_much_printed() -> String {
    format!("it has more than {LONGEST_ANSWER} bytes, and no answer has")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_fills_no_memory_with_what_it_prints() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stdout");
        std::fs::write(&file, "an answer\n").unwrap();
        assert_eq!(printed(&file).unwrap(), b"an answer\n");
        assert_eq!(tail(&file), "an answer");
        // The container has the file open, and may say that it has a terabyte.
        let open = File::options().write(true).open(&file).unwrap();
        open.set_len(1 << 40).unwrap();
        let error = printed(&file).unwrap_err();
        assert!(error.contains("more than 16777216 bytes"), "{error}");
        assert!(tail(&file).len() <= 2_000);
        assert_eq!(tail(&folder.path().join("none")), "");
    }

    #[test]
    fn a_container_that_is_not_confined_as_it_was_configured_is_noticed() {
        let found = Confinement {
            seccomp: 2,
            no_new_privileges: false,
            capabilities: "00000000a80425fb".to_owned(),
            network: ("net:[2]".into(), "net:[1]".into()),
        };
        let filtered = json!({"process": {}, "linux": {"seccomp": {}}});
        assert_eq!(found.check("bridge", Some(&filtered)), Ok(()));
        assert_eq!(found.check("none", None), Ok(()));
        let said = |network: &str, configuration: Value| {
            found.check(network, Some(&configuration)).unwrap_err()
        };
        assert!(said("host", filtered.clone()).contains("its network should be host"));
        let unfiltered = said("none", json!({"process": {}, "linux": {}}));
        assert!(unfiltered.contains("has not a filter"), "{unfiltered}");
        let mut privileged = filtered;
        privileged["process"]["noNewPrivileges"] = json!(true);
        assert!(said("none", privileged).contains("the kernel false"));
    }

    #[test]
    fn daemons_are_charged_for_their_work_and_not_for_their_memory() {
        let cost = |cpu_ns, pss_bytes| Resources {
            cpu_ns: Some(cpu_ns),
            pss_bytes: Some(pss_bytes),
            ..Resources::default()
        };
        let (container, shim, daemon) = (cost(10, 100), cost(5, 50), cost(1_000, 9_000));
        let whole = charged(&[container, shim], working(&[&daemon]));
        assert_eq!((whole.cpu_ns, whole.pss_bytes), (Some(1_015), Some(150)));
        // What is not known is not nothing.
        let unknown = charged(&[container], working(&[&Resources::default()]));
        assert_eq!((unknown.cpu_ns, unknown.pss_bytes), (None, Some(100)));
    }

    #[test]
    fn this_process_is_in_the_machines_network() {
        let attested = confinement(std::process::id(), HOST_NETWORK, None).unwrap();
        assert!(
            attested[Evidence::NetworkNamespace]
                .as_str()
                .unwrap()
                .starts_with("net:[")
        );
        assert_eq!(attested[Evidence::Seccomp], seccomp_of_this());
        let other = confinement(std::process::id(), NO_NETWORK, None).unwrap_err();
        assert_eq!(other.kind, FailureKind::NotAsPlanned);
        assert!(received_packets(std::process::id()).is_some());
    }

    fn seccomp_of_this() -> u32 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("Seccomp:"));
        line.unwrap()
            .split_whitespace()
            .last()
            .unwrap()
            .parse()
            .unwrap()
    }

    #[test]
    fn a_containers_start_is_divided_by_the_milestones_that_its_service_reports() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(MILESTONES_FILE);
        let reported = r#"{"first_statement_ns":60,"listening_ns":65,"first_accepted_ns":85}"#;
        std::fs::write(&file, reported).unwrap();
        let milestones = ServiceMilestones::read(&file, 0).unwrap();
        let engine = |created_ns| Instants {
            pulling_ns: None,
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
        // Of an order that does both.
        let phases = milestones.phases(&engine(10), 100).unwrap();
        assert_eq!((phases[0].name, phases[0].ns), (Phase::Start, 50));
        let pulled = Instants {
            pulling_ns: Some(4),
            ..engine(30)
        };
        let phases = milestones.phases(&pulled, 100).unwrap();
        assert_eq!(
            (phases[0].name, phases[0].ns, phases[1].ns),
            (Phase::Pull, 6, 20)
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
