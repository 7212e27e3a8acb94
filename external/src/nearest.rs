//! The word that a person may have meant.

/// The fewest bytes of a word that may be short for another.
const SHORTEST: usize = 3;

/// Of the words that are known, the one that is nearest to a word that is none of them: another
/// order of two letters, a letter too many or too few; of long words two; or else the one that it is
/// short for.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &str| strsim::damerau_levenshtein(known, &word.to_lowercase());
    let at_most = |known: &str| 1 + usize::from(known.len() > 4) + usize::from(known.len() > 9);
    let known: Vec<_> = known.into_iter().collect();
    let near = known
        .iter()
        .filter(|known| distance(known) <= at_most(known));
    let near = near.min_by_key(|known| distance(known));
    let is_short_for = |known: &&&str| word.len() >= SHORTEST && known.starts_with(word);
    near.or_else(|| known.iter().find(is_short_for)).copied()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_is_a_slip_away_is_meant_and_what_is_not_is_not() {
        let known = [
            "label",
            "launch",
            "opens",
            "aot",
            "cache_miss",
            "body-file",
            "port",
            "environment",
        ];
        for (word, meant) in [
            ("lable", Some("label")),
            ("lanch", Some("launch")),
            ("AOT", Some("aot")),
            ("cache-miss", Some("cache_miss")),
            ("cachemis", Some("cache_miss")),
            ("body_file", Some("body-file")),
            ("enviroment", Some("environment")),
            ("prot", Some("port")),
            ("env", Some("environment")),
            ("en", None),
            ("listen", None),
            ("jit", None),
            ("", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }
}
