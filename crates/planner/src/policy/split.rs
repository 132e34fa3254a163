//! Cutting one partition: from its cells to an action, by forecast or by what was observed.

use crate::load::{larger, scale, utilisation};
use crate::plan::{Action, Kind, Trigger, overload};
use crate::settings::PlannerSettings;
use crate::slice::{Constraints, LoadCell, Slice, slices};
use crate::view::{PartitionView, TableView};
use bytes::Bytes;
use types::Units;

/// A cut that was found, before anybody decided on it.
pub(crate) struct Cut {
    /// Between the new partitions.
    pub(crate) boundaries: Vec<Bytes>,
    /// Each new partition's load at its fullest step.
    pub(crate) shares: Vec<Units>,
    /// Overload avoided over the horizon, in unit-seconds.
    pub(crate) benefit: f64,
    /// The fullest new partition against the old one, both as shares of capacity.
    pub(crate) full_after: f64,
    /// The same before.
    pub(crate) full_before: f64,
    /// Whether a single key is above the target.
    pub(crate) unsplittable: bool,
}

/// Which load a cut has to balance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Each step of the forecast.
    Forecast,
    /// The last minutes, at the level of the last seconds.
    Observed,
}

/// The best cut of `partition` into at least `children_min` parts; `None` if it has no place to be
/// cut at.
pub(crate) fn cut(
    view: &TableView,
    partition: &PartitionView,
    basis: Basis,
    children_min: usize,
    settings: &PlannerSettings,
) -> Option<Cut> {
    let cells = load_cells(partition, basis);
    let room = settings.action.partitions_max.saturating_sub(view.partitions.len()) + 1;
    let found = slices(
        &cells,
        &Constraints {
            target: scale(partition.capacity, settings.slice.target_utilisation),
            existing: &[],
            slices_min: children_min,
            slices_max: settings.slice.children_max.min(room),
            balance_tolerance: settings.slice.balance_tolerance,
        },
    );
    (found.len() >= 2).then(|| assess(partition, &cells, &found, basis))
}

/// The action that carries out a cut.
pub(crate) fn action(
    partition: &PartitionView,
    cut: Cut,
    trigger: Trigger,
    reason: String,
) -> Action {
    Action {
        sources: vec![partition.id],
        range: partition.range.clone(),
        kind: Kind::of(1, cut.boundaries.len() + 1),
        boundaries: cut.boundaries,
        trigger,
        shares: cut.shares,
        crossing_ms: None,
        benefit: cut.benefit,
        cost: 0.0,
        reason,
    }
}

/// What an action on `partition` costs, in unit-seconds.
pub(crate) fn cost(partition: &PartitionView, settings: &PlannerSettings) -> f64 {
    partition.capacity.total() * settings.action.cost_s
}

fn assess(partition: &PartitionView, cells: &[LoadCell], found: &[Slice], basis: Basis) -> Cut {
    let step_s = match basis {
        Basis::Forecast => partition.step_seconds(),
        // An observed overload is taken to last as long as the shortest forecast step would.
        Basis::Observed => OBSERVED_LASTS_S,
    };
    let steps = cells.iter().map(|cell| cell.load.len()).max().unwrap_or(0);
    let whole: Vec<Units> = (0..steps)
        .map(|step| cells.iter().filter_map(|cell| cell.load.get(step)).copied().sum())
        .collect();
    let after: f64 =
        found.iter().map(|slice| overload(&slice.load, partition.capacity, step_s)).sum();
    let peak = |loads: &[Units]| loads.iter().copied().fold(Units::ZERO, larger);
    Cut {
        boundaries: found[1..].iter().map(|slice| slice.range.start.clone()).collect(),
        shares: found.iter().map(|slice| peak(&slice.load)).collect(),
        benefit: overload(&whole, partition.capacity, step_s) - after,
        full_after: found
            .iter()
            .map(|slice| utilisation(peak(&slice.load), partition.capacity))
            .fold(0.0, f64::max),
        full_before: utilisation(peak(&whole), partition.capacity),
        unsplittable: found.iter().any(|slice| slice.unsplittable),
    }
}

/// How long an overload seen in the last seconds is assumed to go on.
const OBSERVED_LASTS_S: f64 = 300.0;

/// The partition's cells as the sweep takes them.
fn load_cells(partition: &PartitionView, basis: Basis) -> Vec<LoadCell> {
    let level = observed_level(partition);
    let observed =
        |recent: Units| Units { read: recent.read * level.read, write: recent.write * level.write };
    partition
        .cells
        .iter()
        .map(|cell| LoadCell {
            range: cell.range.clone(),
            load: match basis {
                Basis::Forecast => cell.forecast.clone(),
                Basis::Observed => vec![observed(cell.recent)],
            },
            single_key: cell.single_key,
        })
        .collect()
}

/// By what the cells' load of the last minutes must be multiplied to make the load of the last
/// seconds: minutes say where, seconds say how much.
fn observed_level(partition: &PartitionView) -> Units {
    let recent: Units = partition.cells.iter().map(|cell| cell.recent).sum();
    let level = |now: f64, recent: f64| {
        if recent > 0.0 { (now / recent).max(1.0) } else { 1.0 }
    };
    Units {
        read: level(partition.load_now.read, recent.read),
        write: level(partition.load_now.write, recent.write),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{partition, table};

    fn settings() -> PlannerSettings {
        PlannerSettings::default()
    }

    #[test]
    fn a_partition_twice_as_full_as_it_may_be_becomes_three() {
        let view = table(vec![partition(1, 2.0)]);
        let cut = cut(&view, &view.partitions[0], Basis::Forecast, 2, &settings()).unwrap();
        assert_eq!(cut.shares.len(), 3, "200 % over 75 % each");
        assert!(cut.full_after <= 0.75 && cut.full_before == 2.0);
        // 100 units/s too many in each of 12 steps of 300 s.
        assert!((cut.benefit - 100.0 * 12.0 * 300.0).abs() < 1.0, "{}", cut.benefit);
    }

    #[test]
    fn seconds_say_how_much_and_minutes_where() {
        let mut surge = partition(1, 0.5);
        surge.load_now = Units::write(300.0);
        let view = table(vec![surge]);
        let cut = cut(&view, &view.partitions[0], Basis::Observed, 2, &settings()).unwrap();
        assert_eq!(cut.shares.len(), 4, "300 units/s over 75 each");
    }

    #[test]
    fn a_full_table_is_not_divided_further() {
        let view = table(vec![partition(1, 2.0)]);
        let mut full = settings();
        full.action.partitions_max = 1;
        assert!(cut(&view, &view.partitions[0], Basis::Forecast, 2, &full).is_none());
    }
}
