//! A host of wasmCloud, and the workloads that it is given.

use std::path::Path;
use std::time::Duration;

use machine::clock::now_ns;
use serde_json::Value;

use super::child::Child;
use super::control::{Control, PERIOD_NS, Reply, order_on};
use super::site::{Infrastructure, PATIENCE_NS, Site};

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
    /// The clock when it had said that it had started.
    pub(super) ready_ns: u64,
    /// How many workloads it has been given.
    pub(super) given: u64,
}

impl Host {
    /// Launches a host, and waits until it says that it has started.
    pub(super) fn start(
        site: &Site,
        cache: &Path,
        port: u16,
        until_ns: u64,
    ) -> Result<Self, String> {
        let mut child = site.host(cache, port)?;
        let exec_ns = now_ns();
        let line = child.says("Host started", until_ns)?;
        let ready_ns = now_ns();
        let id = id_in(&line)
            .ok_or_else(|| format!("the host has started without telling its number: {line:?}"))?;
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
    pub(super) fn give(
        &mut self,
        around: &mut Infrastructure,
        order: &Value,
        until_ns: u64,
    ) -> Result<Reply, String> {
        self.given += 1;
        let mut reply = self.ask(around, "workload.start", order, until_ns)?;
        while reply.status.is_starting() {
            std::thread::sleep(Duration::from_nanos(PERIOD_NS));
            let attempts = reply.attempts;
            reply = self.ask(
                around,
                "workload.status",
                &order_on(order["workloadId"].as_str().unwrap_or_default()),
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
    pub(super) fn take(&mut self, around: &mut Infrastructure, id: &str) -> Result<(), String> {
        self.ask(
            around,
            "workload.stop",
            &order_on(id),
            now_ns() + PATIENCE_NS,
        )
        .map(drop)
    }

    /// Whether it does not know a workload any more.
    pub(super) fn has_forgotten(
        &mut self,
        around: &mut Infrastructure,
        id: &str,
    ) -> Result<(), String> {
        let status = self
            .ask(
                around,
                "workload.status",
                &order_on(id),
                now_ns() + PATIENCE_NS,
            )?
            .status;
        if status.is_gone() {
            Ok(())
        } else {
            Err(format!("the host still has the workload {id}: {status}"))
        }
    }

    fn ask(
        &mut self,
        around: &mut Infrastructure,
        command: &str,
        order: &Value,
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
        control.ask(&self.id, command, order, until_ns, &mut lives)
    }
}

/// The host's number in the line that says that it has started.
fn id_in(line: &str) -> Option<&str> {
    let id = line.split_once("host_id=\"")?.1.split('"').next()?;
    // It becomes a part of a subject, in which these would have a meaning.
    (!id.is_empty() && !id.contains(['.', '*', '>', ' '])).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_tells_its_number() {
        let line = r#"2026-11-25T04:03:47.5Z  INFO Host started host_id="01a2-b3" friendly_name="x" host_name="vm""#;
        assert_eq!(id_in(line), Some("01a2-b3"));
        assert_eq!(id_in("INFO Host started"), None);
        assert_eq!(id_in(r#"host_id="a.>""#), None);
        assert_eq!(id_in(r#"host_id="""#), None);
    }
}
