//! Rules as `iptables-save` prints them, compared line by line. A line is never taken apart into
//! words for a command: what is to be deleted is handed to `iptables-restore` as it was printed.

use std::collections::{BTreeMap, BTreeSet};

use super::BRIDGE;

/// What the names of an engine's chains begin with.
const CHAIN: &str = "DOCKER";

/// The chain that an engine makes for rules of people's.
const PEOPLES: &str = "DOCKER-USER";

/// A chain that is no hook has no policy.
const NO_POLICY: &str = "-";

/// The policy of a hook in a table that is not there: nothing is kept from passing.
const OPEN: &str = "ACCEPT";

/// By name.
pub(super) type Tables = BTreeMap<String, Table>;

/// One table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The policy of each.
    chains: BTreeMap<String, String>,
    /// In their order, each as `-A CHAIN …`.
    rules: Vec<String>,
}

/// What is to be changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Removal {
    /// For `iptables-restore --noflush`; nothing if nothing is to be changed.
    pub(super) text: String,
    /// Chains that cannot be removed.
    pub(super) left: Vec<String>,
}

pub(super) fn parse(text: &str) -> Tables {
    let mut tables = Tables::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(begun) = line.strip_prefix('*') {
            begun.clone_into(&mut name);
            tables.entry(name.clone()).or_default();
            continue;
        }
        let Some(table) = tables.get_mut(&name) else {
            continue;
        };
        if let Some((chain, policy)) = line.strip_prefix(':').and_then(|line| line.split_once(' '))
        {
            let policy = policy.split(' ').next().unwrap_or(NO_POLICY);
            table.chains.insert(chain.to_owned(), policy.to_owned());
        } else if line.starts_with("-A ") {
            table.rules.push(line.to_owned());
        }
    }
    tables
}

pub(super) fn format(tables: &Tables) -> String {
    let mut text = String::new();
    for (name, table) in tables {
        text += &format!("*{name}\n");
        for (chain, policy) in &table.chains {
            text += &format!(":{chain} {policy} [0:0]\n");
        }
        for rule in &table.rules {
            text += &format!("{rule}\n");
        }
        text += "COMMIT\n";
    }
    text
}

/// What an engine has added that was not there before: of rules, chains and policies that are new,
/// those that can be its own.
pub(super) fn difference(before: &Tables, now: &Tables) -> Tables {
    let subnet = subnet(now);
    let none = Table::default();
    let mut added = Tables::new();
    for (name, table) in now {
        let before = before.get(name).unwrap_or(&none);
        let chains = table.chains.iter().filter(|(chain, policy)| {
            let was = before.chains.get(*chain);
            was.is_none() && chain.starts_with(CHAIN)
                || policy.as_str() != NO_POLICY && was.map_or(OPEN, String::as_str) != *policy
        });
        let mut known = before.rules.clone();
        let rules = table.rules.iter().filter(|rule| {
            let is_new = !take(&mut known, rule);
            is_new && is_an_engines(rule, subnet)
        });
        let table = Table {
            chains: chains
                .map(|(chain, policy)| (chain.clone(), policy.clone()))
                .collect(),
            rules: rules.cloned().collect(),
        };
        added.insert(name.clone(), table);
    }
    added
}

/// What takes back what was added, as far as it is still there.
pub(super) fn removal(before: &Tables, added: &Tables, now: &Tables) -> Removal {
    let subnet = added.get("nat").and_then(|_| self::subnet(added));
    let mut removal = Removal::default();
    for (name, added) in added {
        let (before, Some(now)) = (before.get(name), now.get(name)) else {
            continue;
        };
        let mut lines = Vec::new();
        for (chain, policy) in &added.chains {
            let was = before.and_then(|before| before.chains.get(chain));
            if policy != NO_POLICY && now.chains.get(chain) == Some(policy) {
                let was = was.map_or(OPEN, String::as_str);
                lines.push(format!(":{chain} {was} [0:0]"));
            }
        }
        let (deleted, stay) = sort(added, now, subnet);
        lines.extend(deleted.iter().map(|rule| rule.replacen("-A ", "-D ", 1)));
        let (empty, full) = chains(added, now, &stay);
        lines.extend(empty.iter().map(|chain| format!("-X {chain}")));
        removal.left.extend(full);
        if !lines.is_empty() {
            removal.text += &format!("*{name}\n{}\nCOMMIT\n", lines.join("\n"));
        }
    }
    removal
}

