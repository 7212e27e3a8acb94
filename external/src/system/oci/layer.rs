//! A layer over an image that one container writes into.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Where the layer of a bundle's container lies. It is mounted in a mount namespace of who starts the
/// container, and goes with that: a run that is killed leaves no mount.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    bundle: PathBuf,
}

impl Layer {
    /// The folder of a bundle that it is mounted at.
    pub(super) const MERGED: &str = "merged";
    const LOWER: &str = super::runtime::ROOT;
    const UPPER: &str = "upper";
    const WORK: &str = "work";

    pub(super) fn new(bundle: &Path) -> Self {
        Self {
            bundle: bundle.to_owned(),
        }
    }

    /// Makes its folders anew.
    ///
    /// # Errors
    /// They cannot be removed or made.
    pub(super) fn empty(&self) -> Result<(), String> {
        let folders = [Self::UPPER, Self::WORK, Self::MERGED];
        folders.iter().try_for_each(|name| {
            super::super::managed::make_empty(self.bundle.join(name)).map(drop)
        })
    }

    /// Mounts it in the mount namespace of the calling thread, which is its own.
    ///
    /// # Errors
    /// The file system below takes no layers, or the kernel has none.
    #[expect(unsafe_code, reason = "the standard library has no such call")]
    pub(super) fn mount(&self) -> io::Result<()> {
        let part = |name: &str| self.bundle.join(name);
        // Colons and commas part what the kernel reads.
        let written = |name: &str| {
            let path = part(name).display().to_string().replace('\\', "\\\\");
            path.replace(':', "\\:").replace(',', "\\,")
        };
        let text = |path: &Path| CString::new(path.as_os_str().as_bytes());
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            written(Self::LOWER),
            written(Self::UPPER),
            written(Self::WORK)
        );
        let (options, merged) = (CString::new(options)?, text(&part(Self::MERGED))?);
        let kind = c"overlay";
        // SAFETY: the pointers are to texts that outlive the call.
        let result = unsafe {
            libc::mount(
                kind.as_ptr(),
                merged.as_ptr(),
                kind.as_ptr(),
                0,
                options.as_ptr().cast(),
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}
