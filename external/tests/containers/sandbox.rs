//! Platforms of a sandbox: one answers and is measured, or does not and is a row that says so.

use results::SkipKind;
use results::values::{Named as _, Parameter as _, Platform};
use workloads::Workload;

use crate::support::{Run, is_there, names_of, nothing_is_left_of, request};

#[test]
fn a_platform_that_does_not_answer_is_skipped_once_it_was_tried() {
    if !is_there("gvisor") {
        return;
    }
    let run = Run::of("gvisor");
    let mut engine = run.engine();
    for platform in Platform::ALL {
        let mut request = request(Workload::Hello, "none", false);
        request.variant.insert(Platform::PARAM, platform.name());
        let prepared = engine.prepare(&request);
        let again = engine.prepare(&request);
        assert_eq!(prepared.is_ok(), again.is_ok());
        if let Err(skip) = prepared {
            assert_eq!(*platform, Platform::Ptrace, "{skip}");
            assert_eq!(skip.kind, SkipKind::NotApplicable);
            assert!(
                skip.reason.contains("on its platform ptrace here"),
                "{skip}"
            );
        }
        engine.clean().unwrap();
    }
    drop(engine);
    nothing_is_left_of(&names_of(std::process::id()));
}
