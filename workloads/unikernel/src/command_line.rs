//! What the image is to do.

use smoltcp::wire::{Ipv4Address, Ipv4Cidr};

/// What is to be done.
#[derive(Clone, Copy)]
pub enum Work {
    /// Print a line, and end.
    Hello,
    /// Compute so many rounds, print the digest, and end.
    CpuHash(u32),
    /// Serve.
    Serve,
}

/// A range of addresses that a device is in.
#[derive(Clone, Copy)]
pub struct Place {
    /// Where it begins.
    pub address: usize,
    /// How long it is.
    pub size: usize,
}

/// The most devices that are looked at: QEMU has places for 24, most of them empty.
const PLACES: usize = 32;

/// The command line, read.
pub struct CommandLine {
    /// What is to be done.
    pub work: Work,
    /// The machine's address with its network.
    pub address: Ipv4Cidr,
    /// The way to other networks.
    pub gateway: Option<Ipv4Address>,
    /// The port to listen on.
    pub port: u16,
    /// The speed of the time stamp counter.
    pub tsc_khz: Option<u64>,
    places: [Option<Place>; PLACES],
}

impl CommandLine {
    /// Reads it. Words that mean nothing here are a kernel's.
    pub fn parse(text: &str) -> Self {
        let mut line = Self {
            work: Work::Serve,
            address: Ipv4Cidr::new(Ipv4Address::new(10, 0, 2, 15), 24),
            gateway: None,
            port: 80,
            tsc_khz: None,
            places: [None; PLACES],
        };
        let mut iterations = workload_core::DEFAULT_ITERATIONS;
        let mut places = 0;
        for (key, value) in text
            .split_ascii_whitespace()
            .filter_map(|it| it.split_once('='))
        {
            match key {
                "run" => {
                    line.work = match value {
                        "hello" => Work::Hello,
                        "cpu-hash" => Work::CpuHash(iterations),
                        "http" => Work::Serve,
                        _ => panic!("nothing here is called {value}"),
                    }
                }
                "iterations" => iterations = read(key, value),
                "ip" => {
                    let (address, bits) = value.split_once('/').unwrap_or((value, "24"));
                    line.address = Ipv4Cidr::new(read(key, address), read(key, bits));
                }
                "gateway" => line.gateway = Some(read(key, value)),
                "port" => line.port = read(key, value),
                "tsc_khz" => line.tsc_khz = Some(read(key, value)),
                "virtio_mmio.device" => {
                    if let (Some(place), Some(free)) = (place(value), line.places.get_mut(places)) {
                        *free = Some(place);
                        places += 1;
                    }
                }
                _ => {}
            }
        }
        if let Work::CpuHash(_) = line.work {
            line.work = Work::CpuHash(iterations);
        }
        line
    }

    /// Where devices may be.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.places.iter().filter_map(|it| *it)
    }
}

fn read<T: core::str::FromStr>(key: &str, value: &str) -> T {
    match value.parse() {
        Ok(value) => value,
        Err(_) => panic!("{key}={value} cannot be read"),
    }
}

/// `SIZE@ADDRESS:IRQ`, as the kernel's driver of such devices reads it.
fn place(text: &str) -> Option<Place> {
    let (size, rest) = text.split_once('@')?;
    let address = rest.split(':').next()?;
    let (digits, unit) = match size.as_bytes().last()? {
        b'K' | b'k' => (&size[..size.len() - 1], 1024),
        _ => (size, 1),
    };
    let address = match address.strip_prefix("0x") {
        Some(digits) => usize::from_str_radix(digits, 16).ok()?,
        None => address.parse().ok()?,
    };
    Some(Place {
        address,
        size: digits.parse::<usize>().ok()? * unit,
    })
}
