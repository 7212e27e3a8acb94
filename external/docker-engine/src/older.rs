//! An engine of an older coldphase's, which lay in the home of the user who had started it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::identity::{self, Process};
use crate::place::Place;

/// The folder that such an engine's ends with.
const FOLDER: &str = "coldphase/docker";

/// The engines of other places that were started by this program's older versions: each with all of
/// the arguments that those gave it.
pub(crate) fn find() -> Vec<(Process, Place)> {
    let engines = identity::engines().into_iter();
    engines
        .filter_map(|engine| {
            let place = place(&engine.arguments)?;
            (place != Place::ours()).then_some((engine, place))
        })
        .collect()
}

fn place(arguments: &[String]) -> Option<Place> {
    let socket = arguments.get(1)?.strip_prefix("unix://")?;
    let folder = Path::new(socket).parent()?;
    let place = Place::at(folder);
    let given = arguments.iter().map(OsStr::new);
    let same = given.eq(place.arguments().iter().map(OsString::as_os_str));
    (same && folder.is_absolute() && folder.ends_with(FOLDER)).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_engine_is_known_by_all_that_it_was_given() {
        let given = |place: &Place| -> Vec<String> {
            let words = place.arguments().into_iter();
            words.map(|word| word.into_string().unwrap()).collect()
        };
        let older = Place::at("/home/x/.local/share/coldphase/docker");
        assert_eq!(place(&given(&older)), Some(older.clone()));
        let other = Place::at("/home/x/docker");
        assert_eq!(place(&given(&other)), None);
        let mut more = given(&older);
        more.push("--debug".to_owned());
        assert_eq!(place(&more), None);
        assert_eq!(place(&["--host".to_owned()]), None);
    }
}
