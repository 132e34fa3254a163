//! Looking back: how decisions turned out, from the load that really came.
//!
//! An hour after a decision its outcome is worked out for the first time, and again as long as the
//! verdict is open, until the next chance to merge. The verdict itself is `planner`'s.

use crate::event::Event;
use crate::journal::{Effect, Entry, State};
use crate::rekey::auto;
use crate::shared::Shared;
use crate::workflow;
use planner::controller;
use planner::decision::{Decision, Judgement, LoadSeries, outcome};
use planner::load::{scale, utilisation};
use planner::plan::overload;
use types::Units;

/// Judges what can be judged by now. Failing to write a verdict down is logged and tried again.
pub(crate) async fn look_back(shared: &Shared) {
    auto::look_back(shared).await;
    for entry in ripe(shared) {
        let Some(judged) = judge(shared, &entry) else { continue };
        if judged.outcome == entry.outcome {
            continue;
        }
        if let Err(error) = workflow::write(shared, &judged).await {
            tracing::warn!(decision = judged.decision.id, %error, "an outcome was not written");
            continue;
        }
        if judged.outcome.as_ref().is_some_and(|o| o.judgement != Judgement::Open) {
            shared.tell(Event::Judged(Box::new(judged)));
        }
    }
}

fn ripe(shared: &Shared) -> Vec<Entry> {
    let now_ms = shared.components.clock.now_ms();
    let tables = shared.tables.lock();
    let journal = shared.journal.lock();
    // The load of today says nothing about keys of another order.
    let in_order = |entry: &&Entry| {
        tables.get(&entry.decision.table).is_some_and(|state| state.order == entry.order)
    };
    journal
        .entries()
        .filter(|entry| entry.is_open() && entry.state == State::Done)
        .filter(in_order)
        .filter(|entry| now_ms >= entry.decision.at_ms + shared.settings.outcome_after_ms)
        .cloned()
        .collect()
}

fn judge(shared: &Shared, entry: &Entry) -> Option<Entry> {
    let decision = &entry.decision;
    let collector = shared.collector.lock();
    let history = collector.history(decision.table)?;
    let actual = controller::demand(history, &decision.action.range, decision.at_ms);
    let until_ms = decision.at_ms + shared.components.verdict_after_ms;
    let outcome = outcome(decision, entry.finished_ms?, &actual, until_ms);
    let from_ms = entry.finished_ms?;
    let children = decision.action.ranges().unwrap_or_default();
    let loads = children.iter().map(|range| controller::demand(history, range, from_ms));
    let came = came(decision, &loads.collect::<Vec<_>>(), &actual, until_ms);
    let effect = came.map_or(entry.effect, |(full, avoided)| Effect {
        actual_full: Some(full),
        actual_avoided: Some(avoided),
        ..entry.effect
    });
    Some(Entry { outcome: Some(outcome), effect, ..entry.clone() })
}

/// How full the fullest of the new partitions was at its fullest, and how much of the old ones' overload
/// there was not; `None` if nothing is known of their capacity.
fn came(
    decision: &Decision,
    children: &[LoadSeries],
    whole: &LoadSeries,
    until_ms: i64,
) -> Option<(f64, f64)> {
    let capacity = decision.inputs.first()?.capacity;
    let bins = |series: &LoadSeries| {
        let bins = (until_ms - series.start_ms).max(0) / series.bin_ms.max(1);
        series
            .loads
            .iter()
            .take(usize::try_from(bins).unwrap_or(0))
            .copied()
            .collect::<Vec<Units>>()
    };
    let over = |series: &LoadSeries, capacity| {
        overload(&bins(series), capacity, series.bin_ms as f64 / 1000.0)
    };
    let full = |series: &LoadSeries| {
        bins(series).into_iter().map(|load| utilisation(load, capacity)).fold(0.0, f64::max)
    };
    let before = scale(capacity, decision.inputs.len() as f64);
    let after: f64 = children.iter().map(|series| over(series, capacity)).sum();
    Some((children.iter().map(full).fold(0.0, f64::max), over(whole, before) - after))
}
