//! As Markdown, with tables as GitHub and others read them.

use super::{Block, Document, Figure, Row, Table};

/// The whole report as one text. Pictures are in the folder `plots` beside it.
pub fn markdown(document: &Document) -> String {
    let mut text = format!("# {}\n\n{}\n", document.title, document.subtitle);
    for section in &document.sections {
        text.push_str(&format!(
            "\n<a id=\"{}\"></a>\n\n## {}\n",
            section.id, section.title
        ));
        for block in &section.blocks {
            text.push('\n');
            text.push_str(&self::block(block));
        }
    }
    text
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(title) => format!("### {title}\n"),
        Block::Text(text) => format!("{text}\n"),
        Block::Warning(text) => format!("> **Note:** {text}\n"),
        Block::List(items) => format!("- {}\n", items.join("\n- ")),
        Block::Table(table) => self::table(table),
        Block::Figure(figure) => self::figure(figure),
    }
}

fn figure(figure: &Figure) -> String {
    let Figure {
        id, title, caption, ..
    } = figure;
    // The title is in the picture.
    format!(
        "![{title}](plots/{id}.svg)\n\n{caption}\n\n{}",
        table(&figure.table)
    )
}

fn table(table: &Table) -> String {
    let titles: Vec<_> = table
        .columns
        .iter()
        .map(|column| escaped(&column.title))
        .collect();
    let rules: Vec<_> = table
        .columns
        .iter()
        .map(|column| if column.numeric { "--:" } else { ":--" })
        .collect();
    let mut text = String::new();
    if !table.caption.is_empty() {
        text.push_str(&format!("*{}*\n\n", table.caption));
    }
    text.push_str(&format!(
        "| {} |\n| {} |\n",
        titles.join(" | "),
        rules.join(" | ")
    ));
    table
        .rows
        .iter()
        .for_each(|row| text.push_str(&self::row(row)));
    text
}

fn row(row: &Row) -> String {
    let mut fields: Vec<_> = row.fields.iter().map(|field| escaped(field)).collect();
    if let (Some(anchor), Some(first)) = (&row.anchor, fields.first_mut()) {
        *first = format!("<a id=\"{anchor}\"></a>{first}");
    }
    format!("| {} |\n", fields.join(" | "))
}

fn escaped(field: &str) -> String {
    field.replace('|', "\\|").replace('\n', " ")
}
