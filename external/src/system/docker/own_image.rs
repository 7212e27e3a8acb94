//! A person's own image: found in the engine or loaded out of a file, and started as it is.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use bollard::Docker as Client;
use bollard::models::ImageInspect;
use bollard::query_parameters::ImportImageOptions;
use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use workloads::target::{ImageSource, OwnFile};
use workloads::{Call, Target};

use super::super::managed::on_this_thread;
use super::super::own_image::{self, ImageArchive, check, collect, port};
use super::super::own_workload::check_unchanged;
use super::super::placeholders::Values;
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
        Call::Http(_) => {
            let config = found.config.as_ref();
            let exposed = config.and_then(|config| config.exposed_ports.clone());
            port(
                target,
                image,
                &exposed.into_iter().flatten().collect::<Vec<_>>(),
            )?
        }
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

/// Has the engine write an image into a file, as `docker save` does.
///
/// # Errors
/// No engine answers, it has none of that name, or the file cannot be written.
pub(in crate::system) fn save(name: &str, file: &Path) -> Result<(), String> {
    let socket = Socket::find().map_err(|error| error.to_string())?;
    let wrong = |error: std::io::Error| format!("cannot write {}: {error}", file.display());
    let mut to = File::create(file).map_err(wrong)?;
    on_this_thread(async {
        let client = connect(&socket)?;
        inspect(&client, name).await?;
        let mut pieces = std::pin::pin!(client.export_image(name));
        while let Some(piece) = pieces
            .try_next()
            .await
            .map_err(|error| format!("the engine cannot save {name}: {}", describe_error(&error)))?
        {
            to.write_all(&piece).map_err(wrong)?;
        }
        Ok(())
    })?
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

impl OwnImage {
    /// The port inside a network of the container's own.
    pub(super) fn inside(&self) -> u16 {
        self.port.or(self.target.port).unwrap_or(INSIDE)
    }

    /// What takes the place of the image's command; nothing leaves it.
    pub(super) fn command(&self, values: &Values<'_>) -> Option<Vec<String>> {
        own_image::command(self.target, values)
    }

    /// Its environment.
    pub(super) fn environment(&self, values: &Values<'_>) -> Vec<String> {
        own_image::environment(self.target, values)
    }

    /// What it consists of, as it is put into a registry.
    ///
    /// # Errors
    /// It cannot be had out of the engine, or read.
    pub(super) fn archive(&self, work: &Path) -> Result<ImageArchive, String> {
        let described = self.target.image.as_ref().map(|image| &image.source);
        if let Some(ImageSource::Archive(file)) = described {
            return ImageArchive::open(&check_unchanged(file)?, work);
        }
        let file = work.join(format!("{}.tar", self.sha256));
        save(&self.image.tag, &file)?;
        ImageArchive::open(&file, work)
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
