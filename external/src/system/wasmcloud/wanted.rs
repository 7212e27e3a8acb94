//! What an order asks of wasmCloud.

use std::collections::BTreeMap;

use results::record::Scenario;
use workloads::Workload;

use super::super::hosted::{Order, Variant};
use super::super::listens;

/// The variants of a scenario's cells, the usual one first.
pub fn variants(scenario: Scenario) -> Vec<Variant> {
    let of = |pairs: &[(&str, &str)]| -> Variant {
        pairs
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    };
    match scenario {
        Scenario::Cold => vec![
            of(&[("host", "new"), ("image", "pulled")]),
            of(&[
                ("host", "new"),
                ("image", "pulled"),
                ("infrastructure", "new"),
            ]),
            of(&[
                ("host", "running"),
                ("image", "pulled"),
                ("code", "compiled"),
            ]),
        ],
        Scenario::RuntimeCold => vec![
            of(&[("host", "new"), ("image", "cached")]),
            of(&[("host", "running"), ("image", "cached"), ("code", "kept")]),
            of(&[("host", "running"), ("image", "pulled"), ("code", "kept")]),
        ],
        // A host of its own for each sample, as for any other system. `pool=on` would be without
        // effect.
        Scenario::Warm | Scenario::Throughput | Scenario::Scaling | Scenario::Density => {
            vec![Variant::new()]
        }
    }
}

/// What is new in a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum New {
    /// NATS, the registry, the host, and the workload.
    Everything,
    /// The host and the workload.
    Host,
    /// The workload, of a component that the host, which lives on, has never seen.
    Component,
    /// The workload, of a component whose compiled code the host, which lives on, has kept.
    Workload,
}

/// An order as its variant says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) new: New,
    /// The component is pulled from the registry, and not found in the host's cache of images.
    pub(super) pulled: bool,
    /// The component may keep an instance between requests.
    pub(super) pooled: bool,
}

impl Wanted {
    pub(super) fn of(order: &Order) -> Result<Self, String> {
        check(order.workload)?;
        let mut left = order.variant.clone();
        let new_host = one_of(&mut left, "host", "new", "running")?;
        let pulled = !one_of(&mut left, "image", "cached", "pulled")?;
        let new = if new_host {
            if one_of(&mut left, "infrastructure", "running", "new")? {
                New::Host
            } else {
                New::Everything
            }
        } else if one_of(&mut left, "code", "kept", "compiled")? {
            New::Workload
        } else {
            New::Component
        };
        let pooled = !one_of(&mut left, "pool", "off", "on")?;
        if let Some(key) = left.keys().next() {
            return Err(format!(
                "wasmCloud has no parameter `{key}` here; there are host, image, pool, with \
                    host=new infrastructure, and with host=running code"
            ));
        }
        if new == New::Component && !pulled {
            return Err(
                "a component that a host does not know is in no cache of its: code=compiled needs \
                    image=pulled"
                    .to_owned(),
            );
        }
        Ok(Self {
            new,
            pulled,
            pooled,
        })
    }

    /// Whether the host is launched for the start.
    pub(super) const fn new_host(self) -> bool {
        matches!(self.new, New::Host | New::Everything)
    }

    /// Whether NATS and the registry are, too.
    pub(super) fn new_infrastructure(self) -> bool {
        self.new == New::Everything
    }
}

/// A command would have to be a component that runs to its end as a service, which ours are not.
fn check(workload: Workload) -> Result<(), String> {
    if listens(workload) {
        return Ok(());
    }
    Err(format!(
        "wasmCloud runs components, and {} is a command that is a module",
        workload.name()
    ))
}

/// Whether a parameter has its first value, which it has too if it is not said.
fn one_of(
    left: &mut BTreeMap<String, String>,
    key: &str,
    usual: &str,
    other: &str,
) -> Result<bool, String> {
    match left.remove(key) {
        None => Ok(true),
        Some(value) if value == usual => Ok(true),
        Some(value) if value == other => Ok(false),
        Some(value) => Err(format!(
            "`{key}` of wasmCloud is {usual} or {other}, not {value}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(pairs: &[(&str, &str)]) -> Order {
        let variant = pairs
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Order {
            workload: Workload::HttpHello,
            acquire: None,
            variant,
            cold: false,
            evicted: false,
            told: false,
            core: None,
            deadline_ns: 0,
        }
    }

    #[test]
    fn every_variant_of_a_plan_is_understood_and_is_another() {
        for scenario in Scenario::ALL {
            let variants = variants(scenario);
            let understood: Vec<_> = variants
                .into_iter()
                .map(|variant| {
                    Wanted::of(&Order {
                        variant,
                        ..order(&[])
                    })
                    .unwrap()
                })
                .collect();
            assert!(!understood.is_empty());
            assert!(
                understood
                    .iter()
                    .enumerate()
                    .all(|(at, one)| !understood[..at].contains(one)),
                "{understood:?}"
            );
        }
    }

    #[test]
    fn what_is_not_said_is_the_usual() {
        assert_eq!(
            Wanted::of(&order(&[])),
            Ok(Wanted {
                new: New::Host,
                pulled: false,
                pooled: false
            })
        );
        let said = [
            ("host", "running"),
            ("image", "pulled"),
            ("code", "compiled"),
            ("pool", "on"),
        ];
        assert_eq!(
            Wanted::of(&order(&said)),
            Ok(Wanted {
                new: New::Component,
                pulled: true,
                pooled: true
            })
        );
        assert_eq!(Wanted::of(&order(&said[..2])).unwrap().new, New::Workload);
        assert_eq!(
            Wanted::of(&order(&[("infrastructure", "new")]))
                .unwrap()
                .new,
            New::Everything
        );
    }

    #[test]
    fn what_cannot_be_is_said() {
        let error = |pairs| Wanted::of(&order(pairs)).unwrap_err();
        assert!(error(&[("hosts", "new")]).contains("no parameter `hosts`"));
        assert!(error(&[("image", "old")]).contains("cached or pulled, not old"));
        assert!(
            error(&[("host", "running"), ("infrastructure", "new")])
                .contains("no parameter `infrastructure`")
        );
        assert!(error(&[("host", "running"), ("code", "compiled")]).contains("needs image=pulled"));
        assert!(
            error(&[("host", "new"), ("code", "kept")]).contains("no parameter `code`"),
            "a new one has none to keep"
        );
        let command = Order {
            workload: Workload::Hello,
            ..order(&[])
        };
        assert!(
            Wanted::of(&command)
                .unwrap_err()
                .contains("hello is a command")
        );
    }
}
