//! The word that a person meant.

/// How far a word may be from the one that was meant.
const NEAR: usize = 3;

/// The word that was meant, if one is near enough to be.
pub(crate) fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    let of = |known: &&'w str| (strsim::damerau_levenshtein(known, word), *known);
    let same = |it: &str| it.replace('_', "-").to_lowercase();
    if let Some(found) = known.iter().find(|it| same(it) == same(word)) {
        return Some(found);
    }
    let (distance, found) = known.iter().map(of).min()?;
    // A short word is near to all others.
    (distance <= NEAR && distance * 2 < word.len().max(found.len())).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_near_to_what_was_meant_and_to_nothing_else() {
        let known = ["body", "body-file", "environment", "port"];
        assert_eq!(nearest("body_file", &known), Some("body-file"));
        assert_eq!(nearest("enviroment", &known), Some("environment"));
        assert_eq!(nearest("prot", &known), Some("port"));
        assert_eq!(nearest("listen", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}
