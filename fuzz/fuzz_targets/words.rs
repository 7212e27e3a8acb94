//! What a guest or a stranger says, made fit for a record and for a terminal: credentials masked, and nothing left that
//! acts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use results::{mask, text};

fuzz_target!(|words: &str| {
    let line = text::line(words);
    assert!(line.chars().all(text::is_printable), "{line:?}");
    let is_shown = |it: char| it == '\n' || text::is_printable(it);
    assert!(text::lines(words).chars().all(is_shown));
    // Of what a terminal acts upon, the colours of letters stay.
    let coloured = text::coloured(words).into_owned();
    for (nth, part) in coloured.split('\u{1b}').enumerate() {
        let after = part.trim_start_matches(|it: char| "[;0123456789".contains(it));
        assert!(
            nth == 0 || (part.starts_with('[') && after.starts_with('m')),
            "{coloured:?}"
        );
        assert!(part.chars().all(is_shown), "{coloured:?}");
    }
    let given: Vec<_> = words.split('\n').collect();
    let (masked, secrets) = (mask::arguments(&given), mask::secrets(&given));
    assert_eq!(masked.len(), given.len());
    let said = mask::reason(words, &secrets);
    for secret in secrets {
        // What stands in its place may complete another one.
        let is_own = secret.contains(['[', ']', '~']) || mask::MASK.contains(&secret);
        assert!(is_own || !said.contains(&secret), "{secret:?} in {said:?}");
    }
});
