//! As one page that asks nobody for anything: style and pictures are within it.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

use super::{Block, Document, Figure, Row, Span, Table, spans};
use crate::plot::palette;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// What the template is given of a section.
#[derive(Serialize)]
struct SectionView {
    id: String,
    title: String,
    blocks: Vec<BlockView>,
}

/// A block, with its words as HTML.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum BlockView {
    Heading {
        text: String,
    },
    Text {
        text: String,
    },
    Warning {
        text: String,
    },
    List {
        items: Vec<String>,
    },
    Table {
        table: TableView,
    },
    Figure {
        id: String,
        title: String,
        caption: String,
        svg: String,
        table: TableView,
    },
}

#[derive(Serialize)]
struct TableView {
    caption: String,
    folded: bool,
    columns: Vec<FieldView>,
    rows: Vec<RowView>,
}

#[derive(Serialize)]
struct RowView {
    anchor: Option<String>,
    fields: Vec<FieldView>,
}

#[derive(Serialize)]
struct FieldView {
    text: String,
    numeric: bool,
}

/// The whole report as one page.
pub fn html(document: &Document) -> String {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment
        .add_template("page", PAGE)
        .expect("the template is part of the program, and a test renders it");
    let page = environment.get_template("page").expect("it was just added");
    let sections: Vec<_> = document.sections.iter().map(section).collect();
    let style = format!(
        "{STYLE}{}@media (prefers-color-scheme:dark){{{}}}",
        palette::style(false),
        palette::style(true)
    );
    let given = context! {
        title => document.title.as_str(),
        subtitle => inline(&document.subtitle),
        sections => Serde(sections),
        style => style,
    };
    page.render(given)
        .expect("everything that the template names is given, and a test renders it")
}

fn section(section: &super::Section) -> SectionView {
    SectionView {
        id: section.id.clone(),
        title: inline(&section.title),
        blocks: section.blocks.iter().map(block).collect(),
    }
}

fn block(block: &Block) -> BlockView {
    match block {
        Block::Heading(text) => BlockView::Heading { text: inline(text) },
        Block::Text(text) => BlockView::Text { text: inline(text) },
        Block::Warning(text) => BlockView::Warning { text: inline(text) },
        Block::List(items) => BlockView::List {
            items: items.iter().map(|item| inline(item)).collect(),
        },
        Block::Table(table) => BlockView::Table {
            table: self::table(table),
        },
        Block::Figure(Figure {
            id,
            title,
            caption,
            picture,
            table,
            ..
        }) => BlockView::Figure {
            id: id.clone(),
            title: inline(title),
            caption: inline(caption),
            svg: picture.inline(id, title),
            table: self::table(table),
        },
    }
}

fn table(table: &Table) -> TableView {
    let field = |(text, column): (&String, &super::Column)| FieldView {
        text: inline(text),
        numeric: column.numeric,
    };
    let row = |row: &Row| RowView {
        anchor: row.anchor.clone(),
        fields: row.fields.iter().zip(&table.columns).map(field).collect(),
    };
    let title = |column: &super::Column| FieldView {
        text: inline(&column.title),
        numeric: column.numeric,
    };
    TableView {
        caption: inline(&table.caption),
        folded: table.folded,
        columns: table.columns.iter().map(title).collect(),
        rows: table.rows.iter().map(row).collect(),
    }
}

fn inline(text: &str) -> String {
    let shown = |span: Span<'_>| match span {
        Span::Plain(text) => joined(&escaped(text)),
        Span::Code(text) => format!("<code>{}</code>", escaped(text)),
        Span::Strong(text) => format!("<strong>{}</strong>", escaped(text)),
        Span::Link(text, to) => format!("<a href=\"#{}\">{}</a>", escaped(to), escaped(text)),
    };
    spans(text).into_iter().map(shown).collect()
}

/// A number and its unit stay on one line.
fn joined(text: &str) -> String {
    const UNITS: [&str; 8] = ["%", "ns", "µs", "ms", "s", "KiB", "MiB", "GiB"];
    let mut words = text.split(' ');
    let mut joined = words.next().unwrap_or_default().to_owned();
    for word in words {
        let unit = word.trim_end_matches(|c: char| ",.;:)".contains(c));
        let after_number = joined.ends_with(|c: char| c.is_ascii_digit());
        joined.push_str(if after_number && UNITS.contains(&unit) {
            "&nbsp;"
        } else {
            " "
        });
        joined.push_str(word);
    }
    joined
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
