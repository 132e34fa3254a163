//! Changing a table's strategy: at once where the key order stays, by storage's `rekey` where it does
//! not.
//!
//! A rekey may take hours. So whoever asks for one is told its number and looks how far it is; it runs
//! in the background, goes on after a restart by itself, and can be cancelled until its cutover. While
//! it runs the table's partitions stay as they are.

mod cuts;
mod order;

use crate::Manager;
use crate::error::ManagerError;
use crate::shared::Shared;
use crate::tables::strategy_of;
use order::Reordered;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use storage::{Rekey, RekeyProgress, RekeyReport, StorageError, Table};
use types::Strategy;
use types::storage_key::HASH_BYTES;

/// How many rekeys that have ended are remembered.
const ENDED_MAX: usize = 64;

/// `POST tables/{t}/rekey`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RekeyWish {
    /// The strategy to have.
    pub strategy: Strategy,
}

/// How far a change of strategy has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RekeyState {
    /// Under way.
    Running,
    /// The table has the new strategy.
    Done,
    /// It was undone; the table is as before.
    Failed,
    /// It was undone because somebody asked for that.
    Cancelled,
}

/// A change of strategy, under way or ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RekeyDocument {
    /// Its number among workflows; another one after a restart.
    pub id: u64,
    /// The table's name.
    pub table: String,
    /// Always `rekey`.
    pub action: &'static str,
    /// The strategy before.
    pub from: Strategy,
    /// The strategy that was asked for.
    pub to: Strategy,
    /// When it began, or went on after a restart.
    pub started_ms: i64,
    /// How far it has come.
    pub state: RekeyState,
    /// What it has copied so far, and how long it will go on; nothing if nothing has to be copied.
    pub progress: Option<RekeyProgress>,
    /// How long writes waited, if it is done.
    pub pause_ms: Option<f64>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// The rekeys of this process.
#[derive(Debug, Default)]
pub(crate) struct Rekeys {
    /// Oldest first.
    all: VecDeque<RekeyDocument>,
}

impl Rekeys {
    fn insert(&mut self, rekey: RekeyDocument) -> RekeyDocument {
        if self.all.len() == ENDED_MAX
            && let Some(at) = self.all.iter().position(|old| old.state != RekeyState::Running)
        {
            self.all.remove(at);
        }
        self.all.push_back(rekey.clone());
        rekey
    }

    fn change(&mut self, id: u64, change: impl FnOnce(&mut RekeyDocument)) {
        if let Some(rekey) = self.all.iter_mut().find(|rekey| rekey.id == id) {
            change(rekey);
        }
    }
}

impl Manager {
    /// Changes a table's strategy, or begins to: see the state in the answer.
    ///
    /// # Errors
    /// If the table is unknown or busy, or cannot have the strategy.
    pub async fn rekey_by_hand(
        &self,
        table: &str,
        wish: RekeyWish,
    ) -> Result<RekeyDocument, ManagerError> {
        let shared = &self.shared;
        let table = shared.table(table)?;
        shared.follow_catalog().await;
        let id = shared.journal.lock().next_id();
        let claim = shared.claims.take(id, table.id(), &types::KeyRange::full());
        let busy = claim.map_err(|_| ManagerError::Busy(table.name().to_owned()))?;
        let (from, to) = (strategy_of(&table), wish.strategy);
        // One that could not be undone may be gone on with.
        let same = table.pending_rekey() == Some(Reordered { from, to }.target());
        if table.rekey_progress().is_some() && !same {
            return Err(ManagerError::Busy(table.name().to_owned()));
        }
        if from == to {
            let why = format!("table {:?} has the strategy {to} already", table.name());
            return Err(ManagerError::Refused(why));
        }
        if from.is_hash_order() == to.is_hash_order() {
            check_boundaries(&table, to)?;
            redefine(shared, &table, to).await?;
            drop(busy);
            return Ok(shared.begin(&table, from, to, RekeyState::Done));
        }
        if let Some(again_ms) = table.rekey_again_ms() {
            return Err(ManagerError::Conflict(format!(
                "table {:?}: its key order has just changed, and scans that began before are served \
                 in the old one; it can be changed again from {again_ms} on (ms since 1970)",
                table.name()
            )));
        }
        let boundaries = cuts::boundaries(&table, from, to).await?;
        drop(busy);
        Ok(run(shared, &table, from, to, boundaries))
    }

