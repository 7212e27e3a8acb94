//! How a system looks that this program does not know: by its name alone, so that it looks the same
//! in every report.

use super::{Look, Marker, known, look};

/// The colours that systems have; what a colour is, pictures say. Not that of `native`, which all
/// others are held against.
const COLOURS: [&str; 11] = [
    "blue",
    "sky",
    "vermilion",
    "orange",
    "green",
    "mint",
    "purple",
    "wine",
    "rose",
    "olive",
    "grey",
];

const MARKERS: [Marker; 7] = [
    Marker::Circle,
    Marker::Square,
    Marker::Up,
    Marker::Down,
    Marker::Diamond,
    Marker::Plus,
    Marker::Cross,
];

/// The look of a name. None that a system has which comes with the program; two names may share
/// one, and then differ by their labels.
pub(super) fn of_name(name: &str) -> Look {
    let taken = |it: &Look| known().any(|known| known.look == *it);
    let markers = MARKERS
        .into_iter()
        .flat_map(|marker| [(marker, false), (marker, true)]);
    let all = markers.flat_map(|(marker, hollow)| COLOURS.map(|it| look(it, marker, hollow)));
    let free: Vec<_> = all.filter(|it| !taken(it)).collect();
    let place = hash(name) % free.len() as u64;
    free[usize::try_from(place).unwrap_or_default()]
}

/// FNV-1a: the same on every machine and in every version of the standard library.
fn hash(name: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_look_and_names_mostly_have_different_ones() {
        let names: Vec<_> = (0..20).map(|n| format!("engine-{n}")).collect();
        let looks: Vec<_> = names.iter().map(|name| of_name(name)).collect();
        assert_eq!(
            looks,
            names.iter().map(|name| of_name(name)).collect::<Vec<_>>()
        );
        let is_new = |at: &usize| !looks[..*at].contains(&looks[*at]);
        assert!((0..looks.len()).filter(is_new).count() >= 15);
        for look in looks {
            assert!(known().all(|known| known.look != look), "{look:?}");
        }
    }

    #[test]
    fn the_look_of_a_name_is_that_of_every_machine() {
        assert_eq!(hash("wasmi"), 0xff3b_994c_9b89_96cc);
    }
}
