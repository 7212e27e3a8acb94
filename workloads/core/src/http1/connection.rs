use alloc::format;
use alloc::vec::Vec;
use core::mem;

use super::head::{self, Head, MAX_HEAD_BYTES, Persistence, Refusal};
use crate::{Counter, answer};

/// Room for an answer that an idle connection keeps.
const KEPT_BYTES: usize = 16 * 1024;

/// One client of the service: takes the bytes that arrived, gives the bytes to send.
///
/// It holds one request and one answer at a time. While an answer waits to be sent it wants no
/// input, so a client that sends and never reads makes nothing grow.
#[derive(Debug)]
pub struct Connection<'service> {
    counter: &'service Counter,
    /// Arrived and not yet used.
    input: Vec<u8>,
    /// How much of `input` was already searched for the end of a line.
    searched: usize,
    output: Vec<u8>,
    /// How much of `output` was sent.
    sent: usize,
    phase: Phase,
    /// Whether `output` ends with the end of an answer; an interim `100 Continue` is none.
    answering: bool,
    input_ended: bool,
}

#[derive(Debug)]
enum Phase {
    /// Between requests, or within a head.
    Head,
    /// Within the body of this request.
    Body(Head),
    /// The last answer was given.
    Closing,
}

impl<'service> Connection<'service> {
    /// A client that just came.
    pub const fn new(counter: &'service Counter) -> Self {
        Self {
            counter,
            input: Vec::new(),
            searched: 0,
            output: Vec::new(),
            sent: 0,
            phase: Phase::Head,
            answering: false,
            input_ended: false,
        }
    }

    /// Takes bytes that arrived. After the last answer they are thrown away.
    pub fn receive(&mut self, bytes: &[u8]) {
        if !matches!(self.phase, Phase::Closing) {
            self.input.extend_from_slice(bytes);
            self.advance();
        }
    }

    /// The client will send no more. What it asked for completely is still answered.
    pub const fn receive_end(&mut self) {
        self.input_ended = true;
    }

    /// What is to be sent now. Whoever sent some of it says so with [`Self::sent`].
    pub fn unsent(&self) -> &[u8] {
        &self.output[self.sent..]
    }

    /// Takes note that the first `count` bytes of [`Self::unsent`] are sent; whether they were the
    /// end of an answer.
    pub fn sent(&mut self, count: usize) -> bool {
        self.sent += count;
        if self.sent < self.output.len() {
            return false;
        }
        self.output.clear();
        self.output.shrink_to(KEPT_BYTES);
        self.sent = 0;
        let answered = mem::take(&mut self.answering);
        self.advance();
        answered
    }

    /// Whether more input is of use now.
    pub const fn wants_input(&self) -> bool {
        self.output.is_empty() && !self.input_ended && !matches!(self.phase, Phase::Closing)
    }

    /// Whether nothing is left to send, nor will be.
    pub const fn is_finished(&self) -> bool {
        self.output.is_empty() && (self.input_ended || matches!(self.phase, Phase::Closing))
    }

    /// Goes as far as the input allows: at most to the next answer.
    fn advance(&mut self) {
        while self.output.is_empty() {
            let moved = match mem::replace(&mut self.phase, Phase::Head) {
                Phase::Head => self.read_head(),
                Phase::Body(head) => self.read_body(head),
                Phase::Closing => {
                    self.phase = Phase::Closing;
                    false
                }
            };
            if !moved {
                return;
            }
        }
    }

    /// Whether there was a whole head.
    fn read_head(&mut self) -> bool {
        match self.parse_head() {
            Ok(Some((head, length))) => {
                self.input.drain(..length);
                self.searched = 0;
                if head.expects_continue && self.input.len() < head.content_length {
                    self.output
                        .extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                self.phase = Phase::Body(head);
                true
            }
            Ok(None) => false,
            Err(refusal) => {
                self.write_answer(
                    refusal.status,
                    refusal.reason.as_bytes(),
                    Persistence::Close,
                    true,
                );
                true
            }
        }
    }

    fn parse_head(&mut self) -> Result<Option<(Head, usize)>, Refusal> {
        // Empty lines before a request are to be ignored (RFC 9112, 2.2); dropped, no number of
        // them costs anything.
        let empty = self
            .input
            .iter()
            .take_while(|&byte| matches!(byte, b'\r' | b'\n'))
            .count();
        self.input.drain(..empty);
        // Parsed anew for each line and not for each byte: a client that sends single bytes costs
        // no more than others.
        let found = self.input[self.searched..].contains(&b'\n');
        self.searched = self.input.len();
        if found {
            return head::parse(&self.input);
        }
        if self.input.len() >= MAX_HEAD_BYTES {
            Err(head::too_large())
        } else {
            Ok(None)
        }
    }

    /// Whether there was a whole body.
    fn read_body(&mut self, head: Head) -> bool {
        if self.input.len() < head.content_length {
            self.phase = Phase::Body(head);
            return false;
        }
        let rest = self.input.split_off(head.content_length);
        let body = mem::replace(&mut self.input, rest);
        let answer = answer(&head.method, &head.target, body, self.counter);
        // To HEAD belongs everything but the body, even if the answer is an error.
        self.write_answer(
            answer.status,
            &answer.body,
            head.persistence,
            head.method != "HEAD",
        );
        true
    }

    fn write_answer(
        &mut self,
        status: u16,
        body: &[u8],
        persistence: Persistence,
        with_body: bool,
    ) {
        let connection = match persistence {
            Persistence::Implied => "",
            Persistence::Announced => "Connection: keep-alive\r\n",
            Persistence::Close => "Connection: close\r\n",
        };
        let reason = reason_phrase(status);
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Length: {}\r\n{connection}\r\n",
            body.len()
        );
        self.output.extend_from_slice(head.as_bytes());
        if with_body {
            self.output.extend_from_slice(body);
        }
        self.answering = true;
        if persistence == Persistence::Close {
            self.phase = Phase::Closing;
            self.input = Vec::new();
        }
    }
}

/// The words of the statuses that this service gives; others may go without (RFC 9112, 4).
const fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
