//! An image in the folder of a registry, as the OCI's formats and the registry's own layout have it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use results::digest::{sha256_file, sha256_hex};
use serde_json::{Value, json};

use super::super::own_image::ImageArchive;

/// An image that can be pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// What it is called in its registry.
    pub(crate) name: String,
    /// The digest of its manifest.
    pub(crate) digest: String,
    /// The name of the file system that its layers make, one over another.
    pub(crate) chain_id: String,
    /// How many layers it has.
    pub(crate) layers: usize,
    /// The bytes of its layers, compressed as they are pulled.
    pub(crate) bytes: u64,
}

/// What goes into an image.
pub(crate) struct Layers<'a> {
    /// What it is made of.
    pub(crate) contents: &'a Pulled<'a>,
    /// The bytes of a layer below that, compressed.
    pub(crate) base_bytes: Option<usize>,
    /// The label that it has in its configuration, with its value.
    pub(crate) label: (&'a str, &'a str),
}

/// What is pulled.
pub(crate) enum Pulled<'a> {
    /// Files in one layer: where in the image, and which on this machine.
    Files(&'a [(PathBuf, PathBuf)]),
    /// A person's own image, its layers as they are but for the mark in each.
    Own(&'a ImageArchive),
}

/// What the parts of an image are.
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The tag of every image: there is one of each name.
pub(crate) const TAG: &str = "latest";

/// A layer that was written, compressed.
struct Layer {
    digest: String,
    bytes: u64,
    /// The digest of what is in it.
    diff_id: String,
}

impl Image {
    /// Writes an image into the folder of a registry that does not run yet, or has not been asked
    /// for it.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub(crate) fn store(storage: &Path, name: &str, contents: &Layers<'_>) -> io::Result<Self> {
        let storage = Storage {
            blobs: storage.join("docker/registry/v2/blobs/sha256"),
            repository: storage.join("docker/registry/v2/repositories").join(name),
        };
        let (label, owner) = contents.label;
        let mut layers = Vec::new();
        if let Some(bytes) = contents.base_bytes {
            layers.push(storage.layer(&base_layer(bytes, owner)?[..])?);
        }
        let mut configuration = json!({});
        match contents.contents {
            Pulled::Files(files) => layers.push(storage.layer(&workload(files, owner)?[..])?),
            Pulled::Own(archive) => {
                let parsed: Value = serde_json::from_slice(&archive.configuration)?;
                configuration["config"] = parsed["config"].clone();
                for (nth, layer) in archive.layers().enumerate() {
                    // An archive is its entries one after another: the mark comes first.
                    let marked = mark(&format!("{owner} {nth}"))?;
                    layers.push(storage.layer(io::Read::chain(&marked[..], layer?))?);
                }
            }
        }
        let diff_ids: Vec<_> = layers.iter().map(|layer| layer.diff_id.clone()).collect();
        configuration["architecture"] = json!(architecture());
        configuration["os"] = json!("linux");
        if !configuration["config"].is_object() {
            configuration["config"] = json!({});
        }
        configuration["config"]["Labels"] = json!({ label: owner });
        configuration["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
        let configuration = configuration.to_string();
        let described = |kind: &str, digest: &str, size: u64| -> io::Result<Value> {
            storage.link(&format!("_layers/sha256/{digest}"), digest)?;
            Ok(json!({ "mediaType": kind, "digest": format!("sha256:{digest}"), "size": size }))
        };
        let blobs = layers
            .iter()
            .map(|layer| described(LAYER, &layer.digest, layer.bytes));
        let config = storage.put(configuration.as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described(CONFIG, &config, configuration.len() as u64)?,
            "layers": blobs.collect::<io::Result<Vec<_>>>()?,
        });
        let digest = storage.put(manifest.to_string().as_bytes())?;
        storage.link(&format!("_manifests/revisions/sha256/{digest}"), &digest)?;
        storage.link(&format!("_manifests/tags/{TAG}/current"), &digest)?;
        storage.link(
            &format!("_manifests/tags/{TAG}/index/sha256/{digest}"),
            &digest,
        )?;
        let bytes = layers.iter().map(|layer| layer.bytes);
        Ok(Self {
            name: name.to_owned(),
            digest: format!("sha256:{digest}"),
            chain_id: chain_id(&diff_ids),
            layers: layers.len(),
            bytes: bytes.sum(),
        })
    }
}

/// Where a registry keeps images, and one of them.
struct Storage {
    blobs: PathBuf,
    repository: PathBuf,
}

impl Storage {
    /// Keeps bytes under their digest, which is returned.
    fn put(&self, bytes: &[u8]) -> io::Result<String> {
        let digest = sha256_hex(bytes);
        let folder = self.folder(&digest);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("data"), bytes)?;
        Ok(digest)
    }

    /// Keeps what a reader gives, compressed: layers may be larger than memory should be.
    fn layer(&self, mut plain: impl io::Read) -> io::Result<Layer> {
        std::fs::create_dir_all(&self.blobs)?;
        let (unpacked, packed) = (self.blobs.join("layer"), self.blobs.join("layer.gz"));
        io::copy(&mut plain, &mut File::create(&unpacked)?)?;
        let mut compressed = GzEncoder::new(File::create(&packed)?, Compression::default());
        io::copy(&mut File::open(&unpacked)?, &mut compressed)?;
        let bytes = compressed.finish()?.metadata()?.len();
        let diff_id = format!("sha256:{}", sha256_file(&unpacked)?);
        std::fs::remove_file(&unpacked)?;
        let digest = sha256_file(&packed)?;
        let folder = self.folder(&digest);
        std::fs::create_dir_all(&folder)?;
        std::fs::rename(&packed, folder.join("data"))?;
        Ok(Layer {
            digest,
            bytes,
            diff_id,
        })
    }

    fn folder(&self, digest: &str) -> PathBuf {
        self.blobs.join(&digest[..2]).join(digest)
    }

    /// Says that the repository has something.
    fn link(&self, place: &str, digest: &str) -> io::Result<()> {
        let folder = self.repository.join(place);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("link"), format!("sha256:{digest}"))
    }
}

