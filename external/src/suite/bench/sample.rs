//! A sample, whatever its cell is of: prepared, taken, and cleaned up after.

use campaign::schedule::Measurement;
use results::{Cell, Skip};

use super::{PreparedKind, SystemBench, hooks};

impl SystemBench<'_> {
    /// Prepares a sample of a cell.
    pub(super) fn prepare_cell(&mut self, cell: &Cell) -> Result<(), Skip> {
        let planned = self.planned(cell)?;
        let attested = self.check_applicable(&planned)?;
        self.found.prepare_limit(&planned, self.cores);
        if planned.system.managed().is_some() {
            self.prepare_managed(planned, attested)
        } else {
            self.prepare_process(planned, attested)
        }
    }

    /// Takes the sample that was prepared.
    pub(super) fn measure_prepared(&mut self) -> Measurement {
        let Some(mut prepared) = self.prepared.take() else {
            return Measurement::failed("nothing was prepared");
        };
        self.ports.clone_from(&prepared.ports);
        if let PreparedKind::Process(spec) = &prepared.kind {
            self.after.clone_from(&spec.after);
        }
        if let Some(evicted) = &prepared.evicted {
            // Only now: the wait for quiet lies between putting them out and the start.
            match evicted.prove(&mut self.likely) {
                Ok(attested) => prepared.attested.extend(attested),
                Err(failure) => return Measurement::failed(failure),
            }
        }
        let scenario = prepared.planned.cell.scenario;
        match &prepared.kind {
            _ if scenario.multiplies() => self.sample_many(prepared),
            PreparedKind::Managed => self.sample_managed(prepared),
            PreparedKind::Process(spec) if scenario.starts() => self.sample_start(&prepared, spec),
            PreparedKind::Process(spec) => self.sample_load(&prepared, spec),
        }
    }

    /// Sees to it that nothing of a sample is left.
    pub(super) fn clean_up(&mut self, cell: &Cell) -> Result<(), String> {
        let _ = std::fs::remove_dir_all(self.own_folders());
        let system = self.cells.get(cell).map(|planned| planned.system);
        for ((name, _), engine) in &mut self.engines {
            if let (true, Ok(engine)) = (Some(*name) == system, engine) {
                engine.clean()?;
            }
        }
        let ended = self.after.take();
        hooks::run("after", ended.as_ref())?;
        let ports = std::mem::take(&mut self.ports);
        let held = self
            .endpoint
            .held(&ports)
            .map_err(|error| format!("cannot look at the sockets: {error}"))?;
        held.map_or(Ok(()), |(port, owner)| {
            Err(format!(
                "port {port} is still listened on after the sample, by processes {:?}",
                owner.pids
            ))
        })
    }
}
