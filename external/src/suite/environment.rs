//! The variables that people know from shell-script suites, where they carry meaning here.

use std::collections::BTreeMap;

use campaign::{Error, Exit};
use results::manifest::Origin;
use results::record::Scenario;
use workloads::{Call, Workload};

use super::settings::{Origins, Settings};
use crate::firewall::Level;

/// A variable and what it means here. README documents them; a test holds both together.
pub const TABLE: [(&str, &str); 17] = [
    ("WARMUP_REQ", "requests before those that are recorded"),
    (
        "THROUGHPUT_REQS",
        "requests that are recorded, of each sample",
    ),
    ("THROUGHPUT_CONC", "connections at once under `throughput`"),
    ("HTTP_SCENARIOS", "scenarios of the services"),
    ("HTTP_RUNS", "samples of each cell; the same as N_RUN"),
    ("CPU_HASH_SCENARIOS", "scenarios of `cpu-hash`"),
    ("HELLO_WASM_SCENARIOS", "scenarios of `hello`"),
    (
        "WASMTIME_CACHE_MODE",
        "how `wasmtime-cli` comes by code: cold, warm, precompiled or off",
    ),
    (
        "PATH_SUFFIX",
        "only the service with this path: `/`, `/cpu`, `/echo` or `/state`",
    ),
    ("N_RUN", "samples of each cell"),
    (
        "CLEAR_CACHE_BETWEEN_RUNS",
        "1: the artifact's pages are evicted before every start",
    ),
    (
        "STRICT_CACHE_CLEAR",
        "nothing: a page that cannot be evicted always makes a sample unusable",
    ),
    (
        "CLEAN_BUILD",
        "nothing: built guests are checked by digest before every run",
    ),
    (
        "CONCURRENCY_LIST",
        "connections at once under `throughput`, several; with HTTP_SCALING instances at once",
    ),
    (
        "HTTP_SCALING",
        "1: services are measured with several instances at once too, as `external scale` does",
    ),
    (
        "HTTP_SCALING_RUNS",
        "samples of each cell; the same as N_RUN",
    ),
    (
        "FIREWALL",
        "1: behind no firewall and behind the baseline; or levels: off,rules:100",
    ),
];

/// The variables of the table that are set.
#[derive(Debug, Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of this process.
    pub fn of_process() -> Self {
        let set = TABLE
            .iter()
            .filter_map(|(name, _)| Some(((*name).to_owned(), std::env::var(name).ok()?)));
        Self(set.filter(|(_, value)| !value.trim().is_empty()).collect())
    }

    /// None at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// These.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim())
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| wrong(name, text, "a whole number"))
        };
        self.get(name).map(parse).transpose()
    }

    /// Words with commas or spaces between them.
    fn list(&self, name: &str) -> Option<Vec<String>> {
        let words = self
            .get(name)?
            .split([',', ' '])
            .filter(|word| !word.is_empty());
        Some(words.map(str::to_owned).collect())
    }

    fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| !matches!(value, "0" | "no" | "false" | "off"))
    }

    /// Those that are set and have no effect, as sentences.
    pub fn without_effect(&self) -> Vec<String> {
        let told = TABLE
            .iter()
            .filter(|(name, meaning)| meaning.starts_with("nothing") && self.is_on(name));
        told.map(|(name, meaning)| format!("{name} has no effect here; {meaning}"))
            .collect()
    }
}

fn wrong(name: &str, found: &str, wanted: &str) -> Error {
    Error::new(
        Exit::Usage,
        format!("the variable {name} is `{found}`, which is not {wanted}"),
    )
    .hint("`external suite --help` lists the variables and what they mean")
}

