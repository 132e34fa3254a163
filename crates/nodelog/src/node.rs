//! The log of a process: a queue that many databases append to, and one thread that commits.
//!
//! While the thread waits for the disk, appends pile up; all of them (up to a bound) are the next
//! group. Nobody waits for company: a lone append is a group of its own.
//!
//! One writer per database: a later one [claims](NodeLog::claim) the database, which ends the
//! earlier one at once; what that one had appended is on the disk when the claim is granted.
//!
//! When the disk fails, every writer is told, and nothing is acknowledged or written any more.

use crate::disk::Disk;
use crate::error::{LogError, Result};
use crate::hooks::Hooks;
use crate::log::{Log, LogSize};
use crate::metrics::{Counters, LogMetrics, Timed};
use crate::name::DatabaseName;
use crate::replay::{Location, Recovered};
use crate::settings::LogSettings;
use committer::Committer;
use parking_lot::Mutex;
use queue::{Request, Shared};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{oneshot, watch};

mod committer;
mod queue;
mod writer;

pub use writer::{Listener, Writer};

/// What a log needs to start, beside its settings.
#[derive(Debug)]
pub struct Start {
    /// The directory. The caller has it for itself.
    pub disk: Arc<dyn Disk>,
    /// Told of every step.
    pub hooks: Arc<dyn Hooks>,
    /// Must differ from one start to the next.
    pub seed: u64,
}

/// An open log; cheap to clone. [Close](Self::close) it, or know that its thread ends some time
/// after the last clone is gone.
#[derive(Clone, Debug)]
pub struct NodeLog {
    shared: Arc<Shared>,
    thread: Arc<Thread>,
}

/// The log's thread, which is told to end when nobody is left to ask for anything.
#[derive(Debug)]
struct Thread {
    shared: Arc<Shared>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.shared.begin_closing();
    }
}

/// What can be said of a log from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStatus {
    /// How large it is.
    pub size: LogSize,
    /// The databases without whose rows the oldest segment could be removed.
    pub holders: Vec<DatabaseName>,
    /// Whether it is larger than [`LogSettings::release_bytes`]: the holders should move their rows
    /// elsewhere.
    pub wants_release: bool,
    /// Whether it is larger than [`LogSettings::log_bytes_max`].
    pub full: bool,
    /// Whether it takes no more, because it failed or was closed.
    pub ended: bool,
    /// Changes when a segment was begun or removed.
    pub generation: u64,
}

/// The right to a database's rows and to its next writer. As long as it lives, the rows stay.
#[derive(Debug)]
pub struct Claim {
    pub(crate) name: DatabaseName,
    pub(crate) epoch: u64,
    /// What the log has of it; `None` if it was never heard of.
    pub recovered: Option<Recovered>,
    pub(crate) shared: Arc<Shared>,
}

impl NodeLog {
    /// Reads what is there, makes it safe, and starts the thread.
    pub fn open(start: Start, settings: LogSettings) -> Result<Self> {
        let (log, committer) = Self::prepare(start, settings)?;
        let handle = std::thread::Builder::new()
            .name("node-log".to_owned())
            .spawn(move || committer.run())
            .map_err(LogError::io("thread", "starting"))?;
        *log.thread.handle.lock() = Some(handle);
        Ok(log)
    }

    /// The same without a thread: the log does nothing but when the future is polled, which ends when
    /// the log was closed. For simulations, in which one thread does everything in an order that can be
    /// repeated. `before_group` is awaited when there is something to do: the time that a disk takes.
    /// [`close`](Self::close) only begins the closing.
    pub fn open_without_thread<P, F>(
        start: Start,
        settings: LogSettings,
        before_group: P,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<P, F>)>
    where
        P: Fn() -> F + Send,
        F: Future<Output = ()> + Send,
    {
        let (log, committer) = Self::prepare(start, settings)?;
        Ok((log, committer.run_as_task(before_group)))
    }

