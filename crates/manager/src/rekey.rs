//! Changing a table's strategy: at once where the key order stays, by storage's `rekey` where it does
//! not.
//!
//! A rekey may take hours. So whoever asks for one is told its number and looks how far it is; it runs
//! in the background, goes on after a restart by itself under the same number, and can be cancelled until
//! its cutover. While it runs the table's partitions stay as they are. What was wanted is on disk before
//! anything is done ([`record`]); [`auto`] begins what nobody has asked for.

pub(crate) mod auto;
mod cuts;
mod documents;
mod log;
mod order;
mod record;

pub use documents::RekeyDocument;
pub(crate) use log::Rekeys;
pub use record::{Grounds, RekeyState};

use crate::Manager;
use crate::error::ManagerError;
use crate::shared::Shared;
use crate::tables::strategy_of;
use dynamodb::ChosenBy;
use order::Reordered;
use record::{RekeyRecord, Wanted};
use serde::Deserialize;
use std::sync::Arc;
use storage::{Rekey, RekeyReport, StorageError, Table};
use types::storage_key::HASH_BYTES;
use types::{KeyRange, Strategy};

/// `POST tables/{t}/rekey`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RekeyWish {
    /// The strategy to have.
    pub strategy: Strategy,
}

impl Manager {
    /// Changes a table's strategy, or begins to: see the state in the answer. From then on it is its
    /// owner's choice, also if the table had it before.
    ///
    /// # Errors
    /// If the table is unknown or busy, or cannot have the strategy.
    pub async fn rekey_by_hand(
        &self,
        table: &str,
        wish: RekeyWish,
    ) -> Result<RekeyDocument, ManagerError> {
        let table = self.shared.table(table)?;
        self.shared.follow_catalog().await;
        let id = begin(&self.shared, &table, wish.strategy, ChosenBy::Owner, None).await?;
        self.rekey_document(id)
    }

    /// Stops a rekey and undoes it; also one that has failed, if it could not be undone then.
    ///
    /// # Errors
    /// If there is no such rekey under way, or it is cutting over already.
    pub async fn cancel_rekey(&self, id: u64) -> Result<RekeyDocument, ManagerError> {
        let shared = &self.shared;
        let refused = || ManagerError::Refused(format!("no workflow {id} can be cancelled now"));
        let rekey = shared.rekeys.lock().get(id).cloned().ok_or_else(refused)?;
        let table = shared.table(&rekey.table_name)?;
        if rekey.state == RekeyState::Running {
            table.cancel_rekey().await?;
            return self.rekey_document(id);
        }
        if !is_pending(&table, rekey.from, rekey.to) {
            return Err(refused());
        }
        table.cancel_rekey().await?;
        let now_ms = shared.components.clock.now_ms();
        shared.change_rekey(id, |rekey| rekey.end(RekeyState::Cancelled, None, now_ms)).await?;
        self.rekey_document(id)
    }
}

/// Changes a strategy, or begins to; answers with its number.
async fn begin(
    shared: &Arc<Shared>,
    table: &Arc<Table>,
    to: Strategy,
    by: ChosenBy,
    grounds: Option<Grounds>,
) -> Result<u64, ManagerError> {
    let number = shared.journal.lock().next_id();
    let claim = shared.claims.take(number, table.id(), &KeyRange::full());
    let claim = claim.map_err(|_| ManagerError::Busy(table.name().to_owned()))?;
    let from = strategy_of(table);
    // One that could not be undone may be gone on with, for whoever has begun it.
    let pending = pending(table).filter(|order| (order.from, order.to) == (from, to));
    if table.rekey_progress().is_some() && pending.is_none() {
        return Err(ManagerError::Busy(table.name().to_owned()));
    }
    let by = pending.map_or(by, |order| order.by);
    let is_chosen = dynamodb::has_chosen_strategy(&table.definition());
    if from == to && (is_chosen || by == ChosenBy::Service) {
        let why = format!("table {:?} has the strategy {to} already", table.name());
        return Err(ManagerError::Refused(why));
    }
    if is_chosen && by == ChosenBy::Service {
        let why = format!("the owner of table {:?} has chosen {from}", table.name());
        return Err(ManagerError::Refused(why));
    }
    let wanted =
        Wanted { table: table.id(), table_name: table.name().to_owned(), from, to, by, grounds };
    if from.is_hash_order() == to.is_hash_order() {
        check_boundaries(table, to)?;
        let id = shared.note_rekey(wanted).id;
        let done = redefine(shared, table, id, to, by).await;
        drop(claim);
        return done.map(|()| id);
    }
    if let Some(again_ms) = table.rekey_again_ms() {
        return Err(ManagerError::Conflict(format!(
            "table {:?}: its key order has just changed, and scans that began before are served \
             in the old one; it can be changed again from {again_ms} on (ms since 1970)",
            table.name()
        )));
    }
    let boundaries = cuts::boundaries(table, from, to).await?;
    let rekey = shared.note_rekey(wanted);
    if let Err(error) = shared.write_rekey(rekey.id).await {
        shared.forget_rekey(rekey.id).await.ok();
        return Err(error);
    }
    drop(claim);
    run(shared, table, &rekey, boundaries);
    Ok(rekey.id)
}

/// The rekey that nobody goes on with, if there is one.
fn pending(table: &Table) -> Option<Reordered> {
    Reordered::from_target(&table.pending_rekey()?)
}

