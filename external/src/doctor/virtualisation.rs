//! What virtual machines would be executed by here.

use results::values::{Named as _, Virtualisation};

use super::finding::Finding;
use super::finding::Severity::{Good, Note};

/// What this machine's KVM has below it.
pub(super) fn kind(kvm: &Result<Virtualisation, String>) -> Finding {
    const CHECK: &str = "virtualisation";
    let kind = match kvm {
        Ok(kind) => kind,
        Err(why) => {
            return Finding::new(
                CHECK,
                Note,
                format!("no virtual machine can be made: {why}"),
                "Systems that are virtual machines are skipped, but for emulated ones, which are compared with \
                    nothing.",
            );
        }
    };
    let found = format!("virtual machines: {}", kind.name());
    match kind.incomparable() {
        None => Finding::new(
            CHECK,
            Good,
            found,
            "Their figures are compared with those of other systems.",
        ),
        Some(why) => Finding::new(
            CHECK,
            Note,
            found,
            format!("Their figures are shown apart and compared with nothing: {why}."),
        ),
    }
}
