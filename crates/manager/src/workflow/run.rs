//! Carrying out: from a decision to new partitions.
//!
//! The decision is on disk before anything changes, and every step before it acts. What happens to the
//! partitions is one call of storage's `reslice`, which journals its own steps and survives a crash at
//! each of them; a failed one has been undone. The actions of one plan run one after the other.

use super::claims::{Claim, Wish};
use super::steps::{Happening, Step};
use crate::error::ManagerError;
use crate::event::Event;
use crate::journal::{self, Entry, State, Timing};
use crate::shared::Shared;
use planner::gradual::Admission;
use planner::plan::Trigger;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::{Reslice, ResliceReport, StorageError, Table};
use types::TableId;

/// How often who waits looks again although nobody has told it to.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Starts carrying out the decisions of one plan.
pub(crate) fn start(shared: &Arc<Shared>, table: TableId, entries: Vec<Entry>) {
    let Some(table) = shared.tables.lock().get(&table).map(|state| state.table.clone()) else {
        entries.into_iter().for_each(|entry| refuse(shared, entry, "the table is gone".to_owned()));
        return;
    };
    let mut claimed = Vec::new();
    for entry in entries {
        let (id, range) = (entry.decision.id, &entry.decision.action.range);
        match shared.claims.take(id, table.id(), range) {
            Ok(claim) => claimed.push((entry, claim)),
            Err(rival) => refuse(shared, entry, format!("workflow {rival} works on these keys")),
        }
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        let mut claimed = claimed.into_iter();
        for (entry, claim) in claimed.by_ref() {
            if let Err(error) = run(&shared, &table, claim, entry).await {
                tracing::warn!(table = table.name(), %error, "a re-partitioning failed");
                break;
            }
        }
        // The rest of the plan was made for a table in which that had happened.
        for (entry, _claim) in claimed {
            refuse(&shared, entry, "an action before it in the same plan failed".to_owned());
        }
    });
}

/// Writes the entry down, reslices when it is its turn, and writes down what became of it.
pub(crate) async fn run(
    shared: &Arc<Shared>,
    table: &Arc<Table>,
    claim: Claim,
    entry: Entry,
) -> Result<ResliceReport, ManagerError> {
    let mut run = Run { shared, table, claim, entry, told: false };
    let result = run.carry_out().await;
    run.end(&result).await;
    result
}

struct Run<'a> {
    shared: &'a Arc<Shared>,
    table: &'a Arc<Table>,
    claim: Claim,
    entry: Entry,
    /// Whether watchers know that it has begun.
    told: bool,
}

/// An action that the ledger has admitted, until it has ended.
struct Admitted(Arc<Shared>, TableId);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.ledger.lock().ended(self.1);
        self.0.claims.ended.notify_waiters();
    }
}

