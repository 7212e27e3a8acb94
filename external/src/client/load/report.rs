//! What came of a load, for people and for programs.

use hdrhistogram::Histogram;
use results::record::Requests;
use serde::Serialize;

use super::histogram::quantile;
use super::{Amount, FailedRequests, Lateness, Load, Loaded, Pace};

/// One line of the text: what it is about, and what there is to say.
pub(super) fn line(about: &str, value: &str) -> String {
    format!("{about:<12}{value}\n")
}

/// For people: what was done, what came of it, and whether the generator kept up.
pub(super) fn text(url: &str, load: &Load, loaded: &Loaded) -> String {
    let (pace, from) = match load.pace {
        Pace::Closed => ("closed loop".to_owned(), "from each send"),
        Pace::Open { per_second } => (
            format!("open loop at {per_second} requests/s"),
            "from each planned instant",
        ),
    };
    let connections = if load.keep_alive {
        "kept connections"
    } else {
        "connections at once, one a request"
    };
    let mut text = line(
        "load",
        &format!(
            "{url}, {pace}, {} {connections}, {} warm-up requests on each",
            load.connections, load.warm_up
        ),
    );
    text += &outcomes(loaded);
    text += &latency(loaded, from);
    if let Some(lateness) = &loaded.lateness {
        text += &late(&loaded.requests, lateness);
    }
    let core = loaded.core.map_or("on any core".to_owned(), |core| {
        format!("kept on core {core}")
    });
    let share = loaded.cpu_share().map_or(String::new(), |share| {
        format!(", took {:.0} % of one", share * 100.0)
    });
    text + &line("generator", &format!("{core}{share}"))
}

/// How many requests were answered, and why others were not.
fn outcomes(loaded: &Loaded) -> String {
    let requests = &loaded.requests;
    let rate = loaded
        .per_second()
        .map_or(String::new(), |rate| format!(", {} a second", digits(rate)));
    let planned = requests.sent + requests.dropped;
    let answered = format!(
        "{} of {planned} in {}{rate}",
        requests.ok,
        time(requests.wall_ns)
    );
    let mut text = line("answered", &answered);
    if requests.failed > 0 {
        text += &line("failed", &requests.failed.to_string());
    }
    for FailedRequests { failure, count } in &loaded.failures {
        text += &line("", &format!("{count} × {failure}"));
    }
    if let Some(warmed_up) = loaded.warmed_up {
        let how = if warmed_up.is_steady {
            "until the rate was steady"
        } else {
            "and the rate was not steady then"
        };
        let took = time(warmed_up.ns);
        text += &line(
            "warm-up",
            &format!("{} requests in {took}, {how}", loaded.warm_up),
        );
    }
    if loaded.warm_up_failed > 0 {
        let failed = format!("{} failed, not counted above", loaded.warm_up_failed);
        text += &line("warm-up", &failed);
    }
    text
}

/// The latencies of right answers; nothing if there were none.
fn latency(loaded: &Loaded, from: &str) -> String {
    let Some(median) = loaded.latency_ns(0.5) else {
        return String::new();
    };
    let beyond =
        [("p90", 0.9, "100"), ("p99", 0.99, "1,000")].map(|(name, at, least)| {
            match loaded.latency_ns(at) {
                Some(ns) => format!("{name} {}", time(ns)),
                None => format!("no {name} from fewer than {least} answers"),
            }
        });
    line(
        "latency",
        &format!("median {}, {}; {from}", time(median), beyond.join(", ")),
    )
}

/// How an open loop kept to its plan.
fn late(requests: &Requests, lateness: &Lateness) -> String {
    let mut text = String::new();
    if requests.dropped > 0 {
        text += &line(
            "dropped",
            &format!(
                "{}: no connection was free for them in time",
                requests.dropped
            ),
        );
    }
    let own = quantile(&lateness.own, 0.5).map_or(String::new(), |ns| {
        format!(
            "; the generator itself by {} (median), {} at most",
            time(ns),
            time(lateness.own.max())
        )
    });
    text + &line(
        "late",
        &format!(
            "{} of {} sends, by more than 1 ms{own}",
            requests.late, requests.sent
        ),
    )
}

/// A time as people read it: three digits and a unit.
pub(super) fn time(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    format!("{} {unit}", digits(value))
}

/// A number with three digits that count, or all that stand before the point.
pub(super) fn digits(value: f64) -> String {
    let digits = match value {
        // As they will be written: 9.999 has as many digits as 10.
        99.95.. => 0,
        9.995.. => 1,
        0.9995.. => 2,
        0.09995.. => 3,
        _ => 4,
    };
    format!("{value:.digits$}")
}

