//! The registries of a run with the images in them, each made when a cell first needs it.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use machine::page_cache::{self, Residency};
use results::Attested;

use super::super::managed::files_in;
use super::image::{Image, Layers, Pulled};
use super::registry::{Registry, storage};
use super::{BASE_BYTES, Pull, evidence};
use crate::process::reaper::Reaper;

/// What one engine's starts pull from.
pub(crate) struct Source {
    folder: PathBuf,
    reaper: Reaper,
    /// The label of its images, with its value.
    label: (&'static str, String),
    /// With TLS and without.
    registries: BTreeMap<bool, Registry>,
    images: BTreeMap<String, Image>,
}

/// An image that can be pulled now.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) image: Image,
    /// How it is referred to.
    pub(crate) reference: String,
    /// The registry's address, and what signed its certificate, if it speaks TLS.
    pub(crate) address: String,
    pub(crate) authority: Option<PathBuf>,
}

impl Ready {
    /// What will be pulled, as evidence.
    pub(crate) fn evidence(&self) -> Attested {
        evidence(&self.image)
    }
}

impl Source {
    /// One in a folder of the run's.
    pub(crate) fn new(work: &Path, reaper: &Reaper, label: (&'static str, String)) -> Self {
        Self {
            folder: work.join("registry"),
            reaper: reaper.clone(),
            label,
            registries: BTreeMap::new(),
            images: BTreeMap::new(),
        }
    }

    /// An image of this, in a registry that lives and has it in memory.
    ///
    /// # Errors
    /// It cannot be made, or the registry does not start.
    pub(crate) fn ready(
        &mut self,
        pull: Pull,
        name: &str,
        contents: &Pulled<'_>,
    ) -> Result<Ready, String> {
        let name = if pull.base {
            format!("{name}-on-base")
        } else {
            name.to_owned()
        };
        let image = self.image(&name, pull.base, contents)?;
        let dead = self.registries.get_mut(&pull.tls).and_then(Registry::ended);
        if dead.is_some() {
            self.registries.remove(&pull.tls);
        }
        if !self.registries.contains_key(&pull.tls) {
            let registry = Registry::start(&self.folder, pull.tls, &self.reaper)?;
            self.registries.insert(pull.tls, registry);
        }
        let registry = &self.registries[&pull.tls];
        for file in files_in(&storage(&self.folder)) {
            page_cache::put(&file, Residency::Hot)?;
        }
        let certificate = registry.certificate.as_ref();
        Ok(Ready {
            reference: registry.reference(&name),
            address: registry.address(),
            authority: certificate.map(|it| it.authority.clone()),
            image,
        })
    }

    fn image(&mut self, name: &str, base: bool, contents: &Pulled<'_>) -> Result<Image, String> {
        if let Some(image) = self.images.get(name) {
            return Ok(image.clone());
        }
        let wrong = |error: std::io::Error| format!("the image {name} cannot be made: {error}");
        // Others must not find the key of a certificate there.
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(&self.folder).map_err(wrong)?;
        let layers = Layers {
            contents,
            base_bytes: base.then_some(BASE_BYTES),
            label: (self.label.0, &self.label.1),
        };
        let image = Image::store(&storage(&self.folder), name, &layers).map_err(wrong)?;
        self.images.insert(name.to_owned(), image.clone());
        Ok(image)
    }
}
