//! Programs that lie beside this one and are built from the same source.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use results::installation::Installation;

use crate::terminal::say;

/// How many of a failed build's last lines are told.
const LINES_TOLD: usize = 3;

/// A package whose programs are built beside this one.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// The package's name.
    pub name: &'static str,
    /// Arguments for cargo beyond the package: features.
    pub arguments: &'static [&'static str],
    /// Flags for the compiler. A build with flags of its own gets the folder `variant` of the
    /// target folder, so that it does not have everything else built again.
    pub flags: Option<Flags>,
    /// What is said before a build that is the first one.
    pub first_build: &'static str,
}

/// How a variant of a package is compiled.
#[derive(Debug, Clone, Copy)]
pub struct Flags {
    /// The folder in the target folder.
    pub variant: &'static str,
    /// What `RUSTFLAGS` is set to, if there are any.
    pub rustflags: &'static str,
    /// The target, if it must be named: flags that only concern the programs are then kept from
    /// what runs while building.
    pub target: Option<&'static str>,
}

/// The workloads as programs of machine code, built as cargo builds a program unless told otherwise.
pub const NATIVE: Package = Package {
    name: "native",
    arguments: &[],
    flags: None,
    first_build: "building the native programs: once, some seconds",
};

/// Where a package is built.
struct Place {
    /// What cargo calls the target folder.
    target: PathBuf,
    /// The folder in it in which the programs of a profile lie.
    folder: PathBuf,
    /// The name of the profile's folder.
    profile: OsString,
}

impl Package {
    /// The program `name` of the package: beside this one in an installed coldphase; in a checkout it is
    /// built first if cargo started this program.
    ///
    /// Cargo sets `CARGO` for what it runs. Building anew each time keeps all programs at the same
    /// source, and takes a fraction of a second when there is nothing to do.
    ///
    /// # Errors
    /// Why it cannot be had. [`Self::remedy`] is what mends it, unless that is what failed.
    pub fn program(&self, name: &str) -> Result<PathBuf, String> {
        if let Some(package) = Installation::here().package() {
            return self.installed(&package.programs, name);
        }
        let place = self.place()?;
        let path = place.folder.join(name);
        if std::env::var_os("CARGO").is_some() {
            self.build(&place, &path)?;
        } else if !path.exists() {
            return Err(format!(
                "{} is not there, and only `cargo run` builds it on the way",
                path.display()
            ));
        }
        Ok(path)
    }

    /// Whether the program `name` of the package has been built.
    pub fn is_built(&self, name: &str) -> bool {
        if let Some(package) = Installation::here().package() {
            return self.installed(&package.programs, name).is_ok();
        }
        self.place()
            .is_ok_and(|place| place.folder.join(name).exists())
    }

    /// Where its programs are built: with the profile that this one was built with.
    fn place(&self) -> Result<Place, String> {
        let this = std::env::current_exe()
            .map_err(|error| format!("cannot find this program: {error}"))?;
        let folder = this.parent().ok_or("this program lies in no folder")?;
        // A test's program lies one folder deeper.
        let folder = if folder.ends_with("deps") {
            folder.parent().unwrap_or(folder)
        } else {
            folder
        };
        let target = folder
            .parent()
            .ok_or("this program lies in no folder of a build")?;
        let profile = folder
            .file_name()
            .ok_or("this program lies in no folder of a build")?;
        let target = self
            .flags
            .map_or_else(|| target.to_owned(), |flags| target.join(flags.variant));
        let triple = self
            .flags
            .and_then(|flags| flags.target)
            .unwrap_or_default();
        Ok(Place {
            folder: target.join(triple).join(profile),
            profile: profile.to_owned(),
            target,
        })
    }

    /// The program as a package has it.
    fn installed(&self, programs: &Path, name: &str) -> Result<PathBuf, String> {
        let variant = self.flags.map_or("", |flags| flags.variant);
        let path = programs.join(variant).join(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(format!("{name} is no part of this package"))
    }

    /// What mends that a program of it is missing.
    pub fn remedy(&self) -> String {
        match Installation::here() {
            Installation::Checkout { .. } => format!("`{}` builds it", self.command()),
            Installation::Package(_) => "a package made where its libraries are installed has it: \
                `cargo run -p xtask -- package` in a checkout"
                .to_owned(),
        }
    }

    /// The command that builds it.
    pub fn command(&self) -> String {
        let arguments = self
            .arguments
            .iter()
            .fold(String::new(), |text, argument| text + " " + argument);
        let flags = self.flags.map_or_else(String::new, |flags| {
            let rustflags = if flags.rustflags.is_empty() {
                String::new()
            } else {
                format!("RUSTFLAGS='{}' ", flags.rustflags)
            };
            format!("{rustflags}CARGO_TARGET_DIR=target/{} ", flags.variant)
        });
        let triple = self.flags.and_then(|flags| flags.target);
        let triple = triple.map_or_else(String::new, |triple| format!(" --target {triple}"));
        format!("{flags}cargo build -p {}{triple}{arguments}", self.name)
    }

    /// Builds with the profile that this program was built with.
    fn build(&self, place: &Place, path: &Path) -> Result<(), String> {
        // The folder of cargo's `dev` profile has a name of its own.
        let profile = if place.profile == "debug" {
            OsStr::new("dev")
        } else {
            &*place.profile
        };
        if !path.exists() {
            say(self.first_build);
        }
        let cargo = std::env::var_os("CARGO").map(PathBuf::from);
        let cargo = cargo
            .or_else(|| machine::programs::find("cargo", &[]))
            .ok_or("there is no program cargo")?;
        let mut command = Command::new(cargo);
        command
            .args(["build", "--locked", "--quiet", "--package", self.name])
            .args(self.arguments);
        command
            .arg("--target-dir")
            .arg(&place.target)
            .arg("--profile")
            .arg(profile);
        command
            .current_dir(results::checkout::root())
            .stdin(Stdio::null());
        if let Some(flags) = self.flags {
            if !flags.rustflags.is_empty() {
                command.env("RUSTFLAGS", flags.rustflags);
            }
            command.args(flags.target.iter().flat_map(|triple| ["--target", triple]));
        }
        let output = command
            .output()
            .map_err(|error| format!("cannot start cargo: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = said
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let last = lines[lines.len().saturating_sub(LINES_TOLD)..].join(" | ");
        Err(format!("`{}` failed: {last}", self.command()))
    }
}