/// The result as programs read it. Units are in the names; what is not known, or cannot be stated
/// from so few requests, is `null`.
#[derive(Debug, Serialize)]
struct Report<'a> {
    url: &'a str,
    pace: &'static str,
    planned_per_second: Option<f64>,
    latency_counts_from: &'static str,
    connections: usize,
    keep_alive: bool,
    warm_up_per_connection: u64,
    warm_up: u64,
    warm_up_failed: u64,
    warm_up_ns: Option<u64>,
    warm_up_steady: Option<bool>,
    duration_seconds: Option<f64>,
    requests: &'a Requests,
    answers_per_second: Option<f64>,
    median_ns: Option<u64>,
    p90_ns: Option<u64>,
    p99_ns: Option<u64>,
    send_lateness_median_ns: Option<u64>,
    send_lateness_max_ns: Option<u64>,
    generator_lateness_median_ns: Option<u64>,
    generator_lateness_max_ns: Option<u64>,
    generator_core: Option<usize>,
    generator_cpu_ns: u64,
    generator_cpu_share: Option<f64>,
    failures: Vec<Reason<'a>>,
}

#[derive(Debug, Serialize)]
struct Reason<'a> {
    reason: &'a str,
    count: u64,
}

/// The longest of some times; of none there is no longest.
fn longest(times: &Histogram<u64>) -> Option<u64> {
    (!times.is_empty()).then(|| times.max())
}

