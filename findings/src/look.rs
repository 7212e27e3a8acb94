//! How a phase is shown, on a terminal and in a picture: one letter and one colour each, the same
//! in every run.

use results::Phase;

/// The look of a phase. Its letter is the same everywhere; a colour is never the only difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseLook {
    /// Its letter.
    pub letter: char,
    /// The name of its colour in pictures.
    pub colour: &'static str,
    /// Its colour among the 256 of a terminal.
    pub shade: u8,
}

const fn look(letter: char, colour: &'static str, shade: u8) -> PhaseLook {
    PhaseLook {
        letter,
        colour,
        shade,
    }
}

/// The look of a phase. What is the same work in embedded and in external starts has one colour in
/// pictures: grey until the program runs, blue until the engine is ready, warm colours for code
/// acquisition, purple for the answer. On a terminal, where neighbours touch, they differ in
/// lightness, so that they are distinguishable without hues.
pub const fn phase(phase: Phase) -> PhaseLook {
    match phase {
        Phase::Pull => look('p', "p-orange", 180),
        Phase::Create => look('n', "p-dark", 146),
        Phase::Start => look('t', "p-sky", 215),
        Phase::Spawn => look('s', "p-grey", 250),
        Phase::Vmm => look('v', "p-dark", 146),
        Phase::Boot => look('b', "p-sky", 215),
        Phase::HostReady => look('h', "p-dark", 152),
        Phase::Schedule => look('d', "p-orange", 208),
        Phase::Init => look('i', "p-blue", 110),
        Phase::Load => look('l', "p-vermilion", 208),
        Phase::Connect => look('c', "p-yellow", 222),
        Phase::Respond => look('r', "p-purple", 176),
        Phase::Run => look('u', "p-green", 139),
        Phase::Process => look('P', "p-grey", 250),
        Phase::AsyncRuntime => look('a', "p-blue", 104),
        Phase::Engine => look('E', "p-blue", 110),
        Phase::Imports => look('m', "p-sky", 116),
        Phase::Read => look('R', "p-yellow", 230),
        Phase::Compile => look('C', "p-vermilion", 208),
        Phase::CacheMiss => look('M', "p-vermilion", 203),
        Phase::CacheHit => look('H', "p-orange", 149),
        Phase::Deserialize => look('D', "p-orange", 143),
        Phase::DeserializeFile => look('F', "p-orange", 108),
        Phase::Validate => look('V', "p-orange", 151),
        Phase::Link => look('L', "p-sky", 222),
        Phase::Store => look('S', "p-dark", 139),
        Phase::Instantiate => look('I', "p-green", 117),
        Phase::FirstRequest => look('1', "p-purple", 176),
        Phase::AfterAnswer => look('A', "p-grey", 240),
        Phase::SecondRequest => look('2', "p-purple", 182),
        Phase::Teardown => look('T', "p-grey", 245),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_phases_have_one_letter() {
        let mut letters: Vec<_> = Phase::ALL.map(|name| phase(name).letter).to_vec();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), Phase::ALL.len());
    }
}
