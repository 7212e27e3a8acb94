//! Where a URL leads, if it leads to this machine.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

use hyper::Uri;
use hyper::http::uri::Scheme;

/// A place on this machine's loopback, as a URL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// The host and port as the URL has them: the `Host` header.
    pub host: String,
    /// The path with its query.
    pub path: String,
}

impl Target {
    /// Reads a URL: `http`, and a loopback address (127.0.0.0/8, `[::1]`), one of a namespace of
    /// ours, or `localhost`. Of `localhost` the IPv4 address is taken if it has one.
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
        let address = resolve(host, port)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            address,
            host: authority.to_string(),
            path: path.to_owned(),
        })
    }
}

/// Whether an address cannot lead to another machine: it is of the loopback, or of a namespace that
/// was made here.
pub(super) fn is_of_this_machine(address: IpAddr) -> bool {
    address.is_loopback() || crate::network::veth::is_ours(address)
}

/// The address of a host on loopback. Names other than `localhost` are not looked up: that would
/// ask other machines.
fn resolve(host: &str, port: u16) -> Result<SocketAddr, String> {
    const WHY: &str = "load goes to this machine's loopback alone: 127.0.0.1, [::1], localhost, \
        and namespaces that coldphase has made";
    let addresses: Vec<SocketAddr> = match host.parse() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) if host.eq_ignore_ascii_case("localhost") => {
            let addresses = (host, port).to_socket_addrs();
            addresses
                .map_err(|error| format!("localhost cannot be resolved: {error}"))?
                .collect()
        }
        Err(_) => return Err(format!("{host:?} is refused; {WHY}")),
    };
    if let Some(foreign) = addresses
        .iter()
        .find(|address| !is_of_this_machine(address.ip()))
    {
        return Err(format!("{} is refused; {WHY}", foreign.ip()));
    }
    addresses
        .into_iter()
        .min_by_key(SocketAddr::is_ipv6)
        .ok_or_else(|| format!("{host} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_taken() {
        let target = Target::from_url("http://127.0.0.1:8080/cpu?iterations=5").unwrap();
        assert_eq!(target.address, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(
            (target.host.as_str(), target.path.as_str()),
            ("127.0.0.1:8080", "/cpu?iterations=5")
        );
        assert_eq!(
            Target::from_url("http://127.8.9.1").unwrap().address,
            "127.8.9.1:80".parse().unwrap()
        );
        let target = Target::from_url("http://[::1]:99/").unwrap();
        assert_eq!(
            (target.address, target.host.as_str()),
            ("[::1]:99".parse().unwrap(), "[::1]:99")
        );
        assert!(
            Target::from_url("http://localhost:8000/")
                .unwrap()
                .address
                .ip()
                .is_loopback()
        );
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
