//! A person's own image: found in the engine or loaded out of a file, and started as it is.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use bollard::Docker as Client;
use bollard::models::ImageInspect;
use bollard::query_parameters::ImportImageOptions;
use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use results::{Skip, SkipKind};
use workloads::target::{Image as Described, ImageSource, OwnFile};
use workloads::{Call, Target};

use super::super::managed::on_this_thread;
use super::super::own_workload::check_unchanged;
use super::super::placeholders::{Placeholder, Values, fill};
use super::image::Image;
use super::socket::Socket;
use super::{INSIDE, connect, describe_error};

/// How much of a file is handed to the engine at a time, in bytes.
const PIECE: u64 = 1024 * 1024;

/// What precedes the name of an image in what the engine says when it has loaded one.
const LOADED: &str = "Loaded image: ";
const LOADED_ID: &str = "Loaded image ID: ";

/// An image that is there, and how its service is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnImage {
    /// The image, by its digest: a name may be given to another one.
    pub(super) image: Image,
    /// Its digest, in hexadecimal.
    pub(super) sha256: String,
    /// The port that its service listens on; nothing where it listens where it is told to.
    pub(super) port: Option<u16>,
    target: &'static Target,
}

/// Whether a target has an image that an engine of containers can start.
///
/// # Errors
/// What would be needed.
pub(super) fn check(target: &Target) -> Result<&Described, Skip> {
    let Some(image) = &target.image else {
        let reason = format!("{} has no image", target.name);
        return Err(Skip::new(SkipKind::NotApplicable, reason)
            .remedy("`image = \"orders:dev\"` gives it one"));
    };
    let unknown = [Placeholder::Work, Placeholder::Artifact]
        .into_iter()
        .find(|it| texts(target, image).any(|text| it.is_in(text)));
    if let Some(placeholder) = unknown {
        let reason = format!("in a container there is no {}", placeholder.written());
        return Err(Skip::new(SkipKind::NotApplicable, reason)
            .remedy("leave it out of `arguments` and `environment`"));
    }
    Ok(image)
}

/// What is told an image's service: its arguments, and the values of its environment.
fn texts<'a>(target: &'a Target, image: &'a Described) -> impl Iterator<Item = &'a String> {
    let arguments = image.arguments.iter().flatten();
    arguments.chain(target.environment.iter().map(|(_, value)| value))
}

/// The digest of an image of the engine's, for records.
///
/// # Errors
/// No engine answers, or it has none of that name.
pub fn image_id(name: &str) -> Result<String, String> {
    let socket = Socket::find().map_err(|error| error.to_string())?;
    on_this_thread(async {
        let found = inspect(&connect(&socket)?, name).await?;
        Ok(id(&found))
    })?
}

/// The image of a target, loaded if it is in a file.
///
/// # Errors
/// There is none, or it does not say where its service listens.
pub(super) async fn ensure(client: &Client, target: &'static Target) -> Result<OwnImage, String> {
    let image = check(target).map_err(|skip| skip.to_string())?;
    let name = match &image.source {
        ImageSource::Engine(name) => name.clone(),
        ImageSource::Archive(file) => load(client, file).await?,
    };
    let found = inspect(client, &name).await?;
    let port = match target.call {
        Call::Http(_) => port(target, image, &found)?,
        Call::Run(_) => None,
    };
    let sha256 = id(&found);
    Ok(OwnImage {
        image: Image {
            tag: found.id.clone().unwrap_or(name),
            files: files(&found),
        },
        sha256,
        port,
        target,
    })
}

async fn inspect(client: &Client, name: &str) -> Result<ImageInspect, String> {
    client.inspect_image(name).await.map_err(|error| {
        format!(
            "the engine has no image {name}: {}; `docker build -t {name} .` makes one, and `image \
                = \"./FILE.tar\"` takes what `docker save` has written",
            describe_error(&error)
        )
    })
}

fn id(found: &ImageInspect) -> String {
    let id = found.id.as_deref().unwrap_or_default();
    id.strip_prefix("sha256:").unwrap_or(id).to_owned()
}

