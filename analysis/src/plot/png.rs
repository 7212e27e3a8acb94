//! Pictures as points.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::Tree;

use super::drawing::DrawError;

/// So many points a unit: sharp on paper and on fine screens.
const SCALE: f32 = 2.0;

/// So many points a picture has at most: four bytes each, in memory. The longest of a run of a hundred cells
/// has a tenth.
const MOST_POINTS: u64 = 100_000_000;

/// Draws a picture.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a picture's size is small and positive"
)]
pub(super) fn write(tree: &Tree) -> Result<Vec<u8>, DrawError> {
    let [width, height] =
        [tree.size().width(), tree.size().height()].map(|size| (size * SCALE).ceil() as u32);
    if u64::from(width) * u64::from(height) > MOST_POINTS {
        return Err(DrawError::Size(width, height));
    }
    let mut pixels = Pixmap::new(width, height).ok_or(DrawError::Size(width, height))?;
    resvg::render(
        tree,
        Transform::from_scale(SCALE, SCALE),
        &mut pixels.as_mut(),
    );
    pixels
        .encode_png()
        .map_err(|error| DrawError::Encode(error.to_string()))
}
