//! The request of a description, and what is expected of its answer.

use campaign::Error;
use workloads::{Expectation, Request, RequestError};

use super::document::Entry;
use super::files;
use super::parse::Place;

/// Keys of a request.
const REQUEST: [&str; 5] = ["method", "path", "headers", "body", "body-file"];

/// Keys of what is expected.
const EXPECT: [&str; 6] = [
    "status",
    "exit",
    "body",
    "body-contains",
    "body-sha256",
    "header",
];

fn refused(entry: &Entry<'_>, error: &RequestError) -> Error {
    entry.wrong(&error.reason).hint(error.hint)
}

/// A request: `METHOD /path` and perhaps a body behind it, or its parts.
///
/// # Errors
/// It is none.
pub(super) fn request(entry: &Entry<'_>, place: Place<'_>) -> Result<Request, Error> {
    if !entry.is_table() {
        let text = entry.text()?;
        let (request, body) = Request::split(text).map_err(|error| refused(entry, &error))?;
        return Ok(Request {
            body: body.into(),
            ..request
        });
    }
    let fields = entry.table(&REQUEST)?;
    let get = |key: &str| fields.iter().find(|field| field.key == key);
    let text = |key: &str| get(key).map(Entry::text).transpose();
    let method = text("method")?.unwrap_or("GET");
    let head = format!("{method} {}", text("path")?.unwrap_or("/"));
    let (mut request, rest) = Request::split(&head).map_err(|error| refused(entry, &error))?;
    if !rest.is_empty() {
        let path = get("path").unwrap_or(entry);
        return Err(path
            .wrong("a path has no blanks")
            .hint("write %20 for one; `body` holds what is sent"));
    }
    match (get("body"), get("body-file")) {
        (Some(_), Some(file)) => {
            return Err(file
                .wrong("the request has two bodies")
                .hint("leave one out"));
        }
        (Some(body), None) => request.body = body.text()?.into(),
        (None, Some(file)) => {
            let read = files::body(&place.folder.join(file.text()?));
            request.body = read.map_err(|message| file.wrong(&message))?;
        }
        (None, None) => {}
    }
    let Some(headers) = get("headers") else {
        return Ok(request);
    };
    for header in headers.any_table()? {
        // One that may stand several times is a list.
        for value in header.each() {
            let text = format!("{}: {}", header.key, value.text()?);
            request = request
                .with_headers(&[text])
                .map_err(|error| refused(&value, &error))?;
        }
    }
    Ok(request)
}

/// What is expected where this is `usual`: a code, the words of `--expect`, parts by name, or a list
/// of these.
///
/// # Errors
/// It cannot be expected.
pub(super) fn expectation(entry: &Entry<'_>, usual: Expectation) -> Result<Expectation, Error> {
    entry.each().iter().try_fold(usual, one)
}

fn one(expected: Expectation, entry: &Entry<'_>) -> Result<Expectation, Error> {
    if entry.is_number() {
        return code(expected, entry);
    }
    if !entry.is_table() {
        return with(expected, entry, entry.text()?);
    }
    entry.table(&EXPECT)?.iter().try_fold(expected, part)
}

/// A status, or an exit code.
fn code(expected: Expectation, entry: &Entry<'_>) -> Result<Expectation, Error> {
    with(expected, entry, &entry.number(0..=999)?.to_string())
}

fn with(expected: Expectation, entry: &Entry<'_>, text: &str) -> Result<Expectation, Error> {
    expected.with(text).map_err(|error| refused(entry, &error))
}

/// One key of what is expected; several of it as a list.
fn part(expected: Expectation, entry: &Entry<'_>) -> Result<Expectation, Error> {
    if matches!(&*entry.key, "status" | "exit") {
        return code(expected, entry);
    }
    entry.each().iter().try_fold(expected, |expected, value| {
        if entry.key != "header" || !value.is_table() {
            let text = format!("{}:{}", entry.key, value.text()?);
            return with(expected, value, &text);
        }
        value
            .any_table()?
            .iter()
            .try_fold(expected, |expected, it| {
                let text = format!("header:{}: {}", it.key, it.text()?);
                with(expected, it, &text)
            })
    })
}