/// The rules of now: those that are to be deleted, and those that stay.
fn sort<'a>(added: &Table, now: &'a Table, subnet: Option<&str>) -> (Vec<&'a str>, Vec<&'a str>) {
    let mut known = added.rules.clone();
    let rules = now.rules.iter().map(String::as_str);
    rules.partition(|rule| take(&mut known, rule) || is_a_containers(rule, added, subnet))
}

/// The chains that were added: those that can be removed, and those that cannot.
fn chains<'a>(added: &'a Table, now: &Table, stay: &[&str]) -> (Vec<&'a str>, Vec<String>) {
    let made = added
        .chains
        .iter()
        .filter(|(chain, policy)| *policy == NO_POLICY && now.chains.contains_key(*chain));
    let used: BTreeSet<&str> = stay
        .iter()
        .flat_map(|rule| [chain_of(rule), target(rule)])
        .collect();
    let (full, empty): (Vec<_>, Vec<_>) = made
        .map(|(chain, _)| chain.as_str())
        .partition(|chain| used.contains(chain));
    (empty, full.into_iter().map(str::to_owned).collect())
}

/// Takes one line out of those that are known, if it is among them. Twice the same is two.
fn take(known: &mut Vec<String>, rule: &str) -> bool {
    let found = known.iter().position(|one| one == rule);
    found.map(|at| known.swap_remove(at)).is_some()
}

/// Whether an engine can have written a rule: it names one of its chains, its bridge or its
/// addresses, and says nothing to people.
fn is_an_engines(rule: &str, subnet: Option<&str>) -> bool {
    let mut words = rule.split(' ');
    !has_text(rule)
        && words.any(|word| {
            word.starts_with(CHAIN) || word == BRIDGE || subnet.is_some_and(|net| word == net)
        })
}

/// Whether it is for one container's port, which comes and goes with the container: it names an
/// address of the engine's, in a chain of the engine's own, or where a container asks for itself by
/// its published port.
fn is_a_containers(rule: &str, added: &Table, subnet: Option<&str>) -> bool {
    let chain = chain_of(rule);
    let is_own = chain != PEOPLES
        && added
            .chains
            .get(chain)
            .is_some_and(|policy| policy == NO_POLICY);
    let words: Vec<_> = rule.split(' ').collect();
    let address = |option: &str| {
        let value = words
            .windows(2)
            .find(|pair| pair[0] == option)
            .map(|pair| pair[1]);
        let address = value.and_then(|value| value.split([':', '/']).next());
        address.filter(|address| subnet.is_some_and(|net| contains(net, address)))
    };
    let (source, to) = (address("-s"), address("-d"));
    let asks_for_itself = chain == "POSTROUTING" && source.is_some() && source == to;
    // As engines since 28 keep others from reaching a container but by its bridge.
    let is_guarded = chain == "PREROUTING"
        && to.is_some()
        && target(rule) == "DROP"
        && words.windows(3).any(|three| three == ["!", "-i", BRIDGE]);
    !has_text(rule)
        && (is_guarded
            || is_own && (to.or(source).is_some() || address("--to-destination").is_some())
            || asks_for_itself && target(rule) == "MASQUERADE")
}

/// Whether a rule has a comment or anything else that needs quotes: an engine's never has.
fn has_text(rule: &str) -> bool {
    rule.contains('"') || rule.contains("--comment")
}

fn chain_of(rule: &str) -> &str {
    rule.split(' ').nth(1).unwrap_or_default()
}

