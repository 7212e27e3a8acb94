//! The variables that people know from shell-script suites, where they carry meaning here.

use std::collections::BTreeMap;
use std::ffi::OsString;

use campaign::{Error, Exit};

use crate::system::{AcquireVariable, System};

/// The variables of the suite. The adapters have more: see [`table`].
/// Whose meaning begins with `nothing:` has none unless it is off, and is named where it is not; with
/// `nothing, whatever its value:`, also where it is off.
const SUITE: [(&str, &str); 38] = [
    ("WARMUP_REQ", "requests before those that are recorded"),
    (
        "THROUGHPUT_REQS",
        "how many requests are recorded, of each sample, whatever time they take",
    ),
    ("THROUGHPUT_CONC", "connections at once under `throughput`"),
    ("HTTP_SCENARIOS", "scenarios of the services"),
    ("HTTP_RUNS", "samples of each cell; the same as N_RUN"),
    (
        "CPU_HASH_SCENARIOS",
        "scenarios of `cpu-hash`; `warm` is `warm-disk`, since a command takes no requests",
    ),
    (
        "HELLO_WASM_SCENARIOS",
        "scenarios of `hello`; `warm` as in CPU_HASH_SCENARIOS",
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
        "HTTP_SCALING_N_RUN",
        "samples of each cell; the same as N_RUN",
    ),
    (
        "HTTP_SCALING_CONCURRENCY",
        "with HTTP_SCALING: instances at once, several",
    ),
    (
        "HTTP_SCALING_RUNTIMES",
        "with HTTP_SCALING: the systems that are measured with several instances at once, as RUNTIME",
    ),
    (
        "RUNTIME",
        "only these systems, by their names or as `native docker wasmtime wasmedge wasmcloud`; `all` leaves all",
    ),
    (
        "FIREWALL",
        "1 or both: behind no firewall and behind the baseline; or levels: off,rules:100",
    ),
    ("FIREWALL_MODE", "the same as FIREWALL"),
    (
        "INCLUDE_STATE",
        "1: `http-state` is measured too; 0: it is not",
    ),
    ("SKIP_DOCKER", "1: without `docker` and `docker-wasmtime`"),
    ("SKIP_WASMTIME", "1: without `wasmtime-cli`"),
    ("COLD_START_RUNS", "samples of each cell; the same as N_RUN"),
    (
        "DOCKER_PRUNE",
        "nothing: what a run makes in an engine is removed by its name, and nothing else is",
    ),
    (
        "CLEAR_WASH",
        "nothing: wasmCloud's folders are the run's own, and empty at its beginning",
    ),
    (
        "WASMCLOUD_PURGE_ON_EXIT",
        "nothing: wasmCloud's folders are the run's own",
    ),
    (
        "DOCKER_COLD",
        "nothing: images are built before a run; `image-cold` pulls and unpacks one within the start",
    ),
    (
        "WASMTIME_CACHE_DIR",
        "nothing: Wasmtime knows no such variable; caches are folders of the run's own",
    ),
    (
        "REQUESTS_PER_INSTANCE",
        "nothing: THROUGHPUT_REQS counts the requests of a sample, over all its instances",
    ),
    (
        "BOMBARDIER_CONC",
        "nothing: THROUGHPUT_CONC is the connections to each instance too",
    ),
    (
        "ITERATIONS",
        "nothing: `cpu-hash` is a million rounds, so that its answer can be checked",
    ),
    (
        "PORT",
        "nothing: each sample has a port of its own that was free",
    ),
    (
        "GENERATE_PLOTS",
        "nothing: `analysis report` draws the pictures, of any run",
    ),
    (
        "CONTINUE_ON_ERROR",
        "nothing, whatever its value: a sample that fails is recorded, and the run goes on",
    ),
    (
        "MAX_RETRIES",
        "nothing, whatever its value: a start may take as long as `--time-limit` says",
    ),
    (
        "LOG_TO_STDOUT",
        "nothing, whatever its value: results go to standard output, all else to standard error",
    ),
];

/// Names that begin like one of ours, and are other programs'.
const FOREIGN: [&str; 3] = ["DOCKER", "GENERATE", "INCLUDE"];

/// Every variable and what it means here. The documentation lists them; a test holds both together.
pub fn table() -> Vec<(&'static str, &'static str)> {
    let of_systems = acquire_variables().map(|(_, variable)| (variable.name, variable.meaning));
    SUITE.into_iter().chain(of_systems).collect()
}

