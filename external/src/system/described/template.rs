//! Texts with placeholders: what a command is given that is known only when it is started.

use workloads::Workload;

use super::super::placeholders::{Placeholder, Values, fill, words};
use super::super::{call_arguments, listens};
use crate::document::{Node, Wrong};

/// A text in which every word in braces is a placeholder that may stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(String);

impl Template {
    /// Reads one, in which these may stand. Braces around anything but a lower-case word are
    /// braces.
    pub(super) fn read(node: &Node<'_>, allowed: &[Placeholder]) -> Result<Self, Wrong> {
        let text = node.text()?;
        for word in words(text) {
            let written = format!("{{{word}}}");
            if !allowed.iter().any(|it| it.written() == written) {
                if allowed.is_empty() {
                    return Err(node.wrong(format!(
                        "{written} stands for nothing here: this is run before anything is built"
                    )));
                }
                let names: Vec<_> = allowed.iter().map(|it| it.written()).collect();
                return Err(node.none_of(&written, "placeholder of this key", &names));
            }
            if written == Placeholder::Arguments.written() && written != text {
                let what = format!("{written} stands for several arguments, and alone");
                return Err(node.wrong(what));
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// A placeholder alone.
    pub(super) fn placeholder(placeholder: Placeholder) -> Self {
        Self(placeholder.written().to_owned())
    }

    pub(super) fn mentions(&self, placeholder: Placeholder) -> bool {
        placeholder.is_in(&self.0)
    }

    fn has_address(&self) -> bool {
        Placeholder::LISTEN.iter().any(|it| self.mentions(*it))
    }

    /// The text, in which addresses still have placeholders where they are not known: a start has its
    /// port when it is launched.
    pub(super) fn fill(&self, values: &Values<'_>) -> String {
        fill(&self.0, values)
    }
}

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandLine {
    pub(super) program: Template,
    arguments: Vec<Template>,
}

impl CommandLine {
    /// Reads one, in whose arguments these may stand, and in whose program those of them that are paths.
    pub(super) fn read(node: &Node<'_>, allowed: &[Placeholder]) -> Result<Self, Wrong> {
        let words = node.list()?;
        let paths = Placeholder::PATHS.iter().copied();
        let paths: Vec<_> = paths.filter(|it| allowed.contains(it)).collect();
        let program = Template::read(&words[0], &paths)?;
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
    pub(super) fn arguments(&self, values: &Values<'_>) -> Vec<String> {
        self.arguments.iter().map(|it| it.fill(values)).collect()
    }

    /// Its arguments for a start of a workload. A command listens nowhere: what would say where is
    /// left out. Its own arguments come last unless their place is marked.
    pub(super) fn arguments_for(&self, workload: Workload, values: &Values<'_>) -> Vec<String> {
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
