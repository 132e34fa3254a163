//! Putting partitions together again: observed load *and* a cautious forecast must fit one.
//!
//! A wrong merge costs a split under load, so load must fit from every side: the last minutes, the .9
//! forecast, and the same hours a day and a week ago must all leave the merged partition at most three
//! quarters full; a range that was merged and divided again is not merged again at once; and where the
//! forecaster abstains, the whole last day must fit instead.
//! Quantiles of neighbours are added up, which overstates the quantile of their sum. What is idle need
//! not become one: seven partitions that are half full become five that are 70 % full.

use super::presplit::needed;
use super::split::{capacity, cost, range};
use crate::load::{larger, scale, utilisation};
use crate::plan::{Action, Alternative, Kind, Trigger};
use crate::settings::{MergeSettings, PlannerSettings};
use crate::slice::{Constraints, LoadCell, ROUNDING, fewest, slices};
use crate::view::{CellView, PartitionView, TableView};
use bytes::Bytes;
use types::Units;

/// A merge must save this part of the partitions it touches, and at least one: eight do not become
/// seven.
const SAVED_SHARE: usize = 4;
/// By how much a whole must exceed the room for no division of it to fit: more than roundings make.
const SURELY: f64 = 1e-6;

/// What could be merged, and what stands in the way of the rest.
pub(crate) struct Merges {
    /// Merges to carry out, in key order.
    pub(crate) actions: Vec<Action>,
    /// Merges that were considered.
    pub(crate) rejected: Vec<Alternative>,
}

/// The merges a table should have now.
pub(crate) fn merges(view: &TableView, settings: &PlannerSettings) -> Merges {
    let mut found = Merges { actions: Vec::new(), rejected: Vec::new() };
    let warm = needed(view, settings.action.partitions_max);
    let least = settings.merge.partitions_min.max(warm).max(1);
    let mut count = view.partitions.len();
    for run in candidates(view, &settings.merge) {
        for run in run.chunks(settings.merge.sources_max.max(2)) {
            let surplus = count.saturating_sub(least);
            let Some(action) = fewer(run, run.len().saturating_sub(surplus), settings) else {
                continue;
            };
            if found.actions.len() == settings.action.per_plan_max {
                found.rejected.push(postponed(run));
                continue;
            }
            count -= action.sources.len() - action.children();
            found.actions.push(action);
        }
    }
    found
}

/// Runs of adjacent partitions that are allowed to take part in a merge at all.
fn candidates<'a>(view: &'a TableView, settings: &MergeSettings) -> Vec<&'a [PartitionView]> {
    view.partitions
        .split(|partition| {
            let merged_lately = partition
                .merged_ms
                .is_some_and(|merged_ms| view.now_ms - merged_ms < settings.cycle_min_ms);
            merged_lately || view.now_ms - partition.created_ms < settings.age_min_ms
        })
        .filter(|run| run.len() >= 2)
        .collect()
}

/// Cuts a run of partitions into fewer, at least `least`, as the slicing sweep does it; `None` if
/// they do not fit into fewer.
fn fewer(run: &[PartitionView], least: usize, settings: &PlannerSettings) -> Option<Action> {
    let target = scale(capacity(run), settings.merge.utilisation_max);
    let most = run.len() - (run.len() / SAVED_SHARE).max(1);
    // This is asked every minute, and mostly for nothing: first what is known without any cell.
    let whole: Units = run.iter().map(|partition| expected(partition, &settings.merge)).sum();
    if least > most || utilisation(whole, target) > most as f64 * (1.0 + SURELY) {
        return narrower(run, least, settings);
    }
    let cells: Vec<LoadCell> =
        run.iter().flat_map(|partition| expected_cells(partition, &settings.merge)).collect();
    // The sweep is quick and the balancing is not.
    if fewest(&cells, target) > most {
        return narrower(run, least, settings);
    }
    let existing: Vec<Bytes> = run[1..].iter().map(|source| source.range.start.clone()).collect();
    let found = slices(
        &cells,
        &Constraints {
            target,
            existing: &existing,
            slices_min: least.max(1),
            slices_max: most,
            balance_tolerance: settings.slice.balance_tolerance,
        },
    );
    if found.iter().any(|slice| slice.full > 1.0 + ROUNDING) {
        return narrower(run, least, settings);
    }
    let fullest = found.iter().map(|slice| slice.full).fold(0.0, f64::max);
    Some(Action {
        sources: run.iter().map(|partition| partition.id).collect(),
        range: range(run),
        boundaries: found[1..].iter().map(|slice| slice.range.start.clone()).collect(),
        kind: Kind::of(run.len(), found.len()),
        trigger: Trigger::Idle,
        shares: found.iter().map(|slice| slice.load[0]).collect(),
        crossing_ms: None,
        benefit: 0.0,
        cost: cost(run, settings),
        reason: format!(
            "observed load, the forecast at quantile {} and the same hours of earlier days fill {} partition(s) to {:.0} % (at most {:.0} %)",
            settings.merge.quantile.level(),
            found.len(),
            fullest * settings.merge.utilisation_max * 100.0,
            settings.merge.utilisation_max * 100.0,
        ),
    })
}

