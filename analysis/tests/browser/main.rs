//! The page of a report in a browser: no error, no request, a filter that works, a complete print,
//! and nothing that an accessibility checker objects to.

#![expect(clippy::print_stderr, reason = "a test that could not run reports it")]

mod chromium;
#[path = "../support/mod.rs"]
mod support;

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use chromium::{Chromium, View, is_installed};
use findings::input::Run;
use findings::{Findings, Options};
use serde_json::{Value, json};
use support::Shape;

const LIGHT: View = View {
    width: 1280,
    media: "screen",
    scheme: "light",
};

const DARK: View = View {
    scheme: "dark",
    ..LIGHT
};

const PHONE: View = View {
    width: 390,
    ..LIGHT
};

/// A page of a report, in a folder that lives as long as it.
struct Page {
    browser: Chromium,
    _folder: tempfile::TempDir,
}

/// Opens the report of an invented run; without a browser, reports that the test did not run.
fn open() -> Option<Page> {
    open_with(&["http-hello", "http-cpu"])
}

/// The same, of a run with these workloads.
fn open_with(workloads: &[&'static str]) -> Option<Page> {
    if !is_installed() {
        eprintln!("NOT RUN: there is no chromium; ./setup browser installs it");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        samples: 5,
        requests: 150,
        workloads: workloads.to_vec(),
        ..Shape::small("20261125T120000Z-00aa")
    };
    let run = Run::read(&support::write(folder.path(), &shape)).unwrap();
    let (files, undrawn) = analysis::publish::files(&Findings::from_run(&run, Options::default()));
    assert_eq!(undrawn, [""; 0]);
    let page = folder.path().join("report.html");
    std::fs::write(&page, &files["report.html"]).unwrap();
    let mut browser = Chromium::open(&page);
    browser.look(LIGHT);

    Some(Page {
        browser,
        _folder: folder,
    })
}

/// The accessibility checker, where `./setup browser` puts it.
fn axe() -> Option<String> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0);
    let folder = if is_root {
        PathBuf::from("/var/lib/coldphase")
    } else {
        data.or(home)?.join("coldphase")
    };
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let mut found: Vec<_> = entries
        .map(|entry| entry.path().join("axe.min.js"))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    std::fs::read_to_string(found.pop()?).ok()
}

/// How many of the elements that a selector names can be seen.
fn seen(browser: &mut Chromium, selector: &str) -> u64 {
    let selector = json!(selector);
    let count = browser.evaluate(&format!(
        "[...document.querySelectorAll({selector})].filter((part) => part.checkVisibility()).length"
    ));
    count.as_u64().unwrap()
}

fn click(browser: &mut Chromium, selector: &str) {
    let selector = json!(selector);
    browser.evaluate(&format!("document.querySelector({selector}).click()"));
    // A form is reset after its event.
    browser.evaluate("new Promise((done) => setTimeout(done))");
}

const UNFOLD: &str = "document.querySelectorAll('details').forEach((part) => part.open = true)";

#[test]
fn a_page_reports_no_error_and_makes_no_request() {
    let Some(Page {
        mut browser,
        _folder,
    }) = open()
    else {
        return;
    };
    for view in [LIGHT, DARK, PHONE] {
        browser.look(view);
        browser.evaluate("location.hash = '#cells'");
    }
    assert_eq!(browser.complaints, [""; 0]);
    assert_eq!(browser.requests, [""; 0]);
}

#[test]
fn a_page_runs_no_script_but_its_own() {
    let Some(Page {
        mut browser,
        _folder,
    }) = open()
    else {
        return;
    };
    let added = "(() => { const script = document.createElement('script');
        script.textContent = 'document.title = \"another\"';
        document.body.append(script); return document.title; })()";
    assert_ne!(browser.evaluate(added), "another");
}

