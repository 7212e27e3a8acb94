//! `WasmEdge`'s own command line, interpreting or with code that was compiled ahead.

use workloads::Dialect;

use super::{
    Acquire, Found, Job, Ready, System, Unavailable, call_arguments, find_program, found, guest,
    listens, run, text,
};

/// The program `wasmedge`.
pub(super) struct WasmEdgeCli;

impl System for WasmEdgeCli {
    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = "`./setup wasmedge` installs it";
        let unavailable = |reason: String| Unavailable {
            reason,
            remedy: remedy.to_owned(),
        };
        let program = find_program("wasmedge", &[])
            .ok_or_else(|| unavailable("there is no program `wasmedge`".to_owned()))?;
        let said = run(&program, &["--version".to_owned()]).map_err(unavailable)?;
        // The first line; plugins follow.
        let version = said
            .lines()
            .next()
            .and_then(|line| line.rsplit(' ').next())
            .unwrap_or(&said)
            .to_owned();
        found(program, version, remedy)
    }

    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        Ok("memory of one instance, which is a server itself")
    }

    fn acquires(&self) -> &'static [Acquire] {
        &[Acquire::Interpret, Acquire::Aot]
    }

    fn prepare(&self, found: &Found, job: &Job<'_>) -> Result<Ready, String> {
        let (wasm, sha256) = guest(job.workload, Dialect::WasmEdgeSockets, job.folder)?;
        let ahead = job.acquire == Some(Acquire::Aot);
        let (artifact, mode) = if ahead {
            let code = wasm.with_extension("so");
            run(
                &found.program,
                &["compile".to_owned(), text(&wasm), text(&code)],
            )?;
            (code, "aot")
        } else {
            (wasm, "interpreter")
        };
        let mut arguments = vec![
            "run".to_owned(),
            "--run-mode".to_owned(),
            mode.to_owned(),
            text(&artifact),
        ];
        if listens(job.workload) {
            arguments.push("{address}".to_owned());
        }
        arguments.extend(call_arguments(job.workload));
        let (files, program) = (vec![artifact.clone()], found.program.clone());
        let mapped = ahead.then(|| artifact.clone());
        Ok(Ready {
            program,
            arguments,
            artifact: Some(artifact),
            sha256,
            environment: Vec::new(),
            files,
            cache: None,
            mapped,
        })
    }
}
