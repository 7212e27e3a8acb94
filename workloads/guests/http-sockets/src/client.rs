//! One client: its socket, and where its conversation stands.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;

use wasmedge_wasi_socket::TcpStream;
use workload_core::http1::Connection;

/// How much a client may still send after the last answer. Past it the connection is cut.
const MAX_DISCARDED: usize = 4 * 1024 * 1024;

/// A connected client.
pub struct Client {
    stream: TcpStream,
    connection: Connection<'static>,
    end: End,
}

/// How far a conversation is from its end.
enum End {
    /// Neither side has ended it.
    Open,
    /// The client will send no more.
    Ours,
    /// All is answered and the client told so; what it still sends is read and thrown away, so many
    /// bytes by now. Closing a socket with unread input would reset the connection, and the client
    /// might lose the answer.
    Theirs(usize),
}

/// What a client waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// To be read from.
    Read,
    /// To be written to.
    Write,
}

impl Client {
    /// A client that was just accepted, on a non-blocking socket.
    pub const fn new(stream: TcpStream, connection: Connection<'static>) -> Self {
        Self {
            stream,
            connection,
            end: End::Open,
        }
    }

    /// Its socket.
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// What is to be polled for.
    pub fn interest(&self) -> Interest {
        if self.connection.unsent().is_empty() {
            Interest::Read
        } else {
            Interest::Write
        }
    }

    /// Whether it was given everything, and is only kept until it closes its side.
    pub const fn is_leaving(&self) -> bool {
        matches!(self.end, End::Theirs(_))
    }

    /// Does what can be done without waiting, after the socket was found ready: at most one read
    /// and one answer, so that a client that asks for much at once takes turns with the others.
    /// Completed answers are added to `answers`.
    ///
    /// # Errors
    /// That of the socket: the client broke the connection off.
    pub fn proceed(&mut self, buffer: &mut [u8], answers: &mut u64) -> io::Result<Progress> {
        if self.interest() == Interest::Read && !self.read(buffer)? {
            return Ok(Progress::Waiting);
        }
        while !self.connection.unsent().is_empty() {
            match self.stream.write(self.connection.unsent()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) if self.connection.sent(count) => {
                    *answers += 1;
                    break;
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Progress::Waiting);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if !self.connection.is_finished() {
            return Ok(Progress::Waiting);
        }
        match self.end {
            End::Open => {
                self.stream.shutdown(Shutdown::Write)?;
                self.end = End::Theirs(0);
                Ok(Progress::Waiting)
            }
            End::Theirs(discarded) if discarded <= MAX_DISCARDED => Ok(Progress::Waiting),
            End::Theirs(_) | End::Ours => Ok(Progress::Done),
        }
    }

    /// Whether anything was there to be read, be it the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        match self.stream.read(buffer) {
            Ok(0) => {
                self.connection.receive_end();
                self.end = End::Ours;
                Ok(true)
            }
            Ok(count) => {
                if let End::Theirs(discarded) = &mut self.end {
                    *discarded += count;
                }
                self.connection.receive(&buffer[..count]);
                Ok(true)
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether a client stays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It does.
    Waiting,
    /// It is done with.
    Done,
}
