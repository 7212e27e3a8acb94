//! Which system calls of a program are milestones, as the program that the kernel runs on each of
//! its calls.

use libc::sock_filter;

/// The calls that stop until the observer has seen them: those that the milestones of a start are
/// made of.
///
/// All others cost the program next to nothing: the kernel works out beforehand which calls such a
/// filter always lets through, and does not run it for them (since Linux 5.11).
pub(super) const OBSERVED: [libc::c_long; 5] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
];

/// How the kernel calls the architecture whose numbers [`OBSERVED`] holds: 0, which is none, where
/// that is not known.
#[cfg(target_arch = "x86_64")]
pub(super) const ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
pub(super) const ARCHITECTURE: u32 = 0xC000_00B7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) const ARCHITECTURE: u32 = 0;

/// Where in `struct seccomp_data` the kernel says which call it is, and of which architecture.
const NUMBER: u32 = 0;
const OF_ARCHITECTURE: u32 = 4;

/// The filter. Calls of another architecture, such as those of a 32-bit program, have other numbers
/// and go through.
pub(super) fn program() -> Vec<sock_filter> {
    let calls = OBSERVED.map(|call| u32::try_from(call).unwrap_or(u32::MAX));
    let count = u8::try_from(calls.len()).unwrap_or(u8::MAX);
    let mut program = vec![
        load(OF_ARCHITECTURE),
        jump_if(ARCHITECTURE, 0, count + 1),
        load(NUMBER),
    ];
    // Over the comparisons that are left and over what lets the call through.
    program.extend(
        calls
            .iter()
            .zip((1..=count).rev())
            .map(|(&call, left)| jump_if(call, left, 0)),
    );
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    program.push(answer(libc::SECCOMP_RET_USER_NOTIF));
    program
}

/// Loads the 32-bit word at `offset`.
fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

/// Skips `equal` instructions if what was loaded is `value`, `other` if it is not.
fn jump_if(value: u32, equal: u8, other: u8) -> sock_filter {
    instruction(
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        equal,
        other,
        value,
    )
}

/// Ends with a decision.
fn answer(decision: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, decision)
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    // The codes are all below 256; the kernel refuses a program with any other.
    sock_filter {
        code: u16::try_from(code).unwrap_or(u16::MAX),
        jt,
        jf,
        k,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel decides about a call, by the rules of the three instructions used.
    fn decide(program: &[sock_filter], number: u32, architecture: u32) -> u32 {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let instruction = program[at];
            at += 1;
            match u32::from(instruction.code) {
                0x20 => {
                    loaded = if instruction.k == 0 {
                        number
                    } else {
                        architecture
                    }
                }
                0x15 if loaded == instruction.k => at += usize::from(instruction.jt),
                0x15 => at += usize::from(instruction.jf),
                0x06 => return instruction.k,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn only_milestones_stop() {
        let program = program();
        for number in 0..600 {
            let expected = if OBSERVED.contains(&libc::c_long::from(number)) {
                libc::SECCOMP_RET_USER_NOTIF
            } else {
                libc::SECCOMP_RET_ALLOW
            };
            assert_eq!(decide(&program, number, ARCHITECTURE), expected, "{number}");
            assert_eq!(
                decide(&program, number, 0x4000_0003),
                libc::SECCOMP_RET_ALLOW,
                "{number} of i386"
            );
        }
    }

    #[test]
    fn the_kernel_takes_at_most_so_many_instructions() {
        assert!(program().len() <= 4096);
    }
}
