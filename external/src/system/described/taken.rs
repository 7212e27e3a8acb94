//! What a system is given to run: which of coldphase's own, and in which form.

use std::path::PathBuf;

use results::manifest::SystemKind;
use results::values::Lifecycle;
use workloads::{Dialect, Script, Serving, Sha256, Workload};

use super::super::native::{self, Build};
use super::super::{BuildRequest, ONE_INSTANCE, REUSED_INSTANCE, Takes, copy_guest, listens};
use crate::document::{Fields, Node, Wrong};

/// The forms that there are.
const FORMS: &[&str] = &[
    "module",
    "component",
    "sockets-module",
    "program",
    "built-program",
    "static-program",
    "soft-sha-program",
    "javascript",
    "fetch-handler",
    "plain-sha-javascript",
    "plain-sha-fetch-handler",
];

/// What a system is given to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Workloads as machine code.
    Program(Build),
    /// Guests.
    Guests {
        /// Core modules that run to their end.
        commands: bool,
        /// Services, in this form.
        services: Option<Dialect>,
    },
    /// JavaScript.
    Scripts(Serving, Sha256),
}

/// What was copied for a start.
pub(super) struct Copied {
    /// The module, component, program or script.
    pub(super) artifact: PathBuf,
    /// Other files that belong to it.
    pub(super) others: Vec<PathBuf>,
    /// One digest of all of it.
    pub(super) sha256: String,
}

