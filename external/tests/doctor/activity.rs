//! What goes on while nothing is measured.

use external::doctor::Severity::{Bad, Good, Note, Warning};
use external::doctor::{Activity, Background, NoiseSources, Reading};
use results::noise::Noise;

use crate::fake::Fake;

#[test]
fn load_is_judged_by_the_cores_that_bear_it() {
    let load = |load| Fake::good().noise(|noise| noise.load1 = load);
    load(Some(1.0)).finds("load", Good, "1.00 on 4 cores");
    load(Some(1.1)).finds("load", Warning, "1.10");
    load(Some(4.2)).finds("load", Bad, "4.20");
    load(None).finds("load", Note, "does not say");
}

#[test]
fn any_steal_is_a_warning_and_much_of_it_bad() {
    let steal = |steal_ns| Fake::good().noise(|noise| noise.steal_ns = steal_ns);
    steal(Some(0)).finds("steal", Good, "0 %");
    steal(Some(20_000_000)).finds("steal", Warning, "1.0 % of all cores");
    steal(Some(400_000_000)).finds("steal", Bad, "20 % of all cores");
    steal(None).finds("steal", Note, "does not say");
}

#[test]
fn waiting_for_cores_is_judged_by_how_long() {
    let pressure = |ns| Fake::good().noise(|noise| noise.cpu_pressure_ns = ns);
    pressure(Some(5_000_000)).finds("cpu pressure", Good, "1.0 %");
    pressure(Some(50_000_000)).finds("cpu pressure", Warning, "10 %");
    pressure(Some(250_000_000)).finds("cpu pressure", Bad, "50 %");
    pressure(None).finds("cpu pressure", Note, "/proc/pressure/cpu");
}

#[test]
fn what_marks_a_sample_as_noisy_is_told_or_said_to_be_unknown() {
    let told =
        |waits, others| Fake::good().trial(|trials| trials.noise = NoiseSources { waits, others });
    told(true, true).finds("noise", Good, "how long a process waits");
    told(false, true).finds("noise", Note, "CONFIG_SCHED_INFO");
    told(true, false).finds("noise", Note, "as within a container");
    told(false, false).finds("noise", Warning, "neither");
}

#[test]
fn who_is_on_the_cores_is_named() {
    Fake::good()
        .background("sshd", 1, 0.04)
        .finds("on the cores", Good, "nobody");
    let two = Fake::good()
        .background("rustc", 4, 1.7)
        .background("Xorg", 1, 0.061);
    two.finds(
        "on the cores",
        Warning,
        "rustc (4 processes) 170 %, Xorg 6.1 % (of one core)",
    );
    Fake::good()
        .background("rustc", 2, 2.0)
        .finds("on the cores", Bad, "rustc");
    let many = (0..8).fold(Fake::good(), |fake, n| {
        fake.background(&format!("w{n}"), 1, 0.1)
    });
    many.finds("on the cores", Warning, "w4 10 %, 3 more");
    let unseen = Fake::good().trial(|trials| trials.activity.unseen = 0.4);
    unseen.finds("on the cores", Warning, "40 % by what ended meanwhile");
}

/// A `/proc` with processes of a number, a name, a start and ticks of user and system time.
fn proc(stat: &str, processes: &[(u32, &str, u64, u64, u64)]) -> tempfile::TempDir {
    let proc = tempfile::tempdir().unwrap();
    std::fs::write(proc.path().join("stat"), format!("{stat}\ncpu0 1 1 1 1\n")).unwrap();
    std::fs::create_dir(proc.path().join("sys")).unwrap();
    for (pid, name, start, user, system) in processes {
        std::fs::create_dir(proc.path().join(pid.to_string())).unwrap();
        let stat = format!(
            "{pid} ({name}) S 1 1 1 0 -1 4194560 1 2 3 4 {user} {system} 7 7 20 0 1 0 {start} 9 9\n"
        );
        std::fs::write(proc.path().join(format!("{pid}/stat")), stat).unwrap();
    }
    proc
}

#[test]
fn activity_is_what_happened_between_two_readings() {
    const OWN: u32 = 42;
    let before = proc(
        "cpu  100 0 50 1000 0 0 0 3 0 0",
        &[
            (7, "rustc", 1, 900, 100),
            (8, "a (b) c", 2, 5, 5),
            (9, "gone", 3, 1, 1),
            (OWN, "external", 4, 10, 0),
        ],
    );
    let after = proc(
        "cpu  170 0 90 1100 0 5 5 4 0 0",
        &[
            (7, "rustc", 1, 925, 105),
            // The number of a process that has ended, taken by another one.
            (9, "rustc", 500, 9, 1),
            (8, "a (b) c", 2, 5, 15),
            (10, "idle", 5, 0, 0),
            (OWN, "external", 4, 20, 5),
        ],
    );
    let reading = |proc: &tempfile::TempDir, at_ns| Reading::take(proc.path(), OWN, at_ns);
    let activity = reading(&after, 1_500_000_000).since(&reading(&before, 1_000_000_000));
    let background = |name: &str, processes, share| Background {
        name: name.to_owned(),
        processes,
        share,
    };
    assert_eq!(
        activity,
        Activity {
            interval_ns: 500_000_000,
            noise: Noise {
                steal_ns: Some(10_000_000),
                cpu_pressure_ns: None,
                load1: None,
                ..Noise::default()
            },
            background: vec![background("rustc", 2, 0.8), background("a (b) c", 1, 0.2)],
            // 120 ticks busy: 40 of rustc's, 10 of the other's, 15 of our own.
            unseen: 1.1,
        }
    );
}
