//! A person's own request, and what is expected of its answer: the same words for every program, and
//! how a record keeps them.

use std::path::{Path, PathBuf};

use clap::Args;
use results::digest::sha256_hex;
use serde::{Deserialize, Serialize};
use workloads::{Expectation, Request, RequestError};

use crate::{Error, Exit, argument, errno};

/// What a person says of a request besides its method and its path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct CallArguments {
    /// Header of the request, such as `Content-Type: application/json` (repeatable)
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// Body of the request; `@FILE` is that file's bytes, `@@…` a text that begins with @
    #[arg(long, value_name = "TEXT")]
    pub body: Option<String>,
    /// The file that holds the body, of any size and any bytes; the same as `--body @FILE`
    #[arg(long, value_name = "FILE", conflicts_with = "body", value_parser = argument::path())]
    pub body_file: Option<PathBuf>,
    /// Expected answer (repeatable): a status or exit code, `body:TEXT`, `body-contains:TEXT`,
    /// `body-sha256:HEX`, `header:NAME` or `header:NAME: VALUE`; any other text is a body
    #[arg(long, value_name = "ANSWER")]
    pub expect: Vec<String>,
}

impl CallArguments {
    /// Whether anything is said of the request itself.
    pub fn says_request(&self) -> bool {
        !self.header.is_empty() || self.body.is_some() || self.body_file.is_some()
    }

    /// Whether anything is said at all.
    pub fn says_anything(&self) -> bool {
        self.says_request() || !self.expect.is_empty()
    }
}

/// A call as a person gave it and as a record keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// `METHOD /target`.
    pub request: Option<String>,
    /// `Name: value` each.
    #[serde(default)]
    pub headers: Vec<String>,
    /// The body, or `@` and the absolute path of its file; a text that begins with `@` has one more.
    #[serde(default)]
    pub body: Option<String>,
    /// The digest of the body's file.
    #[serde(default)]
    pub body_sha256: Option<String>,
    /// What is expected, in the words of [`Expectation::with`].
    #[serde(default)]
    pub expect: Vec<String>,
    /// What the body's file held: it is read once, since it may be a pipe.
    #[serde(skip)]
    read: Option<Vec<u8>>,
}

impl CallRecord {
    /// The call of a command line. `request` is `METHOD /target`, and the body may follow it.
    ///
    /// # Errors
    /// It is no request, has two bodies, or its body cannot be read.
    pub fn new(request: Option<&str>, arguments: &CallArguments) -> Result<Self, Error> {
        let mut body = arguments.body.clone();
        if let Some(file) = &arguments.body_file {
            let text = file.to_str().ok_or_else(|| not_text(file))?;
            body = Some(format!("@{text}"));
        }
        let mut head = None;
        if let Some(text) = request {
            let (request, rest) =
                Request::split(text).map_err(|error| named("--request", &error))?;
            head = Some(format!("{} {}", request.method, request.target));
            if !rest.is_empty() && body.is_some() {
                return Err(Error::new(Exit::Usage, "the request has two bodies")
                    .hint("give it within --request, or by --body or --body-file"));
            }
            if !rest.is_empty() {
                body = Some(rest.to_owned());
            }
        }
        let call = Self {
            request: head,
            headers: arguments.header.clone(),
            body,
            expect: arguments.expect.clone(),
            ..Self::default()
        };
        call.with_body_read()
    }

    /// The same with the file of its body made absolute and read, and its digest: a resumed run finds
    /// it from anywhere, and finds out if it is another one.
    ///
    /// # Errors
    /// The file cannot be read, or is not the one that was recorded.
    pub fn with_body_read(mut self) -> Result<Self, Error> {
        let Some(file) = self.body.as_deref().and_then(body_file) else {
            return Ok(self);
        };
        if self.read.is_some() {
            // What comes out of a pipe comes once.
            return Ok(self);
        }
        let path = std::path::absolute(file).map_err(|error| unreadable(file, &error))?;
        let bytes = std::fs::read(&path).map_err(|error| unreadable(file, &error))?;
        let sha256 = sha256_hex(&bytes);
        if self.body_sha256.as_ref().is_some_and(|it| *it != sha256) {
            return Err(Error::new(
                Exit::Resume,
                format!("{file} is not the body that this run has sent"),
            )
            .hint("restore the file, or start a new run"));
        }
        self.body = Some(format!(
            "@{}",
            path.to_str().ok_or_else(|| not_text(&path))?
        ));
        self.body_sha256 = Some(sha256);
        self.read = Some(bytes);
        Ok(self)
    }

    /// The request, whose body was read.
    ///
    /// # Errors
    /// It is none, or one of its headers is none.
    pub fn request(&self) -> Result<Request, Error> {
        let text = self.request.as_deref().unwrap_or("GET /");
        let (mut request, _) = Request::split(text).map_err(|error| named("--request", &error))?;
        request.body = self.body();
        request
            .with_headers(&self.headers)
            .map_err(|error| named("--header", &error))
    }

