//! Arguments that every program takes alike.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};

/// A path on a command line, made absolute once and here. What is measured runs in folders of its
/// own: a relative path that gets any further would lead elsewhere there.
pub fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(absolute)
}

fn absolute(path: PathBuf) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| {
        format!("the folder that this was called in is not there any more: {error}")
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    use super::*;

    fn parse(text: &OsStr) -> Option<PathBuf> {
        let command = clap::Command::new("test").no_binary_name(true);
        let out = clap::Arg::new("out").value_parser(path());
        let matches = command.arg(out).try_get_matches_from([text]).ok()?;
        matches.get_one::<PathBuf>("out").cloned()
    }

    #[test]
    fn paths_are_absolute_from_the_door_on_whatever_bytes_they_are_of() {
        let here = std::env::current_dir().unwrap();
        let odd = OsStr::from_bytes(b"fo\xffo/bar");
        for (given, expected) in [
            (OsStr::new("relative/folder"), here.join("relative/folder")),
            (OsStr::new("./x"), here.join("x")),
            (OsStr::new("/abs/../x"), Path::new("/abs/../x").to_owned()),
            (odd, here.join(odd)),
        ] {
            assert_eq!(parse(given), Some(expected));
        }
        assert_eq!(parse(OsStr::new("")), None);
    }
}
