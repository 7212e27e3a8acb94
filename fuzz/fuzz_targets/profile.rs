#![no_main]

use external::suite::variables::Variables;
use external::suite::{SuiteArguments, plan, settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = coldphase_fuzz::write("profile.toml", bytes);
    let arguments = SuiteArguments {
        profile: Some(path.display().to_string()),
        seed: Some(1),
        ..SuiteArguments::default()
    };
    if let Ok((settings, _)) = settings::resolve(&arguments, &Variables::none(), None, "quick") {
        let _ = plan::cells(&settings);
        let _ = plan::left_out(&settings);
    }
});
