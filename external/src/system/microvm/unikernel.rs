//! The guest that is the workload as its own kernel.

use std::path::Path;

use results::Attested;
use workloads::{Artifact, Workload};

use super::super::{call_arguments, copy_artifact};
use super::guest::{Address, Boot};

/// Writes the image into a folder.
pub(super) fn write(folder: &Path) -> Result<Boot, String> {
    let (image, sha256) = copy_artifact(Artifact::Unikernel, folder)?;
    Ok(Boot {
        image,
        initramfs: None,
        sha256,
        attested: Attested::new(),
    })
}

/// The image's command line; a service's with where it answers.
pub(super) fn command_line(workload: Workload, at: Option<(Address, u16)>) -> String {
    let work = match workload {
        Workload::Hello => "hello",
        Workload::CpuHash => "cpu-hash",
        _ => "http",
    };
    let mut words = vec![format!("run={work}")];
    if let [iterations] = &call_arguments(workload)[..] {
        words.push(format!("iterations={iterations}"));
    }
    if let Some((address, port)) = at {
        words.push(format!("port={port}"));
        words.extend(tsc_khz().map(|khz| format!("tsc_khz={khz}")));
        words.push(format!("ip={}/{}", address.own, address.bits));
        words.extend(address.gateway.map(|gateway| format!("gateway={gateway}")));
    }
    words.join(" ")
}

/// How fast the processor's time stamp counter counts, as the kernel says how fast the processor is: timers
/// of the guest need no more.
fn tsc_khz() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("cpu MHz"))?;
    let (mhz, _) = line.split_once(':')?.1.trim().split_once('.')?;
    Some(mhz.parse::<u64>().ok()? * 1_000)
}
