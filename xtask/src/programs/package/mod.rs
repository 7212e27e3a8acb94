//! One archive with everything that coldphase needs on a machine without Rust.
//!
//! | module | holds |
//! |---|---|
//! | [`build`] | the programs, built for Debian 12's C library, and the check that they are |
//! | [`third_party`] | licences of what is in them |
//! | [`tree`] | the files of a package, and the archive of them |

mod build;
mod third_party;
mod tree;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use coldphase::{NAME, PACKAGE_FILE, PROGRAMS};
use host::engine::wasmtime::VERSION as WASMTIME;
use results::digest::sha256_file;
use results::installation::{FOR_READERS, GUESTS, SCRIPTS};

use self::tree::{Mode, Tree};
use super::manuals;

/// The kind of machine that a package is for, in its name.
const PLATFORM: &str = "x86_64-linux";

/// The page that a package opens with.
const README: &str = include_str!("README.md");

/// What is packed.
#[derive(Debug, Args)]
pub(crate) struct Package {
    /// The folder to write the archive to [default: packages in the target folder]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The profile that the programs are built with: that of `cargo run` is an optimised one, with
    /// which all published figures were measured
    #[arg(long, value_name = "NAME", default_value = "dev")]
    profile: String,
    /// A folder with Debian 12's C library, to link against [default: what `./setup package` has
    /// unpacked, if it has]
    #[arg(long, value_name = "FOLDER")]
    libc: Option<PathBuf>,
    /// Leave out the program that embeds WasmEdge, also where its library is installed
    #[arg(long)]
    without_wasmedge: bool,
}

/// Makes the archive, and says what is in it.
///
/// # Errors
/// What could not be built or read, or that a program needs a newer C library than Debian 12's.
pub(crate) fn run(arguments: &Package, workspace: &Path, target: &Path) -> Result<String, String> {
    if std::env::consts::ARCH != "x86_64" {
        return Err(format!(
            "packages are made for {PLATFORM}, on a machine of that kind"
        ));
    }
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("{NAME}-{version}-{PLATFORM}");
    let out = match &arguments.out {
        Some(folder) => folder.clone(),
        None => target.join("packages"),
    };
    std::fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let libc = arguments.libc.clone().or_else(build::unpacked_libc);
    let plan = build::Plan {
        workspace,
        target,
        profile: &arguments.profile,
        libc: libc.as_deref(),
        wasmedge: !arguments.without_wasmedge,
    };
    let source = Source::of(workspace);
    let mut tree = Tree::default();
    let built = build::all(&plan)?;
    for program in &built {
        tree.file(&program.place(), &program.path, Mode::Program)?;
    }
    let with_wasmedge = built.iter().any(|it| it.name == build::WASMEDGE);
    tree.text(
        &format!("{PROGRAMS}/{PACKAGE_FILE}"),
        source.package_file(version),
    );
    tree.file(
        &format!("{PROGRAMS}/setup"),
        &workspace.join("setup"),
        Mode::Program,
    )?;
    let needed = [
        ("workloads/artifacts", GUESTS),
        ("workloads/javascript", SCRIPTS),
    ];
    for (from, folder) in needed.into_iter().chain(FOR_READERS) {
        tree.folder(folder, &workspace.join(from))?;
    }
    let documents = "share/doc/coldphase";
    tree.text("README.md", README.to_owned());
    for name in ["LICENSE", "CHANGELOG.md", "SECURITY.md"] {
        tree.file(
            &format!("{documents}/{name}"),
            &workspace.join(name),
            Mode::Data,
        )?;
    }
    let crates = third_party::collect(workspace, with_wasmedge, &mut tree, documents)?;
    for (place, text) in manuals::front_door()? {
        tree.text(&place, text);
    }
    let archive = out.join(format!("{name}.tar.gz"));
    let files = tree.write(&archive, &name, source.epoch)?;
    let bytes = std::fs::metadata(&archive).map_or(0, |it| it.len());
    let digest = sha256_file(&archive).map_err(|error| error.to_string())?;
    let linked = match &libc {
        Some(folder) => format!("linked against the C library in {}", folder.display()),
        None => "linked against this machine's C library".to_owned(),
    };
    let wasmedge = if with_wasmedge { "with" } else { "without" };
    Ok(format!(
        "{}\n{files} files, {:.1} MB, SHA-256 {digest}\n{} programs, {linked}; {wasmedge} the \
         program that embeds WasmEdge; {crates} third-party crates",
        archive.display(),
        bytes as f64 / 1e6,
        built.len(),
    ))
}

/// What the package was made of.
#[derive(Debug, Default)]
struct Source {
    commit: Option<String>,
    dirty: Option<bool>,
    /// The time of all files: the commit's, so that the same commit gives the same archive.
    epoch: u64,
}

impl Source {
    fn of(workspace: &Path) -> Self {
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.arg("-C").arg(workspace).args(arguments);
            let output = git.stderr(Stdio::null()).output().ok()?;
            let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            output.status.success().then_some(text)
        };
        let told = std::env::var("SOURCE_DATE_EPOCH").ok();
        let committed = git(&["log", "-1", "--format=%ct"]);
        let epoch = told.or(committed).and_then(|epoch| epoch.parse().ok());
        Self {
            commit: git(&["rev-parse", "HEAD"]),
            dirty: git(&["status", "--porcelain"]).map(|changes| !changes.is_empty()),
            epoch: epoch.unwrap_or_default(),
        }
    }

    /// What a package says of itself: programs read where they are and what they were built from,
    /// `setup` which version of Wasmtime's command line is compared with the embedded engine.
    fn package_file(&self, version: &str) -> String {
        let dirty = self.dirty.map_or_else(String::new, |it| it.to_string());
        format!(
            "name = \"{NAME}\"\nversion = \"{version}\"\nplatform = \"{PLATFORM}\"\ncommit = \"{}\"\n\
             dirty = \"{dirty}\"\nwasmtime = \"{WASMTIME}\"\n",
            self.commit.as_deref().unwrap_or_default(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_says_what_it_was_made_of_and_which_wasmtime_setup_installs() {
        let source = Source {
            commit: Some("abc".to_owned()),
            dirty: Some(false),
            epoch: 0,
        };
        let text = source.package_file("0.1.0");
        let end = format!("commit = \"abc\"\ndirty = \"false\"\nwasmtime = \"{WASMTIME}\"\n");
        assert!(text.ends_with(&end), "{text}");
    }
}
