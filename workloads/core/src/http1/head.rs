use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::{String, ToString as _};

use crate::MAX_ECHO_BYTES;

/// The largest request line with header section.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The most header fields in one request.
pub const MAX_HEADERS: usize = 100;

/// What a request says before its body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: String,
    /// The path with its query.
    pub(super) target: String,
    pub(super) content_length: usize,
    pub(super) persistence: Persistence,
    /// The client waits for `100 Continue` before it sends the body.
    pub(super) expects_continue: bool,
}

/// What becomes of the connection after the answer, and how the answer says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Persistence {
    /// It stays, which HTTP/1.1 takes for granted.
    Implied,
    /// It stays, which an HTTP/1.0 client asked for and must be told.
    Announced,
    /// It is closed.
    Close,
}

/// A request that is refused before its body is read. The connection cannot go on: where the next
/// request begins is unknown, or a body follows that nobody wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: String,
}

impl Refusal {
    fn new(status: u16, reason: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.into(),
        }
    }
}

/// Reads a head from the start of `input`: it and its length, or `None` as long as it is
/// incomplete.
pub(super) fn parse(input: &[u8]) -> Result<Option<(Head, usize)>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    // Cut, so that what is too long is told from its length alone and not from how it arrived.
    let within_bounds = &input[..input.len().min(MAX_HEAD_BYTES)];
    match request.parse(within_bounds) {
        Ok(httparse::Status::Complete(length)) => Ok(Some((head(&request)?, length))),
        Ok(httparse::Status::Partial) if input.len() >= MAX_HEAD_BYTES => Err(too_large()),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(Refusal::new(
            431,
            format!("a request may have {MAX_HEADERS} header fields at most"),
        )),
        Err(error) => Err(Refusal::new(400, error.to_string())),
    }
}

/// The answer to a head above [`MAX_HEAD_BYTES`].
pub(super) fn too_large() -> Refusal {
    Refusal::new(
        431,
        format!("the header section may have {MAX_HEAD_BYTES} bytes at most"),
    )
}

fn head(request: &httparse::Request<'_, '_>) -> Result<Head, Refusal> {
    let incomplete = || Refusal::new(400, "incomplete request line");
    let is_1_1 = request.version.ok_or_else(incomplete)? == 1;
    let fields = |name: &'static str| {
        request
            .headers
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value)
    };
    let lists = |name, token| fields(name).any(|value| has_token(value, token));

    let hosts = fields("host").count();
    if hosts > 1 || (is_1_1 && hosts == 0) {
        return Err(Refusal::new(400, "a request needs exactly one Host"));
    }
    // Chunked bodies are not decoded: every client of this service knows how long its body is.
    if fields("transfer-encoding").next().is_some() {
        return Err(Refusal::new(411, "a body needs a Content-Length"));
    }
    let persistence = if lists("connection", "close") {
        Persistence::Close
    } else if is_1_1 {
        Persistence::Implied
    } else if lists("connection", "keep-alive") {
        Persistence::Announced
    } else {
        Persistence::Close
    };
    Ok(Head {
        method: request.method.ok_or_else(incomplete)?.to_owned(),
        target: origin_form(request.path.ok_or_else(incomplete)?),
        content_length: content_length(fields("content-length"))?,
        persistence,
        // HTTP/1.0 knows no interim answers.
        expects_continue: is_1_1 && lists("expect", "100-continue"),
    })
}

/// Two lengths, even equal ones, are refused: whoever forwarded them may have believed the other.
fn content_length<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Result<usize, Refusal> {
    let Some(value) = values.next() else {
        return Ok(0);
    };
    if values.next().is_some() || value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::new(
            400,
            "a Content-Length must be one whole number",
        ));
    }
    // Digits alone fail to be a number only by being too many.
    let length = core::str::from_utf8(value)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(usize::MAX);
    if length > MAX_ECHO_BYTES {
        return Err(Refusal::new(
            413,
            format!("the body may have {MAX_ECHO_BYTES} bytes at most"),
        ));
    }
    Ok(length)
}

