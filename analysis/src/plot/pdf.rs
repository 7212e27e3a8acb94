//! Pictures as a page of PDF, for papers: lines stay lines at every size.
//!
//! Letters are outlines. A page then needs no typeface of its own, of which each publisher allows
//! other kinds, and shows what the PNG shows.
//!
//! What is written is what pictures of ours have: shapes with a colour, which may be translucent. Of
//! what else SVG knows nothing is left out in silence: see [`DrawError::Unsupported`].

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{LineCapStyle, LineJoinStyle};
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, TextStr};
use resvg::usvg::tiny_skia_path::{PathSegment, Point};
use resvg::usvg::{FillRule, Group, LineCap, LineJoin, Node, Paint, PaintOrder, Path, Tree};

use super::drawing::DrawError;

/// Points of a PDF to a unit of SVG: 72 and 96 to the inch.
const POINTS: f32 = 0.75;

const CATALOG: Ref = Ref::new(1);
const PAGES: Ref = Ref::new(2);
const PAGE: Ref = Ref::new(3);
const CONTENT: Ref = Ref::new(4);
const INFO: Ref = Ref::new(5);

/// How far fills and strokes let through what lies below, as a page names it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Alpha {
    fill: f32,
    stroke: f32,
}

/// What a page shows, while it is written.
struct Page {
    content: Content,
    alphas: Vec<Alpha>,
}

/// Writes a picture as one page of its size.
pub(super) fn write(tree: &Tree, title: &str) -> Result<Vec<u8>, DrawError> {
    let [width, height] = [tree.size().width(), tree.size().height()].map(|size| size * POINTS);
    let mut page = Page {
        content: Content::new(),
        alphas: Vec::new(),
    };
    // SVG counts from the top, PDF from the bottom.
    page.content
        .transform([POINTS, 0.0, 0.0, -POINTS, 0.0, height]);
    page.nodes(tree.root())?;
    Ok(page.into_file(width, height, title))
}

impl Page {
    fn nodes(&mut self, parent: &Group) -> Result<(), DrawError> {
        for node in parent.children() {
            match node {
                Node::Group(group) => self.group(group)?,
                Node::Text(text) => self.group(text.flattened())?,
                Node::Path(path) if path.is_visible() => self.path(path)?,
                Node::Path(_) => {}
                Node::Image(_) => return Err(DrawError::Unsupported("an image in it")),
            }
        }
        Ok(())
    }

    fn group(&mut self, group: &Group) -> Result<(), DrawError> {
        if group.should_isolate() {
            return Err(DrawError::Unsupported(
                "groups that are clipped, masked, filtered or translucent",
            ));
        }
        let it = group.transform();
        if it.is_identity() {
            return self.nodes(group);
        }
        self.content.save_state();
        self.content
            .transform([it.sx, it.ky, it.kx, it.sy, it.tx, it.ty]);
        let written = self.nodes(group);
        self.content.restore_state();
        written
    }

    fn path(&mut self, path: &Path) -> Result<(), DrawError> {
        match path.paint_order() {
            PaintOrder::FillAndStroke => {
                self.fill(path)?;
                self.stroke(path)
            }
            PaintOrder::StrokeAndFill => {
                self.stroke(path)?;
                self.fill(path)
            }
        }
    }

    fn fill(&mut self, path: &Path) -> Result<(), DrawError> {
        let Some(fill) = path.fill() else {
            return Ok(());
        };
        let [r, g, b] = colour(fill.paint())?;
        self.translucent(Alpha {
            fill: fill.opacity().get(),
            stroke: 1.0,
        });
        self.content.set_fill_rgb(r, g, b);
        self.segments(path);
        match fill.rule() {
            FillRule::NonZero => self.content.fill_nonzero(),
            FillRule::EvenOdd => self.content.fill_even_odd(),
        };
        Ok(())
    }

