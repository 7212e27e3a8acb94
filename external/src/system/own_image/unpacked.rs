//! An image unpacked into a folder, as an engine unpacks it, and what is started in it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};

use results::digest::sha256_hex;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use serde_json::{Value, json};
use workloads::target::{ImageSource, OwnFile};
use workloads::{Call, Target};

use super::super::own_workload::check_unchanged;
use super::super::placeholders::Values;
use super::super::{causes, docker};
use super::archive::ImageArchive;
use super::{Configuration, check, command, environment, port};

/// What a layer has in place of what is gone since the one below.
const GONE: &str = ".wh.";
/// What it has in a folder of which nothing is left of the layers below.
const ALL_GONE: &str = ".wh..wh..opq";

/// The longest list of users or groups that is read, in bytes.
const LONGEST_LIST: u64 = 1 << 20;

/// Where programs are looked for in an image that does not say.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A person's own image, its layers in one folder.
#[derive(Debug, Clone)]
pub(in crate::system) struct Unpacked {
    pub(in crate::system) archive: ImageArchive,
    /// The digest of its configuration, which is its name for an engine.
    pub(in crate::system) sha256: String,
    /// The port that its service listens on; nothing where it listens where it is told to.
    pub(in crate::system) port: Option<u16>,
    /// Its files.
    pub(in crate::system) files: Vec<PathBuf>,
    configuration: Configuration,
    user: User,
    target: &'static Target,
}

/// Whom an image's service runs as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct User {
    uid: u32,
    gid: u32,
}

/// What a container of an image starts, as the OCI's runtimes are told.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::system) struct Process {
    arguments: Vec<String>,
    environment: Vec<String>,
    folder: String,
    user: User,
    mounts: Vec<Value>,
}

impl Unpacked {
    /// The image of a target, unpacked into an empty folder. `work` is for what that takes.
    ///
    /// # Errors
    /// There is none, it cannot be unpacked, or it does not say what is to be known.
    pub(in crate::system) fn make(
        target: &'static Target,
        root: &Path,
        work: &Path,
    ) -> Result<Self, String> {
        let image = check(target).map_err(|skip| skip.to_string())?;
        let archive = match &image.source {
            ImageSource::Archive(file) => of_file(file, work)?,
            ImageSource::Engine(name) => {
                // Several of a run lie beside each other.
                let file = work.join(format!("{}.tar", sha256_hex(name.as_bytes())));
                docker::save(name, &file)?;
                ImageArchive::open(&file, work)?
            }
        };
        let (_, configuration) = archive.parsed()?;
        if configuration.entrypoint.is_empty()
            && configuration.command.is_empty()
            && image.arguments.is_none()
        {
            return Err(format!(
                "the image of {} does not say what is started in it: `arguments = [\"/program\"]` does",
                target.name
            ));
        }
        let port = match target.call {
            Call::Http(_) => port(target, image, &configuration.exposed)?,
            Call::Run(_) => None,
        };
        unpack(&archive, root).map_err(|error| {
            let why = causes(&error);
            format!("the image of {} cannot be unpacked: {why}", target.name)
        })?;
        let mut files = Vec::new();
        collect(root, &mut files);
        Ok(Self {
            sha256: sha256_hex(&archive.configuration),
            port,
            files,
            user: User::find(root, &configuration.user)?,
            archive,
            configuration,
            target,
        })
    }