/// Whether a comma-separated list names `token`, in any case.
fn has_token(value: &[u8], token: &str) -> bool {
    value
        .split(|&byte| byte == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// The path with its query, of a target that may name the authority too: `http://host/path`.
fn origin_form(target: &str) -> String {
    let Some((scheme, rest)) = target.split_once("://") else {
        return target.to_owned();
    };
    if target.starts_with('/')
        || !(scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
    {
        return target.to_owned();
    }
    match rest.find(['/', '?']) {
        Some(start) if rest[start..].starts_with('/') => rest[start..].to_owned(),
        Some(start) => format!("/{}", &rest[start..]),
        None => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a request with this request line and these fields, each with its line end.
    fn read(line: &str, fields: &str) -> Result<Head, (u16, String)> {
        let text = format!("{line}\r\n{fields}\r\n");
        let (head, length) = parse(text.as_bytes())
            .map_err(|refusal| (refusal.status, refusal.reason))?
            .unwrap();
        assert_eq!(length, text.len());
        Ok(head)
    }

    #[test]
    fn a_connection_stays_as_the_version_and_the_client_say() {
        let persistence = |version: &str, field: &str| {
            read(
                &format!("GET / HTTP/{version}"),
                &format!("Host: a\r\n{field}"),
            )
            .unwrap()
            .persistence
        };
        assert_eq!(persistence("1.1", ""), Persistence::Implied);
        assert_eq!(
            persistence("1.1", "connection: foo , CLOSE\r\n"),
            Persistence::Close
        );
        assert_eq!(
            persistence("1.1", "Connection: foo\r\nConnection: close\r\n"),
            Persistence::Close
        );
        assert_eq!(
            persistence("1.1", "Connection: closet\r\n"),
            Persistence::Implied
        );
        assert_eq!(persistence("1.0", ""), Persistence::Close);
        assert_eq!(
            persistence("1.0", "Connection: Keep-Alive\r\n"),
            Persistence::Announced
        );
        assert_eq!(
            persistence("1.0", "Connection: keep-alive, close\r\n"),
            Persistence::Close
        );
    }

    #[test]
    fn a_target_may_name_the_authority() {
        let target = |text: &str| {
            read(&format!("GET {text} HTTP/1.1"), "Host: a\r\n")
                .unwrap()
                .target
        };
        assert_eq!(target("/cpu?iterations=1"), "/cpu?iterations=1");
        assert_eq!(target("http://a:80/cpu?iterations=1"), "/cpu?iterations=1");
        assert_eq!(target("HTTP://a"), "/");
        assert_eq!(target("http://a?b=/"), "/?b=/");
        assert_eq!(target("/?u=http://a/b"), "/?u=http://a/b");
        assert_eq!(target("*"), "*");
    }

    #[test]
    fn a_length_is_one_number_within_the_bound() {
        let length = |fields: &str| {
            read("POST /echo HTTP/1.1", &format!("Host: a\r\n{fields}"))
                .map(|head| head.content_length)
        };
        assert_eq!(length(""), Ok(0));
        assert_eq!(length("Content-Length: 1048576\r\n"), Ok(MAX_ECHO_BYTES));
        for too_long in ["1048577", "99999999999999999999999999"] {
            assert_eq!(
                length(&format!("Content-Length: {too_long}\r\n"))
                    .unwrap_err()
                    .0,
                413,
                "{too_long}"
            );
        }
        for bad in ["", "-1", "+1", "1,1", "1 1", "0x1", "\u{b2}"] {
            assert_eq!(
                length(&format!("Content-Length: {bad}\r\n")).unwrap_err().0,
                400,
                "{bad}"
            );
        }
        assert_eq!(
            length("Content-Length: 1\r\ncontent-length: 1\r\n")
                .unwrap_err()
                .0,
            400
        );
        assert_eq!(length("Transfer-Encoding: chunked\r\n").unwrap_err().0, 411);
        assert_eq!(
            length("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")
                .unwrap_err()
                .0,
            411
        );
    }

    #[test]
    fn a_host_is_needed_once() {
        assert!(read("GET / HTTP/1.0", "").is_ok());
        assert_eq!(read("GET / HTTP/1.1", "").unwrap_err().0, 400);
        assert_eq!(
            read("GET / HTTP/1.1", "Host: a\r\nHost: a\r\n")
                .unwrap_err()
                .0,
            400
        );
    }

    #[test]
    fn only_http_1_1_expects_a_continue() {
        let expects = |version: &str| {
            let fields = "Host: a\r\nExpect: 100-Continue\r\n";
            read(&format!("POST /echo HTTP/{version}"), fields)
                .unwrap()
                .expects_continue
        };
        assert!(expects("1.1") && !expects("1.0"));
    }

    #[test]
    fn bounds_are_kept_exactly() {
        let field = |filler: usize| format!("Host: a\r\nX: {}\r\n", "x".repeat(filler));
        let spare = MAX_HEAD_BYTES - "GET / HTTP/1.1\r\n\r\n".len() - field(0).len();
        assert!(read("GET / HTTP/1.1", &field(spare)).is_ok());
        assert_eq!(
            read("GET / HTTP/1.1", &field(spare + 1)).unwrap_err(),
            (431, too_large().reason)
        );
        let text = format!("GET / HTTP/1.1\r\n{}", field(spare + 2));
        assert_eq!(parse(&text.as_bytes()[..MAX_HEAD_BYTES - 1]), Ok(None));
        assert_eq!(parse(&text.as_bytes()[..MAX_HEAD_BYTES]), Err(too_large()));
        let many = |count: usize| format!("Host: a\r\n{}", "a: b\r\n".repeat(count - 1));
        assert!(read("GET / HTTP/1.1", &many(MAX_HEADERS)).is_ok());
        assert_eq!(
            read("GET / HTTP/1.1", &many(MAX_HEADERS + 1))
                .unwrap_err()
                .0,
            431
        );
    }
}
