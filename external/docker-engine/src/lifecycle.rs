//! Starting, stopping and restarting.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use crate::place::Place;
use crate::{EngineError, debris, folder, identity, mounts, network, older, programs};

/// Loading its storage and its network takes an engine a second or two; with a disk that is slow,
/// some more.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks at whether it is up.
const PAUSE: Duration = Duration::from_millis(20);

/// Makes sure that our engine runs. One that an older version started elsewhere is stopped first:
/// two would use one bridge.
///
/// # Errors
/// Why it cannot be started. What was said is in the order in which it happened.
pub fn start() -> Result<Vec<String>, EngineError> {
    let place = Place::ours();
    let _held = folder::hold(&place)?;
    start_held(&place)
}

/// Stops our engine, and takes back what it has changed in the network. Images stay.
///
/// # Errors
/// Why it cannot be stopped.
pub fn stop() -> Result<Vec<String>, EngineError> {
    let place = Place::ours();
    let _held = folder::hold(&place)?;
    let mut remarks = stop_older()?;
    end(&place)?;
    debris::clear(&place)?;
    remarks.extend(network::give_back(&place)?);
    Ok(remarks)
}

/// Starts our engine anew, in half a second and not three where it has no containers: it has
/// nothing to put in order then, and its records survive a kill.
///
/// # Errors
/// Why it cannot be stopped or started.
pub fn restart() -> Result<Vec<String>, EngineError> {
    let place = Place::ours();
    let _held = folder::hold(&place)?;
    if identity::shims(&place).is_empty() {
        if let Some(engine) = identity::engine(&place) {
            engine.kill();
        }
    } else {
        end(&place)?;
    }
    start_held(&place)
}

/// The process of our engine, if it runs.
///
/// # Errors
/// This process is not root's, and cannot know.
pub fn running() -> Result<Option<u32>, EngineError> {
    if !rustix::process::geteuid().is_root() {
        return Err(EngineError::NotRoot);
    }
    Ok(identity::engine(&Place::ours()).map(|engine| engine.pid))
}

fn start_held(place: &Place) -> Result<Vec<String>, EngineError> {
    if identity::engine(place).is_some() {
        return Ok(Vec::new());
    }
    let engine = programs::find("dockerd")?;
    let remarks = stop_older()?;
    // What a killed engine left: its socket would look like a living one, its number like ours.
    debris::clear(place)?;
    for left in [
        place.socket(),
        place.pid_file(),
        place.containerd_pid_file(),
    ] {
        remove_file(&left)?;
    }
    network::remember_before(place)?;
    launch(place, &engine)?;
    wait_until_up(place)?;
    network::remember_added(place)?;
    Ok(remarks)
}

fn remove_file(file: &Path) -> Result<(), EngineError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(EngineError::system(
            format!("remove {}", file.display()),
        )(error)),
        _ => Ok(()),
    }
}

/// Stops engines that an older version has started, in its own way as far as processes and mounts
/// go. What they have changed in the network was not saved then, and is left.
fn stop_older() -> Result<Vec<String>, EngineError> {
    let mut remarks = Vec::new();
    for (engine, place) in older::find() {
        engine.signal(Signal::TERM);
        if !engine.ends_within(PATIENCE) {
            engine.kill();
        }
        debris::clear(&place)?;
        let folder = place.folder().display();
        remarks.push(format!(
            "the engine that an older coldphase had started in {folder} was stopped; nothing uses \
                its images any more (rm -r {folder} removes them), and its rules of the firewall \
                stay until the machine is started anew"
        ));
    }
    Ok(remarks)
}

/// In a session of its own, so that no Ctrl-C reaches it; with no descriptor of ours, so that nobody
/// waits for its end.
fn launch(place: &Place, engine: &Path) -> Result<(), EngineError> {
    let log = open_log(place)?;
    let again = log
        .try_clone()
        .map_err(EngineError::system("open the engine's log"))?;
    let mut command = programs::command("setsid")?;
    command
        .arg("--fork")
        .arg(engine)
        .args(place.arguments())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(again);
    let status = command
        .status()
        .map_err(EngineError::system("run setsid"))?;
    if status.success() {
        Ok(())
    } else {
        Err(did_not_start(place, "could not be launched"))
    }
}

fn open_log(place: &Place) -> Result<File, EngineError> {
    let log = place.log();
    remove_file(&log)?;
    let mut options = OpenOptions::new();
    options.create_new(true).append(true).mode(0o600);
    options
        .open(&log)
        .map_err(EngineError::system(format!("write {}", log.display())))
}

fn wait_until_up(place: &Place) -> Result<(), EngineError> {
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        let printed = fs::read_to_string(place.log()).unwrap_or_default();
        let listens =
            fs::symlink_metadata(place.socket()).is_ok_and(|found| found.file_type().is_socket());
        if listens && printed.contains("API listen on") {
            return Ok(());
        }
        if ["failed to start daemon", "level=fatal", "failed to execute"]
            .iter()
            .any(|sign| printed.contains(sign))
        {
            return Err(did_not_start(place, "does not start"));
        }
        std::thread::sleep(PAUSE);
    }
    Err(did_not_start(place, "did not come up within a minute"))
}

fn did_not_start(place: &Place, why: &'static str) -> EngineError {
    let printed = fs::read_to_string(place.log()).unwrap_or_default();
    let lines: Vec<_> = printed.lines().collect();
    EngineError::DidNotStart {
        why,
        log: place.log(),
        tail: lines[lines.len().saturating_sub(5)..].join("\n"),
    }
}

/// Has the engine end in its own time, with its containers.
fn end(place: &Place) -> Result<(), EngineError> {
    let Some(engine) = identity::engine(place) else {
        return Ok(());
    };
    engine.signal(Signal::TERM);
    if engine.ends_within(PATIENCE) {
        return mounts::remove(place);
    }
    engine.kill();
    Err(EngineError::DidNotEnd(engine.pid))
}
