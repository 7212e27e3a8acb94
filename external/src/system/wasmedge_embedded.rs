//! `WasmEdge` in the program `host-wasmedge`, which `host serve --engine wasmedge` becomes.
//! Launched itself, since becoming it costs another exec that no embedder has.

use campaign::sibling::Package;
use workloads::Dialect;

use super::{
    Acquire, Found, Job, Ready, System, Unavailable, call_arguments, found, guest, listens, run,
    text,
};

/// The engine as a library.
pub(super) struct WasmEdgeEmbedded;

const HOST: Package = Package {
    name: "host-wasmedge",
    arguments: &["--features", "wasmedge"],
    flags: None,
    first_build: "building the program that embeds WasmEdge: once, about two minutes",
};

impl System for WasmEdgeEmbedded {
    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = "`./setup wasmedge` installs the library that it is built with";
        let unavailable = |reason: String| Unavailable {
            reason,
            remedy: remedy.to_owned(),
        };
        let program = HOST.program(HOST.name).map_err(unavailable)?;
        let said = run(&program, &["--version".to_owned()]).map_err(unavailable)?;
        found(
            program,
            said.rsplit(' ').next().unwrap_or(&said).to_owned(),
            remedy,
        )
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
        let artifact = if ahead {
            let code = wasm.with_extension("so");
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
        let mode = if ahead { "aot" } else { "interpret" };
        let mut arguments = [command, "--artifact", &text(&artifact), "--acquire", mode]
            .map(str::to_owned)
            .to_vec();
        if listens(job.workload) {
            arguments.extend(["--addr", "{address}"].map(str::to_owned));
        } else {
            arguments.push("--".to_owned());
            arguments.extend(call_arguments(job.workload));
        }
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

    fn tells_milestones(&self) -> bool {
        true
    }
}
