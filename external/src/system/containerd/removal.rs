//! Removes what was made in the daemon, whatever there is of it.

use tonic::Code;
use workloads::Workload;

use super::api::{self, ById, ByKey, Client, Empty, KillTask, SNAPSHOTTER};

/// The signal that kills.
const KILL: u32 = 9;

/// Kills and removes a container with its task and its writable layer, whatever there is of them.
pub(super) async fn remove_container(client: &Client, id: &str) -> Result<(), String> {
    let gone = Code::NotFound;
    let wrong = |status: tonic::Status| {
        format!(
            "containerd cannot remove the container {id}: {}",
            status.message()
        )
    };
    let by_id = || ById { id: id.to_owned() };
    let kill = KillTask {
        container_id: id.to_owned(),
        signal: KILL,
        all: true,
    };
    // One that has ended already is not to be killed, which is reported in more than one way.
    let _ = client
        .call::<_, Empty>("/containerd.services.tasks.v1.Tasks/Kill", kill)
        .await;
    let _ = client
        .call::<_, api::Waited>("/containerd.services.tasks.v1.Tasks/Wait", by_id())
        .await;
    client
        .call_until("/containerd.services.tasks.v1.Tasks/Delete", by_id(), gone)
        .await
        .map_err(wrong)?;
    client
        .call_until(
            "/containerd.services.containers.v1.Containers/Delete",
            by_id(),
            gone,
        )
        .await
        .map_err(wrong)?;
    remove_snapshot(client, id).await
}

pub(super) async fn remove_snapshot(client: &Client, key: &str) -> Result<(), String> {
    let request = ByKey {
        snapshotter: SNAPSHOTTER.to_owned(),
        key: key.to_owned(),
    };
    let removed = client.call_until(
        "/containerd.services.snapshots.v1.Snapshots/Remove",
        request,
        Code::NotFound,
    );
    removed.await.map_err(|status| {
        format!(
            "containerd cannot remove the snapshot {key}: {}",
            status.message()
        )
    })
}

/// Removes the workloads' snapshots of a run.
pub(super) async fn remove_snapshots(client: &Client, id: &str) -> Result<(), String> {
    for workload in Workload::ALL {
        remove_snapshot(client, &format!("{id}-{}", workload.name())).await?;
        remove_snapshot(client, &format!("{id}-{}-making", workload.name())).await?;
    }
    Ok(())
}
