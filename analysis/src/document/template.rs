//! A report filled into the template of a form. Every text that a template writes is escaped for
//! its form, unless a filter has made it already: no template can forget it.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, context};
use results::names::FileName;
use serde::Serialize;

use super::{Document, Section};

/// A form of a report.
pub(super) struct Form {
    /// Its template.
    pub(super) template: &'static str,
    /// How a text is escaped in it.
    pub(super) escape: fn(&str) -> String,
    /// How prose with its marks is written in it, escaped.
    pub(super) prose: fn(&str) -> String,
}

/// Sections of one question.
#[derive(Serialize)]
struct Group<'a> {
    question: &'static str,
    sections: Vec<&'a Section>,
}

/// Renders a document. `extend` adds what only this form has: filters, functions and values.
pub(super) fn render(
    document: &Document,
    form: &Form,
    extend: impl FnOnce(&mut Environment<'_>),
) -> String {
    let mut environment = Environment::new();
    // Braces and percent signs mean something in LaTeX.
    let syntax = SyntaxConfig::builder()
        .block_delimiters("<%", "%>")
        .variable_delimiters("<<", ">>")
        .comment_delimiters("<#", "#>")
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build();
    environment.set_syntax(syntax.expect("the delimiters differ from each other"));
    // So that what macros return is not escaped twice.
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("report".into()));
    let (escape, prose) = (form.escape, form.prose);
    environment.set_formatter(move |out, _, value| {
        let text = value.to_string();
        let is_written = value.is_safe() || value.is_number();
        out.write_str(&if is_written { text } else { escape(&text) })?;
        Ok(())
    });
    environment.add_filter("prose", move |text: &str| {
        Value::from_safe_string(prose(text))
    });
    // Names of files and labels have no character that any form knows, and are what they are.
    environment.add_filter("name", |name: &str| {
        Value::from_safe_string(FileName::of(name).to_string())
    });
    extend(&mut environment);
    let given = context! {
        title => document.title.as_str(),
        subtitle => document.subtitle.as_str(),
        groups => Serde(groups(&document.sections)),
    };
    environment
        .render_str(form.template, given)
        .expect("the template is part of the program, and tests render it")
}

/// Neighbouring sections of one question, together.
fn groups(sections: &[Section]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for section in sections {
        match groups.last_mut() {
            Some(group) if group.question == section.question => group.sections.push(section),
            _ => groups.push(Group {
                question: section.question,
                sections: vec![section],
            }),
        }
    }
    groups
}
