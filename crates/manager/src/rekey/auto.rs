//! Strategies that the service changes by itself.
//!
//! A proposal that has lasted stands with its table; at every look it is asked of
//! `planner::strategy::change` whether anything speaks against it now, and if nothing does it is carried
//! out as if somebody had asked for it: the grounds are on disk first. A day after it has ended, what
//! requests take is counted and kept beside the estimate. The decision is the planner's; here is what it
//! goes by, and the effect.

use super::begin;
use super::record::{Grounds, RekeyRecord, RekeyState};
use crate::shared::Shared;
use crate::strategy::counted;
use crate::tables::TableState;
use dynamodb::ChosenBy;
use planner::strategy::change::{Circumstances, busier_than, held_by, unforeseen};
use planner::trough::{Placement, Waiting, place};
use std::sync::Arc;
use storage::Table;
use types::{KeyRange, Strategy, TableId};
use workload::{Channel, Collector, Window};

/// So many of the last rekeys tell how often one copies what there is.
const COPIES_FROM: usize = 3;
/// How many of the last minutes count as now.
const RECENT_MINUTES: usize = 5;
/// How often it is asked whether a change may begin, on the service's clock.
const LOOK_INTERVAL_MS: i64 = 60_000;

/// A change that is to begin.
#[derive(Debug)]
pub(crate) struct Chosen {
    table: Arc<Table>,
    to: Strategy,
    grounds: Grounds,
}

/// How often a rekey copies what there is, by the last ones in this store.
pub(crate) fn copies(shared: &Shared) -> f64 {
    let rekeys = shared.rekeys.lock();
    let last: Vec<f64> =
        rekeys.all().rev().filter_map(RekeyRecord::copies).take(COPIES_FROM).collect();
    last.iter().sum::<f64>() / last.len().max(1) as f64
}

/// What is to be changed of a table now, if anything is.
pub(crate) fn consider(
    shared: &Shared,
    state: &mut TableState,
    collector: &Collector,
) -> Option<Chosen> {
    let now_ms = state.controller.view().now_ms;
    if !state.strategy_watch.is_due(now_ms, LOOK_INTERVAL_MS) {
        return None;
    }
    let standing = state.strategy_watch.standing()?;
    let settings = &shared.settings.strategy;
    let now = circumstances(shared, state, collector)?;
    let held = held_by(&standing.proposal, &now, settings);
    if held.is_some() {
        state.strategy_watch.held = held;
        return None;
    }
    let placed = match now.placement {
        Some(Placement::Now { reason } | Placement::Later { reason, .. }) => reason,
        None => String::new(),
    };
    let (table, day_ms) = (state.table.id(), settings.result_after_ms);
    let chosen = Chosen {
        table: state.table.clone(),
        to: standing.proposal.to,
        grounds: Grounds {
            choice: standing.choice.clone(),
            since_ms: standing.since_ms,
            placed,
            before: counted(collector, table, now.now_ms.saturating_sub(day_ms)),
            after: None,
            saved_units_per_s: None,
        },
    };
    state.strategy_watch.drop_standing(Some("it is about to begin".into()));
    // Nothing else begins before this one has.
    shared.rekeys.lock().set_starting(Some(chosen.table.name().to_owned()));
    Some(chosen)
}

fn circumstances(
    shared: &Shared,
    state: &TableState,
    collector: &Collector,
) -> Option<Circumstances> {
    let standing = state.strategy_watch.standing()?;
    let view = state.controller.view();
    let definition = state.table.definition();
    let anomalies_open = shared.anomalies.lock().open(&view.name);
    let rekeys = shared.rekeys.lock();
    Some(Circumstances {
        now_ms: view.now_ms,
        since_ms: standing.since_ms,
        from: view.strategy,
        is_owners_choice: dynamodb::has_chosen_strategy(&definition),
        has_range_queries: standing.choice.mix.range_queries_per_s > 0.0,
        allows_fan_out: dynamodb::allows_fan_out(&definition),
        changed_ms: changed_ms(rekeys.all(), state.table.id()),
        rekeying: rekeys.under_way().map(str::to_owned),
        is_busy: shared.is_busy(&state.table),
        is_paused: shared.control.is_paused(),
        anomalies_open,
        unforeseen: unforeseen(view),
        // A table has a trough every day: what has waited for long does not begin at its peak.
        placement: Some(place(view, &Waiting::just_come(view.now_ms), &shared.settings.trough)),
        busier_than: busier_than(&last_day(collector, state.table.id()), RECENT_MINUTES),
    })
}

