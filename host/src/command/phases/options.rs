//! The options of a run, where each value came from, and what they select.

use campaign::{Error, Exit};
use host_probe::limits;
use host_probe::pool::PoolSettings;
use host_probe::settings::Value;
use results::manifest::Origin;
use serde::{Deserialize, Serialize};
use workloads::Workload;

use crate::bench::plan;
use crate::bench::target::Target;
use crate::bench::user::UserArtifact;
use crate::cli::{Phases, Profile};
use crate::command::Origins;
use crate::command::masked;

/// What a run measures, in full: kept in its manifest, so that resuming it plans the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Options {
    pub(super) profile: Profile,
    pub(super) workloads: Vec<String>,
    pub(super) artifact: Option<UserArtifact>,
    /// In a record that masks some of the artifact's call: by what the whole of it is recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) call_fingerprint: Option<String>,
    pub(super) select: Vec<String>,
    pub(super) samples: u32,
    pub(super) seed: u64,
    pub(super) time_limit_ms: u64,
    pub(super) memory_limit_bytes: u64,
    /// As `--pool` sets them; absent in runs before there was one.
    #[serde(default)]
    pub(super) pool: PoolSettings,
}

/// The options in force, and where each came from.
pub(super) fn parse(arguments: &Phases) -> Result<(Options, Origins), Error> {
    let mut origins = Origins::new();
    let mut note = |name: &'static str, given: bool, otherwise: Origin| {
        origins.insert(
            name,
            if given {
                Origin::CommandLine
            } else {
                otherwise
            },
        );
    };
    note("profile", arguments.profile.is_some(), Origin::Default);
    note("workloads", !arguments.workload.is_empty(), Origin::Profile);
    note(
        "artifact",
        arguments.own.artifact.is_some(),
        Origin::Default,
    );
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
    note("pool", !arguments.pool.is_empty(), Origin::Default);
    let profile = arguments.profile.unwrap_or_default();
    let artifact = UserArtifact::asked(&arguments.own)?;
    let workloads = if artifact.is_some() {
        Vec::new()
    } else {
        workload_names(profile, &arguments.workload)?
    };
    let time_limit = arguments.time_limit.unwrap_or(limits::TIME);
    let options = Options {
        profile,
        workloads,
        artifact,
        call_fingerprint: None,
        select: arguments.select.iter().map(ToString::to_string).collect(),
        samples: arguments
            .samples
            .unwrap_or_else(|| plan::default_samples(profile)),
        seed: arguments.seed.unwrap_or_else(campaign::run::draw_seed),
        time_limit_ms: u64::try_from(time_limit.as_millis()).unwrap_or(u64::MAX),
        memory_limit_bytes: arguments
            .memory_limit
            .map_or(limits::MEMORY_BYTES, |mebibytes| mebibytes * 1024 * 1024),
        pool: pool_settings(&arguments.pool)?,
    };
    Ok((options, origins))
}

fn pool_settings(set: &[String]) -> Result<PoolSettings, Error> {
    let mut pool = PoolSettings::DEFAULT;
    for one in set {
        pool.set(one).map_err(|reason| {
            Error::new(Exit::Usage, format!("--pool: {reason}"))
                .hint("`--pool table_elements=30000` makes room for larger tables")
        })?;
    }
    Ok(pool)
}

fn workload_names(profile: Profile, requested: &[String]) -> Result<Vec<String>, Error> {
    let all = || Workload::ALL.iter().map(|workload| workload.name());
    if requested.is_empty() {
        return Ok(match profile {
            Profile::Quick | Profile::Levers => vec![
                Workload::Hello.name().to_owned(),
                Workload::HttpHello.name().to_owned(),
            ],
            Profile::Slots => vec![Workload::HttpHello.name().to_owned()],
            Profile::Standard | Profile::Full => all().map(str::to_owned).collect(),
        });
    }
    let mut names: Vec<String> = Vec::new();
    for name in requested {
        if Workload::from_name(name).is_none() {
            return Err(
                Error::new(Exit::Usage, format!("there is no workload `{name}`")).hint(format!(
                    "there are {}; --artifact FILE measures your own",
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

impl Options {
    /// As a manifest keeps them.
    pub(super) fn recorded(&self) -> Result<Self, Error> {
        let recorded = self.artifact.as_ref().map(masked::record).transpose()?;
        let (artifact, fingerprint) = recorded.unzip();
        Ok(Self {
            artifact,
            call_fingerprint: fingerprint.flatten(),
            ..self.clone()
        })
    }

    /// Those of a run that is resumed, with what its manifest does not keep out of the arguments.
    pub(super) fn resumed(self, arguments: &Phases) -> Result<Self, Error> {
        let wanted = self.call_fingerprint.as_deref();
        let artifact = masked::complete(self.artifact.clone(), wanted, &arguments.own)?;
        Ok(Self {
            artifact,
            call_fingerprint: None,
            ..self
        })
    }

    /// The programs under test.
    pub(super) fn targets(&self) -> Result<Vec<Target>, Error> {
        if let Some(artifact) = &self.artifact {
            return Ok(vec![Target::from_user(artifact)?]);
        }
        let workloads = self
            .workloads
            .iter()
            .filter_map(|name| Workload::from_name(name));
        Ok(workloads
            .map(Target::from_workload)
            .collect::<Result<Vec<_>, _>>()?
            .concat())
    }

    /// The parameters that are set in every cell.
    pub(super) fn selected(&self) -> Result<Vec<Value>, Error> {
        let parse =
            |text: &String| Value::parse(text).map_err(|reason| Error::new(Exit::Resume, reason));
        self.select.iter().map(parse).collect()
    }
}
