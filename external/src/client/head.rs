//! The head of an answer, as its bytes are: services whose answers differ in it do different work.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use workloads::Request;

use super::http;
use super::readiness::Target;

/// The longest head that is taken.
const MOST_BYTES: usize = 16 * 1024;

/// What stands for the value of `date`, which differs by when it was sent.
const NOW: &str = "NOW";

/// The head of the answer to a request over a connection that is kept, as under load, with one line
/// for each field. In place of a date it says `NOW`.
///
/// # Errors
/// A sentence: there is no answer, or none with a head.
pub(crate) fn answer_head(
    target: &Target,
    request: &Request,
    timeout: Duration,
) -> Result<String, String> {
    let fails = |error: std::io::Error| format!("the head of an answer could not be read: {error}");
    let mut stream = TcpStream::connect_timeout(&target.address, timeout).map_err(fails)?;
    stream.set_read_timeout(Some(timeout)).map_err(fails)?;
    let bytes = http::bytes(request, &target.host, http::After::Kept);
    stream.write_all(&bytes).map_err(fails)?;
    let (mut received, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = received.windows(4).position(|it| it == b"\r\n\r\n") {
            return Ok(undated(&String::from_utf8_lossy(&received[..end])));
        }
        let read = stream.read(&mut piece).map_err(fails)?;
        if read == 0 || received.len() > MOST_BYTES {
            return Err("an answer has no head that ends".to_owned());
        }
        received.extend_from_slice(&piece[..read]);
    }
}

fn undated(head: &str) -> String {
    let line = |line: &str| match line.split_once(':') {
        Some((name, _)) if name.eq_ignore_ascii_case("date") => format!("{name}: {NOW}"),
        _ => line.to_owned(),
    };
    head.split("\r\n").map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_value_of_the_date_is_replaced() {
        assert_eq!(
            undated("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT"),
            "HTTP/1.1 200 OK\ncontent-length: 2\ndate: NOW"
        );
        assert_eq!(
            undated("HTTP/1.1 200 OK\r\nDate:x"),
            "HTTP/1.1 200 OK\nDate: NOW"
        );
    }
}
