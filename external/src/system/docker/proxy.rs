//! The engine's proxies: processes beside a container, one for each address of a published port.
//!
//! A client of the loopback reaches a published port through one of them: it accepts the connection
//! and copies every byte between client and container. It is in no control group of the container,
//! so what it costs is found nowhere unless it is looked for.

use machine::processes::descendants;

/// The program, as the kernel shortens its name to 15 characters.
const PROGRAM: &str = "docker-proxy";

/// The proxies of a port of the machine, among what the engine has started.
pub(super) fn of_port(engine: u32, port: u16) -> Vec<u32> {
    let started = descendants(engine).into_iter().map(|(pid, _)| pid);
    started.filter(|pid| is_of_port(*pid, port)).collect()
}

fn is_of_port(pid: u32, port: u16) -> bool {
    let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}"));
    let is_proxy = read("comm").is_ok_and(|comm| comm.trim_ascii_end() == PROGRAM.as_bytes());
    is_proxy && read("cmdline").is_ok_and(|arguments| names_port(&arguments, port))
}

/// Whether a command line, as the kernel keeps it, says that this is the machine's port.
fn names_port(arguments: &[u8], port: u16) -> bool {
    let words: Vec<_> = arguments.split(|byte| *byte == 0).collect();
    let port = port.to_string();
    words
        .windows(2)
        .any(|pair| pair[0].ends_with(b"-host-port") && pair[1] == port.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_known_by_the_port_of_the_machine_and_not_of_the_container() {
        let arguments = "/usr/bin/docker-proxy -proto tcp -host-ip 127.0.0.1 -host-port 41234 \
            -container-ip 172.17.0.2 -container-port 8080 -use-listen-fd";
        let arguments = arguments.replace(' ', "\0");
        let arguments = arguments.as_bytes();
        assert!(names_port(arguments, 41_234));
        assert!(!names_port(arguments, 4_123) && !names_port(arguments, 8_080));
        assert!(!names_port(b"docker-proxy\0-host-port\0", 80));
    }
}
