//! A picture, read back from its SVG file: what PNG and PDF are made of. The typeface comes with the
//! program, so that both are the same bytes on every machine.

use resvg::usvg::{Options, Tree, fontdb};
use std::sync::{Arc, OnceLock};

use super::{pdf, png};

/// Why there is no PNG, or no PDF.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    /// The SVG cannot be read: a mistake of ours.
    #[error("the SVG cannot be drawn: {0}")]
    Svg(String),
    /// The picture is larger than memory has.
    #[error("a picture of {0} × {1} points does not fit into memory")]
    Size(u32, u32),
    /// The points cannot be written down.
    #[error("the PNG cannot be written: {0}")]
    Encode(String),
    /// The SVG has what no picture of ours has, and what a PDF is not written with.
    #[error("a PDF is not written with {0}")]
    Unsupported(&'static str),
}

/// A picture whose SVG file has been read.
#[derive(Debug)]
pub struct Drawing(Tree);

fn typefaces() -> Arc<fontdb::Database> {
    static LOADED: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut database = fontdb::Database::new();
        database.load_font_data(dejavu::sans::regular().to_vec());
        database.load_font_data(dejavu::sans::bold().to_vec());
        database.set_sans_serif_family("DejaVu Sans");
        Arc::new(database)
    };
    Arc::clone(LOADED.get_or_init(load))
}

impl Drawing {
    /// Reads an SVG file.
    ///
    /// # Errors
    /// [`DrawError::Svg`].
    pub fn read(svg: &str) -> Result<Self, DrawError> {
        let options = Options {
            fontdb: typefaces(),
            font_family: "DejaVu Sans".to_owned(),
            ..Options::default()
        };
        let tree = Tree::from_str(svg, &options);
        tree.map(Self)
            .map_err(|error| DrawError::Svg(error.to_string()))
    }

    /// As points.
    ///
    /// # Errors
    /// [`DrawError`].
    pub fn png(&self) -> Result<Vec<u8>, DrawError> {
        png::write(&self.0)
    }

    /// As one page of a PDF with this title.
    ///
    /// # Errors
    /// [`DrawError::Unsupported`].
    pub fn pdf(&self, title: &str) -> Result<Vec<u8>, DrawError> {
        pdf::write(&self.0, title)
    }
}
