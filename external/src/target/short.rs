//! A workload in flags: the short form of a description, for one that is measured once.

use std::path::{Path, PathBuf};

use campaign::call::{CallArguments, CallRecord};
use campaign::{Error, Exit};
use clap::Args;
use toml::{Table, Value};

use super::Described;

/// What the description is called where something is wrong with it.
pub(super) const NAME: &str = "the command line, as a description";

/// A person's own workloads on a command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Your own workload")]
pub struct TargetArguments {
    /// Measure the workloads that this TOML file describes, in place of those of the profile
    /// (repeatable)
    #[arg(long, value_name = "FILE.toml", value_parser = campaign::argument::path())]
    target: Vec<PathBuf>,
    /// Measure this component of WebAssembly
    #[arg(long, value_name = "FILE", value_parser = campaign::argument::path())]
    component: Option<PathBuf>,
    /// Measure this core module: a command, or a service that listens on WasmEdge's sockets
    #[arg(long, value_name = "FILE", value_parser = campaign::argument::path())]
    module: Option<PathBuf>,
    /// Measure this program, such as './app --listen {address}'; alone, it is given the address
    #[arg(long, value_name = "COMMAND")]
    native: Option<String>,
    /// Measure this image: its name in the engine, or a file made by `docker save`
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// What it is called in the results [default: by its file]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// It is a command that runs to its end, and no service
    #[arg(long, conflicts_with_all = ["request", "header", "body", "body_file"])]
    run_to_end: bool,
    /// Argument of a command, or in place of an image's command (repeatable)
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    arg: Vec<String>,
    /// Environment variable (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// What it is asked, such as 'POST /orders' [default: GET /]
    #[arg(long, value_name = "REQUEST")]
    request: Option<String>,
    #[command(flatten)]
    call: CallArguments,
}

impl TargetArguments {
    /// All of them by their names: a run that goes on has what they said.
    pub const NAMES: [&'static str; 14] = [
        "target",
        "component",
        "module",
        "native",
        "image",
        "name",
        "run_to_end",
        "arg",
        "env",
        "request",
        "header",
        "body",
        "body_file",
        "expect",
    ];

    /// The descriptions: those in files, and that of the flags if they describe one.
    ///
    /// # Errors
    /// The flags describe none, and say something of it; or they cannot be recorded.
    pub(crate) fn described(&self) -> Result<Vec<Described>, Error> {
        let files = self.target.iter();
        let files = files.map(|path| Described::of_file(path));
        let mut all: Vec<_> = files.collect::<Result<_, _>>()?;
        if self.has_artifact() {
            all.push(self.described_by_flags()?);
        } else if self.says_anything() {
            return Err(Error::new(
                Exit::Usage,
                "what a workload is asked goes with what it is, and nothing of that is given",
            )
            .hint(
                "--component, --module, --native and --image name it; a --target has all in it",
            ));
        }
        Ok(all)
    }

    fn has_artifact(&self) -> bool {
        let files = self.component.is_some() || self.module.is_some();
        files || self.native.is_some() || self.image.is_some()
    }

    fn says_anything(&self) -> bool {
        let words = !self.arg.is_empty() || !self.env.is_empty();
        let named = self.name.is_some() || self.request.is_some();
        words || named || self.run_to_end || self.call.says_anything()
    }

    fn described_by_flags(&self) -> Result<Described, Error> {
        let mut workload = Table::new();
        let mut put = |key: &str, value: Value| _ = workload.insert(key.to_owned(), value);
        if self.run_to_end {
            put("kind", "command".into());
        } else {
            put("request", self.request_table()?.into());
        }
        if !self.call.expect.is_empty() {
            put("expect", list(&self.call.expect));
        }
        if let Some(path) = &self.component {
            put("component", absolute(path)?.into());
        }
        if let Some(path) = &self.module {
            put("module", absolute(path)?.into());
        }
        if let Some(native) = &self.native {
            put("native", list(&self.native_command(native)?));
        }
        if let Some(image) = &self.image {
            put("image", image_path(image)?.into());
        }
        // A native command was given them already.
        let only_native = self.component.is_none() && self.module.is_none() && self.image.is_none();
        let was_given = self.run_to_end && only_native;
        if !(self.arg.is_empty() || was_given) {
            put("arguments", list(&self.arg));
        }
        let mut environment = Table::new();
        for variable in &self.env {
            let (name, value) = variable.split_once('=').ok_or_else(|| {
                Error::new(Exit::Usage, format!("--env `{variable}`: it has no value"))
                    .hint("`--env NAME=VALUE`")
            })?;
            environment.insert(name.to_owned(), value.into());
        }
        put("environment", environment.into());
        let name = self.name.clone().unwrap_or_else(|| self.usual_name());
        let workloads = Table::from_iter([(name, Value::from(workload))]);
        let document = Table::from_iter([("workload".to_owned(), Value::from(workloads))]);
        Ok(Described::Flags {
            text: document.to_string(),
            folder: absolute(Path::new("."))?,
        })
    }