pub(super) fn acquire_variables() -> impl Iterator<Item = (System, AcquireVariable)> {
    let variable = |system: System| Some((system, system.acquire_variable()?));
    System::all().into_iter().filter_map(variable)
}

/// The variables that are set, of the table and others.
#[derive(Debug, Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of this process. What is not UTF-8 is none of ours.
    pub fn from_process() -> Self {
        let utf8 = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let set = std::env::vars_os().filter_map(utf8);
        Self(set.filter(|(_, value)| !value.trim().is_empty()).collect())
    }

    /// None at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// These.
    pub fn from_pairs<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim())
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        self.get(name).map(|text| number(name, text)).transpose()
    }

    pub(super) fn numbers(&self, name: &str) -> Result<Option<Vec<usize>>, Error> {
        let numbers = |words: Vec<String>| words.iter().map(|word| number(name, word)).collect();
        self.list(name).map(numbers).transpose()
    }

    /// Words with commas or spaces between them.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let words = self
            .get(name)?
            .split([',', ' '])
            .filter(|word| !word.is_empty());
        Some(words.map(str::to_owned).collect())
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| !matches!(value, "0" | "no" | "false" | "off"))
    }

    /// Those that are set and have no effect, as sentences: they mean nothing here, need another
    /// one, or are none although their names begin like one.
    pub fn without_effect(&self) -> Vec<String> {
        let nothing = SUITE
            .iter()
            .filter(|(name, meaning)| {
                let always = meaning.starts_with("nothing, ") && self.get(name).is_some();
                always || meaning.starts_with("nothing:") && self.is_on(name)
            })
            .map(|(name, meaning)| format!("{name} has no effect here; {meaning}"));
        let scaling = SUITE.iter().filter(|(name, meaning)| {
            meaning.starts_with("with HTTP_SCALING")
                && self.get(name).is_some()
                && !self.is_on("HTTP_SCALING")
        });
        let scaling =
            scaling.map(|(name, _)| format!("{name} has no effect without HTTP_SCALING=1"));
        let unknown = self.0.keys().filter_map(|name| {
            let nearest = nearest(name)?;
            Some(format!(
                "{name} is set, and is no variable of the suite; did you mean {nearest}?"
            ))
        });
        nothing.chain(scaling).chain(unknown).collect()
    }
}

/// Which variable of the table a name that is none may have been meant as: one that it begins like,
/// or that differs in a letter or two.
fn nearest(name: &str) -> Option<&'static str> {
    let table = table();
    if table.iter().any(|(known, _)| *known == name) {
        return None;
    }
    let distance = |known: &str| strsim::damerau_levenshtein(known, name);
    let is_near = |known: &str| {
        // `HTTP` alone is the first word of a proxy's too.
        let family = known.rsplit_once('_').map(|(family, _)| family);
        let family = family.filter(|it| it.len() > 5 && !FOREIGN.contains(it));
        let most = usize::from(known.len() > 4) + usize::from(known.len() > 5);
        distance(known) <= most && most > 0
            || family.is_some_and(|family| {
                let rest = name.strip_prefix(family);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            })
    };
    let near = table.into_iter().map(|(known, _)| known);
    near.filter(|known| is_near(known))
        .min_by_key(|known| distance(known))
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|_| invalid(name, text, "a whole number"))
}

