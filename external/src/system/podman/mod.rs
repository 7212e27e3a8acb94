//! Podman: containers without a daemon. `podman run` is the whole engine, and ends once the container
//! runs; a small process of its own (`conmon`) stays beside each.
//!
//! Everything that it keeps lies in folders of the run's own: images, containers, state. So what is
//! there is this run's, nobody else's containers are ever seen, and a run that was killed is
//! removed as a whole.

mod container;
mod engine;
mod store;

use std::path::PathBuf;

use results::record::Scenario;
use results::{Params, Skip, SkipKind};
use workloads::Target;

use self::engine::PodmanEngine;
use super::container::without_a_bridge;
use super::managed::{Engine, EngineContext, ManagedSystem, Programs, programs};
use super::programs::unavailable;
use super::pull::variants as variants_pulled;
use super::{
    Acquire, Adapter, BuildRequest, Estimate, Found, LaunchSpec, Unavailable, find_program, found,
    run,
};
pub(super) use store::remove_left;

/// The first word of its guard, before its program and its two folders.
pub(super) const CLEANUP: &str = "podman-store";

/// What installs it.
const REMEDY: &str = "`./setup podman` installs it";

/// The label of our images.
const LABEL: &str = "coldphase";

/// The engine.
pub(super) struct Podman;

impl Adapter for Podman {
    fn name(&self) -> &'static str {
        "podman"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let unavailable = unavailable(REMEDY);
        let program = find_program("podman", &[])
            .ok_or_else(|| unavailable("there is no program `podman`".to_owned()))?;
        let printed = run(&program, &["--version".to_owned()]).map_err(&unavailable)?;
        let version = printed.split_whitespace().last().unwrap_or(&printed);
        found(program, version.to_owned(), REMEDY)
    }

    fn acquire_modes(&self) -> &'static [Acquire] {
        &[]
    }

    /// To remove a container takes longer than what is timed.
    fn estimate(&self, _: Option<Acquire>, _: Scenario) -> Estimate {
        Estimate::start(420.0)
    }

    fn prepare(&self, _: &Found, _: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        Err("a container is started by its engine".to_owned())
    }

    fn managed(&self) -> Option<&dyn ManagedSystem> {
        Some(self)
    }

    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        Ok("memory of the process in the container")
    }

    fn reports_milestones(&self) -> bool {
        true
    }

    /// Its store gets the images of what is built here.
    fn check_own(&self, target: &Target) -> Result<(), Skip> {
        let reason = format!(
            "podman is given no image of a person's own, as that of {} would be",
            target.name
        );
        Err(Skip::new(SkipKind::NotApplicable, reason).remedy(
            "`docker` starts `image`, and below it `containerd`, `runc`, `crun`, `youki` and \
                `gvisor` do",
        ))
    }
}

impl ManagedSystem for Podman {
    fn engine(&self, context: EngineContext<'_>) -> Result<Box<dyn Engine>, String> {
        Ok(Box::new(PodmanEngine::new(context)?))
    }

    fn programs(&self, found: &Found) -> Programs {
        let mut started: Vec<PathBuf> = vec![found.program.clone()];
        started.extend(programs(&["conmon", "crun", "runc"]));
        Programs {
            started,
            live_on: Vec::new(),
        }
    }

    fn variants(&self, service: bool, scenario: Scenario) -> Vec<Params> {
        let own = without_a_bridge(service);
        match scenario {
            Scenario::ImageCold => own.first().map_or_else(Vec::new, variants_pulled),
            _ => own,
        }
    }

    fn usual_variants(&self, service: bool, scenario: Scenario) -> usize {
        if scenario.multiplies() || scenario == Scenario::ImageCold {
            1
        } else {
            without_a_bridge(service).len()
        }
    }

    fn reaches_any_address(&self) -> bool {
        true
    }
}
