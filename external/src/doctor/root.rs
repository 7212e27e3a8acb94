//! The files of `/proc` and `/sys` below a root: `/`, or what a test made.

use std::path::Path;

/// Where `proc` and `sys` lie. What cannot be read is nothing: kernels and containers differ in
/// what they show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Root<'a>(pub(super) &'a Path);

impl Root<'_> {
    /// A file's text without the white space around it.
    pub(super) fn text(self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.0.join(name))
            .ok()
            .map(|text| text.trim().to_owned())
    }

    /// A file that holds one number.
    pub(super) fn number<T: std::str::FromStr>(self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// A line of `/proc/meminfo`, in bytes.
    pub(super) fn memory_bytes(self, name: &str) -> Option<u64> {
        let text = self.text("proc/meminfo")?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(value.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
    }

    /// The cores of the machine, in order.
    pub(super) fn cores(self) -> Vec<usize> {
        let entries = std::fs::read_dir(self.0.join("sys/devices/system/cpu"))
            .into_iter()
            .flatten()
            .flatten();
        let mut cores: Vec<_> = entries
            .filter_map(|entry| {
                entry
                    .file_name()
                    .to_str()?
                    .strip_prefix("cpu")?
                    .parse()
                    .ok()
            })
            .collect();
        cores.sort_unstable();
        cores
    }
}
