//! The service: connections over TCP, each with its state of HTTP.

use alloc::vec;
use alloc::vec::Vec;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::IpCidr;
use workload_core::Counter;
use workload_core::http1::Connection;

use crate::clock::Clock;
use crate::command_line::CommandLine;
use crate::device::Device;
use crate::serial::{self, Milestone};

static COUNTER: Counter = Counter::new();

/// Sockets that wait for a connection: as many can come at once.
const WAITING: usize = 16;

/// The most connections at a time.
const MOST: usize = 256;

/// What the kernel would call the buffers of a socket.
const BUFFER: usize = 16 * 1024;

/// A socket, and the client at its other end if there is one.
struct Slot {
    socket: SocketHandle,
    client: Option<Connection<'static>>,
}

/// Serves until the machine ends.
pub fn serve(line: &CommandLine) -> ! {
    let clock = Clock::new(line.tsc_khz);
    let mut device = Device::find(line);
    serial::milestone(Milestone::Device);

    let config = Config::new(device.address().into());
    let mut interface = Interface::new(config, &mut device, clock.now());
    interface.update_ip_addrs(|addresses| {
        // There is room for one.
        let _ = addresses.push(IpCidr::Ipv4(line.address));
    });
    if let Some(gateway) = line.gateway {
        let _ = interface.routes_mut().add_default_ipv4_route(gateway);
    }
    let mut sockets = SocketSet::new(Vec::new());
    let mut slots = vec![listen(&mut sockets, line.port)];
    serial::milestone(Milestone::Listening);

    let mut first = First::default();
    loop {
        interface.poll(clock.now(), &mut device, &mut sockets);
        let mut waiting = 0;
        for slot in &mut slots {
            let socket = sockets.get_mut::<Socket<'_>>(slot.socket);
            advance(socket, &mut slot.client, &mut first, line.port);
            waiting += usize::from(socket.state() == State::Listen);
        }
        // One in each round: a client that is there already does not wait for what others may need.
        if waiting < WAITING && slots.len() < MOST {
            slots.push(listen(&mut sockets, line.port));
        }
    }
}

/// A socket that waits for a connection.
fn listen(sockets: &mut SocketSet<'_>, port: u16) -> Slot {
    let buffer = || SocketBuffer::new(vec![0; BUFFER]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.set_nagle_enabled(false);
    socket.set_ack_delay(None);
    socket.listen(port).expect("the port cannot be listened on");
    Slot {
        socket: sockets.add(socket),
        client: None,
    }
}

/// Which milestones of the first connection were told.
#[derive(Default)]
struct First {
    accepted: bool,
    answered: bool,
}

impl First {
    fn tell(told: &mut bool, milestone: Milestone) {
        if !*told {
            *told = true;
            serial::milestone(milestone);
        }
    }
}

/// Goes as far with one connection as what has come allows.
fn advance(
    socket: &mut Socket<'_>,
    client: &mut Option<Connection<'static>>,
    first: &mut First,
    port: u16,
) {
    match socket.state() {
        State::Listen | State::SynReceived => return,
        // Nothing of it is left to be said: the socket waits for the next one.
        State::Closed | State::TimeWait => {
            *client = None;
            socket.abort();
            // It was open, so the port is one.
            let _ = socket.listen(port);
            return;
        }
        _ => {}
    }
    let client = client.get_or_insert_with(|| {
        First::tell(&mut first.accepted, Milestone::Accepted);
        Connection::new(&COUNTER)
    });
    while client.wants_input() && socket.can_recv() {
        // It can.
        let _ = socket.recv(|bytes| {
            client.receive(bytes);
            (bytes.len(), ())
        });
    }
    if client.wants_input() && !socket.may_recv() {
        client.receive_end();
    }
    while !client.unsent().is_empty() && socket.can_send() {
        match socket.send_slice(client.unsent()) {
            Ok(0) | Err(_) => break,
            Ok(sent) => {
                if client.sent(sent) {
                    First::tell(&mut first.answered, Milestone::Answered);
                }
            }
        }
    }
    if client.is_finished() {
        // What is in its buffer is sent before.
        socket.close();
    }
}