    fn request_table(&self) -> Result<Table, Error> {
        let call = CallRecord::new(self.request.as_deref(), &self.call)?;
        let mut table = Table::new();
        let head = call.request.as_deref().unwrap_or("GET /");
        let (method, path) = head.split_once(' ').unwrap_or(("GET", head));
        table.insert("method".to_owned(), method.into());
        table.insert("path".to_owned(), path.into());
        match &call.body {
            // Absolute by now.
            Some(body) if call.body_sha256.is_some() => {
                let file = body.strip_prefix('@').unwrap_or(body);
                table.insert("body-file".to_owned(), file.into());
            }
            Some(_) => {
                let text = String::from_utf8_lossy(&call.body()).into_owned();
                table.insert("body".to_owned(), text.into());
            }
            None => {}
        }
        let mut headers: Vec<(String, Vec<Value>)> = Vec::new();
        for (name, value) in call.request()?.headers {
            match headers.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value.into()),
                None => headers.push((name, vec![value.into()])),
            }
        }
        if !headers.is_empty() {
            let each = headers.into_iter();
            let each = each.map(|(name, values)| (name, Value::Array(values)));
            let headers: Table = each.collect();
            table.insert("headers".to_owned(), headers.into());
        }
        Ok(table)
    }

    /// A program with its arguments, quoted as in a shell. Alone, a service is started with the
    /// address to listen on, as those of `external duel` are; a command with the arguments of all.
    fn native_command(&self, text: &str) -> Result<Vec<String>, Error> {
        let words = shlex::split(text).filter(|words| !words.is_empty());
        let mut words = words.ok_or_else(|| {
            Error::new(Exit::Usage, format!("--native {text:?} is no command"))
                .hint("close its quotes: --native './app --listen {address}'")
        })?;
        if words.len() > 1 {
            return Ok(words);
        }
        if self.run_to_end {
            words.extend(self.arg.iter().cloned());
        } else {
            words.push("{address}".to_owned());
        }
        Ok(words)
    }

    /// The name of the first file.
    fn usual_name(&self) -> String {
        let native = self.native.as_deref().and_then(shlex::split);
        let native = native.and_then(|words| words.into_iter().next().map(PathBuf::from));
        let files = [self.component.clone(), self.module.clone(), native];
        let image = self.image.as_deref().unwrap_or_default();
        let image = image.rsplit('/').next().unwrap_or_default();
        let image = image.split([':', '@']).next().map(PathBuf::from);
        let file = files.into_iter().flatten().chain(image).next();
        let name = file
            .as_deref()
            .and_then(Path::file_name)
            .unwrap_or_default();
        let name = results::Workload::of_file(name).replace(',', "_");
        // A build of a workload of ours is not that workload.
        if workloads::target::check_name(&name).is_ok() {
            name
        } else {
            format!("{name}-own")
        }
    }
}

fn list(texts: &[String]) -> Value {
    texts
        .iter()
        .cloned()
        .map(Value::from)
        .collect::<Vec<_>>()
        .into()
}

/// A path from anywhere, as a record keeps it.
pub(super) fn absolute(path: &Path) -> Result<String, Error> {
    let text = std::path::absolute(path).ok();
    let text = text.and_then(|path| path.to_str().map(str::to_owned));
    text.ok_or_else(|| {
        let message = format!("{} is no path that can be recorded", path.display());
        Error::new(Exit::Usage, message).hint("give the file a name in UTF-8")
    })
}

/// An image in a file, by a path that nothing else can be.
fn image_path(image: &str) -> Result<String, Error> {
    if Path::new(image).is_file() {
        absolute(Path::new(image))
    } else {
        Ok(image.to_owned())
    }
}
