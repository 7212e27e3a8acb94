//! Everything that was found in a run, as one value.

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::input::Run;
use crate::questions::{
    acquisition, blocks, break_even, carry_over, clocks, container_layers, controls, density, duel,
    engine_pairs, factors, harness, headline, kinds_of_cold, levers, lifecycles, limits,
    load_curve, network_path, objectives, observer, pool_slots, ranking, requests, scaling, starts,
    state, virtual_machines,
};
use crate::statistics::CONFIDENCE;

/// The version of [`Findings`] as they are written down. 2: one answer to each question, blocked
/// comparisons, shared ranks. 3: verdicts that know the A/A control from the margin of equivalence;
/// blocks and pauses; break-even with an interval that may be open; no quantiles of pooled requests;
/// figures of cells that were named beforehand, and of how many attempts. 4: four kinds of cold.
const FORMAT: u32 = 4;

/// What a person may ask beyond what every report answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Conditions that a system is to meet, as they were written down.
    pub objectives: Vec<String>,
}

/// Everything that was found in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// The version of this form.
    pub format: u32,
    /// What was asked.
    pub options: Options,
    /// The confidence of every interval.
    pub confidence: f64,
    /// What all of it is made of.
    #[serde(flatten)]
    pub facts: Facts,
    /// Two builds against each other.
    pub duel: Option<duel::Duel>,
    /// A sentence for each scenario, a row for each workload.
    pub headlines: Vec<headline::Headline>,
    /// The comparisons that the first workload's sentences make.
    pub headline_family: Vec<headline::Member>,
    /// Starts.
    pub starts: Vec<starts::Starts>,
    /// Starts in every kind of cold.
    pub kinds_of_cold: Vec<kinds_of_cold::KindsOfCold>,
    /// What it costs to acquire code.
    pub acquisition: Vec<acquisition::Acquisition>,
    /// What each lever of an engine does to a start.
    pub levers: Vec<levers::Levers>,
    /// Engines embedded and as a command line.
    pub engine_pairs: engine_pairs::EnginePairs,
    /// Containers in their layers.
    pub container_layers: Vec<container_layers::ContainerLayers>,
    /// Requests to running instances.
    pub requests: Vec<requests::Requests>,
    /// Requests at parts of a system's capacity.
    pub load_curves: Vec<load_curve::LoadCurves>,
    /// What a request costs by how many requests an instance handles.
    pub lifecycles: Vec<lifecycles::Lifecycles>,
    /// What a pool costs a start, over its slots.
    pub pool_slots: Vec<pool_slots::PoolSlots>,
    /// Throughput over instances.
    pub scaling: Vec<scaling::Scaling>,
    /// The same of the systems that stand for their kinds, at one number of instances.
    pub scaling_side_by_side: Option<scaling::Side>,
    /// Memory over instances.
    pub density: Vec<density::Density>,
    /// What a firewall, a network path, state, page cache and left-out work change.
    pub variations: Vec<factors::Variation>,
    /// Starts at the end of a wire.
    pub network_path: Option<network_path::NetworkPath>,
    /// Where state is kept.
    pub state: state::State,
    /// Virtual machines that no hardware runs, apart from everything else.
    pub virtual_machines: Vec<virtual_machines::Apart>,
    /// Where a slower start pays.
    pub break_even: Vec<break_even::BreakEven>,
    /// Which systems meet what was asked for.
    pub objectives: Vec<objectives::Objective>,
    /// Systems ranked for three uses.
    pub rankings: Vec<ranking::Ranking>,
    /// The same ratio by several clocks.
    pub clocks: Vec<clocks::ClockBoundaries>,
    /// A/A controls.
    pub controls: Vec<controls::Control>,
    /// The cost of being observed.
    pub observer: Option<observer::Observer>,
    /// Whether the blocks of the run are alike.
    pub blocks: blocks::Blocks,
    /// What systems with an engine of their own leave behind for the start after them.
    pub carry_over: Option<carry_over::CarryOver>,
    /// What a sample takes beyond its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub harness: Option<harness::Harness>,
    /// What cannot be said.
    pub limits: limits::Limits,
}

impl Findings {
    /// Everything that is to be found in a run.
    pub fn from_run(run: &Run, options: Options) -> Self {
        Self::compute(Facts::compute(run), options)
    }

    /// Everything that is to be found in these facts: each question is answered by itself.
    pub fn compute(facts: Facts, options: Options) -> Self {
        let scaling = scaling::compute(&facts);
        Self {
            format: FORMAT,
            confidence: CONFIDENCE,
            duel: duel::compute(&facts),
            headlines: headline::compute(&facts),
            headline_family: headline::family(&facts),
            starts: starts::compute(&facts),
            kinds_of_cold: kinds_of_cold::compute(&facts),
            acquisition: acquisition::compute(&facts),
            levers: levers::compute(&facts),
            engine_pairs: engine_pairs::compute(&facts),
            container_layers: container_layers::compute(&facts),
            requests: requests::compute(&facts),
            load_curves: load_curve::compute(&facts),
            lifecycles: lifecycles::compute(&facts),
            pool_slots: pool_slots::compute(&facts),
            scaling_side_by_side: scaling::side_by_side(&facts, &scaling),
            scaling,
            density: density::compute(&facts),
            variations: factors::compute(&facts),
            network_path: network_path::compute(&facts),
            state: state::compute(&facts),
            virtual_machines: virtual_machines::compute(&facts),
            break_even: break_even::compute(&facts),
            objectives: objectives::compute(&facts, &options.objectives),
            rankings: ranking::compute(&facts),
            clocks: clocks::compute(&facts),
            controls: controls::compute(&facts),
            observer: observer::compute(&facts),
            blocks: blocks::compute(&facts),
            carry_over: carry_over::compute(&facts),
            harness: harness::compute(&facts),
            limits: limits::compute(&facts),
            options,
            facts,
        }
    }

    /// As they are published: every number, as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self)
            .expect("findings are plain data: they always serialise");
        text.push(b'\n');
        text
    }
}
