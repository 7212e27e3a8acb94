//! The service as a `wasi:http/proxy` component: a shell around `workload_core::answer`.
//!
//! The counter lives in the instance: whoever reuses an instance keeps it, whoever makes a fresh
//! one starts at zero.

use wasip2::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{OutputStream, StreamError};
use workload_core::{Answer, Counter, MAX_ECHO_BYTES, answer};

wasip2::http::proxy::export!(Service);

static COUNTER: Counter = Counter::new();

struct Service;

impl wasip2::exports::http::incoming_handler::Guest for Service {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let method = match request.method() {
            Method::Get => "GET",
            Method::Post => "POST",
            _ => "OTHER",
        };
        let target = request.path_with_query().unwrap_or_default();
        let body = if method == "POST" {
            read_body(&request)
        } else {
            Vec::new()
        };
        respond(out, &answer(method, &target, body, &COUNTER));
    }
}

/// Reads the body, but no further than one byte past what the service takes: that byte is what
/// makes it a 413.
fn read_body(request: &IncomingRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Ok(body) = request.consume() else {
        return bytes;
    };
    let Ok(stream) = body.stream() else {
        return bytes;
    };
    while bytes.len() <= MAX_ECHO_BYTES {
        let wanted = MAX_ECHO_BYTES + 1 - bytes.len();
        match stream.blocking_read(wanted as u64) {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                panic!("the request body broke off: {}", error.to_debug_string())
            }
        }
    }
    bytes
}

fn respond(out: ResponseOutparam, answer: &Answer) {
    let length = answer.body.len().to_string().into_bytes();
    let headers = Fields::from_list(&[("content-length".to_owned(), length)])
        .expect("content-length is allowed");
    let response = OutgoingResponse::new(headers);
    response
        .set_status_code(answer.status)
        .expect("the status is a valid one");
    let body = response.body().expect("the body is taken once");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the stream is taken once");
    // A client that went away is not this guest's failure: the rest of the body has nowhere to go.
    let written = write_all(&stream, &answer.body);
    drop(stream);
    if written.is_ok() {
        OutgoingBody::finish(body, None).expect("the body is as long as announced");
    }
}

fn write_all(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    let ready = stream.subscribe();
    while !bytes.is_empty() {
        let room = usize::try_from(stream.check_write()?)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        if room == 0 {
            ready.block();
            continue;
        }
        let (now, later) = bytes.split_at(room);
        stream.write(now)?;
        bytes = later;
    }
    stream.blocking_flush()
}