pub(super) fn invalid(name: &str, found: &str, expected: &str) -> Error {
    Error::new(
        Exit::Usage,
        format!("the variable {name} is `{found}`, which is not {expected}"),
    )
    .hint("`external suite --help` lists the variables and what they mean")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_and_is_none_is_named_with_the_nearest_and_what_is_others_is_not() {
        let said = |name: &str| {
            Variables::from_pairs([(name, "1")])
                .without_effect()
                .join("\n")
        };
        for (name, meant) in [
            ("HTTP_SCALING_RUN", "HTTP_SCALING_RUNS"),
            ("HTTP_SCALING_N_RUNS", "HTTP_SCALING_N_RUN"),
            ("FIREWALL_LEVEL", "FIREWALL"),
            ("THROUGHPUT_REQ", "THROUGHPUT_REQS"),
            ("WARMUP_REQS", "WARMUP_REQ"),
            ("WARMUP", "WARMUP_REQ"),
            ("RUNTIMES", "RUNTIME"),
            ("N_RUNS", "N_RUN"),
            ("CLEAR_CACHE_BETWEEN_RUN", "CLEAR_CACHE_BETWEEN_RUNS"),
        ] {
            let said = said(name);
            assert!(
                said.starts_with(&format!("{name} is set, and is no variable"))
                    && said.contains(&format!("did you mean {meant}")),
                "{name}: {said}"
            );
        }
        for (name, _) in table() {
            assert!(!said(name).contains("did you mean"), "{name}");
        }
        for foreign in [
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "INCLUDE",
            "PORTS",
            "SKIP",
            "DOCKER_HOST",
            "DOCKER_CONFIG",
            "PATH",
            "HOME",
            "RUNTIME_DIRECTORY",
            "XDG_RUNTIME_DIR",
            "WASMTIME",
            "WASH",
            "CARGO_HOME",
            "RUST_LOG",
            "NO_COLOR",
        ] {
            assert_eq!(said(foreign), "", "{foreign}");
        }
    }

    #[test]
    fn what_means_nothing_here_or_needs_another_says_so() {
        let said = |name| {
            Variables::from_pairs([(name, "1")])
                .without_effect()
                .join("\n")
        };
        let off = |name| Variables::from_pairs([(name, "0")]).without_effect();
        assert!(off("CONTINUE_ON_ERROR")[0].contains("the run goes on"));
        assert!(off("LOG_TO_STDOUT")[0].contains("standard error"));
        assert!(off("GENERATE_PLOTS").is_empty(), "nothing is drawn");
        assert!(said("MAX_RETRIES").contains("--time-limit"));
        assert!(said("DOCKER_PRUNE").contains("removed by its name"));
        assert!(said("CLEAR_WASH").contains("the run's own"));
        assert!(said("HTTP_SCALING_CONCURRENCY").contains("without HTTP_SCALING=1"));
        let both = [("HTTP_SCALING", "1"), ("HTTP_SCALING_RUNTIMES", "native")];
        assert!(Variables::from_pairs(both).without_effect().is_empty());
    }

    /// What the scripts of the classic suite read from the environment, and what they set for
    /// programs.
    const CLASSIC: [&str; 39] = [
        "BOMBARDIER_CONC",
        "CLEAN_BUILD",
        "CLEAR_CACHE_BETWEEN_RUNS",
        "CLEAR_WASH",
        "COLD_START_RUNS",
        "CONCURRENCY_LIST",
        "CONTINUE_ON_ERROR",
        "CPU_HASH_SCENARIOS",
        "DOCKER_COLD",
        "DOCKER_PRUNE",
        "FIREWALL",
        "FIREWALL_MODE",
        "GENERATE_PLOTS",
        "HELLO_WASM_SCENARIOS",
        "HTTP_RUNS",
        "HTTP_SCALING",
        "HTTP_SCALING_CONCURRENCY",
        "HTTP_SCALING_N_RUN",
        "HTTP_SCALING_RUNTIMES",
        "HTTP_SCENARIOS",
        "INCLUDE_STATE",
        "ITERATIONS",
        "LOG_TO_STDOUT",
        "MAX_RETRIES",
        "NO_COLOR",
        "N_RUN",
        "PATH_SUFFIX",
        "PORT",
        "REQUESTS_PER_INSTANCE",
        "RUNTIME",
        "SKIP_DOCKER",
        "SKIP_WASMTIME",
        "STRICT_CACHE_CLEAR",
        "THROUGHPUT_CONC",
        "THROUGHPUT_REQS",
        "WARMUP_REQ",
        "WASMCLOUD_PURGE_ON_EXIT",
        "WASMTIME_CACHE_DIR",
        "WASMTIME_CACHE_MODE",
    ];

    #[test]
    fn every_variable_of_the_classic_suite_is_known_and_is_in_the_page_about_it() {
        let page = include_str!("../../../docs/src/guide/classic-suite.md");
        let known: Vec<_> = table().into_iter().map(|(name, _)| name).collect();
        for name in CLASSIC {
            assert!(known.contains(&name) || name == "NO_COLOR", "{name}");
            assert!(page.contains(&format!("| `{name}`")), "no row of {name}");
        }
    }

    #[test]
    fn every_variable_is_documented() {
        let documentation = include_str!("../../../docs/src/configuration.md");
        for (name, meaning) in table() {
            let row = format!("| `{name}` | {meaning} |");
            assert!(documentation.contains(&row), "there is no row {row}");
        }
    }
}
