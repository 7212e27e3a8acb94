//! What a program answered, and what it should have answered.

use results::digest::sha256_hex;
use serde::{Deserialize, Serialize};

use crate::RequestError;

/// The longest piece of a body that an error message shows.
const SHOWN: usize = 120;

/// What a program answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status, or the exit code of a command.
    pub code: i64,
    /// Names and values of the response's headers, where an [`Expectation`] asks for some. A command
    /// has none.
    pub headers: Vec<(String, String)>,
    /// The response's body, or what a command printed.
    pub body: Vec<u8>,
}

impl Answer {
    /// One of whose headers nobody asks.
    pub const fn new(code: i64, body: Vec<u8>) -> Self {
        Self {
            code,
            headers: Vec::new(),
            body,
        }
    }
}

/// What an answer must be. What is `None` or empty may be anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// `HTTP status` or `exit code`: what the number is called.
    kind: Kind,
    /// The HTTP status or exit code.
    pub code: Option<i64>,
    /// The body, byte for byte.
    pub body: Option<Vec<u8>>,
    /// Texts that are somewhere in the body, each of them.
    pub contained: Vec<String>,
    /// The digest of the body, in hexadecimal.
    pub body_sha256: Option<String>,
    /// Headers: names, and values where they matter.
    pub headers: Vec<(String, Option<String>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Http,
    Exit,
}

impl Expectation {
    const fn of(kind: Kind, code: i64) -> Self {
        Self {
            kind,
            code: Some(code),
            body: None,
            contained: Vec::new(),
            body_sha256: None,
            headers: Vec::new(),
        }
    }

    /// An HTTP answer with this status.
    pub const fn status(status: u16) -> Self {
        Self::of(Kind::Http, status as i64)
    }

    /// A command that exits with this code.
    pub const fn exit(code: i32) -> Self {
        Self::of(Kind::Exit, code as i64)
    }

    /// The same, and with this body.
    #[must_use]
    pub fn with_body(self, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: Some(body.into()),
            ..self
        }
    }

    /// The same, and what a person expects besides, or instead of the code: `201`, `status:201`,
    /// `body:TEXT`, `body-contains:TEXT`, `body-sha256:HEX`, `header:NAME` or `header:NAME: VALUE`.
    /// Three digits and fewer are a code, and whatever has none of these words is a body.
    ///
    /// # Errors
    /// It cannot be expected, and how it is written.
    pub fn with(mut self, text: &str) -> Result<Self, RequestError> {
        let is_code = |text: &str| {
            (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        match text.split_once(':') {
            Some(("body", body)) => return Ok(self.with_body(body)),
            Some(("body-contains", part)) => self.contained.push(part.to_owned()),
            Some(("body-sha256", digest)) => self.body_sha256 = Some(parse_digest(digest)?),
            Some(("header", header)) => self.headers.push(self.parse_header(header)?),
            Some(("status", code)) if is_code(code) => self.code = code.parse().ok(),
            Some(("status", code)) => {
                return Err(RequestError {
                    reason: format!("status:{code} is no status"),
                    hint: "a status or an exit code is up to three digits; `body:TEXT` expects a \
                        body",
                });
            }
            _ if is_code(text) => self.code = text.parse().ok(),
            _ => return Ok(self.with_body(text)),
        }
        Ok(self)
    }

    fn parse_header(&self, text: &str) -> Result<(String, Option<String>), RequestError> {
        if self.kind == Kind::Exit {
            return Err(RequestError {
                reason: format!("header:{text} is expected of what answers no HTTP"),
                hint: "a command has an exit code and prints a body",
            });
        }
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name.trim(), Some(value.trim().to_owned())),
            None => (text.trim(), None),
        };
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(RequestError {
                reason: format!("header:{text} names no header"),
                hint: "`header:Location` expects that it is there, `header:Content-Type: \
                    text/plain` its value too",
            });
        }
        Ok((name.to_owned(), value))
    }

    /// Whether headers have to be kept for [`Self::check`].
    pub fn needs_headers(&self) -> bool {
        !self.headers.is_empty()
    }

    /// Whether any body will do.
    pub fn takes_any_body(&self) -> bool {
        self.body.is_none() && self.contained.is_empty() && self.body_sha256.is_none()
    }

    /// Compares an answer with what was expected.
    ///
    /// # Errors
    /// A sentence that shows both.
    pub fn check(&self, answer: &Answer) -> Result<(), String> {
        self.check_code(answer)?;
        for expected in &self.headers {
            check_header(expected, answer)?;
        }
        match &self.body {
            Some(body) if *body != answer.body => {
                return Err(format!(
                    "the guest answered {}, expected {}",
                    shown(&answer.body),
                    shown(body)
                ));
            }
            _ => {}
        }
        let holds = |part: &String| {
            part.is_empty()
                || answer
                    .body
                    .windows(part.len())
                    .any(|window| window == part.as_bytes())
        };
        if let Some(part) = self.contained.iter().find(|part| !holds(part)) {
            return Err(format!(
                "the guest answered {}, which does not contain {}",
                shown(&answer.body),
                shown(part.as_bytes())
            ));
        }
        let Some(expected) = &self.body_sha256 else {
            return Ok(());
        };
        let found = sha256_hex(&answer.body);
        if found == *expected {
            return Ok(());
        }
        Err(format!(
            "the guest answered {} with the digest {found}, expected {expected}",
            shown(&answer.body)
        ))
    }

    fn check_code(&self, answer: &Answer) -> Result<(), String> {
        let what = match self.kind {
            Kind::Http => "answered with HTTP status",
            Kind::Exit => "exited with code",
        };
        let Some(code) = self.code.filter(|&code| code != answer.code) else {
            return Ok(());
        };
        let printed = if answer.body.is_empty() {
            String::new()
        } else {
            format!(", with the body {}", shown(&answer.body))
        };
        Err(format!(
            "the guest {what} {}, expected {code}{printed}",
            answer.code
        ))
    }
}

