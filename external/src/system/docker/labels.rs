//! Containers of ours, found by their label.

use std::collections::{BTreeSet, HashMap};

use bollard::Docker as Client;
use bollard::models::ContainerSummary;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use machine::clock::now_ns;
use tokio::time::{Duration, sleep};

use super::{LABEL, describe_error};

/// How long after a kill an engine may take to come up, or to do what it was ordered: less than the
/// reaper gives to what it calls.
const PATIENCE_NS: u64 = 8_000_000_000;

/// So long nothing must have come, for nothing to come any more.
const SETTLED_NS: u64 = 1_500_000_000;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

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

/// Removes the containers with this value of our label, those too that the engine still creates
/// because a process that has died had ordered them.
///
/// # Errors
/// The engine does not answer in time, or cannot remove one.
pub(super) async fn remove_until_none_come(client: &Client, owner: &str) -> Result<(), String> {
    let until_ns = now_ns() + PATIENCE_NS;
    let mut none_since = None;
    loop {
        let found = labelled(client, owner).await;
        let result = match found {
            Ok(found) if found.is_empty() => {
                let since = *none_since.get_or_insert_with(now_ns);
                if now_ns() - since >= SETTLED_NS {
                    return Ok(());
                }
                Ok(())
            }
            Ok(_) => {
                none_since = None;
                remove_labelled(client, owner).await
            }
            Err(reason) => {
                none_since = None;
                Err(reason)
            }
        };
        if now_ns() >= until_ns {
            return result;
        }
        sleep(PAUSE).await;
    }
}

/// Removes what runs have left whose processes are gone and whose reapers could not remove it: in an
/// engine of ours, which nobody of another machine or namespace uses.
pub(super) async fn remove_of_the_dead(client: &Client) -> Result<(), String> {
    let filters = HashMap::from([("label", vec![LABEL.to_owned()])]);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let found = client.list_containers(Some(options)).await;
    let found = found.map_err(|error| describe_error(&error))?;
    let owner = |container: &ContainerSummary| {
        let value = container.labels.as_ref()?.get(LABEL)?.clone();
        // Containers that people make of our images inherit a label, and no name.
        let name = format!("/coldphase-{value}-");
        let names = container.names.as_ref()?;
        names
            .iter()
            .any(|it| it.starts_with(&name))
            .then_some(value)
    };
    let owners: BTreeSet<_> = found.iter().filter_map(owner).collect();
    for owner in owners.iter().filter(|owner| is_dead(owner)) {
        remove_labelled(client, owner).await?;
    }
    Ok(())
}

/// Whether an owner is a process that is no more. What is no owner of ours never lived.
fn is_dead(owner: &str) -> bool {
    let mut parts = owner.split('-');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (Some(pid), Some(began)) = (number(), number()) else {
        return false;
    };
    u32::try_from(pid).is_ok_and(|pid| machine::usage::began(pid) != Some(began))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_dead_are_dead() {
        let owner = crate::process::cleanup::owner();
        assert!(!is_dead(&owner) && !is_dead(&format!("{owner}-1")));
        let pid = std::process::id();
        assert!(is_dead(&format!("{pid}-1")) && is_dead(&format!("{pid}-1-2")));
        for other in ["", "1", "sha256:00", "a-b", "native-http"] {
            assert!(!is_dead(other), "{other}");
        }
    }
}
