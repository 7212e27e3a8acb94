//! A run's wasmCloud: what lives on between samples, and how it is brought into the state that a
//! start finds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use machine::clock::now_ns;
use machine::page_cache::{self, Pages, Residency};
use results::{Evidence, Skip};
use serde_json::json;
use workloads::Workload;

use super::super::managed::{Engine, Instance, Preparation, StartRequest, files_in, make_empty};
use super::control::start_message;
use super::host::{Host, ROUTE};
use super::host_state::{HostState, New};
use super::installation::{Infrastructure, Installation, Pushed, TIMEOUT_NS};
use super::instance::{Served, Times};
use machine::{cores, ports, usage};

/// A wasmCloud with at most one host.
pub(super) struct Lattice {
    // Hosts before what they are connected to: fields are dropped in this order.
    pub(super) host: Option<Host>,
    pub(super) infrastructure: Option<Infrastructure>,
    pub(super) installation: Installation,
    /// Workloads whose images are in the registry.
    pushed: BTreeMap<&'static str, Pushed>,
    /// What the next start is of.
    pub(super) chosen: Option<Pushed>,
    /// Workloads that there is a filled cache for.
    filled: BTreeSet<&'static str>,
    /// How many workloads have been begun, which makes their names.
    begun: u64,
    /// The last workload that a host was given.
    last: Option<String>,
}

impl Lattice {
    pub(super) fn new(installation: Installation) -> Self {
        Self {
            host: None,
            infrastructure: None,
            installation,
            pushed: BTreeMap::new(),
            chosen: None,
            filled: BTreeSet::new(),
            begun: 0,
            last: None,
        }
    }

    /// Brings back what has died, and says what had. A host does not outlive its NATS: it would
    /// connect again some time later, in the middle of a start.
    fn revive(&mut self) -> Result<Option<String>, String> {
        let mut died = self.host.as_mut().and_then(|host| host.child.ended());
        if died.is_some() {
            self.host = None;
        }
        if let Some(Err(end)) = self.infrastructure.as_mut().map(Infrastructure::lives) {
            died = Some(end);
            self.host = None;
            self.infrastructure = None;
        }
        if self.infrastructure.is_none() {
            self.infrastructure = Some(Infrastructure::start(&self.installation)?);
        }
        Ok(died)
    }

    /// The digest of a workload's component, which is in the registry then, and its image the next
    /// one to be started.
    ///
    /// Of one that no host may know there is an image of its own each time: the same component with
    /// another last section.
    fn choose(&mut self, workload: Workload, unknown: bool) -> Result<String, String> {
        let built = match self.pushed.get(workload.name()) {
            Some(pushed) => pushed.clone(),
            None => self.installation.push(workload, None)?,
        };
        self.pushed.insert(workload.name(), built.clone());
        let sha256 = built.sha256.clone();
        self.chosen = Some(if unknown {
            let mark = self.name();
            self.installation.push(workload, Some(&mark))?
        } else {
            built
        });
        Ok(sha256)
    }

    /// The image of a workload that hosts may know.
    fn built(&self, workload: Workload) -> Result<String, String> {
        let pushed = self.pushed.get(workload.name());
        pushed
            .map(|pushed| pushed.image.clone())
            .ok_or_else(|| format!("{} was not pushed", workload.name()))
    }

    /// A new host, for which there is room at NATS only once the one before it is gone.
    fn start_host(&self, cache: &Path) -> Result<Host, String> {
        let around = self.infrastructure.as_ref().ok_or(NO_INFRASTRUCTURE)?;
        around.wait_until_alone()?;
        Host::start(
            &self.installation,
            cache,
            free_port()?,
            now_ns() + TIMEOUT_NS,
        )
    }

    /// Has a host of its own fill a cache with a workload's image.
    fn fill(&mut self, workload: Workload) -> Result<(), String> {
        if self.filled.contains(workload.name()) {
            return Ok(());
        }
        let cache = make_empty(self.installation.filled(workload))?;
        self.host = None;
        let mut host = self.start_host(&cache)?;
        self.try_once(&mut host, workload)
            .map_err(|reason| format!("a cache of images cannot be filled: {reason}"))?;
        host.child.stop();
        if files_in(&cache).is_empty() {
            return Err(format!(
                "the host has left no image in {}, so there is none to be found",
                cache.display()
            ));
        }
        self.filled.insert(workload.name());
        Ok(())
    }