/// A name may stand in an answer several times: one of them has to be right.
fn check_header((name, value): &(String, Option<String>), answer: &Answer) -> Result<(), String> {
    let found: Vec<&str> = answer
        .headers
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect();
    match value {
        None if found.is_empty() => Err(format!("the guest answered without the header {name}")),
        Some(value) if !found.contains(&value.as_str()) => {
            let shown = match found.as_slice() {
                [] => format!("without the header {name}"),
                several => format!("{name}: {}", several.join(", ")),
            };
            Err(format!(
                "the guest answered {shown}, expected {name}: {value}"
            ))
        }
        _ => Ok(()),
    }
}

fn parse_digest(text: &str) -> Result<String, RequestError> {
    const DIGITS: usize = 64;
    let digest = text.trim().to_ascii_lowercase();
    if digest.len() == DIGITS && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digest);
    }
    Err(RequestError {
        reason: format!("body-sha256:{text} is no digest"),
        hint: "it is 64 hexadecimal digits, as `sha256sum` prints them",
    })
}

/// A body as a message can show it: quoted, cut, and with its length if cut.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
    let rest = if body.len() > SHOWN {
        format!("… ({} bytes)", body.len())
    } else {
        String::new()
    };
    format!("{text:?}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i64, body: &str) -> Answer {
        Answer::new(code, body.into())
    }

    #[test]
    fn says_what_was_wrong() {
        let hello = Expectation::status(200).with_body("hello");
        assert_eq!(hello.check(&answer(200, "hello")), Ok(()));
        let wrong = hello.check(&answer(500, "boom")).unwrap_err();
        assert_eq!(
            wrong,
            r#"the guest answered with HTTP status 500, expected 200, with the body "boom""#
        );
        let wrong = hello.check(&answer(200, "hullo")).unwrap_err();
        assert_eq!(wrong, r#"the guest answered "hullo", expected "hello""#);
        let wrong = Expectation::exit(0).check(&answer(3, "")).unwrap_err();
        assert_eq!(wrong, "the guest exited with code 3, expected 0");
    }

    #[test]
    fn long_and_binary_bodies_are_cut() {
        let wrong = Expectation::status(200)
            .with_body([0xff; 4096])
            .check(&answer(200, ""))
            .unwrap_err();
        assert!(
            wrong.contains("(4096 bytes)") && wrong.len() < 1_000,
            "{wrong}"
        );
    }

    #[test]
    fn what_is_not_expected_may_be_anything() {
        assert_eq!(Expectation::exit(0).check(&answer(0, "whatever")), Ok(()));
    }

    #[test]
    fn an_expectation_is_a_code_a_body_or_something_named() {
        let (service, command) = (Expectation::status(200), Expectation::exit(0));
        let http = |text: &str| service.clone().with(text).unwrap();
        assert_eq!(http("404"), Expectation::status(404));
        assert_eq!(command.clone().with("3"), Ok(Expectation::exit(3)));
        assert_eq!(http("status:204"), Expectation::status(204));
        assert_eq!(http("hello"), service.clone().with_body("hello"));
        assert_eq!(http("body:404"), service.clone().with_body("404"));
        assert_eq!(http("a:b"), service.clone().with_body("a:b"));
        assert_eq!(http("4040"), service.clone().with_body("4040"));
        for wrong in [
            "status:abc",
            "status:",
            "header:a b",
            "header:",
            "body-sha256:12",
        ] {
            assert!(service.clone().with(wrong).is_err(), "{wrong}");
        }
        assert!(command.with("header:x").is_err());
    }

    #[test]
    fn everything_that_is_expected_is_compared_and_the_reason_shows_both() {
        let mut answered = answer(201, "{\"id\": 7}");
        answered.headers = vec![
            ("content-type".into(), "application/json".into()),
            ("set-cookie".into(), "a=1".into()),
            ("set-cookie".into(), "b=2".into()),
        ];
        let digest = sha256_hex(&answered.body);
        let check = |texts: &[&str]| {
            let mut expected = Expectation::status(200);
            for text in texts {
                expected = expected.with(text).unwrap();
            }
            expected.check(&answered)
        };
        let right = [
            "201",
            "body-contains:\"id\"",
            "body-contains:7",
            "body-contains:",
            "header:Content-Type: application/json",
            "header:Set-Cookie:b=2",
            "header:content-type",
            &format!("body-sha256:{}", digest.to_uppercase()),
        ];
        assert_eq!(check(&right), Ok(()));
        for (wrong, words) in [
            ("body-contains:8", "does not contain \"8\""),
            ("header:location", "without the header location"),
            (
                "header:location: /x",
                "without the header location, expected location: /x",
            ),
            (
                "header:set-cookie: c",
                "set-cookie: a=1, b=2, expected set-cookie: c",
            ),
            (&format!("body-sha256:{}", "0".repeat(64)), &digest),
            ("200", "HTTP status 201, expected 200"),
        ] {
            let reason = check(&["201", wrong]).unwrap_err();
            assert!(reason.contains(words), "{wrong}: {reason}");
        }
    }
}
