//! Puts what a cell says between client and service, and proves afterwards that packets went
//! through it.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use campaign::schedule::{self, Bench, Measurement};
use results::Cell;
use serde_json::{Value, json};

use super::Outside;
use crate::firewall::nft::Counted;
use crate::firewall::{Level, Trouble, Wall};
use crate::link::{Link, Namespace};
use crate::observe::ready::Target;
use crate::suite::plan::Planned;
use crate::system::listens;
use machine::ports;

/// Where the services of the sample that is prepared are.
#[derive(Default)]
pub(super) struct Site {
    /// The port that it must listen on, where something had to know that before it was prepared.
    pub(super) port: Option<u16>,
    /// The namespace that it is launched in; nothing for the machine's own.
    pub(super) namespace: Option<Namespace>,
}

impl Site {
    /// The address that services are told to listen on.
    pub(super) fn address(&self, port: Option<u16>) -> Option<SocketAddr> {
        let ip = self
            .namespace
            .as_ref()
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), Namespace::address);
        port.map(|port| SocketAddr::new(ip, port))
    }

    /// Where they are asked.
    pub(super) fn target(&self, port: u16) -> Target {
        self.namespace.as_ref().map_or_else(
            || Target::loopback(port),
            |namespace| namespace.target(port),
        )
    }

    /// Who listens on a port there.
    pub(super) fn owners(&self, port: u16) -> std::io::Result<Vec<ports::Owner>> {
        match &self.namespace {
            None => ports::owner_of(port),
            Some(namespace) => namespace.within(|| ports::owner_of(port))?,
        }
    }
}

/// A bench whose samples stand behind a firewall or are reached over a network, where their cells
/// say so.
pub struct Networked<'a> {
    outside: Outside<'a>,
    /// The firewall, or why there is none. Made when a cell needs it first.
    wall: Option<Result<Wall, Trouble>>,
    /// What it had counted before the sample.
    before: Counted,
    /// What networks were made, or why they could not be: each is tried once.
    namespaces: HashMap<Link, Result<Namespace, String>>,
}

impl<'a> Networked<'a> {
    /// The bench, with whatever its cells put between client and service.
    pub fn new(outside: Outside<'a>) -> Self {
        Self {
            outside,
            wall: None,
            before: Counted::default(),
            namespaces: HashMap::new(),
        }
    }

    fn planned(&self, cell: &Cell) -> Result<Planned, String> {
        self.outside
            .cells
            .get(cell)
            .cloned()
            .ok_or_else(|| "the plan has no such cell".to_owned())
    }

    /// The firewall of the run. Samples in front of which there is none need it too: that there is
    /// none is looked at.
    fn wall(&mut self) -> Result<&Wall, Trouble> {
        let janitor = self.outside.janitor;
        let wall = self.wall.get_or_insert_with(|| Wall::new(janitor));
        wall.as_ref().map_err(Clone::clone)
    }

    /// A level of the firewall in front of the next sample's port.
    fn put_wall(&mut self, level: Level, port: u16, planned: &Planned) -> Result<(), String> {
        let inner = behind(planned);
        match self.wall() {
            Ok(wall) => {
                self.before = wall
                    .put(level, port, inner)
                    .map_err(|trouble| trouble.reason())?
            }
            // Who may not put one up can be measured without one all the same; behind somebody's,
            // nobody is without.
            Err(Trouble::NoProgram | Trouble::Denied | Trouble::NoKernel(_))
                if level == Level::Off => {}
            Err(trouble) => {
                return Err(format!(
                    "there can be no firewall of this suite's here: {}",
                    trouble.reason()
                ));
            }
        }
        Ok(())
    }

    fn namespace(&mut self, link: Link) -> Result<Namespace, String> {
        let janitor = self.outside.janitor;
        let make = || Namespace::make(link, Some(janitor)).map_err(|trouble| trouble.to_string());
        self.namespaces.entry(link).or_insert_with(make).clone()
    }

