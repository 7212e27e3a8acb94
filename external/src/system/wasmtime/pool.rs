//! What the pools of Wasmtime are given: the same, embedded and by its own command line.

use host_probe::pool::PoolSettings;
use results::values::Pool;

/// As many as `host serve` takes requests at a time.
const SLOTS: u32 = 512;

/// What a pool is given; nothing where there is none.
pub(super) const fn pool_settings(pool: Pool) -> Option<PoolSettings> {
    match pool {
        Pool::None => None,
        Pool::Default => Some(PoolSettings::DEFAULT),
        Pool::Tuned => Some(PoolSettings::TUNED.with_slots(SLOTS)),
    }
}

/// What follows `-O` of the command line for a pool; nothing for the one that it has by itself.
pub(super) fn flags(pool: Option<Pool>) -> Option<String> {
    let pool = pool?;
    match pool_settings(pool) {
        _ if pool == Pool::Default => None,
        None => Some("pooling-allocator=n".to_owned()),
        Some(settings) => Some(flags_of(settings)),
    }
}

/// The settings as the command line takes them: those that differ from the engine's own.
fn flags_of(settings: PoolSettings) -> String {
    let values = |of: PoolSettings| {
        let totals = of.totals();
        [
            ("total-component-instances", totals.components),
            ("total-core-instances", totals.core_instances),
            ("total-memories", totals.memories),
            ("total-tables", totals.tables),
            ("total-stacks", totals.stacks),
            ("table-elements", of.table_elements),
            ("max-tables-per-module", of.tables),
            ("max-memories-per-module", of.memories),
            ("max-core-instance-size", of.instance_bytes),
            ("memory-keep-resident", of.memory_kept_bytes),
            ("table-keep-resident", of.table_kept_bytes),
            ("async-stack-keep-resident", of.stack_kept_bytes),
            ("max-unused-warm-slots", of.warm_slots),
            ("decommit-batch-size", of.decommit_batch),
        ]
    };
    let own = PoolSettings::DEFAULT;
    let mut flags = vec!["pooling-allocator=y".to_owned()];
    for ((name, value), (_, usual)) in values(settings).into_iter().zip(values(own)) {
        if value != usual {
            flags.push(format!("pooling-{name}={value}"));
        }
    }
    let scan = |of: PoolSettings| PoolSettings::PAGEMAP_SCAN.get(of.pagemap_scan as usize);
    if let Some(how) = scan(settings).filter(|_| scan(settings) != scan(own)) {
        flags.push(format!("pooling-pagemap-scan={how}"));
    }
    flags.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_given_what_the_embedder_is() {
        assert_eq!(flags(Some(Pool::Default)), None);
        assert_eq!(flags(None), None);
        assert_eq!(flags(Some(Pool::None)).unwrap(), "pooling-allocator=n");
        assert_eq!(
            flags(Some(Pool::Tuned)).unwrap(),
            "pooling-allocator=y,pooling-total-component-instances=512,\
                pooling-total-core-instances=4096,pooling-total-memories=512,\
                pooling-total-tables=4096,pooling-total-stacks=512,\
                pooling-memory-keep-resident=524288,pooling-table-keep-resident=16384,\
                pooling-async-stack-keep-resident=65536,pooling-pagemap-scan=auto"
        );
    }
}
