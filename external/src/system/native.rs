//! Machine code: the workloads as programs of their own, as they are built. What is launched of them
//! is described in `external/systems/native.toml`.

use std::path::PathBuf;
use std::sync::OnceLock;

use campaign::sibling::{Flags, NATIVE, Package};
use results::digest::sha256_file;
use workloads::Workload;

use super::BuildRequest;

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
    /// The usual one, asked for something that no program of a person's own knows.
    BuiltHere,
}

/// What builds the programs.
pub(super) const fn package(build: Build) -> &'static Package {
    match build {
        Build::Usual | Build::BuiltHere => &NATIVE,
        Build::SoftSha => &SOFT_SHA,
        Build::Static => &STATIC,
    }
}

/// The program of the services.
const SERVICE: &str = "native-http";

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
        _ => SERVICE,
    }
}

/// The program of the services as it is built, beside which the others lie. Built once by a process:
/// all samples of a run are of one build.
pub(super) fn built(how: Build) -> Result<PathBuf, String> {
    static BUILT: [OnceLock<Result<PathBuf, String>>; 4] = [const { OnceLock::new() }; 4];
    let built = BUILT[how as usize].get_or_init(|| package(how).program(SERVICE));
    built.clone()
}

/// The program of a workload in the folder of what is prepared, and its digest: as it was built, or
/// a person's own.
pub(super) fn copy(how: Build, build: &BuildRequest<'_>) -> Result<(PathBuf, String), String> {
    let name = program_of(build.workload);
    let program = build.folder.join(name);
    if let Some(own) = build.own {
        own.copy_to(&program)?;
    } else {
        let source = built(how)?.with_file_name(name);
        std::fs::copy(&source, &program)
            .map_err(|error| format!("cannot copy {}: {error}", source.display()))?;
    }
    let sha256 = sha256_file(&program).map_err(|error| error.to_string())?;
    Ok((program, sha256))
}
