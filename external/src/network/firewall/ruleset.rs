//! The firewall as text that `nft -f -` takes.
//!
//! What a packet of the benchmark passes, and where it is led through the rules, once for each link
//! that it crosses:
//!
//! | link | hook |
//! |---|---|
//! | loopback, to the service and back | `input`, by the port: counter `loopback` |
//! | from a published port's proxy to its container | `output`, by the port inside: counter `to_container` |
//! | from the container back | `input`, by the port inside: counter `from_container` |
//! | from another network to the container that its address is translated to, and back | `forward`, by the port inside: counter `forwarded` |
//! | from elsewhere, to the machine itself | `prerouting`, after addresses are translated: counter `blocked` |
//!
//! What is forwarded, to another machine or to a container, is nobody's connection to a benchmark:
//! only what is for a local address *after* translation is dropped. So a router keeps every remote
//! port, and a host of containers every published one, whether or not something listens on it here.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use super::Level;

/// The table, as nft names it.
pub const TABLE: &str = "inet coldphase";

/// What begins the name of the counter that says whose the table is. The kernel keeps the table's
/// comment, but nft's JSON does not show it, and a table is not to be recognised by its name alone.
pub const OWNER: &str = "owner.";

/// What begins the name of the counter that says which level the table is.
pub const LEVEL: &str = "level.";

/// Removes the table, if there is one: adding it first makes removing it no error.
pub const REMOVAL: &str = "add table inet coldphase\ndelete table inet coldphase\n";

/// The whole table in the place of whatever table of that name there is, in one transaction: no
/// packet meets half of it. For [`Level::Off`], the removal alone.
///
/// `inner` is the port that a container listens on behind a published one.
pub fn replacing(
    level: Level,
    ports: &[RangeInclusive<u16>],
    inner: Option<u16>,
    owner: &str,
) -> String {
    let mut text = REMOVAL.to_owned();
    if !level.is_on() {
        return text;
    }
    let mut rules = String::new();
    for rule in 0..level.rules() {
        // The first comparison fails, and what follows it is not looked at, as with most rules of
        // most firewalls.
        let _ = writeln!(
            rules,
            "        ip saddr 198.18.{}.{} drop",
            rule / 256,
            rule % 256
        );
    }
    let _ = write!(
        text,
        r#"table inet coldphase {{
    comment "coldphase's firewall for the ports of its benchmark, {level}: `external firewall disable` removes it"
    set ports {{ type inet_service; flags interval; {ports} }}
    set inner {{ type inet_service; {inner} }}
    counter {OWNER}{owner} {{ }}
    counter {LEVEL}{mark} {{ }}
    counter loopback {{ }}
    counter to_container {{ }}
    counter from_container {{ }}
    counter forwarded {{ }}
    counter blocked {{ }}
    chain rules {{
{rules}    }}
    chain loopback_walk {{
        jump rules
        counter name loopback
    }}
    chain to_container_walk {{
        jump rules
        counter name to_container
    }}
    chain from_container_walk {{
        jump rules
        counter name from_container
    }}
    chain forwarded_walk {{
        jump rules
        counter name forwarded
    }}
{HOOKS}}}
"#,
        ports = elements(ports),
        inner = inner.map_or_else(String::new, |port| format!("elements = {{ {port} }};")),
        mark = mark(level),
    );
    text
}

/// Where packets enter the chains: what comes from elsewhere is dropped, the rest is counted.
///
/// What opens a connection is told by its flags and not by `ct state`: a rule that asks for the
/// state has the kernel track the connections of every packet, also over the loopback, and that
/// would be measured as this firewall's cost.
const HOOKS: &str = r#"    chain prerouting {
        type filter hook prerouting priority dstnat + 10; policy accept;
        iif != "lo" tcp dport @ports tcp flags & (syn | ack) == syn fib daddr type local counter name blocked drop
    }
    chain input {
        type filter hook input priority filter - 5; policy accept;
        tcp dport @ports goto loopback_walk
        tcp sport @ports goto loopback_walk
        iif != "lo" tcp sport @inner goto from_container_walk
    }
    chain output {
        type filter hook output priority filter - 5; policy accept;
        oif != "lo" tcp dport @inner goto to_container_walk
    }
    chain forward {
        type filter hook forward priority filter - 5; policy accept;
        tcp dport @inner goto forwarded_walk
        tcp sport @inner goto forwarded_walk
    }
"#;

/// Another sample's ports in a table that stays.
pub fn for_port(port: u16, inner: Option<u16>) -> String {
    let mut text = format!(
        "flush set {TABLE} ports\nflush set {TABLE} inner\nadd element {TABLE} ports {{ {port} }}\n"
    );
    if let Some(inner) = inner {
        let _ = writeln!(text, "add element {TABLE} inner {{ {inner} }}");
    }
    text
}

/// The level in the name of a counter, where a colon cannot stand.
fn mark(level: Level) -> String {
    level.to_string().replace(':', ".")
}

/// The level that a counter's name says.
pub(super) fn level_of(mark: &str) -> Option<Level> {
    mark.replace('.', ":").parse().ok()
}

fn elements(ports: &[RangeInclusive<u16>]) -> String {
    let one = |range: &RangeInclusive<u16>| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    let all: Vec<_> = ports.iter().map(one).collect();
    if all.is_empty() {
        String::new()
    } else {
        format!("elements = {{ {} }};", all.join(", "))
    }
}

/// Ports as people write them.
pub fn format_ports(ports: &[RangeInclusive<u16>]) -> String {
    elements(ports)
        .trim_start_matches("elements = { ")
        .trim_end_matches(" };")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_one_transaction_that_removes_what_was_there() {
        for level in [Level::Off, Level::Baseline, Level::Rules(3)] {
            let text = replacing(level, &[10_000..=20_000, 9..=9], Some(8_080), "1-2");
            assert!(text.starts_with(REMOVAL), "{text}");
            assert_eq!(text.contains("table inet coldphase {"), level.is_on());
            assert_eq!(
                text.matches("ip saddr 198.18.").count(),
                level.rules() as usize
            );
        }
        assert_eq!(replacing(Level::Off, &[], None, "x"), REMOVAL);
    }

    #[test]
    fn every_chain_accepts_what_no_rule_names_and_every_rule_of_a_hook_names_ports() {
        let text = replacing(Level::Rules(2), &[10_000..=20_000], None, "1-2");
        assert_eq!(
            text.matches("policy accept").count(),
            text.matches(" hook ").count()
        );
        for line in text
            .lines()
            .filter(|line| line.contains("goto") || line.contains("blocked drop"))
        {
            assert!(line.contains("port @"), "{line}");
            assert!(
                !line.contains(" drop") || line.contains(" fib daddr type local "),
                "what is forwarded is dropped: {line}"
            );
        }
        assert!(text.contains("elements = { 10000-20000 };"), "{text}");
    }

    #[test]
    fn rules_are_distinct_and_name_addresses_that_nobody_has() {
        let text = replacing(Level::Rules(600), &[], None, "1-2");
        let mut rules: Vec<_> = text
            .lines()
            .filter(|line| line.contains("ip saddr"))
            .collect();
        assert!(rules.contains(&"        ip saddr 198.18.2.87 drop"));
        rules.sort_unstable();
        rules.dedup();
        assert_eq!(rules.len(), 600);
    }

    #[test]
    fn a_level_is_read_back_from_the_name_of_its_counter() {
        for level in [Level::Baseline, Level::Rules(1_000)] {
            assert_eq!(level_of(&mark(level)), Some(level));
        }
        assert_eq!(level_of("else"), None);
    }
}
