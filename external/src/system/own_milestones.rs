//! The milestones that embedded services report of their own starts, as phases.

use results::{Phase, PhaseTime};
use serde::Deserialize;

use super::Acquire;

/// The instants of a start by its own milestones, on the one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those in the file, and say their unit"
)]
pub struct OwnMilestones {
    first_statement_ns: u64,
    /// Reported by a service that has an executor of its own.
    runtime_ns: Option<u64>,
    engine_ns: u64,
    /// Reported by a service that defines its host functions before it opens the artifact.
    imports_ns: Option<u64>,
    acquired_ns: u64,
    /// Reported by a service that links what it has acquired apart from making an instance of it.
    linked_ns: Option<u64>,
    /// Reported by a service that has one instance for all requests. Others make one within the
    /// request.
    instantiated_ns: Option<u64>,
}

impl OwnMilestones {
    /// Reads one line of JSON.
    ///
    /// # Errors
    /// Why it is none of these.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map_err(|error| format!("its own milestones cannot be read: {error}"))
    }

    /// The phases of a start from `launched_ns` to the complete answer at `answered_ns`. They
    /// partition it: what the service does beside its engine, such as opening its socket, is in the
    /// phase that it falls into, and reading is in the acquiring one.
    ///
    /// # Errors
    /// If the instants are not in order.
    pub fn phases(
        &self,
        acquire: Acquire,
        launched_ns: u64,
        answered_ns: u64,
    ) -> Result<Vec<PhaseTime>, String> {
        let acquiring = match acquire {
            Acquire::Compile | Acquire::Jit | Acquire::Source => Phase::Compile,
            Acquire::CacheMiss => Phase::CacheMiss,
            Acquire::CacheHit => Phase::CacheHit,
            Acquire::Deserialize => Phase::Deserialize,
            Acquire::DeserializeFile | Acquire::Aot => Phase::DeserializeFile,
            Acquire::Interpret => Phase::Validate,
        };
        let mut bounds = vec![(Phase::Process, self.first_statement_ns)];
        bounds.extend(self.runtime_ns.map(|ns| (Phase::AsyncRuntime, ns)));
        bounds.push((Phase::Engine, self.engine_ns));
        bounds.extend(self.imports_ns.map(|ns| (Phase::Imports, ns)));
        bounds.push((acquiring, self.acquired_ns));
        bounds.extend(self.linked_ns.map(|ns| (Phase::Link, ns)));
        bounds.extend(self.instantiated_ns.map(|ns| (Phase::Instantiate, ns)));
        bounds.push((Phase::FirstRequest, answered_ns));
        let mut before = launched_ns;
        let phase = |(name, end): (Phase, u64)| {
            let ns = end
                .checked_sub(before)
                .ok_or_else(|| format!("by its own milestones, {name} ended before it began"))?;
            before = end;
            Ok(PhaseTime { name, ns })
        };
        bounds.into_iter().map(phase).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_milestones_partition_the_start() {
        let line = r#"{"first_statement_ns":20,"engine_ns":35,"acquired_ns":65,"linked_ns":70,"allocator":"on_demand"}"#;
        let milestones = OwnMilestones::read(line).unwrap();
        let phases = milestones
            .phases(Acquire::DeserializeFile, 10, 110)
            .unwrap();
        let ns: Vec<_> = phases.iter().map(|phase| phase.ns).collect();
        assert_eq!(
            (ns.as_slice(), ns.iter().sum::<u64>()),
            (&[10, 15, 30, 5, 40][..], 100)
        );
        let more = line.replace(
            r#""engine_ns""#,
            r#""runtime_ns":24,"imports_ns":37,"engine_ns""#,
        );
        let phases = OwnMilestones::read(&more)
            .and_then(|it| it.phases(Acquire::DeserializeFile, 10, 110))
            .unwrap();
        assert_eq!(phases.iter().map(|phase| phase.ns).sum::<u64>(), 100);
        let names: Vec<_> = phases.iter().map(|phase| phase.name.name()).collect();
        assert_eq!(
            names[..5],
            [
                "process",
                "async_runtime",
                "engine",
                "imports",
                "deserialize_file"
            ]
        );
        assert!(
            milestones
                .phases(Acquire::Compile, 10, 60)
                .unwrap_err()
                .contains("first_request ended before it began")
        );
        assert!(
            OwnMilestones::read("{}")
                .unwrap_err()
                .contains("cannot be read")
        );
    }
}