/// Has the engine load an image out of a file; its name there.
async fn load(client: &Client, file: &OwnFile) -> Result<String, String> {
    let path = check_unchanged(file)?;
    let shown = path.display();
    let open = File::open(&path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let pieces = std::iter::repeat_with(move || {
        let mut piece = Vec::new();
        let read = (&open).take(PIECE).read_to_end(&mut piece);
        read.map(|_| Bytes::from(piece))
    });
    let pieces = pieces.take_while(|piece| !matches!(piece, Ok(piece) if piece.is_empty()));
    let loading =
        client.import_image_stream(ImportImageOptions::default(), stream::iter(pieces), None);
    let said: Vec<_> = loading
        .try_collect()
        .await
        .map_err(|error| format!("the engine cannot load {shown}: {}", describe_error(&error)))?;
    let said: String = said.into_iter().filter_map(|info| info.stream).collect();
    let named = |prefix: &str| said.lines().find_map(|line| line.strip_prefix(prefix));
    named(LOADED)
        .or_else(|| named(LOADED_ID))
        .map(|name| name.trim().to_owned())
        .ok_or_else(|| format!("the engine loaded no image out of {shown}: {said:?}"))
}

/// The port that the service of an image listens on; nothing where it listens where it is told to.
fn port(target: &Target, image: &Described, found: &ImageInspect) -> Result<Option<u16>, String> {
    let says = |text: &String| {
        let told = [Placeholder::Port, Placeholder::Address];
        told.iter().any(|it| it.is_in(text))
    };
    if texts(target, image).any(says) {
        return Ok(None);
    }
    let config = found.config.as_ref();
    let exposed = config.and_then(|config| config.exposed_ports.as_ref());
    let tcp = |port: &String| port.strip_suffix("/tcp").unwrap_or(port).parse().ok();
    let mut ports: Vec<u16> = exposed.into_iter().flatten().filter_map(tcp).collect();
    ports.sort_unstable();
    if let Some(said) = target
        .port
        .filter(|it| ports.is_empty() || ports.contains(it))
    {
        return Ok(Some(said));
    }
    // What is said may be the port of the native program.
    match ports.as_slice() {
        [one] => Ok(Some(*one)),
        [] => Err(format!(
            "the image of {} exposes no port: `port = 80` says which its service listens on",
            target.name
        )),
        several => Err(format!(
            "the image of {} exposes {several:?}: `port = {}` says which its service listens on",
            target.name, several[0]
        )),
    }
}

/// Whether nobody listens on a port of the machine's network, which a container will.
///
/// # Errors
/// Who does.
pub(super) fn check_free(port: u16) -> Result<(), Skip> {
    let owners = machine::ports::owner_of(port)
        .map_err(|error| format!("cannot look at the sockets: {error}"))?;
    let pids: Vec<_> = owners.into_iter().flat_map(|owner| owner.pids).collect();
    if pids.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "on the machine's network the image's service listens on port {port}, which processes             {pids:?} have"
    );
    Err(Skip::new(SkipKind::NotPermitted, reason)
        .remedy("end them, or tell the service where to listen: `arguments = [\"{address}\"]`"))
}

/// The files of an image, where the engine keeps its layers in folders of this machine.
fn files(found: &ImageInspect) -> Vec<PathBuf> {
    let layers = found.graph_driver.as_ref().map(|driver| &driver.data);
    let mut files = Vec::new();
    for key in ["LowerDir", "UpperDir"] {
        let folders = layers.and_then(|layers| layers.get(key));
        for folder in folders.into_iter().flat_map(|paths| paths.split(':')) {
            collect(Path::new(folder), &mut files);
        }
    }
    files
}

/// The files below a folder. No link is followed: those of an image lead to this machine's own files.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
}

impl OwnImage {
    /// The port inside a network of the container's own.
    pub(super) fn inside(&self) -> u16 {
        self.port.or(self.target.port).unwrap_or(INSIDE)
    }

    /// What takes the place of the image's command; nothing leaves it.
    pub(super) fn command(&self, values: &Values<'_>) -> Option<Vec<String>> {
        let arguments = self.target.image.as_ref()?.arguments.as_ref()?;
        Some(arguments.iter().map(|it| fill(it, values)).collect())
    }

    /// Its environment.
    pub(super) fn environment(&self, values: &Values<'_>) -> Vec<String> {
        let each = self.target.environment.iter();
        each.map(|(name, value)| format!("{name}={}", fill(value, values)))
            .collect()
    }

    /// The folders that it sees, as the engine takes them.
    pub(super) fn binds(&self) -> Vec<String> {
        let each = self.target.folders.iter().map(|folder| {
            let mode = if folder.writable { "rw" } else { "ro" };
            format!("{}:{}:{mode}", folder.host.display(), folder.guest)
        });
        each.collect()
    }
}
