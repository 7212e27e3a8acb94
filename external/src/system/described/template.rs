//! Texts with placeholders: what a command is given that is known only when it is started.

use workloads::Workload;

use super::super::{ADDRESS, call_arguments, listens};
use super::place::{Node, Wrong};

/// What stands for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholder {
    /// The module, component or program.
    Artifact,
    /// What `prepare` makes of it.
    Out,
    /// A folder of this system's own.
    Work,
    /// IP and port that a service is to listen on.
    Address,
    /// The one of both.
    Ip,
    /// The other.
    Port,
    /// The arguments that a command's call gives it, each by itself.
    Arguments,
}

impl Placeholder {
    const ALL: [(&'static str, Self); 7] = [
        ("{artifact}", Self::Artifact),
        ("{out}", Self::Out),
        ("{work}", Self::Work),
        (ADDRESS, Self::Address),
        (IP, Self::Ip),
        (PORT, Self::Port),
        ("{arguments}", Self::Arguments),
    ];

    /// Those of paths.
    pub(super) const PATHS: &'static [Self] = &[Self::Artifact, Self::Out, Self::Work];

    /// Those of what is launched.
    pub(super) const LAUNCH: &'static [Self] = &[
        Self::Artifact,
        Self::Out,
        Self::Work,
        Self::Address,
        Self::Ip,
        Self::Port,
        Self::Arguments,
    ];

    const fn is_address(self) -> bool {
        matches!(self, Self::Address | Self::Ip | Self::Port)
    }

    fn name(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(_, it)| *it == self);
        found.map_or("", |(name, _)| name)
    }
}

pub(in crate::system) const IP: &str = "{ip}";
pub(in crate::system) const PORT: &str = "{port}";

/// What takes the place of placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) artifact: String,
    pub(super) out: String,
    pub(super) work: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

impl Template {
    /// Reads one, in which these may stand. Braces around anything but a lower-case word are
    /// braces.
    pub(super) fn read(node: &Node<'_>, allowed: &[Placeholder]) -> Result<Self, Wrong> {
        let text = node.text()?;
        if text.contains('\0') {
            return Err(node.wrong("no argument of a program has a character of the value 0"));
        }
        let names: Vec<_> = allowed.iter().map(|it| it.name()).collect();
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            let word = rest
                .find('}')
                .map(|end| &rest[..=end])
                .filter(|it| is_word(it));
            let Some(word) = word else {
                literal.push('{');
                rest = &rest[1..];
                continue;
            };
            let found = allowed.iter().find(|it| it.name() == word);
            let found =
                found.ok_or_else(|| node.none_of(word, "placeholder of this key", &names))?;
            if *found == Placeholder::Arguments && word != text {
                return Err(node.wrong(format!("{word} stands for several arguments, and alone")));
            }
            parts.extend(text_part(&mut literal));
            parts.push(Part::Placeholder(*found));
            rest = &rest[word.len()..];
        }
        literal.push_str(rest);
        parts.extend(text_part(&mut literal));
        Ok(Self(parts))
    }

    /// A placeholder alone.
    pub(super) fn placeholder(placeholder: Placeholder) -> Self {
        Self(vec![Part::Placeholder(placeholder)])
    }

    pub(super) fn mentions(&self, placeholder: Placeholder) -> bool {
        self.0.contains(&Part::Placeholder(placeholder))
    }

    fn has_address(&self) -> bool {
        let is_address = |it: &Part| matches!(it, Part::Placeholder(it) if it.is_address());
        self.0.iter().any(is_address)
    }

    /// The text, in which addresses still have placeholders: a start has its port when it is
    /// launched.
    pub(super) fn fill(&self, values: &Values) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(Placeholder::Artifact) => values.artifact.clone(),
            Part::Placeholder(Placeholder::Out) => values.out.clone(),
            Part::Placeholder(Placeholder::Work) => values.work.clone(),
            Part::Placeholder(other) => other.name().to_owned(),
        };
        self.0.iter().map(text).collect()
    }
}

/// The text before a placeholder, if there is any.
fn text_part(literal: &mut String) -> Option<Part> {
    (!literal.is_empty()).then(|| Part::Text(std::mem::take(literal)))
}

/// Whether something in braces is meant as a placeholder.
fn is_word(braced: &str) -> bool {
    let word = braced.trim_start_matches('{').trim_end_matches('}');
    !word.is_empty() && word.bytes().all(|it| it.is_ascii_lowercase() || it == b'-')
}

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandLine {
    pub(super) program: Template,
    arguments: Vec<Template>,
}

impl CommandLine {
    pub(super) fn read(node: &Node<'_>, allowed: &[Placeholder]) -> Result<Self, Wrong> {
        let words = node.list()?;
        let program = Template::read(&words[0], Placeholder::PATHS)?;
        let arguments = words[1..].iter().map(|it| Template::read(it, allowed));
        Ok(Self {
            program,
            arguments: arguments.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn mentions(&self, placeholder: Placeholder) -> bool {
        self.program.mentions(placeholder)
            || self.arguments.iter().any(|it| it.mentions(placeholder))
    }

    /// Whether what it starts is told where to listen.
    pub(super) fn has_address(&self) -> bool {
        self.arguments.iter().any(Template::has_address)
    }

    /// Its arguments.
    pub(super) fn arguments(&self, values: &Values) -> Vec<String> {
        self.arguments.iter().map(|it| it.fill(values)).collect()
    }

    /// Its arguments for a start of a workload. A command listens nowhere: what would say where is
    /// left out. Its own arguments come last unless their place is marked.
    pub(super) fn arguments_for(&self, workload: Workload, values: &Values) -> Vec<String> {
        let service = listens(workload);
        let own = call_arguments(workload);
        let mut arguments = Vec::new();
        for argument in &self.arguments {
            if argument.mentions(Placeholder::Arguments) {
                arguments.extend(own.iter().cloned());
            } else if service || !argument.has_address() {
                arguments.push(argument.fill(values));
            }
        }
        if !self.mentions(Placeholder::Arguments) {
            arguments.extend(own);
        }
        arguments
    }
}
