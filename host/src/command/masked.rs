//! The call of an own artifact in a run's record, which keeps no credentials, and what completes it
//! when the run is resumed.

use campaign::mask::fingerprint;
use campaign::{Error, Exit};
use results::mask;
use serde_json::{Map, Value};

use crate::bench::user::UserArtifact;
use crate::cli::OwnArguments;

/// What of an artifact is kept as it is: it says which file is measured, and not how it is called.
const KEPT: &[&str] = &["file"];

/// The artifact as a manifest keeps it, and by what its call is recognised if some of it is masked.
pub(super) fn record(artifact: &UserArtifact) -> Result<(UserArtifact, Option<String>), Error> {
    let whole = fields(artifact);
    let mut recorded = whole.clone();
    for value in call(&mut recorded) {
        match value {
            Value::String(text) => *text = mask::text(text),
            Value::Array(texts) => {
                let given: Vec<_> = texts.iter().filter_map(Value::as_str).collect();
                *texts = mask::arguments(&given)
                    .into_iter()
                    .map(Value::from)
                    .collect();
            }
            _ => {}
        }
    }
    let fingerprint = (recorded != whole)
        .then(|| fingerprint(&whole_call(&whole)))
        .transpose()?;
    Ok((artifact_of(recorded)?, fingerprint))
}

/// The artifact of a run that is resumed: what is masked in the record comes from the command line,
/// and must be what the run began with.
pub(super) fn complete(
    recorded: Option<UserArtifact>,
    wanted: Option<&str>,
    arguments: &OwnArguments,
) -> Result<Option<UserArtifact>, Error> {
    recorded
        .as_ref()
        .map_or(Ok(()), UserArtifact::check_resumable)?;
    let given = given(arguments)?;
    let (Some(recorded), Some(wanted)) = (&recorded, wanted) else {
        return match given.iter().find(|(.., value)| is_given(value)) {
            Some((_, option, _)) => Err(nothing_masked(option)),
            None => recorded.map(still_the_same).transpose(),
        };
    };
    let mut completed = fields(&at_home(recorded.clone()));
    call(&mut completed).for_each(expand);
    let mut missing = Vec::new();
    for (field, option, value) in given {
        if is_given(&value) {
            completed.insert(field.to_owned(), value);
        } else if completed.get(field).is_some_and(is_masked) {
            missing.push(option);
        }
    }
    if !missing.is_empty() {
        return Err(Error::new(
            Exit::Resume,
            "the record of this run masks what may be a credential, and does not have it",
        )
        .hint(format!(
            "give {} again, as the run was begun with: it is checked to be the same",
            missing.join(" and ")
        )));
    }
    // A file may be named from another folder now, and hold something else.
    let completed = artifact_of(completed)?.looked_at()?;
    if fingerprint(&whole_call(&fields(&completed)))? != wanted {
        return Err(another());
    }
    Ok(Some(completed))
}

fn another() -> Error {
    Error::new(
        Exit::Resume,
        "this is not the call that the run was begun with, or another user began it",
    )
    .hint("its samples stay as they are; give the same call again, or start a new run")
}

/// What is recorded whole, looked at again.
fn still_the_same(recorded: UserArtifact) -> Result<UserArtifact, Error> {
    let wanted = fields(&recorded);
    let now = recorded.looked_at()?;
    if fields(&now) == wanted {
        Ok(now)
    } else {
        Err(another())
    }
}

/// What may be given again, by its name in a record: with the option that it is given by.
const GIVEN: [(&str, &str); 9] = [
    ("request", "--request"),
    ("headers", "every --header"),
    ("body", "--body or --request with it"),
    ("expect", "every --expect"),
    ("arguments", "every --arg"),
    ("environment", "every --env"),
    ("folders", "every --dir"),
    ("config", "every --config"),
    ("stdin", "--stdin"),
];

fn given(arguments: &OwnArguments) -> Result<Vec<(&'static str, &'static str, Value)>, Error> {
    let mut said = fields(&UserArtifact::said(arguments)?);
    let given =
        GIVEN.map(|(field, option)| (field, option, said.remove(field).unwrap_or_default()));
    Ok(given.to_vec())
}

fn is_given(value: &Value) -> bool {
    !value.is_null() && value.as_array().is_none_or(|texts| !texts.is_empty())
}

fn is_masked(value: &Value) -> bool {
    match value {
        Value::String(text) => mask::is_masked(text),
        Value::Array(values) => values.iter().any(is_masked),
        _ => false,
    }
}

fn expand(value: &mut Value) {
    match value {
        Value::String(text) => *text = mask::expand(text),
        Value::Array(values) => values.iter_mut().for_each(expand),
        _ => {}
    }
}

fn nothing_masked(option: &str) -> Error {
    Error::new(
        Exit::Usage,
        format!("the record of this run has its call whole: {option} is not given again"),
    )
    .hint("a new run takes another call: give it --artifact")
}

/// With its file where this user's home is.
fn at_home(mut artifact: UserArtifact) -> UserArtifact {
    // A name that is no text is kept as its bytes, and nothing of it is shortened.
    if let Some(file) = artifact.file.to_str() {
        artifact.file = mask::expand(file).into();
    }
    artifact
}

fn fields(artifact: &UserArtifact) -> Map<String, Value> {
    match serde_json::to_value(artifact) {
        Ok(Value::Object(fields)) => fields,
        _ => {
            unreachable!("an artifact is plain data with named fields: it serialises as an object")
        }
    }
}

