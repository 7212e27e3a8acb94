//! A run folder: a manifest and a ledger, apart at the first zero byte. Whatever can be read is computed
//! with and printed, and nothing of it reaches a terminal as a control character.
#![no_main]

use findings::input::Run;
use findings::{Findings, Options};
use libfuzzer_sys::fuzz_target;
use summary::{Style, View};

const VIEWS: [View; 4] = [View::Suite, View::EnginePairs, View::Duel, View::ColdStart];

fuzz_target!(|bytes: &[u8]| {
    let middle = bytes.iter().position(|&byte| byte == 0);
    let (manifest, ledger) = middle.map_or((&[][..], bytes), |at| (&bytes[..at], &bytes[at + 1..]));
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let run = folder.path().join("20261123T074200Z-3f9a");
    std::fs::create_dir(&run).unwrap();
    std::fs::write(run.join("manifest.json"), manifest).unwrap();
    std::fs::write(run.join("samples.jsonl"), ledger).unwrap();
    let Ok(run) = Run::read(&run) else { return };
    let findings = Findings::from_run(&run, Options::default());
    for view in VIEWS {
        let style = Style {
            width: 120,
            colour: false,
        };
        let shown = summary::render(&findings, view, style);
        assert!(
            shown
                .chars()
                .all(|it| it == '\n' || results::text::is_printable(it)),
            "{shown:?}"
        );
    }
});
