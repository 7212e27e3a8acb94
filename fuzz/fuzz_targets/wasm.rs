#![no_main]

#[allow(dead_code)]
#[path = "../../host/src/inspect/mod.rs"]
mod inspect;

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = inspect::inspect(Path::new("a.wasm"), bytes) {
        // Names of imports and producers come from the file.
        let said = error.to_string();
        let shown = results::text::line(&said);
        assert_eq!(shown.len(), said.len(), "{said:?}");
        assert!(said.len() < 8192, "{} bytes", said.len());
    }
});