/// For programs: one object.
pub(super) fn json(url: &str, load: &Load, loaded: &Loaded) -> String {
    let (pace, planned_per_second, latency_counts_from) = match load.pace {
        Pace::Closed => ("closed", None, "send"),
        Pace::Open { per_second } => ("open", Some(per_second), "plan"),
    };
    let lateness = loaded.lateness.as_ref();
    let (sends, own) = (
        lateness.map(|late| &late.sends),
        lateness.map(|late| &late.own),
    );
    let report = Report {
        url,
        pace,
        planned_per_second,
        latency_counts_from,
        connections: load.connections,
        keep_alive: load.keep_alive,
        warm_up_per_connection: load.warm_up,
        warm_up: loaded.warm_up,
        warm_up_failed: loaded.warm_up_failed,
        warm_up_ns: loaded.warmed_up.map(|it| it.ns),
        warm_up_steady: loaded.warmed_up.map(|it| it.is_steady),
        duration_seconds: match load.amount {
            Amount::Time(time) => Some(time.as_secs_f64()),
            Amount::Requests(_) => None,
        },
        requests: &loaded.requests,
        answers_per_second: loaded.per_second(),
        median_ns: loaded.latency_ns(0.5),
        p90_ns: loaded.latency_ns(0.9),
        p99_ns: loaded.latency_ns(0.99),
        send_lateness_median_ns: sends.and_then(|late| quantile(late, 0.5)),
        send_lateness_max_ns: sends.and_then(longest),
        generator_lateness_median_ns: own.and_then(|late| quantile(late, 0.5)),
        generator_lateness_max_ns: own.and_then(longest),
        generator_core: loaded.core,
        generator_cpu_ns: loaded.cpu_ns,
        generator_cpu_share: loaded.cpu_share(),
        failures: loaded
            .failures
            .iter()
            .map(|FailedRequests { failure, count }| Reason {
                reason: &failure.reason,
                count: *count,
            })
            .collect(),
    };
    serde_json::to_string_pretty(&report).expect("a report is plain data: it always serialises")
        + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::load::WarmedUp;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let formatted = [0, 999, 1_000, 12_340, 123_456, 1_234_567, 1_500_000_000].map(time);
        assert_eq!(
            formatted,
            [
                "0 ns", "999 ns", "1.00 µs", "12.3 µs", "123 µs", "1.23 ms", "1.50 s"
            ]
        );
    }

    fn load(pace: Pace) -> Load {
        Load {
            address: "127.0.0.1:80".parse().unwrap(),
            host: "127.0.0.1".into(),
            also: Vec::new(),
            request: workloads::Request::get("/"),
            expected: workloads::Expectation::status(200),
            sequence: Vec::new(),
            pace,
            connections: 10,
            keep_alive: true,
            warm_up: 5,
            until_steady: None,
            amount: Amount::Requests(200),
            timeout: std::time::Duration::from_secs(10),
            core: Some(1),
        }
    }

    fn loaded(lateness: Option<Lateness>) -> Loaded {
        let mut latency = crate::client::load::histogram::empty();
        (1..=190).for_each(|n| latency.record(n * 1_000).unwrap());
        Loaded {
            requests: Requests {
                sent: 193,
                ok: 190,
                failed: 3,
                dropped: if lateness.is_some() { 7 } else { 0 },
                late: if lateness.is_some() { 4 } else { 0 },
                wall_ns: 1_000_000_000,
                latency_hdr: Some("…".into()),
                series: None,
                by_request: None,
            },
            latency,
            planned_ns: lateness.as_ref().map(|_| 1_000_000_000),
            cpu_ns: 250_000_000,
            generator_ns: 1_000_000_000,
            failures: vec![FailedRequests {
                failure: "cannot connect: refused".into(),
                count: 3,
            }],
            warm_up: 50,
            warmed_up: lateness.as_ref().map(|_| WarmedUp {
                ns: 125_000_000,
                is_steady: true,
            }),
            warm_up_failed: 1,
            core: Some(1),
            lateness,
        }
    }

    fn lateness() -> Lateness {
        let mut lateness = Lateness {
            sends: crate::client::load::histogram::empty(),
            own: crate::client::load::histogram::empty(),
        };
        lateness.sends.record_n(2_000_000, 193).unwrap();
        lateness.own.record_n(50_000, 200).unwrap();
        lateness
    }

    #[test]
    fn few_requests_and_low_rates_have_figures_that_can_be() {
        // Three requests of a closed loop, whose generator took longer to begin than they took.
        let mut three = loaded(None);
        three.requests = Requests {
            sent: 3,
            ok: 3,
            failed: 0,
            wall_ns: 400_000,
            ..three.requests
        };
        (three.cpu_ns, three.generator_ns) = (1_048_000, 1_100_000);
        let said = text("http://127.0.0.1/", &load(Pace::Closed), &three);
        assert!(said.contains("took 95 % of one"), "{said}");
        // Three requests at one in two seconds: the last is sent after four seconds.
        let mut slow = loaded(Some(lateness()));
        slow.requests = Requests {
            sent: 3,
            ok: 3,
            failed: 0,
            dropped: 0,
            wall_ns: 4_001_000_000,
            ..slow.requests
        };
        slow.planned_ns = Some(6_000_000_000);
        let said = text(
            "http://127.0.0.1/",
            &load(Pace::Open { per_second: 0.5 }),
            &slow,
        );
        assert!(said.contains("3 of 3 in 4.00 s, 0.500 a second"), "{said}");
    }

    /// A load in which nothing was sent at all.
    fn nothing(pace: Pace) -> Loaded {
        let empty = crate::client::load::histogram::empty;
        Loaded {
            requests: Requests {
                sent: 0,
                ok: 0,
                failed: 0,
                dropped: 0,
                late: 0,
                wall_ns: 0,
                latency_hdr: None,
                series: None,
                by_request: None,
            },
            latency: empty(),
            lateness: matches!(pace, Pace::Open { .. }).then(|| Lateness {
                sends: empty(),
                own: empty(),
            }),
            cpu_ns: 0,
            generator_ns: 0,
            planned_ns: super::super::planned_ns(pace, 0),
            failures: Vec::new(),
            warm_up: 0,
            warmed_up: None,
            warm_up_failed: 0,
            core: None,
        }
    }

    #[test]
    fn of_nothing_there_is_no_rate_no_share_and_no_latency() {
        let open = Pace::Open { per_second: 0.5 };
        for pace in [Pace::Closed, open] {
            let (load, nothing) = (load(pace), nothing(pace));
            let said = text("u", &load, &nothing);
            assert!(said.contains("answered    0 of 0 in 0 ns\n"), "{said}");
            assert!(said.ends_with("generator   on any core\n"), "{said}");
            for impossible in ["NaN", "inf", "%", " a second", "latency", "at most"] {
                assert!(!said.contains(impossible), "{impossible}: {said}");
            }
            let report: serde_json::Value =
                serde_json::from_str(&json("u", &load, &nothing)).unwrap();
            for unknown in [
                "answers_per_second",
                "median_ns",
                "p90_ns",
                "p99_ns",
                "send_lateness_median_ns",
                "send_lateness_max_ns",
                "generator_lateness_median_ns",
                "generator_lateness_max_ns",
                "generator_cpu_share",
            ] {
                assert!(report[unknown].is_null(), "{unknown}: {report}");
            }
        }
        // Nothing was answered, but the generator has waited for it.
        let waited = Loaded {
            cpu_ns: 1_000,
            generator_ns: 4_000,
            ..nothing(Pace::Closed)
        };
        let said = text("u", &load(Pace::Closed), &waited);
        assert!(said.ends_with("on any core, took 25 % of one\n"), "{said}");
    }

    proptest::proptest! {
        #[test]
        fn no_figure_is_impossible(
            counts in proptest::array::uniform4(0..2_000_u64),
            (wall_ns, cpu_ns, before_ns) in (0..u64::MAX / 4, 0..u64::MAX / 4, 0..u64::MAX / 4),
            per_second in proptest::option::of(1e-3..1e6_f64),
        ) {
            let [ok, failed, dropped, late] = counts;
            let mut any = loaded(per_second.map(|_| lateness()));
            let sent = ok + failed;
            any.requests = Requests { sent, ok, failed, dropped, late: late.min(sent), wall_ns, ..any.requests };
            (any.cpu_ns, any.generator_ns) = (cpu_ns, wall_ns.saturating_add(before_ns));
            let pace = per_second.map_or(Pace::Closed, |per_second| Pace::Open { per_second });
            any.planned_ns = super::super::planned_ns(pace, sent + dropped);
            let said = text("u", &load(pace), &any);
            for impossible in ["NaN", "inf"] {
                proptest::prop_assert!(!said.contains(impossible), "{}", said);
            }
            proptest::prop_assert!(any.cpu_share().is_none_or(|share| (0.0..=1.0).contains(&share)));
            if let (Some(planned), Some(rate)) = (per_second, any.per_second()) {
                proptest::prop_assert!(rate <= planned * 1.000_001 + 1e-9, "{} of {}", rate, planned);
            }
            let json: serde_json::Value = serde_json::from_str(&json("u", &load(pace), &any)).unwrap();
            proptest::prop_assert!(json["generator_cpu_share"].as_f64().is_none_or(|share| share <= 1.0));
        }
    }

    #[test]
    fn the_text_explains_its_figures() {
        insta::assert_snapshot!(text("http://127.0.0.1/", &load(Pace::Closed), &loaded(None)), @r"
        load        http://127.0.0.1/, closed loop, 10 kept connections, 5 warm-up requests on each
        answered    190 of 193 in 1.00 s, 190 a second
        failed      3
                    3 × cannot connect: refused
        warm-up     1 failed, not counted above
        latency     median 95.0 µs, p90 171 µs, no p99 from fewer than 1,000 answers; from each send
        generator   kept on core 1, took 25 % of one
        ");
        let open = load(Pace::Open { per_second: 200.0 });
        insta::assert_snapshot!(text("http://127.0.0.1/", &open, &loaded(Some(lateness()))), @r"
        load        http://127.0.0.1/, open loop at 200 requests/s, 10 kept connections, 5 warm-up requests on each
        answered    190 of 200 in 1.00 s, 190 a second
        failed      3
                    3 × cannot connect: refused
        warm-up     50 requests in 125 ms, until the rate was steady
        warm-up     1 failed, not counted above
        latency     median 95.0 µs, p90 171 µs, no p99 from fewer than 1,000 answers; from each planned instant
        dropped     7: no connection was free for them in time
        late        4 of 193 sends, by more than 1 ms; the generator itself by 50.0 µs (median), 50.0 µs at most
        generator   kept on core 1, took 25 % of one
        ");
    }

    #[test]
    fn the_json_has_everything() {
        let open = load(Pace::Open { per_second: 200.0 });
        insta::assert_snapshot!(json("http://127.0.0.1/", &open, &loaded(Some(lateness()))), @r#"
        {
          "url": "http://127.0.0.1/",
          "pace": "open",
          "planned_per_second": 200.0,
          "latency_counts_from": "plan",
          "connections": 10,
          "keep_alive": true,
          "warm_up_per_connection": 5,
          "warm_up": 50,
          "warm_up_failed": 1,
          "warm_up_ns": 125000000,
          "warm_up_steady": true,
          "duration_seconds": null,
          "requests": {
            "sent": 193,
            "ok": 190,
            "failed": 3,
            "dropped": 7,
            "late": 4,
            "wall_ns": 1000000000,
            "latency_hdr": "…"
          },
          "answers_per_second": 190.0,
          "median_ns": 95039,
          "p90_ns": 171007,
          "p99_ns": null,
          "send_lateness_median_ns": 2000895,
          "send_lateness_max_ns": 2000895,
          "generator_lateness_median_ns": 50015,
          "generator_lateness_max_ns": 50015,
          "generator_core": 1,
          "generator_cpu_ns": 250000000,
          "generator_cpu_share": 0.25,
          "failures": [
            {
              "reason": "cannot connect: refused",
              "count": 3
            }
          ]
        }
        "#);
    }
}
