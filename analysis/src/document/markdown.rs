//! As Markdown, with tables as GitHub and others read them.

use minijinja::value::Value;

use super::Document;
use super::template::{Form, render};

const FORM: Form = Form {
    template: include_str!("report.md.jinja"),
    escape: str::to_owned,
    // The marks of prose are those of Markdown.
    prose: str::to_owned,
};

/// The whole report as one text. Pictures are in the folder `plots` beside it.
pub fn markdown(document: &Document) -> String {
    render(document, &FORM, |environment| {
        environment.add_filter("field", |text: &str| Value::from_safe_string(field(text)));
    })
}

/// A text within a table.
fn field(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
