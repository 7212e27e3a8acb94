//! One look for each system and each phase, the same in every picture.
//!
//! Colours are those of Okabe and Ito, which people with any of the common colour blindnesses tell
//! apart, and a few of Tol's where there are more than eight. None of them is ever the only
//! difference: systems have markers, phases letters.

use results::Phase;

/// A shape that stands at a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Up,
    /// ▼
    Down,
    /// ◆
    Diamond,
    /// ✚
    Plus,
    /// ✖
    Cross,
}

/// How a system looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The name of its colour: that of a class.
    pub colour: &'static str,
    /// Its marker.
    pub marker: Marker,
    /// Whether the marker is only an outline, and lines are dashed.
    pub hollow: bool,
}

const fn look(colour: &'static str, marker: Marker, hollow: bool) -> Look {
    Look {
        colour,
        marker,
        hollow,
    }
}

/// Of a system, by its first name.
pub fn system(name: &str) -> Look {
    match results::System::from(name).original_name() {
        "native" => look("native", Marker::Circle, false),
        "native-portable" => look("grey", Marker::Circle, true),
        "wasmtime-embedded" => look("blue", Marker::Square, false),
        "wasmtime-cli" => look("sky", Marker::Square, true),
        "wasmedge-embedded" => look("vermilion", Marker::Up, false),
        "wasmedge-cli" => look("orange", Marker::Up, true),
        "docker" => look("green", Marker::Diamond, false),
        "docker-wasmtime" => look("mint", Marker::Diamond, true),
        "containerd" => look("purple", Marker::Plus, false),
        "runc" => look("wine", Marker::Down, false),
        "crun" => look("rose", Marker::Down, true),
        "wasmcloud" => look("olive", Marker::Cross, false),
        _ => look("grey", Marker::Plus, true),
    }
}

/// Looks for series beside each other. The second one of a system keeps its colour and gets another
/// marker and line, as does the third.
pub(crate) fn distinct<'a>(systems: impl Iterator<Item = &'a str>) -> Vec<Look> {
    const MARKERS: [Marker; 7] = [
        Marker::Circle,
        Marker::Square,
        Marker::Up,
        Marker::Diamond,
        Marker::Down,
        Marker::Plus,
        Marker::Cross,
    ];
    let mut looks: Vec<Look> = Vec::new();
    for name in systems {
        let mut look = system(name);
        let first = MARKERS
            .iter()
            .position(|marker| *marker == look.marker)
            .unwrap_or(0);
        for turn in 0..2 * MARKERS.len() {
            look.marker = MARKERS[(first + turn.div_ceil(2)) % MARKERS.len()];
            look.hollow = (turn % 2 == 1) != system(name).hollow;
            if !looks.contains(&look) {
                break;
            }
        }
        looks.push(look);
    }
    looks
}

/// A colour by its name: on a light page, on a dark one, and the ink that is read upon it.
const COLOURS: [(&str, &str, &str, &str); 21] = [
    ("native", "#000000", "#f2f2f2", "#ffffff"),
    ("grey", "#808080", "#9a9a9a", "#000000"),
    ("blue", "#0072b2", "#3d9fd8", "#ffffff"),
    ("sky", "#56b4e9", "#7cc8f2", "#000000"),
    ("vermilion", "#d55e00", "#f0803a", "#000000"),
    ("orange", "#e69f00", "#f2b632", "#000000"),
    ("green", "#009e73", "#22c197", "#000000"),
    ("mint", "#5bb89a", "#8fdcc4", "#000000"),
    ("purple", "#b8578d", "#dd93b8", "#000000"),
    ("wine", "#882255", "#d0608f", "#ffffff"),
    ("rose", "#cc6677", "#e59aa6", "#000000"),
    ("olive", "#999933", "#c4c455", "#000000"),
    // Of phases: the same on both kinds of page, since their letters must be read upon them.
    ("p-grey", "#a6a6a6", "#a6a6a6", "#000000"),
    ("p-blue", "#0072b2", "#2b8fcc", "#ffffff"),
    ("p-yellow", "#f0e442", "#f0e442", "#000000"),
    ("p-vermilion", "#d55e00", "#d55e00", "#000000"),
    ("p-orange", "#e69f00", "#e69f00", "#000000"),
    ("p-sky", "#56b4e9", "#56b4e9", "#000000"),
    ("p-purple", "#cc79a7", "#cc79a7", "#000000"),
    ("p-green", "#009e73", "#009e73", "#000000"),
    ("p-dark", "#444b54", "#6a7480", "#ffffff"),
];