/// Lays the environment above the profile.
///
/// # Errors
/// A variable says something impossible, or two contradict each other.
pub fn apply(
    variables: &Variables,
    settings: &mut Settings,
    origins: &mut Origins,
) -> Result<(), Error> {
    let before = settings.clone();
    let values = &mut settings.values;
    values.warm_up = variables.number("WARMUP_REQ")?.unwrap_or(values.warm_up);
    values.requests = variables
        .number("THROUGHPUT_REQS")?
        .unwrap_or(values.requests);
    values.samples = samples(variables)?.unwrap_or(values.samples);
    if let Some(connections) = variables.number("THROUGHPUT_CONC")? {
        values.connections = vec![connections];
    }
    if let Some(list) = variables.list("CONCURRENCY_LIST") {
        let parse = |word: &String| {
            word.parse()
                .map_err(|_| wrong("CONCURRENCY_LIST", word, "a whole number"))
        };
        let numbers = list.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        if variables.is_on("HTTP_SCALING") {
            values.instances = numbers
        } else {
            values.connections = numbers
        }
    }
    if variables.is_on("HTTP_SCALING") {
        let scaling = Scenario::Scaling.name().to_owned();
        if !values.scenarios.contains(&scaling) {
            values.scenarios.push(scaling);
        }
        if values.instances == [1] {
            values.instances = vec![1, 2, 4, 8];
        }
    }
    if variables.is_on("FIREWALL") {
        let levels = variables.list("FIREWALL").unwrap_or_default();
        let yes = levels
            .iter()
            .all(|level| matches!(level.as_str(), "1" | "on" | "yes" | "true"));
        let levels = if yes {
            vec!["off".to_owned(), "baseline".to_owned()]
        } else {
            levels
        };
        if let Some(level) = levels.iter().find(|level| level.parse::<Level>().is_err()) {
            return Err(wrong(
                "FIREWALL",
                level,
                "1, or levels such as off,baseline,rules:100",
            ));
        }
        values.firewall = levels;
    }
    if let Some(path) = variables.get("PATH_SUFFIX") {
        values.workloads = vec![of_path(path)?.name().to_owned()];
    }
    settings.evict_always = variables.is_on("CLEAR_CACHE_BETWEEN_RUNS");
    settings.wasmtime_cache = variables
        .get("WASMTIME_CACHE_MODE")
        .map(cache_mode)
        .transpose()?
        .map(str::to_owned);
    for (variable, of) in [
        ("HELLO_WASM_SCENARIOS", &[Workload::Hello][..]),
        ("CPU_HASH_SCENARIOS", &[Workload::CpuHash]),
        ("HTTP_SCENARIOS", &Workload::ALL[2..]),
    ] {
        let Some(scenarios) = variables.list(variable) else {
            continue;
        };
        of.iter().for_each(|workload| {
            _ = settings
                .scenarios_of
                .insert(workload.name().to_owned(), scenarios.clone())
        });
    }
    for (key, changed) in [
        ("values", settings.values != before.values),
        ("evict_always", settings.evict_always),
        ("wasmtime_cache", settings.wasmtime_cache.is_some()),
        ("scenarios_of", !settings.scenarios_of.is_empty()),
    ] {
        if changed {
            origins.insert(key, Origin::Environment);
        }
    }
    Ok(())
}

/// Samples of each cell, by whichever variable says so.
fn samples(variables: &Variables) -> Result<Option<u32>, Error> {
    let mut said: Option<(&str, u32)> = None;
    for name in ["N_RUN", "HTTP_RUNS", "HTTP_SCALING_RUNS"] {
        match (said, variables.number(name)?) {
            (Some((first, one)), Some(other)) if one != other => {
                return Err(Error::new(
                    Exit::Usage,
                    format!("{first} is {one} and {name} is {other}"),
                )
                .hint(
                    "all cells of a run have the same number of samples: set one of them, or run \
                        twice with --only",
                ));
            }
            (None, Some(samples)) => said = Some((name, samples)),
            _ => {}
        }
    }
    Ok(said.map(|(_, samples)| samples))
}

fn of_path(path: &str) -> Result<Workload, Error> {
    let with_path = |workload: &Workload| match workload.call() {
        Call::Http(request) => request.target.split('?').next() == Some(path),
        Call::Run(_) => false,
    };
    let found = Workload::ALL.into_iter().find(with_path);
    found.ok_or_else(|| {
        wrong(
            "PATH_SUFFIX",
            path,
            "a path of the service: /, /cpu, /echo or /state",
        )
    })
}

