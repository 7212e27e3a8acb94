//! What `docker save` writes: an archive of an image's configuration and of its layers, each an archive
//! too.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use results::digest::sha256_hex;
use serde::Deserialize;
use serde_json::Value;

use super::Configuration;
use super::bounds::{Bounded, LARGEST, Left, MOST_LAYERS};

/// What gzip and zstd begin with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The longest configuration that is read, in bytes.
const LONGEST: u64 = 16 << 20;

/// One image of an archive.
#[derive(Debug, Clone)]
pub(in crate::system) struct ImageArchive {
    file: PathBuf,
    /// The configuration, as it stands there.
    pub(in crate::system) configuration: Vec<u8>,
    layers: Vec<Part>,
}

/// Where a file lies in the archive.
#[derive(Debug, Clone, Copy)]
struct Part {
    at: u64,
    bytes: u64,
}

/// What the archive says of an image in it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    config: String,
    layers: Vec<String>,
}

impl ImageArchive {
    /// Reads one. A file that is compressed as a whole is written uncompressed into a folder first.
    ///
    /// # Errors
    /// It is none, cannot be read, or says that it is more than an image is.
    pub(in crate::system) fn open(file: &Path, work: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| {
            format!(
                "{} is no image that `docker save` wrote: {error}",
                file.display()
            )
        };
        let opened = uncompressed(file, work).map_err(|error| wrong(&error))?;
        let headers = BufReader::new(File::open(&opened).map_err(|error| wrong(&error))?);
        let headers = Left::of_an_image().take(headers);
        headers.map_err(|error| wrong(&error))?;
        let parts = parts(&opened).map_err(|error| wrong(&error))?;
        let bytes_of = |name: &str| -> Result<Vec<u8>, String> {
            let part = parts.get(name).ok_or_else(|| format!("it has no {name}"))?;
            if part.bytes > LONGEST {
                return Err(format!("its {name} has {} bytes", part.bytes));
            }
            let mut bytes = Vec::new();
            let read = part
                .open(&opened)
                .and_then(|mut it| it.read_to_end(&mut bytes));
            read.map_err(|error| error.to_string())?;
            Ok(bytes)
        };
        let manifest = bytes_of("manifest.json").map_err(|error| wrong(&error))?;
        let images: Vec<Named> =
            serde_json::from_slice(&manifest).map_err(|error| wrong(&error))?;
        let image = images.into_iter().next();
        let image = image.ok_or_else(|| wrong(&"there is no image in it"))?;
        let layer = |name: &String| {
            let part = parts.get(name.as_str()).copied();
            part.ok_or_else(|| wrong(&format!("it has no {name}")))
        };
        if image.layers.len() > MOST_LAYERS {
            return Err(wrong(&format!("it has more than {MOST_LAYERS} layers")));
        }
        let read = Self {
            configuration: bytes_of(&image.config).map_err(|error| wrong(&error))?,
            layers: image.layers.iter().map(layer).collect::<Result<_, _>>()?,
            file: opened,
        };
        let mut left = Left::of_an_image();
        let mut layers = read.layers();
        let bounded = layers.try_for_each(|layer| left.take(layer?));
        bounded.map_err(|error| wrong(&error))?;
        drop(layers);
        Ok(read)
    }

    /// What its configuration says.
    ///
    /// # Errors
    /// It is none.
    pub(in crate::system) fn parsed(&self) -> Result<(Value, Configuration), String> {
        let whole: Value = serde_json::from_slice(&self.configuration)
            .map_err(|error| format!("the image's configuration cannot be read: {error}"))?;
        let parsed = Configuration::parse(&whole);
        Ok((whole, parsed))
    }

    /// Its layers, from the lowest, each as the bytes of an archive that is not compressed.
    pub(in crate::system) fn layers(&self) -> impl Iterator<Item = io::Result<Box<dyn Read>>> {
        self.layers.iter().map(|part| {
            let mut head = Vec::new();
            part.open(&self.file)?.take(4).read_to_end(&mut head)?;
            let reader = BufReader::new(part.open(&self.file)?);
            if head.starts_with(&ZSTD) {
                return Err(io::Error::other(
                    "a layer is compressed with zstd; `docker save` of an image that was built \
                        without writes it otherwise",
                ));
            }
            Ok(if head.starts_with(&GZIP) {
                Box::new(Bounded::new(MultiGzDecoder::new(reader), LARGEST)) as Box<dyn Read>
            } else {
                Box::new(reader)
            })
        })
    }
}

impl Part {
    fn open(self, file: &Path) -> io::Result<impl Read + use<>> {
        let mut opened = File::open(file)?;
        opened.seek(SeekFrom::Start(self.at))?;
        Ok(opened.take(self.bytes))
    }
}

