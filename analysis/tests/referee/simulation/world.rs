//! What is true of a simulated machine: what each cell costs, and how times scatter.

use findings::Measure;
use results::record::Scenario;
use results::{Cell, Param};

/// What is true of the systems: how many times the native program's cost each has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Truth {
    /// All systems cost the same.
    Nothing,
    /// Every system takes so many times as long as native and what is native under another name;
    /// memory is the same.
    Slower(f64),
    /// One command line takes so many times as long as all others do.
    One(f64),
    /// About as this project has measured, with several systems that are the same.
    Mixed,
}

/// How single values scatter about what is true of their cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Law {
    /// By a factor: log-normal.
    Multiplicative,
    /// By a time, the same for all systems of a workload: normal.
    Additive,
    /// By a factor, and every tenth value takes half as long again.
    Stalls,
    /// Two modes, half as long again apart, each as often as the other and narrow.
    Bimodal,
}

/// What the machine does while the run goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Course {
    /// Nothing.
    Steady,
    /// It gets slower, evenly, by this part in all.
    Drift(f64),
    /// Its first block is quicker than the rest by this part.
    FirstBlock(f64),
    /// From the middle on it is so many times slower: another day.
    Resumed(f64),
}

/// A simulated machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct World {
    pub truth: Truth,
    /// The standard deviation of the logarithm of a time.
    pub sd: f64,
    /// Whether neighbours in time share a part of that, as they do on the authors' machine.
    pub is_common: bool,
    pub law: Law,
    pub course: Course,
    /// The standard deviation of the logarithm of what a run does to each of its cells, for all
    /// samples of it alike: another run of the same build draws anew.
    pub each_cell: f64,
    /// By which part a start takes longer right after one that an engine of its own served.
    pub carry_over: f64,
    /// The part of all samples that fails, whatever they would have been.
    pub failing: f64,
    /// A system of which only the quickest fifth of the samples ends well.
    pub survivors: Option<&'static str>,
    /// A system whose samples end well in the first blocks only, fewer than a test needs.
    pub few: Option<&'static str>,
    /// What times are rounded to, as a part of what native takes.
    pub grain: Option<f64>,
}

impl World {
    /// The noise that was measured on the authors' machine: 12 %, of which neighbours share a part
    /// for some seconds.
    pub const fn measured(truth: Truth) -> Self {
        Self {
            truth,
            sd: 0.12,
            is_common: true,
            law: Law::Multiplicative,
            course: Course::Steady,
            each_cell: 0.0,
            carry_over: 0.0,
            failing: 0.0,
            survivors: None,
            few: None,
            grain: None,
        }
    }

    /// Noise that no two samples share.
    pub const fn independent(truth: Truth) -> Self {
        Self {
            is_common: false,
            ..Self::measured(truth)
        }
    }
}

/// In how many blocks the samples of such a system end well: one fewer than a test needs.
const FEW: u32 = 5;

/// How many standard deviations below its mean the quickest fifth of a normal distribution is.
const QUICKEST_FIFTH: f64 = -0.84;

impl World {
    /// Whether a value is of a system of which only quick samples end well, and is not one; or of one
    /// that ends well in few blocks, and this is none of them.
    pub fn breaks(&self, cell: &Cell, block: u32, times: f64) -> bool {
        let system = Some(cell.system.original_name());
        let quick = self.truth.time(cell) * (self.sd * QUICKEST_FIFTH).exp();
        self.survivors == system && times > quick || self.few == system && block >= FEW
    }
}

/// A measure whose truth is memory's and not time's.
pub fn is_memory(measure: &str) -> bool {
    let known = Measure::ALL.iter().find(|it| it.name() == measure);
    known.is_some_and(|it| it.unit() == findings::units::Unit::Bytes)
}

impl Truth {
    /// How many times the native program's time a cell takes; of a rate, its reciprocal.
    pub fn time(self, cell: &Cell) -> f64 {
        let system = cell.system.original_name();
        match self {
            Self::Slower(times) if !system.starts_with("native") => times,
            Self::One(times) if system == "wasmtime-cli" => times,
            Self::Mixed => mixed_time(cell),
            Self::Nothing | Self::Slower(_) | Self::One(_) => 1.0,
        }
    }

    /// How many times the native program's memory it takes.
    pub fn memory(self, cell: &Cell) -> f64 {
        match (self, cell.system.original_name()) {
            (Self::Nothing | Self::Slower(_) | Self::One(_), _)
            | (_, "native" | "native-static") => 1.0,
            (_, "native-soft-sha") => 0.95,
            (_, "docker") => 4.0,
            (_, "wasmcloud") => 80.0,
            _ => 12.0,
        }
    }
}

/// Ratios as they were measured, rounded; a cache hit and a mapped file are the same on purpose, as
/// are WasmEdge's two ways, so that there is something to be wrong about.
fn mixed_time(cell: &Cell) -> f64 {
    let system = cell.system.original_name();
    if !cell.scenario.starts() {
        return match system {
            "wasmtime-embedded" => 3.0,
            "wasmtime-cli" | "wasmcloud" => 5.0,
            "docker" => 1.2,
            _ => 1.0,
        };
    }
    let is_compiled = cell.params.is(Param::Acquire, "compile");
    let native = if cell.scenario == Scenario::DiskCold {
        1.4
    } else {
        1.0
    };
    match system {
        "wasmtime-embedded" if is_compiled => 30.0,
        "wasmtime-cli" if is_compiled => 34.0,
        "wasmtime-embedded" => 1.78,
        "wasmtime-cli" => 5.0,
        "wasmedge-embedded" | "wasmedge-cli" => 7.0,
        "docker" => 83.5,
        "docker-wasmtime" => 95.0,
        "containerd" => 60.0,
        "runc" | "crun" => 12.0,
        "wasmcloud" => 200.0,
        _ => native,
    }
}
