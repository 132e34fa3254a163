//! Which key order a table should have: what its requests would cost under each, and whether a change
//! is worth it.
//!
//! The cost of a strategy is in units per second, the currency of capacity, so that a query that reads
//! too much and a load that nobody can serve are compared in one measure:
//!
//! | term | `hash` | `composite` | `range` |
//! |---|---|---|---|
//! | a query over a range of partition keys | reads the table, asks every partition | the same | reads its width, asks the partitions it spans |
//! | a query of one collection | one partition | as many as the collection is divided into | the same |
//! | a collection with more load than a partition serves | what is beyond is refused | divided | divided |
//! | a collection larger than a partition should be | slows down with its size | divided | divided |
//! | inserts in the order of keys | spread | spread | all at one end: what a partition cannot take is refused |
//! | scans in segments at once | each reads its part | the same | the first segment has everything, and who asks for the others waits |
//!
//! Point reads and writes cost the same everywhere and are left out. A refused unit, or one that is waited
//! for, counts [`REFUSED_WEIGHT`] times. Between `hash` and `composite` nothing moves; to or from `range`
//! every item is read and written once (more often, if that is what the last changes came to), which the
//! change has to earn back ([`StrategySettings`]). A [`Watch`] lets a proposal through when it has been
//! the same for long enough.
//!
//! What comes out is a proposal with its estimates, never an action. [`change`] says whether it may be
//! carried out, and [`result`] what came of it.

pub mod change;
pub mod result;

use crate::load::{excess, scale, utilisation};
use serde::{Deserialize, Serialize};
use types::limits::{READ_UNIT_BYTES, WRITE_UNIT_BYTES};
use types::{Strategy, Units};

/// What asking one more partition costs a query: the least that a read costs.
const FANOUT_UNITS: f64 = 0.5;
/// A request that is refused comes again, and somebody waits: so much worse than one that is served.
const REFUSED_WEIGHT: f64 = 10.0;

/// What requests a table gets, as forecast: means over the horizon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mix {
    /// All load, in units per second.
    pub load: Units,
    /// Queries within one item collection, per second.
    pub collection_queries_per_s: f64,
    /// Queries over a range of partition keys, per second; scans are none.
    pub range_queries_per_s: f64,
    /// What scans in several segments at once take, in units per second.
    pub segment_scan_units_per_s: f64,
    /// Which share of the table one of these is after.
    pub range_query_width: f64,
    /// Which share of the written units goes to keys above all that were there before.
    pub monotonic_share: f64,
    /// The share of the load that the hottest item collection has.
    pub hottest_share: f64,
    /// The bytes of the largest item collection.
    pub largest_collection_bytes: f64,
    /// The bytes of the table.
    pub data_bytes: f64,
    /// How many partitions it has.
    pub partitions: usize,
    /// What one serves.
    pub capacity: Units,
    /// Whether items have a sort key; without one a collection is one item.
    pub has_sort_key: bool,
    /// How often a change of the key order copies what there is, as the last ones did: more than once, where
    /// much is written meanwhile. Less than 1 is taken for 1.
    pub copies: f64,
}

/// What becomes of a proposal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrategyMode {
    /// None is made.
    Off,
    /// It is told, for an operator to carry out.
    Propose,
    /// It is carried out, if the table's owner has not chosen a strategy.
    #[default]
    Auto,
}

/// When a change is proposed, and when it is carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StrategySettings {
    /// Whether another key order is proposed ("propose"), carried out, too, where the table's owner has
    /// chosen none ("auto"), or neither ("off").
    pub mode: StrategyMode,
    /// It must save at least this share of what the table costs now, all load included.
    pub gain_share_min: f64,
    /// Moving the items must be earned back within this time, in seconds.
    pub payback_s_max: f64,
    /// It must have been the best for this long.
    pub lasting_ms: i64,
    /// A collection should not grow beyond this many bytes.
    pub collection_bytes_max: f64,
    /// After a table's strategy was changed by itself, it is left alone for this long; twice as long after
    /// each further change.
    pub cooldown_ms: i64,
    /// It begins when at most this share of the last day had less load: what takes hours should not begin
    /// before the peak, which the forecast of the coming hour alone does not show.
    pub quiet_share_max: f64,
    /// The load before a change and after it is compared this long after it has ended.
    pub result_after_ms: i64,
}

