#![no_main]

use campaign::schedule::Plan;
use libfuzzer_sys::fuzz_target;
use results::run_folder;

fuzz_target!(|bytes: &[u8]| {
    coldphase_fuzz::write("manifest.json", bytes);
    let Ok(manifest) = run_folder::read_manifest(coldphase_fuzz::folder()) else {
        return;
    };
    assert_eq!(manifest.differences(&manifest), Vec::<String>::new());
    let text = serde_json::to_vec(&manifest).expect("a manifest is plain data");
    coldphase_fuzz::write("manifest.json", &text);
    let again = run_folder::read_manifest(coldphase_fuzz::folder()).expect("it is one");
    assert_eq!(again, manifest);
    if Plan::places(&manifest).is_some_and(|places| places < 20_000) {
        let order = Plan::from(&manifest).order();
        assert!(
            order
                .iter()
                .zip(0..)
                .all(|(planned, at)| planned.order == at)
        );
    }
});
