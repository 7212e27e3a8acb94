#![no_main]

use findings::input::Run;
use findings::{Findings, Options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let at = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    let (manifest, ledger) = bytes.split_at(at);
    coldphase_fuzz::write("manifest.json", manifest);
    coldphase_fuzz::write("samples.jsonl", ledger.get(1..).unwrap_or_default());
    if let Ok(run) = Run::read(coldphase_fuzz::folder()) {
        let options = Options {
            objectives: vec!["cold p95 < 20ms, memory < 10MB".to_owned()],
        };
        assert!(!Findings::from_run(&run, options).to_json().is_empty());
    }
});
