//! Whose word a run is that names something of a person's own: what is executed, what a guest is given.
//!
//! A run that is gone on with is measured by its manifest, and a manifest may have come from anybody. What is built in
//! does nothing to whoever measures it. Anything else is executed, or opened to a guest, only if this user has said so,
//! now or when the run was begun: then its manifest has a fingerprint of what it names, made with the user's key.

use std::collections::BTreeMap;

use results::manifest::{Manifest, Origin, Setting};
use serde_json::Value;

use crate::mask::fingerprint;
use crate::{Error, Exit};

/// The setting that has the fingerprint.
pub const KEY: &str = "own_word";

/// Settings that name what a person has brought: files of programs, of guests and of descriptions, with what they are
/// given.
const OWN: [&str; 5] = ["artifact", "builds", "hosts", "system_files", "targets"];

/// What a configuration names of a person's own, by which it is recognised; nothing if it names nothing.
fn named(run: &str, config: &BTreeMap<String, Setting>) -> Option<Vec<u8>> {
    let own = OWN
        .iter()
        .filter_map(|key| Some((key, &config.get(*key)?.value)));
    let own: BTreeMap<_, _> = own.filter(|(_, value)| !is_nothing(value)).collect();
    let bytes = serde_json::to_vec(&(run, &own)).expect("values of JSON always serialise");
    (!own.is_empty()).then_some(bytes)
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Puts a fingerprint of what it names into the configuration of a run that begins. Where this user can have no key,
/// there is none, and the run cannot be gone on with.
pub(crate) fn give(run: &str, config: &mut BTreeMap<String, Setting>) {
    let given = named(run, config).and_then(|named| fingerprint(&named).ok());
    let setting = given.map(|given| Setting {
        value: given.into(),
        origin: Origin::Default,
    });
    config.extend(setting.map(|setting| (KEY.to_owned(), setting)));
}

/// Whether what a run names of a person's own was named by this user: to be asked before any of it is looked at.
///
/// # Errors
/// It was not, or cannot be told.
pub fn check(manifest: &Manifest) -> Result<(), Error> {
    let Some(named) = named(&manifest.run, &manifest.config) else {
        return Ok(());
    };
    let given = manifest.config.get(KEY).and_then(|it| it.value.as_str());
    if given == Some(&*fingerprint(&named)?) {
        return Ok(());
    }
    let own = OWN.iter().filter(|key| manifest.config.contains_key(**key));
    let own = own.filter(|key| !is_nothing(&manifest.config[**key].value));
    let own: Vec<_> = own.copied().collect();
    let message = format!(
        "{} names files that are executed, or given to a guest ({}), and this user has not begun it as it is",
        results::text::line(&manifest.run),
        own.join(", ")
    );
    Err(Error::new(Exit::Resume, message).hint(
        "anybody may have written its manifest: look at what that names, and start a new run with it; a run \
            goes on as the user who began it",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(settings: &Value) -> BTreeMap<String, Setting> {
        let settings = settings.as_object().unwrap().clone().into_iter();
        let setting = |(key, value)| {
            let origin = Origin::Default;
            (key, Setting { value, origin })
        };
        settings.map(setting).collect()
    }

    #[test]
    fn what_is_built_in_is_nobodys() {
        let nothing = json!({
            "artifact": null, "targets": [], "hosts": {}, "systems": ["native"], "seed": 7,
        });
        assert_eq!(named("a", &config(&nothing)), None);
        let program = config(&json!({"builds": {"a": "~/x"}, "seed": 7}));
        let one = named("a", &program).unwrap();
        assert_eq!(
            named("a", &config(&json!({"builds": {"a": "~/x"}}))),
            Some(one.clone())
        );
        // Neither for another run nor for another program.
        assert_ne!(named("b", &program), Some(one.clone()));
        assert_ne!(
            named("a", &config(&json!({"builds": {"a": "~/y"}}))),
            Some(one)
        );
    }
}