/// What does not fit as a whole may fit without its first or its last partition: a full one beside
/// idle ones must not keep them apart.
fn narrower(run: &[PartitionView], least: usize, settings: &PlannerSettings) -> Option<Action> {
    if run.len() <= 2 {
        return None;
    }
    let full = |partition: &PartitionView| {
        utilisation(expected(partition, &settings.merge), partition.capacity)
    };
    let (first, last) = (&run[0], &run[run.len() - 1]);
    let rest = if full(first) > full(last) { &run[1..] } else { &run[..run.len() - 1] };
    fewer(rest, least.saturating_sub(1), settings)
}

/// A partition's cells with what they must be expected to carry.
fn expected_cells(partition: &PartitionView, settings: &MergeSettings) -> Vec<LoadCell> {
    let load = expected(partition, settings);
    let recent: Units = partition.cells.iter().map(|cell| cell.recent).sum();
    let even = 1.0 / partition.cells.len().max(1) as f64;
    let part = |amount: f64, part: f64, whole: f64| {
        if whole > 0.0 { amount * part / whole } else { amount * even }
    };
    let cell = |cell: &CellView| LoadCell {
        range: cell.range.clone(),
        load: vec![Units {
            read: part(load.read, cell.recent.read, recent.read),
            write: part(load.write, cell.recent.write, recent.write),
        }],
        single_key: cell.single_key,
        alone: false,
    };
    partition.cells.iter().map(cell).collect()
}

/// The most a partition must be expected to carry until the merge has paid back.
fn expected(partition: &PartitionView, settings: &MergeSettings) -> Units {
    let observed = larger(partition.load_now, partition.load_recent);
    // Each kind the forecaster abstains from falls back on the whole last day.
    let forecast = partition.forecast_max(settings.quantile);
    let ahead = Units {
        read: partition.read.forecast().map_or(partition.load_day_max.read, |_| forecast.read),
        write: partition.write.forecast().map_or(partition.load_day_max.write, |_| forecast.write),
    };
    let season = partition.season_max.unwrap_or(partition.load_day_max);
    larger(observed, larger(ahead, season))
}

fn postponed(group: &[PartitionView]) -> Alternative {
    Alternative {
        what: format!("merge {} to {}", group[0].id, group[group.len() - 1].id),
        rejected: "this plan has as many actions as it may have".into(),
        benefit: 0.0,
        cost: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{partition_in, range_between, table, unknown};

    fn quarters(full: f64) -> TableView {
        let quarter = |i: u64| {
            let from = i as f64 / 4.0;
            partition_in(i + 1, range_between(from, from + 0.25), full)
        };
        table((0..4).map(quarter).collect())
    }

    fn shape(view: &TableView) -> Vec<usize> {
        let merges = merges(view, &PlannerSettings::default());
        merges.actions.iter().map(|action| action.sources.len()).collect()
    }

    #[test]
    fn an_idle_table_becomes_one_partition() {
        assert_eq!(shape(&quarters(0.1)), [4]);
    }

    #[test]
    fn no_more_than_fits_is_merged() {
        let settings = PlannerSettings::default();
        let found = merges(&quarters(0.3), &settings).actions;
        assert_eq!((found[0].sources.len(), found[0].children()), (4, 2), "120 % over 75 % each");
        assert_eq!(found[0].shares.len(), 2);
        assert_eq!(shape(&quarters(0.7)), Vec::<usize>::new());
    }

    #[test]
    fn last_week_at_this_hour_counts() {
        let mut view = quarters(0.1);
        view.partitions[0].season_max = Some(Units::write(90.0));
        let found = merges(&view, &PlannerSettings::default()).actions;
        assert_eq!(found[0].children(), 2, "120 % over 75 % each, not one");
    }

    #[test]
    fn without_a_forecast_the_whole_day_must_fit() {
        let mut view = quarters(0.1);
        for partition in &mut view.partitions {
            partition.write = unknown("too short");
        }
        assert_eq!(shape(&view), [4]);
        for partition in &mut view.partitions {
            partition.load_day_max = Units::write(60.0);
        }
        assert_eq!(shape(&view), Vec::<usize>::new());
    }

    #[test]
    fn not_at_once_again_and_no_infants() {
        let mut view = quarters(0.1);
        view.partitions[0].merged_ms = Some(view.now_ms - 3_600_000);
        view.partitions[3].created_ms = view.now_ms - 60_000;
        assert_eq!(shape(&view), [2]);
    }

    #[test]
    fn the_minimum_is_kept() {
        let mut settings = PlannerSettings::default();
        settings.merge.partitions_min = 2;
        let found = merges(&quarters(0.05), &settings);
        assert_eq!(found.actions.len(), 1);
        assert_eq!((found.actions[0].sources.len(), found.actions[0].children()), (4, 2));
    }
}
