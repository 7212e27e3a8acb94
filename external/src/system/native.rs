//! Machine code: the workload as a program of its own.

use campaign::sibling::{Flags, Package};
use results::digest::sha256_file;
use results::record::Scenario;
use workloads::Workload;

use super::programs::unavailable;
use super::{
    ADDRESS, Acquire, Adapter, BuildRequest, Commands, Estimate, Found, LaunchSpec, Paths, Takes,
    Unavailable, call_arguments, found, listens,
};

/// The workloads as native programs.
pub(super) struct Native(pub(super) Build);

/// How a native program is built. None needs a processor of this machine's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Build {
    /// As cargo builds a program unless told otherwise.
    Usual,
    /// Without the processor's instructions for SHA-256, which the usual build finds out about when
    /// it runs: for what is computed with them, this is the price of doing without.
    SoftSha,
    /// With everything that it needs in its file, as the images of containers hold it.
    Static,
}

impl Native {
    const fn package(&self) -> &'static Package {
        match self.0 {
            Build::Usual => &NATIVE,
            Build::SoftSha => &SOFT_SHA,
            Build::Static => &STATIC,
        }
    }
}

const NATIVE: Package = Package {
    name: "native",
    arguments: &[],
    flags: None,
    first_build: "building the native programs: once, some seconds",
};

const SOFT_SHA: Package = Package {
    flags: Some(Flags {
        variant: "soft-sha",
        rustflags: "--cfg sha2_backend=\"soft\"",
        target: None,
    }),
    first_build: "building the native programs with SHA-256 in software: once, half a minute",
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

impl Adapter for Native {
    fn name(&self) -> &'static str {
        match self.0 {
            Build::Usual => "native",
            Build::SoftSha => "native-soft-sha",
            Build::Static => "native-static",
        }
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let package = self.package();
        let remedy = format!("`{}` builds it", package.command());
        let program = package
            .program("native-http")
            .map_err(unavailable(&remedy))?;
        found(program, env!("CARGO_PKG_VERSION").to_owned(), &remedy)
    }

    fn acquire_modes(&self) -> &'static [Acquire] {
        &[]
    }

    fn takes(&self) -> Option<Takes> {
        // How a person's own is built is not for its name to say.
        (self.0 == Build::Usual).then_some(Takes::Program)
    }

    fn prepare(&self, found: &Found, build: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        let name = program_of(build.workload);
        let program = build.folder.join(name);
        if let Some(own) = build.own {
            own.copy_to(&program)?;
        } else {
            let source = found.program.with_file_name(name);
            std::fs::copy(&source, &program)
                .map_err(|error| format!("cannot copy {}: {error}", source.display()))?;
        }
        let sha256 = sha256_file(&program).map_err(|error| error.to_string())?;
        Ok(LaunchSpec {
            arguments: commands(build).launch,
            // The program is the artifact: what is evicted of the others is their guest.
            files: vec![program.clone()],
            ..LaunchSpec::new(program, sha256)
        })
    }

    fn commands(&self, build: &BuildRequest<'_>, _: &Paths) -> Option<Commands> {
        Some(commands(build))
    }

    fn estimate(&self, _: Option<Acquire>, _: Scenario) -> Estimate {
        Estimate {
            start_ms: 5.0,
            request_us: 30.0,
        }
    }
}

fn commands(build: &BuildRequest<'_>) -> Commands {
    let mut launch = call_arguments(build.workload);
    if listens(build.workload) {
        launch.push(ADDRESS.to_owned());
    }
    Commands {
        program: program_of(build.workload),
        compile: None,
        launch,
        environment: Vec::new(),
    }
}
