//! Putting partitions together again: observed load *and* a cautious forecast must fit one.
//!
//! Merging saves little and a wrong merge costs a split under load, so every condition is on the
//! safe side: the last minutes, the .99 forecast, and the same hours a day and a week ago must all
//! leave the merged partition at most half full; a range that a merge made is not merged again
//! within the season; and where the forecaster abstains, the whole last day must fit instead.
//! Quantiles of neighbours are added up, which overstates the quantile of their sum.

use crate::load::{larger, scale};
use crate::plan::{Action, Alternative, Kind, Trigger};
use crate::settings::{MergeSettings, PlannerSettings};
use crate::slice::{Constraints, LoadCell, slices};
use crate::view::{PartitionView, TableView};
use types::{KeyRange, Units};

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
    let mut count = view.partitions.len();
    for run in candidates(view, &settings.merge) {
        let surplus = count.saturating_sub(settings.merge.partitions_min.max(1));
        for group in groups(run, &settings.merge) {
            let group = &group[..group.len().min(surplus + 1)];
            if group.len() < 2 {
                continue;
            }
            if found.actions.len() == settings.action.per_plan_max {
                found.rejected.push(postponed(group));
                continue;
            }
            count -= group.len() - 1;
            found.actions.push(merge_action(group, settings));
            if count <= settings.merge.partitions_min.max(1) {
                return found;
            }
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

/// Divides a run into the fewest groups that each fit one partition. The slicing sweep does it,
/// with partitions in the place of cells.
fn groups<'a>(run: &'a [PartitionView], settings: &MergeSettings) -> Vec<&'a [PartitionView]> {
    let cells: Vec<LoadCell> = run
        .iter()
        .map(|partition| LoadCell {
            range: partition.range.clone(),
            load: vec![expected(partition, settings)],
            single_key: false,
        })
        .collect();
    let capacity = run.iter().map(|partition| partition.capacity).reduce(smaller);
    let found = slices(
        &cells,
        &Constraints {
            target: scale(capacity.unwrap_or(Units::ZERO), settings.utilisation_max),
            existing: &[],
            slices_min: 1,
            slices_max: run.len(),
            balance_tolerance: 0.0,
        },
    );
    found
        .into_iter()
        .map(|slice| {
            let end = slice.cells.end.min(slice.cells.start + settings.sources_max);
            &run[slice.cells.start..end]
        })
        .collect()
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

fn merge_action(group: &[PartitionView], settings: &PlannerSettings) -> Action {
    let load = |partition: &PartitionView| expected(partition, &settings.merge);
    let total: Units = group.iter().map(load).sum();
    let capacity = group[0].capacity;
    Action {
        sources: group.iter().map(|partition| partition.id).collect(),
        range: KeyRange {
            start: group[0].range.start.clone(),
            end: group[group.len() - 1].range.end.clone(),
        },
        boundaries: Vec::new(),
        kind: Kind::of(group.len(), 1),
        trigger: Trigger::Idle,
        shares: vec![total],
        crossing_ms: None,
        benefit: 0.0,
        cost: capacity.total() * settings.action.cost_s,
        reason: format!(
            "observed load, the forecast at quantile {} and the same hours of earlier days fill one partition to {:.0} % (at most {:.0} %)",
            settings.merge.quantile.level(),
            crate::load::utilisation(total, capacity) * 100.0,
            settings.merge.utilisation_max * 100.0,
        ),
    }
}

fn postponed(group: &[PartitionView]) -> Alternative {
    Alternative {
        what: format!("merge {} to {}", group[0].id, group[group.len() - 1].id),
        rejected: "this plan has as many actions as it may have".into(),
        benefit: 0.0,
        cost: 0.0,
    }
}

fn smaller(left: Units, right: Units) -> Units {
    Units { read: left.read.min(right.read), write: left.write.min(right.write) }
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
        assert_eq!(shape(&quarters(0.2)), [2, 2]);
        assert_eq!(shape(&quarters(0.3)), Vec::<usize>::new());
    }

    #[test]
    fn last_week_at_this_hour_counts() {
        let mut view = quarters(0.1);
        view.partitions[1].season_max = Some(Units::write(90.0));
        assert_eq!(shape(&view), [2], "only the last two");
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
    fn one_cycle_per_season_and_no_infants() {
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
        assert_eq!(found.actions[0].sources.len(), 3, "4 − 3 + 1 = 2 are left");
    }
}
