//! An HTTP request as a person writes it down, for every program that sends one.

use http::{HeaderName, HeaderValue, Method, Uri};

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The path with its query.
    pub target: String,
    /// Headers besides those that follow from the request itself and from where it goes: names and
    /// values. One of the name `Host` stands in place of the usual one.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is wrong with a request, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RequestError {
    /// What is wrong.
    pub reason: String,
    /// How it is written.
    pub hint: &'static str,
}

/// The headers that follow from the body, and from how a request is sent.
const OF_SENDING: [&str; 3] = ["content-length", "transfer-encoding", "connection"];

impl Request {
    /// `GET target`.
    pub fn get(target: &str) -> Self {
        Self {
            method: "GET".into(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// `POST target` with a body.
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST".into(),
            body: body.into(),
            ..Self::get(target)
        }
    }

    /// Takes the head of `METHOD /target` and what follows it, which is the body if it is not empty.
    ///
    /// # Errors
    /// It does not begin with a method in capitals and a path.
    pub fn split(text: &str) -> Result<(Self, &str), RequestError> {
        let mut parts = text.trim_start().splitn(3, ' ');
        let mut next = || parts.next().unwrap_or_default();
        let (method, target, rest) = (next(), next(), next());
        let valid = Method::from_bytes(method.as_bytes()).is_ok()
            && method.bytes().all(|byte| byte.is_ascii_uppercase())
            && target.starts_with('/')
            && target.parse::<Uri>().is_ok();
        if !valid {
            return Err(RequestError {
                reason: format!("{text:?} is no request"),
                hint: "write a method in capitals, a path, and a body if there is one: `POST \
                    /items {\"n\":1}`, or `POST /items @FILE`",
            });
        }
        let request = Self {
            method: method.into(),
            ..Self::get(target)
        };
        Ok((request, rest))
    }

    /// The value of a header of that name, if it has one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads `Name: value`.
///
/// # Errors
/// It is no header, or one that is not a person's to set.
pub(crate) fn parse_header(text: &str) -> Result<(String, String), RequestError> {
    let hint = "write it as it is sent: `Content-Type: application/json`";
    let parsed = text.split_once(':').and_then(|(name, value)| {
        let (name, value) = (name.trim(), value.trim());
        HeaderName::from_bytes(name.as_bytes()).ok()?;
        HeaderValue::from_str(value).ok()?;
        Some((name.to_owned(), value.to_owned()))
    });
    let (name, value) = parsed.ok_or_else(|| RequestError {
        reason: format!("{text:?} is no header"),
        hint,
    })?;
    if OF_SENDING.iter().any(|set| name.eq_ignore_ascii_case(set)) {
        return Err(RequestError {
            reason: format!("{name} follows from the body and from how it is sent"),
            hint: "leave it out",
        });
    }
    Ok((name, value))
}

impl Request {
    /// The same with these headers, each written as `Name: value`.
    ///
    /// # Errors
    /// One of them is none, or is not a person's to set.
    pub fn with_headers<S: AsRef<str>>(mut self, headers: &[S]) -> Result<Self, RequestError> {
        for header in headers {
            self.headers.push(parse_header(header.as_ref())?);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_method_a_path_and_perhaps_a_body() {
        assert_eq!(
            Request::split("GET /x?y=1"),
            Ok((Request::get("/x?y=1"), ""))
        );
        let (request, body) = Request::split(" POST /items {\"a b\": 1}").unwrap();
        assert_eq!((request.method.as_str(), body), ("POST", "{\"a b\": 1}"));
        for wrong in ["", "GET", "get /", "GET x", "/", "GET /\u{7f}", "GE:T /"] {
            assert!(Request::split(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let header = |text: &str| parse_header(text).map_err(|error| error.reason);
        assert_eq!(
            header("Content-Type:  application/json "),
            Ok(("Content-Type".into(), "application/json".into()))
        );
        assert_eq!(header("X-Empty:"), Ok(("X-Empty".into(), String::new())));
        for wrong in [
            "none",
            ": x",
            "a b: c",
            "x: a\nb",
            "Content-Length: 3",
            "connection: close",
        ] {
            assert!(header(wrong).is_err(), "{wrong:?}");
        }
        let request = Request::get("/")
            .with_headers(&["Host: a", "X: 1"])
            .unwrap();
        assert_eq!(
            (request.header("host"), request.header("x-y")),
            (Some("a"), None)
        );
    }
}