    /// What a start runs whose service is told to listen there.
    pub(in crate::system) fn process(&self, address: Option<SocketAddr>) -> Process {
        let values = Values {
            address,
            ..Values::default()
        };
        let own = &self.configuration;
        let command = command(self.target, &values).unwrap_or_else(|| own.command.clone());
        let mut variables = own.environment.clone();
        if !variables.iter().any(|it| it.starts_with("PATH=")) {
            variables.push(PATH.to_owned());
        }
        for variable in environment(self.target, &values) {
            let name = variable.split_inclusive('=').next().unwrap_or_default();
            variables.retain(|it| !it.starts_with(name));
            variables.push(variable);
        }
        let mounts = self.target.folders.iter().map(|folder| {
            let mode = if folder.writable { "rw" } else { "ro" };
            json!({
                "destination": folder.guest,
                "type": "bind",
                "source": folder.host,
                "options": ["rbind", "rprivate", mode],
            })
        });
        Process {
            arguments: [own.entrypoint.clone(), command].concat(),
            environment: variables,
            folder: own.folder.clone().unwrap_or_else(|| "/".to_owned()),
            user: self.user,
            mounts: mounts.collect(),
        }
    }
}

impl Process {
    /// Has a container's configuration start it. Whoever is not root loses what root may, as with
    /// any program that is executed.
    pub(in crate::system) fn put_into(&self, configuration: &mut Value) {
        let process = &mut configuration["process"];
        process["args"] = json!(self.arguments);
        process["cwd"] = json!(self.folder);
        let kept = process["env"].as_array().into_iter().flatten();
        let kept = kept.filter(|it| it.as_str().is_some_and(|it| it.starts_with("HOSTNAME=")));
        let kept: Vec<Value> = kept.cloned().collect();
        let own = self.environment.iter().map(|it| json!(it));
        process["env"] = kept.into_iter().chain(own).collect();
        process["user"] = json!({"uid": self.user.uid, "gid": self.user.gid});
        if self.user.uid != 0
            && let Some(capabilities) = process["capabilities"].as_object_mut()
        {
            for set in ["effective", "permitted", "inheritable", "ambient"] {
                capabilities.remove(set);
            }
        }
        if let Some(mounts) = configuration["mounts"].as_array_mut() {
            mounts.extend(self.mounts.iter().cloned());
        }
    }
}

fn of_file(file: &OwnFile, work: &Path) -> Result<ImageArchive, String> {
    ImageArchive::open(&check_unchanged(file)?, work)
}

impl User {
    /// Whom a text names, such as `www`, `33` or `33:www`, by the files of the image.
    fn find(root: &Path, text: &str) -> Result<Self, String> {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        // `NAME:x:ID:…`, with the group's after it.
        let line = |file: &str, name: &str| -> Option<Vec<String>> {
            let text = read_within(root, &format!("etc/{file}"))?;
            let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
            let mut lines = text.lines().map(fields);
            lines.find(|it| {
                it.first().is_some_and(|it| it == name) || it.get(2).is_some_and(|it| it == name)
            })
        };
        let id = |fields: &[String], nth: usize| fields.get(nth).and_then(|it| it.parse().ok());
        let known = line("passwd", user);
        let uid = match (user, &known) {
            ("", _) => Some(0),
            (_, Some(fields)) => id(fields, 2),
            (number, None) => number.parse().ok(),
        };
        let gid = match (group, &known) {
            ("", Some(fields)) => id(fields, 3),
            ("", None) => Some(0),
            (group, _) => line("group", group)
                .and_then(|fields| id(&fields, 2))
                .or_else(|| group.parse().ok()),
        };
        match (uid, gid) {
            (Some(uid), Some(gid)) => Ok(Self { uid, gid }),
            _ => Err(format!(
                "the image has no user {text:?}, whom it is to run as"
            )),
        }
    }
}

/// A list of an image's, by its path there. A link is followed as the image's own programs follow it, to what is
/// below the image's root: this is root's process, and another file of the machine's would be read, or a device.
fn read_within(root: &Path, file: &str) -> Option<String> {
    let root = File::open(root).ok()?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let opened = openat2(&root, file, flags, Mode::empty(), resolve).ok()?;
    let opened = File::from(opened);
    let mut text = String::new();
    let is_file = opened.metadata().is_ok_and(|it| it.is_file());
    let read = is_file.then(|| opened.take(LONGEST_LIST).read_to_string(&mut text));
    read?.ok().map(|_| text)
}

