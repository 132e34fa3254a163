//! What waits for the log's thread, and who may append.
//!
//! One lock guards both, so that ids enter the queue in order, and nothing of a writer enters after
//! it was ended.

use super::LogStatus;
use super::writer::Session;
use crate::disk::Disk;
use crate::error::{LogError, Result};
use crate::format::Record;
use crate::metrics::Counters;
use crate::name::DatabaseName;
use crate::replay::Recovered;
use crate::settings::LogSettings;
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Notify, oneshot, watch};

/// What the thread is asked for.
#[derive(Debug)]
pub(super) enum Request {
    Rows {
        session: Arc<Session>,
        previous_id: u64,
        id: u64,
        rows: Vec<u8>,
    },
    Drop {
        name: DatabaseName,
        done: oneshot::Sender<Result<()>>,
    },
    Claim {
        name: DatabaseName,
        done: oneshot::Sender<Result<Option<Recovered>>>,
    },
    Unpin {
        name: DatabaseName,
    },
    Mark {
        name: DatabaseName,
        id: u64,
    },
    /// Answered when everything before it is on the disk.
    Barrier {
        done: oneshot::Sender<Result<()>>,
    },
}

impl Request {
    /// How much it adds to a group.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Rows { rows, .. } => Record::rows_bytes(rows.len()),
            _ => 0,
        }
    }
}

/// What the thread and the callers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) settings: LogSettings,
    pub(super) counters: Arc<Counters>,
    queue: Mutex<Queue>,
    /// Wakes the thread, or the task in its place.
    work: Condvar,
    work_for_task: Notify,
    /// Wakes appenders that wait for room in the queue.
    room: Notify,
    full: AtomicBool,
    ended: AtomicBool,
    pub(super) status: watch::Sender<LogStatus>,
}

#[derive(Debug, Default)]
struct Queue {
    requests: VecDeque<Request>,
    bytes: usize,
    databases: HashMap<DatabaseName, Appending>,
    closing: bool,
    failed: Option<Arc<LogError>>,
}

/// The appending side of a database.
#[derive(Debug, Default)]
struct Appending {
    /// The greatest epoch that claimed it.
    epoch: u64,
    /// The id that was given to the newest rows, written or waiting.
    last_id: u64,
    session: Option<Arc<Session>>,
}

/// A group, and whether the log is to be closed after it.
pub(super) struct Work {
    pub(super) requests: VecDeque<Request>,
    pub(super) closing: bool,
}