impl Run<'_> {
    async fn carry_out(&mut self) -> Result<ResliceReport, ManagerError> {
        self.advance(Happening::Journaled)?;
        loop {
            let admitted = self.turn().await?;
            // From here on a crash is found by the next start: the step is on disk before it is taken.
            self.advance(Happening::Admitted)?;
            write(self.shared, &self.entry).await?;
            if !std::mem::replace(&mut self.told, true) {
                self.shared.tell(Event::Started(Box::new(self.entry.clone())));
            }
            let action = &self.entry.decision.action;
            let (sources, boundaries) = (action.sources.clone(), action.boundaries.clone());
            let result = self.table.reslice(Reslice { sources, boundaries }).await;
            drop(admitted);
            match result {
                Ok(report) => {
                    self.advance(Happening::Resliced)?;
                    let found = is_finished(self.table, &self.entry);
                    self.advance(if found { Happening::Found } else { Happening::NotFound })?;
                    return Ok(report);
                }
                Err(error) if self.may_try_again(&error) => self.cool(&error).await?,
                Err(error) => {
                    self.advance(Happening::Failed)?;
                    return Err(error.into());
                }
            }
        }
    }

    /// Waits for the turn of this workflow; an error if it does not come.
    async fn turn(&mut self) -> Result<Admitted, ManagerError> {
        // Time in a pause is no time of waiting.
        let mut began = Instant::now();
        let (id, table) = (self.entry.decision.id, self.table.id());
        let by_hand = self.entry.decision.action.trigger == Trigger::Manual;
        let urgent = matches!(self.entry.decision.action.trigger, Trigger::Floor | Trigger::Manual);
        let mut wish = self.claim.wish.clone();
        loop {
            let paused = self.entry.workflow.step == Step::Paused;
            let wanted = *wish.borrow_and_update();
            match wanted {
                Wish::Cancel => {
                    return self.give_up(Happening::CancelAsked, ManagerError::Cancelled(id));
                }
                Wish::Pause if !paused => {
                    began = Instant::now();
                    self.advance(Happening::PauseAsked)?;
                    write(self.shared, &self.entry).await?;
                }
                Wish::Go if paused => {
                    began = Instant::now();
                    self.advance(Happening::ResumeAsked)?;
                }
                Wish::Pause | Wish::Go => {}
            }
            let ended = self.shared.claims.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            let settings = &self.shared.settings.workflow;
            let most_ms = match wanted {
                Wish::Pause => settings.pause_real_ms_max,
                _ => settings.wait_real_ms_max,
            };
            if began.elapsed() >= Duration::from_millis(most_ms) {
                let waited_for = self.entry.workflow.waits_for.clone().unwrap_or_default();
                return self.give_up(
                    Happening::TimedOut,
                    ManagerError::GivenUp { id, most_ms, waited_for },
                );
            }
            if wanted != Wish::Go {
                self.waits_for("an operator to resume it".to_owned());
            } else if self.shared.control.is_paused() && !by_hand {
                self.waits_for("the planner is paused".to_owned());
            } else {
                let now_ms = self.shared.real_ms();
                match self.shared.ledger.lock().begin(table, urgent, now_ms) {
                    Admission::Go => return Ok(Admitted(self.shared.clone(), table)),
                    Admission::Wait { reason, .. } => self.waits_for(reason),
                }
            }
            let look_again = tokio::time::sleep(LOOK_AGAIN);
            tokio::select! {
                _ = ended => {}
                _ = look_again => {}
                changed = wish.changed() => changed.map_err(|_| ManagerError::Stopped)?,
            }
        }
    }

    fn give_up<T>(&mut self, why: Happening, error: ManagerError) -> Result<T, ManagerError> {
        self.advance(why)?;
        Err(error)
    }

    /// Whether an attempt that storage has undone is worth another one.
    fn may_try_again(&self, error: &StorageError) -> bool {
        let passing = matches!(
            error,
            StorageError::Busy(_)
                | StorageError::TooSlow { .. }
                | StorageError::Overrun { .. }
                | StorageError::LogFull { .. }
        );
        passing && self.entry.workflow.attempt < self.shared.settings.workflow.attempts_max
    }

    /// Waits, longer after each attempt.
    async fn cool(&mut self, error: &StorageError) -> Result<(), ManagerError> {
        let doublings = (self.entry.workflow.attempt - 1).min(16);
        let back_off_ms = self.shared.settings.workflow.back_off_real_ms << doublings;
        self.advance(Happening::FailedForNow)?;
        self.waits_for(format!("another attempt: {error}"));
        write(self.shared, &self.entry).await?;
        let mut wish = self.claim.wish.clone();
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(back_off_ms)) => {}
            _ = wish.wait_for(|wish| *wish == Wish::Cancel) => {}
        }
        Ok(())
    }

    fn waits_for(&mut self, what: String) {
        if self.entry.workflow.waits_for.as_ref() != Some(&what) {
            self.entry.workflow.waits_for = Some(what);
            record(self.shared, self.entry.clone());
        }
    }

    /// Takes the step that the table says, in memory.
    fn advance(&mut self, happening: Happening) -> Result<(), ManagerError> {
        let now_ms = self.shared.components.clock.now_ms();
        let (id, step) = (self.entry.decision.id, self.entry.workflow.step);
        if !self.entry.workflow.advance(happening, now_ms) {
            return Err(ManagerError::NoSuchTransition { id, step, happening });
        }
        match self.entry.workflow.step {
            Step::Cancelled => self.entry.state = State::Cancelled,
            Step::GivenUp | Step::Undone => self.entry.state = State::Failed,
            _ => {}
        }
        record(self.shared, self.entry.clone());
        Ok(())
    }

    /// Notes how it ended, and tells.
    async fn end(&mut self, result: &Result<ResliceReport, ManagerError>) {
        self.entry.finished_ms = Some(self.shared.components.clock.now_ms());
        match result {
            Ok(report) => {
                self.entry.state = State::Done;
                self.entry.timing = Some(Timing::from(report));
            }
            Err(error) => {
                if self.entry.state == State::Running {
                    self.entry.state = State::Failed;
                }
                self.entry.failure = Some(error.to_string());
            }
        }
        // The partitions are what they are; that the journal could not say so must not look like a
        // failed reslice.
        if let Err(error) = write(self.shared, &self.entry).await {
            tracing::warn!(decision = self.entry.decision.id, %error, "the journal misses how it ended");
        }
        self.shared.counts.note(&self.entry);
        self.shared.tell(Event::Ended(Box::new(self.entry.clone())));
    }
}

/// Whether the table's map has the partitions that were wanted.
pub(crate) fn is_finished(table: &Table, entry: &Entry) -> bool {
    let map = table.partition_map();
    let wanted = entry.decision.action.ranges().unwrap_or_default();
    !wanted.is_empty()
        && wanted.iter().all(|range| map.partitions.iter().any(|p| p.range == *range))
}

/// Notes that nothing came of a decision.
fn refuse(shared: &Shared, entry: Entry, why: String) {
    record(shared, Entry { state: State::Failed, failure: Some(why), ..entry });
}

/// Keeps an entry in memory and on disk.
pub(crate) async fn write(shared: &Shared, entry: &Entry) -> Result<(), ManagerError> {
    journal::write(&shared.journal, shared.components.storage.blobs(), entry).await
}

/// Keeps an entry in memory only: nothing happened that a restart has to know.
fn record(shared: &Shared, entry: Entry) {
    shared.journal.lock().insert(entry);
}
