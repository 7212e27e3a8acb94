//! The connection to a host: messages over NATS, and its answers.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, RequestErrorKind};
use machine::clock::now_ns;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::access::USER;

/// Between two looks at whether who should answer lives, and whether time is over.
const LOOK: Duration = Duration::from_millis(2);

/// From one attempt to the next to reach a host that does not take messages yet.
pub(super) const PERIOD_NS: u64 = 100_000;

/// A connection to NATS. Dropping it ends its thread.
#[derive(Debug)]
pub(super) struct Control {
    client: Client,
    /// Its one thread answers the server's pings between two messages, too.
    runtime: Runtime,
}

/// What a host says of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    workload_state: String,
    message: String,
}

/// An answer, and when it came.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: Status,
    /// The clock when it was there.
    pub(super) seen_ns: u64,
    /// How many messages there were until the host listened.
    pub(super) attempts: u64,
}

/// Why an attempt gave no answer.
enum Failed {
    /// The host does not listen yet.
    Nobody,
    Final(String),
}

impl Control {
    pub(super) fn connect(port: u16, password: &str, within: Duration) -> Result<Self, String> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("nats")
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| format!("cannot start a thread for NATS: {error}"))?;
        // Orders have deadlines of their own.
        let options = ConnectOptions::new()
            .user_and_password(USER.to_owned(), password.to_owned())
            .connection_timeout(within)
            .request_timeout(None);
        let client = runtime
            .block_on(options.connect(format!("nats://127.0.0.1:{port}")))
            .map_err(|error| format!("cannot connect to NATS on port {port}: {error}"))?;
        Ok(Self { client, runtime })
    }

    /// Sends `command` to `host` until it answers, as long as `lives` finds nothing dead.
    ///
    /// A host says that it has started before it takes messages: then there is nobody to get
    /// them, which the server says at once, and the message is sent again.
    pub(super) fn request(
        &self,
        host: &str,
        command: &str,
        message: &Value,
        until_ns: u64,
        lives: &mut dyn FnMut() -> Result<(), String>,
    ) -> Result<Reply, String> {
        let subject = format!("runtime.host.{host}.{command}");
        let mut attempts = 0;
        loop {
            attempts += 1;
            let began_ns = now_ns();
            match self.attempt(&subject, message, until_ns, lives) {
                Ok((seen_ns, payload)) => {
                    return Ok(Reply {
                        status: Status::read(&payload, command)?,
                        seen_ns,
                        attempts,
                    });
                }
                Err(Failed::Final(reason)) => return Err(reason),
                Err(Failed::Nobody) => lives()?,
            }
            if now_ns() >= until_ns {
                return Err(format!(
                    "the host did not listen to {command} in time, after {attempts} attempts"
                ));
            }
            std::thread::sleep(Duration::from_nanos(
                (began_ns + PERIOD_NS).saturating_sub(now_ns()),
            ));
        }
    }

    fn attempt(
        &self,
        subject: &str,
        message: &Value,
        until_ns: u64,
        lives: &mut dyn FnMut() -> Result<(), String>,
    ) -> Result<(u64, Vec<u8>), Failed> {
        let (client, subject, payload) =
            (self.client.clone(), subject.to_owned(), message.to_string());
        let (sender, receiver) = channel();
        let sending = self.runtime.spawn(async move {
            let answer = client.request(subject, payload.into()).await;
            // Here, and not where it is taken: that thread has to be woken first.
            let _ = sender.send((now_ns(), answer));
        });
        let reason = loop {
            match receiver.recv_timeout(LOOK) {
                Ok((seen_ns, Ok(message))) => return Ok((seen_ns, message.payload.to_vec())),
                Ok((_, Err(error))) if error.kind() == RequestErrorKind::NoResponders => {
                    return Err(Failed::Nobody);
                }
                Ok((_, Err(error))) => break format!("NATS did not carry the message: {error}"),
                Err(RecvTimeoutError::Disconnected) => {
                    break "the thread that sends requests has ended".to_owned();
                }
                Err(RecvTimeoutError::Timeout) => match lives() {
                    Err(reason) => break reason,
                    Ok(()) if now_ns() >= until_ns => {
                        break "the host did not answer in time".to_owned();
                    }
                    Ok(()) => {}
                },
            }
        };
        sending.abort();
        Err(Failed::Final(reason))
    }
}

