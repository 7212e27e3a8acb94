//! As one self-contained page: style, script and pictures are within it, and it makes no request.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Serde, Value};
use results::System;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::template::{Form, render};
use super::{Block, Document, Span, spans};
use crate::plot::palette;

const FORM: Form = Form {
    template: include_str!("page.html.jinja"),
    escape,
    prose: inline,
};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A family of systems that the page can be filtered by.
#[derive(Serialize)]
struct Choices {
    family: &'static str,
    systems: Vec<Choice>,
}

/// A system that the page can be filtered by.
#[derive(Serialize)]
struct Choice {
    name: String,
    label: String,
}

/// The whole report as one page.
pub fn html(document: &Document) -> String {
    let style = format!(
        "{STYLE}{}@media screen and (prefers-color-scheme:dark){{{}}}",
        palette::style(false),
        palette::style(true)
    );
    let safe = |text: &str| Value::from_safe_string(text.to_owned());
    // The page has this style and runs this script and no other, whatever stands in a record.
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
    let (style_digest, script_digest) = (digest(&style), digest(SCRIPT));
    let pictures: Vec<_> = document
        .figures()
        .map(|figure| {
            let svg = figure.picture.inline(&figure.id, &words(&figure.title));
            (figure.id.clone(), svg)
        })
        .collect();
    render(document, &FORM, |environment| {
        environment.add_global("style", safe(&style));
        environment.add_global("script", safe(SCRIPT));
        environment.add_global("style_digest", safe(&style_digest));
        environment.add_global("script_digest", safe(&script_digest));
        environment.add_global("workloads", Value::from(workloads(document)));
        environment.add_global("families", Value::from(Serde(choices(document))));
        environment.add_filter("plain", |text: &str| words(text));
        environment.add_filter("originals", |names: Serde<Vec<String>>| {
            originals(names.0.iter())
                .into_iter()
                .collect::<Vec<_>>()
                .join(" ")
        });
        environment.add_function("picture", move |id: &str| {
            let svg = pictures.iter().find(|(known, _)| *known == *id);
            svg.map(|(_, svg)| Value::from_safe_string(svg.clone()))
        });
    })
}

/// The workloads that parts of the document are about.
fn workloads(document: &Document) -> Vec<String> {
    let about = abouts(document).filter_map(|(workload, _)| workload.cloned());
    about.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The systems that parts of the document are about, by families, in the order of tables.
fn choices(document: &Document) -> Vec<Choices> {
    let names = originals(abouts(document).flat_map(|(_, systems)| systems));
    let mut systems: Vec<_> = names.into_iter().map(System::from).collect();
    systems.sort_by_key(systems::rank);
    let choice = |system: System| Choice {
        label: document
            .labels
            .get(system.as_str())
            .cloned()
            .unwrap_or_else(|| systems::describe(&system).label),
        name: system.to_string(),
    };
    let family = |system: &System| {
        let own = document.families.get(system.as_str());
        own.map_or_else(|| systems::describe(system).family, |own| *own)
    };
    let families = systems::in_families(systems, family).into_iter();
    let choices = families.map(|(family, systems)| Choices {
        family: family.label(),
        systems: systems.into_iter().map(choice).collect(),
    });
    choices.collect()
}

/// What each part of the document is about.
fn abouts(document: &Document) -> impl Iterator<Item = (Option<&String>, &Vec<String>)> {
    let sections = document.sections.iter();
    sections.flat_map(|section| {
        let tables = section.blocks.iter().filter_map(|block| match block {
            Block::Table(table) => Some(table),
            Block::Figure(figure) => Some(&figure.table),
            _ => None,
        });
        let figures = section.blocks.iter().filter_map(|block| match block {
            Block::Figure(figure) => Some((figure.workload.as_ref(), &figure.systems)),
            _ => None,
        });
        let rows = tables.flat_map(|table| &table.rows);
        std::iter::once((section.workload.as_ref(), &section.systems))
            .chain(figures)
            .chain(rows.map(|row| (row.workload.as_ref(), &row.systems)))
    })
}

/// Systems by their first names: the second of an A/A control is no system of its own.
fn originals<'a>(names: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    names
        .map(|name| System::from(name.as_str()).original_name().to_owned())
        .collect()
}

fn inline(text: &str) -> String {
    let shown = |span: Span<'_>| match span {
        Span::Plain(text) => joined(&escape(text)),
        Span::Code(text) => format!("<code>{}</code>", escape(text)),
        Span::Strong(text) => format!("<strong>{}</strong>", escape(text)),
        Span::Link(text, to) => format!("<a href=\"#{}\">{}</a>", escape(to), escape(text)),
    };
    spans(text).into_iter().map(shown).collect()
}

/// Prose without its marks.
fn words(text: &str) -> String {
    let words = |span: Span<'_>| match span {
        Span::Plain(text) | Span::Code(text) | Span::Strong(text) | Span::Link(text, _) => {
            text.to_owned()
        }
    };
    spans(text).into_iter().map(words).collect()
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

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
