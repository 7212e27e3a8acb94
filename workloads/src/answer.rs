//! What a program answered, and what it should have answered.

use serde::{Deserialize, Serialize};

/// The longest piece of a body that an error message shows.
const SHOWN: usize = 120;

/// What a program answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status, or the exit code of a command.
    pub code: i64,
    /// The response's body, or what a command printed.
    pub body: Vec<u8>,
}

/// What an answer must be. What is `None` may be anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// `HTTP status` or `exit code`: what the number is called.
    kind: Kind,
    /// The HTTP status or exit code.
    pub code: Option<i64>,
    /// The body, byte for byte.
    pub body: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Http,
    Exit,
}

impl Expectation {
    /// An HTTP answer with this status.
    pub const fn status(status: u16) -> Self {
        Self {
            kind: Kind::Http,
            code: Some(status as i64),
            body: None,
        }
    }

    /// A command that exits with this code.
    pub const fn exit(code: i32) -> Self {
        Self {
            kind: Kind::Exit,
            code: Some(code as i64),
            body: None,
        }
    }

    /// The same, and with this body.
    #[must_use]
    pub fn with_body(self, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: Some(body.into()),
            ..self
        }
    }

    /// Compares an answer with what was expected.
    ///
    /// # Errors
    /// A sentence that shows both.
    pub fn check(&self, answer: &Answer) -> Result<(), String> {
        let what = match self.kind {
            Kind::Http => "answered with HTTP status",
            Kind::Exit => "exited with code",
        };
        if let Some(code) = self.code.filter(|&code| code != answer.code) {
            let printed = if answer.body.is_empty() {
                String::new()
            } else {
                format!(", with the body {}", shown(&answer.body))
            };
            return Err(format!(
                "the guest {what} {}, expected {code}{printed}",
                answer.code
            ));
        }
        match &self.body {
            Some(body) if *body != answer.body => Err(format!(
                "the guest answered {}, expected {}",
                shown(&answer.body),
                shown(body)
            )),
            _ => Ok(()),
        }
    }
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
        Answer {
            code,
            body: body.into(),
        }
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
}
