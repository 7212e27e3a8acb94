//! Scenarios by the names that they had before: what people have in profiles, variables and command
//! lines goes on working, and the name of today is said.

use std::collections::BTreeSet;

use campaign::terminal::say;
use campaign::{Error, Exit};
use results::record::Scenario;
use results::scenario::renamed;
use results::values::PageCache;
use toml::Table;

use super::profile::{self, Profile};
use super::settings::Settings;

/// Keys of profiles that were renamed, each with what took its place.
const KEYS: [(&str, &str); 2] = [
    ("cold", "code_cold"),
    ("runtime_cold", "warm_disk and disk_cold"),
];

/// Refuses a profile with a key that has another name today: what it lists is not what the new key
/// would.
///
/// # Errors
/// It has one.
pub(super) fn check_keys(file: &str, profile: &Table) -> Result<(), Error> {
    match KEYS.into_iter().find(|(old, _)| profile.contains_key(*old)) {
        Some((old, new)) => Err(Error::new(
            Exit::Usage,
            format!("{file}: the key `{old}` is called {new} today"),
        )
        .hint(format!(
            "disk_cold, code_cold, image_cold and warm_disk each list the code acquisition modes of \
                the scenario of that name; {}",
            profile::example()
        ))),
        None => Ok(()),
    }
}

/// Gives every scenario that is named the name of today, and says which.
pub(super) fn apply(settings: &mut Settings) {
    for note in rename(settings) {
        say(&note);
    }
}

/// The scenario's name of today; a note where it is another one.
pub(super) fn rename_one(name: &mut String) -> Option<String> {
    let new = renamed(name)?;
    let note = format!(
        "scenario `{name}` is called `{}` today{}",
        new.name(),
        more(new)
    );
    new.name().clone_into(name);
    Some(note)
}

/// What else took the place of what an old name stood for.
const fn more(new: Scenario) -> &'static str {
    match new {
        Scenario::CodeCold => {
            ", and finds its artifact in memory; `disk-cold` starts have everything prepared and \
                nothing in memory"
        }
        _ => "",
    }
}

fn rename(settings: &mut Settings) -> BTreeSet<String> {
    let mut notes = BTreeSet::new();
    let Profile {
        scenarios_of,
        scenarios,
        ..
    } = &mut settings.values;
    for names in scenarios_of.values_mut().chain([scenarios]) {
        notes.extend(names.iter_mut().filter_map(rename_one));
    }
    for pair in &mut settings.only {
        if let Some(name) = pair.strip_prefix(SCENARIO) {
            let mut name = name.to_owned();
            notes.extend(rename_one(&mut name));
            *pair = format!("{SCENARIO}{name}");
        }
    }
    notes.extend(with_nothing_in_memory(settings));
    notes
}

/// How `--only` names a scenario.
const SCENARIO: &str = "scenario=";

/// Prepared starts with nothing in memory were `runtime-cold` with a state of the page cache, and
/// are a scenario of their own.
fn with_nothing_in_memory(settings: &mut Settings) -> Option<String> {
    let (warm, cold) = (Scenario::WarmDisk.name(), Scenario::DiskCold.name());
    let pair = |name: &str| format!("{SCENARIO}{name}");
    let by_option = settings.values.page_cache.contains(&PageCache::EvictedAll);
    let by_only = settings
        .only
        .iter()
        .any(|it| it == "page_cache=evicted-all");
    if !by_option && !by_only {
        return None;
    }
    let mut added = false;
    let only_warm = settings.only.contains(&pair(warm)) && !settings.only.contains(&pair(cold));
    if only_warm {
        settings.only.push(pair(cold));
        added = true;
    }
    let Profile {
        scenarios_of,
        scenarios,
        ..
    } = &mut settings.values;
    for names in scenarios_of.values_mut().chain([scenarios]) {
        let has = |name: &str| names.iter().any(|it| it == name);
        if has(warm) && !has(cold) {
            names.push(cold.to_owned());
            added = true;
        }
    }
    added.then(|| {
        format!("`{warm}` starts with page_cache=evicted-all are called `{cold}` today: added")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::settings::{DEFAULT, Settings};

    fn settings(only: &[&str]) -> Settings {
        let mut settings = Settings::for_comparison(1, Some(1));
        settings.profile = DEFAULT.to_owned();
        settings.only = only.iter().map(ToString::to_string).collect();
        settings
    }

    #[test]
    fn old_names_get_those_of_today_wherever_they_stand_and_each_is_said_once() {
        let mut settings = settings(&["scenario=cold", "system=native", "scenario=warm"]);
        settings.values.scenarios = vec!["runtime-cold".to_owned(), "throughput".to_owned()];
        let of_workload = vec!["cold".to_owned(), "runtime-cold".to_owned()];
        settings
            .values
            .scenarios_of
            .insert("hello".to_owned(), of_workload);
        let notes = rename(&mut settings);
        assert_eq!(settings.values.scenarios, ["warm-disk", "throughput"]);
        assert_eq!(
            settings.values.scenarios_of["hello"],
            ["code-cold", "warm-disk"]
        );
        assert_eq!(
            settings.only,
            ["scenario=code-cold", "system=native", "scenario=warm"]
        );
        let notes: Vec<_> = notes.into_iter().collect();
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].starts_with("scenario `cold` is called `code-cold` today"));
        assert_eq!(
            notes[1],
            "scenario `runtime-cold` is called `warm-disk` today"
        );
        assert!(rename(&mut settings).is_empty());
    }

    #[test]
    fn prepared_starts_with_nothing_in_memory_are_a_scenario_of_their_own() {
        let mut settings = settings(&["scenario=runtime-cold", "page_cache=evicted-all"]);
        let notes = rename(&mut settings);
        assert_eq!(
            settings.only,
            [
                "scenario=warm-disk",
                "page_cache=evicted-all",
                "scenario=disk-cold"
            ]
        );
        assert!(
            notes
                .iter()
                .any(|note| note.ends_with("`disk-cold` today: added"))
        );
    }

    #[test]
    fn a_key_of_an_old_profile_is_refused_with_the_new_one() {
        let table: Table = "runtime_cold = [\"aot\"]".parse().unwrap();
        let error = check_keys("mine.toml", &table).unwrap_err().to_string();
        assert!(
            error.contains("mine.toml: the key `runtime_cold` is called warm_disk and disk_cold"),
            "{error}"
        );
        assert!(check_keys("mine.toml", &Table::new()).is_ok());
    }
}
