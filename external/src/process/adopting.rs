//! Orphans become this process's children while it asks for that: whose a process is that has left its group and lost
//! its parent is told by nothing else.

use std::sync::{Mutex, PoisonError};

use machine::processes::ended_daemons;
use nix::sys::prctl;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// How many ask for it: the kernel knows it of the whole process.
static ASKING: Mutex<usize> = Mutex::new(0);

/// While it lives, orphans of this process's children become its children.
#[derive(Debug)]
pub(crate) struct Adopting(());

impl Adopting {
    /// Begins it, if it has not begun.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(crate) fn begin() -> Result<Self, String> {
        let mut asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
        if *asking == 0 {
            prctl::set_child_subreaper(true).map_err(|error| {
                format!("cannot become the parent of what loses its own: {error}")
            })?;
        }
        *asking += 1;
        Ok(Self(()))
    }
}

impl Drop for Adopting {
    fn drop(&mut self) {
        let mut asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
        *asking -= 1;
        if *asking == 0 {
            let _ = prctl::set_child_subreaper(false);
            // Nobody else waits for those that have ended meanwhile.
            for pid in ended_daemons(std::process::id()) {
                let _ = waitpid(Pid::from_raw(pid.cast_signed()), Some(WaitPidFlag::WNOHANG));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_with_the_last_who_asks() {
        let is_on = || prctl::get_child_subreaper().unwrap();
        let (one, two) = (Adopting::begin().unwrap(), Adopting::begin().unwrap());
        assert!(is_on());
        drop(one);
        assert!(is_on());
        drop(two);
        // Others of this process may ask for it at the same time.
        let asking = ASKING.lock().unwrap();
        assert_eq!(is_on(), *asking > 0);
    }
}
