//! The changes of strategies that are known: those under way, and the last ones that have ended.
//!
//! Kept in memory and on disk ([`record`](super::record)), bounded.

use super::record::{self, RekeyRecord, RekeyState, Wanted};
use crate::error::ManagerError;
use crate::shared::Shared;
use std::collections::VecDeque;
use storage::Blobs;
use types::{Strategy, TableId};

/// How many that have ended are remembered.
const ENDED_MAX: usize = 64;

/// Oldest first.
#[derive(Debug, Default)]
pub(crate) struct Rekeys {
    all: VecDeque<RekeyRecord>,
    /// The table whose strategy the service is about to change.
    starting: Option<String>,
    /// Those that had to make room in memory and are to be deleted from disk.
    gone: Vec<u64>,
}

impl Rekeys {
    /// What an earlier process has left.
    pub(crate) async fn restore(blobs: &Blobs) -> Result<Self, ManagerError> {
        Ok(Self { all: record::restore(blobs).await?.into(), ..Self::default() })
    }

    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = &RekeyRecord> {
        self.all.iter()
    }

    pub(crate) fn get(&self, id: u64) -> Option<&RekeyRecord> {
        self.all.iter().find(|rekey| rekey.id == id)
    }

    pub(crate) fn last_id(&self) -> u64 {
        self.all.iter().map(|rekey| rekey.id).max().unwrap_or(0)
    }

    /// The table whose strategy is being changed.
    pub(super) fn under_way(&self) -> Option<&str> {
        let running = self.all.iter().find(|rekey| rekey.state == RekeyState::Running);
        self.starting.as_deref().or(running.map(|rekey| rekey.table_name.as_str()))
    }

    /// Says that the service is about to change a table's strategy, or is not any more.
    pub(super) fn set_starting(&mut self, table: Option<String>) {
        self.starting = table;
    }

    /// The last one with this aim that was begun on a table and not done.
    pub(super) fn begun_as(&self, table: TableId, from: Strategy, to: Strategy) -> Option<u64> {
        let same = |rekey: &&RekeyRecord| (rekey.table, rekey.from, rekey.to) == (table, from, to);
        let last = self.all.iter().rev().find(same)?;
        matches!(last.state, RekeyState::Running | RekeyState::Failed).then_some(last.id)
    }

    fn insert(&mut self, rekey: RekeyRecord) {
        if self.all.len() >= ENDED_MAX
            && let Some(at) = self.all.iter().position(|old| old.state != RekeyState::Running)
        {
            self.gone.extend(self.all.remove(at).map(|old| old.id));
        }
        self.all.push_back(rekey);
    }

    fn change(&mut self, id: u64, change: impl FnOnce(&mut RekeyRecord)) -> Option<RekeyRecord> {
        let rekey = self.all.iter_mut().find(|rekey| rekey.id == id)?;
        change(rekey);
        Some(rekey.clone())
    }

    /// Forgets one that was never begun.
    fn forget(&mut self, id: u64) {
        self.all.retain(|rekey| rekey.id != id);
        self.gone.push(id);
    }
}

impl Shared {
    /// Notes a change that is about to begin, in memory: nobody else begins one on the same table.
    pub(super) fn note_rekey(&self, wanted: Wanted) -> RekeyRecord {
        let id = self.journal.lock().reserve_id();
        let rekey = RekeyRecord::running(id, wanted, self.components.clock.now_ms());
        self.rekeys.lock().insert(rekey.clone());
        rekey
    }

    /// Writes one down as it is now.
    pub(super) async fn write_rekey(&self, id: u64) -> Result<(), ManagerError> {
        self.change_rekey(id, |_| ()).await
    }

    /// Changes one, and writes it down.
    pub(super) async fn change_rekey(
        &self,
        id: u64,
        change: impl FnOnce(&mut RekeyRecord),
    ) -> Result<(), ManagerError> {
        let (changed, gone) = {
            let mut rekeys = self.rekeys.lock();
            (rekeys.change(id, change), std::mem::take(&mut rekeys.gone))
        };
        let written = self.put_rekey(changed.as_ref(), &gone).await;
        if written.is_err() {
            // The next one deletes them.
            self.rekeys.lock().gone.extend(gone);
        }
        written
    }

    async fn put_rekey(
        &self,
        changed: Option<&RekeyRecord>,
        gone: &[u64],
    ) -> Result<(), ManagerError> {
        let blobs = self.components.storage.blobs();
        if let Some(rekey) = changed {
            record::write(blobs, rekey).await?;
        }
        for id in gone {
            blobs.delete(&record::name(*id)).await?;
        }
        Ok(())
    }

    /// Forgets one that was noted and not begun.
    pub(super) async fn forget_rekey(&self, id: u64) -> Result<(), ManagerError> {
        self.rekeys.lock().forget(id);
        self.write_rekey(id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dynamodb::ChosenBy;

    fn rekey(id: u64, state: RekeyState) -> RekeyRecord {
        let wanted = Wanted {
            table: TableId(id),
            table_name: "orders".into(),
            from: Strategy::Hash,
            to: Strategy::Range,
            by: ChosenBy::Owner,
            grounds: None,
        };
        RekeyRecord { state, ..RekeyRecord::running(id, wanted, 0) }
    }

    #[test]
    fn the_oldest_that_has_ended_makes_room() {
        let mut rekeys = Rekeys::default();
        rekeys.insert(rekey(1, RekeyState::Running));
        for id in 2..=ENDED_MAX as u64 + 3 {
            rekeys.insert(rekey(id, RekeyState::Done));
        }
        assert_eq!((rekeys.all.len(), rekeys.gone.as_slice()), (ENDED_MAX, &[2, 3, 4][..]));
    }

    #[test]
    fn what_was_begun_is_gone_on_with_under_its_number() {
        let mut rekeys = Rekeys::default();
        rekeys.insert(rekey(1, RekeyState::Running));
        rekeys.insert(rekey(2, RekeyState::Done));
        rekeys.insert(rekey(3, RekeyState::Failed));
        let begun = |table| rekeys.begun_as(TableId(table), Strategy::Hash, Strategy::Range);
        assert_eq!([1, 2, 3, 4].map(begun), [Some(1), None, Some(3), None]);
        assert_eq!(rekeys.begun_as(TableId(1), Strategy::Range, Strategy::Hash), None);
    }

    #[test]
    fn one_at_a_time_counts_the_one_that_is_about_to_begin() {
        let mut rekeys = Rekeys::default();
        assert_eq!(rekeys.under_way(), None);
        rekeys.set_starting(Some("users".into()));
        assert_eq!(rekeys.under_way(), Some("users"));
        rekeys.set_starting(None);
        rekeys.insert(rekey(1, RekeyState::Running));
        assert_eq!(rekeys.under_way(), Some("orders"));
    }
}
