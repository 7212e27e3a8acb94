//! Whether every link of a report leads somewhere.

use std::collections::BTreeSet;

use super::{Block, Document, Section, Span, Table, spans};

/// Links of a document that lead nowhere in it, each once.
pub fn dangling(document: &Document) -> Vec<String> {
    let mut anchors = BTreeSet::new();
    let mut targets = BTreeSet::new();
    targets_of(&document.subtitle, &mut targets);
    for section in &document.sections {
        anchors.insert(section.id.as_str());
        for table in tables(section) {
            anchors.extend(table.rows.iter().filter_map(|row| row.anchor.as_deref()));
        }
        for text in texts(section) {
            targets_of(text, &mut targets);
        }
    }
    let missing = targets.difference(&anchors);
    missing.map(|target| (*target).to_owned()).collect()
}

fn targets_of<'a>(text: &'a str, targets: &mut BTreeSet<&'a str>) {
    targets.extend(spans(text).into_iter().filter_map(|span| match span {
        Span::Link(_, target) => Some(target),
        _ => None,
    }));
}

/// The tables of a section, with those below its pictures.
fn tables(section: &Section) -> impl Iterator<Item = &Table> {
    section.blocks.iter().filter_map(|block| match block {
        Block::Table(table) => Some(table),
        Block::Figure(figure) => Some(&figure.table),
        _ => None,
    })
}

/// Every prose of a section.
fn texts(section: &Section) -> impl Iterator<Item = &String> {
    let blocks = section.blocks.iter().flat_map(|block| match block {
        Block::Heading(text) | Block::Text(text) | Block::Warning(text) => vec![text],
        Block::List(items) => items.iter().collect(),
        Block::Figure(figure) => vec![&figure.title, &figure.caption],
        Block::Table(_) => Vec::new(),
    });
    let of_tables = tables(section).flat_map(|table| {
        let titles = table.columns.iter().map(|column| &column.title);
        let fields = table.rows.iter().flat_map(|row| &row.fields);
        std::iter::once(&table.caption).chain(titles).chain(fields)
    });
    std::iter::once(&section.title)
        .chain(blocks)
        .chain(of_tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_what_is_not_there_is_named() {
        let mut section = Section::new("here", "See [this](#here)");
        section.text("and [that](#there)");
        let document = Document {
            sections: vec![section],
            ..Document::default()
        };
        assert_eq!(dangling(&document), ["there"]);
    }
}