/// The file, or what it is without its compression.
fn uncompressed(file: &Path, work: &Path) -> io::Result<PathBuf> {
    let mut head = Vec::new();
    File::open(file)?.take(2).read_to_end(&mut head)?;
    if head != GZIP {
        return Ok(file.to_owned());
    }
    // Several of a run lie beside each other.
    let name = sha256_hex(file.as_os_str().as_encoded_bytes());
    let to = work.join(format!("unpacked-{name}.tar"));
    let reader = MultiGzDecoder::new(BufReader::new(File::open(file)?));
    let mut reader = Bounded::new(reader, LARGEST);
    io::copy(&mut reader, &mut File::create(&to)?)?;
    Ok(to)
}

/// Where each file lies. One that is the same as another may be a link to that.
fn parts(file: &Path) -> io::Result<BTreeMap<String, Part>> {
    let mut archive = tar::Archive::new(BufReader::new(File::open(file)?));
    let mut found = BTreeMap::new();
    let mut links: Vec<(String, String)> = Vec::new();
    for entry in archive.entries()? {
        let entry = entry?;
        let path = entry.path()?.into_owned();
        let name = path.to_string_lossy().trim_start_matches("./").to_owned();
        if let Some(to) = entry.link_name()? {
            let to = path.parent().unwrap_or(Path::new("")).join(to);
            links.push((name, normal(&to)));
            continue;
        }
        let part = Part {
            at: entry.raw_file_position(),
            bytes: entry.size(),
        };
        found.insert(name, part);
    }
    for (name, to) in links {
        if let Some(part) = found.get(&to).copied() {
            found.insert(name, part);
        }
    }
    Ok(found)
}

/// A path without `..`.
fn normal(path: &Path) -> String {
    let mut names: Vec<String> = Vec::new();
    for name in path.components() {
        match name {
            std::path::Component::ParentDir => drop(names.pop()),
            std::path::Component::Normal(name) => names.push(name.to_string_lossy().into_owned()),
            _ => {}
        }
    }
    names.join("/")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An archive of layers, each of files with what is in them.
    pub(in super::super) fn saved(
        folder: &Path,
        config: &Value,
        layers: &[&[(&str, &str)]],
    ) -> PathBuf {
        let file = folder.join("saved.tar");
        let mut whole = tar::Builder::new(File::create(&file).unwrap());
        let mut put = |name: &str, bytes: &[u8]| append(&mut whole, name, bytes);
        let mut names = Vec::new();
        for (nth, layer) in layers.iter().enumerate() {
            let mut archive = tar::Builder::new(Vec::new());
            layer
                .iter()
                .for_each(|(name, text)| append(&mut archive, name, text.as_bytes()));
            let name = format!("{nth}/layer.tar");
            put(&name, &archive.into_inner().unwrap());
            names.push(name);
        }
        put("config.json", config.to_string().as_bytes());
        let manifest = serde_json::json!([{"Config": "config.json", "Layers": names}]);
        put("manifest.json", manifest.to_string().as_bytes());
        whole.finish().unwrap();
        file
    }

    fn append(archive: &mut tar::Builder<impl io::Write>, name: &str, bytes: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, name, bytes).unwrap();
    }

    #[test]
    fn an_archive_has_a_configuration_and_layers_compressed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let config = serde_json::json!({"config": {"Cmd": ["/x"]}});
        let file = saved(folder.path(), &config, &[&[("a", "1")], &[("b", "2")]]);
        let plain = ImageArchive::open(&file, folder.path()).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let packed = folder.path().join("saved.tar.gz");
        let mut writer = flate2::write::GzEncoder::new(
            File::create(&packed).unwrap(),
            flate2::Compression::fast(),
        );
        io::Write::write_all(&mut writer, &bytes).unwrap();
        writer.finish().unwrap();
        let packed = ImageArchive::open(&packed, folder.path()).unwrap();
        for archive in [plain, packed] {
            assert_eq!(archive.parsed().unwrap().0, config);
            let names = archive.layers().map(|layer| {
                let mut layer = tar::Archive::new(layer.unwrap());
                let mut entries = layer.entries().unwrap();
                let first = entries.next().unwrap().unwrap();
                first.path().unwrap().display().to_string()
            });
            assert_eq!(names.collect::<Vec<_>>(), ["a", "b"]);
        }
        std::fs::write(&file, "no archive").unwrap();
        let error = ImageArchive::open(&file, folder.path()).unwrap_err();
        assert!(
            error.contains("is no image that `docker save` wrote"),
            "{error}"
        );
    }

    #[test]
    fn a_layer_that_another_has_too_is_a_link_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.tar");
        let mut whole = tar::Builder::new(File::create(&file).unwrap());
        append(&mut whole, "a/layer.tar", b"bytes");
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        whole
            .append_link(&mut header, "b/layer.tar", "../a/layer.tar")
            .unwrap();
        whole.finish().unwrap();
        let parts = parts(&file).unwrap();
        assert_eq!(parts["a/layer.tar"].at, parts["b/layer.tar"].at);
    }
}
