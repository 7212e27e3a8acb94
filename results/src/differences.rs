//! Why samples measured now would not belong to a run that was begun before, as sentences for the
//! person who wants to go on with it.

use serde::Serialize;
use serde_json::Value;

use crate::manifest::{ArtifactFact, Manifest, System};

impl Manifest {
    /// Why samples measured now would not belong to this run: another order, program, artifact or
    /// machine, a sentence each. Resuming would mix two populations in one ledger.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        // The order first: a run that an older version began differs in its program too, and that is
        // not what a person has to know of it.
        let order = changed("the rule that orders the samples", &self.order, &now.order);
        let program = (self.build.sha256 != now.build.sha256).then(|| {
            format!(
                "the program that measures is another one: its digest was {}, and is now {}",
                short(&self.build.sha256),
                short(&now.build.sha256)
            )
        });
        order
            .into_iter()
            .chain(program)
            .chain(machine(self, now))
            .chain(artifacts(&self.artifacts, &now.artifacts))
            .chain(systems(&self.systems, &now.systems))
            .collect()
    }
}

/// That something was one thing and is another, in the record's own words.
fn changed(what: &str, then: &impl Serialize, now: &impl Serialize) -> Option<String> {
    let words = |value: serde_json::Result<Value>| words(&value.unwrap_or(Value::Null));
    let then = words(serde_json::to_value(then));
    let now = words(serde_json::to_value(now));
    (then != now).then(|| format!("{what} was {then}, and is now {now}"))
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => "unknown".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => values.iter().map(words).collect::<Vec<_>>().join("; "),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{name} ({})", words(value));
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// The facts of the machine that are others now.
fn machine(then: &Manifest, now: &Manifest) -> Vec<String> {
    let facts = |manifest: &Manifest| match serde_json::to_value(&manifest.machine) {
        Ok(Value::Object(facts)) => facts,
        _ => serde_json::Map::new(),
    };
    let (then, now) = (facts(then), facts(now));
    let fact = |(name, then): (&String, &Value)| {
        let now = now.get(name).unwrap_or(&Value::Null);
        changed(
            &format!("the machine's {}", name.replace('_', " ")),
            then,
            now,
        )
    };
    then.iter().filter_map(fact).collect()
}

fn artifacts(then: &[ArtifactFact], now: &[ArtifactFact]) -> Vec<String> {
    let same = |one: &ArtifactFact, other: &ArtifactFact| {
        (&one.path, &one.workloads, &one.build) == (&other.path, &other.workloads, &other.build)
    };
    let name = |artifact: &ArtifactFact| {
        format!(
            "the artifact {} ({})",
            artifact.path,
            artifact.workloads.join(", ")
        )
    };
    let mut sentences = Vec::new();
    for before in then {
        match now.iter().find(|it| same(it, before)) {
            None => sentences.push(format!("{} is not measured any more", name(before))),
            Some(after) if after.sha256 != before.sha256 => sentences.push(format!(
                "{} is another file: its digest was {}, and is now {}",
                name(before),
                short(&before.sha256),
                short(&after.sha256)
            )),
            Some(_) => {}
        }
    }
    let new = now
        .iter()
        .filter(|it| !then.iter().any(|before| same(it, before)));
    sentences.extend(new.map(|artifact| format!("{} was not measured then", name(artifact))));
    sentences
}

fn systems(then: &[System], now: &[System]) -> Vec<String> {
    let find = |all: &[System], name: &str| all.iter().find(|it| it.name == name).cloned();
    let mut sentences = Vec::new();
    for before in then {
        let name = &before.name;
        let Some(after) = find(now, name) else {
            sentences.push(format!("{name} is not measured any more"));
            continue;
        };
        sentences.extend(description(before, &after));
        sentences.extend(match (&before.unavailable, &after.unavailable) {
            (None, Some(why)) => Some(format!(
                "{name} was there, and cannot be measured now: {why}"
            )),
            (Some(why), None) => Some(format!(
                "{name} is there now, and could not be measured then: {why}"
            )),
            (Some(_), Some(_)) => None,
            (None, None) => changed(
                &format!("{name}'s version"),
                &before.version,
                &after.version,
            )
            .or_else(|| {
                let is_other = before.sha256 != after.sha256;
                is_other.then(|| format!("{name} is another program of the same version"))
            }),
        });
    }
    let new = now.iter().filter(|it| find(then, &it.name).is_none());
    sentences.extend(new.map(|system| format!("{} was not measured then", system.name)));
    sentences
}

/// That a person's description of a system is another one.
fn description(before: &System, after: &System) -> Option<String> {
    let digest = |system: &System| {
        let described = system.description.as_ref();
        described.map(|it| short(&it.sha256).to_owned())
    };
    changed(
        &format!("the digest of the description of {}", before.name),
        &digest(before),
        &digest(after),
    )
}

/// As much of a digest as tells two apart.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::machine::Machine;
    use crate::manifest::{Build, Description, Order, SystemKind};

    fn system(name: &str, version: &str, unavailable: Option<&str>) -> System {
        System {
            name: name.into(),
            version: version.into(),
            engine_version: None,
            sha256: Some("ab".repeat(32)),
            unavailable: unavailable.map(str::to_owned),
            description: None,
        }
    }

    fn manifest() -> Manifest {
        Manifest {
            schema: 1,
            run: "20261123T074200Z-3f9a".into(),
            created_at: String::new(),
            command_line: Vec::new(),
            config: BTreeMap::new(),
            order: Order::Shuffled,
            seed: 1,
            samples_per_cell: 1,
            cells: Vec::new(),
            commit: None,
            dirty: None,
            build: Build {
                profile: "release".into(),
                opt_level: "3".into(),
                debug_assertions: false,
                target: String::new(),
                rustc: String::new(),
                sha256: "cd".repeat(32),
            },
            machine: Machine {
                cores: Some(2),
                ..Machine::default()
            },
            systems: vec![
                system("docker", "20.10", None),
                system("wasmcloud", "none", Some("no wash")),
            ],
            artifacts: vec![ArtifactFact {
                workloads: vec!["hello".into()],
                path: "hello.wasm".into(),
                bytes: 1,
                sha256: "ef".repeat(32),
                build: None,
            }],
        }
    }

    #[test]
    fn the_same_run_differs_in_nothing() {
        assert_eq!(manifest().differences(&manifest()), [""; 0]);
    }

    #[test]
    fn a_description_that_was_changed_is_another_system() {
        let mut then = manifest();
        then.systems[0].description = Some(Description {
            label: "Docker of mine".into(),
            kind: SystemKind::Container,
            sha256: "ab".repeat(32),
        });
        let mut now = then.clone();
        assert_eq!(then.differences(&now), [""; 0]);
        if let Some(description) = &mut now.systems[0].description {
            description.sha256 = "cd".repeat(32);
        }
        assert_eq!(
            then.differences(&now),
            ["the digest of the description of docker was abababababab, and is now cdcdcdcdcdcd"]
        );
    }

    #[test]
    fn every_difference_is_a_sentence_and_none_shows_how_we_write_our_types() {
        let mut now = manifest();
        now.order = Order::by_comparison();
        now.build.sha256 = "01".repeat(32);
        (now.machine.cores, now.machine.kernel) = (Some(4), Some("6.18".into()));
        now.artifacts[0].sha256 = "02".repeat(32);
        now.systems = vec![
            system("docker", "none", Some("no Docker engine answers")),
            system("wasmcloud", "2.10", None),
        ];
        let found = manifest().differences(&now);
        assert_eq!(
            found,
            [
                "the rule that orders the samples was shuffled, and is now by_comparison (last (none))",
                "the program that measures is another one: its digest was cdcdcdcdcdcd, and is now \
                    010101010101",
                "the machine's cores was 2, and is now 4",
                "the machine's kernel was unknown, and is now 6.18",
                "the artifact hello.wasm (hello) is another file: its digest was efefefefefef, and \
                    is now 020202020202",
                "docker was there, and cannot be measured now: no Docker engine answers",
                "wasmcloud is there now, and could not be measured then: no wash",
            ]
        );
        for sentence in found {
            assert!(
                !sentence.contains(['{', '"', '\n']) && !sentence.contains("Some("),
                "{sentence}"
            );
        }
    }
}