impl Shared {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        settings: LogSettings,
        counters: Arc<Counters>,
        recovered: &BTreeMap<DatabaseName, Recovered>,
    ) -> Self {
        let appending =
            |found: &Recovered| Appending { last_id: found.last_id, ..Appending::default() };
        let databases = recovered.iter().map(|(name, found)| (name.clone(), appending(found)));
        let queue = Queue { databases: databases.collect(), ..Queue::default() };
        Self {
            disk,
            settings,
            counters,
            queue: Mutex::new(queue),
            work: Condvar::new(),
            work_for_task: Notify::new(),
            room: Notify::new(),
            full: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            status: watch::Sender::new(LogStatus::default()),
        }
    }

    pub(super) fn databases(&self) -> Vec<DatabaseName> {
        let mut databases: Vec<_> = self.queue.lock().databases.keys().cloned().collect();
        databases.sort();
        databases
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.queue.lock().bytes
    }

    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Whether nothing is taken any more. Set after the reason is known, and before anybody is
    /// refused.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    pub(super) fn set_status(&self, status: LogStatus) {
        if self.has_ended() {
            return;
        }
        self.full.store(status.full, Ordering::Relaxed);
        self.status.send_replace(status);
    }

    pub(super) fn check(&self) -> Result<()> {
        self.queue.lock().check()
    }

    /// Why the thread did not answer.
    pub(super) fn failure(&self) -> LogError {
        self.check().err().unwrap_or(LogError::Closed)
    }

    pub(super) fn push(&self, request: Request) -> Result<()> {
        let mut queue = self.queue.lock();
        queue.check()?;
        queue.requests.push_back(request);
        self.wake_committer();
        Ok(())
    }

    /// Ends the writer of a database in favour of one with this epoch.
    pub(super) fn fence(&self, name: &DatabaseName, epoch: u64) -> Result<()> {
        let old = {
            let mut queue = self.queue.lock();
            queue.check()?;
            let database = queue.databases.entry(name.clone()).or_default();
            if epoch < database.epoch {
                return Err(LogError::Fenced(name.clone()));
            }
            database.epoch = epoch;
            database.session.take()
        };
        // Told without the lock: what they do is theirs.
        if let Some(old) = old {
            old.tell_closed(&LogError::Fenced(name.clone()));
        }
        Ok(())
    }

    /// Makes a session the database's writer, unless somebody else has claimed it meanwhile.
    pub(super) fn install(&self, session: &Arc<Session>, epoch: u64, last_id: u64) -> Result<()> {
        let mut queue = self.queue.lock();
        queue.check()?;
        let database = queue.databases.entry(session.name.clone()).or_default();
        if database.epoch != epoch || database.session.is_some() {
            return Err(LogError::Fenced(session.name.clone()));
        }
        database.last_id = last_id;
        database.session = Some(session.clone());
        Ok(())
    }

    /// Ends a writer; true if it was still there.
    pub(super) fn remove(&self, session: &Arc<Session>) -> bool {
        let mut queue = self.queue.lock();
        let database = queue.databases.get_mut(&session.name);
        let is_it = |current: &mut Arc<Session>| Arc::ptr_eq(current, session);
        database.and_then(|database| database.session.take_if(is_it)).is_some()
    }

    pub(super) fn end_writer(&self, name: &DatabaseName) {
        let mut queue = self.queue.lock();
        let old = queue.databases.get_mut(name).and_then(|database| database.session.take());
        drop(queue);
        if let Some(old) = old {
            old.tell_closed(&LogError::Closed);
        }
    }

    /// Forgets a database that was dropped.
    pub(super) fn forget(&self, name: &DatabaseName) {
        self.queue.lock().databases.remove(name);
    }

    /// Puts rows into the queue; waits as long as it is full.
    pub(super) async fn append(
        &self,
        session: &Arc<Session>,
        id: u64,
        rows: Vec<u8>,
    ) -> Result<()> {
        let mut rows = Some(rows);
        if self.try_append(session, id, &mut rows)? {
            return Ok(());
        }
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            room.as_mut().enable();
            if self.try_append(session, id, &mut rows)? {
                return Ok(());
            }
            room.await;
        }
    }

    /// Takes the rows if there is room.
    fn try_append(
        &self,
        session: &Arc<Session>,
        id: u64,
        rows: &mut Option<Vec<u8>>,
    ) -> Result<bool> {
        let mut queue = self.queue.lock();
        queue.check()?;
        let queued = queue.bytes;
        let database = queue.databases.get_mut(&session.name);
        let is_current = |current: &Arc<Session>| Arc::ptr_eq(current, session);
        let Some(database) = database.filter(|d| d.session.as_ref().is_some_and(is_current)) else {
            return Err(LogError::Fenced(session.name.clone()));
        };
        let previous_id = database.last_id;
        if id <= previous_id {
            let name = &session.name;
            return Err(LogError::Refused(format!("{name}: id {id} after {previous_id}")));
        }
        if queued >= self.settings.queue_bytes_max {
            return Ok(false);
        }
        database.last_id = id;
        let rows = rows.take().unwrap_or_default();
        let request = Request::Rows { session: session.clone(), previous_id, id, rows };
        queue.bytes += request.bytes();
        queue.requests.push_back(request);
        self.wake_committer();
        Ok(true)
    }

    fn wake_committer(&self) {
        self.work.notify_one();
        self.work_for_task.notify_one();
    }

    /// Waits, as a task, until there is something to do.
    pub(super) async fn work_for_task(&self) {
        while self.queue.lock().is_idle() {
            self.work_for_task.notified().await;
        }
    }

    /// Waits for something to do. What has piled up meanwhile is one group.
    pub(super) fn take(&self) -> Work {
        let mut queue = self.queue.lock();
        while queue.is_idle() {
            self.work.wait(&mut queue);
        }
        let mut requests = VecDeque::new();
        let mut bytes = 0;
        while bytes < self.settings.group_bytes_max
            && let Some(request) = queue.requests.pop_front()
        {
            bytes += request.bytes();
            requests.push_back(request);
        }
        queue.bytes -= bytes;
        let closing = queue.closing && queue.requests.is_empty();
        drop(queue);
        self.room.notify_waiters();
        Work { requests, closing }
    }

    /// Lets nothing in any more and ends all writers.
    pub(super) fn fail(&self, error: &LogError) {
        let sessions = {
            let mut queue = self.queue.lock();
            queue.failed.get_or_insert_with(|| Arc::new(error.clone()));
            self.ended.store(true, Ordering::SeqCst);
            queue.take_sessions()
        };
        sessions.iter().for_each(|session| session.tell_closed(error));
        self.wake_all();
    }

    pub(super) fn begin_closing(&self) {
        let sessions = {
            let mut queue = self.queue.lock();
            queue.closing = true;
            self.ended.store(true, Ordering::SeqCst);
            self.wake_committer();
            queue.take_sessions()
        };
        sessions.iter().for_each(|session| session.tell_closed(&LogError::Closed));
        self.wake_all();
    }

    /// Wakes everybody who waits for room: there is none, but they need not wait for it.
    fn wake_all(&self) {
        self.full.store(false, Ordering::Relaxed);
        self.status.send_modify(|status| (status.full, status.ended) = (false, true));
        self.room.notify_waiters();
    }
}

impl Queue {
    fn is_idle(&self) -> bool {
        self.requests.is_empty() && !self.closing
    }

    fn check(&self) -> Result<()> {
        match (&self.failed, self.closing) {
            (Some(failed), _) => Err(LogError::Failed(failed.clone())),
            (None, true) => Err(LogError::Closed),
            (None, false) => Ok(()),
        }
    }

    fn take_sessions(&mut self) -> Vec<Arc<Session>> {
        self.databases.values_mut().filter_map(|database| database.session.take()).collect()
    }
}
