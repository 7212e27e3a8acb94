//! Pulling an image as a part of a start, and removing it before the next one.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder,
};
use futures_util::TryStreamExt as _;

use super::{LABEL, describe_error};

/// What the engine says of a layer that it has fetched and unpacked.
const PULLED: &str = "Pull complete";

/// What the engine said of each layer while it pulled an image.
#[derive(Debug, Default)]
pub(super) struct Pulled {
    /// By the layer's short name, each thing once, in the order of time.
    said: BTreeMap<String, Vec<String>>,
}

impl Pulled {
    /// How many layers it has fetched and unpacked.
    pub(super) fn layers(&self) -> usize {
        let is_pulled = |said: &&Vec<String>| said.iter().any(|status| status == PULLED);
        self.said.values().filter(is_pulled).count()
    }
}

impl fmt::Display for Pulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (layer, said)) in self.said.iter().enumerate() {
            let separator = if nth == 0 { "" } else { "; " };
            write!(f, "{separator}{layer}: {}", said.join(", "))?;
        }
        Ok(())
    }
}

/// Has the engine pull an image.
///
/// # Errors
/// What the engine says.
pub(super) async fn pull(docker: &Docker, reference: &str) -> Result<Pulled, String> {
    let options = CreateImageOptionsBuilder::default()
        .from_image(reference)
        .build();
    let progress: Result<Vec<_>, Error> = docker
        .create_image(Some(options), None, None)
        .try_collect()
        .await;
    let progress = progress.map_err(|error| {
        format!(
            "the engine cannot pull {reference}: {}",
            describe_error(&error)
        )
    })?;
    let mut pulled = Pulled::default();
    for event in progress {
        if let (Some(layer), Some(status)) = (event.id, event.status) {
            let said = pulled.said.entry(layer).or_default();
            if said.last() != Some(&status) {
                said.push(status);
            }
        }
    }
    Ok(pulled)
}

/// Removes an image, so that the engine has nothing of it.
///
/// # Errors
/// What the engine says, or that it still has it.
pub(super) async fn remove(docker: &Docker, reference: &str) -> Result<(), String> {
    let options = RemoveImageOptionsBuilder::default().force(true).build();
    match docker.remove_image(reference, Some(options), None).await {
        Ok(_)
        | Err(Error::DockerResponseServerError {
            status_code: 404, ..
        }) => {}
        Err(error) => {
            return Err(format!(
                "the engine cannot remove the image {reference}: {}",
                describe_error(&error)
            ));
        }
    }
    match docker.inspect_image(reference).await {
        Err(_) => Ok(()),
        Ok(_) => Err(format!(
            "the image {reference} is there although it was removed"
        )),
    }
}

/// Removes the images that a run has pulled and left.
///
/// # Errors
/// What the engine says.
pub(super) async fn remove_of(docker: &Docker, owner: &str) -> Result<(), String> {
    let filters = HashMap::from([("label", vec![format!("{LABEL}={owner}")])]);
    let options = ListImagesOptionsBuilder::default()
        .filters(&filters)
        .build();
    let left = docker.list_images(Some(options)).await;
    let left = left.map_err(|error| {
        format!(
            "the engine does not list its images: {}",
            describe_error(&error)
        )
    })?;
    for image in left {
        remove(docker, &image.id).await?;
    }
    Ok(())
}
