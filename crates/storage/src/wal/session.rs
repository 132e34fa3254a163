//! What SlateDB is told about the log of one open database.
//!
//! One thing it is not told: that the log has failed. It would close the database, and reads, which
//! need no log, would fail, too. Instead nothing becomes durable any more, and whoever writes or
//! waits for a write asks the log itself ([`NodeWal::check`](super::NodeWal::check)).

use nodelog::{Listener, LogError};
use parking_lot::Mutex;
use slatedb::wal::{WalError, WalEvent, WalObserver, WalStatus, WalStatusListener};
use std::sync::Arc;
use tokio::sync::Notify;

/// The state of one writer's log, from its opening to its end.
pub(super) struct Session {
    state: Mutex<State>,
    listeners: Mutex<Vec<WalStatusListener>>,
    /// Wakes those who wait for a flush.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    durable_id: u64,
    /// Something was made durable by this writer.
    has_written: bool,
    waiting_bytes: usize,
    waiting_batches: usize,
    closed: Option<WalError>,
    /// Why nothing becomes durable any more.
    failed: Option<WalError>,
}

impl Session {
    /// A log whose rows up to `durable_id` are on the disk.
    pub(super) fn new(durable_id: u64) -> Arc<Self> {
        let state = State {
            durable_id,
            has_written: false,
            waiting_bytes: 0,
            waiting_batches: 0,
            closed: None,
            failed: None,
        };
        let changed = Notify::new();
        Arc::new(Self { state: Mutex::new(state), listeners: Mutex::default(), changed })
    }

    pub(super) fn status(&self) -> Result<WalStatus, WalStatus> {
        self.state.lock().status()
    }

    /// Counts a batch that is on its way to the disk.
    pub(super) fn appending(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.waiting_bytes += bytes;
        state.waiting_batches += 1;
    }

    /// Waits until everything up to `id` is durable.
    pub(super) async fn wait_for(&self, id: u64) -> Result<(), WalError> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let status = self.status();
            match status {
                Ok(status) if status.last_flushed_wal_id >= id => return Ok(()),
                Ok(_) => self.check()?,
                Err(closed) => return Err(closed.into()),
            }
            changed.await;
        }
    }

    /// An error if the log has failed.
    pub(super) fn check(&self) -> Result<(), WalError> {
        self.state.lock().failed.clone().map_or(Ok(()), Err)
    }

    /// Nothing becomes durable any more; what is, stays readable.
    fn fail(&self, why: WalError) {
        self.state.lock().failed.get_or_insert(why);
        self.changed.notify_waiters();
    }

    /// Ends the session; the first reason stays.
    pub(super) fn close(&self, why: WalError) {
        let closed = {
            let mut state = self.state.lock();
            if state.closed.is_some() {
                return;
            }
            state.closed = Some(why);
            state.plain_status()
        };
        self.tell(WalEvent::WalClosed(closed));
    }

    /// Tells SlateDB first and then those who wait for a flush: when a flush returns, what it wrote
    /// counts as durable everywhere. The listeners take SlateDB's locks, so none is held here.
    fn tell(&self, event: WalEvent) {
        let listeners = self.listeners.lock().clone();
        listeners.iter().for_each(|listener| listener(event.clone()));
        self.changed.notify_waiters();
    }
}

impl State {
    fn plain_status(&self) -> WalStatus {
        WalStatus {
            closed_reason: self.closed.clone(),
            estimated_bytes: self.waiting_bytes,
            last_flushed_wal_id: self.durable_id,
            // An id is a sequence number, see the module's head.
            last_flushed_seq: self.has_written.then_some(self.durable_id),
            buffered_wal_entries_count: self.waiting_batches,
        }
    }

    fn status(&self) -> Result<WalStatus, WalStatus> {
        match self.closed {
            None => Ok(self.plain_status()),
            Some(_) => Err(self.plain_status()),
        }
    }
}

impl Listener for Session {
    fn durable(&self, id: u64, appends: usize, bytes: usize) {
        let status = {
            let mut state = self.state.lock();
            if state.closed.is_some() {
                return;
            }
            state.durable_id = id;
            state.has_written = true;
            state.waiting_bytes = state.waiting_bytes.saturating_sub(bytes);
            state.waiting_batches = state.waiting_batches.saturating_sub(appends);
            state.plain_status()
        };
        self.tell(WalEvent::WalFlushed(status));
    }

    fn closed(&self, why: &LogError) {
        match why {
            LogError::Fenced(_) | LogError::Closed => self.close(wal_error(why.clone())),
            failure => self.fail(wal_error(failure.clone())),
        }
    }
}

/// SlateDB's view of a session.
pub(super) struct Observer(pub(super) Arc<Session>);

impl WalObserver for Observer {
    fn status(&self) -> Result<WalStatus, WalStatus> {
        self.0.status()
    }

    /// Never fails: SlateDB would panic.
    fn subscribe(&self, listener: WalStatusListener) -> Result<(), WalError> {
        self.0.listeners.lock().push(listener.clone());
        if let Err(closed) = self.0.status() {
            listener(WalEvent::WalClosed(closed));
        }
        Ok(())
    }
}

/// The log's errors in SlateDB's terms.
pub(super) fn wal_error(error: LogError) -> WalError {
    match error {
        LogError::Fenced(_) => WalError::Fenced,
        LogError::Closed => WalError::Closed,
        LogError::Damaged { .. } | LogError::Lost { .. } => WalError::DataError(Arc::new(error)),
        error => WalError::Unavailable(Arc::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[tokio::test]
    async fn slatedb_is_told_before_those_who_wait_for_a_flush() {
        let session = Session::new(4);
        assert_eq!(session.status().unwrap().last_flushed_seq, None);
        let told = Arc::new(AtomicU64::new(0));
        let (telling, reading) = (told.clone(), session.clone());
        let listener: WalStatusListener = Arc::new(move |event| {
            let WalEvent::WalFlushed(status) = event else { return };
            // Whoever is told may ask at once.
            let now = reading.status().unwrap();
            assert_eq!(now.last_flushed_wal_id, status.last_flushed_wal_id);
            telling.store(status.last_flushed_seq.unwrap(), Ordering::SeqCst);
        });
        Observer(session.clone()).subscribe(listener).unwrap();
        session.appending(10);
        session.appending(20);
        assert_eq!(session.status().unwrap().estimated_bytes, 30);
        let waiting = session.clone();
        let flush = tokio::spawn(async move { waiting.wait_for(7).await });
        tokio::task::yield_now().await;
        session.durable(6, 1, 10);
        session.durable(7, 1, 20);
        flush.await.unwrap().unwrap();
        assert_eq!(told.load(Ordering::SeqCst), 7);
        assert_eq!(session.status().unwrap().estimated_bytes, 0);
    }

    #[tokio::test]
    async fn the_first_reason_to_close_stays_and_ends_all_waiting() {
        let session = Session::new(0);
        let waiting = session.clone();
        let flush = tokio::spawn(async move { waiting.wait_for(1).await });
        tokio::task::yield_now().await;
        session.close(WalError::Fenced);
        session.close(WalError::Closed);
        assert!(matches!(flush.await.unwrap(), Err(WalError::Fenced)));
        session.durable(1, 1, 1);
        assert_eq!(session.status().unwrap_err().last_flushed_wal_id, 0);
    }
}