/// The chain that a rule leads to.
fn target(rule: &str) -> &str {
    let mut words = rule
        .split(' ')
        .skip_while(|word| !["-j", "-g"].contains(word));
    words.nth(1).unwrap_or_default()
}

/// The addresses of the engine's bridge, as its rule that translates them names them.
fn subnet(tables: &Tables) -> Option<&str> {
    let rules = &tables.get("nat")?.rules;
    rules.iter().find_map(|rule| {
        let net = rule.strip_prefix("-A POSTROUTING -s ")?;
        net.strip_suffix(&format!(" ! -o {BRIDGE} -j MASQUERADE"))
    })
}

/// Whether a network has an address.
fn contains(net: &str, address: &str) -> bool {
    let (Some((first, bits)), Ok(address)) = (net.split_once('/'), address.parse()) else {
        return false;
    };
    let (Ok(first), Ok(bits @ 1..=32)) = (first.parse(), bits.parse::<u32>()) else {
        return false;
    };
    let number = |address: std::net::Ipv4Addr| u32::from(address) >> (32 - bits);
    number(first) == number(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [9:9]\n\
        -A INPUT -i docker0 -p tcp -m tcp --dport 22 -j DROP\n\
        -A INPUT -m comment --comment \"$(touch /tmp/x) docker0\" -j ACCEPT\n\
        -A FORWARD -i eth1 -j ACCEPT\nCOMMIT\n*nat\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n";

    /// As engine 20.10 leaves it after its start.
    const UP: &str = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [9:9]\n:DOCKER - [0:0]\n\
        :DOCKER-USER - [0:0]\n\
        -A INPUT -i docker0 -p tcp -m tcp --dport 22 -j DROP\n\
        -A INPUT -m comment --comment \"$(touch /tmp/x) docker0\" -j ACCEPT\n\
        -A FORWARD -j DOCKER-USER\n-A FORWARD -o docker0 -j DOCKER\n\
        -A FORWARD -i docker0 ! -o docker0 -j ACCEPT\n\
        -A FORWARD -i eth1 -j ACCEPT\n-A DOCKER-USER -j RETURN\nCOMMIT\n\
        *nat\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n\
        -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n\
        -A DOCKER -i docker0 -j RETURN\nCOMMIT\n";

    fn taken_back(now: &str) -> Removal {
        let (before, up) = (parse(BEFORE), parse(UP));
        removal(&before, &difference(&before, &up), &parse(now))
    }

    #[test]
    fn what_the_engine_added_is_taken_back_and_nothing_else() {
        let removal = taken_back(UP);
        assert_eq!(
            removal.text,
            "*filter\n:FORWARD ACCEPT [0:0]\n-D FORWARD -j DOCKER-USER\n\
             -D FORWARD -o docker0 -j DOCKER\n-D FORWARD -i docker0 ! -o docker0 -j ACCEPT\n\
             -D DOCKER-USER -j RETURN\n-X DOCKER\n-X DOCKER-USER\nCOMMIT\n\
             *nat\n-D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n\
             -D DOCKER -i docker0 -j RETURN\n-X DOCKER\nCOMMIT\n"
        );
        assert_eq!(removal.left, [""; 0]);
        assert_eq!(
            taken_back(BEFORE),
            Removal::default(),
            "and it is gone already"
        );
    }

    #[test]
    fn what_somebody_has_added_while_it_ran_stays() {
        let theirs = [
            "-A INPUT -i docker0 -j ACCEPT",
            "-A FORWARD -o docker0 -m comment --comment \"; reboot\" -j DROP",
            "-A DOCKER-USER -s 192.0.2.1/32 -j DROP",
            "-A FORWARD -i eth2 -j DOCKER",
        ];
        let now = UP.replacen("COMMIT", &format!("{}\nCOMMIT", theirs.join("\n")), 1);
        let removal = taken_back(&now);
        for rule in theirs {
            let deletion = rule.replacen("-A ", "-D ", 1);
            assert!(!removal.text.contains(&deletion), "{}", removal.text);
        }
        assert_eq!(removal.left, ["DOCKER", "DOCKER-USER"], "they are in use");
        assert!(!removal.text.contains("-X DOCKER-USER"));
    }

    #[test]
    fn a_policy_that_somebody_has_set_since_stays() {
        let now = UP.replace(":FORWARD DROP", ":FORWARD ACCEPT");
        assert!(!taken_back(&now).text.contains(":FORWARD"));
    }

    #[test]
    fn the_rules_of_a_killed_engines_containers_go_with_it() {
        let (containers, foreign) = (
            [
                "-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE",
                "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80",
            ],
            [
                "-A POSTROUTING -s 172.17.0.2/32 -j MASQUERADE",
                "-A POSTROUTING -s 10.0.0.2/32 -d 10.0.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE",
                "-A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:80",
            ],
        );
        let all = [&containers[..], &foreign[..]].concat().join("\n");
        let end = UP.rfind("COMMIT").unwrap();
        let now = format!("{}{all}\nCOMMIT\n", &UP[..end]);
        let text = taken_back(&now).text;
        for rule in containers {
            assert!(
                text.contains(&rule.replacen("-A ", "-D ", 1)),
                "{rule}\n{text}"
            );
        }
        for rule in foreign {
            assert!(
                !text.contains(&rule.replacen("-A ", "-D ", 1)),
                "{rule}\n{text}"
            );
        }
    }

    /// As engine 28 leaves it after its start where there was no table before.
    const UP_28: &str = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\n\
        :DOCKER-FORWARD - [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n\
        -A FORWARD -j DOCKER-FORWARD\n-A DOCKER-FORWARD -i docker0 -j ACCEPT\nCOMMIT\n\
        *nat\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n\
        -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\nCOMMIT\n\
        *raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n";

    #[test]
    fn a_hook_of_a_table_that_was_not_there_is_open_again() {
        let none = Tables::new();
        let up = parse(UP_28);
        let removal = removal(&none, &difference(&none, &up), &up);
        let first = removal.text.lines().nth(1);
        assert_eq!(first, Some(":FORWARD ACCEPT [0:0]"), "{}", removal.text);
        assert!(!removal.text.contains(":INPUT"), "{}", removal.text);
    }

    #[test]
    fn what_guards_a_killed_engines_containers_goes_with_it() {
        let own = "-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP";
        let foreign = [
            "-A PREROUTING -d 172.18.0.2/32 ! -i docker0 -j DROP",
            "-A PREROUTING -d 172.17.0.2/32 ! -i br1 -j DROP",
            "-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j ACCEPT",
        ];
        let (none, up) = (Tables::new(), parse(UP_28));
        let end = UP_28.rfind("COMMIT").unwrap();
        let all = format!("{}{own}\n{}\nCOMMIT\n", &UP_28[..end], foreign.join("\n"));
        let text = removal(&none, &difference(&none, &up), &parse(&all)).text;
        assert!(text.contains(&own.replacen("-A ", "-D ", 1)), "{text}");
        for rule in foreign {
            assert!(
                !text.contains(&rule.replacen("-A ", "-D ", 1)),
                "{rule}\n{text}"
            );
        }
    }

    #[test]
    fn the_same_rule_twice_is_two_and_one_of_them_somebody_elses() {
        let rule = "-A FORWARD -o docker0 -j DOCKER\n";
        let before = format!("{}{rule}COMMIT\n", BEFORE.split("COMMIT").next().unwrap());
        let (before, up) = (parse(&before), parse(UP));
        let text = removal(&before, &difference(&before, &up), &up).text;
        assert!(!text.contains("-D FORWARD -o docker0 -j DOCKER"), "{text}");
        assert!(text.contains("-D FORWARD -j DOCKER-USER"));
    }

    #[test]
    fn what_is_printed_reads_as_what_was_read() {
        assert_eq!(parse(&format(&parse(UP))), parse(UP));
    }
}
