//! The programs of a package. What they need of the C library must not be newer than Debian 12's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use coldphase::PROGRAMS;

/// The newest version of the C library that a program may need: Debian 12's.
const NEWEST: (u32, u32) = (2, 36);

/// The program that is left out where its library is not installed.
pub(super) const WASMEDGE: &str = "host-wasmedge";

/// Where its build finds the library's header.
const WASMEDGE_HEADER: &str = "/usr/include/wasmedge/wasmedge.h";

/// Where and how programs are built.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) workspace: &'a Path,
    /// The folder of builds.
    pub(super) target: &'a Path,
    pub(super) profile: &'a str,
    /// A folder with the C library to link against.
    pub(super) libc: Option<&'a Path>,
    /// Whether WasmEdge's program is built too, where its library is installed.
    pub(super) wasmedge: bool,
}

/// A program that was built.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) name: &'static str,
    /// The folder that keeps builds with flags of their own apart, or nothing.
    variant: &'static str,
    pub(super) path: PathBuf,
}

impl Built {
    /// Its place in the package. The front door is the one that people call.
    pub(super) fn place(&self) -> String {
        match (self.name, self.variant) {
            (coldphase::NAME, _) => format!("bin/{}", self.name),
            (name, "") => format!("{PROGRAMS}/{name}"),
            (name, variant) => format!("{PROGRAMS}/{variant}/{name}"),
        }
    }
}

/// Programs of one package that are built alike.
#[derive(Debug, Clone, Copy)]
struct Group {
    package: &'static str,
    programs: &'static [&'static str],
    /// Arguments for cargo.
    arguments: &'static [&'static str],
    /// As in `campaign::sibling`: the folder of builds with these flags, the flags, the target.
    flags: Option<(&'static str, &'static str, Option<&'static str>)>,
    /// Whether they must run with Debian 12's C library.
    bound: bool,
}

