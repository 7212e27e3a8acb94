//! The listener and its clients, around one poll.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use wasmedge_wasi_socket::poll::{EventType, Subscription, poll};
use wasmedge_wasi_socket::{TcpListener, TcpStream};
use workload_core::Counter;
use workload_core::http1::Connection;

use crate::client::{Client, Interest, Progress};

/// The most clients at once. Further ones wait in the listener's queue, which is not polled until
/// one of these leaves.
const MAX_CLIENTS: usize = 128;

/// How much is read from a client at once.
const READ_BYTES: usize = 16 * 1024;

/// How an event tells that it is the listener's. Those of clients tell the client's place.
const LISTENER: u64 = u64::MAX;

static COUNTER: Counter = Counter::new();

/// A listening service.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    /// Places stay where they are as long as events name them.
    clients: Vec<Option<Client>>,
    buffer: Vec<u8>,
}

impl Server {
    /// Listens on `address`.
    ///
    /// # Errors
    /// That of the socket.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address, true)?;
        // Only the port: WasmEdge 0.17.1 says 0.0.0.0 of a socket bound to 127.0.0.1. An IP is
        // bound as asked.
        let address = SocketAddr::new(address.ip(), listener.local_addr()?.port());
        Ok(Self {
            listener,
            address,
            clients: Vec::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// The address it listens on, with the port that the system chose where 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until something can be done and does it. How many answers were completed.
    ///
    /// # Errors
    /// That of the listener or the poll. A client's own errors end that client only.
    pub fn turn(&mut self) -> io::Result<u64> {
        if !self.has_room() {
            // Those who were answered and do not go make room for those who were not.
            for place in &mut self.clients {
                place.take_if(|client| client.is_leaving());
            }
        }
        let events = match poll(&self.subscriptions()) {
            Ok(events) => events,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut answers = 0;
        for event in events {
            if event.userdata == LISTENER {
                match event.event_type {
                    EventType::Error(error) => return Err(error),
                    EventType::Read | EventType::Write | EventType::Timeout => self.accept()?,
                }
                continue;
            }
            let place = usize::try_from(event.userdata)
                .ok()
                .and_then(|place| self.clients.get_mut(place));
            let Some(place @ Some(_)) = place else {
                continue;
            };
            let failed = matches!(event.event_type, EventType::Error(_));
            let progress = place
                .as_mut()
                .map(|client| client.proceed(&mut self.buffer, &mut answers));
            if failed || !matches!(progress, Some(Ok(Progress::Waiting))) {
                *place = None;
            }
        }
        Ok(answers)
    }

    fn has_room(&self) -> bool {
        self.clients.iter().flatten().count() < MAX_CLIENTS
    }

    fn subscriptions(&self) -> Vec<Subscription> {
        let clients = self
            .clients
            .iter()
            .enumerate()
            .filter_map(|(place, client)| {
                let client = client.as_ref()?;
                let interest = client.interest();
                let (read, write) = (interest == Interest::Read, interest == Interest::Write);
                Some(Subscription::io(
                    place as u64,
                    client.stream(),
                    read,
                    write,
                    None,
                ))
            });
        let listener = self
            .has_room()
            .then(|| Subscription::io(LISTENER, &self.listener, true, false, None));
        listener.into_iter().chain(clients).collect()
    }

    /// Takes in all who wait, as long as there is room.
    fn accept(&mut self) -> io::Result<()> {
        while self.has_room() {
            // Not `TcpListener::accept`, which fails for a client that is gone already.
            let socket = match self.listener.as_ref().accept(true) {
                Ok(socket) => socket,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(()),
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => continue,
                    _ => return Err(error),
                },
            };
            let client = Some(Client::new(
                TcpStream::new(socket),
                Connection::new(&COUNTER),
            ));
            match self.clients.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = client,
                None => self.clients.push(client),
            }
        }
        Ok(())
    }
}
