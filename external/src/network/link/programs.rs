//! The programs `ip` and `tc`, and what they say.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::LinkError;
use machine::programs;

/// Where they lie on Debian, where the path of ordinary users does not lead.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// That the kernel cannot do it, if that is what tc has said.
pub(super) fn no_queue(error: LinkError, queue: &str) -> LinkError {
    let LinkError::Failed(message) = error else {
        return error;
    };
    if ![
        "qdisc kind is unknown",
        "qdisc not found",
        "No such file or directory",
    ]
    .iter()
    .any(|sign| message.contains(sign))
    {
        return LinkError::Failed(message);
    }
    let (kind, what) = if queue.starts_with("netem") {
        ("netem", "a delay")
    } else {
        ("tbf", "a rate")
    };
    LinkError::NoQueue {
        kind,
        what,
        message,
    }
}

/// Has `ip` do something.
pub(in crate::network) fn ip(words: &str) -> Result<(), LinkError> {
    run("ip", words)
}

/// Runs a program to its end.
pub(super) fn run(program: &'static str, words: &str) -> Result<(), LinkError> {
    output(program, words).map(drop)
}

/// Runs a program to its end: what it printed.
pub(super) fn output(program: &'static str, words: &str) -> Result<String, LinkError> {
    let folders = FOLDERS.map(|folder| PathBuf::from(folder).join(program));
    let path = programs::find(program, &folders).ok_or(LinkError::NoProgram(program))?;
    let output = Command::new(path)
        .args(words.split_whitespace())
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output();
    let output =
        output.map_err(|error| LinkError::Failed(format!("cannot run {program}: {error}")))?;
    let message = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else if message.contains("Operation not permitted") || message.contains("Permission denied") {
        Err(LinkError::Denied)
    } else {
        Err(LinkError::Failed(format!(
            "`{program} {words}` failed: {}",
            message.trim()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_a_queue_is_distinguished_from_other_errors() {
        let message =
            |text: &str| no_queue(LinkError::Failed(text.into()), "netem delay 10ms").to_string();
        let unknown = message("Error: Specified qdisc kind is unknown.");
        assert!(
            unknown.contains("this kernel has no netem")
                && unknown.contains("CONFIG_NET_SCH_NETEM"),
            "{unknown}"
        );
        assert_eq!(
            message("Error: Exclusivity flag on."),
            "Error: Exclusivity flag on."
        );
    }
}
