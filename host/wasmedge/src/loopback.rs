//! A client in the process of the server under test: two requests over one loopback connection.
//!
//! WasmEdge has no `wasi:http`: a service listens on a socket by itself and runs until it has given
//! its answers. So the request comes from a second thread, which sleeps in the kernel until the
//! guest has printed the address it listens on.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use host_probe::limits::{OUTPUT_BYTES, too_much};
use host_probe::report::{Answered, Cause, Failure};
use host_probe::request::Call;
use host_probe::resources::Usage;
use machine::clock::now_ns;

/// When what happened, on the monotonic clock, and the two answers.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The guest had printed its address.
    pub(crate) listening_ns: u64,
    /// The connection stood.
    pub(crate) connected_ns: u64,
    /// The first answer was complete.
    pub(crate) first_ns: u64,
    /// The second request was about to be sent.
    pub(crate) again_ns: u64,
    /// The second answer was complete.
    pub(crate) second_ns: u64,
    /// What the process had used up by then.
    pub(crate) used: Usage,
    pub(crate) first: Answered,
    pub(crate) second: Answered,
}

/// Waits for the guest's line `listening on ADDRESS`, connects, and sends the request twice.
pub(crate) fn exchange(printed: File, call: &Call) -> Result<Exchange, Failure> {
    let request = request(call)?;
    let keeps_headers = matches!(
        call,
        Call::Http {
            keeps_headers: true,
            ..
        }
    );
    let address = wait_for_address(printed)?;
    let listening_ns = now_ns();
    let stream = TcpStream::connect(&address).map_err(failed("cannot reach"))?;
    // Two small writes in a row would otherwise wait for each other's acknowledgement.
    stream
        .set_nodelay(true)
        .map_err(failed("cannot send a request to"))?;
    let connected_ns = now_ns();
    let mut reader = BufReader::new(&stream);
    let mut send = || {
        (&stream)
            .write_all(&request)
            .map_err(failed("cannot send a request to"))?;
        read_answer(&mut reader, keeps_headers)
    };
    let first = send()?;
    let first_ns = now_ns();
    let used = Usage::now();
    let again_ns = now_ns();
    let second = send()?;
    let second_ns = now_ns();
    Ok(Exchange {
        listening_ns,
        connected_ns,
        first_ns,
        again_ns,
        second_ns,
        used,
        first,
        second,
    })
}

/// A failure at the guest's socket, where this could not be done.
fn failed(what: &'static str) -> impl Fn(std::io::Error) -> Failure {
    move |error| {
        Failure::new(
            Cause::Guest,
            format!("{what} the guest at its socket: {error}"),
        )
    }
}

/// The address in the guest's line. The engine may log lines of its own before it.
fn wait_for_address(printed: File) -> Result<String, Failure> {
    let mut lines = BufReader::new(printed).lines();
    let address =
        lines.find_map(|line| line.ok()?.strip_prefix("listening on ").map(str::to_owned));
    address.ok_or_else(|| Failure::new(Cause::Guest, "the guest ended without listening"))
}

fn request(call: &Call) -> Result<Vec<u8>, Failure> {
    let Call::Http {
        method,
        target,
        headers,
        body_hex,
        keeps_headers: _,
    } = call
    else {
        return Err(Failure::new(
            Cause::Harness,
            "a command takes no request over a socket",
        ));
    };
    let body =
        hex::decode(body_hex).map_err(|error| Failure::new(Cause::Harness, error.to_string()))?;
    let mut request = format!("{method} {target} HTTP/1.1\r\n");
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        request.push_str("Host: localhost\r\n");
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut request = format!("{request}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    request.extend(body);
    Ok(request)
}

/// What an answer says before its body.
struct Head {
    code: i64,
    /// Of the body.
    length: u64,
    headers: Vec<(String, String)>,
}

/// One HTTP/1.1 answer with a Content-Length, as the guest gives it. One that is longer than what is
/// kept is refused before it is read, in the words of every engine.
fn read_answer(
    reader: &mut impl std::io::BufRead,
    keeps_headers: bool,
) -> Result<Answered, Failure> {
    let incomplete = failed("no complete answer from");
    let Head {
        code,
        length,
        headers,
    } = read_head(reader, keeps_headers).map_err(&incomplete)?;
    if length > OUTPUT_BYTES as u64 {
        return Err(Failure::new(Cause::OutputLimit, too_much("answered")));
    }
    let mut body = Vec::new();
    let read = reader.take(length).read_to_end(&mut body);
    if read.map_err(&incomplete)? as u64 != length {
        return Err(incomplete(std::io::Error::other(
            "it broke off in its body",
        )));
    }
    Ok(Answered {
        code,
        body_hex: hex::encode(body),
        headers,
    })
}

fn read_head(reader: &mut impl std::io::BufRead, keeps_headers: bool) -> std::io::Result<Head> {
    let wrong = |what: &str| std::io::Error::other(what.to_owned());
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let code = line
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| wrong("it has no status line"))?;
    let (mut length, mut headers) = (None, Vec::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(wrong("it broke off in its head"));
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().ok();
                }
                if keeps_headers {
                    headers.push((name.to_owned(), value.trim().to_owned()));
                }
            }
            None => break,
        }
    }
    Ok(Head {
        code,
        length: length.ok_or_else(|| wrong("it does not give its length"))?,
        headers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Answered, Failure> {
        read_answer(&mut text.as_bytes(), false)
    }

    #[test]
    fn two_answers_on_one_connection_are_separated() {
        let mut both = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\nabHTTP/1.1 404 Not \
            Found\r\ncontent-length:0\r\n\r\n"
            .as_bytes();
        assert_eq!(
            read_answer(&mut both, true).unwrap(),
            Answered {
                code: 200,
                body_hex: "6162".to_owned(),
                headers: [("Content-Length", "2"), ("X", "y")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .to_vec()
            }
        );
        assert_eq!(
            read_answer(&mut both, false).unwrap(),
            Answered {
                code: 404,
                body_hex: String::new(),
                headers: Vec::new()
            }
        );
    }

    #[test]
    fn an_answer_that_breaks_off_anywhere_is_none() {
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        for cut in 0..whole.len() {
            assert!(parsed(&whole[..cut]).is_err(), "{cut}");
        }
        assert!(parsed(whole).is_ok());
        assert!(
            parsed("HTTP/1.1 200 OK\r\n\r\nabc").is_err(),
            "without a length its end is not known"
        );
    }

    #[test]
    fn more_than_is_kept_is_refused_in_the_words_of_every_engine() {
        let too_long = |length: u64| {
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            parsed(&text).unwrap_err()
        };
        let refused = Failure::new(Cause::OutputLimit, too_much("answered"));
        let most = OUTPUT_BYTES as u64;
        assert_eq!(too_long(most + 1), refused);
        assert_eq!(too_long(99_999_999_999), refused);
        // As much as is kept is waited for.
        assert_eq!(too_long(most).cause, Cause::Guest);
    }

    #[test]
    fn a_request_carries_any_bytes() {
        let call = Call::Http {
            method: "POST".to_owned(),
            target: "/echo".to_owned(),
            headers: vec![("X-A".to_owned(), "b".to_owned())],
            body_hex: "00ff".to_owned(),
            keeps_headers: false,
        };
        let bytes = request(&call).unwrap();
        assert!(bytes.starts_with(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n"));
        assert!(bytes.ends_with(b"Content-Length: 2\r\n\r\n\x00\xff"));
        assert!(request(&Call::Run(vec![])).is_err());
    }
}
