//! The firewall of a suite.

use std::ffi::OsStr;

use super::nft::{Counted, Nft, Table};
use super::{Level, Trouble, ruleset};
use crate::observe::janitor::{Guard, Janitor};
use crate::system;
use machine::usage;

/// Who has made a table that a person has asked for.
pub(super) const PERSON: &str = "person";

/// The firewall of a suite: another level before each sample, none after the last. If the suite is
/// killed, the janitor removes what it has left.
#[derive(Debug)]
pub struct Wall {
    nft: Nft,
    owner: String,
    _guard: Guard,
}

impl Wall {
    /// Finds out whether there can be one, and removes what a suite that was killed has left.
    ///
    /// # Errors
    /// Why there can be none here.
    pub fn new(janitor: &Janitor) -> Result<Self, Trouble> {
        let nft = Nft::find()?;
        match removable(&nft)? {
            Some(table) if table.owner == PERSON => return Err(Trouble::Enabled),
            _ => {}
        }
        let owner = system::owner();
        // Told before there is anything, so that no kill comes between.
        let guard = system::guard(janitor, &[OsStr::new("firewall"), OsStr::new(&owner)])
            .map_err(Trouble::Nft)?;
        let wall = Self {
            nft,
            owner,
            _guard: guard,
        };
        // Tried once: what does not work here is one reason, and not as many as there are samples.
        wall.nft
            .apply(&ruleset::replacing(Level::Baseline, &[], None, &wall.owner))?;
        wall.nft.apply(ruleset::REMOVAL)?;
        Ok(wall)
    }

    /// Puts up a level for one port, with what is behind it. Looks first at what is there, also
    /// where nothing is wanted: so every level costs as many runs of nft right before a sample, and
    /// a table that has been taken away is noticed.
    ///
    /// # Errors
    /// What nft says; somebody has put another table in its place.
    pub fn put(&self, level: Level, port: u16, inner: Option<u16>) -> Result<Counted, Trouble> {
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
    pub fn look(&self) -> Result<(Level, Counted), Trouble> {
        Ok(self
            .mine()?
            .map_or((Level::Off, Counted::default()), |table| {
                (table.level, table.counted)
            }))
    }

    fn mine(&self) -> Result<Option<Table>, Trouble> {
        match self.nft.table()? {
            Some(table) if table.owner != self.owner => Err(Trouble::Foreign),
            found => Ok(found),
        }
    }
}

impl Drop for Wall {
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
pub(super) fn removable(nft: &Nft) -> Result<Option<Table>, Trouble> {
    let Some(table) = nft.table()? else {
        return Ok(None);
    };
    if table.owner == PERSON {
        return Ok(Some(table));
    }
    if let Some(pid) = living(&table.owner) {
        return Err(Trouble::InUse(pid));
    }
    nft.apply(ruleset::REMOVAL)?;
    Ok(None)
}

/// The process of a suite, if it still runs: its number, if nobody else has got that since.
fn living(owner: &str) -> Option<u32> {
    let (pid, began) = owner.split_once('-')?;
    let pid = pid.parse().ok()?;
    (usage::began(pid) == began.parse().ok()).then_some(pid)
}

/// What a person is told who measures behind a firewall that they have enabled: it is in no cell.
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

/// Removes the table of a suite that was killed: for the janitor.
///
/// # Errors
/// What nft says.
pub fn remove_left(owner: &str) -> Result<(), String> {
    let remove = || {
        let nft = Nft::find()?;
        match nft.table() {
            Ok(Some(table)) if table.owner == owner => nft.apply(ruleset::REMOVAL),
            // Nothing is there any more, or something of somebody else's.
            Ok(_) | Err(Trouble::Foreign) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    };
    remove().map_err(|trouble| trouble.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_that_runs_is_told_from_one_that_has_ended() {
        let this = std::process::id();
        assert_eq!(living(&system::owner()), Some(this));
        assert_eq!(
            living(&format!("{this}-1")),
            None,
            "another process of that number"
        );
        assert_eq!(living("person"), None);
    }
}