fn artifact_of(fields: Map<String, Value>) -> Result<UserArtifact, Error> {
    serde_json::from_value(fields.into()).map_err(|error| {
        Error::new(
            Exit::Internal,
            format!("a call cannot be recorded: {error}"),
        )
    })
}

/// Everything of it that may hold a credential. Digests look like one.
fn call(fields: &mut Map<String, Value>) -> impl Iterator<Item = &mut Value> {
    let of_call = |name: &String| !KEPT.contains(&name.as_str()) && !name.ends_with("sha256");
    fields
        .iter_mut()
        .filter_map(move |(name, value)| of_call(name).then_some(value))
}

/// A call as bytes that no other one has.
fn whole_call(fields: &Map<String, Value>) -> Vec<u8> {
    let mut fields = fields.clone();
    fields.retain(|name, _| !KEPT.contains(&name.as_str()));
    Value::from(fields).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use campaign::call::{CallArguments, CallRecord};
    use clap::Parser as _;

    use super::*;
    use crate::cli::Phases;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        phases: Phases,
    }

    fn arguments(given: &[&str]) -> OwnArguments {
        Line::parse_from([&["phases"][..], given].concat())
            .phases
            .own
    }

    fn called(request: &str, headers: &[&str]) -> CallRecord {
        let arguments = CallArguments {
            header: headers.iter().map(ToString::to_string).collect(),
            ..CallArguments::default()
        };
        CallRecord::new(Some(request), &arguments).unwrap()
    }

    fn artifact() -> UserArtifact {
        UserArtifact {
            file: "/srv/x.wasm".into(),
            call: called("GET /items?token=hunter2&page=2", &[]),
            ..UserArtifact::default()
        }
    }

    #[test]
    fn a_masked_call_is_given_again_and_must_be_the_same() {
        let (recorded, fingerprint) = record(&artifact()).unwrap();
        let fingerprint = fingerprint.unwrap();
        assert_eq!(
            recorded.call.request.as_deref(),
            Some("GET /items?token=[masked]&page=2")
        );
        assert!(!fingerprint.contains("hunter2"));
        let resume = |given: &[&str]| {
            let line = [&["--resume", "latest"][..], given].concat();
            complete(
                Some(recorded.clone()),
                Some(&fingerprint),
                &arguments(&line),
            )
        };
        let missing = resume(&[]).unwrap_err().to_string();
        assert!(missing.contains("give --request again"), "{missing}");
        let other = resume(&["--request", "GET /items?token=hunter3&page=2"]).unwrap_err();
        assert!(other.to_string().contains("not the call"), "{other}");
        let same = resume(&["--request", "GET /items?token=hunter2&page=2"]).unwrap();
        assert_eq!(same, Some(artifact()));
    }

    #[test]
    fn headers_and_the_file_of_a_body_are_given_again_and_must_be_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let body = folder.path().join("body");
        std::fs::write(&body, "{}").unwrap();
        let request = format!("POST /items @{}", body.display());
        let begun = UserArtifact {
            call: called(&request, &["Authorization: Bearer hunter2"]),
            ..artifact()
        };
        let (recorded, fingerprint) = record(&begun).unwrap();
        let kept = serde_json::to_string(&recorded).unwrap();
        assert!(!kept.contains("hunter2"), "{kept}");
        assert_eq!(recorded.call.body_sha256, begun.call.body_sha256);
        assert!(begun.call.body_sha256.is_some());
        let resume = |given: &[&str]| {
            let line = [&["--resume", "latest"][..], given].concat();
            let recorded = Some(recorded.clone());
            complete(recorded, fingerprint.as_deref(), &arguments(&line))
        };
        let missing = resume(&[]).unwrap_err().to_string();
        assert!(missing.contains("every --header"), "{missing}");
        let header = ["--header", "Authorization: Bearer hunter2"];
        assert_eq!(resume(&header).unwrap(), Some(begun.clone()));
        let both = [&header[..], &["--request", &request]].concat();
        assert_eq!(resume(&both).unwrap(), Some(begun));
        let other = resume(&["--header", "Authorization: Bearer hunter3"]).unwrap_err();
        assert_eq!(other.exit, Exit::Resume);
        std::fs::write(&body, "another").unwrap();
        assert_eq!(resume(&both).unwrap_err().exit, Exit::Resume);
    }

    #[test]
    fn a_file_whose_name_is_no_text_is_found_again() {
        use std::os::unix::ffi::OsStringExt as _;
        let named = UserArtifact {
            file: std::ffi::OsString::from_vec(b"/srv/caf\xe9.wasm".to_vec()).into(),
            ..artifact()
        };
        let (recorded, fingerprint) = record(&named).unwrap();
        let line = [
            "--resume",
            "latest",
            "--request",
            "GET /items?token=hunter2&page=2",
        ];
        let resumed = complete(Some(recorded), fingerprint.as_deref(), &arguments(&line));
        assert_eq!(resumed.unwrap(), Some(named));
    }

    #[test]
    fn a_call_without_credentials_is_recorded_whole() {
        let plain = UserArtifact {
            call: called("GET /items?page=2", &[]),
            ..artifact()
        };
        assert_eq!(record(&plain).unwrap(), (plain.clone(), None));
        let line = ["--resume", "latest"];
        assert_eq!(
            complete(Some(plain.clone()), None, &arguments(&line)).unwrap(),
            Some(plain.clone())
        );
        let line = ["--resume", "latest", "--request", "GET /"];
        let error = complete(Some(plain), None, &arguments(&line)).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
    }
}
