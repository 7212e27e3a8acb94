//! Where a URL leads, if it leads to this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};

use hyper::Uri;
use hyper::http::uri::Scheme;

use crate::network::{link, tap};

/// A place on this machine's loopback, as a URL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it may listen: every address that the host has, IPv4 first. There is one at least.
    pub addresses: Vec<SocketAddr>,
    /// The host and port as the URL has them: the `Host` header.
    pub host: String,
    /// The path with its query.
    pub path: String,
}

impl Target {
    /// Reads a URL: `http`, and a loopback address (127.0.0.0/8, `[::1]`), one of a namespace of
    /// ours, or `localhost`, which is both addresses of the loopback.
    ///
    /// # Errors
    /// A sentence that says why it cannot be put under load.
    pub fn from_url(url: &str) -> Result<Self, String> {
        let uri: Uri = url
            .parse()
            .map_err(|error| format!("{url:?} is no URL: {error}"))?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(format!(
                "{url:?} does not begin with http://, which is all that the generator speaks"
            ));
        }
        let authority = uri
            .authority()
            .ok_or_else(|| format!("{url:?} names no host"))?;
        if authority.as_str().contains('@') {
            return Err(format!(
                "{url:?} names a user, and the generator sends no credentials"
            ));
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(80);
        let addresses = resolve(host, port)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            addresses,
            host: authority.to_string(),
            path: path.to_owned(),
        })
    }
}

impl Target {
    /// The first of its addresses that accepts a connection, as a browser finds it; if none does,
    /// the first. One alone is not tried: whoever connects to it will see.
    pub fn reachable(&self) -> SocketAddr {
        let accepts = |address: &&SocketAddr| TcpStream::connect(address).is_ok();
        let found = match self.addresses.as_slice() {
            [one] => Some(one),
            several => several.iter().find(accepts),
        };
        *found.unwrap_or(&self.addresses[0])
    }
}

/// Whether an address cannot lead to another machine: it is of the loopback, of a namespace that was made
/// here, or of a virtual machine's guest behind a device that was.
pub(super) fn is_of_this_machine(address: IpAddr) -> bool {
    address.is_loopback() || link::is_ours(address) || tap::is_ours(address)
}

/// The addresses of a host on loopback. Names are not looked up: that would ask other machines, and
/// `localhost` is the loopback whatever a file says, with all that ends in it (RFC 6761, 6.3).
fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    const WHY: &str = "load goes to this machine's loopback alone: 127.0.0.1, [::1], localhost, \
        and namespaces that coldphase has made";
    let addresses = match host.parse::<IpAddr>() {
        // One of IPv4 may be written as one of IPv6.
        Ok(ip) => vec![ip.to_canonical()],
        Err(_) if is_localhost(host) => {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        }
        Err(_) => return Err(format!("{host:?} is refused; {WHY}")),
    };
    match addresses.iter().find(|ip| !is_of_this_machine(**ip)) {
        Some(foreign) => Err(format!("{foreign} is refused; {WHY}")),
        None => Ok(addresses
            .into_iter()
            .map(|ip| SocketAddr::new(ip, port))
            .collect()),
    }
}

/// Whether a name is `localhost`, or below it, with or without the dot that ends a whole name.
fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or(host);
    last.eq_ignore_ascii_case("localhost") && !host.split('.').any(str::is_empty)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn loopback_is_taken() {
        let target = Target::from_url("http://127.0.0.1:8080/cpu?iterations=5").unwrap();
        assert_eq!(target.addresses, ["127.0.0.1:8080".parse().unwrap()]);
        assert_eq!(
            (target.host.as_str(), target.path.as_str()),
            ("127.0.0.1:8080", "/cpu?iterations=5")
        );
        assert_eq!(
            Target::from_url("http://127.8.9.1").unwrap().addresses,
            ["127.8.9.1:80".parse().unwrap()]
        );
        let target = Target::from_url("http://[::1]:99/").unwrap();
        assert_eq!(
            (&target.addresses[..], target.host.as_str()),
            (&["[::1]:99".parse().unwrap()][..], "[::1]:99")
        );
        let both = ["127.0.0.1:8000", "[::1]:8000"].map(|text| text.parse().unwrap());
        for name in ["localhost", "LocalHost", "localhost.", "shop.localhost"] {
            let target = Target::from_url(&format!("http://{name}:8000/")).unwrap();
            assert_eq!(target.addresses, both, "{name}");
        }
        let mapped = Target::from_url("http://[::ffff:127.0.0.1]:80/").unwrap();
        assert_eq!(mapped.addresses, ["127.0.0.1:80".parse().unwrap()]);
    }

    #[test]
    fn a_server_is_found_on_whichever_address_of_localhost_it_has() {
        for ip in [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            Ipv6Addr::LOCALHOST.into(),
        ] {
            let Ok(listener) = TcpListener::bind((ip, 0)) else {
                // A machine without IPv6 has no server there either.
                continue;
            };
            let address = listener.local_addr().unwrap();
            let target = Target::from_url(&format!("http://localhost:{}/", address.port()));
            assert_eq!(target.unwrap().reachable(), address);
        }
    }

    #[test]
    fn anything_else_is_refused_with_a_reason() {
        for (url, why) in [
            (
                "http://10.0.0.1/",
                "10.0.0.1 is refused; load goes to this machine's loopback alone",
            ),
            ("http://0.0.0.0:80/", "0.0.0.0 is refused"),
            ("http://[2001:db8::1]/", "2001:db8::1 is refused"),
            ("http://[::ffff:10.0.0.1]/", "refused"),
            ("http://example.org/", "\"example.org\" is refused"),
            ("http://localhost.example.org/", "refused"),
            ("http://notlocalhost/", "refused"),
            ("http://localhost../", "refused"),
            ("http://127.0.0.1.example.org/", "refused"),
            ("https://127.0.0.1/", "does not begin with http://"),
            ("127.0.0.1:80", "does not begin with http://"),
            ("http://me@127.0.0.1/", "names a user"),
            ("http:///", "is no URL"),
        ] {
            let refusal = Target::from_url(url).unwrap_err();
            assert!(refusal.contains(why), "{url}: {refusal}");
        }
    }
}
