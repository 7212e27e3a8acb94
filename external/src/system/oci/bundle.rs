//! The one configuration that every layer of a container is given: what an engine itself gives its
//! OCI runtime.
//!
//! Layers are compared, so they must start the same container: with the engine's filter of system
//! calls, its capabilities, its mounts, its masked paths. Only what names a single container is put
//! in anew for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use results::digest::sha256_hex;
use results::{Attested, Evidence, Param};
use serde_json::{Value, json};

use super::super::container::{HOST_NETWORK, MILESTONES_FILE, MILESTONES_FOLDER, NO_NETWORK};
use super::super::managed::StartRequest;
use super::super::own_image::Process;
use super::super::{MILESTONES, call_arguments, listens, native};
use super::GROUPS;

/// The file of a bundle that says what the container is.
pub(in crate::system) const CONFIGURATION: &str = "config.json";

/// Where the files lie that an engine makes for each container and mounts into it.
const ENGINES_FILES: &str = "/etc/";

/// What an engine gave its OCI runtime for a container that it was asked to start.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::system) struct Template {
    configuration: Value,
    /// The files of the engine's that it mounts: where to, and what is in them.
    files: Vec<(String, Vec<u8>)>,
    /// The engine's version.
    engine: String,
}

impl Template {
    /// Reads a bundle of an engine's, while its container lives.
    ///
    /// # Errors
    /// A sentence: what cannot be read.
    pub(in crate::system) fn read(bundle: &Path, engine: String) -> Result<Self, String> {
        let configuration = read_configuration(bundle)?;
        let mounts = configuration["mounts"].as_array().into_iter().flatten();
        let files = mounts.filter(|mount| is_engines_file(mount)).map(|mount| {
            let (to, from) = (text(mount, "destination"), text(mount, "source"));
            let bytes = std::fs::read(&from).map_err(|error| format!("{from}: {error}"))?;
            Ok((to, bytes))
        });
        let files = files
            .collect::<Result<_, String>>()
            .map_err(|error| format!("a file that the engine mounts cannot be read: {error}"))?;
        Ok(Self {
            configuration,
            files,
            engine,
        })
    }

    /// Puts the files that are mounted into a folder.
    fn lay_out(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        self.files
            .iter()
            .try_for_each(|(to, bytes)| std::fs::write(kept(folder, to), bytes))
    }
}

/// Where a file that is mounted lies in a folder.
fn kept(folder: &Path, destination: &str) -> PathBuf {
    folder.join(destination.rsplit('/').next().unwrap_or(destination))
}

/// The configuration that lies in a bundle.
///
/// # Errors
/// A sentence: it cannot be read.
pub(in crate::system) fn read_configuration(bundle: &Path) -> Result<Value, String> {
    let file = bundle.join(CONFIGURATION);
    let bytes = std::fs::read(&file).map_err(|error| error.to_string());
    let value =
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
    value.map_err(|error| {
        format!(
            "what the engine gives its OCI runtime cannot be read ({}: {error})",
            file.display()
        )
    })
}

/// What engines give for a container in each network that can do without them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::system) struct Templates(BTreeMap<&'static str, Template>);

/// The networks that need no engine.
pub(in crate::system) const NETWORKS: [&str; 2] = [HOST_NETWORK, NO_NETWORK];

