//! How much an image may be. It is unpacked by root, and says itself how large it is: a few hundred bytes can
//! say that they are a terabyte, or that the name of one file is.

use std::io::{self, Read};

use tar::{EntryType, Header, PaxExtensions};

/// The most that an image unpacks to, in bytes; also of a file that is compressed as a whole.
pub(super) const LARGEST: u64 = 32 << 30;

/// The most files that an image has.
const MOST_FILES: u64 = 4_000_000;

/// The most layers: an engine takes a quarter of that.
pub(super) const MOST_LAYERS: usize = 512;

/// The longest name and the longest list of attributes: whoever unpacks reads them whole, into memory.
const LONGEST_NAME: u64 = 1 << 20;

/// The unit of an archive, in bytes.
const BLOCK: usize = 512;

/// What is left of what an image may have.
#[derive(Debug)]
pub(super) struct Left {
    bytes: u64,
    files: u64,
}

impl Left {
    pub(super) const fn of_an_image() -> Self {
        Self {
            bytes: LARGEST,
            files: MOST_FILES,
        }
    }

    /// Reads the headers of an archive, and takes what they say off what is left.
    ///
    /// # Errors
    /// It would be more than an image may have, has a sparse file, or is no archive.
    pub(super) fn take(&mut self, archive: impl Read) -> io::Result<()> {
        let mut archive = Bounded::new(archive, LARGEST);
        let mut block = [0; BLOCK];
        // Of the next entry, by a header of its own.
        let mut told = None;
        while read_block(&mut archive, &mut block)? && block != [0; BLOCK] {
            let header = Header::from_byte_slice(&block);
            let (kind, says) = (header.entry_type(), header.entry_size()?);
            if is_header(kind) {
                // What readers of archives take differently would be counted as something else than it becomes.
                let is_plain = header.as_gnu().is_some() || header.as_ustar().is_some();
                if !is_plain || (kind == EntryType::XGlobalHeader && told.is_some()) {
                    return Err(io::Error::other(
                        "a header in it stands in no place for one",
                    ));
                }
                let body = body(&mut archive, says)?;
                if kind == EntryType::XHeader {
                    told = size(&body);
                }
                continue;
            }
            if kind == EntryType::GNUSparse {
                let why = "a file in it is sparse, of which nobody knows how large it becomes; an image \
                    that `docker build` makes has none";
                return Err(io::Error::other(why));
            }
            let bytes = told.take().unwrap_or(says);
            let left = self.bytes.checked_sub(bytes).zip(self.files.checked_sub(1));
            (self.bytes, self.files) = left.ok_or_else(|| {
                let why = format!("it has more than {LARGEST} bytes, or than {MOST_FILES} files");
                io::Error::other(why)
            })?;
            skip(&mut archive, bytes.next_multiple_of(BLOCK as u64))?;
        }
        Ok(())
    }
}

/// The bytes and files that an archive is counted to have, and those that whoever unpacks it finds in it;
/// nothing where it is refused.
#[cfg(fuzzing)]
pub(crate) fn counted_and_found(archive: &[u8]) -> Option<[(u64, u64); 2]> {
    let mut left = Left::of_an_image();
    left.take(archive).ok()?;
    let mut found = (0_u64, 0_u64);
    let mut read = tar::Archive::new(archive);
    // What is no entry ends it, as it ends unpacking.
    for entry in read.entries().ok()?.map_while(Result::ok) {
        // A reader gives it out, and nothing is made of it.
        if entry.header().entry_type().is_pax_global_extensions() {
            continue;
        }
        found = (found.0.saturating_add(entry.size()), found.1 + 1);
    }
    Some([(LARGEST - left.bytes, MOST_FILES - left.files), found])
}

/// Whether an entry is no file, but says something of the next one.
fn is_header(kind: EntryType) -> bool {
    kind.is_gnu_longname()
        || kind.is_gnu_longlink()
        || kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions()
}

