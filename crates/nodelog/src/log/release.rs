//! Letting go of segments: oldest first, and only when the disk has the marks that say that nobody
//! needs them.

use super::{Log, Segment};
use crate::error::{LogError, Result};
use crate::hooks::LogPoint;
use crate::name::DatabaseName;

impl Log {
    /// Takes down that all rows of a database up to `id` are in other files, *and that those and
    /// whatever names them are on the disk*. From then on the log may forget them.
    pub fn mark_stored(&mut self, name: &DatabaseName, id: u64) {
        if let Some(database) = self.databases.get_mut(name) {
            database.stored_id = database.stored_id.max(id.min(database.last_id));
        }
    }

    /// Keeps the rows of a database that are not marked yet, until [`unpin`](Self::unpin).
    pub fn pin(&mut self, name: &DatabaseName) {
        if let Some(database) = self.databases.get_mut(name) {
            let unneeded = database.unneeded_id();
            database.pinned_id = unneeded;
            database.pins += 1;
        }
    }

    /// Ends one [`pin`](Self::pin).
    pub fn unpin(&mut self, name: &DatabaseName) {
        if let Some(database) = self.databases.get_mut(name) {
            database.pins = database.pins.saturating_sub(1);
        }
    }

    /// Removes the oldest segments of which nothing is needed; answers how many.
    pub fn release(&mut self) -> Result<usize> {
        let unneeded = self.unneeded_segments();
        if unneeded == 0 {
            return Ok(0);
        }
        self.all_or_fail(|log| {
            log.write_marks()?;
            log.reached(LogPoint::SegmentReleased)?;
            for _ in 0..unneeded {
                log.remove_oldest()?;
            }
            Ok(unneeded)
        })
    }

    /// The databases without whose rows the oldest segment could be removed.
    pub fn holders(&self) -> Vec<DatabaseName> {
        let removable = self.segments.len() > 1;
        let oldest = self.segments.front().filter(|_| removable);
        let holds = oldest.into_iter().flat_map(|segment| &segment.holds);
        holds.filter(|(name, id)| self.needs(name, **id)).map(|(name, _)| name.clone()).collect()
    }

    fn needs(&self, name: &DatabaseName, id: u64) -> bool {
        self.databases.get(name).is_some_and(|database| database.unneeded_id() < id)
    }

    fn unneeded_segments(&self) -> usize {
        let is_unneeded =
            |segment: &&Segment| !segment.holds.iter().any(|(name, id)| self.needs(name, *id));
        let all_but_newest = self.segments.iter().take(self.segments.len() - 1);
        all_but_newest.take_while(is_unneeded).count()
    }

    /// Puts the marks that are new onto the disk.
    fn write_marks(&mut self) -> Result<()> {
        let payload = self.frame.payload();
        let before = payload.len();
        for (name, database) in &mut self.databases {
            if database.stored_id > database.safe_stored_id {
                database.safe_stored_id = database.stored_id;
                database.record(name).encode(payload);
            }
        }
        match payload.len() > before {
            true => self.write_frame(),
            false => Ok(()),
        }
    }

    /// One at a time and each forced onto the disk: what is left is a run without a hole.
    fn remove_oldest(&mut self) -> Result<()> {
        if let Some(oldest) = self.segments.front() {
            let file = &oldest.file;
            self.disk.remove(file).map_err(LogError::io(file, "removing"))?;
            self.disk.sync_directory().map_err(LogError::io("directory", "syncing"))?;
            self.segments.pop_front();
        }
        self.reached(LogPoint::SegmentRemoved)
    }
}
