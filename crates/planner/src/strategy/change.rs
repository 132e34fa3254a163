//! Whether a proposal may be carried out now, by nobody's order but the forecast's.
//!
//! The strategy of a table is its owner's first: whoever has chosen one keeps it. Of the others, a table is
//! changed where nothing speaks against it, and everything that may is one line of [`held_by`]: each is
//! there because a change that begins at the wrong time costs more than one that waits for a week.
//! **It cannot flap**: after each change the table is left alone twice as long as after the one before, and
//! the next proposal has to have been the best for twice as long. A load that goes back and forth is soon
//! left with what it has.

use super::{Proposal, StrategyMode, StrategySettings};
use crate::trough::Placement;
use crate::view::TableView;
use types::Strategy;

/// Times are doubled no more often than this.
const DOUBLINGS_MAX: usize = 6;

/// What there is beside the proposal.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// The moment.
    pub now_ms: i64,
    /// Since when the proposal has been the best.
    pub since_ms: i64,
    /// What the table has.
    pub from: Strategy,
    /// Whether its owner has chosen that.
    pub is_owners_choice: bool,
    /// Whether queries over a range of partition keys are asked ...
    pub has_range_queries: bool,
    /// ... and would be answered in hash order, too.
    pub allows_fan_out: bool,
    /// When its strategy was changed by itself, or was to be, oldest first.
    pub changed_ms: Vec<i64>,
    /// Another table whose key order changes.
    pub rekeying: Option<String>,
    /// Whether something else is done to the table.
    pub is_busy: bool,
    /// Whether an operator holds the planner up.
    pub is_paused: bool,
    /// Anomalies of the table that go on.
    pub anomalies_open: usize,
    /// Why its load is not foreseen, if it is not.
    pub unforeseen: Option<String>,
    /// Whether it is the time for it, by the forecast.
    pub placement: Option<Placement>,
    /// Which share of the last day had less load than the last minutes.
    pub busier_than: f64,
}

/// Why the proposal is not carried out now; nothing if it is to be.
pub fn held_by(
    proposal: &Proposal,
    now: &Circumstances,
    settings: &StrategySettings,
) -> Option<String> {
    if settings.mode != StrategyMode::Auto {
        return Some("changes are only proposed: [manager.strategy] mode".into());
    }
    if now.is_owners_choice {
        return Some(format!("{} was chosen by the table's owner", now.from));
    }
    if now.has_range_queries && !now.allows_fan_out && proposal.to.is_hash_order() {
        return Some(format!(
            "queries over ranges of partition keys are asked, which {} would refuse",
            proposal.to
        ));
    }
    if let Some(until_ms) = left_alone_until_ms(&now.changed_ms, settings)
        && now.now_ms < until_ms
    {
        let days = (until_ms - now.now_ms) as f64 / 86_400_000.0;
        return Some(format!(
            "its strategy was changed lately; it is left alone for {days:.1} days"
        ));
    }
    let lasting_ms = doubled(settings.lasting_ms, now.changed_ms.len());
    if now.now_ms.saturating_sub(now.since_ms) < lasting_ms {
        let days = lasting_ms as f64 / 86_400_000.0;
        return Some(format!("{} has to be the best for {days:.1} days first", proposal.to));
    }
    if now.is_paused {
        return Some("the planner is paused".into());
    }
    if let Some(other) = &now.rekeying {
        return Some(format!("the key order of table {other} is being changed: one at a time"));
    }
    if now.is_busy {
        return Some("the table is being re-partitioned".into());
    }
    if now.anomalies_open > 0 {
        return Some(format!("{} anomalies go on", now.anomalies_open));
    }
    if let Some(why) = &now.unforeseen {
        return Some(format!("its load is not foreseen: {why}"));
    }
    match &now.placement {
        Some(Placement::Now { .. }) if now.busier_than > settings.quiet_share_max => Some(format!(
            "a trough is waited for: {:.0} % of the last day had less load",
            now.busier_than * 100.0
        )),
        Some(Placement::Now { .. }) => None,
        Some(Placement::Later { reason, .. }) => Some(format!("a trough is waited for: {reason}")),
        None => Some("the table has not been looked at yet".into()),
    }
}

/// Which share of `past` had less load than its last `recent` values on the average.
pub fn busier_than(past: &[f64], recent: usize) -> f64 {
    let recent = &past[past.len().saturating_sub(recent)..];
    let now = recent.iter().sum::<f64>() / recent.len().max(1) as f64;
    past.iter().filter(|load| **load < now).count() as f64 / past.len().max(1) as f64
}

/// Until when a table is left alone.
fn left_alone_until_ms(changed_ms: &[i64], settings: &StrategySettings) -> Option<i64> {
    let last_ms = changed_ms.last()?;
    Some(last_ms.saturating_add(doubled(settings.cooldown_ms, changed_ms.len() - 1)))
}

fn doubled(ms: i64, times: usize) -> i64 {
    ms.saturating_mul(1 << times.min(DOUBLINGS_MAX))
}

/// Why a table's load is not foreseen, if it is not: one partition with load of which nothing is known ahead
/// is enough.
pub fn unforeseen(view: &TableView) -> Option<String> {
    let loaded = |p: &&crate::view::PartitionView| p.load_recent.total() > 0.0 && !p.has_forecast();
    let partition = view.partitions.iter().find(loaded)?;
    Some(format!("{}: {}", partition.id, partition.abstained().unwrap_or("it abstains")))
}

#[cfg(test)]
mod tests;