impl Status {
    fn read(payload: &[u8], command: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            workload_status: Status,
        }
        let answer: Result<Answer, _> = serde_json::from_slice(payload);
        answer
            .map(|answer| answer.workload_status)
            .map_err(|error| {
                format!(
                    "the host's answer to {command} cannot be read: {error}; it was {:?}",
                    String::from_utf8_lossy(payload)
                )
            })
    }

    pub(super) fn is_running(&self) -> bool {
        self.workload_state == "WORKLOAD_STATE_RUNNING"
    }

    pub(super) fn is_starting(&self) -> bool {
        self.workload_state == "WORKLOAD_STATE_STARTING"
    }

    pub(super) fn is_gone(&self) -> bool {
        self.workload_state == "WORKLOAD_STATE_NOT_FOUND"
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self
            .workload_state
            .strip_prefix("WORKLOAD_STATE_")
            .unwrap_or(&self.workload_state);
        write!(f, "{state}")?;
        if self.message.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.message)
        }
    }
}

/// The message that starts a component of `image` that answers requests for `route`.
///
/// `pooled` lets it keep one instance for any number of requests, several of them at a time;
/// otherwise there is a new one for each request, which a pool of no size says.
pub(super) fn start_message(id: &str, image: &str, route: &str, pooled: bool) -> Value {
    let (pool_size, max_concurrency) = if pooled { (1, 64) } else { (0, 0) };
    let component = json!({
        "name": "guest",
        "image": image,
        "imagePullPolicy": "IMAGE_PULL_POLICY_IF_NOT_PRESENT",
        "poolSize": pool_size,
        "maxInvocations": 0,
        "maxConcurrency": max_concurrency,
    });
    let http = json!({
        "namespace": "wasi",
        "package": "http",
        "version": "0.2.2",
        "interfaces": ["incoming-handler"],
        "config": { "host": route },
    });
    json!({
        "workloadId": id,
        "workload": {
            "namespace": "coldphase",
            "name": id,
            "witWorld": { "components": [component], "hostInterfaces": [http] },
        },
    })
}

/// The message that stops a workload, or requests its status.
pub(super) fn workload_message(id: &str) -> Value {
    json!({ "workloadId": id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_message_names_the_image_and_the_route() {
        let message = start_message("w1", "127.0.0.1:5000/http-hello:1", "localhost", false);
        assert_eq!(message["workloadId"], "w1");
        let world = &message["workload"]["witWorld"];
        assert_eq!(
            world["components"][0]["image"],
            "127.0.0.1:5000/http-hello:1"
        );
        assert_eq!(world["components"][0]["poolSize"], 0);
        assert_eq!(world["hostInterfaces"][0]["config"]["host"], "localhost");
        let pooled = start_message("w1", "image", "localhost", true);
        assert_eq!(
            pooled["workload"]["witWorld"]["components"][0]["poolSize"],
            1
        );
    }

    #[test]
    fn answers_are_read() {
        let read = |text: &str| Status::read(text.as_bytes(), "workload.start");
        let running = read(
            r#"{"workloadStatus": {"workloadId": "w1", "workloadState": "WORKLOAD_STATE_RUNNING"}}"#,
        );
        assert!(running.unwrap().is_running());
        let failed =
            read(r#"{"workloadStatus": {"workloadState": "WORKLOAD_STATE_ERROR", "message": "no image"}}"#).unwrap();
        assert_eq!(failed.to_string(), "ERROR: no image");
        assert!(!failed.is_running() && !failed.is_starting() && !failed.is_gone());
        assert!(
            read("{}")
                .unwrap_err()
                .contains("answer to workload.start cannot be read: missing field")
        );
    }

    #[test]
    fn a_server_that_does_not_listen_is_named() {
        let error = Control::connect(1, "secret", Duration::from_secs(1)).unwrap_err();
        assert!(
            error.starts_with("cannot connect to NATS on port 1: "),
            "{error}"
        );
    }
}
