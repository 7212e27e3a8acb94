#![no_main]

#[allow(dead_code)]
#[path = "../../host/src/server/head.rs"]
mod head;

use std::cell::Cell;
use std::convert::Infallible;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Where the server listens.
const ADDRESS: HeaderValue = HeaderValue::from_static("127.0.0.1:80");

async fn answer(
    request: Request<Incoming>,
    passed: &Cell<u32>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (mut parts, body) = request.into_parts();
    let mut response = Response::new(Empty::new());
    match head::check(&mut parts, &ADDRESS) {
        Ok(()) => {
            passed.set(passed.get() + 1);
            let hosts: Vec<_> = parts.headers.get_all(HOST).iter().collect();
            assert_eq!(hosts.len(), 1, "{parts:?}");
            assert!(
                !hosts[0].is_empty() && hosts[0].to_str().is_ok(),
                "{parts:?}"
            );
            // Whoever reads it next, reads it as the same.
            let named = hosts[0].clone();
            head::check(&mut parts, &ADDRESS).expect("what has passed passes");
            assert_eq!(parts.headers.get(HOST), Some(&named));
            let _ = body.collect().await;
        }
        Err((status, _)) => {
            assert!(status.is_client_error() || status.is_server_error());
            *response.status_mut() = status;
        }
    }
    Ok(response)
}

fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(1 << 18);
        client
            .write_all(&bytes[..bytes.len().min(1 << 17)])
            .await
            .unwrap();
        client.shutdown().await.unwrap();
        let passed = Cell::new(0);
        let service = service_fn(|request| answer(request, &passed));
        let served = http1::Builder::new()
            .serve_connection(TokioIo::new(server), service)
            .await;
        let mut answers = Vec::new();
        client.read_to_end(&mut answers).await.unwrap();
        if served.is_ok() && passed.get() > 0 {
            let ok = format!(
                "HTTP/1.{}",
                if answers.starts_with(b"HTTP/1.0") {
                    0
                } else {
                    1
                }
            );
            assert!(answers.starts_with(ok.as_bytes()), "{:?}", StatusCode::OK);
        }
    });
});
