//! An artifact of the user: how it is called, and what is expected of it.

use std::path::{Path, PathBuf};

use campaign::{Error, Exit};
use results::digest::{sha256_file, sha256_hex};
use serde::{Deserialize, Serialize};
use workloads::{Expectation, Request, Workload};

/// An artifact of the user, and how it is called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserArtifact {
    #[serde(with = "path_text")]
    pub(crate) file: PathBuf,
    /// Whether it was read from a pipe: it cannot be read again.
    #[serde(default)]
    pub(crate) piped: bool,
    /// `METHOD /target [body]`, the body's file as `@/absolute/path`.
    pub(crate) request: Option<String>,
    /// `Name: value` each.
    #[serde(default)]
    pub(crate) headers: Vec<String>,
    /// The digest of the body's file.
    #[serde(default)]
    pub(crate) body_sha256: Option<String>,
    /// A status or exit code, or a body.
    pub(crate) expect: Option<String>,
    /// Arguments of a command.
    pub(crate) arguments: Vec<String>,
}

fn usage(message: impl Into<String>, hint: &str) -> Error {
    Error::new(Exit::Usage, message).hint(hint)
}

impl UserArtifact {
    /// The same with the file of its body made absolute, and the digest of it: a resumed run finds
    /// it from anywhere, and finds out if it is another one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn with_body(mut self) -> Result<Self, Error> {
        let Some(request) = &self.request else {
            return Ok(self);
        };
        let (head, body) = split(request);
        let Some(file) = body.strip_prefix('@').filter(|it| !it.starts_with('@')) else {
            return Ok(self);
        };
        let read = std::fs::canonicalize(file).and_then(|path| Ok((sha256_file(&path)?, path)));
        let (sha256, path) = read.map_err(|error| body_unreadable(file, &error))?;
        let text = path.to_str().ok_or_else(|| {
            usage(
                format!("the path of the body, {}, is no text", path.display()),
                "give a file whose path is UTF-8",
            )
        })?;
        self.request = Some(format!("{head} @{text}"));
        self.body_sha256 = Some(sha256);
        Ok(self)
    }

    /// The request to a service.
    ///
    /// # Errors
    /// It is none, or its body cannot be read or is not that of the run.
    pub(crate) fn request(&self) -> Result<Request, Error> {
        let text = self.request.as_deref().unwrap_or("GET /");
        let mut request = parse_request(text)?;
        if request.body.starts_with(b"@@") {
            request.body.remove(0);
        } else if request.body.first() == Some(&b'@') {
            let (_, body) = split(text);
            let file = &body[1..];
            request.body = std::fs::read(file).map_err(|error| body_unreadable(file, &error))?;
            let recorded = self.body_sha256.as_ref();
            if recorded.is_some_and(|recorded| *recorded != sha256_hex(&request.body)) {
                return Err(Error::new(
                    Exit::Resume,
                    format!("{file} is not the body that this run has sent"),
                )
                .hint("restore the file, or start a new run"));
            }
        }
        Ok(request)
    }

    /// Its headers: names and values.
    ///
    /// # Errors
    /// One of them is none, or is the host's to set.
    pub(crate) fn headers(&self) -> Result<Vec<(String, String)>, Error> {
        self.headers.iter().map(|text| parse_header(text)).collect()
    }

    /// The answer that is expected.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn expectation(&self, serves: bool) -> Result<Expectation, Error> {
        expectation(self.expect.as_deref(), serves)
    }

    /// The file's name as far as it is a name, made different from the name of any built-in
    /// workload.
    pub(crate) fn workload_name(path: &Path) -> String {
        let name = results::Workload::of_file(path.file_name().unwrap_or_default());
        if Workload::from_name(&name).is_some() {
            format!("{name}.wasm")
        } else {
            name.to_string()
        }
    }
}

fn body_unreadable(file: &str, error: &std::io::Error) -> Error {
    usage(
        format!("cannot read the body {file}: {error}"),
        "`@FILE` sends a file's bytes, `@@…` a text that begins with @",
    )
}

/// Method and target, and the body.
fn split(text: &str) -> (String, &str) {
    let mut parts = text.trim_start().splitn(3, ' ');
    let mut next = || parts.next().unwrap_or_default();
    let (method, target) = (next(), next());
    (format!("{method} {target}"), next())
}

fn parse_request(text: &str) -> Result<Request, Error> {
    let mut parts = text.trim_start().splitn(3, ' ');
    let method = parts.next().unwrap_or_default();
    let target = parts.next().unwrap_or_default();
    let valid = hyper::Method::from_bytes(method.as_bytes())
        .is_ok_and(|_| method.bytes().all(|b| b.is_ascii_uppercase()))
        && target.starts_with('/')
        && target.parse::<hyper::Uri>().is_ok();
    if !valid {
        return Err(usage(
            format!("--request {text:?} is no request"),
            "write a method in capitals, a path, and a body if there is one: `POST /items \
                {\"n\":1}`, or `POST /items @FILE`",
        ));
    }
    Ok(Request {
        method: method.into(),
        target: target.into(),
        body: parts.next().unwrap_or_default().into(),
    })
}

/// The headers that follow from the request itself.
const SET_BY_HOST: [&str; 2] = ["content-length", "transfer-encoding"];

