//! The guest that is a Linux kernel with the native program: Debian's kernel, as `./setup microvm` has unpacked
//! it, and an initial file system of ours that holds nothing but what runs.

use std::path::{Path, PathBuf};

use campaign::sibling::Package;
use results::digest::{sha256_file, sha256_hex};
use results::{Attested, Evidence};
use serde_json::json;
use workloads::Workload;

use super::super::native::{self, Build, STATIC};
use super::super::programs::{installed_by_setup, unavailable};
use super::super::{Unavailable, call_arguments, listens};
use super::guest::{Address, Boot};
use super::initramfs::Initramfs;
use super::modules;

/// What builds the guest's first program: as the workload's own, it holds all that it needs.
const INIT: Package = Package {
    name: "linux-guest",
    arguments: &[],
    flags: STATIC.flags,
    first_build: "building the first program of Linux guests: once, some seconds",
};

/// What is to be done where there is no kernel.
const REMEDY: &str = "`./setup microvm` unpacks it";

/// The kernel, in the folder of what `./setup` has put there, with its release and its modules beside it.
const KERNEL: &str = "linux-guest/vmlinuz";

/// Where the workload's program is in the guest.
const PROGRAM: &str = "/program";

/// What the kernel is told: its console is the second serial port, and it says only what goes wrong. When it
/// panics it resets the machine, which ends the monitor.
const KERNEL_WORDS: &str = "quiet console=ttyS1 panic=-1";

/// Debian's kernel.
pub(super) struct Kernel {
    image: PathBuf,
    /// As `uname -r` has it.
    release: String,
    modules: PathBuf,
}

impl Kernel {
    /// Finds it.
    pub(super) fn find() -> Result<Self, Unavailable> {
        let unavailable = unavailable(REMEDY);
        if cfg!(not(target_arch = "x86_64")) {
            let reason =
                "its kernel and its programs are of x86-64, and those that are built here are not";
            return Err(Unavailable {
                reason: reason.to_owned(),
                remedy: "a machine of x86-64".to_owned(),
            });
        }
        let image = installed_by_setup(KERNEL).filter(|image| image.is_file());
        let image = image.ok_or_else(|| unavailable("there is no kernel for guests".to_owned()))?;
        let release =
            std::fs::read_to_string(image.with_file_name("release")).map_err(|error| {
                unavailable(format!("the kernel for guests has no release: {error}"))
            })?;
        Ok(Self {
            modules: image.with_file_name("modules"),
            release: release.trim().to_owned(),
            image,
        })
    }
}

/// Builds what of the guest is ours.
pub(super) fn check() -> Result<(), Unavailable> {
    Kernel::find()?;
    let built = native::built(Build::Static);
    built.map_err(unavailable(&native::package(Build::Static).remedy()))?;
    let built = INIT.program("linux-init");
    built.map(drop).map_err(unavailable(&INIT.remedy()))
}

/// Writes the kernel and the initial file system of a workload into a folder, which is made.
pub(super) fn write(workload: Workload, folder: &Path) -> Result<Boot, String> {
    let kernel = Kernel::find().map_err(|missing| missing.to_string())?;
    let failed = |path: &Path| format!("cannot write {}", path.display());
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", failed(folder)))?;
    let image = folder.join("vmlinuz");
    std::fs::copy(&kernel.image, &image).map_err(|error| format!("{}: {error}", failed(&image)))?;
    let program = native::built(Build::Static)?.with_file_name(native::program_of(workload));
    let archive = archive(&kernel, workload, &program)?;
    let initramfs = folder.join("initramfs.cpio");
    std::fs::write(&initramfs, &archive)
        .map_err(|error| format!("{}: {error}", failed(&initramfs)))?;
    let digest = sha256_file(&image).map_err(|error| error.to_string())?;
    let said = json!({"release": kernel.release, "sha256": digest});
    Ok(Boot {
        image,
        initramfs: Some(initramfs),
        sha256: sha256_hex(&archive),
        attested: Attested::from([(Evidence::GuestKernel, said)]),
    })
}

/// The initial file system: what runs, where the kernel's own file systems are mounted, and for a service the
/// modules of its network card.
fn archive(kernel: &Kernel, workload: Workload, program: &Path) -> Result<Vec<u8>, String> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    let mut archive = Initramfs::default();
    archive.folder("dev");
    archive.folder("proc");
    archive.file("init", &read(&INIT.program("linux-init")?)?)?;
    archive.file(PROGRAM.trim_start_matches('/'), &read(program)?)?;
    if listens(workload) {
        archive.folder("modules");
        for (nth, module) in modules::in_order(&kernel.modules)?.iter().enumerate() {
            archive.file(
                &format!("modules/{nth:02}-{}.ko", module.name),
                &module.bytes,
            )?;
        }
    }
    Ok(archive.finish())
}

/// The kernel's command line, a service's with where it answers; what stands behind the dashes is for the guest's
/// first program.
pub(super) fn command_line(workload: Workload, at: Option<(Address, u16)>) -> String {
    let mut words = vec![KERNEL_WORDS.to_owned(), "--".to_owned()];
    words.extend(at.map(|(address, _)| format!("ip={}/{}", address.own, address.bits)));
    words.push(PROGRAM.to_owned());
    words.extend(at.map(|(_, port)| format!("0.0.0.0:{port}")));
    words.extend(call_arguments(workload));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_service_has_a_network() {
        assert_eq!(
            command_line(Workload::HttpHello, Some((Address::OF_USER, 8080))),
            "quiet console=ttyS1 panic=-1 -- ip=10.0.2.15/24 /program 0.0.0.0:8080"
        );
        let hello = command_line(Workload::Hello, None);
        assert!(hello.ends_with("-- /program"), "{hello}");
    }
}
