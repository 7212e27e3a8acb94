//! `external firewall` as a person uses it.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use external::network::firewall::{Level, ruleset};

use super::support::{Ground, is_possible, not_run, told};

/// Somebody else's firewall.
const FOREIGN: &str = "add table ip theirs; add chain ip theirs input { type filter hook input \
    priority 0; policy accept; }; add rule ip theirs input tcp dport 22 accept; add rule ip \
    theirs input ip saddr 192.0.2.7 drop";

#[test]
fn enabling_and_disabling_twice_leave_a_foreign_ruleset_as_it_was() {
    let Some(ground) = Ground::new() else { return };
    ground.nft(FOREIGN);
    let before = ground.rules();
    assert!(before.contains("192.0.2.7"));
    assert_eq!(ground.firewall("status"), (0, "off\n".to_owned()));

    let (code, said) = ground.firewall("enable");
    assert!(
        code == 0 && said.contains("the firewall is on: what comes to TCP ports "),
        "{said}"
    );
    let (code, said) = ground.firewall("enable --level rules:25 --ports 20000-20010,30000");
    assert!(
        code == 0
            && said.contains("in the place of baseline")
            && said.contains("20000-20010, 30000"),
        "{said}"
    );
    let there = ground.rules();
    assert!(
        there.starts_with(&before),
        "theirs is as it was, and first:\n{there}"
    );
    assert_eq!(there.matches("table inet coldphase").count(), 1);
    assert_eq!(there.matches("ip saddr 198.18.").count(), 25);
    assert!(
        ground
            .firewall("status")
            .1
            .starts_with("rules:25, enabled by a person\n")
    );

    assert_eq!(
        ground.firewall("disable"),
        (0, "the firewall is off: its table is removed\n".to_owned())
    );
    assert_eq!(ground.rules(), before);
    let (code, said) = ground.firewall("disable");
    assert!(
        code == 0 && said.contains("was off already: nothing was changed"),
        "{said}"
    );
    assert_eq!(ground.rules(), before);
}

#[test]
fn a_strangers_table_of_the_same_name_is_left_alone() {
    let Some(ground) = Ground::new() else { return };
    ground.nft("add table inet coldphase; add chain inet coldphase theirs");
    let before = ground.rules();
    for words in ["enable", "disable", "status"] {
        let (code, said) = ground.firewall(words);
        assert_eq!(
            (code, said.contains("that coldphase did not make")),
            (2, true),
            "{words}: {said}"
        );
    }
    assert_eq!(ground.rules(), before);
}

/// Puts up a table as a suite does.
fn suites_table(ground: &Ground, owner: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules");
    std::fs::write(
        &file,
        ruleset::replacing(Level::Rules(3), &[20_000..=20_000], Some(8_080), owner),
    )
    .unwrap();
    ground.nft(&format!("-f {}", file.display()));
}

#[test]
fn what_a_killed_suite_has_left_is_replaced_or_removed_and_a_living_ones_is_not() {
    let Some(ground) = Ground::new() else { return };
    // Nobody's number is that large.
    suites_table(&ground, "999999999-1");
    assert!(
        ground
            .firewall("status")
            .1
            .contains("rules:3, of the suite 999999999-1")
    );
    let (code, said) = ground.firewall("disable");
    assert!(
        code == 0 && said.contains("the table that a killed suite had left is removed"),
        "{said}"
    );
    assert_eq!(ground.rules(), "");

    suites_table(&ground, "999999999-1");
    assert_eq!(ground.firewall("enable").0, 0);
    assert!(
        ground
            .firewall("status")
            .1
            .starts_with("baseline, enabled by a person")
    );

    let this = std::process::id();
    let began = machine::usage::began(this).unwrap();
    suites_table(&ground, &format!("{this}-{began}"));
    let before = ground.rules();
    for words in ["enable", "disable"] {
        let (code, said) = ground.firewall(words);
        assert!(
            code == 2 && said.contains(&format!("belongs to a suite that runs, process {this}")),
            "{said}"
        );
    }
    assert_eq!(ground.rules(), before);
}

#[test]
fn what_is_impossible_is_a_usage_error() {
    let Some(ground) = Ground::new() else { return };
    for words in [
        "enable --level off",
        "enable --level rules:0",
        "enable --ports 22",
        "enable --ports 9000-8000",
    ] {
        assert_eq!(ground.firewall(words).0, 2, "{words}");
    }
    assert_eq!(ground.rules(), "");
}

#[test]
fn without_the_privilege_it_says_so_and_what_to_do() {
    if !is_possible() {
        return;
    }
    // Somebody who is nobody. Where they cannot even read the program, there is nothing to be seen.
    let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
    command
        .args(["firewall", "enable"])
        .uid(65_534)
        .gid(65_534)
        .stdin(Stdio::null());
    match command.output() {
        Err(error) => not_run(&format!("the program cannot be run by nobody: {error}")),
        Ok(output) => {
            let (code, said) = told(&output);
            assert!(
                code == 8 && said.contains("not permitted") && said.contains("hint: be root"),
                "{code}: {said}"
            );
        }
    }
}
