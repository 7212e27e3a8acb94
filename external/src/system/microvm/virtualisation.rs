//! What kind of virtualisation this machine has, found out once.

use std::sync::{OnceLock, mpsc};
use std::time::Duration;

pub use bare_monitor::Found as KvmFound;
use results::values::Virtualisation;

use super::super::{Unavailable, is_root};

/// How long the tiny guests may take: tens of milliseconds where all is well. A guest that does not come
/// back holds up its thread and nobody else.
const LIMIT: Duration = Duration::from_secs(5);

/// KVM as it was found, or why there is none.
pub type Kvm = Result<KvmFound, String>;

/// KVM on this machine.
pub fn kvm() -> &'static Kvm {
    static KVM: OnceLock<Kvm> = OnceLock::new();
    KVM.get_or_init(|| {
        let (tell, told) = mpsc::channel();
        let tried = std::thread::Builder::new()
            .name("virtualisation".into())
            .spawn(move || {
                let found = bare_monitor::find().map_err(|error| error.to_string());
                // Whoever asked may have given up.
                let _ = tell.send(found);
            });
        tried.map_err(|error| format!("a machine cannot be tried: {error}"))?;
        let answer = told.recv_timeout(LIMIT);
        answer.unwrap_or_else(|_| Err("a tiny guest did not come back from KVM".to_owned()))
    })
}

/// What executes guests under KVM here: hardware where nothing is known, and the reason is told when the
/// system is looked for.
pub(super) fn under_kvm() -> Virtualisation {
    kvm()
        .as_ref()
        .map_or(Virtualisation::Hardware, KvmFound::kind)
}

/// Whether what enters a guest by KVM and reaches it by a TAP device can do so here.
///
/// # Errors
/// What it lacks.
pub(super) fn check_kvm_and_tap() -> Result<(), Unavailable> {
    if let Err(reason) = kvm() {
        return Err(Unavailable {
            reason: format!("there are no virtual machines here: {reason}"),
            remedy: "a machine whose processor has virtualisation, with /dev/kvm open to this user"
                .to_owned(),
        });
    }
    if !is_root() {
        return Err(Unavailable {
            reason: "its network is a TAP device, which only root can make".to_owned(),
            remedy: "run it as root".to_owned(),
        });
    }
    Ok(())
}