fn cache_mode(mode: &str) -> Result<&'static str, Error> {
    match mode {
        "cold" | "miss" => Ok("cache_miss"),
        "warm" | "hit" => Ok("cache_hit"),
        "precompiled" | "aot" => Ok("deserialize_file"),
        "off" | "none" => Ok("compile"),
        _ => Err(wrong(
            "WASMTIME_CACHE_MODE",
            mode,
            "one of cold, warm, precompiled, off",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{SuiteArguments, settings};

    fn told(variables: &Variables) -> Result<Settings, String> {
        settings::of(
            &SuiteArguments::default(),
            variables,
            None,
            settings::DEFAULT,
        )
        .map(|(s, _)| s)
        .map_err(|e| e.to_string())
    }

    #[test]
    fn variables_mean_what_the_table_says() {
        let settings = told(&Variables::of([
            ("WARMUP_REQ", "1"),
            ("THROUGHPUT_CONC", "3"),
            ("N_RUN", "4"),
            ("HTTP_RUNS", "4"),
            ("PATH_SUFFIX", "/cpu"),
            ("WASMTIME_CACHE_MODE", "warm"),
            ("CLEAR_CACHE_BETWEEN_RUNS", "1"),
            ("CPU_HASH_SCENARIOS", "cold, runtime-cold"),
        ]))
        .unwrap();
        let values = &settings.values;
        assert_eq!(
            (values.warm_up, values.samples, &values.connections[..]),
            (1, 4, &[3][..])
        );
        assert_eq!(values.workloads, ["http-cpu"]);
        assert_eq!(settings.wasmtime_cache.as_deref(), Some("cache_hit"));
        assert_eq!(settings.scenarios_of["cpu-hash"], ["cold", "runtime-cold"]);
        assert!(settings.evict_always);
    }

    #[test]
    fn what_is_impossible_is_refused_and_what_has_no_effect_is_said() {
        assert!(
            told(&Variables::of([("N_RUN", "many")]))
                .unwrap_err()
                .contains("not a whole number")
        );
        assert!(
            told(&Variables::of([("N_RUN", "3"), ("HTTP_RUNS", "4")]))
                .unwrap_err()
                .contains("HTTP_RUNS is 4")
        );
        assert!(
            told(&Variables::of([("HTTP_SCENARIOS", "cool")]))
                .unwrap_err()
                .contains("there is no scenario `cool`")
        );
        let variables = Variables::of([
            ("FIREWALL", "1"),
            ("HTTP_SCALING", "1"),
            ("CLEAN_BUILD", "0"),
        ]);
        assert_eq!(variables.without_effect().len(), 0, "CLEAN_BUILD is off");
    }

    #[test]
    fn scaling_is_asked_for_by_its_variables() {
        let pairs = [
            ("HTTP_SCALING", "1"),
            ("HTTP_SCALING_RUNS", "9"),
            ("CONCURRENCY_LIST", "1,3"),
        ];
        let values = told(&Variables::of(pairs)).unwrap().values;
        assert_eq!(
            (
                values.samples,
                &values.instances[..],
                &values.connections[..]
            ),
            (9, &[1, 3][..], &[10][..])
        );
        assert!(
            values
                .scenarios
                .iter()
                .any(|scenario| scenario == "scaling")
        );
        assert!(
            told(&Variables::of([("N_RUN", "3"), ("HTTP_SCALING_RUNS", "4")]))
                .unwrap_err()
                .contains("is 4")
        );
    }

    #[test]
    fn a_firewall_is_asked_for_by_yes_or_by_levels() {
        let levels = |value| {
            told(&Variables::of([("FIREWALL", value)])).map(|settings| settings.values.firewall)
        };
        for yes in ["1", "on", "yes"] {
            assert_eq!(levels(yes).unwrap(), ["off", "baseline"]);
        }
        assert_eq!(levels("0").unwrap(), [""; 0]);
        assert_eq!(levels("off rules:10").unwrap(), ["off", "rules:10"]);
        assert!(
            levels("strict")
                .unwrap_err()
                .contains("FIREWALL is `strict`")
        );
    }

    #[test]
    fn the_readme_documents_every_variable() {
        let readme = include_str!("../../../README.md");
        for (name, meaning) in TABLE {
            let row = format!("| `{name}` | {meaning} |");
            assert!(readme.contains(&row), "README lacks the row {row}");
        }
    }
}
