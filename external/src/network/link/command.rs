//! `external link`: makes a link as the suite does, and measures it.

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use campaign::terminal::{print, say};
use campaign::{Error, Exit};
use clap::{Args, ValueEnum};
use machine::clock::now_ns;

use super::probe::quantile_ns;
use super::{Link, LinkedNamespace, Means, Probed, Wire};
use crate::process::reaper::Reaper;

/// The command line of `external link`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "One-way times are read of one clock at both ends, from before a packet is sent \
        until it was received: they contain what it takes to send, and to wake the receiver. With \
        a command, the link is there while it runs: `external link --delay 20ms -- ping -c 10 \
        {address}`."
)]
pub struct LinkArguments {
    /// How long each side holds a packet back, such as 10ms (repeatable, or with commas)
    #[arg(long, value_name = "MS", value_delimiter = ',', default_value = "0", value_parser = milliseconds)]
    delay: Vec<u32>,
    /// By how much a delay varies either way, such as 2ms
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    jitter: u32,
    /// What the link is made of: a veth pair (with a delay and without netem in the kernel, or with
    /// jitter, TUN devices), or TUN devices
    #[arg(long, value_enum, default_value = "veth")]
    wire: WireName,
    /// Packets each way, and round trips
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    packets: u32,
    /// Also send small packets as fast as possible for a second, and count what arrives
    #[arg(long)]
    flood: bool,
    /// A command that runs beside the other end of each link, in place of measuring: {address} in it
    /// is the far end's
    #[arg(last = true)]
    command: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WireName {
    Veth,
    Tun,
}

/// Whole milliseconds as people write them, with or without the unit; a delay is ten seconds at
/// most.
///
/// # Errors
/// It is none.
pub fn milliseconds(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix("ms").unwrap_or(text).trim();
    match number.parse() {
        Ok(ms) if ms <= 10_000 => Ok(ms),
        _ => Err("expected whole milliseconds, 10 s at most, such as 10ms".to_owned()),
    }
}

/// Makes each link, measures it and prints what was found.
///
/// # Errors
/// There can be no such link here, or it does not work.
pub fn command(arguments: &LinkArguments, reaper: &Reaper) -> Result<Exit, Error> {
    let wire = match arguments.wire {
        WireName::Veth => Wire::Veth,
        WireName::Tun => Wire::Tun,
    };
    if arguments
        .delay
        .iter()
        .any(|delay| *delay < arguments.jitter)
    {
        return Err(
            Error::new(Exit::Usage, "a delay varies by no more than itself")
                .hint("a larger --delay, or a smaller --jitter"),
        );
    }
    for &delay_ms in &arguments.delay {
        let link = Link {
            wire,
            delay_ms,
            jitter_ms: arguments.jitter,
            rate_mbit: None,
        };
        let made = LinkedNamespace::make(link, Some(reaper))?;
        if arguments.command.is_empty() {
            print(&measured(link, &made, arguments)?)?;
        } else {
            run(&arguments.command, &made)?;
        }
    }
    Ok(Exit::Ok)
}

/// Runs a person's command while the link is there.
fn run(words: &[String], made: &LinkedNamespace) -> Result<(), Error> {
    let address = made.address().to_string();
    let mut words = words.iter().map(|word| word.replace("{address}", &address));
    let program = words.next().unwrap_or_default();
    let ended = Command::new(&program)
        .args(words)
        .status()
        .map_err(|error| Error::new(Exit::Usage, format!("cannot run {program}: {error}")))?;
    if !ended.success() {
        say(&format!("{program} ended with {ended}"));
    }
    Ok(())
}

fn measured(
    link: Link,
    made: &LinkedNamespace,
    arguments: &LinkArguments,
) -> Result<String, Error> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(Exit::Internal, format!("the link does not work: {error}"))
    };
    let probed = made
        .probe(arguments.packets, Duration::from_millis(1))
        .map_err(|error| failed(&error))?;
    let trips = made
        .round_trips(arguments.packets.min(50))
        .map_err(|error| failed(&error))?;
    let mut text = format!("{}\n", title(link, made));
    text.push_str(&one_way("one way, out", &probed.out_ns, link));
    text.push_str(&one_way("one way, back", &probed.back_ns, link));
    text.push_str(&order(&probed, arguments.packets));
    for (name, times_ns) in [
        ("TCP connects", &trips.connects_ns),
        ("TCP echoes", &trips.echoes_ns),
    ] {
        text.push_str(&format!(
            "  {name:<14} median {}\n",
            shown(quantile_ns(times_ns, 0.5))
        ));
    }
    text.push_str(&format!(
        "  {:<14} {}\n",
        "TCP, kernel",
        shown(trips.kernel_ns)
    ));
    if arguments.flood {
        text.push_str(&flood(link, made).map_err(|error| failed(&error))?);
    }
    if let Some(passed) = made.passed().map_err(|error| failed(&error))? {
        text.push_str(&format!(
            "  {:<14} {} packets, {} dropped, at most {} late\n",
            "forwarder",
            passed.packets,
            passed.dropped,
            shown(passed.late_ns)
        ));
    }
    Ok(text)
}

