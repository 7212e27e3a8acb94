//! The few messages and calls of containerd's API that a start needs.
//!
//! Written out here and not generated: the crate with all of them generates them while it is built,
//! for which everybody who builds this project would need the compiler of protocol buffers. Numbers
//! of fields are those of containerd's
//! `api/services/{containers,namespaces,snapshots,tasks,version}/v1` and `api/types`, which never
//! change their meaning.

use std::collections::HashMap;
use std::path::Path;

use hyper::http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::UnixStream;
use tonic::client::Grpc;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Request, Status};

use super::super::causes;

/// The namespace of everything that is ours.
pub(super) const NAMESPACE: &str = "coldphase";

/// The snapshotter that containerd uses unless told otherwise, and that does what Docker's storage
/// driver does.
pub(super) const SNAPSHOTTER: &str = "overlayfs";

/// The method that says which version the daemon has.
pub(super) const VERSION: &str = "/containerd.services.version.v1.Version/Version";

#[derive(Clone, PartialEq, Message)]
pub(super) struct Empty {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct VersionResponse {
    #[prost(string, tag = "1")]
    pub(super) version: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Namespace {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(map = "string, string", tag = "2")]
    pub(super) labels: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CreateNamespace {
    #[prost(message, optional, tag = "1")]
    pub(super) namespace: Option<Namespace>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Runtime {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Container {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(map = "string, string", tag = "2")]
    pub(super) labels: HashMap<String, String>,
    #[prost(message, optional, tag = "4")]
    pub(super) runtime: Option<Runtime>,
    #[prost(message, optional, tag = "5")]
    pub(super) spec: Option<Any>,
    #[prost(string, tag = "6")]
    pub(super) snapshotter: String,
    #[prost(string, tag = "7")]
    pub(super) snapshot_key: String,
}

/// A request or an answer with nothing but a container.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OneContainer {
    #[prost(message, optional, tag = "1")]
    pub(super) container: Option<Container>,
}

/// A request about one container, by its name: to remove it, to start, wait for or remove its task.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ById {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Mount {
    #[prost(string, tag = "1")]
    pub(super) kind: String,
    #[prost(string, tag = "2")]
    pub(super) source: String,
    #[prost(string, tag = "3")]
    pub(super) target: String,
    #[prost(string, repeated, tag = "4")]
    pub(super) options: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PrepareSnapshot {
    #[prost(string, tag = "1")]
    pub(super) snapshotter: String,
    #[prost(string, tag = "2")]
    pub(super) key: String,
    #[prost(string, tag = "3")]
    pub(super) parent: String,
    #[prost(map = "string, string", tag = "4")]
    pub(super) labels: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Mounts {
    #[prost(message, repeated, tag = "1")]
    pub(super) mounts: Vec<Mount>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CommitSnapshot {
    #[prost(string, tag = "1")]
    pub(super) snapshotter: String,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(string, tag = "3")]
    pub(super) key: String,
    #[prost(map = "string, string", tag = "4")]
    pub(super) labels: HashMap<String, String>,
}

/// A request about one snapshot, by its name: to remove it, to look it up.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ByKey {
    #[prost(string, tag = "1")]
    pub(super) snapshotter: String,
    #[prost(string, tag = "2")]
    pub(super) key: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CreateTask {
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) rootfs: Vec<Mount>,
    #[prost(string, tag = "5")]
    pub(super) stdout: String,
    #[prost(string, tag = "6")]
    pub(super) stderr: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CreatedTask {
    #[prost(uint32, tag = "2")]
    pub(super) pid: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct KillTask {
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
    #[prost(uint32, tag = "3")]
    pub(super) signal: u32,
    #[prost(bool, tag = "4")]
    pub(super) all: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Waited {
    #[prost(uint32, tag = "1")]
    pub(super) exit_status: u32,
}

/// The containers of our namespace with a label.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ListContainers {
    #[prost(string, repeated, tag = "1")]
    pub(super) filters: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Containers {
    #[prost(message, repeated, tag = "1")]
    pub(super) containers: Vec<Container>,
}

/// A connection to a daemon.
#[derive(Debug, Clone)]
pub(super) struct Client(Channel);

impl Client {
    /// Connects to the daemon behind a socket.
    pub(super) async fn connect(socket: &Path) -> Result<Self, String> {
        let path = socket.to_owned();
        let connector = tower::service_fn(move |_: Uri| {
            let path = path.clone();
            async move { std::io::Result::Ok(TokioIo::new(UnixStream::connect(path).await?)) }
        });
        // What stands for the host's name is never looked up.
        let channel = Endpoint::from_static("http://containerd")
            .connect_with_connector(connector)
            .await;
        Ok(Self(channel.map_err(|error| {
            format!(
                "containerd does not answer at {}: {}",
                socket.display(),
                causes(&error)
            )
        })?))
    }

    /// One call of one method, such as `/containerd.services.tasks.v1.Tasks/Start`.
    pub(super) async fn call<Q, A>(&self, method: &'static str, request: Q) -> Result<A, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready()
            .await
            .map_err(|error| Status::unavailable(causes(&error)))?;
        let mut request = Request::new(request);
        request.metadata_mut().insert(
            "containerd-namespace",
            MetadataValue::from_static(NAMESPACE),
        );
        let codec = tonic_prost::ProstCodec::default();
        Ok(grpc
            .unary(request, PathAndQuery::from_static(method), codec)
            .await?
            .into_inner())
    }

    /// As [`Self::call`], where it is no matter that the object is gone, or there already.
    pub(super) async fn call_until<Q: Message + Send + Sync + 'static>(
        &self,
        method: &'static str,
        request: Q,
        settled: Code,
    ) -> Result<(), Status> {
        match self.call::<Q, Empty>(method, request).await {
            Err(status) if status.code() != settled => Err(status),
            _ => Ok(()),
        }
    }
}
