//! Wasmtime's own command line: `wasmtime serve` for services, `wasmtime run` for commands.

use std::path::{Path, PathBuf};

use workloads::Dialect;

use super::{
    Acquire, Extra, Found, Job, Ready, System, Unavailable, call_arguments, find_program, found,
    guest, installed_by_setup, listens, run, text,
};

/// The version of the engine that is embedded, which `./setup wasmtime` reads from the same line.
fn version() -> &'static str {
    let manifest = include_str!("../../../Cargo.toml");
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("wasmtime = { version = \"="));
    line.and_then(|rest| rest.split('"').next())
        .expect("the workspace pins its engine exactly")
}

/// The program `wasmtime`.
pub(super) struct WasmtimeCli;

impl System for WasmtimeCli {
    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = "`./setup wasmtime` installs it";
        let named = std::env::var_os("WASMTIME").map(PathBuf::from);
        let first: Vec<_> = named
            .into_iter()
            .chain(installed_by_setup(&format!(
                "wasmtime-{}/wasmtime",
                version()
            )))
            .collect();
        let unavailable = |reason: String| Unavailable {
            reason,
            remedy: remedy.to_owned(),
        };
        let program = find_program("wasmtime", &first)
            .ok_or_else(|| unavailable("there is no program `wasmtime`".to_owned()))?;
        let said = run(&program, &["--version".to_owned()]).map_err(unavailable)?;
        let version = said.split_whitespace().nth(1).unwrap_or(&said).to_owned();
        found(program, version, remedy)
    }

    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        Err(super::FRESH_INSTANCES)
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
        let (artifact, cache) = match acquire {
            Acquire::DeserializeFile => (compiled(&found.program, &wasm)?, None),
            Acquire::CacheMiss | Acquire::CacheHit => (wasm, Some(job.folder.join("cache"))),
            _ => (wasm, None),
        };
        let mut arguments = vec![
            if listens(job.workload) {
                "serve"
            } else {
                "run"
            }
            .to_owned(),
        ];
        arguments.extend(match &cache {
            Some(folder) => {
                vec![
                    "-C".to_owned(),
                    format!(
                        "cache=y,cache-config={}",
                        text(&configuration(job.folder, folder)?)
                    ),
                ]
            }
            None => vec!["-C".to_owned(), "cache=n".to_owned()],
        });
        if acquire == Acquire::DeserializeFile {
            arguments.push("--allow-precompiled".to_owned());
        }
        if listens(job.workload) {
            arguments.extend(["--addr".to_owned(), "{address}".to_owned()]);
        }
        arguments.push(text(&artifact));
        arguments.extend(call_arguments(job.workload));
        let files = vec![artifact.clone()];
        let program = found.program.clone();
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

    fn extras(&self) -> &'static [Extra] {
        &[
            Extra {
                name: "pool",
                arguments: &["-O", "pooling-allocator=n"],
                environment: &[],
            },
            Extra {
                name: "logging",
                arguments: &["-D", "logging=n"],
                environment: &[],
            },
            // Its executor starts a thread for each core unless told otherwise.
            Extra {
                name: "threads",
                arguments: &[],
                environment: &[("TOKIO_WORKER_THREADS", "1")],
            },
        ]
    }
}

fn compiled(program: &Path, wasm: &Path) -> Result<PathBuf, String> {
    let code = wasm.with_extension("cwasm");
    run(
        program,
        &[
            "compile".to_owned(),
            "-o".to_owned(),
            text(&code),
            text(wasm),
        ],
    )?;
    Ok(code)
}

/// The cache's configuration. Its housekeeping is put off beyond the life of a run: a worker that
/// recompresses entries would make the hundredth hit another measurement than the first.
fn configuration(folder: &Path, cache: &Path) -> Result<PathBuf, String> {
    let file = folder.join("cache.toml");
    let lines = format!(
        "[cache]\ndirectory = {:?}\ncleanup-interval = \
            \"365d\"\noptimized-compression-usage-counter-threshold = \"1G\"\n",
        text(cache)
    );
    std::fs::write(&file, lines)
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_an_exact_one() {
        assert_eq!(version().split('.').count(), 3, "{}", version());
    }
}
