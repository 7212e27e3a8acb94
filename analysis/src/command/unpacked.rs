//! What an unpacked bundle says of its files.

use std::path::Path;

use results::folder::Folder;
use results::{digest, ledger, text};

use super::bundle::{MOST_FILES, SUMS};

/// The longest list of digests that is read.
const LONGEST_LIST: u64 = 4 << 20;

/// What is wrong with the files that the list of an unpacked bundle names; nothing if the run in this folder
/// is of none. Only regular files below the list are opened, whatever it names.
pub(super) fn wrong(run: &Path) -> Vec<String> {
    // In an archive the run's folder is `raw/<run>`, and the list stands above both.
    let Some(base) = run.parent().and_then(Path::parent) else {
        return Vec::new();
    };
    let base = if base == Path::new("") {
        Path::new(".")
    } else {
        base
    };
    if base.join(SUMS).symlink_metadata().is_err() {
        return Vec::new();
    }
    let opened = Folder::open(base).and_then(|base| {
        let list = base.read(SUMS, LONGEST_LIST)?;
        Ok((base, list))
    });
    let (base, list) = match opened {
        Ok(opened) => opened,
        Err(error) => return vec![format!("{SUMS}: {error}")],
    };
    let list = String::from_utf8_lossy(&list);
    let mut wrong = Vec::new();
    for (number, line) in (1..).zip(list.lines()) {
        if number > MOST_FILES {
            wrong.push(format!("{SUMS} has more than {MOST_FILES} lines"));
            break;
        }
        wrong.extend(check(&base, number, line));
    }
    wrong
}

fn check(base: &Folder, number: usize, line: &str) -> Option<String> {
    let is_digest = |it: &str| it.len() == 64 && it.bytes().all(|byte| byte.is_ascii_hexdigit());
    let Some((digest, name)) = line
        .split_once("  ")
        .filter(|(digest, _)| is_digest(digest))
    else {
        return Some(format!("{SUMS} line {number} is no digest and name"));
    };
    let found = base.file(name, ledger::LONGEST).and_then(digest::sha256_of);
    let name = text::line(name);
    match found {
        Ok(found) if found == digest => None,
        Ok(found) => Some(format!(
            "{name} has digest {found}, and was bundled with {digest}"
        )),
        Err(error) => Some(format!("{name} was bundled and cannot be read: {error}")),
    }
}