impl Default for StrategySettings {
    fn default() -> Self {
        Self {
            mode: StrategyMode::default(),
            gain_share_min: 0.3,
            payback_s_max: 7.0 * 86_400.0,
            lasting_ms: 86_400_000,
            collection_bytes_max: (10_u64 << 30) as f64,
            cooldown_ms: 7 * 86_400_000,
            quiet_share_max: 0.25,
            result_after_ms: 86_400_000,
        }
    }
}

/// What a strategy costs, in units per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Which.
    pub strategy: Strategy,
    /// Queries over a range of partition keys.
    pub range_queries: f64,
    /// Queries of collections that are divided.
    pub collection_queries: f64,
    /// Load on one collection that its partition cannot take.
    pub hot_collection: f64,
    /// Load on a collection that is too large.
    pub large_collection: f64,
    /// Inserts at one end that its partition cannot take.
    pub monotonic_inserts: f64,
    /// Scans in segments that have to wait for the first one.
    pub segment_scans: f64,
    /// All of it.
    pub total: f64,
}

/// A change that would pay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// To this strategy.
    pub to: Strategy,
    /// What it saves, in units per second ...
    pub saves_units_per_s: f64,
    /// ... and as a share of what the table costs now.
    pub saves_share: f64,
    /// Whether every item has to be moved.
    pub rekey: bool,
    /// What moving them costs, in units.
    pub moving_units: f64,
    /// After how many seconds that is earned back.
    pub payback_s: f64,
    /// In one line.
    pub reason: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// What the table has.
    pub current: Strategy,
    /// What it was made on.
    pub mix: Mix,
    /// Per strategy, the cheapest first.
    pub estimates: Vec<Estimate>,
    /// What would pay, if anything.
    pub proposal: Option<Proposal>,
    /// Why, or why not.
    pub reason: String,
}

/// Compares the strategies for a table that has `current`.
pub fn choose(mix: &Mix, current: Strategy, settings: &StrategySettings) -> Choice {
    let all = [Strategy::Hash, Strategy::Composite, Strategy::Range];
    // Of equals the one that is there stays, and then the simplest.
    let mut estimates: Vec<Estimate> = std::iter::once(current)
        .chain(all.into_iter().filter(|other| *other != current))
        .map(|strategy| estimate(mix, strategy, settings))
        .collect();
    let now = estimates[0];
    estimates.sort_by(|a, b| a.total.total_cmp(&b.total));
    let best = estimates[0];
    let judged = propose(mix, &now, &best, settings);
    let (proposal, reason) = match judged {
        Ok(proposal) => (Some(proposal.clone()), proposal.reason),
        Err(reason) => (None, reason),
    };
    Choice { current, mix: *mix, estimates, proposal, reason }
}