    fn stroke(&mut self, path: &Path) -> Result<(), DrawError> {
        let Some(stroke) = path.stroke() else {
            return Ok(());
        };
        let [r, g, b] = colour(stroke.paint())?;
        self.translucent(Alpha {
            fill: 1.0,
            stroke: stroke.opacity().get(),
        });
        self.content.set_stroke_rgb(r, g, b);
        self.content.set_line_width(stroke.width().get());
        self.content.set_miter_limit(stroke.miterlimit().get());
        self.content.set_line_cap(match stroke.linecap() {
            LineCap::Butt => LineCapStyle::ButtCap,
            LineCap::Round => LineCapStyle::RoundCap,
            LineCap::Square => LineCapStyle::ProjectingSquareCap,
        });
        self.content.set_line_join(match stroke.linejoin() {
            LineJoin::Miter | LineJoin::MiterClip => LineJoinStyle::MiterJoin,
            LineJoin::Round => LineJoinStyle::RoundJoin,
            LineJoin::Bevel => LineJoinStyle::BevelJoin,
        });
        let dashes = stroke.dasharray().unwrap_or_default();
        let dashes = dashes.iter().copied();
        self.content.set_dash_pattern(dashes, stroke.dashoffset());
        self.segments(path);
        self.content.stroke();
        Ok(())
    }

    /// Chooses how translucent what follows is.
    fn translucent(&mut self, alpha: Alpha) {
        let known = self.alphas.iter().position(|it| *it == alpha);
        let index = known.unwrap_or_else(|| {
            self.alphas.push(alpha);
            self.alphas.len() - 1
        });
        self.content.set_parameters(Name(&state(index)));
    }

    fn segments(&mut self, path: &Path) {
        // PDF has no curves of the second degree: each is one of the third.
        let third = |from: f32, control: f32| from + 2.0 / 3.0 * (control - from);
        let content = &mut self.content;
        let mut here = Point::zero();
        for segment in path.data().segments() {
            match segment {
                PathSegment::MoveTo(to) => {
                    content.move_to(short(to.x), short(to.y));
                    here = to;
                }
                PathSegment::LineTo(to) => {
                    content.line_to(short(to.x), short(to.y));
                    here = to;
                }
                PathSegment::QuadTo(by, to) => {
                    let [x1, y1] = [third(here.x, by.x), third(here.y, by.y)].map(short);
                    let [x2, y2] = [third(to.x, by.x), third(to.y, by.y)].map(short);
                    content.cubic_to(x1, y1, x2, y2, short(to.x), short(to.y));
                    here = to;
                }
                PathSegment::CubicTo(one, other, to) => {
                    let [x1, y1, x2, y2] = [one.x, one.y, other.x, other.y].map(short);
                    content.cubic_to(x1, y1, x2, y2, short(to.x), short(to.y));
                    here = to;
                }
                PathSegment::Close => _ = content.close_path(),
            }
        }
    }

    /// The file around what is shown. Nothing in it says when it was made: the same picture gives the
    /// same bytes.
    fn into_file(self, width: f32, height: f32, title: &str) -> Vec<u8> {
        let mut pdf = Pdf::new();
        pdf.catalog(CATALOG).pages(PAGES);
        pdf.document_info(INFO).title(TextStr(title));
        pdf.pages(PAGES).kids([PAGE]).count(1);
        let mut page = pdf.page(PAGE);
        page.parent(PAGES)
            .media_box(Rect::new(0.0, 0.0, width, height))
            .contents(CONTENT);
        let mut resources = page.resources();
        let mut states = resources.ext_g_states();
        for (index, alpha) in self.alphas.iter().enumerate() {
            let mut one = states.insert(Name(&state(index))).dict();
            one.pair(Name(b"ca"), alpha.fill);
            one.pair(Name(b"CA"), alpha.stroke);
        }
        states.finish();
        resources.finish();
        page.finish();
        let content = compressed(&self.content.finish());
        pdf.stream(CONTENT, &content).filter(Filter::FlateDecode);
        pdf.finish()
    }
}

/// What a page calls one of its degrees of translucency.
fn state(index: usize) -> Vec<u8> {
    format!("a{index}").into_bytes()
}

/// A hundredth of a unit is more than paper shows; more digits would be most of the file.
fn short(coordinate: f32) -> f32 {
    (coordinate * 100.0).round() / 100.0
}

fn colour(paint: &Paint) -> Result<[f32; 3], DrawError> {
    match paint {
        Paint::Color(colour) => {
            Ok([colour.red, colour.green, colour.blue].map(|it| f32::from(it) / 255.0))
        }
        _ => Err(DrawError::Unsupported("gradients and patterns")),
    }
}

fn compressed(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(content).and_then(|()| encoder.finish());
    written.expect("a vector takes whatever is written to it")
}
