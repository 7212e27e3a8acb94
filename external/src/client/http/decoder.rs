//! Answers as they come over a connection, one after another, without keeping any of them.

use httparse::{EMPTY_HEADER, Status};
use workloads::Request;

/// The longest head of an answer that is taken.
const MAX_HEAD: usize = 64 * 1024;

/// The most headers of an answer that are taken.
const MAX_HEADERS: usize = 128;

/// The longest line with the size of a chunk that is taken.
const MAX_CHUNK_LINE: usize = 1024;

/// Who takes an answer in.
pub(in crate::client) trait Sink {
    /// Its head, and the bytes of it, which [`headers`] reads.
    ///
    /// # Errors
    /// Why the answer is not taken.
    fn head(&mut self, head: Head, bytes: &[u8]) -> Result<(), String>;

    /// The next bytes of its body.
    ///
    /// # Errors
    /// Why the answer is not taken.
    fn body(&mut self, bytes: &[u8]) -> Result<(), String>;
}

/// What the head of an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) struct Head {
    pub(in crate::client) status: u16,
    ends: Ends,
    /// Whether the connection takes another request after it.
    keeps: bool,
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    After(usize),
    WithLastChunk,
    WithConnection,
}

impl Head {
    /// How long the body is, if the head says so.
    pub(in crate::client) const fn length(self) -> Option<usize> {
        match self.ends {
            Ends::After(length) => Some(length),
            Ends::WithLastChunk | Ends::WithConnection => None,
        }
    }
}

/// An answer is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) struct End {
    /// Whether the connection takes another request: not if the server says that it closes it, or has sent
    /// something that nobody asked for.
    pub(in crate::client) keeps: bool,
}

/// Where in an answer the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    /// To a body with so many bytes left.
    Counted(usize),
    ChunkSize,
    /// To a chunk of this size, with so many bytes left.
    Chunk {
        size: usize,
        left: usize,
    },
    /// To the end of the line after a chunk of this size.
    ChunkEnd {
        size: usize,
    },
    Trailers,
    UntilClosed,
    Over,
}

/// Reads the answers that come over a connection.
#[derive(Debug)]
pub(in crate::client) struct Decoder {
    state: State,
    /// Whether answers have no body, whatever their heads say.
    is_bodiless: bool,
    keeps: bool,
    /// What has come of a head, a line or trailers that is not whole yet.
    pending: Vec<u8>,
    /// The last head, which the next one mostly is to the byte, and what it says.
    last: Option<(Vec<u8>, Head)>,
}

impl Decoder {
    /// Of answers to a request.
    pub(in crate::client) fn new(request: &Request) -> Self {
        let mut decoder = Self {
            state: State::Head,
            is_bodiless: false,
            keeps: false,
            pending: Vec::new(),
            last: None,
        };
        decoder.begin(request);
        decoder
    }

    /// The next answer is to this request.
    pub(in crate::client) fn begin(&mut self, request: &Request) {
        let is_bodiless = request.method == "HEAD";
        if is_bodiless != self.is_bodiless {
            self.last = None;
        }
        self.is_bodiless = is_bodiless;
        self.state = State::Head;
        self.pending.clear();
    }

    /// Takes the next piece; the end of the answer, once it is complete.
    ///
    /// # Errors
    /// What is wrong with the answer, or why it is not taken.
    pub(in crate::client) fn take(
        &mut self,
        piece: &[u8],
        sink: &mut impl Sink,
    ) -> Result<Option<End>, String> {
        let mut rest = piece;
        while self.state != State::Over {
            let Some(next) = self.step(&mut rest, sink)? else {
                return Ok(None);
            };
            self.state = next;
        }
        let keeps = self.keeps && rest.is_empty();
        Ok(Some(End { keeps }))
    }

    /// Whether the answer is complete if the connection is closed now.
    pub(in crate::client) fn is_complete_when_closed(&self) -> bool {
        self.state == State::UntilClosed
    }

    /// What follows in the answer, after what has come of it; nothing if that ends within what it is.
    fn step(&mut self, rest: &mut &[u8], sink: &mut impl Sink) -> Result<Option<State>, String> {
        match self.state {
            State::Head => self.head(rest, sink),
            State::Counted(left) => {
                let left = body(left, rest, sink)?;
                self.state = State::Counted(left);
                Ok((left == 0).then_some(State::Over))
            }
            State::ChunkSize => {
                let size =
                    self.parsed(rest, MAX_CHUNK_LINE, "a chunk without a size", chunk_size)?;
                Ok(size.map(|size| match size {
                    0 => State::Trailers,
                    size => State::Chunk { size, left: size },
                }))
            }
            State::Chunk { size, left } => {
                let left = body(left, rest, sink)?;
                self.state = State::Chunk { size, left };
                Ok((left == 0).then_some(State::ChunkEnd { size }))
            }
            State::ChunkEnd { size } => {
                let ended = self.parsed(rest, 2, "a chunk without an end", |bytes| {
                    line_end(bytes, size)
                })?;
                Ok(ended.map(|()| State::ChunkSize))
            }
            State::Trailers => {
                let ended = self.parsed(rest, MAX_HEAD, "trailers without an end", trailers)?;
                Ok(ended.map(|()| State::Over))
            }
            State::UntilClosed => {
                body(usize::MAX, rest, sink)?;
                Ok(None)
            }
            State::Over => Ok(Some(State::Over)),
        }
    }

