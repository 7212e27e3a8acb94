//! The request of a description, and what is expected of its answer.

use workloads::target::{OwnFile, Step};
use workloads::{Expectation, Request, RequestError};

use super::files;
use super::parse::Place;
use crate::document::{Fields, Node, Wrong};

/// Keys of a request.
const REQUEST: [&str; 5] = ["method", "path", "headers", "body", "body-file"];

/// Keys of a request of a sequence.
const STEP: [&str; 7] = [
    "name",
    "method",
    "path",
    "headers",
    "body",
    "body-file",
    "expect",
];

/// The most requests of a sequence: the latencies of each are kept in every sample.
const MOST_STEPS: usize = 32;

/// The longest name of a request, in characters: it stands in a column of a table.
const LONGEST_NAME: usize = 60;

/// The code of an answer: of a service, and of a command.
pub(super) const STATUS: &str = "status";
pub(super) const EXIT: &str = "exit";

/// Keys of what is expected.
const EXPECT: [&str; 6] = [
    STATUS,
    EXIT,
    "body",
    "body-contains",
    "body-sha256",
    "header",
];

fn refused(entry: &Node<'_>, error: &RequestError) -> Wrong {
    entry.wrong(&*error.reason).hint(error.hint)
}

/// A request: `METHOD /path` and perhaps a body behind it, or its parts. The file of its body, if it has
/// one, goes to `bodies`.
///
/// # Errors
/// It is none.
pub(super) fn request(
    entry: &Node<'_>,
    place: Place<'_>,
    bodies: &mut Vec<OwnFile>,
) -> Result<Request, Wrong> {
    if !entry.is_table() {
        let text = entry.text_or("a text or a table")?;
        let (request, body) = Request::split(text).map_err(|error| refused(entry, &error))?;
        return Ok(Request {
            body: body.into(),
            ..request
        });
    }
    parts(entry, &entry.known_fields(&REQUEST)?, place, bodies)
}

/// A request by its parts.
fn parts(
    entry: &Node<'_>,
    fields: &Fields<'_>,
    place: Place<'_>,
    bodies: &mut Vec<OwnFile>,
) -> Result<Request, Wrong> {
    let text = |key: &str| fields.get(key).map(|it| it.text()).transpose();
    let method = text("method")?.unwrap_or("GET");
    let head = format!("{method} {}", text("path")?.unwrap_or("/"));
    let (mut request, rest) = Request::split(&head).map_err(|error| refused(entry, &error))?;
    if !rest.is_empty() {
        let path = fields.get("path");
        let path = path.as_ref().unwrap_or(entry);
        return Err(path
            .wrong("a path has no blanks")
            .hint("write %20 for one; `body` holds what is sent"));
    }
    match (fields.get("body"), fields.get("body-file")) {
        (Some(_), Some(file)) => {
            return Err(file
                .wrong("the request has two bodies")
                .hint("leave one out"));
        }
        (Some(body), None) => request.body = body.any_text()?.into(),
        (None, Some(file)) => {
            let read = files::body(&place.folder.join(file.text()?));
            let (bytes, read) = read.map_err(|message| file.wrong(message))?;
            request.body = bytes;
            bodies.push(read);
        }
        (None, None) => {}
    }
    let Some(headers) = fields.get("headers") else {
        return Ok(request);
    };
    for header in headers.fields()?.all() {
        // One that may stand several times is a list.
        for value in header.each() {
            let text = format!("{}: {}", header.key, value.any_text()?);
            request = request
                .with_headers(&[text])
                .map_err(|error| refused(&value, &error))?;
        }
    }
    Ok(request)
}

/// The requests of a sequence, in order: each as [`request`], or a table that also says what its answer
/// is and how it is called.
///
/// # Errors
/// One is none, or there are too many.
pub(super) fn sequence(
    entry: &Node<'_>,
    place: Place<'_>,
    bodies: &mut Vec<OwnFile>,
) -> Result<Vec<Step>, Wrong> {
    let each = entry.list_of("requests")?;
    if each.len() > MOST_STEPS {
        let what = format!(
            "{} requests, and at most {MOST_STEPS} are played",
            each.len()
        );
        return Err(entry.wrong(what));
    }
    let mut steps: Vec<Step> = Vec::new();
    for node in each {
        let step = step(&node, place, &steps, bodies)?;
        steps.push(step);
    }
    Ok(steps)
}

