//! Every system's cold start on one axis, and what each layer of a container adds.

use findings::questions::container_layers::ContainerLayers;
use findings::questions::starts::Starts;
use findings::units::{Unit, nanoseconds, percent};
use findings::{CellFacts, Findings};

use super::table::NOTHING;
use super::{Style, starts, waterfall};

/// Starts, their picture and their layers.
pub(crate) fn render(findings: &Findings, style: Style) -> String {
    let mut text = String::new();
    for of in &findings.starts {
        text.push_str(&starts::starts(findings, of));
        text.push_str(&picture(findings, of, style));
        let all = findings.container_layers.iter();
        let fits = |it: &&ContainerLayers| it.workload == of.workload && it.scenario == of.scenario;
        text.extend(all.filter(fits).map(layers));
    }
    text
}

/// One bar a start, quickest first, all on one axis.
fn picture(findings: &Findings, of: &Starts, style: Style) -> String {
    let ids = of.taken_apart.iter();
    let cells: Vec<&CellFacts> = ids.filter_map(|id| findings.facts.cell(id)).collect();
    let title = format!("{}, {}", of.workload, of.scenario.name());
    waterfall::bars(&title, &cells, style)
}

/// What each layer adds to the one inside it.
fn layers(of: &ContainerLayers) -> String {
    let whole = of.layers.last().map_or(f64::NAN, |layer| layer.total_ns);
    let mut text = format!(
        "peeled, {}: what each layer adds to the one above it in this list; {}\n",
        of.scenario.name(),
        of.family.method()
    );
    for (at, layer) in of.layers.iter().enumerate() {
        let added = of.added(at);
        let shift = added.and_then(|it| it.shift);
        let share = of.adds_ns(at);
        let share = share.map_or_else(|| NOTHING.to_owned(), |ns| percent(ns / whole));
        let adds = match shift {
            Some(shift) => shift.difference_text(Unit::Nanoseconds),
            None if at == 0 => nanoseconds(layer.total_ns),
            None => NOTHING.to_owned(),
        };
        let doubt = added.filter(|it| !it.is_difference());
        let doubt = doubt.map_or_else(String::new, |it| format!("; {}", it.label()));
        text.push_str(&format!(
            "  {:<23} {:>8}  adds {adds:>9} ({:>6}): {}{doubt}\n",
            layer.name,
            nanoseconds(layer.total_ns),
            share,
            layer.work,
        ));
    }
    for instead in &of.instead {
        let shift = instead.added(of).and_then(|it| it.shift);
        let adds = shift.map_or_else(String::new, |it| it.difference_text(Unit::Nanoseconds));
        let against = instead.against(of);
        let against = against.map_or_else(String::new, |it| {
            let name = of
                .layers
                .iter()
                .find(|it| Some(&it.cell) == instead.of.as_ref());
            let name = name.map_or("that", |it| it.name.as_str());
            format!("; {} {name}", it.ratio_text())
        });
        text.push_str(&format!(
            "  {:<23} {:>8}  adds {adds:>9} in the place of the {}{against}\n",
            instead.layer.name,
            nanoseconds(instead.layer.total_ns),
            instead.layer.step,
        ));
    }
    if let Some(whole) = of.whole() {
        text.push_str(&format!(
            "  in all {} {}\n",
            whole.ratio_text(),
            of.innermost()
        ));
    }
    text.push('\n');
    text
}