    /// What the rules have counted of a sample, and whether it was what its cell says.
    fn proof(
        &mut self,
        level: Level,
        planned: &Planned,
    ) -> (BTreeMap<String, Value>, Result<(), String>) {
        let before = self.before;
        let Ok(wall) = self.wall() else {
            return (BTreeMap::new(), Ok(()));
        };
        let (found, counted) = match wall.look() {
            Ok((found, counted)) => (found, counted.since(before)),
            Err(trouble) => {
                return (
                    BTreeMap::new(),
                    Err(format!("the firewall cannot be looked at: {trouble}")),
                );
            }
        };
        let mut attested = BTreeMap::from([(
            "firewall_rules".to_owned(),
            json!(found.is_on().then(|| found.rules())),
        )]);
        if found != level {
            return (
                attested,
                Err(format!(
                    "not what its cell says: the firewall should be {level} and was {found}"
                )),
            );
        }
        if !level.is_on() {
            return (attested, Ok(()));
        }
        attested.insert("firewall_packets".to_owned(), json!(counted.loopback));
        attested.insert("firewall_blocked".to_owned(), json!(counted.blocked));
        let mut passed = counted.loopback > 0;
        if behind(planned).is_some() {
            attested.insert(
                "firewall_packets_to_container".to_owned(),
                json!(counted.to_container),
            );
            attested.insert(
                "firewall_packets_from_container".to_owned(),
                json!(counted.from_container),
            );
            passed = passed && counted.to_container > 0 && counted.from_container > 0;
        }
        let verdict = if passed {
            Ok(())
        } else {
            Err("its packets did not pass the firewall".to_owned())
        };
        (attested, verdict)
    }
}

/// The port inside a container, if what is asked is published by an engine's proxy.
fn behind(planned: &Planned) -> Option<u16> {
    planned
        .system
        .adapter()
        .hosted()
        .and_then(|hosted| hosted.behind(&planned.variant))
}

impl Bench for Networked<'_> {
    fn prepare(&mut self, at: &campaign::Planned) -> Result<(), String> {
        let planned = self.planned(&at.cell)?;
        self.outside.site = Site::default();
        if let Some(link) = planned.network.link {
            if planned.system.adapter().hosted().is_some() {
                return Err(
                    "its engine gives services their network, and none that client and service \
                        share only; --path loopback is what can be measured of it"
                        .to_owned(),
                );
            }
            self.outside.site.namespace = Some(self.namespace(link)?);
        }
        let Some(level) = planned
            .network
            .firewall
            .filter(|_| listens(planned.workload))
        else {
            return self.outside.prepare(at);
        };
        // Before anything else is prepared: programs that run after pages were evicted would bring
        // some back.
        let port = ports::free_port().map_err(|error| format!("no port is free: {error}"))?;
        self.put_wall(level, port, &planned)?;
        self.outside.site.port = Some(port);
        self.outside.prepare(at)?;
        if planned.system.adapter().hosted().is_some()
            && let Some(port) = self.outside.engine(planned.system, 0)?.port()
        {
            // An engine that lives on listens where it always did.
            self.put_wall(level, port, &planned)?;
        }
        Ok(())
    }

    fn sample(&mut self, at: &campaign::Planned) -> Measurement {
        let mut measured = self.outside.sample(at);
        let Ok(planned) = self.planned(&at.cell) else {
            return measured;
        };
        if let Some(namespace) = &self.outside.site.namespace {
            measured
                .attested
                .insert("network_namespace".to_owned(), json!(namespace.name()));
        }
        if let Some(level) = planned.network.firewall {
            let (attested, verdict) = self.proof(level, &planned);
            measured.attested.extend(attested);
            // A sample that failed by itself has the better reason.
            measured.verdict = measured.verdict.and(verdict);
        }
        if measured.verdict.is_err() {
            measured.total_ns = None;
        }
        measured
    }

    fn clean(&mut self, at: &campaign::Planned) -> Result<(), String> {
        self.outside.clean(at)
    }

    fn artifact_sha256(&self, cell: &Cell) -> Option<String> {
        self.outside.artifact_sha256(cell)
    }
}
