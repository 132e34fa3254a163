//! Carrying out: from a decision to new partitions.
//!
//! The decision is on disk before anything changes. What happens to the partitions is one call of
//! storage's `reslice`, which journals its own steps and survives a crash at each of them; a failed
//! one has been undone. The actions of one plan run one after the other, while the table is busy
//! and the controller holds.

use crate::error::ManagerError;
use crate::event::Event;
use crate::journal::{self, Entry, State, Timing};
use crate::shared::Shared;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage::{Reslice, ResliceReport, Table};
use types::TableId;

/// Marks a table as busy until it is dropped, however the work ends.
pub(crate) struct Busy {
    flag: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

impl Busy {
    /// Takes the mark; `None` if somebody else has it or the table is gone.
    pub(crate) fn take(shared: &Arc<Shared>, table: TableId) -> Option<Self> {
        let flag = shared.tables.lock().get(&table)?.busy.clone();
        let taken = flag.swap(true, Ordering::AcqRel);
        (!taken).then(|| Self { flag, shared: shared.clone() })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.flag.store(false, Ordering::Release);
        self.shared.ended.notify_waiters();
    }
}

/// Starts carrying out the decisions of one plan.
pub(crate) fn start(shared: &Arc<Shared>, table: TableId, entries: Vec<Entry>) {
    let found = shared.tables.lock().get(&table).map(|state| state.table.clone());
    let (Some(table), Some(busy)) = (found, Busy::take(shared, table)) else {
        // An action by hand came first, or the table was dropped.
        for entry in entries {
            let why = "another action came first".to_owned();
            record(shared, Entry { state: State::Failed, failure: Some(why), ..entry });
        }
        return;
    };
    let shared = shared.clone();
    tokio::spawn(async move {
        let _busy = busy;
        for entry in entries {
            if let Err(error) = carry_out(&shared, &table, entry).await {
                tracing::warn!(table = table.name(), %error, "a re-partitioning failed");
                break;
            }
        }
    });
}

/// Writes the entry down, reslices, and writes down what became of it.
pub(crate) async fn carry_out(
    shared: &Shared,
    table: &Arc<Table>,
    entry: Entry,
) -> Result<ResliceReport, ManagerError> {
    let id = entry.decision.id;
    if !shared.control.begin(id) {
        let why = "cancelled by an operator before it began".to_owned();
        let failure = Some(why.clone());
        write(shared, &Entry { state: State::Failed, failure, ..entry }).await?;
        return Err(ManagerError::Refused(why));
    }
    let result = resliced(shared, table, entry).await;
    shared.control.end(id);
    result
}

/// What [`carry_out`] does once nobody can cancel it.
async fn resliced(
    shared: &Shared,
    table: &Arc<Table>,
    entry: Entry,
) -> Result<ResliceReport, ManagerError> {
    write(shared, &entry).await?;
    shared.tell(Event::Started(Box::new(entry.clone())));
    let action = &entry.decision.action;
    let reslice =
        Reslice { sources: action.sources.clone(), boundaries: action.boundaries.clone() };
    let result = table.reslice(reslice).await;
    let mut ended = entry;
    ended.finished_ms = Some(shared.components.clock.now_ms());
    match &result {
        Ok(report) => {
            ended.state = State::Done;
            ended.timing = Some(Timing::from(report));
        }
        Err(error) => {
            ended.state = State::Failed;
            ended.failure = Some(error.to_string());
        }
    }
    // The partitions are what they are; that the journal could not say so must not look like a
    // failed reslice.
    if let Err(error) = write(shared, &ended).await {
        tracing::warn!(decision = ended.decision.id, %error, "the journal misses how it ended");
    }
    shared.counts.note(&ended);
    shared.tell(Event::Ended(Box::new(ended)));
    Ok(result?)
}

/// Keeps an entry in memory and on disk.
pub(crate) async fn write(shared: &Shared, entry: &Entry) -> Result<(), ManagerError> {
    let gone = shared.journal.lock().insert(entry.clone());
    journal::write(shared.components.storage.blobs(), entry, &gone).await
}

/// Keeps an entry in memory only: nothing happened that a restart has to know.
fn record(shared: &Shared, entry: Entry) {
    shared.journal.lock().insert(entry);
}
