//! Puts what a cell says between client and service, and proves afterwards that packets went
//! through it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use campaign::schedule::{self, Bench, Measurement};
use machine::ports;
use results::{Attested, Cell, Evidence, Failure, FailureKind, Skip, SkipKind};
use serde_json::json;

use super::{SystemBench, free_port};
use crate::client::readiness::Target;
use crate::network::firewall::nft::Counted;
use crate::network::firewall::{Firewall, FirewallError, Level};
use crate::network::link::{Link, LinkedNamespace};
use crate::network::tun::Passed;
use crate::process::NetworkNamespace;
use crate::suite::plan::Planned;
use crate::system::listens;

/// Where the services of the sample that is prepared listen.
#[derive(Default)]
pub(super) struct Endpoint {
    /// The port that it must listen on, where a firewall had to be made for it before it was
    /// prepared.
    pub(super) port: Option<u16>,
    /// The namespace that it is launched in; nothing for the machine's own.
    link: Option<LinkedNamespace>,
    /// The namespace that its clients are in, where it is an engine that gives it its network;
    /// nothing for the machine's own.
    client: Option<LinkedNamespace>,
}

impl Endpoint {
    fn ip(&self) -> IpAddr {
        self.link
            .as_ref()
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), LinkedNamespace::address)
    }

    /// The address that services are told to listen on.
    pub(super) fn address(&self, port: Option<u16>) -> Option<SocketAddr> {
        port.map(|port| SocketAddr::new(self.ip(), port))
    }

    /// Where they answer.
    pub(super) fn target(&self, port: u16) -> Target {
        Target::new(SocketAddr::new(self.ip(), port))
    }

    /// The address of the machine's that clients reach the services of an engine at.
    pub(super) fn machines_address(&self) -> IpAddr {
        self.client
            .as_ref()
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), LinkedNamespace::outside)
    }

    /// Whether clients are in another network than the machine's.
    pub(super) fn has_client(&self) -> bool {
        self.client.is_some()
    }

    /// Does something where clients are: connections that are opened, and threads that are started
    /// meanwhile, come from there.
    ///
    /// # Errors
    /// This thread cannot be moved.
    pub(super) fn as_client<T>(&self, work: impl FnOnce() -> T) -> Result<T, Failure> {
        let Some(client) = &self.client else {
            return Ok(work());
        };
        let inside = client
            .enter()
            .map_err(|error| format!("cannot send requests out of {}: {error}", client.name()))?;
        let done = work();
        inside.leave();
        Ok(done)
    }

    /// The namespace that they are launched in; nothing for the machine's own.
    pub(super) fn namespace(&self) -> Option<NetworkNamespace> {
        self.link.as_deref().cloned()
    }

    /// Has what goes through the link from now on counted anew.
    fn count_anew(&self) {
        if let Some(link) = self.link.as_ref().or(self.client.as_ref()) {
            // What is wrong with it is told after the sample.
            let _ = link.passed();
        }
    }

    /// What carried the packets of the sample, and whether it did.
    fn crossed(&self) -> (Attested, Result<(), Failure>) {
        let Some(link) = self.link.as_ref().or(self.client.as_ref()) else {
            return (Attested::new(), Ok(()));
        };
        let mut attested = Attested::from([(Evidence::LinkMeans, json!(link.means().name()))]);
        let proof = link.proof();
        attested.extend(proof.map(|it| (Evidence::LinkDelayNs, json!(it.median_ns()))));
        attested.extend(link.placed().into_iter().flat_map(|placed| {
            [
                (Evidence::ForwarderCore, json!(placed.core)),
                (Evidence::ForwarderFirst, json!(placed.is_first)),
            ]
        }));
        let passed = match link.passed() {
            Ok(None) => return (attested, Ok(())),
            Ok(Some(passed)) => passed,
            Err(why) => {
                let reason = format!("the link carries nothing any more: {why}");
                return (attested, Err(reason.into()));
            }
        };
        attested.insert(Evidence::LinkPackets, json!(passed.packets));
        attested.insert(Evidence::LinkLateNs, json!(passed.late_ns));
        let verdict = match passed {
            Passed { packets: 0, .. } => Err("its packets did not pass the link".to_owned()),
            Passed { dropped: 0, .. } => Ok(()),
            Passed { dropped, .. } => Err(format!(
                "the link dropped {dropped} packets: more came than it can carry"
            )),
        };
        (attested, verdict.map_err(not_as_planned))
    }

    /// The first of these ports there that somebody listens on, and who.
    pub(super) fn held(&self, on: &[u16]) -> std::io::Result<Option<(u16, ports::Owner)>> {
        match self.namespace() {
            None => ports::first_held(on),
            Some(namespace) => namespace.within(|| ports::first_held(on))?,
        }
    }
}

