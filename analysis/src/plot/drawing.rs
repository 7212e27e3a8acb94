//! Pictures as points, with a typeface that comes with the program: the same bytes on every
//! machine.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use std::sync::{Arc, OnceLock};

/// So many points a unit: sharp on paper and on fine screens.
const SCALE: f32 = 2.0;

/// So many points a picture has at most: four bytes each, in memory. The longest of a run of a hundred cells
/// has a tenth.
const MOST_POINTS: u64 = 100_000_000;

/// Why there is no PNG.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The SVG cannot be read: a mistake of ours.
    #[error("the SVG cannot be drawn: {0}")]
    Svg(String),
    /// The picture is larger than memory has.
    #[error("a picture of {0} × {1} points does not fit into memory")]
    Size(u32, u32),
    /// The points cannot be written down.
    #[error("the PNG cannot be written: {0}")]
    Encode(String),
}

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

/// Draws an SVG file.
///
/// # Errors
/// [`PngError`].
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a picture's size is small and positive"
)]
pub fn png(svg: &str) -> Result<Vec<u8>, PngError> {
    let options = Options {
        fontdb: typefaces(),
        font_family: "DejaVu Sans".to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| PngError::Svg(error.to_string()))?;
    let [width, height] =
        [tree.size().width(), tree.size().height()].map(|size| (size * SCALE).ceil() as u32);
    if u64::from(width) * u64::from(height) > MOST_POINTS {
        return Err(PngError::Size(width, height));
    }
    let mut pixels = Pixmap::new(width, height).ok_or(PngError::Size(width, height))?;
    resvg::render(
        &tree,
        Transform::from_scale(SCALE, SCALE),
        &mut pixels.as_mut(),
    );
    pixels
        .encode_png()
        .map_err(|error| PngError::Encode(error.to_string()))
}
