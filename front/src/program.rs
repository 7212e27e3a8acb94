//! Where the programs are that the front door leads to.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use coldphase::{NAME, PACKAGE_FILE, PROGRAMS, Program};

/// Where this front door stands.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// In a package: the folder of its programs.
    Package(PathBuf),
    /// In a build of a checkout, called by cargo: the checkout's root, and the folder of this program.
    Cargo { root: PathBuf, built: PathBuf },
    /// In a build of a checkout, called by itself.
    Built { root: PathBuf, built: PathBuf },
}

/// Becomes the program, under the name of the front door: what it says of itself is then what was
/// typed. Returns only if that cannot be done: what to say.
pub(crate) fn become_it(program: Program, words: &[OsString]) -> String {
    match prepare(program) {
        Ok(path) => {
            // The script is called by its own name, and knows no command `setup`.
            let words = if program == Program::Setup {
                &words[1..]
            } else {
                words
            };
            let error = Command::new(&path).arg0(NAME).args(words).exec();
            let hint = match program {
                // What is not there then is not the script.
                Program::Setup if error.kind() == ErrorKind::NotFound => BASH,
                _ => REINSTALL,
            };
            explain(&format!("cannot run {}: {error}", path.display()), &hint)
        }
        Err(text) => text,
    }
}

const BASH: &str = "it is a script for bash, which is not here: install that first";

const REINSTALL: &str = "unpack the package again, whole: its folders belong together";

/// The program's file, built first if cargo runs this.
fn prepare(program: Program) -> Result<PathBuf, String> {
    let this = env::current_exe().map_err(|error| {
        explain(
            &format!("cannot find this program: {error}"),
            &"is /proc there?",
        )
    })?;
    let place = Place::find(&this, env::var_os("CARGO_MANIFEST_DIR").as_deref());
    let path = place.program(program);
    if let (Place::Cargo { root, built }, false) = (&place, program == Program::Setup) {
        build(program, root, built)?;
    }
    if path.is_file() {
        return Ok(path);
    }
    let hint = match &place {
        Place::Package(_) => REINSTALL.to_owned(),
        Place::Cargo { .. } | Place::Built { .. } => {
            format!(
                "`cargo build -p {}` builds it, and `cargo run -- …` does so by itself",
                program.name()
            )
        }
    };
    Err(explain(&format!("{} is not there", path.display()), &hint))
}

fn explain(message: &str, hint: &impl fmt::Display) -> String {
    format!("error: {message}\n  hint: {hint}")
}

impl Place {
    /// Where the program `this` stands, if cargo says that it runs a package in `running`.
    fn find(this: &Path, running: Option<&OsStr>) -> Self {
        let folder = this.parent().unwrap_or(Path::new("/"));
        let installed = folder.parent().map(|above| above.join(PROGRAMS));
        if let Some(programs) = installed.filter(|it| it.join(PACKAGE_FILE).is_file()) {
            return Self::Package(programs);
        }
        // What cargo says now counts before what was true when this was built: checkouts may share a
        // folder of builds.
        let own = running.map_or(Path::new(env!("CARGO_MANIFEST_DIR")), Path::new);
        let root = own.parent().unwrap_or(own).to_owned();
        let built = folder.to_owned();
        let by_cargo = env::var_os("CARGO").is_some() && running.is_some();
        if by_cargo {
            Self::Cargo { root, built }
        } else {
            Self::Built { root, built }
        }
    }

    fn program(&self, program: Program) -> PathBuf {
        match (self, program) {
            (Self::Package(folder), _) => folder.join(program.name()),
            (Self::Cargo { root, .. } | Self::Built { root, .. }, Program::Setup) => {
                root.join(program.name())
            }
            (Self::Cargo { built, .. } | Self::Built { built, .. }, _) => {
                built.join(program.name())
            }
        }
    }
}

/// Has cargo build a program as it has built this one. It says itself what it does: the first time
/// takes minutes.
fn build(program: Program, root: &Path, built: &Path) -> Result<(), String> {
    let cannot = |what: &str| explain(what, &"cargo says why above");
    let (Some(target), Some(profile)) = (built.parent(), built.file_name()) else {
        return Err(cannot("this program lies in no folder of a build"));
    };
    // The folder of cargo's `dev` profile has a name of its own.
    let profile = if profile == "debug" {
        OsStr::new("dev")
    } else {
        profile
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "build",
            "--locked",
            "--package",
            program.name(),
            "--bin",
            program.name(),
        ])
        .arg("--target-dir")
        .arg(target)
        .arg("--profile")
        .arg(profile)
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| explain(&format!("cannot start cargo: {error}"), &"is it on PATH?"))?;
    if status.success() {
        Ok(())
    } else {
        Err(cannot(&format!(
            "`cargo build -p {}` failed",
            program.name()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_recognised_by_its_file_whatever_cargo_says() {
        let folder = env::temp_dir().join(format!("coldphase-front-{}", std::process::id()));
        let programs = folder.join(PROGRAMS);
        std::fs::create_dir_all(&programs).unwrap();
        let this = folder.join("bin/coldphase");
        let checkout = Path::new("/checkout/front");
        let without = Place::find(&this, Some(checkout.as_os_str()));
        std::fs::write(programs.join(PACKAGE_FILE), "").unwrap();
        let with = Place::find(&this, Some(checkout.as_os_str()));
        std::fs::remove_dir_all(&folder).unwrap();
        let (Place::Cargo { root, built } | Place::Built { root, built }) = without else {
            panic!("a folder without the file is no package");
        };
        assert_eq!((root, built), ("/checkout".into(), folder.join("bin")));
        assert_eq!(with, Place::Package(programs.clone()));
        assert_eq!(with.program(Program::Setup), programs.join("setup"));
    }
}
