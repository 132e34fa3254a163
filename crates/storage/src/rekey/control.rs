//! A rekey under way as others see it: how far it is, and whether it should stop.

use crate::error::{Result, StorageError};
use crate::table::Table;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::sync::Weak;
use std::time::{Duration, Instant};
use types::PartitionId;

/// What a rekey is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RekeyPhase {
    /// It was found at the start and nobody has gone on with it yet.
    Waiting,
    /// Copying everything.
    Copying,
    /// Everything is copied; what was written meanwhile is copied once more.
    CatchingUp,
    /// Writes are held. It cannot be cancelled any more.
    CuttingOver,
}

/// How far a rekey is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RekeyProgress {
    /// What it was asked for.
    pub target: serde_json::Value,
    /// What it is doing.
    pub phase: RekeyPhase,
    /// Since when, by the store's clock.
    pub started_ms: i64,
    /// Items that were copied.
    pub items: u64,
    /// Their keys and values.
    pub bytes: u64,
    /// What there is to copy, by estimate; what is in files counts as it is stored there.
    pub bytes_total: u64,
    /// How long the copying will go on at the pace of this process, if that is known.
    pub left_s: Option<f64>,
    /// Keys that were written meanwhile and have still to be copied once more.
    pub captured: u64,
    /// Writers that wait for that at the moment.
    pub writers_waiting: u64,
    /// Whether it was told to stop.
    pub cancelled: bool,
}

/// The other side of a running rekey.
#[derive(Debug)]
pub(crate) struct Control {
    table: Weak<Table>,
    bytes_per_s: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    target: serde_json::Value,
    phase: RekeyPhase,
    started_ms: i64,
    cancelled: bool,
    items: u64,
    bytes: u64,
    bytes_total: u64,
    /// When this process began, and how much had been copied then.
    since: Instant,
    bytes_before: u64,
    /// When the next chunk may be copied.
    next: Instant,
}

impl Control {
    pub(super) fn new(
        table: Weak<Table>,
        target: serde_json::Value,
        started_ms: i64,
        bytes_per_s: u64,
    ) -> Self {
        let now = Instant::now();
        let state = State {
            target,
            phase: RekeyPhase::Copying,
            started_ms,
            cancelled: false,
            items: 0,
            bytes: 0,
            bytes_total: 0,
            since: now,
            bytes_before: 0,
            next: now,
        };
        Self { table, bytes_per_s, state: Mutex::new(state) }
    }

    /// An error if it was cancelled, or the table does not answer any more.
    pub(super) fn check(&self) -> Result<()> {
        let table = self.table.upgrade().ok_or(StorageError::Closed)?;
        table.check_alive()?;
        match self.state.lock().cancelled {
            true => Err(StorageError::Cancelled(table.name().to_owned())),
            false => Ok(()),
        }
    }

    /// Tells it to stop; false if it is too late for that.
    pub(super) fn cancel(&self) -> bool {
        let mut state = self.state.lock();
        if state.phase == RekeyPhase::CuttingOver {
            return false;
        }
        state.cancelled = true;
        true
    }

    /// From here on it cannot be cancelled.
    pub(super) fn begin_cutover(&self) -> Result<()> {
        self.check()?;
        let mut state = self.state.lock();
        if state.cancelled {
            drop(state);
            return self.check();
        }
        state.phase = RekeyPhase::CuttingOver;
        Ok(())
    }

    pub(super) fn set_phase(&self, phase: RekeyPhase) {
        self.state.lock().phase = phase;
    }

    pub(super) fn set_total(&self, bytes: u64) {
        self.state.lock().bytes_total = bytes;
    }

    /// What an earlier process had copied.
    pub(super) fn resume(&self, items: u64, bytes: u64) {
        let mut state = self.state.lock();
        (state.items, state.bytes, state.bytes_before) = (items, bytes, bytes);
    }

    /// Counts what was copied; answers how long to wait before copying more.
    pub(super) fn copied(&self, items: u64, bytes: u64) -> Duration {
        let mut state = self.state.lock();
        state.items += items;
        state.bytes += bytes;
        if self.bytes_per_s == 0 {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let takes = Duration::from_secs_f64(bytes as f64 / self.bytes_per_s as f64);
        state.next = state.next.max(now) + takes;
        state.next - now
    }

    pub(crate) fn progress(&self) -> RekeyProgress {
        let (captured, writers_waiting) = self.table.upgrade().map_or((0, 0), |table| {
            let routes = table.routes();
            let of_each = routes.partitions.iter().map(|partition| partition.captured());
            of_each.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
        });
        let state = self.state.lock();
        let copied = (state.bytes - state.bytes_before) as f64;
        let pace = copied / state.since.elapsed().as_secs_f64();
        let left = state.bytes_total.saturating_sub(state.bytes) as f64;
        let left_s = match state.phase {
            RekeyPhase::Copying if copied > 0.0 => Some(left / pace),
            RekeyPhase::Copying | RekeyPhase::Waiting => None,
            RekeyPhase::CatchingUp | RekeyPhase::CuttingOver => Some(0.0),
        };
        RekeyProgress {
            target: state.target.clone(),
            phase: state.phase,
            started_ms: state.started_ms,
            items: state.items,
            bytes: state.bytes,
            bytes_total: state.bytes_total,
            left_s,
            captured,
            writers_waiting,
            cancelled: state.cancelled,
        }
    }
}

/// How far one partition of the old order is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) source: PartitionId,
    /// Nothing is left if there is no range.
    pub(super) left: Option<types::KeyRange>,
    pub(super) items: u64,
    pub(super) bytes: u64,
}
