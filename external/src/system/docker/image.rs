//! Images: from nothing but the files of a workload, built through the engine's API, named by what
//! is in them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bollard::Docker;
use bollard::query_parameters::BuildImageOptionsBuilder;
use futures_util::TryStreamExt as _;
use results::digest::sha256_hex;
use serde_json::json;

use super::{LABEL, describe_error};

/// What goes into an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    /// The image's name, before the digest.
    pub(super) name: String,
    /// Files: where in the image, and which on this machine.
    pub(super) files: Vec<(PathBuf, PathBuf)>,
}

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// Its name with the tag, which is the digest of its contents.
    pub(super) tag: String,
    /// Its files as the engine keeps them on this machine, if it does so where they can be found.
    pub(super) files: Vec<PathBuf>,
}

/// How much of a digest is in a tag: 64 bits distinguish a project's own images.
const TAG_DIGITS: usize = 16;

/// The image with these contents, which is built if it is not there. Nothing is ever pulled.
pub(super) async fn ensure(docker: &Docker, contents: &Contents) -> Result<Image, String> {
    let context = context(contents)
        .map_err(|error| format!("cannot pack the image {}: {error}", contents.name))?;
    let tag = format!(
        "coldphase/{}:{}",
        contents.name,
        &sha256_hex(&context)[..TAG_DIGITS]
    );
    if docker.inspect_image(&tag).await.is_err() {
        build(docker, &tag, context).await?;
    }
    let image = docker.inspect_image(&tag).await;
    let image = image.map_err(|error| {
        format!(
            "the image {tag} was built and is not there: {}",
            describe_error(&error)
        )
    })?;
    let layers = image
        .graph_driver
        .map(|driver| driver.data)
        .unwrap_or_default();
    Ok(Image {
        tag,
        files: kept_files(contents, &layers),
    })
}

/// Has the engine build an image.
async fn build(docker: &Docker, tag: &str, context: Vec<u8>) -> Result<(), String> {
    let labels = HashMap::from([(LABEL, "image")]);
    let options = BuildImageOptionsBuilder::default()
        .dockerfile("Dockerfile")
        .t(tag)
        .rm(true)
        .forcerm(true)
        .labels(&labels)
        .networkmode("none")
        .build();
    let body = bollard::body_full(context.into());
    let built: Result<Vec<_>, _> = docker
        .build_image(options, None, Some(body))
        .try_collect()
        .await;
    built.map(drop).map_err(|error| {
        format!(
            "the engine cannot build the image {tag}: {}",
            describe_error(&error)
        )
    })
}

/// The files of an image where the engine keeps its layers in folders of this machine.
fn kept_files(contents: &Contents, layers: &HashMap<String, String>) -> Vec<PathBuf> {
    let layers: Vec<_> = ["LowerDir", "UpperDir"]
        .iter()
        .filter_map(|key| layers.get(*key))
        .flat_map(|paths| paths.split(':'))
        .map(PathBuf::from)
        .collect();
    let kept = |inside: &Path| {
        let inside = inside.strip_prefix("/").unwrap_or(inside);
        layers
            .iter()
            .map(|layer| layer.join(inside))
            .find(|file| file.is_file())
    };
    let inside = contents.files.iter().map(|(inside, _)| inside);
    inside.filter_map(|inside| kept(inside)).collect()
}

/// The archive that the engine builds from: always the same bytes for the same contents, so that
/// its digest names them.
fn context(contents: &Contents) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut dockerfile = "FROM scratch\n".to_owned();
    let mut append = |name: &str, mode: u32, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_mtime(0);
        archive.append_data(&mut header, name, bytes)
    };
    for (number, (inside, file)) in contents.files.iter().enumerate() {
        append(&number.to_string(), 0o755, &std::fs::read(file)?)?;
        // One instruction a file would be one layer a file; the engine is given a JSON form for
        // names with blanks.
        dockerfile.push_str(&format!("COPY {}\n", json!([number.to_string(), inside])));
    }
    append("Dockerfile", 0o644, dockerfile.as_bytes())?;
    archive.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_contents_are_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("program");
        std::fs::write(&file, "one").unwrap();
        let contents = Contents {
            name: "x".into(),
            files: vec![("/a b".into(), file.clone())],
        };
        let one = context(&contents).unwrap();
        assert_eq!(one, context(&contents).unwrap());
        let text = String::from_utf8_lossy(&one).into_owned();
        assert!(
            text.contains("FROM scratch\nCOPY [\"0\",\"/a b\"]\n"),
            "{text}"
        );
        std::fs::write(&file, "two").unwrap();
        assert_ne!(one, context(&contents).unwrap());
    }
}
