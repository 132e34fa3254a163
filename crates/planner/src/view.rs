//! What a policy sees: one table at one moment, as plain data.
//!
//! A view holds everything a decision may depend on, so that a decision can be repeated from its
//! record, shown by the admin API and made up in a test. Rates are units per second of *demand*
//! (throttled requests included, retries not). Views are built by [`crate::controller`].

use crate::load::larger;
use forecast::{Forecast, Outlook, Quantile, StoredOutlook};
use serde::{Deserialize, Serialize};
use types::{KeyRange, PartitionId, Strategy, TableId, Units};

/// Who refuses requests, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limits {
    /// Every partition has a fixed capacity with a burst allowance, as in DynamoDB.
    #[default]
    Dynamodb,
    /// Capacity is what partition and node are seen to sustain; refused is only what is beyond.
    Measured,
    /// Nobody is refused; capacities are planning targets only.
    Off,
}

/// A node as far as planning is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeView {
    /// What all its partitions together are served now, in units per second.
    pub load: Units,
    /// What it sustains, as far as that has been seen; infinite where it never was at its limit.
    pub capacity: Units,
    /// Whether it is at its limit now.
    pub at_limit: bool,
}

/// A table at `now_ms`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableView {
    /// Which table.
    pub table: TableId,
    /// Its name, for explanations.
    pub name: String,
    /// The moment.
    pub now_ms: i64,
    /// Whether the score interval has passed, so that forecasts may be acted on now. The reactive
    /// floor looks at every view.
    pub due: bool,
    /// Whether an earlier plan is still being carried out.
    pub busy: bool,
    /// How requests are limited.
    pub limits: Limits,
    /// Where boundaries may fall.
    #[serde(default)]
    pub strategy: Strategy,
    /// The throughput that the table is to be ready for, whatever is forecast.
    #[serde(default)]
    pub warm: Units,
    /// What is known of the node that serves it.
    #[serde(default)]
    pub node: Option<NodeView>,
    /// When the last plan with an action was made.
    pub last_plan_ms: Option<i64>,
    /// Its partitions, in key order; they tile the key axis.
    pub partitions: Vec<PartitionView>,
}

impl TableView {
    /// The load expected on a range of keys in the next step, or else seen lately, by the cells
    /// that begin in it: what burst credit is divided by. `None` if no cell does.
    pub fn expected_load(&self, range: &KeyRange) -> Option<Units> {
        let cells = self.partitions.iter().flat_map(|partition| &partition.cells);
        cells
            .filter(|cell| range.contains(&cell.range.start))
            .map(|cell| cell.forecast.first().copied().unwrap_or(cell.recent))
            .reduce(|sum, load| sum + load)
    }
}

/// One partition of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionView {
    /// Which partition.
    pub id: PartitionId,
    /// The keys it owns.
    pub range: KeyRange,
    /// What it can serve, per second.
    pub capacity: Units,
    /// Burst credit left, in unit-seconds; `None` if nobody limits or nobody knows.
    pub credit: Option<Units>,
    /// Demand of the last seconds.
    pub load_now: Units,
    /// Demand of the last minutes.
    pub load_recent: Units,
    /// The highest five minutes of the last day.
    pub load_day_max: Units,
    /// The highest five minutes that followed this moment one day and one week ago, within the
    /// time in which a merge pays back; `None` where that is not on record.
    pub season_max: Option<Units>,
    /// How long, up to now and without interruption, the partition has been at its limit: demand
    /// of about its capacity or more, or throttled.
    pub at_limit_ms: i64,
    /// Requests throttled per second in the last seconds.
    pub throttled_now: f64,
    /// What the read forecaster says.
    pub read: Outlook,
    /// What the write forecaster says.
    pub write: Outlook,
    /// What else is forecast of it.
    #[serde(flatten)]
    pub beside: Beside,
    /// The pieces it can be cut into, in key order; they tile its range.
    pub cells: Vec<CellView>,
    /// Stored bytes.
    pub size_bytes: u64,
    /// Stored bytes expected at the end of the horizon, at the decision quantile; not less than now.
    pub forecast_size_bytes: u64,
    /// The share of recent load that goes to its most loaded key.
    pub top_key_share: f64,
    /// Keys that carry much of its load, the hottest first.
    #[serde(default)]
    pub hot_keys: Vec<HotKeyView>,
    /// When it was made.
    pub created_ms: i64,
    /// When this range or part of it was last merged, if it was divided again since.
    pub merged_ms: Option<i64>,
}