    fn prepare(start: Start, settings: LogSettings) -> Result<(Self, Committer)> {
        let Start { disk, hooks, seed } = start;
        let counters = Arc::new(Counters::default());
        let disk: Arc<dyn Disk> = Arc::new(Timed { disk, counters: counters.clone() });
        let (log, recovered) = Log::open(disk.clone(), settings.clone(), seed, hooks)?;
        let shared = Arc::new(Shared::new(disk, settings, counters, &recovered));
        let committer = Committer::new(shared.clone(), log, recovered);
        let thread = Arc::new(Thread { shared: shared.clone(), handle: Mutex::default() });
        Ok((Self { shared, thread }, committer))
    }

    /// Ends the database's writer, if its epoch is not greater, and waits until what it appended is
    /// on the disk. Answers what the log has.
    pub async fn claim(&self, name: &DatabaseName, epoch: u64) -> Result<Claim> {
        self.shared.fence(name, epoch)?;
        let (done, claimed) = oneshot::channel();
        self.shared.push(Request::Claim { name: name.clone(), done })?;
        let recovered = claimed.await.map_err(|_| self.shared.failure())??;
        let (name, shared) = (name.clone(), self.shared.clone());
        Ok(Claim { name, epoch, recovered, shared })
    }

    /// Reads rows, in the order of the locations. Blocks.
    pub fn read(&self, locations: &[Location]) -> Result<Vec<Vec<u8>>> {
        locations.iter().map(|location| location.read(&*self.shared.disk)).collect()
    }

    /// Says that all rows of a database up to `id` are in other files, *and that those and
    /// whatever names them are on the disk*.
    pub fn mark_stored(&self, name: &DatabaseName, id: u64) {
        // A log that was closed or has failed forgets nothing any more.
        let _ = self.shared.push(Request::Mark { name: name.clone(), id });
    }

    /// Forgets a database for good, and ends its writer. When this returns, the disk says so.
    pub async fn drop_database(&self, name: &DatabaseName) -> Result<()> {
        self.shared.end_writer(name);
        let (done, dropped) = oneshot::channel();
        self.shared.push(Request::Drop { name: name.clone(), done })?;
        dropped.await.map_err(|_| self.shared.failure())?
    }

    /// The databases that the log knows.
    pub fn databases(&self) -> Vec<DatabaseName> {
        self.shared.databases()
    }

    /// Follows size and holders: a new value when a segment was begun or removed.
    pub fn status(&self) -> watch::Receiver<LogStatus> {
        self.shared.status.subscribe()
    }

    /// What it has counted, and how it is.
    pub fn metrics(&self) -> LogMetrics {
        let (segments, holders) = {
            let status = self.shared.status.borrow();
            (status.size.segments, status.holders.len())
        };
        let failure = match self.check() {
            Err(LogError::Failed(why)) => Some(why.to_string()),
            _ => None,
        };
        let queued_bytes = self.queued_bytes();
        LogMetrics { segments, holders, queued_bytes, failure, ..self.shared.counters.now() }
    }

    /// How much waits for the disk.
    pub fn queued_bytes(&self) -> usize {
        self.shared.queued_bytes()
    }

    /// Whether writers should wait: the log has reached its bound.
    pub fn is_full(&self) -> bool {
        self.shared.is_full()
    }

    /// Waits until the log is not full.
    pub async fn room(&self) -> Result<()> {
        if !self.is_full() {
            return Ok(());
        }
        self.shared.check()?;
        let mut status = self.status();
        let room = status.wait_for(|status| !status.full).await;
        room.map(|_| ()).map_err(|_| self.shared.failure())?;
        self.shared.check()
    }

    /// Why the log takes no more, if it does not. Costs nothing if it does.
    pub fn check(&self) -> Result<()> {
        match self.shared.has_ended() {
            true => self.shared.check(),
            false => Ok(()),
        }
    }

    /// Waits until the log takes no more, and says why.
    pub async fn ended(&self) -> LogError {
        let mut status = self.status();
        // The sender lives as long as this.
        let _ = status.wait_for(|status| status.ended).await;
        self.shared.failure()
    }

    /// Commits what is waiting and ends the thread. Writers that are still there are closed. Blocks.
    pub fn close(&self) {
        self.shared.begin_closing();
        if let Some(handle) = self.thread.handle.lock().take() {
            // Its panic was reported when it happened.
            let _ = handle.join();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.recovered.is_some() {
            let _ = self.shared.push(Request::Unpin { name: self.name.clone() });
        }
    }
}