/// A bench whose samples stand behind a firewall or are reached over a network, where their cells
/// say so.
pub struct NetworkBench<'a> {
    bench: SystemBench<'a>,
    /// The firewall, or why there is none. Made when a cell needs it first.
    firewall: Option<Result<Firewall, FirewallError>>,
    /// What it had counted before the sample.
    before: Counted,
    /// What links were made, or why they could not be: each is tried once.
    links: HashMap<Link, Result<LinkedNamespace, Skip>>,
}

impl<'a> NetworkBench<'a> {
    /// The bench, with the network paths of its cells.
    pub fn new(bench: SystemBench<'a>) -> Self {
        Self {
            bench,
            firewall: None,
            before: Counted::default(),
            links: HashMap::new(),
        }
    }

    /// The firewall of the run. Samples at level `off` need it too: that there is none is checked.
    fn firewall(&mut self) -> Result<&Firewall, FirewallError> {
        let reaper = self.bench.reaper;
        let firewall = self.firewall.get_or_insert_with(|| Firewall::new(reaper));
        firewall.as_ref().map_err(Clone::clone)
    }

    /// Puts a level of the firewall in front of the next sample's port.
    fn put_firewall(&mut self, level: Level, port: u16, planned: &Planned) -> Result<(), Skip> {
        let inner = container_port(planned);
        let put = self
            .firewall()
            .and_then(|firewall| firewall.put(level, port, inner));
        match put {
            Ok(before) => {
                self.before = before;
                Ok(())
            }
            // Without the right to make one, level `off` can be measured all the same; behind
            // somebody else's firewall it cannot.
            Err(FirewallError::NoProgram | FirewallError::Denied | FirewallError::NoKernel(_))
                if level == Level::Off =>
            {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn link(&mut self, link: Link) -> Result<LinkedNamespace, Skip> {
        let reaper = self.bench.reaper;
        let make = || LinkedNamespace::make(link, Some(reaper)).map_err(Skip::from);
        self.links.entry(link).or_insert_with(make).clone()
    }

    /// What the rules have counted of a sample, and whether it was what its cell says.
    fn evidence(&mut self, level: Level, planned: &Planned) -> (Attested, Result<(), Failure>) {
        let before = self.before;
        let Ok(firewall) = self.firewall() else {
            return (Attested::new(), Ok(()));
        };
        let (found, counted) = match firewall.read() {
            Ok((found, counted)) => (found, counted.since(before)),
            Err(error) => {
                let reason = format!("the firewall cannot be read: {error}");
                return (Attested::new(), Err(reason.into()));
            }
        };
        let rules = json!(found.is_on().then(|| found.rules()));
        let mut attested = Attested::from([(Evidence::FirewallRules, rules)]);
        if found != level {
            let reason =
                format!("not what its cell says: the firewall should be {level} and was {found}");
            return (attested, Err(not_as_planned(reason)));
        }
        if !level.is_on() {
            return (attested, Ok(()));
        }
        attested.insert(Evidence::FirewallPackets, json!(counted.loopback));
        attested.insert(Evidence::FirewallBlocked, json!(counted.blocked));
        let is_published = container_port(planned).is_some();
        let is_remote = self.bench.endpoint.has_client();
        if is_published && is_remote {
            let forwarded = json!(counted.forwarded);
            attested.insert(Evidence::FirewallPacketsForwarded, forwarded);
        } else if is_published {
            attested.extend([
                (
                    Evidence::FirewallPacketsToContainer,
                    json!(counted.to_container),
                ),
                (
                    Evidence::FirewallPacketsFromContainer,
                    json!(counted.from_container),
                ),
            ]);
        }
        let verdict = if passed(counted, is_published, is_remote) {
            Ok(())
        } else {
            let reason = "its packets did not pass the firewall";
            Err(not_as_planned(reason.to_owned()))
        };
        (attested, verdict)
    }
}

/// Whether packets took the way through the rules that they should have: to a port that an engine
/// has published, from another network by translation of addresses, or from this machine through the
/// engine's proxy; to any other service over the loopback.
const fn passed(counted: Counted, is_published: bool, is_remote: bool) -> bool {
    match (is_published, is_remote) {
        (true, true) => counted.forwarded > 0 && counted.loopback == 0,
        (true, false) => {
            counted.loopback > 0 && counted.to_container > 0 && counted.from_container > 0
        }
        (false, _) => counted.loopback > 0,
    }
}

fn not_as_planned(reason: String) -> Failure {
    Failure::new(FailureKind::NotAsPlanned, reason)
}

/// The port inside a container, if the service is reached through an engine's proxy.
fn container_port(planned: &Planned) -> Option<u16> {
    planned.system.managed()?.container_port(&planned.variant)
}

impl Bench for NetworkBench<'_> {
    fn prepare(&mut self, at: &schedule::Planned) -> Result<(), Skip> {
        self.bench.unbegun = None;
        let planned = self.bench.planned(&at.cell)?;
        self.bench.endpoint = Endpoint::default();
        if let Some(link) = planned.network.link {
            let managed = planned.system.managed();
            if managed.is_some_and(|managed| !managed.reaches_any_address()) {
                let reason = "its services are reached at the loopback alone";
                return Err(Skip::new(SkipKind::NotApplicable, reason)
                    .remedy("--path loopback is what can be measured of it"));
            }
            let link = self.link(link)?;
            // An engine gives services their network itself: it is the client that is elsewhere.
            if managed.is_some() {
                self.bench.endpoint.client = Some(link);
            } else {
                self.bench.endpoint.link = Some(link);
            }
        }
        let Some(level) = planned
            .network
            .firewall
            .filter(|_| listens(planned.workload))
        else {
            return self.bench.prepare(at);
        };
        // Before anything else is prepared: programs that run after pages were evicted would bring
        // some back.
        let fixed = SystemBench::fixed_port(planned.system, planned.workload, planned.instances)?;
        let port = fixed.map_or_else(free_port, Ok)?;
        self.put_firewall(level, port, &planned)?;
        self.bench.endpoint.port = Some(port);
        self.bench.prepare(at)?;
        if planned.system.managed().is_some()
            && let Some(port) = self.bench.engine(planned.system, 0)?.port()
        {
            // An engine that lives on listens where it always did.
            self.put_firewall(level, port, &planned)?;
        }
        Ok(())
    }

    fn sample(&mut self, at: &schedule::Planned) -> Measurement {
        self.bench.endpoint.count_anew();
        let mut measured = self.bench.sample(at);
        let Ok(planned) = self.bench.planned(&at.cell) else {
            return measured;
        };
        let (attested, crossed) = self.bench.endpoint.crossed();
        measured.attested.extend(attested);
        if let Some(namespace) = self.bench.endpoint.namespace() {
            measured
                .attested
                .insert(Evidence::NetworkNamespace, json!(namespace.name()));
        }
        if let Some(client) = &self.bench.endpoint.client {
            measured
                .attested
                .insert(Evidence::ClientNamespace, json!(client.name()));
        }
        if let Some(level) = planned.network.firewall {
            let (attested, verdict) = self.evidence(level, &planned);
            measured.attested.extend(attested);
            // A sample that failed by itself has the better reason.
            measured.verdict = measured.verdict.and(verdict);
        }
        measured.verdict = measured.verdict.and(crossed);
        if measured.verdict.is_err() {
            measured.total_ns = None;
        }
        measured
    }

    fn clean(&mut self, at: &schedule::Planned) -> Result<(), String> {
        self.bench.clean(at)
    }

    fn artifact_sha256(&self, cell: &Cell) -> Option<String> {
        self.bench.artifact_sha256(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_must_take_the_way_of_the_cell() {
        let forwarded = Counted {
            forwarded: 9,
            ..Counted::default()
        };
        let proxied = Counted {
            loopback: 9,
            to_container: 9,
            from_container: 9,
            ..Counted::default()
        };
        assert!(passed(forwarded, true, true) && !passed(forwarded, true, false));
        assert!(passed(proxied, true, false) && !passed(proxied, true, true));
        let local = Counted {
            loopback: 9,
            ..Counted::default()
        };
        assert!(passed(local, false, false) && !passed(local, true, false));
        assert!(!passed(Counted::default(), false, false));
    }
}
