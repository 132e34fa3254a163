//! What the log remembers of a database.

use crate::format::Record;
use crate::name::DatabaseName;
use crate::replay::Found;

/// One database.
#[derive(Clone, Debug)]
pub(super) struct Database {
    /// What stands for it in the newest segment.
    pub(super) local: u32,
    /// The id of its newest rows in the log.
    pub(super) last_id: u64,
    /// Its rows up to this id are in other files.
    pub(super) stored_id: u64,
    /// The same, as far as the log on the disk says so, or is about to.
    pub(super) safe_stored_id: u64,
    /// How many readers there are, and from which id on they may read.
    pub(super) pins: u32,
    pub(super) pinned_id: u64,
}

impl Database {
    /// One that was never in the log and needs nothing of it up to `last_id`.
    pub(super) fn new(local: u32, last_id: u64) -> Self {
        Self { local, last_id, stored_id: last_id, safe_stored_id: last_id, pins: 0, pinned_id: 0 }
    }

    /// One that was found at start.
    pub(super) fn found(found: &Found) -> Self {
        let stored_id = found.stored_id;
        Self { stored_id, safe_stored_id: stored_id, ..Self::new(0, found.last_id) }
    }

    pub(super) fn record<'a>(&self, name: &'a DatabaseName) -> Record<'a> {
        Record::Database {
            local: self.local,
            name: name.as_str(),
            last_id: self.last_id,
            stored_id: self.stored_id,
        }
    }

    /// Up to which id nobody needs its rows in the log.
    pub(super) fn unneeded_id(&self) -> u64 {
        match self.pins {
            0 => self.stored_id,
            _ => self.stored_id.min(self.pinned_id),
        }
    }
}
