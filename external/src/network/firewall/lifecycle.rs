//! The firewall of a suite.

use std::ffi::OsStr;

use super::nft::{Counted, Nft, Table};
use super::{FirewallError, Level, ruleset};
use crate::process::cleanup;
use crate::process::reaper::{Guard, Reaper};
use machine::usage;

/// The first word of a firewall's [`cleanup::guard`], before its owner.
pub(crate) const CLEANUP: &str = "firewall-table";

/// The owner of a table that was enabled by a person.
pub(super) const PERSON: &str = "person";

/// The firewall of a suite: another level before each sample, none after the last. If the suite is
/// killed, the reaper removes what it has left.
#[derive(Debug)]
pub struct Firewall {
    nft: Nft,
    owner: String,
    _guard: Guard,
}

impl Firewall {
    /// Finds out whether there can be one, and removes what a suite that was killed has left.
    ///
    /// # Errors
    /// Why there can be none here.
    pub fn new(reaper: &Reaper) -> Result<Self, FirewallError> {
        let nft = Nft::find()?;
        match removable(&nft)? {
            Some(table) if table.owner == PERSON => return Err(FirewallError::Enabled),
            _ => {}
        }
        let owner = cleanup::owner();
        // Guarded before there is anything, so that no kill comes between.
        let guard = cleanup::guard(reaper, &[OsStr::new(CLEANUP), OsStr::new(&owner)])
            .map_err(FirewallError::Nft)?;
        let firewall = Self {
            nft,
            owner,
            _guard: guard,
        };
        // Tried once: what does not work here is one reason, and not as many as there are samples.
        firewall.nft.apply(&ruleset::replacing(
            Level::Baseline,
            &[],
            None,
            &firewall.owner,
        ))?;
        firewall.nft.apply(ruleset::REMOVAL)?;
        Ok(firewall)
    }

    /// Puts up a level for one port, with what is behind it. Looks first at what is there, also
    /// for level `off`: so every level costs as many runs of nft right before a sample, and
    /// a table that has been taken away is noticed.
    ///
    /// # Errors
    /// What nft says; somebody has put another table in its place.
    pub fn put(
        &self,
        level: Level,
        port: u16,
        inner: Option<u16>,
    ) -> Result<Counted, FirewallError> {
        let found = self.mine()?;
        if found.as_ref().map_or(Level::Off, |table| table.level) != level {
            self.nft.apply(&ruleset::replacing(
                level,
                &[port..=port],
                inner,
                &self.owner,
            ))?;
        } else if level.is_on() {
            self.nft.apply(&ruleset::for_port(port, inner))?;
        } else {
            self.nft.apply(ruleset::REMOVAL)?;
        }
        Ok(self.mine()?.map(|table| table.counted).unwrap_or_default())
    }

    /// What there is now, and what it has counted.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn read(&self) -> Result<(Level, Counted), FirewallError> {
        Ok(self
            .mine()?
            .map_or((Level::Off, Counted::default()), |table| {
                (table.level, table.counted)
            }))
    }

    fn mine(&self) -> Result<Option<Table>, FirewallError> {
        match self.nft.table()? {
            Some(table) if table.owner != self.owner => Err(FirewallError::Foreign),
            found => Ok(found),
        }
    }
}

impl Drop for Firewall {
    fn drop(&mut self) {
        if self.mine().is_ok_and(|table| table.is_some()) {
            let _ = self.nft.apply(ruleset::REMOVAL);
        }
    }
}

/// The table, if it may be replaced or removed: a person's. One that a killed suite has left is
/// removed here.
///
/// # Errors
/// It is somebody else's, or a suite's that runs.
pub(super) fn removable(nft: &Nft) -> Result<Option<Table>, FirewallError> {
    let Some(table) = nft.table()? else {
        return Ok(None);
    };
    if table.owner == PERSON {
        return Ok(Some(table));
    }
    if let Some(pid) = living(&table.owner) {
        return Err(FirewallError::InUse(pid));
    }
    nft.apply(ruleset::REMOVAL)?;
    Ok(None)
}

/// The process of a suite, if it still runs: its process id, if no other process has it by now.
fn living(owner: &str) -> Option<u32> {
    let (pid, began) = owner.split_once('-')?;
    let pid = pid.parse().ok()?;
    (usage::began(pid) == began.parse().ok()).then_some(pid)
}

/// A notice for whoever measures behind a firewall that they have enabled: it is in no cell.
pub fn notice() -> Option<String> {
    let table = Nft::find().ok()?.table().ok()??;
    let notice = || {
        format!(
            "the firewall is on ({}), by `external firewall enable`: packets of every sample go \
                through it; `external firewall disable` removes it, and --firewall compares \
                levels of it",
            table.level
        )
    };
    (table.owner == PERSON).then(notice)
}

/// Removes the table of a suite that was killed: for the reaper.
///
/// # Errors
/// What nft says.
pub fn remove_left(owner: &str) -> Result<(), String> {
    let remove = || {
        let nft = Nft::find()?;
        match nft.table() {
            Ok(Some(table)) if table.owner == owner => nft.apply(ruleset::REMOVAL),
            // Nothing is there any more, or something of somebody else's.
            Ok(_) | Err(FirewallError::Foreign) => Ok(()),
            Err(error) => Err(error),
        }
    };
    remove().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_suite_is_distinguished_from_one_that_has_ended() {
        let this = std::process::id();
        assert_eq!(living(&cleanup::owner()), Some(this));
        assert_eq!(
            living(&format!("{this}-1")),
            None,
            "another process of that number"
        );
        assert_eq!(living("person"), None);
    }
}
