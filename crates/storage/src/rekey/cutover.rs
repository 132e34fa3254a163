//! The part of a rekey in which writes are held, and what comes after it.

use super::copy::{Copy, approach, drain_all};
use super::{Attempt, RekeyPhase, RekeyReport};
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::partition::{Gate, Partition};
use crate::record::table::{RetiredRecord, TableRecord};
use crate::reslice::{close_all, ms_since};
use crate::table::{Previous, Routes, Table};
use futures::future::join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedRwLockWriteGuard;
use tokio::time::timeout;

type Gates = Vec<OwnedRwLockWriteGuard<Gate>>;

impl Attempt {
    /// Makes the new order the table's. If this fails, the gates are open again, and the old order
    /// is the table's; unless the outcome is unknown.
    pub(super) async fn cut_over(
        &self,
        copies: &mut [Copy],
        children: &[Arc<Partition>],
        begun: Instant,
    ) -> Result<RekeyReport> {
        let table = &self.table;
        // Housekeeping may have it for a while.
        let _workflow = table.workflow_again().await?;
        approach(copies).await?;
        // The definition changes with the order.
        let _defining = table.defining.lock().await;
        self.control.begin_cutover()?;
        let holding = Instant::now();
        let mut gates = self.hold_and_drain(copies, holding).await?;
        let (epoch, definition) = match self.publish().await {
            Ok(published) => published,
            Err(error) => return Err(self.not_published(&mut gates, error)),
        };
        // From here on there is no way back: a failure that is asked for has no effect, a kill has.
        let _ = table.shared.reached(FaultPoint::RekeyPublished).await;
        let report =
            RekeyReport { pause_ms: ms_since(holding), ..self.report(children, epoch, begun) };
        self.release(gates, children, epoch, definition).await;
        Ok(report)
    }

    /// Closes the gates of all partitions and copies what is left.
    async fn hold_and_drain(&self, copies: &mut [Copy], holding: Instant) -> Result<Gates> {
        let shared = &self.table.shared;
        let bound_ms = shared.settings.cutover_ms_max;
        let bound = Duration::from_millis(bound_ms);
        let too_slow = |_| StorageError::TooSlow { step: "cutover", bound_ms };
        let closing = join_all(self.sources.iter().map(|source| source.close_gate()));
        let gates = timeout(bound, closing).await.map_err(too_slow)?;
        shared.reached(FaultPoint::RekeyGated).await?;
        // Cut short, it leaves nothing half done that the next attempt does not do again.
        let left = bound.saturating_sub(holding.elapsed());
        timeout(left, drain_all(copies)).await.map_err(too_slow)??;
        shared.reached(FaultPoint::RekeyDrained).await?;
        Ok(gates)
    }

    /// The compare-and-set.
    async fn publish(&self) -> Result<(u64, serde_json::Value)> {
        let now_ms = self.table.shared.clock.now_ms();
        let publish = |record: &mut TableRecord| {
            let missing = || StorageError::Conflict(self.table.name().to_owned());
            let rekey = record.rekey.take().ok_or_else(missing)?;
            let replaced = std::mem::replace(&mut record.partitions, rekey.children);
            let retired =
                replaced.into_iter().map(|old| RetiredRecord { id: old.id, retired_ms: now_ms });
            record.retired.extend(retired);
            record.definition = self.order.definition(&record.definition);
            record.order += 1;
            record.rekeyed_ms = Some(now_ms);
            record.epoch += 1;
            Ok((record.epoch, record.definition.clone()))
        };
        let published = self.table.object.publish(publish).await?;
        self.table.set_rekeyed_ms(now_ms);
        Ok(published)
    }

    /// What to do with the gates when publishing failed.
    fn not_published(&self, gates: &mut Gates, error: StorageError) -> StorageError {
        // The next start may find the new order, and then nobody would read what is written here.
        if let StorageError::Undecided(object) | StorageError::TakenOver(object) = &error {
            self.table.set_undecided();
            for gate in gates {
                **gate = Gate::Undecided(object.clone());
            }
        }
        error
    }

    /// Sends requests by the new order from now on. Scans of the old one go on there for a while.
    async fn release(
        &self,
        gates: Gates,
        children: &[Arc<Partition>],
        epoch: u64,
        definition: serde_json::Value,
    ) {
        let table = &self.table;
        let old = table.routes();
        let order = old.order + 1;
        let previous = Previous { routes: old, to_current: self.order.clone() };
        if table.shared.settings.rekey_grace_ms > 0 {
            table.previous.store(Some(Arc::new(previous)));
        }
        table.watch_over(children);
        table.set_routes(Routes::new(table.id(), epoch, order, children.to_vec()));
        table.set_defined(order, definition);
        for mut gate in gates {
            *gate = Gate::Retired;
        }
        self.control.set_phase(RekeyPhase::CuttingOver);
        let _ = table.shared.reached(FaultPoint::RekeyReleased).await;
        table.object.tidy().await;
        let closing = table.closing.clone().read_owned().await;
        let (table, sources) = (table.clone(), self.sources.clone());
        tokio::spawn(async move {
            end_of_grace(&table).await;
            table.previous.store(None);
            close_all(&sources).await;
            table.forget_in_log(&sources).await;
            drop(closing);
            let _ = table.shared.reached(FaultPoint::RekeyCleaned).await;
        });
    }
}

/// Waits until scans of the old order are served no more, or the table is closed.
async fn end_of_grace(table: &Table) {
    let mut ended = std::pin::pin!(table.ended.notified());
    ended.as_mut().enable();
    if table.check_alive().is_ok() {
        let grace = Duration::from_millis(table.shared.settings.rekey_grace_ms);
        let _ = timeout(grace, ended).await;
    }
}
