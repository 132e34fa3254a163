//! Opening a database on the node log: fencing, replaying, appending.

use super::rows;
use super::session::{Observer, Session, wal_error};
use crate::blocking::Blocking;
use crate::engine::EngineClock;
use async_trait::async_trait;
use nodelog::{Claim, DatabaseName, Location, LogError, NodeLog, Recovered};
use slatedb::wal::{
    WalError, WalFlushResult, WalIterator, WalObserver, WalRows, WalStatus, WalWriter, WriterInit,
    WriterInitResult, WriterManifest,
};
use slatedb::{RowEntry, VersionedManifest};
use std::collections::VecDeque;
use std::sync::Arc;

/// How much of the log is read at once for a replay.
const REPLAY_BYTES: usize = 1 << 20;

/// Gives SlateDB the log of one database.
pub(super) struct Init {
    pub(super) log: NodeLog,
    pub(super) name: DatabaseName,
    pub(super) blocking: Blocking,
    pub(super) clock: Arc<EngineClock>,
}

#[async_trait]
impl WriterInit for Init {
    /// The manifest with our epoch is stored already. In this order: the old writer of this process
    /// cannot append any more, and what it appended is on the disk; nobody newer has come
    /// meanwhile; so the end of this database's log is known.
    async fn fence_and_init(
        &self,
        manifest: &mut WriterManifest,
    ) -> Result<WriterInitResult, WalError> {
        let claim = self.log.claim(&self.name, manifest.epoch()).await.map_err(wal_error)?;
        manifest.refresh().await?;
        let facts = Facts::of(&manifest.manifest());
        let last_id = facts
            .last_id(claim.recovered.as_ref())
            .map_err(|reason| wal_error(LogError::Lost { database: self.name.clone(), reason }))?;
        // Storing the manifest with our epoch has forced its name and those before it, and nobody but the
        // database's writer raises what a manifest has in sorted files.
        self.log.mark_stored(&self.name, facts.stored_seq);
        let session = Session::new(last_id);
        let writer = claim.start(last_id, session.clone()).map_err(wal_error)?;
        let wal_writer = Writer { writer, session, last_id };
        let replay_iterator = Replay::new(self, claim, facts.stored_seq);
        Ok(WriterInitResult {
            replay_iterator: Box::new(replay_iterator),
            wal_writer: Box::new(wal_writer),
        })
    }
}

/// What a stored manifest says about the database's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// All writes up to this one are in sorted files.
    stored_seq: u64,
    /// When it was stored, this was in the log; 0 for a database that never wrote.
    seen_id: u64,
}

impl Facts {
    pub(crate) fn of(stored: &VersionedManifest) -> Self {
        Self {
            stored_seq: stored.last_l0_seq(),
            seen_id: stored.next_wal_sst_id().saturating_sub(1),
        }
    }

    /// The id that the next rows follow; an error if rows are missing.
    pub(crate) fn last_id(&self, found: Option<&Recovered>) -> Result<u64, String> {
        let Self { stored_seq, seen_id } = *self;
        let Some(found) = found else {
            // New, a clone, or at rest since its last write.
            return match seen_id > stored_seq {
                false => Ok(stored_seq),
                true => Err(format!(
                    "those from {} to {seen_id} are in no sorted file, and this log has never heard \
                     of the database: is it another store's log, or was it removed?",
                    stored_seq + 1
                )),
            };
        };
        if found.stored_id > stored_seq {
            return Err(format!(
                "the log has let go of those up to {}, but the database has them only up to \
                 {stored_seq}: it is older than the log",
                found.stored_id
            ));
        }
        match found.last_id < stored_seq.max(seen_id) {
            true => Err(format!(
                "the log ends at {}, but the database knows of {}: the log is older than the \
                 database",
                found.last_id,
                stored_seq.max(seen_id)
            )),
            false => Ok(found.last_id),
        }
    }
}

/// Appends for one open database.
struct Writer {
    writer: nodelog::Writer,
    session: Arc<Session>,
    /// The id of the newest rows that were handed over.
    last_id: u64,
}

#[async_trait]
impl WalWriter for Writer {
    async fn append(&mut self, batch: &[RowEntry]) -> Result<(), WalError> {
        let Some(seq) = batch.first().map(|row| row.seq) else {
            return Ok(());
        };
        if batch.iter().any(|row| row.seq != seq) {
            let reason = "the rows of a batch have different sequence numbers".to_owned();
            return Err(WalError::InternalError(Arc::new(LogError::Refused(reason))));
        }
        let rows = rows::encode(batch);
        self.session.appending(rows.len());
        self.last_id = seq;
        match self.writer.append(seq, rows).await {
            // It never becomes durable, and nobody is told otherwise: see the session's head.
            Ok(()) | Err(LogError::Failed(_)) => Ok(()),
            Err(error) => Err(wal_error(error)),
        }
    }

