//! What `fuzz/` reaches of what is private otherwise.

use workloads::Answer;

use crate::client::answer_of;
use crate::observe::Milestones;
use crate::suite::profile::Profile;
use crate::system::{Described, counted_and_found};

/// The longest body that is taken.
const MOST_BYTES: usize = 1 << 16;

/// An answer that arrives in these pieces, over a connection that then ends.
///
/// # Errors
/// What is wrong with it.
pub fn answer<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Answer>, String> {
    answer_of(pieces, MOST_BYTES)
}

/// A profile. What is none has a reason.
pub fn profile(text: &str) {
    if let Err(error) = Profile::parse("arbitrary.toml", text) {
        assert!(!error.to_string().is_empty());
    }
}

/// A description of systems. What is none has a reason.
pub fn description(text: &str) {
    if let Err(error) = Described::check(text) {
        assert!(!error.to_string().is_empty());
    }
}

/// A layer of a person's own image, or the whole of it.
///
/// # Panics
/// Whoever unpacks it finds more in it than was counted.
pub fn layer(archive: &[u8]) {
    if let Some([counted, found]) = counted_and_found(archive) {
        assert!(
            found.0 <= counted.0 && found.1 <= counted.1,
            "{counted:?} bytes and files were counted, {found:?} are found"
        );
    }
}

/// A start whose calls were notified in this order, or none, and that ended at this instant.
///
/// # Panics
/// What is said to be its phases does not partition it, or what is wrong with it is not said.
pub fn start(milestones: &Milestones, ended_ns: u64) {
    let total = ended_ns.checked_sub(milestones.launched_ns);
    for native in [false, true] {
        for phases in [
            milestones.phases(ended_ns, native),
            milestones.phases_of_run(ended_ns, native),
        ] {
            match phases {
                Ok(phases) => {
                    let sum: u64 = phases.iter().map(|phase| phase.ns).sum();
                    assert_eq!(Some(sum), total, "{phases:?} of {milestones:?}");
                    assert!(phases.is_sorted_by(|one, next| one.name < next.name));
                }
                Err(reason) => assert!(!reason.is_empty()),
            }
        }
    }
}
