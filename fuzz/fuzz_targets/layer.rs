//! A layer of an image: entries with any header and any body. For each, a byte says what it is, two how long it says
//! that it is, one how much of it there is, in units of 16 bytes; that follows. What is counted is no less than what
//! whoever unpacks it finds.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// The kinds of entries that readers of archives know, and one that they do not.
const KINDS: &[u8] = b"0\0123457gxLKSVD";

fuzz_target!(|bytes: &[u8]| {
    let mut archive = Vec::new();
    let mut rest = bytes;
    while let Some((&[kind, high, low, length], after)) = rest.split_first_chunk() {
        let (body, after) = after.split_at(after.len().min(usize::from(length) * 16));
        rest = after;
        let mut header = match kind >> 6 {
            0 => tar::Header::new_old(),
            1 => tar::Header::new_ustar(),
            _ => tar::Header::new_gnu(),
        };
        header.as_mut_bytes()[156] = KINDS[usize::from(kind & 63) % KINDS.len()];
        let says = u64::from(u16::from_be_bytes([high & 0x7f, low]));
        // Half of them say what is so.
        header.set_size(if high & 0x80 == 0 {
            body.len() as u64
        } else {
            says
        });
        header.as_mut_bytes()[0] = b'x';
        header.set_cksum();
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(body);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    external::fuzzing::layer(&archive);
});
