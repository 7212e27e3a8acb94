//! The kernel's counters around a sample: stolen time, waiting for a core, load.

use std::path::Path;

use results::noise::Noise;

/// The kernel's counters at one moment: two of them make a [`Noise`].
#[derive(Debug, Clone, Copy)]
pub struct Counters {
    steal_ns: Option<u64>,
    cpu_pressure_ns: Option<u64>,
    load1: Option<f64>,
}

impl Counters {
    /// Reads the counters below `proc`, which is `/proc` but in tests.
    pub fn read(proc: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(proc.join(name)).ok();
        Self {
            steal_ns: text("stat").as_deref().and_then(steal_ns),
            cpu_pressure_ns: text("pressure/cpu").as_deref().and_then(cpu_pressure_ns),
            load1: text("loadavg").and_then(|text| text.split(' ').next()?.parse().ok()),
        }
    }

    /// What happened since `earlier`.
    pub fn since(&self, earlier: &Self) -> Noise {
        let difference = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        Noise {
            steal_ns: difference(self.steal_ns, earlier.steal_ns),
            cpu_pressure_ns: difference(self.cpu_pressure_ns, earlier.cpu_pressure_ns),
            load1: self.load1,
        }
    }
}

/// The eighth number of the `cpu` line, in ticks of 1/100 s (`USER_HZ`, fixed by the kernel's
/// interface on x86-64 and arm64). proc(5).
fn steal_ns(stat: &str) -> Option<u64> {
    let ticks: u64 = stat
        .lines()
        .find_map(|line| line.strip_prefix("cpu "))?
        .split_whitespace()
        .nth(7)?
        .parse()
        .ok()?;
    Some(ticks * 10_000_000)
}

/// `some … total=` in microseconds. Linux `Documentation/accounting/psi.rst`.
fn cpu_pressure_ns(pressure: &str) -> Option<u64> {
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    let micros: u64 = some.rsplit_once("total=")?.1.trim().parse().ok()?;
    Some(micros * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(steal: u64, pressure: u64) -> tempfile::TempDir {
        let proc = tempfile::tempdir().unwrap();
        std::fs::create_dir(proc.path().join("pressure")).unwrap();
        let stat = format!("cpu  1 2 3 4 5 6 7 {steal} 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n");
        let cpu = format!(
            "some avg10=0.00 avg60=0.00 avg300=0.00 total={pressure}\nfull avg10=0.00 total=99\n"
        );
        std::fs::write(proc.path().join("stat"), stat).unwrap();
        std::fs::write(proc.path().join("pressure/cpu"), cpu).unwrap();
        std::fs::write(proc.path().join("loadavg"), "0.31 0.2 0.1 1/99 1234\n").unwrap();
        proc
    }

    #[test]
    fn counts_what_happened_between_two_readings() {
        let (before, after) = (fake(100, 2_000), fake(103, 2_500));
        let noise = Counters::read(after.path()).since(&Counters::read(before.path()));
        assert_eq!(
            noise,
            Noise {
                steal_ns: Some(30_000_000),
                cpu_pressure_ns: Some(500_000),
                load1: Some(0.31)
            }
        );
        assert_eq!(noise.mark(1_000_000), Some("steal"));
    }

    #[test]
    fn marks_a_sample_that_waited_for_a_core() {
        let noise = Noise {
            steal_ns: Some(0),
            cpu_pressure_ns: Some(100_001),
            load1: None,
        };
        assert_eq!(noise.mark(1_000_000), Some("cpu_pressure"));
        assert_eq!(noise.mark(2_000_000), None);
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_null() {
        let nothing = tempfile::tempdir().unwrap();
        let counters = Counters::read(nothing.path());
        assert_eq!(counters.since(&counters), Noise::default());
        assert_eq!(
            serde_json::to_value(Noise::default()).unwrap()["steal_ns"],
            serde_json::Value::Null
        );
    }
}