impl Templates {
    /// One for each of [`NETWORKS`], and their files in a folder.
    ///
    /// # Errors
    /// Why one cannot be had, or written.
    pub(in crate::system) fn new(
        folder: &Path,
        mut generate: impl FnMut(&'static str) -> Result<Template, String>,
    ) -> Result<Self, String> {
        let mut templates = BTreeMap::new();
        for network in NETWORKS {
            let template = generate(network)?;
            let own = folder.join(network);
            template
                .lay_out(&own)
                .map_err(|error| format!("cannot write into {}: {error}", own.display()))?;
            templates.insert(network, template);
        }
        Ok(Self(templates))
    }

    fn of(&self, request: &StartRequest) -> Result<(&'static str, &Template), String> {
        let network = request.variant.get(Param::Network).unwrap_or(HOST_NETWORK);
        let found = self.0.iter().find(|(name, _)| **name == network);
        let (name, template) = found.ok_or_else(|| {
            format!("without an engine of its own a container has no network {network:?}")
        })?;
        Ok((name, template))
    }

    /// Evidence of what a start is given.
    ///
    /// # Errors
    /// There is no such network.
    pub(in crate::system) fn attested(&self, request: &StartRequest) -> Result<Attested, String> {
        let (_, template) = self.of(request)?;
        Ok(Attested::from([
            (Evidence::BundleEngine, json!(template.engine)),
            (
                Evidence::BundleSha256,
                json!(digest(&template.configuration)),
            ),
        ]))
    }
}

/// Where what one container is made of lies.
#[derive(Debug, Clone, Copy)]
pub(in crate::system) struct Place<'a> {
    /// The container's name.
    pub(in crate::system) id: &'a str,
    /// The root file system, relative to the bundle or absolute.
    pub(in crate::system) root: &'a str,
    /// The folder that [`Templates::new`] was given.
    pub(in crate::system) files: &'a Path,
    /// The folder that it writes its milestones into, if the request says so.
    pub(in crate::system) milestones: &'a Path,
    /// What is started of a person's own image; nothing of the workload's program.
    pub(in crate::system) process: Option<&'a Process>,
}

impl Templates {
    /// The configuration of a container of ours: the engine's, but for its name, its program, its
    /// root, its control group, where its files lie, and its core.
    ///
    /// # Errors
    /// There is no such network, or the engine's configuration is not as it was known.
    pub(in crate::system) fn configuration(
        &self,
        request: &StartRequest,
        place: Place<'_>,
        port: Option<u16>,
    ) -> Result<Value, String> {
        let (network, template) = self.of(request)?;
        let mut made = template.configuration.clone();
        match place.process {
            Some(process) => process.put_into(&mut made),
            None => made["process"]["args"] = json!(arguments(request, port)),
        }
        made["root"]["path"] = json!(place.root);
        made["linux"]["cgroupsPath"] = json!(format!("/{GROUPS}/{}", place.id));
        if let Some(core) = request.core {
            made["linux"]["resources"]["cpu"] = json!({"cpus": core.to_string()});
        }
        let mounts = made["mounts"]
            .as_array_mut()
            .ok_or("the engine's configuration has no mounts")?;
        let files = place.files.join(network);
        for mount in mounts.iter_mut().filter(|mount| is_engines_file(mount)) {
            let to = text(mount, "destination");
            mount["source"] = json!(kept(&files, &to));
        }
        if request.own_milestones {
            mounts.push(json!({
                "destination": MILESTONES_FOLDER,
                "type": "bind",
                "source": place.milestones,
                "options": ["rbind", "rprivate"],
            }));
        }
        Ok(made)
    }
}

pub(in crate::system) fn arguments(request: &StartRequest, port: Option<u16>) -> Vec<String> {
    let mut arguments = vec![format!("/{}", native::program_of(request.workload))];
    if request.own_milestones {
        arguments.extend([
            MILESTONES.to_owned(),
            format!("{MILESTONES_FOLDER}/{MILESTONES_FILE}"),
        ]);
    }
    arguments.extend(call_arguments(request.workload));
    if listens(request.workload) {
        arguments.extend(port.map(|port| format!("{}:{port}", request.address)));
    }
    arguments
}

/// The digest of a container's configuration without what names this one container and what its
/// cell chooses: two with the same digest are the same container otherwise.
pub(in crate::system) fn digest(configuration: &Value) -> String {
    let mut same = configuration.clone();
    for path in [
        "/process/args",
        "/root/path",
        "/hostname",
        "/linux/cgroupsPath",
    ] {
        if let Some(value) = same.pointer_mut(path) {
            *value = Value::Null;
        }
    }
    if let Some(variables) = same
        .pointer_mut("/process/env")
        .and_then(Value::as_array_mut)
    {
        variables.retain(|it| !it.as_str().is_some_and(|it| it.starts_with("HOSTNAME=")));
    }
    if let Some(mounts) = same["mounts"].as_array_mut() {
        mounts.retain(|mount| mount["destination"] != MILESTONES_FOLDER);
        for mount in mounts.iter_mut().filter(|mount| is_engines_file(mount)) {
            mount["source"] = Value::Null;
        }
    }
    if let Some(resources) = same
        .pointer_mut("/linux/resources")
        .and_then(Value::as_object_mut)
    {
        resources.remove("cpu");
    }
    sha256_hex(same.to_string().as_bytes())
}