    /// The head. Those that only announce another one are dropped.
    fn head(&mut self, rest: &mut &[u8], sink: &mut impl Sink) -> Result<Option<State>, String> {
        let known = self.last.as_ref().filter(|_| self.pending.is_empty());
        let head = if let Some((bytes, head)) = known
            && let Some(after) = rest.strip_prefix(&bytes[..])
        {
            sink.head(*head, bytes)?;
            *rest = after;
            *head
        } else {
            let is_bodiless = self.is_bodiless;
            let mut last = self.last.take().map_or_else(Vec::new, |(bytes, _)| bytes);
            let too_long = format!("the head is longer than {MAX_HEAD} bytes");
            let parsed = self.parsed(rest, MAX_HEAD, &too_long, |bytes| {
                let Some((length, head)) = parse_head(bytes, is_bodiless)? else {
                    return Ok(None);
                };
                last.clear();
                last.extend_from_slice(&bytes[..length]);
                Ok(Some((length, head)))
            })?;
            let Some(head) = parsed else {
                return Ok(None);
            };
            if (100..200).contains(&head.status) {
                return Ok(Some(State::Head));
            }
            sink.head(head, &last)?;
            self.last = Some((last, head));
            head
        };
        self.keeps = head.keeps;
        Ok(Some(match head.ends {
            Ends::After(length) => State::Counted(length),
            Ends::WithLastChunk => State::ChunkSize,
            Ends::WithConnection => State::UntilClosed,
        }))
    }

    /// Parses what begins with what has come before and not been used. `parse` gives the number of bytes
    /// that it has used with what they say, or nothing where that is not whole.
    fn parsed<T>(
        &mut self,
        rest: &mut &[u8],
        most: usize,
        too_long: &str,
        parse: impl FnOnce(&[u8]) -> Result<Option<(usize, T)>, String>,
    ) -> Result<Option<T>, String> {
        let before = self.pending.len();
        if before > 0 {
            self.pending.extend_from_slice(rest);
        }
        let all = if before > 0 { &self.pending[..] } else { *rest };
        let parsed = parse(all)?;
        // However it comes: in one piece it could be whole at once.
        if parsed.as_ref().map_or(all.len(), |(used, _)| *used) > most {
            return Err(too_long.to_owned());
        }
        if let Some((used, found)) = parsed {
            *rest = &rest[used - before..];
            self.pending.clear();
            return Ok(Some(found));
        }
        if before == 0 {
            self.pending.extend_from_slice(rest);
        }
        *rest = &[];
        Ok(None)
    }
}

/// Hands on the bytes of a body of which so many are left; how many are left then.
fn body(left: usize, rest: &mut &[u8], sink: &mut impl Sink) -> Result<usize, String> {
    let (now, later) = rest.split_at(rest.len().min(left));
    if !now.is_empty() {
        sink.body(now)?;
    }
    *rest = later;
    Ok(left - now.len())
}

/// The head at the beginning of what has come, and its length; nothing if it is not complete.
fn parse_head(received: &[u8], is_bodiless: bool) -> Result<Option<(usize, Head)>, String> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(received) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(malformed(error, received)),
    };
    let status = response
        .code
        .filter(|status| (100..600).contains(status))
        .ok_or_else(|| malformed(httparse::Error::Status, received))?;
    let mut ends = Ends::WithConnection;
    let mut keeps = response.version == Some(1);
    for header in response.headers {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("transfer-encoding") && last_of(header.value).eq_ignore_ascii_case(b"chunked") {
            ends = Ends::WithLastChunk;
        } else if is("content-length") && ends == Ends::WithConnection {
            ends = Ends::After(parse_length(header.value.trim_ascii())?);
        } else if is("connection") {
            let says = |word: &[u8]| {
                let mut all = header.value.split(|byte| *byte == b',');
                all.any(|it| it.trim_ascii().eq_ignore_ascii_case(word))
            };
            keeps = (keeps || says(b"keep-alive")) && !says(b"close");
        }
    }
    if is_bodiless || matches!(status, 204 | 304) {
        ends = Ends::After(0);
    }
    let keeps = keeps && ends != Ends::WithConnection;
    Ok(Some((
        length,
        Head {
            status,
            ends,
            keeps,
        },
    )))
}

