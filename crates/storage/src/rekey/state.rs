//! Which rekey of a table is under way, in this process or since the one before.

use super::control::{Control, RekeyPhase, RekeyProgress};
use super::undo;
use crate::error::{Result, StorageError};
use crate::record::table::RekeyRecord;
use crate::table::Table;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

/// A table's rekey, if there is one.
#[derive(Debug)]
pub(crate) struct Rekeying {
    state: Mutex<State>,
    /// Held, shared, by the one that runs.
    runs: Arc<RwLock<()>>,
}

#[derive(Debug)]
struct State {
    /// Found in the catalog at the start, or left there by an attempt that could not be undone.
    pending: Option<RekeyRecord>,
    running: Option<Arc<Control>>,
}

impl Rekeying {
    pub(crate) fn new(pending: Option<RekeyRecord>) -> Self {
        Self { state: Mutex::new(State { pending, running: None }), runs: Arc::default() }
    }

    /// Waits until none runs. The table does not answer any more.
    pub(crate) async fn ended(&self) {
        drop(self.runs.write().await);
    }

    /// To be held by the one that runs.
    pub(super) async fn runs(&self) -> OwnedRwLockReadGuard<()> {
        self.runs.clone().read_owned().await
    }

    /// The right to run a rekey; the caller holds the workflow.
    pub(super) fn begin(
        &self,
        table: &Arc<Table>,
        target: &serde_json::Value,
    ) -> Result<Arc<Control>> {
        let mut state = self.state.lock();
        if state.running.is_some() {
            return Err(StorageError::Busy(table.name().to_owned()));
        }
        if table.previous.load().is_some() {
            return Err(StorageError::Refused(format!(
                "table {}: its key order has just changed, and scans that began before are served in \
                 the old one for {} s (rekey_grace_ms); try again later",
                table.name(),
                table.shared.settings.rekey_grace_ms / 1_000
            )));
        }
        let settings = &table.shared.settings;
        let (mut started_ms, mut before) = (table.shared.clock.now_ms(), (0, 0));
        if let Some(pending) = &state.pending {
            started_ms = pending.started_ms;
            let sum = |of: fn(&crate::record::table::CopiedRecord) -> u64| {
                pending.copied.iter().map(of).sum()
            };
            before = (sum(|copied| copied.items), sum(|copied| copied.bytes));
        }
        let weak = Arc::downgrade(table);
        let control = Control::new(weak, target.clone(), started_ms, settings.rekey_bytes_per_s);
        control.resume(before.0, before.1);
        let control = Arc::new(control);
        state.running = Some(control.clone());
        Ok(control)
    }

    /// What was pending when the one that runs began.
    pub(super) fn pending(&self) -> Option<RekeyRecord> {
        self.state.lock().pending.clone()
    }

    /// The one that ran has ended, one way or the other, and this is what the catalog says of it.
    pub(super) fn end(&self, left: Option<RekeyRecord>) {
        *self.state.lock() = State { pending: left, running: None };
    }
}

impl Table {
    /// What a rekey was asked for that this process has found under way and not gone on with.
    pub fn pending_rekey(&self) -> Option<serde_json::Value> {
        let state = self.rekeying.state.lock();
        match state.running {
            Some(_) => None,
            None => state.pending.as_ref().map(|pending| pending.target.clone()),
        }
    }

    /// How far the rekey is that is under way, if there is one.
    pub fn rekey_progress(&self) -> Option<RekeyProgress> {
        let state = self.rekeying.state.lock();
        match (&state.running, &state.pending) {
            (Some(running), _) => Some(running.progress()),
            (None, Some(pending)) => Some(RekeyProgress {
                target: pending.target.clone(),
                phase: RekeyPhase::Waiting,
                started_ms: pending.started_ms,
                items: pending.copied.iter().map(|copied| copied.items).sum(),
                bytes: pending.copied.iter().map(|copied| copied.bytes).sum(),
                bytes_total: 0,
                left_s: None,
                captured: 0,
                writers_waiting: 0,
                cancelled: false,
            }),
            (None, None) => None,
        }
    }

    /// Stops the rekey that is under way and undoes it, in the background if it runs. Until its cutover
    /// that is always possible.
    pub async fn cancel_rekey(self: &Arc<Self>) -> Result<()> {
        let running = self.rekeying.state.lock().running.clone();
        if let Some(running) = running {
            return match running.cancel() {
                true => Ok(()),
                false => Err(StorageError::Refused(format!(
                    "table {}: its rekey is cutting over and cannot be cancelled any more",
                    self.name()
                ))),
            };
        }
        if self.pending_rekey().is_none() {
            let why = format!("table {}: no rekey is under way", self.name());
            return Err(StorageError::Refused(why));
        }
        let _held = self.begin_workflow()?;
        undo::undo(self).await?;
        self.rekeying.end(None);
        Ok(())
    }
}
