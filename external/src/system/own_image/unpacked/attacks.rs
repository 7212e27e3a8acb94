//! Images that would write, or read, what is not theirs: unpacked by root, and not made by `docker build`.

use super::*;

/// An archive of one layer with these entries: what kind, its name, where a link leads or what is in a file.
fn layer(folder: &Path, entries: &[(tar::EntryType, &str, &str)]) -> ImageArchive {
    let mut layer = tar::Builder::new(Vec::new());
    for (kind, name, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        // As nobody's builder writes them: `..` and absolute paths are names too.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if kind.is_file() {
            header.set_size(text.len() as u64);
            header.set_cksum();
            layer.append(&header, text.as_bytes()).unwrap();
        } else {
            header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
            header.set_cksum();
            layer.append(&header, io::empty()).unwrap();
        }
    }
    let layer = layer.into_inner().unwrap();
    let file = folder.join("evil.tar");
    let mut whole = tar::Builder::new(File::create(&file).unwrap());
    let config = json!({"config": {}}).to_string();
    let manifest = json!([{"Config": "c", "Layers": ["l"]}]).to_string();
    for (name, bytes) in [
        ("c", config.as_bytes()),
        ("l", &layer),
        ("manifest.json", manifest.as_bytes()),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        whole.append_data(&mut header, name, bytes).unwrap();
    }
    whole.finish().unwrap();
    ImageArchive::open(&file, folder).unwrap()
}

#[test]
fn nothing_of_an_image_is_written_outside() {
    use tar::EntryType::{Char, Directory, Fifo, Link, Regular, Symlink};
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "kept").unwrap();
    let absolute = outside.display().to_string();
    let secret = format!("{absolute}/secret");
    let mode = |path: &Path| {
        let found = fs::metadata(path).unwrap();
        std::os::unix::fs::PermissionsExt::mode(&found.permissions())
    };
    let before = mode(&outside);
    for (nth, entries) in [
        &[(Regular, "../outside/secret", "pwned")][..],
        &[(Regular, secret.as_str(), "pwned")],
        // Through a link that the image has made itself, absolute, relative, in steps.
        &[
            (Symlink, "l", absolute.as_str()),
            (Regular, "l/secret", "pwned"),
        ],
        &[(Symlink, "l", "../outside"), (Regular, "l/new", "pwned")],
        &[
            (Symlink, "l", "."),
            (Symlink, "l/up", "../outside"),
            (Regular, "up/new", "pwned"),
        ],
        &[(Symlink, "l", secret.as_str()), (Regular, "l", "pwned")],
        &[(Symlink, "l", absolute.as_str()), (Directory, "l", "")],
        &[(Symlink, "l", absolute.as_str()), (Directory, "l/new", "")],
        // The same file by another name.
        &[(Link, "l", secret.as_str()), (Regular, "l", "pwned")],
        &[(Link, "l", "../outside/secret")],
        &[(Symlink, "s", secret.as_str()), (Link, "l", "s")],
        &[(Char, "null", ""), (Fifo, "fifo", "")],
    ]
    .into_iter()
    .enumerate()
    {
        let root = folder.path().join(format!("root-{nth}"));
        // Refused, or put where it belongs: an absolute path is one of the image's.
        let _ = unpack(&layer(folder.path(), entries), &root);
        let secret = fs::metadata(outside.join("secret")).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::nlink(&secret), 1, "{nth}");
        assert_eq!(fs::read(outside.join("secret")).unwrap(), b"kept", "{nth}");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1, "{nth}");
        assert_eq!(mode(&outside), before, "{nth}");
        for name in ["null", "fifo"] {
            assert!(fs::symlink_metadata(root.join(name)).is_err(), "{nth}");
        }
    }
}

#[test]
fn users_are_not_looked_for_in_the_machines_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("passwd");
    fs::write(&outside, "evil:x:7:7::/:/\n").unwrap();
    let root = folder.path().join("root");
    let etc = root.join("etc");
    fs::create_dir_all(&etc).unwrap();
    let find = |to: &str| {
        let _ = fs::remove_file(etc.join("passwd"));
        std::os::unix::fs::symlink(to, etc.join("passwd")).unwrap();
        User::find(&root, "evil").map(|it| it.uid)
    };
    let absolute = outside.display().to_string();
    // The last would never end.
    for to in [
        absolute.as_str(),
        "../../passwd",
        "/dev/zero",
        "/proc/self/environ",
    ] {
        assert!(find(to).is_err(), "{to}");
    }
    nix::unistd::mkfifo(&etc.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(find("fifo").is_err(), "nobody writes to it");
    // A link is an image's own as well, from its own root.
    fs::write(root.join("users"), "evil:x:8:8::/:/\n").unwrap();
    assert_eq!(find("/users"), Ok(8));
    assert_eq!(find("../../../users"), Ok(8));
}
