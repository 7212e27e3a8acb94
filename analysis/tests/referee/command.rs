//! `cargo run -p analysis --example referee`: known truths through the real analysis, as tables.
//!
//! Takes minutes to an hour, by the number of pages. The short form of the same is the test
//! `referee`.

#[path = "../support/mod.rs"]
mod support;

mod simulation;

use clap::{Parser, ValueEnum};

use simulation::{after, between, curves, pages, plans, promises};

/// Simulated runs whose truth is known, and what the analysis says of them.
#[derive(Debug, Parser)]
struct Arguments {
    /// Pages of each world: whole findings of one simulated run
    #[arg(long, value_name = "N", default_value_t = 200)]
    pages: u64,
    /// The profile whose cells pages have
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// Samples of each cell on pages [default: by profile]
    #[arg(long, value_name = "N")]
    samples: Option<u32>,
    /// The first seed: the next page has the next one
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Only this workload's cells
    #[arg(long, value_name = "NAME")]
    workload: Option<String>,
    /// Only worlds with this in their name
    #[arg(long, value_name = "TEXT")]
    world: Option<String>,
    /// Only these experiments (repeatable, or with commas) [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Experiment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Profile {
    /// Few cells, seven samples of each
    #[default]
    Quick,
    /// Every cell that people choose between, ten samples of each
    Standard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Experiment {
    /// False verdicts and coverage by world
    Errors,
    /// True differences that are found
    Power,
    /// Two runs compared
    Compare,
    /// What samples leave behind for those after them
    CarryOver,
    /// Plans by a pilot, kept
    Plans,
    /// Memory over instances
    Density,
}

fn main() {
    let arguments = Arguments::parse();
    let (mut cells, samples) = match arguments.profile {
        Profile::Quick => (plans::quick(), plans::QUICK),
        Profile::Standard => (plans::standard(), plans::STANDARD),
    };
    if let Some(workload) = &arguments.workload {
        cells.retain(|cell| cell.workload == **workload);
    }
    let samples = arguments.samples.unwrap_or(samples);
    let (pages, seed) = (arguments.pages, arguments.seed);
    let is_asked = |it| arguments.only.is_empty() || arguments.only.contains(&it);
    if is_asked(Experiment::Errors) {
        let world = arguments.world.as_deref();
        pages::errors(&cells, samples, pages, seed, world);
    }
    if is_asked(Experiment::Power) {
        // Hundreds of comparisons, each under ten thousand patterns of signs, take hours.
        let plans: &[u32] = match arguments.profile {
            Profile::Quick => &[samples, plans::MANY],
            Profile::Standard => &[samples],
        };
        pages::power(&cells, plans, pages.div_ceil(4), seed);
    }
    if is_asked(Experiment::Compare) {
        let starts = plans::starts(plans::of_workload("http-hello"));
        between::table(&starts, pages, seed);
    }
    if is_asked(Experiment::CarryOver) {
        after::table(&cells, samples, pages, seed);
    }
    if is_asked(Experiment::Plans) {
        promises::table(pages, seed);
    }
    if is_asked(Experiment::Density) {
        curves::table(&plans::density(), pages, seed);
    }
}
