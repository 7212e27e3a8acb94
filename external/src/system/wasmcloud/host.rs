//! A host of wasmCloud, and the workloads that it is given.

use std::path::Path;
use std::time::Duration;

use machine::clock::now_ns;
use serde_json::Value;

use super::super::child::Child;
use super::control::{Control, PERIOD_NS, Reply, workload_message};
use super::installation::{Infrastructure, Installation, TIMEOUT_NS};

/// What requests for a workload say in their `host` header. There is never more than one workload
/// in a host.
pub(super) const ROUTE: &str = "localhost";

/// A host that has started.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) child: Child,
    id: String,
    /// Where it listens.
    pub(super) port: u16,
    /// The clock when its program had been executed.
    pub(super) exec_ns: u64,
    /// The clock when its log said that it had started.
    pub(super) ready_ns: u64,
    /// How many workloads it has been given.
    pub(super) given: u64,
}

impl Host {
    /// Launches a host, and waits until it says that it has started.
    pub(super) fn start(
        installation: &Installation,
        cache: &Path,
        port: u16,
        until_ns: u64,
    ) -> Result<Self, String> {
        let mut child = installation.launch_host(cache, port)?;
        let exec_ns = now_ns();
        let line = child.wait_for_line("Host started", until_ns)?;
        let ready_ns = now_ns();
        let id = id_in(&line)
            .ok_or_else(|| format!("the host has started without writing its id: {line:?}"))?;
        Ok(Self {
            id: id.to_owned(),
            child,
            port,
            exec_ns,
            ready_ns,
            given: 0,
        })
    }

    /// Has it start a workload; its answer that the workload is running.
    pub(super) fn start_workload(
        &mut self,
        around: &mut Infrastructure,
        message: &Value,
        until_ns: u64,
    ) -> Result<Reply, String> {
        self.given += 1;
        let mut reply = self.request(around, "workload.start", message, until_ns)?;
        while reply.status.is_starting() {
            std::thread::sleep(Duration::from_nanos(PERIOD_NS));
            let attempts = reply.attempts;
            reply = self.request(
                around,
                "workload.status",
                &workload_message(message["workloadId"].as_str().unwrap_or_default()),
                until_ns,
            )?;
            reply.attempts += attempts;
        }
        if reply.status.is_running() {
            return Ok(reply);
        }
        Err(format!(
            "the host did not start the workload: {}; the end of its log: {:?}",
            reply.status,
            self.child.log_tail()
        ))
    }

    /// Has it stop a workload.
    pub(super) fn stop_workload(
        &mut self,
        around: &mut Infrastructure,
        id: &str,
    ) -> Result<(), String> {
        self.request(
            around,
            "workload.stop",
            &workload_message(id),
            now_ns() + TIMEOUT_NS,
        )
        .map(drop)
    }

    /// Whether it does not know a workload any more.
    pub(super) fn check_gone(
        &mut self,
        around: &mut Infrastructure,
        id: &str,
    ) -> Result<(), String> {
        let status = self
            .request(
                around,
                "workload.status",
                &workload_message(id),
                now_ns() + TIMEOUT_NS,
            )?
            .status;
        if status.is_gone() {
            Ok(())
        } else {
            Err(format!("the host still has the workload {id}: {status}"))
        }
    }

    fn request(
        &mut self,
        around: &mut Infrastructure,
        command: &str,
        message: &Value,
        until_ns: u64,
    ) -> Result<Reply, String> {
        let Infrastructure {
            control,
            nats,
            registry,
            ..
        } = around;
        let control: &Control = control;
        let mut lives = || match self
            .child
            .ended()
            .or_else(|| nats.ended())
            .or_else(|| registry.ended())
        {
            Some(end) => Err(format!("{end}, before {command} was answered")),
            None => Ok(()),
        };
        control.request(&self.id, command, message, until_ns, &mut lives)
    }
}

/// The host's id in the line that says that it has started.
fn id_in(line: &str) -> Option<&str> {
    let id = line.split_once("host_id=\"")?.1.split('"').next()?;
    // It becomes a part of a subject, in which these would have a meaning.
    (!id.is_empty() && !id.contains(['.', '*', '>', ' '])).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_writes_its_id() {
        let line = r#"2026-11-25T04:03:47.5Z  INFO Host started host_id="01a2-b3" friendly_name="x" host_name="vm""#;
        assert_eq!(id_in(line), Some("01a2-b3"));
        assert_eq!(id_in("INFO Host started"), None);
        assert_eq!(id_in(r#"host_id="a.>""#), None);
        assert_eq!(id_in(r#"host_id="""#), None);
    }
}
