//! What a start finds in the page cache, as it is asked for.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use results::record::Scenario;
use results::values::{Named as _, PageCache};

use super::settings::Settings;

/// Parses a state of the page cache, as an argument.
pub(super) fn parser() -> impl clap::builder::TypedValueParser<Value = PageCache> {
    PossibleValuesParser::new(PageCache::ALL.iter().map(|state| state.name()))
        .map(|name| PageCache::from_name(&name).expect("only the names of values are possible"))
}

/// What a scenario's starts find, one state after another.
pub(super) fn states(settings: &Settings, scenario: Scenario) -> Vec<PageCache> {
    let named = settings.values.page_cache.iter().copied();
    let states: Vec<_> = named.filter(|state| scenario.allows(*state)).collect();
    let evict_always = settings.evict_always && scenario == Scenario::WarmDisk;
    match states {
        states if !states.is_empty() => states,
        _ if evict_always => vec![PageCache::Evicted],
        _ => vec![scenario.page_cache()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_finds_what_it_says_or_what_it_allows_and_is_asked_for() {
        let mut settings = Settings::for_comparison(1, Some(1));
        for scenario in Scenario::ALL {
            assert_eq!(states(&settings, scenario), [scenario.page_cache()]);
        }
        settings.evict_always = true;
        assert_eq!(states(&settings, Scenario::WarmDisk), [PageCache::Evicted]);
        assert_eq!(states(&settings, Scenario::CodeCold), [PageCache::Hot]);
        settings.values.page_cache = vec![PageCache::Hot, PageCache::EvictedAll];
        assert_eq!(
            states(&settings, Scenario::CodeCold),
            [PageCache::Hot, PageCache::EvictedAll]
        );
        assert_eq!(states(&settings, Scenario::WarmDisk), [PageCache::Hot]);
        assert_eq!(
            states(&settings, Scenario::DiskCold),
            [PageCache::EvictedAll]
        );
        assert_eq!(states(&settings, Scenario::Warm), [PageCache::Hot]);
    }
}