fn estimate(mix: &Mix, strategy: Strategy, settings: &StrategySettings) -> Estimate {
    let partitions = mix.partitions.max(1) as f64;
    let divides = strategy != Strategy::Hash && mix.has_sort_key;
    let width = match strategy {
        Strategy::Range => mix.range_query_width.clamp(0.0, 1.0),
        Strategy::Hash | Strategy::Composite => 1.0,
    };
    // Read eventually consistently, as queries are unless they ask for more.
    let reading = width * mix.data_bytes / READ_UNIT_BYTES as f64 / 2.0;
    let asking = (width * partitions).max(1.0) * FANOUT_UNITS;
    let range_queries = mix.range_queries_per_s * (reading + asking);

    let hottest = scale(mix.load, mix.hottest_share);
    let parts = utilisation(hottest, mix.capacity)
        .max(mix.largest_collection_bytes / settings.collection_bytes_max)
        .clamp(1.0, partitions);
    let of_hottest = mix.collection_queries_per_s * mix.hottest_share;
    let collection_queries = if divides { of_hottest * (parts - 1.0) * FANOUT_UNITS } else { 0.0 };
    let beyond = excess(hottest, mix.capacity) * REFUSED_WEIGHT;
    let oversize = (1.0 - settings.collection_bytes_max / mix.largest_collection_bytes).max(0.0);
    let large = hottest.total() * if mix.largest_collection_bytes > 0.0 { oversize } else { 0.0 };
    let at_the_end = Units::write(mix.load.write * mix.monotonic_share);
    let monotonic_inserts = match strategy {
        Strategy::Range => excess(at_the_end, mix.capacity) * REFUSED_WEIGHT,
        Strategy::Hash | Strategy::Composite => 0.0,
    };
    let segment_scans = match strategy {
        Strategy::Range => mix.segment_scan_units_per_s * REFUSED_WEIGHT,
        Strategy::Hash | Strategy::Composite => 0.0,
    };
    let (hot_collection, large_collection) = if divides { (0.0, 0.0) } else { (beyond, large) };
    let collections = collection_queries + hot_collection + large_collection;
    let total = range_queries + collections + monotonic_inserts + segment_scans;
    Estimate {
        strategy,
        range_queries,
        collection_queries,
        hot_collection,
        large_collection,
        monotonic_inserts,
        segment_scans,
        total,
    }
}

fn propose(
    mix: &Mix,
    now: &Estimate,
    best: &Estimate,
    settings: &StrategySettings,
) -> Result<Proposal, String> {
    if best.strategy == now.strategy {
        return Err(format!("{} is the cheapest for these requests", now.strategy));
    }
    let saves = now.total - best.total;
    let saves_share = saves / (mix.load.total() + now.total).max(f64::MIN_POSITIVE);
    if saves_share < settings.gain_share_min {
        return Err(format!(
            "{} would save {:.0} % of the load, less than the {:.0} % from which a change pays",
            best.strategy,
            saves_share * 100.0,
            settings.gain_share_min * 100.0
        ));
    }
    let rekey = now.strategy.is_hash_order() != best.strategy.is_hash_order();
    let moving = mix.data_bytes / READ_UNIT_BYTES as f64 + mix.data_bytes / WRITE_UNIT_BYTES as f64;
    let moving_units = if rekey { moving * mix.copies.max(1.0) } else { 0.0 };
    let payback_s = moving_units / saves;
    if payback_s > settings.payback_s_max {
        return Err(format!(
            "{} would save {saves:.0} units/s, and moving the items would be earned back only after {:.1} days",
            best.strategy,
            payback_s / 86_400.0
        ));
    }
    let how = if rekey { "rekey" } else { "change without moving anything" };
    let reason = format!(
        "{how} to {}: estimated gain {saves:.0} units/s, {:.0} % of the load; earned back after {:.0} min",
        best.strategy,
        saves_share * 100.0,
        payback_s / 60.0
    );
    Ok(Proposal {
        to: best.strategy,
        saves_units_per_s: saves,
        saves_share,
        rekey,
        moving_units,
        payback_s,
        reason,
    })
}

/// Since when a table's best strategy has been another one than it has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    since: Option<(Strategy, i64)>,
}

impl Watch {
    /// Since when what is proposed has been the best.
    pub fn since_ms(&self) -> Option<i64> {
        self.since.map(|(_, since_ms)| since_ms)
    }

    /// Takes in a choice made at `now_ms`; what it proposes if that has lasted.
    pub fn note(
        &mut self,
        choice: &Choice,
        now_ms: i64,
        settings: &StrategySettings,
    ) -> Option<Proposal> {
        let Some(proposal) = &choice.proposal else {
            self.since = None;
            return None;
        };
        let since_ms = match self.since {
            Some((to, since_ms)) if to == proposal.to => since_ms,
            _ => {
                self.since = Some((proposal.to, now_ms));
                now_ms
            }
        };
        (now_ms - since_ms >= settings.lasting_ms).then(|| proposal.clone())
    }
}

#[cfg(test)]
mod tests;
