//! A report as it is thought of, before it is a page, a text or a typeset paper: sections of
//! paragraphs, tables and pictures. Whatever one of the forms shows, the others show too.
//!
//! Prose carries four marks, the same in every form: `` `code` ``, `**strong**`, and
//! `[words](#anchor)`. What stands behind a backslash is no mark: [`literal`] writes words of others.

mod html;
mod inline;
mod latex;
mod links;
pub(crate) mod markdown;
mod template;

pub use html::html;
pub use inline::{Span, code, literal, spans};
pub use latex::{figures, latex};
pub use links::dangling;
pub use markdown::markdown;

use std::collections::BTreeMap;

use results::names::FileName;
use serde::{Deserialize, Serialize};
use systems::Family;

use crate::plot::Picture;

/// A whole report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// What stands at the top.
    pub title: String,
    /// The line below it.
    pub subtitle: String,
    /// Its sections, in order.
    pub sections: Vec<Section>,
    /// What people call the systems that do not come with the program, by their names.
    pub labels: BTreeMap<String, String>,
    /// The families that these stand in.
    pub families: BTreeMap<String, Family>,
}

/// A part with a heading.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Section {
    /// What links name.
    pub id: FileName,
    /// The heading: a finding or a question.
    pub title: String,
    /// The question that it belongs to: sections of one question stand together.
    pub question: &'static str,
    /// The workload that all of it is about, if it is about one: a filter hides it with the
    /// workload.
    pub workload: Option<String>,
    /// The systems that it is about; empty if it is about the whole run.
    pub systems: Vec<String>,
    /// What it consists of, in order.
    pub blocks: Vec<Block>,
}

/// What stands below a heading.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", content = "content", rename_all = "snake_case")]
pub enum Block {
    /// A heading within a section.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// Points, one below the other.
    List(Vec<String>),
    /// What must not be overlooked.
    Warning(String),
    /// A table.
    Table(Table),
    /// A picture with its numbers.
    Figure(Figure),
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its caption.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// Whether it is long and of interest to few: folded up on a page, and left out where nothing
    /// can be.
    pub folded: bool,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its heading, with the unit.
    pub title: String,
    /// Whether it holds numbers: they stand to the right.
    pub numeric: bool,
}

/// A row of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What links to the row name, if any do.
    pub anchor: Option<FileName>,
    /// Its fields.
    pub fields: Vec<String>,
    /// The workload that it is about, if it is about one.
    pub workload: Option<String>,
    /// The systems that it is about: a filter hides it if it hides all of them.
    pub systems: Vec<String>,
}

/// A picture, and the same in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Its name: that of its files.
    pub id: FileName,
    /// Its title.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// The picture.
    #[serde(skip)]
    pub picture: Picture,
    /// Its numbers.
    pub table: Table,
    /// The workload that it is about, if it is about one.
    pub workload: Option<String>,
    /// The systems that it is about.
    pub systems: Vec<String>,
}

impl Section {
    /// One with nothing in it yet.
    pub fn new(id: &str, title: impl Into<String>) -> Self {
        Self {
            id: FileName::of(id),
            title: title.into(),
            ..Self::default()
        }
    }

    /// Adds a paragraph.
    pub fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    /// Adds points, if there are any.
    pub fn list(&mut self, items: Vec<String>) {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }

    /// Adds a table, if it has rows.
    pub fn table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table));
        }
    }
}

impl Table {
    /// One without rows. A column whose title begins with `>` holds numbers.
    pub fn new(caption: impl Into<String>, columns: &[&str]) -> Self {
        let column = |title: &&str| match title.strip_prefix('>') {
            Some(title) => Column {
                title: title.to_owned(),
                numeric: true,
            },
            None => Column {
                title: (*title).to_owned(),
                numeric: false,
            },
        };
        Self {
            caption: caption.into(),
            columns: columns.iter().map(column).collect(),
            ..Self::default()
        }
    }

    /// The same, folded up.
    #[must_use]
    pub fn folded(mut self) -> Self {
        self.folded = true;
        self
    }

    /// Adds a row that is about some systems, and a workload.
    pub fn row_about<S: Into<String>>(
        &mut self,
        workload: &str,
        systems: &[&str],
        fields: impl IntoIterator<Item = S>,
    ) {
        self.rows.push(Row {
            anchor: None,
            fields: fields.into_iter().map(Into::into).collect(),
            workload: Some(workload.to_owned()),
            systems: systems.iter().map(|system| (*system).to_owned()).collect(),
        });
    }

    /// Adds a row.
    pub fn row<S: Into<String>>(&mut self, fields: impl IntoIterator<Item = S>) {
        self.rows.push(Row {
            anchor: None,
            fields: fields.into_iter().map(Into::into).collect(),
            ..Row::default()
        });
    }
}

impl Document {
    /// Every picture, in order.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections
            .iter()
            .flat_map(|section| &section.blocks)
            .filter_map(|block| match block {
                Block::Figure(figure) => Some(figure),
                _ => None,
            })
    }
}
