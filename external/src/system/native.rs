//! Machine code: the workload as a program of its own.

use std::path::PathBuf;

use campaign::sibling::{Flags, Package};
use results::digest::sha256_file;
use workloads::Workload;

use super::{Acquire, Found, Job, Ready, System, Unavailable, call_arguments, found, listens};

/// The workloads as native programs.
pub(super) struct Native {
    /// Built without the processor's instructions for SHA-256, as for a binary that is shipped to
    /// any machine.
    pub(super) portable: bool,
}

const NATIVE: Package = Package {
    name: "native",
    arguments: &[],
    flags: None,
    first_build: "building the native programs: once, some seconds",
};

const PORTABLE: Package = Package {
    flags: Some(Flags {
        variant: "portable",
        rustflags: "--cfg sha2_backend=\"soft\"",
        target: None,
    }),
    first_build: "building the portable native programs: once, half a minute",
    ..NATIVE
};

const TRIPLE: &str = if cfg!(target_arch = "aarch64") {
    "aarch64-unknown-linux-gnu"
} else {
    "x86_64-unknown-linux-gnu"
};

/// The same with everything that it needs in its file, as an image of nothing else must have it.
pub(super) const STATIC: Package = Package {
    flags: Some(Flags {
        variant: "static",
        rustflags: "-C target-feature=+crt-static",
        // Procedural macros cannot be linked so.
        target: Some(TRIPLE),
    }),
    first_build: "building the native programs without shared libraries: once, half a minute",
    ..NATIVE
};

/// The program of a workload.
pub(super) const fn program_of(workload: Workload) -> &'static str {
    match workload {
        Workload::Hello => "native-hello",
        Workload::CpuHash => "native-cpu-hash",
        _ => "native-http",
    }
}

impl System for Native {
    fn find(&self) -> Result<Found, Unavailable> {
        let package = if self.portable { PORTABLE } else { NATIVE };
        let remedy = format!("`{}` builds it", package.command());
        let program = package
            .program("native-http")
            .map_err(|reason| Unavailable {
                reason,
                remedy: remedy.clone(),
            })?;
        found(program, env!("CARGO_PKG_VERSION").to_owned(), &remedy)
    }

    fn acquires(&self) -> &'static [Acquire] {
        &[]
    }

    fn prepare(&self, found: &Found, job: &Job<'_>) -> Result<Ready, String> {
        let name = program_of(job.workload);
        let built = found.program.with_file_name(name);
        let program: PathBuf = job.folder.join(name);
        std::fs::copy(&built, &program)
            .map_err(|error| format!("cannot copy {}: {error}", built.display()))?;
        let sha256 = sha256_file(&program).map_err(|error| error.to_string())?;
        let mut arguments = call_arguments(job.workload);
        if listens(job.workload) {
            arguments.push("{address}".to_owned());
        }
        // The program is the artifact: what is evicted of the others is their guest.
        let files = vec![program.clone()];
        Ok(Ready {
            program,
            arguments,
            artifact: None,
            sha256,
            environment: Vec::new(),
            files,
            cache: None,
            mapped: None,
        })
    }
}