/// What the link is, and what makes it.
fn title(link: Link, made: &LinkedNamespace) -> String {
    let jitter = match link.jitter_ms {
        0 => String::new(),
        jitter => format!(" ± {jitter} ms"),
    };
    let means = match made.means() {
        Means::Veth => "a veth pair".to_owned(),
        Means::Netem => "netem on a veth pair".to_owned(),
        Means::Tun => {
            let placed = made.placed();
            let core = placed.and_then(|placed| placed.core);
            let core = core.map_or_else(String::new, |core| format!(", on core {core}"));
            let first = if placed.is_some_and(|placed| placed.is_first) {
                "before ordinary threads"
            } else {
                "as an ordinary thread"
            };
            format!("a forwarder between TUN devices, {first}{core}")
        }
    };
    format!("{} ms{jitter} each way, by {means}", link.delay_ms)
}

/// One direction's times: the middle, how far that is from what was asked for, and the far end.
fn one_way(name: &str, times_ns: &[u64], link: Link) -> String {
    let median_ns = quantile_ns(times_ns, 0.5);
    let asked_ns = u64::from(link.delay_ms) * 1_000_000;
    format!(
        "  {name:<14} median {} ({:+.1} µs), shortest {}, p99 {}, longest {}\n",
        shown(median_ns),
        (median_ns as f64 - asked_ns as f64) / 1e3,
        shown(quantile_ns(times_ns, 0.0)),
        shown(quantile_ns(times_ns, 0.99)),
        shown(quantile_ns(times_ns, 1.0)),
    )
}

fn order(probed: &Probed, packets: u32) -> String {
    format!(
        "  {:<14} {} of {} packets overtaken, {} lost\n",
        "order",
        probed.overtaken,
        u64::from(packets) * 2,
        probed.lost
    )
}

fn shown(ns: u64) -> String {
    format!("{:.3} ms", ns as f64 / 1e6)
}

/// Small packets from the machine's end, as many as can be sent in a second.
fn flood(link: Link, made: &LinkedNamespace) -> std::io::Result<String> {
    let here = UdpSocket::bind((made.outside(), 0))?;
    let there = made.within(|| UdpSocket::bind((made.address(), 0)))??;
    here.connect(there.local_addr()?)?;
    // Longer than any delay: what is still on its way arrives.
    let wait = link.wait();
    there.set_read_timeout(Some(wait.delay + wait.jitter + Duration::from_secs(1)))?;
    let (sent, (arrived, took_ns)) = std::thread::scope(|scope| {
        let counting = scope.spawn(|| count(&there));
        let until_ns = now_ns() + 1_000_000_000;
        let mut sent = 0_u64;
        while now_ns() < until_ns {
            // A full queue is what is looked for.
            sent += u64::from(here.send(&[0; 64]).is_ok());
        }
        (sent, counting.join().unwrap_or_default())
    });
    let rate = arrived as f64 / (took_ns.max(1) as f64 / 1e9);
    Ok(format!(
        "  {:<14} {rate:.0} packets of 64 bytes a second ({arrived} of {sent} arrived)\n",
        "flood"
    ))
}

/// How many packets come until none comes any more, and how long it took from the first to the
/// last.
fn count(socket: &UdpSocket) -> (u64, u64) {
    let (mut arrived, mut first_ns, mut last_ns) = (0_u64, 0, 0);
    while socket.recv(&mut [0; 64]).is_ok() {
        last_ns = now_ns();
        if arrived == 0 {
            first_ns = last_ns;
        }
        arrived += 1;
    }
    (arrived, last_ns - first_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_whole_and_bounded() {
        assert_eq!(milliseconds("10ms"), Ok(10));
        assert_eq!(milliseconds("10"), Ok(10));
        for text in ["1.5ms", "fast", "", "-1", "10001"] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }
}
