//! Containers of ours, found by their label.

use std::collections::HashMap;

use bollard::Docker as Client;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};

use super::{LABEL, describe_error};

/// The containers with this value of our label, running or not.
pub(super) async fn labelled(client: &Client, owner: &str) -> Result<Vec<String>, String> {
    let filters = HashMap::from([("label", vec![format!("{LABEL}={owner}")])]);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let found = client
        .list_containers(Some(options))
        .await
        .map_err(|error| describe_error(&error))?;
    Ok(found
        .into_iter()
        .filter_map(|container| container.id)
        .collect())
}

/// Removes the containers with this value of our label.
pub(super) async fn remove_labelled(client: &Client, owner: &str) -> Result<(), String> {
    let mut failed = None;
    for id in labelled(client, owner).await? {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        if let Err(error) = client.remove_container(&id, Some(options)).await {
            failed = Some(format!(
                "cannot remove the container {id}: {}",
                describe_error(&error)
            ));
        }
    }
    failed.map_or(Ok(()), Err)
}