    /// Gives a workload to a host and takes it away again.
    fn try_once(&mut self, host: &mut Host, workload: Workload) -> Result<(), String> {
        let id = self.name();
        let message = start_message(&id, &self.built(workload)?, ROUTE, false);
        let around = self.infrastructure.as_mut().ok_or(NO_INFRASTRUCTURE)?;
        host.start_workload(around, &message, now_ns() + TIMEOUT_NS)?;
        host.stop_workload(around, &id)
    }

    fn name(&mut self) -> String {
        self.begun += 1;
        format!("w{}", self.begun)
    }

    /// Has a host live that was given the workload right before: the first workload of a host is
    /// another measurement, and for how long it keeps compiled code is not known.
    fn keep_host(&mut self, workload: Workload) -> Result<(), String> {
        let mut host = match self.host.take() {
            Some(host) => host,
            None => self.start_host(&self.installation.cache())?,
        };
        self.try_once(&mut host, workload)
            .map_err(|reason| format!("a host was tried once, and {reason}"))?;
        self.host = Some(host);
        Ok(())
    }

    /// Empties the host's cache of images, or puts an image into it that no host has seen there.
    /// Hosts remove what is older than an hour, so it is never the same files for long.
    fn lay_cache(&self, workload: Workload, pulled: bool) -> Result<(), String> {
        let cache = self.installation.cache();
        make_empty(cache.clone())?;
        if pulled {
            Ok(())
        } else {
            copy_all(&self.installation.filled(workload), &cache)
        }
    }

    /// Puts what the start reads the component from into the page cache, or out of it; how many
    /// pages are in it.
    fn place_pages(&self, pulled: bool, residency: Residency) -> Result<Option<usize>, String> {
        let files = files_in(&if pulled {
            self.installation.blobs()
        } else {
            self.installation.cache()
        });
        let mut pages = Pages::NONE;
        for file in &files {
            pages += page_cache::put(file, residency)?;
        }
        Ok(pages.resident)
    }

    /// Keeps what lives on on the core that the request says, or lets it have all again: what was
    /// launched for an earlier sample runs where that one said.
    fn keep_on_core(&self, core: Option<usize>) -> Result<(), String> {
        let around = self.infrastructure.iter();
        let around = around.flat_map(|it| [&it.nats, &it.registry]);
        let host = self.host.iter().map(|host| &host.child);
        let pids: Vec<_> = around
            .chain(host)
            .flat_map(|child| usage::tree(child.pid()))
            .collect();
        let allowed = core.map_or_else(cores::allowed, |core| vec![core]);
        cores::keep(&pids, &allowed)
            .map_err(|error| format!("wasmCloud cannot be kept on cores {allowed:?}: {error}"))
    }

    /// What a start consists of until the workload is running.
    fn begin(
        &mut self,
        id: &str,
        request: &StartRequest,
        state: HostState,
        port: u16,
    ) -> Result<Times, String> {
        let chosen = self.chosen.as_ref().ok_or(NO_INFRASTRUCTURE)?;
        let component = start_message(id, &chosen.image, ROUTE, state.pooled);
        let mut times = Times::default();
        if state.new_infrastructure() {
            let around = Infrastructure::start(&self.installation)?;
            times.launched_ns = around.nats.launched_ns();
            times.infrastructure = Some((around.nats_ready_ns, around.registry_ready_ns));
            self.infrastructure = Some(around);
        }
        if state.new_host() {
            let host = Host::start(
                &self.installation,
                &self.installation.cache(),
                port,
                request.deadline_ns,
            );
            let host = host.map_err(|reason| self.with_cause(reason))?;
            times.host_launched_ns = Some(host.child.launched_ns());
            if !state.new_infrastructure() {
                times.launched_ns = host.child.launched_ns();
            }
            times.new_host = Some((host.exec_ns, host.ready_ns));
            self.host = Some(host);
        } else {
            times.launched_ns = now_ns();
        }
        let host = self
            .host
            .as_mut()
            .ok_or("the host that should live on was not prepared")?;
        let around = self.infrastructure.as_mut().ok_or(NO_INFRASTRUCTURE)?;
        times.given_before = host.given;
        let reply = host.start_workload(around, &component, request.deadline_ns)?;
        times.running_ns = reply.seen_ns;
        times.attempts = reply.attempts;
        Ok(times)
    }

    /// Why a host did not start, and before it what died around it: a host that finds no NATS only
    /// says that.
    fn with_cause(&mut self, reason: String) -> String {
        match self.infrastructure.as_mut().map(Infrastructure::lives) {
            Some(Err(cause)) => format!("{cause}; and so {reason}"),
            _ => reason,
        }
    }