#[test]
fn a_filter_hides_other_workloads_and_systems_until_it_is_cleared() {
    let Some(Page {
        mut browser,
        _folder,
    }) = open()
    else {
        return;
    };
    browser.evaluate(UNFOLD);
    let everything = seen(&mut browser, "section, figure, tr");
    for (choice, other) in [
        (
            "input[name=workload][value=http-cpu]",
            "main [data-workload=http-hello]",
        ),
        (
            "input[name=system][value=docker]",
            "main tr[data-systems=native]",
        ),
    ] {
        assert!(seen(&mut browser, other) > 0, "{other}");
        click(&mut browser, choice);
        assert_eq!(seen(&mut browser, other), 0, "{choice}");
        let left = seen(&mut browser, "section, figure, tr");
        assert!(0 < left && left < everything, "{left} of {everything}");
        let state = browser.evaluate("document.getElementById('filter-state').textContent");
        assert_ne!(state, "everything is shown");
        click(&mut browser, "#filter button[type=reset]");
        assert_eq!(seen(&mut browser, "section, figure, tr"), everything);
    }
}

#[test]
fn a_link_to_what_is_hidden_shows_it() {
    let Some(Page {
        mut browser,
        _folder,
    }) = open()
    else {
        return;
    };
    click(&mut browser, "input[name=system][value=docker]");
    let target = browser.evaluate("document.querySelector('tr.filtered[id]').id");
    let target = target.as_str().unwrap().to_owned();
    let row = format!("[id=\"{target}\"]");
    assert_eq!(seen(&mut browser, &row), 0);
    browser.evaluate(&format!(
        "new Promise((done) => {{ addEventListener('hashchange', () => setTimeout(done)); \
            location.hash = '#{target}'; }})"
    ));
    assert_eq!(seen(&mut browser, &row), 1);
}

#[test]
fn a_print_shows_everything_whatever_the_filter_hides() {
    let Some(Page {
        mut browser,
        _folder,
    }) = open()
    else {
        return;
    };
    let all = "main section, main figure, main tr";
    let count = json!(all);
    let count = browser.evaluate(&format!("document.querySelectorAll({count}).length"));
    click(&mut browser, "input[name=system][value=docker]");
    browser.look(View {
        media: "print",
        ..DARK
    });
    assert_eq!(seen(&mut browser, all), count.as_u64().unwrap());
    assert_eq!(seen(&mut browser, "nav, #filter, .skip"), 0);
    let paper = browser.evaluate("getComputedStyle(document.body).backgroundColor");
    assert_eq!(paper, "rgb(255, 255, 255)", "dark ink on dark paper");
}

#[test]
fn every_picture_has_its_text() {
    let Some(Page {
        mut browser,
        _folder,
    }) = open()
    else {
        return;
    };
    let untold = browser.evaluate(
        "[...document.querySelectorAll('svg')].filter((svg) => {
            const texts = (svg.getAttribute('aria-labelledby') ?? '').split(' ')
                .map((id) => document.getElementById(id)?.textContent ?? '');
            return svg.getAttribute('role') !== 'img' || texts.length !== 2 || texts.includes('');
        }).map((svg) => svg.outerHTML.slice(0, 200))",
    );
    assert_eq!(untold, json!([]));
    assert!(seen(&mut browser, "figure svg") > 5);
}

#[test]
fn a_phone_shows_a_page_without_moving_it_sideways() {
    let Some(Page {
        mut browser,
        _folder,
    }) = open()
    else {
        return;
    };
    browser.look(PHONE);
    browser.evaluate(UNFOLD);
    let width = browser.evaluate("document.documentElement.scrollWidth");
    assert_eq!(width, PHONE.width);
}

#[test]
fn an_accessibility_checker_finds_nothing_serious() {
    // Its time grows with the page, and a second workload has nothing that the first has not.
    let Some(Page {
        mut browser,
        _folder,
    }) = open_with(&["http-hello"])
    else {
        return;
    };
    let Some(axe) = axe() else {
        eprintln!("NOT RUN: there is no axe-core; ./setup browser installs it");
        return;
    };
    browser.evaluate(&axe);
    // The rows of a table are alike, and the checker looks at every field for seconds.
    browser.evaluate(
        "document.querySelectorAll('tbody').forEach((body) => \
            [...body.rows].slice(5).forEach((row) => row.remove()))",
    );
    browser.evaluate(UNFOLD);
    for view in [LIGHT, DARK, PHONE] {
        browser.look(view);
        let found = browser.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations
                .filter((found) => ['serious', 'critical'].includes(found.impact))
                .map((found) => [found.id, found.help, found.nodes.length, found.nodes[0].html,
                    found.nodes[0].failureSummary]))",
        );
        assert_eq!(found, Value::Array(Vec::new()), "{view:?}");
    }
}
