//! Coldphase's own Docker engine, of which there is one on a machine, and which a run with cold cells restarts
//! under whatever else uses it: tests of it take turns, also those of other checkouts.

use std::fs::File;
use std::sync::OnceLock;

/// The engine runs, and no other process has its turn: this one has, until it ends.
pub(crate) fn engine() {
    static TURN: OnceLock<Option<File>> = OnceLock::new();
    TURN.get_or_init(|| {
        // Whoever may not write there starts and stops no engine.
        let turn = File::create(docker_engine::folder().join("tests")).ok()?;
        turn.lock().ok().map(|()| turn)
    });
    // A test before this one may have left it dead.
    docker_engine::start().expect("`./setup docker` installs it");
}
