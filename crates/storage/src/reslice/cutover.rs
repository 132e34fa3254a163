//! The part of a reslice in which writes are held: the children get what came last.
//!
//! The bound on it covers everything but the publishing. Work that is under way when the bound
//! passes is not cancelled half-way; the gates are opened, the work is awaited, and its result is thrown
//! away.

use super::delta::Delta;
use super::making::Made;
use super::{Attempt, PauseParts, close_all, interrupted, ms_since};
use crate::error::{Result, StorageError};
use crate::faults::FaultPoint;
use crate::partition::{Gate, Partition};
use crate::table::Shared;
use futures::future::join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedRwLockWriteGuard;
use tokio::time::timeout;

type Gates = Vec<OwnedRwLockWriteGuard<Gate>>;

/// The state just before publishing: the gates are closed, the children have everything, and are
/// reachable for nobody.
pub(super) struct Cutover {
    pub(super) begun: Instant,
    pub(super) gates: Gates,
    pub(super) children: Vec<Arc<Partition>>,
    pub(super) parts: PauseParts,
}

impl Cutover {
    /// Closes the gates and finishes the children. If this fails, the gates are open again and
    /// nothing of the children is open.
    pub(super) async fn begin(attempt: &Attempt, made: Made) -> Result<Self> {
        let Made { delta, children, .. } = made;
        match hold_and_finish(attempt, delta, &children).await {
            Ok((begun, gates, parts)) => Ok(Self { begun, gates, children, parts }),
            Err(error) => {
                close_all(&children).await;
                Err(error)
            }
        }
    }
}

/// Holds writes until everything is in the children. The gates are open again if this fails.
async fn hold_and_finish(
    attempt: &Attempt,
    delta: Delta,
    children: &[Arc<Partition>],
) -> Result<(Instant, Gates, PauseParts)> {
    let shared = attempt.table.shared.clone();
    let bound_ms = shared.settings.cutover_ms_max;
    let bound = Duration::from_millis(bound_ms);
    let too_slow = || StorageError::TooSlow { step: "cutover", bound_ms };
    let begun = Instant::now();
    let closing = join_all(attempt.sources.iter().map(|source| source.close_gate()));
    let gates = timeout(bound, closing).await.map_err(|_| too_slow())?;
    let drain_ms = ms_since(begun);
    let mut finishing = tokio::spawn(finish(shared, delta, children.to_vec()));
    match timeout(bound.saturating_sub(begun.elapsed()), &mut finishing).await {
        Ok(finished) => finished.unwrap_or_else(interrupted)?,
        Err(_) => {
            drop(gates);
            let _ = finishing.await;
            return Err(too_slow());
        }
    }
    let copy_ms = ms_since(begun) - drain_ms;
    Ok((begun, gates, PauseParts { drain_ms, copy_ms, ..PauseParts::default() }))
}

async fn finish(shared: Arc<Shared>, delta: Delta, children: Vec<Arc<Partition>>) -> Result<()> {
    shared.reached(FaultPoint::ResliceGated).await?;
    delta.finish(&children).await?;
    shared.reached(FaultPoint::ResliceDrained).await
}