impl Taken {
    /// What a description says under `takes`.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Wrong> {
        let Some(node) = fields.get("takes") else {
            let what = format!("what it runs, one or two of {}", FORMS.join(", "));
            return Err(fields.lacks("takes", &what));
        };
        let forms = forms(&node)?;
        let alone = forms.iter().find_map(|form| Self::alone(form));
        match (alone, forms.as_slice()) {
            (Some(taken), [_]) => Ok(taken),
            (Some(taken), _) => Err(node.wrong(taken.stands_alone())),
            (None, _) => guests(&node, &forms),
        }
    }

    /// What a form is that is taken with no other.
    fn alone(form: &str) -> Option<Self> {
        Some(match form {
            "program" => Self::Program(Build::Usual),
            "built-program" => Self::Program(Build::BuiltHere),
            "static-program" => Self::Program(Build::Static),
            "soft-sha-program" => Self::Program(Build::SoftSha),
            "javascript" => Self::Scripts(Serving::Itself, Sha256::OfRuntime),
            "fetch-handler" => Self::Scripts(Serving::Called, Sha256::OfRuntime),
            "plain-sha-javascript" => Self::Scripts(Serving::Itself, Sha256::Plain),
            "plain-sha-fetch-handler" => Self::Scripts(Serving::Called, Sha256::Plain),
            _ => return None,
        })
    }

    const fn stands_alone(self) -> &'static str {
        match self {
            Self::Program(_) => {
                "a system that takes programs of machine code takes one build of them, and nothing \
                    else: describe another system for the rest"
            }
            Self::Guests { .. } | Self::Scripts(..) => {
                "a system that takes JavaScript takes it in one form, and nothing else: describe \
                    another system for the rest"
            }
        }
    }

    /// What a system is that runs it, unless its description says something else.
    pub(super) const fn kind(self) -> SystemKind {
        match self {
            Self::Program(_) => SystemKind::Native,
            Self::Guests { .. } => SystemKind::Wasm,
            Self::Scripts(..) => SystemKind::Isolate,
        }
    }

    /// How many requests an instance handles, unless the description says something else.
    pub(super) const fn lifecycle(self) -> Lifecycle {
        match self {
            Self::Guests {
                services: Some(Dialect::WasiHttp),
                ..
            } => Lifecycle::PerRequest,
            _ => Lifecycle::Reused,
        }
    }

    /// By what means a service keeps its state whose instance outlives a request.
    pub(super) const fn keeps_state(self) -> &'static str {
        match self {
            Self::Program(_) => "memory of the process",
            Self::Guests {
                services: Some(Dialect::WasiHttp),
                ..
            } => REUSED_INSTANCE,
            Self::Guests { .. } => ONE_INSTANCE,
            Self::Scripts(..) => "memory of one isolate, which takes all requests",
        }
    }

    /// Whether it has services in its form, or else commands.
    pub(super) const fn has_kind(self, service: bool) -> bool {
        match self {
            Self::Program(_) => true,
            Self::Guests { services, .. } if service => services.is_some(),
            Self::Guests { commands, .. } => commands,
            Self::Scripts(serving, _) => service || matches!(serving, Serving::Itself),
        }
    }

    /// Whether it has a workload in its form.
    pub(super) fn has(self, workload: Workload) -> bool {
        let computes = matches!(workload, Workload::CpuHash | Workload::HttpCpu);
        let is_plain = matches!(self, Self::Scripts(_, Sha256::Plain));
        self.has_kind(listens(workload)) && (computes || !is_plain)
    }

    /// What of a person's own it can be given.
    pub(super) fn takes(self) -> Option<Takes> {
        match self {
            Self::Program(Build::Usual) => Some(Takes::Program),
            Self::Guests { services, .. } => {
                Some(Takes::Guest(services.unwrap_or(Dialect::WasiHttp)))
            }
            // How a person's own is built, or what it imports, is not for a name to say.
            Self::Program(_) | Self::Scripts(..) => None,
        }
    }

    /// The script of a workload, if that is what it is.
    pub(super) const fn script(self, workload: Workload) -> Option<Script> {
        match self {
            Self::Scripts(serving, sha256) => Script::of(workload, serving, sha256),
            _ => None,
        }
    }

    /// What stands for it in documents; `guest` is what stands for a guest.
    pub(super) fn documented(self, workload: Workload, guest: &str) -> String {
        let script = self.script(workload).and_then(|it| it.modules().next());
        match (self, script) {
            (Self::Program(_), _) => native::program_of(workload).to_owned(),
            (_, Some((entry, _))) => entry.to_owned(),
            _ => guest.to_owned(),
        }
    }

    /// Copies it into the folder of what is prepared.
    pub(super) fn copy(self, build: &BuildRequest<'_>) -> Result<Copied, String> {
        let (artifact, sha256) = match self {
            Self::Program(package) => native::copy(package, build)?,
            Self::Guests { services, .. } => {
                copy_guest(build, services.unwrap_or(Dialect::WasiHttp))?
            }
            Self::Scripts(..) => {
                let script = self.script(build.workload);
                let script = script.ok_or("there is no JavaScript of a person's own workload")?;
                let copied = script.copy_to(build.folder);
                let (mut files, sha256) = copied.map_err(|error| error.to_string())?;
                return Ok(Copied {
                    artifact: files.remove(0),
                    others: files,
                    sha256,
                });
            }
        };
        Ok(Copied {
            artifact,
            others: Vec::new(),
            sha256,
        })
    }
}

/// The forms that are named, each once.
fn forms<'a>(node: &Node<'a>) -> Result<Vec<&'a str>, Wrong> {
    let mut forms: Vec<&str> = Vec::new();
    for node in node.list()? {
        let form = node.text()?;
        if !FORMS.contains(&form) {
            return Err(node.none_of(form, "form of a workload", FORMS));
        }
        if forms.contains(&form) {
            return Err(node.wrong(format!("`{form}` stands here twice")));
        }
        forms.push(form);
    }
    Ok(forms)
}

fn guests(node: &Node<'_>, forms: &[&str]) -> Result<Taken, Wrong> {
    let services = match (
        forms.contains(&"component"),
        forms.contains(&"sockets-module"),
    ) {
        (true, true) => {
            let what =
                "`component` and `sockets-module` are the same services in two forms: take one";
            return Err(node.wrong(what));
        }
        (true, false) => Some(Dialect::WasiHttp),
        (false, true) => Some(Dialect::WasmEdgeSockets),
        (false, false) => None,
    };
    Ok(Taken::Guests {
        commands: forms.contains(&"module"),
        services,
    })
}