const fn group(package: &'static str, programs: &'static [&'static str]) -> Group {
    Group {
        package,
        programs,
        arguments: &[],
        flags: None,
        bound: true,
    }
}

/// How programs are built that hold the C library themselves.
const STATIC: Option<(&str, &str, Option<&str>)> = Some((
    "static",
    "-C target-feature=+crt-static",
    Some("x86_64-unknown-linux-gnu"),
));

const NATIVE: [&str; 3] = ["native-hello", "native-cpu-hash", "native-http"];

/// What people run, what these launch, and what is measured with them. The variants of the native
/// programs are those of `external`.
const GROUPS: [Group; 10] = [
    group("coldphase", &["coldphase"]),
    group("host", &["host", "host-control"]),
    group("external", &["external"]),
    group("analysis", &["analysis"]),
    group("docker-engine", &["docker-engine"]),
    group("bare-monitor", &["bare-monitor"]),
    group("native", &NATIVE),
    Group {
        flags: Some(("soft-sha", "--cfg sha2_backend=\"soft\"", None)),
        ..group("native", &NATIVE)
    },
    Group {
        flags: STATIC,
        // They hold the C library themselves.
        bound: false,
        ..group("native", &NATIVE)
    },
    Group {
        flags: STATIC,
        bound: false,
        ..group("linux-guest", &["linux-init"])
    },
];

/// The library that it is linked with needs a newer C library itself.
const WITH_WASMEDGE: Group = Group {
    arguments: &["--features", "wasmedge"],
    bound: false,
    ..group(WASMEDGE, &[WASMEDGE])
};

/// What `./setup package` has unpacked.
pub(super) fn unpacked_libc() -> Option<PathBuf> {
    let home = |rest: &str| Some(PathBuf::from(std::env::var_os("HOME")?).join(rest));
    let data = std::env::var_os("XDG_DATA_HOME").filter(|path| !path.is_empty());
    let own = data.map(PathBuf::from).or_else(|| home(".local/share"));
    let roots = PathBuf::from("/var/lib/coldphase");
    let places = [Some(roots), own.map(|own| own.join("coldphase"))];
    let folders = places.into_iter().flatten().map(|it| it.join("debian-12"));
    let mut folders = folders.filter(|it| it.join("usr/lib/x86_64-linux-gnu/libc.so").is_file());
    folders.next()
}

/// Builds everything, and checks what it needs.
///
/// # Errors
/// What cargo says, or which program needs too new a C library.
pub(super) fn all(plan: &Plan<'_>) -> Result<Vec<Built>, String> {
    let mut groups = GROUPS.to_vec();
    if plan.wasmedge && Path::new(WASMEDGE_HEADER).is_file() {
        groups.push(WITH_WASMEDGE);
    }
    let mut built = Vec::new();
    for group in &groups {
        for &name in group.programs {
            let path = build(plan, group, name)?;
            if group.bound {
                check(name, &path, plan.libc.is_some())?;
            }
            let variant = group.flags.map_or("", |(variant, ..)| variant);
            built.push(Built {
                name,
                variant,
                path,
            });
        }
    }
    Ok(built)
}

/// Builds one program. Only the last step differs from what `cargo run` builds: the crates that it is
/// linked of are shared.
fn build(plan: &Plan<'_>, group: &Group, name: &str) -> Result<PathBuf, String> {
    let variant = group.flags.map_or("", |(variant, ..)| variant);
    let target = plan.target.join(variant);
    let triple = group.flags.and_then(|(.., triple)| triple);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command
        .args(["rustc", "--locked", "--quiet", "--package", group.package])
        .args(["--bin", name, "--profile", plan.profile])
        .args(group.arguments)
        .args(triple.iter().flat_map(|triple| ["--target", triple]))
        .arg("--target-dir")
        .arg(&target);
    if let Some((_, flags, _)) = group.flags {
        command.env("RUSTFLAGS", flags);
    }
    if let Some(libc) = plan.libc.filter(|_| group.bound) {
        command.arg("--");
        // A compiler's driver searches its own folders first, whatever root it is given.
        for (option, folder) in [
            ("-L", libc.join("usr/lib/x86_64-linux-gnu")),
            ("-L", libc.join("lib/x86_64-linux-gnu")),
            ("--sysroot=", libc.to_owned()),
        ] {
            let mut argument = OsString::from("link-arg=");
            argument.push(option);
            argument.push(folder);
            command.arg("-C").arg(argument);
        }
    }
    let status = command
        .current_dir(plan.workspace)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !status.success() {
        return Err(format!(
            "{name} of {} was not built; cargo says why above",
            group.package
        ));
    }
    let profile = if plan.profile == "dev" {
        "debug"
    } else {
        plan.profile
    };
    Ok(target
        .join(triple.unwrap_or_default())
        .join(profile)
        .join(name))
}

/// Checks which version of the C library a program needs.
fn check(name: &str, path: &Path, linked_elsewhere: bool) -> Result<(), String> {
    let output = Command::new("readelf")
        .args(["--version-info", "--wide"])
        .arg(path)
        .env("LC_ALL", "C")
        .output()
        .map_err(|error| format!("cannot run readelf, which comes with the linker: {error}"))?;
    let needs = newest_needed(&String::from_utf8_lossy(&output.stdout));
    match needs {
        Some(needs) if needs > NEWEST => {
            let remedy = if linked_elsewhere {
                "some of its crates were compiled for a newer one: C code with this machine's headers"
            } else {
                "`./setup package` unpacks Debian 12's, to link against"
            };
            Err(format!(
                "{name} needs version {}.{} of the C library, and Debian 12 has {}.{}; {remedy}",
                needs.0, needs.1, NEWEST.0, NEWEST.1
            ))
        }
        Some(_) => Ok(()),
        None => Err(format!(
            "{} says of no version of the C library",
            path.display()
        )),
    }
}

/// The newest version of the C library in what `readelf` prints of versions that are needed. What is
/// needed weakly may be missing.
fn newest_needed(text: &str) -> Option<(u32, u32)> {
    let needed = text.lines().filter(|line| !line.contains("WEAK"));
    let names = needed.filter_map(|line| line.split("Name: GLIBC_").nth(1));
    let versions = names.filter_map(|rest| {
        let version = rest.split_whitespace().next()?;
        let mut numbers = version.split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    versions.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts_as_a_number_and_what_is_weak_does_not() {
        let text = "  000000: Version: 1  File: libc.so.6  Cnt: 4\n\
              0x0010:   Name: GLIBC_2.9  Flags: none  Version: 5\n\
              0x0020:   Name: GLIBC_2.34  Flags: none  Version: 4\n\
              0x0030:   Name: GLIBC_2.39  Flags: WEAK  Version: 3\n\
              0x0040:   Name: GCC_3.0  Flags: none  Version: 2\n";
        assert_eq!(newest_needed(text), Some((2, 34)));
        assert_eq!(newest_needed(""), None);
    }
}
