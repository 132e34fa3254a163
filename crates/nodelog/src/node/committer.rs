//! The log's thread: takes a group, commits it, tells everybody.

use super::LogStatus;
use super::queue::{Request, Shared, Work};
use super::writer::Session;
use crate::error::{LogError, Result};
use crate::log::{Entry, Log, LogSize};
use crate::name::DatabaseName;
use crate::replay::Recovered;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

/// Owns the log.
pub(super) struct Committer {
    shared: Arc<Shared>,
    log: Log,
    /// What was found at start and not claimed yet.
    unclaimed: BTreeMap<DatabaseName, Recovered>,
    size: LogSize,
    generation: u64,
}

/// What a session is told after a commit.
struct Told {
    session: Arc<Session>,
    id: u64,
    appends: usize,
    bytes: usize,
}

impl Committer {
    pub(super) fn new(
        shared: Arc<Shared>,
        log: Log,
        unclaimed: BTreeMap<DatabaseName, Recovered>,
    ) -> Self {
        let mut committer =
            Self { shared, log, unclaimed, size: LogSize::default(), generation: 0 };
        committer.publish_size();
        committer
    }

    /// The life of the thread.
    pub(super) fn run(mut self) {
        while self.step(self.shared.take()) {}
    }

    /// The same as a task.
    pub(super) async fn run_as_task<F: Future<Output = ()>>(
        mut self,
        before_group: impl Fn() -> F,
    ) {
        loop {
            self.shared.work_for_task().await;
            before_group().await;
            if !self.step(self.shared.take()) {
                return;
            }
        }
    }

    /// Does some work; false if it was the last.
    fn step(&mut self, work: Work) -> bool {
        let Work { mut requests, closing } = work;
        if let Err(error) = self.handle_or_fail(&mut requests) {
            self.shared.fail(&error);
        }
        // After a panic some are left. Whoever sees that nobody answers sees that the log failed.
        drop(requests);
        if closing {
            // What it costs to lose this is nothing.
            let _ = self.log.seal();
        }
        !closing
    }

    /// A panic is a failure like any other: without this thread everybody would wait for ever. Those
    /// who are told of a group run on it, too.
    fn handle_or_fail(&mut self, requests: &mut VecDeque<Request>) -> Result<()> {
        let handled = panic::catch_unwind(AssertUnwindSafe(|| self.handle(requests)));
        handled.unwrap_or_else(|panic| {
            let error = LogError::panicked(&*panic);
            self.log.fail(&error);
            Err(error)
        })
    }

    /// Commits a group and does what else was asked for, in this order: the group is told of as
    /// soon as it is on the disk.
    fn handle(&mut self, requests: &mut VecDeque<Request>) -> Result<()> {
        let entries: Vec<Entry<'_>> = requests.iter().filter_map(entry).collect();
        // Without rows, too, there may be a failure to tell: what was asked for while an earlier group
        // failed comes after that group's answer.
        let committed = match entries.is_empty() {
            true => self.log.check(),
            false => self.log.commit(&entries),
        };
        match &committed {
            Ok(()) => {
                if !entries.is_empty() {
                    self.shared.counters.committed(entries.len());
                }
                tell(requests);
            }
            // Before anybody is answered: whoever sees a failure sees that the log has failed.
            Err(error) => self.shared.fail(error),
        }
        let mut release = false;
        while let Some(request) = requests.pop_front() {
            release |= self.answer(request, &committed);
        }
        committed?;
        // What was the newest segment may have been unneeded for long; no mark may ever come.
        let rolled = self.log.size().newest != self.size.newest;
        if release || rolled {
            self.log.release()?;
        }
        self.publish_size();
        Ok(())
    }

    /// Does what was asked for beside writing; true if segments may have become unneeded.
    fn answer(&mut self, request: Request, committed: &Result<()>) -> bool {
        match request {
            Request::Rows { .. } => false,
            Request::Drop { name, done } => {
                if committed.is_ok() {
                    self.unclaimed.remove(&name);
                    self.shared.forget(&name);
                }
                let _ = done.send(committed.clone());
                true
            }
            Request::Claim { name, done } => {
                let claimed = committed.clone().and_then(|()| self.claim(&name));
                // Whoever asked may have gone away.
                if let Err(Ok(Some(_))) = done.send(claimed) {
                    self.log.unpin(&name);
                }
                false
            }
            Request::Unpin { name } => {
                self.log.unpin(&name);
                true
            }
            Request::Mark { name, id } => {
                self.log.mark_stored(&name, id);
                if let Some(unclaimed) = self.unclaimed.get_mut(&name) {
                    unclaimed.records.retain(|record| record.id > id);
                }
                true
            }
            Request::Barrier { done } => {
                let _ = done.send(committed.clone());
                false
            }
        }
    }

    /// Everything that was appended before is on the disk: says what the log has. Nothing is read for
    /// a database that the log does not know: it is the child of a reslice, which holds writes, and
    /// everybody waits for this thread.
    fn claim(&mut self, name: &DatabaseName) -> Result<Option<Recovered>> {
        if !self.log.knows(name) {
            return Ok(None);
        }
        self.log.pin(name);
        if let Some(recovered) = self.unclaimed.remove(name) {
            return Ok(Some(recovered));
        }
        let located = self.log.locate(name);
        // Whoever gets an error has nothing to give back.
        if !matches!(located, Ok(Some(_))) {
            self.log.unpin(name);
        }
        located
    }

    /// Tells those who follow it, if a segment was begun or removed.
    fn publish_size(&mut self) {
        let size = self.log.size();
        self.shared.counters.size(size.bytes);
        let same = (size.segments, size.newest) == (self.size.segments, self.size.newest);
        if same && self.generation > 0 {
            return;
        }
        self.size = size;
        self.generation += 1;
        let settings = &self.shared.settings;
        self.shared.set_status(LogStatus {
            size,
            holders: self.log.holders(),
            wants_release: size.bytes > settings.release_bytes,
            // One segment has no holders; the next group ends it, and then it has.
            full: size.bytes > settings.log_bytes_max && size.segments > 1,
            ended: false,
            generation: self.generation,
        });
    }
}

fn entry(request: &Request) -> Option<Entry<'_>> {
    match request {
        Request::Rows { session, previous_id, id, rows } => {
            Some(Entry::Rows { database: &session.name, previous_id: *previous_id, id: *id, rows })
        }
        Request::Drop { name, .. } => Some(Entry::Drop(name)),
        _ => None,
    }
}

/// Tells each writer of the group once.
fn tell(requests: &VecDeque<Request>) {
    let mut told: Vec<Told> = Vec::new();
    for request in requests {
        let Request::Rows { session, id, rows, .. } = request else {
            continue;
        };
        let known = told.iter_mut().rev().find(|told| Arc::ptr_eq(&told.session, session));
        match known {
            Some(known) => {
                known.id = *id;
                known.appends += 1;
                known.bytes += rows.len();
            }
            None => {
                told.push(Told { session: session.clone(), id: *id, appends: 1, bytes: rows.len() })
            }
        }
    }
    for Told { session, id, appends, bytes } in told {
        session.listener.durable(id, appends, bytes);
    }
}