fn step(
    node: &Node<'_>,
    place: Place<'_>,
    before: &[Step],
    bodies: &mut Vec<OwnFile>,
) -> Result<Step, Wrong> {
    let usual = Expectation::status(200);
    let is_taken = |name: &str| before.iter().any(|it| it.name == name);
    if !node.is_table() {
        let request = request(node, place, bodies)?;
        return Ok(Step {
            name: usual_name(&request, is_taken),
            request,
            expected: usual,
        });
    }
    let fields = node.known_fields(&STEP)?;
    let request = parts(node, &fields, place, bodies)?;
    let name = match fields.get("name") {
        Some(node) => name(&node, is_taken)?,
        None => usual_name(&request, is_taken),
    };
    let expect = fields
        .get("expect")
        .map(|it| expectation(&it, usual.clone(), STATUS));
    Ok(Step {
        name,
        request,
        expected: expect.transpose()?.unwrap_or(usual),
    })
}

fn name(node: &Node<'_>, is_taken: impl Fn(&str) -> bool) -> Result<String, Wrong> {
    let name = node.text()?;
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let what = format!("a request's name has at most {LONGEST_NAME} characters, all printable");
        return Err(node.wrong(what));
    }
    if is_taken(name) {
        return Err(node.wrong(format!("two requests are called `{name}`")));
    }
    Ok(name.to_owned())
}

/// Method and path, without what may differ each time; counted where another has them.
fn usual_name(request: &Request, is_taken: impl Fn(&str) -> bool) -> String {
    let path = request.target.split('?').next().unwrap_or_default();
    let name: String = format!("{} {path}", request.method);
    let name: String = name.chars().take(LONGEST_NAME).collect();
    let numbered = (2..).map(|nth| format!("{name} ({nth})"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    names.find(|it| !is_taken(it)).unwrap_or(name)
}

/// What is expected where this is `usual`: a code, the words of `--expect`, parts by name, or a list
/// of these. `code` is what its code is called.
///
/// # Errors
/// It cannot be expected.
pub(super) fn expectation(
    entry: &Node<'_>,
    usual: Expectation,
    code: &str,
) -> Result<Expectation, Wrong> {
    let each = entry.each();
    each.iter()
        .try_fold(usual, |expected, it| one(expected, it, code))
}

fn one(expected: Expectation, entry: &Node<'_>, code_name: &str) -> Result<Expectation, Wrong> {
    if entry.is_number() {
        return code(expected, entry);
    }
    if !entry.is_table() {
        let text = entry.text_or("a code, a text or a table")?;
        return with(expected, entry, text);
    }
    let parts = entry.known_fields(&EXPECT)?.all();
    let of_others = parts
        .iter()
        .find(|it| [STATUS, EXIT].contains(&it.key) && it.key != code_name);
    if let Some(other) = of_others {
        let what = if code_name == STATUS {
            "a service answers with a `status`, and does not end"
        } else {
            "a command ends with an `exit` code, and has no status"
        };
        return Err(other.wrong(what));
    }
    parts.iter().try_fold(expected, part)
}

/// A status, or an exit code.
fn code(expected: Expectation, entry: &Node<'_>) -> Result<Expectation, Wrong> {
    with(expected, entry, &entry.whole(0..=999)?.to_string())
}

fn with(expected: Expectation, entry: &Node<'_>, text: &str) -> Result<Expectation, Wrong> {
    expected.with(text).map_err(|error| refused(entry, &error))
}

/// One key of what is expected; several of it as a list.
fn part(expected: Expectation, entry: &Node<'_>) -> Result<Expectation, Wrong> {
    if matches!(entry.key, STATUS | EXIT) {
        return code(expected, entry);
    }
    entry.each().iter().try_fold(expected, |expected, value| {
        if entry.key != "header" || !value.is_table() {
            let text = format!("{}:{}", entry.key, value.any_text()?);
            return with(expected, value, &text);
        }
        let headers = value.fields()?.all();
        headers.iter().try_fold(expected, |expected, it| {
            let text = format!("header:{}: {}", it.key, it.any_text()?);
            with(expected, it, &text)
        })
    })
}