/// Unpacks the layers of an image, one over another.
fn unpack(archive: &ImageArchive, root: &Path) -> io::Result<()> {
    fs::create_dir_all(root)?;
    let root = fs::canonicalize(root)?;
    archive
        .layers()
        .try_for_each(|layer| unpack_layer(tar::Archive::new(layer?), &root))
}

fn unpack_layer(mut layer: tar::Archive<impl io::Read>, root: &Path) -> io::Result<()> {
    layer.set_preserve_permissions(true);
    layer.set_preserve_ownerships(true);
    layer.set_overwrite(true);
    let mut of_this: HashSet<PathBuf> = HashSet::new();
    for entry in layer.entries()? {
        let mut entry = entry?;
        let path = relative(&entry.path()?);
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let parent = path.parent().unwrap_or(Path::new(""));
        if name == ALL_GONE {
            empty(root, parent, &of_this)?;
            continue;
        }
        if let Some(gone) = name.strip_prefix(GONE) {
            // Of `..` the folder above would be gone, which of the root is not the image's.
            let mut steps = Path::new(gone).components();
            if !matches!(
                (steps.next(), steps.next()),
                (Some(Component::Normal(_)), None)
            ) {
                let why = format!("a layer marks {gone:?} as gone, which is no name of a file");
                return Err(io::Error::other(why));
            }
            remove(root, &parent.join(gone))?;
            continue;
        }
        let kind = entry.header().entry_type();
        let is_link = kind.is_symlink() || kind.is_hard_link();
        if !(kind.is_file() || kind.is_dir() || is_link || kind.is_contiguous()) {
            // Devices are the runtime's to make.
            continue;
        }
        let there = fs::symlink_metadata(root.join(&path));
        if there.is_ok_and(|there| !(there.is_dir() && kind.is_dir())) {
            remove(root, &path)?;
        }
        of_this.extend(path.ancestors().map(Path::to_owned));
        // Refuses what would lie outside.
        entry.unpack_in(root)?;
    }
    Ok(())
}

/// A path in the image, from its root.
fn relative(path: &Path) -> PathBuf {
    let names = path.components();
    names
        .filter(|it| matches!(it, Component::Normal(_)))
        .collect()
}

/// Removes what the layers below have there, if it lies in the image: a link on the way may lead out of
/// it.
fn remove(root: &Path, path: &Path) -> io::Result<()> {
    let at = root.join(path);
    let parent = at.parent().unwrap_or(root);
    let is_inside = fs::canonicalize(parent).is_ok_and(|it| it.starts_with(root));
    match fs::symlink_metadata(&at) {
        _ if !is_inside => Ok(()),
        Err(_) => Ok(()),
        Ok(there) if there.is_dir() => fs::remove_dir_all(&at),
        Ok(_) => fs::remove_file(&at),
    }
}

/// Removes what a folder has of the layers below.
fn empty(root: &Path, folder: &Path, of_this: &HashSet<PathBuf>) -> io::Result<()> {
    let entries = fs::read_dir(root.join(folder))
        .into_iter()
        .flatten()
        .flatten();
    let paths = entries.map(|entry| folder.join(entry.file_name()));
    let below: Vec<_> = paths.filter(|path| !of_this.contains(path)).collect();
    below.iter().try_for_each(|path| remove(root, path))
}

