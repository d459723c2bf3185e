//! An SVG as PNG, with the font that its layout was made for.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::{Figure, PlotError};

/// Widest picture, in pixels: it takes four bytes each, and its height is of the same order.
pub const WIDEST: u32 = 8192;

/// DejaVu Sans 2.37, whose licence allows to embed it anywhere. Fonts of the system are not looked at: the same figure is
/// the same bytes everywhere.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    Arc::new(fonts)
});

/// A picture `width` pixels wide.
///
/// # Errors
/// Where the SVG is not one, or the picture has no size.
pub fn png(figure: &Figure, width: u32) -> Result<Vec<u8>, PlotError> {
    let options = Options { fontdb: Arc::clone(&FONTS), ..Options::default() };
    let tree = Tree::from_str(&figure.svg, &options).map_err(PlotError::drawing)?;
    let scale = width as f32 / tree.size().width();
    let height = (tree.size().height() * scale).ceil() as u32;
    let mut pixels = Pixmap::new(width, height)
        .ok_or_else(|| PlotError::Drawing(format!("a picture of {width} × {height} pixels")))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(PlotError::drawing)
}