/// A partition key with much load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HotKeyView {
    /// Its item collection.
    pub range: KeyRange,
    /// Its hash, by which clients and admission know it.
    pub key_hash: u64,
    /// Its demand in the last minutes.
    pub load: Units,
    /// Its share of the partition's.
    pub share: f64,
}

/// What is forecast of a partition beside its rates. A field that an older record does not have is
/// "not looked at yet".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Beside {
    /// Bytes read or written per request; bins without requests say nothing.
    pub bytes_per_request: Outlook,
    /// Read and write units of the busiest second of each bin.
    pub peak_units: Outlook,
    /// Stored bytes at the end of each step.
    pub stored_bytes: StoredOutlook,
}

/// One interval of the key axis inside a partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellView {
    /// Its keys.
    pub range: KeyRange,
    /// Demand of the last minutes.
    pub recent: Units,
    /// Demand of the last seconds.
    #[serde(default)]
    pub now: Units,
    /// Forecast demand in each step at the decision quantile; empty if the forecaster abstains.
    pub forecast: Vec<Units>,
    /// Whether it holds one item collection only, so that no boundary can divide it.
    pub single_key: bool,
}

impl CellView {
    /// What has to be reckoned with without any forecast. Minutes alone do not say where a load is
    /// that has just come, seconds alone miss what pauses between two batches.
    pub fn observed(&self) -> Units {
        larger(self.recent, self.now)
    }
}

impl PartitionView {
    /// Whether at least one kind of load is forecast.
    pub fn has_forecast(&self) -> bool {
        self.read.forecast().is_some() || self.write.forecast().is_some()
    }

    /// How many steps are forecast.
    pub fn steps(&self) -> usize {
        self.kinds().map(|forecast| forecast.steps.len()).max().unwrap_or(0)
    }

    /// The rate in step `step` at `quantile`. A kind the forecaster abstains from counts as
    /// nothing: who does not know must not be the reason to act.
    pub fn forecast_at(&self, step: usize, quantile: Quantile) -> Units {
        let rate = |outlook: &Outlook| {
            outlook.forecast().and_then(|f| f.steps.get(step)).map_or(0.0, |s| s.at(quantile))
        };
        Units { read: rate(&self.read), write: rate(&self.write) }
    }

    /// The highest forecast of each kind over the horizon, at `quantile`.
    pub fn forecast_max(&self, quantile: Quantile) -> Units {
        (0..self.steps()).map(|step| self.forecast_at(step, quantile)).fold(Units::ZERO, larger)
    }

    /// When step `step` begins.
    pub fn step_start_ms(&self, step: usize) -> Option<i64> {
        self.kinds().next().map(|forecast| forecast.start_ms + forecast.bin_ms * step as i64)
    }

    /// How long a step is, in seconds.
    pub fn step_seconds(&self) -> f64 {
        self.kinds().next().map_or(0.0, |forecast| forecast.bin_ms as f64 / 1000.0)
    }

    /// Why nothing is forecast, if nothing is.
    pub fn abstained(&self) -> Option<&str> {
        match (&self.read, &self.write) {
            (Outlook::Abstain(abstention), Outlook::Abstain(_)) => Some(&abstention.reason),
            _ => None,
        }
    }

    fn kinds(&self) -> impl Iterator<Item = &Forecast> {
        [&self.read, &self.write].into_iter().filter_map(Outlook::forecast)
    }
}

/// Whether no boundary divides a range: it is one hash wide, or one key.
pub fn is_single_key(range: &KeyRange) -> bool {
    let Some(end) = &range.end else { return false };
    let start = range.start.as_ref();
    let next_key = end.len() == start.len() + 1 && end.starts_with(start) && end.ends_with(&[0]);
    let number = |key: &[u8]| <[u8; 8]>::try_from(key).map(u64::from_be_bytes);
    let next_hash = match (number(start), number(end)) {
        (Ok(start), Ok(end)) => end - start <= 1,
        _ => false,
    };
    next_key || next_hash
}