    /// Ends what was started for a sample only.
    pub(super) fn end(&mut self, state: HostState) {
        if state.new_host()
            && let Some(host) = self.host.take()
        {
            host.child.stop();
        }
        if state.new_infrastructure() {
            self.infrastructure = None;
        }
    }

    /// What the host's cache of images holds, and when each of it was written: what is pulled is
    /// written.
    pub(super) fn cached(&self) -> Written {
        let written = |file: PathBuf| Some((file.metadata().ok()?.modified().ok()?, file));
        files_in(&self.installation.cache())
            .into_iter()
            .filter_map(written)
            .map(|(at, file)| (file, at))
            .collect()
    }
}

/// Files, and when each was written.
pub(super) type Written = BTreeMap<PathBuf, SystemTime>;

/// What is missing if something was started without having been prepared.
const NO_INFRASTRUCTURE: &str = "neither NATS nor the registry was prepared";

impl Engine for Lattice {
    fn prepare(&mut self, request: &StartRequest) -> Result<Preparation, Skip> {
        let state = HostState::parse(request)?;
        self.installation.core = request.core;
        if self.installation.use_tls(state.tls)? {
            self.host = None;
            self.infrastructure = None;
        }
        let died = self.revive()?;
        let sha256 = self.choose(request.workload, state.new == New::Component)?;
        if !state.pulled {
            self.fill(request.workload)?;
        }
        if state.new_host() {
            // A second host would share its pages with the new one, which would seem the smaller
            // for it.
            self.host = None;
        } else {
            self.keep_host(request.workload)?;
        }
        self.lay_cache(request.workload, state.pulled)?;
        let resident = self.place_pages(state.pulled, request.residency())?;
        self.keep_on_core(request.core)?;
        let mut attested = self.installation.versions();
        attested.insert(Evidence::PagesResident, json!(resident));
        if let (true, Some(chosen)) = (state.pulled, &self.chosen) {
            attested.insert(Evidence::ImageLayers, json!(1));
            attested.insert(Evidence::ImageBytes, json!(chosen.bytes));
        }
        if let Some(died) = died {
            attested.insert(Evidence::BroughtBack, json!(died));
        }
        if state.new_infrastructure() {
            self.infrastructure = None;
        }
        if let Some(around) = &self.infrastructure
            && state.new_host()
        {
            around.wait_until_alone()?;
        }
        if let Some(around) = &mut self.infrastructure {
            around.nats.begin();
            around.registry.begin();
        }
        if let Some(host) = &mut self.host {
            host.child.begin();
        }
        Ok(Preparation {
            sha256,
            attested,
            ..Preparation::default()
        })
    }

    fn start(
        &mut self,
        request: &StartRequest,
        port: Option<u16>,
    ) -> Result<Box<dyn Instance + '_>, String> {
        let state = HostState::parse(request).map_err(|skip| skip.to_string())?;
        let port = port.ok_or("a workload of wasmCloud listens, and was given no port")?;
        let (id, cached) = (self.name(), self.cached());
        match self.begin(&id, request, state, port) {
            Ok(times) => {
                self.last = Some(id.clone());
                Ok(Box::new(Served::new(self, state, id, times, cached)))
            }
            Err(reason) => {
                // Nobody knows what a host has got of a workload that it did not say to be running.
                self.host = None;
                self.end(state);
                Err(reason)
            }
        }
    }

    fn port(&self) -> Option<u16> {
        self.host.as_ref().map(|host| host.port)
    }

    fn clean(&mut self) -> Result<(), String> {
        let Some(id) = self.last.take() else {
            return Ok(());
        };
        match (&mut self.host, &mut self.infrastructure) {
            (Some(host), Some(around)) => host.check_gone(around, &id),
            _ => Ok(()),
        }
    }
}

fn free_port() -> Result<u16, String> {
    ports::free_port().map_err(|error| format!("no port is free: {error}"))
}

fn copy_all(from: &Path, to: &Path) -> Result<(), String> {
    for file in files_in(from) {
        let target = to.join(file.strip_prefix(from).map_err(|error| error.to_string())?);
        target
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::copy(&file, &target).map(drop))
            .map_err(|error| {
                format!(
                    "cannot copy {} to {}: {error}",
                    file.display(),
                    target.display()
                )
            })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_copied_with_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::create_dir_all(from.join("image")).unwrap();
        std::fs::write(from.join("image/digest"), "sha256:1").unwrap();
        copy_all(&from, &to).unwrap();
        assert_eq!(files_in(&to), [to.join("image/digest")]);
        assert_eq!(
            files_in(&folder.path().join("nothing")),
            Vec::<PathBuf>::new()
        );
    }
}
