//! Every kind of picture: looks come from the style sheet alone, texts are complete and escaped,
//! and PNG and PDF files can be made of it.

use std::io::Read as _;

use analysis::plot::{
    Bar, Curve, Dot, DotRow, DrawError, Drawing, Picture, Plane, Segment, Stack, Steps, draw_bars,
    draw_curves, draw_dots, draw_ecdf, draw_overview, draw_stacks, palette,
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
        assert!(Drawing::read(&svg).unwrap().png().is_ok(), "{svg}");
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

/// What the page of a PDF shows, unpacked.
fn content(pdf: &[u8]) -> String {
    let find = |what: &[u8]| pdf.windows(what.len()).position(|it| it == what).unwrap();
    let begin = find(b"\nstream\n") + b"\nstream\n".len();
    let packed = &pdf[begin..find(b"\nendstream")];
    let mut text = String::new();
    flate2::read::ZlibDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
fn a_pdf_is_one_page_with_every_shape_of_the_picture_and_letters_as_outlines() {
    for picture in every_picture() {
        let svg = picture.standalone(LABEL);
        let drawing = Drawing::read(&svg).unwrap();
        let pdf = drawing.pdf(LABEL).unwrap();
        assert_eq!(pdf, drawing.pdf(LABEL).unwrap());
        assert!(pdf.starts_with(b"%PDF-") && pdf.ends_with(b"%%EOF"));
        let head = String::from_utf8_lossy(&pdf);
        assert!(head.contains("/MediaBox [0 0 615 "), "{head}");
        assert!(head.contains("/Count 1"), "{head}");
        assert!(!head.contains("/Font") && !head.contains("Date"), "{head}");
        let shown = content(&pdf);
        // A line of the page is one operator with what it takes.
        let count = |operator: &str| {
            let lines = shown.lines();
            lines
                .filter(|line| line.rsplit(' ').next() == Some(operator))
                .count()
        };
        let elements = ["<text", "<rect", "<path", "<line", "<circle", "<poly"];
        let elements: usize = elements.iter().map(|it| svg.matches(it).count()).sum();
        assert!(count("f") + count("f*") + count("S") >= elements, "{shown}");
        assert_eq!(count("q"), count("Q"));
        assert!(count("c") > 100, "letters are curves: {shown}");
    }
}

#[test]
fn what_a_pdf_is_not_written_with_is_refused_and_never_left_out() {
    let refused = |inner: &str| {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\">{inner}</svg>"
        );
        Drawing::read(&svg).unwrap().pdf("title").unwrap_err()
    };
    let gradient = "<linearGradient id=\"g\"><stop stop-color=\"red\"/>\
        <stop offset=\"1\" stop-color=\"blue\"/></linearGradient>\
        <rect width=\"9\" height=\"9\" fill=\"url(#g)\"/>";
    assert_eq!(
        refused(gradient),
        DrawError::Unsupported("gradients and patterns")
    );
    let translucent = "<g opacity=\".5\"><rect width=\"9\" height=\"9\"/>\
        <rect width=\"5\" height=\"5\"/></g>";
    assert!(matches!(refused(translucent), DrawError::Unsupported(_)));
}
