//! Pulling an image as a part of a start, by the daemon itself: it fetches the layers and unpacks them
//! into snapshots, as it does for Kubernetes and for its own command line.
//!
//! Numbers of fields are those of containerd's `api/services/{transfer,images,snapshots}/v1` and
//! `api/types`.

use std::collections::HashMap;
use std::path::Path;

use prost::Message;
use tonic::Code;

use super::super::pull::{Ready, architecture};
use super::LABEL;
use super::api::{Any, ByKey, Client, Empty, SNAPSHOTTER};

/// From containerd 1.7 on; before, whoever wanted an image had to fetch it.
const TRANSFER: &str = "/containerd.services.transfer.v1.Transfer/Transfer";
const DELETE_IMAGE: &str = "/containerd.services.images.v1.Images/Delete";
const LIST_IMAGES: &str = "/containerd.services.images.v1.Images/List";
const STAT_SNAPSHOT: &str = "/containerd.services.snapshots.v1.Snapshots/Stat";

#[derive(Clone, PartialEq, Message)]
struct Transfer {
    #[prost(message, optional, tag = "1")]
    source: Option<Any>,
    #[prost(message, optional, tag = "2")]
    destination: Option<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct OciRegistry {
    #[prost(string, tag = "1")]
    reference: String,
    #[prost(message, optional, tag = "2")]
    resolver: Option<Resolver>,
}

#[derive(Clone, PartialEq, Message)]
struct Resolver {
    #[prost(string, tag = "3")]
    host_dir: String,
    #[prost(string, tag = "4")]
    default_scheme: String,
}

#[derive(Clone, PartialEq, Message)]
struct ImageStore {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(map = "string, string", tag = "2")]
    labels: HashMap<String, String>,
    #[prost(message, repeated, tag = "10")]
    unpacks: Vec<Unpack>,
}

#[derive(Clone, PartialEq, Message)]
struct Unpack {
    #[prost(message, optional, tag = "1")]
    platform: Option<Platform>,
    #[prost(string, tag = "2")]
    snapshotter: String,
}

#[derive(Clone, PartialEq, Message)]
struct Platform {
    #[prost(string, tag = "1")]
    os: String,
    #[prost(string, tag = "2")]
    architecture: String,
}

#[derive(Clone, PartialEq, Message)]
struct DeleteImage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bool, tag = "2")]
    sync: bool,
}

#[derive(Clone, PartialEq, Message)]
struct ListImages {
    #[prost(string, repeated, tag = "1")]
    filters: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Images {
    #[prost(message, repeated, tag = "1")]
    images: Vec<Named>,
}

#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

/// A message as one of any kind.
fn any(name: &str, message: &impl Message) -> Option<Any> {
    Some(Any {
        type_url: format!("containerd.types.transfer.{name}"),
        value: message.encode_to_vec(),
    })
}

/// Has the daemon pull an image and unpack it.
///
/// # Errors
/// What the daemon says.
pub(super) async fn pull(
    client: &Client,
    ready: &Ready,
    hosts: &Path,
    owner: &str,
) -> Result<(), String> {
    let resolver = if ready.authority.is_some() {
        Resolver {
            host_dir: hosts.display().to_string(),
            default_scheme: "https".to_owned(),
        }
    } else {
        Resolver {
            host_dir: String::new(),
            default_scheme: "http".to_owned(),
        }
    };
    let registry = OciRegistry {
        reference: ready.reference.clone(),
        resolver: Some(resolver),
    };
    let store = ImageStore {
        name: ready.reference.clone(),
        labels: HashMap::from([(LABEL.to_owned(), owner.to_owned())]),
        unpacks: vec![Unpack {
            platform: Some(Platform {
                os: "linux".to_owned(),
                architecture: architecture().to_owned(),
            }),
            snapshotter: SNAPSHOTTER.to_owned(),
        }],
    };
    let transfer = Transfer {
        source: any("OCIRegistry", &registry),
        destination: any("ImageStore", &store),
    };
    let pulled = client.call::<_, Empty>(TRANSFER, transfer).await;
    pulled.map(drop).map_err(|status| {
        let why = match status.code() {
            Code::Unimplemented => "it is older than 1.7, and pulls nothing by itself",
            _ => status.message(),
        };
        format!("containerd cannot pull {}: {why}", ready.reference)
    })
}

/// Removes an image with what it was unpacked into.
///
/// # Errors
/// What the daemon says, or that a snapshot is left.
pub(super) async fn remove(client: &Client, ready: &Ready) -> Result<(), String> {
    delete(client, ready.reference.clone()).await?;
    let snapshot = ByKey {
        snapshotter: SNAPSHOTTER.to_owned(),
        key: ready.image.chain_id.clone(),
    };
    match client.call::<_, Empty>(STAT_SNAPSHOT, snapshot).await {
        Ok(_) => Err(format!(
            "the file system of {} is there although the image was removed",
            ready.reference
        )),
        Err(_) => Ok(()),
    }
}

/// Writes down for the daemon who signed the registry's certificate: a folder of the run's, which is
/// named with the request, so that nobody else has to trust it.
///
/// # Errors
/// It cannot be written.
pub(super) fn trust(hosts: &Path, ready: &Ready) -> Result<(), String> {
    let Some(authority) = &ready.authority else {
        return Ok(());
    };
    let folder = hosts.join(&ready.address);
    let text = format!(
        "server = \"https://{}\"\nca = {:?}\n",
        ready.address,
        authority.display().to_string()
    );
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("hosts.toml"), text))
        .map_err(|error| format!("cannot write {}: {error}", folder.display()))
}

async fn delete(client: &Client, name: String) -> Result<(), String> {
    let image = DeleteImage {
        name: name.clone(),
        // Returns once what only this image referred to is gone.
        sync: true,
    };
    let deleted = client.call_until(DELETE_IMAGE, image, Code::NotFound).await;
    deleted.map_err(|status| {
        format!(
            "containerd cannot remove the image {name}: {}",
            status.message()
        )
    })
}

/// Removes the images that a run has pulled and left.
///
/// # Errors
/// What the daemon says.
pub(super) async fn remove_of(client: &Client, owner: &str) -> Result<(), String> {
    let request = ListImages {
        filters: vec![format!("labels.\"{LABEL}\"=={owner}")],
    };
    let left = client.call::<_, Images>(LIST_IMAGES, request).await;
    let left = left
        .map_err(|status| format!("containerd does not list its images: {}", status.message()))?;
    for image in left.images {
        delete(client, image.name).await?;
    }
    Ok(())
}