fn parse_header(text: &str) -> Result<(String, String), Error> {
    let hint = "write it as it is sent: `--header 'Content-Type: application/json'`";
    let parsed = text.split_once(':').and_then(|(name, value)| {
        let (name, value) = (name.trim(), value.trim());
        hyper::header::HeaderName::from_bytes(name.as_bytes()).ok()?;
        hyper::header::HeaderValue::from_str(value).ok()?;
        Some((name.to_owned(), value.to_owned()))
    });
    let (name, value) =
        parsed.ok_or_else(|| usage(format!("--header {text:?} is no header"), hint))?;
    if SET_BY_HOST.iter().any(|set| name.eq_ignore_ascii_case(set)) {
        return Err(usage(
            format!("--header {name} follows from the body"),
            "leave it out",
        ));
    }
    Ok((name, value))
}

/// Three digits or `status:` is a status or an exit code, all else or `body:` a body.
fn expectation(text: Option<&str>, serves: bool) -> Result<Expectation, Error> {
    let whole = if serves {
        Expectation::status(200)
    } else {
        Expectation::exit(0)
    };
    let Some(text) = text else { return Ok(whole) };
    let is_code = |text: &str| {
        !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let code = match text.split_once(':') {
        Some(("body", body)) => return Ok(whole.with_body(body)),
        Some(("status", code)) if is_code(code) => code,
        Some(("status", code)) => {
            return Err(
                Error::new(Exit::Usage, format!("--expect status:{code} is no status")).hint(
                    "a status or an exit code is up to three digits; `body:TEXT` expects a body",
                ),
            );
        }
        _ if is_code(text) => text,
        _ => return Ok(whole.with_body(text)),
    };
    let code: u16 = code.parse().expect("up to three digits fit");
    Ok(if serves {
        Expectation::status(code)
    } else {
        Expectation::exit(code.into())
    })
}

/// A path in JSON: as text, or where it is none as its bytes in hexadecimal.
mod path_text {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Text {
        Text(String),
        Bytes { bytes_hex: String },
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        let text = path.to_str().map_or_else(
            || Text::Bytes {
                bytes_hex: hex::encode(path.as_os_str().as_bytes()),
            },
            |text| Text::Text(text.to_owned()),
        );
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<PathBuf, D::Error> {
        match Text::deserialize(deserializer)? {
            Text::Text(text) => Ok(text.into()),
            Text::Bytes { bytes_hex } => hex::decode(bytes_hex)
                .map(|bytes| OsString::from_vec(bytes).into())
                .map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_method_a_path_and_perhaps_a_body() {
        assert_eq!(parse_request("GET /x?y=1").unwrap(), Request::get("/x?y=1"));
        assert_eq!(
            parse_request("POST /items {\"a b\": 1}").unwrap(),
            Request::post("/items", "{\"a b\": 1}")
        );
        for wrong in ["", "GET", "get /", "GET x", "/", "GET /\u{7f}"] {
            assert_eq!(
                parse_request(wrong).unwrap_err().exit,
                Exit::Usage,
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let header = |text: &str| parse_header(text).map_err(|error| error.exit);
        assert_eq!(
            header("Content-Type:  application/json "),
            Ok(("Content-Type".into(), "application/json".into()))
        );
        assert_eq!(header("X-Empty:"), Ok(("X-Empty".into(), String::new())));
        for wrong in ["none", ": x", "a b: c", "x: a\nb", "Content-Length: 3"] {
            assert_eq!(header(wrong), Err(Exit::Usage), "{wrong:?}");
        }
    }

    #[test]
    fn a_body_comes_from_a_file_and_has_to_stay_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("body bin");
        let bytes = [vec![0, 255], vec![b'x'; 70_000]].concat();
        std::fs::write(&file, &bytes).unwrap();
        let artifact = |request: String| {
            UserArtifact {
                request: Some(request),
                ..UserArtifact::default()
            }
            .with_body()
        };
        let sent = artifact(format!("POST /echo @{}", file.display())).unwrap();
        assert_eq!(sent.request().unwrap(), Request::post("/echo", bytes));
        std::fs::write(&file, "another").unwrap();
        assert_eq!(sent.request().unwrap_err().exit, Exit::Resume);
        assert_eq!(
            artifact("POST / @/nowhere".to_owned()).unwrap_err().exit,
            Exit::Usage
        );
        let text = artifact("POST / @@home @x".to_owned()).unwrap();
        assert_eq!(text.request().unwrap(), Request::post("/", "@home @x"));
    }

    #[test]
    fn a_path_that_is_no_text_survives_in_a_manifest() {
        use std::os::unix::ffi::OsStringExt as _;
        let named = |name: &[u8]| UserArtifact {
            file: std::ffi::OsString::from_vec(name.to_vec()).into(),
            ..UserArtifact::default()
        };
        for name in [&b"/a b.wasm"[..], b"/caf\xe9.wasm"] {
            let text = serde_json::to_string(&named(name)).unwrap();
            assert_eq!(
                serde_json::from_str::<UserArtifact>(&text).unwrap(),
                named(name)
            );
        }
    }

    #[test]
    fn an_expectation_is_a_code_or_a_body() {
        let expect = |text, serves| expectation(Some(text), serves).unwrap();
        assert_eq!(expect("404", true), Expectation::status(404));
        assert_eq!(expect("3", false), Expectation::exit(3));
        assert_eq!(expect("status:204", true), Expectation::status(204));
        assert_eq!(
            expect("hello", true),
            Expectation::status(200).with_body("hello")
        );
        assert_eq!(
            expect("body:404", true),
            Expectation::status(200).with_body("404")
        );
        assert_eq!(
            expect("a:b", true),
            Expectation::status(200).with_body("a:b")
        );
        assert_eq!(
            expectation(Some("status:abc"), true).unwrap_err().exit,
            Exit::Usage
        );
        assert_eq!(expectation(None, false).unwrap(), Expectation::exit(0));
    }
}