    /// The body alone.
    pub fn body(&self) -> Vec<u8> {
        match (&self.read, &self.body) {
            (Some(bytes), _) => bytes.clone(),
            (None, Some(text)) => {
                let text = if text.starts_with("@@") {
                    &text[1..]
                } else {
                    text
                };
                text.as_bytes().to_vec()
            }
            (None, None) => Vec::new(),
        }
    }

    /// Whether anything is said of the request.
    pub fn says_request(&self) -> bool {
        self.request.is_some() || self.body.is_some() || !self.headers.is_empty()
    }

    /// What is expected, where this is `usual`.
    ///
    /// # Errors
    /// One of the words is none.
    pub fn expectation(&self, usual: Expectation) -> Result<Expectation, Error> {
        self.expect.iter().try_fold(usual, |expected, text| {
            expected
                .with(text)
                .map_err(|error| named("--expect", &error))
        })
    }
}

/// The file of a body that is one.
fn body_file(body: &str) -> Option<&str> {
    body.strip_prefix('@').filter(|rest| !rest.starts_with('@'))
}

fn named(flag: &str, error: &RequestError) -> Error {
    Error::new(Exit::Usage, format!("{flag}: {error}")).hint(error.hint)
}

fn unreadable(file: &str, error: &std::io::Error) -> Error {
    let hint = errno::hint(error)
        .unwrap_or("`@FILE` sends a file's bytes, `@@…` a text that begins with @");
    Error::new(Exit::Usage, format!("cannot read the body {file}: {error}")).hint(hint)
}

fn not_text(path: &Path) -> Error {
    let message = format!("the path of the body, {}, is no text", path.display());
    Error::new(Exit::Usage, message).hint("give a file whose path is UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(request: &str) -> Result<CallRecord, Error> {
        CallRecord::new(Some(request), &CallArguments::default())
    }

    #[test]
    fn a_call_has_its_body_in_the_request_or_by_itself() {
        let sent = call("POST /items {\"a b\": 1}").unwrap();
        assert_eq!(
            sent.request().unwrap(),
            Request::post("/items", "{\"a b\": 1}")
        );
        let arguments = CallArguments {
            body: Some("x".into()),
            header: vec!["X-A: b".into()],
            ..CallArguments::default()
        };
        let sent = CallRecord::new(Some("PUT /"), &arguments).unwrap();
        let request = sent.request().unwrap();
        assert_eq!(
            (request.method.as_str(), request.body),
            ("PUT", b"x".to_vec())
        );
        assert_eq!(request.headers, [("X-A".to_owned(), "b".to_owned())]);
        let two = CallRecord::new(Some("PUT / y"), &arguments).unwrap_err();
        assert!(two.to_string().contains("two bodies"), "{two}");
        assert_eq!(call("get /").unwrap_err().exit, Exit::Usage);
        let nothing = CallRecord::default();
        assert_eq!(nothing.request().unwrap(), Request::get("/"));
        assert!(!nothing.says_request());
    }

    #[test]
    fn a_body_comes_from_a_file_and_has_to_stay_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("body bin");
        let bytes = [vec![0, 255], vec![b'x'; 70_000]].concat();
        std::fs::write(&file, &bytes).unwrap();
        let sent = call(&format!("POST /echo @{}", file.display())).unwrap();
        assert_eq!(
            sent.request().unwrap(),
            Request::post("/echo", bytes.clone())
        );
        let arguments = CallArguments {
            body_file: Some(file.clone()),
            ..CallArguments::default()
        };
        assert_eq!(
            CallRecord::new(Some("POST /echo"), &arguments).unwrap(),
            sent
        );
        let text = serde_json::to_string(&sent).unwrap();
        let kept: CallRecord = serde_json::from_str(&text).unwrap();
        let again = kept.clone().with_body_read().unwrap();
        assert_eq!(again.request().unwrap().body, bytes);
        std::fs::write(&file, "another").unwrap();
        assert_eq!(kept.with_body_read().unwrap_err().exit, Exit::Resume);
        assert_eq!(call("POST / @/nowhere").unwrap_err().exit, Exit::Usage);
        let text = call("POST / @@home @x").unwrap();
        assert_eq!(text.request().unwrap(), Request::post("/", "@home @x"));
    }

    #[test]
    fn what_is_expected_adds_up() {
        let expecting = |texts: &[&str]| {
            let call = CallRecord {
                expect: texts.iter().map(ToString::to_string).collect(),
                ..CallRecord::default()
            };
            call.expectation(Expectation::status(200))
        };
        assert_eq!(expecting(&[]).unwrap(), Expectation::status(200));
        assert_eq!(
            expecting(&["201", "body:x"]).unwrap(),
            Expectation::status(201).with_body("x")
        );
        assert_eq!(expecting(&["status:x"]).unwrap_err().exit, Exit::Usage);
    }
}
