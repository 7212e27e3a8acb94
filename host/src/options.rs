//! What a run is told, where each value came from, and what it means.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use results::manifest::Origin;
use results::run_folder;
use serde::{Deserialize, Serialize};
use workloads::Workload;

use crate::cli::{Phases, Profile};
use crate::plan;
use crate::target::{Brought, Target};
use campaign::{Error, Exit};
use host_probe::settings::Value;

/// What a run measures, in full: kept in its manifest, so that resuming it plans the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Options {
    pub(crate) profile: Profile,
    pub(crate) workloads: Vec<String>,
    pub(crate) artifact: Option<Brought>,
    pub(crate) select: Vec<String>,
    pub(crate) samples: u32,
    pub(crate) seed: u64,
    pub(crate) time_limit_ms: u64,
    pub(crate) memory_limit_bytes: u64,
}

/// The options in force, and where each came from. Of a run that is resumed, those in its folder's
/// manifest.
pub(crate) fn of(
    arguments: &Phases,
    resume: Option<PathBuf>,
) -> Result<(Options, BTreeMap<&'static str, Origin>), Error> {
    if let Some(folder) = resume {
        // Not locked yet: the rehearsal comes before that. The lock decides who may write.
        let manifest = run_folder::read_manifest(&folder)?;
        let config: serde_json::Map<_, _> = manifest
            .config
            .into_iter()
            .map(|(key, setting)| (key, setting.value))
            .collect();
        let options = serde_json::from_value(config.into()).map_err(|error| {
            Error::new(
                Exit::Resume,
                format!("the run's configuration cannot be understood: {error}"),
            )
            .hint("use the version of coldphase that wrote it, or start a new run")
        })?;
        return Ok((options, BTreeMap::new()));
    }
    let mut origins = BTreeMap::new();
    let mut note = |name: &'static str, said: bool, otherwise: Origin| {
        origins.insert(name, if said { Origin::CommandLine } else { otherwise });
    };
    note("profile", arguments.profile.is_some(), Origin::Default);
    note("workloads", !arguments.workload.is_empty(), Origin::Profile);
    note("artifact", arguments.artifact.is_some(), Origin::Default);
    note("select", !arguments.select.is_empty(), Origin::Default);
    note("samples", arguments.samples.is_some(), Origin::Profile);
    note("seed", arguments.seed.is_some(), Origin::Drawn);
    note(
        "time_limit_ms",
        arguments.time_limit.is_some(),
        Origin::Default,
    );
    note(
        "memory_limit_bytes",
        arguments.memory_limit.is_some(),
        Origin::Default,
    );
    let profile = arguments.profile.unwrap_or_default();
    let artifact = arguments.artifact.as_ref().map(|file| Brought {
        // Absolute, so that a resumed run finds it from anywhere.
        file: std::fs::canonicalize(file).unwrap_or_else(|_| file.clone()),
        request: arguments.request.clone(),
        expect: arguments.expect.clone(),
        arguments: arguments.arg.clone(),
    });
    let workloads = if artifact.is_some() {
        Vec::new()
    } else {
        workload_names(profile, &arguments.workload)?
    };
    let time_limit = arguments.time_limit.unwrap_or(Duration::from_secs(30));
    let options = Options {
        profile,
        workloads,
        artifact,
        select: arguments.select.iter().map(ToString::to_string).collect(),
        samples: arguments
            .samples
            .unwrap_or_else(|| plan::default_samples(profile)),
        seed: arguments.seed.unwrap_or_else(campaign::run::draw_seed),
        time_limit_ms: u64::try_from(time_limit.as_millis()).unwrap_or(u64::MAX),
        memory_limit_bytes: arguments.memory_limit.unwrap_or(1024) * 1024 * 1024,
    };
    Ok((options, origins))
}

fn workload_names(profile: Profile, asked: &[String]) -> Result<Vec<String>, Error> {
    let all = || Workload::ALL.iter().map(|workload| workload.name());
    if asked.is_empty() {
        return Ok(match profile {
            Profile::Quick => vec![
                Workload::Hello.name().to_owned(),
                Workload::HttpHello.name().to_owned(),
            ],
            Profile::Standard | Profile::Full => all().map(str::to_owned).collect(),
        });
    }
    let mut names: Vec<String> = Vec::new();
    for name in asked {
        if Workload::from_name(name).is_none() {
            return Err(
                Error::new(Exit::Usage, format!("there is no workload `{name}`")).hint(format!(
                    "there are {}; --artifact FILE brings your own",
                    all().collect::<Vec<_>>().join(", ")
                )),
            );
        }
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    Ok(names)
}

pub(crate) fn targets(options: &Options) -> Result<Vec<Target>, Error> {
    if let Some(brought) = &options.artifact {
        return Ok(vec![Target::brought(brought)?]);
    }
    let workloads = options
        .workloads
        .iter()
        .filter_map(|name| Workload::from_name(name));
    Ok(workloads
        .map(Target::all_of)
        .collect::<Result<Vec<_>, _>>()?
        .concat())
}

pub(crate) fn selected(options: &Options) -> Result<Vec<Value>, Error> {
    let parse =
        |text: &String| Value::parse(text).map_err(|reason| Error::new(Exit::Resume, reason));
    options.select.iter().map(parse).collect()
}
