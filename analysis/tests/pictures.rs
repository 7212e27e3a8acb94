//! Every kind of picture: looks come from the style sheet alone, texts are complete and escaped,
//! and PNG files can be made of it.

use analysis::plot::{
    Bar, Curve, Dot, DotRow, Picture, Plane, Segment, Stack, Steps, draw_bars, draw_curves,
    draw_dots, draw_ecdf, draw_overview, draw_stacks, palette, png,
};
use findings::units::Unit;
use results::Phase;
use results::names::FileName;

/// A label that is no markup, whatever it looks like.
const LABEL: &str = "a <b> & \"c\"";

const SYSTEMS: [&str; 4] = ["native", "wasmtime-cli", "docker", "something-else"];

fn stack(label: &str, ms: f64) -> Stack {
    let segment = |phase, share: f64| Segment {
        phase,
        ns: ms * 1e6 * share,
    };
    Stack {
        label: label.to_owned(),
        segments: vec![
            segment(Phase::Spawn, 0.2),
            segment(Phase::Init, 0.5),
            segment(Phase::Load, 0.0),
            segment(Phase::Respond, 0.3),
        ],
        total_ns: Some(ms * 0.9e6),
    }
}

/// Starts from one millisecond to two seconds.
fn starts() -> Vec<Stack> {
    [1.0, 3.0, 4.0, 15.0, 18.0, 95.0, 350.0, 2000.0]
        .map(|ms| stack(LABEL, ms))
        .to_vec()
}

fn bars() -> Picture {
    let bar = |(index, system): (usize, &&str)| Bar {
        label: LABEL.to_owned(),
        system: (*system).to_owned(),
        group: if index < 2 { "native" } else { "others" },
        value: index as f64 * 3e6,
        is_lower_bound: index % 2 == 1,
        interval: Some((index as f64 * 2e6, index as f64 * 5e6)),
        mark: "▲".to_owned(),
    };
    let rows: Vec<_> = SYSTEMS.iter().enumerate().map(bar).collect();
    draw_bars(&rows, Unit::Nanoseconds, "time")
}

fn curves() -> Picture {
    let curve = |system: &&str| Curve {
        label: LABEL.to_owned(),
        system: (*system).to_owned(),
        points: vec![(1.0, 10.0, Some((9.0, 12.0))), (4.0, 30.0, None)],
        is_reference: *system == "native",
    };
    let series: Vec<_> = SYSTEMS.iter().map(curve).collect();
    let plane = Plane {
        x: ("instances", Unit::Count),
        y: ("requests", Unit::PerSecond),
        log_x: true,
        log_y: false,
    };
    draw_curves(&series, &plane)
}

fn ecdf() -> Picture {
    let steps = |system: &&str| Steps {
        label: LABEL.to_owned(),
        system: (*system).to_owned(),
        counted: vec![(1e5, 3), (2e6, 1)],
    };
    let series: Vec<_> = SYSTEMS.iter().map(steps).collect();
    draw_ecdf(&series, Unit::Nanoseconds, "latency")
}

fn dots() -> Picture {
    let dot = |system: &&str| Dot {
        label: LABEL.to_owned(),
        system: (*system).to_owned(),
        ratio: 2.0,
        interval: Some((0.5, 4.0)),
    };
    let row = DotRow {
        label: LABEL.to_owned(),
        dots: SYSTEMS.iter().map(dot).collect(),
    };
    draw_dots(&[row.clone(), row], "times")
}

fn every_picture() -> Vec<Picture> {
    vec![
        bars(),
        draw_stacks(&starts()),
        draw_overview(&starts()),
        draw_overview(&[]),
        curves(),
        ecdf(),
        dots(),
    ]
}

/// The values of an attribute.
fn values<'a>(svg: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    let pieces = svg.split(start.as_str()).skip(1);
    pieces
        .map(|piece| piece.split('"').next().unwrap())
        .collect()
}

#[test]
fn looks_come_from_the_style_sheet_alone() {
    let style = palette::style(false);
    for picture in every_picture() {
        let svg = picture.inline(&FileName::of("id"), "name");
        assert_eq!(values(&svg, "style"), [""; 0]);
        assert!(values(&svg, "fill").iter().all(|fill| *fill == "none"));
        for class in values(&svg, "class").iter().flat_map(|it| it.split(' ')) {
            let is_known = style.contains(&format!(".{class}{{")) || class == "plot";
            assert!(is_known, "{class} in {svg}");
        }
    }
}

#[test]
fn a_label_is_text_in_every_picture() {
    for picture in every_picture() {
        let svg = picture.standalone(LABEL);
        assert!(!svg.contains("<b>"), "{svg}");
        assert!(svg.contains("<title>a &lt;b&gt; &amp; &quot;c&quot;</title>"));
        assert!(png(&svg).is_ok(), "{svg}");
    }
}

#[test]
fn every_bar_of_an_overview_has_each_of_its_phases_and_its_value() {
    let svg = draw_overview(&starts()).inline(&FileName::of("id"), "name");
    // Three parts of the axis: a phase that goes through a break is drawn in each.
    assert!(svg.contains("broken at"), "{svg}");
    for value in ["900 µs", "2.70 ms", "13.5 ms", "315 ms", "1.80 s"] {
        assert!(svg.contains(&format!(">{value}</text>")), "{value}: {svg}");
    }
    for (ms, phase) in [(1.0, "spawn 200 µs"), (2000.0, "respond 600 ms")] {
        assert!(svg.contains(phase), "{ms} ms: {phase}: {svg}");
    }
    for width in values(&svg, "width") {
        assert!(width.parse::<f64>().unwrap() > 0.0, "{width}");
    }
}

#[test]
fn starts_of_one_magnitude_are_on_an_axis_that_is_not_broken() {
    let rows = [stack("one", 3.0), stack("other", 5.0)];
    assert_eq!(draw_overview(&rows), draw_stacks(&rows));
}
