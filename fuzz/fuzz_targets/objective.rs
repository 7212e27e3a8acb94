#![no_main]

use findings::input::Run;
use findings::{Findings, Options};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let run = Run::from_samples(None, &[]);
    let options = Options {
        objectives: vec![text.to_owned()],
    };
    let found = Findings::from_run(&run, options).to_json();
    let found: Value = serde_json::from_slice(&found).expect("findings are JSON");
    assert!(found["objectives"].is_array());
    if let Ok(clauses) = findings::questions::objectives::parse(text) {
        assert!(!clauses.is_empty(), "{text}");
    }
});