/// How a phase looks: its colour and its letter. What is the same work in embedded and in external
/// starts has one colour: grey until the program runs, blue until the engine is ready, warm colours
/// for coming by code, purple for the answer.
pub const fn phase(name: Phase) -> (&'static str, char) {
    match name {
        Phase::Create => ("p-dark", 'n'),
        Phase::Start => ("p-sky", 't'),
        Phase::Spawn => ("p-grey", 's'),
        Phase::HostReady => ("p-dark", 'h'),
        Phase::Schedule => ("p-orange", 'd'),
        Phase::Init => ("p-blue", 'i'),
        Phase::Load => ("p-vermilion", 'l'),
        Phase::Connect => ("p-yellow", 'c'),
        Phase::Respond => ("p-purple", 'r'),
        Phase::Run => ("p-green", 'u'),
        Phase::Process => ("p-grey", 'P'),
        Phase::Engine => ("p-blue", 'E'),
        Phase::Read => ("p-yellow", 'R'),
        Phase::Compile => ("p-vermilion", 'C'),
        Phase::CacheMiss => ("p-vermilion", 'M'),
        Phase::CacheHit => ("p-orange", 'H'),
        Phase::Deserialize => ("p-orange", 'D'),
        Phase::DeserializeFile => ("p-orange", 'F'),
        Phase::Validate => ("p-orange", 'V'),
        Phase::Link => ("p-sky", 'L'),
        Phase::Store => ("p-dark", 'S'),
        Phase::Instantiate => ("p-green", 'I'),
        Phase::FirstRequest => ("p-purple", '1'),
        Phase::SecondRequest => ("p-purple", '2'),
        Phase::Teardown => ("p-grey", 'T'),
    }
}

/// The style of all pictures, on a light or on a dark page.
pub fn style(dark: bool) -> String {
    let [ink, muted, grid, paper] = if dark {
        ["#ececec", "#b4b8be", "#3a3f46", "#15181c"]
    } else {
        ["#16181b", "#5a6068", "#dfe2e6", "#ffffff"]
    };
    let mut css = format!(
        ".paper{{fill:{paper}}}.ink{{fill:{ink}}}.muted{{fill:{muted}}}.grid{{stroke:{grid};fill:none}}\
         .axis{{stroke:{muted};fill:none}}.whisker{{stroke:{ink};fill:none}}.edge{{stroke:{paper}}}.halo{{stroke:{paper};stroke-width:3.5;stroke-opacity:.75;fill:none}}\
         .outline{{stroke:{ink};stroke-width:.6}}.hollow{{fill:{paper}}}\
         .faint{{fill-opacity:.78}}.line{{stroke-width:2;stroke-linejoin:round}}.dash{{stroke-dasharray:6 4}}\
         .dot{{stroke-dasharray:2 3}}.t{{font-size:12px}}.n{{font-size:11px}}.b{{font-weight:700}}\
         .m{{text-anchor:middle}}.e{{text-anchor:end}}"
    );
    for (name, light, night, upon) in COLOURS {
        let colour = if dark { night } else { light };
        // On the one dark page, ink upon the light colours of systems is dark again.
        let upon = if dark && name == "native" {
            "#000000"
        } else {
            upon
        };
        css.push_str(&format!(
            ".f-{name}{{fill:{colour}}}.k-{name}{{stroke:{colour}}}.i-{name}{{fill:{upon}}}"
        ));
    }
    css
}
