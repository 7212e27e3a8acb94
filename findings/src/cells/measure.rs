//! What can be read off a sample.

use serde::Serialize;

use crate::input::{Fact, Point, Quantile};
use crate::units::Unit;

macro_rules! measures {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// What can be read off a sample. All are costs, less being better, but for the rate.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Measure {
            $($(#[$doc])* $variant,)+
        }

        impl Measure {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

measures! {
    /// From the launch to the first complete answer, or until all instances have started.
    TotalNs = "total_ns",
    /// CPU time until then.
    CpuNs = "cpu_ns",
    /// High-water mark of resident memory.
    MaxRssBytes = "max_rss_bytes",
    /// Proportional set size.
    PssBytes = "pss_bytes",
    /// Memory that is shared with nobody.
    PrivateBytes = "private_bytes",
    /// Until all instances were ready.
    ReadyNs = "ready_ns",
    /// The start of the last of many.
    StartLastNs = "start_last_ns",
    /// Right answers per second.
    PerSecond = "per_second",
    /// Mean latency of a sample's requests.
    RequestNs = "request_ns",
    /// CPU time of the system for each request of its load, those of the warm-up included.
    RequestCpuNs = "request_cpu_ns",
    /// Median latency of a sample's requests.
    P50Ns = "p50_ns",
    /// 90th percentile of a sample's requests.
    P90Ns = "p90_ns",
    /// 95th percentile of a sample's requests.
    P95Ns = "p95_ns",
    /// 99th percentile of a sample's requests.
    P99Ns = "p99_ns",
    /// 99.9th percentile of a sample's requests.
    P999Ns = "p999_ns",
    /// Page tables of all instances: kernel memory that no process's own includes.
    PageTablesBytes = "page_tables_bytes",
    /// Proportional set size of shims, which is not in that of the instances.
    ShimPssBytes = "shim_pss_bytes",
    /// Proportional set size of what an engine keeps for all instances: its daemons.
    EnginePssBytes = "engine_pss_bytes",
    /// What all instances take: their proportional set size and that of their shims.
    FleetBytes = "fleet_bytes",
    /// What one more instance takes, its shim included: the slope of [`Self::FleetBytes`] over the
    /// numbers of instances of one block.
    InstanceBytes = "instance_bytes",
    /// What the machine pays once, for any number of instances: where that line begins, and the engine.
    OnceBytes = "once_bytes",
    /// What one service alone takes: the sum of both.
    ServiceBytes = "service_bytes",
    /// By how much less memory the machine had available than before.
    MachineBytes = "machine_bytes",
    /// CPU time of the load generator as a part of the load's duration.
    GeneratorShare = "generator_share",
    /// Right answers per second as a part of what the load generator reached on this machine against
    /// a server that does nothing.
    OfGeneratorLimit = "of_generator_limit",
    /// How late the load generator itself took notice of planned requests: the median of a sample's.
    GeneratorLateNs = "generator_late_ns",
    /// Packets that a firewall's rules counted, on all links.
    FirewallPackets = "firewall_packets",
}

impl Measure {
    /// What it is counted in.
    pub const fn unit(self) -> Unit {
        match self {
            Self::MaxRssBytes
            | Self::PssBytes
            | Self::PrivateBytes
            | Self::PageTablesBytes
            | Self::ShimPssBytes
            | Self::EnginePssBytes
            | Self::FleetBytes
            | Self::InstanceBytes
            | Self::OnceBytes
            | Self::ServiceBytes
            | Self::MachineBytes => Unit::Bytes,
            Self::PerSecond => Unit::PerSecond,
            Self::GeneratorShare | Self::OfGeneratorLimit => Unit::Share,
            Self::FirewallPackets => Unit::Count,
            _ => Unit::Nanoseconds,
        }
    }

    /// Whether more is better: what is compared of it is its reciprocal, nanoseconds a request.
    pub const fn is_rate(self) -> bool {
        matches!(self, Self::PerSecond)
    }

    /// Whether it is something that is used up, of which there is more or less, and no time that passes or
    /// rate, which are slower or faster.
    pub fn is_amount(self) -> bool {
        self.unit() == Unit::Bytes || matches!(self, Self::CpuNs | Self::RequestCpuNs)
    }

    /// Whether it is a quantile beyond the median of a sample's requests. A cell has it only if ten
    /// requests of *each* sample lie beyond it, and enough samples for its interval.
    pub const fn is_tail(self) -> bool {
        matches!(self, Self::P90Ns | Self::P95Ns | Self::P99Ns | Self::P999Ns)
    }

    /// Its value in one sample; of what takes several samples of a block, nothing:
    /// [`Facts`](crate::facts::Facts) puts those together.
    pub fn read(self, point: &Point) -> Option<f64> {
        let whole = |value: Option<u64>| value.map(|value| value as f64);
        let load = point.load.as_deref();
        match self {
            Self::TotalNs => whole(point.total_ns),
            Self::CpuNs => whole(point.resources.cpu_ns),
            Self::MaxRssBytes => whole(point.resources.max_rss_bytes),
            Self::PssBytes => point
                .fact(Fact::PssBytes)
                .or(whole(point.resources.pss_bytes)),
            Self::PrivateBytes => point.fact(Fact::PrivateBytes),
            Self::ReadyNs => point.fact(Fact::ReadyNs),
            Self::StartLastNs => point.fact(Fact::StartLastNs),
            Self::PageTablesBytes => point.fact(Fact::PageTablesBytes),
            Self::ShimPssBytes => point.fact(Fact::ShimPssBytes),
            Self::EnginePssBytes => point.fact(Fact::EnginePssBytes),
            // Older records have no zero for a system without shims.
            Self::FleetBytes => {
                let shims = point.fact(Fact::ShimPssBytes).unwrap_or(0.0);
                Some(point.fact(Fact::PssBytes)? + shims)
            }
            Self::InstanceBytes | Self::OnceBytes | Self::ServiceBytes => None,
            Self::MachineBytes => {
                let before = point.fact(Fact::AvailableBeforeBytes)?;
                Some(before - point.fact(Fact::AvailableBytes)?)
            }
            Self::GeneratorShare => {
                let wall_ns = load?.wall_ns;
                let cpu_ns = point.fact(Fact::GeneratorCpuNs)?;
                // What a generator does before its first send can be more than a short load.
                (wall_ns > 0).then(|| (cpu_ns / wall_ns as f64).min(1.0))
            }
            Self::OfGeneratorLimit => {
                let limit = point
                    .fact(Fact::GeneratorLimit)
                    .filter(|limit| *limit > 0.0)?;
                Some(load?.per_second()? / limit)
            }
            Self::GeneratorLateNs => point.fact(Fact::GeneratorLateNs),
            Self::FirewallPackets => point
                .fact(Fact::FirewallPackets)
                .filter(|packets| *packets > 0.0),
            Self::PerSecond => load?.per_second(),
            Self::RequestNs => load?.latencies.mean_ns(),
            Self::RequestCpuNs => {
                let requests = load?.sent as f64 + point.fact(Fact::WarmUp)?;
                let cpu_ns = point.fact(Fact::LoadCpuNs)?;
                (requests > 0.0).then(|| cpu_ns / requests)
            }
            Self::P50Ns => load?.latencies.quantile_ns(Quantile::P50),
            Self::P90Ns => load?.latencies.quantile_ns(Quantile::P90),
            Self::P95Ns => load?.latencies.quantile_ns(Quantile::P95),
            Self::P99Ns => load?.latencies.quantile_ns(Quantile::P99),
            Self::P999Ns => load?.latencies.quantile_ns(Quantile::P999),
        }
    }
}