fn is_engines_file(mount: &Value) -> bool {
    mount["type"] == "bind" && text(mount, "destination").starts_with(ENGINES_FILES)
}

fn text(mount: &Value, key: &str) -> String {
    mount[key].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use results::Params;
    use results::values::PageCache;
    use workloads::Workload;

    use super::*;

    fn bundle(folder: &Path) -> PathBuf {
        let bundle = folder.join("engines");
        std::fs::create_dir_all(&bundle).unwrap();
        let hosts = bundle.join("hosts");
        std::fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
        let configuration = json!({
            "process": {"args": ["/x"], "env": ["PATH=/bin", "HOSTNAME=abc"]},
            "root": {"path": "/engine/merged"},
            "hostname": "abc",
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/etc/hosts", "type": "bind", "source": hosts},
            ],
            "linux": {
                "cgroupsPath": "/docker/abc",
                "resources": {"memory": {}},
                "seccomp": {"defaultAction": "SCMP_ACT_ERRNO"},
            },
        });
        std::fs::write(bundle.join(CONFIGURATION), configuration.to_string()).unwrap();
        bundle
    }

    fn request(network: &str) -> StartRequest {
        StartRequest {
            workload: Workload::HttpHello,
            acquire: None,
            variant: Params::from([(Param::Network, network)]),
            page_cache: PageCache::Hot,
            own_milestones: true,
            core: Some(1),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            deadline_ns: 0,
        }
    }

    #[test]
    fn a_container_is_the_engines_but_for_what_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let engines = bundle(folder.path());
        let files = folder.path().join("files");
        let templates = Templates::new(&files, |_| Template::read(&engines, "28".to_owned()));
        let templates = templates.unwrap();
        let place = Place {
            id: "x-1",
            root: "rootfs",
            files: &files,
            milestones: Path::new("/work/milestones"),
            process: None,
        };
        let mut request = request("none");
        let made = templates.configuration(&request, place, Some(80)).unwrap();
        assert_eq!(
            made["process"]["args"],
            json!([
                "/native-http",
                "--milestones",
                "/coldphase/milestones",
                "127.0.0.1:80"
            ])
        );
        assert_eq!(made["linux"]["cgroupsPath"], "/coldphase/x-1");
        assert_eq!(made["linux"]["resources"]["cpu"]["cpus"], "1");
        let original = read_configuration(&engines).unwrap();
        assert_eq!(made["linux"]["seccomp"], original["linux"]["seccomp"]);
        let hosts = made["mounts"][1]["source"].as_str().unwrap();
        assert_eq!(hosts, files.join("none/hosts").to_str().unwrap());
        assert_eq!(
            std::fs::read_to_string(hosts).unwrap(),
            "127.0.0.1 localhost\n"
        );
        // What names it is no difference, what it may do is.
        assert_eq!(digest(&made), digest(&original));
        assert_eq!(
            templates.attested(&request).unwrap()[Evidence::BundleSha256],
            digest(&original)
        );
        let mut other = made.clone();
        other["linux"]["seccomp"] = Value::Null;
        assert_ne!(digest(&other), digest(&original));
        request.own_milestones = false;
        let plain = templates.configuration(&request, place, None).unwrap();
        assert_eq!(plain["mounts"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_network_that_needs_an_engine_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let engines = bundle(folder.path());
        let templates = Templates::new(folder.path(), |_| Template::read(&engines, String::new()));
        let refused = templates.unwrap().attested(&request("bridge")).unwrap_err();
        assert!(refused.contains("no network \"bridge\""), "{refused}");
        std::fs::remove_file(engines.join(CONFIGURATION)).unwrap();
        let unread = Template::read(&engines, String::new()).unwrap_err();
        assert!(unread.contains("cannot be read"), "{unread}");
    }
}