/// The load of a table in each minute of the last day, in units per second.
fn last_day(collector: &Collector, table: TableId) -> Vec<f64> {
    let Some(day) = collector.timeline(table, Window::Day) else { return Vec::new() };
    let of = |channel| day.series(&KeyRange::full(), channel).values;
    let (reads, writes) = (of(Channel::ReadUnits), of(Channel::WriteUnits));
    reads.iter().zip(writes).map(|(read, write)| read + write).collect()
}

/// When the service has changed a table's strategy, or was kept from it by somebody.
fn changed_ms<'a>(rekeys: impl Iterator<Item = &'a RekeyRecord>, table: TableId) -> Vec<i64> {
    let mine = rekeys.filter(|rekey| rekey.table == table && rekey.by == ChosenBy::Service);
    let ended = mine.filter(|rekey| rekey.state != RekeyState::Running);
    ended.map(|rekey| rekey.ended_ms.unwrap_or(rekey.started_ms)).collect()
}

/// Begins a change that was chosen, without waiting for it.
pub(crate) fn start(shared: &Arc<Shared>, chosen: Chosen) {
    let shared = shared.clone();
    tokio::spawn(async move {
        let Chosen { table, to, grounds } = chosen;
        let reason = grounds.choice.reason.clone();
        let begun = begin(&shared, &table, to, ChosenBy::Service, Some(grounds)).await;
        shared.rekeys.lock().set_starting(None);
        match &begun {
            Ok(id) => tracing::info!(table = table.name(), id, reason, "a strategy is changed"),
            Err(error) => {
                tracing::warn!(table = table.name(), %error, "a strategy could not be changed");
            }
        }
        if let Some(state) = shared.tables.lock().get_mut(&table.id()) {
            state.strategy_watch.drop_standing(begun.err().map(|error| error.to_string()));
        }
    });
}

/// Counts what came of the changes that are old enough.
pub(crate) async fn look_back(shared: &Shared) {
    let now_ms = shared.components.clock.now_ms();
    let after_ms = shared.settings.strategy.result_after_ms;
    let ripe: Vec<RekeyRecord> = {
        let rekeys = shared.rekeys.lock();
        rekeys.all().filter(|rekey| is_ripe(rekey, now_ms, after_ms)).cloned().collect()
    };
    for rekey in ripe {
        // Whose order has changed since, or who is gone, has nothing to show.
        let has = shared.tables.lock().get(&rekey.table).map(|state| state.strategy);
        if has != Some(rekey.to) {
            continue;
        }
        let from_ms = rekey.ended_ms.unwrap_or(now_ms);
        let after = counted(&shared.collector.lock(), rekey.table, from_ms);
        let judge = |rekey: &mut RekeyRecord| {
            if let Some(grounds) = &mut rekey.grounds {
                grounds.judge(after);
            }
        };
        if let Err(error) = shared.change_rekey(rekey.id, judge).await {
            tracing::warn!(rekey = rekey.id, %error, "what came of it was not written down");
        }
    }
}

fn is_ripe(rekey: &RekeyRecord, now_ms: i64, after_ms: i64) -> bool {
    let open = rekey.grounds.as_ref().is_some_and(|grounds| grounds.after.is_none());
    let ended_ms = rekey.ended_ms.filter(|_| rekey.state == RekeyState::Done && open);
    ended_ms.is_some_and(|ended_ms| now_ms >= ended_ms.saturating_add(after_ms))
}