fn is_pending(table: &Table, from: Strategy, to: Strategy) -> bool {
    pending(table).is_some_and(|order| (order.from, order.to) == (from, to))
}

/// Settles what the process before has left: goes on with rekeys that were under way, and notes how the
/// others have ended.
pub(crate) async fn resume(shared: &Arc<Shared>) {
    let tables = shared.components.storage.tables();
    for table in &tables {
        let Some(target) = table.pending_rekey() else { continue };
        match Reordered::from_target(&target) {
            Some(order) => go_on(shared, table, order).await,
            None => tracing::error!(table = table.name(), %target, "a rekey to something unknown"),
        }
    }
    let all: Vec<RekeyRecord> = shared.rekeys.lock().all().cloned().collect();
    for rekey in all.into_iter().filter(|rekey| rekey.state == RekeyState::Running) {
        let table = tables.iter().find(|table| table.id() == rekey.table);
        if table.is_none_or(|table| table.rekey_progress().is_none()) {
            settle(shared, &rekey, table).await;
        }
    }
}

async fn go_on(shared: &Arc<Shared>, table: &Arc<Table>, order: Reordered) {
    let Reordered { from, to, by } = order;
    let known = shared.rekeys.lock().begun_as(table.id(), from, to);
    let id = known.unwrap_or_else(|| {
        let (table, table_name) = (table.id(), table.name().to_owned());
        shared.note_rekey(Wanted { table, table_name, from, to, by, grounds: None }).id
    });
    let running = |rekey: &mut RekeyRecord| {
        (rekey.state, rekey.failure, rekey.ended_ms) = (RekeyState::Running, None, None);
    };
    if let Err(error) = shared.change_rekey(id, running).await {
        tracing::warn!(table = table.name(), %error, "that a rekey goes on was not written down");
    }
    let rekey = shared.rekeys.lock().get(id).cloned();
    if let Some(rekey) = rekey {
        run(shared, table, &rekey, Vec::new());
    }
}

/// Notes how one has ended that nobody could tell of: the catalog says it.
async fn settle(shared: &Shared, rekey: &RekeyRecord, table: Option<&Arc<Table>>) {
    let now_ms = shared.components.clock.now_ms();
    let done = table.filter(|table| strategy_of(table) == rekey.to);
    let ended_ms = done.and_then(|table| table.rekeyed_ms()).unwrap_or(now_ms);
    let end = |rekey: &mut RekeyRecord| match done {
        Some(_) => rekey.end(RekeyState::Done, None, ended_ms),
        None => {
            let why = "the process ended, and it was undone at the next start";
            rekey.end(RekeyState::Failed, Some(why.into()), now_ms);
        }
    };
    if let Err(error) = shared.change_rekey(rekey.id, end).await {
        tracing::warn!(table = rekey.table_name, %error, "how a rekey ended was not written down");
    }
}

/// Runs a rekey in the background.
fn run(
    shared: &Arc<Shared>,
    table: &Arc<Table>,
    rekey: &RekeyRecord,
    boundaries: Vec<bytes::Bytes>,
) {
    let RekeyRecord { id, from, to, by, .. } = *rekey;
    let (shared, table) = (shared.clone(), table.clone());
    tokio::spawn(async move {
        let order = Reordered { from, to, by };
        let request = Rekey { target: order.target(), boundaries, order: Arc::new(order) };
        let done = table.rekey(request).await;
        // The next start goes on with it.
        if matches!(done, Err(StorageError::Closed)) {
            return;
        }
        let now_ms = shared.components.clock.now_ms();
        if let Err(error) = shared.change_rekey(id, |rekey| end(rekey, &done, now_ms)).await {
            tracing::warn!(table = table.name(), %error, "how a rekey ended was not written down");
        }
        shared.follow_catalog().await;
    });
}

fn end(rekey: &mut RekeyRecord, done: &Result<RekeyReport, StorageError>, now_ms: i64) {
    match done {
        Ok(report) => {
            rekey.progress = Some(report.progress.clone());
            rekey.pause_ms = Some(report.pause_ms);
            rekey.total_ms = Some(report.total_ms);
            rekey.end(RekeyState::Done, None, now_ms);
        }
        Err(StorageError::Cancelled(_)) => rekey.end(RekeyState::Cancelled, None, now_ms),
        Err(error) => rekey.end(RekeyState::Failed, Some(error.to_string()), now_ms),
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
async fn redefine(
    shared: &Arc<Shared>,
    table: &Table,
    id: u64,
    to: Strategy,
    by: ChosenBy,
) -> Result<(), ManagerError> {
    let written = shared.write_rekey(id).await;
    let changed = match written {
        Ok(()) => {
            let redefined = |stored: &_| dynamodb::with_strategy(stored, to, by);
            table.update_definition(redefined).await.map_err(ManagerError::from)
        }
        Err(error) => Err(error),
    };
    let now_ms = shared.components.clock.now_ms();
    let failure = changed.as_ref().err().map(ToString::to_string);
    let state = if failure.is_none() { RekeyState::Done } else { RekeyState::Failed };
    if changed.is_ok()
        && let Some(state) = shared.tables.lock().get_mut(&table.id())
    {
        state.set_strategy(to);
    }
    // The strategy is what it is; that the record could not say so must not look like a failure.
    if let Err(error) = shared.change_rekey(id, |rekey| rekey.end(state, failure, now_ms)).await {
        tracing::warn!(table = table.name(), %error, "a change of strategy was not written down");
    }
    shared.follow_catalog().await;
    changed
}
