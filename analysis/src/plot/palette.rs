//! One look for each system and each phase, the same in every picture.
//!
//! Colours are those of Okabe and Ito, which people with any of the common colour blindnesses can
//! distinguish, and a few of Tol's where there are more than eight. None of them is ever the only
//! difference: systems have markers, phases letters.

use results::System;
use systems::{Look, Marker};

/// The look of a system.
pub(crate) fn system(name: &str) -> Look {
    systems::describe(&System::from(name)).look
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

/// The colour of what has none of its own: everything but systems and phases.
pub(crate) const NONE: &str = COLOURS[0].0;

/// The number of a colour, by its name. A name that nobody listed is grey.
pub(crate) fn number(name: &str) -> u8 {
    let place = |name: &str| COLOURS.iter().position(|(known, ..)| *known == name);
    let number = place(name).or_else(|| place("grey"));
    let number = number.and_then(|number| u8::try_from(number).ok());
    number.expect("grey is listed, and there are fewer than 256 colours")
}

/// The name of a colour, by its number.
pub(crate) fn name(number: u8) -> Option<&'static str> {
    COLOURS.get(usize::from(number)).map(|(name, ..)| *name)
}

/// The style of all pictures, on a light or on a dark page.
pub fn style(dark: bool) -> String {
    let [ink, muted, grid, paper] = if dark {
        ["#ececec", "#b4b8be", "#3a3f46", "#15181c"]
    } else {
        ["#16181b", "#5a6068", "#dfe2e6", "#ffffff"]
    };
    let mut css = [
        format!(".paper{{fill:{paper}}}.ink{{fill:{ink}}}.muted{{fill:{muted}}}"),
        format!(".grid{{stroke:{grid};fill:none}}.axis{{stroke:{muted};fill:none}}"),
        format!(".whisker{{stroke:{ink};fill:none}}.edge{{stroke:{paper}}}"),
        format!(".halo{{stroke:{paper};stroke-width:3.5;stroke-opacity:.75;fill:none}}"),
        format!(".outline{{stroke:{ink};stroke-width:.6}}.hollow{{fill:{paper}}}"),
        ".faint{fill-opacity:.78}.line{stroke-width:2;stroke-linejoin:round}".to_owned(),
        ".dash{stroke-dasharray:6 4}.dot{stroke-dasharray:2 3}.mark{stroke-width:1.5}".to_owned(),
        ".t{font-size:12px}.n{font-size:11px}.b{font-weight:700}".to_owned(),
        ".m{text-anchor:middle}.e{text-anchor:end}".to_owned(),
    ]
    .concat();
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
