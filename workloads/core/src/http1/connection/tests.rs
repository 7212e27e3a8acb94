use super::*;
use crate::{HELLO, MAX_ECHO_BYTES};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends all that is to be sent, `step` bytes at a time; returns it, and how many answers ended in
/// it.
fn drain(connection: &mut Connection, step: usize) -> (Vec<u8>, usize) {
    let (mut bytes, mut answers) = (Vec::new(), 0);
    while !connection.unsent().is_empty() {
        let count = step.min(connection.unsent().len());
        bytes.extend_from_slice(&connection.unsent()[..count]);
        answers += usize::from(connection.sent(count));
    }
    (bytes, answers)
}

/// What a fresh service answers to input that arrives in these pieces, and whether it closes then.
fn talk<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (String, bool) {
    let counter = Counter::new();
    let mut connection = Connection::new(&counter);
    let mut sent = Vec::new();
    for piece in pieces {
        connection.receive(piece);
        sent.extend(drain(&mut connection, usize::MAX).0);
    }
    (
        String::from_utf8_lossy(&sent).into_owned(),
        connection.is_finished(),
    )
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn answers_byte_for_byte() {
    assert_eq!(talk([GET.as_bytes()]), (ok(HELLO), false));
    let one_0 = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n0".to_owned();
    assert_eq!(
        talk([b"GET /state HTTP/1.0\r\n\r\n".as_slice()]),
        (one_0, true)
    );
    let kept = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n0".to_owned();
    assert_eq!(
        talk([b"GET /state HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".as_slice()]),
        (kept, false)
    );
    let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found".to_owned();
    assert_eq!(
        talk([b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".as_slice()]),
        (missing, false)
    );
}

#[test]
fn how_the_input_is_cut_changes_nothing() {
    let echo = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\0\r\n\r\n";
    let count = "POST /state HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    let head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    let inputs = [
        GET.to_owned(),
        echo.to_owned(),
        format!("\r\n\r\n{GET}"),
        format!("{count}{echo}\r\n{count}{GET}{head}{count}"),
        GET.replace("\r\n", "\n"),
        format!("{count}GET /state HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{count}"),
        format!("{count}nonsense\r\n{count}"),
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n{count}"),
        format!(
            "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
            "x".repeat(MAX_HEAD_BYTES)
        ),
    ];
    for input in inputs {
        let (sent, closes) = talk([input.as_bytes()]);
        assert!(
            sent.starts_with("HTTP/1.1 "),
            "{input:?} was answered with {sent:?}"
        );
        assert_eq!(
            talk(input.as_bytes().chunks(1)),
            (sent.clone(), closes),
            "{input:?} byte by byte"
        );
        for position in 0..=input.len() {
            let (one, two) = input.as_bytes().split_at(position);
            assert_eq!(
                talk([one, two]),
                (sent.clone(), closes),
                "{input:?} cut at {position}"
            );
        }
    }
}

#[test]
fn what_is_malformed_is_refused_once_and_closes() {
    let bad = [
        "nonsense\r\n",
        "GET\r\n",
        "GET / HTTP/2.0\r\n",
        "GET / HTTP/1.1 extra\r\n",
        "GET /\0 HTTP/1.1\r\n",
        "G(T / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "POST /state HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n",
        "\u{16}\u{3}\u{1}\n",
    ];
    for input in bad {
        let (sent, closes) = talk([input.as_bytes(), GET.as_bytes()]);
        assert!(
            sent.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{input:?} was answered with {sent:?}"
        );
        assert!(
            sent.contains("\r\nConnection: close\r\n") && closes,
            "{input:?} was answered with {sent:?}"
        );
        assert_eq!(
            sent.matches("HTTP/1.1 ").count(),
            1,
            "{input:?} was answered with {sent:?}"
        );
    }
}

#[test]
fn what_is_too_much_is_refused_before_it_is_held() {
    let counter = Counter::new();
    let mut connection = Connection::new(&counter);
    connection.receive(&[b'x'; MAX_HEAD_BYTES - 1]);
    assert!(connection.unsent().is_empty() && connection.wants_input());
    connection.receive(b"x");
    assert!(connection.unsent().starts_with(b"HTTP/1.1 431 "));
    connection.receive(&vec![b'x'; 4 * MAX_ECHO_BYTES]);
    assert_eq!(connection.input.capacity(), 0);

    let post = |length: usize| {
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
    };
    let body = vec![b'x'; MAX_ECHO_BYTES];
    let (sent, closes) = talk([post(MAX_ECHO_BYTES).as_bytes(), &body]);
    assert!(sent.ends_with(std::str::from_utf8(&body).unwrap()) && !closes);
    let (sent, closes) = talk([post(MAX_ECHO_BYTES + 1).as_bytes()]);
    assert!(
        sent.starts_with("HTTP/1.1 413 Content Too Large\r\n") && closes,
        "{sent}"
    );
    let (sent, closes) = talk([b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \
        chunked\r\n\r\n"
        .as_slice()]);
    assert!(
        sent.starts_with("HTTP/1.1 411 Length Required\r\n") && closes,
        "{sent}"
    );
}

#[test]
fn a_client_that_never_reads_makes_nothing_grow() {
    let counter = Counter::new();
    let mut connection = Connection::new(&counter);
    connection.receive(GET.repeat(3).as_bytes());
    assert_eq!(connection.unsent(), ok(HELLO).as_bytes());
    assert!(!connection.wants_input() && !connection.is_finished());
    let (sent, answers) = drain(&mut connection, 1);
    assert_eq!(
        (String::from_utf8(sent).unwrap(), answers),
        (ok(HELLO).repeat(3), 3)
    );
    assert!(connection.wants_input());
}

#[test]
fn a_body_is_asked_for_only_if_it_has_not_come() {
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: \
        3\r\n\r\n";
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    let whole = format!("{head}abc");
    for position in 0..=whole.len() {
        let (one, two) = whole.as_bytes().split_at(position);
        let asked = if (head.len()..whole.len()).contains(&position) {
            interim
        } else {
            ""
        };
        assert_eq!(
            talk([one, two]),
            (format!("{asked}{}", ok("abc")), false),
            "cut at {position}"
        );
    }
    // The interim answer does not count as one.
    let counter = Counter::new();
    let mut connection = Connection::new(&counter);
    connection.receive(head.as_bytes());
    assert_eq!(drain(&mut connection, 1), (interim.into(), 0));
    connection.receive(b"abc");
    assert_eq!(drain(&mut connection, 1), (ok("abc").into(), 1));
    // A body that will not be taken is not asked for.
    let (sent, closes) = talk([head.replace("Length: 3", "Length: 3000000").as_bytes()]);
    assert!(sent.starts_with("HTTP/1.1 413 ") && closes, "{sent}");
}

#[test]
fn head_is_answered_without_a_body() {
    let (sent, closes) = talk([format!("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n{GET}").as_bytes()]);
    let head = "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 18\r\n\r\n";
    assert_eq!((sent, closes), (format!("{head}{}", ok(HELLO)), false));
}

#[test]
fn what_was_asked_before_the_end_of_input_is_answered() {
    let counter = Counter::new();
    let mut connection = Connection::new(&counter);
    connection.receive(format!("{GET}{GET}GET / HT").as_bytes());
    connection.receive_end();
    assert!(!connection.is_finished());
    assert_eq!(
        drain(&mut connection, usize::MAX),
        (ok(HELLO).repeat(2).into(), 2)
    );
    assert!(connection.is_finished() && !connection.wants_input());
}

#[test]
fn nothing_is_done_for_a_request_that_follows_a_close_or_never_ends() {
    let counter = Counter::new();
    let post = |field: &str| format!("POST /state HTTP/1.1\r\nHost: a\r\n{field}\r\n");
    let mut connection = Connection::new(&counter);
    connection.receive(format!("{}{}", post("Connection: close\r\n"), post("")).as_bytes());
    assert_eq!(drain(&mut connection, usize::MAX).1, 1);
    connection.receive(post("").as_bytes());
    assert!(connection.unsent().is_empty() && connection.is_finished());

    let mut connection = Connection::new(&counter);
    connection.receive(format!("{}x", post("Content-Length: 2\r\n")).as_bytes());
    connection.receive_end();
    assert!(connection.unsent().is_empty() && connection.is_finished());

    let mut connection = Connection::new(&counter);
    connection.receive(b"GET /state HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.unsent(), ok("1").as_bytes());
}
