//! What the observer of a start is notified of, in any order: calls of a process, and openings of its artifact.
//! Three bytes each: what it is and how its instant is scaled, and that. The first two are launch and end.
//!
//! A notification carries no path, and none is read out of the process: an opening is inotify's, of the one file
//! that is watched.
#![no_main]

use external::fuzzing;
use external::observe::Milestones;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut instants = bytes.chunks_exact(3).map(|it| {
        let ns = u64::from(u16::from_be_bytes([it[1], it[2]])) << (it[0] >> 4) * 3;
        (it[0] & 7, ns)
    });
    let (Some((_, launched_ns)), Some((_, ended_ns))) = (instants.next(), instants.next()) else {
        return;
    };
    let mut seen = Milestones {
        launched_ns,
        ..Milestones::default()
    };
    for (kind, ns) in instants {
        let port = ns as u16;
        match kind {
            0 => _ = seen.exec_ns.get_or_insert(ns),
            1 if seen.opened_ns.len() < Milestones::MAX_OPENED => seen.opened_ns.push(ns),
            2 => _ = seen.listening_ns.get_or_insert(ns),
            3 => _ = seen.accepted_ns.get_or_insert(ns),
            4 => seen.listened_ports.push(port),
            5 => seen.expected_port = Some(port),
            6 => seen.error = Some(format!("error {port}")),
            _ => {}
        }
    }
    fuzzing::start(&seen, ended_ns);
});
