#![no_main]

use libfuzzer_sys::fuzz_target;
use results::ledger::{self, Ledger};

fuzz_target!(|bytes: &[u8]| {
    let path = coldphase_fuzz::write("samples.jsonl", bytes);
    let Ok(read) = ledger::read(&path) else {
        return;
    };
    let (mut opened, contents) = Ledger::open(&path).expect("what can be read can be opened");
    assert_eq!(
        (&contents.samples, contents.torn),
        (&read.samples, read.torn)
    );
    let whole = ledger::read(&path).unwrap();
    assert_eq!((&whole.samples, whole.torn), (&read.samples, None));
    // What was read is written as what reads the same.
    if let Some(last) = read.samples.last() {
        opened.append(last).unwrap();
        let more = ledger::read(&path).expect("what was appended can be read");
        assert_eq!(more.samples.last(), Some(last));
    }
});