    /// Stops a rekey and undoes it; also one that has failed, if it could not be undone then.
    ///
    /// # Errors
    /// If there is no such rekey under way, or it is cutting over already.
    pub async fn cancel_rekey(&self, id: u64) -> Result<RekeyDocument, ManagerError> {
        let refused = || ManagerError::Refused(format!("no workflow {id} can be cancelled now"));
        let rekey = self.rekey_document(id).map_err(|_| refused())?;
        let table = self.shared.table(&rekey.table)?;
        if rekey.state == RekeyState::Running {
            table.cancel_rekey().await?;
            return Ok(rekey);
        }
        let target = Reordered { from: rekey.from, to: rekey.to }.target();
        if table.pending_rekey() != Some(target) {
            return Err(refused());
        }
        table.cancel_rekey().await?;
        let cancelled = |rekey: &mut RekeyDocument| rekey.state = RekeyState::Cancelled;
        self.shared.rekeys.lock().change(id, cancelled);
        self.rekey_document(id)
    }

    /// The rekeys of this process, oldest first, with how far they are now.
    pub fn rekey_documents(&self) -> Vec<RekeyDocument> {
        let mut all: Vec<RekeyDocument> = self.shared.rekeys.lock().all.iter().cloned().collect();
        for rekey in all.iter_mut().filter(|rekey| rekey.state == RekeyState::Running) {
            let table = self.shared.components.storage.table(&rekey.table);
            rekey.progress =
                table.and_then(|table| table.rekey_progress()).or(rekey.progress.take());
        }
        all
    }

    /// One of them.
    ///
    /// # Errors
    /// If there is none with this number.
    pub fn rekey_document(&self, id: u64) -> Result<RekeyDocument, ManagerError> {
        let found = self.rekey_documents().into_iter().find(|rekey| rekey.id == id);
        found.ok_or_else(|| ManagerError::Refused(format!("there is no rekey {id}")))
    }
}

/// Goes on with the rekeys that were under way when the process before ended.
pub(crate) fn resume(shared: &Arc<Shared>) {
    for table in shared.components.storage.tables() {
        let Some(target) = table.pending_rekey() else { continue };
        match Reordered::from_target(&target) {
            Some(Reordered { from, to }) => {
                run(shared, &table, from, to, Vec::new());
            }
            None => tracing::error!(table = table.name(), %target, "a rekey to something unknown"),
        }
    }
}

/// Runs a rekey in the background.
fn run(
    shared: &Arc<Shared>,
    table: &Arc<Table>,
    from: Strategy,
    to: Strategy,
    boundaries: Vec<bytes::Bytes>,
) -> RekeyDocument {
    let begun = shared.begin(table, from, to, RekeyState::Running);
    let (id, shared, table) = (begun.id, shared.clone(), table.clone());
    tokio::spawn(async move {
        let order = Reordered { from, to };
        let request = Rekey { target: order.target(), boundaries, order: Arc::new(order) };
        let done = table.rekey(request).await;
        shared.rekeys.lock().change(id, |rekey| end(rekey, &done));
        shared.follow_catalog().await;
    });
    begun
}

fn end(rekey: &mut RekeyDocument, done: &Result<RekeyReport, StorageError>) {
    match done {
        Ok(report) => {
            rekey.progress = Some(report.progress.clone());
            rekey.state = RekeyState::Done;
            rekey.pause_ms = Some(report.pause_ms);
        }
        Err(StorageError::Cancelled(_)) => rekey.state = RekeyState::Cancelled,
        Err(error) => {
            rekey.state = RekeyState::Failed;
            rekey.failure = Some(error.to_string());
        }
    }
}

impl Shared {
    fn begin(
        &self,
        table: &Table,
        from: Strategy,
        to: Strategy,
        state: RekeyState,
    ) -> RekeyDocument {
        let id = self.journal.lock().reserve_id();
        self.rekeys.lock().insert(RekeyDocument {
            id,
            table: table.name().to_owned(),
            action: "rekey",
            from,
            to,
            started_ms: self.components.clock.now_ms(),
            state,
            progress: None,
            pause_ms: None,
            failure: None,
        })
    }
}

/// With the strategy `hash`, boundaries lie between the hashes of partition keys only.
fn check_boundaries(table: &Table, to: Strategy) -> Result<(), ManagerError> {
    let map = table.partition_map();
    let inside = map.partitions.iter().skip(1).find(|p| p.range.start.len() > HASH_BYTES);
    match inside {
        Some(partition) if to == Strategy::Hash => Err(ManagerError::Refused(format!(
            "partition {} begins inside an item collection, which the strategy hash does not allow: \
             merge it with the one before first, or reslice the two at a hash of {HASH_BYTES} bytes",
            partition.id
        ))),
        _ => Ok(()),
    }
}

/// Changes what the definition says; no key changes.
async fn redefine(shared: &Shared, table: &Table, to: Strategy) -> Result<(), ManagerError> {
    table.update_definition(|stored| dynamodb::with_strategy(stored, to)).await?;
    if let Some(state) = shared.tables.lock().get_mut(&table.id()) {
        state.set_strategy(to);
    }
    shared.follow_catalog().await;
    Ok(())
}
