//! What of a request's head is refused before any guest sees it: where two readers of the same
//! bytes could disagree about whom a request is for, or where it ends.
//!
//! What hyper refuses by itself is not looked for again: lengths that contradict each other or are
//! no numbers, a `Transfer-Encoding` in HTTP/1.0 or without `chunked` at its end, folded lines,
//! blanks before a colon. Of a request with both a length and chunks it reads the chunks, and
//! closes the connection, as RFC 9112 (6.1) has it.

use std::net::Ipv6Addr;

use hyper::header::{HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Version};

/// Why a request is refused: the status, and a sentence.
pub(super) type Refused = (StatusCode, &'static str);

/// Looks at a head, and makes it say once whom the request is for. `address` is where this server
/// listens, for those that need not say.
pub(super) fn check(head: &mut Parts, address: &HeaderValue) -> Result<(), Refused> {
    if head.method == Method::CONNECT {
        return Err((StatusCode::NOT_IMPLEMENTED, "this server is no proxy"));
    }
    check_coding(head)?;
    check_host(head)?;
    if let Some(authority) = head.uri.authority() {
        let is_ours = head.uri.scheme_str() == Some("http");
        if !is_ours || !is_host(authority.as_str().as_bytes()) {
            return Err((StatusCode::BAD_REQUEST, "the request's target is invalid"));
        }
        // RFC 9112 (3.2.2): what the target says counts, and `Host` is ignored.
        let named = HeaderValue::from_str(authority.as_str())
            .map_err(|_| (StatusCode::BAD_REQUEST, "the request's target is invalid"))?;
        head.headers.insert(HOST, named);
    } else if !head.headers.contains_key(HOST) {
        head.headers.insert(HOST, address.clone());
    }
    Ok(())
}

/// RFC 9112 (6.1): chunks, once, and no coding that nobody here would undo.
fn check_coding(head: &Parts) -> Result<(), Refused> {
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let Some(first) = codings.next() else {
        return Ok(());
    };
    if first
        .as_bytes()
        .trim_ascii()
        .eq_ignore_ascii_case(b"chunked")
        && codings.next().is_none()
    {
        return Ok(());
    }
    Err((
        StatusCode::NOT_IMPLEMENTED,
        "the request's transfer coding is not chunked alone",
    ))
}

/// RFC 9112 (3.2): one `Host`, and a valid one. None is needed before HTTP/1.1.
fn check_host(head: &Parts) -> Result<(), Refused> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let reason = match (hosts.next(), hosts.next()) {
        (None, _) if head.version < Version::HTTP_11 => return Ok(()),
        (None, _) => "the request names no host",
        (Some(_), Some(_)) => "the request names two hosts",
        (Some(host), None) if is_host(host.as_bytes()) => return Ok(()),
        (Some(_), None) => "the request names an invalid host",
    };
    Err((StatusCode::BAD_REQUEST, reason))
}

/// Whether this is a host with or without a port. RFC 3986 (3.2.2, 3.2.3); an empty host is none of
/// `http` (RFC 9110, 4.2.1).
fn is_host(text: &[u8]) -> bool {
    let (host, port) = match text.iter().rposition(|byte| *byte == b':') {
        // One within brackets is a part of the address.
        Some(at) if !text[at..].contains(&b']') => (&text[..at], &text[at + 1..]),
        _ => (text, &b""[..]),
    };
    let is_port = port.iter().all(u8::is_ascii_digit)
        && (port.is_empty() || str::from_utf8(port).is_ok_and(|port| port.parse::<u16>().is_ok()));
    let is_host = match host {
        [b'[', address @ .., b']'] => {
            str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok())
        }
        name => is_name(name),
    };
    is_port && is_host
}

/// Whether this is a registered name or an IPv4 address.
fn is_name(mut name: &[u8]) -> bool {
    if name.is_empty() {
        return false;
    }
    loop {
        name = match name {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest
            }
            [byte, rest @ ..]
                if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte) =>
            {
                rest
            }
            _ => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    #[test]
    fn hosts_are_what_the_grammar_says() {
        for host in [
            "x",
            "localhost:8080",
            "example.com",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:80",
            "a%20b",
            "x:",
            "x:65535",
            "under_score~",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "",
            ":80",
            "a b",
            "a/b",
            "user@host",
            "x:y",
            "x:65536",
            "x:80:80",
            "::1",
            "[::1",
            "[x]",
            "[::1]x",
            "a%2",
            "a%zz",
            "a,b:80,c",
            "ex\u{e4}mple",
            "a?b",
            "a#b",
            "a\\b",
            "x:+1",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    fn checked(request: hyper::http::request::Builder) -> Result<Parts, u16> {
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        let address = HeaderValue::from_static("127.0.0.1:1");
        check(&mut head, &address)
            .map(|()| head)
            .map_err(|(status, _)| status.as_u16())
    }

    #[test]
    fn a_head_says_once_whom_it_is_for() {
        let request = || Request::builder().uri("/");
        assert_eq!(checked(request()).unwrap_err(), 400);
        assert_eq!(
            checked(request().header(HOST, "a").header(HOST, "a")).unwrap_err(),
            400
        );
        assert_eq!(checked(request().header(HOST, "a b")).unwrap_err(), 400);
        assert_eq!(checked(request().method("CONNECT")).unwrap_err(), 501);
        let old = || request().version(Version::HTTP_10);
        assert_eq!(checked(old()).unwrap().headers[HOST], "127.0.0.1:1");
        assert_eq!(
            checked(old().header(HOST, "a").header(HOST, "b")).unwrap_err(),
            400
        );
        let absolute = |uri: &str| checked(Request::builder().uri(uri).header(HOST, "a"));
        let named = absolute("http://b:80/").unwrap();
        assert_eq!(
            named.headers.get_all(HOST).iter().collect::<Vec<_>>(),
            ["b:80"]
        );
        assert_eq!(absolute("https://b/").unwrap_err(), 400);
        assert_eq!(absolute("http://user@b/").unwrap_err(), 400);
    }

    #[test]
    fn only_chunks_are_undone() {
        let coded = |codings: &[&str]| {
            let mut request = Request::builder().uri("/").header(HOST, "a");
            for coding in codings {
                request = request.header(TRANSFER_ENCODING, *coding);
            }
            checked(request).map(drop)
        };
        assert_eq!(coded(&["Chunked"]), Ok(()));
        for codings in [
            &["gzip, chunked"][..],
            &["chunked, chunked"],
            &["chunked", "chunked"],
            &["identity", "chunked"],
            &["xchunked"],
        ] {
            assert_eq!(coded(codings), Err(501), "{codings:?}");
        }
    }
}