/// Whether there was one more.
fn read_block(archive: &mut impl Read, block: &mut [u8; BLOCK]) -> io::Result<bool> {
    let mut read = 0;
    while read < BLOCK {
        match archive.read(&mut block[read..]) {
            Ok(0) if read == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn body(archive: &mut impl Read, bytes: u64) -> io::Result<Vec<u8>> {
    if bytes > LONGEST_NAME {
        let why = format!("a name in it has {bytes} bytes, and at most {LONGEST_NAME} are read");
        return Err(io::Error::other(why));
    }
    let mut body = Vec::new();
    let whole = bytes.next_multiple_of(BLOCK as u64);
    archive.by_ref().take(whole).read_to_end(&mut body)?;
    body.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
    Ok(body)
}

/// The size in a list of attributes, as whoever unpacks reads it: nothing is found behind one that is malformed.
fn size(attributes: &[u8]) -> Option<u64> {
    let known = PaxExtensions::new(attributes).map_while(Result::ok);
    let mut sizes = known.filter(|it| it.key() == Ok("size"));
    sizes.next()?.value().ok()?.parse().ok()
}

fn skip(archive: &mut impl Read, bytes: u64) -> io::Result<()> {
    io::copy(&mut archive.by_ref().take(bytes), &mut io::sink()).map(drop)
}

/// Gives what another reader gives, and an error instead of what is beyond a bound.
pub(super) struct Bounded<R> {
    inner: R,
    left: u64,
    most: u64,
}

impl<R> Bounded<R> {
    pub(super) const fn new(inner: R, most: u64) -> Self {
        Self {
            inner,
            left: most,
            most,
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other(format!("it unpacks to more than {} bytes", self.most))
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of an entry that says what it likes.
    fn entry(kind: EntryType, bytes: u64) -> Vec<u8> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(bytes);
        header.set_path("x").unwrap();
        header.set_cksum();
        header.as_bytes().to_vec()
    }

    fn taken(archive: &[u8]) -> Result<(u64, u64), String> {
        let mut left = Left::of_an_image();
        let taken = left.take(archive).map_err(|error| error.to_string());
        taken.map(|()| (LARGEST - left.bytes, MOST_FILES - left.files))
    }

    #[test]
    fn files_are_counted_with_what_their_headers_say() {
        let mut archive = tar::Builder::new(Vec::new());
        for name in ["short", &"long/".repeat(60)] {
            let mut header = Header::new_gnu();
            header.set_size(3);
            archive.append_data(&mut header, name, &b"abc"[..]).unwrap();
        }
        assert_eq!(taken(&archive.into_inner().unwrap()), Ok((6, 2)));
        // A size that has no room in a header stands before it.
        let told = b"12 size=700\n";
        let mut archive = entry(EntryType::XHeader, told.len() as u64);
        archive.extend_from_slice(told);
        archive.resize(1024, 0);
        archive.extend(entry(EntryType::Regular, 0));
        archive.resize(1024 + 512 + 1024, b'x');
        assert_eq!(taken(&archive), Ok((700, 1)));
    }

    #[test]
    fn what_says_that_it_is_more_than_an_image_is_refused_at_once() {
        for (kind, why) in [
            (EntryType::Regular, "more than 34359738368 bytes"),
            (EntryType::GNULongName, "a name in it has"),
            (EntryType::GNULongLink, "a name in it has"),
            (EntryType::XHeader, "a name in it has"),
            (EntryType::XGlobalHeader, "a name in it has"),
            (EntryType::GNUSparse, "is sparse"),
        ] {
            let error = taken(&entry(kind, 1 << 40)).unwrap_err();
            assert!(error.contains(why), "{kind:?}: {error}");
        }
        let mut all = entry(EntryType::Regular, LARGEST);
        drop(all.splice(0..0, entry(EntryType::Directory, 0)));
        assert!(taken(&all).is_ok(), "just as much as an image may have");
        all.splice(
            0..0,
            [entry(EntryType::Regular, 1), vec![0; BLOCK]].concat(),
        );
        assert!(taken(&all).unwrap_err().contains("more than"));
    }

    #[test]
    fn what_has_no_end_is_read_up_to_a_bound() {
        let error = io::copy(&mut Bounded::new(io::repeat(0), 1000), &mut io::sink());
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("more than 1000 bytes")
        );
        let all = Bounded::new(&b"abc"[..], 3);
        assert_eq!(io::read_to_string(all).unwrap(), "abc");
    }
}