/// The files below a folder. No link is followed: those of an image lead to this machine's own files.
pub(in crate::system) fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests {
    use super::super::archive::tests::saved;
    use super::*;

    #[test]
    fn a_layer_takes_away_what_it_marks_and_nothing_outside() {
        let folder = tempfile::tempdir().unwrap();
        let layers: [&[(&str, &str)]; 2] = [
            &[("a/x", "1"), ("a/y", "1"), ("b/z", "1"), ("c", "1")],
            &[
                ("a/.wh.x", ""),
                ("b/.wh..wh..opq", ""),
                ("b/new", "2"),
                ("c", "2"),
            ],
        ];
        let outside = folder.path().join("outside");
        fs::write(&outside, "kept").unwrap();
        let file = saved(folder.path(), &json!({}), &layers);
        let archive = ImageArchive::open(&file, folder.path()).unwrap();
        let root = folder.path().join("root");
        unpack(&archive, &root).unwrap();
        let mut files = Vec::new();
        collect(&root, &mut files);
        let mut names: Vec<_> = files
            .iter()
            .map(|it| it.strip_prefix(&root).unwrap().display().to_string())
            .collect();
        names.sort();
        assert_eq!(names, ["a/y", "b/new", "c"]);
        assert_eq!(fs::read_to_string(root.join("c")).unwrap(), "2");
        // Neither is the folder that the image is unpacked in its own, nor is `.` a file of it.
        for marked in [".wh...", "a/.wh...", ".wh..", ".wh."] {
            let layers: [&[(&str, &str)]; 1] = [&[(marked, "")]];
            let file = saved(folder.path(), &json!({}), &layers);
            let archive = ImageArchive::open(&file, folder.path()).unwrap();
            let error = unpack(&archive, &root).unwrap_err().to_string();
            assert!(error.contains("no name of a file"), "{marked}: {error}");
            assert!(outside.exists() && root.join("a/y").exists(), "{marked}");
        }
        // A link out of the image is not followed by what marks something as gone.
        std::os::unix::fs::symlink("..", root.join("out")).unwrap();
        let layers: [&[(&str, &str)]; 1] = [&[("out/.wh.outside", "")]];
        let file = saved(folder.path(), &json!({}), &layers);
        let archive = ImageArchive::open(&file, folder.path()).unwrap();
        unpack(&archive, &root).unwrap();
        assert_eq!(fs::read_to_string(&outside).unwrap(), "kept");
    }

    #[test]
    fn users_are_those_of_the_image() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let write =
            |name: &str, text: &str| fs::write(root.path().join("etc").join(name), text).unwrap();
        write(
            "passwd",
            "root:x:0:0::/root:/bin/sh\nwww:x:33:34::/:/bin/false\n",
        );
        write("group", "root:x:0:\nwww:x:34:\nstaff:x:50:\n");
        let find = |text: &str| User::find(root.path(), text).map(|it| (it.uid, it.gid));
        assert_eq!(find(""), Ok((0, 0)));
        assert_eq!(find("www"), Ok((33, 34)));
        assert_eq!(find("33"), Ok((33, 34)));
        assert_eq!(find("www:staff"), Ok((33, 50)));
        assert_eq!(find("1000"), Ok((1000, 0)));
        assert_eq!(find("1000:1001"), Ok((1000, 1001)));
        assert!(find("nobody").unwrap_err().contains("no user \"nobody\""));
    }

    #[test]
    fn a_process_is_the_images_own_and_without_roots_rights_unless_it_is_root() {
        let process = Process {
            arguments: vec!["/serve".to_owned()],
            environment: vec!["A=b".to_owned()],
            folder: "/srv".to_owned(),
            user: User { uid: 33, gid: 34 },
            mounts: vec![json!({"destination": "/data"})],
        };
        let mut made = json!({
            "process": {
                "args": ["/x"], "env": ["PATH=/bin", "HOSTNAME=abc"],
                "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"]},
            },
            "mounts": [],
        });
        process.put_into(&mut made);
        assert_eq!(made["process"]["args"], json!(["/serve"]));
        assert_eq!(made["process"]["env"], json!(["HOSTNAME=abc", "A=b"]));
        assert_eq!(made["process"]["user"], json!({"uid": 33, "gid": 34}));
        let capabilities = &made["process"]["capabilities"];
        assert_eq!(capabilities, &json!({"bounding": ["CAP_KILL"]}));
        assert_eq!(made["mounts"][0]["destination"], "/data");
    }
}