/// The last of the words between commas.
fn last_of(value: &[u8]) -> &[u8] {
    let last = value.rsplit(|byte| *byte == b',').next();
    last.unwrap_or_default().trim_ascii()
}

/// The headers of a head that was parsed before: read once the answer is complete, and dated.
pub(in crate::client) fn headers(head: &[u8]) -> Vec<(String, String)> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    if response.parse(head).is_err() {
        return Vec::new();
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = response.headers.iter();
    headers
        .map(|header| (header.name.to_owned(), text(header.value.trim_ascii())))
        .collect()
}

fn parse_length(value: &[u8]) -> Result<usize, String> {
    let text = String::from_utf8_lossy(value);
    text.parse()
        .map_err(|_| format!("a content-length that is no number: {text:?}"))
}

fn malformed(error: httparse::Error, received: &[u8]) -> String {
    let first = received.split(|byte| *byte == b'\r').next();
    let first = String::from_utf8_lossy(first.unwrap_or_default());
    let first: String = first.chars().take(60).collect();
    match error {
        httparse::Error::Version | httparse::Error::Status | httparse::Error::Token => {
            format!("the answer does not begin as HTTP/1.1 does: {first:?}")
        }
        error => format!("the head of the answer is malformed: {error}"),
    }
}

/// The size of a chunk.
fn chunk_size(bytes: &[u8]) -> Result<Option<(usize, usize)>, String> {
    match httparse::parse_chunk_size(bytes) {
        Ok(Status::Complete((used, size))) => match usize::try_from(size) {
            Ok(size) if isize::try_from(size).is_ok() => Ok(Some((used, size))),
            _ => Err(format!("a chunk of the size {size}")),
        },
        Ok(Status::Partial) => Ok(None),
        Err(_) => {
            let line = bytes
                .split(|byte| *byte == b'\r')
                .next()
                .unwrap_or_default();
            let line = String::from_utf8_lossy(&line[..line.len().min(60)]);
            Err(format!("a chunk of the size {line:?}"))
        }
    }
}

/// The end of the line after a chunk of that size.
fn line_end(bytes: &[u8], size: usize) -> Result<Option<(usize, ())>, String> {
    let end = b"\r\n";
    let come = &bytes[..bytes.len().min(end.len())];
    if !end.starts_with(come) {
        return Err(format!("a chunk longer than the {size} bytes it says"));
    }
    Ok((come.len() == end.len()).then_some((end.len(), ())))
}