    /// Everything is on its way to the disk already: only waits.
    async fn flush(&mut self) -> Result<WalFlushResult, WalError> {
        self.session.status()?;
        self.session.check()?;
        let (wal_id, session) = (self.last_id, self.session.clone());
        let completion = Box::pin(async move { session.wait_for(wal_id).await });
        Ok(WalFlushResult { wal_id, completion })
    }

    fn observer(&self) -> Box<dyn WalObserver> {
        Box::new(Observer(self.session.clone()))
    }

    fn status(&self) -> Result<WalStatus, WalStatus> {
        self.session.status()
    }

    async fn close(&mut self) -> Result<(), WalError> {
        if self.session.status().is_ok() {
            // If the log has failed, everybody has been told.
            let _ = self.writer.settle().await;
        }
        self.writer.close();
        self.session.close(WalError::Closed);
        Ok(())
    }
}

/// Reads the rows that are in no sorted file. While it lives, the log keeps them.
struct Replay {
    log: NodeLog,
    blocking: Blocking,
    clock: Arc<EngineClock>,
    left: VecDeque<Location>,
    _claim: Claim,
}

impl Replay {
    fn new(init: &Init, claim: Claim, stored_seq: u64) -> Self {
        let records = claim.recovered.iter().flat_map(|found| &found.records);
        let left = records.filter(|record| record.id > stored_seq).copied().collect();
        let (log, clock) = (init.log.clone(), init.clock.clone());
        Self { log, blocking: init.blocking, clock, left, _claim: claim }
    }

    fn take_some(&mut self) -> Vec<Location> {
        let (mut some, mut bytes) = (Vec::new(), 0);
        while bytes < REPLAY_BYTES
            && let Some(next) = self.left.pop_front()
        {
            bytes += next.bytes();
            some.push(next);
        }
        some
    }
}

#[async_trait]
impl WalIterator for Replay {
    async fn next(&mut self) -> Result<Option<WalRows>, WalError> {
        let some = self.take_some();
        let Some(last) = some.last().map(|location| location.id) else {
            return Ok(None);
        };
        let log = self.log.clone();
        let reading = self.blocking.run(move || Ok(read_rows(&log, &some)));
        let rows = reading.await.map_err(|stopped| WalError::InternalError(Arc::new(stopped)))?;
        let rows = rows.map_err(wal_error)?;
        if let Some(newest) = rows.iter().filter_map(|row| row.create_ts).max() {
            self.clock.catch_up(newest);
        }
        Ok(Some(WalRows { rows, last_consumed_wal_file_id: last }))
    }
}

fn read_rows(log: &NodeLog, locations: &[Location]) -> Result<Vec<RowEntry>, LogError> {
    let mut rows = Vec::new();
    for (batch, location) in log.read(locations)?.iter().zip(locations) {
        let decoded = rows::decode(batch, location.id);
        rows.extend(decoded.ok_or_else(|| {
            LogError::Refused(format!("log record {} is no batch of rows", location.id))
        })?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_id(stored_seq: u64, seen_id: u64, found: Option<(u64, u64)>) -> Result<u64, String> {
        let found =
            found.map(|(stored_id, last_id)| Recovered { last_id, stored_id, records: Vec::new() });
        Facts { stored_seq, seen_id }.last_id(found.as_ref())
    }

    #[test]
    fn rows_follow_what_is_known() {
        assert_eq!(last_id(0, 0, None), Ok(0), "a new database");
        assert_eq!(last_id(1_000, 0, None), Ok(1_000), "a clone");
        assert_eq!(last_id(70, 60, None), Ok(70), "all of it is in files");
        assert_eq!(last_id(50, 70, Some((40, 90))), Ok(90));
        assert_eq!(last_id(90, 90, Some((40, 90))), Ok(90));
    }

    #[test]
    fn a_log_that_does_not_fit_its_database_is_refused() {
        for (stored, seen, found, reason) in [
            (50, 70, None, "never heard"),
            (50, 70, Some((50, 60)), "the log is older"),
            (70, 60, Some((50, 60)), "the log is older"),
            (50, 70, Some((60, 90)), "it is older than the log"),
        ] {
            let error = last_id(stored, seen, found).unwrap_err();
            assert!(error.contains(reason), "{stored} {seen} {found:?}: {error}");
        }
    }
}
