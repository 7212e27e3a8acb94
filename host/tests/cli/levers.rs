//! Each lever of the engine: moved, shown to be, and answered for at the end of a run.

use results::SkipKind;
use results::levers::LEVERS;

use super::*;

/// What this build of the engine lacks.
const NOT_BUILT: [&str; 2] = ["concurrency", "incremental_compilation"];

#[test]
fn every_lever_is_moved_and_shown_and_answered_for() {
    let host = Host::new();
    let ran = host.phases(&["--profile", "levers", "--samples", "1"]);
    let samples = host.samples();
    let mut shown = 0;
    let mut on_word = std::collections::BTreeSet::new();
    for sample in &samples {
        let params = &sample.cell.params;
        if NOT_BUILT.iter().any(|key| params.contains_key(*key)) {
            assert_eq!(sample.skip_kind(), Some(SkipKind::NotApplicable));
            let reason = sample.reason.as_deref().unwrap_or_default();
            assert!(reason.contains("is built without"), "{reason}");
            continue;
        }
        is_undisturbed(sample);
        let moved = sample.attested.get(Evidence::LeversMoved);
        let moved = moved.and_then(|moved| moved.as_str()).unwrap_or_default();
        let of_cell = LEVERS.iter().filter_map(|lever| {
            let value = params.get(lever.param.clone())?;
            Some(format!("{}={value}", lever.param))
        });
        let of_cell: Vec<_> = of_cell.collect();
        assert!(
            moved.is_empty() || of_cell == [moved],
            "{}: {moved}",
            sample.cell
        );
        shown += usize::from(!moved.is_empty());
        // What is neither shown nor mapped from a file that the kernel tells is said to be on word.
        if let (true, [lever]) = (moved.is_empty(), of_cell.as_slice())
            && !params.contains_key(Param::MemoryImageIn)
        {
            let said = sample.attested.text(Evidence::LeversOnWord);
            assert_eq!(said, Some(lever.as_str()), "{}", sample.cell);
            on_word.insert(lever.clone());
        }
    }
    assert_eq!(on_word.into_iter().collect::<Vec<_>>(), ["cow_image=eager"]);
    assert!(shown > 40, "{shown} samples show a lever that is moved");
    for lever in &LEVERS {
        let of_lever = samples
            .iter()
            .filter(|it| it.cell.params.contains_key(lever.param.clone()));
        assert!(of_lever.count() > 0, "{}", lever.param);
    }
    let image = |value: &str| -> Vec<_> {
        let with = samples
            .iter()
            .filter(|it| it.cell.params.is(Param::MemoryImageIn, value));
        with.map(|it| it.attested.get(Evidence::MemoryImage).cloned())
            .collect()
    };
    assert!(
        image("memfd")
            .iter()
            .all(|image| *image == Some("memfd".into()))
    );
    for text in [
        "what should be switched on?",
        "pool_slots=16",
        "concurrency=yes was not measured",
    ] {
        assert!(ran.stdout.contains(text), "{text}\n{}", ran.stdout);
    }
}
