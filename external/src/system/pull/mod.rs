//! What a start needs whose image is pulled: an image in a registry on the loopback.
//!
//! The image is written straight into the folder of a registry that takes nothing from anybody: its
//! layers, its configuration and its manifest are files named by their digests, so nobody has to be
//! let push. Whoever pulls it unpacks a layer with the workload's files and, where its cell says so,
//! one below it of a stated size.

mod image;
mod registry;
mod source;

pub(super) use image::{Pulled, architecture};
pub(super) use registry::{Certificate, configuration, find_program};
pub(super) use source::{Ready, Source};

use results::{Attested, Evidence, Param, Params};
use serde_json::json;

use self::image::Image;

/// The values of [`Param::Registry`]: how the registry is spoken to.
pub(super) const PLAIN: &str = "plain";
pub(super) const TLS: &str = "tls";

/// The value of [`Param::BaseLayer`] of an image with another layer below the workload's, and that
/// layer's size as it is pulled. About what images of Debian begin with.
pub(super) const BASE: &str = "32MiB";
pub(super) const BASE_BYTES: usize = 32 << 20;

/// The variants of a start whose image is pulled, each for the first of a system's own variants.
pub(super) fn variants(own: &Params) -> Vec<Params> {
    let with = |pairs: &[(Param, &str)]| {
        let mut params = own.clone();
        params.extend(pairs.iter().cloned());
        params
    };
    vec![
        with(&[(Param::Registry, PLAIN)]),
        with(&[(Param::Registry, TLS)]),
        with(&[(Param::Registry, PLAIN), (Param::BaseLayer, BASE)]),
    ]
}

/// Whether a variant's image is pulled, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pull {
    pub(super) tls: bool,
    /// Whether the image has a layer of [`BASE_BYTES`] below the workload's.
    pub(super) base: bool,
}

impl Pull {
    /// As a variant says it; nothing where nothing is pulled.
    pub(super) fn parse(variant: &Params) -> Option<Self> {
        variant.get(Param::Registry).map(|registry| Self {
            tls: registry == TLS,
            base: variant.get(Param::BaseLayer).is_some(),
        })
    }
}

/// What was pulled, as evidence.
pub(super) fn evidence(image: &Image) -> Attested {
    Attested::from([
        (Evidence::ImageLayers, json!(image.layers)),
        (Evidence::ImageBytes, json!(image.bytes)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_is_understood_and_another() {
        let own = Params::from([(Param::Network, "host")]);
        let found: Vec<_> = variants(&own).iter().filter_map(Pull::parse).collect();
        assert_eq!(found.len(), 3);
        assert!(found[0] != found[1] && found[1] != found[2] && found[0] != found[2]);
        assert_eq!(Pull::parse(&own), None);
    }
}