/// What follows the last chunk: trailers, if any, and an empty line.
fn trailers(bytes: &[u8]) -> Result<Option<(usize, ())>, String> {
    let mut trailers = [EMPTY_HEADER; MAX_HEADERS];
    match httparse::parse_headers(bytes, &mut trailers) {
        Ok(Status::Complete((used, _))) => Ok(Some((used, ()))),
        Ok(Status::Partial) => Ok(None),
        Err(error) => Err(format!("a trailer of the answer is malformed: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Taken {
        status: u16,
        head: Vec<u8>,
        body: Vec<u8>,
    }

    impl Sink for Taken {
        fn head(&mut self, head: Head, bytes: &[u8]) -> Result<(), String> {
            (self.status, self.head) = (head.status, bytes.to_vec());
            Ok(())
        }

        fn body(&mut self, bytes: &[u8]) -> Result<(), String> {
            self.body.extend_from_slice(bytes);
            Ok(())
        }
    }

    /// The answers that one decoder finds in these pieces, each answer in pieces of its own.
    fn decoded(request: &Request, answers: &[&str]) -> Vec<(u16, String, bool)> {
        let mut decoder = Decoder::new(request);
        let mut found = Vec::new();
        for answer in answers {
            decoder.begin(request);
            let mut taken = Taken::default();
            let end = decoder.take(answer.as_bytes(), &mut taken).unwrap();
            let body = String::from_utf8(taken.body).unwrap();
            found.push((taken.status, body, end.unwrap().keeps));
        }
        found
    }

    #[test]
    fn a_head_that_is_the_last_one_again_says_the_same() {
        let (one, two) = (
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n",
            "HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n",
        );
        let answers = [
            &format!("{one}abc"),
            &format!("{one}xyz"),
            two,
            &format!("{one}abc"),
        ];
        let ok = |body: &str| (200, body.to_owned(), true);
        assert_eq!(
            decoded(&Request::get("/"), &answers),
            [ok("abc"), ok("xyz"), (404, String::new(), true), ok("abc")]
        );
    }

    #[test]
    fn it_is_known_whether_the_connection_takes_another_request() {
        for (answer, keeps) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na", true),
            (
                "HTTP/1.1 200 OK\r\nConnection: x, Close\r\ncontent-length: 1\r\n\r\na",
                false,
            ),
            ("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na", false),
            (
                "HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\na",
                true,
            ),
            // More than was asked for.
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 200 OK\r\n",
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
                true,
            ),
        ] {
            assert_eq!(
                decoded(&Request::get("/"), &[answer]),
                [(200, "a".to_owned(), keeps)],
                "{answer}"
            );
        }
    }

    #[test]
    fn an_answer_to_a_head_request_has_no_body() {
        let head = Request {
            method: "HEAD".into(),
            ..Request::get("/")
        };
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
        assert_eq!(
            decoded(&head, &[answer, answer]),
            vec![(200, String::new(), true); 2]
        );
        let answer = "HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(
            decoded(&Request::get("/"), &[answer]),
            [(304, String::new(), true)]
        );
    }

    #[test]
    fn what_is_too_long_is_refused_however_it_comes() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let fill = |n: usize| "x".repeat(n);
        for (answer, is_taken) in [
            (
                format!("{chunked}1;{}\r\na\r\n0\r\n\r\n", fill(MAX_CHUNK_LINE - 4)),
                true,
            ),
            (
                format!("{chunked}1;{}\r\na\r\n0\r\n\r\n", fill(MAX_CHUNK_LINE - 3)),
                false,
            ),
            (
                format!("{chunked}0\r\na: {}\r\n\r\n", fill(MAX_HEAD - 7)),
                true,
            ),
            (
                format!("{chunked}0\r\na: {}\r\n\r\n", fill(MAX_HEAD - 6)),
                false,
            ),
            (
                format!("HTTP/1.1 204 No\r\na: {}\r\n\r\n", fill(MAX_HEAD - 24)),
                true,
            ),
            (
                format!("HTTP/1.1 204 No\r\na: {}\r\n\r\n", fill(MAX_HEAD - 23)),
                false,
            ),
        ] {
            let answer = answer.as_bytes();
            let bytes: Vec<_> = (0..answer.len()).step_by(97).collect();
            let (whole, pieces) = (in_pieces(answer, &[]).0, in_pieces(answer, &bytes).0);
            assert_eq!(whole, pieces, "{} bytes", answer.len());
            assert_eq!(
                whole == Ok(true),
                is_taken,
                "{whole:?}, {} bytes",
                answer.len()
            );
        }
    }

    proptest! {
        /// It does not matter where an answer is cut: neither to what is taken, nor to what is refused.
        #[test]
        fn pieces_are_as_good_as_the_whole(
            chunks in prop::collection::vec("[a-z]{1,40}", 0..6),
            trailer in prop::option::of("[a-z]{1,9}: [a-z]{0,9}"),
            damage in prop::option::of((0_usize..200, any::<u8>())),
            cuts in prop::collection::vec(0_usize..400, 0..12),
        ) {
            let mut answer = String::from("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            for chunk in &chunks {
                answer += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
            }
            answer += "0\r\n";
            answer += &trailer.map_or_else(String::new, |it| it + "\r\n");
            answer += "\r\n";
            let mut answer = answer.into_bytes();
            if let Some((at, byte)) = damage {
                let at = at % answer.len();
                answer[at] = byte;
            }
            let whole = in_pieces(&answer, &[]);
            prop_assert_eq!(in_pieces(&answer, &cuts).0.is_err(), whole.0.is_err());
            if whole.0.is_ok() {
                prop_assert_eq!(in_pieces(&answer, &cuts), whole);
            }
            if damage.is_none() {
                prop_assert_eq!(whole_body(&answer), chunks.concat().into_bytes());
            }
        }
    }

    fn whole_body(answer: &[u8]) -> Vec<u8> {
        in_pieces(answer, &[]).1.body
    }

    /// Whether the answer is complete, or what is wrong with it, and what was taken; cut at these places.
    fn in_pieces(answer: &[u8], cuts: &[usize]) -> (Result<bool, String>, Taken) {
        let mut cuts: Vec<usize> = cuts.iter().map(|at| at % (answer.len() + 1)).collect();
        cuts.extend([0, answer.len()]);
        cuts.sort_unstable();
        let mut decoder = Decoder::new(&Request::get("/"));
        let mut taken = Taken::default();
        for cut in cuts.windows(2) {
            match decoder.take(&answer[cut[0]..cut[1]], &mut taken) {
                Ok(Some(_)) => return (Ok(true), taken),
                Ok(None) => {}
                Err(error) => return (Err(error), taken),
            }
        }
        (Ok(false), taken)
    }
}
