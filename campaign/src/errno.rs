//! What to do about an error of the system: hints follow its number, and not the place where it came
//! up. The same call fails for want of descriptors, of room, of permission or of somebody who
//! listens.

use std::io;

/// What mends an error that is this machine's or this user's, wherever it comes up; nothing for
/// one that only the place explains.
pub fn hint(error: &io::Error) -> Option<&'static str> {
    Some(match error.raw_os_error()? {
        libc::EMFILE => {
            "this process has as many descriptors as it may: `ulimit -n` shows how many, and \
                `ulimit -n 65536` raises it as far as its hard limit"
        }
        libc::ENFILE => "the machine has no descriptor left: see /proc/sys/fs/file-nr",
        libc::ENOSPC | libc::EDQUOT => {
            "the disk or the quota is full: make room, or choose another folder"
        }
        libc::EFBIG => {
            "no file may become so long: `ulimit -f` shows how long, and `ulimit -f unlimited` \
                lifts it as far as its hard limit"
        }
        libc::EROFS => "the file system is mounted read-only: choose another folder",
        libc::EACCES | libc::EPERM => {
            "this user may not: look at the owner and the mode, or run it as somebody who may"
        }
        libc::ENAMETOOLONG => "a name or a path is too long: choose a shorter one",
        libc::ENOMEM => {
            "there is no memory left for it: `ulimit -v` and `free -m` show how much there is"
        }
        libc::EAGAIN => {
            "there are as many processes and threads as there may be: `ulimit -u`, and pids.max of \
                the control group"
        }
        libc::EADDRNOTAVAIL => {
            "no port is free for one more connection: see net.ipv4.ip_local_port_range"
        }
        libc::EADDRINUSE => "something else listens there: `ss -ltnp` shows what",
        _ => return None,
    })
}

/// Whether it is for want of something that this process has no more of, whatever it was doing.
pub fn is_exhaustion(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EMFILE
                | libc::ENFILE
                | libc::ENOMEM
                | libc::ENOBUFS
                | libc::EAGAIN
                | libc::EADDRNOTAVAIL
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_has_one_hint_and_an_error_that_is_nobodys_has_none() {
        let of = |errno| hint(&io::Error::from_raw_os_error(errno));
        assert!(of(libc::EMFILE).unwrap().contains("ulimit -n"));
        assert!(of(libc::ENOSPC).unwrap().contains("room"));
        assert!(of(libc::EFBIG).unwrap().contains("ulimit -f"));
        assert!(of(libc::EROFS).unwrap().contains("read-only"));
        assert_eq!(
            of(libc::ECONNREFUSED),
            None,
            "only who connects knows to what"
        );
        assert_eq!(hint(&io::Error::other("anything")), None);
        assert!(is_exhaustion(&io::Error::from_raw_os_error(libc::EMFILE)));
        assert!(!is_exhaustion(&io::Error::from_raw_os_error(
            libc::ECONNREFUSED
        )));
    }
}