/// The name that images give this machine's processor.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The name of the file system that these layers make: of the first its own, of each further one
/// the digest of what lies below it and of itself.
fn chain_id(diff_ids: &[String]) -> String {
    let mut layers = diff_ids.iter();
    let first = layers.next().cloned().unwrap_or_default();
    layers.fold(first, |below, layer| {
        format!(
            "sha256:{}",
            sha256_hex(format!("{below} {layer}").as_bytes())
        )
    })
}

/// The archive of a layer with these files.
fn workload(files: &[(PathBuf, PathBuf)], owner: &str) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    append(&mut archive, Path::new(MARK), owner.as_bytes())?;
    for (inside, file) in files {
        let inside = inside.strip_prefix("/").unwrap_or(inside);
        append(&mut archive, inside, &std::fs::read(file)?)?;
    }
    archive.into_inner()
}

/// The beginning of an archive: a file that says whose it is.
fn mark(owner: &str) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    append(&mut archive, Path::new(MARK), owner.as_bytes())?;
    // Without the zeros that would be its end.
    Ok(archive.get_ref().clone())
}

/// A file in each layer that says whose it is: of a layer that an engine has of another run, nothing
/// would be pulled.
const MARK: &str = ".coldphase";

/// Of this many files, as a small distribution has some hundreds.
const BASE_FILES: usize = 512;

/// The archive of a layer of about so many bytes, compressed. Its files are as large again and half noise, so that
/// it is unpacked about as a layer of programs and libraries is.
fn base_layer(bytes: usize, owner: &str) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    append(&mut archive, Path::new(MARK), owner.as_bytes())?;
    let mut noise = Noise(1);
    let length = 2 * bytes / BASE_FILES;
    for number in 0..BASE_FILES {
        let content: Vec<_> = (0..length)
            .map(|at| if at / 512 % 2 == 0 { noise.next() } else { 0 })
            .collect();
        let name = format!("base/{:02}/{number}", number / 16);
        append(&mut archive, Path::new(&name), &content)?;
    }
    archive.into_inner()
}

/// Bytes without a pattern, always the same.
struct Noise(u64);

impl Noise {
    const fn next(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.to_le_bytes()[3]
    }
}

fn append(archive: &mut tar::Builder<Vec<u8>>, inside: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o755);
    header.set_mtime(0);
    archive.append_data(&mut header, inside, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_what_its_digests_say() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("program");
        std::fs::write(&file, "one").unwrap();
        let layers = Layers {
            contents: &Pulled::Files(&[("/program".into(), file)]),
            base_bytes: Some(1 << 20),
            label: ("coldphase", "x"),
        };
        let image = Image::store(folder.path(), "hello", &layers).unwrap();
        assert_eq!(
            image,
            Image::store(folder.path(), "hello", &layers).unwrap()
        );
        assert_eq!(image.layers, 2);
        // Noise is not compressed, and zeros are nearly nothing.
        let expected = (1 << 20)..(1 << 20) + (1 << 17);
        assert!(expected.contains(&image.bytes), "{}", image.bytes);

        let root = folder.path().join("docker/registry/v2");
        let blob = |digest: &str| {
            let hex = digest.strip_prefix("sha256:").unwrap();
            let bytes = std::fs::read(
                root.join("blobs/sha256")
                    .join(&hex[..2])
                    .join(hex)
                    .join("data"),
            );
            let bytes = bytes.unwrap();
            assert_eq!(sha256_hex(&bytes), hex);
            bytes
        };
        let tag = root.join("repositories/hello/_manifests/tags/latest/current/link");
        let digest = std::fs::read_to_string(tag).unwrap();
        assert_eq!(digest, image.digest);
        let manifest: serde_json::Value = serde_json::from_slice(&blob(&digest)).unwrap();
        let config = manifest["config"]["digest"].as_str().unwrap();
        let config: serde_json::Value = serde_json::from_slice(&blob(config)).unwrap();
        assert_eq!(config["config"]["Labels"]["coldphase"], "x");
        for (layer, diff_id) in manifest["layers"]
            .as_array()
            .unwrap()
            .iter()
            .zip(config["rootfs"]["diff_ids"].as_array().unwrap())
        {
            let compressed = blob(layer["digest"].as_str().unwrap());
            assert_eq!(layer["size"], compressed.len());
            let mut bytes = Vec::new();
            let mut unpacked = flate2::read::GzDecoder::new(&compressed[..]);
            io::copy(&mut unpacked, &mut bytes).unwrap();
            assert_eq!(format!("sha256:{}", sha256_hex(&bytes)), *diff_id);
        }
    }

    #[test]
    fn one_layer_is_its_own_file_system() {
        let one = "sha256:1".to_owned();
        assert_eq!(chain_id(std::slice::from_ref(&one)), one);
        let hex = sha256_hex(b"sha256:1 sha256:2");
        let two = [one, "sha256:2".to_owned()];
        assert_eq!(chain_id(&two), format!("sha256:{hex}"));
    }
}
