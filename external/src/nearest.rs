//! The word that a person may have meant.

/// Of the words that are known, the one that is nearest to a word that is none of them: another
/// order of two letters, a letter too many or too few; of long words two.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &str| strsim::damerau_levenshtein(known, &word.to_lowercase());
    let at_most = |known: &str| 1 + usize::from(known.len() > 4) + usize::from(known.len() > 9);
    known
        .into_iter()
        .filter(|known| distance(known) <= at_most(known))
        .min_by_key(|known| distance(known))
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
            ("listen", None),
            ("jit", None),
            ("", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }
}
