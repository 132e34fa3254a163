//! One partition with everything that is known of it: what it carried, what is forecast, what had been
//! forecast, its score in its parts, its hottest keys.

use crate::Manager;
use crate::error::ManagerError;
use crate::foretold::Foretold;
use crate::heatmap::{Axis, hex};
use crate::tables::strategy_of;
use forecast::Outlook;
use planner::score::Score;
use serde::Serialize;
use types::{KeyRange, PartitionId, Strategy, Units};
use workload::{Channel, Window};

/// How much past a page shows at most.
const PAST_MS_MAX: i64 = 7 * 24 * 3_600_000;
/// Hot keys that are looked through for those of the partition, and shown.
const HOT_KEYS_SEEN: usize = 128;
const HOT_KEYS_SHOWN: usize = 16;

/// `GET tables/{t}/partitions/{id}`.
#[derive(Debug, Serialize)]
pub struct PartitionPage {
    /// The table's name.
    pub table: String,
    /// The partition.
    pub id: PartitionId,
    /// Its first key; empty for the beginning of the axis.
    pub start: String,
    /// The first key behind it; empty for the end of the axis.
    pub end: String,
    /// Where it begins on the key axis, between 0 and 1.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// The table's strategy.
    pub strategy: Strategy,
    /// The service's clock.
    pub now_ms: i64,
    /// What it can serve, per second.
    pub capacity: Units,
    /// Demand of the last seconds.
    pub load_now: Units,
    /// Requests throttled per second in the last seconds.
    pub throttled_per_s: f64,
    /// Burst credit left, in unit-seconds.
    pub credit: Option<Units>,
    /// How long it has been at its limit.
    pub at_limit_ms: i64,
    /// Stored bytes.
    pub size_bytes: u64,
    /// Stored bytes expected at the end of the horizon.
    pub forecast_size_bytes: u64,
    /// The share of recent load that goes to its most loaded key.
    pub top_key_share: f64,
    /// When it was made.
    pub created_ms: i64,
    /// When these keys were last merged, if they were divided again since.
    pub merged_ms: Option<i64>,
    /// The node that serves it.
    pub owner: &'static str,
    /// The partition map's epoch.
    pub epoch: u64,
    /// `serving`, or `changing` while an action on the table is under way.
    pub state: &'static str,
    /// The score in its parts.
    pub score: Option<Score>,
    /// From when on it is acted on.
    pub score_threshold: f64,
    /// What is forecast of reads, with the model and its recent error, or why nothing is.
    pub read: Outlook,
    /// The same of writes.
    pub write: Outlook,
    /// What came.
    pub history: LoadHistory,
    /// What was forecast for each bin just before it began.
    pub foretold_next: Vec<Foretold>,
    /// What was forecast for each bin a horizon before.
    pub foretold_horizon: Vec<Foretold>,
    /// The hottest keys of the last hour.
    pub heavy_hitters: Vec<HeavyHitter>,
}

/// Load in bins of five minutes; `null` where nothing was counted.
#[derive(Debug, Serialize)]
pub struct LoadHistory {
    /// When the first bin begins.
    pub start_ms: i64,
    /// How long a bin is.
    pub bin_ms: i64,
    /// Read units per second.
    pub read: Vec<Option<f32>>,
    /// Write units per second.
    pub write: Vec<Option<f32>>,
}

/// A key with much of the load.
#[derive(Debug, Serialize)]
pub struct HeavyHitter {
    /// The beginning of a storage key of this partition key, in hexadecimal.
    pub key: String,
    /// The hash of the partition key.
    pub hash: String,
    /// Its share of the table's load.
    pub share: f64,
    /// Read units per second.
    pub read_units: f64,
    /// Write units per second.
    pub write_units: f64,
}

impl Manager {
    /// One partition with everything that is known of it.
    ///
    /// # Errors
    /// If there is no such table, or no such partition now, or it was not looked at yet.
    pub fn partition_page(
        &self,
        name: &str,
        id: PartitionId,
        past_ms: i64,
    ) -> Result<PartitionPage, ManagerError> {
        let table = self.shared.table(name)?;
        let missing = || ManagerError::NoSuchPartition(name.to_owned(), id);
        let snapshot = self.snapshot(&table).ok_or_else(missing)?;
        let view = snapshot.view.partitions.iter().find(|p| p.id == id).ok_or_else(missing)?;
        let now_ms = self.shared.components.clock.now_ms();
        let (busy, (foretold_next, foretold_horizon)) = {
            let tables = self.shared.tables.lock();
            let state = tables.get(&table.id()).ok_or_else(missing)?;
            (self.shared.is_busy(&state.table), state.foretold.of(id))
        };
        let collector = self.shared.collector.lock();
        let ranges: Vec<KeyRange> =
            collector.cells(table.id()).map(|cells| cells.ranges().collect()).unwrap_or_default();
        let axis = Axis { strategy: strategy_of(&table), ranges: &ranges };
        let (from, to) = axis.span(&view.range);
        let from_ms = now_ms.saturating_sub(past_ms.clamp(0, PAST_MS_MAX));
        let history = collector.history(table.id());
        let hot = collector.hot_keys(table.id(), Window::Hour, HOT_KEYS_SEEN);
        let own = hot.iter().filter(|key| view.range.contains(key.storage_key.as_bytes()));
        let heavy_hitters = own.take(HOT_KEYS_SHOWN).map(|key| HeavyHitter {
            key: hex(key.storage_key.as_bytes()),
            hash: format!("{:016x}", key.key_hash),
            share: key.share,
            read_units: key.read_units,
            write_units: key.write_units,
        });
        Ok(PartitionPage {
            table: name.to_owned(),
            id,
            start: hex(&view.range.start),
            end: view.range.end.as_ref().map(|end| hex(end)).unwrap_or_default(),
            from,
            to,
            strategy: strategy_of(&table),
            now_ms,
            capacity: view.capacity,
            load_now: view.load_now,
            throttled_per_s: view.throttled_now,
            credit: view.credit,
            at_limit_ms: view.at_limit_ms,
            size_bytes: view.size_bytes,
            forecast_size_bytes: view.forecast_size_bytes,
            top_key_share: view.top_key_share,
            created_ms: view.created_ms,
            merged_ms: view.merged_ms,
            owner: "local",
            epoch: table.partition_map().epoch,
            state: if busy { "changing" } else { "serving" },
            score: snapshot.scores.iter().find(|score| score.partition == id).cloned(),
            score_threshold: self.shared.score.load().threshold,
            read: view.read.clone(),
            write: view.write.clone(),
            history: load_history(history, &view.range, from_ms, now_ms),
            foretold_next,
            foretold_horizon,
            heavy_hitters: heavy_hitters.collect(),
        })
    }
}

fn load_history(
    history: Option<&workload::Timeline>,
    range: &KeyRange,
    from_ms: i64,
    until_ms: i64,
) -> LoadHistory {
    let bin_ms = workload::HISTORY_BIN_MS;
    let mut load = LoadHistory { start_ms: from_ms, bin_ms, read: Vec::new(), write: Vec::new() };
    let Some(history) = history else { return load };
    let channels = [Channel::ReadUnits, Channel::WriteUnits];
    let ranges = std::slice::from_ref(range);
    history.each_bin(ranges, channels, from_ms, until_ms, |start_ms, counted| {
        if load.read.is_empty() {
            load.start_ms = start_ms;
        }
        let counted = counted.and_then(|counted| counted.first().copied());
        load.read.push(counted.map(|counted| counted[0] as f32));
        load.write.push(counted.map(|counted| counted[1] as f32));
    });
    load
}
