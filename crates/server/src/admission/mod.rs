//! Admission: which requests a partition has capacity for, and which it refuses.
//!
//! Every partition has a token bucket for reads and one for writes (`planner::Buckets`), filled by
//! the server's clock, which may be scaled. A request is admitted while its bucket is above zero
//! and debited at once with what is known of its cost; the rest follows when it was served, if need
//! be below zero. Without limits everything is admitted, but routed and measured all the same.
//!
//! The buckets follow the table's partition map: whoever routes a request under a newer map first
//! makes its buckets. They are filled with what their parents had, never anew ([`credits`]).

mod credits;
mod gate;
mod hot_keys;
pub(crate) mod measured;
mod provisioned;

pub(crate) use gate::{Admitted, Asking, Beyond, Gate, Refused};
pub(crate) use hot_keys::HotKey;

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use planner::Buckets;
use storage::{PartitionInfo, PartitionMap};
use types::{KeyRange, PartitionId, TableId, Units};

use self::credits::Level;
use self::provisioned::Provisioned;
use crate::settings::{LimitMode, LimitSettings};

/// Tells the load that is expected of a key range soon, in units per second, if anything is known
/// of it. Asked for every child of a reslice; the credit of their parents is divided by the answers.
pub type ExpectedLoad = Arc<dyn Fn(TableId, &KeyRange) -> Option<Units> + Send + Sync>;

/// The buckets of one table's partitions.
pub(crate) struct Admission {
    settings: LimitSettings,
    expected: Option<ExpectedLoad>,
    /// What stands before all of them.
    pub(crate) provisioned: Provisioned,
    gates: ArcSwap<Gates>,
    /// Held while the gates of a newer map are made.
    following: Mutex<()>,
}

/// The gates of one epoch, in the order of the key axis.
#[derive(Debug)]
struct Gates {
    epoch: u64,
    gates: Vec<Arc<Gate>>,
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission")
            .field("settings", &self.settings)
            .field("gates", &self.gates)
            .finish_non_exhaustive()
    }
}

impl Admission {
    /// Full buckets for the partitions of `map`, and for the rates that the table is provisioned with,
    /// if it is.
    pub(crate) fn new(
        settings: LimitSettings,
        expected: Option<ExpectedLoad>,
        provisioned: Option<Units>,
        map: &PartitionMap,
        now_ms: i64,
    ) -> Self {
        let buckets = || Buckets::full(capacity(&settings), settings.burst_s, now_ms);
        let gate = |info: &PartitionInfo| {
            let buckets = limited(&settings).then(buckets);
            Arc::new(Gate::new(info.id, info.range.clone(), buckets, beyond(&settings)))
        };
        let gates = map.partitions.iter().map(gate).collect();
        let gates = ArcSwap::from_pointee(Gates { epoch: map.epoch, gates });
        let provisioned = Provisioned::new(&settings, provisioned, now_ms);
        Self { settings, expected, provisioned, gates, following: Mutex::new(()) }
    }

    /// The gate of the partition that owns `key` under `map` or a newer one.
    pub(crate) fn gate(&self, map: &PartitionMap, key: &[u8], now_ms: i64) -> Arc<Gate> {
        let known = self.gates.load();
        if known.epoch < map.epoch {
            drop(known);
            self.follow(map, now_ms);
            return Arc::clone(self.gates.load().gate(key));
        }
        Arc::clone(known.gate(key))
    }

    /// What every partition has left, in the order of the key axis; nothing where that does not say when
    /// requests are refused.
    pub(crate) fn levels(&self, map: &PartitionMap, now_ms: i64) -> Vec<(PartitionId, Units)> {
        if self.settings.mode != LimitMode::Dynamodb {
            return Vec::new();
        }
        self.follow(map, now_ms);
        let gates = self.gates.load();
        let level = |gate: &Arc<Gate>| Some((gate.partition(), gate.level(now_ms)?));
        gates.gates.iter().filter_map(level).collect()
    }

    /// All gates, in the order of the key axis.
    pub(crate) fn gates(&self, map: &PartitionMap, now_ms: i64) -> Vec<Arc<Gate>> {
        self.follow(map, now_ms);
        self.gates.load().gates.clone()
    }

    /// The keys that ask for much of what their partitions serve.
    pub(crate) fn hot_keys(&self) -> Vec<(PartitionId, HotKey)> {
        let gates = self.gates.load();
        let of = |gate: &Arc<Gate>| {
            let id = gate.partition();
            gate.hot_keys().into_iter().map(move |key| (id, key)).collect::<Vec<_>>()
        };
        gates.gates.iter().flat_map(of).collect()
    }

    /// Makes the gates of a newer map; those of partitions that stay are kept. While one request
    /// does that, others go on through the old gates, which cover the key axis as well.
    fn follow(&self, map: &PartitionMap, now_ms: i64) {
        let Some(_following) = self.following.try_lock() else {
            return;
        };
        let old = self.gates.load();
        if old.epoch >= map.epoch {
            return;
        }
        let limited = limited(&self.settings);
        let share = |range: &KeyRange| self.expected.as_ref()?(map.table, range);
        let levels = credits::levels(&old.gates, &map.partitions, share, now_ms);
        let gate = |(info, level): (&PartitionInfo, Level)| match level {
            Level::Kept(index) => Arc::clone(&old.gates[index]),
            Level::Inherited(level) => {
                let (capacity, burst_s) = (capacity(&self.settings), self.settings.burst_s);
                let buckets = || Buckets::at_level(level, capacity, burst_s, now_ms);
                let buckets = limited.then(buckets);
                let beyond = beyond(&self.settings);
                Arc::new(Gate::new(info.id, info.range.clone(), buckets, beyond))
            }
        };
        let gates = map.partitions.iter().zip(levels).map(gate).collect();
        self.gates.store(Arc::new(Gates { epoch: map.epoch, gates }));
    }
}

impl Gates {
    fn gate(&self, key: &[u8]) -> &Arc<Gate> {
        let after = self.gates.partition_point(|gate| gate.range().start.as_ref() <= key);
        // The first partition starts at the empty key, so at least one starts at or before `key`.
        &self.gates[after.saturating_sub(1)]
    }
}

fn limited(settings: &LimitSettings) -> bool {
    settings.mode != LimitMode::Off
}

fn beyond(settings: &LimitSettings) -> Beyond {
    match settings.mode {
        LimitMode::Measured => Beyond::Sustained(None),
        LimitMode::Dynamodb | LimitMode::Off => Beyond::Refused,
    }
}

fn capacity(settings: &LimitSettings) -> Units {
    Units { read: settings.read_units_per_s, write: settings.write_units_per_s }
}

#[cfg(test)]
mod tests;
