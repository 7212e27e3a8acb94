//! Wasmtime in the program `host`: `host serve` for services, `host run` for commands.

use campaign::sibling::Package;
use workloads::{Dialect, Workload};

use super::{
    Acquire, Found, Job, Ready, System, Unavailable, call_arguments, found, guest, listens, run,
    text,
};

/// The engine as a library.
pub(super) struct WasmtimeEmbedded;

const HOST: Package = Package {
    name: "host",
    arguments: &[],
    flags: None,
    first_build: "building the program that embeds Wasmtime: once, some minutes",
};

impl System for WasmtimeEmbedded {
    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = format!("`{}` builds it", HOST.command());
        let unavailable = |reason: String| Unavailable {
            reason,
            remedy: remedy.clone(),
        };
        let program = HOST.program(HOST.name).map_err(unavailable)?;
        let said =
            run(&program, &["run".to_owned(), "--version".to_owned()]).map_err(unavailable)?;
        found(
            program,
            said.rsplit(' ').next().unwrap_or(&said).to_owned(),
            &remedy,
        )
    }

    fn acquires(&self) -> &'static [Acquire] {
        &[
            Acquire::Compile,
            Acquire::CacheMiss,
            Acquire::CacheHit,
            Acquire::DeserializeFile,
        ]
    }

    fn prepare(&self, found: &Found, job: &Job<'_>) -> Result<Ready, String> {
        let (wasm, sha256) = guest(job.workload, Dialect::WasiHttp, job.folder)?;
        let acquire = job.acquire.ok_or("a way of acquiring code is missing")?;
        let artifact = if acquire == Acquire::DeserializeFile {
            let code = wasm.with_extension("cwasm");
            run(
                &found.program,
                &[
                    "compile",
                    "--artifact",
                    &text(&wasm),
                    "--output",
                    &text(&code),
                ]
                .map(str::to_owned),
            )?;
            code
        } else {
            wasm
        };
        let command = if listens(job.workload) {
            "serve"
        } else {
            "run"
        };
        let mut arguments = [
            command,
            "--artifact",
            &text(&artifact),
            "--acquire",
            acquire.name(),
        ]
        .map(str::to_owned)
        .to_vec();
        let cached = matches!(acquire, Acquire::CacheMiss | Acquire::CacheHit);
        let cache = cached.then(|| job.folder.join("cache"));
        if let Some(folder) = &cache {
            arguments.extend(["--cache".to_owned(), text(folder)]);
        }
        if listens(job.workload) {
            arguments.extend(["--addr", "{address}"].map(str::to_owned));
            if job.workload == Workload::HttpState {
                arguments.extend(["--instances", "reused"].map(str::to_owned));
            }
        } else {
            arguments.push("--".to_owned());
            arguments.extend(call_arguments(job.workload));
        }
        let (files, program) = (vec![artifact.clone()], found.program.clone());
        Ok(Ready {
            program,
            arguments,
            artifact: Some(artifact),
            sha256,
            environment: Vec::new(),
            files,
            cache,
            mapped: None,
        })
    }

    fn bare(&self) -> &'static [&'static str] {
        &["run", "--version"]
    }

    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        Ok("memory of one instance that takes all requests, in turn")
    }

    fn tells_milestones(&self) -> bool {
        true
    }
}
